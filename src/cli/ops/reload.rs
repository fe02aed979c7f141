//! Owns reloading: a running process reads its rules and templates again, when a signal or a caller says so; decides
//! nothing of what they mean.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::Mutex;

use crate::cli::open::reread;
use crate::config::Settings;
use crate::daemon::{Parts, Reloaded};
use crate::domain::problem::Problem;

/// Reads again what a process runs by.
pub struct Reload {
    config: PathBuf,
    running: Settings,
    parts: Arc<Parts>,
    /// The settings that differ from the running ones, as people were told last.
    told: Mutex<Vec<&'static str>>,
}

impl Reload {
    /// For a process that was started with these settings.
    pub fn new(config: &Path, running: Settings, parts: Arc<Parts>) -> Self {
        Self { config: config.to_owned(), running, parts, told: Mutex::default() }
    }

    /// Puts the rules and templates on disk in force, or leaves the old ones.
    ///
    /// # Errors
    /// All problems, logged already.
    pub async fn reload(&self) -> Result<Reloaded, Vec<Problem>> {
        // One at a time: what was read last is what stays.
        let mut told = self.told.lock().await;
        let channels: BTreeSet<_> = self.running.channels.keys().cloned().collect();
        let (loaded, templates) = tokio::task::block_in_place(|| reread(&self.config, &channels))
            .inspect_err(|problems| {
                self.parts.refuse(problems);
            })?;
        let differing = self.running.differing(&loaded.settings);
        if !differing.is_empty() && *told != differing {
            let settings = differing.join(", ");
            tracing::warn!(settings, "these settings changed on disk: restart to apply them");
        }
        *told = differing;
        Ok(self.parts.accept(loaded.rules, templates))
    }

    /// Reloads at every signal, for as long as the process runs.
    pub async fn at_every(&self, mut signal: Signal) {
        while signal.recv().await.is_some() {
            // How it went is in the log.
            let _ = self.reload().await;
        }
    }
}
