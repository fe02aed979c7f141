//! Owns the long run: which loops a role has, their turns, and the drain at the end; decides nothing itself.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::deliver::Deliveries;
use super::dispatcher::Dispatcher;
use super::planner::PlanError;
use super::turns::Room;
use super::{Parts, assembler, dispatcher, inbox, keeper, learn, lock, outage, planner, restored, retention};
use crate::domain::ids::{Day, Timestamp};
use crate::domain::shop::Knowledge;
use crate::queue::{Health, LedgerQueue, Line, Transport, WorkerOptions, work};
use crate::store::{Lock, Pause, StoreError};

/// How often the planner looks for members that someone woke.
const PLANNER_TURN: Duration = Duration::from_millis(500);
/// What turns have left to end in, after the deliveries' grace period.
const LAST_TURN: Duration = Duration::from_secs(5);
/// How often the ledger is asked what it alone knows: the age of the orders, what is paused.
const LOOK_TURN: Duration = Duration::from_secs(1);
/// How often a planner notes that it is at work.
const NOTE_TURN: Duration = Duration::from_secs(60);
/// How often leases are looked after.
const KEEPER_TURN: Duration = Duration::from_secs(5);
/// How often a batch of old jobs is moved out.
const RETENTION_TURN: Duration = Duration::from_secs(1);
/// How often due ids are offered to Redis, and finished ones swept out.
const DISPATCH_TURN: Duration = Duration::from_millis(50);
/// How often a worker looks at its transport.
const POLL: Duration = Duration::from_millis(5);

/// Which loops a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything, alone.
    All,
    /// Plans, assembles, offers.
    Planner,
    /// Delivers.
    Worker,
    /// Answers.
    Http,
}

/// Runs the loops of `role` until `stop`, then drains within the grace period. A `lock` that is lost on the way is taken
/// again.
///
/// # Errors
/// When the ledger does not answer at the start, or another process took the lock meanwhile.
pub async fn run(
    parts: Arc<Parts>,
    role: Role,
    lock: Option<Lock>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    restored::take_over(&parts).await.context("the ledger does not answer")?;
    if parts.redis.is_none() {
        keeper::reclaim(&parts, true).await.context("the ledger cannot be taken over")?;
    }
    lock::under(&parts, lock, &stop, |until| work_until(parts.clone(), role, until)).await
}

/// Starts the loops, and ends them.
async fn work_until(parts: Arc<Parts>, role: Role, stop: CancellationToken) -> anyhow::Result<()> {
    let plans = role == Role::All || role == Role::Planner;
    if plans {
        outage::look(&parts).await.context("the ledger does not answer")?;
    }
    let loops = TaskTracker::new();
    let (p, paused) = (parts.clone(), Arc::default());
    loops.spawn(turns(stop.clone(), LOOK_TURN, move || look_turn(p.clone(), Arc::clone(&paused))));
    if role == Role::Worker || role == Role::Http {
        let p = parts.clone();
        loops.spawn(turns(stop.clone(), KEEPER_TURN, move || rules_turn(p.clone())));
    }
    if plans {
        start_planner(&loops, &parts, &stop);
    }
    if role == Role::All || role == Role::Worker {
        let (parts, stop) = (parts.clone(), stop.clone());
        loops.spawn(async move { deliver_until(parts, stop).await });
    }
    loops.close();
    stop.cancelled().await;
    // The worker's own drain ends within the grace period; a long plan is broken off between two transactions.
    if tokio::time::timeout(parts.grace + LAST_TURN, loops.wait()).await.is_err() {
        tracing::warn!("a turn was broken off, the next start goes on from the ledger");
    }
    Ok(())
}

