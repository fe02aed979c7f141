//! Owns what must hold of the ledger after a calm day, and at the end of a run beside what receivers saw; changes nothing.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use replenish::desk::verify::verify;
use replenish::domain::change::Change;
use replenish::domain::ids::{ChannelName, JobId, MemberId, RuleId, Timestamp};
use replenish::domain::job::{Job, JobState};
use replenish::domain::member::Purpose;
use replenish::domain::occasion::Occasion;
use replenish::domain::reason::{Language, Reason};
use replenish::domain::reconcile::replan;
use replenish::store::{JobFilter, JobRecord, ListedAs, Transition};

use super::Ends;
use super::book::{Entry, Stop};
use super::process::know;
use super::story::Story;
use super::trace::Checked;

/// No retry waits longer than this.
const LONGEST_RETRY: TimeDelta = TimeDelta::hours(16);

impl Story {
    /// The day since `since` was calm: what was due on it has gone, or waits for a reason that is true.
    pub fn after_calm(&mut self, since: i64) -> Checked {
        let now = self.at();
        let since = now - TimeDelta::milliseconds(self.now() - since);
        let waiting = [JobState::Scheduled, JobState::Queued, JobState::Sending];
        for (member, what) in self.listed(&waiting)? {
            match what {
                ListedAs::Job(job) => self.job_waits(&member, &job, since, now)?,
                ListedAs::Occasion(occasion) => self.occasion_waits(&member, &occasion, since, now)?,
            }
        }
        if self.rng.u8(..6) == 0 {
            self.plan_stands()?;
            self.is_sound()?;
        }
        Ok(())
    }

    fn listed(&self, states: &[JobState]) -> Checked<Vec<(MemberId, ListedAs)>> {
        let filter = JobFilter { states: states.to_vec(), ..JobFilter::default() };
        let listed = self.base.block_on(self.ground.store.jobs(filter)).map_err(|e| e.to_string())?;
        Ok(listed.into_iter().map(|listed| (listed.member, listed.what)).collect())
    }

    fn job_waits(&self, member: &MemberId, job: &Job, since: Timestamp, now: Timestamp) -> Checked {
        let Job { id, state, reason, .. } = job;
        if *state != JobState::Scheduled || job.ready_at() <= now {
            return Err(format!("{id} is {state:?} after a calm day: {job:?}"));
        }
        let waited = job.assembled_at <= since && job.due_at <= since;
        if waited && !self.is_true(*reason, member, job.purpose, &job.rule, &job.channel) {
            return Err(format!("{id} waits, and nothing speaks against it: {job:?}"));
        }
        Ok(())
    }

    fn occasion_waits(
        &self,
        member: &MemberId,
        occasion: &Occasion,
        since: Timestamp,
        now: Timestamp,
    ) -> Checked {
        let Occasion { key, held_for, .. } = occasion;
        if occasion.ready_at() <= now || occasion.valid_until <= now {
            return Err(format!("{member}: {key:?} is left over after a calm day: {occasion:?}"));
        }
        let Some(rule) = self.rules().get(&key.rule) else { return Err(format!("{key:?} is of no rule")) };
        let waited = occasion.due_at <= since;
        if waited && !self.is_true(*held_for, member, rule.purpose(), &rule.id, &rule.channel) {
            return Err(format!("{member}: {key:?} waits, and nothing speaks against it: {occasion:?}"));
        }
        Ok(())
    }

