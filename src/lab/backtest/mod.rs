//! Owns the backtest: how well the next purchase is foretold from a shop's own past, beside naive ways; knows
//! nothing of files.
//!
//! A forecast stands at the start of a cutoff day and knows only the days before it, the priors too. What
//! came after judges it.

mod baselines;
mod bg_nbd;
mod history;
mod lines;
mod reminders;
mod score;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Serialize, Serializer};

use crate::domain::catalog::Level;
use crate::domain::ids::Day;
use crate::domain::interval::{Fit, Forecast};
use baselines::Usual;
use bg_nbd::BgNbd;
pub use history::History;
use history::Seen;
pub(in crate::lab) use history::median;
pub use lines::Collector;
pub use score::Metrics;
use score::{Scoring, score};

/// Order lines as columns, one entry a line; in any order.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    /// The member, by any number.
    pub member: Vec<u32>,
    /// The item, by its place in `parents`.
    pub item: Vec<u32>,
    /// The day, counted from anywhere.
    pub day: Vec<i32>,
    /// Pieces; negative for a return.
    pub quantity: Vec<f64>,
    /// The label that each item is shrunk to, by item.
    pub parents: Vec<Option<u32>>,
}

/// Where forecasts stand, and how far they are judged.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// Cutoff days, counted from the first day of the history; three between 45 % and 80 % of the span when
    /// empty.
    pub cutoffs: Vec<i32>,
    /// Days after a cutoff in which dates are judged; a sixth of the span, at most 90, when absent; at least
    /// 1.
    pub horizon: Option<i32>,
}

/// Days of history below which nothing can be told.
const LEAST_SPAN: i32 = 60;

/// What a backtest cannot do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BacktestError {
    /// Nothing to learn from.
    #[error("the history spans {span} days, too few to judge a forecast: give at least {LEAST_SPAN}")]
    TooShort {
        /// Days from the first to the last.
        span: i32,
    },
    /// A cutoff without a past, or without the days that would judge it.
    #[error(
        "cutoff {cutoff} with horizon {horizon} lies outside the history of {span} days: choose one from 1 to {latest}"
    )]
    Outside {
        /// The cutoff asked for.
        cutoff: i32,
        /// The horizon asked for.
        horizon: i32,
        /// Days from the first to the last.
        span: i32,
        /// The latest cutoff possible.
        latest: i32,
    },
}

/// How well each model foretold: means over the cutoffs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Where the lines came from; for the caller to fill in.
    pub file: String,
    /// How purchases were gathered into items.
    pub level: Level,
    /// The days on which forecasts stood.
    pub cutoffs: Vec<i32>,
    /// Days after a cutoff in which dates were judged.
    pub horizon: i32,
    /// Pairs of a member and an item in the history.
    pub pairs: usize,
    /// How long it took; for the caller to fill in.
    pub seconds: f64,
    /// Our model, then the others.
    #[serde(serialize_with = "as_map")]
    pub models: Vec<(Model, Metrics)>,
}

/// A way to foretell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// The interval model.
    Replenish,
    /// The median gap of the item, for everyone.
    ProductMedian,
    /// The mean of the member's own gaps.
    OwnMean,
    /// The median of the member's own gaps.
    OwnMedian,
    /// Fader, Hardie and Lee 2005, for each pair by itself.
    BgNbd,
}

impl Model {
    /// Every model, ours first.
    pub const ALL: [Model; 5] =
        [Model::Replenish, Model::ProductMedian, Model::OwnMean, Model::OwnMedian, Model::BgNbd];
}

