//! Owns what is learnt as the simulated days go by, each time from earlier days alone; knows nothing of messages.

use std::collections::{BTreeMap, HashMap};

use super::past::{Buyer, Past};
use crate::domain::calendar::instant;
use crate::domain::catalog::{Item, Level};
use crate::domain::ids::{Day, Timestamp};
use crate::domain::interval::Event;
use crate::domain::learning::{Events, Learning, Lesson};
use crate::domain::order::PurchaseHistory;
use crate::domain::rules::Rules;
use crate::lab::backtest::median;
use chrono::NaiveTime;

/// An item with fewer gaps than this has the median of all.
const FEW_GAPS: usize = 3;
/// The interval where a shop has no gap at all.
const NO_GAPS: f64 = 30.0;

/// What is known from the start of a day on, until the next lesson.
pub(super) struct Known {
    pub since: Day,
    /// The dropout of each member in the order of the past.
    pub lesson: Lesson,
    pub usual: Usual,
}

/// The median gaps that a naive flow waits.
#[derive(Default)]
pub(super) struct Usual {
    items: HashMap<(Level, Item), f64>,
    levels: BTreeMap<Level, f64>,
}

impl Usual {
    /// Days.
    pub fn gap(&self, level: Level, item: Item) -> f64 {
        let of_item = self.items.get(&(level, item)).or_else(|| self.levels.get(&level));
        of_item.copied().unwrap_or(NO_GAPS)
    }

    fn learn(&mut self, level: Level, mut gaps: Vec<(Item, i32)>) {
        gaps.sort_unstable();
        for of_item in gaps.chunk_by(|a, b| a.0 == b.0).filter(|gaps| gaps.len() >= FEW_GAPS) {
            let mut days: Vec<i32> = of_item.iter().map(|(_, gap)| *gap).collect();
            self.items.insert((level, of_item[0].0), median(&mut days));
        }
        let mut all: Vec<i32> = gaps.iter().map(|(_, gap)| *gap).collect();
        if !all.is_empty() {
            self.levels.insert(level, median(&mut all));
        }
    }
}

/// Learns on `first`, and every so many days again, before `end`.
pub(super) fn learn(past: &Past, rules: &Rules, first: Day, every: i32, end: Day) -> Vec<Known> {
    let days = (0..).map(|n| first.plus(n * every.max(1))).take_while(|day| *day < end || *day == first);
    days.map(|since| learn_on(past, rules, since)).collect()
}

fn learn_on(past: &Past, rules: &Rules, since: Day) -> Known {
    let until = instant(past.zone, since.date(), NaiveTime::MIN);
    let mut learning = Learning::new(rules.levels());
    let mut gaps: BTreeMap<Level, Vec<(Item, i32)>> = BTreeMap::new();
    let mut lines = 0;
    for buyer in &past.buyers {
        lines += known_lines(buyer, until) as u64;
        let anew;
        let mut events = &buyer.bought;
        if buyer.returns() {
            anew = bought_before(past, rules, buyer, until);
            events = &anew;
        }
        learning.member_before(events, since, &past.catalog);
        for level in learning.levels() {
            gaps.entry(level).or_default().extend(gaps_of(events, level, since));
        }
    }
    let mut usual = Usual::default();
    gaps.into_iter().for_each(|(level, gaps)| usual.learn(level, gaps));
    Known { since, lesson: learning.fit(since, lines), usual }
}

/// Lines made before an instant.
pub(super) fn known_lines(buyer: &Buyer, until: Timestamp) -> usize {
    buyer.lines.partition_point(|line| line.at < until)
}

fn bought_before(past: &Past, rules: &Rules, buyer: &Buyer, until: Timestamp) -> Events {
    let lines = &buyer.lines[..known_lines(buyer, until)];
    let history = PurchaseHistory::fold(lines, &past.catalog, past.zone);
    Events::of(&history, rules.levels(), &past.catalog)
}

fn gaps_of(events: &Events, level: Level, until: Day) -> impl Iterator<Item = (Item, i32)> {
    events.items(level).iter().flat_map(move |(item, days)| {
        let known = &days[..days.partition_point(|event| event.day < until)];
        known.windows(2).map(move |two: &[Event]| (*item, two[1].day.since(two[0].day)))
    })
}
