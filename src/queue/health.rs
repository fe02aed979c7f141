//! Owns how well a worker is, and how soon it may start again; knows nothing of why it ended.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The pause after a first failure; it doubles with each further one in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause: whoever waited for the queue must not wait for the worker as well.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A worker that lived this long starts counting anew.
const HEALTHY_FOR: Duration = Duration::from_secs(60);

/// Can the worker take jobs? Shared with whoever answers for readiness.
#[derive(Clone, Default)]
pub struct Health(Arc<State>);

#[derive(Default)]
struct State {
    broken: AtomicBool,
    restarts: AtomicU32,
    row: Mutex<Option<(Instant, u32)>>,
}

impl Health {
    /// True while the worker has its transport.
    pub fn is_well(&self) -> bool {
        !self.0.broken.load(Ordering::Relaxed)
    }

    /// How often the worker was restarted.
    pub fn restarts(&self) -> u32 {
        self.0.restarts.load(Ordering::Relaxed)
    }

    /// It has its transport.
    pub(super) fn well(&self) {
        self.0.broken.store(false, Ordering::Relaxed);
    }

    /// It ended, and starts again; so long after its transport is there.
    pub(super) fn failed(&self) -> Duration {
        self.0.broken.store(true, Ordering::Relaxed);
        self.0.restarts.fetch_add(1, Ordering::Relaxed);
        let mut row = self.0.row.lock().unwrap_or_else(PoisonError::into_inner);
        let before = row.filter(|(at, _)| at.elapsed() < HEALTHY_FOR).map_or(0, |(_, nth)| nth);
        *row = Some((Instant::now(), before + 1));
        (FIRST_PAUSE * 2_u32.pow(before.min(8))).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_two_seconds() {
        let health = Health::default();
        let pauses: Vec<u128> = (0..7).map(|_| health.failed().as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 2_000, 2_000]);
        assert!(!health.is_well());
        health.well();
        assert!(health.is_well());
        assert_eq!(health.restarts(), 7);
    }
}
