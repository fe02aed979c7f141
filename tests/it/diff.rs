//! `plan --diff`: what it says of other rules is what happens when they become the rules.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::house::{House, RULE, orders};
use crate::support::receiver::Receiver;

const MORNING: &str = "2026-05-20T09:00:00+08:00";

/// What waits: id of the occasion → when it goes.
fn waiting(house: &House) -> BTreeMap<String, String> {
    let lines = tokio::task::block_in_place(|| house.lines(&["jobs", "list", "--state", "scheduled"]));
    let text = |job: &Value, key: &str| job[key].as_str().unwrap().to_owned();
    lines.iter().map(|job| (text(job, "id"), text(job, "due_at"))).collect()
}

async fn house(rules: &str, now: &str) -> House {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, rules, "");
    house.write("orders.csv", &orders(150, 7));
    run(&house, &["import", "orders", "orders.csv"]);
    run(&house, &["run", "--once", "--now", now]);
    house
}

fn run(house: &House, args: &[&str]) -> Value {
    tokio::task::block_in_place(|| house.json(args))
}

fn diff(house: &House, rules: &str, now: &str) -> Value {
    house.write("draft/rules.toml", rules);
    run(house, &["plan", "--diff", "draft", "--now", now])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diff_says_exactly_what_the_other_rules_then_do() {
    let house = house(RULE, MORNING).await;
    assert_eq!(diff(&house, RULE, MORNING)["changes"], Value::Array(vec![]));
    let later = RULE.replace("5d", "2d").replace("purchases = 2", "purchases = 4");
    let thanks = "[[rule]]\nid = \"thanks\"\nkind = \"care\"\non = \"purchase\"\nchannel = \"crm\"\nsend = { after = \"300d\" }\n";
    let other = format!("{later}\n{thanks}");
    let told = diff(&house, &other, MORNING);
    let before = waiting(&house);
    house.write("rules/rules.toml", &other);
    run(&house, &["run", "--once", "--now", MORNING]);
    let after = waiting(&house);

    let is =
        |of: &dyn Fn(&String) -> bool, map: &BTreeMap<String, String>| map.keys().filter(|id| of(id)).count();
    let gained = is(&|id| !before.contains_key(id), &after);
    let lost = is(&|id| !after.contains_key(id), &before);
    let moved =
        is(&|id| before.get(id).is_some_and(|at| after.get(id).is_some_and(|then| then != at)), &before);
    assert!(gained > 100 && lost > 5 && moved > 100, "{gained} {lost} {moved}");
    let counts =
        ["gained", "lost", "moved", "second_for_same_purchase"].map(|key| told[key].as_u64().unwrap());
    assert_eq!(counts, [gained as u64, lost as u64, moved as u64, 0]);
    assert_eq!(told["changes"].as_array().unwrap().len(), gained + lost + moved);
    assert_eq!(diff(&house, &other, MORNING)["changes"], Value::Array(vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_rule_writes_twice_only_when_nothing_holds_it() {
    let noon = "2026-05-20T11:00:00+08:00";
    let house = house(RULE, noon).await;
    let delivered =
        tokio::task::block_in_place(|| house.lines(&["jobs", "list", "--state", "delivered"])).len();
    assert!(delivered > 10);
    let renamed = RULE.replace("id = \"refill\"", "id = \"again\"");
    let formerly = RULE.replace("id = \"refill\"", "id = \"again\"\nformerly = [\"refill\"]");
    let unguarded = format!("{renamed}\n[guards]\none_reminder_per_purchase = false\n");
    let second = |told: &Value| told["second_for_same_purchase"].as_u64().unwrap() as usize;
    let told = diff(&house, &formerly, noon);
    assert_eq!(
        (second(&told), &told["gained"]),
        (0, &Value::from(0)),
        "a rename that says so changes nothing"
    );
    assert_eq!(second(&diff(&house, &renamed, noon)), 0, "one reminder per purchase holds");
    let told = diff(&house, &unguarded, noon);
    assert!(second(&told) >= delivered, "{delivered} {told}");

    // and so it is; what a guard ended stays ended, so each in its own turn
    let other = self::house(RULE, noon).await;
    for (house, rules, expected) in
        [(&house, &formerly, false), (&house, &renamed, false), (&other, &unguarded, true)]
    {
        house.write("rules/rules.toml", rules);
        let again = run(house, &["run", "--once", "--now", noon])["delivered"].as_u64().unwrap() > 0;
        assert_eq!(again, expected, "{rules}");
    }
}
