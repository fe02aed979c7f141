//! `replenish import --explain`: what a file turned out to be, for people and scripts; stores nothing.

mod reasons;

use std::path::Path;
use std::process::ExitCode;

use chrono::{DateTime, SecondsFormat, TimeZone};
use chrono_tz::Tz;
use serde::Serialize;

use super::{Import, load_with, placed, plain_reading, reading, reading_of};
use crate::cli::open::{Invalid, spoken};
use crate::cli::output::{Output, local, quiet, strong};
use crate::config;
use crate::domain::catalog::ProductRecord;
use crate::domain::member::MemberRecord;
use crate::domain::order::{OrderLine, Return};
use crate::domain::reason::Language;
use crate::intake::{Explained, Format, Kind, Reading, StatusWord, explain};

impl Import {
    /// Tells of each file; needs neither settings nor a store.
    ///
    /// # Errors
    /// When a file cannot be read at all, or settings are not valid.
    pub(super) fn explain(&self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        let preset = self.preset.as_deref();
        let settings = config.exists().then(|| load_with(config, preset)).transpose()?;
        let reading = self.declare(match (&settings, preset) {
            (Some(settings), _) => reading(settings, self.kind()),
            (None, Some(preset)) => {
                reading_of(&config::preset(&placed(preset)?).map_err(Invalid)?, chrono_tz::UTC, self.kind())
            }
            (None, None) => plain_reading(),
        });
        let max_rejects = settings.as_ref().map_or(0.05, |settings| settings.intake.max_rejects);
        let told = Told {
            out: *out,
            language: self.lang.unwrap_or_else(spoken),
            reading: &reading,
            is_default: settings.is_none(),
            max_rejects,
        };
        for file in &self.files {
            let (source, _spool) = self.source(file, &std::env::temp_dir())?;
            let size = std::fs::metadata(&source.path).map(|m| m.len()).ok();
            let bar = out.progress("reading", size);
            let progress = |bytes| bar.set_position(bytes);
            let explained = match self.kind() {
                Kind::Orders => explain::<OrderLine>(&source, &reading, &progress),
                Kind::Returns => explain::<Return>(&source, &reading, &progress),
                Kind::Members => explain::<MemberRecord>(&source, &reading, &progress),
                Kind::Products => explain::<ProductRecord>(&source, &reading, &progress),
            };
            bar.finish_and_clear();
            told.tell(&explained?, &file.display().to_string(), self.kind())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// How it is told.
struct Told<'a> {
    out: Output,
    language: Language,
    reading: &'a Reading,
    /// True where no settings say otherwise.
    is_default: bool,
    max_rejects: f64,
}

/// What scripts get of one file.
#[derive(Serialize)]
struct Report<'a> {
    kind: Kind,
    file: &'a str,
    format: &'static str,
    #[serde(flatten)]
    of: &'a Explained,
    dates: Option<Dates<'a>>,
    kept: u64,
    refused: bool,
    hints: Vec<String>,
    missing: Vec<String>,
}

/// A time of the file, and how it is understood.
#[derive(Serialize)]
struct Dates<'a> {
    date_format: &'static str,
    example: &'a str,
    read_as: String,
    zone: &'static str,
}