fn as_map<S: Serializer>(models: &[(Model, Metrics)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(models.iter().map(|(model, metrics)| (model, metrics)))
}

/// Foretells the past of `lines`, whose items are of `level`, and judges it.
///
/// # Errors
/// When the history is too short, or a cutoff does not leave the horizon's days inside it.
pub fn backtest(lines: Lines, level: Level, setting: &Setting) -> Result<Report, BacktestError> {
    let history = History::of(lines, level);
    let (cutoffs, horizon) = setting.within(history.span)?;
    let learner = history.learner();
    let trials: Vec<Vec<Metrics>> = cutoffs
        .iter()
        .map(|cutoff| Trial::of(&history, learner.fit(Day(*cutoff)), *cutoff, horizon).judge())
        .collect();
    let mean = |place: usize| Metrics::mean(trials.iter().filter_map(|trial| trial.get(place)));
    let models = Model::ALL.iter().enumerate().map(|(place, model)| (*model, mean(place))).collect();
    let pairs = history.pairs.len();
    Ok(Report { file: String::new(), level, cutoffs, horizon, pairs, seconds: 0.0, models })
}

/// The forecast of every pair as the backtest makes it: as of the start of `day`, learnt from the days before it;
/// with the member's rank among those who bought, by number, and the item's number. Days count from the first one.
pub fn forecasts(lines: Lines, level: Level, day: Day) -> Vec<(u32, u32, Forecast)> {
    let history = History::of(lines, level);
    history.forecasts(&history.learner().fit(day), day)
}

impl Setting {
    fn within(&self, span: i32) -> Result<(Vec<i32>, i32), BacktestError> {
        if span < LEAST_SPAN {
            return Err(BacktestError::TooShort { span });
        }
        let horizon = self.horizon.unwrap_or((span / 6).min(90)).max(1);
        let evenly = [0.45, 0.625, 0.8].map(|share| (share * f64::from(span)).round() as i32);
        let cutoffs = if self.cutoffs.is_empty() { evenly.to_vec() } else { self.cutoffs.clone() };
        let latest = span.saturating_sub(horizon);
        match cutoffs.iter().find(|cutoff| !(1..=latest).contains(*cutoff)) {
            Some(cutoff) => Err(BacktestError::Outside { cutoff: *cutoff, horizon, span, latest }),
            None => Ok((cutoffs, horizon)),
        }
    }
}

/// One cutoff: what is known there, and what came of it.
struct Trial<'a> {
    history: &'a History,
    fit: Fit,
    cutoff: i32,
    scoring: Scoring,
    seen: Vec<Seen>,
    usual: Usual,
}

impl<'a> Trial<'a> {
    fn of(history: &'a History, fit: Fit, cutoff: i32, horizon: i32) -> Self {
        let seen = history.seen(cutoff);
        let usual = Usual::of(history, &seen, cutoff);
        Self {
            history,
            fit,
            cutoff,
            scoring: Scoring { horizon, days_left: history.span - cutoff },
            seen,
            usual,
        }
    }

    /// The metrics of each model, in their order. Each is computed by one thread, so they do not depend on
    /// the machine.
    fn judge(&self) -> Vec<Metrics> {
        let next = AtomicUsize::new(0);
        let found = Mutex::new(Vec::new());
        let work = || {
            while let Some(model) = Model::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                let metrics = self.metrics(*model);
                found.lock().unwrap_or_else(PoisonError::into_inner).push((*model as usize, metrics));
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(work);
            work();
        });
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|(place, _)| *place);
        found.into_iter().map(|(_, metrics)| metrics).collect()
    }

    fn metrics(&self, model: Model) -> Metrics {
        let (seen, scoring) = (&self.seen, self.scoring);
        match model {
            Model::Replenish => score(seen, scoring, |row| self.forecast(row).curve(), None),
            Model::BgNbd => {
                let model = BgNbd::fit(seen);
                score(seen, scoring, |row| model.curve(row), None)
            }
            naive => {
                let interval = |row: &Seen| self.usual.interval(naive, row);
                let point = |row: &Seen| interval(row) - row.age;
                score(seen, scoring, |row| self.around(interval(row), naive, row).curve(), Some(&point))
            }
        }
    }

    fn forecast(&self, row: &Seen) -> Forecast {
        let pair = &self.history.pairs[row.pair as usize];
        self.history
            .forecast(&self.fit, pair, Day(self.cutoff))
            .unwrap_or_else(|| self.around(self.usual.median(row), Model::ProductMedian, row))
    }

    /// A naive interval with the spread that such intervals had in the past, and the shop's usual odds of
    /// another purchase.
    fn around(&self, interval: f64, model: Model, row: &Seen) -> Forecast {
        let last = Day(self.cutoff - row.age as i32);
        let continues = self.fit.priors.continues[(row.purchases as usize).min(12)];
        Forecast::around(last, Day(self.cutoff), interval, self.usual.spread(model, row), continues)
    }
}
