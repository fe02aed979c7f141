//! The face towards machines and members: health, metrics, the unsubscribe page and what callers may do; decides
//! nothing and keeps nothing.

mod body;
mod health;
mod hooks;
mod page;
mod records;
mod unsubscribe;
mod v1;
mod words;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::future::BoxFuture;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::channel::Shop;
use crate::config::Secret;
use crate::daemon::Reloaded;
use crate::desk::feedback::Received;
use crate::desk::hook::Heard;
use crate::desk::push::{Body, PushError, Pushed};
use crate::desk::unsubscribe::{Choice, Choices};
use crate::domain::feedback::Feedback;
use crate::domain::ids::Timestamp;
use crate::domain::problem::Problem;
use crate::intake::{Kind, Platform};

/// The largest body that is read, in bytes.
const LARGEST_BODY: usize = 64 * 1024;
/// A request is answered within this time, its body included.
const LONGEST_REQUEST: Duration = Duration::from_secs(10);

/// What the routes ask of the process they stand in.
#[derive(Clone)]
pub struct Face {
    /// The parts that cannot work now, each with what is wrong; readiness is their absence.
    pub troubles: Arc<dyn Fn() -> Vec<(String, String)> + Send + Sync>,
    /// The hash of the rules that the process goes by.
    pub rules: Arc<dyn Fn() -> String + Send + Sync>,
    /// All metrics, as Prometheus reads them.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// What the member whom an unsubscribe token names may choose from; `None` only for a token that is not ours. When
    /// the member cannot be looked up, the usual choices are answer enough.
    pub choices: Arc<dyn Fn(String) -> BoxFuture<'static, Option<Choices>> + Send + Sync>,
    /// Records what the member whom a token names has chosen; true once it is recorded, and so again when it already
    /// was.
    pub stop: Arc<dyn Fn(String, Choice) -> BoxFuture<'static, bool> + Send + Sync>,
    /// Whom members write to when they change their mind.
    pub shop: Shop,
    /// What callers of /v1 must show; without it nobody may call.
    pub token: Option<Secret>,
    /// Reads rules and templates again; with problems, the old ones stay.
    pub reload: Arc<dyn Fn() -> BoxFuture<'static, Result<Reloaded, Vec<Problem>>> + Send + Sync>,
    /// Does and records what bounces, complaints and opt-outs lead to; `None` when the ledger fails, and the same may come
    /// again.
    pub receive: Arc<dyn Fn(Vec<Feedback>) -> BoxFuture<'static, Option<Received>> + Send + Sync>,
    /// Takes in records of that kind.
    pub push: Arc<Push>,
    /// What Shopify signs its webhooks with; without it none is taken.
    pub shopify_secret: Option<Secret>,
    /// What WooCommerce signs its webhooks with; without it none is taken.
    pub woocommerce_secret: Option<Secret>,
    /// Does what a webhook says; `None` when the ledger fails, and the same may come again.
    pub hear: Arc<Hear>,
}

/// See [`Face::push`].
pub type Push = dyn Fn(Kind, Body) -> BoxFuture<'static, Result<Pushed, PushError>> + Send + Sync;
/// See [`Face::hear`].
pub type Hear = dyn Fn(Platform, Webhook) -> BoxFuture<'static, Option<Heard>> + Send + Sync;

/// What a shop has sent, and signed.
#[derive(Debug)]
pub struct Webhook {
    /// What it is about, in the shop's words.
    pub topic: String,
    /// When the shop wrote it, where it says so.
    pub sent: Option<Timestamp>,
    /// What it says.
    pub body: Vec<u8>,
}

/// All routes.
pub fn router(face: Face) -> Router {
    router_within(LONGEST_REQUEST, face)
}

fn router_within(limit: Duration, face: Face) -> Router {
    let open = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/u/{token}", get(unsubscribe::show).post(unsubscribe::stop));
    within(limit, open)
        .nest("/v1", v1::routes(&face, limit))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(face)
}

