//! Owns all that the ledger knows of one job, or of one occasion without one; decides nothing.

use chrono::NaiveDate;
use serde::Serialize;

use super::list::{self, JobLine};
use super::occasion_id;
use super::search::{Selection, search};
use crate::desk::DeskError;
use crate::desk::lookup::unknown_job;
use crate::domain::assemble::judge_job;
use crate::domain::catalog::Catalog;
use crate::domain::deed::DeedKind;
use crate::domain::feedback::FeedbackKind;
use crate::domain::ids::{Cycle, Day, JobId, MemberId, RuleId, Timestamp};
use crate::domain::job::{Content, Delivery, Job, JobState, Judgement};
use crate::domain::member::Purpose;
use crate::domain::occasion::{Evidence, Occasion, OccasionState};
use crate::domain::reason::{Language, Reason};
use crate::domain::shop::Knowledge;
use crate::domain::wording::why;
use crate::store::{Attempt, JobRecord, ListedAs, Returned, Store, Transition};

/// Everything about one job.
#[derive(Debug, Clone, Serialize)]
pub struct JobSheet {
    /// The job's id, or the occasion's readable one.
    pub id: String,
    /// Where it stands.
    pub state: JobState,
    /// `job` or `occasion`.
    pub kind: &'static str,
    /// The rule that asks.
    pub rule: RuleId,
    /// The rule's step.
    pub step: u16,
    /// To whom.
    pub member: MemberId,
    /// Where it goes.
    pub channel: Option<crate::domain::ids::ChannelName>,
    /// What it is for.
    pub purpose: Option<Purpose>,
    /// When it falls due.
    pub due_at: Timestamp,
    /// When delivery, or the assembler, looks at it.
    pub ready_at: Timestamp,
    /// When it is no longer worth sending.
    pub valid_until: Timestamp,
    /// When it was assembled.
    pub assembled_at: Option<Timestamp>,
    /// When it was last handed over.
    pub handed_over_at: Option<Timestamp>,
    /// When it was tried after that, and its peer could not be reached or took nothing.
    pub tried_at: Option<Timestamp>,
    /// Why it stands where it stands.
    pub reason: Option<Reason>,
    /// The reason in a sentence.
    pub sentence: Option<&'static str>,
    /// What to do about it.
    pub advice: Option<&'static str>,
    /// True when a person replayed it.
    pub pinned: bool,
    /// True when it goes to the outbox folder only.
    pub shadow: bool,
    /// The name under which the peer knows it: an e-mail's Message-ID, a webhook's `webhook-id`.
    pub message_id: Option<String>,
    /// The hash of the rules it was assembled under.
    pub rules_hash: Option<String>,
    /// What it is about.
    pub occasions: Vec<OccasionFacts>,
    /// What its occasions were planned on.
    pub evidence: Vec<EvidenceFacts>,
    /// What each guard said: when the message was composed, or would say now while it has not been.
    pub guards: Vec<Judgement>,
    /// What would become of it now, while it waits.
    pub verdict_now: Option<String>,
    /// Every hand-over.
    pub attempts: Vec<AttemptFacts>,
    /// Hand-overs that count against `retry.attempts` since the last replay.
    pub attempts_used: u32,
    /// Every state it was in.
    pub history: Vec<TransitionFacts>,
    /// The bounces, complaints and opt-outs that came back.
    pub feedback: Vec<FeedbackFacts>,
}

/// An occasion as a person reads it.
#[derive(Debug, Clone, Serialize)]
pub struct OccasionFacts {
    /// Its readable id.
    pub id: String,
    /// `open`, `served` or `closed`.
    pub state: &'static str,
    /// The rule's id when it was planned.
    pub rule: RuleId,
    /// The item as the shop writes it.
    pub item: String,
    /// Its name for people.
    pub name: String,
    /// The order that the turn hangs on.
    pub cycle: Cycle,
    /// When it fell due.
    pub due_at: Timestamp,
    /// Why it was closed, or is held.
    pub reason: Option<Reason>,
    /// The sentence why, as a message would say it.
    pub why: Option<String>,
}

