//! Records in: judges a whole file first, stores it in chunks only when it is good enough; knows nothing of rows.

mod parts;
mod whole;

use std::io;
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
use parts::Parts;
use whole::WholeOrders;

/// Records stored in one transaction: a quarter of a second of writing, so that deliveries are not starved meanwhile; the
/// rows of a chunk lie all over the members, so that many small chunks would write the same pages again and again.
const CHUNK: usize = 50_000;

/// Files of more rows are put in order by member first: the pages of so many members are more than a ledger keeps at hand.
const SORTED_BEYOND: u64 = 1_000_000;
/// Rows put together then. Their orders stand apart by as much as the file has parts, and ids lie in order too: fewer rows
/// would write fewer pages for their members, and more for their orders.
const PART: usize = 500_000;

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
    /// The disk, where the lines of a large file lie before they are stored.
    #[error("the lines of a large file, put in order, cannot lie in {}: {why}; they take as much room as the file", folder.display())]
    Disk {
        /// Where.
        folder: PathBuf,
        /// What the system says.
        why: io::Error,
    },
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
    /// Where rejected rows go, and the lines of a large file while they are put in order.
    pub folder: PathBuf,
    /// What the file of rejected rows is named after, where that is not the file.
    pub rejects_as: Option<String>,
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
/// Reads the records of a file of so many rows in chunks; how many orders cannot be told whole.
type Gather<R> = fn(&Import, u64, Sink<'_, R>) -> Result<u64, ImportError>;
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
        let gather: Gather<OrderLine> =
            if self.replace_orders { Self::whole_orders } else { Self::order_lines };
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
            false => self.store(store, kind, judged.read, (gather, put)).await?,
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
        let name = self.rejects_as.clone().unwrap_or_else(|| file_name(&self.source.path));
        let mut rejects = Rejects::new(&self.folder, &name);
        let mut write = |reject| rejects.write(&reject);
        let judged = judge::<R>(&self.source, &self.reading, &mut write, &|bytes| (self.progress)(1, bytes))?;
        Ok((judged, rejects.finish().map_err(IntakeError::Rejects)?))
    }

    /// The file's records in its own order.
    fn chunks<R: Record>(&self, _: u64, sink: Sink<'_, R>) -> Result<u64, ImportError> {
        let progress = |bytes| (self.progress)(2, bytes);
        read(&self.source, &self.reading, CHUNK, &progress, |chunk| sink((chunk, false)))?;
        Ok(0)
    }

    fn order_lines(&self, rows: u64, sink: Sink<'_, OrderLine>) -> Result<u64, ImportError> {
        if rows > SORTED_BEYOND { self.by_member(rows, sink) } else { self.chunks(rows, sink) }
    }

    /// The file's order lines, those of a member near each other.
    fn by_member(&self, rows: u64, sink: Sink<'_, OrderLine>) -> Result<u64, ImportError> {
        let disk = |why| ImportError::Disk { folder: self.folder.clone(), why };
        let mut parts = Parts::of(&self.folder, rows as usize / PART).map_err(disk)?;
        let size = std::fs::metadata(&self.source.path).map_or(0, |about| about.len());
        let half = |bytes| (self.progress)(2, bytes / 2);
        read(&self.source, &self.reading, CHUNK, &half, |chunk| parts.take(chunk).map_err(disk))?;
        let mut handed_over = 0;
        for chunk in parts.chunks(CHUNK).map_err(disk)? {
            let chunk = chunk.map_err(disk)?;
            handed_over += chunk.len() as u64;
            sink((chunk, false))?;
            (self.progress)(2, size / 2 + size / 2 * handed_over / rows.max(1));
        }
        Ok(0)
    }

    /// The file's order lines, those of an order together; at last those of orders with a row that cannot be read, which
    /// may be why the file does not have a line.
    fn whole_orders(&self, rows: u64, sink: Sink<'_, OrderLine>) -> Result<u64, ImportError> {
        let mut orders = WholeOrders::of(&self.source, &self.reading, CHUNK)?;
        self.chunks(rows, &mut |(chunk, _)| orders.take(chunk).map_or(Ok(()), |whole| sink((whole, true))))?;
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
        rows: u64,
        ways: (Gather<R>, Put<R>),
    ) -> Result<(Stored, u64), ImportError> {
        let mut mark = None;
        let stored = self.store_chunks(store, kind, rows, ways, &mut mark).await;
        if let Some(mark) = mark {
            store.end_import(mark).await?;
        }
        stored
    }

    /// Reads on one thread and stores on another, a few chunks apart. While orders or returns come in the ledger is told
    /// so; what comes in one chunk comes at once.
    async fn store_chunks<R: Send + 'static>(
        &self,
        store: &Store,
        kind: Kind,
        rows: u64,
        (gather, put): (Gather<R>, Put<R>),
        mark: &mut Option<ImportMark>,
    ) -> Result<(Stored, u64), ImportError> {
        let (chunks, mut arriving) = mpsc::channel::<Chunk<R>>(1);
        let this = self.clone();
        let reader = tokio::task::spawn_blocking(move || {
            gather(&this, rows, &mut |chunk| chunks.blocking_send(chunk).map_err(|_| ImportError::Stopped))
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_large_file_is_read_by_member_and_progress_moves_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.csv");
        let rows: String =
            (0..2_000).map(|n| format!("o{n},m{},A,2026-01-0{},2\n", n * 7 % 50, n % 9 + 1)).collect();
        std::fs::write(&path, format!("order_id,member_id,product_id,ordered_at,quantity\n{rows}")).unwrap();
        let now = "2026-02-01T00:00:00Z".parse().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let hears = seen.clone();
        let import = Import {
            source: Source::of(path.clone()).unwrap(),
            reading: Reading::plain(chrono_tz::UTC, now),
            folder: folder.path().to_owned(),
            rejects_as: None,
            max_rejects: 0.0,
            replace_orders: false,
            at: now,
            progress: Arc::new(move |pass, bytes| hears.lock().unwrap().push((pass, bytes))),
        };
        let gather = |how: Gather<OrderLine>| {
            let mut lines = Vec::new();
            how(&import, 2_000, &mut |(chunk, whole)| {
                assert!(!whole);
                lines.extend(chunk);
                Ok(())
            })
            .unwrap();
            lines
        };
        let (plain, mut by_member) = (gather(Import::order_lines), gather(Import::by_member));
        by_member.sort_by_key(|line| line.order.as_str()[1..].parse::<u64>().unwrap());
        assert_eq!(plain, by_member);
        let size = std::fs::metadata(&path).unwrap().len();
        let seen = seen.lock().unwrap().clone();
        assert!(seen.iter().all(|(pass, bytes)| *pass == 2 && *bytes <= size), "{seen:?}");
        assert!(seen.last().unwrap().1 + 2 > size, "{seen:?}");
    }
}
