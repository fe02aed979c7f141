//! Owns what becomes of a run whose lock is lost: it drains, takes the lock again and goes on, or ends; knows nothing of
//! the work.

use std::future::Future;
use std::time::Duration;

use anyhow::bail;
use tokio_util::sync::CancellationToken;

use super::Parts;
use crate::store::Lock;

/// How often a lost lock is asked for.
const AGAIN: Duration = Duration::from_millis(250);
/// The part that readiness names.
const PART: &str = "lock";

/// Works until `stop`. When the lock is lost, because the server ended its session, the work is told to end and drains
/// while the lock is asked for again; once both are done, it begins anew. Without a lock to lose it just works.
///
/// # Errors
/// When another process took the lock meanwhile, after the drain; or as the work itself fails.
pub(super) async fn under<F, R>(
    parts: &Parts,
    lock: Option<Lock>,
    stop: &CancellationToken,
    mut work: F,
) -> anyhow::Result<()>
where
    F: FnMut(CancellationToken) -> R,
    R: Future<Output = anyhow::Result<()>>,
{
    let Some(mut lock) = lock else { return work(stop.clone()).await };
    loop {
        let until = stop.child_token();
        let working = work(until.clone());
        tokio::pin!(working);
        tokio::select! {
            done = &mut working => return done,
            () = lock.lost() => until.cancel(),
        }
        let (drained, again) = tokio::join!(working, take_again(parts, &lock, stop));
        match again? {
            Some(held) => lock = held,
            None => return drained,
        }
        // Hand-overs that outlived the drain still record their ends, and keep their leases.
        drained?;
    }
}

/// Asks for the lock until it is there; none when told to stop.
async fn take_again(parts: &Parts, lost: &Lock, stop: &CancellationToken) -> anyhow::Result<Option<Lock>> {
    let gone = "the ledger's run lock is lost: nothing is planned or delivered until it is taken again";
    parts.readiness.note(PART, &Err::<(), _>(gone));
    loop {
        let taken = tokio::select! {
            taken = parts.store.take_again(lost) => taken,
            () = stop.cancelled() => return Ok(None),
        };
        match taken {
            Ok(Some(lock)) => {
                parts.readiness.note(PART, &Ok::<_, &str>(()));
                return Ok(Some(lock));
            }
            Ok(None) => {
                let taken = "another replenish took this ledger over while this one had lost its session: see which of \
                    them is to run, and stop the other";
                parts.readiness.note(PART, &Err::<(), _>(taken));
                bail!(taken);
            }
            Err(error) => tracing::debug!(%error, "the run lock cannot be taken yet"),
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = stop.cancelled() => return Ok(None),
        }
    }
}
