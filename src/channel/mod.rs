//! Owns how a message leaves: template to message, message to peer by e-mail, webhook or file; knows nothing of the ledger.

mod breaker;
mod email;
mod guest;
mod letter;
mod pace;
mod probe;
mod templates;
mod turn;
mod unsubscribe;
mod webhook;

pub use email::{Dkim, DkimKey, Email, EmailOptions, Relay, RelayOptions, Tls, TlsError};
pub use guest::{Guest, Peer};
pub use letter::{Letter, Rendered};
pub use pace::Pace;
pub use probe::{Certificate, Probe};
pub use templates::{OwnTemplate, Scope, Shop, TemplateError, Templates, sample};
pub use turn::{Place, PutOff, Turn};

use turn::Gates;
pub use unsubscribe::{Link, UnsubscribeLinks};
pub use webhook::{HeaderText, Webhook, WebhookBody, WebhookOptions, webhook_body};

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::job::Outcome;
use crate::domain::reply;

/// Where messages leave; cheap to clone.
#[derive(Clone)]
pub enum Channel {
    /// E-mail, over relays or into a folder.
    Email(Email),
    /// One signed HTTP endpoint.
    Webhook(Webhook),
    /// A peer of another crate's making.
    Guest(Guest),
}

impl Channel {
    /// A channel that sends e-mail.
    ///
    /// # Errors
    /// When the sender or a relay cannot be used as written.
    pub fn email(options: EmailOptions, pace: Pace) -> Result<Self, ChannelError> {
        Email::new(options, pace).map(Channel::Email)
    }

    /// A channel that posts to an endpoint.
    ///
    /// # Errors
    /// When the URL, a secret or a header cannot be used as written.
    pub fn webhook(options: WebhookOptions, pace: Pace) -> Result<Self, ChannelError> {
        Webhook::new(options, pace).map(Channel::Webhook)
    }

    /// A channel to a peer of another crate's making, which takes so many messages at once.
    pub fn guest(name: &str, peer: Arc<dyn Peer>, concurrency: usize, pace: Pace) -> Self {
        Channel::Guest(Guest::new(name, peer, concurrency, pace))
    }

    /// How many messages wait for their turn at once.
    pub fn room(&self) -> usize {
        self.gates().room
    }

    /// Waits for a place in the room before the peers, whatever they do: few wait there for their turn.
    pub async fn place(&self) -> Place {
        self.gates().place().await
    }

    /// The same, until there is a peer to ask: while all of them rest, or have no turn left for now, nobody comes in;
    /// after a rest one comes as the trial.
    pub async fn open_place(&self) -> Place {
        self.gates().open_place().await
    }

    /// Waits for the right to hand over one message, to a mailbox of `domain` where it is e-mail: at most about
    /// `patience`. A message that gets none is put off. Its place, if it has one, is free from then on.
    pub async fn turn(
        &self,
        place: Option<Place>,
        domain: Option<&str>,
        patience: Duration,
    ) -> Result<Turn, PutOff> {
        match self {
            Channel::Email(email) => email.turn(place, domain, patience).await,
            Channel::Webhook(webhook) => webhook.turn(place, patience).await,
            Channel::Guest(guest) => guest.turn(place, patience).await,
        }
    }

    fn gates(&self) -> &Gates {
        match self {
            Channel::Email(email) => email.gates(),
            Channel::Webhook(webhook) => webhook.gates(),
            Channel::Guest(guest) => guest.gates(),
        }
    }

    /// Hands the letter over and tells how that ended. Dropped half-way, it leaves no broken connection behind.
    pub async fn deliver(&self, letter: &Letter, turn: Turn) -> Outcome {
        match self {
            Channel::Email(email) => email.deliver(letter, turn).await,
            Channel::Webhook(webhook) => webhook.deliver(letter, turn).await,
            Channel::Guest(guest) => guest.deliver(letter, turn).await,
        }
    }

    /// Asks each peer whether it is there: no message goes.
    pub async fn probe(&self) -> Vec<Probe> {
        match self {
            Channel::Email(email) => email.probe().await,
            Channel::Webhook(webhook) => vec![webhook.probe().await],
            Channel::Guest(_) => Vec::new(),
        }
    }

    /// Writes what would be handed over into `folder`: an .eml file, or the webhook's body. Nothing leaves.
    pub async fn shadow(&self, letter: &Letter, folder: &Path) -> Outcome {
        let body = match self {
            Channel::Email(email) => return email.shadow(letter, folder).await,
            Channel::Webhook(webhook) => webhook.body(letter),
            Channel::Guest(_) => Ok(webhook_body(letter)),
        };
        match body {
            Ok(body) => {
                let body = format!("{body:#}\n");
                email::keep(folder, format!("{}.json", letter.job), body.into_bytes()).await
            }
            Err(error) => error.outcome(),
        }
    }

    /// True when the peer recognises what it had before: a webhook by its id; e-mail arrives twice.
    pub fn is_resendable(&self) -> bool {
        match self {
            Channel::Email(_) => false,
            Channel::Webhook(_) => true,
            Channel::Guest(guest) => guest.is_resendable(),
        }
    }

    /// True when nothing leaves this machine: loopback, or a folder.
    pub fn is_local(&self) -> bool {
        match self {
            Channel::Email(email) => email.is_local(),
            Channel::Webhook(webhook) => webhook.is_local(),
            Channel::Guest(_) => false,
        }
    }
}

/// Why a channel cannot be set up. No message repeats a URL, which may carry a password.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The sender is not a mailbox.
    #[error("`from` is not a mailbox: write it as \"Shop <hello@shop.example>\"")]
    From(#[source] lettre::address::AddressError),
    /// The mailbox for answers is none.
    #[error("`reply_to` is not a mailbox: write it as \"Shop <hello@shop.example>\"")]
    ReplyTo(#[source] lettre::address::AddressError),
    /// The mailbox for opt-outs is no address.
    #[error("`unsubscribe_mailbox` is not an address: write it as unsubscribe@shop.example")]
    UnsubscribeMailbox(#[source] lettre::address::AddressError),
    /// No relay to send through.
    #[error("the e-mail channel has no relay: add one under [[channel.email.relay]]")]
    NoRelay,
    /// A relay's URL cannot be read.
    #[error("the relay's url {0}: write smtp://, smtps:// or smtp+starttls:// with a host, or file:DIR")]
    RelayUrl(&'static str),
    /// TLS towards a relay cannot be set up.
    #[error("TLS towards relay {relay} cannot be set up")]
    RelayTls {
        /// The relay, without its password.
        relay: String,
        /// Why.
        source: TlsError,
    },
    /// The endpoint's URL cannot be read.
    #[error("the webhook's url is not an http or https url with a host")]
    WebhookUrl,
    /// The secret cannot be used.
    #[error("the webhook's secret {0}: write whsec_ and base64, or any text")]
    Secret(&'static str),
    /// A header cannot be used. Its value is not repeated.
    #[error("the webhook's header {name} cannot be used: {why}")]
    Header {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// The HTTP client cannot be set up.
    #[error("the http client cannot be set up")]
    Http(#[source] reqwest::Error),
}
