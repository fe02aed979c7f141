//! Owns the naive guesses of the interval, as simple e-mail flows use them; knows nothing of how they are
//! judged.

use super::Model;
use super::history::{History, Seen, median};

/// An item with fewer gaps than this has the shop's median.
const FEW_GAPS: usize = 3;
/// The interval where a shop has no gap at all.
const NO_GAPS: f64 = 30.0;

/// What is usual at a cutoff.
pub(super) struct Usual {
    /// The median gap, by item.
    medians: Vec<f64>,
    /// The median gap of all.
    median: f64,
    /// Standard deviation of ln(last gap / mean of the gaps before it), over pairs with two gaps or more.
    own_spread: f64,
    /// Root mean square of ln(gap / its item's median).
    item_spread: f64,
}

impl Usual {
    pub fn of(history: &History, seen: &[Seen], cutoff: i32) -> Self {
        let mut gaps: Vec<(u32, i32)> = history.gaps(cutoff).collect();
        gaps.sort_unstable();
        let mut all: Vec<i32> = gaps.iter().map(|(_, gap)| *gap).collect();
        let shop = if all.is_empty() { NO_GAPS } else { median(&mut all) };
        let items = gaps.last().map_or(0, |(item, _)| *item as usize + 1);
        let mut usual =
            Self { medians: vec![shop; items], median: shop, own_spread: own_spread(seen), item_spread: 1.0 };
        let mut squares = 0.0;
        for of_item in gaps.chunk_by(|a, b| a.0 == b.0) {
            let mut days: Vec<i32> = of_item.iter().map(|(_, gap)| *gap).collect();
            let middle = if days.len() < FEW_GAPS { shop } else { median(&mut days) };
            usual.medians[of_item[0].0 as usize] = middle;
            squares += days.iter().map(|gap| (f64::from(*gap) / middle).ln().powi(2)).sum::<f64>();
        }
        if squares > 0.0 {
            usual.item_spread = (squares / gaps.len() as f64).sqrt();
        }
        usual
    }

    /// The interval that `model` expects, in days; the item's median where a member has no gap yet.
    pub fn interval(&self, model: Model, row: &Seen) -> f64 {
        let own = match model {
            Model::OwnMean => row.mean,
            Model::OwnMedian => row.median,
            _ => f64::NAN,
        };
        if own.is_nan() { self.median(row) } else { own }
    }

    /// The item's median gap.
    pub fn median(&self, row: &Seen) -> f64 {
        self.medians.get(row.item as usize).copied().unwrap_or(self.median)
    }

    /// How far the log interval strays from what `model` expects.
    pub fn spread(&self, model: Model, row: &Seen) -> f64 {
        if model == Model::ProductMedian || row.purchases < 2 { self.item_spread } else { self.own_spread }
    }
}

fn own_spread(seen: &[Seen]) -> f64 {
    let strays = seen.iter().filter(|row| row.purchases > 2).map(|row| {
        let gaps = f64::from(row.purchases - 1);
        (row.last_gap * (gaps - 1.0) / (row.mean * gaps - row.last_gap)).ln()
    });
    let (count, sum, squares) =
        strays.fold((0.0, 0.0, 0.0), |(count, sum, squares), x| (count + 1.0, sum + x, squares + x * x));
    let variance: f64 = squares / count - (sum / count) * (sum / count);
    if variance > 0.0 { variance.sqrt() } else { 1.0 }
}
