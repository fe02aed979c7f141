//! Owns one delivery: claim in the ledger, hand over, record; always ends well, whatever happens on the way.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::group::Group;
use super::turns::{Place, Turns, Waited};
use super::{Guide, Parts, keeper};
use crate::channel::{Letter, Scope, TemplateError, Turn};
use crate::domain::assemble::{Claim, claim};
use crate::domain::change::Change;
use crate::domain::guards::{UNSUITABLE, Verdict};
use crate::domain::ids::{ChannelName, JobId, Timestamp};
use crate::domain::job::{Content, Delivery, Job, JobState, Lease, Outcome};
use crate::domain::member::Member;
use crate::domain::reason::Reason;
use crate::store::{Decided, JobRef, MemberKey, Pick, Settlement, StoreError};

/// Claims and outcomes that share a transaction, at most.
const GROUP: usize = 256;

/// A ledger that is away is asked again: a moment later, and then less and less often.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Jobs wait so long for a ledger that is away, well within their lease.
const CLAIMED_WITHIN: Duration = Duration::from_secs(60);

/// Delivers jobs by their ids.
#[derive(Clone)]
pub struct Deliveries {
    parts: Arc<Parts>,
    turns: Turns,
    claims: Group<JobRef, Claimed>,
    outcomes: Group<Settlement, bool>,
}

/// A claim's answer.
enum Claimed {
    /// The ledger says `sending`: hand it over.
    Sending(Box<Handover>),
    /// The ledger says no: let go.
    LetGo,
}

/// A claim as judged, and which of its member's changes moves the job.
type Judged = (Job, Member, Claim, Option<usize>);

/// What is handed over.
struct Handover {
    /// As it was claimed, this hand-over counted.
    job: Job,
    member: Member,
    content: Content,
    /// What the claim went by: a rule and its template belong together, whatever is reloaded meanwhile.
    guide: Guide,
}

impl Deliveries {
    /// Starts the lines that group what touches the ledger.
    pub fn start(parts: Arc<Parts>, stop: CancellationToken) -> Self {
        let (for_claims, for_outcomes) = (parts.clone(), parts.clone());
        Self {
            turns: Turns::start(parts.clone(), stop),
            parts,
            claims: Group::start(GROUP, move |jobs| claim_all(for_claims.clone(), jobs)),
            outcomes: Group::start(GROUP, move |settlements| record_all(for_outcomes.clone(), settlements)),
        }
    }

    /// One job, from its place to the record.
    pub async fn deliver(self, at: JobRef, place: Place) {
        let Waited::Go(turn) = self.turns.wait(&at, place).await else { return };
        let (turn, _place) = turn.map_or_else(|place| (None, Some(place)), |turn| (Some(turn), None));
        let Some(Claimed::Sending(handover)) = self.claims.ask(at.clone()).await else { return };
        let started = tokio::time::Instant::now();
        let channel = handover.job.channel.clone();
        // A defect in one delivery ends that job's attempt, not the worker.
        let sent = AssertUnwindSafe(self.hand_over(&handover, turn)).catch_unwind().await;
        let outcome = sent.unwrap_or_else(|_| self.panicked(&channel));
        metrics::histogram!("replenish_delivery_seconds", "channel" => channel.to_string())
            .record(started.elapsed().as_secs_f64());
        let now = self.parts.clock.now();
        let job = &handover.job;
        let settled = self.parts.retry.settle(job, &outcome, self.parts.on_uncertain, now, fastrand::f64());
        tracing::debug!(job = %job.id, member = %handover.member.id, result = outcome.result.as_str(), state = settled.state.as_str(), "handed over");
        if settled.state == JobState::Failed || settled.state == JobState::Uncertain {
            let reason = outcome.reason.map(Reason::as_str);
            tracing::warn!(job = %job.id, member = %handover.member.id, state = settled.state.as_str(), reason, code = outcome.code, "not delivered");
        }
        let state = settled.state;
        let settlement = Settlement {
            job: at.clone(),
            handover: job.handovers,
            at: now,
            outcome: outcome.clone(),
            settled,
        };
        match self.outcomes.ask(settlement).await {
            Some(true) => self.parts.tally.settled(state, &channel),
            Some(false) => {
                tracing::warn!(job = %job.id, member = %handover.member.id, handover = job.handovers, "the job went on without this hand-over, whose lease ran out: only the attempt is on record");
            }
            None => {}
        }
        self.draw_conclusions(&at, &outcome, now).await;
    }

