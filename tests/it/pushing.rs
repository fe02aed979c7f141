//! Records pushed over HTTP to a running daemon: in every layout, within bounds, by whom it may be, and what follows.

use std::io::Write;

use chrono::{DateTime, TimeDelta, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::StreamExt;
use replenish::store::Store;
use serde_json::{Value, json};

use crate::support::house::{House, RULE};
use crate::support::postgres;
use crate::support::receiver::Receiver;
use crate::support::running::{Running, eventually};
use crate::support::workbook::{Cell, Sheet, workbook};

const TOKEN: &str = "[http]\ntoken = { file = \"token\" }\n";
const SHOWN: (&str, &str) = ("authorization", "Bearer open-sesame");
/// Before every order of these tests: nothing is planned yet.
const EARLY: [&str; 2] = ["--now", "2026-01-01T10:00:00+08:00"];

async fn house(receiver: &Receiver, more: &str) -> House {
    let house = House::with(receiver, RULE, &format!("{more}{TOKEN}"));
    house.write("token", "open-sesame");
    house
}

fn packed(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

async fn embedded(house: &House) -> Store {
    Store::open(&format!("sqlite:{}", house.path("var/replenish.db").display())).await.unwrap()
}

fn order(id: &str) -> Value {
    json!({"order_id": id, "member_id": "m1", "product_id": "beans", "ordered_at": "2026-03-02", "quantity": 2})
}

/// read, stored, replaced, duplicate, rejected, ignored.
fn counts(answer: &Value) -> [u64; 6] {
    let count = |key: &str| answer[key].as_u64().unwrap_or_else(|| panic!("{key} in {answer}"));
    ["read", "stored", "replaced", "duplicate", "rejected", "ignored"].map(count)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_layout_is_taken_in_as_a_file_is() {
    let receiver = Receiver::start().await;
    let house = house(&receiver, "").await;
    let daemon = Running::start(&house, &EARLY).answering().await;
    let (o1, o2) = (order("1").to_string(), order("2").to_string());
    let pretty = serde_json::to_string_pretty(&order("1")).unwrap();
    let csv = "order_id,member_id,product_id,ordered_at,quantity\n1,m1,beans,2026-03-02,3\n";
    let [names, cells] =
        [0, 1].map(|row| csv.lines().nth(row).unwrap_or_default().split(',').map(Cell::from).collect());
    let gzip = ("content-encoding", "gzip");
    let excel = ("content-type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
    let json = ("content-type", "application/json");
    let csv_type = ("content-type", "Text/CSV; charset=utf-8");
    let form = ("content-type", "application/x-www-form-urlencoded");
    type Case<'a> = (&'a [(&'a str, &'a str)], Vec<u8>, [u64; 6]);
    let cases: [Case<'_>; 9] = [
        (&[json], o1.clone().into(), [1, 1, 0, 0, 0, 0]),
        (&[json], pretty.into(), [1, 0, 0, 1, 0, 0]),
        (&[form], format!("[{o1},\n{o2}]").into(), [2, 1, 0, 1, 0, 0]),
        (&[], format!("{o1}\n{o2}\n").into(), [2, 0, 0, 2, 0, 0]),
        (&[json, gzip], packed(&format!("[{o1},{o2}]")), [2, 0, 0, 2, 0, 0]),
        (&[csv_type], csv.into(), [1, 0, 1, 0, 0, 0]),
        (&[csv_type, gzip], packed(csv), [1, 0, 0, 1, 0, 0]),
        (&[excel], workbook(&[Sheet("orders", true, vec![(1, names), (2, cells)])]), [1, 0, 0, 1, 0, 0]),
        (&[json], "[]".into(), [0; 6]),
    ];
    for (headers, body, expected) in cases {
        let told = String::from_utf8_lossy(&body).into_owned();
        let (status, answer) = daemon.post("/v1/orders", &[headers, &[SHOWN]].concat(), body).await;
        assert_eq!((status, counts(&answer)), (200, expected), "{told}: {answer}");
        assert_eq!((&answer["kind"], &answer["rejects"]), (&json!("orders"), &json!([])));
        assert!(answer["seconds"].is_number());
    }
    let member = json!([{"member_id": "m1", "email": "amy@shop.example", "tags": ["a", "b"]}]);
    let (status, answer) = daemon.post("/v1/members", &[SHOWN], member.to_string()).await;
    assert_eq!((status, counts(&answer)), (200, [1, 0, 1, 0, 0, 0]), "{answer}");
    let product = json!({"product_id": "beans", "name": "Beans", "colour": "brown"});
    let (status, answer) = daemon.post("/v1/products", &[SHOWN], product.to_string()).await;
    assert_eq!((status, counts(&answer)), (200, [1, 0, 1, 0, 0, 0]), "{answer}");
    assert_eq!(answer["unknown_columns"], json!(["colour"]));

    let back = json!({"order_id": "unheard-of", "product_id": "beans"});
    let (status, answer) = daemon.post("/v1/returns", &[SHOWN], back.to_string()).await;
    assert_eq!((status, counts(&answer), &answer["unknown_returns"]), (200, [1, 0, 0, 0, 0, 1], &json!(1)));

    let metrics = daemon.text("/metrics").await;
    for line in [
        "replenish_intake_total{kind=\"orders\",result=\"stored\"} 2",
        "replenish_intake_total{kind=\"orders\",result=\"duplicate\"} 8",
        "replenish_intake_total{kind=\"members\",result=\"replaced\"} 1",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} in {metrics}");
    }
    let feed = embedded(&house).await.feed_at().await.unwrap();
    assert!(feed.is_some_and(|at| Utc::now() - at < TimeDelta::minutes(5)), "{feed:?}");
    let left: Vec<_> =
        std::fs::read_dir(house.path("var")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("pushed")), "{left:?}");
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn good_rows_count_beside_bad_ones_and_a_body_without_any_is_refused() {
    let receiver = Receiver::start().await;
    let house = house(&receiver, "").await;
    let daemon = Running::start(&house, &EARLY).answering().await;
    let post = async |headers: &[(&str, &str)], body: &str| {
        daemon.post("/v1/orders", &[headers, &[SHOWN]].concat(), body.to_owned()).await
    };
    let bad = r#"{"order_id":"9","member_id":"amy@shop.example","product_id":"beans","ordered_at":"soon"}"#;
    assert_eq!(post(&[], bad).await.0, 422);
    assert_eq!(
        embedded(&house).await.feed_at().await.unwrap(),
        None,
        "a feed of nothing but bad rows is none"
    );
    let mixed = format!("[7, {}, {bad}]", order("1"));
    let (status, answer) = post(&[], &mixed).await;
    assert_eq!((status, counts(&answer)), (200, [3, 1, 0, 0, 2, 0]), "{answer}");
    assert_eq!((&answer["rejects"][0]["line"], &answer["rejects"][1]["line"]), (&json!(1), &json!(3)));
    let reason = answer["rejects"][1]["reason"].as_str().unwrap();
    assert!(reason.contains("ordered_at: `soon` is no time"), "{reason}");

    let (status, answer) = post(&[], &format!("{bad}\n").repeat(150)).await;
    assert_eq!((status, counts(&answer)), (422, [150, 0, 0, 0, 150, 0]));
    assert_eq!(answer["rejects"].as_array().unwrap().len(), 100, "as many as an answer tells");
    assert!(!daemon.log().contains("amy@"), "{}", daemon.log());

    for (headers, body, status, says) in [
        (&[][..], "[{}", 422, "no whole JSON array"),
        (&[("content-encoding", "gzip")], "{}", 422, "no whole gzip"),
        (&[("content-encoding", "br")], "{}", 415, "only gzip"),
        (&[("content-type", "text/csv")], "a,b\n1,2\n", 422, "body.csv: no column for order_id"),
        (&[], "", 200, ""),
    ] {
        let (found, answer) = post(headers, body).await;
        assert_eq!(found, status, "{body}: {answer}");
        let told = answer["error"].as_str().unwrap_or_default();
        assert!(told.contains(says) && !told.contains("/var/"), "{told}");
    }
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_bounded_as_they_come_and_unpacked() {
    let receiver = Receiver::start().await;
    let house = house(&receiver, "").await;
    let daemon = Running::start(&house, &EARLY).answering().await;
    let padded = |size: usize| {
        let order = order("1").to_string();
        order.clone() + &" ".repeat(size - order.len())
    };
    let mib = 1024 * 1024;
    let gzip = ("content-encoding", "gzip");
    let (status, answer) = daemon.post("/v1/orders", &[SHOWN], padded(8 * mib + 1)).await;
    assert_eq!(status, 413);
    assert!(answer["error"].as_str().unwrap().contains("larger than 8 MiB"), "{answer}");
    let bomb = packed(&"\n".repeat(64 * mib + 1));
    assert!(bomb.len() < mib, "{}", bomb.len());
    let (status, answer) = daemon.post("/v1/orders", &[SHOWN, gzip], bomb).await;
    assert_eq!(status, 413);
    assert!(answer["error"].as_str().unwrap().contains("larger than 64 MiB"), "{answer}");
    let (_, answer) = daemon.post("/v1/orders", &[SHOWN, gzip], packed(&format!("{}\n", order("2")))).await;
    assert_eq!(counts(&answer), [1, 1, 0, 0, 0, 0], "the first order that was kept");
    for (body, says) in [
        (packed(&format!("{}\n", order("3"))), "send it with `Content-Encoding: gzip`"),
        (b"PK\x03\x04".to_vec(), "send it with `Content-Type: application/vnd.openxml"),
    ] {
        let (status, answer) = daemon.post("/v1/orders", &[SHOWN], body).await;
        assert_eq!(status, 422);
        assert!(answer["error"].as_str().unwrap().contains(says), "{answer}");
    }
    // a row may not be that long, the body may
    let (status, answer) = daemon.post("/v1/orders", &[SHOWN], padded(8 * mib)).await;
    assert_eq!((status, counts(&answer)[4]), (422, 1), "{answer}");
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_shows_the_token_may_push() {
    let receiver = Receiver::start().await;
    let house = house(&receiver, "").await;
    let daemon = Running::start(&house, &EARLY).answering().await;
    for kind in ["orders", "members", "products"] {
        for shown in [None, Some("Bearer open-sesam"), Some("Basic open-sesame"), Some("Bearer ")] {
            let headers: Vec<_> = shown.map(|shown| ("authorization", shown)).into_iter().collect();
            let (status, answer) =
                daemon.post(&format!("/v1/{kind}"), &headers, order("1").to_string()).await;
            assert_eq!(status, 401, "{kind} {shown:?}: {answer}");
        }
    }
    let store = embedded(&house).await;
    assert_eq!(store.member_by_id(&"m1".into()).await.unwrap(), None);
    daemon.end();
}

/// Ten thousand orders of one to three lines; now and then one that was cancelled, and one product twice.
fn ten_thousand() -> Vec<Vec<Value>> {
    let mut random = fastrand::Rng::with_seed(20_260_302);
    let start: DateTime<Utc> = "2026-02-01T00:00:00Z".parse().unwrap();
    (0..10_000)
        .map(|n| {
            let at = start + TimeDelta::minutes(random.i64(0..80_000));
            let member = format!("m{:04}", random.u32(0..2_000));
            let status = if random.u32(0..20) == 0 { "cancelled" } else { "paid" };
            let lines = 0..random.u32(1..4);
            let line = |_| {
                let product = random.u32(0..50);
                json!({"order_id": format!("o{n:05}"), "member_id": member, "product_id": format!("p{product}"),
                    "category": format!("c{}", product % 7), "ordered_at": at.to_rfc3339(),
                    "quantity": random.u32(1..5), "unit_price": f64::from(random.u32(1..999)) / 4.0, "status": status})
            };
            lines.map(line).collect()
        })
        .collect()
}

fn lines(orders: &[Vec<Value>]) -> String {
    orders.iter().flatten().map(|line| format!("{line}\n")).collect()
}

/// Every line of the history by the shop's own names.
async fn history(url: &str) -> Vec<String> {
    let store = Store::open(url).await.unwrap();
    let now = "2026-06-01T00:00:00Z".parse().unwrap();
    let catalog = store.catalog().await.unwrap();
    let mut all = Vec::new();
    for (_, view) in store.views(None, 100_000, now, now).await.unwrap() {
        let view = view.unwrap();
        for line in view.lines {
            let (product, level) =
                (catalog.product(line.product).unwrap(), replenish::domain::catalog::Level::Category);
            let category = catalog.item(line.product, level).map(|item| catalog.item_id(item).to_owned());
            let (member, order) = (&view.member.id, &line.order);
            let told = (product.id.as_str(), category, line.at, line.quantity, line.counted);
            all.push(format!("{member} {order} {told:?}"));
        }
    }
    all.sort();
    all
}

/// In batches of 100, each twice, in any order and four at once, in every layout: then what the file says is known.
async fn pushed_as_imported(more: &str, url: impl Fn(&House) -> String) {
    let receiver = Receiver::start().await;
    let (by_http, by_file) = (house(&receiver, more).await, house(&receiver, "").await);
    let orders = ten_thousand();
    let count = orders.iter().flatten().count() as u64;
    let daemon = Running::start(&by_http, &EARLY).answering().await;
    let mut batches: Vec<&[Vec<Value>]> = orders.chunks(100).chain(orders.chunks(100)).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut batches);
    let push = |(n, batch): (usize, &&[Vec<Value>])| {
        let array = || json!(batch.iter().flatten().collect::<Vec<_>>()).to_string();
        let (body, gzip) = match n % 4 {
            0 => (array().into_bytes(), false),
            1 => (packed(&array()), true),
            2 => (lines(batch).into_bytes(), false),
            _ => (packed(&lines(batch)), true),
        };
        let headers = [SHOWN, ("content-encoding", if gzip { "gzip" } else { "identity" })];
        let daemon = &daemon;
        async move { daemon.post("/v1/orders", &headers, body).await }
    };
    let pushes: Vec<_> = batches.iter().enumerate().map(push).collect();
    let answers: Vec<_> = futures::stream::iter(pushes).buffer_unordered(4).collect().await;
    let mut sum = [0; 6];
    for (status, answer) in answers {
        assert_eq!(status, 200, "{answer}");
        counts(&answer).into_iter().zip(&mut sum).for_each(|(more, sum)| *sum += more);
    }
    assert_eq!(sum, [2 * count, count, 0, count, 0, 0]);
    by_http.write("orders.jsonl", &lines(&orders));
    by_file.write("orders.jsonl", &lines(&orders));
    let import =
        |house: &House| tokio::task::block_in_place(|| house.json(&["import", "orders", "orders.jsonl"]));
    assert_eq!(import(&by_file)["stored"], count);
    let file = history(&format!("sqlite:{}", by_file.path("var/replenish.db").display())).await;
    assert_eq!((file.len() as u64, history(&url(&by_http)).await == file), (count, true), "the same history");
    // identities, prices and words too
    assert_eq!(import(&by_http)["duplicate"], count);
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_orders_pushed_twice_are_the_history_of_their_file() {
    let sqlite = |house: &House| format!("sqlite:{}", house.path("var/replenish.db").display());
    pushed_as_imported("", sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_orders_pushed_twice_are_the_history_of_their_file_over_postgres() {
    let Some(url) = postgres::database().await else { return };
    pushed_as_imported(&format!("[store]\nurl = \"{url}\"\n"), |_| url.clone()).await;
}

/// When the next reminder of the only member is due, once it waits.
pub async fn until_due(house: &House) -> DateTime<Utc> {
    let due = || {
        let waiting = house.lines(&["jobs", "list", "--state", "scheduled"]);
        waiting.first().map(|job| job["due_at"].as_str().unwrap().parse().unwrap())
    };
    eventually("a reminder waits", async || tokio::task::block_in_place(due).is_some()).await;
    tokio::task::block_in_place(due).unwrap()
}

/// Four orders, thirty days apart.
pub fn rhythm(member: &str) -> String {
    let dates = ["2026-01-01", "2026-01-31", "2026-03-02", "2026-04-01"];
    let rows = dates.map(|date| format!("{date},{member},beans,coffee,{date},1\n"));
    format!("order_id,member_id,product_id,category,ordered_at,quantity\n{}", rows.concat())
}
pub const AFTER_THE_LAST: &str = "2026-04-02T10:00:00+08:00";

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_comes_before_the_reminder_skips_it() {
    let receiver = Receiver::start().await;
    let house = house(&receiver, "").await;
    house.write("orders.csv", &rhythm("m1"));
    tokio::task::block_in_place(|| house.json(&["import", "orders", "orders.csv"]));
    let planning = Running::start(&house, &["--now", AFTER_THE_LAST]).answering().await;
    let due = until_due(&house).await;
    planning.end();

    // the receiver lets the job wait, planned and assembled
    receiver.refuse(true);
    let after = |minutes| (due + TimeDelta::minutes(minutes)).to_rfc3339();
    let daemon = Running::start(&house, &["--now", &after(1)]).answering().await;
    let jobs = |args: &[&str]| {
        tokio::task::block_in_place(|| house.lines(&[&["jobs", "list"], args].concat())).len()
    };
    let waits = ["--state", "scheduled", "--reason", "throttled"];
    eventually("the receiver refuses", async || jobs(&waits) == 1).await;
    let mut bought = order("again");
    bought["ordered_at"] = json!((due - TimeDelta::hours(1)).to_rfc3339());
    let (status, answer) = daemon.post("/v1/orders", &[SHOWN], bought.to_string()).await;
    assert_eq!((status, counts(&answer)), (200, [1, 1, 0, 0, 0, 0]), "{answer}");
    daemon.end();

    // the time comes when it would be tried again
    receiver.refuse(false);
    let daemon = Running::start(&house, &["--now", &after(10)]).answering().await;
    let skipped = ["--state", "skipped", "--reason", "reordered"];
    eventually("the reminder is skipped", async || jobs(&skipped) == 1).await;
    assert_eq!(receiver.seen(), []);
    daemon.end();
}
