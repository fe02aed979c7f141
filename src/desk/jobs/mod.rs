//! The ledger for support staff: listed, shown, replayed, cancelled; decides nothing but what a person asked for.

mod cancel;
mod list;
pub(super) mod occasion_id;
mod replay;
mod search;
mod show;

pub use cancel::{Cancelled, cancel};
pub use list::{JobLine, list};
pub use replay::{Replayed, replay};
pub use search::Selection;
pub use show::{AttemptFacts, EvidenceFacts, FeedbackFacts, JobSheet, OccasionFacts, TransitionFacts, show};

/// Whether a person's decision is written, or only told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Says what would happen.
    DryRun,
    /// Does it.
    Go,
}
