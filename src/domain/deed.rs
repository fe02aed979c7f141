//! Owns what a person did to the ledger, as the record names it; knows nothing of how it is done or kept.

use super::job::JobState;
use super::reason::Reason;

/// What a person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum DeedKind {
    Replay,
    Cancel,
    Resolve,
    Pause,
    Resume,
    Suppress,
    Unsuppress,
    Forget,
}

impl DeedKind {
    /// Every kind.
    pub const ALL: [DeedKind; 8] = [
        DeedKind::Replay,
        DeedKind::Cancel,
        DeedKind::Resolve,
        DeedKind::Pause,
        DeedKind::Resume,
        DeedKind::Suppress,
        DeedKind::Unsuppress,
        DeedKind::Forget,
    ];

    /// The word used in the ledger and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            DeedKind::Replay => "replay",
            DeedKind::Cancel => "cancel",
            DeedKind::Resolve => "resolve",
            DeedKind::Pause => "pause",
            DeedKind::Resume => "resume",
            DeedKind::Suppress => "suppress",
            DeedKind::Unsuppress => "unsuppress",
            DeedKind::Forget => "forget",
        }
    }

    /// The kind of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// True when it can have moved a job into this state, for this reason, at the instant of the deed.
    pub fn moves_to(self, state: JobState, reason: Option<Reason>) -> bool {
        match self {
            DeedKind::Replay => state == JobState::Scheduled,
            DeedKind::Resolve => matches!(state, JobState::Scheduled | JobState::Delivered),
            DeedKind::Cancel => state == JobState::Cancelled,
            DeedKind::Suppress => state == JobState::Skipped && reason == Some(Reason::Suppressed),
            // its jobs have lost what would lead back to whoever asked
            DeedKind::Pause | DeedKind::Resume | DeedKind::Unsuppress | DeedKind::Forget => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_from_its_word() {
        assert!(DeedKind::ALL.into_iter().all(|kind| DeedKind::parse(kind.as_str()) == Some(kind)));
    }

    #[test]
    fn a_deed_is_named_only_beside_what_it_can_have_done() {
        assert!(DeedKind::Suppress.moves_to(JobState::Skipped, Some(Reason::Suppressed)));
        assert!(!DeedKind::Suppress.moves_to(JobState::Skipped, Some(Reason::Expired)));
        assert!(DeedKind::Resolve.moves_to(JobState::Delivered, None));
        assert!(!DeedKind::Replay.moves_to(JobState::Delivered, None));
    }
}
