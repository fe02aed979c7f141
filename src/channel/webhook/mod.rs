//! Owns the webhook channel: one signed POST, and what each answer means; knows nothing of retries.

mod body;
mod network;
mod probe;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::breaker::Breaker;
use super::probe::Probe;
use super::reply::redacted;
use super::turn::{Gate, Gates};
use super::{ChannelError, Letter, Pace, PutOff, Turn};
use crate::domain::ids::Timestamp;
use crate::domain::job::{Delivery, Outcome};
use crate::domain::rate::Rate;
use crate::domain::reason::Reason;
use body::Body;
use network::{PrivateAddress, PublicOnly};

pub(super) use body::plain_number;
pub use body::webhook_body;
pub(super) use network::is_loopback;

/// Standard Webhooks asks for bodies below this many bytes.
const LARGEST_BODY: usize = 20_000;
/// Bytes of an answer that are read, and for how long.
const ANSWER_READ: usize = 8 * 1024;
const ANSWER_TIME: Duration = Duration::from_secs(1);
/// Common servers close a connection after five idle seconds: let go of it first.
const IDLE: Duration = Duration::from_secs(4);
const LONGEST_CONNECT: Duration = Duration::from_secs(5);

/// What the settings say of a webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookOptions {
    /// Where to post: http or https.
    pub url: String,
    /// `whsec_` and base64, or any text.
    pub secret: String,
    /// Whether it may post to private, link-local and loopback addresses.
    pub allow_private_network: bool,
    /// How long one post may take.
    pub timeout: Duration,
    /// Posts under way at once.
    pub concurrency: usize,
    /// How fast it may be posted to.
    pub rate: Option<Rate>,
}

/// The webhook channel.
#[derive(Clone)]
pub struct Webhook(Arc<Endpoint>);

struct Endpoint {
    client: Client,
    url: Url,
    name: String,
    local: bool,
    forbidden: bool,
    signer: standardwebhooks::Webhook,
    gates: Gates,
}

impl Webhook {
    pub(super) fn new(options: WebhookOptions, pace: Pace) -> Result<Self, ChannelError> {
        let url = Url::parse(&options.url).map_err(|_| ChannelError::WebhookUrl)?;
        let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https"));
        let host = host.ok_or(ChannelError::WebhookUrl)?.to_owned();
        let private = network::literal(&host).is_some_and(network::is_private);
        let turns = Arc::new(Semaphore::new(options.concurrency.max(1)));
        let key = format!("endpoint:{}", url.as_str());
        let gate = Gate { key, rate: options.rate, breaker: Breaker::default() };
        Ok(Self(Arc::new(Endpoint {
            client: client(&options)?,
            name: url.origin().ascii_serialization(),
            url,
            local: network::is_loopback(&host),
            forbidden: private && !options.allow_private_network,
            signer: signer(&options.secret)?,
            gates: Gates { each: vec![gate], turns, pace },
        })))
    }

    pub(super) fn is_local(&self) -> bool {
        self.0.local
    }

    pub(super) async fn probe(&self) -> Probe {
        self.0.probe().await
    }

    pub(super) async fn turn(&self, patience: Duration) -> Result<Turn, PutOff> {
        self.0.gates.turn(None, patience).await
    }

    pub(super) async fn deliver(&self, letter: &Letter, _turn: Turn) -> Outcome {
        let outcome = match self.0.request(letter) {
            Ok(request) => self.0.post(request, letter.sent_at).await,
            Err(why) => refused(why),
        };
        self.0.tell_breaker(&outcome);
        Outcome { relay: Some(self.0.name.clone()), ..outcome }
    }
}

impl Endpoint {
    /// The signed request; why not, when this letter cannot be posted.
    fn request(&self, letter: &Letter) -> Result<RequestBuilder, String> {
        if self.forbidden {
            return Err(PrivateAddress.to_string());
        }
        let body =
            serde_json::to_vec(&Body::of(letter)).map_err(|e| format!("the body cannot be written: {e}"))?;
        if body.len() >= LARGEST_BODY {
            let size = body.len();
            return Err(format!(
                "the body has {size} bytes, {LARGEST_BODY} are too many: shorten the template"
            ));
        }
        let (id, at) = (letter.job.as_str(), letter.sent_at.timestamp());
        let signature =
            self.signer.sign(id, at, &body).map_err(|e| format!("the body cannot be signed: {e}"))?;
        Ok(self
            .client
            .post(self.url.clone())
            .header(HEADER_WEBHOOK_ID, id)
            .header(HEADER_WEBHOOK_TIMESTAMP, HeaderValue::from(at))
            .header(HEADER_WEBHOOK_SIGNATURE, signature)
            .body(body))
    }

