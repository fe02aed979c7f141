//! Owns the turn in which files are taken from the inbox: which are whole, which wait, and where they go then; reads no
//! records.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Parts;
use super::folder::{Beside, Found, Look, Sweep, put_away};
use super::run::turns;
use crate::intake::Kind;

/// How often the inbox is looked into.
const INBOX_TURN: Duration = Duration::from_secs(2);
/// How often returns are tried again whose orders are not known; at once when another file was stored.
const AGAIN: Duration = Duration::from_secs(60);
/// How long a single pass waits for files that are being written.
const REST: Duration = Duration::from_secs(60);
/// How long returns wait for their orders.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// The inbox, and how its files are imported.
pub struct Inbox {
    /// Where files come.
    folder: PathBuf,
    /// Imports a file.
    take: Take,
    waiting: Mutex<Waiting>,
}

/// Imports a file of this kind.
pub type Take = Arc<dyn Fn(Kind, PathBuf) -> BoxFuture<'static, Taken> + Send + Sync>;

/// Files that hold returns of what is not known yet.
type Waiting = HashMap<(PathBuf, Look), Waits>;

/// Since when a file waits, and when it was tried last.
#[derive(Clone, Copy)]
struct Waits {
    since: Instant,
    tried: Instant,
}

/// How an import ended.
#[derive(Debug)]
pub enum Taken {
    /// It was stored.
    Stored {
        /// In a word what of it.
        told: String,
        /// Its bad rows.
        rejects: Option<PathBuf>,
        /// Its returns of what is not known: once it is, the same file is worth another import.
        unknown_returns: u64,
    },
    /// Nothing of the file can be kept.
    Refused {
        /// What is wrong with it.
        why: String,
        /// Its bad rows.
        rejects: Option<PathBuf>,
    },
    /// The ledger or this machine failed: the file stays and is tried again.
    Failed(String),
}

