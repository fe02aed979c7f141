//! Owns how times are typed on the command line: an instant, a day, a span from now; knows nothing of what they bound.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::open::Open;
use crate::domain::calendar::instant;
use crate::domain::ids::Timestamp;

/// A time as typed; what it means depends on the clock and the shop's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// `90s 5m 12h 3d 2w`
    Span(TimeDelta),
    /// `2026-03-02`
    Day(NaiveDate),
    /// `2026-03-02 10:00`, by the shop's clock.
    Local(NaiveDateTime),
    /// `2026-03-02T10:00:00+08:00`
    Instant(Timestamp),
}

/// `--now`, for commands that look at another day than today.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct AtTime {
    /// Look at this time instead of now, as 2026-03-02 or 2026-03-02T10:00
    #[arg(long, value_name = "TIME", value_parser = Moment::parse_date)]
    pub now: Option<Moment>,
}

impl AtTime {
    /// The time to look at.
    pub fn of(&self, desk: &Open) -> Timestamp {
        self.now.map_or(desk.now, |moment| moment.start(desk.now, desk.knowledge.zone))
    }
}

impl Moment {
    /// A date or an instant; a span says nothing of which day is meant.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse_date(text: &str) -> Result<Self, String> {
        match text.parse()? {
            Moment::Span(_) => Err("expected a time, as 2026-03-02 or 2026-03-02T10:00".to_owned()),
            moment => Ok(moment),
        }
    }

    /// As the beginning of a stretch of the past: a span counts back from now, a day from its first instant.
    pub fn start(self, now: Timestamp, zone: Tz) -> Timestamp {
        match self {
            Moment::Span(span) => back(now, span),
            Moment::Day(day) => instant(zone, day, NaiveTime::MIN),
            Moment::Local(local) => instant(zone, local.date(), local.time()),
            Moment::Instant(at) => at,
        }
    }

    /// As the end of a stretch of the past: a span counts back from now, a day counts whole.
    pub fn end(self, now: Timestamp, zone: Tz) -> Timestamp {
        match self {
            Moment::Day(day) => instant(zone, day.succ_opt().unwrap_or(day), NaiveTime::MIN),
            other => other.start(now, zone),
        }
    }

    /// As an end to come: a span counts on from now, a day counts whole.
    pub fn ahead(self, now: Timestamp, zone: Tz) -> Timestamp {
        match self {
            Moment::Span(span) => now.checked_add_signed(span).unwrap_or(DateTime::<Utc>::MAX_UTC),
            other => other.end(now, zone),
        }
    }
}

fn back(now: Timestamp, span: TimeDelta) -> Timestamp {
    now.checked_sub_signed(span).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let local = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
        let local = local.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
        DateTime::parse_from_rfc3339(text)
            .map(|at| Moment::Instant(at.to_utc()))
            .ok()
            .or_else(|| local.map(Moment::Local))
            .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Moment::Day))
            .or_else(|| span(text).map(Moment::Span))
            .ok_or_else(|| {
                "expected a time, as 2026-03-02 or 2026-03-02T10:00, or a span, as 24h or 7d".to_owned()
            })
    }
}

fn span(text: &str) -> Option<TimeDelta> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let count: u32 = digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))?;
    TimeDelta::try_seconds(i64::from(count) * seconds)
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Taipei;

    use super::*;

    #[test]
    fn typed_times_bound_the_past_and_the_future() {
        let now: Timestamp = "2026-03-10T04:00:00Z".parse().unwrap();
        let cases = [
            // typed, as a beginning, as an end, as an end to come
            ("24h", "2026-03-09T04:00:00Z", "2026-03-09T04:00:00Z", "2026-03-11T04:00:00Z"),
            ("2w", "2026-02-24T04:00:00Z", "2026-02-24T04:00:00Z", "2026-03-24T04:00:00Z"),
            ("2026-03-02", "2026-03-01T16:00:00Z", "2026-03-02T16:00:00Z", "2026-03-02T16:00:00Z"),
            ("2026-03-02 10:00", "2026-03-02T02:00:00Z", "2026-03-02T02:00:00Z", "2026-03-02T02:00:00Z"),
            ("2026-03-02T10:00:30", "2026-03-02T02:00:30Z", "2026-03-02T02:00:30Z", "2026-03-02T02:00:30Z"),
            ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z"),
            (
                "2026-03-02T10:00:00+02:00",
                "2026-03-02T08:00:00Z",
                "2026-03-02T08:00:00Z",
                "2026-03-02T08:00:00Z",
            ),
        ];
        for (typed, start, end, ahead) in cases {
            let moment: Moment = typed.parse().unwrap();
            let told = [moment.start(now, Taipei), moment.end(now, Taipei), moment.ahead(now, Taipei)];
            assert_eq!(told, [start, end, ahead].map(|t| t.parse::<Timestamp>().unwrap()), "{typed}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for typed in
            ["", "h", "24", "-3d", "+3d", "3日", "2026-13-01", "03/02/2026", "tomorrow", "99999999999d"]
        {
            assert!(typed.parse::<Moment>().is_err(), "{typed}");
        }
        assert!(Moment::parse_date("24h").is_err());
        assert!(Moment::parse_date("2026-03-02").is_ok());
    }
}
