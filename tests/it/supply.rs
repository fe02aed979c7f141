//! What brands know of their products: how long a piece lasts, what a kit holds, when it arrived.

use std::fmt::Write as _;

use chrono::{NaiveDate, TimeDelta};
use serde_json::Value;

use crate::support::house::House;
use crate::support::receiver::Receiver;

const RULE: &str = r#"
[[rule]]
id = "refill"
kind = "reminder"
needs = { purchases = 2, or_days_supply = true }
send = { before = "5d", time = "10:00-12:00" }
channel = "crm"
"#;
const PRODUCTS: &str = "product_id,name,group,days_supply,contains\n\
    A,Capsules,capsules,30,\nA60,Capsules large,capsules,60,\nSIX,Double 11 box,,,A*6\nB,Night cream,,90,\nC,Candle,,,\n";
const AFTER_DOUBLE_11: &str = "2025-11-12T09:00:00+08:00";

/// Twenty members who bought one bottle a month until October.
fn monthly() -> String {
    let mut csv = "order_id,member_id,product_id,ordered_at,quantity,delivered_at\n".to_owned();
    for member in 0..20 {
        for month in 0..9 {
            let late = (member * 5 + month * 3) % 5 - 2;
            let day = NaiveDate::from_ymd_opt(2025, 2, 10).unwrap() + TimeDelta::days(month * 30 + late);
            writeln!(csv, "{member}-{month},m{member},A,{day},1,").unwrap();
        }
    }
    csv
}

/// The day on which a message to `member` about `item` falls due.
fn due(house: &House, member: &str) -> Option<NaiveDate> {
    let jobs = house.lines(&["jobs", "list", "--member", member]);
    let open: Vec<&Value> = jobs.iter().filter(|job| job["state"] == "scheduled").collect();
    assert!(open.len() <= 1, "{jobs:?}");
    open.first().map(|job| job["due_at"].as_str().unwrap()[..10].parse().unwrap())
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

async fn house(orders: &str, rule: &str) -> House {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, rule, "");
    house.write("products.csv", PRODUCTS);
    house.write("orders.csv", &(monthly() + orders));
    let run = |args: &'static [&'static str]| tokio::task::block_in_place(|| house.json(args));
    assert_eq!(run(&["import", "products", "products.csv"])["rejected"], 0);
    assert_eq!(run(&["import", "orders", "orders.csv"])["rejected"], 0);
    run(&["run", "--once", "--now", AFTER_DOUBLE_11]);
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn after_six_bottles_at_double_11_the_next_reminder_comes_when_they_end() {
    let six = "d1,m3,A,2025-11-11,6,\n";
    let kit = "d2,m4,SIX,2025-11-11,1,\n";
    let large = "d3,m5,A60,2025-11-11,3,\n";
    let one = "d4,m6,A,2025-11-11,1,\n";
    let house = house(&[six, kit, large, one].concat(), RULE).await;
    for member in ["m3", "m4", "m5"] {
        let due = due(&house, member).unwrap();
        assert!((day("2026-04-27")..=day("2026-05-11")).contains(&due), "{member}: {due}");
    }
    let usual = due(&house, "m6").unwrap();
    assert!((day("2025-12-02")..=day("2025-12-09")).contains(&usual), "{usual}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_without_history_has_a_date_by_its_supply_counted_from_delivery() {
    let orders = "e1,ann,B,2025-11-10,1,\ne2,bob,B,2025-11-10,1,2025-11-11\ne3,cid,C,2025-11-10,1,\n";
    let by_supply = house(orders, RULE).await;
    let ann = due(&by_supply, "ann").unwrap();
    assert!((day("2026-02-01")..=day("2026-02-04")).contains(&ann), "{ann}");
    assert_eq!(due(&by_supply, "bob"), ann.succ_opt());
    assert_eq!(due(&by_supply, "cid"), None, "nothing is known of candles");
    let without = house(orders, &RULE.replace(", or_days_supply = true", "")).await;
    assert_eq!(due(&without, "ann"), None);
}
