//! Owns how dates and spans are written for people of a locale; knows nothing of templates' files.

use chrono::{Datelike as _, NaiveDate};
use minijinja::value::Value;
use minijinja::{Error, ErrorKind, State};

use crate::domain::reason::Language;

/// The language that a message is written in, and the year in which it is read.
#[derive(Debug, Clone)]
pub(super) struct Tongue {
    language: Language,
    year: i32,
}

impl Tongue {
    pub fn new(locale: &str, year: i32) -> Self {
        Self { language: Language::of(locale), year }
    }

    /// The day as people write it; with its year only when that is another one.
    fn date(&self, day: NaiveDate) -> String {
        let format = match (self.language, day.year() == self.year) {
            (Language::Chinese, true) => "%-m 月 %-d 日",
            (Language::Chinese, false) => "%Y 年 %-m 月 %-d 日",
            (Language::English, true) => "%B %-d",
            (Language::English, false) => "%B %-d, %Y",
        };
        day.format(format).to_string()
    }

    fn days(&self, days: i64) -> String {
        match (self.language, days) {
            (Language::Chinese, _) => format!("{days} 天"),
            (Language::English, 1) => "1 day".to_owned(),
            (Language::English, _) => format!("{days} days"),
        }
    }
}

/// The filter `date`: an ISO date or time, as people of the member's locale write the day.
pub(super) fn date(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let text = value.as_str().unwrap_or_default();
    let day = text.get(..10).and_then(|day| day.parse().ok());
    let day = day.ok_or_else(|| wrong(value, "is not a date, so `date` cannot write it"))?;
    // the engine runs a file once before its blocks, to no use but inheritance: no tongue is set then
    Ok(tongue(state).map_or_else(|| text.to_owned(), |tongue| tongue.date(day)))
}

/// The filter `days`: a number of days, rounded, as people of the member's locale say it.
pub(super) fn days(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let days =
        f64::try_from(value.clone()).map_err(|_| wrong(value, "is no number, so `days` cannot write it"))?;
    let days = days.round() as i64;
    Ok(tongue(state).map_or_else(|| days.to_string(), |tongue| tongue.days(days)))
}

fn tongue<'s>(state: &'s State<'_, '_>) -> Option<&'s Tongue> {
    state.get_extension()
}

fn wrong(value: &Value, what: &str) -> Error {
    let subject = if value.is_none() { "what is not known" } else { "this" };
    Error::new(ErrorKind::InvalidOperation, format!("{subject} {what}; ask with `{{% if … %}}` first"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_the_year_only_when_it_is_another() {
        let day = |text: &str| text.parse().unwrap();
        let table = [
            ("zh-TW", "2026-03-02", "3 月 2 日"),
            ("zh", "2027-01-10", "2027 年 1 月 10 日"),
            ("en", "2026-03-02", "March 2"),
            ("en-GB", "2025-12-31", "December 31, 2025"),
            ("", "2026-03-02", "March 2"),
        ];
        for (locale, iso, written) in table {
            assert_eq!(Tongue::new(locale, 2026).date(day(iso)), written);
        }
    }
}
