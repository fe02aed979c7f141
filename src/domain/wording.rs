//! Owns the sentences the product itself says to members, rounded as a person would; knows nothing of templates.

use chrono::{Datelike, NaiveDate};

use super::happening;
use super::occasion::{Evidence, NeedEvidence};
use super::reason::Language;

/// Why a message came: what it knows, in one sentence, in the member's language.
pub fn why(language: Language, name: &str, evidence: &Evidence) -> String {
    if let Some((event, on)) = &evidence.event {
        return happening::sentence(language, event, *on);
    }
    let Some(last) = evidence.last_purchase else { return String::new() };
    match &evidence.need {
        Some(need) => need_sentence(language, name, last, need),
        None => match language {
            Language::English => format!("You bought {name} on {}.", day(language, last)),
            Language::Chinese => format!("你在 {}買了「{name}」。", day(language, last)),
        },
    }
}

fn need_sentence(language: Language, name: &str, last: NaiveDate, need: &NeedEvidence) -> String {
    let interval = round_days(need.interval_days);
    let seen = need.intervals;
    let last = day(language, last);
    let when = span(language, need.p25, need.p75);
    match (language, seen) {
        (Language::English, 0) => {
            format!(
                "{name} usually lasts people about {interval} days; you bought it on {last} and will probably need it {when}."
            )
        }
        (Language::English, _) => {
            let times = if seen == 1 { "once".to_owned() } else { format!("{seen} times") };
            format!(
                "You usually buy {name} again after {interval} days (seen {times}), last on {last}; you will probably need it {when}."
            )
        }
        (Language::Chinese, 0) => {
            format!("「{name}」一般約 {interval} 天用完,你上次購買是 {last};大約 {when}會需要。")
        }
        (Language::Chinese, _) => {
            format!(
                "「{name}」你通常每 {interval} 天回購一次(看過 {seen} 次),上次是 {last};大約 {when}會需要。"
            )
        }
    }
}

/// A date as people say it: the year is left out.
pub fn day(language: Language, date: NaiveDate) -> String {
    match language {
        Language::English => date.format("%B %-d").to_string(),
        Language::Chinese => format!("{} 月 {} 日", date.month(), date.day()),
    }
}

/// A span of days as people say it; months apart, only the months.
pub fn span(language: Language, from: NaiveDate, until: NaiveDate) -> String {
    let one_month = (from.year(), from.month()) == (until.year(), until.month());
    match language {
        Language::English if from == until => format!("around {}", day(language, from)),
        Language::English if one_month => format!("between {} and {}", day(language, from), until.day()),
        Language::English => format!("between {} and {}", day(language, from), day(language, until)),
        Language::Chinese if from == until => format!("{} 月 {} 日", from.month(), from.day()),
        Language::Chinese if one_month => format!("{} 月 {} 到 {} 日", from.month(), from.day(), until.day()),
        Language::Chinese => {
            format!("{} 月 {} 日到 {} 月 {} 日", from.month(), from.day(), until.month(), until.day())
        }
    }
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
