//! Owns the embedded arm: claiming a due row of the ledger *is* the dequeue; knows nothing of what a job says.

use std::time::Duration;

use apalis::prelude::*;
use apalis_core::backend::persistence::{Persistence, TaskEvent};
use chrono::TimeDelta;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::Notify;

use super::{Clock, Line, QueueError};
use crate::store::{JobRef, Store};

/// An idle fetch waits so long before it looks again for rows that other processes wrote.
const IDLE_LOOK: Duration = Duration::from_millis(250);

/// The ledger as a queue.
#[derive(Clone)]
pub struct LedgerQueue {
    /// The ledger.
    pub store: Store,
    /// What is due, and how long leases run.
    pub clock: Clock,
    /// How long an offer stands.
    pub lease: TimeDelta,
    /// Rung when a job has become due.
    pub due: Arc<Notify>,
}

/// One line of it.
#[derive(Clone)]
pub(super) struct LedgerLine {
    pub queue: LedgerQueue,
    pub line: Line,
    pub batch: usize,
}

impl LedgerLine {
    async fn offer(&self) -> Result<Vec<JobRef>, QueueError> {
        let LedgerQueue { store, clock, lease, .. } = &self.queue;
        let now = clock();
        let ripe = store.ripe(now.driving).await?;
        Ok(self.line.offer(store, &ripe, now, *lease, self.batch).await?)
    }
}

impl Persistence for LedgerLine {
    type Compact = Vec<u8>;
    type Response = Value;
    type Error = QueueError;

    async fn register(&mut self, _: &WorkerContext) -> Result<(), QueueError> {
        Ok(())
    }

    async fn heartbeat(&mut self, _: &WorkerContext) -> Result<(), QueueError> {
        Ok(())
    }

    /// Waits a moment when nothing is due, so that an idle worker costs four looks a second.
    async fn fetch_next(&mut self, _: &WorkerContext) -> Result<Vec<Task<Vec<u8>>>, QueueError> {
        let mut jobs = self.offer().await?;
        if jobs.is_empty() {
            let _ = tokio::time::timeout(IDLE_LOOK, self.queue.due.notified()).await;
            jobs = self.offer().await?;
        }
        jobs.iter().map(task).collect()
    }

    /// What was fetched and never started keeps its lease, and is offered again when that runs out.
    async fn reenqueue_abandoned(
        &mut self,
        _: Vec<Task<Vec<u8>>>,
        _: &WorkerContext,
    ) -> Result<u64, QueueError> {
        Ok(0)
    }

    /// Outcomes are recorded in the ledger by the delivery itself.
    async fn handle_events(&mut self, _: Vec<TaskEvent<Value>>, _: &WorkerContext) -> Result<(), QueueError> {
        Ok(())
    }

    /// Jobs are put in by assembling them, never through the queue.
    async fn push_tasks(&mut self, _: Vec<Task<Vec<u8>>>) -> Result<(), QueueError> {
        Ok(())
    }
}

fn task(job: &JobRef) -> Result<Task<Vec<u8>>, QueueError> {
    let id = TaskId::from_string(job.job.as_str());
    Ok(TaskBuilder::new(serde_json::to_vec(job)?).task_id(id).build())
}
