//! Owns when a message may go: zones, quiet hours, send windows, festivals; knows nothing of what is sent.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta, TimeZone, Weekday};
use chrono_tz::Tz;

use super::ids::{Day, Timestamp};
use super::lunar;

/// Hours of every day, member-local; wraps past midnight when `until` is not after `from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyWindow {
    /// The first minute inside.
    pub from: NaiveTime,
    /// The first minute outside again.
    pub until: NaiveTime,
}

impl DailyWindow {
    /// True when `time` lies inside.
    pub fn contains(&self, time: NaiveTime) -> bool {
        if self.from < self.until {
            self.from <= time && time < self.until
        } else {
            time >= self.from || time < self.until
        }
    }

    /// True when it never opens outside `other`.
    pub fn lies_within(&self, other: DailyWindow) -> bool {
        let opens = [self.from, other.until];
        !opens.into_iter().any(|t| self.contains(t) && !other.contains(t))
    }
}

/// When a rule sends, member-local.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendWindow {
    /// The hours; every hour when absent.
    pub hours: Option<DailyWindow>,
    /// The weekdays.
    pub days: Weekdays,
}

/// Some days of the week; all of them by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekdays(u8);

impl Default for Weekdays {
    fn default() -> Self {
        Self(0b111_1111)
    }
}

impl FromIterator<Weekday> for Weekdays {
    fn from_iter<T: IntoIterator<Item = Weekday>>(days: T) -> Self {
        Self(days.into_iter().fold(0, |set, day| set | 1 << day.num_days_from_monday()))
    }
}

impl Weekdays {
    fn contains(self, day: Weekday) -> bool {
        self.0 & 1 << day.num_days_from_monday() != 0
    }
}

/// A named time of the year, from one day to another, both included, in the shop's calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Festival {
    /// Its name for people.
    pub name: String,
    /// Its first day.
    pub from: YearDay,
    /// Its last day: the first such day that is not before `from`.
    pub until: YearDay,
    /// What happens to messages that fall due in it.
    pub action: FestivalAction,
}

/// A day that every year has. Where a year's month is shorter, its last day is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum YearDay {
    /// Month and day.
    Solar(u32, u32),
    /// Month and day of the Chinese lunar calendar.
    Lunar(u32, u32),
}

impl YearDay {
    /// The day in the year, of its own calendar, that begins in `year`; `None` beyond what the calendar covers.
    pub fn in_year(self, year: i32) -> Option<Day> {
        let date = match self {
            // Of all bounds only 29 February is not in every year.
            YearDay::Solar(month, day) => NaiveDate::from_ymd_opt(year, month, day)
                .or_else(|| NaiveDate::from_ymd_opt(year, month, day.checked_sub(1)?)),
            YearDay::Lunar(month, day) => lunar::date(year, month, day),
        };
        date.map(Day::from)
    }
}

/// What happens to messages that fall due in a festival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FestivalAction {
    /// They go after it.
    Hold,
    /// They go before it.
    PullForward,
    /// They go together on its first day.
    Merge,
}

impl Festival {
    /// Its first and last day in the year, of the calendar of `from`, that begins in `year`.
    pub fn span(&self, year: i32) -> Option<(Day, Day)> {
        let from = self.from.in_year(year)?;
        let until =
            (year - 1..=year + 2).filter_map(|year| self.until.in_year(year)).find(|day| *day >= from)?;
        Some((from, until))
    }

    /// The day on which a message goes that falls due on `day`.
    pub fn moves(&self, day: Day) -> Option<Day> {
        // A festival over the turn of a year began in the year before; a lunar year ends in the next solar one.
        let year = day.date().year();
        let spans = (year - 2..=year).filter_map(|year| self.span(year));
        let (from, until) = spans.into_iter().find(|(from, until)| *from <= day && day <= *until)?;
        Some(match self.action {
            FestivalAction::Hold => until.plus(1),
            FestivalAction::PullForward => from.plus(-1),
            FestivalAction::Merge => from,
        })
    }
}

/// The hours that one rule may use for one member.
#[derive(Debug, Clone, Copy)]
pub struct Hours {
    /// The member's zone.
    pub zone: Tz,
    /// Hours in which nothing is sent.
    pub quiet: Option<DailyWindow>,
    /// When the rule sends.
    pub window: SendWindow,
}

