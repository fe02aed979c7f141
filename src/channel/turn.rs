//! Owns the right to hand over one message now: the peer does not rest, its rate allows it, a connection is free; knows
//! nothing of what is handed over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::breaker::Breaker;
use super::pace::Pace;
use crate::domain::rate::Rate;
use crate::domain::reason::Reason;

/// The right to hand over one message now, given up when dropped.
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    /// Which of the channel's peers has its turn.
    pub(super) peer: usize,
}

/// No turn now: nothing was handed over, and nothing is said about the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutOff {
    /// When it is worth asking again.
    pub wait: Duration,
    /// [`Reason::Paced`] or [`Reason::Resting`].
    pub reason: Reason,
}

impl PutOff {
    pub(super) fn paced(wait: Duration) -> Self {
        Self { wait, reason: Reason::Paced }
    }

    pub(super) fn resting(wait: Duration) -> Self {
        Self { wait, reason: Reason::Resting }
    }
}

/// What stands before one peer.
pub(super) struct Gate {
    /// The peer, as people know it.
    pub name: String,
    /// The peer in the shared pace.
    pub key: String,
    /// How fast it may be written to.
    pub rate: Option<Rate>,
    /// Whether it rests.
    pub breaker: Breaker,
}

impl Gate {
    /// The peer answered.
    pub fn succeeded(&self) {
        if self.breaker.succeeded() {
            tracing::info!(peer = self.name, "the peer answers again");
        }
    }

    /// The peer could not be reached, or failed by its own word.
    pub fn failed(&self) {
        if let Some(rest) = self.breaker.failed(Instant::now()) {
            tracing::warn!(peer = self.name, ?rest, "the peer failed again and again: its messages wait");
        }
    }

    /// The peer asks for a rest of its own length.
    pub fn rest(&self, asked: Duration) {
        if self.breaker.rests(Instant::now()).is_none() {
            tracing::warn!(peer = self.name, ?asked, "the peer asks for patience: its messages wait");
        }
        self.breaker.rest(Instant::now(), asked);
    }
}

/// What stands before a channel's peers, the first choice first.
pub(super) struct Gates {
    /// One for each peer.
    pub each: Vec<Gate>,
    /// Messages under way at once.
    pub turns: Arc<Semaphore>,
    /// The clock of all rates.
    pub pace: Pace,
}

impl Gates {
    /// A turn at the first peer that does not rest. `also` are further rates that the message counts against.
    pub async fn turn(&self, also: Option<(&str, Rate)>, patience: Duration) -> Result<Turn, PutOff> {
        let peer = self.awake()?;
        let gate = &self.each[peer];
        // The narrower rate first: what is put off by it must not use up the wider one.
        for (key, rate) in also.into_iter().chain(gate.rate.map(|rate| (gate.key.as_str(), rate))) {
            self.pace.turn(key, rate, patience).await.map_err(PutOff::paced)?;
        }
        let permit = timeout(patience, self.turns.clone().acquire_owned()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or(PutOff::paced(patience))?;
        gate.breaker.ask(Instant::now()).map_err(PutOff::resting)?;
        Ok(Turn { _permit: permit, peer })
    }

    /// The first peer that does not rest; else how long until one may be tried.
    fn awake(&self) -> Result<usize, PutOff> {
        let now = Instant::now();
        let rests = self.each.iter().map(|gate| gate.breaker.rests(now));
        let mut shortest = Duration::MAX;
        for (peer, rest) in rests.enumerate() {
            match rest {
                None => return Ok(peer),
                Some(rest) => shortest = shortest.min(rest),
            }
        }
        Err(PutOff::resting(shortest))
    }
}
