//! `verify`: a ledger that was used is sound; each violation planted in it is found and named, and nothing else is.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::support::house::{self, House, RULE, orders};
use crate::support::receiver::Receiver;

const NOON: &str = "2026-05-20T10:00:00+08:00";

/// A delivered job, and an open and a served occasion, as SQL finds them.
const JOB: &str = "(SELECT min(key) FROM job WHERE state = 'delivered')";
const OPEN: &str =
    "(member, item, cycle) = (SELECT member, item, cycle FROM occasion WHERE state = 'open' LIMIT 1)";

/// What is planted: the invariant that it violates, and how.
fn plants() -> Vec<(&'static str, String)> {
    let again = |id: &str, state: &str, lease: &str| {
        format!(
            "INSERT INTO job (id, member, state, rule, step, purpose, channel, priority, due_at, valid_until, assembled_at, \
             handed_over_at, attempts, tries, pinned, shadow, rules_hash, changed_at, lease_until) \
             SELECT '{id}', member, '{state}', 'other', step, purpose, channel, priority, due_at, valid_until, assembled_at, \
             NULL, 0, 0, 0, 0, rules_hash, changed_at, {lease} FROM job WHERE key = {JOB};"
        )
    };
    let second = format!(
        "{} INSERT INTO attempt (job, handover, at, result) SELECT key, 1, 0, 'delivered' FROM job \
         WHERE id = 'job_2'; UPDATE job SET state = 'delivered', lease_until = NULL, attempts = 1, handovers = 1 WHERE id = 'job_2'; \
         INSERT INTO occasion (member, rule, step, item, cycle, anchor_day, due_at, valid_until, state, job) \
         SELECT member, 'other', step, item, cycle, anchor_day, due_at, valid_until, 'served', \
            (SELECT key FROM job WHERE id = 'job_2') FROM occasion WHERE job = {JOB};",
        again("job_2", "sending", "1")
    );
    let held_out = "(SELECT member FROM occasion WHERE reason = 'holdout' LIMIT 1)";
    let of = |table: &str, set: &str| format!("UPDATE {table} SET {set}");
    vec![
        ("served_by_its_job", of("occasion", &format!("job = 99999 WHERE job = {JOB}"))),
        ("served_once", second),
        ("ended_for_good", of("occasion", &format!("state = 'open' WHERE job = {JOB}"))),
        ("job_has_occasions", again("job_3", "scheduled", "NULL")),
        ("lease_while_in_flight", of("job", &format!("lease_until = 99999999999999 WHERE key = {JOB}"))),
        ("lease_taken_back", of("job", &format!("state = 'sending', lease_until = 1 WHERE key = {JOB}"))),
        ("waits_for_stated_time", of("occasion", &format!("held_until = valid_until + 1 WHERE {OPEN}"))),
        ("ends_with_reason", of("occasion", &format!("state = 'closed' WHERE {OPEN}"))),
        (
            "hand_over_on_record",
            format!(
                "UPDATE job SET handovers = 9 WHERE key = {JOB}; \
                 INSERT INTO attempt (job, handover, at, result) SELECT {JOB}, 9, 0, 'unreachable'"
            ),
        ),
        ("delivered_by_attempt", of("attempt", &format!("result = 'transient' WHERE job = {JOB}"))),
        ("attempts_on_record", of("job", &format!("attempts = attempts + 1 WHERE key = {JOB}"))),
        ("attempts_by_hand_over", of("job", &format!("handovers = 0 WHERE key = {JOB}"))),
        ("history_ends_here", format!("INSERT INTO transition (job, at, state) SELECT {JOB}, 0, 'failed'")),
        (
            "records_of_known_jobs",
            "INSERT INTO feedback (identity, job, kind, at, detail) VALUES ('x', 99999, 'complaint', 0, '')"
                .to_owned(),
        ),
        (
            "nothing_after_opt_out",
            format!(
                "INSERT INTO suppression (member, because, at) SELECT member, 'x', 1 FROM job WHERE key = {JOB}"
            ),
        ),
        (
            "nothing_to_holdout",
            format!(
                "UPDATE occasion SET member = {held_out} WHERE job = {JOB}; \
                 UPDATE job SET member = {held_out} WHERE key = {JOB}"
            ),
        ),
    ]
}

/// A shop whose first messages went, with a holdout, and its ledger's file.
async fn used() -> (House, PathBuf) {
    let receiver = Receiver::start().await;
    let rules = format!("{RULE}\n[guards]\nholdout = \"30%\"\n");
    let house = House::with(&receiver, &rules, "");
    house.write("orders.csv", &orders(60, 7));
    house.json(&["import", "orders", "orders.csv"]);
    let mut command = house.command(&["run", "--once", "--now", NOON, "--json"]);
    let pass =
        house::ran(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()).one();
    assert!(pass["delivered"].as_u64().unwrap() > 5, "{pass}");
    let ledger = house.path("var/replenish.db");
    (house, ledger)
}

/// The violated invariants, and the exit code.
fn verified(house: &House) -> (Vec<String>, i32) {
    let ran = house.run(&["verify", "--json"]);
    assert!(ran.code == 0 || ran.code == 1, "{}{}", ran.out, ran.err);
    let told = &ran.json()[0];
    let all = told["invariants"].as_array().unwrap();
    assert_eq!(all.len(), plants().len(), "each invariant is told, and each has its plant");
    let amiss = all.iter().filter(|i| i["violations"] != 0);
    let amiss = amiss.inspect(|i| assert!(!i["examples"].as_array().unwrap().is_empty(), "{i}"));
    let amiss: Vec<String> = amiss.map(|i| i["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told["sound"], amiss.is_empty());
    (amiss, ran.code)
}

/// The whole ledger, its log written into its file first.
fn taken(ledger: &Path) -> Vec<u8> {
    let connection = Connection::open(ledger).unwrap();
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0, "nobody else has it open");
    connection.close().unwrap();
    std::fs::read(ledger).unwrap()
}

/// The ledger as it was, without what a process left beside the file.
fn put_back(ledger: &Path, sound: &[u8]) {
    for beside in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{beside}", ledger.display()));
    }
    std::fs::write(ledger, sound).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_planted_violation_is_found_and_nothing_else() {
    let (house, ledger) = used().await;
    assert_eq!(verified(&house), (vec![], 0), "a ledger that was used is sound");
    let sound = taken(&ledger);
    for (invariant, sql) in plants() {
        put_back(&ledger, &sound);
        let connection = Connection::open(&ledger).unwrap();
        connection.execute_batch(&sql).unwrap_or_else(|e| panic!("{invariant}: {e}"));
        assert!(connection.total_changes() > 0, "{invariant} is planted");
        connection.close().unwrap();
        assert_eq!(verified(&house), (vec![invariant.to_owned()], 1), "{sql}");
    }
    let told = house.run(&["verify"]);
    assert!(told.out.contains("15 of 16 hold; 1 violations"), "{}", told.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_ledger_none_is_made() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULE, "");
    let ran = house.run(&["verify"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.err.contains("there is no ledger yet"), "{}", ran.err);
    assert!(!house.path("var/replenish.db").exists());
}
