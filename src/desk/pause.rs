//! Owns a person's word that messages wait, and that they may go on; knows nothing of what waits.

use serde::Serialize;

use super::DeskError;
use crate::domain::ids::Timestamp;
use crate::domain::pause::{PauseScope, PausedBy};
use crate::store::{self, Store};

/// What is paused after a person's word.
#[derive(Debug, Clone, Serialize)]
pub struct Paused {
    /// False when nothing had to be done: it was paused already, or was not paused.
    pub changed: bool,
    /// Everything that is paused now, the oldest first.
    pub paused: Vec<PauseLine>,
}

/// One pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PauseLine {
    /// What it stops: `all`, `rule`, `channel`.
    pub scope: &'static str,
    /// Which rule or channel.
    pub name: Option<String>,
    /// Whether a person said so, or the channel's endpoint.
    pub by: PausedBy,
    /// Why, in words.
    pub because: String,
    /// Since when.
    pub since: Timestamp,
}

impl PauseLine {
    /// True when it is a pause of this very scope.
    pub fn is(&self, scope: &PauseScope) -> bool {
        self.scope == scope.kind() && self.name.as_deref() == scope.name()
    }
}

/// Pauses in every process; what is being handed over at this moment escapes.
///
/// # Errors
/// When the ledger fails.
pub async fn pause(
    store: &Store,
    scope: PauseScope,
    because: &str,
    now: Timestamp,
) -> Result<Paused, DeskError> {
    let (by, because) = (PausedBy::Person, because.to_owned());
    let changed = store.pause(store::Pause { scope, by, because, since: now }).await?;
    Ok(Paused { changed, paused: list(store).await? })
}

/// Lets messages go on; those whose time is over by then are skipped as expired.
///
/// # Errors
/// When the ledger fails.
pub async fn resume(store: &Store, scope: &PauseScope) -> Result<Paused, DeskError> {
    let changed = store.resume(scope).await?;
    Ok(Paused { changed, paused: list(store).await? })
}

/// Everything that is paused, the oldest first.
///
/// # Errors
/// When the ledger fails.
pub async fn list(store: &Store) -> Result<Vec<PauseLine>, DeskError> {
    let line = |pause: store::Pause| PauseLine {
        scope: pause.scope.kind(),
        name: pause.scope.name().map(str::to_owned),
        by: pause.by,
        because: pause.because,
        since: pause.since,
    };
    Ok(store.pauses().await?.into_iter().map(line).collect())
}
