//! Owns what one sweep believes of one pair: is it still alive, and what would its open interval have been;
//! knows nothing of sums.

use super::normal::{hazard, survival};
use super::pair::{Rhythm, Squares};
use super::{ItemPrior, LevelPriors, POSITIONS, position};

/// What a sweep needs of one pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// The item's place.
    pub item: u32,
    pub rhythm: Rhythm,
    /// ln (a - ½), a = days since the last purchase.
    pub log_age: f64,
    /// For the constants alone.
    pub plain: Squares,
}

/// The constants of one sweep, ready for use.
pub(super) struct Belief {
    s2: f64,
    tu: f64,
    /// Odds of having stopped, by position.
    odds: [f64; POSITIONS],
}

/// A pair whose open interval has been completed by what is to be expected of it.
pub(super) struct Completed {
    /// w = π S / (π S + 1 - π): the member still buys it.
    pub alive: f64,
    /// z2: mean log interval.
    pub mean: f64,
    /// pw = 1 / (tu + s2 / W2): its precision as a measure of the item's mean.
    pub precision: f64,
}

impl Belief {
    pub fn new(priors: &LevelPriors) -> Self {
        Self { s2: priors.s2, tu: priors.tu, odds: priors.continues.map(|ck| 1.0 / ck - 1.0) }
    }

    /// Mean and variance of the pair's mean, from its completed gaps.
    pub fn mean(&self, row: &Row, prior: &ItemPrior) -> (f64, f64) {
        row.rhythm.posterior(self.s2, self.tu, prior)
    }

    /// The open interval adds an observation of weight w at its censored mean m + sd φ(u)/S(u). While a known supply
    /// lasts, silence tells nothing: neither of the interval nor of having stopped.
    pub fn open_gap(
        &self,
        row: &Row,
        prior: &ItemPrior,
        dropout: f64,
        mean: f64,
        variance: f64,
    ) -> Completed {
        let sd = (self.s2 + variance).sqrt();
        let u = (row.log_age - mean - row.rhythm.amount_effect(prior)) / sd;
        let is_supplied = prior.by_supply && row.log_age < row.rhythm.amount;
        let open = if is_supplied { 1.0 } else { survival(u) };
        let odds = self.odds[position(row.rhythm.gaps + 1)] * prior.stops * dropout;
        let alive = open / (open + odds);
        let told = if is_supplied { 0.0 } else { alive };
        let weight = row.rhythm.weight + told;
        if weight < 1e-6 {
            return Completed { alive, mean: 0.0, precision: 0.0 };
        }
        let censored = mean + sd * hazard(u, open);
        let total = row.rhythm.weight * row.rhythm.mean(prior) + told * censored;
        Completed { alive, mean: total / weight, precision: weight / (self.tu * weight + self.s2) }
    }
}

/// Stops expected of a pair over its life so far.
pub(super) struct Passed([f64; POSITIONS]);

impl Passed {
    pub fn new(priors: &LevelPriors) -> Self {
        let mut sums = [0.0; POSITIONS];
        for k in 1..POSITIONS {
            sums[k] = sums[k - 1] + 1.0 - priors.continues[k];
        }
        Self(sums)
    }

    /// Σ (1 - ck) over its purchases; from the last position on, each adds the same.
    pub fn stops(&self, purchases: u32) -> f64 {
        let last = position(purchases);
        self.0[last] + f64::from(purchases - last as u32) * (self.0[POSITIONS - 1] - self.0[POSITIONS - 2])
    }
}
