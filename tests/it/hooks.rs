//! Shops' order webhooks over real sockets: only what the shop signed counts, once, and the newest word stands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use replenish::store::Store;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::pushing::{AFTER_THE_LAST, rhythm, until_due};
use crate::support::house::{House, RULE};
use crate::support::postgres;
use crate::support::receiver::Receiver;
use crate::support::redis::Redis;
use crate::support::running::{Running, eventually};

const SECRETS: &str =
    "[http]\nshopify_secret = { file = \"shopify\" }\nwoocommerce_secret = { file = \"woocommerce\" }\n";
const AMY: &str = "amy@shop.example";
const EARLY: [&str; 2] = ["--now", "2026-03-20T10:00:00+08:00"];

fn house(receiver: &Receiver, more: &str) -> House {
    let house = House::with(receiver, RULE, &format!("{more}{SECRETS}"));
    house.write("shopify", "hush");
    house.write("woocommerce", "quiet");
    house
}

fn signed(secret: &str, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    STANDARD.encode(mac.chain_update(body).finalize().into_bytes())
}

async fn shopify(daemon: &Running, topic: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let signature = signed("hush", &body);
    let headers = [
        ("x-shopify-hmac-sha256", signature.as_str()),
        ("x-shopify-topic", topic),
        ("x-shopify-webhook-id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"),
    ];
    daemon.post("/v1/shopify", &headers, body).await
}

async fn woocommerce(daemon: &Running, topic: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let signature = signed("quiet", &body);
    let headers = [("x-wc-webhook-signature", signature.as_str()), ("x-wc-webhook-topic", topic)];
    daemon.post("/v1/woocommerce", &headers, body).await
}

/// Amy's order of beans, so many minutes after it was made.
fn order(minute: u32, quantity: u32) -> Value {
    json!({
        "id": 820_982_911_946_154_508_u64, "name": "#1001", "email": "Amy@shop.example",
        "created_at": "2026-03-02T15:00:00+08:00", "updated_at": format!("2026-03-02T15:{minute:02}:00+08:00"),
        "cancelled_at": null, "financial_status": "paid",
        "line_items": [{"id": 11, "sku": "beans", "name": "Beans", "quantity": quantity, "price": "9.50"}],
        "refunds": []
    })
}

/// Product, quantity and whether it counts, of each of the member's lines.
async fn lines(house: &House, member: &str) -> Vec<(String, f64, bool)> {
    let url = format!("sqlite:{}", house.path("var/replenish.db").display());
    let store = Store::open(&url).await.unwrap();
    let catalog = store.catalog().await.unwrap();
    let Some(key) = store.member_by_id(&member.into()).await.unwrap() else { return Vec::new() };
    let now = "2026-12-01T00:00:00Z".parse().unwrap();
    let view = store.view(key, now, now).await.unwrap().unwrap();
    let line = |l: &replenish::domain::order::Line| {
        (catalog.product(l.product).unwrap().id.to_string(), l.quantity, l.counted)
    };
    view.lines.iter().map(line).collect()
}

fn beans(quantity: f64, counted: bool) -> (String, f64, bool) {
    ("beans".to_owned(), quantity, counted)
}

