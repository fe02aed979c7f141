//! Owns the sentences the product itself says to members, rounded as a person would; knows nothing of templates.

mod silence;
#[cfg(test)]
mod tests;

use chrono::{Datelike, NaiveDate};

use super::happening;
use super::occasion::{Evidence, NeedEvidence};
use super::reason::Language;

pub use silence::{silence, stage};

/// Below this chance that the member buys it ever again, a sentence does not promise a need.
const UNSURE: f64 = 0.5;
/// A supply explains a date that lies so near to its end, as a share of it.
const AGREES: f64 = 0.25;
/// A span of more days than this is told in parts of months.
const MONTH: i64 = 31;
/// A span of more days than this is told in months.
const SEASON: i64 = 120;

/// Why a message comes: what it knows, in one sentence, in the member's language. `name` stands first, because a
/// message may hold several items; none where the item's name stands beside the sentence, for those who ask.
/// `today` is the day of reading: the year of another year is named.
pub fn why(language: Language, name: Option<&str>, evidence: &Evidence, today: NaiveDate) -> String {
    if let Some((event, on)) = &evidence.event {
        return happening::sentence(language, event, &day(language, *on, today), name);
    }
    let Some(last) = evidence.last_purchase else { return String::new() };
    let bought = Bought { last, quantity: evidence.quantity };
    match &evidence.need {
        Some(need) => need_sentence(language, name, bought, need, today),
        None => care_sentence(language, name, day(language, bought.last, today)),
    }
}

/// The last purchase of an item.
#[derive(Debug, Clone, Copy)]
pub struct Bought {
    /// Its day.
    pub last: NaiveDate,
    /// Pieces bought on it.
    pub quantity: f64,
}

/// When an item will be needed again, and how that is known; `name` and `today` as for [`why`].
pub fn need_sentence(
    language: Language,
    name: Option<&str>,
    bought: Bought,
    need: &NeedEvidence,
    today: NaiveDate,
) -> String {
    let last = day(language, bought.last, today);
    let waits = (need.p50 - bought.last).num_days() as f64;
    // A member with an own rhythm understands that; a larger purchase than one piece explains a later date.
    let agrees = |lasts: f64| bought.quantity > 1.0 && (waits / lasts - 1.0).abs() < AGREES;
    let by_supply = need.supply_days.filter(|lasts| need.intervals == 0 || agrees(*lasts));
    let known = match by_supply {
        Some(lasts) => supply(language, name, &pieces(bought.quantity), &last, lasts),
        None => rhythm(language, name, &last, need),
    };
    let outlook = outlook(language, name.is_some(), bought.last, need, today);
    match language {
        Language::English => format!("{known}; {outlook}."),
        Language::Chinese => format!("{known};{outlook}。"),
    }
}

fn care_sentence(language: Language, name: Option<&str>, last: String) -> String {
    match (language, name) {
        (Language::English, name) => format!("You bought {} on {last}.", name.unwrap_or("this")),
        (Language::Chinese, Some(name)) => format!("你在 {last}買了「{name}」。"),
        (Language::Chinese, None) => format!("你在 {last}買了這項商品。"),
    }
}

/// What the member's own intervals tell, or where there are none, what is usual.
fn rhythm(language: Language, name: Option<&str>, last: &str, need: &NeedEvidence) -> String {
    let interval = round_days(need.interval_days);
    match (language, need.intervals) {
        (Language::English, 0) => {
            let name = name.unwrap_or("This");
            format!("{name} usually lasts people about {}, and you last bought it on {last}", days(interval))
        }
        (Language::English, seen) => {
            let times = if seen == 1 { "once".to_owned() } else { format!("{seen} times") };
            let name = name.unwrap_or("this");
            format!("You usually buy {name} again after {} (seen {times}), last on {last}", days(interval))
        }
        (Language::Chinese, 0) => {
            format!("{}一般約 {interval} 天用完,你上次購買是 {last}", quoted(name))
        }
        (Language::Chinese, seen) => {
            format!("{}你通常每 {interval} 天回購一次(看過 {seen} 次),上次是 {last}", quoted(name))
        }
    }
}

/// What the brand knows: how long the last purchase lasts.
fn supply(language: Language, name: Option<&str>, pieces: &str, last: &str, lasts: f64) -> String {
    let lasts = round_days(lasts);
    match (language, name) {
        (Language::English, Some(name)) => {
            format!("You bought {pieces} of {name} on {last}, enough for about {}", days(lasts))
        }
        (Language::English, None) => {
            format!("You last bought {pieces} on {last}, enough for about {}", days(lasts))
        }
        (Language::Chinese, name) => {
            format!("{}上次 {last}買了 {pieces} 件,約可用 {lasts} 天", quoted(name))
        }
    }
}

