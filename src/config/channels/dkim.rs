//! Owns `[[channel.email.dkim]]`: the keys that sign mail, read once, and for whom they sign; signs nothing.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::error::KeyRejected;
use ring::signature::{Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

use super::super::reader::{Kind, Section};
use super::super::secret::{Surroundings, secret};

/// One `[[channel.email.dkim]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimSettings {
    /// Who answers for the mail, in lower case.
    pub domain: String,
    /// Below which name the public key is published: `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The private key.
    pub key: DkimKey,
}

/// A private key. It never shows: its `Debug` is the public key.
#[derive(Debug, Clone)]
pub enum DkimKey {
    /// Of 2048 to 4096 bits.
    Rsa(Arc<RsaKeyPair>),
    /// Ed25519.
    Ed25519(Arc<Ed25519KeyPair>),
}

impl DkimKey {
    fn public(&self) -> &[u8] {
        match self {
            DkimKey::Rsa(key) => key.public_key().as_ref(),
            DkimKey::Ed25519(key) => key.public_key().as_ref(),
        }
    }
}

impl PartialEq for DkimKey {
    fn eq(&self, other: &Self) -> bool {
        self.public() == other.public()
    }
}

impl Eq for DkimKey {}

/// Reads the list; nothing when one of it is wrong. `from` is the domain of the sender, if that is known.
pub(super) fn read(
    s: &mut Section<'_>,
    from: Option<&str>,
    around: Surroundings<'_>,
) -> Option<Vec<DkimSettings>> {
    let published = RefCell::new(BTreeSet::new());
    let keys = s.sections("dkim", |s| {
        let settings = one(s, from, around)?;
        let name = format!("{}._domainkey.{}", settings.selector, settings.domain);
        if !published.borrow_mut().insert(name.clone()) {
            let help = "a name in DNS holds one key: give each key its own `selector`";
            s.problem("selector", format!("two keys are to be published at {name}"), help);
        }
        Some(settings)
    });
    keys.into_iter().collect()
}

fn one(s: &mut Section<'_>, from: Option<&str>, around: Surroundings<'_>) -> Option<DkimSettings> {
    let selector = s.required("selector", dns_name("a selector", "ed2026", "letters, digits and `-`"));
    let advice = "letters, digits and `-`, with dots between; others as DNS has them, beginning with xn--";
    let domain = s.get("domain", dns_name("a domain", "shop.example", advice));
    let domain = if s.node("domain").is_none() { from.map(str::to_lowercase) } else { domain };
    if let (Some(domain), Some(from)) = (&domain, from)
        && !is_aligned(domain, &from.to_lowercase())
    {
        let message =
            format!("`{}` is {domain}, which mail from {from} is not aligned with", s.path_to("domain"));
        let help =
            "receivers want the domain of `from` or one above it (DMARC): write that, or leave the line out";
        s.problem("domain", message, help);
    }
    let example = "{ file = \"/etc/replenish/dkim-ed25519.pem\" }";
    let text = s.required_by("key", example, |s| secret(s, "key", around))?;
    let key = parse(text.expose());
    let wrong = |message: String| {
        let help = "make one with `openssl genpkey -algorithm ed25519`, or `-algorithm RSA -pkeyopt rsa_keygen_bits:2048`";
        s.problem("key", format!("`{}` {message}", s.path_to("key")), help);
    };
    Some(DkimSettings { domain: domain?, selector: selector?, key: key.map_err(wrong).ok()? })
}

/// True for the domain itself and for one above it.
fn is_aligned(domain: &str, from: &str) -> bool {
    from == domain || from.strip_suffix(domain).is_some_and(|below| below.ends_with('.'))
}

fn dns_name(name: &str, example: &str, advice: &'static str) -> Kind<'static, String> {
    Kind::text(name, example, move |text| {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        let is_name = text.len() <= 200 && text.split('.').all(is_label);
        is_name.then(|| text.to_lowercase()).ok_or_else(|| advice.to_owned())
    })
}

/// PKCS#8 or PKCS#1 as PEM, or the 32 bytes of an Ed25519 key in base64; else what is wrong with it.
fn parse(text: &str) -> Result<DkimKey, String> {
    if !text.contains("-----BEGIN") {
        let seed = STANDARD.decode(text.trim()).map_err(|_| "holds neither PEM nor base64".to_owned())?;
        let key = Ed25519KeyPair::from_seed_unchecked(&seed);
        let key = key.map_err(|_| format!("holds {} bytes, where an Ed25519 key has 32", seed.len()))?;
        return Ok(DkimKey::Ed25519(Arc::new(key)));
    }
    match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
        Ok(PrivateKeyDer::Pkcs1(der)) => rsa(RsaKeyPair::from_der(der.secret_pkcs1_der())),
        Ok(PrivateKeyDer::Pkcs8(der)) => {
            match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()) {
                Ok(key) => Ok(DkimKey::Ed25519(Arc::new(key))),
                Err(_) => rsa(RsaKeyPair::from_pkcs8(der.secret_pkcs8_der())),
            }
        }
        Ok(_) => Err("is neither an RSA nor an Ed25519 key".to_owned()),
        Err(_) => Err("holds no private key that can be read without a passphrase".to_owned()),
    }
}

fn rsa(key: Result<RsaKeyPair, KeyRejected>) -> Result<DkimKey, String> {
    let told = |rejected: KeyRejected| match rejected.to_string().as_str() {
        "TooSmall" => "is an RSA key of fewer than 2048 bits, which receivers distrust".to_owned(),
        "TooLarge" => "is an RSA key of more than 4096 bits, which receivers do not read".to_owned(),
        "WrongAlgorithm" => "is neither an RSA nor an Ed25519 key".to_owned(),
        why => format!("is a damaged key ({why})"),
    };
    key.map(|key| DkimKey::Rsa(Arc::new(key))).map_err(told)
}
