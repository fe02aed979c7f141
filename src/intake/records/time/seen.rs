//! Owns what the times of a file look like, above all those that are not read: what would read them. Knows no files.

use std::ops::RangeInclusive;

use chrono::Datelike;

use super::written::{DateFormat, parse, serial};
use crate::domain::ids::Timestamp;

/// What the times of a file looked like.
#[derive(Debug, Default)]
pub struct Looks {
    /// Cells that should hold a time and hold anything.
    pub all: u64,
    /// The first one that was read.
    pub example: Option<(String, Timestamp)>,
    /// Those that were not read though they look like times, by what would read them.
    pub unread: Vec<Look>,
}

/// Times that look alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The forms in which they would be times; none: they are a spreadsheet's numbers.
    pub forms: Vec<DateFormat>,
    /// How many.
    pub times: u64,
    /// The first of them.
    pub example: String,
}

impl Looks {
    /// Notes a text that is no time in this form.
    pub(super) fn note(&mut self, text: &str, format: DateFormat, years: RangeInclusive<i32>) {
        let reads = |form: &DateFormat| parse(text, *form).is_some_and(|w| years.contains(&w.date.year()));
        let forms: Vec<_> =
            DateFormat::ALL.into_iter().filter(|form| *form != format).filter(reads).collect();
        if forms.is_empty() && serial(text).is_none() {
            return;
        }
        match self.unread.iter_mut().find(|look| look.forms == forms) {
            Some(look) => look.times += 1,
            None => self.unread.push(Look { forms, times: 1, example: text.to_owned() }),
        }
    }
}
