//! What calendars do to due dates and caps: zones, summer time, leap days, festivals, local midnights.

use chrono::{NaiveDate, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use replenish::domain::assemble::assemble;
use replenish::domain::calendar::{DailyWindow, Festival, FestivalAction, Hours, SendWindow, YearDay};
use replenish::domain::change::Change;
use replenish::domain::guards::Verdict;
use replenish::domain::ids::{Day, ProductKey, Timestamp};
use replenish::domain::interval::Priors;
use replenish::domain::job::{Job, JobState};
use replenish::domain::lifecycle::Stages;
use replenish::domain::member::Purpose;
use replenish::domain::order::Line;
use replenish::domain::reason::Reason;
use replenish::domain::rules::{FrequencyCap, Guards, Rules};
use replenish::domain::trigger::{ItemMoment, Trigger};

use crate::planning::{assembled, at, bought, catalog, replanned, shop, steady, with_job};
use crate::support::paper::Paper;

fn window(text: &str) -> DailyWindow {
    let (from, until) = text.split_once('-').unwrap();
    let time = |s| NaiveTime::parse_from_str(s, "%H:%M").unwrap();
    DailyWindow { from: time(from), until: time(until) }
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn local(at: Timestamp, zone: Tz) -> String {
    zone.from_utc_datetime(&at.naive_utc()).format("%Y-%m-%d %H:%M").to_string()
}

#[test]
fn the_first_instant_of_a_day_where_summer_time_begins_or_ends() {
    let rows = [
        // quiet until nine, by the clock on the wall
        ("Europe/Berlin", "2026-03-28", "21:00-09:00", "", "2026-03-28T08:00:00Z"),
        ("Europe/Berlin", "2026-03-29", "21:00-09:00", "", "2026-03-29T07:00:00Z"),
        ("Europe/Berlin", "2026-10-24", "21:00-09:00", "", "2026-10-24T07:00:00Z"),
        ("Europe/Berlin", "2026-10-25", "21:00-09:00", "", "2026-10-25T08:00:00Z"),
        ("America/New_York", "2026-03-07", "21:00-09:00", "", "2026-03-07T14:00:00Z"),
        ("America/New_York", "2026-03-08", "21:00-09:00", "", "2026-03-08T13:00:00Z"),
        ("America/New_York", "2026-11-01", "21:00-09:00", "", "2026-11-01T14:00:00Z"),
        // a window that opens inside the hour that is left out, and inside the one that comes twice
        ("Europe/Berlin", "2026-03-29", "", "02:30-04:00", "2026-03-29T01:00:00Z"),
        ("Europe/Berlin", "2026-10-25", "", "02:30-04:00", "2026-10-25T00:30:00Z"),
        ("America/New_York", "2026-03-08", "", "02:30-04:00", "2026-03-08T07:00:00Z"),
        ("America/New_York", "2026-11-01", "", "01:30-04:00", "2026-11-01T05:30:00Z"),
        // no hours at all: midnight, on days of 23 and 25 hours too
        ("Europe/Berlin", "2026-03-30", "", "", "2026-03-29T22:00:00Z"),
        ("America/New_York", "2026-11-02", "", "", "2026-11-02T05:00:00Z"),
    ];
    for (zone, day, quiet, sends, expected) in rows {
        let hours = |text: &str| (!text.is_empty()).then(|| window(text));
        let hours = Hours {
            zone: zone.parse().unwrap(),
            quiet: hours(quiet),
            window: SendWindow { hours: hours(sends), ..SendWindow::default() },
        };
        let first = hours.first_of(Day::from(date(day)));
        assert_eq!(first, expected.parse::<Timestamp>().unwrap(), "{zone} {day} {quiet} {sends}");
    }
}

#[test]
fn members_in_twelve_zones_are_written_to_on_the_same_morning() {
    let zones = [
        "Pacific/Kiritimati",
        "Pacific/Auckland",
        "Australia/Lord_Howe",
        "Asia/Tokyo",
        "Asia/Taipei",
        "Asia/Kathmandu",
        "Asia/Kolkata",
        "Europe/Berlin",
        "Europe/London",
        "America/Sao_Paulo",
        "America/New_York",
        "America/Los_Angeles",
    ];
    let (rules, paper) = steady();
    let mut rule = rules.all()[0].clone();
    rule.window.hours = Some(window("10:00-12:00"));
    let rules = Rules::new(vec![rule], Guards::default(), vec![], Stages::default());
    let (catalog, priors) = (catalog(), Priors::default());
    let mut mornings: Vec<(String, Timestamp)> = Vec::new();
    for zone in zones {
        let zone: Tz = zone.parse().unwrap();
        let mut paper = paper.clone();
        paper.view.member.zone = Some(zone);
        replanned(&mut paper, &shop(&rules, &catalog, &priors), at(91, 0));
        let due = paper.open()[0].due_at;
        mornings.push((local(due, zone), due));
    }
    assert!(mornings.iter().all(|(morning, _)| *morning == mornings[0].0), "{mornings:?}");
    assert!(mornings[0].0.ends_with(" 10:00"), "{mornings:?}");
    assert!(mornings.windows(2).all(|pair| pair[0].1 < pair[1].1), "the east first: {mornings:?}");
}

/// One care message so many days after each purchase.
fn care(after: i64, festivals: Vec<Festival>) -> (Rules, Paper) {
    let (rules, mut paper) = steady();
    let mut rule = rules.all()[0].clone();
    rule.trigger = Trigger::Item(ItemMoment::Purchase, TimeDelta::days(after));
    rule.needs.purchases = 1;
    rule.combine_within = TimeDelta::days(1);
    paper.lines.clear();
    (Rules::new(vec![rule], Guards::default(), festivals, Stages::default()), paper)
}

fn bought_on(day: &str, product: i64) -> Line {
    let at = format!("{day}T04:00:00Z").parse().unwrap();
    Line { at, product: ProductKey(product), ..bought(&format!("{day}-{product}"), 0, 1.0) }
}

/// The days, by the shop's clock, on which messages about these purchases fall due, planned on the day of the last.
fn due_days(rules: &Rules, paper: &mut Paper, purchases: &[(&str, i64)]) -> Vec<String> {
    paper.lines = purchases.iter().map(|(day, product)| bought_on(day, *product)).collect();
    let (catalog, priors) = (catalog(), Priors::default());
    let now = paper.lines.iter().map(|l| l.at).max().unwrap();
    replanned(paper, &shop(rules, &catalog, &priors), now);
    let mut due: Vec<Timestamp> = paper.open().iter().map(|o| o.due_at).collect();
    due.sort();
    due.iter().map(|at| local(*at, chrono_tz::Asia::Taipei)[..10].to_owned()).collect()
}

#[test]
fn leap_days_and_the_ends_of_months() {
    let rows = [
        ("2028-01-30", 30, "2028-02-29"),
        ("2027-01-30", 30, "2027-03-01"),
        ("2028-02-28", 1, "2028-02-29"),
        ("2028-02-29", 366, "2029-03-01"),
        ("2026-02-28", 1, "2026-03-01"),
        ("2026-01-31", 28, "2026-02-28"),
        ("2026-01-31", 31, "2026-03-03"),
        ("2026-12-31", 1, "2027-01-01"),
    ];
    for (purchase, after, expected) in rows {
        let (rules, mut paper) = care(after, vec![]);
        assert_eq!(due_days(&rules, &mut paper, &[(purchase, 1)]), [expected], "{purchase} + {after}");
    }
}

fn festival(from: YearDay, until: YearDay, action: FestivalAction) -> Vec<Festival> {
    vec![Festival { name: "feast".to_owned(), from, until, action }]
}

#[test]
fn double_eleven_holds_pulls_forward_and_merges() {
    let (from, until) = (YearDay::Solar(11, 8), YearDay::Solar(11, 12));
    // due on 9 and 11 November, two days apart: further than what goes into one message
    let purchases = [("2026-11-04", 1), ("2026-11-06", 4)];
    let rows = [
        (None, ["2026-11-09", "2026-11-11"], 2),
        (Some(FestivalAction::Hold), ["2026-11-13", "2026-11-13"], 1),
        (Some(FestivalAction::PullForward), ["2026-11-07", "2026-11-07"], 1),
        (Some(FestivalAction::Merge), ["2026-11-08", "2026-11-08"], 1),
    ];
    for (action, expected, messages) in rows {
        let festivals = action.map(|action| festival(from, until, action)).unwrap_or_default();
        let (rules, mut paper) = care(5, festivals);
        assert_eq!(due_days(&rules, &mut paper, &purchases), expected, "{action:?}");
        let (catalog, priors) = (catalog(), Priors::default());
        let shop = shop(&rules, &catalog, &priors);
        let mut due: Vec<Timestamp> = paper.open().iter().map(|o| o.due_at).collect();
        due.sort();
        for at in due {
            assembled(&mut paper, &shop, at);
        }
        assert_eq!(paper.view.jobs.len(), messages, "{action:?}");
        assert!(paper.open().is_empty());
    }
}

#[test]
fn the_lunar_new_year_holds_in_every_year_on_its_own_days() {
    let rows = [
        ("2024-02-01", "2024-02-15"),
        ("2025-01-20", "2025-02-03"),
        ("2026-02-08", "2026-02-22"),
        ("2027-01-28", "2027-02-11"),
        ("2028-01-17", "2028-01-31"),
        // the same days of another year are no feast
        ("2026-01-20", "2026-01-30"),
        ("2027-02-08", "2027-02-18"),
    ];
    let (from, until) = (YearDay::Lunar(12, 28), YearDay::Lunar(1, 5));
    for (purchase, expected) in rows {
        let (rules, mut paper) = care(10, festival(from, until, FestivalAction::Hold));
        assert_eq!(due_days(&rules, &mut paper, &[(purchase, 1)]), [expected], "{purchase}");
    }
}

/// A due reminder of a member in `zone` who had a message `before` the local midnight at which it falls due; what
/// assembling says `later`, its time told in minutes from that midnight.
fn after_a_message(guards: Guards, zone: Tz, before: i64, later: i64) -> Result<(), (Option<i64>, Reason)> {
    let (rules, mut paper) = steady();
    let rules = Rules::new(rules.all().to_vec(), guards, vec![], Stages::default());
    let (catalog, priors) = (catalog(), Priors::default());
    let shop = shop(&rules, &catalog, &priors);
    paper.view.member.zone = Some(zone);
    replanned(&mut paper, &shop, at(91, 0));
    let due = paper.open()[0].due_at;
    assert!(local(due, zone).ends_with("00:00"));
    let (_, other, _) = with_job();
    let contact = due - TimeDelta::minutes(before);
    let job = Job {
        id: "job_before".into(),
        state: JobState::Delivered,
        purpose: Purpose::Care,
        handed_over_at: Some(contact),
        ..other.view.jobs[0].clone()
    };
    paper.view.jobs.push(job);
    let now = due + TimeDelta::minutes(later);
    match assemble(&paper.as_of(now), &shop, now).first().unwrap() {
        Change::Assemble(..) => Ok(()),
        Change::Hold(_, until, reason) => Err((Some((*until - due).num_minutes()), *reason)),
        Change::Close(_, reason) => Err((None, *reason)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn caps_of_whole_days_are_counted_by_the_members_calendar() {
    let day = 1440;
    let held = |minutes| Err((Some(minutes), Reason::FrequencyCap));
    let rows = [
        // half an hour before midnight was another day
        (TimeDelta::days(1), 30, 0, Ok(())),
        (TimeDelta::hours(12), 30, 0, held(12 * 60 - 30)),
        (TimeDelta::days(2), 30, 0, held(day)),
        (TimeDelta::days(2), 30, day - 1, held(day)),
        (TimeDelta::days(2), 30, day, Ok(())),
        (TimeDelta::days(2), day + 1, 0, Ok(())),
        (TimeDelta::days(7), day, 0, held(6 * day)),
        // a message of this very day, five minutes after midnight
        (TimeDelta::days(1), -5, 10, held(day)),
        (TimeDelta::days(30), 30, 0, Err((None, Reason::FrequencyCap))),
    ];
    for zone in ["Asia/Taipei", "Asia/Kolkata", "America/New_York", "Pacific/Kiritimati"] {
        for (within, before, later, expected) in rows {
            let cap = FrequencyCap { purpose: None, count: 1, within };
            let guards = Guards { frequency_caps: vec![cap], ..Guards::default() };
            let said = after_a_message(guards, zone.parse().unwrap(), before, later);
            assert_eq!(said, expected, "{zone} {within} {before} {later}");
        }
    }
}

#[test]
fn a_gap_holds_between_messages_of_any_purpose() {
    let day = 1440;
    let zone = chrono_tz::America::New_York;
    let held = |minutes| Err((Some(minutes), Reason::MinimumGap));
    let rows = [
        (TimeDelta::days(2), 30, 0, held(day)),
        (TimeDelta::days(1), 30, 0, Ok(())),
        (TimeDelta::hours(6), 30, 0, held(6 * 60 - 30)),
        (TimeDelta::days(20), 30, 0, Err((None, Reason::MinimumGap))),
    ];
    for (gap, before, later, expected) in rows {
        let guards = Guards { minimum_gap: Some(gap), ..Guards::default() };
        assert_eq!(after_a_message(guards, zone, before, later), expected, "{gap}");
    }
    // what the gap would hold has quiet hours too: it goes when both allow
    let quiet = Some(window("21:00-09:00"));
    let guards = Guards { minimum_gap: Some(TimeDelta::days(2)), quiet_hours: quiet, ..Guards::default() };
    let (rules, _) = steady();
    let rules = Rules::new(rules.all().to_vec(), guards, vec![], Stages::default());
    assert!(rules.look_back() > TimeDelta::days(2), "the views hold contacts for as long");
    assert_eq!(Verdict::Skip(Reason::MinimumGap).to_string(), "skip: minimum_gap");
}
