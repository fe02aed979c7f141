//! Owns what each guard says of an open occasion or of a job, for those who ask; decides nothing.

use serde::Serialize;

use crate::desk::foresee::{Foreseen, passes};
use crate::domain::change::Change;
use crate::domain::guards::{DAILY_BUDGET, Judge, Message, Verdict};
use crate::domain::ids::Timestamp;
use crate::domain::job::{Job, Judgement};
use crate::domain::occasion::Occasion;
use crate::domain::reason::Reason;
use crate::domain::shop::{Person, Shop};

/// Where a guard hangs on what happens until the due day, or on other members.
const NOT_KNOWN: &str = "not known yet";

/// What one guard says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardFacts {
    /// Its name.
    pub guard: String,
    /// `send`, what it says against that, or `not known yet`.
    pub verdict: String,
    /// Why, where it speaks against sending.
    pub reason: Option<Reason>,
    /// Until when, where it defers to a time at which the message still goes.
    pub until: Option<Timestamp>,
}

impl GuardFacts {
    /// True when it lets the message through.
    pub fn lets_through(&self) -> bool {
        self.verdict == Verdict::Send.to_string()
    }

    /// True when it speaks against the message, or has something to add to it.
    pub fn speaks_up(&self) -> bool {
        !self.lets_through() && self.verdict != NOT_KNOWN
    }
}

impl From<&Judgement> for GuardFacts {
    fn from(j: &Judgement) -> Self {
        Self { guard: j.guard.clone(), verdict: j.verdict.clone(), reason: None, until: None }
    }
}

/// What guards are asked about.
pub(super) struct Opinions<'a> {
    pub person: &'a Person<'a>,
    pub shop: &'a Shop<'a>,
    pub foreseen: &'a Foreseen,
    pub now: Timestamp,
}

impl Opinions<'_> {
    /// What each guard says now of what is due, and of what is to come on its due day.
    pub fn of_occasion(&self, occasion: &Occasion) -> Vec<GuardFacts> {
        let Some(rule) = self.shop.rules.get(&occasion.key.rule) else { return Vec::new() };
        let at = occasion.due_at.max(self.now);
        let judge = Judge { person: self.person, shop: self.shop, rule, now: at };
        let fresh = self.other_messages(occasion);
        let message = Message {
            channel: rule.channel_for(&self.person.view.member, self.shop.reach),
            valid_until: occasion.valid_until,
            job: None,
            fresh: &fresh,
            used_up_until: None,
        };
        let lasts = occasion.valid_until > at;
        let valid_for = ("valid_for", if lasts { Verdict::Send } else { Verdict::Skip(Reason::Expired) });
        let verdicts = judge.each_of_occasion(occasion).chain(judge.each_of_message(&message));
        std::iter::once(valid_for)
            .chain(verdicts)
            .map(|said| self.told(said, at, occasion.valid_until))
            .collect()
    }

    /// What stands on record of a job; of one that has not been composed yet, what each guard would say.
    pub fn of_job(&self, job: &Job) -> Vec<GuardFacts> {
        if let Some(content) = &job.content {
            return content.guards.iter().map(GuardFacts::from).collect();
        }
        let rule = self.shop.rules.get(&job.rule).filter(|_| !job.state.is_final());
        let Some(rule) = rule else { return Vec::new() };
        let at = job.ready_at().max(self.now);
        let judge = Judge { person: self.person, shop: self.shop, rule, now: at };
        let mine = self.person.view.occasions.iter().filter(|o| o.job() == Some(&job.id));
        let message = Message::of(job);
        let verdicts = mine.flat_map(|o| judge.each_of_occasion(o)).chain(judge.each_of_message(&message));
        let mut told: Vec<GuardFacts> = Vec::new();
        for facts in verdicts.map(|said| self.told(said, at, job.valid_until)) {
            if !told.contains(&facts) {
                told.push(facts);
            }
        }
        told
    }

    /// The messages that go now besides the occasion's own.
    fn other_messages(&self, occasion: &Occasion) -> Vec<Job> {
        let other = |change: &Change| match change {
            Change::Assemble(job, keys) if !keys.contains(&occasion.key) => Some((**job).clone()),
            _ => None,
        };
        self.foreseen.assembled.iter().filter_map(other).collect()
    }

    fn told(&self, (guard, verdict): (&'static str, Verdict), at: Timestamp, end: Timestamp) -> GuardFacts {
        let (until, reason) = match verdict {
            Verdict::Send => (None, None),
            Verdict::Defer(until, reason) => (Some(until).filter(|until| *until < end), Some(reason)),
            Verdict::Skip(reason) => (None, Some(reason)),
        };
        let of_another_day = at > self.now && reason.is_some_and(passes);
        let of_all_members = guard == DAILY_BUDGET && self.shop.rules.guards.daily_budget.is_some();
        let guard = guard.to_owned();
        if of_another_day || of_all_members {
            return GuardFacts { guard, verdict: NOT_KNOWN.to_owned(), reason: None, until: None };
        }
        GuardFacts { guard, verdict: verdict.to_string(), reason, until }
    }
}
