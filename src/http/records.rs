//! Owns the routes by which a shop pushes its records, and how a request lays them out; knows nothing of what records
//! are.

use std::sync::Arc;

use axum::body::Body as RequestBody;
use axum::extract::State;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Face, body, refusal, try_again};
use crate::desk::push::{Body, PushError};
use crate::intake::{Format, Kind};

/// The largest body that is read, packed as it comes, in bytes.
const LARGEST: usize = 8 * 1024 * 1024;

/// How a workbook of Excel's calls itself.
const WORKBOOK: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Bodies that are in memory or on their way into the ledger at once; further requests wait.
const AT_ONCE: usize = 4;

/// One route a kind, of its name.
pub(super) fn routes() -> Router<Face> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let route = |router: Router<Face>, kind: Kind| {
        let turns = turns.clone();
        let take = move |State(face): State<Face>, headers: HeaderMap, body: RequestBody| async move {
            let Ok(turn) = turns.acquire_owned().await else { return try_again() };
            take(kind, &face, &headers, body, turn).await.unwrap_or_else(|refused| refused)
        };
        router.route(&format!("/{}", kind.as_str()), post(take))
    };
    Kind::ALL.into_iter().fold(Router::new(), route)
}

async fn take(
    kind: Kind,
    face: &Face,
    headers: &HeaderMap,
    body: RequestBody,
    turn: OwnedSemaphorePermit,
) -> Result<Response, Response> {
    let (format, gzip) = (format(headers), is_packed(headers)?);
    let bytes = body::whole(body, LARGEST).await?;
    let push = (face.push)(kind, Body { bytes, gzip, format });
    // Once begun it ends, though the answer be late: an import cut off would hold reminders back for minutes.
    let push = async move {
        let _turn = turn;
        push.await
    };
    let pushed = tokio::spawn(push).await.map_err(|_| try_again())?.map_err(refused)?;
    let nothing_right = pushed.rejected > 0 && pushed.rejected == pushed.read;
    let status = if nothing_right { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, Json(pushed)).into_response())
}

/// JSON, unless it says that it is something else that we read: many send JSON under whatever name.
fn format(headers: &HeaderMap) -> Format {
    match text(headers, CONTENT_TYPE) {
        Some(kind) if kind.starts_with("text/csv") => Format::Csv,
        Some(kind) if kind.starts_with(WORKBOOK) => Format::Xlsx,
        _ => Format::Jsonl,
    }
}

#[expect(clippy::result_large_err)] // an answer, once a request
fn is_packed(headers: &HeaderMap) -> Result<bool, Response> {
    match text(headers, CONTENT_ENCODING).as_deref() {
        None | Some("" | "identity") => Ok(false),
        Some("gzip" | "x-gzip") => Ok(true),
        Some(_) => {
            let how = "only gzip is unpacked: send `Content-Encoding: gzip`, or the body as it is";
            Err(refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, how))
        }
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.trim().to_ascii_lowercase())
}

fn refused(error: PushError) -> Response {
    match error {
        PushError::TooLarge(how) => refusal(StatusCode::PAYLOAD_TOO_LARGE, &how),
        PushError::Unreadable(how) => refusal(StatusCode::UNPROCESSABLE_ENTITY, &how),
        PushError::Store(_) | PushError::Machine(_) => try_again(),
    }
}
