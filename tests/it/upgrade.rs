//! Old and new programs side by side: a layout that grows under running processes, and ids that say more than we know.

use std::time::Duration;

use chrono::{DateTime, Utc};
use redis::AsyncCommands;
use replenish::store::{JobRef, Store, StoreError};
use tokio_postgres::{Client, NoTls};

use crate::contract::ledger::by_hand;
use crate::contract::{Place, cases, day, member, view};
use crate::fleet::{NOON, expected, fleet};
use crate::support::receiver::Receiver;
use crate::support::redis::Redis;
use crate::support::running::{Running, eventually};

cases! {
    a_layout_that_others_have_added_to_is_worked_with
    a_layout_that_has_left_us_behind_is_refused
}

/// What the migration of a version to come does to the tables, in the words of both engines.
const GROWN: &str = "ALTER TABLE member ADD COLUMN later TEXT;
    ALTER TABLE job ADD COLUMN later BIGINT_ NOT NULL DEFAULT 7;
    ALTER TABLE occasion ADD COLUMN later TEXT;
    CREATE TABLE later (key BIGINT_ PRIMARY KEY, job BIGINT_ NOT NULL);
    CREATE INDEX job_later ON job (later) WHERE state = 'scheduled';
    INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
        SELECT 2, 'later', applied_on, checksum FROM refinery_schema_history WHERE version = 1;
    UPDATE meta SET value = '1' WHERE key = 'works_with';";
const LEFT_BEHIND: &str = "UPDATE meta SET value = '2' WHERE key = 'works_with'";

async fn grow(place: &Place) {
    let integer = if place.url.starts_with("sqlite:") { "INTEGER" } else { "BIGINT" };
    by_hand(place, &GROWN.replace("BIGINT_", integer)).await;
}

async fn a_layout_that_others_have_added_to_is_worked_with(place: Place) {
    let before = place.open().await;
    let key = member(&before, "m").await;
    let seen = view(&before, key, day(1)).await;
    grow(&place).await;
    assert_eq!(format!("{:?}", view(&before, key, day(1)).await), format!("{seen:?}"), "whoever has it open");
    let after = place.open().await;
    assert_eq!(format!("{:?}", view(&after, key, day(1)).await), format!("{seen:?}"));
    for (store, id) in [(&before, "1"), (&after, "2")] {
        crate::contract::sending(store, key, id, 5).await;
    }
    assert_eq!(after.in_flight().await.unwrap(), 2);
}

async fn a_layout_that_has_left_us_behind_is_refused(place: Place) {
    let before = place.open().await;
    let key = member(&before, "m").await;
    grow(&place).await;
    by_hand(&place, LEFT_BEHIND).await;
    let refused = Store::open(&place.url).await.unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 2, works_with: 2, known: 1 }), "{refused}");
    assert!(refused.to_string().contains("upgrade this replenish"), "{refused}");
    assert_eq!(
        crate::contract::sending(&before, key, "1", 5).await.as_str(),
        "1",
        "whoever has it open goes on"
    );
}

