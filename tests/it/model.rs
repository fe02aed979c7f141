//! The interval model holds what it promises: the daemon foretells as the backtest does, and the backtest as well as the
//! reference.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use chrono::{NaiveDate, TimeDelta};
use replenish::domain::catalog::Level;
use replenish::domain::ids::Day;
use replenish::domain::interval::Forecast;
use replenish::intake::{Reading, Source};
use replenish::lab::backtest::{Collector, forecasts};
use serde_json::Value;

use crate::support::house::{House, RULE, orders, ran, real_history};
use crate::support::receiver::Receiver;
use crate::support::reference::{ROWS, Row, results};

/// The day at whose start both foretell, counted from the first of the history.
const DAY: i32 = 125;

/// A history with several products in a category, days with two orders, a line taken back on its day, members who bought
/// once, and a future that nobody may know.
fn history() -> String {
    let mut history = orders(40, 11);
    let more = |n: usize, date: &str, product: &str, category: &str, quantity: i32| {
        format!("x{n}-{date}-{product}-{quantity},m{n:04},{product},{category},{date},{quantity}\n")
    };
    for n in 0..20 {
        history.push_str(&more(n, &format!("2026-02-{:02}", 1 + n), "coffee-2", "coffee", 2));
        history.push_str(&more(n, &format!("2026-03-{:02}", 1 + n), "coffee-2", "coffee", 1));
        history.push_str(&more(n, &format!("2026-03-{:02}", 1 + n), "tea-2", "tea", 3));
        history.push_str(&more(n, &format!("2026-03-{:02}", 1 + n), "tea-2", "tea", -1));
        history.push_str(&more(100 + n, &format!("2026-04-{:02}", 1 + n), "pets-1", "pets", 1));
    }
    history
}

/// What the backtest foretells, by member and item.
fn foretold(file: &Path, level: Level) -> (BTreeMap<(String, String), Forecast>, Day) {
    let reading = Reading::plain(chrono_tz::Asia::Taipei, "2027-01-01T00:00:00Z".parse().unwrap());
    let mut collector = Collector::new(level, reading.zone);
    collector.read(&Source::of(file).unwrap(), &reading, &|_| {}).unwrap();
    let lines = collector.finish();
    let text = fs::read_to_string(file).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|row| row.split(',').collect()).collect();
    assert_eq!(rows.len(), lines.day.len(), "every row is a purchase");
    let item = if level == Level::Product { 2 } else { 3 };
    let members: BTreeMap<u32, &str> = lines.member.iter().copied().zip(rows.iter().map(|r| r[1])).collect();
    let items: BTreeMap<u32, &str> = lines.item.iter().copied().zip(rows.iter().map(|r| r[item])).collect();
    let first = Day(*lines.day.iter().min().unwrap());
    let named = |(member, item, forecast)| ((members[&member].to_owned(), items[&item].to_owned()), forecast);
    (forecasts(lines, level, Day(DAY)).into_iter().map(named).collect(), first)
}

#[track_caller]
fn near(ours: &Value, theirs: f64, what: &str) {
    let ours = ours.as_f64().unwrap();
    assert!((ours - theirs).abs() < 1e-6, "{what}: {ours} by the daemon, {theirs} by the backtest");
}

/// Each pair of the history as the daemon and as the backtest foretell it; how many there were.
fn compared(receiver: &Receiver, level: Level) -> usize {
    let rule = RULE.replace("\"category\"", &format!("{:?}", level.as_str()));
    let house = House::with(receiver, &rule, "");
    let file = house.write("orders.csv", &history());
    house.json(&["import", "orders", "orders.csv"]);
    let (foretold, first) = foretold(&file, level);
    // Learnt on the day from what came before it; foretold on the evening before, at the start of the day.
    let date = first.date() + TimeDelta::days(DAY.into());
    house.json(&["learn", "--now", &format!("{date}T12:00")]);
    let evening = format!("{}T23:00", date - TimeDelta::days(1));
    let mut pairs = 0;
    let members: BTreeSet<&String> = foretold.keys().map(|(member, _)| member).collect();
    for member in members {
        let told = house.lines(&["forecast", "--member", member, "--now", &evening]);
        for line in told.iter().filter(|line| line["level"] == level.as_str()) {
            let item = line["item"].as_str().unwrap().to_owned();
            let forecast = foretold[&(member.clone(), item)];
            for (key, q) in [("p10", 0.1), ("p50", 0.5), ("p90", 0.9)] {
                let theirs: NaiveDate = first.plus(forecast.quantile(q).0).date();
                assert_eq!(line[key], theirs.to_string(), "{key} of {line}");
            }
            near(&line["still_buying"], forecast.still_buying(), &line.to_string());
            near(&line["within_30d"], forecast.within(30), &line.to_string());
            near(&line["interval_days"], forecast.interval_days(), &line.to_string());
            pairs += 1;
        }
    }
    assert_eq!(pairs, foretold.len(), "every pair is foretold by both");
    pairs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_and_the_backtest_foretell_alike() {
    let receiver = Receiver::start().await;
    assert!(compared(&receiver, Level::Product) > 120);
    assert!(compared(&receiver, Level::Category) > 120);
}

/// A real history foretold by the program; what is wrong with how well.
fn judged(row: &Row) {
    let Some(file) = real_history(row.file) else { return };
    let mut command = Command::new(env!("CARGO_BIN_EXE_replenish"));
    let folder = tempfile::tempdir().unwrap();
    command.current_dir(folder.path()).arg("backtest").arg(file).args(row.args());
    let report = ran(command.output().unwrap()).one();
    let faults = row.faults(&report, results().as_ref());
    assert!(faults.is_empty(), "{} by {}:\n{}", row.file, row.level, faults.join("\n"));
}

// The others take longer in an unoptimised build: the bench `reference` judges every row.
#[test]
fn members_of_a_shop_of_one_product_are_foretold_as_well_as_by_the_reference() {
    judged(&ROWS[4]);
}

#[test]
fn american_groceries_by_category_are_foretold_as_well_as_by_the_reference() {
    judged(&ROWS[0]);
}

#[test]
fn taiwanese_groceries_by_category_are_foretold_as_well_as_by_the_reference() {
    judged(&ROWS[3]);
}

#[test]
fn a_worse_forecast_is_found() {
    let row = &ROWS[0];
    let good = serde_json::json!({"models": {"replenish": {
        "crps_n2": 8.774, "mae_fresh": 10.67, "pit_error_n2": 0.008, "bss30_n1": 0.2158, "auc30_n1": 0.7758,
        "prec7_n2": 0.3774, "recall_n2": 0.2042, "mae_n2": 12.874, "within7_n2": 0.363, "logloss30_n1": 0.4759,
    }, "product_median": {"prec7_n2": 0.233}}});
    assert_eq!(row.faults(&good, None), Vec::<String>::new());
    for (key, worse) in [("crps_n2", 8.9), ("bss30_n1", 0.2), ("recall_n2", 0.2)] {
        let mut report = good.clone();
        report["models"]["replenish"][key] = worse.into();
        let faults = row.faults(&report, None);
        assert!(faults.len() == 1 && faults[0].contains(key), "{faults:?}");
    }
    let other = serde_json::json!({"n2": {"time": {"crps": 8.9}}});
    let reference = serde_json::json!({"completejourney_a/category": {"models": {"11a EB + pair variance + recency": other}}});
    let faults = row.faults(&good, Some(&reference));
    assert!(faults.iter().any(|fault| fault.contains("crps_n2")), "{faults:?}");
}
