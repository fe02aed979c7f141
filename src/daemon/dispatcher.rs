//! Owns the way from the ledger into Redis: due ids offered under a lease, never too many at once, each channel with its own
//! share; decides nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;

use super::Parts;
use crate::domain::ids::ChannelName;
use crate::queue::{Line, Now, QueueError, RedisQueue};
use crate::store::UnderWay;

/// So many ids are offered and not settled, over all lines: more unclaimed ones break the transport's script.
const OFFERED_AT_MOST: usize = 5_000;
/// Ids pushed in one go.
const PAGE: usize = 500;
/// An id that nobody claims within this time is offered again, or earlier where leases are shorter.
const UNCLAIMED: TimeDelta = TimeDelta::minutes(2);

/// How long an id is offered for, unclaimed.
pub fn queued_lease(parts: &Parts) -> TimeDelta {
    parts.lease.min(UNCLAIMED)
}

/// Fills the lines in Redis.
pub struct Dispatcher {
    lines: Vec<Line>,
    /// The last turn ended well: Redis has what the ledger offered.
    sure: AtomicBool,
}

impl Dispatcher {
    /// One that has pushed nothing yet.
    pub fn new(parts: &Parts) -> Self {
        Self { lines: Line::all(parts.channels.keys()), sure: AtomicBool::new(true) }
    }

    /// Offers what is due, as far as each line has room; says how many ids went.
    ///
    /// # Errors
    /// When the ledger or Redis fails. Ids that Redis may not have taken are offered again as soon as it answers.
    pub async fn dispatch(&self, parts: &Arc<Parts>, queue: &RedisQueue) -> Result<usize, QueueError> {
        if !self.sure.swap(false, Ordering::Relaxed) || !queue.remembers().await? {
            self.start_anew(parts, queue).await?;
        }
        // In this order: what waits in Redis at the first look is still queued at the second, or was claimed meanwhile.
        let waiting = queue.waiting(&self.lines).await?;
        let under_way = parts.store.under_way().await?;
        let now = Now { driving: parts.clock.now(), real: parts.clock.real() };
        let ripe = parts.store.ripe(now.driving).await?;
        let mut offered = 0;
        for (line, waiting) in self.lines.iter().zip(waiting) {
            let mut room = self.room(line, waiting, &under_way, queue).await?;
            while room > 0 {
                let jobs = line.offer(&parts.store, &ripe, now, queued_lease(parts), room.min(PAGE)).await?;
                if jobs.is_empty() {
                    break;
                }
                offered += jobs.len();
                room -= jobs.len();
                queue.push(line, jobs).await?;
            }
        }
        self.sure.store(true, Ordering::Relaxed);
        Ok(offered)
    }

    /// What the line's share leaves.
    async fn room(
        &self,
        line: &Line,
        mut waiting: u64,
        under_way: &HashMap<ChannelName, UnderWay>,
        queue: &RedisQueue,
    ) -> Result<usize, QueueError> {
        let mine = under_way.iter().filter(|(channel, _)| line.takes(channel));
        let mine = mine.map(|(_, of)| of.queued + of.sending).sum::<u64>();
        let is_offered = |(channel, of): (&ChannelName, &UnderWay)| of.queued > 0 && line.may_hold(channel);
        if waiting > 0 && !under_way.iter().any(is_offered) {
            // Ids whose lease ran out: nothing comes of them but turns that are taken in vain.
            queue.clear(line).await?;
            waiting = 0;
        }
        let share = OFFERED_AT_MOST / self.lines.len();
        Ok(share.saturating_sub(usize::try_from(mine.max(waiting)).unwrap_or(usize::MAX)))
    }

    /// Deletes what finished ids leave behind.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn sweep(&self, queue: &RedisQueue) -> Result<(), QueueError> {
        for line in &self.lines {
            queue.sweep(line).await?;
        }
        Ok(())
    }

    /// Redis lost ids, or may have: what was offered and not claimed is offered again, now, by its priority.
    async fn start_anew(&self, parts: &Arc<Parts>, queue: &RedisQueue) -> Result<(), QueueError> {
        for line in &self.lines {
            queue.clear(line).await?;
        }
        let jobs = parts.store.take_back(parts.clock.now()).await?;
        queue.remember().await?;
        if jobs > 0 {
            tracing::warn!(jobs, "redis has lost ids: their jobs are offered again");
        }
        Ok(())
    }
}
