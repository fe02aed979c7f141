//! Mail servers that fail in every way: what the ledger then says, and when the mail goes again. The program itself runs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde_json::Value;

use crate::support::house::{House, ran};
use crate::support::smtp::{Act, At, Smtp};

const NOW: &str = "2026-04-28T10:00:00+08:00";
/// What a server may take to be ready for a message, and again to answer for it.
const PATIENCE: Duration = Duration::from_secs(2);
/// What everything else of a pass may take, on a busy machine.
const ROOM: Duration = Duration::from_secs(40);

const TEMPLATE: &str = "{% block subject %}Soon{% endblock %}
{% block text %}Hello, {{ unsubscribe_url }}
FILLING{% endblock %}
";

fn rule(id: &str, category: &str, valid_for: &str) -> String {
    format!(
        r#"
[[rule]]
id = "{id}"
kind = "reminder"
per = "category"
about = {{ category = "{category}" }}
needs = {{ purchases = 2 }}
send = {{ before = "5d", time = "10:00-20:00" }}
valid_for = "{valid_for}"
channel = "email"
template = "mail"
"#
    )
}

/// A shop with members who buy something every thirty days and have mail due at [`NOW`]: so many of each category.
fn house(relay: &str, rules: &str, members: &[(&str, usize)], filling: &str) -> House {
    let settings = format!(
        r#"timezone = "Asia/Taipei"
[channel.email]
from = "Shop <hello@shop.example>"
timeout = "{}s"
[[channel.email.relay]]
{relay}
"#,
        PATIENCE.as_secs()
    );
    let house = House::of(&settings, rules);
    house.write("templates/mail.jinja", &TEMPLATE.replace("FILLING", filling));
    let mut orders = String::from("order_id,member_id,product_id,category,ordered_at,quantity\n");
    let mut people = String::from("member_id,email,name,consent\n");
    for (category, count) in members {
        for member in 0..*count {
            people.push_str(&format!("{category}{member},{category}{member}@example.tw,Amy,reminder;care\n"));
            for date in ["2026-01-01", "2026-01-31", "2026-03-02", "2026-04-01"] {
                orders.push_str(&format!(
                    "{date}{category}{member},{category}{member},{category}-1,{category},{date},1\n"
                ));
            }
        }
    }
    house.write("orders.csv", &orders);
    house.write("members.csv", &people);
    house.json(&["import", "orders", "orders.csv"]);
    house.json(&["import", "members", "members.csv"]);
    house
}

async fn pass(house: &House, now: &str) -> Value {
    let mut command = house.command(&["run", "--once", "--now", now, "--json"]);
    ran(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()).one()
}

fn jobs(house: &House) -> Vec<Value> {
    house.lines(&["jobs", "list"])
}

fn time(text: &Value) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap()
}

/// What a peer does, and what the ledger must say of it: state, reason, code, attempts, seconds until the next attempt.
struct Fault {
    at: At,
    act: Act,
    says: (&'static str, &'static str, Option<&'static str>, u64, Option<i64>),
}

fn faults() -> Vec<Fault> {
    let told = |at, words: &'static str, state, reason, attempts, wait| Fault {
        at,
        act: Act::Say(words),
        says: (state, reason, Some(&words[..3]), attempts, wait),
    };
    let waits = |at, act| Fault { at, act, says: ("scheduled", "unreachable", None, 0, Some(10)) };
    let in_doubt = |act| Fault { at: At::Dot, act, says: ("uncertain", "no_answer", None, 1, None) };
    vec![
        told(At::Greeting, "421 4.3.2 busy", "scheduled", "throttled", 0, Some(60)),
        told(At::Rcpt, "451 4.3.0 not now", "scheduled", "deferred", 1, Some(10)),
        told(At::Rcpt, "451 4.7.1 greylisted, come back", "scheduled", "greylisted", 1, Some(300)),
        told(At::Rcpt, "452 4.2.2 mailbox full", "scheduled", "mailbox_full", 1, Some(7_200)),
        told(At::Rcpt, "452 4.5.3 too many recipients", "scheduled", "throttled", 0, Some(60)),
        told(At::Rcpt, "550 5.1.1 nobody here", "failed", "no_such_mailbox", 1, None),
        told(At::Rcpt, "550 5.7.1 not from you", "failed", "refused", 1, None),
        told(At::Mail, "530 5.7.0 authentication required", "scheduled", "unreachable", 0, Some(10)),
        told(At::Dot, "552 5.3.4 too large", "failed", "refused", 1, None),
        waits(At::Mail, Act::Drop),
        waits(At::FirstLine, Act::Drop),
        waits(At::Greeting, Act::Hang),
        waits(At::Rcpt, Act::Trickle("250 well, well")),
        waits(At::Rcpt, Act::Flood(10_000_000)),
        in_doubt(Act::Drop),
        in_doubt(Act::Hang),
        in_doubt(Act::Trickle("250 well, well")),
        in_doubt(Act::Flood(10_000_000)),
    ]
}