/// When it is needed. Who has probably stopped hears of no date; a message, written to the member, never says so.
fn outlook(
    language: Language,
    in_message: bool,
    last: NaiveDate,
    need: &NeedEvidence,
    today: NaiveDate,
) -> String {
    let when = span(language, need.p25, need.p75, today);
    let unsure = need.still_buying < UNSURE;
    let overdue = (today - last).num_days() as f64 > need.interval_days;
    match (language, unsure) {
        (Language::English, true) if overdue && !in_message => {
            "you have probably stopped buying it".to_owned()
        }
        (Language::English, true) => format!("if you still use it, you will need it {when}"),
        (Language::English, false) => format!("you will probably need it {when}"),
        (Language::Chinese, true) if overdue && !in_message => "可能已不再買".to_owned(),
        (Language::Chinese, true) => format!("如果還在用,大約 {when}會需要"),
        (Language::Chinese, false) => format!("大約 {when}會需要"),
    }
}

/// A date as people say it; the year is left out where it is today's.
pub fn day(language: Language, date: NaiveDate, today: NaiveDate) -> String {
    dated(language, point(language, date, Detail::Day), year(date, today), Detail::Day)
}

/// A span of days as people say it, the less exactly the wider it is.
pub fn span(language: Language, from: NaiveDate, until: NaiveDate, today: NaiveDate) -> String {
    let detail = match (until - from).num_days() {
        width if width > SEASON => Detail::Month,
        width if width > MONTH => Detail::Third,
        _ => Detail::Day,
    };
    // One year for both ends is named once: last in English, first in Chinese.
    let one_year = from.year() == until.year();
    let from_year = year(from, today).filter(|_| !one_year || language == Language::Chinese);
    let until_year = year(until, today).filter(|_| !one_year || language == Language::English);
    let one_month = one_year && from.month() == until.month();
    let start = dated(language, point(language, from, detail), from_year, detail);
    let end = |text: String| dated(language, text, until_year, detail);
    match language {
        _ if from == until => around(language, from, today),
        Language::English if one_month => format!("between {start} and {}", end(until.day().to_string())),
        Language::English => format!("between {start} and {}", end(point(language, until, detail))),
        Language::Chinese if one_month => format!("{} 到 {} 日", start.trim_end_matches(" 日"), until.day()),
        Language::Chinese => format!("{start}到 {}", end(point(language, until, detail))),
    }
}

fn around(language: Language, date: NaiveDate, today: NaiveDate) -> String {
    let day = day(language, date, today);
    match language {
        Language::English => format!("around {day}"),
        Language::Chinese => day,
    }
}

/// How exactly a date is told.
#[derive(Clone, Copy, PartialEq)]
enum Detail {
    Day,
    Third,
    Month,
}

/// A date without its year.
fn point(language: Language, date: NaiveDate, detail: Detail) -> String {
    let third = (date.day0() / 10).min(2) as usize;
    match (language, detail) {
        (Language::English, Detail::Day) => date.format("%B %-d").to_string(),
        (Language::English, Detail::Third) => {
            format!("{}{}", ["early ", "mid-", "late "][third], date.format("%B"))
        }
        (Language::English, Detail::Month) => date.format("%B").to_string(),
        (Language::Chinese, Detail::Day) => format!("{} 月 {} 日", date.month(), date.day()),
        (Language::Chinese, Detail::Third) => format!("{} 月{}", date.month(), ["初", "中", "底"][third]),
        (Language::Chinese, Detail::Month) => format!("{} 月", date.month()),
    }
}

fn year(date: NaiveDate, today: NaiveDate) -> Option<i32> {
    (date.year() != today.year()).then_some(date.year())
}

fn dated(language: Language, date: String, year: Option<i32>, detail: Detail) -> String {
    match (language, year) {
        (_, None) => date,
        (Language::English, Some(year)) if detail == Detail::Day => format!("{date}, {year}"),
        (Language::English, Some(year)) => format!("{date} {year}"),
        (Language::Chinese, Some(year)) => format!("{year} 年 {date}"),
    }
}

fn quoted(name: Option<&str>) -> String {
    name.map(|name| format!("「{name}」")).unwrap_or_default()
}

fn days(count: i64) -> String {
    if count == 1 { "1 day".to_owned() } else { format!("{count} days") }
}

/// Pieces, to a tenth where they are sold by weight.
fn pieces(quantity: f64) -> String {
    ((quantity * 10.0).round() / 10.0).to_string()
}

/// An interval without false precision: whole days up to two months, then fives, then tens.
pub fn round_days(days: f64) -> i64 {
    let step = match days {
        d if d < 60.0 => 1.0,
        d if d < 120.0 => 5.0,
        _ => 10.0,
    };
    ((days / step).round() * step).max(1.0) as i64
}
