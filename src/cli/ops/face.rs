//! Owns what the HTTP face is told by a running process: readiness, metrics, opt-outs, bounces, reloads, records.

use std::sync::Arc;

use axum::Router;
use futures::future::FutureExt;
use metrics_exporter_prometheus::PrometheusHandle;

use super::import::reading;
use super::reload::Reload;
use crate::config::Settings;
use crate::daemon::{Parts, real_time};
use crate::desk::feedback::{self, Received};
use crate::desk::hook::{self, Heard};
use crate::desk::push::{self, Body, PushError, Pushed};
use crate::desk::unsubscribe::{self, Choice, Choices};
use crate::domain::feedback::Feedback;
use crate::http::{Face, Webhook};
use crate::intake::{Kind, Platform, Reading};

/// The routes of a process with these parts; those that want a token do nothing without one.
pub fn router(
    parts: Arc<Parts>,
    metrics: PrometheusHandle,
    settings: Arc<Settings>,
    reload: Arc<Reload>,
) -> Router {
    let (for_rules, for_choices, for_stop) = (parts.clone(), parts.clone(), parts.clone());
    let (for_receive, for_push, for_hear) = (parts.clone(), parts.clone(), parts.clone());
    push::sweep(&settings.folders.data, real_time());
    let http = settings.http.clone();
    let by = settings.clone();
    let readiness = parts.readiness.clone();
    let troubles = move || {
        let all = readiness.troubles().into_iter();
        all.map(|trouble| (trouble.part.to_owned(), trouble.problem)).collect()
    };
    crate::http::router(Face {
        troubles: Arc::new(troubles),
        rules: Arc::new(move || for_rules.knowledge().rules.hash().to_owned()),
        metrics: Arc::new(move || metrics.render()),
        choices: Arc::new(move |token| choices(for_choices.clone(), token).boxed()),
        stop: Arc::new(move |token, choice| stop(for_stop.clone(), token, choice).boxed()),
        shop: parts.shop_card.clone(),
        token: http.token,
        reload: Arc::new(move || {
            let reload = reload.clone();
            async move { reload.reload().await }.boxed()
        }),
        receive: Arc::new(move |reports| receive(for_receive.clone(), reports).boxed()),
        push: Arc::new(move |kind, body| push(for_push.clone(), by.clone(), kind, body).boxed()),
        shopify_secret: http.shopify_secret,
        woocommerce_secret: http.woocommerce_secret,
        hear: Arc::new(move |from, webhook| {
            let reading = reading(&settings, Kind::Orders);
            hear(for_hear.clone(), reading, from, webhook).boxed()
        }),
    })
}

/// What the member may choose from; the usual choices while the ledger does not answer.
async fn choices(parts: Arc<Parts>, token: String) -> Option<Choices> {
    let link = parts.unsubscribe.read(&token)?;
    let (knowledge, now) = (parts.knowledge(), parts.clock.now());
    let found = unsubscribe::choices(&parts.store, &knowledge, now, &link).await;
    let usual = |error| {
        tracing::warn!(%error, member = %link.member, "the choices of an unsubscribe link cannot be looked up");
        unsubscribe::usual(&knowledge, now)
    };
    Some(found.unwrap_or_else(usual))
}

/// Records the choice; true once it is in the ledger.
async fn stop(parts: Arc<Parts>, token: String, choice: Choice) -> bool {
    let Some(link) = parts.unsubscribe.read(&token) else { return false };
    let (knowledge, now) = (parts.knowledge(), parts.clock.now());
    let recorded = unsubscribe::stop(&parts.store, &knowledge, now, &link, choice).await;
    let member = &link.member;
    recorded.inspect_err(|error| tracing::error!(%error, %member, "an opt-out cannot be recorded")).is_ok()
}

/// Acts on reports; none when the ledger fails.
async fn receive(parts: Arc<Parts>, reports: Vec<Feedback>) -> Option<Received> {
    let (store, knowledge) = (&parts.store, parts.knowledge());
    let received = feedback::receive(store, &knowledge, &parts.bounces, real_time(), reports).await;
    let received = received.inspect_err(|error| tracing::error!(%error, "events cannot be recorded")).ok()?;
    for (kind, count) in &received.kinds {
        parts.tally.feedback(*kind, *count);
    }
    Some(received)
}

/// Takes records in, as an import of a file does.
async fn push(
    parts: Arc<Parts>,
    settings: Arc<Settings>,
    kind: Kind,
    body: Body,
) -> Result<Pushed, PushError> {
    let folder = settings.folders.data.clone();
    let how = push::Intake { reading: reading(&settings, kind), folder, at: real_time() };
    let word = kind.as_str();
    let pushed = push::push(&parts.store, kind, body, how).await.inspect_err(|error| match error {
        PushError::Store(_) | PushError::Machine(_) => {
            tracing::error!(%error, kind = word, "records cannot be taken in");
        }
        PushError::TooLarge(_) | PushError::Unreadable(_) => {
            tracing::warn!(kind = word, "records came in a body that cannot be read");
        }
    })?;
    let Pushed { read, stored, replaced, duplicate, rejected, ignored, .. } = pushed;
    tracing::debug!(kind = word, read, stored, replaced, duplicate, rejected, ignored, "records came in");
    if rejected > 0 {
        tracing::warn!(kind = word, read, rejected, "records that came in are none");
    }
    parts.tally.took_in(word, results([stored, replaced, duplicate, 0, rejected, ignored]));
    Ok(pushed)
}

/// Does what a shop's webhook says; none when the ledger fails.
async fn hear(
    parts: Arc<Parts>,
    reading: Reading,
    from: Platform,
    Webhook { topic, sent, body }: Webhook,
) -> Option<Heard> {
    let heard = match from.read(&topic, &body, &reading) {
        Ok(told) => hook::hear(&parts.store, told, sent, real_time()).await,
        Err(because) => {
            tracing::warn!(?from, topic, because, "a webhook cannot be understood");
            Ok(Heard::rejected(because))
        }
    };
    let heard =
        heard.inspect_err(|error| tracing::error!(%error, ?from, "a webhook cannot be recorded")).ok()?;
    let Heard { stored, replaced, duplicate, removed, rejected, ignored, .. } = heard;
    tracing::debug!(
        ?from,
        topic,
        stored,
        replaced,
        duplicate,
        removed,
        rejected,
        ignored,
        "a webhook came in"
    );
    let results = results([stored, replaced, duplicate, removed, rejected, ignored]);
    parts.tally.took_in(Kind::Orders.as_str(), results);
    Some(heard)
}

fn results(counts: [u64; 6]) -> [(&'static str, u64); 6] {
    let [stored, replaced, duplicate, removed, rejected, ignored] = counts;
    [
        ("stored", stored),
        ("replaced", replaced),
        ("duplicate", duplicate),
        ("removed", removed),
        ("rejected", rejected),
        ("ignored", ignored),
    ]
}
