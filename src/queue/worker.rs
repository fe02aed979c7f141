//! Owns the worker over a line: one job at a time from place to delivery, restarts, the drain; knows nothing of deliveries.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use apalis::prelude::*;
use apalis_core::backend::ext::poll_strategy::{PollSnapshot, PollStrategy};
use futures::FutureExt;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Health, Line, QueueError, Transport};
use crate::store::JobRef;

/// How often a transport that does not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// A transport that gave nothing for so long is polled less often, by this factor.
const AWAKE: Duration = Duration::from_secs(1);
const DROWSY: u32 = 10;

/// How a worker runs.
pub struct WorkerOptions {
    /// Unique among all that ever ran: host, boot, process and line.
    pub name: String,
    /// What it works on.
    pub line: Line,
    /// Jobs that one fetch takes at most.
    pub batch: usize,
    /// How often a transport that has nothing is polled.
    pub poll: Duration,
    /// Deliveries in flight: they outlive a restart of the worker, and the drain waits for them.
    pub deliveries: TaskTracker,
    /// What readiness is told.
    pub health: Health,
}

/// Works until `stop`, starting again whenever the worker ends, as soon as the transport answers. A job is taken only for
/// a place that `admit` gives; `deliver` has both, records its own outcome in the ledger and therefore never fails.
pub async fn work<A, P, D, F>(
    options: WorkerOptions,
    transport: Transport,
    admit: A,
    deliver: D,
    stop: CancellationToken,
) where
    A: Fn() -> Pin<Box<dyn Future<Output = P> + Send>> + Clone + Send + 'static,
    P: Send + 'static,
    D: Fn(JobRef, P) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut restart = 0;
    let run = || {
        let name = format!("{}.{restart}", options.name);
        restart += 1;
        let reception = Reception {
            admit: admit.clone(),
            place: None,
            coming: None,
            deliver: deliver.clone(),
            deliveries: options.deliveries.clone(),
        };
        once(name, &options, &transport, reception, stop.clone())
    };
    keep_running(run, || transport.answers(), options.line.name(), &options.health, &stop).await;
}

/// Runs it again and again: neither an error nor a quiet end is the last word before `stop`.
async fn keep_running<R, E, A>(
    mut run: impl FnMut() -> R,
    answers: impl Fn() -> A,
    line: &str,
    health: &Health,
    stop: &CancellationToken,
) where
    R: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
    A: Future<Output = Result<(), QueueError>>,
{
    loop {
        let ended = AssertUnwindSafe(run()).catch_unwind().await;
        if stop.is_cancelled() {
            return;
        }
        let why = match ended {
            Ok(Err(error)) => error.to_string(),
            Ok(Ok(())) => "it ended by itself".to_owned(),
            Err(_) => "it panicked".to_owned(),
        };
        let pause = health.failed();
        tracing::warn!(line, why, ?pause, "the queue is lost, the worker restarts");
        let back = async {
            while answers().await.is_err() {
                tokio::time::sleep(ASK_AGAIN).await;
            }
            tokio::time::sleep(pause).await;
        };
        tokio::select! {
            () = back => health.well(),
            () = stop.cancelled() => return,
        }
    }
}

/// One life of a worker; told to stop, it finishes what it has taken.
async fn once<A, P, D, F>(
    name: String,
    options: &WorkerOptions,
    transport: &Transport,
    reception: Reception<A, P, D>,
    stop: CancellationToken,
) -> Result<(), BoxDynError>
where
    A: Fn() -> Pin<Box<dyn Future<Output = P> + Send>> + Send + 'static,
    P: Send + 'static,
    D: Fn(JobRef, P) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let context = WorkerContext::new(&name);
    let backend = transport.backend(&options.line, options.batch);
    let polled = backend.poll_with_strategy(Tick::every(options.poll));
    let worker = WorkerBuilder::new(context.clone()).backend(polled).build(reception);
    let running = worker.run();
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => return Ok(ended?),
        lost = transport.lost(&options.line, &name) => return Err(lost.into()),
        () = stop.cancelled() => {}
    }
    // One that has not even started has nothing to finish.
    if context.stop().is_ok() {
        running.await?;
    }
    Ok(())
}

/// Takes in one job for each place.
struct Reception<A, P, D> {
    admit: A,
    /// The place for the next job, or its coming.
    place: Option<P>,
    coming: Option<Pin<Box<dyn Future<Output = P> + Send>>>,
    deliver: D,
    deliveries: TaskTracker,
}

impl<A, P, D, F> Service<Task<JobRef>> for Reception<A, P, D>
where
    A: Fn() -> Pin<Box<dyn Future<Output = P> + Send>>,
    D: Fn(JobRef, P) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    type Response = ();
    type Error = BoxDynError;
    type Future = Pin<Box<dyn Future<Output = Result<(), BoxDynError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        if self.place.is_none() {
            let coming = self.coming.get_or_insert_with(&self.admit);
            self.place = Some(ready!(coming.as_mut().poll(cx)));
            self.coming = None;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<JobRef>) -> Self::Future {
        let Some(place) = self.place.take() else {
            return Box::pin(std::future::ready(Err("a job came without a place".into())));
        };
        // Detached: a restart of the worker must not cancel a hand-over half way through.
        let delivery = self.deliveries.spawn((self.deliver)(task.args, place));
        Box::pin(async { Ok(delivery.await?) })
    }
}

/// A poll strategy that always leaves a registered waker behind: the ones that come with the library park the worker
/// until its next heartbeat when a fetch completes in the same poll. After an idle while it polls less often.
struct Tick {
    period: Duration,
    next: Pin<Box<Sleep>>,
}

impl Tick {
    fn every(period: Duration) -> Self {
        Self { period, next: Box::pin(tokio::time::sleep(period)) }
    }
}

impl PollStrategy for Tick {
    fn poll_drive(&mut self, cx: &mut Context<'_>, snapshot: &PollSnapshot) -> Poll<Option<()>> {
        let mut fired = Poll::Pending;
        while self.next.as_mut().poll(cx).is_ready() {
            let is_awake = snapshot.total_ready > 0 && snapshot.idle_for < AWAKE;
            let period = if is_awake { self.period } else { self.period * DROWSY };
            self.next.as_mut().reset(Instant::now() + period);
            fired = Poll::Ready(Some(()));
        }
        fired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A life that ends quietly, one that fails, one that panics; the fourth goes on until the stop. The transport does
    /// not answer at once.
    #[tokio::test]
    async fn a_worker_starts_again_however_it_ended() {
        let (health, stop) = (Health::default(), CancellationToken::new());
        let (mut lives, silent) = (0, std::cell::Cell::new(0));
        let run = || {
            lives += 1;
            let (life, stop) = (lives, stop.clone());
            async move {
                match life {
                    1 => Ok(()),
                    2 => Err("the queue is away"),
                    3 => panic!("a defect"),
                    _ => {
                        stop.cancel();
                        Ok(())
                    }
                }
            }
        };
        let answers = || {
            silent.set(silent.get() + 1);
            std::future::ready(if silent.get() % 3 == 0 { Ok(()) } else { Err(QueueError::Ended) })
        };
        keep_running(run, answers, "crm", &health, &stop).await;
        assert_eq!((lives, health.restarts(), silent.get()), (4, 3, 9));
        assert!(health.is_well());
    }
}
