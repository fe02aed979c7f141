//! Reports as servers write them: what each says of our message, and that nothing damaged stops the reading.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;

use super::*;

const JOB: &str = "job_5b7ddfea23a44d101f4225aa";

fn now() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

fn read(mail: &str) -> Vec<Feedback> {
    read_report(mail.replace('\n', "\r\n").as_bytes(), now()).unwrap()
}

/// Kind, address and words of the only report, which is about our message.
fn only(mail: &str) -> (FeedbackKind, Option<String>, String) {
    let [report] = read(mail).try_into().unwrap_or_else(|all| panic!("{all:?} from {mail}"));
    assert_eq!(report.job, Some(JOB.into()));
    (report.kind, report.address, report.detail)
}

/// A report of these parts, each with its content type.
fn report(of: &str, parts: &[(&str, &str)]) -> String {
    let mut mail = format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example (Mail Delivery System)\nTo: hello@shop.example\n\
         Subject: Undelivered Mail Returned to Sender\nDate: Sun, 1 Mar 2026 18:00:00 +0800\n\
         Message-ID: <20260301100000.AF12@mx.example>\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type={of}; boundary=\"b1\"\n\nThis is a MIME-encapsulated message.\n"
    );
    for (kind, body) in parts {
        mail += &format!("\n--b1\nContent-Type: {kind}\n\n{body}\n");
    }
    mail + "\n--b1--\n"
}

fn returned() -> String {
    format!(
        "From: Shop <hello@shop.example>\nTo: \"Amy Wang\" <amy@gone.example>\n\
         Subject: =?utf-8?B?5b+r55So5a6M5LqG5ZeO77yf?=\nMessage-ID: <{JOB}@shop.example>\n\nHello Amy"
    )
}

fn dsn(recipient: &str) -> String {
    let status = format!(
        "Reporting-MTA: dns; mx.example\nArrival-Date: Sun, 1 Mar 2026 17:59:58 +0800\n\n{recipient}"
    );
    let text = "I'm sorry to have to inform you that your message could not be delivered.";
    let parts = [("text/plain", text), ("message/delivery-status", &status), ("message/rfc822", &returned())];
    report("delivery-status", &parts)
}

const POSTFIX: &str = "Final-Recipient: rfc822; amy@gone.example
Original-Recipient: rfc822;amy@gone.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; gone.example
Diagnostic-Code: smtp; 550 5.1.1 <amy@gone.example>: Recipient address
    rejected: User unknown in local recipient table";

#[test]
fn a_bounce_of_postfix_is_hard_and_told_without_the_address() {
    let [report] = read(&dsn(POSTFIX)).try_into().unwrap();
    let expected = Feedback {
        kind: FeedbackKind::HardBounce,
        job: Some(JOB.into()),
        member: None,
        address: Some("amy@gone.example".into()),
        purpose: None,
        at: "2026-03-01T10:00:00Z".parse().unwrap(),
        detail: "550 5.1.1 <…>: Recipient address rejected: User unknown in local recipient table".into(),
        id: Some("20260301100000.AF12@mx.example".into()),
    };
    assert_eq!(report, expected);
}

#[test]
fn what_the_codes_say_decides_between_hard_soft_and_nothing() {
    use FeedbackKind::{HardBounce, SoftBounce};
    let table = [
        (
            "failed",
            "5.1.10",
            "smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found",
            Some(HardBounce),
        ),
        (
            "failed",
            "5.2.1",
            "smtp; 550-5.2.1 The email account that you tried to reach is disabled",
            Some(HardBounce),
        ),
        (
            "failed",
            "5.2.2",
            "smtp; 552-5.2.2 The recipient's inbox is out of storage space",
            Some(SoftBounce),
        ),
        ("failed", "5.7.1", "smtp; 554 5.7.1 blocked using bl.example", Some(SoftBounce)),
        ("failed", "5.0.0", "smtp; 550 5.1.1 no such user", Some(HardBounce)),
        ("failed", "5.0.0", "smtp; 550 5.7.26 unauthenticated", Some(SoftBounce)),
        ("failed", "5.0.0", "smtp; 552 mailbox full", Some(SoftBounce)),
        ("failed", "5.0.0", "", Some(HardBounce)),
        ("failed", "4.4.7", "smtp; 451 4.4.1 connection timed out", Some(SoftBounce)),
        (
            "Failed (permanent)",
            "5.4.1",
            "smtp;550 5.4.1 Recipient address rejected: Access denied",
            Some(HardBounce),
        ),
        ("delayed", "4.4.1", "smtp; 451 4.4.1 try later", None),
        ("delivered", "2.0.0", "", None),
        ("relayed", "2.1.9", "", None),
        ("expanded", "2.1.0", "", None),
        ("failed", "", "", None),
    ];
    for (action, status, diagnostic, kind) in table {
        let recipient = format!(
            "Final-Recipient: rfc822;amy@gone.example\nAction: {action}\nStatus: {status}\nDiagnostic-Code: {diagnostic}"
        );
        let found: Vec<_> = read(&dsn(&recipient)).into_iter().map(|report| report.kind).collect();
        assert_eq!(found, Vec::from_iter(kind), "{action} {status} {diagnostic}");
    }
}

