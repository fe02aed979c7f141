//! Owns what can go wrong with the store, grouped by what helps; knows nothing of who asked.

use std::any::Any;
use std::error::Error as _;
use std::fmt::Display;

use tokio_postgres::error::SqlState;

use crate::domain::ids::MemberId;

/// Why the store could not do what was asked. Nothing of the transaction was kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL names no engine. It is not shown: it may hold a password.
    #[error("the store's url is neither `sqlite:PATH` nor `postgres://…`{0}: change `[store] url`")]
    Url(String),
    /// The database cannot be reached or created.
    #[error(
        "cannot open the ledger at {place}: {why}; see that it exists and that this user may read and write it"
    )]
    Open {
        /// The file, or the server's name.
        place: String,
        /// What the system said.
        why: String,
    },
    /// A newer version has been here.
    #[error(
        "the ledger has layout {found}, made by a newer replenish, and only programs that know layout {works_with} can work \
         with it, while this one knows {known}: upgrade this replenish to the version of the others"
    )]
    Newer {
        /// The database's layout.
        found: i64,
        /// The oldest layout whose programs can work with it.
        works_with: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The tables could not be brought to this version's layout.
    #[error("cannot bring the ledger to this version's layout: {0}")]
    Migrate(#[from] refinery::Error),
    /// Another process holds the database.
    #[error("another process holds the ledger: {0}; try again when it is done, or stop it")]
    Busy(String),
    /// No room is left.
    #[error("no room is left for the ledger: free some disk space; nothing of this step was kept")]
    Full,
    /// PostgreSQL is gone, or too busy to answer.
    #[error("the connection to PostgreSQL is lost: {0}; see that the server runs, then try again")]
    Lost(String),
    /// A row that this version did not write like that.
    #[error("row {key} of table {table} is damaged: {why}; mend or delete that row, or restore a backup")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's key.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// A value that has no place in a cell.
    #[error("a value cannot be written to the ledger: {0}")]
    Unwritable(String),
    /// A decision panicked; nothing of it was kept.
    #[error("a decision stopped on a defect in this program: {0}; report it with the log")]
    Panicked(String),
    /// Whom the ledger forgot was hashed with another key.
    #[error(
        "the ledger has forgotten members under another key: copy `forget.key` to the data_dir of this process, from that \
         of the process that forgot them or from the backup"
    )]
    ForgetKey,
    /// A file of the archive or of a backup cannot be written.
    #[error("cannot write {place}: {why}; see that there is room and that this user may write there")]
    File {
        /// The file or folder.
        place: String,
        /// What the system said.
        why: String,
    },
    /// The store is shutting down.
    #[error("the ledger is closed")]
    Closed,
    /// Anything else that SQLite says.
    #[error("the ledger (SQLite) refuses: {0}")]
    Sqlite(#[source] rusqlite::Error),
    /// Anything else that PostgreSQL says.
    #[error("the ledger (PostgreSQL) refuses: {0}")]
    Postgres(String, #[source] tokio_postgres::Error),
}

impl StoreError {
    pub(super) fn corrupt(table: &'static str, key: impl Display, why: impl Into<String>) -> Self {
        StoreError::Corrupt { table, key: key.to_string(), why: why.into() }
    }

    pub(super) fn open(place: impl Display, why: impl Display) -> Self {
        StoreError::Open { place: place.to_string(), why: why.to_string() }
    }

    pub(super) fn file(place: &std::path::Path, why: impl Display) -> Self {
        StoreError::File { place: place.display().to_string(), why: why.to_string() }
    }

    /// What a panic said, and over whom.
    pub(super) fn from_panic(panic: &(dyn Any + Send), member: Option<&MemberId>) -> Self {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "it left no message".into());
        StoreError::Panicked(match member {
            Some(id) => format!("member {id}: {text}"),
            None => text,
        })
    }

    /// True when a row is damaged, or a decision stopped on a defect: the same again fails again, for this member alone.
    pub fn is_damage(&self) -> bool {
        matches!(self, StoreError::Corrupt { .. } | StoreError::Panicked(_))
    }

    /// How a thread ended that should have answered.
    pub fn panicked(error: tokio::task::JoinError) -> Self {
        error.try_into_panic().map_or(StoreError::Closed, |panic| Self::from_panic(&*panic, None))
    }

    /// True when time may mend it: the database is away, held by another, or full.
    pub fn is_passing(&self) -> bool {
        matches!(self, StoreError::Busy(_) | StoreError::Lost(_) | StoreError::Full)
    }

    /// True when PostgreSQL broke off one of two transactions that stood in each other's way: the same again may pass.
    pub(super) fn is_conflict(&self) -> bool {
        let cause = match self {
            StoreError::Postgres(_, e) => Some(e),
            StoreError::Migrate(e) => e.source().and_then(|cause| cause.downcast_ref()),
            _ => None,
        };
        let code = cause.and_then(tokio_postgres::Error::code);
        matches!(code, Some(c) if *c == SqlState::T_R_SERIALIZATION_FAILURE || *c == SqlState::T_R_DEADLOCK_DETECTED)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
        match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => {
                StoreError::Busy("it has been writing for ten seconds".into())
            }
            Some(DiskFull) => StoreError::Full,
            _ => StoreError::Sqlite(error),
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        // its own text is only "db error"; the server's detail is left out, it may quote a row
        let said = match error.as_db_error() {
            Some(db) => db.message().to_owned(),
            None => error.source().map_or_else(|| error.to_string(), ToString::to_string),
        };
        match error.code() {
            Some(code) if *code == SqlState::DISK_FULL => StoreError::Full,
            // the server is starting, stopping, or killed the session
            Some(code) if code.code().starts_with("57P") || code.code().starts_with("08") => {
                StoreError::Lost(said)
            }
            Some(_) => StoreError::Postgres(said, error),
            None if error.is_closed() || error.source().is_some_and(|s| s.is::<std::io::Error>()) => {
                StoreError::Lost(said)
            }
            None => StoreError::Postgres(said, error),
        }
    }
}

impl From<deadpool_postgres::PoolError> for StoreError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(e) => e.into(),
            deadpool_postgres::PoolError::Closed => StoreError::Closed,
            other => StoreError::Lost(other.to_string()),
        }
    }
}
