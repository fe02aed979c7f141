//! Owns the answer to "why will this member (not) get what, and why did they (not)"; decides and writes nothing.

mod facts;
mod opinions;
mod silences;

use std::collections::BTreeMap;

use chrono::NaiveDate;
pub use facts::{Coming, ItemFacts, JobFacts, MemberFacts, ServedFacts, SuppressionFacts, masked};
pub use opinions::GuardFacts;
use opinions::Opinions;
pub use silences::Silence;
use silences::Silences;

use super::forecast::{self, levels};
use super::foresee::foresee;
use super::{Asked, DeskError};
use crate::domain::catalog::{Catalog, Item};
use crate::domain::ids::{Day, JobId, Timestamp};
use crate::domain::job::Job;
use crate::domain::member::MemberView;
use crate::domain::reason::Language;
use crate::domain::shop::{Knowledge, Person};
use crate::store::{JobFilter, ListedAs, Standing, Store, Whom};

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
        let standing = standing(store, &view).await?;
        let mut explanation = explain_one(view, &jobs, knowledge, &catalog, now, language);
        for stopped in &mut explanation.member.suppressions {
            let said = standing.iter().find(|s| SuppressionFacts::from(&s.what) == *stopped);
            stopped.because = said.map(|s| s.because.clone());
        }
        if !matches!(asked, Asked::Address(_)) {
            explanation.member.email = explanation.member.email.map(|email| masked(&email));
        }
        explanations.push(explanation);
    }
    Ok(explanations)
}

/// Explains one member as loaded, with all of the member's jobs, the latest due first: for every rule and every item
/// that it could speak about, what waits, what became of the last turn, or the one reason for the silence.
pub fn explain_one(
    view: MemberView,
    jobs: &[Job],
    knowledge: &Knowledge,
    catalog: &Catalog,
    now: Timestamp,
    language: Language,
) -> Explanation {
    let case = Case { knowledge, catalog, now, language };
    let shop = knowledge.shop(catalog);
    let foreseen = foresee(view, &shop, now);
    let person = Person::at_levels(&foreseen.view, &shop, levels(shop.rules));
    let fates = foreseen.fates(&shop, now);
    let by_id: BTreeMap<&JobId, &Job> = jobs.iter().map(|job| (&job.id, job)).collect();
    let silences = Silences { case: &case, shop: &shop, person: &person, jobs: &by_id };
    let ask = Opinions { person: &person, shop: &shop, foreseen: &foreseen, now };
    let coming = facts::coming(&case, &ask, &fates);
    Explanation {
        member: facts::member(&person, &shop, now),
        items: facts::items(forecast::items(&person, &shop, now, language), &coming),
        coming,
        jobs: jobs.iter().map(|job| facts::job(&case, &ask, job)).collect(),
        silences: silences.all(&foreseen.plan.silences, &fates),
    }
}

/// What is on record against the member, with what was said: a view knows only what is stopped.
async fn standing(store: &Store, view: &MemberView) -> Result<Vec<Standing>, DeskError> {
    let mut standing = store.suppressions(Some(Whom::Member(view.member.id.clone()))).await?;
    if let Some(email) = &view.member.email {
        standing.extend(store.suppressions(Some(Whom::Address(email.clone()))).await?);
    }
    Ok(standing)
}

async fn jobs_of(store: &Store, view: &MemberView) -> Result<Vec<Job>, DeskError> {
    let member = Some(view.member.id.clone());
    let filter = JobFilter { member, with_content: true, ..JobFilter::default() };
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

    /// What people call the item; the member as a whole has no name of its own.
    fn item_name(&self, item: Item) -> String {
        match (item, self.language) {
            (Item::Anything, Language::English) => "the member as a whole".to_owned(),
            (Item::Anything, Language::Chinese) => "會員整體".to_owned(),
            _ => self.catalog.item_name(item),
        }
    }
}
