//! Owns one simulated process: the daemon's own steps on a runtime whose time stands still, killed by dropping it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use replenish::channel::{Channel, Pace, Shop as ShopCard, Templates, UnsubscribeLinks};
use replenish::daemon::steps::{self, Deliveries, PlanError, Room};
use replenish::daemon::{Clock, Guide, Parts, Readiness, Retention, Tally};
use replenish::domain::ids::{ChannelName, JobId};
use replenish::domain::job::{OnUncertain, RetryPolicy};
use replenish::domain::rules::Rules;
use replenish::domain::shop::Knowledge;
use replenish::queue::{Line, Now};
use replenish::store::{JobRef, Store};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::peer::{CHANNELS, Endpoint, Shared};
use super::trace::Checked;

/// The ids between those who offer them and those who deliver.
pub type Conveyor = Arc<Mutex<Vec<JobRef>>>;

/// A hand-over takes no longer than this, or its lease is over.
const LEASE: i64 = 10 * 60 * 1000;
/// Messages that a process hands to one peer at once.
const CONCURRENCY: usize = 3;

/// What all processes of a run share, and what outlives them.
#[derive(Clone)]
pub struct Ground {
    pub store: Store,
    pub clock: Arc<AtomicI64>,
    pub outside: Shared,
    pub conveyor: Conveyor,
    pub zone: Tz,
    pub on_uncertain: OnUncertain,
    pub retention: Retention,
    /// True when a process has the ledger for itself.
    pub alone: bool,
}

/// The turns of the loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Plan,
    Reclaim,
    Offer,
    MoveOut,
}

/// A delivery under way.
pub struct Live {
    pub job: JobId,
    pub started: i64,
    /// Its lease may be over.
    pub overdue: bool,
    handle: JoinHandle<()>,
}

/// A process that runs.
pub struct Process {
    pub parts: Arc<Parts>,
    pub live: Vec<Live>,
    runtime: Runtime,
    lines: Deliveries,
    turns: Vec<(Turn, JoinHandle<Checked>)>,
}

impl Process {
    /// Starts as `run` does: it reads what is known, and takes every lease back when it is alone.
    pub fn start(ground: &Ground, rules: Rules) -> Checked<Self> {
        let runtime = runtime();
        let knowledge = runtime.block_on(know(ground, rules))?;
        let parts = Arc::new(parts(ground, knowledge));
        if ground.alone {
            runtime.block_on(steps::reclaim(&parts, true)).map_err(|e| e.to_string())?;
        }
        let lines = {
            let _inside = runtime.enter();
            Deliveries::start(parts.clone(), CancellationToken::new())
        };
        Ok(Self { parts, live: Vec::new(), runtime, lines, turns: Vec::new() })
    }

    /// Begins a turn; false while the one before is not over.
    pub fn begin(&mut self, turn: Turn, conveyor: &Conveyor) -> bool {
        if self.turns.iter().any(|(other, _)| *other == turn) {
            return false;
        }
        let (parts, conveyor) = (self.parts.clone(), conveyor.clone());
        self.turns.push((turn, self.runtime.spawn(take(turn, parts, conveyor))));
        true
    }

    /// Begins a delivery.
    pub fn deliver(&mut self, at: JobRef, now: i64) {
        let job = at.job.clone();
        let (lines, room) = (self.lines.clone(), self.room(&at.channel));
        let handle = self.runtime.spawn(async move {
            let place = room.place().await;
            lines.deliver(at, place).await;
        });
        self.live.push(Live { job, started: now, overdue: false, handle });
    }

    /// Whoever comes is let in, whatever the peer does: it may be put off.
    fn room(&self, channel: &ChannelName) -> Room {
        let line = Line::Of(channel.clone());
        match Room::of(&self.parts, &line) {
            Room::Before { channel, .. } => Room::Before { channel, in_a_pass: true },
            free => free,
        }
    }

    /// Polls so many tasks, then looks what is over.
    pub fn poll(&mut self, polls: u32) -> Checked {
        give_turns(&self.runtime, polls);
        let (over, turns) = std::mem::take(&mut self.turns).into_iter().partition(|(_, h)| h.is_finished());
        self.turns = turns;
        for (turn, handle) in over {
            let ended = self.runtime.block_on(handle).map_err(|e| format!("{turn:?} panicked: {e}"))?;
            ended.map_err(|e| format!("{turn:?}: {e}"))?;
        }
        let over: Vec<Live> = self.live.extract_if(.., |live| live.handle.is_finished()).collect();
        for live in over {
            self.runtime.block_on(live.handle).map_err(|e| format!("a delivery panicked: {e}"))?;
        }
        Ok(())
    }

