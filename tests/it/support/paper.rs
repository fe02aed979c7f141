//! A ledger on paper: one member's view, with changes applied by the same conditions as the store's.

use replenish::domain::change::Change;
use replenish::domain::ids::{JobId, Timestamp};
use replenish::domain::job::{Delivery, Job, JobState, Outcome, RetryPolicy};
use replenish::domain::member::MemberView;
use replenish::domain::occasion::{Occasion, OccasionKey, OccasionState};
use replenish::domain::order::Line;

/// One member, everything that will ever be known of the lines, and when the planner is to look again.
#[derive(Clone)]
pub struct Paper {
    pub view: MemberView,
    pub lines: Vec<Line>,
    pub wake_at: Option<Timestamp>,
}

impl Paper {
    pub fn new(view: MemberView) -> Self {
        let lines = view.lines.clone();
        Self { view, lines, wake_at: Some(Timestamp::MIN_UTC) }
    }

    /// The view as of `now`, as the store would load it.
    pub fn as_of(&self, now: Timestamp) -> MemberView {
        let mut view = self.view.clone();
        view.lines = self.lines.iter().filter(|l| l.at <= now).cloned().collect();
        view.next_line_at = self.lines.iter().map(|l| l.at).filter(|at| *at > now).min();
        view
    }

    pub fn is_awake(&self, now: Timestamp) -> bool {
        self.wake_at.is_some_and(|at| at <= now)
    }

    pub fn open(&self) -> Vec<Occasion> {
        let mut open: Vec<Occasion> = self.view.occasions.iter().filter(|o| o.is_open()).cloned().collect();
        open.sort_by(|a, b| a.key.cmp(&b.key));
        open
    }

    pub fn apply(&mut self, changes: Vec<Change>) -> Vec<bool> {
        changes.into_iter().map(|change| self.apply_one(change)).collect()
    }

    fn apply_one(&mut self, change: Change) -> bool {
        match change {
            Change::Plan(occasion) => {
                let new = self.occasion(&occasion.key).is_none();
                if new {
                    self.view.occasions.push(occasion);
                }
                new
            }
            Change::Move(occasion) => self.on_open(&occasion.key.clone(), |o| *o = occasion),
            Change::Withdraw(key) => {
                let before = self.view.occasions.len();
                self.view.occasions.retain(|o| o.key != key || !o.is_open());
                before != self.view.occasions.len()
            }
            Change::Hold(key, until, reason) => self.on_open(&key, |o| {
                o.held_until = Some(until.min(o.valid_until));
                o.held_for = Some(reason);
            }),
            Change::Close(key, reason) => match self.occasion(&key) {
                Some(o) if o.is_open() || o.is_served() => {
                    o.state = OccasionState::Closed(reason);
                    true
                }
                _ => false,
            },
            Change::Assemble(job, keys) => {
                if self.view.jobs.iter().any(|j| j.id == job.id) {
                    return false;
                }
                for key in keys {
                    let id = job.id.clone();
                    self.on_open(&key, |o| o.state = OccasionState::Served(id));
                }
                self.view.jobs.push(*job);
                true
            }
            Change::Start { job, at, content, .. } => self.on_job(&job, &[JobState::Queued], |j| {
                j.state = JobState::Sending;
                j.handed_over_at = Some(at);
                j.content = Some(*content);
            }),
            Change::Defer(job, until, reason) => self.on_job(&job, &[JobState::Queued], |j| {
                j.state = JobState::Scheduled;
                j.not_before = Some(until);
                j.reason = Some(reason);
            }),
            Change::Skip(job, reason) => self.end(&job, JobState::Skipped, reason),
            Change::Cancel(job, reason) => self.end(&job, JobState::Cancelled, reason),
            Change::Replay(job, valid_until) => match self.view.jobs.iter_mut().find(|j| j.id == job) {
                Some(j) if j.state.is_replayable() => {
                    j.state = JobState::Scheduled;
                    j.pinned = true;
                    j.valid_until = valid_until;
                    j.content = None;
                    j.not_before = None;
                    true
                }
                _ => false,
            },
            Change::Stage(stage, since) => {
                self.view.stage = Some((stage, since));
                true
            }
            Change::Planned(wake_at, version) => {
                self.wake_at = wake_at;
                self.view.planned_with = Some(version);
                true
            }
        }
    }

    pub fn offer(&mut self, now: Timestamp) -> Vec<JobId> {
        let ready = |j: &&mut Job| j.state == JobState::Scheduled && j.ready_at() <= now;
        self.view
            .jobs
            .iter_mut()
            .filter(ready)
            .map(|j| {
                j.state = JobState::Queued;
                j.id.clone()
            })
            .collect()
    }

    pub fn settle(&mut self, id: &JobId, result: Delivery, now: Timestamp) {
        let policy = RetryPolicy::default();
        let Some(job) = self.view.jobs.iter_mut().find(|j| j.id == *id && j.state == JobState::Sending)
        else {
            return;
        };
        let outcome = Outcome::new(result, None);
        let settled = policy.settle(job, &outcome, replenish::domain::job::OnUncertain::Hold, now, 0.5);
        job.state = settled.state;
        job.not_before = settled.not_before;
        job.attempts += u32::from(settled.burns_attempt);
        job.tries += 1;
    }

    /// Leases ran out: what was offered or being sent is offered again.
    pub fn crash(&mut self) {
        for job in
            self.view.jobs.iter_mut().filter(|j| matches!(j.state, JobState::Queued | JobState::Sending))
        {
            job.state = JobState::Scheduled;
        }
    }

    fn occasion(&mut self, key: &OccasionKey) -> Option<&mut Occasion> {
        self.view.occasions.iter_mut().find(|o| o.key == *key)
    }

    fn on_open(&mut self, key: &OccasionKey, change: impl FnOnce(&mut Occasion)) -> bool {
        match self.occasion(key).filter(|o| o.is_open()) {
            Some(occasion) => {
                change(occasion);
                true
            }
            None => false,
        }
    }

    fn on_job(&mut self, id: &JobId, from: &[JobState], change: impl FnOnce(&mut Job)) -> bool {
        match self.view.jobs.iter_mut().find(|j| j.id == *id && from.contains(&j.state)) {
            Some(job) => {
                change(job);
                true
            }
            None => false,
        }
    }

    fn end(&mut self, id: &JobId, state: JobState, reason: replenish::domain::reason::Reason) -> bool {
        self.on_job(id, &[JobState::Scheduled, JobState::Queued], |j| {
            j.state = state;
            j.reason = Some(reason);
        })
    }
}
