//! The ledger for support staff: listed, shown, replayed, resolved, cancelled; decides nothing but what a person asked for.

mod cancel;
mod list;
pub(super) mod occasion_id;
mod replay;
mod resolve;
mod search;
mod show;

pub use cancel::{Cancelled, cancel};
pub use list::{JobLine, list};
pub use replay::{Replayed, replay};
pub use resolve::{Confirmed, confirm, resend};
pub use search::Selection;
pub use show::{AttemptFacts, EvidenceFacts, FeedbackFacts, JobSheet, OccasionFacts, TransitionFacts, show};

use super::deeds::Mandate;

/// Whether a person's decision is written, or only told.
#[derive(Debug, Clone, Copy)]
pub enum Act<'a> {
    /// Says what would happen.
    DryRun,
    /// Does it, on this word, and puts it on record.
    Go(&'a Mandate),
}

impl Act<'_> {
    fn is_dry(self) -> bool {
        matches!(self, Act::DryRun)
    }
}
