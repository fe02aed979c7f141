//! Owns who the members of the made-up shop are and what each of them is fond of; knows nothing of dates of purchase.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::{America, Asia, Europe, Tz};
use fastrand::Rng;

use super::shelf::{WARES, Ware};
use super::{HISTORY, ZONE};
use crate::domain::calendar::instant;
use crate::domain::ids::Timestamp;
use crate::domain::member::{MemberRecord, Purpose};

/// A member, with the taste behind the purchases.
pub(super) struct Person {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) record: MemberRecord,
    pub(super) joined: NaiveDate,
    /// One ware of each group that the person buys again and again.
    pub(super) fond_of: Vec<&'static Ware>,
}

/// Family and given names as people in Taiwan bear them; the first member is 王小明.
const CHINESE: (&str, &[&str]) = (
    "王陳林黃張李吳劉蔡楊許鄭謝洪郭邱曾廖賴徐",
    &[
        "小明", "怡君", "志明", "淑芬", "雅婷", "家豪", "俊傑", "美玲", "宗翰", "佳穎", "冠宇", "欣怡",
        "承恩", "品妍", "建宏", "惠雯", "柏翰",
    ],
);
const ENGLISH: (&[&str], &[&str]) = (
    &[
        "Anna", "Ben", "Clara", "Daniel", "Emma", "Felix", "Grace", "Henry", "Iris", "Jack", "Karen", "Leo",
        "Mia", "Noah", "Olivia", "Paul", "Ruth",
    ],
    &["Chen", "Lin", "Smith", "Brown", "Wu", "Taylor", "Lee", "Wilson", "Evans", "Huang", "Martin", "Clark"],
);
const REGIONS: &[&str] = &["台北市", "新北市", "桃園市", "台中市", "台南市", "高雄市"];
/// Domains that are reserved for examples: no mail ever reaches them.
const DOMAINS: &[&str] = &["example.com", "example.net", "example.org"];
const TAGS: &[&str] = &["vip", "newsletter", "app", "store-taipei"];
const ABROAD: &[(Tz, &str)] = &[
    (Asia::Hong_Kong, "Hong Kong"),
    (Asia::Tokyo, "Tokyo"),
    (America::Los_Angeles, "California"),
    (Europe::London, "London"),
];

/// The n-th member, counted from 1.
pub(super) fn person(n: usize, today: NaiveDate, rng: &mut Rng) -> Person {
    let chinese = n % 2 == 1;
    // Most were there before the history begins; the others joined on its way.
    let joined = today - TimeDelta::days(rng.i64(20..2 * HISTORY.num_days()));
    let fond_of = fond_of(rng);
    let (zone, region) = if rng.f64() < 0.9 { (ZONE, one_of(REGIONS, rng)) } else { one_of(ABROAD, rng) };
    let expires = (rng.f64() < 0.3).then(|| start_of(today + TimeDelta::days(rng.i64(-30..330))));
    let record = MemberRecord {
        id: format!("M{n:04}").into(),
        email: Some(email(n, rng)),
        name: Some(name(n, chinese)),
        locale: Some(if chinese { "zh-TW" } else { "en" }.to_owned()),
        zone: Some(Some(zone)),
        region: Some(region.to_owned()),
        tags: Some(TAGS.iter().filter(|_| rng.f64() < 0.25).map(|t| (*t).to_owned()).collect()),
        consent: Some(consent(rng)),
        contacts: Some(contacts(n, rng)),
        phone: None,
        joined_at: Some(Some(start_of(joined))),
        membership_expires_at: Some(expires),
        subscribed_items: Some(subscribed(&fond_of, rng)),
    };
    Person { number: n, record, joined, fond_of }
}

fn one_of<T: Copy>(choices: &[T], rng: &mut Rng) -> T {
    choices[rng.usize(..choices.len())]
}

fn name(n: usize, chinese: bool) -> String {
    let i = (n - 1) / 2;
    if chinese {
        let (families, given) = CHINESE;
        let family = families.chars().cycle().nth(i).map(String::from).unwrap_or_default();
        format!("{family}{}", given[i % given.len()])
    } else {
        let (given, families) = ENGLISH;
        format!("{} {}", given[i % given.len()], families[i % families.len()])
    }
}

/// A few members never gave an address.
fn email(n: usize, rng: &mut Rng) -> String {
    if rng.f64() < 0.04 { String::new() } else { format!("m{n:04}@{}", one_of(DOMAINS, rng)) }
}

fn consent(rng: &mut Rng) -> BTreeSet<Purpose> {
    match rng.f64() {
        p if p < 0.08 => BTreeSet::new(),
        p if p < 0.18 => BTreeSet::from([Purpose::Reminder]),
        _ => BTreeSet::from([Purpose::Reminder, Purpose::Care]),
    }
}

fn contacts(n: usize, rng: &mut Rng) -> BTreeMap<String, String> {
    if rng.f64() < 0.3 {
        BTreeMap::from([("line".to_owned(), format!("U-sample-{n:04}"))])
    } else {
        BTreeMap::new()
    }
}

/// One to three wares, of different groups.
fn fond_of(rng: &mut Rng) -> Vec<&'static Ware> {
    let mut fond_of: Vec<&'static Ware> = Vec::new();
    let wanted = one_of(&[1, 1, 2, 2, 2, 3], rng);
    while fond_of.len() < wanted {
        let ware = &WARES[rng.usize(..WARES.len())];
        if ware.lasts.is_some() && fond_of.iter().all(|w| w.group != ware.group) {
            fond_of.push(ware);
        }
    }
    fond_of
}

/// A few members have one of their things sent by subscription.
fn subscribed(fond_of: &[&Ware], rng: &mut Rng) -> BTreeSet<String> {
    let first = fond_of.first().filter(|_| rng.f64() < 0.03);
    first.map(|ware| ware.group.to_owned()).into_iter().collect()
}

fn start_of(date: NaiveDate) -> Timestamp {
    instant(ZONE, date, NaiveTime::MIN)
}
