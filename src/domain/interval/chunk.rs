//! Owns the sums over one run of members, which one thread works on; knows nothing of the other chunks.

use super::super::ids::Day;
use super::belief::{Belief, Passed, Row};
use super::learner::Stretch;
use super::pair::{PairSums, days_between};
use super::{ItemPrior, LevelPriors, POSITIONS, position};

/// Members in a row, their pairs, and what a sweep sums over them.
pub(super) struct Chunk<'a> {
    history: Stretch<'a>,
    /// One a pair, in the order of the members.
    pub rows: Vec<Row>,
    /// Rows of each member.
    members: Vec<u32>,
    /// Each member's multiplier of the odds of stopping.
    pub dropout: Vec<f64>,
    /// Stops believed to have happened, by member.
    stopped: Vec<f64>,
    /// Stops believed to have happened, by position.
    pub stopped_at: [f64; POSITIONS],
    /// By item: what never changes.
    pub counts: Vec<ItemCounts>,
    /// By item: what a sweep sums.
    pub sums: Vec<ItemSums>,
    /// Σ w ((m - mu_item)² + v), w = min(gaps, 10), with the item means from before the sweep.
    pub spread: f64,
    /// Completed gaps.
    pub gaps: usize,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ItemCounts {
    /// Σ log amount of the last purchases.
    pub amount: f64,
    /// Decayed squares within pairs, of the log amounts and of them with the log intervals.
    pub xx: f64,
    pub xy: f64,
    /// Σ min(gaps, 10).
    pub gap_weight: f64,
    /// Purchases made at each position; at 1 this is the number of pairs.
    pub reached: [u32; POSITIONS],
}

impl ItemCounts {
    pub fn add(&mut self, more: &ItemCounts) {
        self.amount += more.amount;
        self.xx += more.xx;
        self.xy += more.xy;
        self.gap_weight += more.gap_weight;
        self.reached.iter_mut().zip(more.reached).for_each(|(sum, more)| *sum += more);
    }

    /// Σ (1 - ck) over every position that its pairs have passed or are at.
    pub fn expected_stops(&self, continues: &[f64; POSITIONS]) -> f64 {
        self.reached.iter().zip(continues).map(|(count, ck)| f64::from(*count) * (1.0 - ck)).sum()
    }

    fn count(&mut self, pair: &PairSums) {
        self.amount += pair.rhythm.amount;
        self.xx += pair.decayed.xx;
        self.xy += pair.decayed.xy;
        self.gap_weight += gap_weight(pair.rhythm.gaps);
        let last = position(pair.rhythm.gaps + 1);
        self.reached[1..=last].iter_mut().for_each(|count| *count += 1);
        self.reached[last] += pair.rhythm.gaps + 1 - last as u32;
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ItemSums {
    /// S_p = Σ pw.
    pub precision: f64,
    /// Σ pw z2.
    pub total: f64,
    /// Stops believed to have happened.
    pub stopped: f64,
    /// Σ w (m - mu_item), w = min(gaps, 10).
    pub shift: f64,
}

impl ItemSums {
    pub fn add(&mut self, more: &ItemSums) {
        self.precision += more.precision;
        self.total += more.total;
        self.stopped += more.stopped;
        self.shift += more.shift;
    }
}

impl<'a> Chunk<'a> {
    pub fn new(history: Stretch<'a>, items: usize) -> Self {
        Self {
            history,
            rows: Vec::with_capacity(history.pairs.len()),
            members: Vec::with_capacity(history.members.len()),
            dropout: vec![1.0; history.members.len()],
            stopped: vec![0.0; history.members.len()],
            stopped_at: [0.0; POSITIONS],
            counts: vec![ItemCounts::default(); items],
            sums: vec![ItemSums::default(); items],
            spread: 0.0,
            gaps: 0,
        }
    }

    pub fn pairs(&self) -> usize {
        self.history.pairs.len()
    }

    /// Sums the purchases before `as_of`, pair by pair.
    pub fn read(&mut self, as_of: Day) {
        let (mut pairs, mut purchases) = (self.history.pairs.iter(), self.history.purchases);
        for count in self.history.members {
            let before = self.rows.len();
            for pair in pairs.by_ref().take(*count as usize) {
                let (own, rest) = purchases.split_at(pair.purchases as usize);
                purchases = rest;
                let known = own.iter().filter(|purchase| purchase.is_before(as_of));
                if let Some(sums) = PairSums::of(known.copied()) {
                    self.add(pair.item, &sums, as_of);
                }
            }
            self.members.push((self.rows.len() - before) as u32);
        }
    }

    fn add(&mut self, item: u32, pair: &PairSums, as_of: Day) {
        self.counts[item as usize].count(pair);
        self.gaps += pair.rhythm.gaps as usize;
        let log_age = (days_between(pair.last, as_of) - 0.5).ln();
        self.rows.push(Row { item, rhythm: pair.rhythm, log_age, plain: pair.plain });
    }

    /// The E step over all pairs, summed for the M step.
    pub fn sweep(&mut self, priors: &LevelPriors, items: &[ItemPrior]) {
        self.sums.fill(ItemSums::default());
        self.stopped_at = [0.0; POSITIONS];
        self.spread = 0.0;
        let belief = Belief::new(priors);
        let mut rows = self.rows.iter();
        for ((count, dropout), stopped) in self.members.iter().zip(&self.dropout).zip(&mut self.stopped) {
            *stopped = 0.0;
            for row in rows.by_ref().take(*count as usize) {
                let prior = &items[row.item as usize];
                let (posterior, variance) = belief.mean(row, prior);
                let open = belief.open_gap(row, prior, *dropout, posterior, variance);
                let sums = &mut self.sums[row.item as usize];
                sums.precision += open.precision;
                sums.total += open.precision * open.mean;
                sums.stopped += 1.0 - open.alive;
                let (weight, shift) = (gap_weight(row.rhythm.gaps), posterior - prior.mu);
                sums.shift += weight * shift;
                self.spread += weight * (shift * shift + variance);
                self.stopped_at[position(row.rhythm.gaps + 1)] += 1.0 - open.alive;
                *stopped += 1.0 - open.alive;
            }
        }
    }

    /// rm: stops believed against stops expected, the item's multiplier included; shrunk to 1 with the weight
    /// of five stops.
    pub fn member_multipliers(&mut self, priors: &LevelPriors, items: &[ItemPrior]) {
        let passed = Passed::new(priors);
        let mut rows = self.rows.iter();
        for ((count, dropout), stopped) in self.members.iter().zip(&mut self.dropout).zip(&self.stopped) {
            let own = rows.by_ref().take(*count as usize);
            let expected: f64 =
                own.map(|row| passed.stops(row.rhythm.gaps + 1) * items[row.item as usize].stops).sum();
            *dropout = (stopped + 5.0) / (expected + 5.0);
        }
    }
}

/// The weight of a pair in the variance of pairs around their item.
fn gap_weight(gaps: u32) -> f64 {
    f64::from(gaps.min(10))
}
