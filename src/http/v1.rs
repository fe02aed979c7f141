//! Owns what callers with a token may do, and that no one else gets in; knows nothing of what their calls do.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use super::{Face, hooks, records, refusal, try_again, within};
use crate::daemon::real_time;
use crate::intake::Events;

/// Records in large bodies have this long, over slow lines too.
const LONGEST_PUSH: Duration = Duration::from_secs(120);
/// The largest body of events that is read, in bytes.
const LARGEST_EVENTS: usize = 1024 * 1024;

/// The routes below /v1. The layer stands before all of them, before unknown ones and other methods too: who shows no
/// token learns nothing of what is there. Only what shops sign themselves comes beside it.
pub(super) fn routes(face: &Face, limit: Duration) -> Router<Face> {
    let brief = Router::new()
        .route("/reload", post(reload))
        .route("/events", post(events).layer(DefaultBodyLimit::max(LARGEST_EVENTS)));
    within(limit, brief)
        .merge(within(LONGEST_PUSH, records::routes()))
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, "there is nothing here") })
        .layer(from_fn_with_state(face.clone(), with_token))
        .merge(within(limit, hooks::routes()))
}

async fn reload(State(face): State<Face>) -> Response {
    match (face.reload)().await {
        Ok(reloaded) => Json(reloaded).into_response(),
        Err(problems) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "problems": problems }))).into_response()
        }
    }
}

async fn events(State(face): State<Face>, body: Bytes) -> Response {
    let Events { reports, rejected } = Events::read(&body, real_time());
    if reports.is_empty() && !rejected.is_empty() {
        let how = "none of this is an event: send one JSON object, an array of them, or one a line";
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": how, "rejected": rejected })))
            .into_response();
    }
    match (face.receive)(reports).await.map(serde_json::to_value) {
        Some(Ok(mut answer)) => {
            answer["rejected"] = json!(rejected);
            Json(answer).into_response()
        }
        _ => try_again(),
    }
}

async fn with_token(State(face): State<Face>, request: Request, next: Next) -> Response {
    let Some(token) = &face.token else {
        let how = "nobody may call this: set `token` under [http] in the settings, and restart";
        return refusal(StatusCode::FORBIDDEN, how);
    };
    if shown(request.headers()).is_some_and(|shown| are_equal(shown, token.expose())) {
        return next.run(request).await;
    }
    let how = "show the token of the settings: `Authorization: Bearer TOKEN`";
    ([(WWW_AUTHENTICATE, "Bearer")], refusal(StatusCode::UNAUTHORIZED, how)).into_response()
}

/// The token of the request, after a scheme whose case does not matter.
fn shown(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Takes the same time wherever the texts part, so that no one can guess a token letter by letter.
fn are_equal(one: &str, other: &str) -> bool {
    let tag = |text: &str| Hmac::<Sha256>::new(&[0; 64].into()).chain_update(text).finalize();
    tag(one) == tag(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_behind_its_scheme_is_the_token() {
        let of = |value: &str| HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        assert_eq!(shown(&of("Bearer s3cret")), Some("s3cret"));
        assert_eq!(shown(&of("bEARER  s3cret ")), Some("s3cret"));
        for other in ["s3cret", "Basic s3cret", "Bearers3cret", ""] {
            assert_eq!(shown(&of(other)), None, "{other}");
        }
        assert_eq!(shown(&HeaderMap::new()), None);
        assert!(are_equal("s3cret", "s3cret"));
        for other in ["", "s3cre", "s3cret0", "S3cret"] {
            assert!(!are_equal(other, "s3cret"), "{other}");
        }
    }
}
