//! Owns what asks for a message, and the further messages of the same turn; knows nothing of how dates come about.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::lifecycle::Stage;
use super::member::Purpose;

/// What asks for a message. A need asks for a reminder, everything else for a care message.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// The member is about to run out.
    Need(When),
    /// Something about one item, and how long after it the message goes.
    Item(ItemMoment, TimeDelta),
    /// Something about the member, and how long after it the message goes; negative: before it.
    Member(MemberMoment, TimeDelta),
}

/// When a reminder goes, against the forecast need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    /// So many days before the median need date.
    Before(i32),
    /// On the day that most likely helps.
    Best,
}

/// What happens to an item of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemMoment {
    /// It is bought.
    Purchase,
    /// It is bought for the first time.
    FirstPurchase,
    /// It arrives.
    Delivered,
    /// What was bought of it first arrives.
    FirstDelivered,
    /// Half of the time until the next need is over.
    Midway,
}

impl ItemMoment {
    /// True when it comes once only, with the member's first purchase of the item.
    pub fn is_first(self) -> bool {
        matches!(self, ItemMoment::FirstPurchase | ItemMoment::FirstDelivered)
    }
}

/// What happens to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberMoment {
    /// The membership began.
    Joined,
    /// The lifecycle stage became one of these; any, when there is none.
    StageChange(BTreeSet<Stage>),
    /// The membership ends.
    MembershipExpiry,
    /// A festival of this name begins.
    Festival(String),
    /// The day of joining comes round.
    Anniversary,
}

/// A further message of the same turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How long after the message before it.
    pub after: TimeDelta,
    /// What ends the turn before it.
    pub unless: BTreeSet<Unless>,
    /// Its template; the rule's when absent.
    pub template: Option<String>,
}

/// What makes a further message needless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unless {
    /// The member bought the item again; a reminder's turn ends with that in any case.
    Bought,
    /// The member bought anything.
    BoughtAnything,
}

impl Trigger {
    /// What its messages are for.
    pub fn purpose(&self) -> Purpose {
        match self {
            Trigger::Need(_) => Purpose::Reminder,
            Trigger::Item(..) | Trigger::Member(..) => Purpose::Care,
        }
    }
}
