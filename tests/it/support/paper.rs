//! A ledger on paper: one member's view, with changes applied in memory and jobs offered, settled and lost by hand.

use chrono::TimeDelta;
use replenish::domain::apply::apply;
use replenish::domain::change::Change;
use replenish::domain::ids::{JobId, Timestamp};
use replenish::domain::job::{Delivery, Job, JobState, Lease, Outcome, RetryPolicy};
use replenish::domain::member::MemberView;
use replenish::domain::occasion::Occasion;
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
        let step = |change: &Change| {
            if let Change::Planned(wake_at, _) = change {
                self.wake_at = *wake_at;
            }
            apply(&mut self.view, change)
        };
        changes.iter().map(step).collect()
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
}

/// On paper a lease ends when the paper says so.
pub fn lease(now: Timestamp) -> Lease {
    Lease { from: now, span: TimeDelta::minutes(5) }
}
