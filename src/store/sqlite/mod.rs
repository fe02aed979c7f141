//! Owns the SQLite connections: to a file one writer on its own thread and a few readers, to memory a single one; knows
//! nothing of the tables but their layout.

mod backup;
mod history;
mod ledger;
mod scan;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{
    CachedStatement, Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, types,
};
use tokio::sync::oneshot;

use super::catalog::CatalogCache;
use super::layout::Layout;
use super::value::{Row, Statement, Value};
use super::{Held, Lock, StoreError};
use history::Known;

mod migrations {
    refinery::embed_migrations!("src/store/sqlite/migrations");
}

/// Readers kept open when nobody reads.
const IDLE_READERS: usize = 4;

/// What is only needed for a while lies in memory.
const TEMPORARY: &str = "PRAGMA temp_store = MEMORY";

/// One database. Everything is written in the order in which it was asked for.
pub(super) struct Sqlite {
    place: Place,
    pub catalog: CatalogCache,
}

/// Where it lies, and who works on it.
enum Place {
    /// A file: one thread writes, readers stand beside it.
    File { writer: mpsc::Sender<Task>, readers: Arc<Readers> },
    /// Memory: one connection for everything, on the thread of whoever asks.
    Memory(Box<Mutex<Writer>>),
}

/// Those who read a file.
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

type Task = Box<dyn FnOnce(&mut Writer) + Send>;

