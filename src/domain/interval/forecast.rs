//! Owns the forecast of one pair, in closed form; knows nothing of how its priors were learnt.

use super::super::catalog::Item;
use super::super::ids::{Day, LabelKey};
use super::normal::{quantile_above, survival};
use super::pair::{PairSums, Purchase, days_between};
use super::{Event, ItemPrior, LevelPriors};

/// Nothing is forecast beyond this many days after a purchase.
const FARTHEST: f64 = 100_000.0;
/// A reminder hits when the member buys on its day or within so many days after it.
const HIT_DAYS: i32 = 7;
/// Differences of probabilities below this are the arithmetic's, not the model's.
const ROUNDING: f64 = 1e-12;

/// The distribution of the next need date of one item for one member, as known on one day: the interval is
/// log-normal, if there is another purchase at all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// The day from which the last purchase is used.
    last: Day,
    as_of: Day,
    /// M: mean of the log interval.
    location: f64,
    /// Standard deviation of the log interval.
    scale: f64,
    /// P(another purchase follows), as on the day of the last one.
    continues: f64,
}

impl Forecast {
    /// The forecast at the start of `as_of`; none when no event lies before it.
    ///
    /// `events` are the days on which one member bought the item, in order, one a day; those on or after
    /// `as_of` are ignored. `parent` is the label whose items the item is shrunk to, used where the item
    /// itself is unknown. `dropout` is the member's own multiplier of the odds of stopping (1 where unknown).
    pub fn of(
        priors: &LevelPriors,
        item: Item,
        parent: Option<LabelKey>,
        dropout: f64,
        events: &[Event],
        as_of: Day,
    ) -> Option<Forecast> {
        let before = || events.iter().filter(|event| event.day < as_of);
        let pair = PairSums::of(before().map(Purchase::from))?;
        let by_supply = before().next_back().is_some_and(|event| event.amount.is_supply());
        let prior = priors.item(item, parent, &pair, by_supply);
        let (location, scale) = priors.interval(&prior, &pair);
        let dropout = if dropout.is_finite() { dropout.max(0.0) } else { 1.0 };
        let odds = priors.stop_odds(pair.rhythm.gaps.saturating_add(1)) * prior.stops * dropout;
        Some(Forecast { last: pair.last, as_of, location, scale, continues: 1.0 / (1.0 + odds) })
    }

    /// The same, as it will be known on `as_of`, a later day, should nothing be bought until then.
    pub fn later(self, as_of: Day) -> Forecast {
        Forecast { as_of, ..self }
    }

    /// The same law around a given usual interval: `median` days with standard deviation `scale` of its
    /// logarithm, if another purchase follows (`continues`). To compare other ways of guessing the interval
    /// with this one.
    pub fn around(last: Day, as_of: Day, median: f64, scale: f64, continues: f64) -> Forecast {
        Forecast { last, as_of, location: median.ln(), scale, continues }
    }

    /// The day from which the last purchase is used.
    pub fn last(&self) -> Day {
        self.last
    }

    /// The day at whose start the forecast stands.
    pub fn as_of(&self) -> Day {
        self.as_of
    }

    /// The day by which the next purchase comes with probability `q`, given that one comes; never before
    /// `as_of`.
    ///
    /// Source: t_q = exp(M + σ Φ⁻¹(F₀ + q (1-F₀))), F₀ = F(a - ½), a = days passed.
    pub fn quantile(&self, q: f64) -> Day {
        let q = if q > 0.0 { q.min(1.0) } else { 0.0 };
        let z = quantile_above(self.standard(self.age(self.as_of) - 0.5), q);
        let days = (self.location + self.scale * z).exp().min(FARTHEST);
        self.last.plus(days.round() as i32).max(self.as_of)
    }

    /// P(the next purchase comes within `days` days of `as_of`), 0 = that day; 0 for negative days.
    pub fn within(&self, days: i32) -> f64 {
        self.curve()(days)
    }

    /// [`Forecast::within`] for many days at once.
    pub fn curve(&self) -> impl Fn(i32) -> f64 + use<> {
        self.curve_from(self.as_of)
    }

    /// P(there will be another purchase), given the silence so far: π S₀ / (π S₀ + 1 - π), S₀ = 1 - F(a - ½).
    pub fn still_buying(&self) -> f64 {
        let alive = self.continues * self.survival(self.age(self.as_of) - 0.5);
        alive / (alive + (1.0 - self.continues)).max(f64::MIN_POSITIVE)
    }

    /// P(buys on `day` or within seven days after it | has not bought before it); `day` is not before
    /// `as_of`.
    pub fn chance(&self, day: Day) -> f64 {
        self.curve_from(day.max(self.as_of))(HIT_DAYS)
    }

