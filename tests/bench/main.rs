//! Figures, not tests: how fast the road is on this machine. Each bench prints its figures as one JSON object.
//!
//! `cargo bench -- NAME…` runs those named, without names all: `import`, `webhooks`, `endpoints`, `fleet`, `backlog`, `mails`,
//! `backtest`, `reference`, `simulation`.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

#[path = "../it/support/backlog.rs"]
mod backlog;
mod flow;
#[path = "../it/support/hook.rs"]
mod hook;
#[path = "../it/support/house.rs"]
mod house;
mod mails;
#[path = "../it/support/postgres.rs"]
mod postgres;
#[path = "../it/support/receiver.rs"]
mod receiver;
#[path = "../it/support/redis.rs"]
mod redis;
#[path = "../it/support/reference.rs"]
mod reference;
#[path = "../it/support/running.rs"]
mod running;
#[path = "../it/simulation/mod.rs"]
mod simulation;

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use serde_json::json;

use house::{House, real_history};
use receiver::Receiver;
use replenish::domain::catalog::Level;
use replenish::domain::ids::Day;
use replenish::domain::interval::Event;
use replenish::intake::{Reading, Source};
use replenish::lab::backtest::{Collector, History};

/// Members with one due job each.
const JOBS: usize = 20_000;
/// Seeds that the simulation plays.
const SIMULATED: u64 = 1_000;
/// The best of so many runs counts.
const RUNS: usize = 3;
/// The bench that is run by another one, in a process of its own because of its memory.
const FORECAST: &str = "forecast";
/// The day of that forecast, counted from the first of the history.
const DAY: Day = Day(260);
/// What a fit takes its time for.
const SWEEPS: f64 = 6.0;
/// The plain average gap of each member and product.
const AVERAGE_GAP: &str = r#"
import sys, time, duckdb
best = float("inf")
for _ in range(int(sys.argv[2])):
    db = duckdb.connect(config={"threads": 2})
    started = time.perf_counter()
    db.execute("""
        CREATE TEMP TABLE averages AS WITH days AS (
            SELECT member_id, product_id, ordered_at::DATE AS day FROM read_csv(?, header = true)
            GROUP BY ALL HAVING sum(quantity) > 0
        ), gaps AS (
            SELECT member_id, product_id, day - lag(day) OVER (PARTITION BY member_id, product_id ORDER BY day) AS gap FROM days
        )
        SELECT member_id, product_id, avg(gap) FROM gaps GROUP BY ALL
    """, [sys.argv[1]])
    best = min(best, time.perf_counter() - started)
print(best)
"#;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let chosen = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    if let [name, file] = &wanted[..]
        && name == FORECAST
    {
        return forecast(file);
    }
    if chosen("import") {
        runtime.block_on(import());
    }
    if chosen("webhooks") {
        runtime.block_on(webhooks());
    }
    if chosen("endpoints") {
        runtime.block_on(flow::endpoints());
    }
    if chosen("fleet") {
        runtime.block_on(flow::fleet());
    }
    if chosen("backlog") {
        runtime.block_on(flow::backlog());
    }
    if chosen("mails") {
        mails::mails();
    }
    if chosen("backtest") {
        runtime.block_on(backtest());
    }
    if chosen("reference") {
        runtime.block_on(against_reference());
    }
    if chosen("simulation") {
        simulate();
    }
}

/// Seeds a minute of the simulation, two virtual years each, on all cores.
fn simulate() {
    let started = Instant::now();
    let ends = simulation::play_all(0..SIMULATED).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let jobs: usize = ends.values().sum();
    println!(
        "{}",
        json!({
            "bench": "simulation", "seeds": SIMULATED, "jobs": jobs, "seconds": seconds,
            "seeds_per_minute": (SIMULATED as f64 * 60.0 / seconds).round(),
        })
    );
}

