//! Rules read again while the daemon runs: the better ones at once, the broken ones never, and nothing lost over it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::house::{House, RULE, orders};
use crate::support::postgres;
use crate::support::receiver::Receiver;
use crate::support::redis::Redis;
use crate::support::running::{Running, eventually};

const NOON: &str = "2026-05-20T10:00:00+08:00";
const TOKEN: &str = "open-sesame";
const WITH_TOKEN: &str = "[http]\ntoken = { file = \"token\" }\n";

async fn start(house: &House, args: &[&str]) -> Running {
    Running::start(house, args).answering().await
}

async fn readiness(daemon: &Running) -> Value {
    daemon.readiness().await.unwrap()
}

async fn hash(daemon: &Running) -> String {
    readiness(daemon).await["rules"].as_str().unwrap().to_owned()
}

async fn reload(daemon: &Running, token: Option<&str>) -> (u16, Value) {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let header = bearer.as_deref().map(|bearer| ("authorization", bearer));
    daemon.post("/v1/reload", header.as_slice(), "").await
}

/// Writes so many days before the need.
fn rule(days: u32) -> String {
    RULE.replace("5d", &format!("{days}d"))
}

/// One member with a rhythm of thirty days, whose next reminder waits.
const ONE_MEMBER: &str = "order_id,member_id,product_id,category,ordered_at,quantity
o0,m1,beans,coffee,2026-01-01,1
o1,m1,beans,coffee,2026-01-31,1
o2,m1,beans,coffee,2026-03-02,1
o3,m1,beans,coffee,2026-04-01,1
";
const AFTER_THE_LAST: &str = "2026-04-02T10:00:00+08:00";

async fn house_of_one(receiver: &Receiver, more: &str) -> House {
    let house = House::with(receiver, &rule(5), more);
    house.write("token", TOKEN);
    house.write("orders.csv", ONE_MEMBER);
    house.json(&["import", "orders", "orders.csv"]);
    house
}

/// When the one reminder is due, once there is one.
fn due(house: &House) -> Option<DateTime<Utc>> {
    let waiting = house.lines(&["jobs", "list", "--state", "scheduled"]);
    waiting.first().map(|job| job["due_at"].as_str().unwrap().parse().unwrap())
}

