//! Records that a shop pushes: each request is imported as a file is, the good rows beside the bad ones; knows nothing
//! of HTTP.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::TimeDelta;
use serde::Serialize;

use super::import::{Import, ImportError, ImportReport};
use crate::domain::ids::Timestamp;
use crate::intake::{BodyError, Encoding, Format, IntakeError, Kind, Reading, Rejects, Source, lay_out};
use crate::store::{Store, StoreError};

/// Rejected rows that an answer tells of.
const TOLD: usize = 100;

/// How the folders begin in which bodies lie while they are taken in, and those of what is imported from a pipe.
const SPOOL: &str = "pushed-";
const PIPED: &str = "stdin";

/// No body takes so long.
const LEFT_BEHIND: TimeDelta = TimeDelta::hours(1);

/// One request's records.
#[derive(Debug)]
pub struct Body {
    /// What came, packed as it came.
    pub bytes: Vec<u8>,
    /// True when it is packed.
    pub gzip: bool,
    /// How its rows are laid out.
    pub format: Format,
}

/// How bodies are taken in.
#[derive(Debug)]
pub struct Intake {
    /// How their rows are read.
    pub reading: Reading,
    /// Where they lie while they are; nothing of them stays there.
    pub folder: PathBuf,
    /// When orders came in, by the real clock.
    pub at: Timestamp,
}

/// What became of the records of one request.
#[derive(Debug, Clone, Serialize)]
pub struct Pushed {
    /// What they are.
    pub kind: Kind,
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
    /// Rows that are right and of which nothing is kept; the notes say why.
    pub ignored: u64,
    /// Those of them that are returns of what is not known: they may be sent again once it is.
    pub unknown_returns: u64,
    /// What people should know of rows that were not simply stored.
    pub notes: Vec<String>,
    /// How long it took.
    pub seconds: f64,
    /// The first hundred rows that are no record.
    pub rejects: Vec<Rejected>,
    /// Names that nobody reads.
    pub unknown_columns: Vec<String>,
}

/// A row that is no record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// The line on which it starts, or the element of the array that it is; from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Why nothing, or not all, of a request was taken in; grouped by who can mend it.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The body is larger than we read.
    #[error("{0}")]
    TooLarge(String),
    /// The body cannot be read at all: nothing of it was kept.
    #[error("{0}")]
    Unreadable(String),
    /// The store fails: what was stored stays, and the same again stores the rest.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This machine fails, likewise.
    #[error("{0}")]
    Machine(String),
}

/// Takes the records of one request in.
///
/// # Errors
/// See [`PushError`].
pub async fn push(store: &Store, kind: Kind, body: Body, how: Intake) -> Result<Pushed, PushError> {
    let machine = |error: std::io::Error| PushError::Machine(format!("the body cannot be spooled: {error}"));
    fs::create_dir_all(&how.folder).map_err(machine)?;
    sweep(&how.folder, how.at);
    let spool = tempfile::Builder::new().prefix(SPOOL).tempdir_in(&how.folder).map_err(machine)?;
    let folder = spool.path().to_owned();
    let laid = tokio::task::spawn_blocking(move || lay_out(&body.bytes, body.gzip, body.format, &folder));
    let source =
        laid.await.map_err(|_| PushError::Machine("reading the body stopped unexpectedly".into()))?;
    let source = source.map_err(|error| unfit(error, spool.path()))?;
    let imported = import(source, spool.path(), how).run(store, kind).await;
    let report = imported.map_err(|error| match error {
        ImportError::Store(error) => error.into(),
        ImportError::Intake(error) => unfit(error.into(), spool.path()),
        ImportError::Disk { .. } | ImportError::Stopped => PushError::Machine(error.to_string()),
    })?;
    pushed(report).map_err(machine)
}

/// Removes the bodies that a process left in `folder` when it was killed: they hold personal data.
pub fn sweep(folder: &Path, now: Timestamp) {
    let is_spool = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(SPOOL) || name.starts_with(PIPED)
    };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for spool in entries.flatten().map(|entry| entry.path()).filter(is_spool) {
        if touched(&spool).is_some_and(|at| now - at > LEFT_BEHIND)
            && let Err(error) = fs::remove_dir_all(&spool)
        {
            tracing::warn!(%error, folder = %spool.display(), "a body that was left behind cannot be removed");
        }
    }
}

/// When something was last written to a folder, or to a file in it.
fn touched(folder: &Path) -> Option<Timestamp> {
    let files = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let times = files.chain([folder.to_owned()]).filter_map(|path| path.metadata().ok()?.modified().ok());
    times.max().map(Timestamp::from)
}

/// Bad rows are told in the answer, so that nothing of them need stay here; however many they are, the others count.
fn import(source: Source, spool: &Path, how: Intake) -> Import {
    let reading = match source.format {
        Format::Jsonl => on_the_wire(how.reading),
        Format::Csv | Format::Xlsx => how.reading,
    };
    Import {
        source,
        reading,
        folder: spool.to_owned(),
        rejects_as: None,
        max_rejects: 1.0,
        replace_orders: false,
        at: how.at,
        progress: Arc::new(|_, _| {}),
    }
}

/// What presets and settings say of files does not hold for JSON on the wire: each object stands for itself.
fn on_the_wire(reading: Reading) -> Reading {
    let mut reading = reading.own.map_or(Reading { own: None, ..reading }, |own| *own);
    reading.encoding = Some(Encoding::Utf8);
    reading.layout.carry_down = false;
    reading
}

fn pushed(report: ImportReport) -> std::io::Result<Pushed> {
    let rejects = match &report.rejects_file {
        Some(file) => Rejects::first(file, TOLD)?,
        None => Vec::new(),
    };
    Ok(Pushed {
        kind: report.kind,
        read: report.read,
        stored: report.stored,
        replaced: report.replaced,
        duplicate: report.duplicate,
        rejected: report.rejected,
        ignored: report.ignored,
        unknown_returns: report.unknown_returns,
        notes: report.notes,
        seconds: report.seconds,
        rejects: rejects.into_iter().map(|(line, reason)| Rejected { line, reason }).collect(),
        unknown_columns: report.unknown_columns,
    })
}

/// What is wrong with a body; where it lay meanwhile is nobody's business.
fn unfit(error: BodyError, spool: &Path) -> PushError {
    let told = error.to_string().replace(&format!("{}/", spool.display()), "");
    match error {
        BodyError::TooLarge => PushError::TooLarge(told),
        BodyError::Undeclared { .. }
        | BodyError::Gzip(_)
        | BodyError::Array(_)
        | BodyError::Intake(
            IntakeError::Format { .. } | IntakeError::Columns { .. } | IntakeError::Workbook { .. },
        ) => PushError::Unreadable(told),
        BodyError::Spool(_) | BodyError::Intake(_) => PushError::Machine(told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_left_behind_is_swept_out() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["pushed-1", "stdinX", "rejects"] {
            fs::create_dir_all(folder.path().join(name).join("plain")).unwrap();
        }
        let left = || fs::read_dir(folder.path()).unwrap().count();
        fs::write(folder.path().join("stdinX/file"), "").unwrap();
        let written = touched(&folder.path().join("stdinX")).unwrap();
        sweep(folder.path(), written + TimeDelta::minutes(59));
        assert_eq!(left(), 3);
        sweep(folder.path(), written + TimeDelta::minutes(61));
        assert_eq!(left(), 1);
        assert!(folder.path().join("rejects").exists());
    }
}
