//! One test message through a channel: what the peer gets, and what is said of it.

use crate::support::hook::{Answer, Hook};
use crate::support::house::House;
use crate::support::receiver::Receiver;
use crate::support::running::Running;
use crate::support::smtp::{Act, At, Smtp};

const SEND: [&str; 5] = ["send-test", "--to", "you@example.org", "--channel", "email"];

fn email(relay: &str) -> String {
    format!(
        "[channel.email]\nfrom = \"好店 <hello@shop.example>\"\n[[channel.email.relay]]\nurl = \"{relay}\"\n"
    )
}

async fn run(house: House, args: &'static [&'static str]) -> (House, crate::support::house::Ran) {
    tokio::task::spawn_blocking(move || {
        let ran = house.run(args);
        (house, ran)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_test_mail_goes_as_every_mail_goes() {
    let sink = Smtp::doing(At::Greeting, Act::Well).await;
    let house = House::with(&Receiver::start().await, "", &email(&sink.url()));
    let (house, ran) = run(house, &SEND).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("delivered") && ran.out.contains("127.0.0.1"), "{}", ran.out);
    assert!(!ran.out.contains("you@example.org"));
    let mails = sink.mails();
    let mail = mail_parser::MessageParser::default().parse(&mails[0]).unwrap();
    assert_eq!(mail.subject(), Some("A test message from replenish"));
    assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("you@example.org"));
    assert!(mail.header_raw("List-Unsubscribe").is_some());
    assert!(!house.path("var/replenish.db").exists(), "the ledger does not hear of it");
    // with a template, in Chinese; a second message has another id
    house.write(
        "templates/refill.zh-TW.jinja",
        "{% block subject %}補貨{% endblock %}{% block text %}{{ items[0].name }}{% endblock %}",
    );
    let args = &[
        "send-test",
        "--to",
        "a@b.example",
        "--channel",
        "email",
        "--template",
        "refill",
        "--locale",
        "zh-TW",
    ];
    let (_house, ran) = run(house, args).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let mails = sink.mails();
    let second = mail_parser::MessageParser::default().parse(&mails[1]).unwrap();
    assert_eq!(second.subject(), Some("補貨"));
    assert_ne!(second.message_id(), mail.message_id());
}

#[tokio::test]
async fn a_refusal_is_told_with_what_to_do() {
    let sink = Smtp::doing(At::Rcpt, Act::Say("550 5.7.1 relaying denied for <you@example.org>")).await;
    let house = House::with(&Receiver::start().await, "", &email(&sink.url()));
    let (_house, ran) =
        run(house, &["send-test", "--json", "--to", "you@example.org", "--channel", "email"]).await;
    assert_eq!(ran.code, 1);
    let sent = ran.json().remove(0);
    assert_eq!((sent["delivered"].as_bool(), sent["code"].as_str()), (Some(false), Some("550")));
    assert_eq!(sent["reason"], "refused");
    assert_eq!(sent["reply"], "5.7.1 relaying denied for <…>");
}

#[tokio::test]
async fn a_webhook_gets_a_signed_test() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, "", "");
    let (house, ran) = run(house, &["send-test", "--to", "m1", "--channel", "crm"]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let (id, body) = receiver.seen().remove(0);
    assert!(id.starts_with("test-"), "{id}");
    assert_eq!(
        (body["data"]["rule"].as_str(), body["data"]["job"].as_str()),
        (Some("send-test"), Some(id.as_str()))
    );
    let (_house, ran) = run(house, &["send-test", "--to", "m1", "--channel", "mail"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("there is no channel `mail`: the settings have crm"), "{}", ran.err);
    let hook = Hook::start(|_| Answer::status("404 Not Found")).await;
    let house = House::with(
        &receiver,
        "",
        &format!(
            "[channel.other]\nurl = \"{}\"\nsecret = {{ env = \"CRM_SECRET\" }}\nallow_private_network = true\n",
            hook.url
        ),
    );
    let (_house, ran) = run(house, &["send-test", "--to", "m1", "--channel", "other"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("permanent") && ran.out.contains("404"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_a_test_shows_the_page_and_stops_nobody() {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, "", "locale = \"en\"\n");
    let (house, ran) = run(house, &["send-test", "--to", "m1", "--channel", "crm"]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let url = receiver.seen()[0].1["data"]["unsubscribe_url"].as_str().unwrap().to_owned();
    let path = &url[url.find("/u/").unwrap()..];
    let daemon = Running::ready(&house, &[]).await;
    assert!(daemon.text(path).await.contains("<h1>Stop messages</h1>"));
    let (status, page) = daemon.submit(path, "choice=all").await;
    assert!(status == 200 && page.contains("Messages are stopped"), "{page}");
    let stopped = tokio::task::block_in_place(|| house.lines(&["suppress", "list"]));
    assert!(stopped.is_empty(), "{stopped:?}");
    assert!(daemon.text(path).await.contains("Stop reminders"), "nothing is stopped");
    daemon.end();
}