async fn connected(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// In one transaction, as migrations go; again when it stood in the way of a process.
async fn migrated(url: &str, sql: &str) {
    let client = connected(url).await;
    while let Err(error) = client.batch_execute(sql).await {
        let deadlock = error.code() == Some(&tokio_postgres::error::SqlState::T_R_DEADLOCK_DETECTED);
        assert!(deadlock, "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_goes_on_while_the_layout_grows_under_it() {
    let (receiver, redis) = (Receiver::start().await, Redis::start());
    let Some((house, url)) = fleet(&receiver, &redis, 2).await else { return };
    let all = expected().await;
    receiver.slow_down(Duration::from_millis(150));
    let start = |role| Running::start(&house, &["--role", role, "--now", NOON]);
    let mut processes = vec![start("planner"), start("worker")];
    receiver.until(all / 5).await;
    migrated(&url, &GROWN.replace("BIGINT_", "BIGINT")).await;
    assert!(receiver.seen().len() < all, "in the middle");
    processes.extend(["planner", "worker"].map(start));
    receiver.until(all / 2).await;
    migrated(&url, LEFT_BEHIND).await;
    let mut too_old = start("worker");
    assert_eq!(too_old.wait().code(), Some(1));
    assert!(too_old.log().contains("upgrade this replenish"), "{}", too_old.log());
    receiver.until(all).await;
    for process in processes {
        let log = process.log();
        assert!(!log.contains("cached plan") && !log.contains("(PostgreSQL) refuses"), "{log}");
        process.end();
    }
    assert_eq!(receiver.ids().len(), all);
    assert!(receiver.ids().values().all(|n| *n == 1));
    let delivered = "SELECT count(*) FROM job WHERE state = 'delivered' AND later = 7";
    let delivered: i64 = connected(&url).await.query_one(delivered, &[]).await.unwrap().get(0);
    assert_eq!(delivered, all as i64);
}

/// Running processes may stand in a migration's way: PostgreSQL then breaks one of them off.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_is_broken_off_is_tried_again() {
    let Some(place) = Place::postgres().await else { return };
    let mut other = connected(&place.url).await;
    let transaction = other.transaction().await.unwrap();
    transaction
        .batch_execute("SET LOCAL deadlock_timeout = '1min'; CREATE TABLE member (key BIGINT)")
        .await
        .unwrap();
    let url = place.url.clone();
    let opening = tokio::spawn(async move { Store::open(&url).await });
    let looking = connected(&place.url).await;
    let waits = "SELECT EXISTS (SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
        OR l.locktype = 'transactionid' JOIN pg_stat_activity a ON a.pid = l.pid \
        WHERE NOT l.granted AND a.datname = current_database())";
    eventually("the migration waits for the other one", async || {
        looking.query_one(waits, &[]).await.unwrap().get(0)
    })
    .await;
    transaction.batch_execute("CREATE TABLE meta (key TEXT)").await.expect("the migration gives way");
    transaction.rollback().await.unwrap();
    let store = opening.await.unwrap().unwrap();
    assert_eq!(store.in_flight().await.unwrap(), 0);
}

#[test]
fn an_id_of_another_version_is_read() {
    let reference = JobRef {
        member: 7,
        job: "job_1".into(),
        channel: "crm".into(),
        domain: Some("shop.example".into()),
        valid_until: DateTime::<Utc>::UNIX_EPOCH,
    };
    let mut later = serde_json::to_value(&reference).unwrap();
    later["priority"] = serde_json::json!({ "of": "a version to come" });
    assert_eq!(serde_json::from_value::<JobRef>(later).unwrap(), reference);
    let first = r#"{"member": 7, "job": "job_1", "channel": "crm", "domain": null, "valid_until": "1970-01-01T00:00:00Z"}"#;
    let first: JobRef = serde_json::from_str(first).expect("what the first version wrote is read for ever");
    assert_eq!(first, JobRef { domain: None, ..reference });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_what_a_planner_of_a_later_version_offers() {
    let (receiver, redis) = (Receiver::start().await, Redis::start());
    let Some((house, _)) = fleet(&receiver, &redis, 8).await else { return };
    let all = expected().await;
    let planner = Running::start(&house, &["--role", "planner", "--now", NOON]);
    let mut queue =
        redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let data = "{replenish}:jobs:crm:data";
    eventually("all are offered", async || queue.hlen::<_, usize>(data).await.unwrap() == all).await;
    planner.end();
    let offered: Vec<(String, String)> = queue.hgetall(data).await.unwrap();
    for (id, entry) in offered {
        let later = entry.replacen('{', r#"{"priority":{"of":"a version to come"},"#, 1);
        let _: () = queue.hset(data, id, later).await.unwrap();
    }
    let worker = Running::start(&house, &["--role", "worker", "--now", NOON]);
    receiver.until(all).await;
    worker.end();
    assert!(receiver.ids().len() == all && receiver.ids().values().all(|n| *n == 1));
}
