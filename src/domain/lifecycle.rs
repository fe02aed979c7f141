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

    /// The stage of a member with `purchases` purchase days, of whose chance of buying again the share `kept` is left
    /// since the last one: below a fifth lapsed, below a half lapsing, from six purchases on loyal.
    pub fn of(purchases: usize, kept: f64) -> Self {
        match purchases {
            0 => Stage::New,
            _ if kept < 0.2 => Stage::Lapsed,
            _ if kept < 0.5 => Stage::Lapsing,
            1 => Stage::New,
            2..=5 => Stage::Regular,
            _ => Stage::Loyal,
        }
    }
}
