//! Owns how many messages a member gets: frequency caps, the gap between two, the shop's day; knows nothing of what they say.

use chrono::{NaiveTime, TimeDelta};

use super::{Judge, Message, Verdict};
use crate::domain::calendar::instant;
use crate::domain::ids::{Day, JobId, Timestamp};
use crate::domain::job::{Job, JobState};
use crate::domain::plan::hours;
use crate::domain::reason::Reason;
use crate::domain::rules::FrequencyCap;

impl Judge<'_> {
    pub(super) fn below_caps(&self, message: &Message<'_>) -> Verdict {
        let caps = &self.shop.rules.guards.frequency_caps;
        let mine = |cap: &&FrequencyCap| cap.purpose.is_none_or(|p| p == self.rule.purpose());
        let free_at = caps.iter().filter(mine).filter_map(|cap| self.free_at(cap, message)).max();
        self.not_before(free_at, message, Reason::FrequencyCap)
    }

    /// A gap is a cap of one message, of whatever purpose.
    pub(super) fn after_the_gap(&self, message: &Message<'_>) -> Verdict {
        let gap = self.shop.rules.guards.minimum_gap;
        let cap = gap.map(|within| FrequencyCap { purpose: None, count: 1, within });
        self.not_before(cap.and_then(|cap| self.free_at(&cap, message)), message, Reason::MinimumGap)
    }

    pub(super) fn within_budget(&self, message: &Message<'_>) -> Verdict {
        self.not_before(message.used_up_until, message, Reason::DailyBudget)
    }

    /// What has no room before it is over never goes.
    fn not_before(&self, free_at: Option<Timestamp>, message: &Message<'_>, reason: Reason) -> Verdict {
        match free_at {
            None => Verdict::Send,
            Some(at) if at >= message.valid_until => Verdict::Skip(reason),
            Some(at) => Verdict::Defer(hours(self.person, self.shop, self.rule).next(at), reason),
        }
    }

    /// True when `other` counts against the cap of `job`: it went already, or its turn comes first. Two that wait for
    /// each other would both wait for ever.
    fn goes_before(&self, other: &Job, job: &JobId) -> bool {
        let waits = |j: &Job| matches!(j.state, JobState::Scheduled | JobState::Queued);
        let mine = self.person.view.job(job);
        other.id != *job
            && (!waits(other) || mine.is_none_or(|mine| (other.due_at, &other.id) < (mine.due_at, &mine.id)))
    }

    /// When a full cap has room again; `None` when it has room now.
    fn free_at(&self, cap: &FrequencyCap, message: &Message<'_>) -> Option<Timestamp> {
        let counts = |j: &&Job| {
            !j.shadow
                && j.state.counts_as_contact()
                && message.job.is_none_or(|job| self.goes_before(j, job))
                && cap.purpose.is_none_or(|p| p == j.purpose)
        };
        let jobs = self.person.view.jobs.iter().chain(message.fresh);
        let ends = jobs.filter(counts).map(|j| self.leaves_at(j.contact_at(), cap.within));
        let mut ends: Vec<Timestamp> = ends.filter(|end| *end > self.now).collect();
        if cap.count == 0 {
            return Some(Timestamp::MAX_UTC);
        }
        ends.sort();
        // One slot opens when all but `count - 1` of the contacts have left the span.
        let leaving = ends.len().checked_sub(cap.count as usize)?;
        ends.get(leaving).copied()
    }

    /// When a contact no longer counts. Whole days are days of the member's calendar: `1d` after Monday noon is Tuesday's
    /// midnight. Other spans are hours by the clock.
    fn leaves_at(&self, contact: Timestamp, within: TimeDelta) -> Timestamp {
        let days = within.num_days();
        match i32::try_from(days) {
            Ok(whole) if TimeDelta::days(days) == within => {
                let zone = self.person.view.zone(self.shop.zone);
                instant(zone, Day::of(contact, zone).plus(whole).date(), NaiveTime::MIN)
            }
            _ => contact + within,
        }
    }
}
