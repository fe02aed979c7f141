//! Owns the first look at a ledger that was restored from a backup; decides nothing itself.

use super::Parts;
use crate::domain::ids::ChannelName;
use crate::domain::job::{JobState, OnUncertain};
use crate::store::{Restored, StoreError};

/// Takes a restored ledger over, and says how much is in doubt; of any other it finds nothing.
///
/// # Errors
/// When the ledger fails.
pub async fn take_over(parts: &Parts) -> Result<(), StoreError> {
    let resend = parts.on_uncertain == OnUncertain::Resend;
    if let Some(Restored { gap, uncertain }) = parts.store.take_restored(parts.clock.now(), resend).await? {
        tracing::warn!(
            backed_up_at = %gap.from,
            until = %gap.until,
            uncertain,
            resend,
            "this ledger was restored from a backup: e-mails that waited then may have gone since, and so may those that fell due"
        );
        for _ in 0..uncertain {
            parts.tally.settled(JobState::Uncertain, &ChannelName::from("email"));
        }
    }
    // with `resend` nothing of a gap is in doubt, an earlier one neither
    if !resend && let Some(gap) = parts.store.gap().await? {
        let _ = parts.gap.set(gap);
    }
    Ok(())
}
