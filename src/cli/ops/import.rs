//! `replenish import`: files and standard input into the store, with progress and a report.

mod explain;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use chrono::TimeDelta;
use chrono_tz::Tz;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::open::{load_settings, open_store, settings_of};
use crate::cli::output::Output;
use crate::cli::support::parse_language;
use crate::cli::{FAILED, USAGE};
use crate::config::{self, ColumnHeader, Environment, Intake, Settings, is_shipped};
use crate::daemon::{numbered, real_time};
use crate::desk::import::{Import as FileImport, ImportError, ImportReport};
use crate::domain::reason::Language;
use crate::intake::{DateFormat, Encoding, Format, Headers, IntakeError, Kind, Layout, Reading, Source};
use crate::store::Store;

/// Take in orders, returns, members or products from .csv, .jsonl (also with .gz) or .xlsx files; `-` is standard input.
///
/// Encoding and delimiter are told by the file. The same file again changes nothing; a corrected file replaces what
/// differs. Bad rows go to a rejects file in the data directory; with more of them than `max_rejects` in the settings
/// allows, nothing of the file is kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  replenish import orders export.xlsx --explain
  replenish import orders orders.csv.gz
  replenish import orders orders_export.csv --preset shopify")]
pub struct Import {
    /// What the files hold
    #[arg(value_enum)]
    kind: ImportKind,
    /// The files, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How standard input is laid out
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<InputFormat>,
    /// What the text files are encoded in, in the place of `encoding` in the settings
    #[arg(long, value_name = "ENCODING", value_parser = declared())]
    encoding: Option<Declared>,
    /// Whose export it is: shopify, shopline, 91app, woocommerce, or a .toml file of your own
    #[arg(long, value_name = "PRESET")]
    preset: Option<String>,
    /// An order in the file replaces all that is stored of it: lines that it no longer has go. Orders whose rows lie apart
    /// are held in memory until their last one: sort a file of many millions of rows by order
    #[arg(long)]
    replace_orders: bool,
    /// Tell how each file would be read and what would be rejected; nothing is stored, no settings are needed
    #[arg(long)]
    explain: bool,
    /// The language of what --explain tells: en or zh-TW; the system's without it
    #[arg(long, value_name = "LANG", value_parser = parse_language, requires = "explain")]
    lang: Option<Language>,
}

/// What `--encoding` declares; `auto` declares nothing.
#[derive(Debug, Clone, Copy)]
struct Declared(Option<config::Encoding>);