    /// The day of this cycle on which a reminder does most good, where at least `chance` of those reminded
    /// should buy within a week: it maximises P(buys within the week) - chance · P(has not bought before).
    /// None when no day up to `horizon` days after the last purchase is worth it, or when it would get better
    /// still beyond.
    ///
    /// Both terms share the denominator π S₀ + 1 - π of the day of asking: without it they depend on the
    /// total age t alone, so that the passage of time does not move the day. The value's slope has the sign
    /// of p(t + 7½) / p(t - ½) - (1 - chance), p the log-normal density, a ratio that falls until about t =
    /// exp(M + 1 - σ²) and rises ever after. So there is one peak at most, before that day; behind it the
    /// value falls, then rises only towards a limit below zero.
    pub fn best(&self, chance: f64, horizon: i32) -> Option<Day> {
        let chance = if chance > 0.0 { chance.min(1.0) } else { 0.0 };
        let open = |age: f64| self.continues * self.survival(age);
        let (mut best, mut highest) = (0, f64::NEG_INFINITY);
        let turning = (self.location + 1.0 - self.scale * self.scale).exp() + 2.0 * f64::from(HIT_DAYS);
        for day in 1..=horizon.min(turning.min(FARTHEST) as i32) {
            let age = f64::from(day);
            let not_yet = open(age - 0.5);
            let worth =
                not_yet - open(age + f64::from(HIT_DAYS) + 0.5) - chance * (not_yet + (1.0 - self.continues));
            if worth > highest {
                (best, highest) = (day, worth);
            } else if worth < highest - ROUNDING {
                return (highest > 0.0).then(|| self.last.plus(best));
            }
        }
        None
    }

    /// The usual interval of this member and item, in days: exp(M), the median of the interval.
    pub fn interval_days(&self) -> f64 {
        self.location.exp()
    }

    /// G(r) = π (F(a + r + ½) - F(a - ½)) / (π (1 - F(a - ½)) + 1 - π), where nothing was bought before
    /// `from`, a days after the last.
    fn curve_from(&self, from: Day) -> impl Fn(i32) -> f64 + use<> {
        let (forecast, age) = (*self, self.age(from));
        let open = self.continues * self.survival(age - 0.5);
        let all = open + (1.0 - self.continues);
        move |days| {
            if days < 0 || all < ROUNDING {
                return 0.0;
            }
            let later = forecast.continues * forecast.survival(age + f64::from(days) + 0.5);
            ((open - later) / all).clamp(0.0, 1.0)
        }
    }

    fn age(&self, day: Day) -> f64 {
        days_between(self.last, day)
    }

    /// 1 - F(t): P(the interval is longer than `age` days).
    fn survival(&self, age: f64) -> f64 {
        survival(self.standard(age))
    }

    fn standard(&self, age: f64) -> f64 {
        (age.ln() - self.location) / self.scale
    }
}

impl LevelPriors {
    /// (1-π)/π after so many purchases, before any multiplier.
    pub(super) fn stop_odds(&self, purchases: u32) -> f64 {
        1.0 / self.continues_after(purchases) - 1.0
    }

    /// What is known of the item. One that nobody had bought when this was learnt, or whose supply has become known
    /// since, lasts as long as its supply; without it, its group's mean or the shop's, this pair's own amount being the
    /// usual one.
    fn item(&self, item: Item, parent: Option<LabelKey>, pair: &PairSums, by_supply: bool) -> ItemPrior {
        let learnt = self.items.get(&item);
        if let Some(same) = learnt.filter(|prior| prior.by_supply == by_supply) {
            return *same;
        }
        let group = || parent.and_then(|label| self.groups.get(&label).copied());
        let log_amount = pair.rhythm.amount;
        let (mu, beta) = if by_supply { (log_amount, 1.0) } else { (group().unwrap_or(self.mu0), self.beta) };
        ItemPrior { mu, stops: learnt.map_or(1.0, |prior| prior.stops), log_amount, beta, by_supply }
    }

    /// Mean and standard deviation of the pair's next log interval; its own variance is shrunk to the shop's,
    /// which counts as nu degrees of freedom (scaled inverse chi-square prior).
    fn interval(&self, prior: &ItemPrior, pair: &PairSums) -> (f64, f64) {
        let freedom = (pair.rhythm.weight - 1.0).max(0.0);
        let own = (self.nu * self.s2 + pair.decayed.of_residuals(prior.beta)) / (self.nu + freedom);
        let (mean, variance) = pair.rhythm.posterior(own, self.tu, prior);
        (mean + pair.rhythm.amount_effect(prior), (own + variance).sqrt())
    }
}
