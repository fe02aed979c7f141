//! Owns what happened in one run, as one number and as its last steps; knows nothing of what it means.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, SecondsFormat};

/// Steps that a failure shows.
const LAST: usize = 60;

/// What a run checks: the reason why it is wrong, in words.
pub type Checked<T = ()> = Result<T, String>;

/// The steps of a run.
pub struct Trace {
    hash: DefaultHasher,
    last: VecDeque<String>,
    aloud: bool,
}

impl Trace {
    /// Nothing yet; every step is printed when it is told aloud.
    pub fn new(aloud: bool) -> Self {
        Self { hash: DefaultHasher::new(), last: VecDeque::with_capacity(LAST + 1), aloud }
    }

    /// Adds a step that was taken at this time, in milliseconds.
    pub fn note(&mut self, at: i64, what: fmt::Arguments<'_>) {
        (at, what.to_string()).hash(&mut self.hash);
        let at = DateTime::from_timestamp_millis(at).unwrap_or_default();
        let step = format!("{} {what}", at.to_rfc3339_opts(SecondsFormat::Millis, true));
        if self.aloud {
            eprintln!("{step}");
        }
        self.last.push_back(step);
        if self.last.len() > LAST {
            self.last.pop_front();
        }
    }

    /// Equal for equal runs.
    pub fn hash(&self) -> u64 {
        self.hash.finish()
    }

    /// The last steps, a line each.
    pub fn last(&self) -> String {
        self.last.iter().map(|step| format!("  {step}\n")).collect()
    }
}
