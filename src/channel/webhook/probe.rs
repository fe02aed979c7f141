//! Owns the question whether an endpoint is there: no message, no body; knows nothing of what it does with messages.

use reqwest::tls::TlsInfo;

use super::super::probe::{Certificate, Probe};
use super::Endpoint;
use super::answer::unanswered;
use super::network::PrivateAddress;

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
                Probe { peer, answer: Err(unanswered(error).reply.unwrap_or_default()), certificate: None }
            }
        }
    }
}
