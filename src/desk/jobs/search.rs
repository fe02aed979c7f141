//! Owns which jobs, and occasions without one, a person means, by ids and filters; changes nothing.

use std::collections::BTreeMap;

use super::occasion_id;
use crate::desk::DeskError;
use crate::domain::catalog::Catalog;
use crate::domain::ids::{JobId, MemberId};
use crate::domain::job::JobState;
use crate::domain::shop::Knowledge;
use crate::store::{JobFilter, Listed, ListedAs, MemberKey, Store};

/// Which jobs, and occasions without one, a person means: all that match the filter, or of these only the ones named.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Ids of jobs, or of occasions as `jobs list` shows them; empty: whatever matches.
    pub ids: Vec<String>,
    /// What must hold. Occasions stand as [`ListedAs::state`] says.
    pub filter: JobFilter,
}

impl Selection {
    /// True when it names what it means: ids, states or a reason, not only whose jobs or which rule's.
    pub(super) fn is_exact(&self) -> bool {
        let filter = &self.filter;
        !self.ids.is_empty() || filter.job.is_some() || !filter.states.is_empty() || filter.reason.is_some()
    }
}

/// What a selection led to.
pub(super) struct Found {
    pub listed: Vec<Listed>,
    /// Ids that led nowhere.
    pub unknown: Vec<String>,
}

/// Looks up the selection.
pub(super) async fn search(
    store: &Store,
    knowledge: &Knowledge,
    catalog: &Catalog,
    selection: &Selection,
) -> Result<Found, DeskError> {
    if selection.ids.is_empty() {
        let listed = matching(store, knowledge, selection.filter.clone()).await?;
        return Ok(Found { listed, unknown: Vec::new() });
    }
    let mut found = Found { listed: Vec::new(), unknown: Vec::new() };
    for id in &selection.ids {
        let filter = selection.filter.clone();
        let one = match occasion_id::member(id) {
            Some(member) => {
                let listed = matching(store, knowledge, JobFilter { member: Some(member), ..filter }).await?;
                listed.into_iter().filter(|l| is_occasion(l, id, catalog)).collect()
            }
            None => {
                matching(store, knowledge, JobFilter { job: Some(JobId::from(id.as_str())), ..filter })
                    .await?
            }
        };
        if one.is_empty() {
            found.unknown.push(id.clone());
        }
        found.listed.extend(one);
    }
    Ok(found)
}

/// What a decision about one member is about.
pub(super) struct Of<T> {
    pub key: MemberKey,
    pub member: MemberId,
    pub what: Vec<T>,
}

/// Gathers by member what `take` takes, and counts by state what it does not.
pub(super) fn by_member<T>(
    listed: Vec<Listed>,
    take: impl Fn(ListedAs) -> Result<T, JobState>,
    left_out: &mut BTreeMap<JobState, u64>,
) -> Vec<Of<T>> {
    let mut members: BTreeMap<MemberKey, Of<T>> = BTreeMap::new();
    for Listed { member, key, what } in listed {
        match take(what) {
            Ok(one) => {
                members.entry(key).or_insert_with(|| Of { key, member, what: Vec::new() }).what.push(one)
            }
            Err(state) => *left_out.entry(state).or_default() += 1,
        }
    }
    members.into_values().collect()
}

fn is_occasion(listed: &Listed, id: &str, catalog: &Catalog) -> bool {
    match &listed.what {
        ListedAs::Occasion(occasion) => occasion_id::of(&listed.member, &occasion.key, catalog) == id,
        ListedAs::Job(_) => false,
    }
}

/// All that match. The ledger does not know an occasion's channel, the rules do.
async fn matching(store: &Store, knowledge: &Knowledge, filter: JobFilter) -> Result<Vec<Listed>, DeskError> {
    let Some(channel) = filter.channel.clone() else { return Ok(store.jobs(filter).await?) };
    let limit = filter.limit.unwrap_or(usize::MAX);
    let mut listed = store.jobs(filter.clone()).await?;
    listed.retain(|l| matches!(l.what, ListedAs::Job(_)));
    let mut states = vec![JobState::Scheduled, JobState::Skipped, JobState::Cancelled];
    states.retain(|state| filter.states.is_empty() || filter.states.contains(state));
    if !states.is_empty() {
        let anywhere = JobFilter { channel: None, limit: None, states, ..filter };
        let goes_there = |l: &Listed| match &l.what {
            ListedAs::Occasion(o) => knowledge.rules.get(&o.key.rule).is_some_and(|r| r.channel == channel),
            ListedAs::Job(_) => false,
        };
        listed.extend(store.jobs(anywhere).await?.into_iter().filter(goes_there));
    }
    listed.sort_by_key(|l| l.what.due_at());
    listed.truncate(limit);
    Ok(listed)
}