#[test]
fn gmail_names_the_message_in_its_headers_alone() {
    let status = "Reporting-MTA: dns; googlemail.com\n\nFinal-Recipient: rfc822; amy@gmail.example\nAction: failed\n\
        Status: 5.1.1\nDiagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist.\n 550 5.1.1 gsmtp";
    let html = "<html><body><p>Address not found</p></body></html>";
    let mail = report("delivery-status", &[("text/html", html), ("message/delivery-status", status)]);
    let mail = mail.replacen(
        "MIME-Version",
        &format!("In-Reply-To: <{JOB}@shop.example>\nReferences: <{JOB}@shop.example>\nMIME-Version"),
        1,
    );
    let (kind, address, said) = only(&mail);
    assert_eq!((kind, address.as_deref()), (FeedbackKind::HardBounce, Some("amy@gmail.example")));
    assert!(said.starts_with("550-5.1.1 The email account"), "{said}");
}

#[test]
fn headers_alone_are_enough_and_parts_may_be_encoded() {
    let status = format!("Reporting-MTA: dns; 郵件.example\n\n{POSTFIX}");
    let encode = |text: &str| BASE64_STANDARD.encode(text.replace('\n', "\r\n"));
    let headers = returned().split("\n\n").next().unwrap().to_owned();
    let parts: [(&str, &str); 2] = [
        ("message/delivery-status\nContent-Transfer-Encoding: base64", &encode(&status)),
        ("text/rfc822-headers\nContent-Transfer-Encoding: base64", &encode(&headers)),
    ];
    assert_eq!(only(&report("delivery-status", &parts)).0, FeedbackKind::HardBounce);
    let whole = ("message/rfc822\nContent-Transfer-Encoding: base64", &*encode(&returned()));
    assert_eq!(
        only(&report("delivery-status", &[("message/delivery-status", &status), whole])).0,
        FeedbackKind::HardBounce
    );
    let chinese = POSTFIX.replace("User unknown", "使用者不存在");
    assert!(only(&dsn(&chinese)).2.contains("使用者不存在"));
}

#[test]
fn a_report_about_no_message_of_ours_says_nothing() {
    let foreign = dsn(POSTFIX).replace(JOB, "CAF-1234");
    assert_eq!(read(&foreign), []);
    let status = format!("Reporting-MTA: dns; mx.example\n\n{POSTFIX}");
    assert_eq!(read(&report("delivery-status", &[("message/delivery-status", &status)])), []);
}

fn arf(fields: &str) -> String {
    let parts = [
        ("text/plain", "This is an email abuse report"),
        ("message/feedback-report", fields),
        ("message/rfc822", &returned()),
    ];
    report("feedback-report", &parts)
}

#[test]
fn complaints_are_read_though_their_address_is_blacked_out() {
    use FeedbackKind::{Complaint, OptOut};
    let yahoo = "Feedback-Type: abuse\nUser-Agent: Yahoo!-Mail-Feedback/2.0\nVersion: 0.1\n\
        Original-Mail-From: <hello@shop.example>\nOriginal-Rcpt-To: amy@gone.example\nSource-IP: 192.0.2.1";
    let (kind, address, said) = only(&arf(yahoo));
    assert_eq!(
        (kind, address.as_deref(), &*said),
        (Complaint, Some("amy@gone.example"), "abuse Yahoo!-Mail-Feedback/2.0")
    );
    let outlook = "Feedback-Type: abuse\nUser-Agent: Hotmail FBL\nVersion: 1\nOriginal-Rcpt-To: <redacted>\n";
    let (kind, address, _) = only(&arf(outlook));
    assert_eq!((kind, address), (Complaint, None));
    assert_eq!(only(&arf("Feedback-Type: opt-out\nRemoval-Recipient: <amy@gone.example>")).0, OptOut);
    for other in ["not-spam", "virus", "auth-failure"] {
        assert_eq!(read(&arf(&format!("Feedback-Type: {other}\nVersion: 1"))), [], "{other}");
    }
}

/// A mail of one plain text.
fn plain(headers: &str, text: &str) -> String {
    format!(
        "{headers}\nTo: hello@shop.example\nSubject: failure notice\nDate: Sun, 1 Mar 2026 18:00:00 +0800\n\n{text}"
    )
}

const QMAIL: &str = "Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<amy@gone.example>:
192.0.2.7 does not like recipient.
Remote host said: 550 5.1.1 unknown user
Giving up on 192.0.2.7.

