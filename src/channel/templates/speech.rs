//! Owns how dates, spans, prices and lists are written for people of a locale; knows nothing of templates' files.

use chrono::{Datelike as _, NaiveDate};
use minijinja::value::Value;
use minijinja::{Error, ErrorKind, State};

use crate::domain::reason::Language;

/// The language that a message is written in, the year in which it is read, and the currency of its prices.
#[derive(Debug, Clone)]
pub(super) struct Tongue {
    language: Language,
    year: i32,
    currency: Option<String>,
}

impl Tongue {
    pub fn new(locale: &str, year: i32, currency: Option<String>) -> Self {
        Self { language: Language::of(locale), year, currency }
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

    /// The amount as a price tag says it; without a currency, the number alone.
    fn money(&self, amount: f64, currency: Option<&str>) -> String {
        let Some(code) = currency.or(self.currency.as_deref()) else {
            let decimals = if amount.fract() == 0.0 { 0 } else { 2 };
            return grouped(amount, decimals);
        };
        let decimals = if matches!(code, "TWD" | "JPY" | "KRW" | "VND") { 0 } else { 2 };
        let sign = if amount < 0.0 { "-" } else { "" };
        let digits = grouped(amount.abs(), decimals);
        match (self.symbol(code), code) {
            (Some(symbol), _) => format!("{sign}{symbol}{digits}"),
            (None, code) => format!("{sign}{code} {digits}"),
        }
    }

    /// What stands before the digits. A reader of Chinese takes a bare `$` for the own dollar.
    fn symbol(&self, code: &str) -> Option<&'static str> {
        Some(match (code, self.language) {
            ("TWD", _) => "NT$",
            ("USD", Language::English) => "$",
            ("USD", Language::Chinese) => "US$",
            ("HKD", _) => "HK$",
            ("SGD", _) => "S$",
            ("AUD", _) => "A$",
            ("CAD", _) => "CA$",
            ("EUR", _) => "€",
            ("GBP", _) => "£",
            ("JPY", Language::English) => "¥",
            ("JPY", Language::Chinese) => "JP¥",
            ("CNY", _) => "CN¥",
            ("KRW", _) => "₩",
            ("MYR", _) => "RM",
            _ => return None,
        })
    }

    /// `A, B and C`.
    fn list(&self, words: &[String]) -> String {
        let Some((last, rest)) = words.split_last() else { return String::new() };
        if rest.is_empty() {
            return last.clone();
        }
        match self.language {
            Language::English => format!("{} and {last}", rest.join(", ")),
            Language::Chinese => {
                let before = rest.join("、");
                let (left, right) = (gap(before.chars().next_back()), gap(last.chars().next()));
                format!("{before}{left}和{right}{last}")
            }
        }
    }
}

/// Chinese stands apart from Latin letters and digits by a space.
fn gap(neighbour: Option<char>) -> &'static str {
    if neighbour.is_some_and(|c| c.is_ascii_alphanumeric()) { " " } else { "" }
}

