//! Owns the morning view: what happened since yesterday, what waits, and what a person has to look after; changes nothing.

mod figures;
mod missed;
mod people;
mod timing;

use chrono::NaiveDate;
use serde::Serialize;

pub use figures::{CameBack, Due, DueDay, Ended};
pub use missed::Missed;
pub use people::{DeedFacts, PauseFacts};
pub use timing::Timing;

use super::DeskError;
use crate::domain::ids::Timestamp;
use crate::domain::shop::Knowledge;
use crate::store::{Store, UnderWay};

/// The morning view.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The instant of the question.
    pub now: Timestamp,
    /// From when on what happened is counted.
    pub since: Timestamp,
    /// When an order feed last arrived.
    pub orders_at: Option<Timestamp>,
    /// How long ago that is, in seconds; negative when it arrived after `now`.
    pub orders_age: Option<i64>,
    /// The day of the last learning.
    pub last_learn: Option<NaiveDate>,
    /// The hash of the rules on disk.
    pub rules_hash: String,
    /// The hash of the rules that planners put in force last; none before the first plan.
    pub rules_in_force: Option<String>,
    /// What falls due.
    #[serde(flatten)]
    pub due: Due,
    /// Messages that are offered to a worker.
    pub queued: u64,
    /// Messages that are being handed over.
    pub sending: u64,
    /// What came to an end, and what waits.
    #[serde(flatten)]
    pub ended: Ended,
    /// What came back.
    #[serde(flatten)]
    pub came_back: CameBack,
    /// Whether reminders came on time.
    #[serde(flatten)]
    pub timing: Timing,
    /// What was missed while no planner was at work, the earliest first.
    pub missed: Vec<Missed>,
    /// What is paused.
    pub pauses: Vec<PauseFacts>,
    /// What people did last, the latest first.
    pub deeds: Vec<DeedFacts>,
}

/// How things stand at `now`, and what happened from `since` on.
///
/// # Errors
/// When the ledger fails.
pub async fn status(
    store: &Store,
    knowledge: &Knowledge,
    since: Timestamp,
    now: Timestamp,
) -> Result<Status, DeskError> {
    let days = figures::days(knowledge.zone, now);
    let stretches: Vec<_> = days.iter().map(|(_, from, until)| (*from, *until)).collect();
    let course = store.course(since, now, &stretches).await?;
    let ended = Ended::of(&course);
    let under_way = store.under_way().await?;
    let under_way = |count: fn(&UnderWay) -> u64| under_way.values().map(count).sum();
    Ok(Status {
        now,
        since,
        orders_at: knowledge.orders_at,
        orders_age: knowledge.orders_at.map(|at| (now - at).num_seconds()),
        last_learn: learnt_on(&knowledge.priors.version),
        rules_hash: knowledge.rules.hash().to_owned(),
        rules_in_force: store.rules_in_force().await?,
        due: Due::of(&days, &course.due),
        queued: under_way(|of| of.queued),
        sending: under_way(|of| of.sending),
        came_back: CameBack::of(&course, ended.delivered),
        ended,
        timing: timing::timing(store, knowledge, since, now).await?,
        missed: store.outages(since, now).await?.into_iter().map(Missed::from).collect(),
        pauses: people::pauses(store).await?,
        deeds: people::deeds(store, since).await?,
    })
}

/// The day that opens a version of the priors; an empty shop's has none.
fn learnt_on(version: &str) -> Option<NaiveDate> {
    version.get(..10)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_the_priors_tells_the_day_of_learning() {
        assert_eq!(learnt_on("2026-05-20-1f0c"), "2026-05-20".parse().ok());
        assert_eq!((learnt_on(""), learnt_on("priors")), (None, None));
    }
}