/// stored, replaced, duplicate, rejected, ignored.
fn counts(answer: &Value) -> [u64; 5] {
    let count = |key: &str| answer[key].as_u64().unwrap_or_else(|| panic!("{key} in {answer}"));
    ["stored", "replaced", "duplicate", "rejected", "ignored"].map(count)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_shop_has_signed_gets_in() {
    let receiver = Receiver::start().await;
    let house = house(&receiver, "");
    let daemon = Running::start(&house, &EARLY).answering().await;
    let body = order(1, 2).to_string();
    let tampered = body.replace("\"quantity\":2", "\"quantity\":9");
    assert_ne!(tampered, body);
    let right = signed("hush", &body);
    let cases = [
        ("/v1/shopify", "x-shopify-hmac-sha256", signed("hus", &body), &body),
        ("/v1/shopify", "x-shopify-hmac-sha256", right.clone(), &tampered),
        ("/v1/shopify", "x-shopify-hmac-sha256", "!".to_owned(), &body),
        ("/v1/shopify", "authorization", "Bearer hush".to_owned(), &body),
        ("/v1/woocommerce", "x-wc-webhook-signature", right.clone(), &body),
    ];
    for (path, header, value, body) in cases {
        let headers = [
            (header, value.as_str()),
            ("x-shopify-topic", "orders/create"),
            ("x-wc-webhook-topic", "order.created"),
        ];
        let (status, answer) = daemon.post(path, &headers, body.clone()).await;
        assert_eq!(status, 401, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains("_secret` of the settings"), "{answer}");
    }
    assert_eq!(lines(&house, AMY).await, []);
    let (status, answer) = shopify(&daemon, "orders/create", &order(1, 2)).await;
    assert_eq!((status, counts(&answer)), (200, [1, 0, 0, 0, 0]), "{answer}");
    assert_eq!(lines(&house, AMY).await, [beans(2.0, true)]);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(daemon.post("/v1/woocommerce", &form, "webhook_id=7").await.0, 200, "the ping is not signed");
    assert_eq!(daemon.post("/v1/woocommerce", &form, "webhook_id=7&x=y").await.0, 401);
    let large = " ".repeat(4 * 1024 * 1024 + 1);
    assert_eq!(daemon.post("/v1/shopify", &[], large).await.0, 413);
    assert!(!daemon.log().to_lowercase().contains("amy@"), "{}", daemon.log());
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_in_the_settings_no_webhook_is_taken() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULE, "");
    let daemon = Running::start(&house, &EARLY).answering().await;
    for (status, answer) in [
        shopify(&daemon, "orders/create", &order(1, 2)).await,
        woocommerce(&daemon, "order.created", &json!({})).await,
    ] {
        assert_eq!(status, 403);
        assert!(answer["error"].as_str().unwrap().contains("_secret` under [http]"), "{answer}");
    }
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_word_of_shopify_stands_and_the_export_meets_it() {
    let receiver = Receiver::start().await;
    let house = house(&receiver, "");
    let daemon = Running::start(&house, &EARLY).answering().await;
    let mut two = order(3, 2);
    two["line_items"]
        .as_array_mut()
        .unwrap()
        .push(json!({"id": 12, "sku": "tea", "name": "Tea", "quantity": 1}));
    let (_, answer) = shopify(&daemon, "orders/paid", &two).await;
    assert_eq!(counts(&answer), [2, 0, 0, 0, 0], "{answer}");
    assert_eq!(answer["order"], "#1001");
    for replay in ["orders/paid", "orders/updated"] {
        let (status, answer) = shopify(&daemon, replay, &two).await;
        assert_eq!((status, counts(&answer)), (200, [0, 0, 2, 0, 0]), "{answer}");
    }
    let (status, answer) = shopify(&daemon, "orders/create", &order(0, 7)).await;
    assert_eq!((status, counts(&answer)), (200, [0, 0, 0, 0, 1]), "{answer}");
    assert!(answer["because"].as_str().unwrap().contains("a later change"), "{answer}");
    assert_eq!(lines(&house, AMY).await.len(), 2);

    // the tea was taken out
    let (_, answer) = shopify(&daemon, "orders/updated", &order(5, 2)).await;
    assert_eq!((counts(&answer), &answer["removed"]), ([0, 0, 1, 0, 0], &json!(1)), "{answer}");
    assert_eq!(lines(&house, AMY).await, [beans(2.0, true)]);
    house.write(
        "orders.csv",
        "order_id,member_id,product_id,ordered_at,quantity,unit_price,status\n\
         #1001,amy@shop.example,beans,2026-03-02 15:00:00 +0800,2,9.50,paid\n",
    );
    let import = tokio::task::block_in_place(|| house.json(&["import", "orders", "orders.csv"]));
    assert_eq!(import["duplicate"], 1, "{import}");

    let refund = json!({"id": 509, "order_id": 820_982_911_946_154_508_u64, "created_at": "2026-03-02T15:06:00+08:00",
        "refund_line_items": [{"id": 104, "line_item_id": 11, "quantity": 1,
            "line_item": {"id": 11, "sku": "beans", "name": "Beans", "quantity": 2}}]});
    for expected in [[1, 0, 0, 0, 0], [0, 0, 0, 0, 1]] {
        let (_, answer) = shopify(&daemon, "refunds/create", &refund).await;
        assert_eq!((&answer["order"], counts(&answer)), (&json!("#1001"), expected), "{answer}");
        assert_eq!(lines(&house, AMY).await, [beans(2.0, true), beans(-1.0, true)]);
    }
    let mut cancelled = order(9, 2);
    (cancelled["cancelled_at"], cancelled["refunds"]) = (json!("2026-03-02T15:09:00+08:00"), json!([refund]));
    shopify(&daemon, "orders/cancelled", &cancelled).await;
    assert_eq!(lines(&house, AMY).await, [beans(2.0, false), beans(-1.0, false)]);
    // an export from before, imported late
    let written: DateTime<Utc> = "2026-03-02T15:05:00+08:00".parse().unwrap();
    let export = std::fs::File::options().append(true).open(house.path("orders.csv")).unwrap();
    export.set_modified(written.into()).unwrap();
    let import = tokio::task::block_in_place(|| house.json(&["import", "orders", "orders.csv"]));
    assert_eq!((&import["ignored"], &import["replaced"]), (&json!(1), &json!(0)), "{import}");
    assert_eq!(lines(&house, AMY).await, [beans(2.0, false), beans(-1.0, false)]);

    shopify(&daemon, "orders/updated", &order(11, 2)).await;
    let body = json!({"id": 820_982_911_946_154_508_u64}).to_string();
    for (sent, replaced) in [("2026-03-02T07:10:00.123Z", 0), ("2026-03-02T07:12:00.123Z", 1)] {
        let signature = signed("hush", &body);
        let headers = [
            ("x-shopify-hmac-sha256", signature.as_str()),
            ("x-shopify-topic", "orders/delete"),
            ("x-shopify-triggered-at", sent),
        ];
        let (_, answer) = daemon.post("/v1/shopify", &headers, body.clone()).await;
        assert_eq!((&answer["order"], &answer["replaced"]), (&json!("#1001"), &json!(replaced)), "{answer}");
    }
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_no_order_is_answered_all_the_same() {
    let receiver = Receiver::start().await;
    let house = house(&receiver, "");
    let daemon = Running::start(&house, &EARLY).answering().await;
    let unknown = json!({"order_id": 1, "created_at": "2026-03-02T15:06:00+08:00",
        "refund_line_items": [{"id": 1, "quantity": 1, "line_item": {"sku": "beans", "quantity": 1}}]});
    let cases = [
        ("carts/update", json!({}), [0, 0, 0, 0, 1], "`carts/update` says nothing of orders"),
        ("refunds/create", unknown, [0, 0, 0, 0, 1], "is not known"),
        ("orders/create", json!({"name": "#1"}), [0, 0, 0, 1, 0], "missing field"),
    ];
    for (topic, body, expected, says) in cases {
        let (status, answer) = shopify(&daemon, topic, &body).await;
        assert_eq!((status, counts(&answer)), (200, expected), "{answer}");
        assert!(answer["because"].as_str().unwrap().contains(says), "{answer}");
    }
    let metrics = daemon.text("/metrics").await;
    assert!(metrics.contains("replenish_intake_total{kind=\"orders\",result=\"ignored\"} 2\n"), "{metrics}");
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_woocommerce_lives_and_is_deleted_and_restored() {
    let receiver = Receiver::start().await;
    let house = house(&receiver, "");
    let daemon = Running::start(&house, &EARLY).answering().await;
    let order = |modified: DateTime<Utc>, status: &str| {
        json!({"id": 727, "number": "727", "status": status, "customer_id": 0,
            "date_created_gmt": "2026-03-02T07:00:00",
            "date_modified_gmt": modified.format("%Y-%m-%dT%H:%M:%S").to_string(),
            "billing": {"email": AMY}, "line_items": [{"sku": "beans", "name": "Beans", "quantity": 2, "price": 9.5}]})
    };
    let now = Utc::now();
    let minutes = |n| now + TimeDelta::minutes(n);
    for (at, topic, status, expected, counted) in [
        (-9, "order.created", "pending", [1, 0, 0, 0, 0], false),
        (-8, "order.updated", "processing", [0, 1, 0, 0, 0], true),
        (-8, "order.updated", "processing", [0, 0, 1, 0, 0], true),
        (-9, "order.updated", "pending", [0, 0, 0, 0, 1], true),
        (-7, "order.updated", "refunded", [0, 1, 0, 0, 0], false),
        (-6, "order.updated", "completed", [0, 1, 0, 0, 0], true),
    ] {
        let (code, answer) = woocommerce(&daemon, topic, &order(minutes(at), status)).await;
        assert_eq!((code, counts(&answer)), (200, expected), "{status}: {answer}");
        assert_eq!(lines(&house, AMY).await, [beans(2.0, counted)], "{status}");
    }
    let (_, answer) = woocommerce(&daemon, "order.deleted", &json!({"id": 8})).await;
    assert_eq!(
        (counts(&answer), &answer["because"]),
        (
            [0, 0, 0, 0, 1],
            &json!("the order is not known; should an older word of it come, it does not count")
        )
    );
    let late = |at| {
        let mut order = order(minutes(at), "completed");
        (order["id"], order["number"]) = (json!(8), json!("8"));
        order["billing"]["email"] = json!("bob@shop.example");
        order
    };
    for (at, expected) in [(-1, [0, 0, 0, 0, 1]), (2, [1, 0, 0, 0, 0])] {
        let (_, answer) = woocommerce(&daemon, "order.created", &late(at)).await;
        assert_eq!(counts(&answer), expected, "made before it was deleted, and restored since: {answer}");
    }
    woocommerce(&daemon, "order.updated", &late(3)).await;
    let (_, answer) = woocommerce(&daemon, "order.deleted", &json!({"id": 727})).await;
    assert_eq!((&answer["order"], counts(&answer)), (&json!("727"), [0, 1, 0, 0, 0]), "{answer}");
    let (_, answer) = woocommerce(&daemon, "order.updated", &order(minutes(-6), "completed")).await;
    assert_eq!(counts(&answer), [0, 0, 0, 0, 1], "on its way since before: {answer}");
    assert_eq!(lines(&house, AMY).await, [beans(2.0, false)]);
    woocommerce(&daemon, "order.restored", &order(minutes(1), "completed")).await;
    assert_eq!(lines(&house, AMY).await, [beans(2.0, true)]);
    daemon.end();
}

/// Amy's order of beans, made at that moment.
fn bought(at: DateTime<Utc>) -> Value {
    let mut order = order(0, 1);
    (order["created_at"], order["updated_at"]) = (json!(at.to_rfc3339()), json!(at.to_rfc3339()));
    order
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_by_webhook_takes_the_planned_reminder_away() {
    let receiver = Receiver::start().await;
    let house = house(&receiver, "");
    house.write("orders.csv", &rhythm(AMY));
    tokio::task::block_in_place(|| house.json(&["import", "orders", "orders.csv"]));
    let planning = Running::start(&house, &["--now", AFTER_THE_LAST]).answering().await;
    let due = until_due(&house).await;
    planning.end();
    let before = (due - TimeDelta::minutes(30)).to_rfc3339();
    let daemon = Running::start(&house, &["--now", &before]).answering().await;
    let (_, answer) = shopify(&daemon, "orders/create", &bought(due - TimeDelta::hours(1))).await;
    assert_eq!(counts(&answer), [1, 0, 0, 0, 0], "{answer}");
    // the next need, weeks later
    let moved = async || until_due(&house).await > due + TimeDelta::days(7);
    eventually("the reminder is re-timed", moved).await;
    daemon.end();
    let late = (due + TimeDelta::minutes(30)).to_rfc3339();
    let ran = tokio::task::block_in_place(|| house.json(&["run", "--once", "--now", &late]));
    assert_eq!((&ran["delivered"], receiver.seen().len()), (&json!(0), 0));
    let found = tokio::task::block_in_place(|| house.lines(&["jobs", "list", "--address", AMY]));
    assert_eq!(found.len(), 1, "the address of the order is the member's");
}

/// Nobody plans between the offer and the claim: what the claim reads of the ledger decides.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_fleet_an_order_that_comes_after_the_offer_skips_the_reminder_at_its_claim() {
    let (receiver, redis) = (Receiver::start().await, Redis::start());
    let Some(store) = postgres::database().await else { return };
    let parts = format!("[store]\nurl = \"{store}\"\n[queue]\nurl = \"{}\"\n", redis.url());
    let house = house(&receiver, &parts);
    house.write("orders.csv", &rhythm(AMY));
    tokio::task::block_in_place(|| house.json(&["import", "orders", "orders.csv"]));
    let role = async |role: &str, now: &str| {
        Running::start(&house, &["--role", role, "--now", now]).answering().await
    };
    let planner = role("planner", AFTER_THE_LAST).await;
    let due = until_due(&house).await;
    planner.end();
    let now = (due + TimeDelta::minutes(1)).to_rfc3339();
    let planner = role("planner", &now).await;
    let jobs = |state: &str| tokio::task::block_in_place(|| house.lines(&["jobs", "list", "--state", state]));
    eventually("the job is offered", async || jobs("queued").len() == 1).await;
    planner.end();

    let face = role("http", &now).await;
    let (status, answer) = shopify(&face, "orders/create", &bought(due - TimeDelta::hours(1))).await;
    assert_eq!((status, counts(&answer)), (200, [1, 0, 0, 0, 0]), "{answer}");
    face.end();
    let worker = role("worker", &now).await;
    eventually("the reminder is skipped", async || {
        jobs("skipped").iter().any(|j| j["reason"] == "reordered")
    })
    .await;
    worker.end();
    assert_eq!(receiver.seen(), []);
}
