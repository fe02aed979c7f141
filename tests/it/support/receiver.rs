//! A webhook receiver that keeps what it was given: verifies every signature, answers as told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::sync::Notify;

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    seen: Mutex<Vec<(String, serde_json::Value)>>,
    unsigned: AtomicU64,
    refusing: AtomicBool,
    arrived: Notify,
    delay: AtomicU64,
}

impl Receiver {
    /// Listens on a free port for as long as the runtime lives.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let receiver = Self { address, state: state.clone() };
        let router = Router::new().route(
            "/hook",
            post(move |headers: HeaderMap, body: Bytes| {
                let state = state.clone();
                async move { state.take(&headers, &body).await }
            }),
        );
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// From now on answers 503 (`true`) or takes everything again.
    pub fn refuse(&self, refusing: bool) {
        self.state.refusing.store(refusing, Ordering::SeqCst);
    }

    /// Each answer takes this long.
    pub fn slow_down(&self, by: Duration) {
        self.state.delay.store(by.as_millis() as u64, Ordering::SeqCst);
    }

    /// Every message taken: its `webhook-id` and body, in order.
    pub fn seen(&self) -> Vec<(String, serde_json::Value)> {
        self.state.seen.lock().unwrap().clone()
    }

    /// How often each id was taken.
    pub fn ids(&self) -> HashMap<String, usize> {
        let mut ids = HashMap::new();
        for (id, _) in self.seen() {
            *ids.entry(id).or_default() += 1;
        }
        ids
    }

    pub fn unsigned(&self) -> u64 {
        self.state.unsigned.load(Ordering::SeqCst)
    }

    /// Waits until at least so many messages were taken.
    pub async fn until(&self, count: usize) {
        let enough = async {
            loop {
                let arrived = self.state.arrived.notified();
                if self.state.seen.lock().unwrap().len() >= count {
                    return;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), enough).await.expect("messages arrive in time");
    }
}

impl State {
    async fn take(&self, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        let delay = self.delay.load(Ordering::SeqCst);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        if self.refusing.load(Ordering::SeqCst) {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        if standardwebhooks::Webhook::new(SECRET).unwrap().verify(body, headers).is_err() {
            self.unsigned.fetch_add(1, Ordering::SeqCst);
            return StatusCode::UNAUTHORIZED;
        }
        let id = headers["webhook-id"].to_str().unwrap().to_owned();
        self.seen.lock().unwrap().push((id, serde_json::from_slice(body).unwrap()));
        self.arrived.notify_waiters();
        StatusCode::NO_CONTENT
    }
}
