//! Owns the figures of the morning view that are counted: due, ended, come back; knows nothing of single jobs.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use serde::Serialize;

use crate::domain::calendar::instant;
use crate::domain::feedback::FeedbackKind;
use crate::domain::ids::{Day, Timestamp};
use crate::domain::job::JobState;
use crate::store::Course;

/// Days looked ahead, today included.
const DAYS: i32 = 8;

/// What falls due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    /// Messages that fall due by the end of today.
    pub due_today: u64,
    /// Messages that fall due in the seven days after.
    pub due_next_7_days: u64,
    /// The same by day.
    #[serde(rename = "due")]
    pub by_day: Vec<DueDay>,
}

/// What falls due on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DueDay {
    /// The day, by the shop's clock; today holds what is overdue too.
    pub day: NaiveDate,
    /// Open occasions.
    pub planned: u64,
    /// Scheduled jobs.
    pub jobs: u64,
}

/// What came to an end, and what waits for a reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Messages delivered.
    pub delivered: u64,
    /// Messages cancelled.
    pub cancelled: u64,
    /// Messages that wait now, by reason.
    pub deferred: BTreeMap<String, u64>,
    /// Jobs skipped, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Jobs failed, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Jobs of unknown outcome, by reason.
    pub uncertain: BTreeMap<String, u64>,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CameBack {
    /// Opt-outs by link, page or report; those that staff record stand among the deeds.
    pub opt_outs: u64,
    /// Complaints about spam.
    pub complaints: u64,
    /// Bounces, hard and soft.
    pub bounces: u64,
    /// Opt-outs a thousand delivered; none where nothing was delivered.
    pub opt_outs_per_1000: Option<f64>,
    /// Complaints a thousand delivered; none where nothing was delivered.
    pub complaints_per_1000: Option<f64>,
}

/// Today and the days after it, each with its stretch; today's begins with all that is overdue.
pub(super) fn days(zone: Tz, now: Timestamp) -> Vec<(NaiveDate, Timestamp, Timestamp)> {
    let today = Day::of(now, zone);
    let start = |n: i32| instant(zone, today.plus(n).date(), NaiveTime::MIN);
    let from = |n: i32| if n == 0 { Timestamp::UNIX_EPOCH } else { start(n) };
    (0..DAYS).map(|n| (today.plus(n).date(), from(n), start(n + 1))).collect()
}

impl Due {
    pub(super) fn of(days: &[(NaiveDate, Timestamp, Timestamp)], counts: &[(u64, u64)]) -> Self {
        let days = days.iter().zip(counts);
        let by_day: Vec<DueDay> = days
            .map(|((day, ..), (planned, jobs))| DueDay { day: *day, planned: *planned, jobs: *jobs })
            .collect();
        let sum = |days: &[DueDay]| days.iter().map(|day| day.planned + day.jobs).sum();
        let (today, after) = by_day.split_at(by_day.len().min(1));
        Self { due_today: sum(today), due_next_7_days: sum(after), by_day }
    }
}

impl Ended {
    pub(super) fn of(course: &Course) -> Self {
        let mine = |state| course.ended.iter().filter(move |(s, ..)| *s == state);
        let all = |state| mine(state).map(|(.., n)| n).sum();
        let by_reason = |state| {
            let named =
                |reason: &Option<_>| reason.map_or("none", crate::domain::reason::Reason::as_str).to_owned();
            mine(state).map(|(_, reason, n)| (named(reason), *n)).collect()
        };
        Self {
            delivered: all(JobState::Delivered),
            cancelled: all(JobState::Cancelled),
            deferred: course.waiting.iter().map(|(reason, n)| (reason.to_string(), *n)).collect(),
            skipped: by_reason(JobState::Skipped),
            failed: by_reason(JobState::Failed),
            uncertain: by_reason(JobState::Uncertain),
        }
    }
}

impl CameBack {
    pub(super) fn of(course: &Course, delivered: u64) -> Self {
        let count = |kind| course.feedback.iter().filter(|(k, _)| *k == kind).map(|(_, n)| n).sum();
        let (opt_outs, complaints): (u64, u64) =
            (count(FeedbackKind::OptOut), count(FeedbackKind::Complaint));
        let per_1000 = |n: u64| (delivered > 0).then(|| n as f64 * 1000.0 / delivered as f64);
        let (hard, soft): (u64, u64) = (count(FeedbackKind::HardBounce), count(FeedbackKind::SoftBounce));
        Self {
            opt_outs,
            complaints,
            bounces: hard + soft,
            opt_outs_per_1000: per_1000(opt_outs),
            complaints_per_1000: per_1000(complaints),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Taipei;

    use super::*;

    #[test]
    fn today_holds_what_is_overdue_and_the_week_follows_without_a_gap() {
        let days = days(Taipei, "2026-05-20T10:00:00+08:00".parse().unwrap());
        assert_eq!((days.len(), days[0].0.to_string()), (8, "2026-05-20".to_owned()));
        assert!(days[0].1 < days[0].2 && days.windows(2).all(|two| two[0].2 == two[1].1));
        let due = Due::of(&days, &[(3, 1), (2, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (5, 0)]);
        assert_eq!((due.due_today, due.due_next_7_days), (4, 7));
    }

    #[test]
    fn shares_are_of_a_thousand_delivered() {
        let feedback =
            vec![(FeedbackKind::OptOut, 3), (FeedbackKind::HardBounce, 2), (FeedbackKind::SoftBounce, 1)];
        let course = Course { feedback, ..Course::default() };
        let came_back = CameBack::of(&course, 2000);
        assert_eq!((came_back.opt_outs_per_1000, came_back.complaints_per_1000), (Some(1.5), Some(0.0)));
        assert_eq!(came_back.bounces, 3);
        assert_eq!(CameBack::of(&course, 0).opt_outs_per_1000, None);
    }
}