    /// What an outcome means beyond its job: only once it is on record, and the ledger is known to answer.
    async fn draw_conclusions(&self, at: &JobRef, outcome: &Outcome, now: Timestamp) {
        match outcome.reason {
            Some(Reason::EndpointGone) => keeper::disable(&self.parts, &at.channel, now).await,
            Some(Reason::NoSuchMailbox) => self.bounced(at, outcome, now).await,
            _ => {}
        }
    }

    /// An address that its own server does not know gets no more mail; until that is recorded, each mail finds it out anew.
    async fn bounced(&self, at: &JobRef, outcome: &Outcome, now: Timestamp) {
        let words = [outcome.code.as_deref(), outcome.reply.as_deref()].into_iter().flatten();
        let words = words.collect::<Vec<_>>().join(" ");
        if let Err(error) = self.parts.store.bounce(at, &words, now).await {
            tracing::warn!(%error, job = %at.job, "a bounce cannot be recorded");
        }
    }

    /// Nobody knows how far a hand-over came that panicked: only a peer that knows the id again may have it again.
    fn panicked(&self, channel: &ChannelName) -> Outcome {
        let resendable = self.parts.channels.get(channel).is_some_and(crate::channel::Channel::is_resendable);
        let result = if resendable { Delivery::Transient } else { Delivery::Uncertain };
        Outcome::new(result, Some(Reason::Panicked))
    }

    async fn hand_over(&self, handover: &Handover, turn: Option<Turn>) -> Outcome {
        let job = &handover.job;
        let Some(channel) = self.parts.channels.get(&job.channel) else {
            return Outcome::new(Delivery::Permanent, Some(Reason::ChannelMissing));
        };
        let letter = match self.letter(handover) {
            Ok(letter) => letter,
            Err(error) => return error.outcome(),
        };
        match turn {
            _ if job.shadow => channel.shadow(&letter, &self.parts.outbox).await,
            Some(turn) => channel.deliver(&letter, turn).await,
            // The claim lets no live job through in shadow.
            None => Outcome::new(Delivery::Unreachable, Some(Reason::Shadow)),
        }
    }

    fn letter(&self, handover: &Handover) -> Result<Letter, TemplateError> {
        let Handover { job, member, content, guide } = handover;
        let mut letter = Letter {
            job: job.id.clone(),
            rule: job.rule.clone(),
            step: job.step,
            purpose: job.purpose,
            valid_until: job.valid_until,
            content: content.clone(),
            email: member.email.clone(),
            contacts: member.contacts.clone(),
            unsubscribe_url: self.parts.unsubscribe.url(&member.id, &job.id),
            rendered: None,
            sent_at: self.parts.clock.real(),
            now: self.parts.clock.now(),
        };
        let knowledge = &guide.knowledge;
        if let Some(template) = knowledge.rules.get(&job.rule).and_then(|r| r.template_of(job.step)) {
            let now = letter.now.with_timezone(&knowledge.zone);
            let shop = &self.parts.shop_card;
            let scope = Scope::new(content, &job.rule, job.step, &letter.unsubscribe_url, shop, now);
            letter.rendered = Some(guide.templates.render(template, &scope)?);
        }
        Ok(letter)
    }
}