impl Hours {
    /// True when a message may go at `at`.
    pub fn allow(&self, at: Timestamp) -> bool {
        let local = self.zone.from_utc_datetime(&at.naive_utc());
        self.window.days.contains(local.weekday())
            && self.window_allows(local.time())
            && !self.quiet.is_some_and(|q| q.contains(local.time()))
    }

    /// A window that lies wholly inside the quiet hours would never send; the quiet hours then stand alone.
    fn window_allows(&self, time: NaiveTime) -> bool {
        let swallowed = |window: DailyWindow| self.quiet.is_some_and(|quiet| window.lies_within(quiet));
        self.window.hours.is_none_or(|w| w.contains(time) || swallowed(w))
    }

    /// The longest time, week in, week out, in which nothing may go.
    pub fn longest_closed(&self) -> TimeDelta {
        let step = TimeDelta::minutes(15);
        let start = Timestamp::UNIX_EPOCH;
        // Two weeks, because the longest may lie over a week's end.
        let (mut longest, mut closed) = (TimeDelta::zero(), TimeDelta::zero());
        for n in 0..2 * 7 * 24 * 4 {
            closed = if self.allow(start + step * n) { TimeDelta::zero() } else { closed + step };
            longest = longest.max(closed);
        }
        longest
    }

    /// The first instant at or after `from` at which a message may go.
    pub fn next(&self, from: Timestamp) -> Timestamp {
        if self.allow(from) {
            return from;
        }
        let today = self.zone.from_utc_datetime(&from.naive_utc()).date_naive();
        let opens = [self.window.hours.map(|w| w.from), self.quiet.map(|q| q.until), Some(NaiveTime::MIN)];
        // A weekday comes round within a week.
        let days = today.iter_days().take(9);
        let mut candidates: Vec<Timestamp> = days
            .flat_map(|date| opens.into_iter().flatten().map(move |time| (date, time)))
            .map(|(date, time)| instant(self.zone, date, time))
            .filter(|at| *at > from && self.allow(*at))
            .collect();
        candidates.sort();
        candidates.first().copied().unwrap_or(from)
    }

    /// The first instant of `day`, by the member's clock, at which a message may go.
    pub fn first_of(&self, day: Day) -> Timestamp {
        self.next(instant(self.zone, day.date(), NaiveTime::MIN))
    }
}

/// The day moved by the first festival that has a say in it.
pub fn around_festivals(day: Day, festivals: &[Festival]) -> Day {
    festivals.iter().find_map(|f| f.moves(day)).unwrap_or(day)
}

