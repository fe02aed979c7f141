//! Owns the member's stage, relative to the member's own rhythm over everything bought; knows nothing of rules.

use serde::{Deserialize, Serialize};

/// Where a member stands with the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// One purchase so far, or none.
    New,
    /// Comes back.
    Regular,
    /// Comes back often, and is expected again.
    Loyal,
    /// Overdue against the own rhythm.
    Lapsing,
    /// Has probably stopped.
    Lapsed,
}

impl Stage {
    /// Every stage, in the order of a member's life.
    pub const ALL: [Stage; 5] = [Stage::New, Stage::Regular, Stage::Loyal, Stage::Lapsing, Stage::Lapsed];

    /// The word used in TOML, JSON and templates.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::New => "new",
            Stage::Regular => "regular",
            Stage::Loyal => "loyal",
            Stage::Lapsing => "lapsing",
            Stage::Lapsed => "lapsed",
        }
    }
}

/// Where stages begin. A member is measured against the own rhythm: by how much of the chance to buy again, as it was
/// right after the last purchase, is left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stages {
    /// Purchase days from which a member is loyal.
    pub loyal_from: u32,
    /// Lapsing while less than this share is left.
    pub lapsing: f64,
    /// Lapsed while less than this share is left; not above `lapsing`.
    pub lapsed: f64,
}

impl Default for Stages {
    fn default() -> Self {
        Self { loyal_from: 6, lapsing: 0.5, lapsed: 0.2 }
    }
}

impl Stages {
    /// The stage of a member with `purchases` purchase days of whose chance of buying again the share `kept` is left.
    pub fn of(&self, purchases: usize, kept: f64) -> Stage {
        match purchases {
            0 => Stage::New,
            _ if kept < self.lapsed => Stage::Lapsed,
            _ if kept < self.lapsing => Stage::Lapsing,
            1 => Stage::New,
            n if n < self.loyal_from as usize => Stage::Regular,
            _ => Stage::Loyal,
        }
    }
}
