//! Redis, PostgreSQL or the ledger's file taken away under a running daemon and given back: readiness tells, the work goes on
//! by itself, nothing is lost and nothing comes twice.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::support::backlog::{self, NOW};
use crate::support::house::House;
use crate::support::postgres::{self, Server};
use crate::support::receiver::Receiver;
use crate::support::redis::Redis;
use crate::support::running::Running;

/// Whoever is away is told of, and whoever is back is noticed, within this time.
const SOON: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(60);
/// Due jobs.
const JOBS: usize = 1_000;

/// A shop with due jobs, whose receiver takes its time: an outage comes in the middle.
async fn house(receiver: &Receiver, more: &str) -> House {
    let channels = backlog::channels(&[("crm", &receiver.url(), "")]);
    let rules = backlog::rules(&[("crm", "crm", "valid_for = \"10d\"")]);
    let house = House::of(&format!("timezone = \"Asia/Taipei\"\n{more}\n{channels}"), &rules);
    tokio::task::block_in_place(|| backlog::first(&house, &["crm"]));
    receiver.slow_down(Duration::from_millis(50));
    house
}

async fn fleet_house(receiver: &Receiver, store: &str, redis: &Redis) -> House {
    let more = format!("[store]\nurl = \"{store}\"\n[queue]\nurl = \"{}\"\nconcurrency = 8\n", redis.url());
    let house = house(receiver, &more).await;
    backlog::plant_at(store, JOBS).await;
    house
}

fn fleet(house: &House) -> [Running; 2] {
    ["planner", "worker"].map(|role| Running::start(house, &["--role", role, "--now", NOW]))
}

/// Everything has arrived, once, and the ledger knows.
async fn assert_all_once(receiver: &Receiver, house: &House, running: impl IntoIterator<Item = Running>) {
    receiver.slow_down(Duration::ZERO);
    receiver.until(JOBS + 1).await;
    for running in running {
        running.until_ready(true, LONG).await;
        running.end();
    }
    let ids = receiver.ids();
    let twice: Vec<_> = ids.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert_eq!(ids.len(), JOBS + 1);
    let delivered = tokio::task::block_in_place(|| house.lines(&["jobs", "list", "--state", "delivered"]));
    assert_eq!(delivered.len(), JOBS + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_away_for_a_minute() {
    let Some(store) = postgres::database().await else { return };
    let (receiver, mut redis) = (Receiver::start().await, Redis::start());
    let house = fleet_house(&receiver, &store, &redis).await;
    let fleet = fleet(&house);
    receiver.until(40).await;
    let away = Instant::now();
    redis.kill();
    for running in &fleet {
        running.until_ready(false, SOON.saturating_sub(away.elapsed())).await;
    }
    // its subject
    tokio::time::sleep(Duration::from_secs(60).saturating_sub(away.elapsed())).await;
    let before = receiver.seen().len();
    assert!(before < JOBS, "the outage came in the middle");
    let back = Instant::now();
    redis.start_again();
    receiver.until(before + 1).await;
    assert!(back.elapsed() < SOON, "deliveries resumed {:?} after its return", back.elapsed());
    for running in &fleet {
        running.until_ready(true, SOON).await;
    }
    assert!(fleet[1].metric("replenish_worker_restarts", "").await > 0);
    assert_all_once(&receiver, &house, fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_forgets_everything() {
    let Some(store) = postgres::database().await else { return };
    let (receiver, redis) = (Receiver::start().await, Redis::start());
    let house = fleet_house(&receiver, &store, &redis).await;
    let fleet = fleet(&house);
    receiver.until(40).await;
    let _: String = redis.command(&["FLUSHALL"]).await;
    let before = receiver.seen().len();
    let flushed = Instant::now();
    // more than a worker has at hand
    receiver.until(before + 100).await;
    assert!(
        flushed.elapsed() < Duration::from_secs(20),
        "far sooner than any lease runs out: {:?}",
        flushed.elapsed()
    );
    assert_all_once(&receiver, &house, fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cuts_every_connection() {
    let Some(store) = postgres::database().await else { return };
    let (receiver, redis) = (Receiver::start().await, Redis::start());
    let house = fleet_house(&receiver, &store, &redis).await;
    let fleet = fleet(&house);
    for taken in [40, 80, 120] {
        receiver.until(taken).await;
        for kind in ["normal", "pubsub"] {
            let _: u64 = redis.command(&["CLIENT", "KILL", "TYPE", kind]).await;
        }
    }
    assert_all_once(&receiver, &house, fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_restarted_under_a_fleet() {
    let Some(mut server) = Server::own() else { return };
    let store = server.database().await;
    let (receiver, redis) = (Receiver::start().await, Redis::start());
    let house = fleet_house(&receiver, &store, &redis).await;
    let fleet = fleet(&house);
    receiver.until(40).await;
    server.kill();
    for running in &fleet {
        running.until_ready(false, SOON).await;
    }
    server.start_again();
    for running in &fleet {
        running.until_ready(true, LONG).await;
    }
    assert_all_once(&receiver, &house, fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledgers_file_is_locked_for_longer_than_anyone_waits() {
    let receiver = Receiver::start().await;
    let house = house(&receiver, "[queue]\nconcurrency = 8\n").await;
    tokio::task::block_in_place(|| backlog::plant(&house, JOBS));
    let running = Running::start(&house, &["--now", NOW]);
    receiver.until(40).await;
    let other = Connection::open(house.path("var/replenish.db")).unwrap();
    other.busy_timeout(LONG).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let restarted = async {
        while running.metric("replenish_worker_restarts", "").await < 1 {
            tokio::task::yield_now().await;
        }
    };
    // whoever writes waits ten seconds, one after the other
    tokio::time::timeout(3 * LONG, restarted).await.expect("the worker notices");
    running.until_ready(false, SOON).await;
    let before = receiver.seen().len();
    assert!(before < JOBS, "the lock came in the middle");
    other.execute_batch("ROLLBACK").unwrap();
    receiver.until(before + 20).await;
    assert_all_once(&receiver, &house, [running]).await;
}
