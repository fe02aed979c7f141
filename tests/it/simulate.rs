//! The simulation as its user runs it, and against the daemon: what it says would have been sent is what is sent.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::{NaiveDate, TimeDelta};
use replenish::domain::ids::{Day, Timestamp};
use replenish::domain::order::OrderLine;
use replenish::domain::rules::Rules;
use replenish::intake::{Reading, Source};
use replenish::lab::shop::{SampleShop, ZONE};
use replenish::lab::simulate::{Collector, Setting, Simulation, SweepKey, plain_rules};
use serde_json::Value;

use crate::support::house::{self, House, orders, real_history};
use crate::support::receiver::Receiver;

const RULES: &str = r#"
[guards]
quiet_hours = "21:00-09:00"
frequency_cap = ["1 per 5d"]
holdout = "10%"
[[rule]]
id = "best"
kind = "reminder"
about = { category = ["coffee", "tea"] }
per = "category"
needs = { purchases = 2, chance = "30%" }
send = { at = "best", time = "10:00-12:00" }
channel = "crm"
[[rule]]
id = "ahead"
kind = "reminder"
per = "product"
needs = { purchases = 3 }
send = { before = "4d", time = "10:00-12:00" }
combine_within = "3d"
channel = "crm"
[[rule]]
id = "thanks"
kind = "care"
on = "purchase"
per = "category"
send = { after = "2d", time = "10:00-12:00" }
channel = "crm"
"#;

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, 2).unwrap()
}

/// The made-up shop's files in a house with `RULES`.
async fn shop_house() -> House {
    let house = House::with(&Receiver::start().await, RULES, "");
    SampleShop::grow(7, today()).write(&house.path("")).unwrap();
    house
}

fn simulate(house: &House, more: &[&str]) -> Value {
    let files =
        ["simulate", "--orders", "orders.csv", "--products", "products.csv", "--members", "members.csv"];
    house.json(&[&files, more].concat())
}

