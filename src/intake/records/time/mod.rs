//! Owns how times of files become instants: the zone, what is too early or too late, what they look like that cannot be
//! read; knows nothing of records and of the clock.

mod seen;
#[cfg(test)]
mod tests;
mod written;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::cell::{shown, unmarked};
use crate::domain::calendar::instant;
use crate::domain::ids::Timestamp;
use crate::intake::rows::Bad;
use written::{Written, parse, serial};

pub use seen::{Look, Looks};
pub use written::DateFormat;

/// Reads times; those without an offset are in the shop's zone.
pub struct Times {
    zone: Tz,
    latest: Timestamp,
    format: DateFormat,
    /// True when numbers may be a spreadsheet's days.
    serials: bool,
    /// The day read last and its offset, unless summer time begins or ends on it.
    day: Option<(NaiveDate, Option<TimeDelta>)>,
    /// The text read last and its time: the lines of an order mostly share it.
    last: (String, Timestamp),
    /// What the times of the file looked like.
    pub looks: Looks,
}

const EARLIEST: i32 = 1990;

impl Times {
    /// Times in this zone, written so; what is later than `latest` has not happened. `serials`: from a workbook, where some
    /// dates are numbers.
    pub fn new(zone: Tz, latest: Timestamp, format: DateFormat, serials: bool) -> Self {
        let (day, last, looks) = (None, Default::default(), Looks::default());
        Self { zone, latest, format, serials, day, last, looks }
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
        self.looks.all += 1;
        if self.last.0 != text {
            self.last = (text.to_owned(), self.read(text)?);
        }
        Ok(self.last.1)
    }

    fn read(&mut self, text: &str) -> Result<Timestamp, Bad> {
        let Some(written) = self.parse(unmarked(text)) else {
            self.looks.note(unmarked(text), self.format, EARLIEST..=self.latest.year() + 1);
            return Err(format!("{} is no time; write {}", shown(text), self.format.example()));
        };
        if written.date.year() < EARLIEST {
            return Err(format!("{} is before {EARLIEST}", shown(text)));
        }
        let local = written.date.and_time(written.time);
        let at = match written.offset {
            Some(offset) => local.checked_sub_signed(offset).map(|at| at.and_utc()),
            None => Some(self.in_zone(local)),
        };
        let at = at.ok_or_else(|| format!("{} is out of range", shown(text)))?;
        self.looks.example.get_or_insert_with(|| (text.to_owned(), at));
        Ok(at)
    }

    fn parse(&self, text: &str) -> Option<Written> {
        parse(text, self.format).or_else(|| serial(text).filter(|_| self.serials))
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
