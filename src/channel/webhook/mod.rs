//! Owns the webhook channel: one signed POST to one endpoint; knows nothing of retries.

mod answer;
mod body;
mod network;
mod probe;
mod request;
mod uuid;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use super::breaker::Breaker;
use super::probe::Probe;
use super::turn::{Gate, Gates, Place};
use super::{ChannelError, Letter, Pace, PutOff, TemplateError, Turn};
use crate::domain::job::Outcome;
use crate::domain::rate::Rate;
use answer::{answered, refused, unanswered};
use network::{PrivateAddress, PublicOnly};
use request::Requests;

pub use body::{WebhookBody, webhook_body};
pub(super) use network::is_loopback;
pub use request::HeaderText;

/// Common servers close a connection after five idle seconds: let go of it first.
const IDLE: Duration = Duration::from_secs(4);
const LONGEST_CONNECT: Duration = Duration::from_secs(5);

/// What the settings say of a webhook.
#[derive(Clone)]
pub struct WebhookOptions {
    /// Where to post: http or https.
    pub url: String,
    /// `whsec_` and base64, or any text: each one signs. None only beside a body of its own.
    pub secrets: Vec<String>,
    /// Headers besides ours, by name.
    pub headers: Vec<(String, HeaderText)>,
    /// What is posted.
    pub body: WebhookBody,
    /// Statuses besides 2xx that say that the message has arrived.
    pub delivered: Vec<u16>,
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
    requests: Requests,
    delivered: Vec<u16>,
    gates: Gates,
}

impl Webhook {
    pub(super) fn new(options: WebhookOptions, pace: Pace) -> Result<Self, ChannelError> {
        let url = Url::parse(&options.url).map_err(|_| ChannelError::WebhookUrl)?;
        let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https"));
        let host = host.ok_or(ChannelError::WebhookUrl)?.to_owned();
        let private = network::literal(&host).is_some_and(network::is_private);
        let name = url.origin().ascii_serialization();
        let key = format!("endpoint:{}", url.as_str());
        let gate = Gate { name: name.clone(), key, rate: options.rate, breaker: Breaker::default() };
        Ok(Self(Arc::new(Endpoint {
            client: client(&options)?,
            name,
            url,
            local: network::is_loopback(&host),
            forbidden: private && !options.allow_private_network,
            requests: Requests::new(&options.secrets, options.headers, options.body)?,
            delivered: options.delivered,
            gates: Gates::new(vec![gate], options.concurrency, pace),
        })))
    }

    pub(super) fn is_local(&self) -> bool {
        self.0.local
    }

    pub(super) async fn probe(&self) -> Probe {
        self.0.probe().await
    }

    pub(super) fn gates(&self) -> &Gates {
        &self.0.gates
    }

    pub(super) async fn turn(&self, place: Option<Place>, patience: Duration) -> Result<Turn, PutOff> {
        self.0.gates.turn(place, None, patience).await
    }

    pub(super) async fn deliver(&self, letter: &Letter, _turn: Turn) -> Outcome {
        let outcome = self.0.post(letter).await;
        self.0.gates.each[0].heard(&outcome);
        let reply = outcome.reply.map(|reply| without_contacts(reply, letter));
        Outcome { relay: Some(self.0.name.clone()), reply, ..outcome }
    }

    /// What would be posted.
    pub(super) fn body(&self, letter: &Letter) -> Result<serde_json::Value, TemplateError> {
        self.0.requests.body().value(letter)
    }
}

impl Endpoint {
    async fn post(&self, letter: &Letter) -> Outcome {
        if self.forbidden {
            return refused(PrivateAddress.to_string());
        }
        let (headers, body) = match self.requests.of(letter) {
            Ok(request) => request,
            Err(unfit) => return unfit.outcome(),
        };
        match self.client.post(self.url.clone()).headers(headers).body(body).send().await {
            Ok(response) => answered(response, letter.sent_at, &self.delivered).await,
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
        builder = builder.dns_resolver(PublicOnly::new());
    }
    builder.build().map_err(ChannelError::Http)
}

/// An endpoint may repeat whom the message was for.
fn without_contacts(reply: String, letter: &Letter) -> String {
    let points =
        letter.contacts.values().chain(&letter.content.name).filter(|point| point.chars().count() > 1);
    points.fold(reply, |reply, point| reply.replace(point.as_str(), "…"))
}
