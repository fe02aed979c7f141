//! The webhook channel against an endpoint that does as it is told.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use replenish::channel::{
    Channel, ChannelError, HeaderText, OwnTemplate, Pace, WebhookBody, WebhookOptions, webhook_body,
};
use replenish::domain::job::{Delivery, Outcome};
use replenish::domain::member::Purpose;
use replenish::domain::reason::Reason;
use serde_json::{Value, json};

use super::{deliver, letter};
use crate::support::hook::{Answer, Hook, Request};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn options(url: &str) -> WebhookOptions {
    WebhookOptions {
        url: url.to_owned(),
        secrets: vec![SECRET.to_owned()],
        headers: vec![],
        body: WebhookBody::default(),
        delivered: vec![],
        allow_private_network: true,
        timeout: Duration::from_secs(2),
        concurrency: 64,
        rate: None,
    }
}

fn webhook(options: WebhookOptions) -> Result<Channel, ChannelError> {
    Channel::webhook(options, Pace::local())
}

async fn posted(hook: &Hook) -> Outcome {
    deliver(&webhook(options(&hook.url)).unwrap(), &letter()).await
}

#[tokio::test]
async fn a_post_is_signed_and_says_what_the_interface_promises() {
    let hook =
        Hook::start(|_| Answer::Say("200 OK", String::new(), "taken, told a@b.example".to_owned())).await;
    let letter = letter();
    let outcome = deliver(&webhook(options(&hook.url)).unwrap(), &letter).await;
    assert_eq!(
        (outcome.result, outcome.reason, outcome.code.as_deref()),
        (Delivery::Delivered, None, Some("200"))
    );
    assert_eq!(outcome.reply.as_deref(), Some("taken, told …"));
    assert_eq!(outcome.relay.as_deref(), hook.url.strip_suffix("/hook"));
    let seen = hook.seen().remove(0);
    assert_eq!(seen.line, "POST /hook HTTP/1.1");
    let verifier = standardwebhooks::Webhook::new(SECRET).unwrap();
    verifier.verify(&seen.body, &seen.headers).unwrap();
    let header = |name: &str| seen.headers.get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(header("webhook-id"), "j-4711");
    assert_eq!(header("webhook-timestamp"), letter.sent_at.timestamp().to_string());
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("user-agent"), concat!("replenish/", env!("CARGO_PKG_VERSION")));
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(body, webhook_body(&letter));
}

#[test]
fn the_body_is_the_published_one() {
    let mut letter = letter();
    letter.content.items.truncate(1);
    letter.content.items[0].url = None;
    let mut body = json!({
        "type": "reminder", "timestamp": "2026-03-02T02:00:00Z",
        "data": {
            "job": "j-4711", "rule": "refill", "step": 1, "valid_until": "2026-03-12T02:00:00Z",
            "unsubscribe_url": letter.unsubscribe_url,
            "member": { "id": "sample", "locale": "zh-TW", "stage": "regular", "contacts": { "line": "U1" } },
            "items": [{
                "id": "A1", "name": "咖啡豆 <深焙>", "url": null, "last_purchase": "2026-02-03", "quantity": 2,
                "need_date": "2026-03-07", "p10": "2026-03-03", "p90": "2026-03-16",
            }],
            "reason": "這項商品你通常每 32 天回購一次。", "cautions": ["含咖啡因。"],
            "message": { "subject": letter.rendered.as_ref().unwrap().subject, "text": "王小明 您好\n.一行以點開頭\n" },
        },
    });
    assert_eq!(webhook_body(&letter), body);
    assert!(webhook_body(&letter)["data"]["items"][0]["quantity"].is_i64());
    letter.rendered = None;
    letter.purpose = Purpose::Care;
    body["data"].as_object_mut().unwrap().remove("message");
    body["type"] = json!("care");
    assert_eq!(webhook_body(&letter), body);
}

#[tokio::test]
async fn a_secret_is_base64_after_whsec_or_any_text() {
    let hook = Hook::start(|_| Answer::status("204 No Content")).await;
    let text = WebhookOptions { secrets: vec!["a plain secret".to_owned()], ..options(&hook.url) };
    let outcome = deliver(&webhook(text).unwrap(), &letter()).await;
    assert_eq!(
        (outcome.result, outcome.code.as_deref(), outcome.reply),
        (Delivery::Delivered, Some("204"), None)
    );
    let seen = hook.seen().remove(0);
    let verifier = standardwebhooks::Webhook::from_bytes(b"a plain secret".to_vec()).unwrap();
    verifier.verify(&seen.body, &seen.headers).unwrap();
    for secret in ["", "whsec_", "whsec_not base64 s3cret"] {
        let refused = webhook(WebhookOptions { secrets: vec![secret.to_owned()], ..options(&hook.url) });
        let told = refused.err().unwrap().to_string();
        assert!(told.contains("secret") && !told.contains("s3cret"), "{told}");
    }
    for url in ["", "hook", "ftp://a.example", "file:///etc/passwd"] {
        assert!(webhook(options(url)).is_err(), "{url}");
    }
}

