//! Owns what each answer of an endpoint means, and what is kept of its words; knows nothing of what was posted.

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};

use super::super::reply::redacted_answer;
use super::network::PrivateAddress;
use crate::domain::ids::Timestamp;
use crate::domain::job::{Delivery, Outcome};
use crate::domain::reason::Reason;

/// Bytes of an answer that are read, and for how long.
const READ: usize = 8 * 1024;
const TIME: Duration = Duration::from_secs(1);
/// No wait that an endpoint asks for is longer.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);

/// What the answer means; the statuses of `delivered` say that the message has arrived.
pub(super) async fn answered(mut response: Response, sent_at: Timestamp, delivered: &[u16]) -> Outcome {
    let status = response.status();
    let (result, reason) = meaning(status, delivered);
    let wait = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok());
    let may_wait = matches!(result, Delivery::Transient | Delivery::Unreachable);
    let may_wait = may_wait && reason != Some(Reason::EndpointGone);
    let retry_after = wait.filter(|_| may_wait).and_then(|text| retry_after(text, sent_at));
    let mut words = Vec::new();
    // the status has decided: an answer that trickles or never ends must not hold the turn
    let _ = tokio::time::timeout(TIME, read(&mut response, &mut words)).await;
    let words = String::from_utf8_lossy(&words);
    let reply = match status.is_redirection() && result == Delivery::Permanent {
        true => format!("redirects are not followed: set the url to the final address; {words}"),
        false => words.into_owned(),
    };
    let reply = Some(redacted_answer(&reply, result == Delivery::Delivered)).filter(|r| !r.is_empty());
    Outcome { code: Some(status.as_str().to_owned()), reply, retry_after, ..Outcome::new(result, reason) }
}

fn meaning(status: StatusCode, delivered: &[u16]) -> (Delivery, Option<Reason>) {
    match status.as_u16() {
        200..=299 => (Delivery::Delivered, None),
        known if delivered.contains(&known) => (Delivery::Delivered, None),
        // its channel is paused, and the message waits for the url to be mended
        410 => (Delivery::Unreachable, Some(Reason::EndpointGone)),
        429 | 503 => (Delivery::Unreachable, Some(Reason::Throttled)),
        408 | 500.. => (Delivery::Transient, Some(Reason::Deferred)),
        _ => (Delivery::Permanent, Some(Reason::Refused)),
    }
}

async fn read(response: &mut Response, words: &mut Vec<u8>) {
    while words.len() < READ
        && let Ok(Some(chunk)) = response.chunk().await
    {
        words.extend_from_slice(&chunk[..chunk.len().min(READ - words.len())]);
    }
}

/// `Retry-After` as seconds or as a date, counted from `sent_at`; a time gone by asks for nothing, and nobody for more
/// than an hour.
fn retry_after(text: &str, sent_at: Timestamp) -> Option<TimeDelta> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let wait = match is_number {
        // more seconds than can be counted are more than an hour
        true => text.parse::<u32>().map_or(LONGEST_WAIT, |seconds| TimeDelta::seconds(seconds.into())),
        false => DateTime::parse_from_rfc2822(text).ok()?.to_utc() - sent_at,
    };
    Some(wait.clamp(TimeDelta::zero(), LONGEST_WAIT))
}

/// No answer: never connected, or silent after the post. The latter is sent again under the same id.
pub(super) fn unanswered(error: reqwest::Error) -> Outcome {
    let error = error.without_url();
    if causes(&error).any(|cause| cause.is::<PrivateAddress>()) {
        return refused(PrivateAddress.to_string());
    }
    let (result, reason) = match () {
        () if error.is_builder() => (Delivery::Permanent, Reason::Refused),
        () if error.is_connect() => (Delivery::Unreachable, Reason::Unreachable),
        () => (Delivery::Transient, Reason::NoAnswer),
    };
    let words = causes(&error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
    Outcome { reply: Some(redacted_answer(&words, true)), ..Outcome::new(result, Some(reason)) }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&e| e.source())
}

/// It cannot be posted as it is.
pub(super) fn refused(why: String) -> Outcome {
    Outcome { reply: Some(why), ..Outcome::new(Delivery::Permanent, Some(Reason::Refused)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms_and_clamped() {
        let now = "2026-03-02T10:00:00Z".parse().unwrap();
        let table = [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("7200", Some(3600)),
            ("99999999999999999999", Some(3600)),
            ("Mon, 02 Mar 2026 10:01:30 GMT", Some(90)),
            ("Mon, 02 Mar 2026 09:00:00 GMT", Some(0)),
            ("Tue, 03 Mar 2026 09:00:00 GMT", Some(3600)),
            ("-5", None),
            ("soon", None),
            ("", None),
        ];
        for (text, seconds) in table {
            assert_eq!(retry_after(text, now), seconds.map(TimeDelta::seconds), "{text}");
        }
    }
}
