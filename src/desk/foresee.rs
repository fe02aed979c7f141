//! Owns what the ledger would hold if the planner and the assembler came by now, and what awaits each open occasion;
//! writes nothing.

use std::collections::HashMap;

use crate::domain::apply::apply;
use crate::domain::assemble::assemble;
use crate::domain::change::Change;
use crate::domain::guards::{Judge, Message, Verdict};
use crate::domain::ids::Timestamp;
use crate::domain::member::MemberView;
use crate::domain::occasion::{Occasion, OccasionKey};
use crate::domain::plan::Plan;
use crate::domain::reason::Reason;
use crate::domain::reconcile::replan;
use crate::domain::shop::{Person, Shop};

/// One member as the ledger would have it after a turn of the planner.
pub(super) struct Foreseen {
    /// The view, its open occasions planned anew.
    pub view: MemberView,
    /// What the planner would change.
    pub planned: Vec<Change>,
    /// What it wants, and why it is silent.
    pub plan: Plan,
    /// What the assembler would then do about what is due.
    pub assembled: Vec<Change>,
}

/// What awaits an open occasion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing speaks against it.
    Goes,
    /// A guard holds it until then.
    Held(Timestamp, Reason),
    /// A guard ends it.
    Ends(Reason),
}

/// Plans and assembles on a copy, in memory.
pub(super) fn foresee(mut view: MemberView, shop: &Shop<'_>, now: Timestamp) -> Foreseen {
    let (planned, plan) = replan(&view, shop, now);
    for change in &planned {
        apply(&mut view, change);
    }
    let is_due = |o: &Occasion| o.is_open() && (o.ready_at() <= now || o.valid_until <= now);
    let assembled = if view.occasions.iter().any(is_due) { assemble(&view, shop, now) } else { Vec::new() };
    Foreseen { view, planned, plan, assembled }
}

impl Foreseen {
    /// What awaits every open occasion that is due by now: as the assembler says, or as the ledger holds it.
    pub fn due(&self, now: Timestamp) -> Vec<(&Occasion, Fate)> {
        let verdicts = verdicts(&self.assembled);
        let open = self.view.occasions.iter().filter(|o| o.is_open());
        open.filter_map(|o| match (verdicts.get(&o.key), o.held_until, o.held_for) {
            (Some(fate), ..) => Some((o, *fate)),
            (None, Some(until), Some(reason)) if until > now => Some((o, Fate::Held(until, reason))),
            _ => None,
        })
        .collect()
    }

    /// What awaits every open occasion, those to come judged as of their due date.
    pub fn fates(&self, shop: &Shop<'_>, now: Timestamp) -> Vec<(&Occasion, Fate)> {
        let person = Person::of(&self.view, shop);
        let mut fates = self.due(now);
        let known: Vec<OccasionKey> = fates.iter().map(|(o, _)| o.key.clone()).collect();
        let ahead = self.view.occasions.iter().filter(|o| o.is_open() && !known.contains(&o.key));
        fates.extend(ahead.map(|o| (o, judge_ahead(&person, shop, o, now))));
        fates.sort_by(|(a, _), (b, _)| (a.due_at, &a.key).cmp(&(b.due_at, &b.key)));
        fates
    }
}

impl Fate {
    /// The reason for which nothing will go unless something changes: an end, or a hold until the occasion is over.
    pub fn silence(self, occasion: &Occasion) -> Option<Reason> {
        match self {
            Fate::Ends(reason) => Some(reason),
            Fate::Held(until, reason) if until >= occasion.valid_until => Some(reason),
            _ => None,
        }
    }

    /// Until when it is held, and why.
    pub fn delay(self) -> Option<(Timestamp, Reason)> {
        match self {
            Fate::Held(until, reason) => Some((until, reason)),
            Fate::Goes | Fate::Ends(_) => None,
        }
    }
}

fn verdicts(assembled: &[Change]) -> HashMap<&OccasionKey, Fate> {
    let mut verdicts = HashMap::new();
    for change in assembled {
        match change {
            Change::Assemble(_, keys) => verdicts.extend(keys.iter().map(|key| (key, Fate::Goes))),
            Change::Hold(key, until, reason) => {
                verdicts.insert(key, Fate::Held(*until, *reason));
            }
            Change::Close(key, reason) => {
                verdicts.insert(key, Fate::Ends(*reason));
            }
            _ => {}
        }
    }
    verdicts
}

/// The guards on the due date, as far as they can be foreseen.
fn judge_ahead(person: &Person<'_>, shop: &Shop<'_>, occasion: &Occasion, now: Timestamp) -> Fate {
    let Some(rule) = shop.rules.get(&occasion.key.rule) else { return Fate::Ends(Reason::Withdrawn) };
    let judge = Judge { person, shop, rule, now: occasion.ready_at().max(now) };
    let verdict = match judge.occasion(occasion) {
        Verdict::Send => {
            let message = Message {
                channel: rule.channel_for(&person.view.member, shop.reach),
                valid_until: occasion.valid_until,
                job: None,
                fresh: &[],
                used_up_until: None,
            };
            judge.message(&message).0
        }
        against => against,
    };
    match verdict {
        Verdict::Defer(_, reason) | Verdict::Skip(reason) if passes(reason) => Fate::Goes,
        Verdict::Defer(until, reason) => Fate::Held(until, reason),
        Verdict::Skip(reason) => Fate::Ends(reason),
        Verdict::Send => Fate::Goes,
    }
}

/// Objections that hang on the hour, not on the member: today's say nothing of another day.
pub(super) fn passes(reason: Reason) -> bool {
    matches!(reason, Reason::QuietHours | Reason::FrequencyCap | Reason::MinimumGap | Reason::OrdersStale)
}
