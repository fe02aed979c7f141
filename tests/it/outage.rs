//! Nobody at work for hours or days: what is too late is never sent, and is counted and named; the rest goes.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use replenish::domain::change::Change;
use replenish::domain::occasion::Occasion;
use replenish::domain::reason::Reason;
use replenish::store::Outage;
use serde_json::Value;

use crate::contract::{Place, apply, assembled, cases, day, member, occasion};
use crate::support::house::{House, RULE, orders};
use crate::support::receiver::Receiver;
use crate::support::running::{Running, eventually};

cases! {
    what_was_missed_is_told_once
    a_clock_that_was_set_back_makes_no_outage
}

const QUARTER: TimeDelta = TimeDelta::minutes(15);

async fn what_was_missed_is_told_once(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    assert_eq!(store.take_outage(day(9)).await.unwrap(), None, "nobody ever planned");
    store.note_planner(day(2), QUARTER, true).await.unwrap();
    // each lasts ten days from its due date
    let over_before = occasion("1", -9);
    let too_late = occasion("2", 0);
    let late = occasion("3", 5);
    let to_come = occasion("4", 20);
    let held_for_good =
        Occasion { held_until: Some(day(13)), held_for: Some(Reason::NoConsent), ..occasion("5", 3) };
    let held_for_now =
        Occasion { held_until: Some(day(4)), held_for: Some(Reason::OrdersStale), ..occasion("6", 3) };
    let plans = [over_before, too_late, late, to_come, held_for_good, held_for_now].map(Change::Plan);
    assert_eq!(apply(&store, key, day(1), plans.into()).await, [true; 6]);
    assembled(&store, key, "7", 1).await;
    let told = futures::future::join_all((0..4).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.take_outage(day(14)).await.unwrap() })
    }));
    let told: Vec<Outage> = told.await.into_iter().filter_map(|outage| outage.unwrap()).collect();
    let expired = BTreeMap::from([("refill".into(), 3)]);
    let outage = Outage { from: day(2), until: day(14), late: 1, expired };
    assert_eq!(told, std::slice::from_ref(&outage), "one of four is told");
    assert_eq!(store.planner_at().await.unwrap(), Some(day(14)));
    assert_eq!(place.open().await.outages(day(14), day(99)).await.unwrap(), [outage]);
    assert_eq!(store.outages(day(15), day(99)).await.unwrap(), [], "over before");
    assert_eq!(store.outages(day(0), day(1)).await.unwrap(), [], "to come");
    // the same rows once more, in a later stretch: nothing more ends in it
    assert_eq!(store.take_outage(day(14) + QUARTER).await.unwrap().unwrap().expired, BTreeMap::new());
    assert_eq!(store.outages(day(0), day(99)).await.unwrap().len(), 1, "nothing missed, nothing on record");
}

async fn a_clock_that_was_set_back_makes_no_outage(place: Place) {
    let store = place.open().await;
    let noted = async |now, is_real| {
        store.note_planner(now, QUARTER, is_real).await.unwrap();
        store.planner_at().await.unwrap().unwrap()
    };
    assert_eq!(noted(day(5), false).await, day(5));
    assert_eq!(noted(day(1), false).await, day(5), "a person looked back");
    assert_eq!(noted(day(5) + QUARTER, false).await, day(5) + QUARTER);
    assert_eq!(noted(day(7), true).await, day(5) + QUARTER, "that is an outage, to be told first");
    assert_eq!(noted(day(1), true).await, day(1), "a person had looked ahead");
    assert_eq!(store.take_outage(day(1)).await.unwrap(), None);
}

const DOWN: &str = "2026-05-20T10:00:00+08:00";
const UP: &str = "2026-06-01T10:00:00+08:00";

/// A house that was last at work on the day it went down, and what was planned then.
async fn down(receiver: &Receiver) -> (House, Vec<Value>) {
    let house = House::with(receiver, RULE, "");
    let until_then: String = orders(60, 7)
        .lines()
        .filter(|line| line.split(',').nth(4).is_some_and(|at| at < "2026-05-20" || at == "ordered_at"))
        .map(|line| format!("{line}\n"))
        .collect();
    house.write("orders.csv", &until_then);
    house.json(&["import", "orders", "orders.csv"]);
    once(&house, DOWN);
    let planned = house.lines(&["jobs", "list", "--state", "scheduled"]);
    (house, planned)
}

