//! Records in: judges a whole file first, stores it in chunks only when it is good enough; knows nothing of rows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::domain::catalog::ProductRecord;
use crate::domain::ids::Timestamp;
use crate::domain::member::MemberRecord;
use crate::domain::order::OrderLine;
use crate::domain::reason::Language;
use crate::intake::{IntakeError, Judged, Reading, Record, Rejects, Source, judge, read};
use crate::store::{Store, StoreError, Stored};

/// Records stored in one transaction: a tenth of a second of writing, so that deliveries are not starved meanwhile; the
/// rows of a chunk lie all over the members, so that many small chunks would write the same pages again and again.
const CHUNK: usize = 25_000;

/// What is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Kind {
    Orders,
    Members,
    Products,
}

impl Kind {
    /// The word used in commands, in JSON and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Orders => OrderLine::KIND,
            Kind::Members => MemberRecord::KIND,
            Kind::Products => ProductRecord::KIND,
        }
    }
}

/// What an import did with one file.
#[derive(Debug, Clone, Serialize)]
pub struct ImportReport {
    /// What was imported.
    pub kind: Kind,
    /// The file's name.
    pub file: String,
    /// Rows read.
    pub read: u64,
    /// Records that were new.
    pub stored: u64,
    /// Records that replaced others.
    pub replaced: u64,
    /// Records that changed nothing.
    pub duplicate: u64,
    /// Rows that are no record.
    pub rejected: u64,
    /// Rows that are right and of which nothing is kept: the member or the address was forgotten.
    pub ignored: u64,
    /// Where the rejected rows went.
    pub rejects_file: Option<PathBuf>,
    /// Columns that nobody reads.
    pub unknown_columns: Vec<String>,
    /// What would read more of the file.
    pub hints: Vec<String>,
    /// True when too many rows were bad, and nothing of the file was kept.
    pub refused: bool,
    /// How long it took.
    pub seconds: f64,
}

/// Why an import failed; what was stored before stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Reading stopped in the middle.
    #[error("reading the file stopped unexpectedly")]
    Stopped,
}

/// How a chunk of records is stored.
type Put<R> = fn(Store, Vec<R>) -> BoxFuture<'static, Result<Stored, StoreError>>;

/// How one file is imported.
#[derive(Clone)]
pub struct Import {
    /// Where the records are.
    pub source: Source,
    /// How they are read.
    pub reading: Reading,
    /// Where rejected rows go.
    pub rejects_folder: PathBuf,
    /// The largest share of rejected rows.
    pub max_rejects: f64,
    /// When orders came in, by the real clock.
    pub at: Timestamp,
    /// Hears the pass (1 judges, 2 stores) and the bytes of the file read in it.
    pub progress: Arc<dyn Fn(u8, u64) + Send + Sync>,
}

impl Import {
    /// Imports the file as records of `kind`.
    ///
    /// # Errors
    /// When the file cannot be read at all, or the store fails.
    pub async fn run(self, store: &Store, kind: Kind) -> Result<ImportReport, ImportError> {
        match kind {
            Kind::Orders => {
                let at = self.at;
                let put: Put<OrderLine> =
                    |store, lines| Box::pin(async move { store.put_orders(lines).await });
                let report = self.take(kind, store, put).await?;
                if !report.refused {
                    store.note_feed(at).await?;
                }
                Ok(report)
            }
            Kind::Members => {
                let put: Put<MemberRecord> =
                    |store, chunk| Box::pin(async move { store.put_members(chunk).await });
                self.take(kind, store, put).await
            }
            Kind::Products => {
                let put: Put<ProductRecord> =
                    |store, chunk| Box::pin(async move { store.put_products(chunk).await });
                self.take(kind, store, put).await
            }
        }
    }

    async fn take<R: Record + Send + 'static>(
        self,
        kind: Kind,
        store: &Store,
        put: Put<R>,
    ) -> Result<ImportReport, ImportError> {
        let started = tokio::time::Instant::now();
        let name = file_name(&self.source.path);
        let this = self.clone();
        let (judged, rejects_file) = blocking(move || this.judge::<R>()).await?;
        let refused = judged.rejected as f64 > self.max_rejects * judged.read as f64;
        let stored = if refused { Stored::default() } else { self.store(store, put).await? };
        Ok(ImportReport {
            kind,
            file: name,
            read: judged.read,
            stored: stored.stored,
            replaced: stored.replaced,
            duplicate: stored.duplicate,
            rejected: judged.rejected,
            ignored: stored.ignored,
            rejects_file,
            unknown_columns: judged.unknown_columns,
            hints: judged.hints.iter().map(|hint| hint.sentence(Language::English)).collect(),
            refused,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    fn judge<R: Record>(&self) -> Result<(Judged, Option<PathBuf>), ImportError> {
        let mut rejects = Rejects::new(&self.rejects_folder, &file_name(&self.source.path));
        let mut write = |reject| rejects.write(&reject);
        let judged = judge::<R>(&self.source, &self.reading, &mut write, &|bytes| (self.progress)(1, bytes))?;
        Ok((judged, rejects.finish().map_err(IntakeError::Rejects)?))
    }

    /// Reads on one thread and stores on another, two chunks apart.
    async fn store<R: Record + Send + 'static>(
        &self,
        store: &Store,
        put: Put<R>,
    ) -> Result<Stored, ImportError> {
        let (chunks, mut arriving) = mpsc::channel::<Vec<R>>(2);
        let this = self.clone();
        let reader = tokio::task::spawn_blocking(move || {
            read::<R, ImportError>(
                &this.source,
                &this.reading,
                CHUNK,
                &|bytes| (this.progress)(2, bytes),
                |chunk| chunks.blocking_send(chunk).map_err(|_| ImportError::Stopped),
            )
        });
        let mut sum = Stored::default();
        while let Some(chunk) = arriving.recv().await {
            let stored = put(store.clone(), chunk).await?;
            sum.stored += stored.stored;
            sum.replaced += stored.replaced;
            sum.duplicate += stored.duplicate;
            sum.ignored += stored.ignored;
        }
        reader.await.map_err(|_| ImportError::Stopped)??;
        Ok(sum)
    }
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, ImportError> + Send + 'static,
) -> Result<T, ImportError> {
    tokio::task::spawn_blocking(act).await.map_err(|_| ImportError::Stopped)?
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
