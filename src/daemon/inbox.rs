//! Owns the turn in which files are taken from the inbox: which are whole, of what kind, and where they go then; reads no
//! records.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Parts;
use super::folder::{Found, Look, Sweep, put_away};
use super::run::turns;
use crate::intake::Kind;

/// How often the inbox is looked into; a file is whole when it did not change from one look to the next.
const INBOX_TURN: Duration = Duration::from_secs(2);

/// The inbox, and how its files are imported.
pub struct Inbox {
    /// Where files come.
    pub folder: PathBuf,
    /// Imports a file.
    pub take: Take,
    /// What the last look saw.
    pub seen: Mutex<HashMap<PathBuf, Look>>,
}

/// Imports a file of this kind.
pub type Take = Arc<dyn Fn(Kind, PathBuf) -> BoxFuture<'static, Taken> + Send + Sync>;

/// How an import ended.
#[derive(Debug)]
pub enum Taken {
    /// It was stored.
    Stored {
        /// In a word what of it.
        told: String,
    },
    /// Nothing of the file can be kept.
    Refused {
        /// What is wrong with it.
        why: String,
        /// Its bad rows.
        rejects: Option<PathBuf>,
    },
    /// The ledger failed: the file stays and is tried again.
    Failed(String),
}

/// Why the inbox cannot be gone through.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The folder.
    #[error("the inbox {} cannot be gone through: {source}", folder.display())]
    Folder {
        /// Which one.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that cannot be stored for now.
    #[error("{file} cannot be stored for now: {why}")]
    Import {
        /// Which one.
        file: String,
        /// What is wrong.
        why: String,
    },
}

/// Looks into the inbox until told to stop, where there is one.
pub fn watch(loops: &TaskTracker, parts: &Arc<Parts>, stop: &CancellationToken) {
    if parts.inbox.is_some() {
        let p = parts.clone();
        loops.spawn(turns(stop.clone(), INBOX_TURN, move || turn(p.clone())));
    }
}

async fn turn(parts: Arc<Parts>) {
    let Some(inbox) = &parts.inbox else { return };
    let looked = inbox.look().await;
    parts.readiness.note("inbox", &looked);
}

impl Inbox {
    /// Takes in every file that is whole, in the order in which they came. In a fleet one process at a time does.
    async fn look(&self) -> Result<(), InboxError> {
        let folder = self.folder.clone();
        let Some(sweep) = self.blocking(move || Sweep::of(&folder)).await? else { return Ok(()) };
        let looks = sweep.found.iter().map(|found| (found.path.clone(), found.look)).collect();
        let before = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *seen, looks)
        };
        let is_whole = |found: &&Found| before.get(&found.path) == Some(&found.look);
        for found in sweep.found.iter().filter(is_whole) {
            self.take_in(found).await?;
        }
        Ok(())
    }

    async fn take_in(&self, found: &Found) -> Result<(), InboxError> {
        let file = found.name();
        let Some(kind) = found.kind else {
            let why = "its name does not begin with orders, returns, members or products (訂單, 退貨, 會員, 商品), and it lies in \
                no folder of that name";
            return self.refuse(found, why, None).await;
        };
        match (self.take)(kind, found.path.clone()).await {
            Taken::Stored { told } => {
                tracing::info!(file, kind = kind.as_str(), told, "taken in");
                self.put(found, "done", None).await
            }
            Taken::Refused { why, rejects } => self.refuse(found, &why, rejects).await,
            Taken::Failed(why) => Err(InboxError::Import { file, why }),
        }
    }

    async fn refuse(&self, found: &Found, why: &str, rejects: Option<PathBuf>) -> Result<(), InboxError> {
        tracing::error!(file = found.name(), why, "refused");
        self.put(found, "refused", rejects).await
    }

    /// Moves the file, and its bad rows with it, to where nobody takes it again.
    async fn put(
        &self,
        found: &Found,
        place: &'static str,
        rejects: Option<PathBuf>,
    ) -> Result<(), InboxError> {
        let (path, into) = (found.path.clone(), self.folder.join(place));
        self.blocking(move || put_away(&path, &into, rejects.as_deref())).await?;
        metrics::counter!("replenish_inbox_total", "result" => place).increment(1);
        Ok(())
    }

    async fn blocking<T: Send + 'static>(
        &self,
        act: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, InboxError> {
        let done = tokio::task::spawn_blocking(act).await.unwrap_or_else(|e| Err(io::Error::other(e)));
        done.map_err(|source| InboxError::Folder { folder: self.folder.clone(), source })
    }
}
