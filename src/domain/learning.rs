//! Owns learning at every level that rules use: purchases of all members in, one lesson out; knows nothing of where histories lie.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::{Catalog, Item, Level};
use super::ids::Day;
use super::interval::{Event, Fit, Learner, Priors};
use super::order::PurchaseHistory;
use super::rules::short_hash;

/// One member's purchase days by item, for every level that is learnt from.
#[derive(Debug, Clone, Default)]
pub struct Events {
    levels: BTreeMap<Level, Vec<(Item, Vec<Event>)>>,
}

impl Events {
    /// The purchases of `history`, gathered for these levels.
    pub fn of(history: &PurchaseHistory, levels: impl IntoIterator<Item = Level>, catalog: &Catalog) -> Self {
        let gather = |level| {
            let items = history
                .by_item(level, catalog)
                .into_iter()
                .map(|(item, days)| (item, days.iter().map(Event::from).collect()));
            (level, items.collect())
        };
        Self { levels: levels.into_iter().map(gather).collect() }
    }

    /// The items of a level in their order, each with its days in order.
    pub fn items(&self, level: Level) -> &[(Item, Vec<Event>)] {
        self.levels.get(&level).map_or(&[], Vec::as_slice)
    }

    /// The days on which one item was bought.
    pub fn days(&self, level: Level, item: Item) -> &[Event] {
        let items = self.items(level);
        let place = items.binary_search_by_key(&item, |(item, _)| *item);
        place.ok().and_then(|at| items.get(at)).map_or(&[], |(_, days)| days.as_slice())
    }
}

/// Histories on their way into one learner a level.
#[derive(Debug, Default)]
pub struct Learning {
    learners: BTreeMap<Level, Learner>,
}

/// What was learnt.
#[derive(Debug, Clone)]
pub struct Lesson {
    /// What holds for everyone.
    pub priors: Priors,
    /// How much likelier than usual each member stops buying, in the order in which they were given.
    pub dropout: BTreeMap<Level, Vec<f64>>,
    /// Pairs of member and item, items, completed intervals, at the narrowest level.
    pub counts: [u64; 3],
}

impl Learning {
    /// Nothing learnt yet, at these levels.
    pub fn new(levels: BTreeSet<Level>) -> Self {
        Self { learners: levels.into_iter().map(|level| (level, Learner::new(level))).collect() }
    }

    /// The levels, narrowest first.
    pub fn levels(&self) -> Vec<Level> {
        self.learners.keys().copied().collect()
    }

    /// All purchase days of the next member.
    pub fn member(&mut self, events: &Events, catalog: &Catalog) {
        self.member_before(events, Day(i32::MAX), catalog);
    }

    /// The next member's purchase days before `until`.
    pub fn member_before(&mut self, events: &Events, until: Day, catalog: &Catalog) {
        for (level, learner) in &mut self.learners {
            let known = |days: &[Event]| days.partition_point(|event| event.day < until);
            let items = events.items(*level).iter();
            learner.member(items.map(|(item, days)| (*item, catalog.parent(*item), &days[..known(days)])));
        }
    }

    /// What the purchases before `today` teach; `lines` tells lessons of the same day apart, and without any the shop
    /// counts as one that never learnt.
    pub fn fit(&self, today: Day, lines: u64) -> Lesson {
        let (mut levels, mut dropout, mut counts) = (BTreeMap::new(), BTreeMap::new(), None);
        for (level, learner) in &self.learners {
            let Fit { priors, dropout: members, pairs, gaps } = learner.fit(today);
            // Levels come narrowest first.
            counts.get_or_insert([pairs as u64, priors.items.len() as u64, gaps as u64]);
            dropout.insert(*level, members);
            levels.insert(*level, priors);
        }
        let counts = counts.unwrap_or_default();
        let hash = short_hash(&format!("{lines}/{}/{}", counts[0], counts[2]));
        let version = if lines == 0 { String::new() } else { format!("{today}-{hash}") };
        Lesson { priors: Priors::new(version, levels), dropout, counts }
    }
}
