//! Owns the life of one imagined member in a shop that has learnt nothing yet; knows nothing of who judges it.

use chrono_tz::Tz;

use super::lessons::{Known, Usual};
use super::life::{Diary, World};
use super::past::Collector;
use crate::config::Trial;
use crate::domain::ids::{Day, Timestamp};
use crate::domain::learning::Learning;
use crate::domain::rules::Rules;

/// What the member of `trial` is sent from its now on, until `end`, should nothing more be bought.
pub fn live_alone(trial: &Trial, rules: &Rules, zone: Tz, locale: &str, end: Timestamp) -> Diary {
    let mut collector = Collector::new(zone);
    trial.products.iter().for_each(|product| collector.product(product.clone()));
    collector.member(trial.member.clone());
    trial.bought.iter().for_each(|line| collector.order(line.clone()));
    let past = collector.finish(rules);
    let since = Day::of(trial.now, zone).plus(-1);
    let lesson = Learning::new(rules.levels()).fit(since, 0);
    let lessons = [Known { since, lesson, usual: Usual::default() }];
    World { past: &past, rules, lessons: &lessons, from: trial.now, end, locale, read: true }.live(0)
}
