//! Owns the question whether all that the settings name is there: relays, endpoints, ledger, queue; changes nothing.

use std::collections::HashMap;

use serde::Serialize;

use crate::channel::{Certificate, Channel, Probe};
use crate::domain::ids::ChannelName;
use crate::queue::{RedisQueue, host_of};
use crate::store::{Store, StoreError};

/// One peer, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// What it is for: `store`, `queue`, or the channel's name.
    pub part: String,
    /// The peer, without user and password.
    pub peer: String,
    /// True when it can be worked with.
    pub ok: bool,
    /// What it says, or what keeps it from answering.
    pub says: String,
    /// What it shows of itself, where it is reached by TLS.
    pub tls: Option<Certificate>,
}

impl Peer {
    fn of(part: &str, peer: &str, answer: Result<String, String>) -> Self {
        let ok = answer.is_ok();
        let (part, peer) = (part.to_owned(), peer.to_owned());
        Self { part, peer, ok, says: answer.unwrap_or_else(|why| why), tls: None }
    }
}

/// Asks every relay and endpoint of the channels, all at once, in the order of their names.
pub async fn channels(channels: &HashMap<ChannelName, Channel>) -> Vec<Peer> {
    let of_channel = async |(name, channel): (&ChannelName, &Channel)| {
        let told = |Probe { peer, answer, certificate }| Peer {
            tls: certificate,
            ..Peer::of(name.as_str(), &peer, answer)
        };
        channel.probe().await.into_iter().map(told).collect::<Vec<_>>()
    };
    let asked = futures::future::join_all(channels.iter().map(of_channel)).await;
    let mut peers: Vec<Peer> = asked.into_iter().flatten().collect();
    peers.sort_by(|a, b| a.part.cmp(&b.part));
    peers
}

/// Asks the ledger, which people know as `name`.
pub async fn store(name: &str, store: Result<Store, StoreError>) -> Peer {
    let asked = match store {
        Ok(store) => store.version().await,
        Err(error) => Err(error),
    };
    Peer::of("store", name, asked.map_err(|error| with_causes(&error)))
}

/// Asks the queue in Redis.
pub async fn queue(url: &str) -> Peer {
    let asked = match RedisQueue::connect(url).await {
        Ok(queue) => queue.version().await,
        Err(error) => Err(error),
    };
    Peer::of("queue", &host_of(url), asked.map_err(|error| with_causes(&error)))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
