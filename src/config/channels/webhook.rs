//! Owns `[channel.NAME]` for a webhook: where it posts, how it signs, how fast; opens no connection.

use chrono::TimeDelta;
use reqwest::Url;

use super::super::peers::{is_loopback, is_private, web_url};
use super::super::reader::Section;
use super::super::secret::{Secret, Surroundings, secret};
use super::super::values;
use crate::domain::rate::Rate;

/// A signed webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where it posts.
    pub url: Url,
    /// What it signs with: `whsec_…`, or any text.
    pub secret: Secret,
    /// It may reach addresses that the internet cannot.
    pub allow_private_network: bool,
    /// How long one hand-over may take.
    pub timeout: TimeDelta,
    /// Posts under way at once; as many as the queue's deliveries when absent.
    pub concurrency: Option<usize>,
    /// How fast it may be posted to.
    pub rate: Option<Rate>,
}

/// Reads the section.
pub(super) fn read(s: &mut Section<'_>, around: Surroundings<'_>) -> Option<Webhook> {
    let url = s.required("url", web_url("a web address", "https://crm.shop.example/hook"));
    let secret = s.required_by("secret", "{ env = \"CRM_SECRET\" }", |s| secret(s, "secret", around));
    if let Some(advice) = secret.as_ref().and_then(|s| undecodable(s)) {
        s.problem("secret", "the secret begins with whsec_ but is no Standard Webhooks secret", advice);
    }
    let allow_private_network = s.get("allow_private_network", values::switch()).unwrap_or(false);
    let timeout = s.get("timeout", values::patience("15s")).unwrap_or(TimeDelta::seconds(15));
    let concurrency = s.get("concurrency", values::whole(1..=1_000, "16")).map(|n| n as usize);
    let rate = s.get("rate", values::rate("100/s"));
    let url = url?;
    if !allow_private_network {
        let help = "use https to a public host; for a receiver in your own network set `allow_private_network = true`";
        if url.scheme() == "http" && !is_loopback(&url) {
            s.problem("url", format!("`{}` is not encrypted", s.path_to("url")), help);
        } else if is_private(&url) {
            s.problem("url", format!("`{}` lies in a private network", s.path_to("url")), help);
        }
    }
    Some(Webhook { url, secret: secret?, allow_private_network, timeout, concurrency, rate })
}

/// Advice when a `whsec_` secret is not base64.
fn undecodable(secret: &Secret) -> Option<&'static str> {
    let text = secret.expose();
    let wrong = text.starts_with("whsec_") && standardwebhooks::Webhook::new(text).is_err();
    wrong.then_some("after whsec_ comes base64; any other text is taken as it is")
}
