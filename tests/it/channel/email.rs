//! The e-mail channel against a server that does as it is told, and into a folder.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mail_parser::{HeaderValue, Message, MessageParser};
use replenish::channel::{Channel, EmailOptions, Pace, Relay, RelayOptions};
use replenish::domain::job::{Delivery, Outcome};
use replenish::domain::rate::Rate;
use replenish::domain::reason::Reason;

use super::{deliver, letter};
use crate::support::smtp::{Act, At, Smtp};

/// Long enough for a busy machine to answer; what a test waits for in vain takes it whole.
const PATIENCE: Duration = Duration::from_secs(1);

fn options(relays: &[&str]) -> EmailOptions {
    let relay = |url: &&str| RelayOptions { relay: Relay::parse(url, false).unwrap(), rate: None, ca: None };
    let relays = relays.iter().map(relay).collect();
    let from = "好店 Shop <hello@shop.example>".to_owned();
    EmailOptions {
        from,
        reply_to: None,
        unsubscribe_mailbox: None,
        dkim: Vec::new(),
        relays,
        domain_rates: BTreeMap::new(),
        timeout: PATIENCE,
        connections: 4,
    }
}

fn channel(relays: &[&str]) -> Channel {
    Channel::email(options(relays), Pace::local()).unwrap()
}

fn meaning(outcome: &Outcome) -> (Delivery, Option<Reason>, Option<&str>) {
    (outcome.result, outcome.reason, outcome.code.as_deref())
}

fn raw<'m>(mail: &'m Message<'_>, name: &'m str) -> &'m str {
    mail.header_raw(name).map(str::trim).unwrap_or_default()
}

