//! Owns `[channel.email]`: the sender, its relays and their rates; opens no connection.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeDelta;
use lettre::Address;
use lettre::message::Mailbox;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::super::peers::{Encryption, RelayUrl, parse_relay, peer};
use super::super::reader::{Kind, Section};
use super::super::secret::Surroundings;
use super::super::values;
use super::dkim::{self, DkimSettings};
use crate::domain::job::OnUncertain;
use crate::domain::rate::Rate;

/// E-mail over one or more relays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// Who writes: `Shop <hello@shop.example>`.
    pub from: Mailbox,
    /// Where answers go; to the sender when absent.
    pub reply_to: Option<Mailbox>,
    /// An address that takes opt-outs by mail.
    pub unsubscribe_mailbox: Option<Address>,
    /// The keys that sign every mail.
    pub dkim: Vec<DkimSettings>,
    /// Where mail is handed over, the first choice first; never empty.
    pub relays: Vec<RelaySettings>,
    /// How fast the mailboxes of a domain may be written to, by the domain in lower case.
    pub domain_rates: BTreeMap<String, Rate>,
    /// Mails under way at once, and so the most connections to a relay; as many as the queue's deliveries when absent.
    pub connections: Option<usize>,
    /// What becomes of mail that may or may not have arrived.
    pub on_uncertain: OnUncertain,
    /// How long one hand-over may take.
    pub timeout: TimeDelta,
}

/// One `[[channel.email.relay]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelaySettings {
    /// Where mail is handed over.
    pub url: RelayUrl,
    /// How fast.
    pub rate: Option<Rate>,
    /// Whether mail may go to another machine in plain text.
    pub allow_plaintext: bool,
    /// Certificates (PEM) that the relay's own may be signed by, beside those of the public authorities.
    pub ca: Option<String>,
}

/// Reads the section.
pub(super) fn read(s: &mut Section<'_>, around: Surroundings<'_>) -> Option<Email> {
    let from = s.required("from", mailbox());
    let reply_to = s.get("reply_to", mailbox());
    let unsubscribe_mailbox = s.get("unsubscribe_mailbox", address());
    let dkim = dkim::read(s, from.as_ref().map(|from| from.email.domain()), around);
    let example = "[{ url = \"smtp://127.0.0.1:2525\" }]";
    let relays = s.required_by("relay", example, |s| s.sections("relay", |s| relay(s, around)));
    let domain_rates = s.pairs("domain_rates", &domain(), &values::rate("20/s")).into_iter().collect();
    let connections = s.get("connections", values::whole(1..=1_000, "20")).map(|n| n as usize);
    let policies = [("hold", OnUncertain::Hold), ("resend", OnUncertain::Resend)];
    let on_uncertain = s.get("on_uncertain", values::one_of(&policies)).unwrap_or(OnUncertain::Hold);
    let timeout = s.get("timeout", values::patience("60s")).unwrap_or(TimeDelta::seconds(60));
    let relays: Vec<RelaySettings> = relays.into_iter().collect::<Option<_>>()?;
    if relays.is_empty() {
        return None;
    }
    let (from, dkim) = (from?, dkim?);
    Some(Email {
        from,
        reply_to,
        unsubscribe_mailbox,
        dkim,
        relays,
        domain_rates,
        connections,
        on_uncertain,
        timeout,
    })
}

fn relay(s: &mut Section<'_>, around: Surroundings<'_>) -> Option<RelaySettings> {
    let kind = ("a relay", "smtp://127.0.0.1:2525");
    let url =
        s.required_by("url", kind.1, |s| peer(s, "url", around, kind, |text| parse_relay(text, around.base)));
    let rate = s.get("rate", values::rate("50/s"));
    let allow_plaintext = s.get("allow_plaintext", values::switch()).unwrap_or(false);
    let ca = s.get("ca", values::path("a file", "relay-ca.pem", around.base));
    let url = url?;
    check_encryption(s, &url, allow_plaintext, ca.is_some());
    let ca = ca.and_then(|path| certificates(s, &path));
    Some(RelaySettings { url, rate, allow_plaintext, ca })
}

/// Says what contradicts itself, and that no password leaves this machine in plain text.
fn check_encryption(s: &mut Section<'_>, url: &RelayUrl, allow_plaintext: bool, has_ca: bool) {
    let encryption = url.encryption();
    if allow_plaintext && encryption != Encryption::ByPlace {
        let message =
            "`allow_plaintext` says nothing here: the relay is on this machine, or its url asks for TLS";
        s.problem("allow_plaintext", message, "leave it out; it is for smtp:// to another machine");
    }
    let is_plain = encryption == Encryption::None || (allow_plaintext && encryption == Encryption::ByPlace);
    if allow_plaintext && is_plain && url.has_password() {
        let message = "a password would leave this machine in plain text";
        s.problem("allow_plaintext", message, "leave it out: the connection is then encrypted by STARTTLS");
    }
    if has_ca && is_plain {
        let help = "leave it out, or write the url as smtps:// or smtp+starttls://";
        s.problem("ca", "`ca` says nothing here: connections to this relay are not encrypted", help);
    }
}

/// The text of a file that holds certificates.
fn certificates(s: &mut Section<'_>, path: &Path) -> Option<String> {
    let message = match std::fs::read_to_string(path) {
        Ok(pem) if is_pem(&pem) => return Some(pem),
        Ok(_) => format!("{} holds no certificate", path.display()),
        Err(error) => format!("{} cannot be read: {error}", path.display()),
    };
    s.problem("ca", message, "name a file in PEM: -----BEGIN CERTIFICATE----- and so on");
    None
}

fn is_pem(text: &str) -> bool {
    let mut found = CertificateDer::pem_slice_iter(text.as_bytes()).peekable();
    found.peek().is_some() && found.all(|certificate| certificate.is_ok())
}

/// The right part of addresses.
fn domain() -> Kind<'static, String> {
    Kind::text("a domain", "gmail.com", |text| {
        let is_domain = text.contains('.') && !text.contains(['@', '/', ' ', '*']);
        let advice = || "what stands behind the @ of addresses, as gmail.com".to_owned();
        is_domain.then(|| text.to_lowercase()).ok_or_else(advice)
    })
}

fn mailbox() -> Kind<'static, Mailbox> {
    Kind::text("a mailbox", "Shop <hello@shop.example>", |text| {
        let advice =
            || "a name, then the address in angle brackets; quote a name that has other signs".to_owned();
        let mailbox: Mailbox = text.parse().map_err(|_| advice())?;
        // The parser stops at the first thing it does not know.
        let whole = text.trim_end_matches('>').trim_end().ends_with(&mailbox.email.to_string());
        match is_plain(&mailbox.email) {
            true if whole && !text.contains(char::is_control) => Ok(mailbox),
            true => Err(advice()),
            false => Err(PLAIN.to_owned()),
        }
    })
}

fn address() -> Kind<'static, Address> {
    Kind::text("an address", "unsubscribe@shop.example", |text| {
        let address: Address = text.parse().map_err(|_| "an address by itself, without a name".to_owned())?;
        if is_plain(&address) { Ok(address) } else { Err(PLAIN.to_owned()) }
    })
}

const PLAIN: &str = "the address has ASCII letters only and no quotes: a domain with others as DNS has it, beginning with xn--";

/// True when every server and every header carries the address as it is.
fn is_plain(address: &Address) -> bool {
    let text = address.to_string();
    text.is_ascii() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "\"\\".contains(c))
}
