//! Owns the folder that stands for a relay: one .eml file a job, whole or not there; knows nothing of SMTP.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::super::reply::redacted;
use super::mail::Mail;
use crate::domain::job::{Delivery, Outcome};
use crate::domain::reason::Reason;

/// Writes the mail as `JOBID.eml`. The same job again replaces its file, so nothing is there twice.
pub(super) async fn send(folder: &Path, mail: &Mail) -> Outcome {
    keep(folder, format!("{}.eml", mail.job), mail.bytes.clone()).await
}

/// Writes `bytes` under `name`: whole, or not at all.
pub(in crate::channel) async fn keep(folder: &Path, name: String, bytes: Vec<u8>) -> Outcome {
    let (target, folder) = (folder.join(name), folder.to_owned());
    let written = tokio::task::spawn_blocking(move || write(&folder, target, &bytes)).await;
    match written.map_err(io::Error::other).flatten() {
        Ok(()) => Outcome::new(Delivery::Delivered, None),
        Err(error) => Outcome {
            reply: Some(redacted(&format!("the file cannot be written: {error}"))),
            ..Outcome::new(Delivery::Unreachable, Some(Reason::Unreachable))
        },
    }
}

fn write(folder: &Path, target: PathBuf, bytes: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".").suffix(".part").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(target)?;
    File::open(folder)?.sync_all()
}