#[tokio::test]
async fn a_mail_arrives_whole() {
    let sink = Smtp::doing(At::Greeting, Act::Well).await;
    let letter = letter();
    let outcome = deliver(&channel(&[&sink.url()]), &letter).await;
    assert_eq!(meaning(&outcome), (Delivery::Delivered, None, Some("250")));
    assert_eq!(outcome.reply.as_deref(), Some("2.0.0 queued for … as 4711"));
    assert_eq!(outcome.relay, Some(format!("127.0.0.1:{}", sink.port)));
    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].is_ascii());
    let mail = MessageParser::default().parse(&mails[0]).unwrap();
    let rendered = letter.rendered.unwrap();
    assert_eq!(mail.subject(), Some(rendered.subject.as_str()));
    assert_eq!(mail.body_text(0).unwrap().replace("\r\n", "\n"), rendered.text);
    assert_eq!(mail.body_html(0).unwrap().replace("\r\n", "\n"), rendered.html.unwrap());
    let to = mail.to().unwrap().first().unwrap();
    assert_eq!((to.name(), to.address()), (Some("王小明"), Some("wang@example.tw")));
    let from = mail.from().unwrap().first().unwrap();
    assert_eq!((from.name(), from.address()), (Some("好店 Shop"), Some("hello@shop.example")));
    assert_eq!(mail.message_id(), Some("j-4711@shop.example"));
    assert_eq!(mail.date().unwrap().to_timestamp(), letter.sent_at.timestamp());
    assert_eq!(raw(&mail, "Auto-Submitted"), "auto-generated");
    assert_eq!(raw(&mail, "List-Unsubscribe"), format!("<{}>", letter.unsubscribe_url));
    assert_eq!(raw(&mail, "List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let HeaderValue::ContentType(content_type) = mail.header("Content-Type").unwrap() else { panic!() };
    assert_eq!(content_type.subtype(), Some("alternative"));
}

#[tokio::test]
async fn without_https_nobody_is_asked_to_post() {
    let sink = Smtp::doing(At::Greeting, Act::Well).await;
    let mut letter = letter();
    letter.unsubscribe_url = "http://127.0.0.1:8080/u/x".to_owned();
    deliver(&channel(&[&sink.url()]), &letter).await;
    let mails = sink.mails();
    let mail = MessageParser::default().parse(&mails[0]).unwrap();
    assert_eq!(raw(&mail, "List-Unsubscribe"), "<http://127.0.0.1:8080/u/x>");
    assert!(mail.header_raw("List-Unsubscribe-Post").is_none());
}

#[tokio::test]
async fn nobody_writes_headers_through_a_name_or_a_subject() {
    let sink = Smtp::doing(At::Greeting, Act::Well).await;
    let mut letter = letter();
    letter.content.name = Some("Wang\r\nBcc: all@example.org".to_owned());
    letter.rendered.as_mut().unwrap().subject = "Hello\r\nX-Evil: 1\n\nbody".to_owned();
    letter.unsubscribe_url = "https://a.example/\r\nX-Evil: 2".to_owned();
    deliver(&channel(&[&sink.url()]), &letter).await;
    let mails = sink.mails();
    let mail = MessageParser::default().parse(&mails[0]).unwrap();
    assert_eq!(mail.subject(), Some("Hello X-Evil: 1 body"));
    assert!(mail.bcc().is_none() && mail.header_raw("X-Evil").is_none());
}

#[tokio::test]
async fn each_end_of_a_hand_over_has_its_meaning() {
    use Delivery::{Permanent, Transient, Uncertain, Unreachable};
    let table = [
        // the server's words
        (At::Greeting, Act::Say("421 4.3.2 busy"), Unreachable, Reason::Throttled, Some("421")),
        (At::Greeting, Act::Say("554 5.3.2 no service here"), Unreachable, Reason::Unreachable, Some("554")),
        (At::Mail, Act::Say("421 4.3.2 closing"), Unreachable, Reason::Throttled, Some("421")),
        (At::Rcpt, Act::Say("450 4.2.1 busy mailbox"), Transient, Reason::Deferred, Some("450")),
        (At::Rcpt, Act::Say("451 4.7.1 greylisted"), Transient, Reason::Greylisted, Some("451")),
        (At::Rcpt, Act::Say("452-4.2.2 full\r\n452 4.2.2 up"), Transient, Reason::MailboxFull, Some("452")),
        (At::Rcpt, Act::Say("452 4.5.3 too many"), Unreachable, Reason::Throttled, Some("452")),
        (
            At::Rcpt,
            Act::Say("550 5.1.1 <wang@example.tw> unknown"),
            Permanent,
            Reason::NoSuchMailbox,
            Some("550"),
        ),
        (At::Rcpt, Act::Say("550 5.7.1 no mail from you"), Permanent, Reason::Refused, Some("550")),
        (At::Data, Act::Say("451 4.3.0 not now"), Transient, Reason::Deferred, Some("451")),
        (At::Data, Act::Say("250 what?"), Unreachable, Reason::Unreachable, None),
        (At::Dot, Act::Say("451 4.3.0 disk is full"), Transient, Reason::Deferred, Some("451")),
        (At::Dot, Act::Say("552 5.3.4 too large"), Permanent, Reason::Refused, Some("552")),
        (At::Dot, Act::Say("354 go on"), Uncertain, Reason::NoAnswer, None),
        (At::Dot, Act::Say("nonsense"), Uncertain, Reason::NoAnswer, None),
        // silence: before the final dot nothing was handed over, after it nobody knows
        (At::Greeting, Act::Drop, Unreachable, Reason::Unreachable, None),
        (At::Mail, Act::Drop, Unreachable, Reason::Unreachable, None),
        (At::Data, Act::Drop, Unreachable, Reason::Unreachable, None),
        (At::Dot, Act::Drop, Uncertain, Reason::NoAnswer, None),
        (At::Greeting, Act::Hang, Unreachable, Reason::Unreachable, None),
        (At::Rcpt, Act::Hang, Unreachable, Reason::Unreachable, None),
        (At::Dot, Act::Hang, Uncertain, Reason::NoAnswer, None),
        // too slow, too much
        (At::Mail, Act::Trickle("250 well"), Unreachable, Reason::Unreachable, None),
        (At::Dot, Act::Trickle("250 well"), Uncertain, Reason::NoAnswer, None),
        (At::Mail, Act::Flood(10_000_000), Unreachable, Reason::Unreachable, None),
        (At::Dot, Act::Flood(10_000_000), Uncertain, Reason::NoAnswer, None),
    ];
    let both = table.into_iter().flat_map(|row| [(row, ""), (row, "250-PIPELINING\r\n")]);
    let rows = both.map(async |((at, act, result, reason, code), extensions)| {
        let sink = Smtp::start(extensions, move |here, _| if here == at { act } else { Act::Well }).await;
        let outcome = deliver(&channel(&[&sink.url()]), &letter()).await;
        assert_eq!(meaning(&outcome), (result, Some(reason), code), "{at:?} {act:?}: {:?}", outcome.reply);
        assert!(!outcome.reply.unwrap().contains('@'));
        assert!(sink.mails().is_empty());
    });
    futures::future::join_all(rows).await;
}

#[tokio::test]
async fn a_refused_connection_and_a_wrong_password_leave_the_message_waiting() {
    let gone = Smtp::doing(At::Greeting, Act::Well).await.url();
    let outcome = deliver(&channel(&[&gone]), &letter()).await;
    assert_eq!(meaning(&outcome), (Delivery::Unreachable, Some(Reason::Unreachable), None));
    let sink = Smtp::start("250-AUTH PLAIN LOGIN\r\n", |at, _| match at {
        At::Auth => Act::Say("535 5.7.8 wrong password"),
        _ => Act::Well,
    });
    let sink = sink.await;
    let outcome = deliver(&channel(&[&sink.url().replace("//", "//user:secret@")]), &letter()).await;
    assert_eq!(meaning(&outcome), (Delivery::Unreachable, Some(Reason::Unreachable), Some("535")));
    assert!(!format!("{outcome:?}").contains("secret"));
    let sink = Smtp::start("250-AUTH PLAIN LOGIN\r\n", |_, _| Act::Well).await;
    let outcome = deliver(&channel(&[&sink.url().replace("//", "//user:secret@")]), &letter()).await;
    assert_eq!(outcome.result, Delivery::Delivered);
}

#[tokio::test]
async fn the_next_relay_is_asked_only_when_nothing_was_handed_over() {
    let gone = Smtp::doing(At::Greeting, Act::Well).await.url();
    let closed = Smtp::doing(At::Mail, Act::Drop).await;
    let well = Smtp::doing(At::Greeting, Act::Well).await;
    let outcome = deliver(&channel(&[&gone, &closed.url(), &well.url()]), &letter()).await;
    assert_eq!(outcome.result, Delivery::Delivered);
    assert_eq!(outcome.relay, Some(format!("127.0.0.1:{}", well.port)));
    let busy = Smtp::doing(At::Rcpt, Act::Say("450 4.7.1 rate limited")).await;
    let outcome = deliver(&channel(&[&busy.url(), &well.url()]), &letter()).await;
    assert_eq!((outcome.result, well.mails().len()), (Delivery::Delivered, 2));
    let silent = Smtp::doing(At::Dot, Act::Drop).await;
    let outcome = deliver(&channel(&[&silent.url(), &well.url()]), &letter()).await;
    assert_eq!(outcome.result, Delivery::Uncertain);
    assert_eq!(well.mails().len(), 2);
}

#[tokio::test]
async fn a_text_cut_in_the_middle_was_not_handed_over() {
    let mut large = letter();
    large.rendered.as_mut().unwrap().html = Some("<p>long</p>\r\n".repeat(500_000));
    let cut = Smtp::doing(At::FirstLine, Act::Drop).await;
    let outcome = deliver(&channel(&[&cut.url()]), &large).await;
    let told = (Delivery::Unreachable, Some(Reason::Unreachable), None);
    assert_eq!(meaning(&outcome), told, "{:?}", outcome.reply);
    let stuck = Smtp::doing(At::FirstLine, Act::Late(Duration::from_secs(60))).await;
    let outcome = deliver(&channel(&[&stuck.url()]), &large).await;
    assert_eq!(meaning(&outcome), told, "{:?}", outcome.reply);
    let well = Smtp::doing(At::Greeting, Act::Well).await;
    let patient = EmailOptions { timeout: Duration::from_secs(60), ..options(&[&cut.url(), &well.url()]) };
    let outcome = deliver(&Channel::email(patient, Pace::local()).unwrap(), &large).await;
    assert_eq!((outcome.result, well.mails().len()), (Delivery::Delivered, 1), "{:?}", outcome.reply);
}

#[tokio::test]
async fn a_relay_that_fails_again_and_again_rests_while_the_next_one_serves() {
    let is_down = Arc::new(AtomicBool::new(true));
    let down = is_down.clone();
    let first = Smtp::start("", move |at, _| match at {
        At::Greeting if down.load(Ordering::SeqCst) => Act::Drop,
        _ => Act::Well,
    });
    let (first, second) = (first.await, Smtp::doing(At::Greeting, Act::Well).await);
    let channel = channel(&[&first.url(), &second.url()]);
    for _ in 0..12 {
        assert_eq!(deliver(&channel, &letter()).await.result, Delivery::Delivered);
    }
    assert_eq!((first.connections(), second.mails().len()), (5, 12), "five failures, then straight on");
    is_down.store(false, Ordering::SeqCst);
    let back = async {
        while first.mails().is_empty() {
            assert_eq!(deliver(&channel, &letter()).await.result, Delivery::Delivered);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), back).await.unwrap();
    let outcome = deliver(&channel, &letter()).await;
    assert_eq!(outcome.relay, Some(format!("127.0.0.1:{}", first.port)), "the trial went well");
}

#[tokio::test]
async fn a_relay_that_steps_in_keeps_its_own_rate() {
    let gone = Smtp::doing(At::Greeting, Act::Well).await.url();
    let well = Smtp::doing(At::Greeting, Act::Well).await;
    let mut options = options(&[&gone, &well.url()]);
    options.relays[1].rate = Rate::parse("1/h");
    let channel = Channel::email(options, Pace::local()).unwrap();
    let mut ends = Vec::new();
    for _ in 0..2 {
        ends.push(deliver(&channel, &letter()).await.result);
    }
    assert_eq!((ends, well.mails().len()), (vec![Delivery::Delivered, Delivery::Unreachable], 1));
}

#[tokio::test]
async fn a_connection_serves_a_hundred_messages_and_a_slow_one_is_no_broken_one() {
    let pause = Act::Late(PATIENCE / 5);
    let script = move |at, nth| if (at, nth) == (At::Greeting, 1) { pause } else { Act::Well };
    let sink = Smtp::start("250-PIPELINING\r\n", script).await;
    let mut options = options(&[&sink.url()]);
    options.connections = 1;
    let channel = Channel::email(options, Pace::local()).unwrap();
    for _ in 0..150 {
        assert_eq!(deliver(&channel, &letter()).await.result, Delivery::Delivered);
    }
    assert_eq!((sink.connections(), sink.mails().len()), (2, 150));
}

#[tokio::test]
async fn connections_are_kept_after_answers_and_only_then() {
    let sink = Smtp::start("", |at, nth| match (at, nth) {
        (At::Dot, 1) => Act::Say("550 5.7.1 not this one"),
        (At::Dot, 2) => Act::Hang,
        (At::Rset, 1) => Act::Drop,
        _ => Act::Well,
    });
    let sink = sink.await;
    let channel = channel(&[&sink.url()]);
    let mut ends = Vec::new();
    for _ in 0..5 {
        ends.push(deliver(&channel, &letter()).await.result);
    }
    // 1: refused, kept. 2: the kept one is gone, a new one falls silent. 3 to 5: a third, and no answer is read twice
    use Delivery::{Delivered, Permanent, Uncertain};
    assert_eq!(ends, [Permanent, Uncertain, Delivered, Delivered, Delivered]);
    assert_eq!((sink.connections(), sink.mails().len()), (3, 3));
}

#[tokio::test]
async fn no_more_connections_than_allowed() {
    let sink = Smtp::doing(At::Greeting, Act::Well).await;
    let (channel, letter) = (channel(&[&sink.url()]), letter());
    let ends = futures::future::join_all((0..40).map(|_| deliver(&channel, &letter))).await;
    assert!(ends.iter().all(|o| o.result == Delivery::Delivered));
    assert_eq!(sink.mails().len(), 40);
    assert!(sink.connections() <= 4, "{}", sink.connections());
}

#[tokio::test]
async fn a_delivery_dropped_half_way_spoils_no_other() {
    let (reached, mut dot) = tokio::sync::mpsc::unbounded_channel();
    let sink = Smtp::start("", move |at, nth| match (at, nth) {
        (At::Dot, 1) => reached.send(()).map(|()| Act::Hang).unwrap(),
        _ => Act::Well,
    });
    let sink = sink.await;
    let (channel, letter) = (channel(&[&sink.url()]), letter());
    tokio::select! {
        outcome = deliver(&channel, &letter) => panic!("{outcome:?}"),
        _ = dot.recv() => {}
    }
    assert_eq!(deliver(&channel, &letter).await.result, Delivery::Delivered);
    assert_eq!((sink.connections(), sink.mails().len()), (2, 1));
}

#[tokio::test]
async fn an_address_is_needed_and_one_that_can_be_carried() {
    let sink = Smtp::doing(At::Greeting, Act::Well).await;
    let channel = channel(&[&sink.url()]);
    let table = [
        (None, Reason::NoAddress),
        (Some(" "), Reason::NoAddress),
        (Some("not an address"), Reason::NoAddress),
        (Some("a@b.example\r\nRCPT TO:<c@d.example>"), Reason::NoAddress),
        (Some("王@example.tw"), Reason::Refused),
    ];
    for (email, reason) in table {
        let mut letter = letter();
        letter.email = email.map(Into::into);
        let outcome = deliver(&channel, &letter).await;
        assert_eq!((outcome.result, outcome.reason), (Delivery::Permanent, Some(reason)), "{email:?}");
    }
    let mut bare = letter();
    bare.rendered = None;
    assert_eq!(deliver(&channel, &bare).await.reason, Some(Reason::TemplateError));
    assert!(sink.mails().is_empty());
}

#[tokio::test]
async fn a_folder_holds_each_job_once() {
    let root = tempfile::tempdir().unwrap();
    let outbox = root.path().join("var/outbox");
    let channel = channel(&[&format!("file:{}", outbox.display())]);
    for _ in 0..2 {
        let outcome = deliver(&channel, &letter()).await;
        assert_eq!(meaning(&outcome), (Delivery::Delivered, None, None));
    }
    let names: Vec<_> = std::fs::read_dir(&outbox).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["j-4711.eml"]);
    let bytes = std::fs::read(outbox.join("j-4711.eml")).unwrap();
    let mail = MessageParser::default().parse(&bytes).unwrap();
    assert_eq!(mail.subject(), letter().rendered.as_ref().map(|r| r.subject.as_str()));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_no_reason_to_lose_a_job() {
    let root = tempfile::tempdir().unwrap();
    let taken = root.path().join("file");
    std::fs::write(&taken, "").unwrap();
    let outcome = deliver(&channel(&[&format!("file:{}", taken.display())]), &letter()).await;
    assert_eq!(outcome.result, Delivery::Unreachable);
}

#[tokio::test]
async fn local_means_that_no_relay_is_elsewhere() {
    assert!(channel(&["smtp://127.0.0.1:25", "file:x", "smtp://localhost", "smtp://[::1]"]).is_local());
    assert!(!channel(&["file:x", "smtp://mail.example"]).is_local());
    assert!(!channel(&["file:x"]).is_resendable());
}
