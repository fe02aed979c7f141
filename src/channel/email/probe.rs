//! Owns the question whether relays are there: hello, encryption, login, good-bye; no message.

use std::path::Path;

use super::super::probe::{Certificate, Probe};
use super::{Email, Outlet};

impl Email {
    /// Asks every relay, one after the other.
    pub(in crate::channel) async fn probe(&self) -> Vec<Probe> {
        let mut probes = Vec::new();
        for (name, outlet) in &self.0.outlets {
            let (answer, shown) = match outlet {
                Outlet::Smtp(smtp) => smtp.look_in().await,
                Outlet::Folder(folder) => (writable(folder), None),
            };
            let certificate = shown.as_deref().and_then(Certificate::read);
            probes.push(Probe { peer: name.clone(), answer, certificate });
        }
        probes
    }
}

/// A folder that can be written to, or made.
fn writable(folder: &Path) -> Result<String, String> {
    let nearest = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
    let written = tempfile::tempfile_in(nearest).map_err(|error| format!("cannot be written: {error}"));
    written.map(|_| if nearest == folder { "can be written" } else { "will be made" }.to_owned())
}
