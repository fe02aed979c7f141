//! Owns the e-mail channel: relays in order, as many letters as their gates let through; knows nothing of the wire.

mod dkim;
mod folder;
mod header;
mod mail;
mod pool;
mod probe;
mod relay;
mod smtp;
mod status;
mod talk;
mod tls;
mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::{Breaker, Trial};
use super::turn::{Gate, Gates, Place};
use super::{ChannelError, Letter, Pace, PutOff, Turn};
use crate::domain::job::{Delivery, Outcome};
use crate::domain::rate::Rate;
use mail::{Mail, Sender};
use smtp::Smtp;
use tls::Security;

pub use dkim::{Dkim, DkimKey};
pub(super) use folder::keep;
pub use relay::{Relay, Tls};
pub use tls::TlsError;

/// So long a mail waits for the rate of a relay that was not its first choice.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the settings say of an e-mail channel.
#[derive(Debug, Clone)]
pub struct EmailOptions {
    /// The sender, as `Shop <hello@shop.example>`.
    pub from: String,
    /// Where answers go, written alike; to the sender when absent.
    pub reply_to: Option<String>,
    /// An address that takes opt-outs by mail.
    pub unsubscribe_mailbox: Option<String>,
    /// The keys that sign every mail.
    pub dkim: Vec<Dkim>,
    /// Tried in order: the next one when nothing could be handed to the one before.
    pub relays: Vec<RelayOptions>,
    /// How fast the mailboxes of a domain may be written to, by the domain in lower case.
    pub domain_rates: BTreeMap<String, Rate>,
    /// How long a relay may take to be ready for a message, and again to answer for it.
    pub timeout: Duration,
    /// Letters under way at once, and so the most connections to a relay.
    pub connections: usize,
}

/// What the settings say of one relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayOptions {
    /// Where it is.
    pub relay: Relay,
    /// How fast it may be written to.
    pub rate: Option<Rate>,
    /// Certificates (PEM) that it may be signed by, beside those of the public authorities.
    pub ca: Option<String>,
}

/// The e-mail channel.
#[derive(Clone)]
pub struct Email(Arc<Post>);

struct Post {
    sender: Sender,
    /// The relays; the gate of each stands at the same place.
    outlets: Vec<(String, Outlet)>,
    gates: Gates,
    domain_rates: BTreeMap<String, (String, Rate)>,
    local: bool,
}

enum Outlet {
    Smtp(Smtp),
    Folder(PathBuf),
}

impl Email {
    pub(super) fn new(options: EmailOptions, pace: Pace) -> Result<Self, ChannelError> {
        let sender = Sender::new(&options)?;
        let local = options.relays.iter().all(|relay| relay.relay.is_local());
        let (mut outlets, mut each) = (Vec::new(), Vec::new());
        for RelayOptions { relay, rate, ca } in options.relays {
            let name = relay.to_string();
            let (key, breaker) = (format!("relay:{name}"), Breaker::default());
            each.push(Gate { name: name.clone(), key, rate, breaker });
            outlets.push((name, Outlet::new(relay, ca.as_deref(), options.timeout)?));
        }
        if outlets.is_empty() {
            return Err(ChannelError::NoRelay);
        }
        let gates = Gates::new(each, options.connections, pace);
        let keyed = |(domain, rate): (String, Rate)| (domain.clone(), (format!("domain:{domain}"), rate));
        let domain_rates = options.domain_rates.into_iter().map(keyed).collect();
        Ok(Self(Arc::new(Post { sender, outlets, gates, domain_rates, local })))
    }

    pub(super) fn is_local(&self) -> bool {
        self.0.local
    }

    /// Writes the mail that would go into a folder instead.
    pub(super) async fn shadow(&self, letter: &Letter, folder: &Path) -> Outcome {
        match self.0.sender.write(letter).await {
            Ok(mail) => folder::send(folder, &mail).await,
            Err(outcome) => outcome,
        }
    }

    pub(super) fn gates(&self) -> &Gates {
        &self.0.gates
    }

    /// A turn for a mail to this domain, in lower case.
    pub(super) async fn turn(
        &self,
        place: Option<Place>,
        domain: Option<&str>,
        patience: Duration,
    ) -> Result<Turn, PutOff> {
        let of_domain = domain.and_then(|domain| self.0.domain_rates.get(domain));
        self.0.gates.turn(place, of_domain.map(|(key, rate)| (key.as_str(), *rate)), patience).await
    }

    pub(super) async fn deliver(&self, letter: &Letter, turn: Turn) -> Outcome {
        let mail = match self.0.sender.write(letter).await {
            Ok(mail) => mail,
            Err(outcome) => return outcome,
        };
        let mut outcome = self.0.send(&mail, turn.peer).await;
        for next in turn.peer + 1..self.0.outlets.len() {
            if outcome.result != Delivery::Unreachable {
                break;
            }
            if let Some(_trial) = self.0.opening(next).await {
                outcome = self.0.send(&mail, next).await;
            }
        }
        outcome
    }
}

impl Post {
    /// Whether a relay that was not the first choice may have a mail now, and as its trial.
    async fn opening(&self, relay: usize) -> Option<Option<Trial>> {
        let Gate { key, rate, breaker, .. } = &self.gates.each[relay];
        let rests = breaker.rests(Instant::now()).is_some();
        if let (Some(rate), false) = (rate, rests) {
            self.gates.pace.turn(key, *rate, PATIENCE).await.ok()?;
        }
        breaker.ask(Instant::now()).ok()
    }

    /// Hands the mail to one relay, and tells its breaker how that went.
    async fn send(&self, mail: &Mail, relay: usize) -> Outcome {
        let (name, outlet) = &self.outlets[relay];
        let outcome = Outcome { relay: Some(name.clone()), ..outlet.send(mail).await };
        let gate = &self.gates.each[relay];
        match outcome.result {
            Delivery::Unreachable | Delivery::Uncertain => gate.failed(),
            _ => gate.succeeded(),
        }
        outcome
    }
}

impl Outlet {
    fn new(relay: Relay, ca: Option<&str>, timeout: Duration) -> Result<Self, ChannelError> {
        let name = relay.to_string();
        match relay {
            Relay::Folder(folder) => Ok(Outlet::Folder(folder)),
            Relay::Smtp { host, port, tls, credentials } => {
                let security = Security::of(tls, &host, ca)
                    .map_err(|source| ChannelError::RelayTls { relay: name, source })?;
                Ok(Outlet::Smtp(Smtp::new((host, port), security, credentials, timeout)))
            }
        }
    }

    async fn send(&self, mail: &Mail) -> Outcome {
        match self {
            Outlet::Smtp(smtp) => smtp.send(mail).await,
            Outlet::Folder(path) => folder::send(path, mail).await,
        }
    }
}