--- Below this line is a copy of the message.

";

#[test]
fn free_text_is_believed_from_a_server_about_our_message_with_a_code() {
    let text = format!("{QMAIL}{}", returned());
    let daemon = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example";
    let (kind, address, said) = only(&plain(daemon, &text));
    assert_eq!(
        (kind, address, &*said),
        (FeedbackKind::HardBounce, None, "Remote host said: 550 5.1.1 unknown user")
    );
    let exim = format!("{daemon}\nX-Failed-Recipients: amy@gone.example");
    assert_eq!(only(&plain(&exim, &text)).1.as_deref(), Some("amy@gone.example"));
    let exchange = "Delivery has failed to these recipients:\n\nGenerating server: EX01.example\namy@gone.example\n\
        #550 5.7.1 RESOLVER.RST.AuthRequired; authentication required ##\n\nOriginal message headers:\n\n> ";
    let quoted = format!("{exchange}{}", returned().replace('\n', "\n> "));
    let (kind, ..) = only(&plain("Return-Path: <>\nFrom: postmaster@ex.example", &quoted));
    assert_eq!(kind, FeedbackKind::SoftBounce);

    let without_code = text.replace("550 5.1.1 ", "");
    let foreign = text.replace(JOB, "CAF-1");
    let silent = [
        plain(daemon, &without_code),
        plain(daemon, &text.replace("5.1.1 ", "")),
        plain(daemon, &foreign),
        plain("Return-Path: <amy@gone.example>\nFrom: Amy <amy@gone.example>", &text),
        plain(&format!("{daemon}\nAuto-Submitted: auto-replied (vacation)"), &text),
    ];
    silent.iter().for_each(|mail| assert_eq!(read(mail), [], "{mail}"));
}

#[test]
fn answers_of_people_and_machines_say_nothing() {
    let away = "我目前休假中,3 月 9 日回來。";
    let answers = [
        plain(
            &format!(
                "Return-Path: <>\nFrom: Amy <amy@gone.example>\nAuto-Submitted: auto-replied\nIn-Reply-To: <{JOB}@shop.example>"
            ),
            away,
        ),
        plain(
            &format!("From: Amy <amy@gone.example>\nIn-Reply-To: <{JOB}@shop.example>"),
            "Thanks! 550 5.1.1",
        ),
        report(
            "disposition-notification",
            &[("message/disposition-notification", "Disposition: manual-action; displayed")],
        ),
    ];
    answers.iter().for_each(|mail| assert_eq!(read(mail), [], "{mail}"));
}

#[test]
fn what_is_no_mail_is_told_apart_and_an_envelope_line_is_passed_over() {
    for raw in [&b""[..], b"\n\n", b"hello", b"\x89PNG\r\n\x1a\n\0\0"] {
        assert_eq!(read_report(raw, now()), None, "{raw:?}");
    }
    let piped = format!("From MAILER-DAEMON Sun Mar  1 18:00:00 2026\n{}", dsn(POSTFIX));
    assert_eq!(only(&piped).0, FeedbackKind::HardBounce);
}

#[test]
fn a_mail_of_another_time_or_none_is_still_the_same_report() {
    let future = dsn(POSTFIX).replace("Sun, 1 Mar 2026", "Sun, 1 Mar 2099");
    assert_eq!(read(&future)[0].at, now());
    let bare = dsn(POSTFIX)
        .replace("Message-ID: <20260301100000.AF12@mx.example>\n", "")
        .replace("Date:", "X-Date:");
    let (one, again) = (read(&bare), read(&bare));
    assert_eq!((one[0].at, one[0].identity()), (now(), again[0].identity()));
}

fn samples() -> Vec<String> {
    let daemon = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example";
    vec![
        dsn(POSTFIX),
        arf("Feedback-Type: abuse\nOriginal-Rcpt-To: amy@gone.example"),
        plain(daemon, &format!("{QMAIL}{}", returned())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Bytes replaced, cut out and doubled: whatever is read, it is about our message or nothing.
    #[test]
    fn damage_never_stops_the_reading(
        sample in 0..3_usize,
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..24),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut raw = samples().swap_remove(sample).into_bytes();
        for (at, byte, how) in hits {
            let at = at.index(raw.len());
            match how {
                0 => raw[at] = byte,
                1 => drop(raw.remove(at)),
                _ => { let tail = raw[at..].to_vec(); raw.extend(tail); raw.truncate(20_000); }
            }
        }
        if !whole { raw.truncate(cut.index(raw.len())); }
        for report in read_report(&raw, now()).unwrap_or_default() {
            prop_assert!(report.job.is_some() && report.at <= now());
            prop_assert!(!report.detail.contains('\0'));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(raw in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = read_report(&raw, now());
    }
}
