//! What a mail says, whatever its letter says: headers field by field, parts, and signatures that others verify.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use mail_parser::{HeaderValue, Message, MessageParser};
use proptest::prelude::*;
use replenish::channel::{Channel, Dkim, EmailOptions, Letter, Pace, Relay, RelayOptions};
use replenish::cli::open::open_channels;
use replenish::config::{Environment, load};
use replenish::domain::job::{Delivery, Outcome};
use replenish::domain::reason::Reason;

use super::{deliver, letter};
use crate::support::dkim::{ED25519, RSA, ed25519, rsa, verdicts};

/// A channel of the shop: answers to support, opt-outs by mail, these keys.
pub fn channel(relay: &str, dkim: Vec<Dkim>) -> Channel {
    let options = EmailOptions {
        from: "好店 Shop <hello@shop.example>".to_owned(),
        reply_to: Some("\"Shop, Support\" <support@shop.example>".to_owned()),
        unsubscribe_mailbox: Some("stop+mail@shop.example".to_owned()),
        dkim,
        relays: vec![RelayOptions { relay: Relay::parse(relay, false).unwrap(), rate: None, ca: None }],
        domain_rates: BTreeMap::new(),
        timeout: Duration::from_secs(60),
        connections: 4,
    };
    Channel::email(options, Pace::local()).unwrap()
}

async fn written_into(folder: &Path, letter: &Letter, dkim: Vec<Dkim>) -> Result<Vec<u8>, Outcome> {
    let outcome = channel("smtp://127.0.0.1:1", dkim).shadow(letter, folder).await;
    match outcome.result {
        Delivery::Delivered => Ok(std::fs::read(folder.join(format!("{}.eml", letter.job))).unwrap()),
        _ => Err(outcome),
    }
}

/// The mail that would go out, or the outcome that stands for it.
async fn write(letter: &Letter, dkim: Vec<Dkim>) -> Result<Vec<u8>, Outcome> {
    written_into(tempfile::tempdir().unwrap().path(), letter, dkim).await
}

fn parse(mail: &[u8]) -> Message<'_> {
    MessageParser::default().parse(mail).unwrap()
}

pub fn raw<'m>(mail: &'m Message<'_>, name: &'m str) -> &'m str {
    mail.header_raw(name).map(str::trim).unwrap_or_default()
}

/// The names of all headers, in their order.
fn names<'m>(mail: &'m Message<'_>) -> Vec<&'m str> {
    mail.headers().iter().map(|header| header.name()).collect()
}

const NAMES: [&str; 12] = [
    "DKIM-Signature",
    "From",
    "Reply-To",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Content-Type",
];

#[tokio::test]
async fn a_mail_says_who_why_and_how_to_stop() {
    let letter = letter();
    let bytes = write(&letter, vec![ed25519()]).await.unwrap();
    let mail = parse(&bytes);
    assert_eq!(names(&mail), NAMES);
    let answers = mail.reply_to().unwrap().first().unwrap();
    assert_eq!((answers.name(), answers.address()), (Some("Shop, Support"), Some("support@shop.example")));
    let token = letter.unsubscribe_url.rsplit('/').next().unwrap();
    let ways = format!("<{}>, <mailto:stop+mail@shop.example?subject={token}>", letter.unsubscribe_url);
    assert_eq!(raw(&mail, "List-Unsubscribe"), ways);
    assert_eq!(raw(&mail, "List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    assert_eq!(mail.message_id(), Some("j-4711@shop.example"));
    assert_eq!(mail.date().unwrap().to_timestamp(), letter.sent_at.timestamp());
}

#[tokio::test]
async fn signatures_of_both_kinds_hold_alone_and_together() {
    for (keys, selectors) in [
        (vec![ed25519()], vec!["ed"]),
        (vec![rsa()], vec!["rsa"]),
        (vec![ed25519(), rsa()], vec!["ed", "rsa"]),
    ] {
        let mail = write(&letter(), keys).await.unwrap();
        let hold: Vec<_> = selectors.into_iter().map(|selector| (selector.to_owned(), true)).collect();
        assert_eq!(verdicts(&mail).await, hold, "{}", String::from_utf8_lossy(&mail));
    }
    assert_eq!(verdicts(&write(&letter(), vec![]).await.unwrap()).await, []);
}

#[tokio::test]
async fn the_settings_of_a_shop_sign_its_mail() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("rsa.pem", RSA),
        ("ed25519.pem", ED25519),
        (
            "replenish.toml",
            r#"timezone = "Asia/Taipei"
[channel.email]
from = "好店 <hello@shop.example>"
reply_to = "support@shop.example"
unsubscribe_mailbox = "stop@shop.example"
relay = [{ url = "file:outbox" }]
[[channel.email.dkim]]
selector = "rsa"
key = { file = "rsa.pem" }
[[channel.email.dkim]]
selector = "ed"
key = { file = "ed25519.pem" }
"#,
        ),
    ];
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
    let loaded = load(&folder.path().join("replenish.toml"), None, &Environment::new());
    let settings = loaded.unwrap_or_else(|problems| panic!("{problems:#?}")).settings;
    let channels = open_channels(&settings, &Pace::local()).unwrap();
    assert_eq!(deliver(&channels["email"], &letter()).await.result, Delivery::Delivered);
    let bytes = std::fs::read(folder.path().join("outbox/j-4711.eml")).unwrap();
    assert_eq!(verdicts(&bytes).await, [("rsa".to_owned(), true), ("ed".to_owned(), true)]);
    let mail = parse(&bytes);
    assert_eq!(raw(&mail, "Reply-To"), "support@shop.example");
    assert!(raw(&mail, "List-Unsubscribe").contains("<mailto:stop@shop.example?subject="));
}

