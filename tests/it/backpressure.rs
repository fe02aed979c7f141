//! Backpressure: an endpoint that is dead or slow holds up nobody but its own messages, what matters goes first, and what is
//! under way stays bounded however much is due.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::support::backlog::{self, NOW};
use crate::support::hook::{Answer, Hook};
use crate::support::house::House;
use crate::support::postgres;
use crate::support::receiver::Receiver;
use crate::support::redis::Redis;
use crate::support::running::Running;

/// Deliveries at once, in every test.
const CONCURRENCY: u64 = 8;
const LONG: Duration = Duration::from_secs(60);

/// An endpoint that takes everything until it is told to do something else.
struct Switch {
    hook: Hook,
    on: Arc<AtomicBool>,
}

impl Switch {
    async fn start(bad: Answer) -> Self {
        let on = Arc::new(AtomicBool::new(false));
        let is_bad = on.clone();
        let answer = move |_: &_| {
            if is_bad.load(Ordering::SeqCst) { bad.clone() } else { Answer::status("204 No Content") }
        };
        Self { hook: Hook::start(answer).await, on }
    }

    fn turn(&self, on: bool) {
        self.on.store(on, Ordering::SeqCst);
    }

    /// Different messages that came.
    fn messages(&self) -> usize {
        let ids = self.hook.seen().into_iter().map(|request| request.headers["webhook-id"].clone());
        ids.collect::<std::collections::HashSet<_>>().len()
    }
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("in time: {what}"));
}

/// Four channels, one of them dead; each with `each` due jobs.
async fn four(
    dead: &Switch,
    live: &[Receiver],
    more: &str,
    of_dead: &str,
    store: Option<&str>,
    each: usize,
) -> House {
    let urls: Vec<String> = live.iter().map(Receiver::url).collect();
    let mut channels = vec![("dead", dead.hook.url.as_str(), of_dead)];
    channels
        .extend(["one", "two", "three"].into_iter().zip(&urls).map(|(name, url)| (name, url.as_str(), "")));
    let tags: Vec<&str> = channels.iter().map(|(name, ..)| *name).collect();
    let rules: Vec<_> = tags.iter().map(|tag| (*tag, *tag, "valid_for = \"10d\"")).collect();
    let settings = format!("timezone = \"Asia/Taipei\"\n{more}\n{}", backlog::channels(&channels));
    let house = House::of(&settings, &backlog::rules(&rules));
    tokio::task::block_in_place(|| backlog::first(&house, &tags));
    match store {
        Some(url) => backlog::plant_at(url, each).await,
        None => tokio::task::block_in_place(|| backlog::plant(&house, each)),
    }
    house
}

async fn receivers() -> [Receiver; 3] {
    [Receiver::start().await, Receiver::start().await, Receiver::start().await]
}

fn queue(url: &str) -> String {
    format!("[queue]\nurl = \"{url}\"\nconcurrency = {CONCURRENCY}\n")
}

