//! The only apalis: one transport with two arms, the ledger itself or Redis, and the worker over it; knows nothing of jobs but ids.
//!
//! The queue is a conveyor. It may lose, repeat or reorder ids without harm: whoever takes one claims the job in the
//! ledger first, and lets go when the ledger says no. Handlers always succeed, retries live in the ledger. Each channel has a
//! line of its own, and each line a worker: none waits for another.

mod health;
mod ledger;
mod line;
mod redis;
mod transport;
mod worker;

use std::sync::Arc;

use crate::domain::ids::Timestamp;

pub use self::redis::{RedisQueue, host_of};
pub use health::Health;
pub use ledger::LedgerQueue;
pub use line::Line;
pub use transport::Transport;
pub use worker::{WorkerOptions, work};

/// Two times at once: the driving clock (due dates) and the real one (leases).
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// What is due is due by this clock; `--now` sets it.
    pub driving: Timestamp,
    /// Leases run by this clock.
    pub real: Timestamp,
}

/// Tells the time; read at the edge, by whoever started the process.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// What can go wrong on the conveyor.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The embedded arm: the ledger did not answer.
    #[error("the ledger does not answer the queue")]
    Ledger(#[from] crate::store::StoreError),
    /// The Redis arm, through apalis.
    #[error("the queue in redis fails")]
    Apalis(#[from] apalis_redis::Error),
    /// The Redis arm, while pushing ids.
    #[error("ids cannot be pushed to redis")]
    Push(#[from] apalis_core::backend::TaskSinkError<apalis_redis::Error>),
    /// The Redis arm, spoken to directly.
    #[error("redis cannot be reached at {host}: look after it, or correct [queue] url")]
    Redis {
        /// Host and port, without credentials.
        host: String,
        /// What the client says.
        #[source]
        source: ::redis::RedisError,
    },
    /// The transport said that nothing will come any more.
    #[error("the queue has ended by itself")]
    Ended,
    /// An id cannot be written or read.
    #[error("a queue entry is damaged")]
    Entry(#[from] serde_json::Error),
}
