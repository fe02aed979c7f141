//! Owns the fit of a level's priors: six EM sweeps over all pairs; knows nothing of where the history comes
//! from.

use std::collections::HashMap;

use super::super::ids::{Day, LabelKey};
use super::belief::Row;
use super::chunk::{Chunk, ItemCounts, ItemSums};
use super::constants::{SUPPLY_WORTH, elasticity, gap_variance, supply_elasticity, variance_freedom};
use super::learner::{Fit, Place, Stretch};
use super::{ItemPrior, LevelPriors, POSITIONS};

const SWEEPS: usize = 6;
/// A shop with fewer completed gaps than this mixes what it learns with a new shop's constants, in
/// proportion; so its first gaps move the constants by half a percent each, and there is no step where they
/// have all been learnt.
const ENOUGH_GAPS: f64 = 200.0;
/// Fewer pairs than this are done faster by one thread.
const WORTH_A_THREAD: usize = 20_000;

/// A whole shop's history, and what is known of it so far.
pub(super) struct Shop<'a> {
    chunks: Vec<Chunk<'a>>,
    /// The constants; its maps are filled at the end.
    priors: LevelPriors,
    new_shop: LevelPriors,
    items: Vec<ItemPrior>,
    counts: Vec<ItemCounts>,
    sums: Vec<ItemSums>,
    groups: Vec<GroupSums>,
    places: &'a [Place],
    labels: &'a [Option<LabelKey>],
    /// How far the data is trusted, 0 to 1; see [`ENOUGH_GAPS`].
    trust: f64,
    gaps: usize,
}

#[derive(Clone, Copy, Default)]
struct GroupSums {
    /// C_g: precision of the mean over its items.
    precision: f64,
    /// C_g times that mean.
    total: f64,
    /// mu_g: the mean, shrunk to the shop's.
    mu: f64,
}

