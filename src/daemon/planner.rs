//! Owns the planner's turn: the members that are awake, planned and written back; decides nothing itself.

use std::sync::Arc;

use super::Parts;
use crate::domain::change::Change;
use crate::domain::reconcile::replan;
use crate::store::{Pick, StoreError};

/// Members planned in one transaction.
const PAGE: usize = 500;

/// Plans every member that is awake; says how many there were.
///
/// # Errors
/// When the ledger fails; what was planned before stays.
pub async fn plan_awake(parts: &Arc<Parts>) -> Result<u64, StoreError> {
    parts.store.wake_outdated(&parts.knowledge().version()).await?;
    let mut members = 0;
    loop {
        let planned = plan_page(parts).await?;
        members += planned as u64;
        if planned < PAGE {
            return Ok(members);
        }
    }
}

async fn plan_page(parts: &Arc<Parts>) -> Result<usize, StoreError> {
    let knowledge = parts.knowledge();
    let now = parts.clock.now();
    let decided = parts
        .store
        .decide(Pick::Awake(PAGE), now, knowledge.caps_since(now), move |view, catalog| {
            let (changes, _) = replan(view, &knowledge.shop(catalog), now);
            let kinds: Vec<Kind> = changes.iter().map(kind).collect();
            (changes, kinds)
        })
        .await?;
    let mut counts = [0; 4];
    for member in &decided {
        let applied = member.value.iter().zip(&member.applied).filter(|(_, applied)| **applied);
        applied.for_each(|(kind, _)| counts[*kind as usize] += 1);
    }
    parts.tally.planned(
        counts[Kind::Plan as usize],
        counts[Kind::Move as usize],
        counts[Kind::Withdraw as usize],
    );
    Ok(decided.len())
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
