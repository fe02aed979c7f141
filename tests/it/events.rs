//! The road back: events posted to a running process reach its ledger, its guards and its metrics.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::house::{House, RULE};
use crate::support::receiver::Receiver;
use crate::support::redis::free_port;

/// Ends with the test, however that ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn posted_events_are_recorded_counted_and_obeyed_once() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULE, "[http]\ntoken = { file = \"token\" }\n");
    house.write("token", "open-sesame");
    house.write("members.csv", "member_id,email\nm1,amy@shop.example\n");
    house.json(&["import", "members", "members.csv"]);
    let base = format!("127.0.0.1:{}", free_port());
    let mut command = house.command(&["run"]);
    command.env("REPLENISH__HTTP__LISTEN", &base).stdout(Stdio::null()).stderr(Stdio::null());
    let _process = Process(command.spawn().unwrap());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while client.get(format!("http://{base}/healthz")).send().await.is_err() {
        assert!(Instant::now() < deadline, "it never answered");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let events = json!([
        {"type": "bounce", "address": "Amy@shop.example", "reason": "550 5.1.1 <amy@shop.example> unknown", "id": "e1"},
        {"type": "opt_out", "member": "m1", "purpose": "care", "id": "e2"},
        {"type": "complaint", "member": "nobody"},
    ]);
    let post = async || -> Value {
        let request = client.post(format!("http://{base}/v1/events")).bearer_auth("open-sesame");
        let answer = request.body(events.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    };
    let first = post().await;
    let counts = |answer: &Value| {
        ["read", "recorded", "duplicate", "unmatched", "suppressed"].map(|k| answer[k].as_u64().unwrap())
    };
    assert_eq!(counts(&first), [3, 2, 0, 1, 2], "{first}");
    assert_eq!(counts(&post().await), [3, 0, 2, 1, 0]);
    let metrics = client.get(format!("http://{base}/metrics")).send().await.unwrap().text().await.unwrap();
    for kind in ["hard_bounce", "opt_out"] {
        assert!(metrics.contains(&format!("replenish_feedback_total{{kind=\"{kind}\"}} 1\n")), "{metrics}");
    }
    let stopped = house.lines(&["suppress", "list"]);
    assert_eq!(stopped.len(), 2);
    assert_eq!(stopped[0]["because"], "hard bounce: 550 5.1.1 <…> unknown");
    assert_eq!((&stopped[1]["member"], &stopped[1]["purpose"]), (&json!("m1"), &json!("care")));
}
