//! Owns the answer to "why will this member (not) get what, and why did they (not)"; decides and writes nothing.

mod facts;
mod silences;

use std::collections::BTreeMap;

use chrono::NaiveDate;
pub use facts::{Coming, ItemFacts, JobFacts, MemberFacts, SuppressionFacts, masked};
pub use silences::Silence;

use super::forecast::{self, levels};
use super::foresee::foresee;
use super::{Asked, DeskError};
use crate::domain::catalog::Catalog;
use crate::domain::ids::{Day, JobId, Timestamp};
use crate::domain::job::Job;
use crate::domain::member::MemberView;
use crate::domain::reason::Language;
use crate::domain::shop::{Knowledge, Person, Shop};
use crate::store::{JobFilter, ListedAs, Store};

/// All that bears on what one member gets.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Explanation {
    /// The member, without a name; the address is masked unless it was asked by.
    pub member: MemberFacts,
    /// What the member buys, when it will be needed, and what waits for each.
    pub items: Vec<ItemFacts>,
    /// Every open occasion, the earliest due first, also those that the planner has yet to write.
    pub coming: Vec<Coming>,
    /// Every message, the latest due first.
    pub jobs: Vec<JobFacts>,
    /// Why other messages do not come, or did not.
    pub silences: Vec<Silence>,
}

/// Explains the members meant: one, or all that share the address. Sentences are in `language`.
///
/// # Errors
/// When nobody is meant, or the ledger fails.
pub async fn explain(
    store: &Store,
    knowledge: &Knowledge,
    now: Timestamp,
    asked: &Asked,
    language: Language,
) -> Result<Vec<Explanation>, DeskError> {
    let catalog = store.catalog().await?;
    let mut explanations = Vec::new();
    for key in asked.members(store).await? {
        // Gone between two reads: erased by a person.
        let Some(view) = store.view(key, now, knowledge.caps_since(now)).await? else { continue };
        let jobs = jobs_of(store, &view).await?;
        let case = Case { knowledge, catalog: &catalog, now, language };
        let mut explanation = case.explain(view, &jobs);
        if !matches!(asked, Asked::Address(_)) {
            explanation.member.email = explanation.member.email.map(|email| masked(&email));
        }
        explanations.push(explanation);
    }
    Ok(explanations)
}

async fn jobs_of(store: &Store, view: &MemberView) -> Result<Vec<Job>, DeskError> {
    let filter = JobFilter { member: Some(view.member.id.clone()), ..JobFilter::default() };
    let listed = store.jobs(filter).await?.into_iter();
    let mut jobs: Vec<Job> = listed
        .filter_map(|l| match l.what {
            ListedAs::Job(job) => Some(job),
            ListedAs::Occasion(_) => None,
        })
        .collect();
    jobs.sort_by(|a, b| (b.due_at, &b.id).cmp(&(a.due_at, &a.id)));
    Ok(jobs)
}

/// What an explanation rests on besides the member.
struct Case<'a> {
    knowledge: &'a Knowledge,
    catalog: &'a Catalog,
    now: Timestamp,
    language: Language,
}

impl Case<'_> {
    /// The day of reading.
    fn today(&self) -> NaiveDate {
        Day::of(self.now, self.knowledge.zone).date()
    }

    fn explain(&self, view: MemberView, jobs: &[Job]) -> Explanation {
        let shop: Shop<'_> = self.knowledge.shop(self.catalog);
        let foreseen = foresee(view, &shop, self.now);
        let view = &foreseen.view;
        let person = Person::at_levels(view, &shop, levels(shop.rules));
        let fates = foreseen.fates(&shop, self.now);
        let by_id: BTreeMap<&JobId, &Job> = jobs.iter().map(|job| (&job.id, job)).collect();
        let silences = silences::Silences { case: self, shop: &shop, view, jobs: &by_id };
        let coming = facts::coming(self, &shop, view, &fates);
        Explanation {
            member: facts::member(&person, &shop, self.now),
            items: facts::items(forecast::items(&person, &shop, self.now, self.language), &coming),
            coming,
            jobs: jobs.iter().map(|job| facts::job(self, view, job)).collect(),
            silences: silences.all(&foreseen.plan.silences, &fates),
        }
    }
}