/// The instant of a local date and time; inside a gap of summer time, the first instant after the gap.
pub fn instant(zone: Tz, date: NaiveDate, time: NaiveTime) -> Timestamp {
    let mut local = date.and_time(time);
    // No zone has ever skipped more than a day.
    for _ in 0..100 {
        if let Some(at) = zone.from_local_datetime(&local).earliest() {
            return at.to_utc();
        }
        local += TimeDelta::minutes(15);
    }
    local.and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America::New_York, Asia::Taipei};

    fn window(from: &str, until: &str) -> DailyWindow {
        let time = |s| NaiveTime::parse_from_str(s, "%H:%M").unwrap();
        DailyWindow { from: time(from), until: time(until) }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn first_instant_respects_quiet_hours_and_window() {
        let day = Day::from(NaiveDate::from_ymd_opt(2026, 3, 2).unwrap());
        let cases = [
            (None, None, "2026-03-01T16:00:00Z"),
            (Some(window("21:00", "09:00")), None, "2026-03-02T01:00:00Z"),
            (None, Some(window("10:00", "12:00")), "2026-03-02T02:00:00Z"),
            (Some(window("21:00", "11:00")), Some(window("10:00", "12:00")), "2026-03-02T03:00:00Z"),
            // the window never opens outside the quiet hours: these stand alone
            (Some(window("21:00", "13:00")), Some(window("10:00", "12:00")), "2026-03-02T05:00:00Z"),
        ];
        for (quiet, window, expected) in cases {
            let window = SendWindow { hours: window, ..SendWindow::default() };
            let hours = Hours { zone: Taipei, quiet, window };
            assert_eq!(hours.first_of(day), at(expected), "{quiet:?} {window:?}");
        }
    }

    #[test]
    fn only_the_weekdays_of_the_rule_count() {
        // 2026-03-02 is a Monday
        let first = |days: &[Weekday], hours, from: &str| {
            let window = SendWindow { hours, days: days.iter().copied().collect() };
            Hours { zone: Taipei, quiet: None, window }.next(at(from))
        };
        let noon = "2026-03-02T04:00:00Z";
        assert_eq!(first(&[Weekday::Mon], None, noon), at(noon));
        assert_eq!(first(&[Weekday::Tue, Weekday::Sun], None, noon), at("2026-03-02T16:00:00Z"));
        let morning = Some(window("10:00", "12:00"));
        assert_eq!(first(&[Weekday::Mon], morning, noon), at("2026-03-09T02:00:00Z"));
        assert_eq!(first(&[Weekday::Sat], morning, noon), at("2026-03-07T02:00:00Z"));
    }

    #[test]
    fn summer_time_gap_moves_to_the_first_instant_after_it() {
        let window = SendWindow { hours: Some(window("02:30", "04:00")), ..SendWindow::default() };
        let hours = Hours { zone: New_York, quiet: None, window };
        let day = Day::from(NaiveDate::from_ymd_opt(2026, 3, 8).unwrap());
        assert_eq!(hours.first_of(day), at("2026-03-08T07:00:00Z"));
    }

    #[test]
    fn festivals_move_days_also_over_the_turn_of_a_year() {
        use YearDay::{Lunar, Solar};
        let day = |text: &str| Day::from(text.parse::<NaiveDate>().unwrap());
        let rows = [
            (Solar(11, 8), Solar(11, 12), FestivalAction::Hold, "2026-11-10", Some("2026-11-13")),
            (Solar(11, 8), Solar(11, 12), FestivalAction::Hold, "2026-11-13", None),
            (Solar(12, 30), Solar(1, 2), FestivalAction::PullForward, "2027-01-01", Some("2026-12-29")),
            (Solar(12, 30), Solar(1, 2), FestivalAction::PullForward, "2026-12-31", Some("2026-12-29")),
            // a leap day falls to the 28th where there is none
            (Solar(2, 29), Solar(2, 29), FestivalAction::Hold, "2028-02-29", Some("2028-03-01")),
            (Solar(2, 29), Solar(2, 29), FestivalAction::Hold, "2028-02-28", None),
            (Solar(2, 29), Solar(2, 29), FestivalAction::Hold, "2026-02-28", Some("2026-03-01")),
            (Solar(2, 20), Solar(2, 29), FestivalAction::Hold, "2027-02-28", Some("2027-03-01")),
            // the last month of this lunar year has 29 days, and the feast lies over its end
            (Lunar(12, 28), Lunar(1, 5), FestivalAction::Hold, "2026-02-17", Some("2026-02-22")),
            (Lunar(12, 28), Lunar(1, 5), FestivalAction::Merge, "2026-02-20", Some("2026-02-15")),
            (Lunar(12, 28), Lunar(1, 5), FestivalAction::Hold, "2026-02-14", None),
            (Lunar(12, 28), Lunar(1, 5), FestivalAction::Hold, "2027-02-03", None),
            (Lunar(12, 28), Lunar(1, 5), FestivalAction::PullForward, "2027-02-10", Some("2027-02-03")),
            (Lunar(12, 30), Lunar(12, 30), FestivalAction::Hold, "2026-02-16", Some("2026-02-17")),
            // one bound in each calendar
            (Solar(1, 25), Lunar(1, 5), FestivalAction::Hold, "2026-02-21", Some("2026-02-22")),
            (Lunar(12, 28), Solar(1, 10), FestivalAction::Hold, "2026-01-05", Some("2026-01-11")),
        ];
        for (from, until, action, due, expected) in rows {
            let festival = Festival { name: String::new(), from, until, action };
            assert_eq!(festival.moves(day(due)), expected.map(day), "{festival:?} {due}");
        }
    }
}
