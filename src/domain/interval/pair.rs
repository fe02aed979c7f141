//! Owns the sums of one pair (a member and an item): what its own purchase days say; knows nothing of other
//! pairs.

use super::super::ids::Day;
use super::{Event, ItemPrior};

/// The weight that a gap keeps when one more follows, 2^(-1/8): it counts half after eight more.
const KEEP: f64 = 0.917_004_043_204_671_2;

/// A pair's own rhythm. With y = ln gap and x = log amount at the gap's start, the amount-free log
/// interval is y* = y - beta (x - usual); keeping x and y apart lets its mean and squares follow for any beta
/// in closed form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    /// Completed gaps: one less than the purchase days.
    pub gaps: u32,
    /// W: the sum of the gaps' decayed weights.
    pub weight: f64,
    /// Decayed mean of y.
    interval: f64,
    /// Decayed mean of x.
    gap_amount: f64,
    /// Log amount of the last purchase.
    pub amount: f64,
}

impl Rhythm {
    /// m: the decayed mean of y*.
    pub fn mean(&self, prior: &ItemPrior) -> f64 {
        self.interval - prior.beta * (self.gap_amount - prior.log_amount)
    }

    /// Mean and variance of what the pair's mean may be: the normal posterior of gaps with variance `s2` and
    /// prior N(prior.mu, tu).
    pub fn posterior(&self, s2: f64, tu: f64, prior: &ItemPrior) -> (f64, f64) {
        let variance = 1.0 / (self.weight / s2 + 1.0 / tu);
        let total = self.weight * self.mean(prior) / s2 + prior.mu / tu;
        (total * variance, variance)
    }

    /// How much the last purchase's amount moves the log interval after it.
    pub fn amount_effect(&self, prior: &ItemPrior) -> f64 {
        prior.beta * (self.amount - prior.log_amount)
    }
}

/// One purchase day, packed small.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purchase {
    day: Day,
    log_amount: f32,
    /// Days from the purchase until it is used.
    delay: u16,
}

impl From<&Event> for Purchase {
    fn from(event: &Event) -> Self {
        let delay = event.begins.since(event.day).clamp(0, i32::from(u16::MAX)) as u16;
        Self { day: event.day, log_amount: event.amount.log() as f32, delay }
    }
}

impl Purchase {
    pub fn is_before(&self, day: Day) -> bool {
        self.day < day
    }

    fn begins(&self) -> Day {
        Day(self.day.0.saturating_add(i32::from(self.delay)))
    }

    /// Where the gap until `next` starts. What came after the next purchase was not waited for.
    fn used_from(&self, next: Day) -> Day {
        if self.begins() < next { self.begins() } else { self.day }
    }
}

/// All that a pair's purchase days say.
#[derive(Debug, Clone, Copy)]
pub(super) struct PairSums {
    pub rhythm: Rhythm,
    /// The day from which the last purchase is used.
    pub last: Day,
    /// Decayed squares around the decayed means.
    pub decayed: Squares,
    /// Plain squares around the decayed means.
    pub plain: Squares,
}

impl PairSums {
    /// The sums of these purchase days, in day order.
    pub fn of(purchases: impl IntoIterator<Item = Purchase>) -> Option<Self> {
        let mut purchases = purchases.into_iter();
        let mut last = purchases.next()?;
        let (mut gaps, mut decayed, mut plain) = (0_u32, Moments::default(), Moments::default());
        for next in purchases {
            let y = days_between(last.used_from(next.day), next.day).ln();
            let x = f64::from(last.log_amount);
            decayed.add(KEEP, y, x);
            plain.add(1.0, y, x);
            gaps = gaps.saturating_add(1);
            last = next;
        }
        let weight = decayed.weight;
        let [interval, gap_amount] =
            [decayed.y, decayed.x].map(|sum| if gaps > 0 { sum / weight } else { 0.0 });
        let rhythm = Rhythm { gaps, weight, interval, gap_amount, amount: f64::from(last.log_amount) };
        let [decayed, plain] = [decayed, plain].map(|moments| moments.around(interval, gap_amount));
        Some(Self { rhythm, last: last.begins(), decayed, plain })
    }
}

/// Days from `earlier` to `later`, at least one: what is bought twice on a day, or in the future, counts as a
/// day apart.
pub(super) fn days_between(earlier: Day, later: Day) -> f64 {
    (f64::from(later.0) - f64::from(earlier.0)).max(1.0)
}

/// Sums of squares and products of y and x around a centre.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Squares {
    /// Of y.
    pub yy: f64,
    /// Of x and y.
    pub xy: f64,
    /// Of x.
    pub xx: f64,
}

impl Squares {
    /// The sum of squares of y* = y - beta x: yy - 2 beta xy + beta² xx.
    pub fn of_residuals(&self, beta: f64) -> f64 {
        (self.yy - beta * (2.0 * self.xy - beta * self.xx)).max(0.0)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    weight: f64,
    y: f64,
    x: f64,
    yy: f64,
    xy: f64,
    xx: f64,
}

impl Moments {
    fn add(&mut self, keep: f64, y: f64, x: f64) {
        self.weight = keep * self.weight + 1.0;
        self.y = keep * self.y + y;
        self.x = keep * self.x + x;
        self.yy = keep * self.yy + y * y;
        self.xy = keep * self.xy + x * y;
        self.xx = keep * self.xx + x * x;
    }

    /// Σ w (y-b)(x-a) = Σ w xy - a Σ w y - b Σ w x + a b Σ w, and so for the squares.
    fn around(&self, b: f64, a: f64) -> Squares {
        Squares {
            yy: (self.yy - 2.0 * b * self.y + b * b * self.weight).max(0.0),
            xy: self.xy - a * self.y - b * self.x + a * b * self.weight,
            xx: (self.xx - 2.0 * a * self.x + a * a * self.weight).max(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_follow_the_definitions() {
        let bought = [(0, 1.0), (7, 3.0), (10, 1.0), (30, 20.0), (61, 2.0)];
        let events = bought.map(|(day, q)| Event::pieces(Day(day), q));
        let sums = PairSums::of(events.iter().map(Purchase::from)).unwrap();
        let (beta, usual) = (0.3, 0.4);
        let prior = ItemPrior { mu: 3.0, stops: 1.0, log_amount: usual, beta, by_supply: false };
        let gaps = [(7.0_f64, 1.0_f64), (3.0, 3.0), (20.0, 1.0), (31.0, 12.0)];
        let w = |i: usize| 2_f64.powf(-(3.0 - i as f64) / 8.0);
        let y: Vec<f64> = gaps.iter().map(|(g, q)| g.ln() - beta * (q.ln() - usual)).collect();
        let weight: f64 = (0..4).map(w).sum();
        let mean = (0..4).map(|i| w(i) * y[i]).sum::<f64>() / weight;
        let squares = |w: &dyn Fn(usize) -> f64| (0..4).map(|i| w(i) * (y[i] - mean).powi(2)).sum::<f64>();
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} {b}");
        near(sums.rhythm.weight, weight);
        near(sums.rhythm.mean(&prior), mean);
        near(sums.decayed.of_residuals(beta), squares(&w));
        near(sums.plain.of_residuals(beta), squares(&|_| 1.0));
        near(sums.rhythm.amount, 2_f64.ln());
        assert_eq!((sums.rhythm.gaps, sums.last), (4, Day(61)));
    }
}
