//! Owns the way from the ledger into Redis: due ids offered under a lease, never too many at once; decides nothing.

use std::sync::Arc;

use chrono::TimeDelta;

use super::Parts;
use super::clock::real_time;
use crate::domain::job::Lease;
use crate::queue::{QueueError, RedisQueue};

/// More unclaimed ids than this break the transport's script.
const OFFERED_AT_MOST: u64 = 5_000;
/// Ids pushed in one go.
const PAGE: usize = 500;
/// An id that nobody claims within this time is offered again.
pub const QUEUED_LEASE: TimeDelta = TimeDelta::minutes(2);

/// Offers what is due, as far as there is room; says how many ids went. Ids that Redis did not take keep their lease
/// and are offered again when it runs out.
///
/// # Errors
/// When the ledger or Redis fails.
pub async fn dispatch(parts: &Arc<Parts>, queue: &RedisQueue) -> Result<usize, QueueError> {
    let mut offered = 0;
    loop {
        // Ids whose lease ran out may still lie in Redis, unclaimed: both counts bound what is offered.
        let under_way = parts.store.in_flight().await?.max(queue.waiting().await?);
        let room = OFFERED_AT_MOST.saturating_sub(under_way) as usize;
        if room == 0 {
            return Ok(offered);
        }
        let lease = Lease { from: real_time(), span: QUEUED_LEASE };
        let jobs = parts.store.offer(parts.clock.now(), lease, room.min(PAGE)).await?;
        if jobs.is_empty() {
            return Ok(offered);
        }
        offered += jobs.len();
        queue.push(jobs).await?;
    }
}
