//! Owns what people did, as the morning view tells it: pauses in force and the last deeds; decides nothing.

use serde::Serialize;
use serde_json::Value;

use crate::desk::DeskError;
use crate::domain::deed::DeedKind;
use crate::domain::ids::Timestamp;
use crate::store::{Deed, Pause, Store};

/// Deeds told at most.
const DEEDS: usize = 10;

/// A pause, and who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PauseFacts {
    /// `all`, `rule`, `channel`.
    pub scope: &'static str,
    /// Which rule or channel.
    pub name: Option<String>,
    /// Who paused; nobody when the program did.
    pub by: Option<String>,
    /// Why.
    pub because: String,
    /// Since when.
    pub since: Timestamp,
}

/// What a person did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeedFacts {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// What.
    pub what: DeedKind,
    /// What was asked for.
    pub asked: Value,
    /// What came of it.
    pub counts: Value,
    /// False while it is under way, or when it was broken off.
    pub finished: bool,
}

/// The last deeds since then, the latest first.
pub(super) async fn deeds(store: &Store, since: Timestamp) -> Result<Vec<DeedFacts>, DeskError> {
    Ok(store.deeds(None, since, DEEDS).await?.into_iter().map(DeedFacts::from).collect())
}

/// Each pause with the latest word that made it.
pub(super) async fn pauses(store: &Store) -> Result<Vec<PauseFacts>, DeskError> {
    let pauses = store.pauses().await?;
    let Some(since) = pauses.iter().map(|pause| pause.since).min() else { return Ok(Vec::new()) };
    let words = store.deeds(Some(DeedKind::Pause), since, usize::MAX).await?;
    let facts = |pause: Pause| {
        let (scope, name) = (pause.scope.kind(), pause.scope.name().map(str::to_owned));
        let is_this = |deed: &&Deed| {
            deed.at >= pause.since
                && deed.asked["scope"] == scope
                && deed.asked["name"].as_str() == name.as_deref()
        };
        let by = words.iter().find(is_this).map(|deed| deed.who.clone());
        PauseFacts { scope, name, by, because: pause.because, since: pause.since }
    };
    Ok(pauses.into_iter().map(facts).collect())
}

impl From<Deed> for DeedFacts {
    fn from(deed: Deed) -> Self {
        let Deed { at, who, what, asked, counts, finished } = deed;
        Self { at, who, what, asked, counts, finished }
    }
}