    /// True when that reason really holds a message back.
    fn is_true(
        &self,
        reason: Option<Reason>,
        member: &MemberId,
        purpose: Purpose,
        rule: &RuleId,
        channel: &ChannelName,
    ) -> bool {
        let stops = |stop: &Stop| match (reason, stop) {
            (Some(Reason::Paused), Stop::Pause(scope)) => match scope.name() {
                None => true,
                Some(name) => name == rule.as_str() || name == channel.as_str(),
            },
            (Some(Reason::Suppressed), Stop::OptOut(standing)) => {
                standing.what.holds(self.at()) && standing.what.purpose.is_none_or(|p| p == purpose)
            }
            (Some(Reason::NoConsent), Stop::NoConsent(who, what)) => who == member && *what == purpose,
            _ => false,
        };
        match reason {
            Some(Reason::FrequencyCap | Reason::MinimumGap | Reason::StepBefore | Reason::DailyBudget) => {
                true
            }
            Some(Reason::OutOfStock) => true,
            // The next day of the shop begins at night, and so may what comes after an opt-out that ends.
            Some(Reason::QuietHours) => {
                let ended = |stop: &Stop| match stop {
                    Stop::OptOut(standing) => standing.what.until.is_some_and(|until| until <= self.at()),
                    _ => false,
                };
                self.rules().guards.daily_budget.is_some() || self.book.is_stopped(ended)
            }
            _ => self.book.is_stopped(stops),
        }
    }

    /// Planning everyone anew would change nothing.
    fn plan_stands(&mut self) -> Checked {
        let (now, store) = (self.at(), self.ground.store.clone());
        let knowledge = self.base.block_on(know(&self.ground, self.rules().clone()))?;
        let asked = async {
            let views = store.views(None, 10, now, knowledge.caps_since(now)).await?;
            Ok::<_, replenish::store::StoreError>((views, store.catalog().await?))
        };
        let (views, catalog) = self.base.block_on(asked).map_err(|e| e.to_string())?;
        for (_, view) in views {
            let view = view.map_err(|e| e.to_string())?;
            let (changes, _) = replan(&view, &knowledge.shop(&catalog), now);
            if let Some(change) = changes.iter().find(|change| !stays(change, &view.occasions)) {
                return Err(format!("{} was not planned anew: {change:?}", view.member.id));
            }
        }
        Ok(())
    }

