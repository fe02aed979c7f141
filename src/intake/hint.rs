//! Owns advice about a file as a whole: what much of it looks like, and the setting that would read it; reads nothing.

use super::encoding::Encoding;
use super::records::{DateFormat, Look, Looks};
use crate::domain::reason::Language;

/// What would read more of a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Hint {
    /// Dates in a form that was not declared.
    Dates {
        /// Their share of all.
        share: f64,
        /// One of them.
        example: String,
        /// The forms that would read them, the better one first.
        forms: Vec<DateFormat>,
        /// The form that was declared.
        declared: DateFormat,
        /// `orders`, `members` …
        kind: &'static str,
    },
    /// Dates as a spreadsheet's numbers of days.
    Numbers {
        /// Their share of all.
        share: f64,
        /// One of them.
        example: String,
    },
    /// Rows that are no text in the file's encoding.
    Bytes {
        /// Their share of all.
        share: f64,
        /// What the file was read as.
        encoding: Encoding,
    },
    /// A workbook of several sheets, of which one is read.
    Sheets {
        /// That one.
        read: String,
        /// The others that people see.
        others: Vec<String>,
    },
    /// No column that tells sets from their parts.
    Sets {
        /// What the settings call it.
        column: String,
    },
}

/// What is rarer than this is no matter of settings.
const RARE: f64 = 0.01;

impl Hint {
    /// Advice on what times looked like.
    pub(super) fn on_dates(looks: &Looks, declared: DateFormat, kind: &'static str) -> Vec<Self> {
        let share = |times: u64| times as f64 / looks.all as f64;
        let of = |wanted: fn(&Look) -> bool| -> Vec<&Look> {
            looks.unread.iter().filter(|look| wanted(look)).collect()
        };
        let is_year_last =
            |look: &Look| look.forms.iter().any(|f| matches!(f, DateFormat::Mdy | DateFormat::Dmy));
        let alike = [of(is_year_last), of(|look| look.forms == [DateFormat::Roc])];
        let dates = alike.iter().filter_map(|looks| {
            let share = share(looks.iter().map(|look| look.times).sum());
            let plainest = looks.iter().min_by_key(|look| look.forms.len())?;
            let (example, kind) = (plainest.example.clone(), kind);
            Some(Hint::Dates { share, example, forms: forms(looks), declared, kind })
        });
        let numbers = of(|look| look.forms.is_empty());
        let numbers = numbers
            .iter()
            .map(|look| Hint::Numbers { share: share(look.times), example: look.example.clone() });
        dates.chain(numbers).filter(Hint::matters).collect()
    }

    /// Advice on rows that were no text.
    pub(super) fn on_bytes(garbled: u64, rows: u64, encoding: Encoding) -> Option<Self> {
        let hint = Hint::Bytes { share: garbled as f64 / rows as f64, encoding };
        Some(hint).filter(Hint::matters)
    }

    /// Advice on sheets that were not read.
    pub(super) fn on_sheets(read: String, others: Vec<String>) -> Option<Self> {
        (!others.is_empty()).then_some(Hint::Sheets { read, others })
    }

    fn matters(&self) -> bool {
        match self {
            Hint::Dates { share, .. } | Hint::Numbers { share, .. } | Hint::Bytes { share, .. } => {
                *share >= RARE
            }
            Hint::Sheets { .. } | Hint::Sets { .. } => true,
        }
    }

    /// What to do, for people.
    pub fn sentence(&self, language: Language) -> String {
        match language {
            Language::English => self.english(),
            Language::Chinese => self.chinese(),
        }
    }

    fn english(&self) -> String {
        match self {
            Hint::Dates { share, example, forms, declared, kind } => {
                let unread = match declared {
                    DateFormat::Ymd => String::new(),
                    other => format!(", which date_format = \"{}\" does not read", other.word()),
                };
                let also = forms.get(1).map(|form| format!(" (or \"{}\")", form.word())).unwrap_or_default();
                let word = forms.first().map_or("", |form| form.word());
                format!(
                    "{} of the dates look like {example}{unread}: set date_format = \"{word}\"{also} under [intake.{kind}]",
                    percent(*share)
                )
            }
            Hint::Numbers { share, example } => format!(
                "{} of the dates are numbers like {example}, as spreadsheets keep dates: import the .xlsx itself, \
                 or format the column as dates before you save it as CSV",
                percent(*share)
            ),
            Hint::Bytes { share, encoding } => format!(
                "{} of the rows are not {}: save the file as CSV UTF-8, or say what it is with --encoding or \
                 encoding under [intake]",
                percent(*share),
                encoding.name()
            ),
            Hint::Sheets { read, others } => format!(
                "of the sheets only `{read}` was read, not {}: save each one that you need as a file of its own",
                others.join(", ")
            ),
            Hint::Sets { column } => format!(
                "no column `{column}` tells sets from their parts: where orders hold sets, both count; choose it for the export"
            ),
        }
    }

    fn chinese(&self) -> String {
        match self {
            Hint::Dates { share, example, forms, declared, kind } => {
                let unread = match declared {
                    DateFormat::Ymd => String::new(),
                    other => format!("，date_format = \"{}\" 讀不懂", other.word()),
                };
                let also = forms.get(1).map(|form| format!("（或 \"{}\"）", form.word())).unwrap_or_default();
                let word = forms.first().map_or("", |form| form.word());
                format!(
                    "{} 的日期寫成 {example}{unread}：請在 [intake.{kind}] 設定 date_format = \"{word}\"{also}",
                    percent(*share)
                )
            }
            Hint::Numbers { share, example } => format!(
                "{} 的日期是像 {example} 的數字（試算表內部的日期）：請直接匯入 .xlsx，或先把該欄設為日期格式再另存 CSV",
                percent(*share)
            ),
            Hint::Bytes { share, encoding } => format!(
                "{} 的資料列不是 {}：請另存為 CSV UTF-8，或用 --encoding 或 [intake] 的 encoding 指定編碼",
                percent(*share),
                encoding.name()
            ),
            Hint::Sheets { read, others } => {
                format!("只讀了工作表「{read}」，未讀：{}；需要的工作表請各存成一個檔案", others.join("、"))
            }
            Hint::Sets { column } => {
                format!("沒有「{column}」欄位可分辨組合與其子商品，訂單若有組合會重複計算：匯出時請勾選該欄")
            }
        }
    }
}

/// The forms that would read most of these: one, when only one of them reads some.
fn forms(looks: &[&Look]) -> Vec<DateFormat> {
    let only: Vec<DateFormat> = looks
        .iter()
        .filter_map(|look| Some(*look.forms.first()?).filter(|_| look.forms.len() == 1))
        .collect();
    match only.as_slice() {
        [] => looks.first().map(|look| look.forms.clone()).unwrap_or_default(),
        some => some.to_vec(),
    }
}

/// At least one percent: nothing would not be worth a word.
fn percent(share: f64) -> String {
    format!("{:.0} %", (share * 100.0).max(1.0))
}
