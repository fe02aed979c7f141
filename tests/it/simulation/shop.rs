//! Owns the simulated shop: its rules, members, products, and the orders that come in over two years; knows nothing of time.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveTime, TimeDelta};
use fastrand::Rng;
use replenish::domain::calendar::{DailyWindow, SendWindow};
use replenish::domain::catalog::{Level, ProductRecord};
use replenish::domain::ids::{MemberId, ProductId, RuleId, Timestamp};
use replenish::domain::lifecycle::Stages;
use replenish::domain::member::{MemberRecord, Purpose};
use replenish::domain::order::{LineIdentity, OrderLine};
use replenish::domain::rules::{About, ConsentUnknown, FrequencyCap, Guards, Rule, Rules};
use replenish::domain::trigger::{ItemMoment, Step, Trigger, When};

/// What is sold: its id, its category, and how many days pass between two purchases.
pub const PRODUCTS: [(&str, &str, f64); 3] =
    [("beans", "coffee", 40.0), ("pods", "coffee", 55.0), ("soap", "bath", 75.0)];
/// The share of members that the tips leave alone.
pub const HOLDOUT: f64 = 0.3;
/// How many days a run lasts.
pub const DAYS: i64 = 730;
/// Days of history before it.
const BEFORE: f64 = 240.0;
/// The name that `refill` had before it was renamed.
pub const OLD_NAME: &str = "refill-coffee";

/// When runs begin.
pub fn start() -> Timestamp {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

/// One order that comes in.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// When it becomes known.
    pub at: Timestamp,
    /// What it says.
    pub lines: Vec<OrderLine>,
}

/// A shop, drawn from a seed.
pub struct Shop {
    /// Who buys there.
    pub members: Vec<MemberId>,
    /// The orders, as they come in.
    pub arrivals: Vec<Arrival>,
    guards: Guards,
    /// A second message follows the reminders for the bath.
    follows: bool,
}

impl Shop {
    /// Draws a shop.
    pub fn draw(seed: u64, rng: &mut Rng) -> Self {
        let members: Vec<MemberId> =
            (0..rng.usize(2..=3)).map(|n| MemberId::from(format!("m{n}-{seed}"))).collect();
        let mut arrivals: Vec<Arrival> = members.iter().flat_map(|m| orders_of(m, rng)).collect();
        arrivals.sort_by_key(|a| a.at);
        Self { members, arrivals, guards: guards(rng), follows: rng.u8(..3) == 0 }
    }

    /// The rules of an edition: each one differs a little from the one before. A renamed rule is one edition's alone.
    pub fn rules(&self, edition: u32, renamed: bool) -> Rules {
        let need = |id: &str, days, channel: &str| Rule {
            per: Level::Product,
            ..Rule::new(id, Trigger::Need(When::Before(days)), channel)
        };
        let about =
            |category: &str| About { categories: BTreeSet::from([category.to_owned()]), ..About::default() };
        let before = 4 + i32::try_from(edition % 3).unwrap_or_default() * 3;
        let mut refill =
            Rule { about: about("coffee"), window: office_hours(), ..need(OLD_NAME, before, "crm") };
        if renamed {
            refill = Rule { id: RuleId::from("refill"), formerly: vec![refill.id.clone()], ..refill };
        }
        // Whoever speaks first is decided anew by every other edition.
        let priority = if edition % 2 == 1 { 1 } else { -1 };
        let second = Rule { about: about("coffee"), priority, ..need("second", 3, "email") };
        let after = Step { after: TimeDelta::days(4), unless: BTreeSet::new(), template: None };
        let steps = if self.follows { vec![after] } else { Vec::new() };
        let bath = Rule { about: about("bath"), steps, ..need("bath", before - 2, "email") };
        let tips = Rule {
            about: about("bath"),
            holdout: Some(HOLDOUT),
            valid_for: TimeDelta::days(6),
            per: Level::Product,
            ..Rule::new("tips", Trigger::Item(ItemMoment::Purchase, TimeDelta::days(5)), "crm")
        };
        Rules::new(vec![refill, second, bath, tips], self.guards.clone(), Vec::new(), Stages::default())
    }
}