/// What became of a file.
enum Became {
    Stored,
    Refused,
    Waiting,
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
    /// A file that cannot be stored, or put away, for now.
    #[error("{file} cannot be taken in for now: {why}")]
    File {
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
    /// The inbox that this folder is.
    pub fn new(folder: PathBuf, take: Take) -> Self {
        Self { folder, take, waiting: Mutex::default() }
    }

    /// Waits until the files that lie there now can be taken in: one of them may say who need not be written to.
    pub(super) async fn rest(&self) {
        let until = Instant::now() + REST;
        for turn in 0.. {
            let folder = self.folder.clone();
            let Ok(Some(sweep)) = blocking(move || Sweep::of(&folder)).await else { return };
            let Some(fresh) = sweep.found.iter().find(|found| !found.is_quiet()) else { return };
            if Instant::now() >= until {
                tracing::warn!(file = fresh.name(), "it is still being written: the pass goes on without it");
                return;
            }
            if turn == 0 {
                tracing::info!(file = fresh.name(), "it was written a moment ago: waiting until it is whole");
            }
            drop(sweep);
            tokio::time::sleep(INBOX_TURN).await;
        }
    }

    /// Takes in every file that is whole. In a fleet one process at a time does. What is wrong with one file keeps no other
    /// one back; the error tells of the first.
    pub(super) async fn look(&self) -> Result<(), InboxError> {
        let folder = self.folder.clone();
        let swept = blocking(move || Sweep::of(&folder)).await;
        let swept = swept.map_err(|source| InboxError::Folder { folder: self.folder.clone(), source })?;
        let Some(sweep) = swept else { return Ok(()) };
        let mut waiting = self.waiting.lock().await;
        let (mut still, mut is_news, mut looked) = (Waiting::new(), false, Ok(()));
        for found in sweep.found.iter().filter(|found| found.is_quiet()) {
            let key = (found.path.clone(), found.look);
            let waits = waiting.remove(&key);
            if let Some(waits) = waits.filter(|waits| !is_news && waits.tried.elapsed() < AGAIN) {
                still.insert(key, waits);
                continue;
            }
            match self.take_in(found, waits).await {
                Ok(Became::Stored) => is_news = true,
                Ok(Became::Refused) => {}
                Ok(Became::Waiting) => {
                    let tried = Instant::now();
                    still.insert(key, Waits { since: waits.map_or(tried, |waits| waits.since), tried });
                }
                Err(why) => looked = looked.and(Err(InboxError::File { file: found.name(), why })),
            }
        }
        *waiting = still;
        looked
    }

    async fn take_in(&self, found: &Found, waits: Option<Waits>) -> Result<Became, String> {
        let Some(kind) = found.kind else {
            let why = "its name does not begin with orders, returns, members or products (訂單, 退貨, 會員, 商品), and it lies in \
                no folder of that name";
            return self.refuse(found, why.to_owned(), None).await;
        };
        let taken = (self.take)(kind, found.path.clone()).await;
        if found.has_changed() {
            tracing::info!(file = found.name(), "it was written meanwhile: it is taken in again");
            return Ok(Became::Stored);
        }
        match taken {
            Taken::Stored { unknown_returns: 1.., told, .. }
                if waits.is_none_or(|waits| waits.since.elapsed() < PATIENCE) =>
            {
                if waits.is_none() {
                    tracing::warn!(file = found.name(), told, "it waits for the orders of its returns");
                }
                Ok(Became::Waiting)
            }
            Taken::Stored { told, rejects, unknown_returns: 0 } => {
                tracing::info!(file = found.name(), kind = kind.as_str(), told, "taken in");
                self.put(found, "done", Beside { rejects, why: None }).await.map(|()| Became::Stored)
            }
            Taken::Stored { told, rejects, .. } => {
                let why = format!("an hour went by, and still: {told}");
                self.refuse(found, why, rejects).await
            }
            Taken::Refused { why, rejects } => self.refuse(found, why, rejects).await,
            Taken::Failed(why) => Err(why),
        }
    }

    /// What is wrong may quote the file, so that the log does not say it.
    async fn refuse(&self, found: &Found, why: String, rejects: Option<PathBuf>) -> Result<Became, String> {
        self.put(found, "refused", Beside { rejects, why: Some(why) }).await?;
        tracing::error!(file = found.name(), "refused: the .why.txt beside it in refused/ says why");
        Ok(Became::Refused)
    }

    /// Moves the file to where nobody takes it again, and what is to be said of it.
    async fn put(&self, found: &Found, place: &'static str, beside: Beside) -> Result<(), String> {
        let (path, into) = (found.path.clone(), self.folder.join(place));
        let put = blocking(move || put_away(&path, &into, &beside)).await;
        put.map_err(|error| format!("it cannot be moved to {place}/: {error}"))?;
        metrics::counter!("replenish_inbox_total", "result" => place).increment(1);
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(act: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(act).await.unwrap_or_else(|e| Err(io::Error::other(e)))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::Path;
    use std::time::SystemTime;

    use super::*;

    /// A file that changed so long ago.
    fn lay(folder: &Path, name: &str, age: u64) {
        let path = folder.join(name);
        fs::write(&path, name).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::from(crate::daemon::real_time()) - Duration::from_secs(age)).unwrap();
    }

    fn inbox(folder: &Path, take: impl Fn(Kind, &Path) -> Taken + Send + Sync + 'static) -> Inbox {
        let take = move |kind, path: PathBuf| -> BoxFuture<'static, Taken> {
            let taken = take(kind, &path);
            Box::pin(async move { taken })
        };
        Inbox::new(folder.to_owned(), Arc::new(take))
    }

    fn stored(unknown_returns: u64) -> Taken {
        Taken::Stored { told: "all of it".to_owned(), rejects: None, unknown_returns }
    }

    #[tokio::test]
    async fn what_fails_keeps_no_other_file_back() {
        let folder = tempfile::tempdir().unwrap();
        let lies = |name: &str| folder.path().join(name).exists();
        for name in ["members-1.csv", "members-2.csv", "orders.csv", "orders-new.csv"] {
            lay(folder.path(), name, if name.contains("new") { 5 } else { 60 });
        }
        let inbox = inbox(folder.path(), |_, path| match path.ends_with("members-1.csv") {
            true => Taken::Failed("the disk is full".to_owned()),
            false => stored(0),
        });
        let told = inbox.look().await.unwrap_err().to_string();
        assert_eq!(told, "members-1.csv cannot be taken in for now: the disk is full");
        assert!(lies("members-1.csv") && lies("done/members-2.csv") && lies("done/orders.csv"));
        assert!(lies("orders-new.csv"), "its writer may only make a pause");
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_pass_rests_for_files_that_are_being_written_and_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = inbox(folder.path(), |_, _| stored(0));
        let rested = async || {
            let started = Instant::now();
            inbox.rest().await;
            started.elapsed()
        };
        lay(folder.path(), "orders.csv", 60);
        assert_eq!(rested().await, Duration::ZERO);
        // time stands still for files: this one stays as young as it is
        lay(folder.path(), "orders-2.csv", 1);
        assert!((REST..REST + INBOX_TURN).contains(&rested().await));
    }

    #[tokio::test]
    async fn a_file_that_is_written_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        lay(folder.path(), "orders.csv", 60);
        let inbox = inbox(folder.path(), |_, path| {
            fs::write(path, "more than before").unwrap();
            stored(0)
        });
        inbox.look().await.unwrap();
        assert!(folder.path().join("orders.csv").exists() && !folder.path().join("done").exists());
    }

    #[tokio::test(start_paused = true)]
    async fn returns_wait_for_their_orders_and_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let take = seen.clone();
        let inbox = inbox(folder.path(), move |kind, _| {
            take.lock().unwrap().push(kind);
            stored(u64::from(kind == Kind::Returns))
        });
        let seen = || std::mem::take(&mut *seen.lock().unwrap());
        lay(folder.path(), "returns.csv", 90);
        inbox.look().await.unwrap();
        inbox.look().await.unwrap();
        assert_eq!(seen(), [Kind::Returns], "not at every look");
        for (name, age) in [("orders.csv", 80), ("members.csv", 60), ("products.csv", 50)] {
            lay(folder.path(), name, age);
        }
        inbox.look().await.unwrap();
        assert_eq!(seen(), [Kind::Products, Kind::Members, Kind::Orders, Kind::Returns]);
        tokio::time::advance(AGAIN).await;
        inbox.look().await.unwrap();
        assert_eq!(seen(), [Kind::Returns]);
        tokio::time::advance(PATIENCE).await;
        inbox.look().await.unwrap();
        let why = fs::read_to_string(folder.path().join("refused/returns.csv.why.txt")).unwrap();
        assert_eq!(why, "an hour went by, and still: all of it\n");
        assert!(folder.path().join("refused/returns.csv").exists());
    }
}
