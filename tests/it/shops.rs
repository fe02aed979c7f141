//! The exports of well-known shops, as they come, through the program; returns, orders replaced as a whole.

use std::path::Path;

use replenish::domain::ids::Timestamp;
use replenish::domain::order::Line;
use replenish::store::Store;
use serde_json::Value;

use crate::support::house::House;
use crate::support::running::Running;

const SETTINGS: &str = r#"timezone = "Asia/Taipei"
[channel.email]
from = "Shop <hello@shop.example>"
[[channel.email.relay]]
url = "file:var/outbox"
"#;
const RULES: &str = r#"
[[rule]]
id = "refill"
kind = "reminder"
per = "product"
needs = { purchases = 2 }
send = { before = "5d" }
channel = "email"
template = "refill"
[guards]
consent_unknown = "allow"
quiet_hours = "03:00-03:30"
"#;

fn house(settings: &str) -> House {
    let house = House::of(settings, RULES);
    house.write(
        "templates/refill.jinja",
        "{% block subject %}Soon{% endblock %}{% block text %}{{ reason }}{% endblock %}",
    );
    house
}

fn import(house: &House, kind: &str, file: &str, more: &[&str]) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/shops").join(file);
    house.json(&[&["import", kind, path.to_str().unwrap()], more].concat())
}

fn count(report: &Value, keys: &[&str]) -> Vec<u64> {
    keys.iter().map(|key| report[key].as_u64().unwrap()).collect()
}

async fn store(house: &House) -> Store {
    Store::open(&format!("sqlite:{}", house.path("var/replenish.db").display())).await.unwrap()
}

