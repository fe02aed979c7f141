//! Mail that came back, as ops hand it over: on standard input, in a Maildir, as events; once each, and nothing lost.

use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{NOW, Shop};

/// A shop whose one member was sent a reminder, and that message's id.
fn mailed() -> (Shop, String) {
    let shop = Shop::new();
    shop.json(&["run", "--once", "--now", NOW]);
    let due = shop.lines(&["jobs", "list"])[0]["due_at"].as_str().unwrap().to_owned();
    assert_eq!(shop.json(&["run", "--once", "--now", &due])["delivered"], 1);
    let id = shop.lines(&["jobs", "list", "--state", "delivered"])[0]["id"].as_str().unwrap().to_owned();
    (shop, id)
}

fn bounce(job: &str, address: &str, n: u32) -> String {
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nDate: Sun, 1 Mar 2026 18:00:00 +0800\r\n\
         Message-ID: <{n}@mx.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
         Final-Recipient: rfc822; {address}\r\nAction: failed\r\nStatus: 5.1.1\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 <{address}> unknown\r\n\r\n\
         --b\r\nContent-Type: text/rfc822-headers\r\n\r\nTo: {address}\r\nMessage-ID: <{job}@shop.example>\r\n\r\n--b--\r\n"
    )
}

fn counts(done: &Value) -> [u64; 5] {
    ["recorded", "duplicate", "unmatched", "suppressed", "ignored"].map(|key| done[key].as_u64().unwrap())
}

#[test]
fn a_bounce_on_standard_input_stops_the_address_and_shows_at_its_job() {
    let (shop, job) = mailed();
    let mail = bounce(&job, "amy@shop.example", 1);
    let done = shop.fed(mail.as_bytes(), &["bounces", "--json"]).one();
    assert_eq!(counts(&done), [1, 0, 0, 1, 0], "{done}");
    assert_eq!(done["kinds"], json!({"hard_bounce": 1}));
    let stopped = shop.lines(&["suppress", "list"]);
    assert_eq!((&stopped[0]["member"], &stopped[0]["until"]), (&Value::Null, &Value::Null), "{stopped:?}");
    assert_eq!(stopped[0]["because"], "hard bounce: 550 5.1.1 <…> unknown");
    let shown = shop.json(&["jobs", "show", &job]);
    let told =
        json!([{"at": "2026-03-01T10:00:00Z", "kind": "hard_bounce", "detail": "550 5.1.1 <…> unknown"}]);
    assert_eq!(shown["feedback"], told);
    let page = shop.run(&["jobs", "show", &job]).out;
    assert!(page.contains("Came back") && page.contains("hard bounce  550 5.1.1"), "{page}");
    let again = shop.fed(mail.as_bytes(), &["bounces", "-"]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.out.contains("known already           1"), "{}", again.out);
    assert_eq!(shop.lines(&["suppress", "list"]), stopped);
}

#[test]
fn a_forged_report_and_an_answer_change_nothing() {
    let (shop, job) = mailed();
    let stranger = bounce(&job, "ben@shop.example", 1);
    let made_up = bounce("job_000000000000000000000000", "amy@shop.example", 2);
    let answer = "From: Amy <amy@shop.example>\r\nSubject: Re: Soon\r\nAuto-Submitted: auto-replied\r\n\r\nback on Monday";
    for (mail, expected) in
        [(&*stranger, [0, 0, 1, 0, 0]), (&made_up, [0, 0, 1, 0, 0]), (answer, [0, 0, 0, 0, 1])]
    {
        let done = shop.fed(mail.as_bytes(), &["bounces", "--json"]).one();
        assert_eq!(counts(&done), expected, "{mail}");
    }
    assert!(shop.lines(&["suppress", "list"]).is_empty());
}

