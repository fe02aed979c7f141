//! Owns how people write times: ISO 8601, what cannot be mistaken, and the forms that a shop declares; knows no zones.

use chrono::{NaiveDate, NaiveTime, TimeDelta};

/// The form of dates that a shop declares, read beside those that begin with a year of four digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateFormat {
    /// Year first, with four digits: `2026/3/2`.
    #[default]
    Ymd,
    /// Month first: `3/2/2026`.
    Mdy,
    /// Day first: `2/3/2026`.
    Dmy,
    /// Years of the Republic of China: `115/3/2`.
    Roc,
}

impl DateFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ymd, Self::Mdy, Self::Dmy, Self::Roc];

    /// Its word in settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ymd => "ymd",
            Self::Mdy => "mdy",
            Self::Dmy => "dmy",
            Self::Roc => "roc",
        }
    }

    /// What to write.
    pub fn example(self) -> &'static str {
        match self {
            Self::Ymd => "2026-03-02, 2026-03-02 15:20 or 2026-03-02T15:20:00+08:00",
            Self::Mdy => "03/02/2026, 03/02/2026 15:20 or 2026-03-02T15:20:00+08:00",
            Self::Dmy => "02/03/2026, 02/03/2026 15:20 or 2026-03-02T15:20:00+08:00",
            Self::Roc => "115/03/02, 115/03/02 15:20 or 2026-03-02T15:20:00+08:00",
        }
    }
}

/// A time as it is written.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// By the calendar.
    pub date: NaiveDate,
    /// By the clock; midnight when none is written.
    pub time: NaiveTime,
    /// From universal time.
    pub offset: Option<TimeDelta>,
}

/// A date: `2026-03-02`, `2026/3/2`, `2026.3.2`, `2026年3月2日`, `20260302`, or as declared; then, behind `T` or spaces,
/// `15:20`, `15:20:07`, `15:20:07.5`, `下午 03:20`, `3:20 PM`; then `Z`, `UTC`, `+0800`, `+08:00`, `+08`.
pub fn parse(text: &str, format: DateFormat) -> Option<Written> {
    let text = text.as_bytes();
    let mut rest = Rest(text);
    let date = rest.year_first().or_else(|| {
        rest = Rest(text);
        rest.declared(format)
    })?;
    let mut written = Written { date, time: NaiveTime::MIN, offset: None };
    if rest.0.is_empty() {
        return Some(written);
    }
    let parted = rest.eat(b"T") || rest.eat(b"t") || rest.eat(b",") | rest.spaces();
    let half = rest.half();
    if !parted && half.is_none() {
        return None;
    }
    written.time = rest.time(half)?;
    rest.spaces();
    written.offset = rest.offset()?;
    rest.0.is_empty().then_some(written)
}

/// The days since the end of 1899 as which spreadsheets keep times, from 1990 on.
pub fn serial(text: &str) -> Option<Written> {
    const FROM_1990: f64 = 32_874.0;
    const MILLIS_OF_DAY: f64 = 86_400_000.0;
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let days: f64 = text.parse().ok().filter(|days| is_plain && (FROM_1990..100_000.0).contains(days))?;
    let since = NaiveDate::from_ymd_opt(1899, 12, 30)?.and_time(NaiveTime::MIN);
    let at = since.checked_add_signed(TimeDelta::milliseconds((days * MILLIS_OF_DAY).round() as i64))?;
    Some(Written { date: at.date(), time: at.time(), offset: None })
}

/// Before or after noon.
#[derive(Clone, Copy)]
enum Half {
    Am,
    Pm,
}

const HALVES: [(&str, Half); 8] = [
    ("上午", Half::Am),
    ("下午", Half::Pm),
    ("AM", Half::Am),
    ("PM", Half::Pm),
    ("am", Half::Am),
    ("pm", Half::Pm),
    ("a.m.", Half::Am),
    ("p.m.", Half::Pm),
];

/// What is still to be read of a time.
struct Rest<'t>(&'t [u8]);