fn start_planner(loops: &TaskTracker, parts: &Arc<Parts>, stop: &CancellationToken) {
    let p = parts.clone();
    loops.spawn(turns(stop.clone(), PLANNER_TURN, move || plan_turn(p.clone())));
    let p = parts.clone();
    loops.spawn(turns(stop.clone(), NOTE_TURN, move || note_turn(p.clone())));
    let p = parts.clone();
    loops.spawn(turns(stop.clone(), KEEPER_TURN, move || reclaim_turn(p.clone())));
    inbox::watch(loops, parts, stop);
    let p = parts.clone();
    loops.spawn(turns(stop.clone(), RETENTION_TURN, move || retention_turn(p.clone())));
    if parts.redis.is_some() {
        let (p, dispatcher) = (parts.clone(), Arc::new(Dispatcher::new(parts)));
        let turn = move || dispatch_turn(p.clone(), dispatcher.clone());
        loops.spawn(turns(stop.clone(), DISPATCH_TURN, turn));
    }
}

/// Takes turns until told to stop; a turn under way is finished. One that panics is over, and the next one comes.
pub(super) async fn turns<F, R>(stop: CancellationToken, every: Duration, mut turn: F)
where
    F: FnMut() -> R,
    R: Future<Output = ()>,
{
    let mut clock = tokio::time::interval(every);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => if AssertUnwindSafe(turn()).catch_unwind().await.is_err() {
                tracing::error!("a turn stopped on a defect, the next one goes on");
            },
        }
    }
}

async fn plan_turn(parts: Arc<Parts>) {
    // What fails here fails below as well, and is told there.
    let _ = outage::look(&parts).await;
    let in_force = planner::stand_back(&parts).await;
    if matches!(in_force, Err(PlanError::OtherRules(_))) {
        return parts.readiness.note("planner", &in_force);
    }
    let learnt = learn_when_due(&parts).await;
    parts.readiness.note("learn", &learnt);
    let planned = planner::plan_awake(&parts).await;
    parts.readiness.note("planner", &planned);
    let assembled = assembler::assemble_due(&parts).await;
    parts.readiness.note("assembler", &assembled);
}

/// Learns when nothing was ever learnt, and once a day from then on, and when rules came that need more; takes over what another process has learnt.
async fn learn_when_due(parts: &Arc<Parts>) -> anyhow::Result<()> {
    let now = parts.clock.now();
    take_over_priors(parts).await?;
    let knowledge = parts.knowledge();
    if is_learnt(&knowledge, now) {
        return Ok(());
    }
    let started = tokio::time::Instant::now();
    let learnt = learn(&parts.store, &knowledge.rules, knowledge.zone, now).await?;
    if learnt.lines == 0 {
        return Ok(());
    }
    tracing::info!(
        lines = learnt.lines,
        pairs = learnt.pairs,
        intervals = learnt.intervals,
        version = learnt.priors.version,
        seconds = started.elapsed().as_secs_f64(),
        "learnt from the history"
    );
    parts.know(|knowledge| knowledge.priors = Arc::new(learnt.priors));
    Ok(())
}

/// Goes by what was learnt last, here or elsewhere.
///
/// # Errors
/// When the ledger fails.
pub async fn take_over_priors(parts: &Parts) -> Result<(), StoreError> {
    let stored = parts.store.priors_version().await?;
    if stored.is_some_and(|version| version != parts.knowledge().priors.version) {
        let priors = Arc::new(parts.store.priors().await?.unwrap_or_default());
        parts.know(|knowledge| knowledge.priors = priors);
    }
    Ok(())
}

/// The version of priors begins with the day they were learnt. They were learnt for the levels of the rules of then.
fn is_learnt(knowledge: &Knowledge, now: Timestamp) -> bool {
    let today = Day::of(now, knowledge.zone).to_string();
    let levels: BTreeSet<_> = knowledge.priors.levels().map(|(level, _)| level).collect();
    knowledge.priors.version.get(..10).is_some_and(|day| day >= today.as_str())
        && knowledge.rules.levels().is_subset(&levels)
}

/// An outage of the ledger is told by every other turn.
async fn note_turn(parts: Arc<Parts>) {
    let _ = outage::note(&parts).await;
}

async fn reclaim_turn(parts: Arc<Parts>) {
    let kept = keeper::reclaim(&parts, false).await;
    parts.readiness.note("leases", &kept);
}

async fn retention_turn(parts: Arc<Parts>) {
    let moved = retention::move_out(&parts).await;
    parts.readiness.note("retention", &moved);
}

