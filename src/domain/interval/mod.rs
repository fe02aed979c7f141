//! Owns the forecast: history and population priors in, the distribution of the next need date out; knows
//! nothing of rules.
//!
//! A log interval of a member and an item is normal around the pair's own mean; the pair's mean varies around
//! its item's, the item's around its group's. After each purchase the member may have stopped; the longer the
//! silence, the likelier. [`Learner`] fits this to a shop's whole history, [`Forecast`] applies it to one
//! pair in closed form.

mod belief;
mod chunk;
mod constants;
mod forecast;
mod learner;
mod normal;
mod pair;
mod sweeps;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::catalog::{Item, Level};
use super::ids::{Day, LabelKey};
use super::order::PurchaseDay;

pub use forecast::Forecast;
pub use learner::{Fit, Learner};

/// What the shop's whole history teaches, per level.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Priors {
    /// Names this set of priors: the day it was learnt and a count; empty for a shop that never learnt.
    pub version: String,
    levels: BTreeMap<Level, LevelPriors>,
}

impl Priors {
    /// Priors of the levels that were learnt.
    pub fn new(version: String, levels: BTreeMap<Level, LevelPriors>) -> Self {
        Self { version, levels }
    }

    /// What was learnt at `level`; a level never learnt answers as a new shop's.
    pub fn level(&self, level: Level) -> &LevelPriors {
        static NEW_SHOP: LazyLock<LevelPriors> = LazyLock::new(LevelPriors::new_shop);
        self.levels.get(&level).unwrap_or(&NEW_SHOP)
    }

    /// The levels that were learnt, narrowest first.
    pub fn levels(&self) -> impl Iterator<Item = (Level, &LevelPriors)> {
        self.levels.iter().map(|(level, priors)| (*level, priors))
    }
}

/// What the history teaches at one level. Means and variances are of log days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelPriors {
    /// Elasticity of the interval to the pieces bought.
    pub beta: f64,
    /// Variance of a log interval around its pair's mean.
    pub s2: f64,
    /// Prior degrees of freedom of a pair's own variance.
    pub nu: f64,
    /// Variance of pair means around their item's mean.
    pub tu: f64,
    /// Variance of item means around their group's mean.
    pub tp: f64,
    /// Variance of group means around the shop's mean.
    pub tc: f64,
    /// Mean log interval of the whole shop.
    pub mu0: f64,
    /// Mean log interval of each group's items.
    pub groups: HashMap<LabelKey, f64>,
    /// P(another purchase follows), by the number of purchases so far (index 1 to 12; 12 stands for all
    /// above).
    pub continues: [f64; POSITIONS],
    /// What is known of each item.
    pub items: HashMap<Item, ItemPrior>,
}

/// Positions in a pair's life that are told apart; the first, 0, is never used.
const POSITIONS: usize = 13;

impl LevelPriors {
    /// What a shop without history starts from: typical of consumables (drugstore, food, pets).
    pub fn new_shop() -> Self {
        Self {
            beta: 0.0,
            s2: 0.8,
            nu: 12.0,
            tu: 0.9,
            tp: 0.15,
            tc: 0.3,
            mu0: 45_f64.ln(),
            groups: HashMap::new(),
            continues: [0.4, 0.4, 0.7, 0.82, 0.88, 0.92, 0.94, 0.95, 0.95, 0.95, 0.95, 0.95, 0.95],
            items: HashMap::new(),
        }
    }

    /// P(another purchase follows) after `purchases` purchases.
    fn continues_after(&self, purchases: u32) -> f64 {
        self.continues[position(purchases)]
    }
}

/// The position of a pair with this many purchases: an index into `continues`.
fn position(purchases: u32) -> usize {
    (purchases as usize).min(POSITIONS - 1)
}

/// What the history teaches of one item.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ItemPrior {
    /// Mean log interval.
    pub mu: f64,
    /// How much likelier than usual members stop buying it.
    pub stops: f64,
    /// The usual log amount of its last purchases.
    pub log_amount: f64,
    /// Elasticity of the interval to the amount bought.
    pub beta: f64,
    /// True when amounts are days of supply, false when they are pieces.
    pub by_supply: bool,
}

/// One day on which a member bought an item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// The shop's day of the purchase.
    pub day: Day,
    /// The day from which it is used: of the delivery where known.
    pub begins: Day,
    /// How much was bought.
    pub amount: Amount,
}

/// How much was bought: of one item, all events are of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// Net pieces, above zero.
    Pieces(f64),
    /// Days that the pieces last all together, where the shop says how long one lasts.
    Supply(f64),
}

impl Event {
    /// So many pieces, used from that day on.
    pub fn pieces(day: Day, quantity: f64) -> Self {
        Self { day, begins: day, amount: Amount::Pieces(quantity) }
    }
}

impl From<&PurchaseDay> for Event {
    fn from(day: &PurchaseDay) -> Self {
        let amount = day.supply.map_or(Amount::Pieces(day.quantity), Amount::Supply);
        Self { day: day.day, begins: day.begins, amount }
    }
}

impl Amount {
    /// The log amount; more pieces than [`MOST_PIECES`] say no more about the next interval, and an amount that is
    /// none counts as one.
    fn log(self) -> f64 {
        let (amount, most) = match self {
            Amount::Pieces(pieces) => (pieces, MOST_PIECES),
            Amount::Supply(days) => (days, MOST_DAYS),
        };
        if amount > 1.0 { amount.min(most).ln() } else { 0.0 }
    }

    fn is_supply(self) -> bool {
        matches!(self, Amount::Supply(_))
    }
}

/// More pieces than this say no more about the next interval.
const MOST_PIECES: f64 = 12.0;
/// Nothing is bought for longer than ten years.
const MOST_DAYS: f64 = 3650.0;
