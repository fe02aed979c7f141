//! Owns what was missed while no planner was at work, as the morning view tells it; counts nothing itself.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::ids::{RuleId, Timestamp};
use crate::store::Outage;

/// What was missed in one stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// From when on no planner was at work.
    pub from: Timestamp,
    /// When one was again.
    pub to: Timestamp,
    /// What fell due in it and was still sent afterwards, as far as guards let it.
    pub late: u64,
    /// What was too late to be sent: `jobs list --reason expired` names it.
    pub expired: u64,
    /// The same by rule.
    pub by_rule: BTreeMap<RuleId, u64>,
}

impl From<Outage> for Missed {
    fn from(Outage { from, until, late, expired }: Outage) -> Self {
        Self { from, to: until, late, expired: expired.values().sum(), by_rule: expired }
    }
}
