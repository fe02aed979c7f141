//! Owns how single values are written: durations, shares, hours, caps, zones; knows nothing of which key takes them.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::{TZ_VARIANTS, Tz};

use serde_json::json;

use super::reader::{Fault, Kind, did_you_mean};
use crate::domain::calendar::{DailyWindow, YearDay};
use crate::domain::member::Purpose;
use crate::domain::rate::Rate;
use crate::domain::rules::FrequencyCap;

/// Any text that is not empty.
pub fn text(name: &str, example: &str) -> Kind<'static, String> {
    Kind::text(name, example, |text| match text {
        "" => Err("it must not be empty".to_owned()),
        text => Ok(text.to_owned()),
    })
}

/// A currency by its ISO code.
pub fn currency() -> Kind<'static, String> {
    Kind::text("a currency", "TWD", |text| {
        match text.len() == 3 && text.chars().all(|c| c.is_ascii_uppercase()) {
            true => Ok(text.to_owned()),
            false => Err("write its ISO code: three capital letters".to_owned()),
        }
    })
}

/// One word of a closed list.
pub fn one_of<T: Copy + 'static>(words: &[(&'static str, T)]) -> Kind<'static, T> {
    let words = words.to_vec();
    let list = words.iter().map(|(w, _)| *w).collect::<Vec<_>>().join(", ");
    let example = words.first().map_or("", |(w, _)| w);
    let schema = json!({ "enum": words.iter().map(|(w, _)| *w).collect::<Vec<_>>() });
    Kind::text(&format!("one of {list}"), example, move |typed| {
        let found = words.iter().find(|(w, _)| *w == typed).map(|(_, value)| *value);
        found.ok_or_else(|| {
            format!("{}known here: {list}", did_you_mean(typed, words.iter().map(|(w, _)| *w)))
        })
    })
    .described(schema)
}

/// A whole number within `range`.
pub fn whole(range: RangeInclusive<i64>, example: &str) -> Kind<'static, i64> {
    let name = format!("a whole number from {} to {}", range.start(), range.end());
    let schema = json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() });
    Kind::new(&name, example, move |value| {
        let number = value.integer().ok_or(Fault::Type)?;
        if range.contains(&number) { Ok(number) } else { Err(Fault::Value("it is out of range".to_owned())) }
    })
    .described(schema)
}

/// A number of at least 1.
pub fn factor() -> Kind<'static, f64> {
    Kind::new("a number of at least 1", "3.0", |value| match value.number().ok_or(Fault::Type)? {
        number if number >= 1.0 => Ok(number),
        _ => Err(Fault::Value("each delay is at least as long as the one before".to_owned())),
    })
}

/// True or false.
pub fn switch() -> Kind<'static, bool> {
    Kind::new("true or false", "true", |value| value.boolean().ok_or(Fault::Type))
        .described(json!({ "type": "boolean" }))
}

/// A share from 0 to 1: `"20%"` or `0.2`.
pub fn share() -> Kind<'static, f64> {
    Kind::new("a share", "\"20%\"", |value| {
        let percent =
            || value.text()?.trim().strip_suffix('%')?.trim_end().parse::<f64>().ok().map(|p| p / 100.0);
        let advice =
            || Fault::Value("a share lies between \"0%\" and \"100%\", or between 0 and 1".to_owned());
        match value.number().or_else(percent) {
            Some(share) if (0.0..=1.0).contains(&share) => Ok(share),
            None if value.text().is_none() => Err(Fault::Type),
            _ => Err(advice()),
        }
    })
    .described(json!({ "anyOf": [
        { "type": "string", "pattern": r"^\s*[0-9.]+\s*%\s*$" },
        { "type": "number", "minimum": 0, "maximum": 1 },
    ]}))
}

fn spans() -> serde_json::Value {
    json!({ "type": "string", "pattern": "^[0-9]+[smhdw]$" })
}

