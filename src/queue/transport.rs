//! Owns the one transport: an apalis backend with two arms, so that the worker is written once; knows nothing of deliveries.

use std::task::{Context, Poll};
use std::time::Duration;

use apalis::prelude::*;
use apalis_codec::json::JsonCodec;
use apalis_core::backend::finalize::Durable;
use apalis_core::backend::persistence::{Persisted, TaskPersistLayer};
use apalis_core::backend::{BackendConfig, WireFormatBackend};
use apalis_redis::RedisStorage;
use serde_json::Value;

use super::ledger::LedgerLine;
use super::{LedgerQueue, Line, QueueError, RedisQueue};
use crate::store::JobRef;

/// Where job ids come from.
#[derive(Clone)]
pub enum Transport {
    /// The ledger itself.
    Ledger(LedgerQueue),
    /// Ids that a dispatcher pushed to Redis.
    Redis(RedisQueue),
}

impl Transport {
    /// A fresh backend of this line; a fetch takes at most about `batch` ids.
    pub(super) fn backend(&self, line: &Line, batch: usize) -> LineBackend {
        LineBackend(match self {
            Transport::Ledger(queue) => {
                let queue = LedgerLine { queue: queue.clone(), line: line.clone(), batch };
                Arm::Ledger(Persisted::new(queue), JsonCodec::default())
            }
            Transport::Redis(queue) => Arm::Redis(queue.storage(line, batch)),
        })
    }

    /// Whether it can be worked with at this moment.
    pub(super) async fn answers(&self) -> Result<(), QueueError> {
        match self {
            // Offers are written: one that can only be read is of no use.
            Transport::Ledger(queue) => Ok(queue.store.put_off(&[]).await.map(drop)?),
            Transport::Redis(queue) => queue.ping().await,
        }
    }

    /// Ends when the worker of this name is lost, however quietly.
    pub(super) async fn lost(&self, line: &Line, worker: &str) -> QueueError {
        match self {
            // Every fetch asks the ledger.
            Transport::Ledger(_) => std::future::pending().await,
            Transport::Redis(queue) => queue.keep_alive(line, worker).await,
        }
    }
}

/// One line of a transport, as a worker polls it.
pub(super) struct LineBackend(Arm);

enum Arm {
    Ledger(Persisted<LedgerLine>, JsonCodec),
    Redis(RedisStorage<JobRef>),
}

impl Backend for LineBackend {
    type Task = Task<Vec<u8>>;
    type Error = QueueError;

    fn poll_ready(&mut self, cx: &mut Context<'_>, worker: &WorkerContext) -> Poll<Result<(), QueueError>> {
        match &mut self.0 {
            Arm::Ledger(queue, _) => queue.poll_ready(cx, worker, Duration::from_secs(60)),
            Arm::Redis(storage) => Backend::poll_ready(storage, cx, worker).map_err(Into::into),
        }
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, QueueError>>> {
        let next = match &mut self.0 {
            Arm::Ledger(queue, _) => queue.poll_next(cx, worker),
            Arm::Redis(storage) => Backend::poll_next(storage, cx, worker).map_err(Into::into),
        };
        // A worker whose backend just ends waits for ever to be told to stop.
        next.map(|next| next.or(Some(Err(QueueError::Ended))))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, worker: &WorkerContext) -> Poll<Result<(), QueueError>> {
        match &mut self.0 {
            Arm::Ledger(queue, _) => queue.poll_close(cx, worker),
            Arm::Redis(storage) => Backend::poll_close(storage, cx, worker).map_err(Into::into),
        }
    }
}

impl BackendConfig for LineBackend {
    type Args = JobRef;
    type Id = <RedisStorage<JobRef> as BackendConfig>::Id;
    type Kind = Durable;
    type Config = ();
    type Layer = TaskPersistLayer<JsonCodec<Value>, Value>;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, worker: &mut WorkerContext) -> Self::Layer {
        match &mut self.0 {
            Arm::Ledger(queue, _) => {
                queue.layer(JsonCodec::default(), 256).lock_tasks(false).persist_results(false)
            }
            Arm::Redis(storage) => storage.middleware(worker),
        }
    }
}

impl WireFormatBackend for LineBackend {
    type Codec = JsonCodec;
    type Compact = Vec<u8>;

    fn codec(&self) -> &JsonCodec {
        match &self.0 {
            Arm::Ledger(_, codec) => codec,
            Arm::Redis(storage) => storage.codec(),
        }
    }
}
