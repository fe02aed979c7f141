//! Rates, kept exactly in one process and over a fleet; rests, and what is put off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis::aio::ConnectionManager;
use replenish::channel::{Channel, Pace, PutOff, WebhookBody, WebhookOptions};
use replenish::domain::rate::Rate;
use replenish::domain::reason::Reason;

use super::{deliver, letter};
use crate::support::hook::{Answer, Hook};
use crate::support::redis::Redis;

const PATIENCE: Duration = Duration::from_secs(30);

fn channel(url: &str, rate: &str, pace: Pace) -> Channel {
    let options = WebhookOptions {
        url: url.to_owned(),
        secrets: vec!["a secret".to_owned()],
        headers: Vec::new(),
        body: WebhookBody::default(),
        delivered: Vec::new(),
        allow_private_network: true,
        timeout: Duration::from_secs(2),
        concurrency: 1_000,
        rate: Rate::parse(rate),
    };
    Channel::webhook(options, pace).unwrap()
}

async fn shared(redis: &Redis) -> Pace {
    let client = redis::Client::open(redis.url()).unwrap();
    Pace::shared(ConnectionManager::new(client).await.unwrap())
}

/// When each of `turns` came, from `askers` at once over these channels, since the first was asked for.
async fn turns(channels: &[Channel], askers: usize, turns: usize) -> Vec<Duration> {
    let start = Instant::now();
    let of_one = async |asker: usize| {
        let mut came = Vec::new();
        for _ in 0..turns / askers {
            channels[asker % channels.len()].turn(None, None, PATIENCE).await.unwrap();
            came.push(start.elapsed());
        }
        came
    };
    let all = futures::future::join_all((0..askers).map(of_one)).await;
    let mut came: Vec<Duration> = all.into_iter().flatten().collect();
    came.sort();
    came
}

