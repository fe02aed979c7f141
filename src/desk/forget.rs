//! Owns the erasure of a member, in the ledger and in the files beside it; decides nothing of who is to be erased.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::DeskError;
use crate::domain::ids::{JobId, MemberId, Timestamp};
use crate::intake::erase_rejects;
use crate::store::{Archive, Erased, Store, StoreError, Whom};

/// The files that may speak of a member.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folders of rejected rows.
    pub rejects: Vec<PathBuf>,
    /// The folder of messages that were not really sent.
    pub outbox: PathBuf,
    /// Where finished jobs were moved to.
    pub archive: Option<Archive>,
}

/// What forgetting a member would do, or did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Forgotten {
    /// What the ledger holds of the member.
    #[serde(flatten)]
    pub erased: Erased,
    /// Rows taken out of rejects files.
    pub rejects: u64,
    /// Lines taken out of the archive.
    pub archived: u64,
    /// Messages taken out of the outbox.
    pub outbox: u64,
    /// True when the member had been forgotten before: only the files were gone through again.
    pub again: bool,
    /// False while the ledger's files may still hold what was erased.
    pub wiped: bool,
}

/// What forgetting this member would erase from the ledger.
///
/// # Errors
/// When nobody has the id and nobody of it was forgotten, or the ledger fails.
pub async fn plan(store: &Store, member: &MemberId) -> Result<Forgotten, DeskError> {
    match store.to_erase(member).await? {
        Some(erased) => Ok(Forgotten { erased, ..Forgotten::default() }),
        None if store.is_forgotten(&Whom::Member(member.clone())).await? => {
            Ok(Forgotten { again: true, ..Forgotten::default() })
        }
        None => Err(DeskError::UnknownMember(member.clone())),
    }
}

/// Erases the member everywhere. Broken off, the same again completes it: what is needed to find the files goes last.
///
/// # Errors
/// When nobody has the id and nobody of it was forgotten, or the ledger or a file cannot be written.
pub async fn forget(
    store: &Store,
    places: &Places,
    member: &MemberId,
    because: &str,
    now: Timestamp,
) -> Result<Forgotten, DeskError> {
    let mut done = plan(store, member).await?;
    let (names, jobs) = (store.names_of(member).await?, store.job_ids(member).await?);
    let (rejects, outbox) = (places.rejects.clone(), places.outbox.clone());
    (done.rejects, done.outbox) = in_files(move || {
        let mut rows = 0;
        for folder in &rejects {
            rows += erase_rejects(folder, &names).map_err(|e| failed(folder, &e))?;
        }
        Ok((rows, erase_messages(&outbox, &jobs).map_err(|e| failed(&outbox, &e))?))
    })
    .await?;
    store.forget(member, because, now).await?;
    // What is moved out until now names the member, later no more.
    if let (Some(archive), whose) = (places.archive.clone(), member.clone()) {
        done.archived = in_files(move || archive.erase(&whose)).await?;
    }
    done.wiped = store.wipe().await?;
    Ok(done)
}

async fn in_files<R: Send + 'static>(
    act: impl FnOnce() -> Result<R, StoreError> + Send + 'static,
) -> Result<R, DeskError> {
    Ok(tokio::task::spawn_blocking(act).await.map_err(StoreError::panicked)??)
}

fn failed(place: &Path, error: &io::Error) -> StoreError {
    StoreError::File { place: place.display().to_string(), why: error.to_string() }
}

/// Removes the files that are named after these jobs.
fn erase_messages(folder: &Path, jobs: &[JobId]) -> io::Result<u64> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(0) };
    let mut erased = 0;
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_stem().and_then(|stem| stem.to_str());
        if name.is_some_and(|name| jobs.iter().any(|job| job.as_str() == name)) {
            std::fs::remove_file(&path)?;
            erased += 1;
        }
    }
    Ok(erased)
}