/// The others have everything while the dead one still has nothing but its own first hand-overs.
async fn assert_others_served(dead: &Switch, live: &[Receiver], each: usize) {
    for receiver in live {
        receiver.until(each + 1).await;
    }
    let hung = dead.hook.seen().len() as u64 - 1;
    assert!((1..=CONCURRENCY).contains(&hung), "{hung} posts hang while the others were served");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_endpoint_starves_nobody_on_the_ledger() {
    let (dead, live) = (Switch::start(Answer::Hang).await, receivers().await);
    let house = four(&dead, &live, &queue("ledger:"), "timeout = \"60s\"", None, 200).await;
    dead.turn(true);
    let _running = Running::start(&house, &["--now", NOW]);
    assert_others_served(&dead, &live, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_endpoint_starves_nobody_in_a_fleet() {
    let Some(store) = postgres::database().await else { return };
    let (dead, live, redis) = (Switch::start(Answer::Hang).await, receivers().await, Redis::start());
    let more = format!("[store]\nurl = \"{store}\"\n{}", queue(&redis.url()));
    // more than its share of what Redis holds
    let house = four(&dead, &live, &more, "timeout = \"60s\"", Some(&store), 1_500).await;
    dead.turn(true);
    let fleet = ["planner", "worker"].map(|role| Running::start(&house, &["--role", role, "--now", NOW]));
    assert_others_served(&dead, &live, 1_500).await;
    assert!(fleet[1].metric("replenish_put_off_total", "dead").await == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resting_endpoint_costs_its_trials_and_catches_up_at_once() {
    let (dead, live) = (Switch::start(Answer::Drop).await, receivers().await);
    let house = four(&dead, &live, &queue("ledger:"), "", None, 300).await;
    dead.turn(true);
    let running = Running::start(&house, &["--now", NOW]);
    for receiver in &live {
        receiver.until(301).await;
    }
    let put_off = async || running.metric("replenish_put_off_total", "dead").await;
    until("it rests", async || put_off().await > 0).await;
    // five failures in a row, with those under way at that time, and then one by one
    let before = dead.hook.seen().len() as u64 - 1;
    assert!(before <= 5 + CONCURRENCY, "{before} posts to an endpoint that fails");
    until("a trial", async || dead.hook.seen().len() as u64 > before + 1).await;
    let trials = dead.hook.seen().len() as u64 - 1 - before;
    assert!(trials <= 2, "{trials} at once as the trial");
    let put_off = put_off().await;
    assert!(put_off <= 3 * CONCURRENCY, "{put_off} of 300 were put off, each with a write");
    dead.turn(false);
    until("all are there", async || dead.messages() == 301).await;
}

/// Two rules of one channel and one whose messages are over; an hour's backlog for a channel that takes some a second.
#[tokio::test(flavor = "multi_thread")]
async fn what_matters_goes_first_and_what_is_over_does_not_wait_for_a_turn() {
    let receiver = Receiver::start().await;
    let rate = "rate = \"40/s\"\n";
    let rules = backlog::rules(&[
        ("plain", "crm", "valid_for = \"10d\""),
        ("urgent", "crm", "valid_for = \"10d\"\npriority = 10"),
        ("stale", "crm", "valid_for = \"36h\"\npriority = 20"),
    ]);
    let channels = backlog::channels(&[("crm", &receiver.url(), rate)]);
    let house = House::of(&format!("timezone = \"Asia/Taipei\"\n{}{channels}", queue("ledger:")), &rules);
    tokio::task::block_in_place(|| backlog::first(&house, &["plain", "urgent", "stale"]));
    tokio::task::block_in_place(|| backlog::plant(&house, 120));
    let running = Running::start(&house, &["--now", "2026-04-28T16:00:00+08:00"]);
    receiver.until(4).await;
    let expired = async || running.metric("replenish_skipped_total", "expired").await >= 120;
    until("what is over is skipped", expired).await;
    let sent_by_then = receiver.seen().len();
    assert!(sent_by_then < 120, "{sent_by_then} were sent before what is over was skipped");
    receiver.until(243).await;
    let seen = receiver.seen();
    let rules: Vec<&str> = seen[3..].iter().map(|(_, body)| body["data"]["rule"].as_str().unwrap()).collect();
    let urgent = rules[..120].iter().filter(|rule| **rule == "welcome-urgent").count();
    // whoever already waits for a turn is not overtaken
    assert!(urgent >= 120 - CONCURRENCY as usize, "{urgent} of the first 120 are urgent");
    assert!(!rules.contains(&"welcome-stale"), "nothing goes that is over");
    assert_eq!(rules.len(), 240);
}

/// The most that were offered and not settled at once, as an onlooker sees it.
struct Onlooker {
    most: Arc<AtomicU64>,
    end: Arc<AtomicBool>,
    looking: std::thread::JoinHandle<u64>,
}

impl Onlooker {
    fn at(house: &House) -> Self {
        let ledger =
            Connection::open_with_flags(house.path("var/replenish.db"), OpenFlags::SQLITE_OPEN_READ_ONLY);
        let ledger = ledger.unwrap();
        let (most, end) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (max, stop) = (most.clone(), end.clone());
        let looking = std::thread::spawn(move || {
            let mut looks = 0;
            while !stop.load(Ordering::SeqCst) {
                let sql = "SELECT count(*) FROM job WHERE lease_until IS NOT NULL";
                let now: i64 = ledger.query_row(sql, [], |row| row.get(0)).unwrap();
                max.fetch_max(now as u64, Ordering::SeqCst);
                looks += 1;
            }
            looks
        });
        Self { most, end, looking }
    }

    fn most(self) -> u64 {
        self.end.store(true, Ordering::SeqCst);
        assert!(self.looking.join().unwrap() > 10);
        self.most.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_twenty_thousand_due_few_are_under_way_on_the_ledger() {
    let receiver = Receiver::start().await;
    let channels = backlog::channels(&[("crm", &receiver.url(), "")]);
    let rules = backlog::rules(&[("crm", "crm", "valid_for = \"10d\"")]);
    let house = House::of(&format!("timezone = \"Asia/Taipei\"\n{}{channels}", queue("ledger:")), &rules);
    tokio::task::block_in_place(|| backlog::first(&house, &["crm"]));
    tokio::task::block_in_place(|| backlog::plant(&house, 20_000));
    let onlooker = Onlooker::at(&house);
    let running = Running::start(&house, &["--now", NOW]);
    receiver.until(1_500).await;
    let most = onlooker.most();
    // some wait for their turn, as many go, as many are fetched, as many come to an end
    assert!((1..=4 * CONCURRENCY).contains(&most), "{most} were under way");
    running.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_twenty_thousand_due_redis_holds_no_more_than_it_bears() {
    let Some(store) = postgres::database().await else { return };
    let (receiver, redis) = (Receiver::start().await, Redis::start());
    let channels = backlog::channels(&[("crm", &receiver.url(), "")]);
    let rules = backlog::rules(&[("crm", "crm", "valid_for = \"10d\"")]);
    let more = format!("[store]\nurl = \"{store}\"\n{}", queue(&redis.url()));
    let house = House::of(&format!("timezone = \"Asia/Taipei\"\n{more}{channels}"), &rules);
    tokio::task::block_in_place(|| backlog::first(&house, &["crm"]));
    backlog::plant_at(&store, 20_000).await;
    let _planner = Running::start(&house, &["--role", "planner", "--now", NOW]);
    let ledger = replenish::store::Store::open(&store).await.unwrap();
    let waiting = async || {
        let scheduled: u64 = redis.command(&["ZCARD", "{replenish}:jobs:crm:scheduled"]).await;
        scheduled + redis.command::<u64>(&["LLEN", "{replenish}:jobs:crm:active"]).await
    };
    until("the line is full", async || waiting().await == 2_500).await;
    assert_eq!(ledger.in_flight().await.unwrap(), 2_500, "half of all: there is one other line");
    let _worker = Running::start(&house, &["--role", "worker", "--now", NOW]);
    for taken in (100..2_000).step_by(100) {
        receiver.until(taken).await;
        let (waiting, in_flight) = (waiting().await, ledger.in_flight().await.unwrap());
        assert!(waiting <= 2_500 && in_flight <= 2_500, "{waiting} wait in Redis, {in_flight} are under way");
    }
}
