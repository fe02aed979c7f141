//! Owns the worker over the transport: concurrency, restarts with a growing delay, the drain; knows nothing of deliveries.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use apalis::prelude::*;
use apalis_core::backend::ext::poll_strategy::{PollSnapshot, PollStrategy};
use futures::TryFutureExt;
use tokio_util::task::TaskTracker;

use super::Transport;
use crate::store::JobRef;

/// The longest delay between two restarts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A worker that lived this long starts counting anew.
const HEALTHY_FOR: Duration = Duration::from_secs(60);

/// Can the worker take jobs? Shared with whoever answers for readiness.
#[derive(Clone, Default)]
pub struct Health(Arc<State>);

#[derive(Default)]
struct State {
    broken: AtomicBool,
    restarts: AtomicU32,
    failures: Mutex<Option<(Instant, u32)>>,
}

impl Health {
    /// True while the worker is polling its transport.
    pub fn is_well(&self) -> bool {
        !self.0.broken.load(Ordering::Relaxed)
    }

    /// How often the worker was restarted.
    pub fn restarts(&self) -> u32 {
        self.0.restarts.load(Ordering::Relaxed)
    }

    /// Counts a failure in a row.
    fn failed(&self) {
        self.0.broken.store(true, Ordering::Relaxed);
        self.0.restarts.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.0.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let row =
            failures.filter(|(at, _)| at.elapsed() < HEALTHY_FOR + LONGEST_PAUSE).map_or(0, |(_, row)| row);
        *failures = Some((Instant::now(), row + 1));
    }

    /// Doubles with each failure in a row: none, 0.2 s, 0.4 s … 30 s.
    fn pause(&self) -> Duration {
        let failures = self.0.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let row = failures.map_or(0, |(_, row)| row);
        if row == 0 {
            Duration::ZERO
        } else {
            (Duration::from_millis(100) * 2_u32.pow(row.min(12))).min(LONGEST_PAUSE)
        }
    }

    fn polling(&self) {
        self.0.broken.store(false, Ordering::Relaxed);
    }
}

/// How a worker runs.
pub struct WorkerOptions {
    /// Unique among all that ever ran: host, boot and process.
    pub name: String,
    /// Jobs at once.
    pub concurrency: usize,
    /// How often an idle transport is polled.
    pub poll: Duration,
    /// Deliveries in flight: they outlive a restart of the worker, and the drain waits for them.
    pub deliveries: TaskTracker,
    /// What readiness is told.
    pub health: Health,
}

/// Works until `stop`, restarting after every failure of the transport. `deliver` records its own outcome in the
/// ledger and therefore never fails.
///
/// # Errors
/// Only when the monitor itself cannot run.
pub async fn work<D, F>(
    options: WorkerOptions,
    transport: Transport,
    deliver: D,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), MonitorError>
where
    D: Fn(JobRef) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let WorkerOptions { name, concurrency, poll, deliveries, health } = options;
    let told = health.clone();
    Monitor::new()
        .register(move |restart| {
            let (deliver, deliveries) = (deliver.clone(), deliveries.clone());
            let backend = transport.after(health.pause());
            WorkerBuilder::new(format!("{name}.{restart}"))
                .backend(backend.poll_with_strategy(Tick::every(poll, health.clone())))
                .concurrency(concurrency)
                .catch_panic()
                // Detached: a restart of the worker must not cancel a hand-over half way through.
                .build(move |job: JobRef| deliveries.spawn(deliver(job)).map_err(|e| -> BoxDynError { e.into() }))
        })
        .should_restart(move |worker, error| {
            told.failed();
            tracing::warn!(worker = worker.name(), %error, pause = ?told.pause(), "the queue is lost, the worker restarts");
            true
        })
        .run_with_signal(async {
            stop.await;
            Ok(())
        })
        .await
}

/// A poll strategy that always leaves a registered waker behind: the ones that come with the library park the worker
/// until its next heartbeat when a fetch completes in the same poll.
struct Tick {
    interval: tokio::time::Interval,
    health: Health,
}

impl Tick {
    fn every(period: Duration, health: Health) -> Self {
        let mut interval = tokio::time::interval(period);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        Self { interval, health }
    }
}

impl PollStrategy for Tick {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let mut fired = false;
        while self.interval.poll_tick(cx).is_ready() {
            fired = true;
        }
        if !fired {
            return Poll::Pending;
        }
        self.health.polling();
        Poll::Ready(Some(()))
    }
}
