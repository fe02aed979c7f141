//! Owns what keeps the ledger true over time: leases that ran out, the age of the order feed, pauses; decides nothing itself.

use std::sync::{Arc, Mutex, PoisonError};

use super::Parts;
use super::clock::real_time;
use super::planner::PlanError;
use crate::domain::pause::PauseScope;
use crate::store::{Pause, StoreError};

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

/// Tells logs and metrics what is paused; the guards read it themselves, in every decision. `seen` is what was paused
/// when this last looked.
///
/// # Errors
/// When the ledger fails.
pub async fn look_at_pauses(parts: &Arc<Parts>, seen: &Mutex<Vec<Pause>>) -> Result<(), StoreError> {
    let pauses = parts.store.pauses().await?;
    for kind in PauseScope::KINDS {
        let count = pauses.iter().filter(|pause| pause.scope.kind() == kind).count();
        metrics::gauge!("replenish_paused", "scope" => kind).set(count as f64);
    }
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    for pause in pauses.iter().filter(|pause| !seen.iter().any(|s| s.scope == pause.scope)) {
        let Pause { scope, because, since } = pause;
        tracing::warn!(scope = scope.kind(), name = scope.name(), because, %since, "paused");
    }
    for pause in seen.iter().filter(|pause| !pauses.iter().any(|p| p.scope == pause.scope)) {
        tracing::info!(scope = pause.scope.kind(), name = pause.scope.name(), "resumed");
    }
    *seen = pauses;
    Ok(())
}

/// Looks whether the planners of a fleet go by the rules of this process.
///
/// # Errors
/// When they do not, or the ledger fails.
pub async fn look_at_rules(parts: &Parts) -> Result<(), PlanError> {
    let mine = parts.knowledge().rules.hash().to_owned();
    let in_force = parts.store.rules_in_force().await?;
    if in_force.is_some_and(|hash| hash != mine) { Err(PlanError::OtherRules(mine)) } else { Ok(()) }
}
