//! Owns the history by pair, and what of it is known on a day; knows nothing of models.

use std::panic::resume_unwind;

use super::Lines;
use crate::domain::catalog::{Item, Level};
use crate::domain::ids::{Day, LabelKey, ProductKey};
use crate::domain::interval::{Event, Fit, Forecast, Learner};

/// No next purchase in the history.
pub(super) const NEVER: i32 = i32::MAX;

/// Purchase days in (member, item, day) order, counted from the first day of the lines.
pub struct History {
    level: Level,
    parents: Vec<Option<u32>>,
    events: Vec<Event>,
    pub(super) pairs: Vec<Pair>,
    /// Days from the first to the last, both included.
    pub(super) span: i32,
}

/// A member and an item.
pub(super) struct Pair {
    /// The member's rank among those who bought.
    pub member: u32,
    pub item: u32,
    from: usize,
    until: usize,
}

/// A pair as known at a cutoff, and when it bought next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub pair: u32,
    pub item: u32,
    /// Purchase days so far.
    pub purchases: u32,
    /// Days since the last purchase.
    pub age: f64,
    /// Days since the first purchase.
    pub life: f64,
    /// Mean and median of the gaps; NaN where there are none.
    pub mean: f64,
    pub median: f64,
    /// The last gap; NaN where there is none.
    pub last_gap: f64,
    /// Days from the cutoff to the next purchase, or [`NEVER`].
    pub next: i32,
}

struct Line {
    key: (u32, u32, i32),
    quantity: f64,
}

impl History {
    /// Lines of a day are netted, and days that net to nothing dropped.
    pub fn of(lines: Lines, level: Level) -> Self {
        let first = lines.day.iter().copied().min().unwrap_or(0);
        let last = lines.day.iter().copied().max().unwrap_or(first);
        let keys = lines.member.into_iter().zip(lines.item).zip(lines.day);
        let mut sorted: Vec<Line> = keys
            .zip(lines.quantity)
            .map(|(((member, item), day), quantity)| Line {
                key: (member, item, day.saturating_sub(first)),
                quantity,
            })
            .collect();
        sort(&mut sorted);
        let span = last.saturating_sub(first).saturating_add(1);
        let mut history = Self { level, parents: lines.parents, events: Vec::new(), pairs: Vec::new(), span };
        let mut member = None;
        for own in sorted.chunk_by(|a, b| a.key.0 == b.key.0) {
            let rank = member.map_or(0, |rank| rank + 1);
            if history.add_member(rank, own) {
                member = Some(rank);
            }
        }
        history
    }

    fn add_member(&mut self, rank: u32, own: &[Line]) -> bool {
        let before = self.pairs.len();
        for lines in own.chunk_by(|a, b| a.key.1 == b.key.1) {
            let from = self.events.len();
            for day in lines.chunk_by(|a, b| a.key.2 == b.key.2) {
                let quantity: f64 = day.iter().map(|line| line.quantity).sum();
                if quantity > 0.0 {
                    self.events.push(Event::pieces(Day(day[0].key.2), quantity));
                }
            }
            let until = self.events.len();
            if from < until {
                self.pairs.push(Pair { member: rank, item: lines[0].key.1, from, until });
            }
        }
        before < self.pairs.len()
    }

    /// Purchase days of all pairs.
    pub fn purchases(&self) -> usize {
        self.events.len()
    }

    pub(super) fn events_of(&self, pair: &Pair) -> &[Event] {
        &self.events[pair.from..pair.until]
    }

    /// The pair's item, and the label that it is shrunk to.
    pub(super) fn item(&self, pair: &Pair) -> (Item, Option<LabelKey>) {
        let key = i64::from(pair.item);
        let item = match self.level {
            Level::Product => Item::Product(ProductKey(key)),
            Level::Group => Item::Group(LabelKey(key)),
            Level::Category => Item::Category(LabelKey(key)),
            Level::Member => Item::Anything,
        };
        let parent = self.parents.get(pair.item as usize).copied().flatten();
        (item, parent.map(|label| LabelKey(i64::from(label))))
    }

    /// What is to be expected of a pair at the start of `day`; none where it had not bought before.
    pub(super) fn forecast(&self, fit: &Fit, pair: &Pair, day: Day) -> Option<Forecast> {
        let dropout = fit.dropout.get(pair.member as usize).copied().unwrap_or(1.0);
        let (item, parent) = self.item(pair);
        Forecast::of(&fit.priors, item, parent, dropout, self.events_of(pair), day)
    }

