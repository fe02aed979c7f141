//! Owns how jobs that are ready come to the queue and back, channel by channel; knows nothing of who works on them.

use std::collections::HashMap;

use super::changes;
use super::ledger::{count, keys};
use super::value::{Row, Statement, Value, values};
use super::{Store, StoreError};
use crate::domain::ids::{ChannelName, JobId, Timestamp};
use crate::domain::job::Lease;
use crate::domain::reason::Reason;

/// What the queue carries: a job's id, whose it is, and which way it goes: that is asked for a turn before the claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct JobRef {
    /// The member's key.
    pub member: i64,
    /// The job.
    pub job: JobId,
    /// The channel.
    pub channel: ChannelName,
    /// The right part of the member's address, in lower case.
    pub domain: Option<String>,
    /// When it is no longer worth sending.
    pub valid_until: Timestamp,
}

/// The jobs of one channel that go by the same priority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// The channel.
    pub channel: ChannelName,
    /// The priority: within a channel the higher goes first.
    pub priority: i64,
}

/// Jobs of one channel that were offered and are not settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// Those that nobody has claimed.
    pub queued: u64,
    /// Those that are handed over.
    pub sending: u64,
}

/// A job that has no turn yet: its peer rests, or its rate is used up.
#[derive(Debug, Clone)]
pub struct Deferral {
    /// The job.
    pub job: JobId,
    /// When it is worth asking again; never later than its `valid_until`.
    pub not_before: Timestamp,
    /// Why.
    pub reason: Reason,
}

/// Every lane with a job that is ready, found by a look into the index for each: however many jobs wait, it costs what
/// there are lanes.
const RIPE: &str = "WITH RECURSIVE channels (channel) AS (\
        SELECT min(channel) FROM job WHERE state = 'scheduled' UNION ALL \
        SELECT (SELECT min(j.channel) FROM job j WHERE j.state = 'scheduled' AND j.channel > c.channel) \
        FROM channels c WHERE c.channel IS NOT NULL), \
    lanes (channel, priority) AS (\
        SELECT c.channel, (SELECT max(j.priority) FROM job j WHERE j.state = 'scheduled' AND j.channel = c.channel) \
        FROM channels c WHERE c.channel IS NOT NULL UNION ALL \
        SELECT l.channel, (SELECT max(j.priority) FROM job j WHERE j.state = 'scheduled' AND j.channel = l.channel \
            AND j.priority < l.priority) FROM lanes l WHERE l.priority IS NOT NULL) \
    SELECT l.priority, l.channel FROM lanes l WHERE EXISTS (SELECT 1 FROM job j WHERE j.state = 'scheduled' \
        AND j.channel = l.channel AND j.priority = l.priority AND j.ready_at <= $1) \
    ORDER BY l.channel, l.priority DESC";

