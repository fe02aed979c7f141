//! Owns the test message: one letter through a channel, as any other goes, to whom a person names; touches no ledger.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::Serialize;

use crate::channel::{Channel, Letter, Rendered, sample};
use crate::domain::ids::{ChannelName, JobId, Timestamp};
use crate::domain::job::{Content, Delivery, Outcome};
use crate::domain::member::Purpose;
use crate::domain::reason::{Language, Reason};

/// A test message waits no longer for its turn than a person does.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// What is to be sent, and to whom.
#[derive(Clone)]
pub struct TestMessage {
    /// The channel's name.
    pub channel: ChannelName,
    /// The address; for a webhook, the contact point that the message names.
    pub to: String,
    /// Under which name the message tells a webhook of the contact point.
    pub contact: String,
    /// The locale of the made-up member.
    pub locale: String,
    /// Where its reader would opt out: of the right form, so that headers and signatures are those of any message.
    pub unsubscribe_url: String,
    /// Its id: new for each message, else a receiver would take a second one for a repetition.
    pub job: JobId,
    /// The words, where they are not the product's own.
    pub rendered: Option<Rendered>,
    /// The real time.
    pub now: Timestamp,
}

/// How it ended.
#[derive(Debug, Clone, Serialize)]
pub struct Sent {
    /// The channel.
    pub channel: ChannelName,
    /// The id that the peer saw: the Message-ID's left part, or the `webhook-id`.
    pub id: JobId,
    /// True when the peer took it.
    pub delivered: bool,
    /// What the answer means: `delivered`, `transient`, `unreachable`, `permanent`, `uncertain`.
    pub result: &'static str,
    /// Why, when it was not delivered.
    pub reason: Option<Reason>,
    /// The peer's code.
    pub code: Option<String>,
    /// What the peer said; addresses are left out.
    pub reply: Option<String>,
    /// Which relay or endpoint answered.
    pub relay: Option<String>,
}

/// Sends it over `channel`: its turn, its signatures, its relays are those of every message.
pub async fn send_test(channel: &Channel, message: TestMessage) -> Sent {
    let domain = message.to.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
    let letter = letter(&message);
    let outcome = match channel.turn(None, domain.as_deref(), PATIENCE).await {
        Ok(turn) => channel.deliver(&letter, turn).await,
        Err(put_off) => Outcome::new(Delivery::Unreachable, Some(put_off.reason)),
    };
    Sent {
        channel: message.channel,
        id: message.job,
        delivered: outcome.result == Delivery::Delivered,
        result: outcome.result.as_str(),
        reason: outcome.reason,
        code: outcome.code,
        reply: outcome.reply,
        relay: outcome.relay,
    }
}

fn letter(message: &TestMessage) -> Letter {
    let is_email = message.channel.is_email();
    let rendered = message.rendered.clone().or_else(|| is_email.then(|| words(&message.locale)));
    Letter {
        job: message.job.clone(),
        rule: "send-test".into(),
        step: 1,
        purpose: Purpose::Care,
        valid_until: message.now + TimeDelta::days(1),
        // whoever is written to is not the made-up member of the templates
        content: Content { name: None, ..sample(&message.locale) },
        email: is_email.then(|| message.to.clone()),
        contacts: if is_email { BTreeMap::new() } else { contacts(message) },
        unsubscribe_url: message.unsubscribe_url.clone(),
        rendered,
        sent_at: message.now,
        now: message.now,
    }
}

fn contacts(message: &TestMessage) -> BTreeMap<String, String> {
    BTreeMap::from([(message.contact.clone(), message.to.clone())])
}

fn words(locale: &str) -> Rendered {
    let (subject, text) = match Language::of(locale) {
        Language::English => (
            "A test message from replenish",
            "This is a test. Somebody who runs replenish asked for it, to see whether mail arrives.\n\n\
             Look at its headers: SPF, DKIM and DMARC should all say \"pass\".\n",
        ),
        Language::Chinese => (
            "replenish 測試信",
            "這是一封測試信，由 replenish 的管理人員寄出，用來確認郵件能否送達。\n\n\
             請查看信件標頭：SPF、DKIM 與 DMARC 都應顯示「pass」。\n",
        ),
    };
    Rendered { subject: subject.to_owned(), text: text.to_owned(), html: None }
}
