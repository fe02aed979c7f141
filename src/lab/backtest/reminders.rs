//! Owns the simulated reminders: one at most a pair, as many as half of the actual repurchases; knows nothing
//! of where the curves come from.

use super::history::Seen;
use super::score::Metrics;

/// Days after the cutoff in which reminders go.
pub(super) const WINDOW: i32 = 28;
/// Days of a curve that their chances need: a reminder hits when the member buys within seven days after its
/// day.
pub(super) const DAYS: i32 = WINDOW + HIT;
const HIT: i32 = 7;
/// A naive flow writes so many days before its date.
const LEAD: f64 = 3.0;
/// Fewer reminders than this tell nothing.
const FEW: usize = 5;

/// The pairs that may be reminded.
#[derive(Default)]
pub(super) struct Reminders {
    /// [`DAYS`] values a pair: P(buys by that day).
    curves: Vec<f32>,
    /// Days to the actual purchase.
    next: Vec<i32>,
    /// Naive flows: the day of the reminder and its rank.
    dates: Vec<(i32, f64)>,
}

/// A reminder: how good it looked, its day, and days to the actual purchase.
#[derive(Clone, Copy)]
struct Reminder {
    worth: f64,
    day: i32,
    next: i32,
}

impl Reminder {
    /// It goes, unless the member has bought before.
    fn is_sent(&self) -> bool {
        self.next >= self.day
    }
}

impl Reminders {
    /// A pair whose day is to be chosen by its curve.
    pub fn add(&mut self, by_day: &[f64], row: &Seen) {
        self.curves.extend(by_day.iter().take(DAYS as usize).map(|p| *p as f32));
        self.next.push(row.next);
    }

    /// A pair whose day is given: those with more purchases go first, then by lot (the pair's number is the
    /// seed).
    pub fn naive(&mut self, date: f64, row: &Seen) {
        let lot = fastrand::Rng::with_seed(u64::from(row.pair)).f64();
        self.dates.push(((date - LEAD) as i32, f64::from(row.purchases) + lot));
        self.next.push(row.next);
    }

    /// Sends the best, as many as half of the actual repurchases.
    pub fn tell(&self, metrics: &mut Metrics) {
        let bought = self.next.iter().filter(|next| **next < WINDOW).count();
        let volume = bought / 2;
        let reminders = if self.dates.is_empty() {
            let lambda = self.price(volume);
            metrics.lambda = Some(lambda);
            self.worthwhile(lambda).filter(|reminder| reminder.worth > 0.0).collect()
        } else {
            self.dated()
        };
        let sent = best(reminders, volume);
        if sent.len() < FEW {
            metrics.lambda = None;
            return;
        }
        let lead = |reminder: &&Reminder| reminder.next - reminder.day;
        let hits = sent.iter().filter(|reminder| lead(reminder) <= HIT).count();
        let timely =
            sent.iter().filter(|reminder| (1..=10).contains(&lead(reminder)) && reminder.next < WINDOW);
        metrics.prec7_n2 = Some(hits as f64 / sent.len() as f64);
        metrics.recall_n2 = Some(timely.count() as f64 / bought.max(1) as f64);
    }

    /// The smallest chance that sends no more than `volume`, by bisection.
    fn price(&self, volume: usize) -> f64 {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..13 {
            let middle = (low + high) / 2.0;
            let sent =
                self.worthwhile(middle).filter(|reminder| reminder.worth > 0.0 && reminder.is_sent()).count();
            if sent > volume { low = middle } else { high = middle }
        }
        low
    }

    /// Each pair's best day: the one that maximises P(buys within a week of it) - lambda P(has not bought
    /// before it).
    fn worthwhile(&self, lambda: f64) -> impl Iterator<Item = Reminder> {
        let lambda = lambda as f32;
        self.curves.chunks_exact(DAYS as usize).zip(&self.next).map(move |(by_day, next)| {
            let mut best = (0, f32::NEG_INFINITY);
            let mut before = 0.0;
            for (day, (p, soon)) in by_day.iter().zip(&by_day[HIT as usize..]).enumerate() {
                let worth = soon - before - lambda * (1.0 - before);
                if worth > best.1 {
                    best = (day as i32, worth);
                }
                before = *p;
            }
            Reminder { worth: f64::from(best.1), day: best.0, next: *next }
        })
    }

    fn dated(&self) -> Vec<Reminder> {
        let in_window = self.dates.iter().zip(&self.next).filter(|((day, _), _)| (0..WINDOW).contains(day));
        in_window.map(|((day, rank), next)| Reminder { worth: *rank, day: *day, next: *next }).collect()
    }
}

/// The best that are sent, up to `volume`.
fn best(mut reminders: Vec<Reminder>, volume: usize) -> Vec<Reminder> {
    reminders.sort_by(|a, b| b.worth.total_cmp(&a.worth));
    reminders.into_iter().filter(Reminder::is_sent).take(volume).collect()
}
