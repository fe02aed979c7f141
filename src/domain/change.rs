//! Owns what a decision asks the ledger to do; knows nothing of how the ledger does it.

use super::ids::{Day, JobId, Timestamp};
use super::job::{Content, Job, Lease};
use super::lifecycle::Stage;
use super::occasion::{Occasion, OccasionKey};
use super::reason::Reason;

/// One step of the ledger, within one member. Each is conditional on the state it leaves.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Insert an open occasion; nothing when the key exists.
    Plan(Occasion),
    /// Give an open occasion new dates and evidence, and release its hold.
    Move(Occasion),
    /// Delete an open occasion that is no longer desired.
    Withdraw(OccasionKey),
    /// Look at an open occasion again at this time.
    Hold(OccasionKey, Timestamp, Reason),
    /// Close an open occasion for good. With a job: take the occasion out of the job, and close it.
    Close(OccasionKey, Reason),
    /// Insert a job; the occasions, open until now, are served by it. A shadow job holds them instead.
    Assemble(Box<Job>, Vec<OccasionKey>),
    /// `queued` becomes `sending`, its content frozen.
    Start {
        /// The job.
        job: JobId,
        /// When it is handed over, by the driving clock.
        at: Timestamp,
        /// How long that may take.
        lease: Lease,
        /// What it says.
        content: Box<Content>,
    },
    /// `queued` becomes `scheduled` again, not before this time.
    Defer(JobId, Timestamp, Reason),
    /// `scheduled` or `queued` becomes `skipped`.
    Skip(JobId, Reason),
    /// `scheduled` or `queued` becomes `cancelled`.
    Cancel(JobId, Reason),
    /// A final job becomes `scheduled` and pinned, worth sending until this time, attempts counted anew, content thawed.
    Replay(JobId, Timestamp),
    /// `uncertain` becomes `delivered`: a person knows that it arrived.
    Confirm(JobId),
    /// The member came into this lifecycle stage on that day.
    Stage(Stage, Day),
    /// The planner has seen this member: wake at this time, planned with these rules and priors.
    Planned(Option<Timestamp>, String),
}
