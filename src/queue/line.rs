//! Owns the lines that jobs stand in, one for each channel: whoever stands in one holds up no other; knows nothing of peers.

use std::sync::Arc;

use chrono::TimeDelta;

use super::Now;
use crate::domain::ids::ChannelName;
use crate::domain::job::Lease;
use crate::store::{JobRef, Lane, Store, StoreError};

/// Jobs that wait for the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The jobs of one channel.
    Of(ChannelName),
    /// What needs no turn, only its end: jobs that are over, and those of other channels than these.
    Over(Arc<[ChannelName]>),
}

impl Line {
    /// Every line of a shop with these channels.
    pub fn all<'a>(channels: impl Iterator<Item = &'a ChannelName>) -> Vec<Line> {
        let mut known: Vec<ChannelName> = channels.cloned().collect();
        known.sort();
        let over = Line::Over(known.as_slice().into());
        known.into_iter().map(Line::Of).chain([over]).collect()
    }

    /// Its name in Redis, in logs and in the names of workers. No channel is called `*`.
    pub fn name(&self) -> &str {
        match self {
            Line::Of(channel) => channel.as_str(),
            Line::Over(_) => "*",
        }
    }

    /// True for the jobs of this channel.
    pub fn takes(&self, channel: &ChannelName) -> bool {
        match self {
            Line::Of(own) => own == channel,
            Line::Over(others) => !others.contains(channel),
        }
    }

    /// True for the channels that a job of this line may have: of any, one may be over.
    pub fn may_hold(&self, channel: &ChannelName) -> bool {
        matches!(self, Line::Over(_)) || self.takes(channel)
    }

    /// Offers at most `limit` jobs to this line: `ripe` are the lanes that have any, the highest priority of a channel first.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn offer(
        &self,
        store: &Store,
        ripe: &[Lane],
        now: Now,
        lease: TimeDelta,
        limit: usize,
    ) -> Result<Vec<JobRef>, StoreError> {
        let lease = Lease { from: now.real, span: lease };
        let mut offered = match self {
            Line::Of(_) => Vec::new(),
            Line::Over(_) => store.offer_over(now.driving, lease, limit).await?,
        };
        for lane in ripe.iter().filter(|lane| self.takes(&lane.channel)) {
            let room = limit - offered.len();
            if room > 0 {
                offered.extend(store.offer(lane, now.driving, lease, room).await?);
            }
        }
        Ok(offered)
    }
}