/// The n-th turn comes no sooner than evenly spread turns after one burst; a busy machine may only delay it.
fn assert_kept(came: &[Duration], rate: &str) {
    let rate = Rate::parse(rate).unwrap();
    for (n, at) in came.iter().enumerate() {
        let further = (n as u32 + 1).saturating_sub(rate.burst().get());
        // Redis counts in microseconds
        let soonest = (rate.interval() * further).saturating_sub(Duration::from_millis(1));
        assert!(*at >= soonest, "turn {n} came after {at:?}, before {soonest:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_is_exact_in_one_process() {
    let one = [channel("http://127.0.0.1:9/", "400/s", Pace::local())];
    let came = turns(&one, 16, 320).await;
    assert_kept(&came, "400/s");
    assert_eq!(came.len(), 320);
    // two channels with one pace and one endpoint share its rate; another endpoint has its own
    let pace = Pace::local();
    let two = [
        channel("http://127.0.0.1:9/", "200/s", pace.clone()),
        channel("http://127.0.0.1:9/", "200/s", pace),
    ];
    assert_kept(&turns(&two, 8, 160).await, "200/s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_is_exact_over_a_fleet() {
    let redis = Redis::start();
    let mut fleet = Vec::new();
    for _ in 0..3 {
        fleet.push(channel("http://127.0.0.1:9/", "300/s", shared(&redis).await));
    }
    let came = turns(&fleet, 12, 300).await;
    assert_kept(&came, "300/s");
    assert_eq!(came.len(), 300);
}

#[tokio::test]
async fn what_would_wait_too_long_is_put_off_evenly_spread() {
    let redis = Redis::start();
    for pace in [Pace::local(), shared(&redis).await] {
        let channel = channel("http://127.0.0.1:9/", "1/m", pace);
        let turn = async || channel.turn(None, None, Duration::from_secs(1)).await.map(drop);
        assert_eq!(turn().await, Ok(()));
        for nth in 1..=5_u64 {
            let PutOff { wait, reason } = turn().await.unwrap_err();
            assert_eq!(reason, Reason::Paced);
            // one more minute each; the first one counts from the turn that was had
            let minutes = 60 * nth;
            assert!((minutes - 10..=minutes + 60).contains(&wait.as_secs()), "{nth}: {wait:?}");
        }
    }
}

#[tokio::test]
async fn without_redis_each_process_keeps_the_rate_by_itself() {
    let redis = Redis::start();
    let pace = shared(&redis).await;
    drop(redis);
    let one = [channel("http://127.0.0.1:9/", "100/s", pace)];
    assert_kept(&turns(&one, 2, 4).await, "100/s");
}

#[tokio::test]
async fn an_endpoint_that_fails_is_given_a_rest() {
    let hook = Hook::start(|_| Answer::status("500 Internal Server Error")).await;
    let channel = channel(&hook.url, "1000/s", Pace::local());
    for _ in 0..5 {
        deliver(&channel, &letter()).await;
    }
    let PutOff { wait, reason } = channel.turn(None, None, PATIENCE).await.map(drop).unwrap_err();
    assert_eq!(reason, Reason::Resting);
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(5), "{wait:?}");
    assert_eq!(hook.seen().len(), 5);
}

#[tokio::test]
async fn an_endpoint_rests_as_long_as_it_asks() {
    let hook =
        Hook::start(|_| Answer::Say("429 Too Many Requests", "retry-after: 90\r\n".into(), String::new()))
            .await;
    let channel = channel(&hook.url, "1000/s", Pace::local());
    deliver(&channel, &letter()).await;
    let PutOff { wait, reason } = channel.turn(None, None, PATIENCE).await.map(drop).unwrap_err();
    assert_eq!(reason, Reason::Resting);
    assert!((85..=90).contains(&wait.as_secs()), "{wait:?}");
}

/// What waits for its turn stays few: the others are left where they are.
#[tokio::test]
async fn few_wait_before_a_slow_endpoint_and_none_before_one_that_rests() {
    let failing = Arc::new(AtomicBool::new(true));
    let is_failing = failing.clone();
    let hook = Hook::start(move |_| match is_failing.load(Ordering::SeqCst) {
        true => Answer::status("500 Internal Server Error"),
        false => Answer::status("200 OK"),
    });
    let hook = hook.await;
    assert_eq!(channel(&hook.url, "1/m", Pace::local()).room(), 1);
    let channel = channel(&hook.url, "1000/s", Pace::local());
    assert_eq!(channel.room(), 500, "half a second's");
    for _ in 0..5 {
        deliver(&channel, &letter()).await;
    }
    let soon = Duration::from_millis(200);
    assert!(tokio::time::timeout(soon, channel.open_place()).await.is_err(), "it rests");
    assert!(tokio::time::timeout(soon, channel.place()).await.is_ok(), "whoever asks all the same may wait");
    failing.store(false, Ordering::SeqCst);
    let trial = tokio::time::timeout(PATIENCE, channel.open_place()).await.unwrap();
    assert!(tokio::time::timeout(soon, channel.open_place()).await.is_err(), "one at a time");
    let turn = channel.turn(Some(trial), None, PATIENCE).await.unwrap();
    channel.deliver(&letter(), turn).await;
    assert!(tokio::time::timeout(soon, channel.open_place()).await.is_ok(), "it answers again");
}

#[tokio::test]
async fn a_rate_that_is_used_up_lets_nobody_in_until_the_next_turn() {
    let channel = channel("http://127.0.0.1:9/", "50/m", Pace::local());
    let turn = async |patience| {
        let place = channel.open_place().await;
        channel.turn(Some(place), None, patience).await.map(drop)
    };
    assert_eq!(turn(PATIENCE).await, Ok(()));
    let PutOff { wait, .. } = turn(Duration::from_millis(100)).await.unwrap_err();
    assert!(wait <= Duration::from_millis(1_200), "one turn later: {wait:?}");
    let began = Instant::now();
    assert_eq!(turn(Duration::from_millis(100)).await, Ok(()), "let in when there is a turn");
    assert!(began.elapsed() + Duration::from_millis(100) >= wait, "{:?} of {wait:?}", began.elapsed());
}
