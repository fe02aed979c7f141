//! Owns the planner's turn: the members that are awake, planned and written back; decides nothing itself.

use std::sync::Arc;

use super::{Parts, keeper};
use crate::domain::change::Change;
use crate::domain::reconcile::replan;
use crate::domain::shop::Knowledge;
use crate::store::{Pick, StoreError};

/// Members planned in one transaction.
const PAGE: usize = 500;

/// Why a planner's turn ended early.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Another planner was given other rules since: planning with these would undo its work, and it would undo ours.
    #[error("other rules are in force than these ({0}): reload")]
    OtherRules(String),
    /// The ledger fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Fails when other rules came into force after those of this process: it then neither learns, plans nor assembles.
///
/// # Errors
/// See [`PlanError`].
pub async fn stand_back(parts: &Parts) -> Result<(), PlanError> {
    if parts.guide().is_announced() { keeper::look_at_rules(parts).await } else { Ok(()) }
}

/// Plans every member that is awake; says how many there were.
///
/// # Errors
/// When the ledger fails, or other rules are in force; what was planned before stays.
pub async fn plan_awake(parts: &Arc<Parts>) -> Result<u64, PlanError> {
    let guide = parts.guide();
    let (rules, version) = (guide.knowledge.rules.hash(), guide.knowledge.version());
    if parts.store.wake_outdated(rules, !guide.is_announced(), &version).await?.is_none() {
        return Err(PlanError::OtherRules(rules.to_owned()));
    }
    guide.note_announced();
    let mut members = 0;
    loop {
        let planned = plan_page(parts, guide.knowledge.clone()).await?;
        members += planned as u64;
        if planned < PAGE || is_outdated(parts, &version).await? {
            return Ok(members);
        }
    }
}

/// True once this process or another planner has taken over other rules or priors: the next turn goes on with those.
async fn is_outdated(parts: &Parts, version: &str) -> Result<bool, StoreError> {
    Ok(parts.knowledge().version() != version
        || parts.store.planned_with().await?.as_deref() != Some(version))
}

async fn plan_page(parts: &Arc<Parts>, knowledge: Arc<Knowledge>) -> Result<usize, StoreError> {
    let now = parts.clock.now();
    let decisions = parts
        .store
        .decide(Pick::Awake(PAGE), now, knowledge.caps_since(now), move |view, catalog| {
            let (changes, _) = replan(view, &knowledge.shop(catalog), now);
            let kinds: Vec<Kind> = changes.iter().map(kind).collect();
            (changes, kinds)
        })
        .await?;
    let mut counts = [0; 4];
    let members = decisions.members();
    for member in keeper::heed(decisions) {
        let applied = member.value.iter().zip(&member.applied).filter(|(_, applied)| **applied);
        applied.for_each(|(kind, _)| counts[*kind as usize] += 1);
    }
    parts.tally.planned(
        counts[Kind::Plan as usize],
        counts[Kind::Move as usize],
        counts[Kind::Withdraw as usize],
    );
    Ok(members)
}

#[derive(Clone, Copy)]
enum Kind {
    Plan,
    Move,
    Withdraw,
    Other,
}

fn kind(change: &Change) -> Kind {
    match change {
        Change::Plan(_) => Kind::Plan,
        Change::Move(_) => Kind::Move,
        Change::Withdraw(_) => Kind::Withdraw,
        _ => Kind::Other,
    }
}
