//! `check --connect`: what answers, and what does not.

use serde_json::Value;

use crate::support::hook::{Answer, Hook};
use crate::support::house::{House, Ran};
use crate::support::postgres;
use crate::support::receiver::Receiver;
use crate::support::redis::{Redis, free_port};
use crate::support::smtp::{Act, At, Smtp};

async fn check(house: House, args: &'static [&'static str]) -> Ran {
    tokio::task::spawn_blocking(move || house.run(args)).await.unwrap()
}

fn email(relays: &[&str]) -> String {
    let relays = relays.iter().map(|url| format!("[[channel.email.relay]]\nurl = \"{url}\"\n"));
    format!("[channel.email]\nfrom = \"Shop <hello@shop.example>\"\n{}", relays.collect::<String>())
}

fn told<'a>(peers: &'a [Value], part: &str, nth: usize) -> (bool, &'a str) {
    let peer = peers.iter().filter(|peer| peer["part"] == part).nth(nth).unwrap();
    (peer["ok"].as_bool().unwrap(), peer["says"].as_str().unwrap())
}

#[tokio::test]
async fn every_peer_is_asked_and_no_message_goes() {
    let (sink, hook) =
        (Smtp::doing(At::Mail, Act::Drop).await, Hook::start(|_| Answer::status("405 No")).await);
    let gone = format!("smtp://127.0.0.1:{}", free_port());
    let receiver = Receiver::start().await;
    let other = format!(
        "[channel.other]\nurl = \"{}\"\nsecret = {{ env = \"CRM_SECRET\" }}\nallow_private_network = true\n",
        hook.url
    );
    let settings = format!("{}{other}", email(&[&sink.url(), &gone, "file:outbox"]));
    let house = House::with(&receiver, "", &settings);
    let ran = check(house, &["check", "--connect", "--json"]).await;
    assert_eq!(ran.code, 1, "one relay is gone: {}{}", ran.out, ran.err);
    let answer = ran.json().remove(0);
    let peers = answer["peers"].as_array().unwrap();
    assert_eq!(told(peers, "store", 0), (true, "not there yet: the first command that writes makes it"));
    assert_eq!(told(peers, "email", 0), (true, "sink, not encrypted"));
    let (ok, says) = told(peers, "email", 1);
    assert!(!ok && says.contains("refused"), "{says}");
    assert_eq!(told(peers, "email", 2), (true, "will be made"));
    assert_eq!(told(peers, "other", 0), (true, "HTTP/1.1, 405 Method Not Allowed to HEAD"));
    assert_eq!(hook.seen()[0].line, "HEAD /hook HTTP/1.1");
    assert!(sink.mails().is_empty() && receiver.seen().is_empty());
}

#[tokio::test]
async fn people_get_a_table_and_a_good_exit() {
    let sink = Smtp::doing(At::Greeting, Act::Well).await;
    let house = House::with(&Receiver::start().await, "", &email(&[&sink.url()]));
    let ran = check(house, &["check", "--connect"]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    for part in ["store", "email", "crm"] {
        let row = ran.out.lines().find(|line| line.starts_with(part));
        assert!(row.is_some_and(|row| row.contains("ok")), "{}", ran.out);
    }
}

#[tokio::test]
async fn a_fleet_names_its_servers_and_never_their_passwords() {
    let redis = Redis::start();
    let store = postgres::database().await.expect("PostgreSQL is installed");
    let fleet = |redis: &str| format!("[store]\nurl = \"{store}\"\n[queue]\nurl = \"{redis}\"\n");
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, "", &fleet(&redis.url()));
    let ran = check(house, &["check", "--connect", "--json"]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let answer = ran.json().remove(0);
    let peers = answer["peers"].as_array().unwrap();
    assert!(told(peers, "store", 0).1.starts_with("PostgreSQL 1"), "{peers:?}");
    assert!(told(peers, "queue", 0).1.contains(' '), "{peers:?}");
    let house = House::with(&receiver, "", &fleet(&format!("redis://:s3cret@127.0.0.1:{}", free_port())));
    let ran = check(house, &["check", "--connect"]).await;
    assert_eq!(ran.code, 1);
    assert!(
        ran.out.contains("fails") && !format!("{}{}", ran.out, ran.err).contains("s3cret"),
        "{}",
        ran.out
    );
}
