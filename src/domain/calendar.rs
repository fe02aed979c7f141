//! Owns when a message may go: zones, quiet hours, send windows, festivals; knows nothing of what is sent.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta, TimeZone, Weekday};
use chrono_tz::Tz;

use super::ids::{Day, Timestamp};

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
    /// Month and day of its first day.
    pub from: (u32, u32),
    /// Month and day of its last day; before `from` it ends in the next year.
    pub until: (u32, u32),
    /// What happens to messages that fall due in it.
    pub action: FestivalAction,
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
    /// Its first day in a year.
    pub fn starts_in(&self, year: i32) -> Option<Day> {
        NaiveDate::from_ymd_opt(year, self.from.0, self.from.1).map(Day::from)
    }

    /// The day on which a message goes that falls due on `day`.
    pub fn moves(&self, day: Day) -> Option<Day> {
        let date = day.date();
        let on = |year: i32, (month, day): (u32, u32)| NaiveDate::from_ymd_opt(year, month, day);
        // A festival over the turn of the year covers `day` from the year before or from this year.
        [date.year() - 1, date.year()].into_iter().find_map(|year| {
            let from = on(year, self.from)?;
            let until = on(year + i32::from(self.until < self.from), self.until)?;
            (from <= date && date <= until).then(|| match self.action {
                FestivalAction::Hold => Day::from(until).plus(1),
                FestivalAction::PullForward => Day::from(from).plus(-1),
                FestivalAction::Merge => Day::from(from),
            })
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
        self.window.hours.is_none_or(|w| w.contains(time) || self.window_is_swallowed(w))
    }

    fn window_is_swallowed(&self, window: DailyWindow) -> bool {
        let Some(quiet) = self.quiet else { return false };
        let opens = [window.from, quiet.until];
        !opens.into_iter().any(|t| window.contains(t) && !quiet.contains(t))
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
    fn festivals_move_days_also_over_the_turn_of_the_year() {
        let festival = |from, until, action| Festival { name: String::new(), from, until, action };
        let day = |y, m, d| Day::from(NaiveDate::from_ymd_opt(y, m, d).unwrap());
        let eleven = festival((11, 8), (11, 12), FestivalAction::Hold);
        assert_eq!(eleven.moves(day(2026, 11, 10)), Some(day(2026, 11, 13)));
        assert_eq!(eleven.moves(day(2026, 11, 13)), None);
        let new_year = festival((12, 30), (1, 2), FestivalAction::PullForward);
        assert_eq!(new_year.moves(day(2027, 1, 1)), Some(day(2026, 12, 29)));
        assert_eq!(new_year.moves(day(2026, 12, 31)), Some(day(2026, 12, 29)));
    }
}
