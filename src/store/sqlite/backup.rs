//! Owns how the database file is copied while it is in use, and written anew; knows nothing of its tables but one.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Sqlite, TEMPORARY, Writer, reader};
use crate::domain::ids::Timestamp;
use crate::store::StoreError;
use crate::store::backup::BACKED_UP;
use crate::store::history::note;

impl Sqlite {
    pub async fn back_up(self: &Arc<Self>, to: &Path, at: Timestamp) -> Result<u64, StoreError> {
        let Some(from) = self.path().map(Path::to_owned) else {
            let to = to.to_owned();
            return self.on_writer(move |writer| copy(&writer.connection, &to, at)).await;
        };
        let to = to.to_owned();
        let copy = move || copy(&reader(&from)?, &to, at);
        tokio::task::spawn_blocking(copy).await.map_err(StoreError::panicked)?
    }

    /// Waits for readers as long as it waits for a writer elsewhere.
    ///
    /// The file is written anew: where rows went, pages keep copies of cells that were moved within them, which not even
    /// `secure_delete` overwrites.
    pub async fn wipe(&self) -> Result<bool, StoreError> {
        let anew = |writer: &mut Writer| {
            let connection = &writer.connection;
            // the new file is as large as the old one, and memory may be small
            connection.execute_batch("PRAGMA temp_store = FILE")?;
            let written = connection.execute_batch("VACUUM");
            connection.execute_batch(TEMPORARY)?;
            if written.as_ref().is_err_and(|e| e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)) {
                return Ok(false);
            }
            written?;
            let busy =
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
            Ok(busy? == 0)
        };
        self.on_writer(anew).await
    }
}

fn copy(from: &Connection, to: &Path, at: Timestamp) -> Result<u64, StoreError> {
    let to = std::path::absolute(to).map_err(|e| StoreError::file(to, e))?;
    if to.exists() {
        return Err(StoreError::file(&to, "it is there already, and no backup is overwritten"));
    }
    let folder = to.parent().unwrap_or(Path::new("/"));
    // a name in a folder of its own: the copy wants a file that is not there yet, and may leave others beside it
    let aside = tempfile::Builder::new().prefix(".backup").tempdir_in(folder);
    let aside = aside.map_err(|e| StoreError::file(folder, e))?;
    let unfinished: PathBuf = aside.path().join("copy");
    let name = unfinished.to_string_lossy().into_owned();
    from.execute("VACUUM INTO ?1", [name])?;
    mark(&unfinished, at)?;
    let finish = || {
        let file = File::open(&unfinished)?;
        // it holds personal data
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        file.sync_all()?;
        let size = file.metadata()?.len();
        tempfile::TempPath::try_from_path(&unfinished)?.persist_noclobber(&to)?;
        File::open(folder)?.sync_all()?;
        Ok(size)
    };
    finish().map_err(|e: std::io::Error| StoreError::file(&to, e))
}

/// Says in the copy that it is one.
fn mark(copy: &Path, at: Timestamp) -> Result<(), StoreError> {
    let connection = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let marked = super::execute_all(&connection, &[note(BACKED_UP, &at.timestamp_millis().to_string())]);
    marked.map(drop)
}