/// A span of time, not negative and at most ten years: `90s 5m 12h 3d 2w`.
pub fn duration(example: &str) -> Kind<'static, TimeDelta> {
    Kind::text("a duration", example, parse_duration).described(spans())
}

/// How long a peer may take: far below the time after which a hand-over counts as dead.
pub fn patience(example: &str) -> Kind<'static, TimeDelta> {
    Kind::text("a duration", example, |text| match parse_duration(text)? {
        span if span.is_zero() || span > TimeDelta::minutes(1) => {
            Err("it must be longer than nothing and at most 60s".to_owned())
        }
        span => Ok(span),
    })
}

/// So many in so long: `20/s`, `600/m`, `1000/h`.
pub fn rate(example: &str) -> Kind<'static, Rate> {
    Kind::text("a rate", example, |text| {
        let advice = "a whole number, then /s, /m, /h or /d: 20/s is twenty a second, evenly spread";
        Rate::parse(text).ok_or_else(|| advice.to_owned())
    })
    .described(json!({ "type": "string", "pattern": "^[0-9]+/[smhd]$" }))
}

/// A span of time that is not zero.
pub fn some_time(example: &str) -> Kind<'static, TimeDelta> {
    Kind::text("a duration", example, |text| match parse_duration(text)? {
        span if span.is_zero() => Err("it must be longer than nothing".to_owned()),
        span => Ok(span),
    })
    .described(spans())
}

/// A span of whole days: `5d`, `2w`.
pub fn days(example: &str) -> Kind<'static, i32> {
    Kind::text("a number of days", example, |text| {
        let span = parse_duration(text)?;
        if span != TimeDelta::days(span.num_days()) {
            return Err("whole days only".to_owned());
        }
        i32::try_from(span.num_days()).map_err(|e| e.to_string())
    })
    .described(spans())
}

/// A day of one year: `2026-11-01`.
pub fn date() -> Kind<'static, NaiveDate> {
    Kind::text("a date", "2026-11-01", |text| {
        text.parse().map_err(|_| "a year, a month and a day, with hyphens between".to_owned())
    })
}

/// A duration, or `"off"`.
pub fn duration_or_off(example: &str) -> Kind<'static, Option<TimeDelta>> {
    Kind::text("a duration or \"off\"", example, |text| match text {
        "off" => Ok(None),
        text => parse_duration(text).map(Some),
    })
}

/// Hours of every day: `10:00-12:00`; past midnight when the second is the earlier.
pub fn daily_window(example: &str) -> Kind<'static, DailyWindow> {
    Kind::text("a window of hours", example, |text| {
        let advice = || "two times of day with a hyphen between".to_owned();
        let (from, until) = text.split_once(['-', '–']).ok_or_else(advice)?;
        match (time_of_day(from).ok_or_else(advice)?, time_of_day(until).ok_or_else(advice)?) {
            (from, until) if from == until => Err("it must not begin and end at the same minute".to_owned()),
            (from, until) => Ok(DailyWindow { from, until }),
        }
    })
}

/// At most so many messages in so long: `3 per 7d`, `reminder: 2 per 7d`.
pub fn frequency_cap() -> Kind<'static, FrequencyCap> {
    Kind::text("a frequency cap", "reminder: 2 per 7d", |text| {
        let (purpose, rest) = match text.split_once(':') {
            None => (None, text),
            Some(("reminder", rest)) => (Some(Purpose::Reminder), rest),
            Some(("care", rest)) => (Some(Purpose::Care), rest),
            Some((other, _)) => return Err(format!("`{other}` is neither reminder nor care")),
        };
        let advice = || "a count, `per`, and a duration".to_owned();
        let (count, within) = rest.split_once(" per ").ok_or_else(advice)?;
        let within = parse_duration(within.trim())?;
        match count.trim().parse().map_err(|_| advice())? {
            0 => Err("a cap of none silences everything: pause the rule or the channel instead".to_owned()),
            _ if within.is_zero() => Err("the span must be longer than nothing".to_owned()),
            count => Ok(FrequencyCap { purpose, count, within }),
        }
    })
}

