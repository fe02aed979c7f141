//! Owns what the HTTP face is told by a running process: readiness, metrics, opt-outs, bounces, reloads.

use std::sync::Arc;

use axum::Router;
use futures::future::FutureExt;
use metrics_exporter_prometheus::PrometheusHandle;

use super::reload::Reload;
use crate::config::Secret;
use crate::daemon::{Parts, real_time};
use crate::desk::feedback::{self, Received};
use crate::desk::unsubscribe::{self, Choice, Choices};
use crate::domain::feedback::Feedback;
use crate::http::Face;

/// The routes of a process with these parts; those that want a token do nothing without one.
pub fn router(
    parts: Arc<Parts>,
    metrics: PrometheusHandle,
    token: Option<Secret>,
    reload: Arc<Reload>,
) -> Router {
    let (for_rules, for_choices, for_stop) = (parts.clone(), parts.clone(), parts.clone());
    let for_receive = parts.clone();
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
        token,
        reload: Arc::new(move || {
            let reload = reload.clone();
            async move { reload.reload().await }.boxed()
        }),
        receive: Arc::new(move |reports| receive(for_receive.clone(), reports).boxed()),
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