fn once(house: &House, now: &str) -> (Value, String) {
    let ran = house.run(&["run", "--once", "--now", now, "--json"]);
    (ran.one(), ran.err)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn ends(line: &Value) -> DateTime<Utc> {
    at(line["valid_until"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_twelve_days_the_late_go_and_the_too_late_are_named() {
    let receiver = Receiver::start().await;
    let (house, planned) = down(&receiver).await;
    let sent_before = receiver.seen().len();
    let (too_late, still_good): (Vec<&Value>, Vec<&Value>) = planned
        .iter()
        .filter(|line| at(line["due_at"].as_str().unwrap()) <= at(UP))
        .partition(|l| ends(l) <= at(UP));
    assert!(too_late.len() > 3 && still_good.len() > 3, "{planned:?}");
    let daemon = Running::start(&house, &["--now", UP]);
    let said = format!("\"too_late\":{}", too_late.len());
    eventually("the outage is told", async || daemon.log().contains("nobody planned")).await;
    let log = daemon.log();
    let line = log.lines().find(|line| line.contains("nobody planned")).unwrap();
    assert!(line.contains(&said) && line.contains(&format!("\"late\":{}", still_good.len())), "{line}");
    assert!(line.contains("\"from\":\"2026-05-20T02:00:00Z\"") && line.contains("refill"), "{line}");
    let reason_of = |line: &Value| line["reason"].as_str().map(str::to_owned);
    let listed =
        |args: &[&str]| tokio::task::block_in_place(|| house.lines(&[&["jobs", "list"], args].concat()));
    eventually("all of them are closed", async || listed(&["--reason", "expired"]).len() == too_late.len())
        .await;
    receiver.until(sent_before + 1).await;
    daemon.end();
    let ids = |lines: &[&Value]| {
        let mut ids: Vec<String> = lines.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let named = listed(&["--reason", "expired", "--since", "2026-05-01", "--until", "2026-06-01"]);
    assert_eq!(ids(&named.iter().collect::<Vec<_>>()), ids(&too_late), "by the id that they had before");
    assert!(
        named.iter().all(|line| line["state"] == "skipped" && reason_of(line).as_deref() == Some("expired"))
    );
    let status = tokio::task::block_in_place(|| house.json(&["status", "--since", "24h", "--now", UP]));
    let missed = &status["missed"][0];
    assert_eq!(
        (&missed["expired"], &missed["by_rule"]["refill"]),
        (&too_late.len().into(), &too_late.len().into())
    );
    assert_eq!((at(missed["from"].as_str().unwrap()), &missed["late"]), (at(DOWN), &still_good.len().into()));
    let page = |lang: &str| {
        let args = ["status", "--since", "24h", "--now", "2026-06-01T10:01:00+08:00", "--lang", lang];
        tokio::task::block_in_place(|| house.run(&args)).out
    };
    assert!(page("en").contains("Missed while nobody planned") && page("zh-TW").contains("停機期間錯過"));
    let late_ones: Vec<String> = receiver.seen()[sent_before..].iter().map(|(id, _)| id.clone()).collect();
    assert!(!late_ones.is_empty());
    let shown = tokio::task::block_in_place(|| house.json(&["jobs", "show", &ids(&too_late)[0]]));
    assert_eq!((&shown["state"], &shown["reason"]), (&"skipped".into(), &"expired".into()));
    let page =
        tokio::task::block_in_place(|| house.run(&["jobs", "replay", &ids(&too_late)[0], "--dry-run"])).out;
    assert!(page.contains("1 ended before they became messages"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_absence_is_none_and_a_look_back_neither() {
    let receiver = Receiver::start().await;
    let (house, _) = down(&receiver).await;
    let soon = once(&house, "2026-05-20T10:14:00+08:00").1;
    assert!(!soon.contains("nobody planned"), "{soon}");
    once(&house, "2026-05-01T10:00:00+08:00");
    let soon = once(&house, "2026-05-20T10:20:00+08:00").1;
    assert!(!soon.contains("nobody planned"), "{soon}");
    let missed = house.json(&["status", "--since", "2026-01-01", "--now", "2026-05-20T10:20:00+08:00"]);
    assert_eq!(missed["missed"], serde_json::json!([]));
    assert!(once(&house, "2026-05-20T10:36:00+08:00").1.contains("nobody planned"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planner_that_runs_notices_that_the_ledger_was_away() {
    let receiver = Receiver::start().await;
    let (house, planned) = down(&receiver).await;
    let just_now = "2026-05-20T10:01:00+08:00";
    let daemon = Running::ready(&house, &["--now", just_now]).await;
    assert!(!daemon.log().contains("nobody planned"), "{}", daemon.log());
    let ledger = rusqlite::Connection::open(house.path("var/replenish.db")).unwrap();
    ledger.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    let hours_ago = (at(just_now) - TimeDelta::hours(5)).timestamp_millis().to_string();
    let away = "UPDATE meta SET value = ?1 WHERE key = 'planner_at'";
    assert_eq!(ledger.execute(away, [hours_ago]).unwrap(), 1);
    eventually("it is told", async || daemon.log().contains("nobody planned")).await;
    daemon.end();
    assert!(!planned.is_empty());
}
