//! Owns the question whether relays are there: hello, encryption, login, good-bye; no message.

use tokio::time::timeout;

use super::super::probe::{Certificate, Probe};
use super::smtp::Smtp;
use super::{Email, Outlet};

impl Email {
    /// Asks every relay, one after the other.
    pub(in crate::channel) async fn probe(&self) -> Vec<Probe> {
        let mut probes = Vec::new();
        for (name, outlet) in &self.0.outlets {
            let (answer, certificate) = match outlet {
                Outlet::Smtp(smtp) => smtp.probe().await,
                Outlet::Folder(folder) => (writable(folder), None),
            };
            probes.push(Probe { peer: name.clone(), answer, certificate });
        }
        probes
    }
}

/// A folder that can be written to, or made.
fn writable(folder: &std::path::Path) -> Result<String, String> {
    let nearest = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
    let written = tempfile::tempfile_in(nearest).map_err(|error| format!("cannot be written: {error}"));
    written.map(|_| if nearest == folder { "can be written" } else { "will be made" }.to_owned())
}

impl Smtp {
    async fn probe(&self) -> (Result<String, String>, Option<Certificate>) {
        let mut connection = match timeout(self.patience(), self.connect()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(refusal)) => return (Err(refusal.outcome().reply.unwrap_or_default()), None),
            Err(_) => return (Err(format!("does not answer within {:?}", self.patience())), None),
        };
        let shown = connection.peer_certificate().ok();
        let certificate = shown.as_deref().and_then(Certificate::read);
        let says = format!("{}, {}", connection.server_info().name(), self.way());
        // Whether it hears the good-bye does not matter any more.
        let _ = timeout(self.patience(), connection.quit()).await;
        (Ok(says), certificate)
    }
}