/// What one occasion was planned on.
#[derive(Debug, Clone, Serialize)]
pub struct EvidenceFacts {
    /// The item as the shop writes it.
    pub item: String,
    /// The evidence.
    #[serde(flatten)]
    pub evidence: Evidence,
}

/// One hand-over.
#[derive(Debug, Clone, Serialize)]
pub struct AttemptFacts {
    /// When it ended.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: &'static str,
    /// Why.
    pub reason: Option<Reason>,
    /// The peer's code.
    pub code: Option<String>,
    /// What the peer said.
    pub reply: Option<String>,
    /// Which relay or endpoint answered.
    pub relay: Option<String>,
}

/// One step of the job's life.
#[derive(Debug, Clone, Serialize)]
pub struct TransitionFacts {
    /// When.
    pub at: Timestamp,
    /// The state it came into.
    pub state: JobState,
    /// Why.
    pub reason: Option<Reason>,
    /// Who did it, when a person did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What the person did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deed: Option<DeedKind>,
}

/// Something that came back.
#[derive(Debug, Clone, Serialize)]
pub struct FeedbackFacts {
    /// When it happened.
    pub at: Timestamp,
    /// What was reported.
    pub kind: FeedbackKind,
    /// What was said.
    pub detail: String,
}

impl From<Attempt> for AttemptFacts {
    fn from(attempt: Attempt) -> Self {
        let o = attempt.outcome;
        let outcome = o.result.as_str();
        Self { at: attempt.at, outcome, reason: o.reason, code: o.code, reply: o.reply, relay: o.relay }
    }
}

impl From<Transition> for TransitionFacts {
    fn from(t: Transition) -> Self {
        let (by, deed) = t.by.unzip();
        Self { at: t.at, state: t.state, reason: t.reason, by, deed }
    }
}

impl From<Returned> for FeedbackFacts {
    fn from(r: Returned) -> Self {
        Self { at: r.at, kind: r.kind, detail: r.detail }
    }
}

/// All about one job, or about an occasion without one by its readable id. `mail_domain` makes the Message-ID whole.
///
/// # Errors
/// When the id leads nowhere, or the ledger fails.
pub async fn show(
    store: &Store,
    knowledge: &Knowledge,
    now: Timestamp,
    id: &str,
    mail_domain: Option<&str>,
    language: Language,
) -> Result<JobSheet, DeskError> {
    let catalog = store.catalog().await?;
    let desk = Sheets { catalog: &catalog, knowledge, language, today: Day::of(now, knowledge.zone).date() };
    if occasion_id::member(id).is_some() {
        let selection = Selection { ids: vec![id.to_owned()], ..Selection::default() };
        let found = search(store, knowledge, &catalog, &selection).await?;
        let listed = found.listed.into_iter().next();
        let listed = listed.ok_or_else(|| DeskError::UnknownOccasion(id.to_owned()))?;
        let line = list::line(&listed, knowledge, &catalog);
        let occasions = match listed.what {
            ListedAs::Occasion(occasion) => vec![occasion],
            ListedAs::Job(_) => Vec::new(),
        };
        return Ok(desk.sheet(line, &listed.member, &occasions));
    }
    let job_id = JobId::from(id);
    let Some(record) = store.job(&job_id).await? else { return Err(unknown_job(store, &job_id).await) };
    let view = match record.job.content {
        None if !record.job.state.is_final() => {
            store.view(record.key, now, knowledge.caps_since(now)).await?
        }
        _ => None,
    };
    let judged = view.map(|view| judge_job(&view, &record.job, &knowledge.shop(&catalog), now));
    let mut sheet = desk.job(record, mail_domain);
    sheet.feedback = store.feedback(&job_id).await?.into_iter().map(FeedbackFacts::from).collect();
    if let Some((_, verdict, content)) = judged {
        sheet.verdict_now = Some(verdict.to_string());
        sheet.guards = guards(content.as_deref());
    }
    Ok(sheet)
}

/// What sheets are written from.
struct Sheets<'a> {
    catalog: &'a Catalog,
    knowledge: &'a Knowledge,
    language: Language,
    /// The day of reading.
    today: NaiveDate,
}

