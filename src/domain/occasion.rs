//! Owns the occasion: the one reason to write, its key, its evidence and its life; knows nothing of delivery.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::catalog::Item;
use super::ids::{Cycle, Day, JobId, OrderId, RuleId, Timestamp};
use super::lifecycle::Stage;
use super::reason::Reason;

/// What makes an occasion the same occasion, within one member: it is served once, ever.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OccasionKey {
    /// The rule's id when it was planned.
    pub rule: RuleId,
    /// The rule's step, from 1.
    pub step: u16,
    /// What it is about.
    pub item: Item,
    /// Which turn of the item.
    pub cycle: Cycle,
}

/// One reason to write to a member about one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Occasion {
    /// Its identity.
    pub key: OccasionKey,
    /// The day of the cycle's anchor: a cycle whose anchor is not later than the last served one stays silent.
    pub anchor_day: Day,
    /// When it falls due; the planner's.
    pub due_at: Timestamp,
    /// When it is no longer worth sending.
    pub valid_until: Timestamp,
    /// When assembling looks again, after a guard held it back.
    pub held_until: Option<Timestamp>,
    /// Why a guard held it back.
    pub held_for: Option<Reason>,
    /// What it was planned on. Old, finished occasions are loaded without it.
    pub evidence: Option<Evidence>,
    /// Where it stands.
    pub state: OccasionState,
}

/// Where an occasion stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OccasionState {
    /// Waiting for its date.
    Open,
    /// A job speaks for it.
    Served(JobId),
    /// Over without a job.
    Closed(Reason),
}

/// What an occasion was planned on: enough to say why, and to tell new evidence from new priors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Hash over the purchases used, the rule and the calendar: while it stays, only priors can differ.
    pub hash: String,
    /// The hash of the rule.
    pub rule_hash: String,
    /// The version of the priors.
    pub priors: String,
    /// The anchor's order, where a purchase is behind it.
    pub order: Option<OrderId>,
    /// Purchase days of the item.
    pub purchases: u32,
    /// Pieces in the anchor purchase.
    pub quantity: f64,
    /// The anchor's day, where a purchase is behind it.
    pub last_purchase: Option<NaiveDate>,
    /// What happened to the member, or what the member asked for, and on which day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<(EventKind, NaiveDate)>,
    /// The forecast behind a reminder; none for a care message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need: Option<NeedEvidence>,
    /// The member's stage on the due day.
    pub stage: Stage,
}

/// What happened to a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Joined.
    Joined,
    /// Came into a lifecycle stage.
    Stage(Stage),
    /// The membership ends.
    MembershipExpiry,
    /// A festival of this name begins.
    Festival(String),
    /// So many years since joining.
    Anniversary(u32),
    /// Asked to be reminded of the item again.
    AskedAgain,
}

impl EventKind {
    /// True of what happened about an item: the purchases are behind the occasion as well.
    pub fn is_about_item(&self) -> bool {
        matches!(self, EventKind::AskedAgain)
    }
}

/// The forecast behind a reminder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeedEvidence {
    /// The member's usual interval, in days; the item's where the member has none.
    pub interval_days: f64,
    /// Completed intervals seen for this member and item.
    pub intervals: u32,
    /// One in ten such members needs it before this day.
    pub p10: NaiveDate,
    /// One in four needs it before this day.
    pub p25: NaiveDate,
    /// The median need date.
    pub p50: NaiveDate,
    /// Three in four need it before this day.
    pub p75: NaiveDate,
    /// Nine in ten need it before this day.
    pub p90: NaiveDate,
    /// The probability of a purchase within a week of the due day, given none before it.
    pub chance: f64,
    /// The probability, on the day after the anchor, that another purchase follows.
    pub still_buying: f64,
    /// Days that the last purchase lasts, all its pieces together, where the brand says how long one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supply_days: Option<f64>,
}

impl Occasion {
    /// True while it waits.
    pub fn is_open(&self) -> bool {
        self.state == OccasionState::Open
    }

    /// True once a job speaks for it.
    pub fn is_served(&self) -> bool {
        matches!(self.state, OccasionState::Served(_))
    }

    /// The job that speaks for it.
    pub fn job(&self) -> Option<&JobId> {
        match &self.state {
            OccasionState::Served(job) => Some(job),
            _ => None,
        }
    }

    /// When assembling looks at it: when due, unless a guard held it until later.
    pub fn ready_at(&self) -> Timestamp {
        self.held_until.map_or(self.due_at, |held| held.max(self.due_at))
    }
}
