//! Owns the e-mail channel: relays in order, so many letters at a time; knows nothing of the wire.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lettre::message::Mailbox;
use tokio::sync::Semaphore;

use super::mail::Mail;
use super::smtp::Smtp;
use super::{ChannelError, Letter, Relay, folder};
use crate::domain::job::{Delivery, Outcome};
use crate::domain::reason::Reason;

/// What the settings say of an e-mail channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailOptions {
    /// The sender, as `Shop <hello@shop.example>`.
    pub from: String,
    /// Tried in order: the next one when nothing could be handed to the one before.
    pub relays: Vec<Relay>,
    /// How long a relay may take to be ready for a message, and again to answer for it.
    pub timeout: Duration,
    /// Letters under way at once, and so the most connections to a relay.
    pub connections: usize,
}

/// The e-mail channel.
#[derive(Clone)]
pub struct Email(Arc<Post>);

struct Post {
    from: Mailbox,
    outlets: Vec<(String, Outlet)>,
    turns: Semaphore,
    local: bool,
}

enum Outlet {
    Smtp(Smtp),
    Folder(PathBuf),
}

impl Email {
    pub(super) fn new(options: EmailOptions) -> Result<Self, ChannelError> {
        let from = options.from.parse().map_err(ChannelError::From)?;
        let local = options.relays.iter().all(Relay::is_local);
        let outlet = |relay: Relay| Ok((relay.to_string(), Outlet::new(relay, options.timeout)?));
        let outlets = options.relays.into_iter().map(outlet).collect::<Result<Vec<_>, ChannelError>>()?;
        if outlets.is_empty() {
            return Err(ChannelError::NoRelay);
        }
        Ok(Self(Arc::new(Post { from, outlets, turns: Semaphore::new(options.connections.max(1)), local })))
    }

    pub(super) fn is_local(&self) -> bool {
        self.0.local
    }

    /// Writes the mail that would go into a folder instead.
    pub(super) async fn shadow(&self, letter: &Letter, folder: &Path) -> Outcome {
        match Mail::write(&self.0.from, letter) {
            Ok(mail) => folder::send(folder, &mail).await,
            Err(outcome) => outcome,
        }
    }

    pub(super) async fn deliver(&self, letter: &Letter) -> Outcome {
        let mail = match Mail::write(&self.0.from, letter) {
            Ok(mail) => mail,
            Err(outcome) => return outcome,
        };
        let _turn = self.0.turns.acquire().await;
        let mut outcome = Outcome::new(Delivery::Unreachable, Some(Reason::Unreachable));
        for (name, outlet) in &self.0.outlets {
            outcome = Outcome { relay: Some(name.clone()), ..outlet.send(&mail).await };
            if outcome.result != Delivery::Unreachable {
                break;
            }
        }
        outcome
    }
}

impl Outlet {
    fn new(relay: Relay, timeout: Duration) -> Result<Self, ChannelError> {
        let name = relay.to_string();
        match relay {
            Relay::Folder(folder) => Ok(Outlet::Folder(folder)),
            Relay::Smtp { host, port, tls, credentials } => Smtp::new(host, port, tls, credentials, timeout)
                .map(Outlet::Smtp)
                .map_err(|source| ChannelError::RelayTls { relay: name, source }),
        }
    }

    async fn send(&self, mail: &Mail) -> Outcome {
        match self {
            Outlet::Smtp(smtp) => smtp.send(mail).await,
            Outlet::Folder(path) => folder::send(path, mail).await,
        }
    }
}
