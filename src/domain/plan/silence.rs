//! Owns what the planner notes where it stays silent: the reason, and the figures behind it; knows nothing of words for people.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::catalog::Item;
use super::super::ids::{Day, RuleId};
use super::super::lifecycle::Stage;
use super::super::reason::Reason;

/// Why a rule stays silent about an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Silence {
    /// The rule.
    pub rule: RuleId,
    /// The item.
    pub item: Item,
    /// Why.
    pub reason: Reason,
    /// What the reason rests on, where there is more to say.
    pub detail: Option<Detail>,
}

/// What a silence rests on: the figure that fell short beside the one asked for, or the name concerned.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Detail {
    /// The share of such members that buys within a week of the message.
    Chance {
        /// As forecast, 0 to 1.
        is: f64,
        /// What the rule asks for.
        asked: f64,
        /// Purchase days that the forecast rests on.
        seen: u32,
    },
    /// Purchase days.
    Purchases {
        /// Seen.
        is: u32,
        /// What the rule asks for.
        asked: u32,
    },
    /// Days that the middle half of the need dates spans.
    Width {
        /// As forecast.
        is: i32,
        /// The most that the rule bears.
        asked: i32,
    },
    /// The stage that the member will be in, where it is the stage that keeps the member out.
    Stage {
        /// On the due day.
        is: Stage,
        /// Those that the rule is for.
        asked: BTreeSet<Stage>,
    },
    /// The rule that speaks for the same need.
    CoveredBy {
        /// Its id.
        by: RuleId,
    },
    /// The day on which it would fall due.
    Due {
        /// In the shop's calendar.
        due: Day,
    },
}

/// A reason on its way into a [`Silence`].
pub(super) struct Silent(pub Reason, pub Option<Detail>);

impl From<Reason> for Silent {
    fn from(reason: Reason) -> Self {
        Silent(reason, None)
    }
}
