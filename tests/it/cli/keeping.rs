//! Keeping the ledger: what is finished leaves it, who asks is forgotten, and yesterday's copy mails nobody twice.

use serde_json::{Value, json};

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::house::{House, RULE};
use crate::support::receiver::Receiver;
use crate::support::redis::free_port;

use super::{NOW, ORDERS, SETTINGS, Shop, assert_keys};

/// A reminder of m1 was planned; when it falls due.
fn planned(shop: &Shop) -> String {
    shop.json(&["run", "--once", "--now", NOW, "--force-now"]);
    shop.lines(&["jobs", "list", "--state", "scheduled"])[0]["due_at"].as_str().unwrap().to_owned()
}

fn once(shop: &Shop, now: &str) -> Value {
    shop.json(&["run", "--once", "--now", now, "--force-now"])
}

fn mails(shop: &Shop) -> usize {
    std::fs::read_dir(shop.path("var/outbox")).map_or(0, |entries| entries.count())
}

#[test]
fn finished_jobs_move_to_the_archive_and_stay_served() {
    let shop = Shop::new();
    shop.write("replenish.toml", format!("{SETTINGS}[retention]\njobs = \"2d\"\narchive = \"old\"\n"));
    let due = planned(&shop);
    assert_eq!(once(&shop, &due)["delivered"], 1);
    let id = shop.lines(&["jobs", "list"])[0]["id"].as_str().unwrap().to_owned();
    assert!(!shop.path("old").exists());
    let later = format!("{}T23:00", &"2025-05-30"[..10]);
    assert_eq!(once(&shop, &later)["delivered"], 0);
    let month = &due[..7];
    let text = std::fs::read_to_string(shop.path(&format!("old/jobs-{month}.jsonl"))).unwrap();
    let line: Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(
        (&line["id"], &line["member"], &line["state"]),
        (&json!(id), &json!("m1"), &json!("delivered"))
    );
    assert!(shop.lines(&["jobs", "list"]).is_empty());
    let gone = shop.run(&["jobs", "show", &id]);
    assert!(gone.code == 1 && gone.err.contains("was moved out on"), "{}", gone.err);
    let gone = shop.run(&["explain", "--job", &id]);
    assert!(gone.code == 1 && gone.err.contains("was moved out on"), "{}", gone.err);
    let told = shop.json(&["explain", "--member", "m1", "--now", &later]);
    assert_eq!(told["silences"][0]["reason"], "served", "{told}");
    // the same orders again, and planned anew under another rule hash: nobody is written to
    assert_eq!(shop.json(&["import", "orders", "orders.csv"])["duplicate"], 4);
    shop.write("rules/rules.toml", super::RULES.replace("before = \"5d\"", "before = \"6d\""));
    assert_eq!(once(&shop, &later)["delivered"], 0);
    assert_eq!(mails(&shop), 1);
}

#[test]
fn whoever_is_forgotten_leaves_no_trace_and_does_not_come_back() {
    let shop = Shop::new();
    shop.write("replenish.toml", format!("{SETTINGS}[retention]\narchive = \"old\"\n"));
    let due = planned(&shop);
    assert_eq!(once(&shop, &due)["delivered"], 1);
    let bad = "order_id,member_id,product_id,category,ordered_at,quantity\n";
    let rows = "x1,m1,beans,coffee,never,1\nx2,m2,beans,coffee,never,1\n".to_owned();
    shop.write("more.csv", format!("{bad}{rows}{}", "y,m3,beans,coffee,2025-01-01,1\n".repeat(60)));
    assert_eq!(shop.json(&["import", "orders", "more.csv"])["rejected"], 2);

    let asked = shop.run(&["forget", "--member", "m1"]);
    assert_eq!(asked.code, 2, "{}", asked.err);
    assert!(asked.out.contains("4 lines in 4 orders"), "{}", asked.out);
    assert_eq!(mails(&shop), 1);
    let done = shop.json(&["forget", "--member", "m1", "--yes", "--because", "ticket 1"]);
    assert_keys(
        &done,
        "order_lines orders occasions jobs cancelled sending suppressions addresses archived again",
    );
    assert_eq!((&done["order_lines"], &done["rejects"], &done["outbox"]), (&json!(4), &json!(1), &json!(1)));
    assert_eq!((&done["wiped"], mails(&shop)), (&json!(true), 0));
    for entry in std::fs::read_dir(shop.path("var")).unwrap().flatten().filter(|e| e.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        for trace in ["amy@shop.example", "Amy", "o1,", "m1,"] {
            let found = bytes.windows(trace.len()).any(|part| part == trace.as_bytes());
            assert!(!found, "{trace} in {}", entry.path().display());
        }
    }
    let rejects = std::fs::read_to_string(shop.path("var/rejects/more.csv.rejects.csv")).unwrap();
    assert!(rejects.contains("m2") && !rejects.contains("m1"), "{rejects}");

    let again = shop.json(&["import", "orders", "orders.csv"]);
    assert_eq!((&again["stored"], &again["ignored"]), (&json!(0), &json!(4)));
    let again = shop.run(&["import", "members", "members.csv"]);
    assert!(again.code == 0 && again.err.contains("forgotten"), "{}", again.err);
    let unknown = shop.run(&["explain", "--member", "m1"]);
    assert!(unknown.code == 1 && unknown.err.contains("or the member was forgotten"), "{}", unknown.err);
    assert_eq!(shop.json(&["forget", "--member", "m1", "--yes"])["again"], true);
    assert_eq!(shop.run(&["forget", "--member", "nobody", "--yes"]).code, 1);
    assert_eq!(once(&shop, &due)["delivered"], 0);
    assert_eq!(ORDERS.lines().count(), 5);
}

