//! Owns how a shop day's messages are shared out when there are more than it allows; knows nothing of the ledger.

use std::cmp::Reverse;

use chrono::NaiveTime;
use chrono_tz::Tz;

use super::calendar::instant;
use super::ids::{Day, MemberId, RuleId, Timestamp};
use super::rules::Rules;

/// Occasions of a member that would become one message now.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// The member.
    pub member: MemberId,
    /// The rule, by the id it had when they were planned.
    pub rule: RuleId,
    /// The rule's step.
    pub step: u16,
    /// The best chance among them; 0 for messages that follow no need.
    pub chance: f64,
    /// When the first of them fell due.
    pub due_at: Timestamp,
}

/// Where a message stands in line: less is better.
pub type Rank = (Reverse<i64>, Reverse<u64>, Timestamp, MemberId);

impl Waiting {
    /// By the rule's priority, then by chance, then who waits longest.
    pub fn rank(&self, rules: &Rules) -> Rank {
        let priority = rules.get(&self.rule).map_or(i64::MIN, |rule| i64::from(rule.priority));
        // Chances lie in 0..1, where their bits stand in the same order as they do.
        (Reverse(priority), Reverse(self.chance.max(0.0).to_bits()), self.due_at, self.member.clone())
    }
}

/// How much of what is due may become messages now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowance {
    /// All of it.
    Everything,
    /// Only these rules and steps; the rest waits for its turn.
    Only(Vec<(RuleId, u16)>),
    /// None: the shop's day is used up until then.
    UsedUp(Timestamp),
}

impl Allowance {
    /// True when it is the turn of this rule and step.
    pub fn covers(&self, rule: &RuleId, step: u16) -> bool {
        match self {
            Allowance::Only(these) => these.iter().any(|(r, s)| r == rule && *s == step),
            Allowance::Everything | Allowance::UsedUp(_) => true,
        }
    }

    /// When the next shop day begins, while nothing may go before it.
    pub fn used_up_until(&self) -> Option<Timestamp> {
        match self {
            Allowance::UsedUp(until) => Some(*until),
            Allowance::Everything | Allowance::Only(_) => None,
        }
    }
}

/// The shop day around `now`: its first instant, and the next day's.
pub fn shop_day(now: Timestamp, zone: Tz) -> (Timestamp, Timestamp) {
    let today = Day::of(now, zone);
    let begins = |day: Day| instant(zone, day.date(), NaiveTime::MIN);
    (begins(today), begins(today.plus(1)))
}