impl<'a> Shop<'a> {
    /// The history before `as_of`, summed by pair.
    pub fn read(
        stretches: [Stretch<'a>; 2],
        places: &'a [Place],
        labels: &'a [Option<LabelKey>],
        as_of: Day,
    ) -> Self {
        let mut chunks: Vec<_> = stretches.into_iter().map(|s| Chunk::new(s, places.len())).collect();
        each(&mut chunks, |chunk| chunk.read(as_of));
        let gaps = chunks.iter().map(|chunk| chunk.gaps).sum();
        Self {
            chunks,
            priors: LevelPriors::new_shop(),
            new_shop: LevelPriors::new_shop(),
            items: places.iter().map(unknown).collect(),
            counts: vec![ItemCounts::default(); places.len()],
            sums: vec![ItemSums::default(); places.len()],
            groups: vec![GroupSums::default(); labels.len()],
            places,
            labels,
            trust: (gaps as f64 / ENOUGH_GAPS).min(1.0),
            gaps,
        }
    }

    /// Sections "constants" and "sweeps" of the model.
    pub fn fit(mut self) -> Fit {
        self.gather_counts();
        self.constants();
        for _ in 0..SWEEPS {
            self.sweep();
        }
        self.finish()
    }

    /// What does not change from sweep to sweep: the counts by item, and each item's usual amount.
    fn gather_counts(&mut self) {
        for chunk in &mut self.chunks {
            let counts = std::mem::take(&mut chunk.counts);
            self.counts.iter_mut().zip(&counts).for_each(|(sum, more)| sum.add(more));
        }
        for (item, counts) in self.items.iter_mut().zip(&self.counts) {
            item.log_amount = counts.amount / f64::from(counts.reached[1]).max(1.0);
        }
    }

    /// beta, s2, nu, and where the sweeps start.
    fn constants(&mut self) {
        let new = self.new_shop.clone();
        let beta = self.elasticities();
        let repeated = || self.rows().filter(|row| row.rhythm.gaps >= 2);
        let freedom: f64 = repeated().map(|row| f64::from(row.rhythm.gaps - 1)).sum();
        let squares: f64 = self.rows().map(|row| row.plain.of_residuals(self.of(row).beta)).sum();
        // Gaps alone do not tell the variance: a shop whose pairs have one gap each knows nothing of it.
        let told = (freedom / ENOUGH_GAPS).min(1.0);
        let s2 = new.s2 + told * (gap_variance(squares, freedom) - new.s2);
        let scaled =
            |row: &Row| (row.rhythm.gaps - 1, (row.plain.of_residuals(self.of(row).beta) / s2).max(1e-6));
        let nu = self.mix(variance_freedom(&repeated().map(scaled).collect::<Vec<_>>()), new.nu);

        let intervals: f64 = self.rows().map(|row| row.rhythm.weight * row.rhythm.mean(self.of(row))).sum();
        let weights: f64 = self.rows().map(|row| row.rhythm.weight).sum();
        let mu0 = self.mix(intervals / weights.max(1e-9), new.mu0);
        for item in &mut self.items {
            item.mu = if item.by_supply { item.log_amount } else { mu0 };
        }
        let [tu, tp, tc] =
            [(0.15, new.tu), (0.15, new.tp), (0.15, new.tc)].map(|(start, new)| self.mix(start, new));
        let continues = new.continues.map(|new| self.mix(0.7, new));
        self.priors = LevelPriors { beta, s2, nu, mu0, tu, tp, tc, continues, ..new };
    }

    /// Each item's beta; returns that of the items counted in pieces, which share it.
    fn elasticities(&mut self) -> f64 {
        let items = self.items.iter().zip(&self.counts);
        let pieces = items.filter(|(item, _)| !item.by_supply);
        let (xy, xx) = pieces.fold((0.0, 0.0), |(xy, xx), (_, counts)| (xy + counts.xy, xx + counts.xx));
        let shared = self.mix(elasticity(xy, xx), self.new_shop.beta);
        for (item, counts) in self.items.iter_mut().zip(&self.counts) {
            item.beta = if item.by_supply { supply_elasticity(counts.xy, counts.xx) } else { shared };
        }
        shared
    }

    fn of(&self, row: &Row) -> &ItemPrior {
        &self.items[row.item as usize]
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.chunks.iter().flat_map(|chunk| &chunk.rows)
    }

    fn sweep(&mut self) {
        let (priors, items) = (&self.priors, &self.items);
        each(&mut self.chunks, |chunk| chunk.sweep(priors, items));
        self.sums.fill(ItemSums::default());
        for chunk in &self.chunks {
            self.sums.iter_mut().zip(&chunk.sums).for_each(|(sums, more)| sums.add(more));
        }
        self.group_means();
        self.item_means();
        self.group_variance();
        self.dropout();
        let (priors, items) = (&self.priors, &self.items);
        each(&mut self.chunks, |chunk| chunk.member_multipliers(priors, items));
    }

    /// q_p = 1/(tp + 1/S_p); C_g = Σ q_p, t_g = Σ q_p r_p / C_g; mu0 = Σ C_g t_g / Σ C_g; mu_g = (C_g t_g +
    /// mu0/tc) / (C_g + 1/tc).
    fn group_means(&mut self) {
        let (tp, tc) = (self.priors.tp, self.priors.tc);
        self.groups.fill(GroupSums::default());
        for (place, sums) in self.places.iter().zip(&self.sums) {
            let group = &mut self.groups[place.group as usize];
            let shrunk = 1.0 + tp * sums.precision;
            group.precision += sums.precision / shrunk;
            group.total += sums.total / shrunk;
        }
        let precision: f64 = self.groups.iter().map(|group| group.precision).sum();
        let total: f64 = self.groups.iter().map(|group| group.total).sum();
        let mu0 = self.mix(total / precision.max(1e-9), self.new_shop.mu0);
        for group in &mut self.groups {
            group.mu = (group.total + mu0 / tc) / (group.precision + 1.0 / tc);
        }
        self.priors.mu0 = mu0;
    }

    /// mu_item = (S_p r_p + mu_g/tp) / (S_p + 1/tp), and with it the variances of items around their group
    /// and of pairs around their item. An item of known supply is shrunk to that, as to so many observed intervals,
    /// instead of to its group.
    fn item_means(&mut self) {
        let LevelPriors { tp, tu, s2, .. } = self.priors;
        let (mut between, mut weights, mut known) = (0.0, 0.0, 0);
        let mut within: f64 = self.chunks.iter().map(|chunk| chunk.spread).sum();
        let mut gaps = 0.0;
        for (place, (sums, counts)) in self.sums.iter().zip(&self.counts).enumerate() {
            let (item, group) = (&mut self.items[place], &self.groups[self.places[place].group as usize]);
            let (expected, worth) = if item.by_supply {
                (item.log_amount, SUPPLY_WORTH / (tu + s2))
            } else {
                (group.mu, 1.0 / tp)
            };
            let precision = sums.precision + worth;
            let mu = (sums.total + expected * worth) / precision;
            // Σ w (m - mu_new)² = Σ w (m - mu_old)² - 2 d Σ w (m - mu_old) + d² Σ w, d = mu_new - mu_old.
            let moved = mu - item.mu;
            within += moved * (moved * counts.gap_weight - 2.0 * sums.shift);
            gaps += counts.gap_weight;
            item.mu = mu;
            if sums.precision > 5.0 && !item.by_supply {
                let weight = sums.precision.min(50.0);
                between += weight * ((mu - group.mu).powi(2) + 1.0 / precision);
                weights += weight;
                known += 1;
            }
        }
        if known > 5 {
            self.priors.tp = self.mix((between / weights).clamp(0.005, 2.0), self.new_shop.tp);
        }
        if gaps > 0.0 {
            self.priors.tu = self.mix((within / gaps).clamp(0.01, 1.0), self.new_shop.tu);
        }
    }

    /// tc: the mean over groups with C_g > 3 of (mu_g - mu0)² + 1/(C_g + 1/tc).
    fn group_variance(&mut self) {
        let (mu0, tc, new) = (self.priors.mu0, self.priors.tc, self.new_shop.tc);
        let known = self.groups.iter().filter(|group| group.precision > 3.0);
        let (sum, count) = known.fold((0.0, 0), |(sum, count), group| {
            (sum + (group.mu - mu0).powi(2) + 1.0 / (group.precision + 1.0 / tc), count + 1)
        });
        let learnt = if count > 3 { (sum / f64::from(count)).clamp(0.01, 2.0) } else { new };
        self.priors.tc = self.mix(learnt, new);
    }

    /// ck = (purchases at k known or believed to be followed by another + 1.4) / (purchases at k + 2), and
    /// each item's multiplier of the stops expected from it (shrunk to 1 with the weight of three stops).
    fn dropout(&mut self) {
        for k in 1..POSITIONS {
            let reached: f64 = self.counts.iter().map(|counts| f64::from(counts.reached[k])).sum();
            let stopped: f64 = self.chunks.iter().map(|chunk| chunk.stopped_at[k]).sum();
            let learnt = ((reached - stopped + 1.4) / (reached + 2.0)).clamp(0.02, 0.995);
            self.priors.continues[k] = self.mix(learnt, self.new_shop.continues[k]);
        }
        for ((item, counts), sums) in self.items.iter_mut().zip(&self.counts).zip(&self.sums) {
            item.stops = (sums.stopped + 3.0) / (counts.expected_stops(&self.priors.continues) + 3.0);
        }
    }

    fn finish(self) -> Fit {
        let mut priors = self.priors;
        let seen = |place: usize| self.counts[place].reached[1] > 0;
        let items = self.places.iter().zip(&self.items).enumerate();
        priors.items =
            items.filter(|(place, _)| seen(*place)).map(|(_, (place, prior))| (place.item, *prior)).collect();
        let groups = self.labels.iter().zip(&self.groups).filter(|(_, group)| group.precision > 0.0);
        priors.groups =
            groups.filter_map(|(label, group)| Some(((*label)?, group.mu))).collect::<HashMap<_, _>>();
        let pairs = self.chunks.iter().map(|chunk| chunk.rows.len()).sum();
        let dropout = self.chunks.into_iter().flat_map(|chunk| chunk.dropout).collect();
        Fit { priors, dropout, pairs, gaps: self.gaps }
    }

    /// What was learnt, as far as it is trusted.
    fn mix(&self, learnt: f64, new_shop: f64) -> f64 {
        new_shop + self.trust * (learnt - new_shop)
    }
}

/// An item before anything is learnt of it.
fn unknown(place: &Place) -> ItemPrior {
    ItemPrior { mu: 0.0, stops: 1.0, log_amount: 0.0, beta: 0.0, by_supply: place.by_supply }
}

/// Runs `work` on every chunk, side by side where that pays; the order never matters, as chunks share
/// nothing.
fn each<'a>(chunks: &mut [Chunk<'a>], work: impl Fn(&mut Chunk<'a>) + Sync) {
    let pairs: usize = chunks.iter().map(Chunk::pairs).sum();
    let Some((first, rest)) = chunks.split_first_mut() else { return };
    if pairs < WORTH_A_THREAD {
        work(first);
        rest.iter_mut().for_each(work);
        return;
    }
    std::thread::scope(|scope| {
        for chunk in rest {
            scope.spawn(|| work(chunk));
        }
        work(first);
    });
}
