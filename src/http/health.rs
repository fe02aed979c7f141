//! Owns what ops and their machines ask: alive, ready, how much; knows nothing of what the answers rest on.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use serde::Serialize;

use super::Face;

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    /// The hash of the rules that it goes by.
    rules: String,
    troubles: Vec<Trouble>,
}

#[derive(Serialize)]
struct Trouble {
    part: String,
    problem: String,
}

/// The process runs.
pub(super) async fn alive() -> &'static str {
    "ok"
}

/// The process can do its work; else 503 with what cannot.
pub(super) async fn ready(State(face): State<Face>) -> impl IntoResponse {
    let troubles: Vec<Trouble> =
        (face.troubles)().into_iter().map(|(part, problem)| Trouble { part, problem }).collect();
    let ready = troubles.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CACHE_CONTROL, "no-store")], Json(Readiness { ready, rules: (face.rules)(), troubles }))
}

/// The numbers of the process.
pub(super) async fn metrics(State(face): State<Face>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (face.metrics)())
}
