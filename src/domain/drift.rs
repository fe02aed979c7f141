//! Owns what newly learnt priors say otherwise than those before; knows nothing of who is told.

use serde::Serialize;

use super::catalog::{Catalog, Item, Level};
use super::interval::{ItemPrior, LevelPriors, Priors};

/// An item whose usual interval moved by a larger share than this has moved.
const MOVED: f64 = 0.10;
/// Items told by name, those that moved most.
const TOLD: usize = 5;

/// What learning anew changed at one level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drift {
    /// How purchases were gathered into items.
    pub level: Level,
    /// The shop's usual interval, in days.
    pub usual_interval_days: Shift<f64>,
    /// The share of members that buy an item again after the first purchase.
    pub continues_after_1: Shift<f64>,
    /// The share that buys it again after the second.
    pub continues_after_2: Shift<f64>,
    /// Items known.
    pub items: Shift<usize>,
    /// Items whose usual interval moved by more than a tenth.
    pub items_moved: usize,
    /// Those of them that moved most, at most five.
    pub most: Vec<MovedItem>,
}

/// A figure before and now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shift<T> {
    /// As learnt before; none when this level is learnt for the first time.
    pub before: Option<T>,
    /// As learnt now.
    pub now: T,
}

/// An item that people need at another pace than was thought.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MovedItem {
    /// As the shop writes it.
    pub item: String,
    /// Its usual interval in days, as learnt before and now.
    pub usual_interval_days: Shift<f64>,
}

/// What moved at each level that `now` has learnt, narrowest first; `before` is none for a shop that never learnt.
pub fn drift(before: Option<&Priors>, now: &Priors, catalog: &Catalog) -> Vec<Drift> {
    let known =
        |wanted: Level| before?.levels().find(|(level, _)| *level == wanted).map(|(_, priors)| priors);
    now.levels().map(|(level, priors)| of_level(level, known(level), priors, catalog)).collect()
}

fn of_level(level: Level, before: Option<&LevelPriors>, now: &LevelPriors, catalog: &Catalog) -> Drift {
    let shift = |figure: fn(&LevelPriors) -> f64| Shift { before: before.map(figure), now: figure(now) };
    let mut moved = before.map(|before| moved(before, now, catalog)).unwrap_or_default();
    let items_moved = moved.len();
    moved.truncate(TOLD);
    Drift {
        level,
        usual_interval_days: shift(|p| p.mu0.exp()),
        continues_after_1: shift(|p| p.continues[1]),
        continues_after_2: shift(|p| p.continues[2]),
        items: Shift { before: before.map(|p| p.items.len()), now: now.items.len() },
        items_moved,
        most: moved,
    }
}

/// The items known before and now that moved, the farthest first.
fn moved(before: &LevelPriors, now: &LevelPriors, catalog: &Catalog) -> Vec<MovedItem> {
    let mut moved: Vec<(f64, MovedItem)> = now
        .items
        .iter()
        .filter_map(|(item, prior)| far(*item, before.items.get(item)?, prior, catalog))
        .collect();
    moved.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.item.cmp(&other.item)));
    moved.into_iter().map(|(_, item)| item).collect()
}

fn far(item: Item, before: &ItemPrior, now: &ItemPrior, catalog: &Catalog) -> Option<(f64, MovedItem)> {
    let step = now.mu - before.mu;
    let share = step.exp() - 1.0;
    let days = Shift { before: Some(before.mu.exp()), now: now.mu.exp() };
    // Twice as long and half as long are equally far.
    (share.abs() > MOVED)
        .then(|| (step.abs(), MovedItem { item: catalog.item_id(item), usual_interval_days: days }))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;
    use crate::domain::ids::LabelKey;

    fn priors(days: &[(i64, f64)], usual: f64) -> Priors {
        let item = |(key, days): &(i64, f64)| {
            (
                Item::Category(LabelKey(*key)),
                ItemPrior { mu: days.ln(), stops: 1.0, log_amount: 0.0, beta: 0.0, by_supply: false },
            )
        };
        let items: HashMap<_, _> = days.iter().map(item).collect();
        let level = LevelPriors { mu0: usual.ln(), items, ..LevelPriors::new_shop() };
        Priors::new("v".to_owned(), BTreeMap::from([(Level::Category, level)]))
    }

    #[test]
    fn the_first_time_nothing_moved() {
        let told = drift(None, &priors(&[(1, 30.0)], 45.0), &Catalog::default());
        let [level] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((level.usual_interval_days.before, level.items.before), (None, None));
        assert!((level.usual_interval_days.now - 45.0).abs() < 1e-9);
        assert_eq!((level.items.now, level.items_moved, level.continues_after_1.now), (1, 0, 0.4));
    }

    #[test]
    fn items_that_moved_by_more_than_a_tenth_are_told_the_farthest_first() {
        let before: Vec<_> = (1..=9).map(|key| (key, 30.0)).collect();
        // Key 3 moves by a twelfth, key 9 is gone, key 10 is new.
        let now = [30.0, 61.0, 32.5, 15.0, 34.0, 36.0, 40.0, 26.0].into_iter().zip(1..);
        let mut now: Vec<_> = now.map(|(days, key)| (key, days)).collect();
        now.push((10, 500.0));
        let told = drift(Some(&priors(&before, 45.0)), &priors(&now, 50.0), &Catalog::default());
        let level = &told[0];
        assert_eq!((level.items_moved, level.items), (6, Shift { before: Some(9), now: 9 }));
        let most: Vec<&str> = level.most.iter().map(|moved| moved.item.as_str()).collect();
        assert_eq!(most, ["#2", "#4", "#7", "#6", "#8"]);
        let days = level.most[1].usual_interval_days;
        assert!((days.before.unwrap() - 30.0).abs() < 1e-9 && (days.now - 15.0).abs() < 1e-9);
    }
}
