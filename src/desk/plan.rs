//! Owns the dry run of planning: what a turn of the planner and the assembler would do to every member; writes nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use super::foresee::{Foreseen, foresee};
use super::pause::{self, PauseLine};
use super::{DeskError, PAGE};
use crate::domain::budget::shop_day;
use crate::domain::change::Change;
use crate::domain::ids::{RuleId, Timestamp};
use crate::domain::reason::Reason;
use crate::domain::shop::Knowledge;
use crate::store::Store;

/// What planning everyone now would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DryRun {
    /// Members looked at.
    pub members: u64,
    /// Members left out, because a row of theirs cannot be read: which one.
    pub damaged: Vec<String>,
    /// Occasions that would be written anew.
    pub scheduled: u64,
    /// Open occasions that would get other dates or evidence.
    pub moved: u64,
    /// Open occasions that would be withdrawn.
    pub cancelled: u64,
    /// Messages that would go now.
    pub due_now: u64,
    /// The occasions written anew, by rule.
    pub by_rule: BTreeMap<RuleId, u64>,
    /// Why nothing goes: silences of rules, and what is due that guards end or hold until it is over.
    pub skipped: BTreeMap<Reason, u64>,
    /// Why what is due goes later; for the daily budget, in messages.
    pub held: BTreeMap<Reason, u64>,
    /// What is paused.
    pub paused: Vec<PauseLine>,
}

/// Plans every member in memory. `progress` is told how many members are done.
///
/// # Errors
/// When the ledger fails.
pub async fn plan(
    store: &Store,
    knowledge: &Knowledge,
    now: Timestamp,
    mut progress: impl FnMut(u64),
) -> Result<DryRun, DeskError> {
    let catalog = store.catalog().await?;
    let shop = knowledge.shop(&catalog);
    let mut run = DryRun { paused: pause::list(store).await?, ..DryRun::default() };
    let mut after = None;
    loop {
        let page = store.views(after, PAGE, now, knowledge.caps_since(now)).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for (_, view) in page {
            match view {
                Ok(view) => run.count(&foresee(view, &shop, now), now),
                Err(damage) => run.damaged.push(damage.to_string()),
            }
        }
        progress(run.members);
    }
    if let Some(budget) = knowledge.rules.guards.daily_budget {
        let (from, until) = shop_day(now, knowledge.zone);
        let gone = store.assembled_within(from, until, knowledge.shadow).await?;
        run.keep_within(u64::from(budget).saturating_sub(gone));
    }
    Ok(run)
}

impl DryRun {
    /// Messages for which the shop's day has no room wait.
    fn keep_within(&mut self, left: u64) {
        let over = self.due_now.saturating_sub(left);
        if over > 0 {
            self.due_now = left;
            *self.held.entry(Reason::DailyBudget).or_default() += over;
        }
    }

    fn count(&mut self, member: &Foreseen, now: Timestamp) {
        self.members += 1;
        for change in &member.planned {
            match change {
                Change::Plan(occasion) => {
                    self.scheduled += 1;
                    *self.by_rule.entry(occasion.key.rule.clone()).or_default() += 1;
                }
                Change::Move(_) => self.moved += 1,
                Change::Withdraw(_) => self.cancelled += 1,
                _ => {}
            }
        }
        self.due_now += member.assembled.iter().filter(|c| matches!(c, Change::Assemble(..))).count() as u64;
        for silence in &member.plan.silences {
            *self.skipped.entry(silence.reason).or_default() += 1;
        }
        for (occasion, fate) in member.due(now) {
            match (fate.silence(occasion), fate.delay()) {
                (Some(reason), _) => *self.skipped.entry(reason).or_default() += 1,
                (None, Some((_, reason))) => *self.held.entry(reason).or_default() += 1,
                (None, None) => {}
            }
        }
    }
}
