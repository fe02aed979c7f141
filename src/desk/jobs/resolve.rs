//! Owns the resolution of jobs of unknown outcome by a person who found out: they arrived, or they are sent again.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::Act;
use super::replay::{Again, Replayed};
use super::search::{Of, Selection, by_member, search};
use crate::desk::deeds::{UnderWay, asked};
use crate::desk::{DeskError, PAGE};
use crate::domain::change::Change;
use crate::domain::deed::DeedKind;
use crate::domain::ids::{JobId, MemberId, Timestamp};
use crate::domain::job::JobState;
use crate::domain::shop::Knowledge;
use crate::store::{ListedAs, Pick, Store};

/// What declaring jobs delivered would do, or did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Confirmed {
    /// Jobs of unknown outcome that the selection means.
    pub matched: u64,
    /// What the selection means besides, and that stays: its outcome is known, or not yet.
    pub left_out: BTreeMap<JobState, u64>,
    /// Ids that lead nowhere.
    pub unknown: Vec<String>,
    /// Members left as they are, because a row of theirs cannot be read: which one.
    pub damaged: Vec<String>,
    /// Jobs that are delivered now; zero in a dry run.
    pub delivered: u64,
    /// True when nothing was written.
    pub dry_run: bool,
    /// True when it was broken off before its end.
    pub stopped: bool,
}

/// Declares jobs of unknown outcome delivered: a person knows that they arrived.
///
/// # Errors
/// When the ledger fails; pages of members done before stay.
pub async fn confirm(
    store: &Store,
    knowledge: &Knowledge,
    now: Timestamp,
    selection: &Selection,
    act: Act<'_>,
) -> Result<Confirmed, DeskError> {
    let catalog = store.catalog().await?;
    let found = search(store, knowledge, &catalog, &uncertain(selection)).await?;
    let mut confirmed = Confirmed { unknown: found.unknown, dry_run: act.is_dry(), ..Confirmed::default() };
    let unknown_outcome = |what| match what {
        ListedAs::Job(job) if job.state == JobState::Uncertain => Ok(job.id),
        other => Err(other.state()),
    };
    let chosen = by_member(found.listed, unknown_outcome, &mut confirmed.left_out);
    confirmed.matched = chosen.iter().map(|of| of.what.len() as u64).sum();
    let Act::Go(mandate) = act else { return Ok(confirmed) };
    let mut asked = asked(selection);
    asked["as"] = "delivered".into();
    let deed = UnderWay::begin(store, now, mandate, DeedKind::Resolve, asked).await?;
    for page in chosen.chunks(PAGE) {
        if mandate.is_stopped() {
            confirmed.stopped = true;
            break;
        }
        confirmed.write(store, now, page).await?;
        deed.note(&confirmed).await?;
    }
    deed.end(&confirmed).await?;
    Ok(confirmed)
}

/// Sends jobs of unknown outcome again, as a replay does: judged afresh, with today's address and template.
///
/// # Errors
/// When the ledger fails; pages of members done before stay.
pub async fn resend(
    store: &Store,
    knowledge: &Knowledge,
    now: Timestamp,
    selection: &Selection,
    act: Act<'_>,
) -> Result<Replayed, DeskError> {
    let selection = uncertain(selection);
    let mut asked = asked(&selection);
    asked["as"] = "resend".into();
    let is_meant = |state| state == JobState::Uncertain;
    let again = Again { store, knowledge, now, what: DeedKind::Resolve, asked };
    again.send(&selection, is_meant, act).await
}

/// Filters mean jobs of unknown outcome, unless they name states; ids name what they name.
fn uncertain(selection: &Selection) -> Selection {
    let mut selection = selection.clone();
    if selection.ids.is_empty() && selection.filter.states.is_empty() {
        selection.filter.states = vec![JobState::Uncertain];
    }
    selection
}

impl Confirmed {
    /// Decides a page of members.
    async fn write(&mut self, store: &Store, now: Timestamp, page: &[Of<JobId>]) -> Result<(), DeskError> {
        let keys = page.iter().map(|of| of.key).collect();
        let meant: HashMap<MemberId, Vec<JobId>> =
            page.iter().map(|of| (of.member.clone(), of.what.clone())).collect();
        let decisions = store.decide(Pick::Members(keys), now, now, move |view, _| {
            let mine = meant.get(&view.member.id).into_iter().flatten();
            (mine.map(|id| Change::Confirm(id.clone())).collect(), ())
        });
        let decisions = decisions.await?;
        self.delivered += decisions.applied();
        self.damaged.extend(decisions.damage());
        Ok(())
    }
}
