//! Owns learning: the whole history streamed once, in member order, into priors; knows nothing of the model's formulas.

use std::sync::{Arc, Mutex, PoisonError};

use chrono_tz::Tz;

use super::moved;
use crate::domain::catalog::{Catalog, Level};
use crate::domain::drift::{Drift, drift};
use crate::domain::ids::{Day, Timestamp};
use crate::domain::interval::Priors;
use crate::domain::learning::{Events, Learning};
use crate::domain::order::{Line, PurchaseHistory};
use crate::domain::rules::Rules;
use crate::store::{MemberKey, Store, StoreError};

/// What learning saw and made.
#[derive(Debug, Clone)]
pub struct Learnt {
    /// The new priors, stored.
    pub priors: Priors,
    /// Order lines read.
    pub lines: u64,
    /// Pairs of member and item, at the narrowest level that the rules use.
    pub pairs: u64,
    /// Items, at that level.
    pub items: u64,
    /// Completed intervals, at that level.
    pub intervals: u64,
    /// What moved since the priors before, by level; nothing when there was nothing to learn from.
    pub moved: Vec<Drift>,
}

/// Learns from every line made until `now`, for the levels that the rules use, and stores the priors.
///
/// # Errors
/// When the store fails; the old priors then stay.
pub async fn learn(store: &Store, rules: &Rules, zone: Tz, now: Timestamp) -> Result<Learnt, StoreError> {
    let catalog = store.catalog().await?;
    let stream = Arc::new(Mutex::new(Stream::new(rules, catalog.clone(), zone)));
    let sink = stream.clone();
    let each = move |member, lines: Vec<Line>| {
        sink.lock().unwrap_or_else(PoisonError::into_inner).take(member, &lines);
    };
    store.scan(now, each).await?;
    let stream = std::mem::take(&mut *stream.lock().unwrap_or_else(PoisonError::into_inner));
    let today = Day::of(now, zone);
    let fitted = tokio::task::spawn_blocking(move || stream.fit(today)).await;
    let (mut learnt, dropout) = fitted.map_err(StoreError::panicked)?;
    // An empty history teaches nothing: the shop then still counts as one that never learnt.
    if learnt.lines > 0 {
        learnt.moved = drift(store.priors().await?.as_ref(), &learnt.priors, &catalog);
        store.save_priors(&learnt.priors, dropout).await?;
        moved::tell(&learnt.moved);
    }
    metrics::gauge!("replenish_priors_pairs").set(learnt.pairs as f64);
    Ok(learnt)
}

/// The history on its way into one learner a level.
#[derive(Default)]
struct Stream {
    catalog: Arc<Catalog>,
    zone: Tz,
    members: Vec<MemberKey>,
    learning: Learning,
    lines: u64,
}

impl Stream {
    fn new(rules: &Rules, catalog: Arc<Catalog>, zone: Tz) -> Self {
        Self { catalog, zone, learning: Learning::new(rules.levels()), ..Self::default() }
    }

    fn take(&mut self, member: MemberKey, lines: &[Line]) {
        self.lines += lines.len() as u64;
        self.members.push(member);
        let history = PurchaseHistory::fold(lines, &self.catalog, self.zone);
        self.learning.member(&Events::of(&history, self.learning.levels(), &self.catalog), &self.catalog);
    }

    fn fit(self, today: Day) -> (Learnt, Vec<(MemberKey, Level, f64)>) {
        let lesson = self.learning.fit(today, self.lines);
        let mut dropout = Vec::new();
        for (level, multipliers) in lesson.dropout {
            let unusual = self.members.iter().zip(multipliers).filter(|(_, rm)| *rm != 1.0);
            dropout.extend(unusual.map(|(member, rm)| (*member, level, rm)));
        }
        let [pairs, items, intervals] = lesson.counts;
        (
            Learnt { priors: lesson.priors, lines: self.lines, pairs, items, intervals, moved: Vec::new() },
            dropout,
        )
    }
}
