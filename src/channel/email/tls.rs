//! Owns how a relay's connection is encrypted, and whom it trusts; knows nothing of what is said over it.

use std::sync::Arc;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::Tls;

/// How one relay's connections are encrypted.
pub(super) enum Security {
    /// Not at all: on this machine, or because the settings allow it.
    None,
    /// Upgraded after the greeting, or not used.
    Starttls(TlsParameters),
    /// From the first byte; the name stands in the server's certificate.
    Implicit(TlsConnector, ServerName<'static>),
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The extra certificates cannot be read.
    #[error("`ca` holds no certificate that can be used: write PEM")]
    Certificates,
    /// The host is no name that a certificate can carry.
    #[error("the relay's host is neither a name nor an address")]
    Host,
    /// The library refuses.
    #[error("the TLS library refuses the settings")]
    Setup(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Security {
    /// For a relay at `host`. Its certificate, always checked with its name, is signed by one of the public authorities or
    /// by one of `ca` (PEM).
    pub fn of(tls: Tls, host: &str, ca: Option<&str>) -> Result<Self, TlsError> {
        match tls {
            Tls::None => Ok(Security::None),
            Tls::Starttls => starttls(host, ca).map(Security::Starttls),
            Tls::Implicit => {
                let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Host)?;
                Ok(Security::Implicit(connector(ca)?, name))
            }
        }
    }
}

fn starttls(host: &str, ca: Option<&str>) -> Result<TlsParameters, TlsError> {
    let refused = |error: SmtpError| TlsError::Setup(error.into());
    let parameters = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::WebpkiRoots);
    let extra = certificates(ca)?.into_iter().map(|certificate| Certificate::from_der(certificate.to_vec()));
    let extra: Vec<Certificate> = extra.collect::<Result<_, _>>().map_err(refused)?;
    extra.into_iter().fold(parameters, |with, one| with.add_root_certificate(one)).build().map_err(refused)
}

fn connector(ca: Option<&str>) -> Result<TlsConnector, TlsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|_| TlsError::Certificates)?;
    }
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions();
    let config = versions.map_err(|error| TlsError::Setup(error.into()))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into())
}

fn certificates(ca: Option<&str>) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let Some(pem) = ca else { return Ok(Vec::new()) };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    certificates.ok().filter(|found| !found.is_empty()).ok_or(TlsError::Certificates)
}