#[tokio::test]
async fn a_signature_covers_the_ways_to_opt_out_and_tells_the_real_time() {
    let letter = letter();
    let bytes = write(&letter, vec![rsa()]).await.unwrap();
    let mail = parse(&bytes);
    let signature = raw(&mail, "DKIM-Signature").to_owned();
    let tags: BTreeMap<&str, &str> =
        signature.split(';').map(|tag| tag.trim().split_once('=').unwrap()).collect();
    for name in ["from", "subject", "to", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post"] {
        assert!(tags["h"].split(':').any(|signed| signed == name), "{name}: {signature}");
    }
    assert_eq!(tags["t"], letter.sent_at.timestamp().to_string());
    assert_eq!((tags["a"], tags["d"], tags["s"]), ("rsa-sha256", "shop.example", "rsa"));
}

#[tokio::test]
async fn what_is_changed_or_added_breaks_the_signatures_and_what_relays_do_does_not() {
    let mail = String::from_utf8(write(&letter(), vec![ed25519(), rsa()]).await.unwrap()).unwrap();
    let after = async |from: &str, to: &str| {
        let changed = mail.replacen(from, to, 1);
        assert_ne!(changed, mail, "{from:?} is not in the mail");
        verdicts(changed.as_bytes()).await.into_iter().map(|(_, holds)| holds).collect::<Vec<_>>()
    };
    for (from, to) in [
        ("<https://mail.shop", "<https://evil.shop"),
        ("=One-Click", "=One-Clock"),
        ("\r\nFrom: ", "\r\nFrom: a@evil.example\r\nFrom: "),
        ("\r\nSubject: ", "\r\nSubject: first\r\nSubject: "),
        ("\r\nDate: ", "\r\nCc: b@c.example\r\nList-Unsubscribe: <https://evil.example>\r\nDate: "),
        ("auto-generated", "no"),
        ("text/html", "text/plain"),
    ] {
        assert_eq!(after(from, to).await, [false, false], "{to:?}");
    }
    for (from, to) in [
        ("DKIM-Signature: ", "Received: from shop by mx;\r\n\tnow\r\nDKIM-Signature: "),
        ("Auto-Submitted: ", "Auto-Submitted:\r\n\t"),
        ("MIME-Version: ", "X-Spam: no\r\nMIME-Version:  "),
    ] {
        assert_eq!(after(from, to).await, [true, true], "{to:?}");
    }
}

#[tokio::test]
async fn long_lines_line_breaks_and_controls_stay_within_the_rules() {
    let mut letter = letter();
    let rendered = letter.rendered.as_mut().unwrap();
    rendered.text = format!("first\rsecond\r\nthird\n{}\u{0}\u{7}end", "x".repeat(5_000));
    rendered.html = Some(format!("<p>{}</p>", "咖啡".repeat(5_000)));
    letter.content.name = Some("王".repeat(10_000));
    letter.unsubscribe_url = "https://mail.shop.example/u/".to_owned() + &"A".repeat(800);
    let bytes = write(&letter, vec![ed25519()]).await.unwrap();
    keeps_the_rules(&bytes);
    let mail = parse(&bytes);
    // There is no room for the mailbox in the same line.
    assert_eq!(raw(&mail, "List-Unsubscribe"), format!("<{}>", letter.unsubscribe_url));
    let lines = format!("first\r\nsecond\r\nthird\r\n{}end", "x".repeat(5_000));
    assert_eq!(mail.body_text(0).unwrap(), lines);
    assert_eq!(mail.to().unwrap().first().unwrap().name(), Some("王".repeat(100).as_str()));
    letter.unsubscribe_url += &"A".repeat(200);
    let outcome = write(&letter, vec![]).await.unwrap_err();
    assert_eq!((outcome.result, outcome.reason), (Delivery::Permanent, Some(Reason::Refused)));
}

/// ASCII in lines of at most 998 characters that end in both signs.
fn keeps_the_rules(mail: &[u8]) {
    let text = std::str::from_utf8(mail).unwrap();
    assert!(text.is_ascii() && !text.contains('\0'));
    for line in text.split("\r\n") {
        assert!(line.len() <= 998 && !line.contains(['\r', '\n']), "{line:?}");
    }
}

