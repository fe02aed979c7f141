//! The road, end to end: orders in, signed webhooks out, each once, whatever happens on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::house::{House, RULE, orders, real_history};
use crate::support::receiver::Receiver;
use crate::support::redis::{Redis, free_port};
use crate::support::{house, postgres};

const NOON: &str = "2026-05-20T10:00:00+08:00";
const NEXT_DAY: &str = "2026-05-21T10:00:00+08:00";

/// Imports the made-up orders and makes the pass of `NOON`.
async fn first_pass(receiver: &Receiver, more: &str, members: usize) -> (House, Value) {
    let house = House::with(receiver, RULE, more);
    house.write("orders.csv", &orders(members, 7));
    let imported = house.json(&["import", "orders", "orders.csv"]);
    assert_eq!(imported["rejected"], 0, "{imported}");
    let pass = once(&house, NOON).await;
    (house, pass)
}

async fn once(house: &House, now: &str) -> Value {
    let mut command = house.command(&["run", "--once", "--now", now, "--json"]);
    house::ran(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()).one()
}

/// What always holds of a ledger holds of this one.
fn assert_sound(house: &House) {
    let ran = house.run(&["verify"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

/// Occasions with their verdicts, as far as they do not depend on the machine.
fn ledger(house: &House) -> BTreeSet<String> {
    let row = |job: Value| {
        let picked: BTreeMap<_, _> = ["id", "state", "rule", "member", "channel", "due_at", "reason"]
            .map(|k| (k, job[k].clone()))
            .into();
        json!(picked).to_string()
    };
    house.lines(&["jobs", "list"]).into_iter().map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_due_job_is_delivered_once_signed_and_the_next_day_brings_only_what_is_new() {
    let receiver = Receiver::start().await;
    let (house, pass) = first_pass(&receiver, "", 150).await;
    let delivered = pass["delivered"].as_u64().unwrap() as usize;
    assert!(delivered > 20, "{pass}");
    assert_eq!(receiver.seen().len(), delivered);
    assert_eq!(receiver.unsigned(), 0);
    assert!(receiver.ids().values().all(|n| *n == 1));

    let again = once(&house, NOON).await;
    assert_eq!(again["delivered"], 0, "{again}");
    let before: BTreeSet<String> = receiver.ids().into_keys().collect();
    let next = once(&house, NEXT_DAY).await;
    let after: BTreeSet<String> = receiver.ids().into_keys().collect();
    assert_eq!(after.len() - before.len(), next["delivered"].as_u64().unwrap() as usize);
    assert!(receiver.ids().values().all(|n| *n == 1));

    let body = &receiver.seen()[0].1;
    assert_eq!(body["type"], "reminder");
    for key in
        ["job", "rule", "step", "valid_until", "unsubscribe_url", "member", "items", "reason", "cautions"]
    {
        assert!(!body["data"][key].is_null(), "{key} in {body}");
    }
    for key in ["id", "name", "last_purchase", "quantity", "need_date", "p10", "p90"] {
        assert!(!body["data"]["items"][0][key].is_null(), "{key} in {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_engines_and_queues_come_to_the_same_occasions_and_verdicts() {
    let redis = Redis::start();
    let ledger_on = |url: &str| format!("[store]\nurl = \"{url}\"\n");
    let with_redis = |url: &str| format!("{}[queue]\nurl = \"{}\"\n", ledger_on(url), redis.url());
    let (first, second) = (postgres::database().await, postgres::database().await);
    let (first, second) = (first.expect("PostgreSQL is installed"), second.expect("PostgreSQL is installed"));
    let setups = [String::new(), ledger_on(&first), with_redis(&second)];
    let mut results = Vec::new();
    for more in &setups {
        let receiver = Receiver::start().await;
        let (house, pass) = first_pass(&receiver, more, 60).await;
        assert!(receiver.ids().values().all(|n| *n == 1));
        assert_eq!(pass["delivered"].as_u64().unwrap() as usize, receiver.seen().len());
        let next = once(&house, NEXT_DAY).await;
        assert_sound(&house);
        let mut bodies: Vec<String> =
            receiver.seen().into_iter().map(|(id, body)| format!("{id} {}", body["data"]["items"])).collect();
        bodies.sort();
        let counts = format!("planned {} then delivered {}", pass["planned"], next["delivered"]);
        results.push((counts, ledger(&house), bodies));
    }
    for (other, name) in [(1, "PostgreSQL"), (2, "PostgreSQL and Redis")] {
        assert_eq!(results[0].0, results[other].0, "{name}");
        let differing: Vec<_> = results[0].1.symmetric_difference(&results[other].1).collect();
        assert!(differing.is_empty(), "{name}: {differing:?}");
        let differing = results[0].2.iter().zip(&results[other].2).find(|(a, b)| a != b);
        assert_eq!(differing, None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_loses_nothing_and_repeats_only_what_was_in_flight() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULE, "[queue]\nconcurrency = 8\n");
    house.write("orders.csv", &orders(400, 7));
    house.json(&["import", "orders", "orders.csv"]);
    receiver.slow_down(Duration::from_millis(20));
    let mut command = house.command(&["run", "--once", "--now", NOON]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    receiver.until(40).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let before = receiver.seen().len();
    receiver.slow_down(Duration::ZERO);

    let pass = once(&house, NOON).await;
    let delivered = house.lines(&["jobs", "list", "--state", "delivered"]);
    let ids = receiver.ids();
    assert!(pass["delivered"].as_u64().unwrap() > 0 && before < ids.len(), "the kill came in the middle");
    assert_eq!(delivered.len(), ids.len(), "every job reached the receiver");
    let twice = ids.values().filter(|n| **n > 1).count();
    assert!(twice <= 8 && ids.values().all(|n| *n <= 2), "{twice} repeated with 8 in flight");
    for state in ["sending", "queued", "uncertain"] {
        assert!(house.lines(&["jobs", "list", "--state", state]).is_empty(), "{state}");
    }
    assert_sound(&house);
}

/// One member with a rhythm of thirty days and an open reminder; the receiver is down when it falls due.
async fn waiting(receiver: &Receiver) -> (House, String) {
    let house = House::with(receiver, RULE, "");
    let mut rows = String::from("order_id,member_id,product_id,category,ordered_at,quantity\n");
    for (n, date) in ["2026-01-01", "2026-01-31", "2026-03-02", "2026-04-01"].iter().enumerate() {
        rows.push_str(&format!("o{n},m1,beans,coffee,{date},1\n"));
    }
    house.write("orders.csv", &rows);
    house.json(&["import", "orders", "orders.csv"]);
    once(&house, "2026-04-02T10:00:00+08:00").await;
    let due =
        house.lines(&["jobs", "list", "--state", "scheduled"])[0]["due_at"].as_str().unwrap().to_owned();
    receiver.refuse(true);
    let pass = once(&house, &due).await;
    assert_eq!(pass["retrying"], 1, "{pass}");
    receiver.refuse(false);
    (house, due)
}

async fn later(house: &House, due: &str) -> Value {
    let due: chrono::DateTime<chrono::Utc> = due.parse().unwrap();
    once(house, &(due + chrono::TimeDelta::minutes(90)).to_rfc3339()).await
}

fn explained(house: &House) -> String {
    house.json(&["explain", "--member", "m1"]).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_between_planning_and_delivery_is_respected_and_explained() {
    let orders_again = "order_id,member_id,product_id,category,ordered_at,quantity\n";
    let due_day = |due: &str| due.get(..10).unwrap().to_owned();
    // nothing happens: it is delivered late
    let receiver = Receiver::start().await;
    let (house, due) = waiting(&receiver).await;
    assert_eq!(later(&house, &due).await["delivered"], 1);
    // bought again
    let (house, due) = waiting(&receiver).await;
    house.write("again.csv", &format!("{orders_again}o9,m1,beans,coffee,{},1\n", due_day(&due)));
    house.json(&["import", "orders", "again.csv"]);
    assert_eq!(later(&house, &due).await["delivered"], 0);
    assert!(explained(&house).contains("reordered"), "{}", explained(&house));
    // returned
    let (house, due) = waiting(&receiver).await;
    house.write("back.csv", &format!("{orders_again}o3,m1,beans,coffee,2026-04-03,-1\n"));
    house.json(&["import", "orders", "back.csv"]);
    assert_eq!(later(&house, &due).await["delivered"], 0);
    assert!(explained(&house).contains("returned"), "{}", explained(&house));
    // opted out, by consent and by suppression
    let (house, due) = waiting(&receiver).await;
    house.write("members.csv", "member_id,consent\nm1,\n");
    house.json(&["import", "members", "members.csv"]);
    assert_eq!(later(&house, &due).await["delivered"], 0);
    assert!(explained(&house).contains("no_consent"), "{}", explained(&house));
    let (house, due) = waiting(&receiver).await;
    let cancelled = house.json(&["suppress", "add", "--member", "m1", "--because", "asked by phone"]);
    assert_eq!(cancelled["cancelled"], 1, "{cancelled}");
    assert_eq!(later(&house, &due).await["delivered"], 0);
    assert!(explained(&house).contains("suppressed"), "{}", explained(&house));
    assert_eq!(receiver.seen().len(), 1, "only the first one was written to");
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_sends_just_the_failures_again_and_judges_guards_anew() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULE, "[retry]\nattempts = 1\n");
    house.write("orders.csv", &orders(60, 7));
    house.json(&["import", "orders", "orders.csv"]);
    house.write("wrong.toml", "");
    let wrong =
        house.command(&["run", "--once", "--now", NOON, "--json"]).env("CRM_SECRET", "whsec_AAAA").output();
    let pass = house::ran(wrong.unwrap()).one();
    let failed = pass["failed"].as_u64().unwrap();
    assert!(failed > 5 && receiver.unsigned() == failed, "{pass}");

    let plain = house.run(&["jobs", "replay", "--state", "failed"]);
    assert_eq!(plain.code, 2, "without a terminal and without --yes: {}", plain.err);
    let dry = house.json(&["jobs", "replay", "--state", "failed", "--now", NOON, "--dry-run"]);
    assert_eq!(dry["matched"], failed, "{dry}");
    let replayed = house.json(&["jobs", "replay", "--state", "failed", "--now", NOON, "--yes"]);
    assert_eq!(replayed["matched"], failed, "{replayed}");
    let pass = once(&house, NOON).await;
    assert_eq!(pass["delivered"], failed, "{pass}");
    assert!(receiver.ids().values().all(|n| *n == 1));
    let id = receiver.seen()[0].0.clone();
    let shown = house.json(&["jobs", "show", &id]);
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 2, "{shown}");
    assert_eq!(shown["state"], "delivered");
    for key in ["message_id", "rules_hash", "occasions", "evidence", "guards", "history"] {
        assert!(!shown[key].is_null(), "{key} in {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_delivers_answers_and_drains_on_sigterm() {
    let receiver = Receiver::start().await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let port = free_port();
    let house = House::with(&receiver, RULE, &format!("[http]\nlisten = \"127.0.0.1:{port}\"\n"));
    house.write("orders.csv", &orders(60, 7));
    house.json(&["import", "orders", "orders.csv"]);
    let child = house.command(&["run", "--now", NOON]).stderr(Stdio::piped()).spawn().unwrap();
    receiver.until(20).await;
    let get = |path: &str| reqwest::get(format!("http://127.0.0.1:{port}{path}"));
    assert_eq!(get("/healthz").await.unwrap().status(), 200);
    assert_eq!(get("/readyz").await.unwrap().status(), 200);
    // The receiver hears of a job before the ledger does.
    let counted = async {
        while !get("/metrics").await.unwrap().text().await.unwrap().contains("replenish_jobs_total") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), counted).await.expect("deliveries are counted");
    let second = house.run(&["run", "--once", "--now", NOON]);
    assert_eq!(second.code, 1, "the ledger is taken: {}", second.err);

    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    assert!(ended.status.success());
    let logs = String::from_utf8(ended.stderr).unwrap();
    assert!(logs.lines().all(|l| serde_json::from_str::<Value>(l).is_ok()), "logs are JSON: {logs}");
    for state in ["queued", "sending"] {
        assert!(house.lines(&["jobs", "list", "--state", state]).is_empty(), "{state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_writes_to_the_outbox_and_serves_nothing() {
    let receiver = Receiver::start().await;
    let (house, pass) = first_pass(&receiver, "deliver = \"shadow\"\n", 60).await;
    let shadowed = pass["delivered"].as_u64().unwrap() as usize;
    assert!(shadowed > 5 && receiver.seen().is_empty(), "{pass}");
    assert_eq!(std::fs::read_dir(house.path("var/outbox")).unwrap().count(), shadowed);
    let settings = std::fs::read_to_string(house.path("replenish.toml")).unwrap();
    house.write("replenish.toml", &settings.replace("shadow", "live"));
    let live = once(&house, NOON).await;
    assert_eq!(live["delivered"].as_u64().unwrap() as usize, shadowed);
    assert_eq!(receiver.seen().len(), shadowed);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_real_history_is_read_whole_and_twice_is_once() {
    let Some(history) = real_history("completejourney_a.csv.gz") else { return };
    let house = House::with(&Receiver::start().await, RULE, "");
    let import = || house.json(&["import", "orders", history.to_str().unwrap()]);
    let (first, again) = (import(), import());
    assert_eq!((first["read"].as_u64(), first["rejected"].as_u64()), (Some(730_082), Some(0)), "{first}");
    assert_eq!((again["stored"].as_u64(), again["replaced"].as_u64()), (Some(0), Some(0)), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn real_orders_become_thousands_of_jobs_each_once() {
    let Some(tafeng) = real_history("tafeng.csv.gz") else { return };
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULE, "");
    let file = tafeng.to_str().unwrap();
    let first = house.json(&["import", "orders", file]);
    assert_eq!((first["read"].as_u64(), first["rejected"].as_u64()), (Some(817_741), Some(0)), "{first}");
    let again = house.json(&["import", "orders", file]);
    assert_eq!((again["stored"].as_u64(), again["replaced"].as_u64()), (Some(0), Some(0)), "{again}");
    let pass = once(&house, "2001-02-01T10:00:00+08:00").await;
    assert!(pass["delivered"].as_u64().unwrap() > 2_000, "{pass}");
    assert_eq!(receiver.unsigned(), 0);
    assert!(receiver.ids().values().all(|n| *n == 1));
    assert_eq!(once(&house, "2001-02-01T10:00:00+08:00").await["delivered"], 0);
}
