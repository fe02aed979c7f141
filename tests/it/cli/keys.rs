//! What scripts read: the keys that `--json` promises, command by command.

use serde_json::Value;

use super::{NOW, Shop, assert_keys, end};

const LISTED: &str = "id state rule step member channel due_at attempts reason";

fn all(lines: &[Value], keys: &str) {
    assert!(!lines.is_empty());
    lines.iter().for_each(|line| assert_keys(line, keys));
}

#[test]
fn every_command_keeps_its_promised_keys() {
    let shop = Shop::new();
    for (kind, file) in [("orders", "orders.csv"), ("members", "members.csv")] {
        let report = shop.json(&["import", kind, file]);
        assert_keys(&report, "kind read stored replaced duplicate rejected ignored rejects_file seconds");
        assert_eq!(report["kind"], kind);
    }
    assert_keys(&shop.json(&["learn", "--now", NOW]), "lines pairs items seconds");
    let forecast = shop.lines(&["forecast", "--member", "m1", "--now", NOW]);
    all(&forecast, "member item purchases last_purchase p10 p50 p90 still_buying within_30d");
    let coffee = forecast.iter().find(|line| line["item"] == "coffee").unwrap();
    assert_eq!((&coffee["purchases"], &coffee["last_purchase"]), (&4.into(), &"2025-04-01".into()));
    let plan = shop.json(&["plan", "--now", NOW]);
    assert_keys(&plan, "scheduled moved cancelled due_now by_rule skipped");
    assert_eq!((&plan["scheduled"], &plan["by_rule"]["refill"]), (&1.into(), &1.into()), "{plan}");
    assert_keys(&shop.json(&["check"]), "problems");

    let pass = |now: &str| shop.json(&["run", "--once", "--now", now]);
    let first = pass(NOW);
    assert_keys(&first, "planned delivered retrying failed uncertain skipped seconds");
    assert_eq!((&first["planned"], &first["delivered"]), (&1.into(), &0.into()), "{first}");
    let occasions = shop.lines(&["jobs", "list", "--state", "scheduled"]);
    all(&occasions, LISTED);
    let due = occasions[0]["due_at"].as_str().unwrap();
    assert_eq!(pass(due)["delivered"], 1);

    let explained = shop.json(&["explain", "--member", "m1", "--now", due]);
    assert_keys(&explained, "member items jobs silences");
    assert_eq!(explained["jobs"].as_array().unwrap().len(), 1, "{explained}");
    let jobs = shop.lines(&["jobs", "list", "--state", "delivered"]);
    all(&jobs, LISTED);
    let shown = shop.json(&["jobs", "show", jobs[0]["id"].as_str().unwrap()]);
    assert_keys(&shown, LISTED);
    assert_keys(&shown, "message_id rules_hash occasions evidence guards history");
    all(shown["attempts"].as_array().unwrap(), "at outcome code reply relay");
    assert!(shown["message_id"].as_str().unwrap().ends_with("@shop.example>"), "{shown}");
}

#[test]
fn what_people_do_about_jobs_keeps_its_promised_keys() {
    let shop = Shop::new();
    shop.json(&["run", "--once", "--now", NOW]);
    let replay = shop.json(&["jobs", "replay", "--state", "failed", "--yes"]);
    assert_keys(&replay, "matched would_send would_skip");
    assert!(replay["would_skip"].is_object(), "by reason: {replay}");
    let cancel = shop.json(&["jobs", "cancel", "--rule", "refill", "--dry-run"]);
    assert_keys(&cancel, "cancelled");
    assert_eq!(cancel["matched"], 1);

    let until = ["--purpose", "reminder", "--item", "coffee", "--until", "90d"];
    let add = [&["suppress", "add", "--member", "m1", "--because", "ticket 812"][..], &until].concat();
    assert_keys(&shop.json(&add), "cancelled");
    let stopped = shop.lines(&["suppress", "list"]);
    all(&stopped, "member address purpose item until because");
    let told = ["member", "purpose", "item", "because"].map(|key| stopped[0][key].as_str().unwrap());
    assert_eq!(told, ["m1", "reminder", "coffee", "ticket 812"]);
    let removed = shop.json(&["suppress", "remove", "--member", "m1"]);
    assert_keys(&removed, "cancelled removed");
    assert_eq!(removed["removed"], 1);
    assert!(shop.lines(&["suppress", "list"]).is_empty());
}

#[test]
fn questions_come_back_under_every_name_of_the_member() {
    let shop = Shop::new();
    shop.json(&["run", "--once", "--now", NOW]);
    let id = shop.lines(&["jobs", "list"])[0]["id"].as_str().unwrap().to_owned();
    let named = [("--member", "m1"), ("--address", "amy@shop.example"), ("--order", "o1"), ("--job", &id)];
    for (by, name) in named {
        let explained = shop.json(&["explain", by, name, "--now", NOW]);
        assert_eq!(explained["member"]["id"], "m1", "{by} {name}");
    }
}

#[test]
fn one_json_object_comes_even_when_nothing_is_there() {
    let shop = Shop::unfurnished();
    for (name, text) in [("replenish.toml", super::SETTINGS), ("rules/rules.toml", super::RULES)] {
        shop.write(name, text);
    }
    shop.write("templates/refill.jinja", super::TEMPLATE);
    assert_eq!(shop.json(&["learn"])["lines"], 0);
    assert_eq!(shop.json(&["plan"])["scheduled"], 0);
    assert_eq!(shop.json(&["run", "--once"])["planned"], 0);
    let list = end(shop.command(&["jobs", "list", "--json"]));
    assert_eq!((list.code, &*list.out), (0, ""));
}
