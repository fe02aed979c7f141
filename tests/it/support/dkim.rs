//! Keys that sign mail, and a verifier of others' making that finds their public halves.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator, Parameters, ResolverCache, Txt};
use replenish::channel::{Dkim, DkimKey};
use ring::signature::{Ed25519KeyPair, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

pub const ED25519: &str = include_str!("../channel/keys/ed25519.pem");
pub const RSA: &str = include_str!("../channel/keys/rsa.pem");
/// Made from the keys by the commands of the README.
const PUBLISHED: [(&str, &str); 2] =
    [("ed", include_str!("../channel/keys/ed25519.txt")), ("rsa", include_str!("../channel/keys/rsa.txt"))];

/// The key of selector `ed`.
pub fn ed25519() -> Dkim {
    let der = PrivatePkcs8KeyDer::from_pem_slice(ED25519.as_bytes()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).unwrap();
    signer("ed", DkimKey::Ed25519(Arc::new(key)))
}

/// The key of selector `rsa`.
pub fn rsa() -> Dkim {
    let der = PrivatePkcs8KeyDer::from_pem_slice(RSA.as_bytes()).unwrap();
    signer("rsa", DkimKey::Rsa(Arc::new(RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap())))
}

fn signer(selector: &str, key: DkimKey) -> Dkim {
    Dkim { domain: "shop.example".to_owned(), selector: selector.to_owned(), key }
}

/// The selector of each signature, the uppermost first, and whether it holds.
pub async fn verdicts(mail: &[u8]) -> Vec<(String, bool)> {
    let published = |(selector, record): (&str, &str)| {
        let key = DomainKey::parse(record.trim().as_bytes()).unwrap();
        (format!("{selector}._domainkey.shop.example.").into_boxed_str(), Txt::DomainKey(Arc::new(key)))
    };
    let dns = Dns(PUBLISHED.into_iter().map(published).collect());
    let message = AuthenticatedMessage::parse(mail).unwrap();
    let verifier = MessageAuthenticator::new_google().unwrap();
    let outputs = verifier.verify_dkim(Parameters::new(&message).with_txt_cache(&dns)).await;
    let verdict = |output: &mail_auth::DkimOutput<'_>| {
        let selector = output.signature().map(|signature| signature.s.clone());
        (selector.unwrap_or_default(), output.result() == &DkimResult::Pass)
    };
    outputs.iter().map(verdict).collect()
}

/// What DNS holds, as answers that are already there.
struct Dns(HashMap<Box<str>, Txt>);

impl ResolverCache<Box<str>, Txt> for Dns {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.get(name).cloned()
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}
