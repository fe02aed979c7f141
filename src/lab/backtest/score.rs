//! Owns the metrics of dates and of probabilities; knows nothing of where the curves come from.

use serde::Serialize;

use super::history::Seen;
use super::reminders::{DAYS, Reminders, WINDOW};

/// "Buys within 30 days".
const MONTH: i32 = 30;
/// Fewer rows than this tell nothing.
const FEW: usize = 30;
/// A purchase at most so many days before the cutoff is fresh.
const FRESH: f64 = 7.0;
/// Levels at which the forecast distribution is checked.
const LEVELS: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];

/// How well a model foretold. `n1`: all pairs; `n2`: pairs with two purchases or more. Absent where too few
/// rows tell, or where too few days follow the cutoff.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Continuous ranked probability score of the date, in days, of those who bought within the horizon; less
    /// is better.
    pub crps_n2: Option<f64>,
    /// Mean absolute error of the date, in days.
    pub mae_n2: Option<f64>,
    /// How far the shares of purchases before the 10, 25, 50, 75 and 90 % dates are from these, on average.
    pub pit_error_n2: Option<f64>,
    /// The share of dates that were right to a week.
    pub within7_n2: Option<f64>,
    /// Mean absolute error where the last purchase was at most seven days ago.
    pub mae_fresh: Option<f64>,
    /// Brier skill of "buys within 30 days" over the plain rate; more is better.
    pub bss30_n1: Option<f64>,
    /// The chance that a buyer was ranked above one who did not buy.
    pub auc30_n1: Option<f64>,
    /// Log-loss of "buys within 30 days".
    pub logloss30_n1: Option<f64>,
    /// The share of reminders after which the member bought within seven days.
    pub prec7_n2: Option<f64>,
    /// The share of purchases that a reminder came 1 to 10 days before.
    pub recall_n2: Option<f64>,
    /// The smallest chance at which a reminder went; none for naive flows.
    pub lambda: Option<f64>,
}

/// Every metric, to compute with.
pub(super) const FIELDS: [fn(&mut Metrics) -> &mut Option<f64>; 11] = [
    |m| &mut m.crps_n2,
    |m| &mut m.mae_n2,
    |m| &mut m.pit_error_n2,
    |m| &mut m.within7_n2,
    |m| &mut m.mae_fresh,
    |m| &mut m.bss30_n1,
    |m| &mut m.auc30_n1,
    |m| &mut m.logloss30_n1,
    |m| &mut m.prec7_n2,
    |m| &mut m.recall_n2,
    |m| &mut m.lambda,
];

impl Metrics {
    /// The mean of each metric over the trials that have it.
    pub(super) fn mean<'a>(trials: impl Iterator<Item = &'a Metrics>) -> Metrics {
        let mut trials: Vec<Metrics> = trials.copied().collect();
        let mut mean = Metrics::default();
        for field in FIELDS {
            let known: Vec<f64> = trials.iter_mut().filter_map(|trial| *field(trial)).collect();
            *field(&mut mean) = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64);
        }
        mean
    }
}

/// How far a trial looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scoring {
    /// Days in which dates are judged.
    pub horizon: i32,
    /// Days of the history from the cutoff on.
    pub days_left: i32,
}

/// Judges the curves r -> P(buys by day r after the cutoff); of a naive flow also its dates, in days after
/// the cutoff, which it takes as they are, where our dates are the curve's median.
pub(super) fn score<C: Fn(i32) -> f64>(
    seen: &[Seen],
    scoring: Scoring,
    curve_of: impl Fn(&Seen) -> C,
    naive: Option<&dyn Fn(&Seen) -> f64>,
) -> Metrics {
    let (mut month, mut dates, mut reminders) = (Vec::new(), Dates::default(), Reminders::default());
    let mut by_day = Vec::new();
    for row in seen {
        let curve = curve_of(row);
        month.push((curve(MONTH - 1).clamp(1e-4, 1.0 - 1e-4), row.next < MONTH));
        if row.purchases < 2 {
            continue;
        }
        let judged = row.next < scoring.horizon;
        by_day.clear();
        by_day.extend((0..if judged { scoring.horizon.max(DAYS) } else { DAYS }).map(curve));
        let date = naive.map(|date| date(row).round_ties_even());
        match date {
            Some(date) => reminders.naive(date, row),
            None => reminders.add(&by_day, row),
        }
        if judged {
            by_day.truncate(scoring.horizon as usize);
            dates.add(&by_day, date, row);
        }
    }
    let mut metrics = Metrics::default();
    dates.tell(&mut metrics);
    if scoring.days_left >= MONTH {
        tell_month(month, &mut metrics);
    }
    if scoring.days_left >= DAYS.max(WINDOW) {
        reminders.tell(&mut metrics);
    }
    metrics
}

