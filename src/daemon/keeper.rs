//! Owns what keeps the ledger true over time: leases that ran out, the age of the order feed; decides nothing itself.

use std::sync::Arc;

use super::Parts;
use super::clock::real_time;
use crate::store::StoreError;

/// Takes back what died: `everything` when this process is alone, else only leases that ran out.
///
/// # Errors
/// When the ledger fails.
pub async fn reclaim(parts: &Arc<Parts>, everything: bool) -> Result<(), StoreError> {
    let reclaimed = parts.store.reclaim(real_time(), everything, parts.resendable()).await?;
    if reclaimed.rescheduled + reclaimed.uncertain > 0 {
        tracing::warn!(
            rescheduled = reclaimed.rescheduled,
            uncertain = reclaimed.uncertain,
            "took back jobs whose worker is gone"
        );
        parts.due.notify_waiters();
    }
    Ok(())
}

/// Notes how old the orders are, for the guard that waits for fresh ones.
///
/// # Errors
/// When the ledger fails.
pub async fn look_at_feed(parts: &Arc<Parts>) -> Result<(), StoreError> {
    let at = parts.store.feed_at().await?;
    if parts.knowledge().orders_at != at {
        parts.know(|knowledge| knowledge.orders_at = at);
    }
    metrics::gauge!("replenish_in_flight").set(parts.store.in_flight().await? as f64);
    Ok(())
}