/// These routes, each answered within that time.
fn within(limit: Duration, routes: Router<Face>) -> Router<Face> {
    routes.layer(from_fn(move |request, next| in_time(limit, request, next)))
}

async fn in_time(limit: Duration, request: Request, next: Next) -> Response {
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| try_again())
}

fn refusal(status: StatusCode, how: &str) -> Response {
    (status, Json(json!({ "error": how }))).into_response()
}

/// The ledger fails, or this machine does: nothing is lost that the caller still has.
fn try_again() -> Response {
    let how = "not all of this could be recorded: send the same again";
    ([(RETRY_AFTER, "10")], refusal(StatusCode::SERVICE_UNAVAILABLE, how)).into_response()
}

/// Answers until `stop`, then lets requests under way finish, for as long as a request may take.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> io::Result<()> {
    serve_within(LONGEST_REQUEST, listener, router, stop).await
}

async fn serve_within(
    grace: Duration,
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let server = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    // A client that never ends its request must not hold the process.
    let cut = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        ended = server.into_future() => ended,
        () = cut => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::Notify;

    use super::*;

    /// Rings the bell when it is asked.
    fn face_that_never_answers(bell: &Arc<Notify>) -> Face {
        let bell = bell.clone();
        Face {
            troubles: Arc::new(Vec::new),
            rules: Arc::new(String::new),
            metrics: Arc::new(String::new),
            choices: Arc::new(move |_| {
                bell.notify_one();
                Box::pin(std::future::pending())
            }),
            stop: Arc::new(|_, _| Box::pin(std::future::pending())),
            shop: Shop::default(),
            token: None,
            reload: Arc::new(|| Box::pin(std::future::pending())),
            receive: Arc::new(|_| Box::pin(std::future::pending())),
            push: Arc::new(|_, _| Box::pin(std::future::pending())),
            shopify_secret: None,
            woocommerce_secret: None,
            hear: Arc::new(|_, _| Box::pin(std::future::pending())),
        }
    }

    async fn listen() -> (TcpListener, std::net::SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn what_takes_too_long_is_given_up() {
        let (listener, address) = listen().await;
        let router = router_within(Duration::from_millis(50), face_that_never_answers(&Arc::default()));
        tokio::spawn(serve(listener, router, CancellationToken::new()));
        let requests = [
            "GET /u/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            // a body that was promised and never comes
            "POST /u/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 9\r\n\r\nabc",
        ];
        for request in requests {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
            assert!(answer.contains("retry-after: 10") && answer.contains("\"error\""), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_push_once_begun_ends_though_its_answer_is_late() {
        let (listener, address) = listen().await;
        let (go, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (may_go, has_ended) = (go.clone(), ended.clone());
        let push = move |_, _| {
            let (go, ended) = (may_go.clone(), has_ended.clone());
            let push = async move {
                go.notified().await;
                ended.notify_one();
                Err(PushError::Machine(String::new()))
            };
            Box::pin(push) as BoxFuture<'static, _>
        };
        let face = Face { push: Arc::new(push), ..face_that_never_answers(&Arc::default()) };
        let router = within(Duration::from_millis(50), records::routes()).with_state(face);
        tokio::spawn(serve(listener, router, CancellationToken::new()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"POST /orders HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        go.notify_one();
        tokio::time::timeout(Duration::from_secs(5), ended.notified()).await.unwrap();
    }

    #[tokio::test]
    async fn a_client_in_the_middle_of_its_request_does_not_hold_the_process() {
        let (listener, address) = listen().await;
        let stop = CancellationToken::new();
        let asked = Arc::new(Notify::new());
        let router = router(face_that_never_answers(&asked));
        let served = tokio::spawn(serve_within(Duration::from_millis(50), listener, router, stop.clone()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /u/x HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        asked.notified().await;
        stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(5), served).await;
        assert!(ended.is_ok_and(|joined| joined.is_ok_and(|served| served.is_ok())));
    }
}
