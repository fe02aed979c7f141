//! Owns the routes for shops' own webhooks: only what the shop has signed gets in; knows nothing of what they say.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use tokio::sync::Semaphore;

use super::{Face, Webhook, body, refusal, try_again};
use crate::config::Secret;
use crate::intake::Platform;

/// The largest body that is read, in bytes: an order with hundreds of lines has room.
const LARGEST: usize = 4 * 1024 * 1024;

/// Bodies that are in memory at once, as nobody knows yet who sent them; further requests wait.
const AT_ONCE: usize = 16;

/// How a platform's webhooks come.
struct Form {
    platform: Platform,
    path: &'static str,
    secret: fn(&Face) -> Option<&Secret>,
    /// Holds the HMAC-SHA256 of the body as it came, in base64.
    signature: &'static str,
    topic: &'static str,
    /// Says when the shop wrote it.
    sent: Option<&'static str>,
    /// The setting that holds what they are signed with.
    setting: &'static str,
}

const SHOPIFY: Form = Form {
    platform: Platform::Shopify,
    path: "/shopify",
    secret: |face| face.shopify_secret.as_ref(),
    signature: "x-shopify-hmac-sha256",
    topic: "x-shopify-topic",
    sent: Some("x-shopify-triggered-at"),
    setting: "shopify_secret",
};

const WOOCOMMERCE: Form = Form {
    platform: Platform::WooCommerce,
    path: "/woocommerce",
    secret: |face| face.woocommerce_secret.as_ref(),
    signature: "x-wc-webhook-signature",
    topic: "x-wc-webhook-topic",
    sent: None,
    setting: "woocommerce_secret",
};

/// One route a platform. Shops can show no token: the signature stands for it.
pub(super) fn routes() -> Router<Face> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let route = |router: Router<Face>, form: &'static Form| {
        let turns = turns.clone();
        let take = move |State(face): State<Face>, headers: HeaderMap, body: Body| async move {
            let _turn = turns.acquire().await;
            take(&face, form, &headers, body).await.unwrap_or_else(|refused| refused)
        };
        router.route(form.path, post(take))
    };
    [&SHOPIFY, &WOOCOMMERCE].into_iter().fold(Router::new(), route)
}

async fn take(face: &Face, form: &Form, headers: &HeaderMap, body: Body) -> Result<Response, Response> {
    let setting = form.setting;
    let Some(secret) = (form.secret)(face) else {
        let how = format!(
            "no webhook of this shop is taken: set `{setting}` under [http] in the settings, and restart"
        );
        return Err(refusal(StatusCode::FORBIDDEN, &how));
    };
    let body = body::whole(body, LARGEST).await?;
    if form.platform == Platform::WooCommerce && is_ping(&body) {
        return Ok(Json(json!({ "ping": true })).into_response());
    }
    let shown = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_signed(&body, shown(form.signature), secret.expose()) {
        let how =
            format!("this is not signed with `{setting}` of the settings: see that both sides have the same");
        return Err(refusal(StatusCode::UNAUTHORIZED, &how));
    }
    let sent = form.sent.and_then(|name| shown(name).parse().ok());
    let heard = (face.hear)(form.platform, Webhook { topic: shown(form.topic).to_owned(), sent, body }).await;
    // What cannot be understood is answered like what was: shops give up a webhook that is refused a few times.
    Ok(heard.map_or_else(try_again, |heard| Json(heard).into_response()))
}

/// Said once, unsigned, when the webhook is set up.
fn is_ping(body: &[u8]) -> bool {
    body.strip_prefix(b"webhook_id=").is_some_and(|id| !id.is_empty() && id.iter().all(u8::is_ascii_digit))
}

/// Takes the same time wherever the signatures part.
fn is_signed(body: &[u8], signature: &str, secret: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature.trim()) else { return false };
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    mac.is_ok_and(|mac| mac.chain_update(body).verify_slice(&signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_signature_of_the_body_signs_it() {
        // RFC 4231, test case 2
        let right = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";
        let body = b"what do ya want for nothing?";
        assert!(is_signed(body, right, "Jefe"));
        for (body, signature, secret) in [
            (&body[1..], right, "Jefe"),
            (body, right, "jefe"),
            (body, right, ""),
            (body, &right[..right.len() - 4], "Jefe"),
            (body, &right.to_lowercase(), "Jefe"),
            (body, "", "Jefe"),
        ] {
            assert!(!is_signed(body, signature, secret), "{signature} {secret}");
        }
    }

    #[test]
    fn a_ping_names_its_webhook_and_nothing_else() {
        assert!(is_ping(b"webhook_id=12"));
        for other in ["webhook_id=", "webhook_id=1&a=b", "{\"webhook_id\":1}", ""] {
            assert!(!is_ping(other.as_bytes()), "{other}");
        }
    }
}