/// Lines a second and peak memory of `import orders`, on the real history where it is there.
async fn import() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, house::RULE, "");
    let made_up = || house.write("orders.csv", &house::orders(20_000, 7));
    let file: PathBuf = real_history("tafeng.csv.gz").unwrap_or_else(made_up);
    let started = Instant::now();
    let (report, memory) = measured(&house, &["import", "orders", file.to_str().unwrap(), "--json"]);
    let read = report["read"].as_u64().unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let per_second = (read as f64 / seconds).round();
    println!(
        "{}",
        json!({ "bench": "import", "lines": read, "seconds": seconds, "lines_per_second": per_second, "peak_mb": memory })
    );
}

/// Webhook jobs a second, embedded, to a receiver on the same machine: between the first and the last arrival.
async fn webhooks() {
    let receiver = Receiver::start().await;
    let concurrency = std::env::var("CONCURRENCY").unwrap_or_else(|_| "64".to_owned());
    let house = House::with(&receiver, house::RULE, &format!("[queue]\nconcurrency = {concurrency}\n"));
    let mut rows = String::from("order_id,member_id,product_id,category,ordered_at,quantity\n");
    for (n, date) in ["2026-01-01", "2026-01-31", "2026-03-02", "2026-04-01"].iter().enumerate() {
        for member in 0..JOBS {
            rows.push_str(&format!("o{n}-{member},m{member},beans,coffee,{date},1\n"));
        }
    }
    house.write("orders.csv", &rows);
    house.json(&["import", "orders", "orders.csv"]);
    let watching = receiver.clone();
    let watch = tokio::spawn(async move {
        watching.until(1).await;
        let first = Instant::now();
        watching.until(JOBS).await;
        first.elapsed().as_secs_f64()
    });
    let started = Instant::now();
    let house = std::sync::Arc::new(house);
    let running = house.clone();
    let run = move || measured(&running, &["run", "--once", "--now", "2026-04-28T10:00:00+08:00", "--json"]);
    let (pass, memory) = tokio::task::spawn_blocking(run).await.unwrap();
    let delivering = watch.await.unwrap();
    println!(
        "{}",
        json!({
            "bench": "webhooks", "jobs": pass["delivered"], "jobs_per_second": (JOBS as f64 / delivering).round(),
            "seconds_delivering": delivering, "seconds_whole_pass": started.elapsed().as_secs_f64(), "peak_mb": memory,
            "concurrency": concurrency,
        })
    );
}

/// Seconds and peak memory of one forecast of every pair, step by step; beside what DuckDB takes for the plain average gap
/// of every pair over the same file, where a Python with DuckDB is there (`DUCKDB_PYTHON`, else `python3`). And seconds of
/// the whole command, which judges five models.
async fn backtest() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, house::RULE, "");
    let Some(file) = real_history("completejourney_a.csv.gz") else { return };
    let file = file.to_str().unwrap();
    let args = ["backtest", file, "--cutoffs", "260", "--horizon", "60", "--level", "product", "--json"];
    let runs: Vec<_> = (0..RUNS).map(|_| measured(&house, &args)).collect();
    let seconds =
        runs.iter().map(|(report, _)| report["seconds"].as_f64().unwrap()).fold(f64::INFINITY, f64::min);
    let steps: Vec<_> = (0..RUNS).map(|_| forecast_apart(file)).collect();
    let total = |steps: &serde_json::Value| steps["seconds"].as_f64().unwrap();
    let steps = steps.iter().min_by(|a, b| total(a).total_cmp(&total(b))).unwrap();
    let duckdb = duckdb_seconds(file);
    println!(
        "{}",
        json!({
            "bench": "backtest", "forecast": steps, "command_seconds": seconds, "duckdb_seconds": duckdb,
            "ratio": duckdb.map(|theirs| total(steps) / theirs),
        })
    );
}

/// [`forecast`] in a process of its own.
fn forecast_apart(file: &str) -> serde_json::Value {
    let asked = Command::new(std::env::current_exe().unwrap()).args([FORECAST, file]).output().unwrap();
    assert!(asked.status.success(), "{asked:?}");
    serde_json::from_slice(&asked.stdout).unwrap()
}