impl Sheets<'_> {
    /// What a line of the list and the occasions say.
    fn sheet(&self, line: JobLine, member: &MemberId, occasions: &[Occasion]) -> JobSheet {
        JobSheet {
            purpose: self.knowledge.rules.get(&line.rule).map(|r| r.purpose()),
            sentence: line.reason.map(|r| r.sentence(self.language)),
            advice: line.reason.map(|r| r.advice(self.language)),
            occasions: occasions.iter().map(|o| self.occasion(member, o)).collect(),
            evidence: occasions.iter().filter_map(|o| self.evidence(o)).collect(),
            id: line.id,
            state: line.state,
            kind: line.kind,
            rule: line.rule,
            step: line.step,
            member: line.member,
            channel: line.channel,
            due_at: line.due_at,
            ready_at: line.ready_at,
            valid_until: line.valid_until,
            reason: line.reason,
            attempts_used: line.attempts,
            assembled_at: None,
            handed_over_at: None,
            tried_at: None,
            pinned: false,
            shadow: false,
            message_id: None,
            rules_hash: None,
            guards: Vec::new(),
            verdict_now: None,
            attempts: Vec::new(),
            history: Vec::new(),
            feedback: Vec::new(),
        }
    }

    fn job(&self, record: JobRecord, mail_domain: Option<&str>) -> JobSheet {
        let JobRecord { member, job, occasions, attempts, transitions, .. } = record;
        let (handed_over_at, tried_at) = handed_over(&job, &attempts);
        JobSheet {
            purpose: Some(job.purpose),
            assembled_at: Some(job.assembled_at),
            handed_over_at,
            tried_at,
            pinned: job.pinned,
            shadow: job.shadow,
            message_id: message_id(&job, mail_domain),
            rules_hash: Some(job.rules_hash.clone()),
            guards: guards(job.content.as_ref()),
            attempts: attempts.into_iter().map(AttemptFacts::from).collect(),
            history: transitions.into_iter().map(TransitionFacts::from).collect(),
            ..self.sheet(list::of_job(&member, &job), &member, &occasions)
        }
    }

    fn occasion(&self, member: &MemberId, occasion: &Occasion) -> OccasionFacts {
        let name = self.catalog.item_name(occasion.key.item);
        let (state, reason) = match occasion.state {
            OccasionState::Open => ("open", occasion.held_for),
            OccasionState::Served(_) => ("served", None),
            OccasionState::Closed(reason) => ("closed", Some(reason)),
        };
        OccasionFacts {
            id: occasion_id::of(member, &occasion.key, self.catalog),
            state,
            rule: occasion.key.rule.clone(),
            item: self.catalog.item_id(occasion.key.item),
            cycle: occasion.key.cycle.clone(),
            due_at: occasion.due_at,
            reason,
            why: occasion.evidence.as_ref().map(|e| why(self.language, None, e, self.today)),
            name,
        }
    }

    fn evidence(&self, occasion: &Occasion) -> Option<EvidenceFacts> {
        let evidence = occasion.evidence.clone()?;
        Some(EvidenceFacts { item: self.catalog.item_id(occasion.key.item), evidence })
    }
}

/// When it was last handed over, and when it was tried since. The ledger notes a hand-over before it begins, and some come
/// to nothing.
fn handed_over(job: &Job, attempts: &[Attempt]) -> (Option<Timestamp>, Option<Timestamp>) {
    let reached = |attempt: &&Attempt| attempt.outcome.result != Delivery::Unreachable;
    let in_vain = attempts.last().is_some_and(|last| !reached(&last)) && job.state != JobState::Sending;
    match job.handed_over_at {
        Some(tried) if in_vain => (attempts.iter().rfind(reached).map(|attempt| attempt.at), Some(tried)),
        at => (at, None),
    }
}

fn guards(content: Option<&Content>) -> Vec<Judgement> {
    content.map(|c| c.guards.clone()).unwrap_or_default()
}

/// A webhook's is the job's id alone; an e-mail's needs the sender's domain.
fn message_id(job: &Job, mail_domain: Option<&str>) -> Option<String> {
    if job.channel.is_email() {
        return mail_domain.map(|domain| format!("<{}@{domain}>", job.id));
    }
    Some(job.id.to_string())
}
