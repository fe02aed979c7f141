//! Owns the channel whose peer another crate brings; knows nothing of what that peer does.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::breaker::Breaker;
use super::turn::{Gate, Gates, Place};
use super::{Letter, Pace, PutOff, Turn};
use crate::domain::job::Outcome;

/// A peer of another crate's making, as a simulated one.
pub trait Peer: Send + Sync {
    /// Takes the letter, or not, and tells how that ended.
    fn deliver<'a>(&'a self, letter: &'a Letter) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

    /// True when it recognises what it had before, by the job's id.
    fn is_resendable(&self) -> bool;
}

/// A channel to such a peer, with the breaker and the turns that every peer has.
#[derive(Clone)]
pub struct Guest {
    peer: Arc<dyn Peer>,
    gates: Arc<Gates>,
}

impl Guest {
    pub(super) fn new(name: &str, peer: Arc<dyn Peer>, concurrency: usize, pace: Pace) -> Self {
        let (name, key) = (name.to_owned(), format!("guest:{name}"));
        let gate = Gate { name, key, rate: None, breaker: Breaker::default() };
        Self { peer, gates: Arc::new(Gates::new(vec![gate], concurrency, pace)) }
    }

    pub(super) fn gates(&self) -> &Gates {
        &self.gates
    }

    pub(super) async fn turn(&self, place: Option<Place>, patience: Duration) -> Result<Turn, PutOff> {
        self.gates.turn(place, None, patience).await
    }

    pub(super) async fn deliver(&self, letter: &Letter, _turn: Turn) -> Outcome {
        let outcome = self.peer.deliver(letter).await;
        self.gates.each[0].heard(&outcome);
        outcome
    }

    pub(super) fn is_resendable(&self) -> bool {
        self.peer.is_resendable()
    }
}
