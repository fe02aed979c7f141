//! Owns why messages do not come, so that no rule and item go without a word: decides none of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Case;
use crate::desk::foresee::Fate;
use crate::domain::catalog::Item;
use crate::domain::ids::{Cycle, JobId, RuleId, Timestamp};
use crate::domain::job::Job;
use crate::domain::member::MemberView;
use crate::domain::occasion::{Occasion, OccasionState};
use crate::domain::plan::{self, Detail, is_about};
use crate::domain::reason::Reason;
use crate::domain::rules::Rule;
use crate::domain::shop::{Person, Shop};
use crate::domain::trigger::Trigger;
use crate::domain::wording;

/// Why a rule does not, or did not, write about an item.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// What the reason rests on, in words.
    pub detail: Option<String>,
    /// The same as figures and names.
    pub figures: Option<Detail>,
    /// What to do about it.
    pub advice: &'static str,
    /// What the turn hangs on, where one turn of the ledger is concerned.
    pub cycle: Option<Cycle>,
    /// When that turn fell or falls due.
    pub due_at: Option<Timestamp>,
}

/// What the silences of one member are told from.
pub(super) struct Silences<'a> {
    pub case: &'a Case<'a>,
    pub shop: &'a Shop<'a>,
    pub person: &'a Person<'a>,
    pub jobs: &'a BTreeMap<&'a JobId, &'a Job>,
}

impl Silences<'_> {
    /// What stops open occasions first, then what rules are silent about, then what was closed.
    pub fn all(&self, planned: &[plan::Silence], fates: &[(&Occasion, Fate)]) -> Vec<Silence> {
        let stopped = fates.iter().filter_map(|(o, fate)| Some(self.of_turn(o, fate.silence(o)?)));
        let closed = self.view().occasions.iter().filter_map(|o| match o.state {
            OccasionState::Closed(reason) => Some(self.of_turn(o, reason)),
            _ => None,
        });
        // The planner begins with the latest turn: its reason is the nearest one.
        let mut nearest: BTreeMap<(&RuleId, Item), &plan::Silence> = BTreeMap::new();
        for silence in planned {
            nearest.entry((&silence.rule, silence.item)).or_insert(silence);
        }
        let silent = self
            .pairs()
            .into_iter()
            .filter_map(|(rule, item)| self.of_pair(rule, item, nearest.get(&(&rule.id, item)).copied()));
        stopped.chain(silent).chain(closed).collect()
    }

    /// Every rule with every item that it could speak about.
    fn pairs(&self) -> Vec<(&Rule, Item)> {
        let items = |rule: &Rule| match rule.trigger {
            Trigger::Member(..) => vec![Item::Anything],
            Trigger::Need(_) | Trigger::Item(..) => self.person.items(rule.per).map(|(i, _)| i).collect(),
        };
        let rules = self.shop.rules.all().iter();
        rules.flat_map(|rule| items(rule).into_iter().map(move |item| (rule, item))).collect()
    }

    /// The one silence of a rule about an item; none where an occasion waits, or the last turn tells itself.
    fn of_pair(&self, rule: &Rule, item: Item, planned: Option<&plan::Silence>) -> Option<Silence> {
        let mine = |o: &&Occasion| o.key.item == item && rule.answers_to(&o.key.rule);
        let turns: Vec<&Occasion> = self.view().occasions.iter().filter(mine).collect();
        let is_open =
            |over: bool| turns.iter().any(|o| o.is_open() && (over || o.valid_until > self.case.now));
        if is_open(false) {
            return None;
        }
        match planned {
            Some(silence) if self.is_told(silence, &turns) => None,
            Some(silence) => Some(self.tell(&rule.id, item, silence.reason, silence.detail.as_ref())),
            None if is_open(true) => None,
            None if is_about(&rule.about, item, &self.person.history, self.shop.catalog) => {
                Some(self.tell(&rule.id, item, Reason::AlreadyOver, None))
            }
            None => Some(self.tell(&rule.id, item, Reason::NotAbout, None)),
        }
    }

    /// The planner repeats what became of the last turn, which stands among the jobs or is told as closed.
    fn is_told(&self, silence: &plan::Silence, turns: &[&Occasion]) -> bool {
        let last = turns.iter().map(|o| o.anchor_day).max();
        turns.iter().filter(|o| Some(o.anchor_day) == last).any(|o| match &o.state {
            OccasionState::Served(job) => silence.reason == Reason::Served && self.jobs.contains_key(job),
            OccasionState::Closed(reason) => silence.reason == *reason,
            OccasionState::Open => false,
        })
    }

    fn of_turn(&self, occasion: &Occasion, reason: Reason) -> Silence {
        Silence {
            cycle: Some(occasion.key.cycle.clone()),
            due_at: Some(occasion.due_at),
            ..self.tell(&occasion.key.rule, occasion.key.item, reason, None)
        }
    }

    fn tell(&self, rule: &RuleId, item: Item, reason: Reason, detail: Option<&Detail>) -> Silence {
        let (language, today) = (self.case.language, self.case.today());
        Silence {
            rule: rule.clone(),
            item: self.case.catalog.item_id(item),
            name: self.case.item_name(item),
            reason,
            sentence: reason.sentence(language),
            detail: detail.map(|detail| wording::silence(language, detail, today)),
            figures: detail.cloned(),
            advice: reason.advice(language),
            cycle: None,
            due_at: None,
        }
    }

    fn view(&self) -> &MemberView {
        self.person.view
    }
}
