//! Owns `[channel.NAME]` for a webhook: where it posts, how it signs, how fast; opens no connection.

use std::path::PathBuf;

use chrono::TimeDelta;
use reqwest::Url;

use super::super::peers::{is_loopback, is_private, web_url};
use super::super::reader::Section;
use super::super::secret::{Secret, Surroundings, secrets};
use super::super::values;
use super::headers::{self, Header};
use crate::domain::rate::Rate;

/// A signed webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where it posts.
    pub url: Url,
    /// What it signs with, each by itself: `whsec_…`, or any text. Never empty, but beside a body of its own.
    pub secrets: Vec<Secret>,
    /// Headers besides ours.
    pub headers: Vec<Header>,
    /// A template of JSON in the place of the published body; absolute.
    pub body: Option<PathBuf>,
    /// The contact point that it needs of a member.
    pub contact: Option<String>,
    /// Statuses besides 2xx that say that a message has arrived.
    pub delivered: Vec<u16>,
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
    let body = s.get("body", values::path("a file", "line.json", around.base));
    let secrets = signing(s, body.is_some(), around);
    let headers = headers::read(s, around);
    let contact = s.get("contact", values::identifier("the name of a contact point", "line"));
    let statuses = s.list("delivered", values::whole(300..=599, "[409]"));
    let delivered = statuses.into_iter().flatten().map(|status| status as u16).collect();
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
    Some(Webhook {
        url,
        secrets: secrets?,
        headers,
        body,
        contact,
        delivered,
        allow_private_network,
        timeout,
        concurrency,
        rate,
    })
}

/// What it signs with: only a body of its own may go without.
fn signing(s: &mut Section<'_>, may_lack: bool, around: Surroundings<'_>) -> Option<Vec<Secret>> {
    let example = "{ env = \"CRM_SECRET\" }";
    let found = match may_lack {
        true => secrets(s, "secret", around).or(Some(Vec::new())),
        false => s.required_by("secret", example, |s| secrets(s, "secret", around)),
    };
    let found = found?;
    for (node, secret) in &found {
        if let Some(advice) = undecodable(secret) {
            let message = "the secret begins with whsec_ but is no Standard Webhooks secret";
            s.problem_at(&node.at, message, advice);
        }
    }
    Some(found.into_iter().map(|(_, secret)| secret).collect())
}

/// Advice when a `whsec_` secret is not base64.
fn undecodable(secret: &Secret) -> Option<&'static str> {
    let text = secret.expose();
    let wrong = text.starts_with("whsec_") && standardwebhooks::Webhook::new(text).is_err();
    wrong.then_some("after whsec_ comes base64; any other text is taken as it is")
}