fn office_hours() -> SendWindow {
    SendWindow { hours: Some(hours(9, 18)), ..SendWindow::default() }
}

/// From the full hour to the full hour.
fn hours(from: u32, until: u32) -> DailyWindow {
    let hour = |h| NaiveTime::from_hms_opt(h, 0, 0).unwrap();
    DailyWindow { from: hour(from), until: hour(until) }
}

fn guards(rng: &mut Rng) -> Guards {
    let cap = FrequencyCap { purpose: Some(Purpose::Reminder), count: 4, within: TimeDelta::days(30) };
    Guards {
        quiet_hours: Some(hours(21, 8)),
        frequency_caps: vec![cap],
        minimum_gap: rng.bool().then(|| TimeDelta::days(1)),
        daily_budget: (rng.u8(..4) == 0).then_some(1),
        consent_unknown: ConsentUnknown::Allow,
        ..Guards::default()
    }
}

/// A member's orders, in a rhythm of their own; some come late, some are sent back.
fn orders_of(member: &MemberId, rng: &mut Rng) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    for (product, category, rhythm) in PRODUCTS {
        let own = rhythm * (0.8 + 0.5 * rng.f64());
        let mut day = -BEFORE + own * rng.f64();
        let mut n = 0;
        while day < DAYS as f64 {
            let bought = start() + TimeDelta::minutes((day * 1440.0) as i64);
            let line = line(member, (product, category), n, bought);
            let late = if rng.u8(..10) == 0 { rng.i64(1..20) } else { 0 };
            let known = bought + TimeDelta::days(late) + TimeDelta::minutes(rng.i64(1..90));
            arrivals.push(Arrival { at: known, lines: vec![line.clone()] });
            if rng.u8(..14) == 0 {
                let back = OrderLine { line: LineIdentity::Nth(1), quantity: -line.quantity, ..line };
                let lines = vec![OrderLine { ordered_at: known + TimeDelta::days(2), ..back }];
                arrivals.push(Arrival { at: known + TimeDelta::days(3), lines });
            }
            day += own * (0.75 + 0.5 * rng.f64());
            n += 1;
        }
    }
    arrivals
}

fn line(member: &MemberId, what: (&str, &str), n: u32, ordered_at: Timestamp) -> OrderLine {
    OrderLine {
        order: format!("{}-{member}-{n}", what.0).as_str().into(),
        line: LineIdentity::Nth(0),
        member: member.clone(),
        product: ProductId::from(what.0),
        category: Some(what.1.into()),
        ordered_at,
        quantity: 1.0,
        unit_price: None,
        status: None,
        counted: true,
        delivered_at: None,
        gift: false,
        email: None,
    }
}

/// The address of a member.
pub fn address(member: &MemberId, nth: u32) -> String {
    format!("{member}.{nth}@shop.example")
}

/// A record that says this address, or nothing of it, and this consent.
pub fn member(id: &MemberId, email: Option<String>, consent: Option<BTreeSet<Purpose>>) -> MemberRecord {
    MemberRecord {
        id: id.clone(),
        email,
        phone: None,
        name: None,
        locale: None,
        zone: None,
        region: None,
        tags: None,
        consent,
        contacts: Some(BTreeMap::new()),
        joined_at: None,
        membership_expires_at: None,
        subscribed_items: None,
    }
}

/// A record that says whether a product can be bought.
pub fn product(id: &str, in_stock: bool) -> ProductRecord {
    ProductRecord {
        id: id.into(),
        name: None,
        category: None,
        group: None,
        tags: None,
        days_supply: None,
        contains: None,
        url: None,
        in_stock: Some(in_stock),
        replenishable: None,
        usage_tip: None,
        caution: None,
    }
}