async fn until_due(house: &House) -> DateTime<Utc> {
    eventually("a reminder waits", async || due(house).is_some()).await;
    due(house).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_puts_better_rules_in_force_and_re_times_what_waits() {
    let receiver = Receiver::start().await;
    let house = house_of_one(&receiver, "").await;
    let daemon = start(&house, &["--now", AFTER_THE_LAST]).await;
    let (before, old) = (until_due(&house).await, hash(&daemon).await);
    house.write("rules/rules.toml", &rule(10));
    daemon.signal("-HUP");
    let five_days_earlier = Some(before - TimeDelta::days(5));
    eventually("the reminder moves", async || due(&house) == five_days_earlier).await;
    let new = hash(&daemon).await;
    assert_ne!(old, new);
    assert!(daemon.measures(&format!("replenish_rules_info{{hash=\"{new}\"}} 1")).await);
    assert!(daemon.measures(&format!("replenish_rules_info{{hash=\"{old}\"}} 0")).await);
    assert!(daemon.measures("replenish_rules_valid 1").await);
    assert!(daemon.log().contains("rules and templates read again"));
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_about_another_kind_of_item_are_learnt_for_at_once() {
    let receiver = Receiver::start().await;
    let house = house_of_one(&receiver, "").await;
    let daemon = start(&house, &["--now", AFTER_THE_LAST]).await;
    until_due(&house).await;
    let learnt = || daemon.log().matches("learnt from the history").count();
    assert_eq!(learnt(), 1);
    house.write("rules/rules.toml", &rule(10));
    daemon.signal("-HUP");
    eventually("the same kind", async || daemon.log().matches("read again").count() == 1).await;
    house.write("rules/rules.toml", &rule(7).replace("\"category\"", "\"product\""));
    daemon.signal("-HUP");
    eventually("products are learnt", async || learnt() == 2).await;
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_rules_leave_the_old_in_force_and_tell_every_problem() {
    let receiver = Receiver::start().await;
    let house = house_of_one(&receiver, "").await;
    let daemon = start(&house, &["--now", AFTER_THE_LAST]).await;
    let (before, old) = (until_due(&house).await, hash(&daemon).await);
    let wrong = rule(10).replace("purchases = 2", "purchases = \"two\"").replace("\"crm\"", "\"crn\"");
    house.write("rules/rules.toml", &wrong);
    house.write("templates/broken.jinja", "{% block subject %}");
    daemon.signal("-HUP");
    eventually("the gauge falls", async || daemon.measures("replenish_rules_valid 0").await).await;
    assert_eq!(readiness(&daemon).await, json!({"ready": true, "rules": old, "troubles": []}));
    let log = daemon.log();
    let warned: Vec<Value> = log.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
    let at: Vec<&str> = warned.iter().filter_map(|event| event["at"].as_str()).collect();
    assert_eq!(at.len(), 3, "{log}");
    for place in ["rules/rules.toml:6:23", "rules/rules.toml:8:11", "templates/broken.jinja:1:"] {
        assert!(at.iter().any(|at| at.contains(place)), "{place} in {at:?}");
    }
    house.write("rules/rules.toml", &rule(5));
    std::fs::remove_file(house.path("templates/broken.jinja")).unwrap();
    daemon.signal("-HUP");
    eventually("the gauge rises", async || daemon.measures("replenish_rules_valid 1").await).await;
    assert_eq!((due(&house), hash(&daemon).await), (Some(before), old));
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_with_the_token_reloads_and_hears_how_it_went() {
    let receiver = Receiver::start().await;
    let house = house_of_one(&receiver, WITH_TOKEN).await;
    let daemon = start(&house, &["--now", AFTER_THE_LAST]).await;
    let old = hash(&daemon).await;
    house.write("rules/rules.toml", &rule(10));
    for token in [None, Some("open-sesam"), Some("open-sesame0")] {
        assert_eq!(reload(&daemon, token).await.0, 401, "{token:?}");
    }
    assert_eq!(hash(&daemon).await, old, "who may not call changes nothing");
    let (status, answer) = reload(&daemon, Some(TOKEN)).await;
    let new = hash(&daemon).await;
    assert_eq!((status, answer), (200, json!({"rules_hash": new, "changed": true})));
    assert_ne!(new, old);
    let unchanged = (200, json!({"rules_hash": new, "changed": false}));
    assert_eq!(reload(&daemon, Some(TOKEN)).await, unchanged);
    house.write("templates/note.jinja", "{% block subject %}a{% endblock %}{% block text %}b{% endblock %}");
    assert_eq!(reload(&daemon, Some(TOKEN)).await.1["changed"], true, "a template alone is a change too");
    house.write("rules/rules.toml", "[[rule]]\nid = 7\n");
    let (status, answer) = reload(&daemon, Some(TOKEN)).await;
    assert_eq!(status, 422);
    let problem = &answer["problems"][0];
    assert!(problem["file"].as_str().unwrap().ends_with("rules/rules.toml"), "{answer}");
    assert_eq!((&problem["line"], &problem["column"]), (&1.into(), &1.into()), "{answer}");
    assert!(daemon.log().lines().all(|line| !line.contains(TOKEN)));
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_for_a_channel_that_needs_a_restart_is_a_problem_and_changed_settings_are_told_once() {
    let receiver = Receiver::start().await;
    let house = house_of_one(&receiver, WITH_TOKEN).await;
    let daemon = start(&house, &["--now", AFTER_THE_LAST]).await;
    let settings = std::fs::read_to_string(house.path("replenish.toml")).unwrap();
    let more = "[channel.line]\nurl = \"https://line.example/hook\"\nsecret = { env = \"CRM_SECRET\" }\n";
    house.write("replenish.toml", &format!("{settings}{more}"));
    let told = |log: String| log.matches("restart to apply them").count();
    assert_eq!(reload(&daemon, Some(TOKEN)).await.0, 200);
    assert_eq!(reload(&daemon, Some(TOKEN)).await.0, 200);
    assert_eq!(told(daemon.log()), 1, "{}", daemon.log());
    assert!(daemon.log().contains(r#""settings":"channel""#), "{}", daemon.log());
    house.write("rules/rules.toml", &rule(10).replace("\"crm\"", "\"line\""));
    let (status, answer) = reload(&daemon, Some(TOKEN)).await;
    assert_eq!(status, 422, "{answer}");
    assert_eq!(answer["problems"].as_array().unwrap().len(), 1, "{answer}");
    assert!(answer["problems"][0]["help"].as_str().unwrap().contains("restart"), "{answer}");
    assert_eq!(house.json(&["check"])["problems"], json!([]), "after a restart it would be fine");
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_quick_reloads_the_last_one_stays() {
    let receiver = Receiver::start().await;
    let house = house_of_one(&receiver, WITH_TOKEN).await;
    let daemon = start(&house, &["--now", AFTER_THE_LAST]).await;
    let before = until_due(&house).await;
    for days in [10, 5, 9, 5, 8, 5, 7, 5, 6, 10] {
        house.write("rules/rules.new", &rule(days));
        std::fs::rename(house.path("rules/rules.new"), house.path("rules/rules.toml")).unwrap();
        daemon.signal("-HUP");
    }
    let last = Some(before - TimeDelta::days(5));
    eventually("the last rules move the reminder", async || due(&house) == last).await;
    let (status, answer) = reload(&daemon, Some(TOKEN)).await;
    assert_eq!((status, &answer["changed"]), (200, &json!(false)), "{answer}");
    assert_eq!(due(&house), last);
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_under_load_lose_nothing_and_repeat_nothing() {
    let made = orders(300, 7);
    let quiet = Receiver::start().await;
    let house = House::with(&quiet, RULE, "");
    house.write("orders.csv", &made);
    house.json(&["import", "orders", "orders.csv"]);
    house.json(&["run", "--once", "--now", NOON]);

    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULE, &format!("{WITH_TOKEN}[queue]\nconcurrency = 4\n"));
    house.write("token", TOKEN);
    house.write("orders.csv", &made);
    house.json(&["import", "orders", "orders.csv"]);
    receiver.slow_down(Duration::from_millis(20));
    let daemon = start(&house, &["--now", NOON]).await;
    receiver.until(10).await;
    // Other rules, so that everyone is planned anew, and the same messages.
    for priority in [1, 2, 1, 0] {
        house.write("rules/rules.toml", &format!("{RULE}priority = {priority}\n"));
        assert_eq!(reload(&daemon, Some(TOKEN)).await.0, 200);
        receiver.until(receiver.seen().len() + 5).await;
    }
    assert!(receiver.seen().len() < quiet.seen().len(), "it came in the middle");
    receiver.slow_down(Duration::ZERO);
    receiver.until(quiet.seen().len()).await;
    daemon.end();
    assert_eq!(receiver.ids(), quiet.ids(), "each once");
}

/// PostgreSQL and Redis, with the one member's orders.
async fn fleet(receiver: &Receiver, redis: &Redis) -> House {
    let store = postgres::database().await.expect("PostgreSQL is installed");
    house_of_one(receiver, &format!("[store]\nurl = \"{store}\"\n[queue]\nurl = \"{}\"\n", redis.url())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn planners_with_different_rules_do_not_fight() {
    let (receiver, redis) = (Receiver::start().await, Redis::start());
    let house = fleet(&receiver, &redis).await;
    let planner = ["--role", "planner", "--now", AFTER_THE_LAST];
    let first = start(&house, &planner).await;
    let before = until_due(&house).await;
    house.write("newer/rules.toml", &rule(10));
    let newer = house.path("newer").display().to_string();
    let second = Running::start_with(&house, &planner, &[("REPLENISH__RULES", &newer)]).answering().await;
    let moved = Some(before - TimeDelta::days(5));
    eventually("the newer rules are in force", async || due(&house) == moved).await;
    eventually("the older planner says so", async || {
        first.text("/readyz").await.contains("other rules are in force")
    })
    .await;
    assert_eq!(readiness(&first).await["troubles"][0]["part"], "planner");
    assert_eq!(due(&house), moved, "and keeps its hands off");
    assert_eq!(readiness(&second).await["ready"], true);

    house.write("rules/rules.toml", &rule(10));
    first.signal("-HUP");
    eventually("both go by the same rules", async || readiness(&first).await["ready"] == true).await;
    assert_eq!((hash(&first).await, due(&house)), (hash(&second).await, moved));
    // The last to be given rules counts, whichever it is.
    house.write("rules/rules.toml", &rule(5));
    first.signal("-HUP");
    eventually("the first planner's rules are in force", async || due(&house) == Some(before)).await;
    eventually("now the other one stands back", async || readiness(&second).await["ready"] == false).await;
    first.end();
    second.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_older_rules_ends_no_job_of_a_rule_it_does_not_know() {
    let (receiver, redis) = (Receiver::start().await, Redis::start());
    let house = fleet(&receiver, &redis).await;
    house.json(&["run", "--once", "--now", AFTER_THE_LAST]);
    let on_time = (due(&house).unwrap() + TimeDelta::hours(49)).to_rfc3339();
    house.write("newer/rules.toml", &rule(5).replace("\"refill\"", "\"renamed\""));
    let newer = house.path("newer").display().to_string();
    let new_rules = [("REPLENISH__RULES", newer.as_str())];
    let _planner =
        Running::start_with(&house, &["--role", "planner", "--now", &on_time], &new_rules).answering().await;
    let state = |state: &str| house.lines(&["jobs", "list", "--state", state]).len();
    eventually("the job is offered", async || state("queued") == 1).await;
    let debug = [("RUST_LOG", "replenish=debug")];
    let worker =
        Running::start_with(&house, &["--role", "worker", "--now", &on_time], &debug).answering().await;
    eventually("the worker lets go", async || worker.log().contains("are let go")).await;
    eventually("the worker says why", async || readiness(&worker).await["ready"] == false).await;
    assert_eq!((state("queued"), state("skipped")), (1, 0));
    assert_eq!(receiver.seen().len(), 0);
    worker.end();
}