impl Told<'_> {
    fn tell(&self, of: &Explained, file: &str, kind: Kind) -> anyhow::Result<()> {
        let hints: Vec<String> = of.hints.iter().map(|hint| hint.sentence(self.language)).collect();
        let missing: Vec<String> = of.missing.iter().map(|missing| missing.sentence(self.language)).collect();
        if self.out.is_json() {
            let format = match of.format {
                Format::Csv => "csv",
                Format::Jsonl => "jsonl",
                Format::Xlsx => "xlsx",
            };
            let (kept, refused) = (kept(of), self.is_refused(of));
            let dates = self.dates(of);
            return self.out.json(&Report { kind, file, format, of, dates, kept, refused, hints, missing });
        }
        self.out.say(format_args!("{}  {}", strong(file), quiet(self.layout(of))))?;
        self.columns(of)?;
        self.figures(of)?;
        self.rejects(of)?;
        self.list(self.of("What would read more of it", "這樣可以讀到更多"), &hints)?;
        self.list(self.of("Missing to start", "開始前還缺"), &missing)?;
        self.out.say(format_args!("\n{}", quiet(self.of("Nothing was stored.", "沒有儲存任何資料。"))))
    }

    fn of<'t>(&self, english: &'t str, chinese: &'t str) -> &'t str {
        match self.language {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }

    fn is_refused(&self, of: &Explained) -> bool {
        of.rejected as f64 > self.max_rejects * of.read as f64
    }

    fn dates<'e>(&self, of: &'e Explained) -> Option<Dates<'e>> {
        let (example, at) = of.example.as_ref()?;
        let zone = self.reading.zone;
        let at: DateTime<Tz> = zone.from_utc_datetime(&at.naive_utc());
        let read_as = at.to_rfc3339_opts(SecondsFormat::AutoSi, false);
        Some(Dates { date_format: self.reading.dates.word(), example, read_as, zone: zone.name() })
    }

    /// Format, encoding, delimiter, header, in one line.
    fn layout(&self, of: &Explained) -> String {
        let format = match of.format {
            Format::Csv => "CSV",
            Format::Jsonl => "JSON lines",
            Format::Xlsx => self.of("Excel workbook", "Excel 活頁簿"),
        };
        let delimiter = of.delimiter.map(|sign| match sign {
            ',' => self.of("commas", "逗號分隔").to_owned(),
            ';' => self.of("semicolons", "分號分隔").to_owned(),
            '\t' => self.of("tabs", "定位字元分隔").to_owned(),
            other => format!("`{other}`"),
        });
        let sheet = of.sheet.as_ref().map(|name| format!("{} {name}", self.of("sheet", "工作表")));
        let header = of.header_line.map(|line| match self.language {
            Language::English => format!("header on line {line}"),
            Language::Chinese => format!("標題在第 {line} 行"),
        });
        let parts =
            [Some(format.to_owned()), of.encoding.map(|e| e.name().to_owned()), sheet, delimiter, header];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    fn columns(&self, of: &Explained) -> anyhow::Result<()> {
        self.out.say("")?;
        let header = [self.of("column", "欄位"), self.of("read as", "讀作"), self.of("for example", "例如")];
        let rows = of.columns.iter().map(|column| {
            vec![column.header.clone(), column.field.to_owned(), column.samples.join(self.of(", ", "、"))]
        });
        self.out.table(&header, &[], rows.collect())?;
        if of.unknown_columns.is_empty() {
            return Ok(());
        }
        let unknown = of.unknown_columns.join(self.of(", ", "、"));
        self.out.say(format_args!("{}: {unknown}", self.of("not read", "不讀的欄位")))
    }

    fn figures(&self, of: &Explained) -> anyhow::Result<()> {
        self.out.say("")?;
        let mut facts = Vec::new();
        if let Some((example, at)) = &of.example {
            let zone = self.reading.zone;
            let default = match self.is_default {
                true => self.of(" (no settings say another zone)", "（沒有設定檔指定時區）"),
                false => "",
            };
            let format = self.reading.dates.word();
            let read =
                format!("{example} → {} {zone}{default}, date_format = \"{format}\"", local(*at, zone));
            facts.push((self.of("dates", "日期"), read));
        }
        facts.push((self.of("rows", "資料列"), self.rows(of)));
        if let (Some(from), Some(to)) = (of.figures.from, of.figures.to) {
            facts.push((self.of("span", "期間"), format!("{} – {}", from.date(), to.date())));
        }
        let counts = [
            (self.of("orders", "訂單"), of.figures.orders),
            (self.of("members", "會員"), of.figures.members),
            (self.of("products", "商品"), of.figures.products),
            (self.of("categories", "分類"), of.figures.categories),
            (self.of("lines without a purchase", "非購買明細"), of.figures.not_a_purchase),
        ];
        facts.extend(counts.into_iter().filter_map(|(name, count)| Some((name, count?.to_string()))));
        let words: Vec<String> = of.figures.statuses.iter().map(|word| self.status(word)).collect();
        if !words.is_empty() {
            facts.push((self.of("statuses", "訂單狀態"), words.join(self.of(", ", "、"))));
        }
        self.out.facts(&facts)
    }

    fn status(&self, word: &StatusWord) -> String {
        let told = match word.counts {
            true => self.of("counts", "計入"),
            false => self.of("no purchase", "不計入"),
        };
        format!("{} {} ({told})", word.status, word.rows)
    }

    fn rows(&self, of: &Explained) -> String {
        let (read, kept, rejected, ignored) = (of.read, kept(of), of.rejected, of.ignored);
        let (told, passed) = match self.language {
            Language::English => (
                format!("{read} read, {kept} would be kept, {rejected} rejected"),
                format!(", {ignored} passed over: they stand for nothing of their own"),
            ),
            Language::Chinese => (
                format!("讀取 {read}，可保留 {kept}，拒絕 {rejected}"),
                format!("，略過 {ignored}：本身不代表任何明細"),
            ),
        };
        if ignored == 0 { told } else { told + &passed }
    }

    fn rejects(&self, of: &Explained) -> anyhow::Result<()> {
        if of.reasons.is_empty() {
            return Ok(());
        }
        self.out.heading(self.of("Rejected, and why", "拒絕的原因"))?;
        let header = [self.of("rows", "列數"), self.of("first line", "首見行"), self.of("reason", "原因")];
        let rows = of.reasons.iter().map(|group| {
            let reason = reasons::told(self.language, &group.reason);
            vec![group.rows.to_string(), group.line.to_string(), reason]
        });
        self.out.table(&header, &[header[0], header[1]], rows.collect())?;
        if !self.is_refused(of) {
            return Ok(());
        }
        let most = self.max_rejects * 100.0;
        self.out.say(strong(match self.language {
            Language::English => {
                format!("That is more than {most:.0} % of the rows: the file would be refused as a whole.")
            }
            Language::Chinese => format!("超過資料列的 {most:.0} %：整個檔案都不會匯入。"),
        }))
    }

    fn list(&self, title: &str, sentences: &[String]) -> anyhow::Result<()> {
        if sentences.is_empty() {
            return Ok(());
        }
        self.out.heading(title)?;
        sentences.iter().try_for_each(|sentence| self.out.say(format_args!("  · {sentence}")))
    }
}

fn kept(of: &Explained) -> u64 {
    of.read - of.rejected - of.ignored
}
