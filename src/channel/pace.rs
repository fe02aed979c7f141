//! Owns how fast a peer may be written to: exactly, in this process or over a whole fleet; knows nothing of messages.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use redis::Script;
use redis::aio::ConnectionManager;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::domain::rate::Rate;

/// Redis answers within this time, or this process keeps the rate by itself.
const ANSWER: Duration = Duration::from_millis(500);

/// GCRA over one key: `KEYS[1]` holds the time at which the next one is due if all come evenly, `KEYS[2]` the time that
/// the last one put off was told. Arguments, in µs: interval, tolerance, patience. Answers whether it has its turn, and
/// how long to wait. Times are Redis' own, so that no machine's clock counts.
const GCRA: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, tolerance, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local function keep(key, at)
  redis.call('SET', key, string.format('%.0f', at), 'PX', string.format('%.0f', (at - now) / 1000 + 1000))
end
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local wait = due - tolerance - now
if wait <= patience then
  keep(KEYS[1], due + interval)
  return {1, string.format('%.0f', math.max(wait, 0))}
end
local behind = math.max(tonumber(redis.call('GET', KEYS[2]) or 0) + interval, due - tolerance)
keep(KEYS[2], behind)
return {0, string.format('%.0f', behind - now)}
";

/// The pace of all peers, kept in this process or, for a fleet, in Redis; cheap to clone.
#[derive(Clone)]
pub struct Pace {
    here: Arc<Mutex<HashMap<String, Arc<Line>>>>,
    shared: Option<Shared>,
}

#[derive(Clone)]
struct Shared {
    redis: ConnectionManager,
    script: Arc<Script>,
}

/// Those who wait for one peer, first come, first served.
struct Line {
    limiter: DefaultDirectRateLimiter,
    clock: DefaultClock,
    interval: Duration,
    first: tokio::sync::Mutex<()>,
    waiting: AtomicU32,
    /// When the last one that was put off may come back.
    behind: Mutex<Instant>,
}

impl Pace {
    /// Kept in this process.
    pub fn local() -> Self {
        Self { here: Arc::default(), shared: None }
    }

    /// Kept in Redis, for all processes that use it.
    pub fn shared(redis: ConnectionManager) -> Self {
        Self { shared: Some(Shared { redis, script: Arc::new(Script::new(GCRA)) }), ..Self::local() }
    }

    /// Waits for a turn at `key`, at most `patience`. What would have to wait longer gets none, and is told how long to
    /// stay away, so that all who are put off come back evenly spread.
    pub(super) async fn turn(&self, key: &str, rate: Rate, patience: Duration) -> Result<(), Duration> {
        if let Some(shared) = &self.shared {
            match timeout(ANSWER, shared.ask(key, rate, patience)).await {
                Ok(Ok(answer)) => {
                    sleep(answer?).await;
                    return Ok(());
                }
                Ok(Err(error)) => tracing::warn!(%error, "rates are kept by this process alone"),
                Err(_) => tracing::warn!("redis is silent: rates are kept by this process alone"),
            }
        }
        self.line(key, rate).turn(patience).await
    }

    fn line(&self, key: &str, rate: Rate) -> Arc<Line> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = here.get(key) {
            return line.clone();
        }
        let line = Arc::new(Line::new(rate));
        here.insert(key.to_owned(), line.clone());
        line
    }
}

impl Shared {
    async fn ask(
        &self,
        key: &str,
        rate: Rate,
        patience: Duration,
    ) -> redis::RedisResult<Result<Duration, Duration>> {
        let interval = rate.interval().as_secs_f64() * 1e6;
        let tolerance = interval * f64::from(rate.burst().get() - 1);
        let mut call = self.script.prepare_invoke();
        call.key(format!("{{replenish}}:pace:{key}")).key(format!("{{replenish}}:behind:{key}"));
        call.arg(interval).arg(tolerance).arg(patience.as_micros() as u64);
        let (has_turn, wait): (u8, u64) = call.invoke_async(&mut self.redis.clone()).await?;
        let wait = Duration::from_micros(wait);
        Ok(if has_turn == 1 { Ok(wait) } else { Err(wait) })
    }
}

impl Line {
    fn new(rate: Rate) -> Self {
        let quota = Quota::with_period(rate.interval()).map(|quota| quota.allow_burst(rate.burst()));
        // an interval is never zero: the fastest rate has one of a microsecond
        let quota = quota.unwrap_or_else(|| Quota::per_second(rate.burst()));
        Self {
            limiter: RateLimiter::direct(quota),
            clock: DefaultClock::default(),
            interval: rate.interval(),
            first: tokio::sync::Mutex::default(),
            waiting: AtomicU32::new(0),
            behind: Mutex::new(Instant::now()),
        }
    }

    async fn turn(&self, patience: Duration) -> Result<(), Duration> {
        let place = Place::take(&self.waiting);
        let others = self.interval * place.ahead;
        if others > patience {
            return Err(self.later(Instant::now() + others));
        }
        let end = Instant::now() + patience;
        let Ok(_first) = timeout(patience, self.first.lock()).await else {
            return Err(self.later(Instant::now() + self.interval));
        };
        while let Err(not_yet) = self.limiter.check() {
            let turn = Instant::now() + not_yet.wait_time_from(self.clock.now());
            if turn > end {
                return Err(self.later(turn));
            }
            sleep_until(turn).await;
        }
        Ok(())
    }

    /// How long one that cannot have its turn before `soonest` stays away: behind all that were put off before.
    fn later(&self, soonest: Instant) -> Duration {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        *behind = (*behind + self.interval).max(soonest);
        *behind - Instant::now()
    }
}

/// A place in the line, given up when dropped.
struct Place<'a> {
    waiting: &'a AtomicU32,
    ahead: u32,
}

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicU32) -> Self {
        Self { waiting, ahead: waiting.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
