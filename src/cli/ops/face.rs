//! Owns what the HTTP face is told by a running process: readiness, metrics, opt-outs, bounces, reloads.

use std::sync::Arc;

use axum::Router;
use futures::future::{BoxFuture, FutureExt};
use metrics_exporter_prometheus::PrometheusHandle;

use super::reload::Reload;
use crate::config::Secret;
use crate::daemon::{Parts, real_time};
use crate::desk::feedback::{self, Received};
use crate::desk::suppress;
use crate::domain::feedback::Feedback;
use crate::domain::member::{MemberView, Purpose, Suppression};
use crate::domain::reason::Language;
use crate::http::Face;
use crate::store::{MemberKey, StoreError, Whom};

/// The routes of a process with these parts; those that want a token do nothing without one.
pub fn router(
    parts: Arc<Parts>,
    metrics: PrometheusHandle,
    token: Option<Secret>,
    reload: Arc<Reload>,
) -> Router {
    let (for_rules, for_language, for_stop) = (parts.clone(), parts.clone(), parts.clone());
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
        language: Arc::new(move |token| language(for_language.clone(), token)),
        stop: Arc::new(move |token, purpose| stop(for_stop.clone(), token, purpose).boxed()),
        token,
        reload: Arc::new(move || {
            let reload = reload.clone();
            async move { reload.reload().await }.boxed()
        }),
        receive: Arc::new(move |reports| receive(for_receive.clone(), reports).boxed()),
    })
}

fn language(parts: Arc<Parts>, token: String) -> BoxFuture<'static, Option<Language>> {
    async move {
        let member = MemberKey(parts.unsubscribe.read(&token)?);
        let usual = parts.knowledge().locale.clone();
        let known = view(&parts, member).await.ok().flatten().and_then(|v| v.member.locale);
        Some(Language::of(&known.unwrap_or(usual)))
    }
    .boxed()
}

/// Records the opt-out; true once it is in the ledger.
async fn stop(parts: Arc<Parts>, token: String, purpose: Option<Purpose>) -> bool {
    let Some(member) = parts.unsubscribe.read(&token) else { return false };
    let Ok(Some(view)) = view(&parts, MemberKey(member)).await else { return false };
    let what = Suppression { purpose, item: None, until: None };
    let whom = Whom::Member(view.member.id);
    let knowledge = parts.knowledge();
    let recorded = suppress::add(&parts.store, &knowledge, real_time(), whom, what, "unsubscribe link").await;
    recorded.inspect_err(|error| tracing::error!(%error, member, "an opt-out cannot be recorded")).is_ok()
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

async fn view(parts: &Parts, member: MemberKey) -> Result<Option<MemberView>, StoreError> {
    let now = parts.clock.now();
    parts.store.view(member, now, now).await
}