/// Reads a history, groups it by pair, packs it for learning, fits, and forecasts every pair: seconds of each, and the
/// memory that a pair takes beside the events.
fn forecast(file: &str) {
    let reading = Reading::plain(chrono_tz::UTC, chrono::Utc::now());
    let (empty, started) = (peak_bytes(), Instant::now());
    let mut lines = Collector::new(Level::Product, reading.zone);
    lines.read(&Source::of(file).unwrap(), &reading, &|_| {}).unwrap();
    let read = started.elapsed().as_secs_f64();
    let history = History::of(lines.finish(), Level::Product);
    let grouped = started.elapsed().as_secs_f64();
    let learner = history.learner();
    let learnt = started.elapsed().as_secs_f64();
    let cores = cpu_seconds();
    let fit = learner.fit(DAY);
    let cores = cpu_seconds() - cores;
    let fitted = started.elapsed().as_secs_f64();
    let peak = peak_bytes();
    let forecasts = history.forecasts(&fit, DAY);
    let seconds = started.elapsed().as_secs_f64();
    let events = (history.purchases() * size_of::<Event>()) as f64;
    println!(
        "{}",
        json!({
            "pairs": fit.pairs, "forecasts": forecasts.len(), "seconds": seconds, "read": read, "group": grouped - read,
            "learn": learnt - grouped, "fit": fitted - learnt, "forecast": seconds - fitted,
            // What comes before the sweeps counts as theirs.
            "us_per_pair_sweep_core": 1e6 * cores / (SWEEPS * fit.pairs as f64),
            // Of the whole process, the lines as they were read and the items too.
            "bytes_per_pair": (peak - empty - events) / fit.pairs as f64, "peak_mb": peak_bytes() / 1048576.0,
        })
    );
}

/// What this process has worked, on all cores together, in the kernel's ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    behind_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>()
        / 100.0
}

fn peak_bytes() -> f64 {
    peak_mb(&std::fs::read_to_string("/proc/self/status").unwrap_or_default()).unwrap_or(f64::NAN) * 1048576.0
}

/// The peak memory that a process status tells.
fn peak_mb(status: &str) -> Option<f64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

/// The best of some runs, each in a new connection; none, said loudly, where DuckDB cannot be asked.
fn duckdb_seconds(file: &str) -> Option<f64> {
    let python = std::env::var("DUCKDB_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let asked = Command::new(&python).args(["-c", AVERAGE_GAP, file, &RUNS.to_string()]).output();
    match asked {
        Ok(answer) if answer.status.success() => {
            String::from_utf8(answer.stdout).unwrap().trim().parse().ok()
        }
        _ => {
            eprintln!(
                "NOT COMPARED with DuckDB: `{python} -c \"import duckdb\"` fails; name another by DUCKDB_PYTHON"
            );
            None
        }
    }
}

/// How well every real history is foretold, and what falls short of the reference.
async fn against_reference() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, house::RULE, "");
    let results = reference::results();
    for row in &reference::ROWS {
        let Some(file) = real_history(row.file) else { continue };
        let (report, memory) =
            measured(&house, &[&["backtest", file.to_str().unwrap()], &row.args()[..]].concat());
        println!(
            "{}",
            json!({
                "bench": "reference", "file": row.file, "level": row.level, "seconds": report["seconds"],
                "peak_mb": memory, "replenish": report["models"]["replenish"],
                "faults": row.faults(&report, results.as_ref()),
            })
        );
    }
}

/// Runs a command to its end; its JSON, and its peak memory in MB as the kernel tells it.
fn measured(house: &House, args: &[&str]) -> (serde_json::Value, Option<f64>) {
    let mut child = house.command(args).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        peak = peak_mb(&text).or(peak);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let ran = house::ran(child.wait_with_output().unwrap());
    (ran.one(), peak)
}