#[tokio::test]
async fn each_status_has_its_meaning() {
    use Delivery::{Delivered, Permanent, Transient, Unreachable};
    let table = [
        ("200 OK", Delivered, None),
        ("201 Created", Delivered, None),
        ("202 Accepted", Delivered, None),
        ("301 Moved", Permanent, Some(Reason::Refused)),
        ("304 Not Modified", Permanent, Some(Reason::Refused)),
        ("307 Temporary Redirect", Permanent, Some(Reason::Refused)),
        ("400 Bad Request", Permanent, Some(Reason::Refused)),
        ("401 Unauthorized", Permanent, Some(Reason::Refused)),
        ("404 Not Found", Permanent, Some(Reason::Refused)),
        ("408 Request Timeout", Transient, Some(Reason::Deferred)),
        ("410 Gone", Unreachable, Some(Reason::EndpointGone)),
        ("429 Too Many Requests", Unreachable, Some(Reason::Throttled)),
        ("500 Internal Server Error", Transient, Some(Reason::Deferred)),
        ("502 Bad Gateway", Transient, Some(Reason::Deferred)),
        ("503 Service Unavailable", Unreachable, Some(Reason::Throttled)),
        ("504 Gateway Timeout", Transient, Some(Reason::Deferred)),
    ];
    for (status, result, reason) in table {
        let hook = Hook::start(move |_| Answer::status(status)).await;
        let outcome = posted(&hook).await;
        assert_eq!((outcome.result, outcome.reason), (result, reason), "{status}");
        assert_eq!(outcome.code.as_deref(), status.get(..3));
        assert_eq!(hook.seen().len(), 1, "{status} was asked again");
    }
}

#[tokio::test]
async fn retry_after_is_kept_in_both_forms() {
    let hook =
        Hook::start(|_| Answer::Say("429 Slow Down", "retry-after: 120\r\n".to_owned(), String::new())).await;
    assert_eq!(posted(&hook).await.retry_after, Some(TimeDelta::seconds(120)));
    let mut letter = letter();
    letter.sent_at = "2026-03-02T10:00:00Z".parse().unwrap();
    let date = || "Retry-After: Mon, 02 Mar 2026 10:05:00 GMT\r\n".to_owned();
    let hook = Hook::start(move |_| Answer::Say("503 Busy", date(), String::new())).await;
    let outcome = deliver(&webhook(options(&hook.url)).unwrap(), &letter).await;
    assert_eq!(outcome.retry_after, Some(TimeDelta::minutes(5)));
}

