//! Owns whether the process can do its work, and what cannot; repairs nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is wrong with one part, in words without addresses or secrets.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Trouble {
    /// The part: `store`, `queue`, `worker`, `planner` …
    pub part: &'static str,
    /// What is wrong.
    pub problem: String,
}

/// The parts that cannot work now; shared by all that run.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Readiness {
    /// Notes how a part's last turn ended.
    pub fn note<T, E: std::fmt::Display>(&self, part: &'static str, turn: &Result<T, E>) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match turn {
            Ok(_) => {
                if troubles.remove(part).is_some() {
                    tracing::info!(part, "works again");
                }
            }
            Err(error) => {
                let problem = error.to_string();
                if troubles.insert(part, problem.clone()).as_ref() != Some(&problem) {
                    tracing::error!(part, problem, "cannot work");
                }
            }
        }
    }

    /// Everything that cannot work now.
    pub fn troubles(&self) -> Vec<Trouble> {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.iter().map(|(part, problem)| Trouble { part, problem: problem.clone() }).collect()
    }
}
