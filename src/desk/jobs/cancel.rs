//! Owns the cancellation: jobs not yet handed over, and open occasions, ended for good by a person.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::Act;
use super::search::{Of, Selection, by_member, search};
use crate::desk::deeds::{UnderWay, asked};
use crate::desk::{DeskError, PAGE};
use crate::domain::change::Change;
use crate::domain::deed::DeedKind;
use crate::domain::ids::{JobId, MemberId, Timestamp};
use crate::domain::job::JobState;
use crate::domain::member::MemberView;
use crate::domain::occasion::OccasionKey;
use crate::domain::reason::Reason;
use crate::domain::shop::Knowledge;
use crate::store::{ListedAs, Pick, Store};

/// What a cancellation would do, or did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cancelled {
    /// Jobs and open occasions that the selection means and that may be cancelled.
    pub matched: u64,
    /// Of these: jobs.
    pub jobs: u64,
    /// Of these: open occasions.
    pub occasions: u64,
    /// What the selection means besides, and that stays: under way, or over.
    pub left_out: BTreeMap<JobState, u64>,
    /// Ids that lead nowhere.
    pub unknown: Vec<String>,
    /// Members left as they are, because a row of theirs cannot be read: which one.
    pub damaged: Vec<String>,
    /// What was cancelled; zero in a dry run. What is handed over at this very moment escapes.
    pub cancelled: u64,
    /// True when nothing was written.
    pub dry_run: bool,
    /// True when it was broken off before its end.
    pub stopped: bool,
}

/// Cancels jobs that are scheduled or queued, and closes open occasions, for good: neither comes back by itself.
///
/// # Errors
/// When the ledger fails; pages of members done before stay cancelled.
pub async fn cancel(
    store: &Store,
    knowledge: &Knowledge,
    now: Timestamp,
    selection: &Selection,
    act: Act<'_>,
) -> Result<Cancelled, DeskError> {
    let catalog = store.catalog().await?;
    let asked = asked(selection);
    let mut selection = selection.clone();
    if selection.ids.is_empty() && selection.filter.states.is_empty() {
        selection.filter.states = vec![JobState::Scheduled, JobState::Queued];
    }
    let found = search(store, knowledge, &catalog, &selection).await?;
    let mut cancelled = Cancelled { unknown: found.unknown, dry_run: act.is_dry(), ..Cancelled::default() };
    let chosen = by_member(found.listed, waiting, &mut cancelled.left_out);
    for one in chosen.iter().flat_map(|of| &of.what) {
        match one {
            Waiting::Job(_) => cancelled.jobs += 1,
            Waiting::Occasion(_) => cancelled.occasions += 1,
        }
    }
    cancelled.matched = cancelled.jobs + cancelled.occasions;
    let Act::Go(mandate) = act else { return Ok(cancelled) };
    let deed = UnderWay::begin(store, now, mandate, DeedKind::Cancel, asked).await?;
    for page in chosen.chunks(PAGE) {
        if mandate.is_stopped() {
            cancelled.stopped = true;
            break;
        }
        cancelled.write(store, knowledge, now, page).await?;
        deed.note(&cancelled).await?;
    }
    deed.end(&cancelled).await?;
    Ok(cancelled)
}

/// What can still be cancelled.
#[derive(Debug, Clone)]
enum Waiting {
    Job(JobId),
    Occasion(OccasionKey),
}

fn waiting(what: ListedAs) -> Result<Waiting, JobState> {
    match what {
        ListedAs::Job(job) if matches!(job.state, JobState::Scheduled | JobState::Queued) => {
            Ok(Waiting::Job(job.id))
        }
        ListedAs::Occasion(occasion) if occasion.is_open() => Ok(Waiting::Occasion(occasion.key)),
        over => Err(over.state()),
    }
}

impl Cancelled {
    /// Decides a page of members.
    async fn write(
        &mut self,
        store: &Store,
        knowledge: &Knowledge,
        now: Timestamp,
        page: &[Of<Waiting>],
    ) -> Result<(), DeskError> {
        let keys = page.iter().map(|of| of.key).collect();
        let meant: HashMap<MemberId, Vec<Waiting>> =
            page.iter().map(|of| (of.member.clone(), of.what.clone())).collect();
        let decisions = store.decide(Pick::Members(keys), now, knowledge.caps_since(now), move |view, _| {
            let mine = meant.get(&view.member.id).into_iter().flatten();
            (mine.filter_map(|one| ended(view, one)).collect(), ())
        });
        let decisions = decisions.await?;
        self.cancelled += decisions.applied();
        self.damaged.extend(decisions.damage());
        Ok(())
    }
}

/// An occasion that became part of a job meanwhile stays: that job was not what the person saw.
fn ended(view: &MemberView, waiting: &Waiting) -> Option<Change> {
    match waiting {
        Waiting::Job(id) => Some(Change::Cancel(id.clone(), Reason::CancelledByPerson)),
        Waiting::Occasion(key) => {
            let is_open = view.occasions.iter().any(|o| o.key == *key && o.is_open());
            is_open.then(|| Change::Close(key.clone(), Reason::CancelledByPerson))
        }
    }
}