fn grouped(amount: f64, decimals: usize) -> String {
    // halves go up, as on any receipt
    let unit = 10_f64.powi(decimals as i32);
    let text = format!("{:.decimals$}", (amount * unit).round() / unit);
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let digits = whole.trim_start_matches('-');
    let mut out = String::with_capacity(text.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{}{out}{fraction}", if whole.starts_with('-') { "-" } else { "" })
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
    let days = number(value).ok_or_else(|| wrong(value, "is no number, so `days` cannot write it"))?;
    let days = days.round() as i64;
    Ok(tongue(state).map_or_else(|| days.to_string(), |tongue| tongue.days(days)))
}

/// The filter `money`: an amount in the currency given (`money("TWD")`), or in the shop's.
pub(super) fn money(state: &State<'_, '_>, value: &Value, currency: Option<&str>) -> Result<String, Error> {
    let amount = number(value).ok_or_else(|| wrong(value, "is no number, so `money` cannot write it"))?;
    let is_code = |code: &str| code.len() == 3 && code.chars().all(|c| c.is_ascii_uppercase());
    if let Some(wrong) = currency.filter(|code| !is_code(code)) {
        let what = format!("`{wrong}` is no currency; write its ISO code, as `money(\"TWD\")`");
        return Err(Error::new(ErrorKind::InvalidOperation, what));
    }
    Ok(tongue(state).map_or_else(|| amount.to_string(), |tongue| tongue.money(amount, currency)))
}

/// The filter `list_and`: words as a sentence lists them.
pub(super) fn list_and(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    if value.as_str().is_some() {
        return Err(wrong(value, "is one text, so `list_and` cannot list it"));
    }
    let words = value.try_iter().map_err(|_| wrong(value, "is no list, so `list_and` cannot write it"))?;
    let known = |word: Value| match word.is_none() || word.is_undefined() {
        true => Err(wrong(&word, "stands in the list, so `list_and` cannot write it")),
        false => Ok(word.to_string()),
    };
    let words = words.map(known).collect::<Result<Vec<String>, Error>>()?;
    Ok(tongue(state).map_or_else(|| words.join(", "), |tongue| tongue.list(&words)))
}

/// A number, or one written as text.
fn number(value: &Value) -> Option<f64> {
    let number = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => f64::try_from(value.clone()).ok(),
    };
    number.filter(|n| n.is_finite())
}

fn tongue<'s>(state: &'s State<'_, '_>) -> Option<&'s Tongue> {
    state.get_extension()
}

fn wrong(value: &Value, what: &str) -> Error {
    let (kind, subject) = match (value.is_undefined(), value.is_none()) {
        (true, _) => (ErrorKind::UndefinedError, "what is not defined"),
        (_, true) => (ErrorKind::UndefinedError, "what is not known"),
        _ => (ErrorKind::InvalidOperation, "this"),
    };
    Error::new(kind, format!("{subject} {what}; ask with `{{% if … %}}` first"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tongue(locale: &str) -> Tongue {
        Tongue::new(locale, 2026, Some("TWD".to_owned()))
    }

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
            assert_eq!(tongue(locale).date(day(iso)), written);
        }
    }

    #[test]
    fn prices_are_written_as_on_a_tag() {
        let table = [
            (1280.0, Some("TWD"), "NT$1,280", "NT$1,280"),
            (12.8, Some("USD"), "$12.80", "US$12.80"),
            (1234567.5, None, "NT$1,234,568", "NT$1,234,568"),
            (999.0, Some("EUR"), "€999.00", "€999.00"),
            (-1280.0, Some("JPY"), "-¥1,280", "-JP¥1,280"),
            (0.005, Some("GBP"), "£0.01", "£0.01"),
            (100.0, Some("CHF"), "CHF 100.00", "CHF 100.00"),
        ];
        for (amount, currency, english, chinese) in table {
            assert_eq!(tongue("en").money(amount, currency), english);
            assert_eq!(tongue("zh-TW").money(amount, currency), chinese);
        }
        let bare = Tongue::new("en", 2026, None);
        assert_eq!((bare.money(1280.0, None), bare.money(-0.5, None)), ("1,280".into(), "-0.50".into()));
    }

    #[test]
    fn lists_end_with_and() {
        let table: [(&[&str], &str, &str); 5] = [
            (&[], "", ""),
            (&["A"], "A", "A"),
            (&["A", "B"], "A and B", "A 和 B"),
            (&["A", "B", "C"], "A, B and C", "A、B 和 C"),
            (&["咖啡豆", "濾紙"], "咖啡豆 and 濾紙", "咖啡豆和濾紙"),
        ];
        for (words, english, chinese) in table {
            let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
            assert_eq!(
                (tongue("en").list(&words), tongue("zh-TW").list(&words)),
                (english.into(), chinese.into())
            );
        }
    }
}