/// All that the store holds of a member, as `product x quantity`, with a minus before what does not count.
async fn bought(house: &House, member: &str) -> Vec<String> {
    let store = store(house).await;
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let key = store.member_by_id(&member.into()).await.unwrap().unwrap_or_else(|| panic!("no {member}"));
    let (view, catalog) = (store.view(key, now, now).await.unwrap().unwrap(), store.catalog().await.unwrap());
    let told = |line: &Line| {
        let product = &catalog.product(line.product).unwrap().id;
        format!("{}{product} x {}", if line.counted { "" } else { "-" }, line.quantity)
    };
    view.lines.iter().map(told).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn shopify_orders_alone_let_mails_be_sent() {
    let house = house(SETTINGS);
    let report = import(&house, "orders", "shopify-orders.csv", &["--preset", "shopify"]);
    assert_eq!(count(&report, &["read", "stored", "rejected", "ignored"]), [12, 12, 0, 0], "{report}");
    let notes = report["notes"].as_array().unwrap();
    assert!(
        notes.len() == 1 && notes[0].as_str().unwrap().starts_with("1 orders were refunded in part"),
        "{notes:?}"
    );
    let amy = bought(&house, "amy@shop.example").await;
    assert_eq!(
        amy,
        [
            "0012-BEANS x 1",
            "FILTER x 2",
            "0012-BEANS x 1",
            "0012-BEANS x 1",
            "Gift card x 1",
            "-0012-BEANS x 1"
        ]
    );
    let bob = bought(&house, "bob@shop.example").await;
    assert_eq!(
        bob,
        ["-0012-BEANS x 1", "0012-BEANS x 1", "FILTER x 2", "-0012-BEANS x 1", "-0012-BEANS x 1"]
    );
    assert_eq!(bought(&house, "886912345678").await, ["FILTER x 2"]);

    house.json(&["run", "--once", "--now", "2025-10-10T12:00:00+08:00"]);
    let waiting = house.lines(&["jobs", "list", "--state", "scheduled", "--address", "AMY@shop.example"]);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let due = waiting[0]["due_at"].as_str().unwrap().to_owned();
    let pass = house.json(&["run", "--once", "--now", &due]);
    assert_eq!(pass["delivered"], 1, "{pass}");
    let mail = std::fs::read_dir(house.path("var/outbox")).unwrap().flatten().next().unwrap();
    let mail = std::fs::read_to_string(mail.path()).unwrap();
    assert!(mail.to_lowercase().contains("to: amy@shop.example"), "{mail}");

    house.json(&["forget", "--member", "amy@shop.example", "--yes"]);
    let again = import(&house, "orders", "shopify-orders.csv", &["--preset", "shopify"]);
    assert_eq!(count(&again, &["stored", "duplicate", "ignored"]), [0, 6, 6], "she stays out: {again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shopify_customers_and_products_fit_its_orders() {
    let house = house(&format!("{SETTINGS}[intake]\npreset = \"shopify\"\n"));
    import(&house, "orders", "shopify-orders.csv", &[]);
    let members = import(&house, "members", "shopify-customers.csv", &[]);
    assert_eq!(
        count(&members, &["replaced", "stored", "rejected"]),
        [2, 0, 0],
        "known from their orders: {members}"
    );
    let products = import(&house, "products", "shopify-products.csv", &[]);
    assert_eq!(count(&products, &["read", "ignored", "rejected"]), [4, 1, 0], "{products}");
    let (store, now) = (store(&house).await, "2026-01-01T00:00:00Z".parse().unwrap());
    let catalog = store.catalog().await.unwrap();
    let beans = catalog.products().find(|(_, p)| p.id.as_str() == "0012-BEANS").unwrap().1;
    assert_eq!(
        (beans.name.as_deref(), catalog.label(beans.group.unwrap())),
        (Some("Hill beans"), Some("hill-beans"))
    );
    assert_eq!(catalog.label(beans.category.unwrap()), Some("coffee"));
    let who = async |id: &str| {
        let key = store.member_by_id(&id.into()).await.unwrap().unwrap();
        store.view(key, now, now).await.unwrap().unwrap().member
    };
    let (amy, bob) = (who("amy@shop.example").await, who("bob@shop.example").await);
    assert_eq!(
        (amy.name.as_deref(), amy.consent.map(|c| c.len()), amy.tags.len()),
        (Some("Amy"), Some(2), 2)
    );
    assert_eq!((bob.consent.map(|c| c.len()), bob.region.as_deref()), (Some(0), Some("TNN")));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_ones_own_are_read_by_our_names_beside_a_preset() {
    let house = house(&format!("{SETTINGS}[intake]\npreset = \"shopify\"\n"));
    house.write("members.csv", "member_id,email,name\nm1,amy@shop.example,Amy\n");
    house.write("products.csv", "product_id,name\nbeans,Hill beans\n");
    house.write(
        "orders.csv",
        "order_id,member_id,product_id,ordered_at\no1,m1,beans,2025-08-08\n,m2,beans,2025-08-08\n",
    );
    house.write("more.jsonl", r#"{"member_id": "m3", "email": "bob@shop.example"}"#);
    for (kind, file) in [("members", "members.csv"), ("products", "products.csv"), ("members", "more.jsonl")]
    {
        assert_eq!(count(&house.json(&["import", kind, file]), &["stored", "rejected"]), [1, 0], "{file}");
    }
    let refused = house.run(&["import", "orders", "orders.csv", "--json"]);
    assert!(
        refused.out.contains("\"rejected\":1"),
        "no row without an order hangs on another's: {}",
        refused.out
    );
    let store = store(&house).await;
    for (id, is_known) in [("m1", true), ("m3", true), ("amy@shop.example", false)] {
        assert_eq!(store.member_by_id(&id.into()).await.unwrap().is_some(), is_known, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pushed_json_is_read_by_our_names_beside_a_preset() {
    let settings =
        format!("{SETTINGS}[intake]\npreset = \"shopify\"\n[http]\ntoken = {{ file = \"token\" }}\n");
    let house = house(&settings);
    house.write("token", "open-sesame");
    let daemon = Running::start(&house, &["--now", "2025-01-01T10:00:00+08:00"]).answering().await;
    let push = async |kind: &str, body: &str| {
        let shown = [("authorization", "Bearer open-sesame")];
        daemon.post(&format!("/v1/{kind}"), &shown, body.to_owned()).await
    };
    let (status, told) = push("members", r#"{"member_id": "m1", "email": "amy@shop.example"}"#).await;
    assert_eq!((status, count(&told, &["stored"])), (200, vec![1]), "{told}");
    let order = r#"{"order_id": "o1", "member_id": "m1", "product_id": "beans", "ordered_at": "2025-08-08"}"#;
    let astray = r#"{"product_id": "tea"}"#;
    let (status, told) = push("orders", &format!("[{order},{astray}]")).await;
    assert_eq!((status, count(&told, &["stored", "rejected"])), (200, vec![1, 1]), "{told}");
    assert_eq!(bought(&house, "m1").await, ["beans x 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn shopline_sets_count_as_their_parts() {
    let house = house(SETTINGS);
    let report = import(&house, "orders", "shopline-orders.csv", &["--preset", "shopline"]);
    assert_eq!(count(&report, &["read", "stored", "ignored", "rejected"]), [8, 7, 1, 0], "{report}");
    assert_eq!(report["hints"].as_array().map(Vec::len), Some(0));
    let member = bought(&house, "5d8c8b3b").await;
    assert_eq!(
        member[..3],
        ["高山茶 x 2".replace("高山茶", "T-01"), "OIL-L x 3".into(), "生薑精油 x 6".into()]
    );
    assert!(member[3..].iter().all(|line| line.starts_with('-')), "cancelled, refunded: {member:?}");
    let guest = bought(&house, "guest@shop.example").await;
    assert_eq!(guest, ["T-01 x 2", "T-01 x 1"], "what is paid on delivery is on its way");

    house.write("plain.csv", "訂單號碼,訂單日期,商品貨號,數量,顧客 ID\n1,2025/08/08,T-01,1,5d8c8b3b\n");
    let report = house.json(&["import", "orders", "plain.csv", "--preset", "shopline"]);
    assert!(report["hints"][0].as_str().unwrap().contains("商品類型"), "sets would count twice: {report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_91app_are_their_main_orders() {
    let house = house(&format!("{SETTINGS}[intake]\npreset = \"91app\"\n"));
    let report = import(&house, "orders", "91app-orders.csv", &[]);
    assert_eq!(count(&report, &["read", "stored", "rejected"]), [4, 4, 0], "{report}");
    assert_eq!(bought(&house, "M001").await, ["0038-TEA x 2", "CUP-W x 1", "-0038-TEA x 1"]);
    assert_eq!(bought(&house, "M002").await, ["-0038-TEA x 1"]);
    assert_eq!(house.lines(&["explain", "--order", "TG250808A00001"]).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn woocommerce_guests_are_known_by_their_address() {
    let house = house(SETTINGS);
    let report = import(&house, "orders", "woocommerce-orders.csv", &["--preset", "woocommerce"]);
    let counts = count(&report, &["read", "stored", "ignored", "rejected"]);
    assert_eq!(counts, [8, 7, 1, 0], "nobody failed to pay for 507: {report}");
    let amy = bought(&house, "12").await;
    assert_eq!(amy, ["BEANS x 1", "FILTER x 2", "-BEANS x 1", "-BEANS x 1", "BEANS x 1"]);
    assert_eq!(bought(&house, "guest@shop.example").await, ["Hill beans x 1", "-BEANS x 0"]);
}

#[test]
fn a_preset_of_ones_own_lies_beneath_the_settings() {
    let house = house(&format!(
        "{SETTINGS}[intake]\npreset = \"mine.toml\"\n[intake.orders.columns]\nmember_id = \"wer\"\n"
    ));
    house.write(
        "mine.toml",
        "[intake.orders.columns]\nmember_id = \"who\"\norder_id = [\"no\", \"number\"]\n",
    );
    house.write("orders.csv", "number,wer,who,product_id,ordered_at\n1,m1,x,A,2025-01-01\n");
    assert_eq!(count(&house.json(&["import", "orders", "orders.csv"]), &["stored"]), [1]);
    assert_eq!(house.run(&["forecast", "--member", "m1"]).code, 0, "the settings' own column counts");
    // a preset may take columns away: that counts as knowing them
    let took = "[intake.orders]\ndate_format = \"roc\"\n[intake.orders.columns]\nquantity = []\ngift = []\n";
    house.write("took.toml", took);
    house.write("roc.csv", "order_id,wer,product_id,ordered_at,quantity,gift\n7,m1,A,114/01/01,9,?\n");
    let told = house.json(&["import", "orders", "roc.csv", "--preset", "took.toml"]);
    assert_eq!(count(&told, &["stored", "rejected"]), [1, 0], "{told}");
    assert_eq!(told["unknown_columns"], serde_json::json!(["quantity", "gift"]), "{told}");
    house.write("mine.toml", "[intake.orders.colums]\nx = 1\n[shop]\nname = \"x\"\n");
    let told = house.run(&["check"]);
    assert!(told.code == 78, "{}{}", told.out, told.err);
    for part in ["mine.toml:1", "colums", "mine.toml:3", "`shop` does not belong in a preset"] {
        assert!(told.err.contains(part), "{part} in {}", told.err);
    }
    let unknown = house.run(&["import", "orders", "orders.csv", "--preset", "shopfy"]);
    assert!(unknown.code == 78 && unknown.err.contains("shopify, shopline, 91app"), "{}", unknown.err);
}

const HEADER: &str = "order_id,member_id,product_id,ordered_at,quantity\n";

#[test]
fn what_came_back_re_times_what_waits() {
    let house = house(SETTINGS);
    let months = (5..10).map(|month| format!("o{month},m1,beans,2025-{month:02}-07,2\n"));
    house.write("orders.csv", &std::iter::once(HEADER.to_owned()).chain(months).collect::<String>());
    house.write("members.csv", "member_id,email\nm1,m1@shop.example\n");
    for kind in ["orders", "members"] {
        house.json(&["import", kind, &format!("{kind}.csv")]);
    }
    let now = "2025-09-10T12:00:00+08:00";
    house.json(&["run", "--once", "--now", now]);
    let waiting = || house.lines(&["jobs", "list", "--state", "scheduled"]);
    assert_eq!(waiting().len(), 1);
    house.write(
        "returns.csv",
        "order_id,product_id,quantity,returned_at\no9,beans,1,2025-09-09\nx9,beans,,\n",
    );
    let report = house.json(&["import", "returns", "returns.csv"]);
    assert_eq!(
        count(&report, &["read", "stored", "rejected", "ignored", "unknown_returns"]),
        [2, 1, 0, 1, 1]
    );
    assert!(report["notes"][0].as_str().unwrap().contains("import the orders"), "{report}");
    house.json(&["run", "--once", "--now", now]);
    assert_eq!(waiting().len(), 1, "a piece was kept");
    house.write("returns.csv", "order_id,product_id\no9,beans\n");
    let report = house.json(&["import", "returns", "returns.csv"]);
    assert_eq!(count(&report, &["stored"]), [1], "another return, as it has no date: {report}");
    house.json(&["run", "--once", "--now", now]);
    let left = waiting();
    assert!(
        left.iter().all(|job| !job.to_string().contains("o9")),
        "the purchase was returned whole: {left:?}"
    );
    assert_eq!(house.lines(&["forecast", "--member", "m1", "--now", now])[0]["purchases"], 4);
    assert_eq!(house.run(&["import", "returns", "returns.csv", "--replace-orders"]).code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_replaced_as_a_whole_wherever_its_rows_stand() {
    let house = house(SETTINGS);
    house.write(
        "old.csv",
        &format!("{HEADER}far,m1,A,2025-01-01,1\nfar,m1,B,2025-01-01,1\nfar,m1,C,2025-01-01,1\nkept,m1,A,2025-02-01,1\n"),
    );
    house.json(&["import", "orders", "old.csv"]);
    // more rows lie between the order's than go into one transaction
    let between: String = (0..51_000).map(|n| format!("t{n},m2,tea,2025-01-02,1\n")).collect();
    let file = format!("{HEADER}far,m1,A,2025-01-01,1\n{between}far,m1,D,2025-01-01,1\n");
    house.write("new.csv", &file);
    let report = house.json(&["import", "orders", "new.csv", "--replace-orders"]);
    let keys = ["read", "stored", "duplicate", "removed"];
    assert_eq!(count(&report, &keys), [51_002, 51_001, 1, 2], "{report}");
    let mut left = bought(&house, "m1").await;
    left.sort();
    assert_eq!(left, ["A x 1", "A x 1", "D x 1"], "an order that the file does not name stays");
    let again = house.json(&["import", "orders", "new.csv", "--replace-orders"]);
    assert_eq!(count(&again, &keys), [51_002, 0, 51_002, 0], "{again}");

    // a row that cannot be read may be the line that seems to be gone
    house.write("torn.csv", &format!("{HEADER}far,m1,A,2025-01-01,1\n{between}far,m1,D,soon,1\n"));
    let torn = house.json(&["import", "orders", "torn.csv", "--replace-orders"]);
    assert_eq!(count(&torn, &keys), [51_002, 0, 51_001, 0], "{torn}");
    assert!(torn["notes"][0].as_str().unwrap().starts_with("1 orders have a rejected row"), "{torn}");
    assert_eq!(bought(&house, "m1").await.len(), 3);
}
