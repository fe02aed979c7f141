//! Owns the naive flow that stands beside ours: the item's median gap after each purchase, three days early; knows nothing of ours.

use std::collections::BTreeMap;

use serde::Serialize;

use super::judge::{Tally, timing};
use super::lessons::Known;
use super::life::World;
use super::past::Buyer;
use crate::domain::catalog::{Item, Level};
use crate::domain::ids::Day;
use crate::domain::member::Purpose;
use crate::domain::order::PurchaseHistory;
use crate::domain::plan::is_about;
use crate::domain::rules::short_hash;

/// It writes so many days before its date.
const LEAD: f64 = 3.0;

/// The naive flow at our volume.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Naive {
    /// Its mails, one an item.
    pub jobs: u64,
    /// How they turned out: as such a flow ranks nobody, they are drawn by lot.
    #[serde(flatten)]
    pub tally: Tally,
    /// As many again, if those with the most purchases of the item went first.
    pub frequent_first: Tally,
}

/// A mail that the naive flow would send.
struct Mail {
    /// Purchases of the item so far.
    purchases: usize,
    lot: String,
    member: usize,
    level: Level,
    item: Item,
    day: Day,
}

/// As many mails as `volume`, on days from `first` to `last`, about what the reminder rules are about.
pub(super) fn naive(world: &World<'_>, first: Day, last: Day, volume: u64) -> Naive {
    let buyers = world.past.buyers.iter().enumerate();
    let mut mails: Vec<Mail> =
        buyers.flat_map(|(place, buyer)| of_buyer(world, place, buyer, first, last)).collect();
    let volume = usize::try_from(volume).unwrap_or(usize::MAX).min(mails.len());
    let bought = |mail: &Mail| world.past.buyers[mail.member].bought.days(mail.level, mail.item);
    let judged =
        |mails: &[Mail]| Tally::of(mails[..volume].iter().map(|mail| timing(bought(mail), mail.day)));
    mails.sort_by(|a, b| a.lot.cmp(&b.lot));
    let tally = judged(&mails);
    mails.sort_by(|a, b| b.purchases.cmp(&a.purchases).then_with(|| a.lot.cmp(&b.lot)));
    Naive { jobs: volume as u64, tally, frequent_first: judged(&mails) }
}

fn of_buyer(world: &World<'_>, member: usize, buyer: &Buyer, first: Day, last: Day) -> Vec<Mail> {
    let mut mails = Vec::new();
    for ((level, item), needed) in wanted(world, buyer) {
        let days = buyer.bought.days(level, item);
        for at in needed.max(1)..=days.len() {
            let bought = days[at - 1].day;
            let gap = usual(world.lessons, bought).map_or(0.0, |known| known.usual.gap(level, item));
            // Who just bought is not written to on the same day.
            let day = bought.plus(((gap - LEAD) as i32).max(1));
            let is_overtaken = days.get(at).is_some_and(|next| next.day < day);
            if !is_overtaken && (first..=last).contains(&day) {
                let lot =
                    short_hash(&format!("{}\n{}\n{day}", buyer.member.id, world.past.catalog.item_id(item)));
                mails.push(Mail { purchases: at, lot, member, level, item, day });
            }
        }
    }
    mails
}

/// The items that reminder rules are about, with the purchases that the least demanding of them needs.
fn wanted(world: &World<'_>, buyer: &Buyer) -> BTreeMap<(Level, Item), usize> {
    let mut wanted = BTreeMap::new();
    let mut history = None;
    for rule in world.rules.all().iter().filter(|rule| rule.purpose() == Purpose::Reminder) {
        for (item, _) in buyer.bought.items(rule.per) {
            let catalog = &world.past.catalog;
            let history =
                history.get_or_insert_with(|| PurchaseHistory::fold(&buyer.lines, catalog, world.past.zone));
            if is_about(&rule.about, *item, history, catalog) {
                let needs = rule.needs.purchases as usize;
                let least = wanted.entry((rule.per, *item)).or_insert(needs);
                *least = needs.min(*least);
            }
        }
    }
    wanted
}

/// What was learnt last before the day after a purchase; the first lesson for what is older.
fn usual(lessons: &[Known], bought: Day) -> Option<&Known> {
    let last = lessons.partition_point(|known| known.since <= bought.plus(1));
    lessons.get(last.saturating_sub(1))
}