/// Every role looks whether the ledger answers, and how old the orders are: guards are judged in all of them.
async fn look_turn(parts: Arc<Parts>, paused: Arc<Mutex<Vec<Pause>>>) {
    let looked = match keeper::look_at_feed(&parts).await {
        Ok(()) => keeper::look_at_pauses(&parts, &paused).await,
        Err(error) => Err(error),
    };
    parts.readiness.note("store", &looked);
}

/// Roles that do not plan look whether the planners go by the same rules.
async fn rules_turn(parts: Arc<Parts>) {
    let same = keeper::look_at_rules(&parts).await;
    parts.readiness.note("rules", &same);
}

async fn dispatch_turn(parts: Arc<Parts>, dispatcher: Arc<Dispatcher>) {
    let Some(queue) = &parts.redis else { return };
    let offered = dispatcher.dispatch(&parts, queue).await;
    parts.readiness.note("dispatcher", &offered);
    if let Err(error) = dispatcher.sweep(queue).await {
        tracing::debug!(%error, "finished ids stay in redis for now");
    }
}

/// Delivers until told to stop, then lets what is in flight finish within the grace period. Each line has a worker of its
/// own.
pub(super) async fn deliver_until(parts: Arc<Parts>, stop: CancellationToken) {
    let (workers, deliveries) = (TaskTracker::new(), TaskTracker::new());
    let jobs = Deliveries::start(parts.clone(), stop.clone());
    let (name, transport) = (worker_name(), transport(&parts));
    let mut healths = Vec::new();
    for line in Line::all(parts.channels.keys()) {
        let room = Room::of(&parts, &line);
        let options = WorkerOptions {
            name: format!("{name}.{}", line.name()),
            line,
            batch: room.size(),
            poll: POLL,
            deliveries: deliveries.clone(),
            health: Health::default(),
        };
        healths.push(options.health.clone());
        let jobs = jobs.clone();
        let deliver = move |job, place| jobs.clone().deliver(job, place);
        workers.spawn(work(options, transport.clone(), move || room.place(), deliver, stop.clone()));
    }
    let watch = workers.spawn(watch_health(parts.clone(), healths, stop.clone()));
    workers.close();
    stop.cancelled().await;
    watch.abort();
    let drained = async {
        workers.wait().await;
        // Deliveries that outlived a restart of their worker have the rest of the grace period.
        deliveries.close();
        deliveries.wait().await;
    };
    if tokio::time::timeout(parts.grace, drained).await.is_err() {
        tracing::warn!(
            left = deliveries.len(),
            "the grace period is over: jobs stay leased and are taken back at the next start"
        );
    }
}

fn transport(parts: &Parts) -> Transport {
    match &parts.redis {
        Some(queue) => Transport::Redis(queue.clone()),
        None => Transport::Ledger(LedgerQueue {
            store: parts.store.clone(),
            clock: parts.clock.clone().for_queue(),
            lease: dispatcher::queued_lease(parts),
            due: parts.due.clone(),
        }),
    }
}

/// Tells readiness and metrics how the workers are.
async fn watch_health(parts: Arc<Parts>, workers: Vec<Health>, stop: CancellationToken) {
    turns(stop, Duration::from_millis(500), move || {
        let all_well = workers.iter().all(Health::is_well);
        let well = if all_well { Ok(()) } else { Err("the queue is lost, the worker restarts") };
        parts.readiness.note("worker", &well);
        let restarts: u32 = workers.iter().map(Health::restarts).sum();
        metrics::gauge!("replenish_worker_well").set(if all_well { 1.0 } else { 0.0 });
        metrics::gauge!("replenish_worker_restarts").set(f64::from(restarts));
        async {}
    })
    .await;
}

/// Unique among all workers that ever ran: a name still counted as alive would be refused.
fn worker_name() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let host = read("/proc/sys/kernel/hostname");
    let boot = read("/proc/sys/kernel/random/boot_id");
    let started = super::clock::real_time().timestamp_millis();
    format!("{host}-{}-{}-{started}", boot.get(..8).unwrap_or("boot"), std::process::id())
}