/// Runs one pass, and holds its only job against what is expected.
async fn assert_says(name: &str, relay: &str, filling: &str, says: &Fault) -> Value {
    let house = house(relay, &rule("refill", "coffee", "10d"), &[("coffee", 1)], filling);
    let started = Instant::now();
    let summary = pass(&house, NOW).await;
    assert!(started.elapsed() < 2 * PATIENCE + ROOM, "{name} took {:?}", started.elapsed());
    let (state, reason, code, attempts, wait) = says.says;
    let jobs = jobs(&house);
    assert_eq!(jobs.len(), 1, "{name}: {summary} {jobs:?}");
    let job = &jobs[0];
    let told = (job["state"].as_str(), job["reason"].as_str(), job["attempts"].as_u64());
    assert_eq!(told, (Some(state), Some(reason), Some(attempts)), "{name}: {job}");
    let shown = house.json(&["jobs", "show", job["id"].as_str().unwrap()]);
    let hand_over = shown["attempts"][0].clone();
    assert_eq!(hand_over["code"].as_str(), code, "{name}: {hand_over}");
    if let Some(wait) = wait {
        let waits = (time(&job["ready_at"]) - time(&NOW.into())).num_seconds();
        assert!((wait..=wait * 5 / 4).contains(&waits), "{name}: again after {waits} s, not {wait}");
    }
    hand_over
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_mail_server_does_the_ledger_knows_and_no_pass_hangs() {
    let rows = faults().into_iter().map(async |fault| {
        let name = format!("{:?} {:?}", fault.at, fault.act);
        let sink = Smtp::doing(fault.at, fault.act).await;
        // what fits into the buffers on the way is gone before the peer has read a word
        let filling = if fault.at == At::FirstLine { "x".repeat(6_000_000) } else { String::new() };
        assert_says(&name, &format!("url = \"{}\"", sink.url()), &filling, &fault).await;
        assert!(sink.mails().is_empty(), "{name}");
    });
    futures::future::join_all(rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_port_and_a_server_that_hides_its_encryption_leave_the_mail_waiting() {
    let gone = Smtp::doing(At::Greeting, Act::Well).await.url();
    let waits =
        Fault { at: At::Greeting, act: Act::Drop, says: ("scheduled", "unreachable", None, 0, Some(10)) };
    assert_says("refused", &format!("url = \"{gone}\""), "", &waits).await;
    let stripped = Smtp::doing(At::Greeting, Act::Well).await;
    let relay = format!("url = \"smtp+starttls://127.0.0.1:{}\"", stripped.port);
    let told = assert_says("stripped", &relay, "", &waits).await;
    assert!(told["reply"].as_str().unwrap().contains("allow_plaintext"), "{told}");
    assert!(stripped.mails().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn six_hours_without_a_relay_cost_no_job_and_no_attempt_and_what_is_still_worth_sending_goes_at_its_rate()
 {
    const LASTING: usize = 300;
    let port = crate::support::redis::free_port();
    let relay = format!("url = \"smtp://127.0.0.1:{port}\"\nrate = \"100/s\"");
    let rules = rule("refill", "coffee", "10d") + &rule("today", "tea", "3h");
    let house = house(&relay, &rules, &[("coffee", LASTING), ("tea", 20)], "");
    // nothing is due yet: the ledger says when it will be
    pass(&house, "2026-04-02T10:00:00+08:00").await;
    let due: BTreeSet<_> = jobs(&house).iter().map(|job| time(&job["due_at"])).collect();
    assert_eq!(due.len(), 1, "{due:?}");
    let start = *due.first().unwrap();
    for minutes in (0..360).step_by(10) {
        let now = (start + TimeDelta::minutes(minutes)).to_rfc3339();
        let summary = pass(&house, &now).await;
        let told = ["delivered", "failed", "uncertain"].map(|key| summary[key].as_u64());
        assert_eq!(told, [Some(0); 3], "{now}: {summary}");
    }
    let waiting = jobs(&house);
    assert_eq!(waiting.len(), LASTING + 20);
    assert!(waiting.iter().all(|job| job["attempts"] == 0));

    let sink = Smtp::at(port).await;
    let now = (start + TimeDelta::hours(6)).to_rfc3339();
    let summary = pass(&house, &now).await;
    assert_eq!((&summary["delivered"], &summary["failed"]), (&LASTING.into(), &0.into()), "{summary}");
    let expired = jobs(&house).into_iter().filter(|job| job["state"] == "skipped");
    let expired: Vec<Value> = expired.filter(|job| job["reason"] == "expired").collect();
    assert!(expired.len() == 20 && expired.iter().all(|job| job["rule"] == "today"), "{expired:?}");
    assert_spread(&sink.arrivals(), LASTING);
}

/// At 100 a second with ten at once; what a busy machine holds back for a moment comes in one go.
fn assert_spread(arrivals: &[Instant], expected: usize) {
    assert_eq!(arrivals.len(), expected);
    let span = arrivals[expected - 1] - arrivals[0];
    assert!(span > Duration::from_millis(2_500), "all within {span:?}");
    for (nth, from) in arrivals.iter().enumerate() {
        let within = arrivals[nth..].iter().filter(|at| **at - *from < Duration::from_secs(1)).count();
        assert!(within <= 150, "{within} within a second");
    }
}
