//! Owns `[channel.NAME]`: `email` is e-mail, any other name a webhook; opens no connection.

use chrono::TimeDelta;
use lettre::message::Mailbox;
use reqwest::Url;

use super::peers::{RelayUrl, is_loopback, is_private, parse_relay, peer, web_url};
use super::reader::{Kind, Section};
use super::secret::{Secret, Surroundings, secret};
use super::values;
use crate::domain::job::OnUncertain;

/// The one channel that writes e-mail.
pub const EMAIL: &str = "email";

/// A way to reach members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// `[channel.email]`.
    Email(Email),
    /// Any other name.
    Webhook(Webhook),
}

/// E-mail over one or more relays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// Who writes: `Shop <hello@shop.example>`.
    pub from: Mailbox,
    /// Where mail is handed over, the first choice first; never empty.
    pub relays: Vec<RelayUrl>,
    /// What becomes of mail that may or may not have arrived.
    pub on_uncertain: OnUncertain,
    /// How long one hand-over may take.
    pub timeout: TimeDelta,
}

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
}

/// Reads one channel.
pub fn read(name: &str, s: &mut Section<'_>, around: Surroundings<'_>) -> Option<Channel> {
    if !name.chars().all(|c| c.is_alphanumeric() || "-_".contains(c)) {
        let help = "a channel's name has letters, digits, `-` and `_` only, as [channel.crm]";
        s.problem("", format!("`{}` is not a name for a channel", s.path()), help);
    }
    match name {
        EMAIL => email(s, around).map(Channel::Email),
        _ => webhook(s, around).map(Channel::Webhook),
    }
}

fn email(s: &mut Section<'_>, around: Surroundings<'_>) -> Option<Email> {
    let from = s.required("from", mailbox());
    let example = "[{ url = \"smtp://127.0.0.1:2525\" }]";
    let relays = s.required_by("relay", example, |s| s.sections("relay", |s| relay(s, around)));
    let policies = [("hold", OnUncertain::Hold), ("resend", OnUncertain::Resend)];
    let on_uncertain = s.get("on_uncertain", values::one_of(&policies)).unwrap_or(OnUncertain::Hold);
    let timeout = s.get("timeout", values::patience("60s")).unwrap_or(TimeDelta::seconds(60));
    let relays: Vec<RelayUrl> = relays.into_iter().collect::<Option<_>>()?;
    if relays.is_empty() { None } else { Some(Email { from: from?, relays, on_uncertain, timeout }) }
}

fn relay(s: &mut Section<'_>, around: Surroundings<'_>) -> Option<RelayUrl> {
    let kind = ("a relay", "smtp://127.0.0.1:2525");
    s.required_by("url", kind.1, |s| peer(s, "url", around, kind, |text| parse_relay(text, around.base)))
}

fn webhook(s: &mut Section<'_>, around: Surroundings<'_>) -> Option<Webhook> {
    let url = s.required("url", web_url("a web address", "https://crm.shop.example/hook"));
    let secret = s.required_by("secret", "{ env = \"CRM_SECRET\" }", |s| secret(s, "secret", around));
    if let Some(advice) = secret.as_ref().and_then(|s| undecodable(s)) {
        s.problem("secret", "the secret begins with whsec_ but is no Standard Webhooks secret", advice);
    }
    let allow_private_network = s.get("allow_private_network", values::switch()).unwrap_or(false);
    let timeout = s.get("timeout", values::patience("15s")).unwrap_or(TimeDelta::seconds(15));
    let url = url?;
    if !allow_private_network {
        let help = "use https to a public host; for a receiver in your own network set `allow_private_network = true`";
        if url.scheme() == "http" && !is_loopback(&url) {
            s.problem("url", format!("`{}` is not encrypted", s.path_to("url")), help);
        } else if is_private(&url) {
            s.problem("url", format!("`{}` lies in a private network", s.path_to("url")), help);
        }
    }
    Some(Webhook { url, secret: secret?, allow_private_network, timeout })
}

/// Advice when a `whsec_` secret is not base64.
fn undecodable(secret: &Secret) -> Option<&'static str> {
    let text = secret.expose();
    let wrong = text.starts_with("whsec_") && standardwebhooks::Webhook::new(text).is_err();
    wrong.then_some("after whsec_ comes base64; any other text is taken as it is")
}

fn mailbox() -> Kind<'static, Mailbox> {
    Kind::text("a mailbox", "Shop <hello@shop.example>", |text| {
        let advice =
            || "a name, then the address in angle brackets; quote a name that has other signs".to_owned();
        let mailbox: Mailbox = text.parse().map_err(|_| advice())?;
        // The parser stops at the first thing it does not know.
        let whole = text.trim_end_matches('>').trim_end().ends_with(&mailbox.email.to_string());
        if whole && !text.contains(char::is_control) { Ok(mailbox) } else { Err(advice()) }
    })
}