/// Sums over the pairs that bought within the horizon.
#[derive(Default)]
struct Dates {
    count: usize,
    crps: f64,
    error: f64,
    week: usize,
    fresh: usize,
    fresh_error: f64,
    /// Purchases that came below each of [`LEVELS`] of their distribution.
    below: [usize; 5],
}

impl Dates {
    /// `by_day` is cut at the horizon and scaled to reach one there: given that it comes, when?
    fn add(&mut self, by_day: &[f64], date: Option<f64>, row: &Seen) {
        let total = by_day.last().copied().unwrap_or(0.0).max(1e-9);
        let next = row.next as usize;
        let miss = |(day, p): (usize, &f64)| (p / total - f64::from(u8::from(day >= next))).powi(2);
        self.crps += by_day.iter().enumerate().map(miss).sum::<f64>();
        let median = || by_day.iter().position(|p| p / total >= 0.5).unwrap_or(0) as f64;
        let date = date.map_or_else(median, |date| date.clamp(0.0, (by_day.len() - 1) as f64));
        let error = (date - f64::from(row.next)).abs();
        self.count += 1;
        self.error += error;
        self.week += usize::from(error <= 7.0);
        if row.age <= FRESH {
            self.fresh += 1;
            self.fresh_error += error;
        }
        // The probability integral transform of a whole day lies anywhere within the day; the pair's number
        // is the seed.
        let low = if next > 0 { by_day[next - 1] / total } else { 0.0 };
        let high = by_day[next] / total;
        let at = low + fastrand::Rng::with_seed(u64::from(row.pair)).f64() * (high - low);
        self.below.iter_mut().zip(LEVELS).for_each(|(below, level)| *below += usize::from(at < level));
    }

    fn tell(&self, metrics: &mut Metrics) {
        let count = self.count as f64;
        if self.count >= FEW {
            metrics.crps_n2 = Some(self.crps / count);
            metrics.mae_n2 = Some(self.error / count);
            metrics.within7_n2 = Some(self.week as f64 / count);
            let misses =
                self.below.iter().zip(LEVELS).map(|(below, level)| (*below as f64 / count - level).abs());
            metrics.pit_error_n2 = Some(misses.sum::<f64>() / LEVELS.len() as f64);
        }
        metrics.mae_fresh = (self.fresh >= FEW).then(|| self.fresh_error / self.fresh as f64);
    }
}

/// Brier skill, log-loss and the area under the curve of what was foretold for 30 days.
fn tell_month(mut foretold: Vec<(f64, bool)>, metrics: &mut Metrics) {
    let count = foretold.len() as f64;
    let bought = foretold.iter().filter(|(_, bought)| *bought).count() as f64;
    let rate = bought / count;
    if foretold.len() < FEW || bought == 0.0 || bought == count {
        return;
    }
    let brier =
        foretold.iter().map(|(p, bought)| (p - f64::from(u8::from(*bought))).powi(2)).sum::<f64>() / count;
    let loss = foretold.iter().map(|(p, bought)| -if *bought { p.ln() } else { (1.0 - p).ln() }).sum::<f64>()
        / count;
    foretold.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut ranks, mut before) = (0.0, 0.0);
    for tied in foretold.chunk_by(|a, b| a.0 == b.0) {
        let rank = before + (tied.len() + 1) as f64 / 2.0;
        ranks += rank * tied.iter().filter(|(_, bought)| *bought).count() as f64;
        before += tied.len() as f64;
    }
    metrics.bss30_n1 = Some(1.0 - brier / (rate * (1.0 - rate)));
    metrics.logloss30_n1 = Some(loss);
    // Mann and Whitney: the rank sum of the buyers, less its least value.
    metrics.auc30_n1 = Some((ranks - bought * (bought + 1.0) / 2.0) / (bought * (count - bought)));
}