/// Claims a group of jobs in one transaction: guards judged again, the start recorded before any hand-over.
async fn claim_all(parts: Arc<Parts>, jobs: Vec<JobRef>) -> Vec<Claimed> {
    let (began, mut pause) = (tokio::time::Instant::now(), FIRST_PAUSE);
    let mut answers = loop {
        match claim_group(&parts, &jobs).await {
            Ok(claimed) => break claimed,
            Err(error) => {
                tracing::warn!(%error, jobs = jobs.len(), "jobs cannot be claimed");
                if !error.is_passing() || began.elapsed() > CLAIMED_WITHIN {
                    // The ids keep their lease, and are offered again when it runs out.
                    break HashMap::new();
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    };
    jobs.iter().map(|at| answers.remove(&at.job).unwrap_or(Claimed::LetGo)).collect()
}

async fn claim_group(parts: &Arc<Parts>, jobs: &[JobRef]) -> Result<HashMap<JobId, Claimed>, StoreError> {
    let mut members: Vec<MemberKey> = jobs.iter().map(|at| MemberKey(at.member)).collect();
    members.sort();
    members.dedup();
    let ids: HashSet<JobId> = jobs.iter().map(|at| at.job.clone()).collect();
    let guide = parts.guide();
    let knowledge = guide.knowledge.clone();
    // In a fleet the planners may have had newer rules first: what this process does not know yet is offered again.
    let is_last_word = parts.redis.is_none() || keeper::look_at_rules(parts).await.is_ok();
    if !is_last_word {
        tracing::debug!("other rules are in force: jobs of rules that are unknown here are let go");
    }
    let now = parts.clock.now();
    let lease = Lease { from: parts.clock.real(), span: parts.lease };
    let decisions = parts
        .store
        .decide(Pick::Members(members), now, knowledge.caps_since(now), move |view, catalog| {
            let shop = knowledge.shop(catalog);
            let mut changes: Vec<Change> = Vec::new();
            let mut claims = Vec::new();
            let mine =
                |j: &&Job| ids.contains(&j.id) && (is_last_word || knowledge.rules.get(&j.rule).is_some());
            for job in view.jobs.iter().filter(mine) {
                let (mut of_job, claim) = claim(view, &job.id, &shop, now, lease);
                changes.append(&mut of_job);
                // The last change of a claim is the one that moves the job.
                claims.push((job.clone(), view.member.clone(), claim, changes.len().checked_sub(1)));
            }
            (changes, claims)
        })
        .await?;
    Ok(started(parts, keeper::heed(decisions), &guide))
}

/// What each claim that took effect answers; the others let go.
fn started(parts: &Parts, decided: Vec<Decided<Vec<Judged>>>, guide: &Guide) -> HashMap<JobId, Claimed> {
    let mut answers = HashMap::new();
    for member in decided {
        for (mut job, person, claim, deciding) in member.value {
            let applied = deciding.and_then(|i| member.applied.get(i)).copied().unwrap_or(false);
            if applied {
                count(parts, &job, &claim);
            }
            if let (Claim::Send(content), true) = (claim, applied) {
                job.handovers += 1;
                let handover = Handover { member: person, content: *content, job, guide: guide.clone() };
                answers.insert(handover.job.id.clone(), Claimed::Sending(Box::new(handover)));
            }
        }
    }
    answers
}

fn count(parts: &Parts, job: &Job, claim: &Claim) {
    match claim {
        Claim::Held(Verdict::Skip(reason)) => parts.tally.closed(&job.rule, *reason),
        Claim::Send(content) if job.tries == 0 => {
            let cautions = content.guards.iter().filter(|judgement| judgement.guard == UNSUITABLE);
            cautions.for_each(|_| parts.tally.unsuitable(&job.rule, "caution"));
        }
        _ => {}
    }
}

/// Records a group of outcomes in one transaction. What happened must not be forgotten while the process lives, so a
/// ledger that fails is asked again until it answers.
async fn record_all(parts: Arc<Parts>, settlements: Vec<Settlement>) -> Vec<bool> {
    let mut pause = FIRST_PAUSE;
    loop {
        match parts.store.settle(settlements.clone()).await {
            Ok(recorded) => return recorded,
            Err(error) => {
                tracing::error!(%error, outcomes = settlements.len(), "outcomes cannot be recorded, trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}
