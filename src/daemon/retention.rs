//! Owns the turn in which finished jobs leave the ledger, a few at a time; decides nothing itself.

use chrono::TimeDelta;

use super::Parts;
use crate::store::{Archive, StoreError};

/// Jobs moved out in one transaction: few, so that deliveries wait for none of it.
const BATCH: usize = 500;

/// How long finished jobs stay.
#[derive(Debug, Clone)]
pub struct Retention {
    /// So long after their end; none: for ever.
    pub jobs: Option<TimeDelta>,
    /// Where they go; none: nowhere.
    pub archive: Option<Archive>,
}

/// Moves out one batch of what is old enough; true when there may be more. What caps and further steps still look at
/// stays, and a clock that runs ahead moves nothing out early.
///
/// # Errors
/// When the ledger or the archive cannot be written.
pub async fn move_out(parts: &Parts) -> Result<bool, StoreError> {
    let Some(span) = parts.retention.jobs else { return Ok(false) };
    let now = parts.clock.now().min(parts.clock.real());
    let Some(old) = now.checked_sub_signed(span) else { return Ok(false) };
    let before = old.min(parts.knowledge().caps_since(now));
    let moved = parts.store.move_out(before, BATCH, parts.retention.archive.as_ref(), now).await?;
    if moved > 0 {
        parts.tally.moved_out(moved);
        tracing::info!(jobs = moved, "moved finished jobs out of the ledger");
    }
    Ok(moved >= BATCH as u64)
}
