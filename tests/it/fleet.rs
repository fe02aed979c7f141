//! A fleet: planners and workers side by side over PostgreSQL and Redis, that come and go.

use std::time::Duration;

use tokio_postgres::{Client, NoTls};

use crate::support::house::{House, RULE, orders};
use crate::support::postgres;
use crate::support::receiver::Receiver;
use crate::support::redis::Redis;
use crate::support::running::{Running, eventually};

pub const NOON: &str = "2026-05-20T10:00:00+08:00";

/// A house over a database of its own, and its url; none on a machine without PostgreSQL.
async fn empty(receiver: &Receiver, redis: &Redis, concurrency: usize) -> Option<(House, String)> {
    let store = postgres::database().await?;
    let queue = format!("[queue]\nurl = \"{}\"\nconcurrency = {concurrency}\n", redis.url());
    let house = House::with(receiver, RULE, &format!("[store]\nurl = \"{store}\"\n{queue}"));
    Some((house, store))
}

fn import(house: &House, members: usize, seed: u64) {
    house.write("orders.csv", &orders(members, seed));
    tokio::task::block_in_place(|| house.json(&["import", "orders", "orders.csv"]));
}

/// A house with orders that make messages due at [`NOON`].
pub async fn fleet(receiver: &Receiver, redis: &Redis, concurrency: usize) -> Option<(House, String)> {
    let (house, url) = empty(receiver, redis, concurrency).await?;
    import(&house, 120, 7);
    Some((house, url))
}

/// What one process alone comes to, on its own ledger.
pub async fn expected() -> usize {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULE, "");
    import(&house, 120, 7);
    let pass = tokio::task::block_in_place(|| house.json(&["run", "--once", "--now", NOON]));
    pass["delivered"].as_u64().unwrap() as usize
}

fn start(house: &House, role: &str) -> Running {
    Running::start(house, &["--role", role, "--now", NOON])
}

async fn ready(house: &House, role: &str) -> Running {
    Running::ready(house, &["--role", role, "--now", NOON]).await
}

async fn ledger(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn count(ledger: &Client, what: &str) -> u64 {
    let counted = ledger.query_one(&format!("SELECT count(*) FROM {what}"), &[]).await.unwrap();
    counted.get::<_, i64>(0).unsigned_abs()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_planners_and_two_workers_deliver_each_job_once() {
    let (receiver, redis) = (Receiver::start().await, Redis::start());
    let Some((house, _)) = fleet(&receiver, &redis, 8).await else { return };
    let all = expected().await;
    let members = ["planner", "planner", "worker", "worker"].map(|role| start(&house, role));
    receiver.until(all).await;
    members.into_iter().for_each(Running::end);
    assert_eq!(receiver.ids().len(), all);
    assert!(receiver.ids().values().all(|n| *n == 1));
    let delivered = tokio::task::block_in_place(|| house.lines(&["jobs", "list", "--state", "delivered"]));
    assert_eq!(delivered.len(), all);
}

/// Both learn a small shop first, so that its growth is only planned.
#[tokio::test(flavor = "multi_thread")]
async fn two_planners_share_the_members_that_are_awake() {
    let (receiver, redis) = (Receiver::start().await, Redis::start());
    let Some((house, url)) = empty(&receiver, &redis, 8).await else { return };
    let ledger = ledger(&url).await;
    import(&house, 20, 7);
    let planners = [ready(&house, "planner").await, ready(&house, "planner").await];
    let all_sleep = async || count(&ledger, "member WHERE planned_with IS NULL OR wake_at = 0").await == 0;
    eventually("the small shop is planned", all_sleep).await;
    let planned = async || {
        let mut planned = Vec::new();
        for planner in &planners {
            planned.push(planner.metric("replenish_occasions_total", "planned").await);
        }
        planned
    };
    let before = planned().await;
    import(&house, 1_500, 7);
    eventually("the large shop is planned", all_sleep).await;
    let after = planned().await;
    let shares: Vec<u64> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
    assert!(shares.iter().all(|share| *share > 100), "both had their share: {shares:?}");
    let moved = planners[0].metric("replenish_occasions_total", "withdrawn").await
        + planners[1].metric("replenish_occasions_total", "withdrawn").await;
    assert_eq!(after.iter().sum::<u64>() - moved, count(&ledger, "occasion").await, "each once: {after:?}");
    planners.into_iter().for_each(Running::end);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_come_and_go_and_die_and_nothing_is_lost() {
    let (receiver, redis) = (Receiver::start().await, Redis::start());
    let Some((house, url)) = fleet(&receiver, &redis, 4).await else { return };
    let (all, ledger) = (expected().await, ledger(&url).await);
    receiver.slow_down(Duration::from_millis(100));
    let planner = start(&house, "planner");
    let leaving = start(&house, "worker");
    receiver.until(all / 5).await;
    let doomed = ready(&house, "worker").await;
    leaving.end();
    receiver.slow_down(Duration::from_secs(30));
    let latest: i64 = ledger.query_one("SELECT max(changed_at) FROM job", &[]).await.unwrap().get(0);
    let stuck = format!("job WHERE state = 'sending' AND changed_at > {latest}");
    eventually("its hands are full", async || count(&ledger, &stuck).await == 4).await;
    doomed.signal("-KILL");
    drop(doomed);
    receiver.slow_down(Duration::ZERO);
    let staying = start(&house, "worker");
    let waiting = async || count(&ledger, "job WHERE state NOT IN ('delivered', 'sending')").await;
    eventually("all that nobody has begun is delivered", async || waiting().await == 0).await;
    staying.end();
    assert_eq!(
        count(&ledger, "job WHERE state = 'sending'").await,
        4,
        "what was under way when the worker died"
    );
    // as if the time of its leases had passed
    ledger.batch_execute("UPDATE job SET lease_until = 0 WHERE state = 'sending'").await.unwrap();
    let late = start(&house, "worker");
    let left_over = async || count(&ledger, "job WHERE state <> 'delivered'").await;
    eventually("another worker delivers that", async || left_over().await == 0).await;
    [planner, late].into_iter().for_each(Running::end);
    let ids = receiver.ids();
    assert_eq!(ids.len(), all, "none is lost");
    let twice = ids.values().filter(|n| **n > 1).count();
    assert!(twice <= 4 && ids.values().all(|n| *n <= 2), "only what was under way: {twice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_refused_where_one_process_does_it_all() {
    let receiver = Receiver::start().await;
    for (more, code, says) in [
        ("", 2, "roles side by side need a queue between them"),
        ("[queue]\nurl = \"redis://127.0.0.1:1\"\n", 78, "SQLite serves one"),
    ] {
        let house = House::with(&receiver, RULE, more);
        for role in ["planner", "worker", "http"] {
            let ran = tokio::task::block_in_place(|| house.run(&["run", "--role", role]));
            assert_eq!(ran.code, code, "{role}: {}", ran.err);
            assert!(ran.err.contains(says), "{role}: {}", ran.err);
        }
        let check = tokio::task::block_in_place(|| house.run(&["check"]));
        assert_eq!(check.code, if code == 78 { 78 } else { 0 }, "{}", check.err);
    }
}
