//! Owns what a process goes by, and how other rules and templates take its place while it runs; reads no files.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use super::Parts;
use super::clock::real_time;
use crate::channel::Templates;
use crate::domain::problem::Problem;
use crate::domain::rules::Rules;
use crate::domain::shop::Knowledge;

/// What decisions and messages go by: rules and templates that were read together; cheap to clone.
#[derive(Clone)]
pub struct Guide {
    /// Rules, priors, zone.
    pub knowledge: Arc<Knowledge>,
    /// What messages say.
    pub templates: Arc<Templates>,
    /// Whether the ledger knows that these rules are in force: of several planners, the last to say so counts.
    announced: Arc<AtomicBool>,
}

impl Guide {
    /// Rules and templates as just read from disk.
    pub fn new(knowledge: Knowledge, templates: Templates) -> Self {
        Self { knowledge: Arc::new(knowledge), templates: Arc::new(templates), announced: Arc::default() }
    }

    pub(super) fn is_announced(&self) -> bool {
        self.announced.load(Ordering::SeqCst)
    }

    pub(super) fn note_announced(&self) {
        self.announced.store(true, Ordering::SeqCst);
    }
}

/// What a reload came to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reloaded {
    /// Names the rules that are in force now.
    pub rules_hash: String,
    /// False when rules and templates are what they were.
    pub changed: bool,
}

impl Parts {
    /// Puts these rules and templates in the place of the old ones, both at once. The planner's next turn plans anew
    /// whatever the rules touch.
    pub fn accept(&self, rules: Rules, templates: Templates) -> Reloaded {
        let mut guide = self.guide.write().unwrap_or_else(PoisonError::into_inner);
        let (old_hash, new_hash) = (guide.knowledge.rules.hash().to_owned(), rules.hash().to_owned());
        let changed = old_hash != new_hash || *guide.templates != templates;
        let knowledge = Knowledge { rules: Arc::new(rules), ..(*guide.knowledge).clone() };
        *guide = Guide::new(knowledge, templates);
        drop(guide);
        if old_hash != new_hash {
            metrics::gauge!("replenish_rules_info", "hash" => old_hash).set(0.0);
        }
        tracing::info!(rules = new_hash, changed, "rules and templates read again");
        self.tell_rules();
        Reloaded { rules_hash: new_hash, changed }
    }

    /// Leaves the old rules and templates in force, and says why.
    pub fn refuse(&self, problems: &[Problem]) {
        for Problem { file, line, column, message, help, .. } in problems {
            tracing::warn!(at = %format_args!("{file}:{line}:{column}"), problem = message, help, "not reloaded");
        }
        let rules = self.knowledge().rules.hash().to_owned();
        tracing::error!(problems = problems.len(), rules, "the old rules and templates stay in force");
        metrics::gauge!("replenish_rules_valid").set(0.0);
    }

    /// Tells metrics which rules are in force, and that those on disk were valid when they were read just now.
    pub fn tell_rules(&self) {
        let hash = self.knowledge().rules.hash().to_owned();
        metrics::gauge!("replenish_rules_info", "hash" => hash).set(1.0);
        metrics::gauge!("replenish_rules_valid").set(1.0);
        metrics::gauge!("replenish_rules_loaded_timestamp_seconds").set(real_time().timestamp() as f64);
    }
}