#[test]
fn yesterdays_copy_mails_nobody_twice() {
    let shop = Shop::new();
    let due = planned(&shop);
    // nothing is assembled yet: the copy knows of an open occasion alone
    let copied = shop.json(&["backup", "copy.db", "--now", NOW]);
    assert_keys(&copied, "file bytes seconds");
    let there = shop.run(&["backup", "copy.db"]);
    assert!(there.code == 1 && there.err.contains("it is there already"), "{}", there.err);
    assert_eq!(once(&shop, &due)["delivered"], 1);
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(shop.path(&format!("var/replenish.db{ending}")));
    }
    std::fs::rename(shop.path("copy.db"), shop.path("var/replenish.db")).unwrap();
    std::fs::remove_dir_all(shop.path("var/outbox")).unwrap();

    let restored = once(&shop, &due);
    assert_eq!((&restored["delivered"], &restored["uncertain"]), (&json!(0), &json!(1)), "{restored}");
    let held = shop.lines(&["jobs", "list", "--reason", "restored"]);
    assert_eq!((held.len(), &held[0]["state"]), (1, &json!("uncertain")));
    assert_eq!(once(&shop, &due)["uncertain"], 0);
    assert_eq!(mails(&shop), 0);
    // a person who knows that it did not arrive
    let replayed = shop.json(&["jobs", "replay", "--state", "uncertain", "--yes", "--now", &due]);
    assert_eq!(replayed["scheduled"], 1, "{replayed}");
    assert_eq!(once(&shop, &due)["delivered"], 1);
    assert_eq!(mails(&shop), 1);
}

#[test]
fn a_ledger_in_postgresql_names_its_own_tools() {
    let shop = Shop::new();
    let settings = SETTINGS.replace("sqlite:var/replenish.db", "postgres://replenish@127.0.0.1:9/replenish");
    shop.write("replenish.toml", settings);
    let told = shop.run(&["backup", "copy.dump"]);
    assert_eq!(told.code, 2, "{}", told.err);
    assert!(told.err.contains("pg_dump --format=custom --file='copy.dump'"), "{}", told.err);
    assert!(told.err.contains("--restored-from"), "{}", told.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_daemon_moves_old_jobs_out_and_counts_them() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (receiver, port) = (Receiver::start().await, free_port());
    let more =
        format!("[http]\nlisten = \"127.0.0.1:{port}\"\n[retention]\njobs = \"2d\"\narchive = \"old\"\n");
    let house = House::with(&receiver, RULE, &more);
    house.write("orders.csv", ORDERS);
    tokio::task::block_in_place(|| {
        house.json(&["import", "orders", "orders.csv"]);
        house.json(&["run", "--once", "--now", NOW]);
        let due = house.lines(&["jobs", "list"])[0]["due_at"].as_str().unwrap().to_owned();
        assert_eq!(house.json(&["run", "--once", "--now", &due])["delivered"], 1);
    });
    let mut daemon = house.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let url = format!("http://127.0.0.1:{port}/metrics");
    let counted = loop {
        assert!(Instant::now() < deadline, "the job is moved out in time");
        let answer = reqwest::get(&url).await;
        let text = match answer {
            Ok(answer) => answer.text().await.unwrap(),
            Err(_) => String::new(),
        };
        if let Some(line) = text.lines().find(|line| line.starts_with("replenish_jobs_moved_out_total ")) {
            break line.to_owned();
        }
        tokio::task::yield_now().await;
    };
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert_eq!(counted, "replenish_jobs_moved_out_total 1");
    assert_eq!(std::fs::read_dir(house.path("old")).unwrap().count(), 2, "a month, and the lock");
    assert_eq!(receiver.seen().len(), 1);
}