    /// True while a turn or a delivery is under way.
    pub fn is_busy(&self) -> bool {
        !self.turns.is_empty() || !self.live.is_empty()
    }

    /// Time goes by.
    pub fn advance(&self, by: Duration) {
        self.runtime.block_on(tokio::time::advance(by));
    }

    /// Deliveries whose lease may be over by now, and was not before.
    pub fn overdue(&mut self, now: i64) -> Vec<JobId> {
        let late = self.live.iter_mut().filter(|live| !live.overdue && now - live.started >= LEASE);
        late.map(|live| {
            live.overdue = true;
            live.job.clone()
        })
        .collect()
    }
}

/// A runtime whose time stands still; each of its turns polls one task.
pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).event_interval(1).build().unwrap()
}

/// Polls so many tasks.
pub fn give_turns(runtime: &Runtime, polls: u32) {
    runtime.block_on(async {
        for _ in 0..polls {
            tokio::task::yield_now().await;
        }
    });
}

async fn take(turn: Turn, parts: Arc<Parts>, conveyor: Conveyor) -> Checked {
    match turn {
        Turn::Plan => plan(&parts).await,
        Turn::Reclaim => steps::reclaim(&parts, false).await.map_err(|e| e.to_string()),
        Turn::MoveOut => steps::move_out(&parts).await.map(drop).map_err(|e| e.to_string()),
        Turn::Offer => {
            let now = Now { driving: parts.clock.now(), real: parts.clock.real() };
            let lease = steps::queued_lease(&parts);
            let ripe = parts.store.ripe(now.driving).await.map_err(|e| e.to_string())?;
            for line in Line::all(parts.channels.keys()) {
                let offered = line.offer(&parts.store, &ripe, now, lease, 3).await;
                conveyor.lock().unwrap().extend(offered.map_err(|e| e.to_string())?);
            }
            Ok(())
        }
    }
}

/// The planner's turn; a planner whose rules are not in force stands back.
async fn plan(parts: &Arc<Parts>) -> Checked {
    let in_force = steps::stand_back(parts).await;
    if unless_others(in_force)?.is_none() {
        return Ok(());
    }
    steps::take_over_priors(parts).await.map_err(|e| e.to_string())?;
    unless_others(steps::plan_awake(parts).await)?;
    steps::assemble_due(parts).await.map(drop).map_err(|e| e.to_string())
}

fn unless_others<T>(turn: Result<T, PlanError>) -> Checked<Option<T>> {
    match turn {
        Ok(done) => Ok(Some(done)),
        Err(PlanError::OtherRules(_)) => Ok(None),
        Err(PlanError::Store(error)) => Err(error.to_string()),
    }
}

/// What a process knows of the shop when it starts.
pub async fn know(ground: &Ground, rules: Rules) -> Checked<Knowledge> {
    let priors = ground.store.priors().await.map_err(|e| e.to_string())?;
    Ok(Knowledge {
        rules: Arc::new(rules),
        priors: Arc::new(priors.unwrap_or_default()),
        zone: ground.zone,
        reach: Arc::default(),
        locale: "zh-TW".to_owned(),
        orders_at: None,
        shadow: false,
    })
}

fn parts(ground: &Ground, knowledge: Knowledge) -> Parts {
    Parts {
        store: ground.store.clone(),
        guide: RwLock::new(Guide::new(knowledge, no_templates())),
        shop_card: ShopCard { name: None, url: None, address: None, currency: None },
        channels: channels(&ground.outside),
        outbox: PathBuf::new(),
        inbox: None,
        unsubscribe: UnsubscribeLinks::new("https://shop.example", b"simulation"),
        redis: None,
        retry: RetryPolicy::default(),
        bounces: Default::default(),
        on_uncertain: ground.on_uncertain,
        lease: TimeDelta::milliseconds(LEASE),
        retention: ground.retention.clone(),
        gap: OnceLock::new(),
        concurrency: CONCURRENCY,
        grace: Duration::ZERO,
        clock: Clock::Led(ground.clock.clone()),
        due: Arc::default(),
        tally: Tally::default(),
        readiness: Readiness::default(),
    }
}

/// No simulated peer needs any.
pub fn no_templates() -> Templates {
    Templates::load(Path::new("/nowhere")).unwrap_or_else(|_| unreachable!("an empty folder has no problems"))
}

fn channels(outside: &Shared) -> HashMap<ChannelName, Channel> {
    let channel = |name: &'static str| {
        let peer = Arc::new(Endpoint { name, outside: outside.clone() });
        (ChannelName::from(name), Channel::guest(name, peer, CONCURRENCY, Pace::local()))
    };
    CHANNELS.map(channel).into()
}