fn declared() -> impl TypedValueParser<Value = Declared> {
    let of = |word: String| config::ENCODINGS.iter().find(|(known, _)| *known == word).and_then(|(_, e)| *e);
    PossibleValuesParser::new(config::ENCODINGS.map(|(word, _)| word)).map(move |word| Declared(of(word)))
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ImportKind {
    Orders,
    Returns,
    Members,
    Products,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum InputFormat {
    Csv,
    Jsonl,
}

impl Import {
    /// Imports each file, one report a file; exit 1 when one was refused.
    ///
    /// # Errors
    /// When a file cannot be read at all, or the store fails.
    pub async fn run(self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        if self.format.is_none() && self.files.iter().any(|file| file == Path::new("-")) {
            out.note("standard input has no name that says its format: add --format csv or --format jsonl")?;
            return Ok(ExitCode::from(USAGE));
        }
        if self.replace_orders && self.kind() != Kind::Orders {
            out.note("--replace-orders is for orders alone")?;
            return Ok(ExitCode::from(USAGE));
        }
        if self.explain {
            return self.explain(config, out);
        }
        let settings = load_with(config, self.preset.as_deref())?;
        let store = open_store(&settings).await?;
        let mut refused = false;
        for file in &self.files {
            match self.import(file, &settings, &store, out).await {
                Ok(report) => {
                    refused |= report.refused;
                    tell(&report, &settings.intake, *out)?;
                }
                // what is wrong with one file keeps no other one back
                Err(error) if self.files.len() > 1 && is_of_the_file(&error) => {
                    refused = true;
                    out.note(format_args!("error: {error:#}"))?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(if refused { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
    }

    async fn import(
        &self,
        file: &Path,
        settings: &Settings,
        store: &Store,
        out: &Output,
    ) -> anyhow::Result<ImportReport> {
        let (source, _spool) = self.source(file, &settings.folders.data)?;
        let size = std::fs::metadata(&source.path).map(|m| m.len()).unwrap_or(0);
        let bar = Arc::new(out.progress("reading", Some(size * 2)));
        let moving = bar.clone();
        let kind = self.kind();
        let import = FileImport {
            source,
            reading: self.declare(reading(settings, kind)),
            folder: settings.folders.data.join("rejects"),
            rejects_as: self.namesake(file),
            max_rejects: settings.intake.max_rejects,
            replace_orders: self.replace_orders,
            at: real_time(),
            progress: Arc::new(move |pass, bytes| moving.set_position(size * u64::from(pass - 1) + bytes)),
        };
        let report = import.run(store, kind).await;
        bar.finish_and_clear();
        Ok(report?)
    }

    /// Files of one name, as those of several months are, have a number more each: their rejects lie in one folder.
    fn namesake(&self, file: &Path) -> Option<String> {
        let before = self.files.iter().take_while(|other| *other != file);
        let nth = 1 + before.filter(|other| other.file_name() == file.file_name()).count();
        let name = file.file_name()?.to_string_lossy();
        (nth > 1).then(|| numbered(&name, nth))
    }

    /// The command line goes before the settings.
    fn declare(&self, reading: Reading) -> Reading {
        let declared = self.encoding.map(|Declared(declared)| declared.map(encoding));
        let own = reading.own.map(|own| Box::new(self.declare(*own)));
        Reading { encoding: declared.unwrap_or(reading.encoding), own, ..reading }
    }

    fn kind(&self) -> Kind {
        match self.kind {
            ImportKind::Orders => Kind::Orders,
            ImportKind::Returns => Kind::Returns,
            ImportKind::Members => Kind::Members,
            ImportKind::Products => Kind::Products,
        }
    }

    /// A file as it stands, or standard input spooled to one: it is read twice.
    fn source(&self, file: &Path, data: &Path) -> anyhow::Result<(Source, Option<tempfile::TempDir>)> {
        let format = self.format.map(|format| match format {
            InputFormat::Csv => Format::Csv,
            InputFormat::Jsonl => Format::Jsonl,
        });
        if file != Path::new("-") {
            return Ok((Source::of(file)?, None));
        }
        let format = format.context("standard input needs --format csv or --format jsonl")?;
        std::fs::create_dir_all(data)
            .with_context(|| format!("the folder {} cannot be made", data.display()))?;
        let spool = tempfile::Builder::new().prefix("stdin").tempdir_in(data)?;
        let path = spool.path().join("standard-input");
        let mut input = std::io::stdin().lock();
        let mut head = [0; 2];
        let got = input.read(&mut head)?;
        let mut copy = std::fs::File::create(&path)?;
        copy.write_all(&head[..got])?;
        std::io::copy(&mut input, &mut copy).context("standard input cannot be spooled")?;
        Ok((Source { path, format, gzip: head == [0x1f, 0x8b] }, Some(spool)))
    }
}

/// How files of this kind are read: as the settings say, where there are some; else plainly.
///
/// # Errors
/// When there are settings that are not valid.
pub fn how_to_read(config: &Path, kind: Kind) -> anyhow::Result<Reading> {
    Ok(if config.exists() { reading(&load_settings(config)?, kind) } else { plain_reading() })
}

/// Where there are no settings: the usual columns, times in universal time.
pub fn plain_reading() -> Reading {
    Reading::plain(chrono_tz::UTC, real_time() + TimeDelta::days(1))
}

/// The settings, with this preset beneath them in the place of theirs.
fn load_with(config: &Path, preset: Option<&str>) -> anyhow::Result<Settings> {
    let mut env: Environment = std::env::vars().collect();
    if let Some(preset) = preset {
        env.insert("REPLENISH__INTAKE__PRESET".to_owned(), placed(preset)?);
    }
    settings_of(config, &env)
}

/// A path of the command line starts where the person stands.
fn placed(preset: &str) -> std::io::Result<String> {
    match is_shipped(preset) {
        true => Ok(preset.to_owned()),
        false => Ok(std::path::absolute(preset)?.display().to_string()),
    }
}

/// How files of this kind are read under these settings.
pub fn reading(settings: &Settings, kind: Kind) -> Reading {
    reading_of(&settings.intake, settings.timezone, kind)
}

fn reading_of(intake: &Intake, zone: Tz, kind: Kind) -> Reading {
    let files = match kind {
        Kind::Orders => &intake.orders,
        Kind::Returns => &intake.returns,
        Kind::Members => &intake.members,
        Kind::Products => &intake.products,
    };
    let own = intake.own.as_ref().map(|own| {
        // Words mean the same in every file.
        let not_a_purchase = files.not_a_purchase.clone();
        Box::new(Reading { not_a_purchase, ..reading_of(own, zone, kind) })
    });
    Reading {
        own,
        columns: files.columns.iter().map(|(name, header)| (name.clone(), headers(header))).collect(),
        not_a_purchase: files.not_a_purchase.clone(),
        layout: Layout {
            carry_down: files.carry_down,
            not_a_line: files.not_a_line.clone(),
            nobody: files.nobody.clone(),
        },
        encoding: intake.encoding.map(encoding),
        dates: dates(files.dates),
        ..Reading::plain(zone, real_time() + TimeDelta::days(1))
    }
}

fn headers(header: &ColumnHeader) -> Headers {
    match header {
        ColumnHeader::One(name) => Headers::from(name.as_str()),
        ColumnHeader::AnyOf(names) => Headers { names: names.clone(), promised: false },
    }
}

fn encoding(declared: config::Encoding) -> Encoding {
    match declared {
        config::Encoding::Utf8 => Encoding::Utf8,
        config::Encoding::Big5 => Encoding::Big5,
        config::Encoding::Utf16 => Encoding::Utf16,
        config::Encoding::Utf16Le => Encoding::Utf16Le,
        config::Encoding::Utf16Be => Encoding::Utf16Be,
    }
}

fn dates(declared: config::DateFormat) -> DateFormat {
    match declared {
        config::DateFormat::Ymd => DateFormat::Ymd,
        config::DateFormat::Mdy => DateFormat::Mdy,
        config::DateFormat::Dmy => DateFormat::Dmy,
        config::DateFormat::Roc => DateFormat::Roc,
    }
}

fn is_of_the_file(error: &anyhow::Error) -> bool {
    error.is::<IntakeError>() || matches!(error.downcast_ref(), Some(ImportError::Intake(_)))
}

fn tell(report: &ImportReport, intake: &Intake, out: Output) -> anyhow::Result<()> {
    if out.is_json() {
        return out.json(report);
    }
    out.say(format_args!(
        "{}: {} rows read, {} stored, {} replaced, {} already known, {} rejected ({:.1} s)",
        report.file,
        report.read,
        report.stored,
        report.replaced,
        report.duplicate,
        report.rejected,
        report.seconds
    ))?;
    for note in &report.notes {
        out.note(note)?;
    }
    if !report.unknown_columns.is_empty() {
        out.note(format_args!("columns that were not read: {}", report.unknown_columns.join(", ")))?;
    }
    if let Some(rejects) = &report.rejects_file {
        out.note(format_args!("rejected rows, each with its reason: {}", rejects.display()))?;
    }
    for hint in &report.hints {
        out.note(hint)?;
    }
    if report.refused {
        out.note(format_args!(
            "more than {:.0} % of the rows are bad, so nothing of the file was kept: mend it, or raise [intake] max_rejects",
            intake.max_rejects * 100.0
        ))?;
    }
    Ok(())
}
