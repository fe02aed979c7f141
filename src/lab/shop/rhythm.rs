//! Owns when the members of the made-up shop buy: each in a rhythm of the own, around what a piece lasts; knows nothing of files.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta};
use fastrand::Rng;

use super::people::Person;
use super::shelf::{WARES, Ware};
use super::{HISTORY, ZONE, morning};
use crate::domain::calendar::instant;
use crate::domain::ids::{MemberId, Timestamp};

/// One thing that passed the counter.
#[derive(Debug)]
pub(super) struct Bought<'a> {
    pub(super) member: &'a MemberId,
    pub(super) ware: &'static Ware,
    pub(super) at: Timestamp,
    pub(super) pieces: u8,
    pub(super) delivered_at: Option<Timestamp>,
    pub(super) what: What,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Paid and kept, maybe for another person.
    Kept { gift: bool },
    /// Ordered, and never paid.
    LeftUnpaid,
    /// Brought back, from the order of that moment.
    BroughtBack { ordered_at: Timestamp },
}

/// The share of habits that end somewhere on the way.
const STOPPED: f64 = 0.18;
/// Of purchases: those followed by a return, those tried a day before without paying.
const BROUGHT_BACK: f64 = 0.015;
const UNPAID_BEFORE: f64 = 0.02;
/// Of members: those who once buy a present, and those who once buy what is bought once.
const GIFT: f64 = 0.12;
const KETTLE: f64 = 0.1;

impl Bought<'_> {
    /// When the order came in that it belongs to.
    pub(super) fn ordered_at(&self) -> Timestamp {
        if let What::BroughtBack { ordered_at } = self.what { ordered_at } else { self.at }
    }
}

/// Everything that a person bought until the morning of `today`, in no order.
pub(super) fn of_person<'a>(person: &'a Person, today: NaiveDate, rng: &mut Rng) -> Vec<Bought<'a>> {
    let first = person.joined.max(today - HISTORY);
    let mut bought = Vec::new();
    let mut visits = BTreeSet::new();
    for ware in &person.fond_of {
        habit(person, ware, first, today, &mut visits, &mut bought, rng);
    }
    let present = &WARES[rng.usize(..WARES.len())];
    let kettles = WARES.iter().filter(|w| w.lasts.is_none()).map(|kettle| (KETTLE, kettle, false));
    for (chance, ware, gift) in kettles.chain([(GIFT, present, true)]) {
        if rng.f64() < chance {
            let day = first + TimeDelta::days(rng.i64(0..(today - first).num_days()));
            bought.push(purchase(person, ware, 1, day, What::Kept { gift }, rng));
        }
    }
    bought.retain(|b| b.at < morning(today));
    bought
}

/// One thing bought again and again: every gap is what the pieces last, by the person's own measure, give or take.
fn habit<'a>(
    person: &'a Person,
    fond: &'static Ware,
    first: NaiveDate,
    today: NaiveDate,
    visits: &mut BTreeSet<NaiveDate>,
    bought: &mut Vec<Bought<'a>>,
    rng: &mut Rng,
) {
    let pieces = [1, 1, 1, 2][rng.usize(..4)];
    let usual = fond.lasts.unwrap_or(30.0) * f64::from(pieces).powf(0.8) * log_normal(0.2, rng);
    let spread = 0.15 + 0.1 * rng.f64();
    let end = if rng.f64() < STOPPED { first + (today - first) * rng.i32(0..100) / 100 } else { today };
    let mut day = first + TimeDelta::days(rng.i64(0..=usual as i64));
    while day <= end {
        day = near(day, visits);
        let ware = alike(fond, rng);
        if rng.f64() < UNPAID_BEFORE && day > first {
            bought.push(purchase(person, ware, pieces, day - TimeDelta::days(1), What::LeftUnpaid, rng));
        }
        let kept = purchase(person, ware, pieces, day, What::Kept { gift: false }, rng);
        if rng.f64() < BROUGHT_BACK {
            let what = What::BroughtBack { ordered_at: kept.at };
            bought.push(purchase(person, ware, 1, day + TimeDelta::days(rng.i64(4..10)), what, rng));
        }
        bought.push(kept);
        day += TimeDelta::days((usual * log_normal(spread, rng)).round().max(3.0) as i64);
    }
}

/// People put things into one basket that they need at about the same time.
fn near(day: NaiveDate, visits: &mut BTreeSet<NaiveDate>) -> NaiveDate {
    let known = visits.range(day - TimeDelta::days(1)..=day + TimeDelta::days(1)).next().copied();
    let day = known.unwrap_or(day);
    visits.insert(day);
    day
}

/// Mostly the favourite; now and then another ware of its group.
fn alike(fond: &'static Ware, rng: &mut Rng) -> &'static Ware {
    let group: Vec<&'static Ware> = WARES.iter().filter(|w| w.group == fond.group).collect();
    if rng.f64() < 0.85 { fond } else { group[rng.usize(..group.len())] }
}

fn purchase<'a>(
    person: &'a Person,
    ware: &'static Ware,
    pieces: u8,
    day: NaiveDate,
    what: What,
    rng: &mut Rng,
) -> Bought<'a> {
    // A person goes to the shop once a day.
    let minute = (i64::from(day.num_days_from_ce()) * 131 + person.number as i64 * 17) % (16 * 60);
    let at = instant(ZONE, day, NaiveTime::MIN) + TimeDelta::minutes(7 * 60 + minute);
    let delivered_at = at + TimeDelta::hours(rng.i64(20..72));
    let delivered_at = matches!(what, What::Kept { .. }).then_some(delivered_at);
    Bought { member: &person.record.id, ware, at, pieces, delivered_at, what }
}

/// A factor around 1 whose logarithm is normal with this deviation.
fn log_normal(deviation: f64, rng: &mut Rng) -> f64 {
    // Twelve uniform numbers, minus six, are normal enough.
    let normal = (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0;
    (deviation * normal).exp()
}
