//! Owns what keeps the ledger true over time: leases that ran out, the age of the order feed, pauses; decides nothing itself.

use std::sync::{Arc, Mutex, PoisonError};

use super::Parts;
use super::planner::PlanError;
use crate::domain::ids::{ChannelName, Timestamp};
use crate::domain::pause::{PauseScope, PausedBy};
use crate::store::{Damaged, Decided, Decisions, Pause, StoreError};

/// Takes back what died: `everything` when this process is alone, else only leases that ran out.
///
/// # Errors
/// When the ledger fails.
pub async fn reclaim(parts: &Arc<Parts>, everything: bool) -> Result<(), StoreError> {
    let reclaimed = parts.store.reclaim(parts.clock.real(), everything, parts.resendable()).await?;
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

/// Tells of the members that were set aside, each once; goes on with what was decided about the others.
pub fn heed<R>(decisions: Decisions<R>) -> Vec<Decided<R>> {
    for Damaged { member, why } in &decisions.damaged {
        tracing::error!(key = member.0, problem = %why, "nothing can be decided about a member: set aside for an hour");
        metrics::counter!("replenish_damaged_total").increment(1);
    }
    decisions.decided
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

/// Tells logs, metrics and readiness what is paused; the guards read it themselves, in every decision. `seen` is what
/// was paused when this last looked.
///
/// # Errors
/// When the ledger fails.
pub async fn look_at_pauses(parts: &Arc<Parts>, seen: &Mutex<Vec<Pause>>) -> Result<(), StoreError> {
    let pauses = parts.store.pauses().await?;
    for kind in PauseScope::KINDS {
        let count = pauses.iter().filter(|pause| pause.scope.kind() == kind).count();
        metrics::gauge!("replenish_paused", "scope" => kind).set(count as f64);
    }
    tell_gone(parts, &pauses);
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |one: &Pause, other: &Pause| (&one.scope, one.by) == (&other.scope, other.by);
    for pause in pauses.iter().filter(|pause| !seen.iter().any(|s| same(s, pause))) {
        let Pause { scope, by, because, since } = pause;
        tracing::warn!(scope = scope.kind(), name = scope.name(), by = by.as_str(), because, %since, "paused");
    }
    for pause in seen.iter().filter(|pause| !pauses.iter().any(|p| same(p, pause))) {
        tracing::info!(scope = pause.scope.kind(), name = pause.scope.name(), "resumed");
    }
    *seen = pauses;
    Ok(())
}

/// Endpoints that are gone: in every process, for as long as nobody resumes their channel.
fn tell_gone(parts: &Parts, pauses: &[Pause]) {
    let is_gone = |channel: &&ChannelName| {
        let by_endpoint = pauses.iter().filter(|pause| pause.by == PausedBy::Endpoint);
        by_endpoint.map(|pause| &pause.scope).any(|scope| scope.name() == Some(channel.as_str()))
    };
    for channel in parts.channels.keys().filter(|channel| !channel.is_email()) {
        let disabled = if is_gone(&channel) { 1.0 } else { 0.0 };
        metrics::gauge!("replenish_endpoint_disabled", "channel" => channel.to_string()).set(disabled);
    }
    let mut gone: Vec<&ChannelName> = parts.channels.keys().filter(is_gone).collect();
    gone.sort();
    let told = gone.iter().map(|channel| {
        format!(
            "channel {channel}: its endpoint answered 410 Gone: mend the url, restart, then `replenish resume --channel {channel}`"
        )
    });
    let told = told.collect::<Vec<_>>().join("; ");
    parts.readiness.note("channels", &if told.is_empty() { Ok(()) } else { Err(told) });
}

/// Disables a channel whose endpoint says that it is gone for good: in every process, over restarts, until a person
/// resumes it. A ledger that does not answer now is told by the next job that comes back.
pub async fn disable(parts: &Parts, channel: &ChannelName, now: Timestamp) {
    let scope = PauseScope::Channel(channel.clone());
    let because = "the endpoint answered 410 Gone".to_owned();
    let pause = Pause { scope, by: PausedBy::Endpoint, because, since: now };
    match parts.store.pause(pause).await {
        Ok(true) => tracing::error!(%channel, "the endpoint answered 410 Gone: the channel is paused"),
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(%channel, %error, "the endpoint is gone, and the channel cannot be paused")
        }
    }
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
