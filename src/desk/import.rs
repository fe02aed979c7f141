//! Records in: judges a whole file first, stores it in chunks only when it is good enough; knows nothing of rows.

mod whole;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::domain::catalog::ProductRecord;
use crate::domain::ids::Timestamp;
use crate::domain::member::MemberRecord;
use crate::domain::order::{OrderLine, Return};
use crate::domain::reason::Language;
use crate::intake::{IntakeError, Judged, Kind, Reading, Record, Rejects, Source, judge, read};
use crate::store::{ImportMark, Store, StoreError, Stored};
use whole::WholeOrders;

/// Records stored in one transaction: a tenth of a second of writing, so that deliveries are not starved meanwhile; the
/// rows of a chunk lie all over the members, so that many small chunks would write the same pages again and again.
const CHUNK: usize = 25_000;

/// So long after the ledger was told that records are on their way in it is told again: well before that is over.
const MARKED_AGAIN: Duration = Duration::from_secs(30);

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
    /// Stored lines that the orders of the file no longer have.
    pub removed: u64,
    /// Rows that are no record.
    pub rejected: u64,
    /// Rows that are right and of which nothing is kept; the notes say why.
    pub ignored: u64,
    /// Those of them that are returns of what is not known: once it is, the same file is worth another import.
    pub unknown_returns: u64,
    /// What people should know of rows that were not simply stored.
    pub notes: Vec<String>,
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
    /// An order in the file replaces all that is stored of it.
    pub replace_orders: bool,
    /// When orders came in, by the real clock.
    pub at: Timestamp,
    /// Hears the pass (1 judges, 2 stores) and the bytes of the file read in it.
    pub progress: Arc<dyn Fn(u8, u64) + Send + Sync>,
}