/// A zone of the IANA database.
pub fn zone() -> Kind<'static, Tz> {
    Kind::text("a time zone", "Asia/Taipei", |text| {
        let names = TZ_VARIANTS.iter().map(|z| z.name());
        let unknown = |_| format!("{}zones are named as in the IANA database", did_you_mean(text, names));
        text.parse().map_err(unknown)
    })
}

/// A locale as BCP 47 writes it: `zh-TW`.
pub fn locale() -> Kind<'static, String> {
    Kind::text("a locale", "zh-TW", |text| {
        let mut parts = text.split('-');
        let language = parts
            .next()
            .is_some_and(|l| (2..=3).contains(&l.len()) && l.bytes().all(|b| b.is_ascii_alphabetic()));
        let rest = parts.all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
        if language && rest {
            Ok(text.to_owned())
        } else {
            Err("a language, then its region after a hyphen".to_owned())
        }
    })
}

/// A day that every year has: `11-08`, or `lunar 01-01` of the Chinese lunar calendar.
pub fn year_day(example: &str) -> Kind<'static, YearDay> {
    Kind::text("a month and day", example, |text| {
        let (lunar, day) = match text.strip_prefix("lunar ") {
            Some(day) => (true, day.trim_start()),
            None => (false, text),
        };
        let day = day.split_once('-').and_then(|(m, d)| Some((m.parse().ok()?, d.parse().ok()?)));
        match day {
            Some((month @ 1..=12, day @ 1..=30)) if lunar => Ok(YearDay::Lunar(month, day)),
            // Of the years, one with a 29 February.
            Some((month, day)) if !lunar && NaiveDate::from_ymd_opt(2028, month, day).is_some() => {
                Ok(YearDay::Solar(month, day))
            }
            _ => {
                Err("two digits for the month, two for the day; `lunar` before it where it is meant"
                    .to_owned())
            }
        }
    })
}

