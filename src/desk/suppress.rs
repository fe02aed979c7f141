//! Owns a person's or a member's word that something is not to be sent, at once for what waits; decides nothing else.

use serde::Serialize;

use super::explain::{SuppressionFacts, masked};
use super::{DeskError, PAGE, lookup};
use crate::domain::catalog::Catalog;
use crate::domain::change::Change;
use crate::domain::ids::{MemberId, Timestamp};
use crate::domain::job::{Job, JobState};
use crate::domain::member::{MemberView, Purpose, Suppression};
use crate::domain::occasion::Occasion;
use crate::domain::reason::Reason;
use crate::domain::rules::Rules;
use crate::domain::shop::{Knowledge, Person};
use crate::store::{MemberKey, Pick, Standing, Store, Whom};

/// What recording or lifting an opt-out did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Suppressed {
    /// Members concerned; none when the member or address was not known yet.
    pub members: u64,
    /// Jobs that were scheduled or queued, and no longer are.
    pub cancelled: u64,
    /// Open occasions that guards hold back from now on, until the opt-out ends or they are over.
    pub held: u64,
    /// Opt-outs lifted.
    pub removed: u64,
}

/// An opt-out on record.
#[derive(Debug, Clone, Serialize)]
pub struct SuppressionLine {
    /// The member, when it is about one.
    pub member: Option<MemberId>,
    /// The address, when it is about one; masked unless it was asked by.
    pub address: Option<String>,
    /// What it stops.
    #[serde(flatten)]
    pub what: SuppressionFacts,
    /// Who said so, and why.
    pub because: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// False once its end has come.
    pub holds: bool,
}

/// Records an opt-out, then skips what is scheduled or queued and covered by it. What is being handed over at this
/// moment escapes. Neither member nor address need be known: the opt-out waits for them.
///
/// # Errors
/// When the ledger fails; the opt-out may be recorded all the same, and the guards then keep it.
pub async fn add(
    store: &Store,
    knowledge: &Knowledge,
    now: Timestamp,
    whom: Whom,
    what: Suppression,
    because: &str,
) -> Result<Suppressed, DeskError> {
    let members = match concerned(store, &whom).await {
        Err(DeskError::UnknownMember(_)) => Vec::new(),
        found => found?,
    };
    store.suppress(whom, what.clone(), because, now).await?;
    let mut done = Suppressed { members: members.len() as u64, ..Suppressed::default() };
    for page in members.chunks(PAGE) {
        let (what, known) = (what.clone(), knowledge.clone());
        let skip = move |view: &MemberView, catalog: &Catalog| {
            let shop = known.shop(catalog);
            let opt_out = OptOut { what: &what, view, person: &Person::of(view, &shop) };
            if !what.holds(now) { (Vec::new(), 0) } else { opt_out.apply(&known.rules) }
        };
        let decisions =
            store.decide(Pick::Members(page.to_vec()), now, knowledge.caps_since(now), skip).await?;
        // Nothing goes to anyone with a damaged row until it is mended: then the guards see the opt-out.
        done.cancelled += decisions.applied();
        done.held += decisions.decided.iter().map(|member| member.value).sum::<u64>();
    }
    Ok(done)
}

/// Lifts the opt-outs of this very member or address: of `what`'s purpose and item, where given, else all. Jobs that they
/// skipped stay skipped: replay them.
///
/// # Errors
/// When no member has the id, or the ledger fails.
pub async fn remove(store: &Store, whom: Whom, what: Suppression) -> Result<Suppressed, DeskError> {
    let members = concerned(store, &whom).await?.len() as u64;
    let removed = store.unsuppress(whom, what.purpose, what.item).await?;
    Ok(Suppressed { members, removed, ..Suppressed::default() })
}

/// The opt-outs on record, oldest first: of this member or address, or all.
///
/// # Errors
/// When no member has the id, or the ledger fails.
pub async fn list(
    store: &Store,
    now: Timestamp,
    whom: Option<Whom>,
) -> Result<Vec<SuppressionLine>, DeskError> {
    if let Some(whom) = &whom {
        concerned(store, whom).await?;
    }
    let by_address = matches!(whom, Some(Whom::Address(_)));
    Ok(store.suppressions(whom).await?.into_iter().map(|standing| line(standing, by_address, now)).collect())
}

async fn concerned(store: &Store, whom: &Whom) -> Result<Vec<MemberKey>, DeskError> {
    match whom {
        Whom::Member(id) => Ok(vec![lookup::member(store, id).await?]),
        Whom::Address(address) => Ok(store.members_by_address(address).await?),
    }
}

/// An opt-out against what one member has waiting.
struct OptOut<'a> {
    what: &'a Suppression,
    view: &'a MemberView,
    person: &'a Person<'a>,
}

impl OptOut<'_> {
    /// Jobs to skip, and how many open occasions the guards will hold.
    fn apply(&self, rules: &Rules) -> (Vec<Change>, u64) {
        let covered = self.view.jobs.iter().filter(|job| self.covers_job(job));
        let skips = covered.map(|job| Change::Skip(job.id.clone(), Reason::Suppressed)).collect();
        let purpose = |o: &Occasion| rules.get(&o.key.rule).map(|r| r.purpose());
        let open = self.view.occasions.iter().filter(|o| o.is_open());
        let held = open.filter(|o| purpose(o).is_some_and(|p| self.stops(p)) && self.is_about(o));
        (skips, held.count() as u64)
    }

    /// A message about several items stays when only some are opted out of: those drop out of it at the claim.
    fn covers_job(&self, job: &Job) -> bool {
        let waits = matches!(job.state, JobState::Scheduled | JobState::Queued);
        let mut items = self.view.occasions.iter().filter(|o| o.job() == Some(&job.id)).peekable();
        let about = self.what.item.is_none() || items.peek().is_some() && items.all(|o| self.is_about(o));
        waits && self.stops(job.purpose) && about
    }

    fn stops(&self, purpose: Purpose) -> bool {
        self.what.purpose.is_none_or(|p| p == purpose)
    }

    fn is_about(&self, occasion: &Occasion) -> bool {
        self.what.item.as_ref().is_none_or(|item| self.person.names(item, occasion.key.item))
    }
}

fn line(standing: Standing, by_address: bool, now: Timestamp) -> SuppressionLine {
    let (member, address) = match standing.whom {
        Whom::Member(id) => (Some(id), None),
        Whom::Address(address) if by_address => (None, Some(address)),
        Whom::Address(address) => (None, Some(masked(&address))),
    };
    SuppressionLine {
        member,
        address,
        what: SuppressionFacts::from(&standing.what),
        because: standing.because,
        at: standing.at,
        holds: standing.what.holds(now),
    }
}