fn count(of: &Value, key: &str) -> u64 {
    of[key].as_u64().unwrap_or_else(|| panic!("{key} in {of}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_add_up_are_the_same_each_time_and_a_higher_chance_sends_less() {
    let house = shop_house().await;
    let sweep = ["--sweep", "needs.chance=10%,70%", "--from", "2026-01-05", "--to", "2026-02-20"];
    let report = simulate(&house, &sweep);
    let timings =
        |of: &Value| ["on_time", "early", "late", "not_needed"].map(|k| count(of, k)).iter().sum::<u64>();
    let rules = report["by_rule"].as_array().unwrap();
    for one in rules.iter().chain([&report, &report["naive"]]).chain(report["sweep"].as_array().unwrap()) {
        assert_eq!(timings(one), count(one, "judged"), "{one}");
    }
    for key in ["jobs", "judged", "on_time", "unjudged"] {
        assert_eq!(rules.iter().map(|rule| count(rule, key)).sum::<u64>(), count(&report, key), "{key}");
        assert!(count(&report, key) > 20, "{key} in {report}");
    }
    let care = rules.iter().find(|rule| rule["rule"] == "thanks").unwrap();
    assert_eq!((count(care, "jobs"), count(care, "judged")), (count(&report, "care"), 0));
    assert!(count(&report, "care") > 20 && count(&report["naive"], "jobs") <= count(&report, "judged"));
    assert!((100..=240).contains(&count(&report, "members")), "{report}");
    let volumes: Vec<u64> =
        report["sweep"].as_array().unwrap().iter().map(|swept| count(swept, "judged")).collect();
    assert!(volumes[0] > volumes[1] && volumes[1] > 0, "{volumes:?}");
    let mut again = simulate(&house, &sweep);
    again["seconds"] = report["seconds"].clone();
    assert_eq!(again, report);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_get_tables_a_sentence_and_a_reason_when_it_cannot_be() {
    let house = shop_house().await;
    let told = house.run(&["simulate", "--orders", "orders.csv", "--sweep", "needs.purchases=2,4"]);
    assert_eq!(told.code, 0, "{}", told.err);
    for part in ["nothing was sent", "naive, as many", "needs.purchases", "Of 100 items reminded of"] {
        assert!(told.out.contains(part), "{part} in {}", told.out);
    }
    let refused = house.run(&["simulate", "--orders", "orders.csv", "--sweep", "send.before=3d"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("`send.before` cannot be swept"), "{}", refused.err);
    let outside = house.run(&["simulate", "--orders", "orders.csv", "--from", "2027-01-01"]);
    assert_eq!(outside.code, 1);
    assert!(outside.err.contains("the orders run from"), "{}", outside.err);
    // Where nothing is set up, one plain rule is tried.
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_replenish"));
    command.args(["simulate", "--json", "--orders"]).arg(house.path("orders.csv")).current_dir(&elsewhere);
    let plain = house::ran(command.output().unwrap()).one();
    assert_eq!(plain["by_rule"][0]["rule"], "reminder");
    assert!(count(&plain, "jobs") > 20 && std::fs::read_dir(&elsewhere).unwrap().next().is_none(), "{plain}");
}

fn plain_reading() -> Reading {
    let latest = "2030-01-01T00:00:00Z".parse().unwrap();
    Reading { not_a_purchase: vec!["unpaid".to_owned()], ..Reading::plain(ZONE, latest) }
}

/// Everything sent until the last day before `until`: member, rule, items, day.
fn sent(orders: &Path, rules: Rules, until: NaiveDate) -> BTreeSet<String> {
    let mut past = Collector::new(ZONE);
    past.orders(&Source::of(orders).unwrap(), &plain_reading(), &|_| ()).unwrap();
    let morning = |day: NaiveDate| -> Timestamp { day.and_hms_opt(0, 0, 0).unwrap().and_utc() };
    let from = Some(morning(today() - TimeDelta::days(200)));
    let end = Some(morning(today() - TimeDelta::days(1)));
    let setting = Setting { from, end, learn_every: 7 };
    let simulation = Simulation::new(past.finish(&rules), rules, &setting).unwrap();
    let early = simulation.sent().into_iter().filter(|sent| sent.day < Day::from(until));
    early
        .map(|sent| {
            let (member, items) = simulation.names(&sent);
            format!("{member} {} {items:?} {}", sent.rule, sent.day)
        })
        .collect()
}

#[test]
fn nothing_of_the_future_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let write = |shop: &SampleShop, name: &str| -> PathBuf {
        let folder = folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        shop.write(&folder).unwrap();
        folder.join("orders.csv")
    };
    let mut shop = SampleShop::grow(7, today());
    let turn = today() - TimeDelta::days(90);
    let told = sent(&write(&shop, "as it was"), plain_rules(), turn);
    assert!(told.len() > 200, "{}", told.len());
    // From the turn on all is different: some come later, some not at all, some bring everything back.
    let last = shop.orders.last().unwrap().ordered_at;
    let day_of = |line: &OrderLine| Day::of(line.ordered_at, ZONE);
    let (early, late): (Vec<_>, Vec<_>) =
        shop.orders.iter().cloned().partition(|line| day_of(line) < Day::from(turn));
    let changed = late.into_iter().enumerate().filter(|(n, _)| n % 3 > 0).map(|(n, mut line)| {
        line.ordered_at = (line.ordered_at + TimeDelta::days(n as i64 % 9)).min(last);
        line.quantity = if n % 2 == 0 { -1.0 } else { 7.0 };
        line
    });
    shop.orders = early.into_iter().chain(changed).collect();
    shop.orders.sort_by_key(|line| line.ordered_at);
    let other = write(&shop, "otherwise");
    assert_eq!(sent(&other, plain_rules(), turn), told);
    let (after, before) = (sent(&other, plain_rules(), today()), told);
    assert!(after.len() > before.len(), "the days after the turn were simulated too");
}

/// Each message that the receiver has got since the first `known`: member, rule, items.
fn received(receiver: &Receiver, known: usize, day: NaiveDate) -> Vec<String> {
    let bodies = receiver.seen().into_iter().skip(known);
    bodies
        .map(|(_, body)| {
            let data = &body["data"];
            let items: BTreeSet<&str> =
                data["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
            format!(
                "{} {} {items:?} {day}",
                data["member"]["id"].as_str().unwrap(),
                data["rule"].as_str().unwrap()
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_simulated_is_what_the_daemon_sends_day_by_day() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULES, "");
    let file = house.write("orders.csv", &orders(25, 11));
    let first = NaiveDate::from_ymd_opt(2026, 3, 20).unwrap();
    let days: Vec<NaiveDate> = first.iter_days().take(24).collect();
    let text = std::fs::read_to_string(&file).unwrap();
    let (header, lines) = text.split_once('\n').unwrap();
    let mut delivered = BTreeSet::new();
    let mut since = String::new();
    for (n, day) in days.iter().enumerate() {
        let (since_day, until) = (since.clone(), day.to_string());
        let new = lines.lines().filter(|line| *line < until.as_str() && *line >= since_day.as_str());
        house.write("new.csv", &std::iter::once(header).chain(new).collect::<Vec<_>>().join("\n"));
        since = until;
        house.json(&["import", "orders", "new.csv"]);
        if n % 7 == 0 {
            house.json(&["learn", "--now", &format!("{day}T00:00")]);
        }
        let known = receiver.seen().len();
        for hour in ["00:00:00", "10:00:00"] {
            house.json(&["run", "--once", "--now", &format!("{day}T{hour}+08:00")]);
        }
        delivered.extend(received(&receiver, known, *day));
    }
    let loaded = replenish::config::load(
        &house.path("replenish.toml"),
        None,
        &[("CRM_SECRET".to_owned(), crate::support::receiver::SECRET.to_owned())].into(),
    );
    let rules = loaded.unwrap().rules;
    let mut past = Collector::new(ZONE);
    past.orders(&Source::of(&file).unwrap(), &plain_reading(), &|_| ()).unwrap();
    let at = |day: NaiveDate| Some(format!("{day}T00:00:00+08:00").parse::<Timestamp>().unwrap());
    let setting =
        Setting { from: at(first), end: at(days[days.len() - 1].succ_opt().unwrap()), learn_every: 7 };
    let simulation = Simulation::new(past.finish(&rules), rules, &setting).unwrap();
    let simulated: BTreeSet<String> = simulation
        .sent()
        .iter()
        .map(|sent| {
            let (member, items) = simulation.names(sent);
            let items: BTreeSet<String> = items.into_iter().collect();
            format!("{member} {} {items:?} {}", sent.rule, sent.day)
        })
        .collect();
    assert!(simulated.len() > 40, "{simulated:?}");
    for rule in ["best", "ahead", "thanks"] {
        assert!(simulated.iter().any(|sent| sent.contains(&format!(" {rule} "))), "{rule} in {simulated:?}");
    }
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
    let differ = (only(&simulated, &delivered), only(&delivered, &simulated));
    assert_eq!(differ, (Vec::new(), Vec::new()));
}

#[test]
fn on_real_orders_more_reminders_are_on_time_than_the_naive_flows() {
    let Some(file) = real_history("tafeng.csv.gz") else { return };
    let reading = Reading { zone: chrono_tz::UTC, ..plain_reading() };
    let mut past = Collector::new(reading.zone);
    past.orders(&Source::of(&file).unwrap(), &reading, &|_| ()).unwrap();
    let rules = SweepKey::Chance.set(&plain_rules(), 0.3);
    // Two weeks tell enough, and do not take long without optimisation.
    let at = |day: &str| Some(format!("{day}T00:00:00Z").parse::<Timestamp>().unwrap());
    let setting = Setting { from: at("2001-01-01"), end: at("2001-01-15"), learn_every: 28 };
    let outcome = Simulation::new(past.finish(&rules), rules, &setting).unwrap().run(None, &|_| ()).outcome;
    assert!(outcome.tally.judged > 500, "{outcome:?}");
    assert!(outcome.factor.unwrap() > 1.5, "{outcome:?}");
    let frequent = outcome.naive.frequent_first.on_time_share.unwrap();
    assert!(outcome.tally.on_time_share.unwrap() > frequent, "{outcome:?}");
}
