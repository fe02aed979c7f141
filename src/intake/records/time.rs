//! Owns how people write times: ISO 8601 and what cannot be mistaken; knows nothing of records and of the clock.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::cell::shown;
use crate::domain::calendar::instant;
use crate::domain::ids::Timestamp;
use crate::intake::rows::Bad;

/// Reads times; those without an offset are in the shop's zone.
pub struct Times {
    zone: Tz,
    latest: Timestamp,
    /// The day read last and its offset, unless summer time begins or ends on it.
    day: Option<(NaiveDate, Option<TimeDelta>)>,
    /// The text read last and its time: the lines of an order mostly share it.
    last: (String, Timestamp),
}

const EARLIEST: i32 = 1990;

impl Times {
    /// Times in this zone; what is later than `latest` has not happened.
    pub fn new(zone: Tz, latest: Timestamp) -> Self {
        Self { zone, latest, day: None, last: Default::default() }
    }

    /// A time that has come.
    pub fn past(&mut self, text: &str) -> Result<Timestamp, Bad> {
        let at = self.any(text)?;
        if at > self.latest {
            return Err(format!("{} is in the future", shown(text)));
        }
        Ok(at)
    }

    /// A time, to the millisecond.
    pub fn any(&mut self, text: &str) -> Result<Timestamp, Bad> {
        if text.is_empty() {
            return Err("is missing".to_owned());
        }
        if self.last.0 != text {
            self.last = (text.to_owned(), self.read(text)?);
        }
        Ok(self.last.1)
    }

    fn read(&mut self, text: &str) -> Result<Timestamp, Bad> {
        let written = parse(text.as_bytes()).ok_or_else(|| {
            format!(
                "{} is no time; write 2026-03-02, 2026-03-02 15:20 or 2026-03-02T15:20:00+08:00",
                shown(text)
            )
        })?;
        if written.date.year() < EARLIEST {
            return Err(format!("{} is before {EARLIEST}", shown(text)));
        }
        let local = written.date.and_time(written.time);
        let at = match written.offset {
            Some(offset) => local.checked_sub_signed(offset).map(|at| at.and_utc()),
            None => Some(self.in_zone(local)),
        };
        at.ok_or_else(|| format!("{} is out of range", shown(text)))
    }

    fn in_zone(&mut self, local: NaiveDateTime) -> Timestamp {
        let date = local.date();
        let offset = match self.day {
            Some((day, offset)) if day == date => offset,
            _ => {
                let offset = self.offset_all_day(date);
                self.day = Some((date, offset));
                offset
            }
        };
        match offset {
            Some(offset) => (local - offset).and_utc(),
            None => instant(self.zone, date, local.time()),
        }
    }

    fn offset_all_day(&self, date: NaiveDate) -> Option<TimeDelta> {
        let offset = |date: NaiveDate| {
            let midnight = self.zone.offset_from_local_datetime(&date.and_time(NaiveTime::MIN));
            midnight.single().map(|o| o.fix().local_minus_utc())
        };
        let first = offset(date)?;
        (offset(date.succ_opt()?)? == first).then(|| TimeDelta::seconds(first.into()))
    }
}

/// A time as it is written.
struct Written {
    date: NaiveDate,
    time: NaiveTime,
    offset: Option<TimeDelta>,
}

/// `2026-03-02`, `2026/3/2`, `20260302`; then `T` or spaces and `15:20`, `15:20:07`, `15:20:07.5`; then `Z`,
/// `+0800`, `+08:00`, `+08`.
fn parse(text: &[u8]) -> Option<Written> {
    let mut rest = Rest(text);
    let date = rest.date()?;
    let mut written = Written { date, time: NaiveTime::MIN, offset: None };
    if rest.0.is_empty() {
        return Some(written);
    }
    if !rest.eat(b'T') && !rest.eat(b't') && !rest.spaces() {
        return None;
    }
    written.time = rest.time()?;
    rest.spaces();
    written.offset = rest.offset()?;
    rest.0.is_empty().then_some(written)
}

