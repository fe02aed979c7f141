//! Owns what the ledger says against a desired occasion, and the further messages of its turn; knows nothing of dates.

use super::super::ids::RuleId;
use super::super::occasion::{Occasion, OccasionState};
use super::super::reason::Reason;
use super::super::trigger::Trigger;
use super::{Planner, Silent};

impl Planner<'_> {
    /// The turn's first message and those after it, each as the ledger lets it. A further message counts from the one
    /// before it, which must be there.
    pub(super) fn steps(&self, desired: Result<Occasion, Silent>) -> Vec<Result<Occasion, Silent>> {
        let mut before = match desired {
            Ok(occasion) => occasion,
            Err(silent) => return vec![Err(silent)],
        };
        let mut steps = vec![self.admit(before.clone())];
        for step in &self.rule.steps {
            let known = self.known(before.key.step, before.key.item, &before.key.cycle);
            let due_at = match known {
                // Whether it goes is the guard's to say: what assembling does wakes no planner.
                Some(known) if !known.is_open() => known.due_at,
                _ if steps.last().is_some_and(Result::is_ok) => before.due_at,
                _ => break,
            };
            let due_at = self.hours().next(due_at + step.after);
            let key = self.key(before.key.step + 1, before.key.item, &before.key.cycle);
            let valid_until = due_at + self.rule.valid_for;
            before = Occasion { key, due_at, valid_until, held_until: None, held_for: None, ..before };
            steps.push(self.admit(before.clone()));
        }
        steps
    }

    /// What the ledger says against a desired occasion: served, closed, overtaken, or over before it was seen.
    fn admit(&self, desired: Occasion) -> Result<Occasion, Silent> {
        let ids = self.rule.ids();
        let turns = || self.person.view.turns(&ids, desired.key.step, desired.key.item);
        if let Some(known) = turns().find(|o| o.key == desired.key) {
            match known.state {
                OccasionState::Served(_) => return Err(Reason::Served.into()),
                OccasionState::Closed(reason) => return Err(reason.into()),
                OccasionState::Open => return Ok(desired),
            }
        }
        if self.was_served_as_another_item(&ids, &desired) {
            return Err(Reason::Served.into());
        }
        let first_only = matches!(self.rule.trigger, Trigger::Item(moment, _) if moment.is_first());
        if turns().any(|o| o.is_served() && (first_only || overtakes(o, &desired))) {
            return Err(Reason::OlderCycle.into());
        }
        if desired.valid_until <= self.now {
            return Err(Reason::AlreadyOver.into());
        }
        Ok(desired)
    }

    /// A product that came into another group or category since takes its turns along: the same purchase, served for
    /// an item that overlaps this one or that holds nothing of the member any more, is this turn.
    fn was_served_as_another_item(&self, ids: &[RuleId], desired: &Occasion) -> bool {
        let (history, catalog) = (&self.person.history, self.shop.catalog);
        let is_empty = |item| !history.purchases().iter().any(|p| catalog.contains(item, p.product));
        let same_need = |item| history.overlap(item, desired.key.item, catalog) || is_empty(item);
        self.person.view.occasions.iter().any(|o| {
            o.is_served()
                && ids.contains(&o.key.rule)
                && (o.key.step, &o.key.cycle) == (desired.key.step, &desired.key.cycle)
                && o.key.item != desired.key.item
                && same_need(o.key.item)
        })
    }
}

/// A served turn silences all that are not later. A wish is later than the ordinary turn of its purchase, and than an
/// earlier wish.
fn overtakes(served: &Occasion, desired: &Occasion) -> bool {
    match desired.key.cycle.again_on() {
        None => served.anchor_day >= desired.anchor_day,
        wish => served.anchor_day > desired.anchor_day || served.key.cycle.again_on() >= wish,
    }
}