    /// The forecast of every pair as of the start of `day`, by what a fit of the days before it found; with the member's
    /// rank among those who bought, by number, and the item's number. Days count from the first one.
    pub fn forecasts(&self, fit: &Fit, day: Day) -> Vec<(u32, u32, Forecast)> {
        let of = |pairs: &[Pair]| -> Vec<(u32, u32, Forecast)> {
            let forecast = |pair: &Pair| Some((pair.member, pair.item, self.forecast(fit, pair, day)?));
            pairs.iter().filter_map(forecast).collect()
        };
        let (low, high) = self.pairs.split_at(self.pairs.len() / 2);
        let (mut low, high) = both(|| of(low), || of(high));
        low.extend(high);
        low
    }

    /// The history, ready to be learnt from up to any day.
    pub fn learner(&self) -> Learner {
        let mut learner = Learner::new(self.level);
        for own in self.pairs.chunk_by(|a, b| a.member == b.member) {
            learner.member(own.iter().map(|pair| {
                let (item, parent) = self.item(pair);
                (item, parent, self.events_of(pair))
            }));
        }
        learner
    }

    /// The pairs with a purchase before `cutoff`.
    pub(super) fn seen(&self, cutoff: i32) -> Vec<Seen> {
        let mut gaps = Vec::new();
        let pairs = self.pairs.iter().enumerate();
        pairs.filter_map(|(place, pair)| self.seen_pair(place as u32, pair, cutoff, &mut gaps)).collect()
    }

    fn seen_pair(&self, place: u32, pair: &Pair, cutoff: i32, gaps: &mut Vec<i32>) -> Option<Seen> {
        let (known, later) = self.split(pair, cutoff);
        let (first, last) = (known.first()?.day, known.last()?.day);
        gaps.clear();
        gaps.extend(gaps_of(known));
        let count = gaps.len();
        let last_gap = gaps.last().map_or(f64::NAN, |gap| f64::from(*gap));
        let mean = f64::from(last.since(first)) / count as f64;
        Some(Seen {
            pair: place,
            item: pair.item,
            purchases: known.len() as u32,
            age: f64::from((cutoff - last.0).max(1)),
            life: f64::from((cutoff - first.0).max(1)),
            mean: if count > 0 { mean } else { f64::NAN },
            median: median(gaps),
            last_gap,
            next: later.first().map_or(NEVER, |event| event.day.0 - cutoff),
        })
    }

    /// All gaps completed before `cutoff`, with their items.
    pub(super) fn gaps(&self, cutoff: i32) -> impl Iterator<Item = (u32, i32)> {
        self.pairs
            .iter()
            .flat_map(move |pair| gaps_of(self.split(pair, cutoff).0).map(|gap| (pair.item, gap)))
    }

    fn split(&self, pair: &Pair, cutoff: i32) -> (&[Event], &[Event]) {
        let events = self.events_of(pair);
        events.split_at(events.partition_point(|event| event.day.0 < cutoff))
    }
}

/// In the order of their keys, each half by a thread of its own. Equal keys go by quantity: sums must not depend on the
/// order of the file.
fn sort(lines: &mut [Line]) {
    let order = |a: &Line, b: &Line| a.key.cmp(&b.key).then(a.quantity.total_cmp(&b.quantity));
    let middle = lines.len() / 2;
    if middle > 0 {
        lines.select_nth_unstable_by(middle, order);
    }
    let (low, high) = lines.split_at_mut(middle);
    both(|| low.sort_unstable_by(order), || high.sort_unstable_by(order));
}

/// What both give, worked out side by side.
fn both<T: Send>(one: impl FnOnce() -> T + Send, other: impl FnOnce() -> T) -> (T, T) {
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        (one.join().unwrap_or_else(|panic| resume_unwind(panic)), other)
    })
}

fn gaps_of(events: &[Event]) -> impl Iterator<Item = i32> {
    events.windows(2).map(|two| two[1].day.since(two[0].day))
}

/// The middle, or the mean of the two in the middle; NaN of nothing. Sorts.
pub(in crate::lab) fn median(values: &mut [i32]) -> f64 {
    values.sort_unstable();
    let count = values.len();
    match (values.get(count.wrapping_sub(1) / 2), values.get(count / 2)) {
        (Some(low), Some(high)) if count > 0 => (f64::from(*low) + f64::from(*high)) / 2.0,
        _ => f64::NAN,
    }
}
