//! Every way in which an endpoint can fail, done to the program: for each the ledger holds the right state, reason and next
//! time; an endpoint that is gone is told of until a person resumes.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::support::hook::{Answer, Hook};
use crate::support::house::{House, RULE};
use crate::support::running::{Running, eventually};

/// Well within the hours of the rule, some hours after the reminder fell due.
const NOW: &str = "2026-04-28T11:00:00+08:00";

/// So many members with a rhythm of thirty days, who all need something again five days from now.
fn orders(members: usize) -> String {
    let dates = ["2026-01-01", "2026-01-31", "2026-03-02", "2026-04-01"];
    let lines = (0..members).flat_map(|m| {
        dates.iter().enumerate().map(move |(n, date)| format!("o{m}-{n},m{m},beans,coffee,{date},1\n"))
    });
    let header = "order_id,member_id,product_id,category,ordered_at,quantity\n".to_owned();
    std::iter::once(header).chain(lines).collect()
}

fn house(url: &str, more: &str, members: usize) -> House {
    let settings = format!(
        "timezone = \"Asia/Taipei\"\n[channel.crm]\nurl = \"{url}\"\nsecret = {{ env = \"CRM_SECRET\" }}\ntimeout = \"1s\"\n{more}\n"
    );
    let house = House::of(&settings, RULE);
    house.write("orders.csv", &orders(members));
    house.json(&["import", "orders", "orders.csv"]);
    house
}

const PRIVATE: &str = "allow_private_network = true";

/// What the ledger holds after one pass.
struct Held {
    state: String,
    reason: Option<String>,
    attempts: u64,
    /// Seconds until it is tried again.
    wait: Option<f64>,
    code: Option<String>,
    reply: String,
}

fn after_one_pass(house: &House) -> Held {
    house.json(&["run", "--once", "--now", NOW]);
    let jobs = house.lines(&["jobs", "list"]);
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    let job = house.json(&["jobs", "show", jobs[0]["id"].as_str().unwrap()]);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let now: DateTime<Utc> = NOW.parse().unwrap();
    let ready: DateTime<Utc> = job["ready_at"].as_str().unwrap().parse().unwrap();
    let state = text(&job["state"]).unwrap();
    let attempt = &job["attempts"][0];
    Held {
        wait: (state == "scheduled").then(|| (ready - now).as_seconds_f64()),
        state,
        reason: text(&job["reason"]),
        attempts: jobs[0]["attempts"].as_u64().unwrap(),
        code: text(&attempt["code"]),
        reply: text(&attempt["reply"]).unwrap_or_default(),
    }
}

/// The first delay of the settings, with its jitter.
const FIRST: (f64, f64) = (10.0, 12.5);
/// The first delay of a peer that asks for patience, in seconds, with its jitter.
const THROTTLED: (f64, f64) = (60.0, 75.0);

/// A fault: what the endpoint does, and state, reason, attempts and wait that the ledger then holds.
type Row = (Answer, &'static str, Option<&'static str>, u64, Option<(f64, f64)>);

fn said(status: &'static str, retry_after: &str) -> Answer {
    Answer::Say(status, format!("Retry-After: {retry_after}\r\n"), "for support".to_owned())
}

