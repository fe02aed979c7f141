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
        let page = assemble_page(parts).await?;
        jobs += page.jobs;
        if page.jobs > 0 {
            parts.due.notify_waiters();
        }
        // A page may hold fewer members than it could while more are due; one that changed nothing ends the turn.
        if !page.changed {
            return Ok(jobs);
        }
    }
}

struct Page {
    jobs: u64,
    changed: bool,
}

async fn assemble_page(parts: &Arc<Parts>) -> Result<Page, StoreError> {
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
    let (mut jobs, mut changed) = (0, false);
    for member in &decided {
        for (end, _) in member.value.iter().zip(&member.applied).filter(|(_, applied)| **applied) {
            changed = true;
            match end {
                End::Job => jobs += 1,
                End::Closed(reason) => parts.tally.skipped(*reason),
                End::Other => {}
            }
        }
    }
    Ok(Page { jobs, changed })
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
