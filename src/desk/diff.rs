//! Owns what other rules would change: who gains, loses and moves which message, and who would hear twice of the same
//! purchase; writes nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use super::foresee::{Fate, Foreseen, foresee};
use super::{DeskError, PAGE};
use crate::domain::ids::{MemberId, RuleId, Timestamp};
use crate::domain::member::Purpose;
use crate::domain::occasion::{Occasion, OccasionKey};
use crate::domain::reason::Reason;
use crate::domain::rules::Rules;
use crate::domain::shop::{Knowledge, Shop};
use crate::store::Store;

/// What a reload of the other rules would do to what waits.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Diff {
    /// Members looked at.
    pub members: u64,
    /// Members left out, because a row of theirs cannot be read: which one.
    pub damaged: Vec<String>,
    /// Messages that would wait only then.
    pub gained: u64,
    /// Messages that would no longer wait.
    pub lost: u64,
    /// Messages that would go at another time.
    pub moved: u64,
    /// Of those gained: about a purchase that has had its message, and nothing would stop them.
    pub second_for_same_purchase: u64,
    /// The same, by rule.
    pub by_rule: BTreeMap<RuleId, Tally>,
    /// Every one of them, member by member.
    pub changes: Vec<Difference>,
}

/// How many messages of one rule change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// See [`Diff::gained`].
    pub gained: u64,
    /// See [`Diff::lost`].
    pub lost: u64,
    /// See [`Diff::moved`].
    pub moved: u64,
}

/// One message that changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Who.
    pub member: MemberId,
    /// The rule that asks.
    pub rule: RuleId,
    /// Its step.
    pub step: u16,
    /// About what, as the shop writes it.
    pub item: String,
    /// When it goes now; absent when it is gained.
    pub before: Option<Timestamp>,
    /// When it would go; absent when it is lost.
    pub after: Option<Timestamp>,
    /// Why a guard would end what is gained or moved, as far as that can be told.
    pub ends: Option<Reason>,
    /// True for a second message about the same purchase that nothing would stop.
    pub second: bool,
}

/// Plans every member under both sets of rules, in memory. `progress` is told how many members are done.
///
/// # Errors
/// When the ledger fails.
pub async fn diff(
    store: &Store,
    knowledge: &Knowledge,
    other: Rules,
    now: Timestamp,
    mut progress: impl FnMut(u64),
) -> Result<Diff, DeskError> {
    let catalog = store.catalog().await?;
    let other = Knowledge { rules: other.into(), ..knowledge.clone() };
    let caps_since = knowledge.caps_since(now).min(other.caps_since(now));
    let (mut diff, mut after) = (Diff::default(), None);
    loop {
        let page = store.views(after, PAGE, now, caps_since).await?;
        let Some((last, _)) = page.last() else { return Ok(diff) };
        after = Some(*last);
        for (_, view) in page {
            let view = match view {
                Ok(view) => view,
                Err(damage) => {
                    diff.damaged.push(damage.to_string());
                    continue;
                }
            };
            let planned = foresee(view, &knowledge.shop(&catalog), now);
            let then = foresee(planned.view.clone(), &other.shop(&catalog), now);
            diff.members += 1;
            diff.compare(&planned, &then, &other.shop(&catalog), now);
        }
        progress(diff.members);
    }
}

impl Diff {
    fn compare(&mut self, now_open: &Foreseen, then: &Foreseen, shop: &Shop<'_>, now: Timestamp) {
        let (before, after) = (open(now_open), open(then));
        let fates = then.fates(shop, now);
        for (key, occasion) in &after {
            let was = before.get(key).map(|o| o.due_at);
            if was == Some(occasion.due_at) {
                continue;
            }
            let fate = fates.iter().find(|(o, _)| o.key == **key).map(|(_, fate)| *fate);
            let ends = match fate {
                Some(Fate::Ends(reason)) => Some(reason),
                _ => None,
            };
            let second = was.is_none() && ends.is_none() && has_had_its_message(occasion, then, shop);
            self.note(then, shop, occasion, (was, Some(occasion.due_at)), ends, second);
        }
        for (_, occasion) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
            self.note(then, shop, occasion, (Some(occasion.due_at), None), None, false);
        }
    }

    fn note(
        &mut self,
        member: &Foreseen,
        shop: &Shop<'_>,
        occasion: &Occasion,
        (before, after): (Option<Timestamp>, Option<Timestamp>),
        ends: Option<Reason>,
        second: bool,
    ) {
        let of_rule = self.by_rule.entry(occasion.key.rule.clone()).or_default();
        let (all, own) = match (before, after) {
            (None, _) => (&mut self.gained, &mut of_rule.gained),
            (_, None) => (&mut self.lost, &mut of_rule.lost),
            _ => (&mut self.moved, &mut of_rule.moved),
        };
        *all += 1;
        *own += 1;
        self.second_for_same_purchase += u64::from(second);
        self.changes.push(Difference {
            member: member.view.member.id.clone(),
            rule: occasion.key.rule.clone(),
            step: occasion.key.step,
            item: shop.catalog.item_id(occasion.key.item),
            before,
            after,
            ends,
            second,
        });
    }
}

fn open(member: &Foreseen) -> BTreeMap<&OccasionKey, &Occasion> {
    member.view.occasions.iter().filter(|o| o.is_open()).map(|o| (&o.key, o)).collect()
}

/// A reminder whose need was reminded of, or the message of a turn that a rule served which is gone now: renamed, as
/// likely as not. A further step of the same rule is no second message.
fn has_had_its_message(new: &Occasion, member: &Foreseen, shop: &Shop<'_>) -> bool {
    let Some(rule) = shop.rules.get(&new.key.rule) else { return false };
    // The member asked for this one.
    if new.key.cycle.again_on().is_some() {
        return false;
    }
    let view = &member.view;
    let overlap = |old: &Occasion| {
        let history = crate::domain::order::PurchaseHistory::fold(&view.lines, shop.catalog, shop.zone);
        history.overlap(old.key.item, new.key.item, shop.catalog)
    };
    let same_turn = |old: &&Occasion| old.is_served() && old.anchor_day == new.anchor_day;
    view.occasions.iter().filter(same_turn).any(|old| match shop.rules.get(&old.key.rule) {
        Some(own) if own.id == rule.id => false,
        Some(other) => {
            rule.purpose() == Purpose::Reminder && other.purpose() == Purpose::Reminder && overlap(old)
        }
        None => old.key.step == new.key.step && overlap(old),
    })
}
