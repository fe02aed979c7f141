//! Owns a line of `jobs list`: a job, or an occasion that has none; knows nothing of columns.

use serde::Serialize;

use super::occasion_id;
use super::search::{Selection, search};
use crate::desk::DeskError;
use crate::domain::catalog::Catalog;
use crate::domain::ids::{ChannelName, MemberId, RuleId, Timestamp};
use crate::domain::job::{Job, JobState};
use crate::domain::occasion::{Occasion, OccasionState};
use crate::domain::reason::Reason;
use crate::domain::shop::Knowledge;
use crate::store::{JobFilter, Listed, ListedAs, Store};

/// A job, or an occasion that will become one, or ended before it did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobLine {
    /// The job's id, or the occasion's readable one.
    pub id: String,
    /// Where it stands: an open occasion is `scheduled`, a closed one `skipped` or `cancelled`.
    pub state: JobState,
    /// `job` or `occasion`.
    pub kind: &'static str,
    /// The rule that asks.
    pub rule: RuleId,
    /// The rule's step.
    pub step: u16,
    /// To whom.
    pub member: MemberId,
    /// Where it goes; unknown for an occasion whose rule is gone.
    pub channel: Option<ChannelName>,
    /// When it falls due.
    pub due_at: Timestamp,
    /// When delivery, or the assembler, looks at it.
    pub ready_at: Timestamp,
    /// When it is no longer worth sending.
    pub valid_until: Timestamp,
    /// Attempts that the peer answered.
    pub attempts: u32,
    /// Why it stands where it stands.
    pub reason: Option<Reason>,
    /// The item of an occasion, as the shop writes it.
    pub item: Option<String>,
}

/// A line for each job, and each occasion without one, that matches, in the ledger's order.
///
/// # Errors
/// When the ledger fails.
pub async fn list(
    store: &Store,
    knowledge: &Knowledge,
    filter: JobFilter,
) -> Result<Vec<JobLine>, DeskError> {
    let catalog = store.catalog().await?;
    let found = search(store, knowledge, &catalog, &Selection { ids: Vec::new(), filter }).await?;
    Ok(found.listed.iter().map(|listed| line(listed, knowledge, &catalog)).collect())
}

pub(super) fn line(listed: &Listed, knowledge: &Knowledge, catalog: &Catalog) -> JobLine {
    match &listed.what {
        ListedAs::Job(job) => of_job(&listed.member, job),
        ListedAs::Occasion(occasion) => {
            let line = of_occasion(&listed.member, occasion, knowledge, catalog);
            JobLine { state: listed.what.state(), ..line }
        }
    }
}

pub(super) fn of_job(member: &MemberId, job: &Job) -> JobLine {
    JobLine {
        id: job.id.to_string(),
        state: job.state,
        kind: "job",
        rule: job.rule.clone(),
        step: job.step,
        member: member.clone(),
        channel: Some(job.channel.clone()),
        due_at: job.due_at,
        ready_at: job.ready_at(),
        valid_until: job.valid_until,
        attempts: job.attempts,
        reason: job.reason,
        item: None,
    }
}

fn of_occasion(member: &MemberId, occasion: &Occasion, knowledge: &Knowledge, catalog: &Catalog) -> JobLine {
    JobLine {
        id: occasion_id::of(member, &occasion.key, catalog),
        state: JobState::Scheduled,
        kind: "occasion",
        rule: occasion.key.rule.clone(),
        step: occasion.key.step,
        member: member.clone(),
        channel: knowledge.rules.get(&occasion.key.rule).map(|r| r.channel.clone()),
        due_at: occasion.due_at,
        ready_at: occasion.ready_at(),
        valid_until: occasion.valid_until,
        attempts: 0,
        reason: match occasion.state {
            OccasionState::Closed(reason) => Some(reason),
            OccasionState::Open | OccasionState::Served(_) => occasion.held_for,
        },
        item: Some(catalog.item_id(occasion.key.item)),
    }
}
