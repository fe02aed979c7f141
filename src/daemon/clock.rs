//! Owns the time of a run: the real clock, or one that was set; the only place of the daemon that reads it.

use chrono::{TimeDelta, Utc};

use crate::domain::ids::Timestamp;
use crate::queue::{Clock as QueueClock, Now};

/// The time that drives planning, guards and what is due. Leases and signatures use the real time.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The machine's clock.
    Real,
    /// Started at a given time, running on from there: this far from the real one.
    Shifted(TimeDelta),
    /// Stands still: a single pass.
    Fixed(Timestamp),
}

impl Clock {
    /// A clock that starts at `at` and runs on.
    pub fn starting_at(at: Timestamp) -> Self {
        Clock::Shifted(at - real_time())
    }

    /// The driving time.
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::Real => real_time(),
            Clock::Shifted(by) => real_time() + *by,
            Clock::Fixed(at) => *at,
        }
    }

    /// The same clock as the queue asks for it.
    pub fn for_queue(self) -> QueueClock {
        std::sync::Arc::new(move || Now { driving: self.now(), real: real_time() })
    }
}

/// The machine's clock.
#[allow(clippy::disallowed_methods)]
pub fn real_time() -> Timestamp {
    Utc::now()
}
