//! What users of the made-up shop rely on, for several seeds.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::DateTime;

use super::*;
use crate::domain::ids::Day;
use crate::domain::member::Purpose;

const SEEDS: [u64; 4] = [1, 7, 2026, u64::MAX];

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, 2).unwrap()
}

fn count<T>(all: &[T], fits: impl Fn(&T) -> bool) -> usize {
    all.iter().filter(|one| fits(one)).count()
}

#[test]
fn a_seed_and_a_day_give_the_same_shop() {
    let shop = SampleShop::grow(7, today());
    assert_eq!(shop, SampleShop::grow(7, today()));
    assert_ne!(shop.orders, SampleShop::grow(8, today()).orders);
    assert_ne!(shop.orders, SampleShop::grow(7, today().succ_opt().unwrap()).orders);
}

#[test]
fn the_shelf_has_what_guards_need() {
    let products = SampleShop::grow(1, today()).products;
    assert_eq!(products.len(), 20);
    assert_eq!(products.iter().map(|p| &p.id).collect::<BTreeSet<_>>().len(), 20);
    assert_eq!(products.iter().map(|p| &p.category).collect::<BTreeSet<_>>().len(), 4);
    assert_eq!(count(&products, |p| p.in_stock == Some(false)), 1);
    assert_eq!(count(&products, |p| p.replenishable == Some(false)), 1);
    assert_eq!(count(&products, |p| p.caution.as_deref() != Some("")), 1);
    assert!(products.iter().all(|p| p.usage_tip.is_some()));
}

#[test]
fn the_members_are_a_mixed_crowd() {
    for seed in SEEDS {
        let members = SampleShop::grow(seed, today()).members;
        assert_eq!(members.len(), 240);
        assert_eq!(members[0].name.as_deref(), Some("王小明"));
        assert_eq!(members.iter().map(|m| &m.name).collect::<BTreeSet<_>>().len(), 240);
        assert_eq!(count(&members, |m| m.locale.as_deref() == Some("zh-TW")), 120);
        let reachable = |m: &MemberRecord| m.email.as_deref().is_some_and(|e| e.contains("@example."));
        assert!((210..240).contains(&count(&members, reachable)), "seed {seed}");
        assert_eq!(count(&members, |m| m.email.as_deref() != Some("") && !reachable(m)), 0);
        let consent = |wanted: &[Purpose]| {
            count(&members, |m| m.consent.as_ref().is_some_and(|c| c.iter().eq(wanted.iter())))
        };
        assert!((5..45).contains(&consent(&[])), "seed {seed}");
        assert!((8..50).contains(&consent(&[Purpose::Reminder])), "seed {seed}");
        assert!(consent(&[Purpose::Reminder, Purpose::Care]) > 160, "seed {seed}");
        assert!((190..236).contains(&count(&members, |m| m.zone == Some(Some(ZONE)))), "seed {seed}");
        assert!(
            (1..20).contains(&count(&members, |m| m.subscribed_items != Some(BTreeSet::new()))),
            "seed {seed}"
        );
    }
}

#[test]
fn the_orders_are_fourteen_plausible_months() {
    for seed in SEEDS {
        let shop = SampleShop::grow(seed, today());
        let orders = &shop.orders;
        assert!((2_500..5_500).contains(&orders.len()), "{} lines, seed {seed}", orders.len());
        assert!(orders.is_sorted_by_key(|l| l.ordered_at));
        let days: Vec<i32> =
            orders.iter().map(|l| Day::from(today()).since(Day::of(l.ordered_at, ZONE))).collect();
        assert_eq!(days.iter().max(), Some(&425), "seed {seed}");
        assert!(days.iter().all(|d| *d >= 0) && days.contains(&1), "seed {seed}");
        assert!(
            orders.iter().all(|l| l.delivered_at.is_none_or(|at| l.ordered_at < at && at < morning(today())))
        );
        let lines: HashSet<_> = orders.iter().map(|l| (&l.order, &l.product, &l.line)).collect();
        assert_eq!(lines.len(), orders.len());
        let baskets: HashSet<_> = orders.iter().map(|l| &l.order).collect();
        assert!(baskets.len() < orders.len() * 97 / 100, "{} of {}", baskets.len(), orders.len());
        assert!((20..140).contains(&count(orders, |l| !l.counted)), "seed {seed}");
        assert!((15..120).contains(&count(orders, |l| l.quantity < 0.0)), "seed {seed}");
        assert!((8..60).contains(&count(orders, |l| l.gift)), "seed {seed}");
    }
}

