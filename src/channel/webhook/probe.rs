//! Owns the question whether an endpoint is there: no message, no body; knows nothing of what it does with messages.

use reqwest::tls::TlsInfo;

use super::super::probe::{Certificate, Probe};
use super::super::reply::redacted;
use super::network::PrivateAddress;
use super::{Endpoint, causes};

impl Endpoint {
    /// Asks with HEAD: any answer shows that the endpoint is there; most refuse the method, and do nothing.
    pub(super) async fn probe(&self) -> Probe {
        let peer = self.name.clone();
        if self.forbidden {
            return Probe { peer, answer: Err(PrivateAddress.to_string()), certificate: None };
        }
        match self.client.head(self.url.clone()).send().await {
            Ok(response) => {
                let shown = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
                let certificate = shown.and_then(Certificate::read);
                let answer = format!("{:?}, {} to HEAD", response.version(), response.status());
                Probe { peer, answer: Ok(answer), certificate }
            }
            Err(error) => {
                let error = error.without_url();
                let why = causes(&error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
                Probe { peer, answer: Err(redacted(&why)), certificate: None }
            }
        }
    }
}