struct Writer {
    connection: Connection,
    known: Known,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl Sqlite {
    pub async fn open(path: PathBuf) -> Result<Self, StoreError> {
        Self::over(path, create).await
    }

    /// Its writer writes nothing.
    pub async fn look_into(path: PathBuf) -> Result<Self, StoreError> {
        Self::over(path, reader).await
    }

    /// A database that nobody else sees, gone with its last user.
    pub fn in_memory() -> Result<Self, StoreError> {
        let mut connection = Connection::open_in_memory()?;
        prepare(&connection)?;
        migrations::migrations::runner().run(&mut connection).map_err(StoreError::Migrate)?;
        let writer = Writer { connection, known: Known::default() };
        Ok(Self { place: Place::Memory(Box::new(Mutex::new(writer))), catalog: CatalogCache::default() })
    }

    async fn over(
        path: PathBuf,
        connect: fn(&Path) -> Result<Connection, StoreError>,
    ) -> Result<Self, StoreError> {
        let at = path.clone();
        let connection =
            tokio::task::spawn_blocking(move || connect(&at)).await.map_err(StoreError::panicked)??;
        let (writer, tasks) = mpsc::channel::<Task>();
        let work = move || {
            let mut writer = Writer { connection, known: Known::default() };
            tasks.into_iter().for_each(|task| task(&mut writer));
        };
        let thread = std::thread::Builder::new().name("ledger".into()).spawn(work);
        thread.map_err(|e| StoreError::open(path.display(), e))?;
        let readers = Arc::new(Readers { path, idle: Mutex::default() });
        Ok(Self { place: Place::File { writer, readers }, catalog: CatalogCache::default() })
    }

    /// None in memory.
    fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::File { readers, .. } => Some(&readers.path),
            Place::Memory(_) => None,
        }
    }

    pub async fn try_lock(&self) -> Result<Option<Lock>, StoreError> {
        let Some(path) = self.path() else { return Ok(Some(Lock { held: Held::Alone })) };
        Ok(try_lock(path)?.map(|file| Lock { held: Held::File { _file: file } }))
    }

    /// Answers from one read-only snapshot.
    pub async fn ask(self: &Arc<Self>, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.read(move |connection| statements.iter().map(|s| rows(connection, s)).collect()).await
    }

    pub async fn amend<R, F>(&self, asks: Vec<Statement>, mut then: F) -> Result<(R, Vec<u64>), StoreError>
    where
        R: Send + 'static,
        F: FnMut(Vec<Vec<Row>>) -> Result<(Vec<Statement>, R), StoreError> + Send + 'static,
    {
        self.write(move |tx, _| {
            let answers = asks.iter().map(|s| rows(tx, s)).collect::<Result<_, _>>()?;
            let (statements, value) = then(answers)?;
            Ok((value, execute_all(tx, &statements)?))
        })
        .await
    }

    /// Runs `task` in one transaction on the writer's connection; an error or a panic undoes it.
    async fn write<R, F>(&self, task: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: FnOnce(&Transaction<'_>, &mut Known) -> Result<R, StoreError> + Send + 'static,
    {
        self.on_writer(move |writer| writer.transact(task)).await
    }

    /// Runs `task` on the writer's connection; a panic ends it alone.
    async fn on_writer<R, F>(&self, task: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: FnOnce(&mut Writer) -> Result<R, StoreError> + Send + 'static,
    {
        let (answer, wait) = oneshot::channel();
        let task: Task = Box::new(move |writer| {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| task(writer)));
            let done = done.unwrap_or_else(|panic| Err(StoreError::from_panic(&*panic, None)));
            if done.is_err() {
                // what was learnt in a transaction that is undone is not so
                writer.known = Known::default();
            }
            let _ = answer.send(done);
        });
        match &self.place {
            Place::File { writer, .. } => writer.send(task).map_err(|_| StoreError::Closed)?,
            Place::Memory(writer) => between_turns(|| task(&mut locked(writer))).await,
        }
        wait.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs `task` on one snapshot, beside the writer.
    async fn read<R, F>(self: &Arc<Self>, task: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<R, StoreError> + Send + 'static,
    {
        match &self.place {
            Place::File { readers, .. } => {
                let readers = Arc::clone(readers);
                tokio::task::spawn_blocking(move || readers.read(task)).await.map_err(StoreError::panicked)?
            }
            Place::Memory(writer) => between_turns(|| snapshot(&locked(writer).connection, task)).await,
        }
    }
}

impl Readers {
    fn read<R>(&self, task: impl FnOnce(&Connection) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let idle = locked(&self.idle).pop();
        let connection = idle.map_or_else(|| reader(&self.path), Ok)?;
        let found = snapshot(&connection, task)?;
        let mut idle = locked(&self.idle);
        if idle.len() < IDLE_READERS {
            idle.push(connection);
        }
        Ok(found)
    }
}

/// Everything that `task` sees is of one instant.
fn snapshot<R>(
    connection: &Connection,
    task: impl FnOnce(&Connection) -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    let snapshot = connection.unchecked_transaction()?;
    let found = task(&snapshot)?;
    snapshot.commit()?;
    Ok(found)
}

/// Others have their turn before and after: an asker that is dropped ends before the work or after it.
async fn between_turns<R>(work: impl FnOnce() -> R) -> R {
    tokio::task::yield_now().await;
    let done = work();
    tokio::task::yield_now().await;
    done
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writer {
    fn transact<R>(
        &mut self,
        task: impl FnOnce(&Transaction<'_>, &mut Known) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = task(&tx, &mut self.known)?;
        tx.commit()?;
        Ok(done)
    }
}

/// What a query finds.
fn rows(connection: &Connection, statement: &Statement) -> Result<Vec<Row>, StoreError> {
    let mut prepared = bound(connection, statement)?;
    let columns = prepared.column_count();
    let mut cursor = prepared.raw_query();
    let mut found = Vec::new();
    while let Some(row) = cursor.next()? {
        let cells = (0..columns).map(|i| Ok(value(row.get_ref(i)?))).collect::<rusqlite::Result<_>>()?;
        found.push(Row::new(cells));
    }
    Ok(found)
}

/// How many rows each statement changed.
fn execute_all(connection: &Connection, statements: &[Statement]) -> Result<Vec<u64>, StoreError> {
    statements.iter().map(|s| Ok(bound(connection, s)?.raw_execute()? as u64)).collect()
}

fn bound<'c>(connection: &'c Connection, statement: &Statement) -> rusqlite::Result<CachedStatement<'c>> {
    // SQLite numbers `$2` by where it first stands, `?2` by its number
    let mut prepared = connection.prepare_cached(&statement.sql.replace('$', "?"))?;
    for (i, value) in statement.values.iter().enumerate() {
        match value {
            Value::Array(values) => {
                let array: Vec<types::Value> = values.iter().map(owned).collect();
                prepared.raw_bind_parameter(i + 1, Rc::new(array))?;
            }
            value => prepared.raw_bind_parameter(i + 1, value)?,
        }
    }
    Ok(prepared)
}

fn owned(value: &Value) -> types::Value {
    match value {
        Value::Null | Value::Array(_) => types::Value::Null,
        Value::Int(i) => types::Value::Integer(*i),
        Value::Real(r) => types::Value::Real(*r),
        Value::Bool(b) => types::Value::Integer(i64::from(*b)),
        Value::Text(t) => types::Value::Text(t.clone()),
    }
}

fn value(cell: types::ValueRef<'_>) -> Value {
    match cell {
        types::ValueRef::Null => Value::Null,
        types::ValueRef::Integer(i) => Value::Int(i),
        types::ValueRef::Real(r) => Value::Real(r),
        types::ValueRef::Text(bytes) | types::ValueRef::Blob(bytes) => {
            Value::Text(String::from_utf8_lossy(bytes).into_owned())
        }
    }
}

/// Opens the writer's connection and brings the tables to this version's layout.
fn create(path: &Path) -> Result<Connection, StoreError> {
    let refused = |e: &dyn std::fmt::Display| StoreError::open(path.display(), e);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| refused(&e))?;
    }
    // Addresses are nobody else's business; SQLite gives its log the same rights.
    let mut own = std::fs::OpenOptions::new();
    own.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut own, 0o600);
    match own.open(path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(refused(&e)),
        _ => {}
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|e| refused(&e))?;
    prepare(&connection).map_err(|e| refused(&e))?;
    // a large cache and rare checkpoints: an import touches the pages of many members again and again
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -81920;
             PRAGMA wal_autocheckpoint = 32768; PRAGMA journal_size_limit = 134217728;",
        )
        .and_then(|()| connection.execute_batch(TEMPORARY))
        .map_err(|e| refused(&e))?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|e| StoreError::open(path.display(), e))?;
    prepare(&connection)?;
    connection.execute_batch("PRAGMA cache_size = -16384")?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(128);
    // what is bound is no part of a plan: else each statement with a bound limit is planned anew for every call
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    rusqlite::vtab::array::load_module(connection)
}

