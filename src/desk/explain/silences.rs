//! Owns why messages do not come: what rules are silent about, what guards stop, what is closed; decides none of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Case;
use crate::desk::foresee::Fate;
use crate::domain::catalog::Item;
use crate::domain::ids::{Cycle, JobId, RuleId, Timestamp};
use crate::domain::job::Job;
use crate::domain::member::MemberView;
use crate::domain::occasion::{Occasion, OccasionState};
use crate::domain::plan;
use crate::domain::reason::Reason;
use crate::domain::shop::Shop;

/// Why a rule does not, or did not, write about an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// The rule.
    pub rule: RuleId,
    /// The item as the shop writes it.
    pub item: String,
    /// Its name for people.
    pub name: String,
    /// Why.
    pub reason: Reason,
    /// The reason in a sentence.
    pub sentence: &'static str,
    /// The figure that fell short, the rule that speaks instead, or the job concerned.
    pub detail: Option<String>,
    /// What to do about it.
    pub advice: &'static str,
    /// The order that the turn hangs on, where one turn is concerned.
    pub cycle: Option<Cycle>,
    /// When that turn fell or falls due.
    pub due_at: Option<Timestamp>,
}

/// What the silences of one member are told from.
pub(super) struct Silences<'a> {
    pub case: &'a Case<'a>,
    pub shop: &'a Shop<'a>,
    pub view: &'a MemberView,
    pub jobs: &'a BTreeMap<&'a JobId, &'a Job>,
}

impl Silences<'_> {
    /// What stops open occasions first, then what rules are silent about, then what is over.
    pub fn all(&self, planned: &[plan::Silence], fates: &[(&Occasion, Fate)]) -> Vec<Silence> {
        let stopped = fates.iter().filter_map(|(o, fate)| Some(self.of_turn(o, fate.silence(o)?)));
        let planned = planned.iter().filter(|s| !self.is_closed_turn(s)).map(|s| self.of_plan(s));
        let closed = self.view.occasions.iter().filter_map(|o| match o.state {
            OccasionState::Closed(reason) => Some(self.of_turn(o, reason)),
            _ => None,
        });
        let mut all: Vec<Silence> = Vec::new();
        for silence in stopped.chain(planned).chain(closed) {
            if !all.contains(&silence) {
                all.push(silence);
            }
        }
        all
    }

    /// The planner repeats why the item's last turn was closed; that turn is told by itself.
    fn is_closed_turn(&self, silence: &plan::Silence) -> bool {
        let same = |o: &Occasion| o.key.item == silence.item && self.is_of_rule(o, &silence.rule);
        self.view.occasions.iter().any(|o| same(o) && o.state == OccasionState::Closed(silence.reason))
    }

    fn is_of_rule(&self, occasion: &Occasion, rule: &RuleId) -> bool {
        self.shop.rules.get(rule).is_some_and(|r| r.answers_to(&occasion.key.rule))
    }

    fn of_turn(&self, occasion: &Occasion, reason: Reason) -> Silence {
        Silence {
            cycle: Some(occasion.key.cycle.clone()),
            due_at: Some(occasion.due_at),
            ..self.tell(&occasion.key.rule, occasion.key.item, reason, None)
        }
    }

    fn of_plan(&self, silence: &plan::Silence) -> Silence {
        let told = |reason, detail| self.tell(&silence.rule, silence.item, reason, detail);
        match (silence.reason, self.last_job(silence)) {
            // A turn counts as served when its job ended without a message: then the job's own reason says more.
            (Reason::Served, Some(job)) if !job.state.counts_as_contact() => {
                told(job.reason.unwrap_or(Reason::Served), Some(in_words(job)))
            }
            (Reason::Served, Some(job)) => told(Reason::Served, Some(in_words(job))),
            _ => told(silence.reason, silence.detail.clone()),
        }
    }

    /// The job of the item's last served turn.
    fn last_job(&self, silence: &plan::Silence) -> Option<&Job> {
        let same = |o: &&Occasion| o.key.item == silence.item && self.is_of_rule(o, &silence.rule);
        let last =
            self.view.occasions.iter().filter(same).filter(|o| o.is_served()).max_by_key(|o| o.anchor_day)?;
        self.jobs.get(last.job()?).copied()
    }

    fn tell(&self, rule: &RuleId, item: Item, reason: Reason, detail: Option<String>) -> Silence {
        Silence {
            rule: rule.clone(),
            item: self.case.catalog.item_id(item),
            name: self.case.catalog.item_name(item),
            reason,
            sentence: reason.sentence(self.case.language),
            detail,
            advice: reason.advice(self.case.language),
            cycle: None,
            due_at: None,
        }
    }
}

fn in_words(job: &Job) -> String {
    format!("{} is {}", job.id, job.state.as_str())
}
