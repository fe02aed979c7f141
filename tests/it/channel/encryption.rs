//! E-mail under TLS, against a server with a certificate of its own; and what happens where there is none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use replenish::channel::{Channel, ChannelError, EmailOptions, Pace, Relay, RelayOptions};
use replenish::domain::job::{Delivery, Outcome};

use super::{deliver, letter};
use crate::support::smtp::{Act, At, Smtp, Tls};

const LOGIN: &str = "250-AUTH PLAIN\r\n";

fn channel(url: &str, ca: Option<&str>) -> Result<Channel, ChannelError> {
    let relay = Relay::parse(url, false).unwrap();
    let options = EmailOptions {
        from: "Shop <hello@shop.example>".to_owned(),
        reply_to: None,
        unsubscribe_mailbox: None,
        dkim: Vec::new(),
        relays: vec![RelayOptions { relay, rate: None, ca: ca.map(ToOwned::to_owned) }],
        domain_rates: BTreeMap::new(),
        timeout: Duration::from_secs(5),
        connections: 4,
    };
    Channel::email(options, Pace::local())
}

async fn sent(url: &str, ca: Option<&str>) -> Outcome {
    deliver(&channel(url, ca).unwrap(), &letter()).await
}

/// A server that wants a login, and whether it has seen one.
async fn server(tls: Tls, extensions: &'static str, at_starttls: Act) -> (Smtp, Arc<AtomicBool>) {
    let asked = Arc::new(AtomicBool::new(false));
    let seen = asked.clone();
    let script = move |at, _| match at {
        At::Auth => {
            seen.store(true, Ordering::SeqCst);
            Act::Well
        }
        At::Starttls => at_starttls,
        _ => Act::Well,
    };
    (Smtp::sealed(tls, extensions, script).await, asked)
}

#[tokio::test]
async fn mail_goes_under_tls_from_the_first_byte_or_after_the_greeting() {
    for (tls, scheme) in [(Tls::Implicit, "smtps"), (Tls::Starttls, "smtp+starttls")] {
        let (sink, asked) = server(tls, LOGIN, Act::Well).await;
        let channel =
            channel(&format!("{scheme}://user:secret@localhost:{}", sink.port), Some(&sink.certificate))
                .unwrap();
        for _ in 0..3 {
            let outcome = deliver(&channel, &letter()).await;
            assert_eq!(outcome.result, Delivery::Delivered, "{scheme}: {:?}", outcome.reply);
        }
        assert!(asked.load(Ordering::SeqCst));
        assert_eq!((sink.connections(), sink.mails().len()), (1, 3), "{scheme}");
    }
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_bear_the_name() {
    for (tls, scheme) in [(Tls::Implicit, "smtps"), (Tls::Starttls, "smtp+starttls")] {
        let (sink, asked) = server(tls, LOGIN, Act::Well).await;
        let stranger = Smtp::sealed(tls, "", |_, _| Act::Well).await.certificate.clone();
        let table = [
            ("localhost", None),
            ("localhost", Some(stranger.as_str())),
            ("127.0.0.1", Some(sink.certificate.as_str())),
        ];
        for (host, ca) in table {
            let outcome = sent(&format!("{scheme}://user:secret@{host}:{}", sink.port), ca).await;
            assert_eq!(outcome.result, Delivery::Unreachable, "{scheme} {host}: {:?}", outcome.reply);
            assert!(outcome.reply.as_ref().unwrap().contains("certificate"), "{:?}", outcome.reply);
        }
        assert!(sink.mails().is_empty() && !asked.load(Ordering::SeqCst));
    }
}

#[tokio::test]
async fn a_relay_that_must_encrypt_and_cannot_gets_nothing() {
    let (sink, asked) = server(Tls::None, LOGIN, Act::Well).await;
    let outcome = sent(&format!("smtp+starttls://user:secret@127.0.0.1:{}", sink.port), None).await;
    assert_eq!(outcome.result, Delivery::Unreachable);
    let told = outcome.reply.unwrap();
    assert!(told.contains("no STARTTLS") && told.contains("allow_plaintext"), "{told}");
    assert!(sink.mails().is_empty() && !asked.load(Ordering::SeqCst));
}

/// Whoever sits in between can say something in the clear before TLS begins: it must not count as said under it.
#[tokio::test]
async fn what_is_said_in_the_clear_is_not_taken_for_what_is_said_under_tls() {
    let injected = Act::Say("220 go on\r\n250-sink\r\n250 AUTH PLAIN");
    let (sink, asked) = server(Tls::Starttls, "", injected).await;
    let url = format!("smtp+starttls://user:secret@localhost:{}", sink.port);
    let outcome = sent(&url, Some(&sink.certificate)).await;
    assert_eq!(outcome.result, Delivery::Unreachable, "{:?}", outcome.reply);
    assert!(sink.mails().is_empty() && !asked.load(Ordering::SeqCst));
}

#[tokio::test]
async fn under_tls_too_only_what_was_wholly_handed_over_is_in_doubt() {
    let mut large = letter();
    large.rendered.as_mut().unwrap().html = Some("<p>long</p>\r\n".repeat(500_000));
    for (tls, scheme) in [(Tls::Implicit, "smtps"), (Tls::Starttls, "smtp+starttls")] {
        for (at, result) in [(At::FirstLine, Delivery::Unreachable), (At::Dot, Delivery::Uncertain)] {
            let script = move |here, _| if here == at { Act::Drop } else { Act::Well };
            let sink = Smtp::sealed(tls, "", script).await;
            let channel =
                channel(&format!("{scheme}://localhost:{}", sink.port), Some(&sink.certificate)).unwrap();
            let outcome = deliver(&channel, &large).await;
            assert_eq!(outcome.result, result, "{scheme} {at:?}: {:?}", outcome.reply);
        }
    }
}

#[tokio::test]
async fn a_file_without_certificates_is_no_ca() {
    let error = channel("smtps://mail.example", Some("none")).err().unwrap();
    assert_eq!(error.to_string(), "TLS towards relay mail.example:465 cannot be set up");
}

#[tokio::test]
async fn a_relay_that_is_asked_shows_its_certificate() {
    for (tls, scheme, way) in
        [(Tls::Implicit, "smtps", "encrypted"), (Tls::Starttls, "smtp+starttls", "encrypted by STARTTLS")]
    {
        let sink = Smtp::sealed(tls, "", |_, _| Act::Well).await;
        let url = format!("{scheme}://localhost:{}", sink.port);
        let probe = channel(&url, Some(&sink.certificate)).unwrap().probe().await.remove(0);
        assert_eq!(probe.answer, Ok(format!("sink, {way}")));
        let shown = probe.certificate.unwrap();
        assert!(shown.names.contains(&"localhost".to_owned()), "{shown:?}");
        assert!(shown.valid_from < shown.valid_until);
        // whom nobody vouches for is not talked to
        let probe = channel(&url, None).unwrap().probe().await.remove(0);
        let told = probe.answer.unwrap_err();
        assert!(probe.certificate.is_none() && told.to_lowercase().contains("certificate"), "{told}");
        assert!(sink.mails().is_empty());
    }
}
