//! Owns the fleet's arm: ids on their way through Redis; knows nothing of the ledger's rows.

use std::time::Duration;

use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage};
use redis::FromRedisValue;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use super::{Line, QueueError};
use crate::store::JobRef;

/// The hash tag keeps all keys of the queue on one node of a cluster.
const QUEUE: &str = "{replenish}:jobs";
/// A worker that misses three beats is dead, and another takes its tasks over.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Finished entries are swept in pages of this size.
const SWEEP: usize = 1_000;
/// Names the server that was pushed to, in that server.
const SERVER: &str = "{replenish}:server";
/// A server that is silent for so long is lost.
const ANSWER: Duration = Duration::from_secs(2);

/// A connection to the queue in Redis, cheap to clone.
#[derive(Clone)]
pub struct RedisQueue {
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
        Ok(Self { connection, host })
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
        let info: String = self.ask(redis::cmd("INFO").arg("server")).await?;
        let valkey = fact(&info, "valkey_version:").map(|version| format!("Valkey {version}"));
        Ok(valkey.unwrap_or_else(|| format!("Redis {}", fact(&info, "redis_version:").unwrap_or_default())))
    }

    /// Whether it answers now, within two seconds.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn ping(&self) -> Result<(), QueueError> {
        self.soon(self.ask::<String>(&redis::cmd("PING"))).await.map(drop)
    }

    /// Puts ids on a line.
    ///
    /// # Errors
    /// [`QueueError::Push`]; the ids stay leased in the ledger and are offered again when the lease runs out.
    pub async fn push(&self, line: &Line, jobs: Vec<JobRef>) -> Result<(), QueueError> {
        Ok(self.storage(line, 1).push_bulk(jobs).await?)
    }

    /// Ids of each line that no worker has taken yet.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn waiting(&self, lines: &[Line]) -> Result<Vec<u64>, QueueError> {
        let mut pipe = redis::pipe();
        for line in lines {
            pipe.cmd("ZCARD").arg(key(line, "scheduled")).cmd("LLEN").arg(key(line, "active"));
        }
        let counts: Vec<u64> = self.pipe(&pipe).await?;
        Ok(counts.chunks(2).map(|of_line| of_line.iter().sum()).collect())
    }

    /// Takes every id off a line that no worker has taken yet; how many. Ids that come meanwhile stay.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn clear(&self, line: &Line) -> Result<usize, QueueError> {
        let (scheduled, active) = (key(line, "scheduled"), key(line, "active"));
        let mut look = redis::pipe();
        look.cmd("ZRANGE").arg(&scheduled).arg(0).arg(-1).cmd("LRANGE").arg(&active).arg(0).arg(-1);
        let (of_scheduled, of_active): (Vec<String>, Vec<String>) = self.pipe(&look).await?;
        let mut pipe = redis::pipe();
        pipe.atomic();
        for id in &of_active {
            pipe.cmd("LREM").arg(&active).arg(1).arg(id).ignore();
        }
        if !of_scheduled.is_empty() {
            pipe.cmd("ZREM").arg(&scheduled).arg(&of_scheduled).ignore();
        }
        let all: Vec<String> = of_scheduled.into_iter().chain(of_active).collect();
        if !all.is_empty() {
            pipe.cmd("SADD").arg(key(line, "done")).arg(&all).ignore();
            self.pipe::<()>(&pipe).await?;
        }
        Ok(all.len())
    }

    /// True when the server still is the one that [`RedisQueue::remember`] was told by: a server that was restarted or
    /// flushed since has lost ids.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn remembers(&self) -> Result<bool, QueueError> {
        let mut pipe = redis::pipe();
        pipe.cmd("GET").arg(SERVER).cmd("INFO").arg("server");
        let (known, info): (Option<String>, String) = self.pipe(&pipe).await?;
        Ok(known.is_some() && known.as_deref() == fact(&info, "run_id:"))
    }

    /// From now on the server remembers what is pushed, until it is restarted or flushed.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn remember(&self) -> Result<(), QueueError> {
        let info: String = self.ask(redis::cmd("INFO").arg("server")).await?;
        self.ask(redis::cmd("SET").arg(SERVER).arg(fact(&info, "run_id:").unwrap_or_default())).await
    }

    /// Deletes what finished ids leave behind: the transport itself never does.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn sweep(&self, line: &Line) -> Result<usize, QueueError> {
        let all = key(line, "done");
        let done: Vec<String> = self.ask(redis::cmd("SRANDMEMBER").arg(&all).arg(SWEEP)).await?;
        if !done.is_empty() {
            let mut pipe = redis::pipe();
            // All or nothing: what is swept in part would be found by nobody.
            pipe.atomic().cmd("SREM").arg(&all).arg(&done).ignore();
            pipe.cmd("HDEL").arg(key(line, "data")).arg(&done).ignore();
            for id in &done {
                pipe.cmd("UNLINK").arg(key(line, &format!("meta:{id}"))).ignore();
            }
            self.pipe::<()>(&pipe).await?;
        }
        Ok(done.len())
    }

    /// The line as the worker's backend; one fetch takes `batch` ids.
    pub(super) fn storage(&self, line: &Line, batch: usize) -> RedisStorage<JobRef> {
        let config = Config::default()
            .queue(format!("{QUEUE}:{}", line.name()))
            .batch_size(batch.max(1))
            .heartbeat_interval(HEARTBEAT)
            .missed_heartbeats(3)
            .lock_tasks(false)
            .emit_events(false);
        RedisStorage::new(self.connection.clone()).with_config(config)
    }

    /// Says that a worker is alive for as long as it is, whatever it does: with ids at hand that wait for a place its
    /// backend says nothing. Ends when Redis does not answer.
    pub(super) async fn keep_alive(&self, line: &Line, worker: &str) -> QueueError {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            let beat = async {
                let (now, _): (u64, u64) = self.ask(&redis::cmd("TIME")).await?;
                // only one that is registered: after a flush it must register anew
                let mut beat = redis::cmd("ZADD");
                beat.arg(key(line, "workers")).arg("XX").arg("GT").arg(now).arg(worker);
                self.ask::<u64>(&beat).await
            };
            if let Err(error) = self.soon(beat).await {
                return error;
            }
        }
    }

    async fn soon<T>(&self, answer: impl Future<Output = Result<T, QueueError>>) -> Result<T, QueueError> {
        let silent = |_| Err(self.failed(std::io::Error::from(std::io::ErrorKind::TimedOut).into()));
        tokio::time::timeout(ANSWER, answer).await.unwrap_or_else(silent)
    }

    async fn ask<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, QueueError> {
        let asked = command.query_async(&mut self.connection.clone()).await;
        asked.map_err(|source| self.failed(source))
    }

    async fn pipe<T: FromRedisValue>(&self, pipe: &redis::Pipeline) -> Result<T, QueueError> {
        let asked = pipe.query_async(&mut self.connection.clone()).await;
        asked.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: redis::RedisError) -> QueueError {
        QueueError::Redis { host: self.host.clone(), source }
    }
}

/// A key of the line, as the transport names it.
fn key(line: &Line, what: &str) -> String {
    format!("{QUEUE}:{}:{what}", line.name())
}

/// One fact out of what a server says of itself.
fn fact<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// Host and port of a URL, for people: never its credentials.
pub fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    rest.split('/').next().unwrap_or_default().to_owned()
}
