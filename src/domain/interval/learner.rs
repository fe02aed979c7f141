//! Owns the history while it is learnt from, packed small; knows nothing of forecasts.

use std::collections::HashMap;

use super::super::catalog::{Item, Level};
use super::super::ids::{Day, LabelKey};
use super::pair::Purchase;
use super::sweeps::Shop;
use super::{Event, LevelPriors};

/// Learning at one level, from a stream in (member, item, day) order. Takes 12 bytes a purchase day, 8 a pair
/// and 4 a member; fitting takes 80 bytes a pair more while it lasts.
#[derive(Debug)]
pub struct Learner {
    level: Level,
    purchases: Vec<Purchase>,
    pairs: Vec<Pair>,
    /// Pairs of each member.
    members: Vec<u32>,
    index: HashMap<Item, u32>,
    items: Vec<Place>,
    group_index: HashMap<Option<LabelKey>, u32>,
    groups: Vec<Option<LabelKey>>,
}

/// What a fit found.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The priors of the level.
    pub priors: LevelPriors,
    /// How much likelier than usual each member stops buying an item, in the order in which the members were
    /// given.
    pub dropout: Vec<f64>,
    /// Pairs of a member and an item, bought at least once.
    pub pairs: usize,
    /// Completed intervals.
    pub gaps: usize,
}

/// An item that is learnt about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub item: Item,
    /// Its group's place in `groups`.
    pub group: u32,
    /// See [`super::ItemPrior::by_supply`].
    pub by_supply: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub item: u32,
    pub purchases: u32,
}

/// A run of members with all that is theirs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch<'a> {
    pub members: &'a [u32],
    pub pairs: &'a [Pair],
    pub purchases: &'a [Purchase],
}

impl Learner {
    /// Nothing learnt yet.
    pub fn new(level: Level) -> Self {
        Self {
            level,
            purchases: Vec::new(),
            pairs: Vec::new(),
            members: Vec::new(),
            index: HashMap::new(),
            items: Vec::new(),
            group_index: HashMap::new(),
            groups: Vec::new(),
        }
    }

    /// All purchase days of one member at this level: each item once, with its parent label and its events in
    /// day order.
    pub fn member<'a>(&mut self, items: impl IntoIterator<Item = (Item, Option<LabelKey>, &'a [Event])>) {
        let before = self.pairs.len();
        for (item, parent, events) in items {
            let Some(first) = events.first() else { continue };
            let item = self.place(item, parent, first.amount.is_supply());
            self.pairs.push(Pair { item, purchases: events.len() as u32 });
            self.purchases.extend(events.iter().map(Purchase::from));
        }
        self.members.push((self.pairs.len() - before) as u32);
    }

    /// What the events before `as_of` teach.
    pub fn fit(&self, as_of: Day) -> Fit {
        Shop::read(self.stretches(), &self.items, &self.groups, as_of).fit()
    }

    /// The item's place; its group is the first parent given. Categories, and all purchases together, form
    /// one group.
    fn place(&mut self, item: Item, parent: Option<LabelKey>, by_supply: bool) -> u32 {
        *self.index.entry(item).or_insert_with(|| {
            let parent = parent.filter(|_| matches!(self.level, Level::Product | Level::Group));
            let group = *self.group_index.entry(parent).or_insert_with(|| {
                self.groups.push(parent);
                self.groups.len() as u32 - 1
            });
            self.items.push(Place { item, group, by_supply });
            self.items.len() as u32 - 1
        })
    }

    /// The history in two halves, cut between members: always two, so that sums do not depend on the machine.
    fn stretches(&self) -> [Stretch<'_>; 2] {
        let (mut members, mut pairs) = (0, 0);
        while pairs < self.pairs.len() / 2 {
            pairs += self.members[members] as usize;
            members += 1;
        }
        let purchases = self.pairs[..pairs].iter().map(|pair| pair.purchases as usize).sum();
        let members = self.members.split_at(members);
        let pairs = self.pairs.split_at(pairs);
        let purchases = self.purchases.split_at(purchases);
        [
            Stretch { members: members.0, pairs: pairs.0, purchases: purchases.0 },
            Stretch { members: members.1, pairs: pairs.1, purchases: purchases.1 },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::belief::Row;
    use super::*;

    #[test]
    fn a_pair_takes_less_than_100_bytes() {
        assert!(size_of::<Row>() + size_of::<Pair>() < 100);
        assert_eq!(size_of::<Purchase>(), 12);
    }
}
