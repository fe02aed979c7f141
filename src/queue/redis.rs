//! Owns the fleet's arm: ids on their way through Redis; knows nothing of the ledger's rows.

use std::time::Duration;

use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use super::QueueError;
use crate::store::JobRef;

/// The hash tag keeps all keys of the queue on one node of a cluster.
const QUEUE: &str = "{replenish}:jobs";
/// A worker that misses three beats is dead, and another takes its tasks over.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Finished entries are swept in pages of this size.
const SWEEP: usize = 1_000;

/// A connection to the queue in Redis, cheap to clone.
#[derive(Clone)]
pub struct RedisQueue {
    pub(super) storage: RedisStorage<JobRef>,
    connection: ConnectionManager,
    host: String,
}

impl RedisQueue {
    /// Connects, with an answer or an error within a few seconds.
    ///
    /// # Errors
    /// [`QueueError::Redis`] when nothing answers.
    pub async fn connect(url: &str) -> Result<Self, QueueError> {
        let host = host_of(url);
        let failed = |source| QueueError::Redis { host: host.clone(), source };
        let client = redis::Client::open(url).map_err(failed)?;
        // The client's own time-out of half a second turns every hiccup into a dead worker.
        let patience = ConnectionManagerConfig::new()
            .set_number_of_retries(3)
            .set_connection_timeout(Some(Duration::from_secs(3)))
            .set_response_timeout(Some(Duration::from_secs(10)));
        let connection = client.get_connection_manager_with_config(patience).await.map_err(failed)?;
        let config = Config::default()
            .queue(QUEUE)
            .batch_size(500)
            .heartbeat_interval(HEARTBEAT)
            .missed_heartbeats(3)
            .lock_tasks(false)
            .emit_events(false);
        let storage = RedisStorage::new(connection.clone()).with_config(config);
        Ok(Self { storage, connection, host })
    }

    /// The connection, for what else a fleet shares.
    pub fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }

    /// What answers there, with its version.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn version(&self) -> Result<String, QueueError> {
        let failed = |source| QueueError::Redis { host: self.host.clone(), source };
        let asked = redis::cmd("INFO").arg("server").query_async(&mut self.connection.clone()).await;
        let info: String = asked.map_err(failed)?;
        let fact = |name| info.lines().find_map(|line: &str| line.strip_prefix(name)).map(str::trim);
        let valkey = fact("valkey_version:").map(|version| format!("Valkey {version}"));
        Ok(valkey.unwrap_or_else(|| format!("Redis {}", fact("redis_version:").unwrap_or_default())))
    }

    /// Puts ids on the conveyor.
    ///
    /// # Errors
    /// [`QueueError::Apalis`]; the ids stay leased in the ledger and are offered again when the lease runs out.
    pub async fn push(&self, jobs: Vec<JobRef>) -> Result<(), QueueError> {
        Ok(self.storage.clone().push_bulk(jobs).await?)
    }

    /// Deletes what finished ids leave behind: the transport itself never does.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn sweep(&self) -> Result<usize, QueueError> {
        let failed = |source| QueueError::Redis { host: self.host.clone(), source };
        let mut connection = self.connection.clone();
        let all = format!("{QUEUE}:done");
        let done: Vec<String> = redis::cmd("SRANDMEMBER")
            .arg(&all)
            .arg(SWEEP)
            .query_async(&mut connection)
            .await
            .map_err(failed)?;
        if !done.is_empty() {
            let mut pipe = redis::pipe();
            // All or nothing: what is swept in part would be found by nobody.
            pipe.atomic().cmd("SREM").arg(&all).arg(&done).ignore();
            pipe.cmd("HDEL").arg(format!("{QUEUE}:data")).arg(&done).ignore();
            for id in &done {
                pipe.cmd("UNLINK").arg(format!("{QUEUE}:meta:{id}")).ignore();
            }
            pipe.query_async::<()>(&mut connection).await.map_err(failed)?;
        }
        Ok(done.len())
    }

    /// Entries that no worker has taken yet.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn waiting(&self) -> Result<u64, QueueError> {
        let failed = |source| QueueError::Redis { host: self.host.clone(), source };
        let (scheduled, active): (u64, u64) = redis::pipe()
            .cmd("ZCARD")
            .arg(format!("{QUEUE}:scheduled"))
            .cmd("LLEN")
            .arg(format!("{QUEUE}:active"))
            .query_async(&mut self.connection.clone())
            .await
            .map_err(failed)?;
        Ok(scheduled + active)
    }
}

/// Host and port of a URL, for people: never its credentials.
pub fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    rest.split('/').next().unwrap_or_default().to_owned()
}
