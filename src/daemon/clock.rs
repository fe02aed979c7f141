//! Owns the time of a run: the real clock, or one that was set; the only place of the daemon that reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::ids::Timestamp;
use crate::queue::{Clock as QueueClock, Now};

/// The time that drives planning, guards and what is due. Leases and signatures use the real time.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    Real,
    /// Started at a given time, running on from there: this far from the real one.
    Shifted(TimeDelta),
    /// Stands still: a single pass.
    Fixed(Timestamp),
    /// Led from outside, in milliseconds since 1970, the real time too: a simulation.
    Led(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that starts at `at` and runs on.
    pub fn starting_at(at: Timestamp) -> Self {
        Clock::Shifted(at - real_time())
    }

    /// The driving time.
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::Real | Clock::Led(_) => self.real(),
            Clock::Shifted(by) => real_time() + *by,
            Clock::Fixed(at) => *at,
        }
    }

    /// The real time.
    pub fn real(&self) -> Timestamp {
        match self {
            Clock::Led(at) => DateTime::from_timestamp_millis(at.load(Ordering::SeqCst)).unwrap_or_default(),
            _ => real_time(),
        }
    }

    /// The same clock as the queue asks for it.
    pub fn for_queue(self) -> QueueClock {
        Arc::new(move || Now { driving: self.now(), real: self.real() })
    }
}

/// The machine's clock.
#[allow(clippy::disallowed_methods)]
pub fn real_time() -> Timestamp {
    Utc::now()
}