impl Store {
    /// The lanes with a job that is ready, by channel, the highest priority first.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn ripe(&self, now: Timestamp) -> Result<Vec<Lane>, StoreError> {
        let lanes = self.ask_one(Statement::new(RIPE, values![now])).await?.into_iter();
        let lane = |row: Row| {
            let (priority, channel) = row.keyed("job", Row::text)?;
            Ok(Lane { channel: channel.into(), priority })
        };
        lanes.map(lane).collect()
    }

    /// Makes the lane's `scheduled` jobs that are ready `queued`, under a lease: at most `limit`, those ready
    /// first.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn offer(
        &self,
        lane: &Lane,
        now: Timestamp,
        lease: Lease,
        limit: usize,
    ) -> Result<Vec<JobRef>, StoreError> {
        let ready = "j.channel = $4 AND j.priority = $5 AND j.ready_at <= $1 ORDER BY j.ready_at, j.key";
        let of_lane = values![lane.channel.as_str(), lane.priority];
        self.offer_those(ready, now, lease, limit, of_lane).await
    }

    /// The same with jobs of any channel that are no longer worth sending: whoever claims one ends it.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn offer_over(
        &self,
        now: Timestamp,
        lease: Lease,
        limit: usize,
    ) -> Result<Vec<JobRef>, StoreError> {
        let over = "j.valid_until <= $1 ORDER BY j.valid_until";
        self.offer_those(over, now, lease, limit, Vec::new()).await
    }

    /// `which` may speak of `$1`, now, and of `more` from `$4` on.
    async fn offer_those(
        &self,
        which: &str,
        now: Timestamp,
        lease: Lease,
        limit: usize,
        more: Vec<Value>,
    ) -> Result<Vec<JobRef>, StoreError> {
        let span = lease.span.num_milliseconds();
        let mut values = values![now, lease.from, count(limit)];
        values.extend(more);
        values.push(span.into());
        // materialized: PostgreSQL might else take the inner query, with its limit, once for each job
        let sql = format!(
            "WITH ready AS MATERIALIZED (SELECT j.key FROM job j WHERE j.state = 'scheduled' AND {which} LIMIT $3 {}) \
             UPDATE job SET state = 'queued', lease_until = {} + ${} WHERE key IN (SELECT key FROM ready) \
             RETURNING member, ready_at, id, channel, \
                (SELECT m.address FROM member m WHERE m.key = job.member), valid_until",
            self.dialect().skip_locked("j"),
            self.dialect().lease_clock("$2"),
            values.len()
        );
        let offer = Statement::new(sql, values);
        let (offered, _) = self.amend(vec![offer], |answers| Ok((Vec::new(), answers))).await?;
        let offered = offered.into_iter().flatten().map(job_ref);
        let mut offered = offered.collect::<Result<Vec<_>, StoreError>>()?;
        offered.sort_by_key(|(ready_at, _)| *ready_at);
        Ok(offered.into_iter().map(|(_, job)| job).collect())
    }

    /// Puts `queued` jobs back: nothing was handed over, and what happened is not worth a row. True where the job was still
    /// `queued`.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn put_off(&self, deferrals: &[Deferral]) -> Result<Vec<bool>, StoreError> {
        let affected = self.write(deferrals.iter().map(changes::put_off).collect()).await?;
        Ok(affected.into_iter().map(|rows| rows > 0).collect())
    }

    /// Makes every `queued` job `scheduled` again, whatever its lease says: the queue has lost their ids. How many.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn take_back(&self, now: Timestamp) -> Result<u64, StoreError> {
        let sql = "UPDATE job SET state = 'scheduled', changed_at = $1, lease_until = NULL \
            WHERE state = 'queued' AND lease_until IS NOT NULL";
        Ok(self.write(vec![Statement::new(sql, values![now])]).await?.iter().sum())
    }

    /// How many jobs are `queued` or `sending`: offered and not settled.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn in_flight(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM job WHERE lease_until IS NOT NULL";
        let found = keys(self.ask_one(Statement::new(sql, Vec::new())).await?)?;
        Ok(found.first().map_or(0, |n| n.0.unsigned_abs()))
    }

    /// The same by channel; a channel without any is left out.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn under_way(&self) -> Result<HashMap<ChannelName, UnderWay>, StoreError> {
        let sql = "SELECT count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'sending'), channel \
            FROM job WHERE lease_until IS NOT NULL GROUP BY channel";
        let rows = self.ask_one(Statement::new(sql, Vec::new())).await?.into_iter();
        let of_channel = |row: Row| {
            let (queued, (sending, channel)) = row.keyed("job", |row| Ok((row.int()?, row.text()?)))?;
            let of = UnderWay { queued: queued.unsigned_abs(), sending: sending.unsigned_abs() };
            Ok((channel.into(), of))
        };
        rows.map(of_channel).collect()
    }
}

/// The job, and since when it is ready.
fn job_ref(row: Row) -> Result<(Timestamp, JobRef), StoreError> {
    let read = |row: &mut Row| Ok((row.time()?, row.text()?, row.text()?, row.opt_text()?, row.time()?));
    let (member, (ready_at, id, channel, address, valid_until)) = row.keyed("job", read)?;
    let domain = address.and_then(|address| Some(address.rsplit_once('@')?.1.to_owned()));
    Ok((ready_at, JobRef { member, job: id.into(), channel: channel.into(), domain, valid_until }))
}