fn faults() -> Vec<Row> {
    let plain = Answer::status;
    let soon = (Utc::now() + TimeDelta::minutes(5)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let deferred = |answer| (answer, "scheduled", Some("deferred"), 1, Some(FIRST));
    let refused = |answer| (answer, "failed", Some("refused"), 1, None);
    let throttled = |answer, wait| (answer, "scheduled", Some("throttled"), 0, Some(wait));
    let silent = |answer| (answer, "scheduled", Some("no_answer"), 1, Some(FIRST));
    let delivered = |answer| (answer, "delivered", None, 1, None);
    vec![
        delivered(plain("200 OK")),
        delivered(plain("204 No Content")),
        refused(said("301 Moved Permanently", "60")),
        refused(plain("400 Bad Request")),
        refused(plain("401 Unauthorized")),
        refused(plain("404 Not Found")),
        deferred(plain("408 Request Timeout")),
        refused(plain("409 Conflict")),
        (plain("410 Gone"), "scheduled", Some("endpoint_gone"), 0, Some(FIRST)),
        refused(plain("413 Content Too Large")),
        throttled(said("429 Too Many Requests", "120"), (120.0, 120.0)),
        throttled(said("429 Too Many Requests", &soon), (200.0, 300.0)),
        throttled(said("429 Too Many Requests", "86400"), (3600.0, 3600.0)),
        throttled(plain("429 Too Many Requests"), THROTTLED),
        deferred(plain("500 Internal Server Error")),
        deferred(plain("502 Bad Gateway")),
        throttled(said("503 Service Unavailable", "60"), (60.0, 60.0)),
        throttled(plain("503 Service Unavailable"), THROTTLED),
        silent(Answer::Hang),
        silent(Answer::Drop),
        silent(Answer::Trickle),
        delivered(Answer::Endless("200 OK")),
        deferred(Answer::Endless("500 Internal Server Error")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn for_every_answer_the_ledger_holds_state_reason_and_next_time() {
    for (answer, state, reason, attempts, wait) in faults() {
        let said = answer.clone();
        let hook = Hook::start(move |_| said.clone()).await;
        let url = hook.url.clone();
        let begun = Instant::now();
        let held =
            tokio::task::spawn_blocking(move || after_one_pass(&house(&url, PRIVATE, 1))).await.unwrap();
        assert_eq!(
            (held.state.as_str(), held.reason.as_deref()),
            (state, reason),
            "{answer:?}: {}",
            held.reply
        );
        assert_eq!(held.attempts, attempts, "{answer:?}");
        let right = match (held.wait, wait) {
            (Some(held), Some((least, most))) => (least..=most).contains(&held),
            (held, wait) => held.is_none() && wait.is_none(),
        };
        assert!(right, "{answer:?}: {:?} instead of {wait:?}", held.wait);
        let code = match &answer {
            Answer::Say(status, ..) | Answer::Endless(status) => status.get(..3),
            _ => None,
        };
        assert_eq!(held.code.as_deref(), code, "{answer:?}");
        assert_eq!(hook.seen().len(), 1, "{answer:?} was asked again in the same pass");
        assert!(begun.elapsed() < Duration::from_secs(30), "{answer:?} held the pass");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_cannot_be_reached_costs_no_attempt_and_a_private_one_is_refused() {
    let gone = Hook::fast().await.url.clone();
    let hook = Hook::start(|_| Answer::status("200 OK")).await;
    let port = hook.url.rsplit_once(':').unwrap().1.trim_end_matches("/hook").to_owned();
    let private = format!("http://localhost:{port}/hook");
    let run = move || {
        let (refused, private) = (house(&gone, PRIVATE, 1), house(&private, "", 1));
        (after_one_pass(&refused), after_one_pass(&private))
    };
    let (refused, private) = tokio::task::spawn_blocking(run).await.unwrap();
    assert_eq!((refused.state.as_str(), refused.reason.as_deref()), ("scheduled", Some("unreachable")));
    assert!(refused.attempts == 0 && refused.wait.is_some_and(|wait| (FIRST.0..=FIRST.1).contains(&wait)));
    assert_eq!((private.state.as_str(), private.reason.as_deref()), ("failed", Some("refused")));
    assert!(private.reply.contains("allow_private_network"), "{}", private.reply);
    assert_eq!(hook.connections(), 0, "nobody even connected");
}

async fn is_disabled(daemon: &Running, is_disabled: u8) -> bool {
    daemon.measures(&format!("replenish_endpoint_disabled{{channel=\"crm\"}} {is_disabled}")).await
}

/// The trouble of the part `channels`, once the process answers.
async fn trouble(daemon: &Running) -> Option<String> {
    let ready = daemon.readiness().await?;
    let troubles = ready["troubles"].as_array()?;
    let channels = troubles.iter().find(|trouble| trouble["part"] == "channels")?;
    Some(channels["problem"].as_str()?.to_owned())
}

const MEMBERS: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_pauses_its_channel_until_a_person_resumes_it() {
    let gone = Hook::start(|_| Answer::status("410 Gone")).await;
    let url = gone.url.clone();
    let house = tokio::task::spawn_blocking(move || house(&url, PRIVATE, MEMBERS)).await.unwrap();
    let daemon = Running::start(&house, &["--now", NOW]);
    eventually("readiness tells", async || trouble(&daemon).await.is_some()).await;
    let told = trouble(&daemon).await.unwrap();
    assert!(told.starts_with("channel crm: its endpoint answered 410 Gone"), "{told}");
    assert!(told.contains("`replenish resume --channel crm`"), "{told}");
    eventually("the metric tells", async || is_disabled(&daemon, 1).await).await;
    let waits = |house: &House| {
        let jobs = house.lines(&["jobs", "list"]);
        let held = |job: &Value| job["state"] == "scheduled" && job["attempts"] == 0;
        assert!(jobs.len() == MEMBERS && jobs.iter().all(held), "nothing failed: {jobs:?}");
        jobs.iter().any(|job| job["reason"] == "endpoint_gone")
    };
    eventually("what was handed over waits", async || tokio::task::block_in_place(|| waits(&house))).await;
    drop(daemon);
    // The url is mended, and a restart alone lets nothing go.
    let mended = Hook::start(|_| Answer::status("200 OK")).await;
    let settings = std::fs::read_to_string(house.path("replenish.toml")).unwrap();
    house.write("replenish.toml", &settings.replace(&gone.url, &mended.url));
    let daemon = Running::start(&house, &["--now", NOW]);
    eventually("it is told after a restart", async || trouble(&daemon).await.as_ref() == Some(&told)).await;
    assert!(mended.seen().is_empty(), "paused");
    let resumed = tokio::task::block_in_place(|| {
        let paused = house.json(&["pause", "--channel", "crm", "--because", "a person too"]);
        let by: Vec<&str> =
            paused["paused"].as_array().unwrap().iter().map(|p| p["by"].as_str().unwrap()).collect();
        assert_eq!(by, ["endpoint", "person"], "{paused}");
        house.json(&["resume", "--channel", "crm"])
    });
    assert_eq!((&resumed["changed"], &resumed["paused"]), (&true.into(), &serde_json::json!([])));
    eventually("all goes out", async || mended.seen().len() == MEMBERS).await;
    eventually("it is ready", async || daemon.readiness().await.is_some_and(|ready| ready["ready"] == true))
        .await;
    eventually("the metric tells", async || is_disabled(&daemon, 0).await).await;
    let all_delivered = || {
        let jobs = house.lines(&["jobs", "list", "--state", "delivered"]);
        jobs.len() == MEMBERS
    };
    eventually("all is delivered", async || tokio::task::block_in_place(all_delivered)).await;
}
