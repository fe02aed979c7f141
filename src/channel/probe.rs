//! Owns what a peer tells when it is only asked whether it is there; knows nothing of messages.

use chrono::DateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::domain::ids::Timestamp;

/// One peer, asked whether it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The peer, without user and password.
    pub peer: String,
    /// What it says; else what keeps it from answering. Without addresses and secrets.
    pub answer: Result<String, String>,
    /// What it shows of itself, where it is reached by TLS.
    pub certificate: Option<Certificate>,
}

/// A peer's certificate, as far as people look at it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Certificate {
    /// The names it is for.
    pub names: Vec<String>,
    /// Who vouches for it.
    pub issuer: String,
    /// From when it is valid.
    pub valid_from: Timestamp,
    /// Until when it is valid.
    pub valid_until: Timestamp,
}

impl Certificate {
    /// Reads DER; nothing when it cannot be read.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        Some(Self {
            names: names(&certificate),
            issuer: certificate.issuer().to_string(),
            valid_from: at(validity.not_before.timestamp())?,
            valid_until: at(validity.not_after.timestamp())?,
        })
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let names = alternatives.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    };
    names.iter().filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| std::net::Ipv4Addr::from(bytes).to_string());
    let v6 = || <[u8; 16]>::try_from(bytes).map(|bytes| std::net::Ipv6Addr::from(bytes).to_string());
    v4.or_else(|_| v6()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_tells_names_and_dates() {
        let names = ["mail.shop.example".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        let mut params = rcgen::CertificateParams::new(names.to_vec()).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 2);
        params.not_after = rcgen::date_time_ymd(2027, 3, 4);
        let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let read = Certificate::read(certificate.der()).unwrap();
        assert_eq!(read.names, names);
        assert_eq!(read.valid_from.to_rfc3339(), "2026-01-02T00:00:00+00:00");
        assert_eq!(read.valid_until.to_rfc3339(), "2027-03-04T00:00:00+00:00");
        assert!(read.issuer.contains("rcgen"), "{}", read.issuer);
        assert_eq!(Certificate::read(b"nonsense"), None);
    }
}
