//! Owns what a change does to a member's view, under the ledger's own conditions; decides nothing.

use super::change::Change;
use super::ids::JobId;
use super::job::{Job, JobState};
use super::member::MemberView;
use super::occasion::{Occasion, OccasionKey, OccasionState};
use super::reason::Reason;

/// Makes one step on a view as the ledger would; false when the state that the step leaves is another.
pub fn apply(view: &mut MemberView, change: &Change) -> bool {
    match change {
        Change::Plan(new) => {
            let is_new = !view.occasions.iter().any(|o| o.key == new.key);
            if is_new {
                view.occasions.push(new.clone());
            }
            is_new
        }
        Change::Move(to) => on_open(view, &to.key, |o| *o = to.clone()),
        Change::Withdraw(key) => {
            let before = view.occasions.len();
            view.occasions.retain(|o| o.key != *key || !o.is_open());
            view.occasions.len() < before
        }
        Change::Hold(key, until, reason) => on_open(view, key, |o| {
            o.held_until = Some(o.valid_until.min(*until));
            o.held_for = Some(*reason);
        }),
        Change::Close(key, reason) => close(view, key, *reason),
        Change::Assemble(job, keys) => take_over(view, job, keys),
        Change::Stage(stage, since) => {
            view.stage = Some((*stage, *since));
            true
        }
        Change::Planned(_, version) => {
            view.planned_with = Some(version.clone());
            true
        }
        of_job => step(view, of_job),
    }
}

/// The step that a change makes a job take.
fn step(view: &mut MemberView, change: &Change) -> bool {
    const WAITS: &[JobState] = &[JobState::Scheduled, JobState::Queued];
    const OVER: &[JobState] =
        &[JobState::Failed, JobState::Uncertain, JobState::Skipped, JobState::Cancelled];
    match change {
        Change::Start { job, at, content, .. } => on_job(view, job, &[JobState::Queued], |j| {
            j.state = JobState::Sending;
            j.handed_over_at = Some(*at);
            j.handovers += 1;
            j.content = Some((**content).clone());
            j.reason = None;
        }),
        Change::Defer(job, until, reason) => on_job(view, job, &[JobState::Queued], |j| {
            j.state = JobState::Scheduled;
            j.not_before = Some(*until);
            j.reason = Some(*reason);
        }),
        Change::Skip(job, reason) => on_job(view, job, WAITS, |j| end(j, JobState::Skipped, *reason)),
        Change::Cancel(job, reason) => on_job(view, job, WAITS, |j| end(j, JobState::Cancelled, *reason)),
        Change::Replay(job, valid_until) => on_job(view, job, OVER, |j| {
            j.state = JobState::Scheduled;
            j.valid_until = *valid_until;
            j.pinned = true;
            (j.attempts, j.tries) = (0, 0);
            (j.content, j.reason, j.not_before, j.handed_over_at) = (None, None, None, None);
        }),
        Change::Confirm(job) => on_job(view, job, &[JobState::Uncertain], |j| {
            j.state = JobState::Delivered;
            j.reason = None;
        }),
        _ => false,
    }
}

fn end(job: &mut Job, state: JobState, reason: Reason) {
    job.state = state;
    job.reason = Some(reason);
}

/// An occasion leaves its job only while that was never handed over.
fn close(view: &mut MemberView, key: &OccasionKey, reason: Reason) -> bool {
    let waits = |id: &JobId| view.job(id).is_some_and(|job| job.handed_over_at.is_none());
    let may_end = |o: &Occasion| o.is_open() || o.job().is_some_and(waits);
    let Some(place) = view.occasions.iter().position(|o| o.key == *key && may_end(o)) else { return false };
    let occasion = &mut view.occasions[place];
    occasion.state = OccasionState::Closed(reason);
    (occasion.held_until, occasion.held_for) = (None, None);
    true
}

/// A new job takes its occasions; a shadow job lets them rest instead.
fn take_over(view: &mut MemberView, job: &Job, keys: &[OccasionKey]) -> bool {
    if view.job(&job.id).is_some() {
        return false;
    }
    for key in keys {
        on_open(view, key, |o| {
            if job.shadow {
                (o.held_until, o.held_for) = (Some(o.valid_until), Some(Reason::Shadow));
            } else {
                o.state = OccasionState::Served(job.id.clone());
                (o.held_until, o.held_for) = (None, None);
            }
        });
    }
    view.jobs.push(job.clone());
    true
}

fn on_open(view: &mut MemberView, key: &OccasionKey, change: impl FnOnce(&mut Occasion)) -> bool {
    let open = view.occasions.iter_mut().find(|o| o.key == *key && o.is_open());
    open.map(change).is_some()
}

fn on_job(view: &mut MemberView, id: &JobId, from: &[JobState], change: impl FnOnce(&mut Job)) -> bool {
    let job = view.jobs.iter_mut().find(|j| j.id == *id && from.contains(&j.state));
    job.map(change).is_some()
}