impl Rest<'_> {
    fn year_first(&mut self) -> Option<NaiveDate> {
        let year = self.number(4, 4)? as i32;
        let (month, day) = match self.month_and_day() {
            Some(parted) => parted,
            None => (self.number(2, 2)?, self.number(2, 2)?),
        };
        NaiveDate::from_ymd_opt(year, month, day)
    }

    fn declared(&mut self, format: DateFormat) -> Option<NaiveDate> {
        match format {
            DateFormat::Ymd => None,
            DateFormat::Mdy => {
                let (month, day, year) = self.year_last()?;
                NaiveDate::from_ymd_opt(year, month, day)
            }
            DateFormat::Dmy => {
                let (day, month, year) = self.year_last()?;
                NaiveDate::from_ymd_opt(year, month, day)
            }
            DateFormat::Roc => self.roc(),
        }
    }

    /// `115/3/2`, `民國115年3月2日`, `1150302`.
    fn roc(&mut self) -> Option<NaiveDate> {
        if self.eat("中華民國".as_bytes()) || self.eat("民國".as_bytes()) {
            self.spaces();
        }
        let (year, (month, day)) = match self.0.iter().take_while(|b| b.is_ascii_digit()).count() {
            digits @ 6..=7 => {
                (self.number(digits - 4, digits - 4)?, (self.number(2, 2)?, self.number(2, 2)?))
            }
            _ => (self.number(2, 3)?, self.month_and_day()?),
        };
        NaiveDate::from_ymd_opt(year as i32 + 1911, month, day)
    }

    /// What comes behind a year, with signs between.
    fn month_and_day(&mut self) -> Option<(u32, u32)> {
        if self.eat("年".as_bytes()) {
            let month = self.number(1, 2)?;
            let day = self.eat("月".as_bytes()).then(|| self.number(1, 2))??;
            return self.eat("日".as_bytes()).then_some((month, day));
        }
        let sign = self.sign()?;
        let month = self.number(1, 2)?;
        Some((month, self.eat(&[sign]).then(|| self.number(1, 2))??))
    }

    fn year_last(&mut self) -> Option<(u32, u32, i32)> {
        let first = self.number(1, 2)?;
        let sign = self.sign()?;
        let second = self.number(1, 2)?;
        let year = self.eat(&[sign]).then(|| self.number(4, 4))??;
        Some((first, second, year as i32))
    }

    fn sign(&mut self) -> Option<u8> {
        let sign = self.0.first().copied().filter(|sign| matches!(sign, b'-' | b'/' | b'.'))?;
        self.eat(&[sign]);
        Some(sign)
    }

    /// A time of day; `half` when its half of the day stood before it.
    fn time(&mut self, half: Option<Half>) -> Option<NaiveTime> {
        self.spaces();
        let hour = self.number(1, 2)?;
        let minute = self.eat(b":").then(|| self.number(2, 2))??;
        let (mut second, mut milli) = (0, 0);
        if self.eat(b":") {
            second = self.number(2, 2)?;
            milli = if self.eat(b".") || self.eat(b",") { self.millis()? } else { 0 };
        }
        self.spaces();
        let hour = match half.or_else(|| self.half()) {
            None => hour,
            Some(_) if hour > 12 => return None,
            Some(Half::Am) => hour % 12,
            Some(Half::Pm) => hour % 12 + 12,
        };
        NaiveTime::from_hms_milli_opt(hour, minute, second, milli)
    }

    fn half(&mut self) -> Option<Half> {
        let mut halves = HALVES.iter();
        halves.find(|(word, _)| self.eat(word.as_bytes())).map(|(_, half)| *half)
    }

    /// The outer `None`: that is no offset. The inner one: none is written.
    fn offset(&mut self) -> Option<Option<TimeDelta>> {
        if self.eat(b"Z") || self.eat(b"z") || self.eat(b"UTC") {
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
        let minutes = if self.eat(b":") || !self.0.is_empty() { self.number(2, 2)? } else { 0 };
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

    fn eat(&mut self, word: &[u8]) -> bool {
        let rest = self.0.strip_prefix(word);
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
