//! The only SQL: history, people, priors and the ledger, over SQLite or PostgreSQL; decides nothing.
//!
//! What both engines can say in the same words (`people`, `feedback`, `priors`, `search`, most of `ledger`) is written once, as
//! `Statement`s; an engine adds how a transaction runs, how records come in fast, and how members are locked.

mod archive;
mod audit;
mod backup;
mod budget;
mod catalog;
mod changes;
mod decision;
mod deeds;
mod error;
mod feedback;
mod forget;
mod history;
mod importing;
mod layout;
mod ledger;
mod merge;
mod offers;
mod outage;
mod pauses;
mod people;
mod postgres;
mod priors;
mod retention;
mod returns;
mod rows;
mod search;
mod sqlite;
mod status;
mod updates;
mod value;
mod view;

use std::sync::Arc;

pub use archive::Archive;
pub use audit::{Handed, Sample, Twice};
pub use backup::Restored;
pub use decision::{Damaged, Decided, Decisions};
pub use deeds::{Deed, DeedKey};
pub use error::StoreError;
pub use feedback::{About, Addressee, Returned};
pub use forget::{Erased, ForgetKey};
pub use history::Stored;
pub use importing::ImportMark;
pub use ledger::{Pick, Reclaimed, Settlement};
pub use offers::{Deferral, JobRef, Lane, UnderWay};
pub use outage::Outage;
pub use pauses::Pause;
pub use people::{Standing, Whom};
pub use search::{Attempt, JobFilter, JobRecord, Listed, ListedAs, Transition};
pub use status::{Course, Reminded};

use postgres::Postgres;
use sqlite::Sqlite;
use value::{Dialect, Row, Statement};

/// Our integer key of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberKey(pub i64);

/// The ledger and the history of one shop; cheap to clone, all clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Engine,
    forget: Option<ForgetKey>,
}

#[derive(Debug, Clone)]
enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

/// The exclusive right to run beside no other daemon; given back when dropped, and when the process dies.
#[derive(Debug)]
pub struct Lock {
    held: Held,
}

#[derive(Debug)]
enum Held {
    /// In memory nobody else can.
    Alone,
    /// A file that the system keeps locked for this process.
    File { _file: std::fs::File },
    /// A session of the server, which may end it at any time.
    Session(postgres::Session),
}

impl Lock {
    /// Returns when the lock is lost: the server ended the session that held it. Never, for a file or what is in memory.
    pub async fn lost(&self) {
        match &self.held {
            Held::Alone | Held::File { .. } => std::future::pending().await,
            Held::Session(session) => session.ended().await,
        }
    }
}

/// The same call on whichever engine it is.
macro_rules! on {
    ($store:expr, $engine:ident => $call:expr) => {
        match &$store.engine {
            $crate::store::Engine::Sqlite($engine) => $call,
            $crate::store::Engine::Postgres($engine) => $call,
        }
    };
}
use on;

impl Store {
    /// Opens `sqlite:/abs/path.db` (created when absent, with its folder) or `postgres://…`, and brings its tables to
    /// this version's layout.
    ///
    /// # Errors
    /// When it cannot be opened, was made by a version whose layout this one cannot work with, or must be migrated while
    /// another process holds it.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let engine = match url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => {
                Engine::Sqlite(Arc::new(Sqlite::open(path.into()).await?))
            }
            Some(("postgres" | "postgresql", _)) => Engine::Postgres(Arc::new(Postgres::open(url).await?)),
            _ => return Err(StoreError::Url(String::new())),
        };
        Ok(Self { engine, forget: None })
    }

    /// An empty ledger in memory, for this process alone. Whoever asks also does the work, on its own thread, and others
    /// have their turn before and after: given the same turns, the same comes of it.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn in_memory() -> Result<Self, StoreError> {
        Ok(Self { engine: Engine::Sqlite(Arc::new(Sqlite::in_memory()?)), forget: None })
    }

    /// Opens what is there, to ask and not to write: makes nothing, and leaves its layout as it is.
    ///
    /// # Errors
    /// When it is not there, or cannot be opened.
    pub async fn look_into(url: &str) -> Result<Self, StoreError> {
        let engine = match url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => {
                Engine::Sqlite(Arc::new(Sqlite::look_into(path.into()).await?))
            }
            Some(("postgres" | "postgresql", _)) => Engine::Postgres(Arc::new(Postgres::look_into(url)?)),
            _ => return Err(StoreError::Url(String::new())),
        };
        Ok(Self { engine, forget: None })
    }

    /// The same store, able to tell whom it forgot: without the key it refuses records once it has forgotten anyone.
    pub fn with_forget_key(self, key: ForgetKey) -> Self {
        Self { forget: Some(key), ..self }
    }

    /// Takes the exclusive lock of an embedded run; `None` when another process holds it.
    ///
    /// # Errors
    /// When the lock file cannot be written, or the server cannot be reached.
    pub async fn try_lock(&self) -> Result<Option<Lock>, StoreError> {
        on!(self, engine => engine.try_lock().await)
    }

    /// Takes a lock again that was lost; `None` when another process holds it now.
    ///
    /// # Errors
    /// When the server cannot be reached, or has not noticed yet that the session is gone.
    pub async fn take_again(&self, lost: &Lock) -> Result<Option<Lock>, StoreError> {
        match (&self.engine, &lost.held) {
            (Engine::Postgres(postgres), Held::Session(session)) => postgres.take_again(session).await,
            _ => self.try_lock().await,
        }
    }

    /// What answers, with its version: one cheap query.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn version(&self) -> Result<String, StoreError> {
        let (name, sql) = match self.dialect() {
            Dialect::Sqlite => ("SQLite", "SELECT sqlite_version()"),
            Dialect::Postgres => ("PostgreSQL", "SELECT current_setting('server_version')"),
        };
        let answer = self.ask_one(Statement::new(sql, Vec::new())).await?.pop();
        let version = answer.map(|mut row| row.text()).transpose();
        let version = version.map_err(|why| StoreError::corrupt("its version", "*", why))?;
        Ok(format!("{name} {}", version.unwrap_or_default()))
    }

    fn dialect(&self) -> Dialect {
        match self.engine {
            Engine::Sqlite(_) => Dialect::Sqlite,
            Engine::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Answers from one read-only snapshot; never waits for writers.
    async fn ask(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        on!(self, engine => engine.ask(statements).await)
    }

    /// One read-only query.
    async fn ask_one(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(self.ask(vec![statement]).await?.pop().unwrap_or_default())
    }

    /// One transaction of these statements; how many rows each changed.
    async fn write(&self, statements: Vec<Statement>) -> Result<Vec<u64>, StoreError> {
        let (_, affected) = self.amend(Vec::new(), move |_| Ok((statements.clone(), ()))).await?;
        Ok(affected)
    }

    /// One transaction: answers first, then the statements that `then` makes of them. `then` may be called again when
    /// PostgreSQL breaks the transaction off.
    async fn amend<R, F>(&self, asks: Vec<Statement>, then: F) -> Result<(R, Vec<u64>), StoreError>
    where
        R: Send + 'static,
        F: FnMut(Vec<Vec<Row>>) -> Result<(Vec<Statement>, R), StoreError> + Send + 'static,
    {
        on!(self, engine => engine.amend(asks, then).await)
    }
}
