//! Owns the time of a run and the diary of what was done to it; judges nothing.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// What the shop's clock says when a run begins.
pub const BEGIN: &str = "2025-04-30T09:59:58+08:00";

/// The time of a run, on the shop's clock and since its beginning.
#[derive(Debug, Clone, Copy)]
pub struct Watch(Instant);

impl Watch {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Since the beginning.
    pub fn now(&self) -> Duration {
        self.0.elapsed()
    }

    /// So long after the beginning.
    pub fn at(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.0)
    }

    /// The shop's time, for `--now`: a process that starts later starts later there, too.
    pub fn shop_time(&self) -> DateTime<Utc> {
        begin() + TimeDelta::from_std(self.now()).unwrap()
    }

    /// A time of the ledger, in its milliseconds, since the beginning.
    pub fn since_begin(ms: i64) -> Duration {
        Duration::from_millis(ms.saturating_sub(begin().timestamp_millis()).max(0).unsigned_abs())
    }
}

fn begin() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(BEGIN).unwrap().to_utc()
}

/// The lines that can be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Line {
    Hook,
    Mail,
    Postgres,
    Redis,
}

/// What was struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Struck {
    /// A process, by kill -9.
    Killed,
    /// A process, by SIGTERM.
    Stopped,
    /// A person's command, by kill -9.
    Command,
    /// A connection, or the peer at its end.
    Line(Line),
    /// The disk under the ledger.
    Disk,
    /// Redis: its memory, or its patience.
    Redis,
    /// A process by itself: it said that it could not go on.
    GaveUp,
    /// Nobody, and yet it happened.
    Nobody,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Entry {
    pub from: Duration,
    pub until: Duration,
    pub struck: Struck,
    pub words: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7.3} – {:7.3} s  {}", self.from.as_secs_f64(), self.until.as_secs_f64(), self.words)
    }
}

/// All that happened, in the order of its end.
#[derive(Debug, Default)]
pub struct Diary(Mutex<Vec<Entry>>);

impl Diary {
    pub fn note(&self, entry: Entry) {
        self.0.lock().unwrap().push(entry);
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap().clone()
    }
}