/// A name that is safe in ledgers, links and metrics.
pub fn identifier(name: &'static str, example: &str) -> Kind<'static, String> {
    Kind::text(name, example, |text| {
        let fits = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        match text.len() {
            1..=100 if text.chars().all(fits) => Ok(text.to_owned()),
            _ => Err("letters, digits, `-`, `_` and `.` only, at most 100 bytes".to_owned()),
        }
    })
}

/// A file or folder; a relative one lies under `base`.
pub fn path<'k>(name: &'static str, example: &str, base: &'k Path) -> Kind<'k, PathBuf> {
    Kind::text(name, example, |text| match text {
        "" => Err("it must not be empty".to_owned()),
        text => Ok(base.join(text)),
    })
}

fn parse_duration(text: &str) -> Result<TimeDelta, String> {
    let advice = || "a whole number and one of s, m, h, d, w".to_owned();
    let unit = text.chars().last().ok_or_else(advice)?;
    let number: i64 = text.strip_suffix(unit).and_then(|n| n.parse::<u32>().ok()).ok_or_else(advice)?.into();
    let span = match unit {
        's' => TimeDelta::try_seconds(number),
        'm' => TimeDelta::try_minutes(number),
        'h' => TimeDelta::try_hours(number),
        'd' => TimeDelta::try_days(number),
        'w' => TimeDelta::try_weeks(number),
        _ => return Err(advice()),
    };
    span.filter(|s| s.num_days() <= 3650).ok_or_else(|| "at most ten years, 3650d".to_owned())
}

/// `24:00` is the midnight that ends the day.
fn time_of_day(text: &str) -> Option<NaiveTime> {
    match text.trim() {
        "24:00" => Some(NaiveTime::MIN),
        text => NaiveTime::parse_from_str(text, "%H:%M").ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::Value;
    use std::fmt::Debug;

    fn understood<T: Debug>(kind: Kind<'_, T>, typed: &str) -> Option<T> {
        kind.understand(&Value::Text(typed.to_owned())).ok()
    }

    #[test]
    fn durations() {
        let rows = [("90s", 90), ("5m", 300), ("12h", 43_200), ("3d", 259_200), ("2w", 1_209_600), ("0d", 0)];
        for (text, seconds) in rows {
            assert_eq!(understood(duration("3d"), text), Some(TimeDelta::seconds(seconds)), "{text}");
        }
        for text in ["", "3", "d", "3 d", "-3d", "1.5h", "3D", "3天", "4294967296s", "999999w"] {
            assert_eq!(understood(duration("3d"), text), None, "{text}");
        }
        assert_eq!(understood(days("5d"), "48h"), Some(2));
        assert_eq!(understood(duration_or_off("36h"), "off"), Some(None));
    }

    #[test]
    fn shares() {
        for (value, expected) in [
            (Value::Text("20%".into()), Some(0.2)),
            (Value::Text(" 2.5 % ".into()), Some(0.025)),
            (Value::Word("0.2".into()), Some(0.2)),
            (Value::Number(0.2), Some(0.2)),
            (Value::Integer(1), Some(1.0)),
            (Value::Integer(20), None),
            (Value::Text("20".into()), None),
            (Value::Text("101%".into()), None),
            (Value::Text("NaN%".into()), None),
            (Value::Number(f64::NAN), None),
        ] {
            assert_eq!(share().understand(&value).ok(), expected, "{value:?}");
        }
    }

    #[test]
    fn hours_and_days_of_the_year() {
        let window = |text| understood(daily_window("10:00-12:00"), text);
        let time = |h, m| NaiveTime::from_hms_opt(h, m, 0).unwrap();
        assert_eq!(window("21:00-09:30"), Some(DailyWindow { from: time(21, 0), until: time(9, 30) }));
        assert_eq!(window("20:00 – 24:00"), Some(DailyWindow { from: time(20, 0), until: time(0, 0) }));
        for text in ["10:00", "10-12", "10:00-10:00", "00:00-24:00", "10:00-25:00", "10:00-12:00-14:00"] {
            assert_eq!(window(text), None, "{text}");
        }
        let day = |text| understood(year_day("11-08"), text);
        assert_eq!(day("11-08"), Some(YearDay::Solar(11, 8)));
        assert_eq!(day("02-29"), Some(YearDay::Solar(2, 29)));
        assert_eq!(day("lunar 12-28"), Some(YearDay::Lunar(12, 28)));
        for text in
            ["02-30", "13-01", "1108", "2026-11-08", "lunar 13-01", "lunar 12-31", "lunar01-01", "農曆 01-01"]
        {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn caps() {
        let cap = |purpose, count, days| Some(FrequencyCap { purpose, count, within: TimeDelta::days(days) });
        assert_eq!(understood(frequency_cap(), "3 per 7d"), cap(None, 3, 7));
        assert_eq!(understood(frequency_cap(), "reminder: 2 per 2w"), cap(Some(Purpose::Reminder), 2, 14));
        assert_eq!(understood(frequency_cap(), "care:1 per 1d"), cap(Some(Purpose::Care), 1, 1));
        for text in ["3", "3/7d", "-1 per 7d", "0 per 7d", "3 per 0d", "sms: 3 per 7d", "3 per week"] {
            assert_eq!(understood(frequency_cap(), text), None, "{text}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(understood(zone(), " Asia/Taipei "), Some(Tz::Asia__Taipei));
        assert_eq!(understood(locale(), "zh-Hant-TW").as_deref(), Some("zh-Hant-TW"));
        assert_eq!(understood(identifier("an id", "x"), "續購-1").as_deref(), Some("續購-1"));
        assert_eq!(understood(identifier("an id", "x"), "a/b"), None);
    }
}