    fn tell_breaker(&self, outcome: &Outcome) {
        let breaker = &self.gates.each[0].breaker;
        let asked = outcome.retry_after.and_then(|wait| wait.to_std().ok());
        match (outcome.result, asked) {
            (Delivery::Unreachable, Some(asked)) => breaker.rest(Instant::now(), asked),
            (Delivery::Unreachable | Delivery::Transient, _) => breaker.failed(Instant::now()),
            _ => breaker.succeeded(),
        }
    }

    async fn post(&self, request: RequestBuilder, sent_at: Timestamp) -> Outcome {
        match request.send().await {
            Ok(response) => answered(response, sent_at).await,
            Err(error) => unanswered(error),
        }
    }
}

fn client(options: &WebhookOptions) -> Result<Client, ChannelError> {
    // without a provider reqwest panics; an error means that there is one already
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut builder = Client::builder()
        .user_agent(concat!("replenish/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .redirect(Policy::none())
        // a proxy would resolve names by itself, behind the check for private addresses
        .no_proxy()
        .tls_info(true)
        .timeout(options.timeout)
        .connect_timeout(LONGEST_CONNECT.min(options.timeout / 2))
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(options.concurrency);
    if !options.allow_private_network {
        builder = builder.dns_resolver(PublicOnly);
    }
    builder.build().map_err(ChannelError::Http)
}

fn signer(secret: &str) -> Result<standardwebhooks::Webhook, ChannelError> {
    let signer = match secret {
        "" | "whsec_" => return Err(ChannelError::Secret("is empty")),
        coded if coded.starts_with("whsec_") => standardwebhooks::Webhook::new(coded),
        text => standardwebhooks::Webhook::from_bytes(text.as_bytes().to_vec()),
    };
    signer.map_err(|_| ChannelError::Secret("is not base64 after whsec_"))
}

async fn answered(mut response: Response, sent_at: Timestamp) -> Outcome {
    let status = response.status();
    let (result, reason) = meaning(status);
    let wait = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok());
    let retry_after =
        wait.filter(|_| result != Delivery::Delivered).and_then(|text| retry_after(text, sent_at));
    let mut words = Vec::new();
    // the status has decided: an answer that trickles or never ends must not hold the turn
    let _ = tokio::time::timeout(ANSWER_TIME, read(&mut response, &mut words)).await;
    let words = String::from_utf8_lossy(&words);
    let reply = match status.is_redirection() {
        true => format!("redirects are not followed: set the url to the final address; {words}"),
        false => words.into_owned(),
    };
    let reply = Some(redacted(&reply)).filter(|r| !r.is_empty());
    Outcome { code: Some(status.as_str().to_owned()), reply, retry_after, ..Outcome::new(result, reason) }
}

fn meaning(status: StatusCode) -> (Delivery, Option<Reason>) {
    match status.as_u16() {
        200..=299 => (Delivery::Delivered, None),
        429 | 503 => (Delivery::Unreachable, Some(Reason::Throttled)),
        408 | 500.. => (Delivery::Transient, Some(Reason::Deferred)),
        _ => (Delivery::Permanent, Some(Reason::Refused)),
    }
}

async fn read(response: &mut Response, words: &mut Vec<u8>) {
    while words.len() < ANSWER_READ
        && let Ok(Some(chunk)) = response.chunk().await
    {
        words.extend_from_slice(&chunk[..chunk.len().min(ANSWER_READ - words.len())]);
    }
}

/// `Retry-After` as seconds or as a date, counted from `sent_at`; a time gone by asks for nothing.
fn retry_after(text: &str, sent_at: Timestamp) -> Option<TimeDelta> {
    let wait = match text.trim().parse::<u32>() {
        Ok(seconds) => TimeDelta::seconds(seconds.into()),
        Err(_) => DateTime::parse_from_rfc2822(text.trim()).ok()?.to_utc() - sent_at,
    };
    Some(wait.max(TimeDelta::zero()))
}

/// No answer: never connected, or silent after the post. The latter is sent again under the same id.
fn unanswered(error: reqwest::Error) -> Outcome {
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
    Outcome { reply: Some(redacted(&words)), ..Outcome::new(result, Some(reason)) }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&e| e.source())
}

fn refused(why: String) -> Outcome {
    Outcome { reply: Some(why), ..Outcome::new(Delivery::Permanent, Some(Reason::Refused)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = "2026-03-02T10:00:00Z".parse().unwrap();
        let table = [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Mon, 02 Mar 2026 10:01:30 GMT", Some(90)),
            ("Mon, 02 Mar 2026 09:00:00 GMT", Some(0)),
            ("-5", None),
            ("soon", None),
            ("99999999999999999999", None),
        ];
        for (text, seconds) in table {
            assert_eq!(retry_after(text, now), seconds.map(TimeDelta::seconds), "{text}");
        }
    }
}
