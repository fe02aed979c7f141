//! Owns how what a person does comes on record: who, when, what was asked for, how far it came; knows nothing of what is
//! done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::DeskError;
use super::jobs::Selection;
use crate::domain::deed::DeedKind;
use crate::domain::ids::Timestamp;
use crate::store::{Deed, DeedKey, Store};

/// On whose word something is done, and whether it is to go on.
#[derive(Debug, Clone)]
pub struct Mandate {
    who: String,
    because: Option<String>,
    stopped: Arc<AtomicBool>,
}

impl Mandate {
    /// `who`: a name for the record, never an address or a secret.
    pub fn of(who: &str) -> Self {
        Self { who: who.to_owned(), because: None, stopped: Arc::default() }
    }

    /// The same, with the person's reason.
    pub fn because(self, because: Option<String>) -> Self {
        Self { because, ..self }
    }

    /// From now on nothing more is begun; what is being written at this moment is finished. Clones stop together.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// True once it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

/// Records what was done just now.
///
/// # Errors
/// When the ledger fails.
pub async fn record(
    store: &Store,
    now: Timestamp,
    mandate: &Mandate,
    what: DeedKind,
    asked: Value,
    counts: &impl Serialize,
) -> Result<(), DeskError> {
    let deed = Deed { counts: told(counts), finished: true, ..begun(now, mandate, what, asked) };
    store.record_deed(&deed).await?;
    Ok(())
}

/// A deed under way, on record from its beginning: broken off, it shows how far it came.
pub(super) struct UnderWay<'a> {
    store: &'a Store,
    key: DeedKey,
}

impl<'a> UnderWay<'a> {
    pub async fn begin(
        store: &'a Store,
        now: Timestamp,
        mandate: &Mandate,
        what: DeedKind,
        asked: Value,
    ) -> Result<Self, DeskError> {
        Ok(Self { store, key: store.record_deed(&begun(now, mandate, what, asked)).await? })
    }

    pub async fn note(&self, counts: &impl Serialize) -> Result<(), DeskError> {
        Ok(self.store.note_deed(self.key, &told(counts), false).await?)
    }

    pub async fn end(self, counts: &impl Serialize) -> Result<(), DeskError> {
        Ok(self.store.note_deed(self.key, &told(counts), true).await?)
    }
}

fn begun(now: Timestamp, mandate: &Mandate, what: DeedKind, mut asked: Value) -> Deed {
    if let Some(because) = &mandate.because {
        asked["because"] = json!(because);
    }
    Deed { at: now, who: mandate.who.clone(), what, asked, counts: json!({}), finished: false }
}

fn told(counts: &impl Serialize) -> Value {
    serde_json::to_value(counts).unwrap_or_default()
}

/// A selection as the record keeps it. That an address was given is kept, the address is not.
pub(super) fn asked(selection: &Selection) -> Value {
    let filter = &selection.filter;
    let facts = [
        ("ids", json!(selection.ids)),
        ("state", json!(filter.states)),
        ("rule", json!(filter.rule)),
        ("member", json!(filter.member)),
        ("address", json!(filter.address.as_ref().map(|_| "given"))),
        ("order", json!(filter.order)),
        ("job", json!(filter.job)),
        ("channel", json!(filter.channel)),
        ("since", json!(filter.since)),
        ("until", json!(filter.until)),
        ("reason", json!(filter.reason)),
        ("limit", json!(filter.limit)),
    ];
    let said = facts.into_iter().filter(|(_, fact)| !fact.is_null() && *fact != json!([]));
    Value::Object(said.map(|(name, fact)| (name.to_owned(), fact)).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::JobFilter;

    #[test]
    fn the_record_holds_what_was_asked_for_and_no_address() {
        let filter = JobFilter {
            rule: Some("refill".into()),
            address: Some("amy@shop.example".into()),
            ..JobFilter::default()
        };
        let asked = asked(&Selection { ids: Vec::new(), filter });
        assert_eq!(asked, json!({ "rule": "refill", "address": "given" }));
    }

    #[test]
    fn clones_stop_together() {
        let mandate = Mandate::of("amy").because(Some("ticket 812".into()));
        mandate.clone().stop();
        assert!(mandate.is_stopped());
        assert_eq!(
            begun(Timestamp::MIN_UTC, &mandate, DeedKind::Pause, json!({})).asked["because"],
            "ticket 812"
        );
    }
}
