//! Owns a single pass: take in what lies in the inbox, learn if never, plan, deliver all that is due at one instant; decides nothing itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::dispatcher::Dispatcher;
use super::run::deliver_until;
use super::tally::Count;
use super::{Parts, assembler, keeper, learn, outage, planner, restored, retention};
use crate::store::Lock;

/// How often a pass looks whether all is done.
const LOOK: Duration = Duration::from_millis(10);
/// How often a pass takes back what died elsewhere.
const KEEPER_TURN: Duration = Duration::from_secs(1);

/// What a single pass did.
#[derive(Debug, Clone, Serialize)]
pub struct OnceSummary {
    /// What was planned, delivered, left for later.
    #[serde(flatten)]
    pub count: Count,
    /// How long it took.
    pub seconds: f64,
}

/// Does all that is due at the clock's instant, and returns; `stop` ends it early, draining what is in flight, and so does
/// a `lock` that is lost.
///
/// # Errors
/// When the ledger or the queue fails, or the lock is lost.
pub async fn run_once(
    parts: Arc<Parts>,
    lock: Option<&Lock>,
    stop: CancellationToken,
) -> anyhow::Result<OnceSummary> {
    let passing = pass(parts, stop.clone());
    let Some(lock) = lock else { return passing.await };
    tokio::pin!(passing);
    tokio::select! {
        done = &mut passing => return done,
        () = lock.lost() => stop.cancel(),
    }
    passing.await?;
    anyhow::bail!(
        "the ledger's run lock was lost in the middle of the pass: what is left goes with the next one"
    )
}

async fn pass(parts: Arc<Parts>, stop: CancellationToken) -> anyhow::Result<OnceSummary> {
    let started = tokio::time::Instant::now();
    if let Some(inbox) = &parts.inbox {
        tokio::select! {
            () = stop.cancelled() => {}
            () = inbox.rest() => {}
        }
        if let Err(error) = inbox.look().await {
            tracing::error!(%error, "the pass goes on without it");
        }
    }
    keeper::look_at_feed(&parts).await.context("the ledger does not answer")?;
    restored::take_over(&parts).await.context("the ledger does not answer")?;
    if parts.redis.is_none() {
        keeper::reclaim(&parts, true).await.context("the ledger cannot be taken over")?;
    }
    outage::look(&parts).await.context("the ledger does not answer")?;
    if parts.knowledge().priors.version.is_empty() {
        let knowledge = parts.knowledge();
        let learnt = learn(&parts.store, &knowledge.rules, knowledge.zone, parts.clock.now()).await;
        let learnt = learnt.context("learning from the history failed")?;
        parts.know(|knowledge| knowledge.priors = Arc::new(learnt.priors));
    }
    planner::plan_awake(&parts).await.context("planning failed")?;
    outage::note(&parts).await.context("the ledger does not answer")?;
    assembler::assemble_due(&parts).await.context("assembling failed")?;
    let finished = CancellationToken::new();
    let worker = tokio::spawn(deliver_until(parts.clone(), finished.clone()));
    let outcome = until_nothing_is_due(&parts, &stop).await;
    finished.cancel();
    worker.await.context("the worker stopped")?;
    outcome?;
    while !stop.is_cancelled()
        && retention::move_out(&parts).await.context("finished jobs cannot be moved out")?
    {}
    Ok(OnceSummary { count: parts.tally.count(), seconds: started.elapsed().as_secs_f64() })
}

async fn until_nothing_is_due(parts: &Arc<Parts>, stop: &CancellationToken) -> anyhow::Result<()> {
    let mut reclaimed = tokio::time::Instant::now();
    let dispatcher = Dispatcher::new(parts);
    loop {
        if let Some(queue) = &parts.redis {
            dispatcher.dispatch(parts, queue).await.context("due jobs cannot be offered")?;
        }
        // In this order: what is offered between the two looks is seen by the second.
        let next = parts.store.next_event().await?;
        let in_flight = parts.store.in_flight().await?;
        if in_flight == 0 && next.is_none_or(|at| at > parts.clock.now()) {
            return Ok(());
        }
        if reclaimed.elapsed() > KEEPER_TURN {
            keeper::reclaim(parts, false).await?;
            planner::plan_awake(parts).await?;
            assembler::assemble_due(parts).await?;
            reclaimed = tokio::time::Instant::now();
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
