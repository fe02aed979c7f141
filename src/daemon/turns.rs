//! Owns the wait for a turn, before a job is claimed: what gets none is put off in the ledger; knows nothing of messages.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::group::Group;
use super::{Clock, Parts};
use crate::channel::{PutOff, Turn};
use crate::domain::ids::Timestamp;
use crate::domain::reason::Reason;
use crate::store::{Deferral, JobRef};

/// Deferrals that share a transaction, at most.
const GROUP: usize = 256;
/// So long a job waits for its turn here; longer waits are the ledger's.
const PATIENCE: Duration = Duration::from_secs(2);
/// In a single pass nobody comes back later: a job waits here, well within its lease.
const PATIENCE_OF_A_PASS: Duration = Duration::from_secs(60);

/// Asks channels for turns.
#[derive(Clone)]
pub(super) struct Turns {
    parts: Arc<Parts>,
    deferrals: Group<Deferral, bool>,
}

/// How the wait ended.
pub(super) enum Waited {
    /// It may go: with its turn, or none where it needs none.
    Go(Option<Turn>),
    /// It was put off.
    PutOff,
}

impl Turns {
    /// Starts the line that groups what touches the ledger.
    pub fn start(parts: Arc<Parts>) -> Self {
        let for_deferrals = parts.clone();
        let deferrals = Group::start(GROUP, move |deferrals| put_off_all(for_deferrals.clone(), deferrals));
        Self { parts, deferrals }
    }

    /// Waits for the job's turn. In shadow nothing leaves; a channel that is gone, and a message that comes too late,
    /// are the claim's to tell, even while the peer rests.
    pub async fn wait(&self, at: &JobRef) -> Waited {
        if at.valid_until <= self.parts.clock.now() {
            return Waited::Go(None);
        }
        let channel = self.parts.channels.get(&at.channel).filter(|_| !self.parts.knowledge().shadow);
        let Some(channel) = channel else { return Waited::Go(None) };
        let patience = if self.is_pass() { PATIENCE_OF_A_PASS } else { PATIENCE };
        match channel.turn(at.domain.as_deref(), patience).await {
            Ok(turn) => Waited::Go(Some(turn)),
            Err(put_off) => {
                self.put_off(at, put_off).await;
                Waited::PutOff
            }
        }
    }

    async fn put_off(&self, at: &JobRef, PutOff { wait, reason }: PutOff) {
        let not_before = self.back_at(wait, reason);
        metrics::counter!("replenish_put_off_total", "channel" => at.channel.to_string(), "reason" => reason.as_str())
            .increment(1);
        tracing::debug!(job = %at.job, channel = %at.channel, reason = reason.as_str(), ?wait, "put off");
        self.deferrals.ask(Deferral { job: at.job.clone(), not_before, reason }).await;
    }

    /// A pass stands still in time: what only waits for its rate is due again at once, and the pass goes on until it has
    /// gone. A peer that rests is another matter: the pass ends without it.
    fn back_at(&self, wait: Duration, reason: Reason) -> Timestamp {
        let now = self.parts.clock.now();
        if reason == Reason::Paced && self.is_pass() {
            return now;
        }
        // Those who wait for the same trial come back one after the other.
        let jitter = if reason == Reason::Resting { 1.0 + 0.25 * fastrand::f64() } else { 1.0 };
        let wait = TimeDelta::from_std(wait.mul_f64(jitter)).unwrap_or(TimeDelta::days(365));
        now.checked_add_signed(wait).unwrap_or(Timestamp::MAX_UTC)
    }

    fn is_pass(&self) -> bool {
        matches!(self.parts.clock, Clock::Fixed(_))
    }
}

async fn put_off_all(parts: Arc<Parts>, deferrals: Vec<Deferral>) -> Vec<bool> {
    let put_off = parts.store.put_off(&deferrals).await;
    put_off.unwrap_or_else(|error| {
        // The ids keep their lease, and are offered again when it runs out.
        tracing::warn!(%error, jobs = deferrals.len(), "jobs cannot be put off");
        Vec::new()
    })
}
