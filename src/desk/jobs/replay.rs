//! Owns the replay: which jobs a person may send again, what would become of them, and the decision itself.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;
use serde::Serialize;

use super::Act;
use super::search::{Of, Selection, by_member, search};
use crate::desk::deeds::{UnderWay, asked};
use crate::desk::{DeskError, PAGE};
use crate::domain::assemble::judge_job;
use crate::domain::change::Change;
use crate::domain::deed::DeedKind;
use crate::domain::guards::Verdict;
use crate::domain::ids::{MemberId, Timestamp};
use crate::domain::job::{Job, JobState};
use crate::domain::member::MemberView;
use crate::domain::reason::Reason;
use crate::domain::shop::{Knowledge, Shop};
use crate::store::{Listed, ListedAs, Pick, Store};

/// A replayed job is worth sending for at least so long.
const WORTH_SENDING: TimeDelta = TimeDelta::days(3);

/// What a replay would do, or did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Jobs that the selection means and that may be replayed.
    pub matched: u64,
    /// Of these: jobs that nothing speaks against.
    pub would_send: u64,
    /// Of these: jobs that a guard stops; they are left as they are.
    pub would_skip: BTreeMap<Reason, u64>,
    /// Of those to be sent: jobs that wait a little first.
    pub would_wait: BTreeMap<Reason, u64>,
    /// Of those to be sent: jobs of unknown outcome, which the member may get twice.
    pub perhaps_delivered: u64,
    /// What the selection means besides, and that stays: not replayable, or of a state that was not asked for.
    pub left_out: BTreeMap<JobState, u64>,
    /// What the selection means besides, and that ended before it became a job: there is nothing to send again.
    pub unsent: u64,
    /// Ids that lead nowhere.
    pub unknown: Vec<String>,
    /// Members left as they are, because a row of theirs cannot be read: which one.
    pub damaged: Vec<String>,
    /// Jobs scheduled again; zero in a dry run.
    pub scheduled: u64,
    /// True when nothing was written.
    pub dry_run: bool,
    /// True when it was broken off before its end: jobs not counted above are as they were.
    pub stopped: bool,
}

/// Judges each job as if it were scheduled afresh and, when it is to go, schedules those that nothing stops.
///
/// A selection that names neither ids, states nor a reason means failed jobs only: what was skipped, cancelled, or may
/// have arrived is sent again only when a person says so.
///
/// # Errors
/// When the ledger fails; pages of members done before stay replayed.
pub async fn replay(
    store: &Store,
    knowledge: &Knowledge,
    now: Timestamp,
    selection: &Selection,
    act: Act<'_>,
) -> Result<Replayed, DeskError> {
    let again = Again { store, knowledge, now, what: DeedKind::Replay, asked: asked(selection) };
    again.send(selection, |state| is_meant(selection, state), act).await
}

/// A loose selection means failed jobs only.
fn is_meant(selection: &Selection, state: JobState) -> bool {
    match state {
        JobState::Failed => true,
        _ => selection.is_exact() && state.is_replayable(),
    }
}

/// What was planned and closed.
fn was_never_a_job(what: &ListedAs) -> bool {
    matches!(what, ListedAs::Occasion(occasion) if !occasion.is_open())
}

/// Jobs that are over, to be sent once more; and as what that goes on record.
pub(super) struct Again<'a> {
    pub store: &'a Store,
    pub knowledge: &'a Knowledge,
    pub now: Timestamp,
    pub what: DeedKind,
    pub asked: serde_json::Value,
}

impl Again<'_> {
    /// Judges what the selection means and is in a state that `is_meant`, and does it, page by page, until it is stopped.
    pub async fn send(
        self,
        selection: &Selection,
        is_meant: impl Fn(JobState) -> bool,
        act: Act<'_>,
    ) -> Result<Replayed, DeskError> {
        let Self { store, knowledge, now, what, asked } = self;
        let catalog = store.catalog().await?;
        let found = search(store, knowledge, &catalog, selection).await?;
        let mut replayed = Replayed { unknown: found.unknown, dry_run: act.is_dry(), ..Replayed::default() };
        let chosen = replayed.choose(found.listed, is_meant);
        let Act::Go(mandate) = act else {
            for of in chosen {
                match store.view(of.key, now, knowledge.caps_since(now)).await {
                    Ok(Some(view)) => {
                        replayed.count(&judge(view, &of.what, &knowledge.shop(&catalog), now));
                    }
                    Ok(None) => {}
                    Err(damage) if damage.is_damage() => replayed.damaged.push(damage.to_string()),
                    Err(error) => return Err(error.into()),
                }
            }
            return Ok(replayed);
        };
        let deed = UnderWay::begin(store, now, mandate, what, asked).await?;
        for page in chosen.chunks(PAGE) {
            if mandate.is_stopped() {
                replayed.stopped = true;
                break;
            }
            replayed.write(store, knowledge, now, page).await?;
            deed.note(&replayed).await?;
        }
        deed.end(&replayed).await?;
        Ok(replayed)
    }
}

