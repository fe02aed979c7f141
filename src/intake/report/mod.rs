//! Owns reports about mail that come back as mail: bounces (RFC 3464, and free text) and complaints (RFC 5965); knows
//! nothing of whom our messages were for.
//!
//! A report counts only when it gives back one of our messages, by its Message-ID.

mod complaint;
mod fields;
mod free;
mod status;

use mail_parser::{Address, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use sha2::{Digest, Sha256};

use super::events::is_address;
use crate::domain::feedback::{Feedback, FeedbackKind, job_of, told};
use crate::domain::ids::{JobId, Timestamp};

/// What a mail reports of our messages; nothing for any other mail, and for delays and deliveries. `None` when this is no
/// mail at all.
pub fn read_report(raw: &[u8], now: Timestamp) -> Option<Vec<Feedback>> {
    let mail = MessageParser::default().parse(without_envelope(raw)).filter(is_mail)?;
    let report = Report {
        returned: Returned::of(&mail),
        at: sent_at(&mail).unwrap_or(now).min(now),
        id: id(&mail, raw),
    };
    let texts = |subtype: &'static [&'static str]| {
        mail.parts.iter().filter(move |part| is_message(part, subtype)).map(text_of).collect::<Vec<_>>()
    };
    let statuses = texts(&["delivery-status", "global-delivery-status"]);
    if !statuses.is_empty() {
        return Some(statuses.iter().flat_map(|text| status::bounces(text, &report)).collect());
    }
    let complaints = texts(&["feedback-report"]);
    if !complaints.is_empty() {
        return Some(complaints.iter().filter_map(|text| complaint::complaint(text, &report)).collect());
    }
    Some(free::bounce(&mail, &report).into_iter().collect())
}

/// What a mail to the unsubscribe mailbox may be: the one word of its subject, where mail programs put what stands behind
/// `?subject=` in `List-Unsubscribe`. Whether it is a token of ours is for its maker to say.
pub fn unsubscribe_token(raw: &[u8]) -> Option<String> {
    let mail = MessageParser::default().parse(without_envelope(raw))?;
    let mut words = mail.subject()?.split_whitespace();
    words.next().filter(|_| words.next().is_none()).map(ToOwned::to_owned)
}

/// What all that one mail reports has in common.
struct Report {
    returned: Returned,
    at: Timestamp,
    id: String,
}

impl Report {
    /// One report; nothing when no message of ours came back. Of the addresses named, the one that the message was for
    /// counts, else the first.
    fn feedback(&self, kind: FeedbackKind, addresses: &[Option<String>], words: &str) -> Option<Feedback> {
        let job = self.returned.job.clone()?;
        let mut named = addresses.iter().flatten().filter(|a| is_address(a) && !a.contains(char::is_control));
        let to = self.returned.to.as_deref().unwrap_or_default();
        let meant = named.clone().find(|address| address.eq_ignore_ascii_case(to)).or_else(|| named.next());
        let address = meant.cloned();
        let detail = told(words, address.as_deref().or(self.returned.to.as_deref()));
        let (at, id) = (self.at, Some(self.id.clone()));
        Some(Feedback { kind, job: Some(job), member: None, address, purpose: None, at, detail, id })
    }
}

/// The message that a report gives back.
#[derive(Debug, Default)]
struct Returned {
    job: Option<JobId>,
    to: Option<String>,
}

impl Returned {
    fn of(mail: &Message<'_>) -> Self {
        let mut found = mail.parts.iter().filter_map(Self::inside).find(|returned| returned.job.is_some());
        if found.is_none() {
            let to_ours = [mail.in_reply_to(), mail.references()].into_iter().flat_map(words);
            let job = to_ours.filter_map(job_of).next().or_else(|| Self::quoted(mail));
            found = job.map(|job| Returned { job: Some(job), to: None });
        }
        found.unwrap_or_default()
    }

    /// A message, or the headers of one, that is a part of the mail.
    fn inside(part: &MessagePart<'_>) -> Option<Self> {
        if let PartType::Message(message) = &part.body {
            return Some(Self::headed(message));
        }
        let is_headers = ["rfc822-headers", "rfc822", "global-headers", "global"];
        if !is_message(part, &is_headers) {
            return None;
        }
        let headers = text_of(part) + "\r\n\r\n";
        MessageParser::default().parse(headers.as_bytes()).map(|message| Self::headed(&message))
    }

    fn headed(message: &Message<'_>) -> Self {
        Returned { job: message.message_id().and_then(job_of), to: first(message.to()) }
    }

    /// Some quote the message below their text.
    fn quoted(mail: &Message<'_>) -> Option<JobId> {
        mail.parts.iter().map(text_of).find_map(|text| quoted_id(&text))
    }
}

/// The id of ours that a text quotes as a Message-ID.
fn quoted_id(text: &str) -> Option<JobId> {
    const NAME: &str = "message-id:";
    let lower = text.to_ascii_lowercase();
    lower.match_indices(NAME).find_map(|(at, _)| {
        let rest = text[at + NAME.len()..].trim_start();
        let rest = rest.trim_start_matches("&lt;").trim_start_matches('<');
        job_of(rest.split(|c: char| c.is_whitespace() || matches!(c, '>' | '&' | ',' | '"')).next()?)
    })
}

/// The mail without the line that mail servers put before it when they pipe it.
fn without_envelope(raw: &[u8]) -> &[u8] {
    let end = raw.iter().position(|byte| *byte == b'\n');
    end.filter(|_| raw.starts_with(b"From ")).and_then(|at| raw.get(at + 1..)).unwrap_or(raw)
}

fn is_mail(mail: &Message<'_>) -> bool {
    ["From", "Return-Path", "Received", "Date", "Message-ID", "Subject"]
        .iter()
        .any(|name| mail.header(*name).is_some())
}

fn sent_at(mail: &Message<'_>) -> Option<Timestamp> {
    Timestamp::from_timestamp(mail.date()?.to_timestamp(), 0)
}

/// The mail's own Message-ID, else a hash of it.
fn id(mail: &Message<'_>, raw: &[u8]) -> String {
    let hash = || Sha256::digest(raw).iter().map(|byte| format!("{byte:02x}")).collect();
    mail.message_id().filter(|id| !id.is_empty()).map_or_else(hash, ToOwned::to_owned)
}

/// True of parts such as `message/rfc822`; some servers write `text/rfc822-headers`.
fn is_message(part: &MessagePart<'_>, subtypes: &[&str]) -> bool {
    let Some(kind) = part.content_type() else { return false };
    let is_one = |subtype: &str| subtypes.iter().any(|wanted| subtype.eq_ignore_ascii_case(wanted));
    ["message", "text"].iter().any(|own| kind.ctype().eq_ignore_ascii_case(own))
        && kind.subtype().is_some_and(is_one)
}

/// A part's text, decoded; empty for one that consists of others.
fn text_of(part: &MessagePart<'_>) -> String {
    match &part.body {
        PartType::Multipart(_) | PartType::Message(_) => String::new(),
        _ => String::from_utf8_lossy(part.contents()).into_owned(),
    }
}

fn first(address: Option<&Address<'_>>) -> Option<String> {
    address?.first()?.address().map(ToOwned::to_owned)
}

fn words<'a>(value: &'a HeaderValue<'_>) -> Vec<&'a str> {
    match value {
        HeaderValue::Text(text) => vec![text],
        HeaderValue::TextList(list) => list.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
