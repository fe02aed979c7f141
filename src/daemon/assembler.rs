//! Owns the assembler's turn: members with something due, their occasions made into jobs; decides nothing itself.

use std::sync::Arc;

use super::Parts;
use crate::domain::assemble::assemble;
use crate::domain::change::Change;
use crate::domain::reason::Reason;
use crate::store::{Pick, StoreError};

/// Members assembled in one transaction.
const PAGE: usize = 500;

/// Assembles everything that is due; says how many jobs were made, and wakes the queue when there are any.
///
/// # Errors
/// When the ledger fails; what was assembled before stays.
pub async fn assemble_due(parts: &Arc<Parts>) -> Result<u64, StoreError> {
    let mut jobs = 0;
    loop {
        let (members, assembled) = assemble_page(parts).await?;
        jobs += assembled;
        if assembled > 0 {
            parts.due.notify_waiters();
        }
        if members < PAGE {
            return Ok(jobs);
        }
    }
}

async fn assemble_page(parts: &Arc<Parts>) -> Result<(usize, u64), StoreError> {
    let knowledge = parts.knowledge();
    let now = parts.clock.now();
    let decided = parts
        .store
        .decide(Pick::Due(PAGE), now, knowledge.caps_since(now), move |view, catalog| {
            let changes = assemble(view, &knowledge.shop(catalog), now);
            let ends: Vec<End> = changes.iter().map(end).collect();
            (changes, ends)
        })
        .await?;
    let mut jobs = 0;
    for member in &decided {
        for (end, _) in member.value.iter().zip(&member.applied).filter(|(_, applied)| **applied) {
            match end {
                End::Job => jobs += 1,
                End::Closed(reason) => parts.tally.skipped(*reason),
                End::Other => {}
            }
        }
    }
    Ok((decided.len(), jobs))
}

enum End {
    Job,
    Closed(Reason),
    Other,
}

fn end(change: &Change) -> End {
    match change {
        Change::Assemble(..) => End::Job,
        Change::Close(_, reason) => End::Closed(*reason),
        _ => End::Other,
    }
}