/// What would become of one job.
struct Judged {
    job: Job,
    verdict: Verdict,
    was: JobState,
}

impl Judged {
    /// The reason that stops it: an end, or a hold as long as the job lasts.
    fn stopped_by(&self) -> Option<Reason> {
        match self.verdict {
            Verdict::Skip(reason) => Some(reason),
            Verdict::Defer(until, reason) if until >= self.job.valid_until => Some(reason),
            _ => None,
        }
    }
}

/// Judges one member's jobs in turn; each one that goes counts as a contact for the next.
fn judge(mut view: MemberView, jobs: &[Job], shop: &Shop<'_>, now: Timestamp) -> Vec<Judged> {
    let mut judged = Vec::with_capacity(jobs.len());
    for old in jobs {
        let job = afresh(old, now);
        let verdict =
            if job.shadow { Verdict::Skip(Reason::Shadow) } else { judge_job(&view, &job, shop, now).1 };
        let one = Judged { job, verdict, was: old.state };
        if one.stopped_by().is_none() {
            view.jobs.retain(|j| j.id != one.job.id);
            view.jobs.push(Job { handed_over_at: Some(now), ..one.job.clone() });
        }
        judged.push(one);
    }
    judged
}

/// The job as a replay leaves it.
fn afresh(job: &Job, now: Timestamp) -> Job {
    Job {
        state: JobState::Scheduled,
        valid_until: job.valid_until.max(now + WORTH_SENDING),
        not_before: None,
        attempts: 0,
        tries: 0,
        reason: None,
        pinned: true,
        content: None,
        ..job.clone()
    }
}

impl Replayed {
    /// The jobs to judge, by member, the earliest due first; counts them, and what is left out.
    fn choose(&mut self, listed: Vec<Listed>, is_meant: impl Fn(JobState) -> bool) -> Vec<Of<Job>> {
        let (unsent, listed): (Vec<_>, Vec<_>) =
            listed.into_iter().partition(|one| was_never_a_job(&one.what));
        self.unsent = unsent.len() as u64;
        let mut chosen = by_member(
            listed,
            |what| match what {
                ListedAs::Job(job) if is_meant(job.state) => Ok(job),
                other => Err(other.state()),
            },
            &mut self.left_out,
        );
        for of in &mut chosen {
            of.what.sort_by(|a, b| (a.due_at, &a.id).cmp(&(b.due_at, &b.id)));
            self.matched += of.what.len() as u64;
        }
        chosen
    }

    fn count(&mut self, judged: &[Judged]) {
        for one in judged {
            match (one.stopped_by(), one.verdict) {
                (Some(reason), _) => {
                    *self.would_skip.entry(reason).or_default() += 1;
                    continue;
                }
                (None, Verdict::Defer(_, reason)) => *self.would_wait.entry(reason).or_default() += 1,
                (None, _) => {}
            }
            self.would_send += 1;
            self.perhaps_delivered += u64::from(one.was == JobState::Uncertain);
        }
    }

