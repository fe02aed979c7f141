//! Owns the rules of a shop that has none yet: one reminder, by category, on the best day; knows nothing of settings.

use chrono::TimeDelta;

use crate::domain::catalog::Level;
use crate::domain::lifecycle::Stages;
use crate::domain::rules::{Guards, Needs, Rule, Rules};
use crate::domain::trigger::{Trigger, When};

/// One reminder rule for everything bought twice, with a chance of 20 % or more, and the usual guards.
pub fn plain_rules() -> Rules {
    let usual = Rule::new("reminder", Trigger::Need(When::Best), "webhook");
    let needs = Needs { chance: 0.2, ..usual.needs };
    let rule = Rule { per: Level::Category, needs, combine_within: TimeDelta::zero(), ..usual };
    Rules::new(vec![rule], Guards::default(), Vec::new(), Stages::default())
}