/// Records on their way in; true when they are all that their orders have.
type Chunk<R> = (Vec<R>, bool);
/// Takes the chunks of a file as they are read.
type Sink<'s, R> = &'s mut dyn FnMut(Chunk<R>) -> Result<(), ImportError>;
/// Reads the records of a file in chunks; how many orders cannot be told whole.
type Gather<R> = fn(&Import, Sink<'_, R>) -> Result<u64, ImportError>;
/// Stores a chunk in one transaction.
type Put<R> = Box<dyn Fn(Store, Chunk<R>) -> BoxFuture<'static, Result<Stored, StoreError>> + Send + Sync>;

impl Import {
    /// Imports the file as records of `kind`.
    ///
    /// # Errors
    /// When the file cannot be read at all, or the store fails.
    pub async fn run(self, store: &Store, kind: Kind) -> Result<ImportReport, ImportError> {
        match kind {
            Kind::Orders => self.orders(store).await,
            Kind::Returns => {
                let put: Put<Return> =
                    Box::new(|store, (chunk, _)| async move { store.put_returns(chunk).await }.boxed());
                self.take(store, kind, Self::chunks, put).await
            }
            Kind::Members => {
                let put: Put<MemberRecord> =
                    Box::new(|store, (chunk, _)| async move { store.put_members(chunk).await }.boxed());
                self.take(store, kind, Self::chunks, put).await
            }
            Kind::Products => {
                let put: Put<ProductRecord> =
                    Box::new(|store, (chunk, _)| async move { store.put_products(chunk).await }.boxed());
                self.take(store, kind, Self::chunks, put).await
            }
        }
    }

    async fn orders(self, store: &Store) -> Result<ImportReport, ImportError> {
        let (at, kind) = (self.at, Kind::Orders);
        // a file is no younger than its last word, and a push was written just now
        let as_of = std::fs::metadata(&self.source.path).and_then(|about| about.modified());
        let as_of = as_of.ok().map(Timestamp::from);
        let gather: Gather<OrderLine> = if self.replace_orders { Self::whole_orders } else { Self::chunks };
        let put: Put<OrderLine> = Box::new(move |store, (chunk, whole)| {
            async move { store.put_file(chunk, as_of, whole).await }.boxed()
        });
        let report = self.take(store, kind, gather, put).await?;
        let nothing_right = report.rejected > 0 && report.rejected == report.read;
        if !report.refused && !nothing_right {
            store.note_feed(at).await?;
        }
        Ok(report)
    }

    async fn take<R: Record + Send + 'static>(
        self,
        store: &Store,
        kind: Kind,
        gather: Gather<R>,
        put: Put<R>,
    ) -> Result<ImportReport, ImportError> {
        let started = Instant::now();
        let name = file_name(&self.source.path);
        let this = self.clone();
        let (judged, rejects_file) = blocking(move || this.judge::<R>()).await?;
        let refused = judged.rejected as f64 > self.max_rejects * judged.read as f64;
        let (stored, torn) = match refused {
            true => Default::default(),
            false => self.store(store, kind, (gather, put)).await?,
        };
        Ok(ImportReport {
            kind,
            file: name,
            read: judged.read,
            stored: stored.stored,
            replaced: stored.replaced,
            duplicate: stored.duplicate,
            removed: stored.removed,
            rejected: judged.rejected,
            ignored: judged.ignored + stored.ignored + stored.unknown + stored.outdated,
            unknown_returns: stored.unknown,
            notes: notes(&judged, &stored, torn),
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

    /// The file's records in its own order.
    fn chunks<R: Record + Send>(&self, sink: Sink<'_, R>) -> Result<u64, ImportError> {
        let progress = |bytes| (self.progress)(2, bytes);
        read(&self.source, &self.reading, CHUNK, &progress, |chunk| sink((chunk, false)))?;
        Ok(0)
    }

    /// The file's order lines, those of an order together; at last those of orders with a row that cannot be read, which
    /// may be why the file does not have a line.
    fn whole_orders(&self, sink: Sink<'_, OrderLine>) -> Result<u64, ImportError> {
        let mut orders = WholeOrders::of(&self.source, &self.reading, CHUNK)?;
        self.chunks(&mut |(chunk, _)| orders.take(chunk).map_or(Ok(()), |whole| sink((whole, true))))?;
        let torn = orders.torn();
        let (whole, pieces) = orders.finish();
        for chunk in [(whole, true), (pieces, false)] {
            if !chunk.0.is_empty() {
                sink(chunk)?;
            }
        }
        Ok(torn)
    }

    /// Stores the file's records; however it ends, they are no longer on their way in.
    async fn store<R: Send + 'static>(
        &self,
        store: &Store,
        kind: Kind,
        ways: (Gather<R>, Put<R>),
    ) -> Result<(Stored, u64), ImportError> {
        let mut mark = None;
        let stored = self.store_chunks(store, kind, ways, &mut mark).await;
        if let Some(mark) = mark {
            store.end_import(mark).await?;
        }
        stored
    }

    /// Reads on one thread and stores on another, a chunk or two apart. While orders or returns come in the ledger is told
    /// so; what comes in one chunk comes at once.
    async fn store_chunks<R: Send + 'static>(
        &self,
        store: &Store,
        kind: Kind,
        (gather, put): (Gather<R>, Put<R>),
        mark: &mut Option<ImportMark>,
    ) -> Result<(Stored, u64), ImportError> {
        let (chunks, mut arriving) = mpsc::channel::<Chunk<R>>(2);
        let this = self.clone();
        let reader = tokio::task::spawn_blocking(move || {
            gather(&this, &mut |chunk| chunks.blocking_send(chunk).map_err(|_| ImportError::Stopped))
        });
        let (mut sum, mut marked) = (Stored::default(), None);
        let mut next = arriving.recv().await;
        while let Some(chunk) = next {
            next = arriving.recv().await;
            let is_alone = mark.is_none() && next.is_none();
            let is_marked = marked.is_some_and(|at: Instant| at.elapsed() < MARKED_AGAIN);
            if !is_alone && !is_marked && matches!(kind, Kind::Orders | Kind::Returns) {
                *mark = Some(store.mark_import().await?);
                marked = Some(Instant::now());
            }
            sum += put(store.clone(), chunk).await?;
        }
        let torn = reader.await.map_err(|_| ImportError::Stopped)??;
        Ok((sum, torn))
    }
}

/// What is to be said besides the counts.
fn notes(judged: &Judged, stored: &Stored, torn: u64) -> Vec<String> {
    let notes = [
        (stored.ignored, "rows are of members who were forgotten: nothing of them was kept"),
        (
            judged.ignored,
            "rows stand for nothing of their own, as parents of sets do, or unpaid orders of nobody: passed over",
        ),
        (
            stored.unknown,
            "returns are of orders that are not known, or of products that are not in them: import the orders, then this \
             file again",
        ),
        (
            judged.partly_refunded,
            "orders were refunded in part: the file does not say which pieces came back, so all of them count",
        ),
        (stored.outdated, "rows are of orders that the shop changed after this was written: passed over"),
        (
            torn,
            "orders have a rejected row: their other rows were taken in, and nothing stored of them was removed",
        ),
        (stored.removed, "stored lines are no longer in their orders: removed"),
    ];
    let told = notes.iter().filter(|(count, _)| *count > 0);
    told.map(|(count, what)| format!("{count} {what}")).collect()
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, ImportError> + Send + 'static,
) -> Result<T, ImportError> {
    tokio::task::spawn_blocking(act).await.map_err(|_| ImportError::Stopped)?
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
