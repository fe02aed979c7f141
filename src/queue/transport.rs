//! Owns the one transport: an apalis backend with two arms, so that the worker is written once; knows nothing of deliveries.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use apalis::prelude::*;
use apalis_codec::json::JsonCodec;
use apalis_core::backend::finalize::Durable;
use apalis_core::backend::persistence::{Persisted, TaskPersistLayer};
use apalis_core::backend::{BackendConfig, WireFormatBackend};
use apalis_redis::RedisStorage;
use chrono::TimeDelta;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Sleep;

use super::ledger::LedgerQueue;
use super::{Clock, QueueError, RedisQueue};
use crate::store::{JobRef, Store};

/// The conveyor that a worker takes job ids from.
pub struct Transport {
    arm: Arm,
    /// A restarted worker waits before its first poll.
    pause: Option<Pin<Box<Sleep>>>,
}

enum Arm {
    Ledger(Persisted<LedgerQueue>, JsonCodec),
    Redis(RedisStorage<JobRef>),
}

impl Transport {
    /// The ledger itself. `due` wakes an idle fetch; `lease` and `batch` bound what one fetch takes.
    pub fn ledger(store: Store, clock: Clock, lease: TimeDelta, batch: usize, due: Arc<Notify>) -> Self {
        let queue = LedgerQueue { store, clock, lease, batch, due };
        Self { arm: Arm::Ledger(Persisted::new(queue), JsonCodec::default()), pause: None }
    }

    /// Ids that a dispatcher pushed to Redis.
    pub fn redis(queue: &RedisQueue) -> Self {
        Self { arm: Arm::Redis(queue.storage.clone()), pause: None }
    }

    /// The same transport, fresh, whose first poll waits for `delay`.
    pub(super) fn after(&self, delay: Duration) -> Self {
        let arm = match &self.arm {
            Arm::Ledger(queue, codec) => Arm::Ledger(queue.clone(), codec.clone()),
            Arm::Redis(storage) => Arm::Redis(storage.clone()),
        };
        let pause = (!delay.is_zero()).then(|| Box::pin(tokio::time::sleep(delay)));
        Self { arm, pause }
    }
}

impl Backend for Transport {
    type Task = Task<Vec<u8>>;
    type Error = QueueError;

    fn poll_ready(&mut self, cx: &mut Context<'_>, worker: &WorkerContext) -> Poll<Result<(), QueueError>> {
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        match &mut self.arm {
            Arm::Ledger(queue, _) => queue.poll_ready(cx, worker, Duration::from_secs(60)),
            Arm::Redis(storage) => Backend::poll_ready(storage, cx, worker).map_err(Into::into),
        }
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, QueueError>>> {
        match &mut self.arm {
            Arm::Ledger(queue, _) => queue.poll_next(cx, worker),
            Arm::Redis(storage) => Backend::poll_next(storage, cx, worker).map_err(Into::into),
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, worker: &WorkerContext) -> Poll<Result<(), QueueError>> {
        match &mut self.arm {
            Arm::Ledger(queue, _) => queue.poll_close(cx, worker),
            Arm::Redis(storage) => Backend::poll_close(storage, cx, worker).map_err(Into::into),
        }
    }
}

impl BackendConfig for Transport {
    type Args = JobRef;
    type Id = <RedisStorage<JobRef> as BackendConfig>::Id;
    type Kind = Durable;
    type Config = ();
    type Layer = TaskPersistLayer<JsonCodec<Value>, Value>;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, worker: &mut WorkerContext) -> Self::Layer {
        match &mut self.arm {
            Arm::Ledger(queue, _) => {
                queue.layer(JsonCodec::default(), 256).lock_tasks(false).persist_results(false)
            }
            Arm::Redis(storage) => storage.middleware(worker),
        }
    }
}

impl WireFormatBackend for Transport {
    type Codec = JsonCodec;
    type Compact = Vec<u8>;

    fn codec(&self) -> &JsonCodec {
        match &self.arm {
            Arm::Ledger(_, codec) => codec,
            Arm::Redis(storage) => storage.codec(),
        }
    }
}