    /// `verify` says so.
    fn is_sound(&self) -> Checked {
        let verified = verify(&self.ground.store, self.rules(), self.at(), Language::English);
        let verified = self.base.block_on(verified).map_err(|e| e.to_string())?;
        let wrong: Vec<_> = verified.invariants.iter().filter(|found| found.violations > 0).collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("the ledger is not sound: {wrong:?}")) }
    }

    /// The whole ledger, beside what receivers saw; what became of the jobs.
    pub fn whole(&mut self) -> Checked<Ends> {
        self.plan_stands()?;
        self.is_sound()?;
        let mut ends = Ends::new();
        let mut contacts: BTreeMap<MemberId, Vec<(Timestamp, JobId)>> = BTreeMap::new();
        for (member, what) in self.listed(&JobState::ALL)? {
            let ListedAs::Job(job) = what else { continue };
            *ends.entry((job.state, job.reason)).or_default() += 1;
            let record = self.base.block_on(self.ground.store.job(&job.id)).map_err(|e| e.to_string())?;
            let record = record.ok_or_else(|| format!("{} is gone", job.id))?;
            let entry = self.book.jobs.get(&job.id).cloned().unwrap_or_default();
            self.job_ended(&record, &entry).map_err(|why| format!("{why}\n{entry:?}\n{record:?}"))?;
            if let Some(at) = job.handed_over_at.filter(|_| job.state.counts_as_contact()) {
                contacts.entry(member).or_default().push((at, job.id));
            }
        }
        self.gaps_kept(contacts)?;
        Ok(ends)
    }

    fn job_ended(&self, record: &JobRecord, entry: &Entry) -> Checked {
        let job = &record.job;
        let hand_overs = record.transitions.iter().filter(|t| t.state == JobState::Sending).count() as u32;
        let answers: u32 = entry.answered.values().sum();
        let attempts = record.attempts.len() as u32;
        let is = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
        is(entry.began <= hand_overs, "it was handed over without a record")?;
        is(hand_overs - entry.began <= entry.died, "it was recorded as handed over, and was not")?;
        is(attempts <= answers && answers - attempts <= entry.died, "answers and attempts differ")?;
        for (word, answered) in &entry.answered {
            let recorded =
                record.attempts.iter().filter(|a| a.outcome.result.as_str() == *word).count() as u32;
            is(recorded <= *answered, "an attempt is on record that nobody answered")?;
        }
        let has_arrived = entry.took > 0 || entry.confirmed;
        is(job.state != JobState::Delivered || has_arrived, "it is delivered, and never arrived")?;
        let is_plain = entry.excuses + entry.died == 0;
        is(
            entry.took == 0 || !is_plain || job.state == JobState::Delivered,
            "it arrived, and is not delivered",
        )?;
        is(history_is_possible(&record.transitions, entry), "it took a step that there is not")?;
        self.ended_for(job, entry)
    }

    /// What ended without a message did so for a reason that is true.
    fn ended_for(&self, job: &Job, entry: &Entry) -> Checked {
        let latest = chrono::DateTime::from_timestamp_millis(self.latest).unwrap();
        let is_true = match (job.state, job.reason) {
            (JobState::Cancelled, Some(Reason::CancelledByPerson)) => entry.cancelled,
            (JobState::Cancelled, _) => false,
            (JobState::Skipped, Some(Reason::Expired)) => job.valid_until <= latest + LONGEST_RETRY,
            (JobState::Skipped, Some(Reason::Holdout | Reason::Withdrawn | Reason::Paused)) => false,
            (JobState::Skipped, None) => false,
            _ => true,
        };
        let in_time = job.handed_over_at.is_none_or(|at| at < job.valid_until);
        match (is_true, in_time) {
            (false, _) => Err("it ended for a reason that is not true".to_owned()),
            (_, false) => Err("it was handed over too late".to_owned()),
            _ => Ok(()),
        }
    }

    /// No two messages to a member on one day, where the rules say so.
    fn gaps_kept(&self, contacts: BTreeMap<MemberId, Vec<(Timestamp, JobId)>>) -> Checked {
        if self.rules().guards.minimum_gap.is_none() || self.has_jumped_back {
            return Ok(());
        }
        for (member, mut contacts) in contacts {
            contacts.sort();
            for pair in contacts.windows(2) {
                let day = |at: Timestamp| at.with_timezone(&self.ground.zone).date_naive();
                if day(pair[0].0) == day(pair[1].0) {
                    return Err(format!("{member} was written to twice on a day: {pair:?}"));
                }
            }
        }
        Ok(())
    }

    /// What members refused by their consent.
    pub fn refusals(&self) -> Checked<Vec<Stop>> {
        let (now, store) = (self.at(), &self.ground.store);
        let views = self.base.block_on(store.views(None, 10, now, now)).map_err(|e| e.to_string())?;
        let mut refusals = Vec::new();
        for (_, view) in views {
            let view = view.map_err(|e| e.to_string())?;
            let Some(agreed) = view.member.consent else { continue };
            let refused = [Purpose::Reminder, Purpose::Care].into_iter().filter(|p| !agreed.contains(p));
            refusals.extend(refused.map(|purpose| Stop::NoConsent(view.member.id.clone(), purpose)));
        }
        Ok(refusals)
    }
}

/// True of what planning anew may say at any time. Priors that moved a date too little when they came may move it later:
/// the band within which they do not grows smaller as the date comes nearer.
fn stays(change: &Change, occasions: &[Occasion]) -> bool {
    let priors = |o: &Occasion| o.evidence.as_ref().map(|e| e.priors.clone());
    match change {
        Change::Planned(..) => true,
        Change::Move(to) => occasions.iter().any(|o| o.key == to.key && priors(o) != priors(to)),
        _ => false,
    }
}

/// What is over stays so, unless a person says otherwise, and nothing else skips a state. Being offered leaves no step.
fn history_is_possible(steps: &[Transition], entry: &Entry) -> bool {
    use JobState::{Cancelled, Delivered, Failed, Scheduled, Sending, Skipped, Uncertain};
    let mut resent = 0;
    steps.windows(2).all(|pair| match (pair[0].state, pair[1].state) {
        (Scheduled, Scheduled | Sending | Skipped | Cancelled) => true,
        (Sending, Scheduled | Delivered | Failed | Uncertain | Skipped) => true,
        (Uncertain, Delivered) => entry.confirmed,
        (Failed | Uncertain | Skipped | Cancelled, Scheduled) => {
            resent += 1;
            resent <= entry.resent
        }
        _ => false,
    })
}
