//! The inbox of a running daemon: files dropped there are imported once, put away, and what waits follows them; and
//! what an import under way holds back.

use std::time::{Duration, SystemTime};

use replenish::store::Store;
use serde_json::Value;

use crate::support::house::{House, RULE};
use crate::support::receiver::Receiver;
use crate::support::running::{Running, eventually};

const NOW: &str = "2026-04-02T10:00:00+08:00";
const CARE: &str = "
[[rule]]
id = \"thanks\"
kind = \"care\"
on = \"purchase\"
send = { after = \"22d\" }
channel = \"crm\"
valid_for = \"60d\"
";
const ORDERS: &str = "order_id,member_id,product_id,category,ordered_at,quantity
o0,m1,beans,coffee,2026-01-01,1
o1,m1,beans,coffee,2026-01-31,1
o2,m1,beans,coffee,2026-03-02,1
o3,m1,beans,coffee,2026-04-01,1
";

/// A file under another name first, as senders are told to, and long written.
fn drop_in(house: &House, name: &str, text: &str) {
    let path = house.write(&format!("inbox/{name}.part"), text);
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    std::fs::rename(&path, house.path(&format!("inbox/{name}"))).unwrap();
}

fn due(house: &House) -> Option<Value> {
    tokio::task::block_in_place(|| house.lines(&["jobs", "list", "--state", "scheduled"]))
        .first()
        .map(|job| job["due_at"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn files_dropped_into_the_inbox_are_taken_in_once() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULE, "[intake]\ninbox = \"inbox\"\n");
    drop_in(&house, "orders.csv", ORDERS);
    house.write("inbox/orders-being-written.csv.part", "order_id");
    let daemon = Running::start(&house, &["--now", NOW]).answering().await;
    let lies = |name: &str| house.path(&format!("inbox/{name}")).exists();
    eventually("the first file is done", async || lies("done/orders.csv")).await;
    eventually("a reminder waits", async || due(&house).is_some()).await;
    let before = due(&house);
    assert!(!lies("orders.csv") && lies("orders-being-written.csv.part"));

    drop_in(&house, "退貨.csv", "order_id,product_id\no3,beans\n");
    eventually("the return is done", async || lies("done/退貨.csv")).await;
    eventually("the reminder follows", async || due(&house) != before).await;

    drop_in(&house, "orders.csv", ORDERS);
    eventually("the same again is done", async || lies("done/orders-2.csv")).await;
    drop_in(&house, "products/today.csv", "product_id,name\nbeans,Hill beans\n");
    eventually("its folder says the kind", async || lies("done/today.csv")).await;

    let bad = "order_id,member_id,product_id,ordered_at\nx1,m9,A,never\nx2,m9,A,2026-03-01\n";
    drop_in(&house, "orders-bad.csv", bad);
    let mdy = "order_id,member_id,product_id,ordered_at\nx1,m9,A,03/25/2026\nx2,m9,A,03/26/2026\n";
    drop_in(&house, "orders-mdy.csv", mdy);
    drop_in(&house, "notes.txt", "hello");
    drop_in(&house, "members.csv", "name,amy@shop.example\n");
    for refused in
        ["orders-bad.csv", "orders-bad.csv.rejects.csv", "orders-mdy.csv", "notes.txt", "members.csv"]
    {
        eventually(refused, async || lies(&format!("refused/{refused}"))).await;
    }
    for (file, part) in [
        ("orders-bad.csv", "1 of its 2 rows are bad"),
        ("notes.txt", "its name does not begin"),
        ("members.csv", "columns found: name, amy@shop.example"),
        ("orders-mdy.csv", "set date_format = \"mdy\""),
    ] {
        let why = std::fs::read_to_string(house.path(&format!("inbox/refused/{file}.why.txt"))).unwrap();
        assert!(why.contains(part), "{part} in {why}");
    }
    let log = daemon.log();
    assert!(log.contains("refused") && !log.contains("never") && !log.contains("amy@"), "no row is in {log}");
    for (result, files) in [("refused", 4), ("done", 4)] {
        let line = format!("replenish_inbox_total{{result=\"{result}\"}} {files}");
        eventually(&line, async || daemon.measures(&line).await).await;
    }
    assert_eq!(
        tokio::task::block_in_place(|| house.run(&["forecast", "--member", "m9"])).code,
        1,
        "nothing of it was kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_says_what_an_earlier_one_said_counts_as_the_last_word() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULE, "[intake]\ninbox = \"inbox\"\n");
    let daemon = Running::start(&house, &["--now", NOW]).answering().await;
    let files = [("no", "members.csv"), ("reminder", "members-2.csv"), ("no", "members-3.csv")];
    for (consent, done) in files {
        drop_in(&house, "members.csv", &format!("member_id,consent\nm1,{consent}\n"));
        eventually(done, async || house.path(&format!("inbox/done/{done}")).exists()).await;
    }
    let store = Store::open(&format!("sqlite:{}", house.path("var/replenish.db").display())).await.unwrap();
    let (key, now) = (store.member_by_id(&"m1".into()).await.unwrap().unwrap(), NOW.parse().unwrap());
    let consent = store.view(key, now, now).await.unwrap().unwrap().member.consent;
    assert_eq!(consent.map(|agreed| agreed.len()), Some(0), "it was withdrawn: {}", daemon.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn returns_that_come_before_their_orders_wait_for_them() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULE, "[intake]\ninbox = \"inbox\"\n");
    let daemon = Running::start(&house, &["--now", NOW]).answering().await;
    let lies = |name: &str| house.path(&format!("inbox/{name}")).exists();
    drop_in(&house, "returns.csv", "order_id,product_id\no3,beans\n");
    eventually("they wait", async || daemon.log().contains("it waits for the orders")).await;
    assert!(lies("returns.csv"));
    drop_in(&house, "orders.csv", ORDERS);
    eventually("both are done", async || lies("done/orders.csv") && lies("done/returns.csv")).await;
    let forecast = tokio::task::block_in_place(|| house.lines(&["forecast", "--member", "m1", "--now", NOW]));
    assert_eq!(forecast[0]["purchases"], 3, "{}", daemon.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_pass_takes_the_inbox_in_and_bad_rows_stay_with_their_file() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULE, "[intake]\ninbox = \"inbox\"\nmax_rejects = \"50%\"\n");
    let lies = |name: &str| house.path(&format!("inbox/done/{name}")).exists();
    let once = || tokio::task::block_in_place(|| house.json(&["run", "--once", "--now", NOW]));
    for name in ["orders.csv", "orders-2.csv"] {
        drop_in(&house, "orders.csv", &format!("{ORDERS}o4,m7,beans,coffee,never,1\n"));
        once();
        assert!(lies(name) && lies(&format!("{name}.rejects.csv")), "{name}");
    }
    assert!(due(&house).is_some());
    drop_in(&house, "members.csv", "member_id\nm7\n");
    once();
    let forgotten = tokio::task::block_in_place(|| house.json(&["forget", "--member", "m7", "--yes"]));
    assert_eq!(forgotten["rejects"], 2, "{forgotten}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reminders_wait_while_orders_are_on_their_way_in_and_care_goes() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, &format!("{RULE}{CARE}"), "");
    house.write("orders.csv", ORDERS);
    let once = |now: &str| tokio::task::block_in_place(|| house.json(&["run", "--once", "--now", now]));
    tokio::task::block_in_place(|| house.json(&["import", "orders", "orders.csv"]));
    once(NOW);
    let waiting = tokio::task::block_in_place(|| {
        house.lines(&["jobs", "list", "--state", "scheduled", "--rule", "refill"])
    });
    let due = waiting[0]["due_at"].as_str().unwrap().to_owned();

    let store = Store::open(&format!("sqlite:{}", house.path("var/replenish.db").display())).await.unwrap();
    let mark = store.mark_import().await.unwrap();
    let pass = once(&due);
    assert_eq!(pass["delivered"], 1, "{pass}");
    let (_, body) = receiver.seen().pop().unwrap();
    assert_eq!(body["data"]["rule"], "thanks");
    let held = tokio::task::block_in_place(|| house.lines(&["jobs", "list", "--rule", "refill"]));
    assert_eq!(held[0]["reason"], "import_under_way", "{held:?}");

    store.end_import(mark).await.unwrap();
    let pass = once(&due);
    assert_eq!(pass["delivered"], 1, "{pass}");
    assert_eq!(receiver.seen().pop().unwrap().1["data"]["rule"], "refill");
}