fn names(shop: &Shop, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(shop.path(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_maildir_is_read_once_and_what_cannot_be_read_stays_and_is_named() {
    let (shop, job) = mailed();
    shop.write("mail/new/1.a.host", bounce(&job, "amy@shop.example", 1));
    shop.write("mail/new/2.b.host", "From: Amy <amy@shop.example>\r\n\r\nthanks");
    shop.write("mail/new/3.c.host", "");
    shop.write("mail/new/.hidden", "");
    let args = ["bounces", "--maildir", "mail", "--json"];
    let first = shop.run(&args);
    assert_eq!(first.code, 1, "{}", first.err);
    let done = &first.json()[0];
    assert_eq!(counts(done), [1, 0, 0, 1, 1], "{done}");
    assert!(done["unreadable"][0]["file"].as_str().unwrap().ends_with("3.c.host"), "{done}");
    assert!(first.err.contains("3.c.host cannot be read: it is no mail"), "{}", first.err);
    assert_eq!(names(&shop, "mail/new"), [".hidden", "3.c.host"]);
    assert_eq!(names(&shop, "mail/cur"), ["1.a.host:2,S", "2.b.host:2,S"]);
    std::fs::remove_file(shop.path("mail/new/3.c.host")).unwrap();
    assert_eq!(counts(&shop.json(&args[..3])), [0; 5]);
    let none = shop.run(&["bounces", "--maildir", "rules"]);
    assert!(none.code == 1 && none.err.contains("is rules a Maildir?"), "{}", none.err);
}

#[test]
fn nothing_is_lost_while_the_ledger_cannot_be_written() {
    let (shop, job) = mailed();
    shop.write("mail/new/1.a.host", bounce(&job, "amy@shop.example", 1));
    let ledger: PathBuf = shop.path("var/replenish.db");
    let sql = |text: &str| Connection::open(&ledger).unwrap().execute_batch(text).unwrap();
    sql("CREATE TRIGGER no_room BEFORE INSERT ON feedback BEGIN SELECT RAISE(ABORT, 'no room'); END;");
    let args = ["bounces", "--maildir", "mail"];
    let failed = shop.run(&args);
    assert!(failed.code == 1 && failed.err.contains("no room"), "{}", failed.err);
    assert_eq!(names(&shop, "mail/new"), ["1.a.host"]);
    let piped = shop.fed(bounce(&job, "amy@shop.example", 1).as_bytes(), &["bounces"]);
    assert_eq!(piped.code, 1, "the mail server is told");
    sql("DROP TRIGGER no_room;");
    assert_eq!(counts(&shop.json(&args)), [1, 0, 0, 1, 0]);
    assert_eq!(names(&shop, "mail/cur"), ["1.a.host:2,S"]);
    assert_eq!(shop.lines(&["suppress", "list"]).len(), 1);
}

#[test]
fn events_of_a_file_count_though_some_are_bad() {
    let (shop, job) = mailed();
    let events = format!(
        "{{\"type\":\"complaint\",\"message_id\":\"<{job}@shop.example>\"}}\n{{\"type\":\"bounce\",\"adress\":\"x\"}}\n"
    );
    shop.write("events.jsonl", &events);
    let done = shop.run(&["bounces", "--events", "events.jsonl", "--json"]);
    assert_eq!(done.code, 1);
    let told = &done.json()[0];
    assert_eq!(counts(told), [1, 0, 0, 2, 0], "{told}");
    assert_eq!(told["rejected"][0]["line"], 2);
    assert!(done.err.contains("event 2: ") && done.err.contains("adress"), "{}", done.err);
    let gone = shop.run(&["bounces", "gone.eml", "--json"]);
    assert!(gone.code == 1 && gone.err.contains("gone.eml cannot be read"), "{}", gone.err);
}

#[test]
fn a_mail_with_the_links_token_in_its_subject_stops_everything() {
    let (shop, job) = mailed();
    let sent = std::fs::read(shop.path(&format!("var/outbox/{job}.eml"))).unwrap();
    let sent = mail_parser::MessageParser::default().parse(&sent).unwrap();
    let link = sent.header_raw("List-Unsubscribe").unwrap().trim().trim_matches(['<', '>']).to_owned();
    let token = link.rsplit('/').next().unwrap();
    let mail = |subject: &str| format!("From: amy@shop.example\r\nSubject: {subject}\r\n\r\n\r\n");
    let done = shop.fed(mail(&format!("Re: {token}")).as_bytes(), &["bounces", "--json"]).one();
    assert_eq!((&done["opted_out"], &done["ignored"]), (&json!(0), &json!(1)), "a conversation about it");
    for _ in 0..2 {
        let done = shop.fed(mail(token).as_bytes(), &["bounces", "--json"]).one();
        assert_eq!((&done["opted_out"], &done["ignored"]), (&json!(1), &json!(0)), "{done}");
    }
    let stopped = shop.lines(&["suppress", "list"]);
    assert_eq!(stopped.len(), 1, "{stopped:?}");
    assert_eq!(stopped[0]["because"], format!("unsubscribe link ({job})"));
    let came_back = shop.json(&["jobs", "show", &job])["feedback"].clone();
    let kinds: Vec<_> = came_back.as_array().unwrap().iter().map(|told| told["kind"].clone()).collect();
    assert_eq!(kinds, ["opt_out"], "the same message opts out once");
}
