//! The demo's webhook receiver: verifies every signature and counts; the shop's CRM stands here in real life.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use standardwebhooks::Webhook;

/// What the demo signs its webhooks with.
pub const SECRET: &str = "whsec_ZGVtby1vbmx5LXNlY3JldC1vZi1hLW1hZGUtdXAtc2hvcA==";

/// A receiver on a free port of this machine, for as long as the demo runs.
pub struct Receiver {
    address: SocketAddr,
    seen: Arc<AtomicU64>,
}

impl Receiver {
    /// Starts listening.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(AtomicU64::new(0));
        let router = Router::new().route("/hook", post(take)).with_state(seen.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, seen })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Messages that came with a valid signature.
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }
}

async fn take(State(seen): State<Arc<AtomicU64>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let genuine = Webhook::new(SECRET).is_ok_and(|webhook| webhook.verify(&body, &headers).is_ok());
    if !genuine {
        return StatusCode::UNAUTHORIZED;
    }
    seen.fetch_add(1, Ordering::Relaxed);
    StatusCode::NO_CONTENT
}
