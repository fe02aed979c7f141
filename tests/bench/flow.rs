//! Figures of many jobs under way: beside an endpoint that is dead, over several workers, with a million due.

use std::time::{Duration, Instant};

use serde_json::json;

use super::backlog::{self, NOW};
use super::hook::{Answer, Hook};
use super::house::House;
use super::postgres::Server;
use super::receiver::Receiver;
use super::redis::Redis;
use super::running::Running;

const LIVE: [&str; 3] = ["one", "two", "three"];
/// Due jobs of each channel, beside a dead one.
const OF_EACH: usize = 4_000;
/// Due jobs of the fleet, and what a worker of it does at once.
const OF_FLEET: usize = 6_000;
const CONCURRENCY: usize = 8;
/// Due jobs of the backlog, and how many of them are waited for.
const BACKLOG: usize = 1_000_000;
const OF_BACKLOG: usize = 30_000;

/// Messages a second of three channels together: by themselves, and beside a fourth whose endpoint is dead.
pub async fn endpoints() {
    // By themselves they share the machine with a fourth that has nothing to do.
    let alone = beside(None).await;
    let silent = beside(Some(Answer::Hang)).await;
    let broken = beside(Some(Answer::Drop)).await;
    println!(
        "{}",
        json!({
            "bench": "endpoints", "jobs": LIVE.len() * OF_EACH, "jobs_per_second": alone,
            "beside_a_silent_one": silent, "beside_one_that_hangs_up": broken,
            "ratios": [silent / alone, broken / alone],
        })
    );
}

async fn beside(dead: Option<Answer>) -> f64 {
    let is_dead = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (switch, answer) = (is_dead.clone(), dead.clone().unwrap_or(Answer::Drop));
    let hook = Hook::start(move |_| match switch.load(std::sync::atomic::Ordering::SeqCst) {
        true => answer.clone(),
        false => Answer::status("204 No Content"),
    });
    let hook = hook.await;
    let mut receivers = Vec::new();
    for _ in LIVE {
        receivers.push(Receiver::start().await);
    }
    let urls: Vec<String> = receivers.iter().map(Receiver::url).collect();
    let mut channels: Vec<_> = LIVE.iter().zip(&urls).map(|(name, url)| (*name, url.as_str(), "")).collect();
    channels.push(("dead", &hook.url, ""));
    let rules: Vec<_> = channels.iter().map(|(name, ..)| (*name, *name, "valid_for = \"10d\"")).collect();
    let settings = format!("timezone = \"Asia/Taipei\"\n{}", backlog::channels(&channels));
    let house = House::of(&settings, &backlog::rules(&rules));
    let tags = if dead.is_some() { &["dead", "one", "two", "three"][..] } else { &LIVE[..] };
    aside(|| {
        backlog::first(&house, tags);
        backlog::plant(&house, OF_EACH);
    });
    is_dead.store(true, std::sync::atomic::Ordering::SeqCst);
    let _running = Running::start(&house, &["--now", NOW]);
    receivers[0].until(2).await;
    let started = Instant::now();
    for receiver in &receivers {
        receiver.until(OF_EACH + 1).await;
    }
    ((LIVE.len() * OF_EACH) as f64 / started.elapsed().as_secs_f64()).round()
}

/// Messages a second to a receiver that takes its time: by one worker, and by three.
pub async fn fleet() {
    let Some(server) = Server::own() else { return };
    let (one, three) = (by_workers(&server, 1).await, by_workers(&server, 3).await);
    println!(
        "{}",
        json!({
            "bench": "fleet", "jobs": OF_FLEET, "concurrency": CONCURRENCY, "one_worker": one, "three_workers": three,
            "ratio": three / one,
        })
    );
}

async fn by_workers(server: &Server, workers: usize) -> f64 {
    let (redis, receiver) = (Redis::start(), Receiver::start().await);
    let (house, store) = fleet_house(server, &redis, &receiver, CONCURRENCY).await;
    backlog::plant_at(&store, OF_FLEET).await;
    receiver.slow_down(Duration::from_millis(20));
    let _planner = Running::start(&house, &["--role", "planner", "--now", NOW]);
    let start = |_| Running::start(&house, &["--role", "worker", "--now", NOW]);
    let _workers: Vec<Running> = (0..workers).map(start).collect();
    // All of them have begun.
    receiver.until(OF_FLEET / 10).await;
    let (started, before) = (Instant::now(), receiver.seen().len());
    receiver.until(OF_FLEET * 9 / 10).await;
    ((receiver.seen().len() - before) as f64 / started.elapsed().as_secs_f64()).round()
}

/// Messages a second and peak memory with a million jobs due, on the ledger alone and in a fleet.
pub async fn backlog() {
    let due = std::env::var("JOBS").ok().and_then(|jobs| jobs.parse().ok()).unwrap_or(BACKLOG);
    let receiver = Receiver::start().await;
    let house = House::of(&settings(&receiver, ""), &rule());
    aside(|| {
        backlog::first(&house, &["crm"]);
        backlog::plant(&house, due);
    });
    let running = Running::start(&house, &["--now", NOW]);
    let rate = rate(&receiver, due.min(OF_BACKLOG)).await;
    let figures = json!({
        "bench": "backlog", "store": "sqlite", "due": due, "jobs_per_second": rate, "peak_mb": peak(&running),
    });
    println!("{figures}");
    drop((running, house));

    let Some(server) = Server::own() else { return };
    let (redis, receiver) = (Redis::start(), Receiver::start().await);
    let (house, store) = fleet_house(&server, &redis, &receiver, 64).await;
    backlog::plant_at(&store, due).await;
    let planner = Running::start(&house, &["--role", "planner", "--now", NOW]);
    let worker = Running::start(&house, &["--role", "worker", "--now", NOW]);
    let rate = self::rate(&receiver, due.min(OF_BACKLOG)).await;
    println!(
        "{}",
        json!({
            "bench": "backlog", "store": "postgres", "due": due, "jobs_per_second": rate,
            "peak_mb": { "planner": peak(&planner), "worker": peak(&worker) },
        })
    );
}

/// Between the first arrival and the last that is waited for.
async fn rate(receiver: &Receiver, jobs: usize) -> f64 {
    receiver.until(2).await;
    let (started, before) = (Instant::now(), receiver.seen().len());
    for taken in (0..jobs).step_by(1_000) {
        receiver.until(taken).await;
    }
    ((receiver.seen().len() - before) as f64 / started.elapsed().as_secs_f64()).round()
}

fn peak(running: &Running) -> Option<f64> {
    super::peak_mb(&std::fs::read_to_string(format!("/proc/{}/status", running.id())).ok()?)
}

async fn fleet_house(
    server: &Server,
    redis: &Redis,
    receiver: &Receiver,
    concurrency: usize,
) -> (House, String) {
    let store = server.database().await;
    let queue = format!("[queue]\nurl = \"{}\"\nconcurrency = {concurrency}\n", redis.url());
    let house = House::of(&settings(receiver, &format!("[store]\nurl = \"{store}\"\n{queue}")), &rule());
    aside(|| backlog::first(&house, &["crm"]));
    (house, store)
}

fn settings(receiver: &Receiver, more: &str) -> String {
    format!("timezone = \"Asia/Taipei\"\n{more}\n{}", backlog::channels(&[("crm", &receiver.url(), "")]))
}

fn rule() -> String {
    backlog::rules(&[("crm", "crm", "valid_for = \"10d\"")])
}

/// Runs a command that this runtime answers meanwhile.
fn aside<R>(act: impl FnOnce() -> R) -> R {
    tokio::task::block_in_place(act)
}
