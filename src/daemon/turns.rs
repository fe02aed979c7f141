//! Owns the wait for a turn, before a job is claimed: what gets none is put off in the ledger; knows nothing of messages.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::group::Group;
use super::{Clock, Parts};
use crate::channel::{self, Channel, PutOff, Turn};
use crate::domain::ids::Timestamp;
use crate::domain::reason::Reason;
use crate::queue::Line;
use crate::store::{Deferral, JobRef};

/// Deferrals that share a transaction, at most.
const GROUP: usize = 256;
/// So long a job waits for its turn here, well within its lease; longer waits are the ledger's.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks channels for turns.
#[derive(Clone)]
pub(super) struct Turns {
    parts: Arc<Parts>,
    deferrals: Group<Deferral, bool>,
    stop: CancellationToken,
}

/// The place that a job of a line waits at.
pub enum Place {
    /// Before its channel; free as soon as it has its turn.
    Before(channel::Place),
    /// Among those that need no turn; held to the end.
    #[expect(missing_docs)]
    Free { _permit: Option<OwnedSemaphorePermit> },
}

/// How the wait ended.
pub(super) enum Waited {
    /// It may go: with its turn, or with its place where it needs none.
    Go(Result<Turn, Place>),
    /// It was put off.
    PutOff,
}

/// The room where the jobs of a line wait for their places.
#[derive(Clone)]
pub enum Room {
    /// Before a channel. In a single pass nobody comes back later: its jobs come in whatever the peers do.
    #[expect(missing_docs)]
    Before { channel: Channel, in_a_pass: bool },
    /// For what needs no turn.
    Free(Arc<Semaphore>),
}

impl Room {
    /// The room of this line.
    pub fn of(parts: &Parts, line: &Line) -> Self {
        let in_a_pass = matches!(parts.clock, Clock::Fixed(_));
        let channel = match line {
            Line::Of(channel) => parts.channels.get(channel),
            Line::Over(_) => None,
        };
        match channel.cloned() {
            Some(channel) => Room::Before { channel, in_a_pass },
            None => Room::Free(Arc::new(Semaphore::new(parts.concurrency.max(1)))),
        }
    }

    /// How many have a place at once.
    pub fn size(&self) -> usize {
        match self {
            Room::Before { channel, .. } => channel.room(),
            Room::Free(permits) => permits.available_permits(),
        }
    }

    /// Waits for a place.
    pub fn place(&self) -> Pin<Box<dyn Future<Output = Place> + Send>> {
        let room = self.clone();
        Box::pin(async move {
            match room {
                Room::Before { channel, in_a_pass: true } => Place::Before(channel.place().await),
                Room::Before { channel, in_a_pass: false } => Place::Before(channel.open_place().await),
                Room::Free(permits) => Place::Free { _permit: permits.acquire_owned().await.ok() },
            }
        })
    }
}

impl Turns {
    /// Starts the line that groups what touches the ledger.
    pub fn start(parts: Arc<Parts>, stop: CancellationToken) -> Self {
        let for_deferrals = parts.clone();
        let deferrals = Group::start(GROUP, move |deferrals| put_off_all(for_deferrals.clone(), deferrals));
        Self { parts, deferrals, stop }
    }

    /// Waits for the job's turn. In shadow nothing leaves; a channel that is gone, and a message that comes too late,
    /// are the claim's to tell, even while the peer rests.
    pub async fn wait(&self, at: &JobRef, place: Place) -> Waited {
        if at.valid_until <= self.parts.clock.now() {
            return Waited::Go(Err(place));
        }
        let channel = self.parts.channels.get(&at.channel).filter(|_| !self.parts.knowledge().shadow);
        let Some(channel) = channel else { return Waited::Go(Err(place)) };
        let place = match place {
            Place::Before(place) => Some(place),
            Place::Free { .. } => None,
        };
        let turn = tokio::select! {
            turn = channel.turn(place, at.domain.as_deref(), PATIENCE) => turn,
            // Whoever drains does not wait for what another may do, or the next start.
            () = self.stop.cancelled() => Err(PutOff { wait: Duration::ZERO, reason: Reason::Paced }),
        };
        match turn {
            Ok(turn) => Waited::Go(Ok(turn)),
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
        if reason == Reason::Paced && matches!(self.parts.clock, Clock::Fixed(_)) {
            return now;
        }
        // Those who wait for the same trial come back one after the other.
        let jitter = if reason == Reason::Resting { 1.0 + 0.25 * fastrand::f64() } else { 1.0 };
        let wait = TimeDelta::from_std(wait.mul_f64(jitter)).unwrap_or(TimeDelta::days(365));
        now.checked_add_signed(wait).unwrap_or(Timestamp::MAX_UTC)
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