    /// Decides a page of members: judged under the lock, so that what is counted is what is written.
    async fn write(
        &mut self,
        store: &Store,
        knowledge: &Knowledge,
        now: Timestamp,
        page: &[Of<Job>],
    ) -> Result<(), DeskError> {
        let keys = page.iter().map(|of| of.key).collect();
        let jobs: HashMap<MemberId, Vec<Job>> =
            page.iter().map(|of| (of.member.clone(), of.what.clone())).collect();
        let (caps_since, knowledge) = (knowledge.caps_since(now), knowledge.clone());
        let decisions = store.decide(Pick::Members(keys), now, caps_since, move |view, catalog| {
            let mine = jobs.get(&view.member.id).map_or(&[][..], Vec::as_slice);
            let judged = judge(view.clone(), mine, &knowledge.shop(catalog), now);
            let going = judged.iter().filter(|one| one.stopped_by().is_none());
            (going.map(|one| Change::Replay(one.job.id.clone(), one.job.valid_until)).collect(), judged)
        });
        let decisions = decisions.await?;
        decisions.decided.iter().for_each(|member| self.count(&member.value));
        self.scheduled += decisions.applied();
        self.damaged.extend(decisions.damage());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{JobId, RuleId};
    use crate::domain::member::Purpose;
    use crate::store::{JobFilter, MemberKey};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn job(id: &str, state: JobState, valid_until: &str) -> Job {
        Job {
            id: JobId::from(id),
            state,
            rule: RuleId::from("refill"),
            step: 1,
            purpose: Purpose::Reminder,
            channel: "crm".into(),
            priority: 0,
            due_at: at("2026-03-01T00:00:00Z"),
            not_before: Some(at("2026-03-02T00:00:00Z")),
            valid_until: at(valid_until),
            assembled_at: at("2026-03-01T00:00:00Z"),
            handed_over_at: None,
            attempts: 8,
            tries: 9,
            handovers: 9,
            reason: Some(Reason::AttemptsUsedUp),
            pinned: false,
            shadow: false,
            rules_hash: String::new(),
            content: None,
        }
    }

    #[test]
    fn a_replayed_job_is_worth_sending_for_three_days_at_least() {
        let now = at("2026-03-10T00:00:00Z");
        let cases = [
            ("2026-03-05T00:00:00Z", "2026-03-13T00:00:00Z"),
            ("2026-03-12T00:00:00Z", "2026-03-13T00:00:00Z"),
            ("2026-03-20T00:00:00Z", "2026-03-20T00:00:00Z"),
        ];
        for (before, after) in cases {
            let fresh = afresh(&job("job_1", JobState::Failed, before), now);
            assert_eq!(fresh.valid_until, at(after), "{before}");
            assert_eq!((fresh.state, fresh.attempts, fresh.tries), (JobState::Scheduled, 0, 0));
            assert!(fresh.pinned && fresh.reason.is_none() && fresh.not_before.is_none());
        }
    }

    fn chosen(filter: JobFilter, ids: &[&str]) -> (Vec<String>, Replayed) {
        let listed = JobState::ALL.into_iter().map(|state| Listed {
            member: "m".into(),
            key: MemberKey(1),
            what: ListedAs::Job(job(state.as_str(), state, "2026-03-05T00:00:00Z")),
        });
        let selection = Selection { ids: ids.iter().map(ToString::to_string).collect(), filter };
        let mut replayed = Replayed::default();
        let is_meant = |state| is_meant(&selection, state);
        let chosen = replayed.choose(listed.collect(), is_meant);
        (chosen.into_iter().flat_map(|of| of.what).map(|j| j.id.to_string()).collect(), replayed)
    }

    #[test]
    fn a_loose_filter_means_failed_jobs_only() {
        let (ids, replayed) = chosen(JobFilter { rule: Some("refill".into()), ..JobFilter::default() }, &[]);
        assert_eq!(ids, ["failed"]);
        assert_eq!((replayed.matched, replayed.left_out.len()), (1, 7));
    }

    #[test]
    fn ids_states_and_reasons_mean_whatever_may_be_replayed() {
        let all = ["cancelled", "failed", "skipped", "uncertain"];
        let exact = [
            (JobFilter { states: JobState::ALL.to_vec(), ..JobFilter::default() }, vec![]),
            (JobFilter { reason: Some(Reason::Refused), ..JobFilter::default() }, vec![]),
            (JobFilter { job: Some("job_1".into()), ..JobFilter::default() }, vec![]),
            (JobFilter::default(), vec!["job_1"]),
        ];
        for (filter, ids) in exact {
            let (found, replayed) = chosen(filter, &ids);
            assert_eq!(found, all);
            assert_eq!(
                replayed.left_out.keys().copied().collect::<Vec<_>>(),
                [JobState::Scheduled, JobState::Queued, JobState::Sending, JobState::Delivered]
            );
        }
    }
}