#[test]
fn an_order_is_one_members_and_comes_before_what_is_brought_back() {
    let shop = SampleShop::grow(7, today());
    let joined: BTreeMap<_, _> = shop.members.iter().map(|m| (&m.id, m.joined_at.flatten())).collect();
    let mut first: BTreeMap<&OrderId, &OrderLine> = BTreeMap::new();
    for line in &shop.orders {
        let opened = *first.entry(&line.order).or_insert(line);
        assert_eq!((&opened.member, opened.counted), (&line.member, line.counted));
        assert!(opened.quantity > 0.0, "{line:?}");
        assert!(joined[&line.member] <= Some(line.ordered_at), "{line:?}");
    }
}

#[test]
fn some_dozens_are_about_to_run_out() {
    for seed in SEEDS {
        let shop = SampleShop::grow(seed, today());
        let group: BTreeMap<_, _> = shop.products.iter().map(|p| (&p.id, &p.group)).collect();
        let mut bought: BTreeMap<_, BTreeSet<Day>> = BTreeMap::new();
        for line in shop.orders.iter().filter(|l| l.counted && !l.gift && l.quantity > 0.0) {
            let days = bought.entry((&line.member, group[&line.product])).or_default();
            days.insert(Day::of(line.ordered_at, ZONE));
        }
        let soon = bought.values().filter(|days| {
            let days: Vec<Day> = days.iter().copied().collect();
            let mut gaps: Vec<i32> = days.windows(2).map(|d| d[1].since(d[0])).collect();
            gaps.sort();
            let next = gaps.get(gaps.len() / 2).map(|gap| days[days.len() - 1].plus(*gap));
            next.is_some_and(|next| (0..=5).contains(&next.since(today().into())))
        });
        let soon = soon.count();
        assert!((24..100).contains(&soon), "{soon} run out within five days, seed {seed}");
    }
}

#[test]
fn the_files_say_what_the_records_say() {
    let shop = SampleShop::grow(7, today());
    let folder = tempfile::tempdir().unwrap();
    shop.write(folder.path()).unwrap();
    let read = |name: &str| -> Vec<BTreeMap<String, String>> {
        csv::Reader::from_path(folder.path().join(name)).unwrap().deserialize().map(Result::unwrap).collect()
    };
    let (orders, members, products) = (read("orders.csv"), read("members.csv"), read("products.csv"));
    let rows = (orders.len(), members.len(), products.len());
    assert_eq!(rows, (shop.orders.len(), shop.members.len(), shop.products.len()));
    let time = |cell: &str| DateTime::parse_from_rfc3339(cell).unwrap().to_utc();
    for (row, line) in orders.iter().zip(&shop.orders) {
        let ids = (line.order.as_str(), line.member.as_str(), line.product.as_str());
        assert_eq!((&*row["order_id"], &*row["member_id"], &*row["product_id"]), ids);
        assert_eq!(time(&row["ordered_at"]), line.ordered_at);
        assert_eq!((!row["delivered_at"].is_empty()).then(|| time(&row["delivered_at"])), line.delivered_at);
        assert_eq!(row["quantity"].parse(), Ok(line.quantity));
        assert_eq!((row["status"] == "unpaid", row["gift"] == "yes"), (!line.counted, line.gift));
    }
    assert_eq!(members[0]["name"], "王小明");
    assert!(
        members.iter().any(|m| m["consent"] == "reminder;care")
            && members.iter().any(|m| m["consent"].is_empty())
    );
    assert_eq!(products.iter().filter(|p| p["days_supply"].is_empty()).count(), 1);
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let missing = Path::new("/nowhere/at/all");
    let error = SampleShop::grow(1, today()).write(missing).unwrap_err();
    assert!(error.to_string().contains("/nowhere/at/all/orders.csv"), "{error}");
}
