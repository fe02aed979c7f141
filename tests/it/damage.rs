//! A shop in whose ledger some rows are damaged: everyone else is planned and written to, and those members are named.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::house::{self, House, RULE, Ran, orders};
use crate::support::postgres;
use crate::support::receiver::Receiver;

const DAY_BEFORE: &str = "2026-05-19T10:00:00+08:00";
const NOON: &str = "2026-05-20T10:00:00+08:00";
const LATER: &str = "2026-05-20T11:10:00+08:00";
const MEMBERS: usize = 500;

/// A shop of 500 members, planned a day ago, on the store of this URL.
fn shop(receiver: &Receiver, store: &str) -> House {
    let house = House::with(receiver, RULE, &format!("[store]\nurl = \"{store}\"\n"));
    house.write("orders.csv", &orders(MEMBERS, 7));
    house.json(&["import", "orders", "orders.csv"]);
    let day = house.json(&["run", "--once", "--now", DAY_BEFORE]);
    assert!(day["planned"].as_u64().unwrap() > 500, "{day}");
    house
}

async fn sql(store: &str, folder: &Path, text: &str) {
    match store.strip_prefix("sqlite:") {
        Some(path) => {
            let ledger = rusqlite::Connection::open(folder.join(path)).unwrap();
            ledger.execute_batch(text).unwrap();
        }
        None => {
            let (client, connection) = tokio_postgres::connect(store, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(text).await.unwrap();
        }
    }
}

/// Whom the receiver heard of, after the first `skip` messages.
fn reached(receiver: &Receiver, skip: usize) -> BTreeSet<String> {
    let of = |(_, body): &(String, Value)| body["data"]["member"]["id"].as_str().unwrap().to_owned();
    receiver.seen().iter().skip(skip).map(of).collect()
}

fn pass(house: &House, now: &str) -> Ran {
    house::ran(house.command(&["run", "--once", "--now", now, "--json"]).output().unwrap())
}

/// Whom the same shop writes to at `NOON` where nothing is damaged.
async fn sound() -> BTreeSet<String> {
    let receiver = Receiver::start().await;
    let house = tokio::task::block_in_place(|| shop(&receiver, "sqlite:var/replenish.db"));
    let before = receiver.seen().len();
    assert_eq!(tokio::task::block_in_place(|| pass(&house, NOON)).code, 0);
    let reached = reached(&receiver, before);
    assert!(reached.len() > 5, "{reached:?}");
    reached
}

async fn two_damaged_members_are_named_and_the_others_are_served(store: &str) {
    let due = sound().await;
    let [broken, unknown, well] = [0, 1, 2].map(|n| due.iter().nth(n).unwrap());
    let receiver = Receiver::start().await;
    let house = tokio::task::block_in_place(|| shop(&receiver, store));
    let before = receiver.seen().len();
    let folder = house.path(".");
    let damage = format!(
        "UPDATE member SET tags = '[', wake_at = 0 WHERE id = '{broken}'; \
         UPDATE occasion SET held_for = 'of_a_later_version' WHERE state = 'open' \
            AND member = (SELECT key FROM member WHERE id = '{unknown}')"
    );
    sql(store, &folder, &damage).await;

    let ran = tokio::task::block_in_place(|| pass(&house, NOON));
    let told = ran.err.lines().filter(|line| line.contains("set aside for an hour")).collect::<Vec<_>>();
    assert_eq!(told.len(), 2, "each once: {}", ran.err);
    assert!(told.iter().any(|line| line.contains("of table member is damaged")), "{told:?}");
    let of_unknown = format!("row of member {unknown} of table occasion is damaged");
    assert!(told.iter().any(|line| line.contains(&of_unknown) && line.contains("ERROR")), "{told:?}");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(reached(&receiver, before), due.iter().skip(2).cloned().collect());

    tokio::task::block_in_place(|| {
        let plan = house.run(&["plan", "--now", NOON, "--json"]);
        assert_eq!((plan.code, plan.json()[0]["members"].as_u64()), (1, Some(MEMBERS as u64 - 2)));
        assert_eq!(plan.json()[0]["damaged"].as_array().unwrap().len(), 2);
        let explained = house.run(&["explain", "--member", unknown]);
        assert!(explained.code == 1 && explained.err.contains(&of_unknown), "{}", explained.err);
        assert_eq!(house.run(&["explain", "--member", well]).code, 0);
        let stopped = house.run(&["suppress", "add", "--member", broken]);
        assert_eq!(stopped.code, 0, "an opt-out holds whatever else is amiss: {}", stopped.err);
        house.json(&["verify"]);
    });

    let mend = "UPDATE member SET tags = '[]'; UPDATE occasion SET held_for = NULL WHERE held_until IS NULL \
        OR held_for = 'of_a_later_version'";
    sql(store, &folder, mend).await;
    let before = receiver.seen().len();
    let ran = tokio::task::block_in_place(|| pass(&house, LATER));
    assert!(!ran.err.contains("set aside"), "{}", ran.err);
    assert_eq!(
        reached(&receiver, before),
        BTreeSet::from([unknown.clone()]),
        "after an hour; {broken} opted out"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn in_sqlite() {
    two_damaged_members_are_named_and_the_others_are_served("sqlite:var/replenish.db").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_postgresql() {
    let Some(store) = postgres::database().await else { return };
    two_damaged_members_are_named_and_the_others_are_served(&store).await;
}