/// What is left of a text on one line.
fn seen(text: &str) -> String {
    let turns =
        "\u{200e}\u{200f}\u{61c}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
    let text: String = text.chars().filter(|c| !turns.contains(*c)).collect();
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Any text, and texts of what is dangerous in mail.
fn text() -> impl Strategy<Value = String> {
    let pieces = [
        "\r\n",
        "\n",
        "\r",
        ":",
        "Bcc: x@y.example",
        "\r\n\r\n",
        "=?utf-8?Q?a=0D=0Ab?=",
        "=?",
        "?=",
        "\"",
        "\\",
        "<",
        ">",
        ",",
        "@",
        " ",
        "\t",
        "\u{202e}",
        "\u{2066}",
        "\u{200f}",
        "🫘",
        "👨‍👩‍👧",
        "王小明",
        "\0",
        "(",
        ";",
        "咖啡豆快用完了",
        "Refill your coffee beans",
        "\u{85}",
        "\u{2028}",
        "é",
        "e\u{301}",
        "%",
        ".",
    ];
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..40).prop_map(|p| p.concat()),
    ]
}

/// Addresses, and what only looks like some.
fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("wang@example.tw".to_owned()),
        "[a-z\"@,;:<>()\\\\ \r\n\t.%王-]{1,12}@[a-z0-9.\\-@\r\n >店]{1,12}",
        (text(), text()).prop_map(|(user, domain)| format!("{user}@{domain}")),
        text().prop_map(|user| format!("\"{user}\"@example.tw")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_letter_writes_a_header_of_its_own(
        name in proptest::option::of(text()), subject in text(), body in text(), link in text(), html: bool,
    ) {
        let mut letter = letter();
        let kept: String = seen(name.as_deref().unwrap_or_default()).chars().take(100).collect();
        letter.content.name = name;
        letter.unsubscribe_url = format!("https://mail.shop.example/u/{link}");
        let rendered = letter.rendered.as_mut().unwrap();
        (rendered.subject, rendered.text) = (subject.clone(), body.clone());
        rendered.html = html.then(|| format!("<p>{body}</p>"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let bytes = match runtime.block_on(write(&letter, vec![ed25519()])) {
            Ok(bytes) => bytes,
            // Only a link that no header can carry is refused.
            Err(outcome) => {
                prop_assert!(outcome.reason == Some(Reason::Refused) && link.len() > 100);
                return Ok(());
            }
        };
        keeps_the_rules(&bytes);
        let mail = parse(&bytes);
        let (mut expected, mut found) = (NAMES.to_vec(), names(&mail));
        // A mail of one part says how that is encoded.
        expected.extend(if html { None } else { Some("Content-Transfer-Encoding") });
        expected.sort_unstable();
        found.sort_unstable();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(mail.subject().unwrap_or_default(), seen(&subject));
        let to = mail.to().unwrap();
        prop_assert_eq!(to.iter().count(), 1);
        prop_assert_eq!(to.first().unwrap().address(), Some("wang@example.tw"));
        prop_assert_eq!(to.first().unwrap().name().unwrap_or_default(), kept.trim_end());
        let HeaderValue::ContentType(kind) = mail.header("Content-Type").unwrap() else { panic!("a type") };
        prop_assert_eq!(kind.subtype(), Some(if html { "alternative" } else { "plain" }));
        let ways = raw(&mail, "List-Unsubscribe").to_owned();
        let count = ways.matches('<').count();
        prop_assert!(count == 2 || (count == 1 && link.len() > 100), "{ways}");
        let uri = ways.strip_prefix('<').unwrap().split('>').next().unwrap();
        let decoded = percent_encoding::percent_decode_str(uri).decode_utf8_lossy();
        prop_assert!(link.contains('%') || decoded == letter.unsubscribe_url, "{}", decoded);
        let verdicts = runtime.block_on(verdicts(&bytes));
        prop_assert_eq!(verdicts, vec![("ed".to_owned(), true)]);
        let sent = body.replace("\r\n", "\n").replace('\r', "\n");
        let sent: String = sent.chars().filter(|c| !c.is_control() || "\n\t".contains(*c)).collect();
        let arrived = mail.body_text(0).unwrap().replace("\r\n", "\n");
        // A mail of one part may end its last line once more, and a blank one is left empty.
        let expected = if sent.trim().is_empty() { "" } else { &sent };
        prop_assert_eq!(arrived.trim_end_matches('\n'), expected.trim_end_matches('\n'));
        prop_assert!(!html || arrived == expected);
    }

    #[test]
    fn an_address_is_carried_as_it_is_or_refused(address in address()) {
        let mut letter = letter();
        letter.email = Some(address.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        match runtime.block_on(write(&letter, vec![])) {
            Err(outcome) => {
                prop_assert_eq!((outcome.result, outcome.reason), (Delivery::Permanent, Some(Reason::NoAddress)));
            }
            Ok(bytes) => {
                let mail = parse(&bytes);
                prop_assert_eq!(names(&mail), NAMES[1..].to_vec());
                let to = mail.to().unwrap();
                prop_assert_eq!(to.iter().count(), 1);
                let carried = to.first().unwrap().address().unwrap();
                let domain_is_ascii = address.rsplit('@').next().unwrap().is_ascii();
                prop_assert!(!domain_is_ascii || carried == address.trim(), "{carried}");
                prop_assert_eq!(carried.matches('@').count(), 1);
            }
        }
    }
}