#[tokio::test]
async fn no_endpoint_asks_for_more_than_an_hour() {
    let hook =
        Hook::start(|_| Answer::Say("503 Busy", "retry-after: 86400\r\n".to_owned(), String::new())).await;
    assert_eq!(posted(&hook).await.retry_after, Some(TimeDelta::hours(1)));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let inner = Hook::start(|_| Answer::status("200 OK")).await;
    let location = format!("location: {}\r\n", inner.url);
    let hook = Hook::start(move |_| Answer::Say("302 Found", location.clone(), String::new())).await;
    let outcome = posted(&hook).await;
    assert_eq!((outcome.result, outcome.reason), (Delivery::Permanent, Some(Reason::Refused)));
    assert!(outcome.reply.unwrap().contains("redirects are not followed"));
    assert!(inner.seen().is_empty());
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_the_end() {
    for (status, result) in [("200 OK", Delivery::Delivered), ("500 Oh", Delivery::Transient)] {
        let hook = Hook::start(move |_| Answer::Endless(status)).await;
        let begun = Instant::now();
        let outcome = posted(&hook).await;
        assert_eq!(outcome.result, result);
        let kept = if result == Delivery::Delivered { 300 } else { 8 * 1024 };
        assert_eq!(outcome.reply.unwrap().len(), kept);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn silence_after_the_post_is_told_from_nobody_there() {
    let table = [(Answer::Hang, Reason::NoAnswer), (Answer::Drop, Reason::NoAnswer)];
    for (answer, reason) in table {
        let said = answer.clone();
        let hook = Hook::start(move |_| said.clone()).await;
        let outcome = posted(&hook).await;
        assert_eq!((outcome.result, outcome.reason), (Delivery::Transient, Some(reason)), "{answer:?}");
        assert!(!outcome.reply.unwrap().contains("/hook"));
    }
    let gone = Hook::fast().await.url.clone();
    let nowhere = "https://nowhere.invalid/hook".to_owned();
    let plain = Hook::fast().await;
    let no_tls = plain.url.replace("http:", "https:");
    for url in [gone, nowhere, no_tls] {
        let outcome = deliver(&webhook(options(&url)).unwrap(), &letter()).await;
        assert_eq!(
            (outcome.result, outcome.reason),
            (Delivery::Unreachable, Some(Reason::Unreachable)),
            "{url}"
        );
    }
}

#[tokio::test]
async fn private_addresses_need_permission() {
    let hook = Hook::start(|_| Answer::status("200 OK")).await;
    let port = hook.url.rsplit(':').next().unwrap().to_owned();
    for host in ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]", "10.0.0.1"]
    {
        let url = format!("http://{host}:{port}");
        let public_only = WebhookOptions { allow_private_network: false, ..options(&url) };
        let outcome = deliver(&webhook(public_only).unwrap(), &letter()).await;
        assert_eq!((outcome.result, outcome.reason), (Delivery::Permanent, Some(Reason::Refused)), "{host}");
        assert!(outcome.reply.unwrap().contains("allow_private_network"), "{host}");
    }
    assert_eq!(hook.connections(), 0);
}

#[tokio::test]
async fn a_body_too_large_is_not_posted() {
    let hook = Hook::start(|_| Answer::status("200 OK")).await;
    let mut letter = letter();
    letter.rendered.as_mut().unwrap().text = "寄".repeat(7_000);
    let outcome = deliver(&webhook(options(&hook.url)).unwrap(), &letter).await;
    assert_eq!((outcome.result, outcome.reason), (Delivery::Permanent, Some(Reason::Refused)));
    assert!(outcome.reply.unwrap().contains("20000"));
    assert!(hook.seen().is_empty());
}

#[tokio::test]
async fn connections_stay_warm_and_few() {
    let hook = Hook::fast().await;
    let channel = webhook(WebhookOptions { concurrency: 8, ..options(&hook.url) }).unwrap();
    assert!(channel.is_local() && channel.is_resendable());
    let letter = letter();
    for _ in 0..10 {
        let ends = futures::future::join_all((0..40).map(|_| deliver(&channel, &letter))).await;
        assert!(ends.iter().all(|o| o.result == Delivery::Delivered));
    }
    assert!(hook.connections() <= 8, "{}", hook.connections());
}

const NEW_SECRET: &str = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXc=";

#[tokio::test]
async fn while_a_secret_is_rotated_receivers_of_either_verify() {
    let hook = Hook::start(|_| Answer::status("200 OK")).await;
    let secrets = vec![NEW_SECRET.to_owned(), SECRET.to_owned()];
    deliver(&webhook(WebhookOptions { secrets, ..options(&hook.url) }).unwrap(), &letter()).await;
    let seen = hook.seen().remove(0);
    let verifies = |secret: &str| {
        standardwebhooks::Webhook::new(secret).unwrap().verify(&seen.body, &seen.headers).is_ok()
    };
    assert!(verifies(NEW_SECRET) && verifies(SECRET));
    assert!(!verifies("whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXI="));
    let signatures = seen.headers["webhook-signature"].to_str().unwrap();
    let signatures: Vec<&str> = signatures.split(' ').collect();
    assert!(signatures.len() == 2 && signatures.iter().all(|s| s.starts_with("v1,")), "{signatures:?}");
    let none = webhook(WebhookOptions { secrets: vec![], ..options(&hook.url) });
    assert!(none.err().unwrap().to_string().contains("secret is missing"));
}

/// A body of its own.
fn own(source: &str, contact: Option<&str>) -> WebhookBody {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.json");
    std::fs::write(&path, source).unwrap();
    let template = OwnTemplate::json(&path).unwrap_or_else(|problems| panic!("{problems:?}"));
    WebhookBody { template: Some(template), contact: contact.map(str::to_owned) }
}

fn header(seen: &Request, name: &str) -> String {
    seen.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_body_and_headers_of_its_own_go_out_as_written() {
    let hook = Hook::start(|_| Answer::status("200 OK")).await;
    let text = |text: &str| HeaderText::Template(text.to_owned());
    let own = WebhookOptions {
        secrets: vec![],
        headers: vec![
            ("Authorization".to_owned(), HeaderText::Secret("Bearer {{ s3cr }}".to_owned())),
            ("X-Key".to_owned(), text("{{ job_uuid }}")),
            ("X-Rule".to_owned(), text("{{ data.rule }}/{{ data.step }}")),
            ("content-type".to_owned(), text("application/vnd.hook+json")),
        ],
        body: own(
            "{\"to\": {{ contact }}, \"key\": {{ job_uuid }}, \"n\": {{ data['items'] | length }},\
            \"text\": {{ data.message.text }}, \"first\": {{ data['items'][0] }}}",
            Some("line"),
        ),
        ..options(&hook.url)
    };
    let (channel, letter) = (webhook(own).unwrap(), letter());
    assert_eq!(deliver(&channel, &letter).await.result, Delivery::Delivered);
    assert_eq!(deliver(&channel, &letter).await.result, Delivery::Delivered);
    let [seen, again] = hook.seen().try_into().unwrap();
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    let published = webhook_body(&letter);
    let key = body["key"].as_str().unwrap();
    assert_eq!(
        body,
        json!({ "to": "U1", "key": key, "n": 2, "text": "王小明 您好\n.一行以點開頭\n", "first": published["data"]["items"][0] })
    );
    assert_eq!((header(&seen, "x-key").as_str(), header(&again, "x-key").as_str()), (key, key));
    assert_eq!(header(&seen, "authorization"), "Bearer {{ s3cr }}", "a secret is no template");
    assert_eq!(header(&seen, "x-rule"), "refill/1");
    assert_eq!(seen.headers.get_all("content-type").iter().count(), 1);
    assert_eq!(header(&seen, "content-type"), "application/vnd.hook+json");
    assert_eq!(header(&seen, "webhook-id"), "j-4711");
    assert!(!seen.headers.contains_key("webhook-signature"));
}

#[tokio::test]
async fn a_body_of_its_own_that_comes_to_nothing_is_never_posted() {
    let hook = Hook::start(|_| Answer::status("200 OK")).await;
    let long = format!("{{\"a\": \"{}\"}}", "x".repeat(20_000));
    let table = [
        ("{\"a\": \"{{ data.reason }}\"}", None, "no JSON"),
        ("{\"a\": {{ data.unknown }}}", None, "data.unknown"),
        ("{\"to\": {{ contact }}}", None, "contact"),
        (long.as_str(), None, "20000"),
    ];
    for (source, contact, told) in table {
        let options = WebhookOptions { body: own(source, contact), ..options(&hook.url) };
        let outcome = deliver(&webhook(options).unwrap(), &letter()).await;
        assert_eq!((outcome.result, outcome.reason), (Delivery::Permanent, Some(Reason::TemplateError)));
        let reply = outcome.reply.unwrap();
        assert!(reply.starts_with("own.json:") && reply.contains(told), "{reply}");
    }
    let breaks = HeaderText::Template("{{ data.message.text }}".to_owned());
    let broken = WebhookOptions { headers: vec![("X-Text".to_owned(), breaks)], ..options(&hook.url) };
    let outcome = deliver(&webhook(broken).unwrap(), &letter()).await;
    assert_eq!(outcome.reason, Some(Reason::TemplateError));
    let reply = outcome.reply.unwrap();
    assert!(reply.contains("x-text") && !reply.contains("王小明"), "{reply}");
    assert!(hook.seen().is_empty());
}

#[tokio::test]
async fn further_statuses_may_say_that_it_has_arrived() {
    let hook = Hook::start(|_| Answer::status("409 Conflict")).await;
    let knows = WebhookOptions { delivered: vec![409], ..options(&hook.url) };
    let outcome = deliver(&webhook(knows).unwrap(), &letter()).await;
    assert_eq!((outcome.result, outcome.reason), (Delivery::Delivered, None));
    assert_eq!(outcome.code.as_deref(), Some("409"));
    assert_eq!(posted(&hook).await.result, Delivery::Permanent);
}

#[tokio::test]
async fn what_an_endpoint_repeats_of_the_message_is_not_kept() {
    let said = r#"{"error":"no such user U4af4980629","phone":"0912-345-678","auth":"Bearer eyJhbGciOi.J9x","to":"王小明"}"#;
    let hook = Hook::start(move |_| Answer::Say("400 Bad Request", String::new(), said.to_owned())).await;
    let mut letter = letter();
    letter.contacts.insert("line".to_owned(), "U4af4980629".to_owned());
    let outcome = deliver(&webhook(options(&hook.url)).unwrap(), &letter).await;
    let kept = r#"{"error":"no such user …","phone":"…","auth":"Bearer …","to":"…"}"#;
    assert_eq!(outcome.reply.as_deref(), Some(kept));
}

/// Else a first 410 of many would also rest the breaker, and hold back what a person has just let go.
#[tokio::test]
async fn an_endpoint_that_is_gone_rests_no_breaker() {
    let hook = Hook::start(|_| Answer::status("410 Gone")).await;
    let channel = webhook(options(&hook.url)).unwrap();
    for _ in 0..8 {
        let outcome = deliver(&channel, &letter()).await;
        assert_eq!((outcome.result, outcome.retry_after), (Delivery::Unreachable, None));
    }
}