/// Migrates under the lock of a running daemon: no layout changes beneath one.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let runner = migrations::migrations::runner();
    let known = runner.get_migrations().iter().map(|m| i64::from(m.version())).max().unwrap_or(0);
    if !Layout::is_behind(found(connection)?, known)? {
        return Ok(());
    }
    let _lock = wait_for_lock(path)?;
    if !Layout::is_behind(found(connection)?, known)? {
        return Ok(());
    }
    Ok(runner.run(connection).map(drop)?)
}

/// The layout of the file; none while it is empty.
fn found(connection: &Connection) -> Result<Option<Layout>, StoreError> {
    let made = "SELECT 1 FROM sqlite_schema WHERE name = 'meta'";
    if connection.query_row(made, [], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    let read =
        |row: &rusqlite::Row<'_>| Ok(Layout::of(row.get(0)?, row.get::<_, Option<String>>(1)?.as_deref()));
    Ok(Some(connection.query_row(Layout::ASKED, [], read)?))
}

fn try_lock(path: &Path) -> Result<Option<File>, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let refused = |e: std::io::Error| StoreError::open(Path::new(&name).display(), e);
    let file = File::options().create(true).truncate(false).write(true).open(&name).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(refused(e)),
    }
}

/// Two that open a new file at once: the second waits for the first. A daemon does not let go, and is named.
fn wait_for_lock(path: &Path) -> Result<File, StoreError> {
    for _ in 0..200 {
        if let Some(file) = try_lock(path)? {
            return Ok(file);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(StoreError::Busy(
        "its layout must be brought up to date, and a daemon of an older version is running".into(),
    ))
}
