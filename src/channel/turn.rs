//! Owns the right to hand over one message now: the peer does not rest, its rate allows it, a connection is free; and the
//! room before it, where few wait for theirs. Knows nothing of what is handed over.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use super::breaker::{Breaker, Trial};
use super::pace::Pace;
use crate::domain::job::{Delivery, Outcome};
use crate::domain::rate::Rate;
use crate::domain::reason::Reason;

/// No more wait for a peer's rate than have their turn within this time: the others stay in the ledger, in its order.
const AHEAD: Duration = Duration::from_millis(500);
/// So long a message that has a place waits for the rate of its mailbox's domain: others wait for the place.
const FOR_A_DOMAIN: Duration = Duration::from_millis(250);
/// How often the peers are looked at while all of them rest.
const LOOK: Duration = Duration::from_millis(50);

/// A place in the room before a channel, for one message that is to ask for its turn; given up when dropped.
pub struct Place {
    _permit: Option<OwnedSemaphorePermit>,
    /// It is the trial of this peer.
    trial: Option<(usize, Trial)>,
}

/// The right to hand over one message now, given up when dropped.
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    _trial: Option<Trial>,
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

    /// The peer answered for a message, or did not.
    pub fn heard(&self, outcome: &Outcome) {
        let asked = outcome.retry_after.and_then(|wait| wait.to_std().ok());
        match (outcome.result, asked) {
            (Delivery::Unreachable, Some(asked)) => self.rest(asked),
            // It answers; that nothing more goes there is the pause's to see to.
            (Delivery::Unreachable, _) if outcome.reason == Some(Reason::EndpointGone) => self.succeeded(),
            (Delivery::Unreachable | Delivery::Transient | Delivery::Uncertain, _) => self.failed(),
            _ => self.succeeded(),
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
    /// The clock of all rates.
    pub pace: Pace,
    /// Messages under way at once.
    turns: Arc<Semaphore>,
    /// Messages that wait for their turn at once: `room` of them.
    places: Arc<Semaphore>,
    pub room: usize,
    /// Nobody else need ask before: whoever asked last was put off until then.
    full_until: Mutex<Option<Instant>>,
}

impl Gates {
    /// As many messages at once as `turns`; about as many wait.
    pub fn new(each: Vec<Gate>, turns: usize, pace: Pace) -> Self {
        let soon = |gate: &Gate| match gate.rate {
            Some(rate) => (AHEAD.as_nanos() / rate.interval().as_nanos().max(1)) as usize,
            None => turns,
        };
        let turns = turns.max(1);
        let room = each.iter().map(soon).max().unwrap_or(turns).clamp(1, turns);
        let (turns, places) = (Arc::new(Semaphore::new(turns)), Arc::new(Semaphore::new(room)));
        Self { each, pace, turns, places, room, full_until: Mutex::default() }
    }

    /// Waits for a place in the room, whatever the peers do.
    pub async fn place(&self) -> Place {
        Place { _permit: self.places.clone().acquire_owned().await.ok(), trial: None }
    }

    /// Waits for a place until there is a peer to ask: all may rest, or have no turn left for now. After a rest one
    /// message is let in, as the trial.
    pub async fn open_place(&self) -> Place {
        let mut place = self.place().await;
        loop {
            match self.opening() {
                Ok(trial) => {
                    place.trial = trial;
                    return place;
                }
                Err(wait) => sleep(wait.min(LOOK)).await,
            }
        }
    }

    /// A turn at the first peer that does not rest. `also` is a further rate that the message counts against.
    pub async fn turn(
        &self,
        mut place: Option<Place>,
        also: Option<(&str, Rate)>,
        patience: Duration,
    ) -> Result<Turn, PutOff> {
        let trial = place.as_mut().and_then(|place| place.trial.take());
        let peer = match &trial {
            Some((peer, _)) => *peer,
            None => self.awake().map_err(PutOff::resting)?,
        };
        let gate = &self.each[peer];
        // The narrower rate first: what is put off by it must not use up the wider one.
        if let Some((key, rate)) = also {
            let patience = if place.is_some() { patience.min(FOR_A_DOMAIN) } else { patience };
            self.pace.turn(key, rate, patience).await.map_err(PutOff::paced)?;
        }
        if let Some(rate) = gate.rate {
            let turn = self.pace.turn(&gate.key, rate, patience).await;
            turn.map_err(|wait| self.full(wait))?;
        }
        let permit = timeout(patience, self.turns.clone().acquire_owned()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or_else(|| self.full(patience))?;
        let trial = match trial {
            Some((_, trial)) => Some(trial),
            None => gate.breaker.ask(Instant::now()).map_err(PutOff::resting)?,
        };
        Ok(Turn { _permit: permit, _trial: trial, peer })
    }

    /// The first peer that does not rest; else how long until one may be tried.
    fn awake(&self) -> Result<usize, Duration> {
        let now = Instant::now();
        let rests = self.each.iter().map(|gate| gate.breaker.rests(now));
        let mut shortest = Duration::MAX;
        for (peer, rest) in rests.enumerate() {
            match rest {
                None => return Ok(peer),
                Some(rest) => shortest = shortest.min(rest),
            }
        }
        Err(shortest)
    }

    /// May a message come in now, and as whose trial? Else how long to wait at least.
    fn opening(&self) -> Result<Option<(usize, Trial)>, Duration> {
        let now = Instant::now();
        let full_until = *self.full_until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = full_until.filter(|until| *until > now) {
            return Err(until - now);
        }
        let peer = self.awake()?;
        Ok(self.each[peer].breaker.ask(now)?.map(|trial| (peer, trial)))
    }

    /// Whoever comes next would wait longer still: nobody is let in before the first that was put off may come back.
    fn full(&self, wait: Duration) -> PutOff {
        let now = Instant::now();
        let mut full_until = self.full_until.lock().unwrap_or_else(PoisonError::into_inner);
        if full_until.is_none_or(|until| until <= now) {
            *full_until = now.checked_add(wait);
        }
        PutOff::paced(wait)
    }
}