/// What is still to be read of a time.
struct Rest<'t>(&'t [u8]);

impl Rest<'_> {
    fn date(&mut self) -> Option<NaiveDate> {
        let year = self.number(4, 4)? as i32;
        let sign = self.0.first().copied()?;
        let (month, day) = match sign {
            b'-' | b'/' => {
                self.eat(sign);
                let month = self.number(1, 2)?;
                (month, self.eat(sign).then(|| self.number(1, 2))??)
            }
            _ => (self.number(2, 2)?, self.number(2, 2)?),
        };
        NaiveDate::from_ymd_opt(year, month, day)
    }

    fn time(&mut self) -> Option<NaiveTime> {
        let hour = self.number(1, 2)?;
        let minute = self.eat(b':').then(|| self.number(2, 2))??;
        let second = if self.eat(b':') {
            self.number(2, 2)?
        } else {
            return NaiveTime::from_hms_opt(hour, minute, 0);
        };
        let milli = if self.eat(b'.') || self.eat(b',') { self.millis()? } else { 0 };
        NaiveTime::from_hms_milli_opt(hour, minute, second, milli)
    }

    /// The outer `None`: that is no offset. The inner one: none is written.
    fn offset(&mut self) -> Option<Option<TimeDelta>> {
        if self.eat(b'Z') || self.eat(b'z') {
            return Some(Some(TimeDelta::zero()));
        }
        let sign = match self.0.first() {
            None => return Some(None),
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        self.0 = &self.0[1..];
        let hours = self.number(2, 2)?;
        let minutes = if self.eat(b':') || !self.0.is_empty() { self.number(2, 2)? } else { 0 };
        let minutes = (hours <= 15 && minutes < 60).then_some(i64::from(hours * 60 + minutes))?;
        Some(Some(TimeDelta::minutes(sign * minutes)))
    }

    /// The first three digits of a fraction count, as they do in the ledger.
    fn millis(&mut self) -> Option<u32> {
        let digits = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (fraction, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        (digits > 0)
            .then(|| fraction.iter().chain(b"000").take(3).fold(0, |n, b| n * 10 + u32::from(b - b'0')))
    }

    fn number(&mut self, at_least: usize, at_most: usize) -> Option<u32> {
        let digits = self.0.iter().take(at_most).take_while(|b| b.is_ascii_digit()).count();
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        (digits >= at_least).then(|| number.iter().fold(0, |n, b| n * 10 + u32::from(b - b'0')))
    }

    fn eat(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn spaces(&mut self) -> bool {
        let rest = self.0.trim_ascii_start();
        let any = rest.len() < self.0.len();
        self.0 = rest;
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America::New_York, Asia::Taipei};
    use proptest::prelude::*;

    fn times(zone: Tz) -> Times {
        Times::new(zone, "2026-03-03T15:59:59Z".parse().unwrap())
    }

    fn utc(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let cases = [
            ("2026-03-02", "2026-03-01T16:00:00Z"),
            ("2026/3/2", "2026-03-01T16:00:00Z"),
            ("2026-3-2", "2026-03-01T16:00:00Z"),
            ("20260302", "2026-03-01T16:00:00Z"),
            ("2026-03-02T15:20", "2026-03-02T07:20:00Z"),
            ("2026-03-02 15:20", "2026-03-02T07:20:00Z"),
            ("2026/03/02 15:20", "2026-03-02T07:20:00Z"),
            ("2026/3/2 9:05:07", "2026-03-02T01:05:07Z"),
            ("2026-03-02T15:20:07", "2026-03-02T07:20:07Z"),
            ("2026-03-02T15:20:07.5", "2026-03-02T07:20:07.500Z"),
            ("2026-03-02T15:20:07,123456789", "2026-03-02T07:20:07.123Z"),
            ("2026-03-02T15:20:07Z", "2026-03-02T15:20:07Z"),
            ("2026-03-02t15:20z", "2026-03-02T15:20:00Z"),
            ("2026-03-02T15:20:07+09:00", "2026-03-02T06:20:07Z"),
            ("2026-03-02T15:20:07-0330", "2026-03-02T18:50:07Z"),
            ("2026-03-02T15:20+02", "2026-03-02T13:20:00Z"),
            ("2025-10-07 09:50:26 +0200", "2025-10-07T07:50:26Z"),
            ("1990-01-01", "1989-12-31T16:00:00Z"),
            ("2024-02-29", "2024-02-28T16:00:00Z"),
            ("2026-03-03 23:59:59", "2026-03-03T15:59:59Z"),
        ];
        let mut times = times(Taipei);
        for (text, expected) in cases {
            assert_eq!(times.past(text), Ok(utc(expected)), "{text}");
            assert!(times.past("never").is_err());
            assert_eq!(times.past(text), Ok(utc(expected)), "{text} again");
        }
    }

    #[test]
    fn what_is_no_time_is_rejected() {
        let cases = [
            "",
            "yesterday",
            "2026",
            "2026-03",
            "2026-13-01",
            "2026-02-30",
            "2026-03/02",
            "03/02/2026",
            "115/03/02",
            "26-03-02",
            "0115-03-02",
            "1989-12-31",
            "2026-03-02T",
            "2026-03-02T15",
            "2026-03-02T24:00",
            "2026-03-02 15:60",
            "2026-03-02 15:20:60",
            "2026-03-02 15:20:07.",
            "2026-03-02 15:20 +8",
            "2026-03-02 15:20 +16:00",
            "2026-03-02 15:20 +08:0",
            "2026-03-02 15:20 +08:",
            "2026-03-02 15:20 PM",
            "2026-03-02x15:20",
            "2026-03-02 15:20Z+08:00",
            "2026030",
            "202603021",
            "2026-03-04",
            "2026-03-04 00:00",
            "9999-12-31",
            "2026-03-02T15:20:07+",
            "２０２６-03-02",
            "-2026-03-02",
            "45000",
        ];
        let mut times = times(Taipei);
        for text in cases {
            assert!(times.past(text).is_err(), "{text}");
        }
        assert!(times.any("9999-12-31 23:59 -0100").is_ok());
    }

    #[test]
    fn summer_time_is_the_zones() {
        let cases = [
            ("2025-03-09 01:59", "2025-03-09T06:59:00Z"),
            ("2025-03-09 02:30", "2025-03-09T07:00:00Z"), // skipped: the first instant after the gap
            ("2025-03-09 03:00", "2025-03-09T07:00:00Z"),
            ("2025-03-08 12:00", "2025-03-08T17:00:00Z"),
            ("2025-11-02 01:30", "2025-11-02T05:30:00Z"), // twice: the earlier one
            ("2025-11-03", "2025-11-03T05:00:00Z"),
            ("2025-07-01", "2025-07-01T04:00:00Z"),
        ];
        let mut times = times(New_York);
        for (text, expected) in cases {
            assert_eq!(times.past(text), Ok(utc(expected)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_offset_of_a_day_is_that_of_all_its_instants(minutes in 0..52_000_000i64, zone in 0..chrono_tz::TZ_VARIANTS.len()) {
            let zone = chrono_tz::TZ_VARIANTS[zone];
            let local = NaiveDate::from_ymd_opt(1990, 1, 1).unwrap().and_time(NaiveTime::MIN) + TimeDelta::minutes(minutes);
            let read = times(zone).any(&local.format("%Y-%m-%d %H:%M").to_string());
            prop_assert_eq!(read, Ok(instant(zone, local.date(), local.time())));
        }

        #[test]
        fn no_text_panics(text in "\\PC*|[0-9T:+Z/. -]{0,30}") {
            let _ = times(Taipei).any(&text);
        }
    }
}
