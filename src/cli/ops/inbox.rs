//! Owns how the files of the inbox are imported, which the daemon finds; knows nothing of folders.

use std::path::PathBuf;
use std::sync::Arc;

use super::import::reading;
use crate::config::Settings;
use crate::daemon::{Inbox, Taken, real_time};
use crate::desk::import::{Import, ImportError, ImportReport};
use crate::intake::{IntakeError, Kind, Source};
use crate::store::Store;

/// The inbox of the settings, where they have one.
pub fn inbox(settings: &Settings, store: &Store) -> Option<Inbox> {
    let folder = settings.intake.inbox.clone()?;
    let (settings, store) = (Arc::new(settings.clone()), store.clone());
    let take = move |kind, path| -> futures::future::BoxFuture<'static, Taken> {
        let (settings, store) = (settings.clone(), store.clone());
        Box::pin(async move {
            import(&settings, &store, kind, path)
                .await
                .map_or_else(|error| failed(&error), |report| taken(&report))
        })
    };
    Some(Inbox::new(folder, Arc::new(take)))
}

async fn import(
    settings: &Settings,
    store: &Store,
    kind: Kind,
    path: PathBuf,
) -> Result<ImportReport, ImportError> {
    let import = Import {
        source: Source::of(path)?,
        reading: reading(settings, kind),
        folder: settings.folders.data.join("rejects"),
        rejects_as: None,
        max_rejects: settings.intake.max_rejects,
        replace_orders: false,
        at: real_time(),
        progress: Arc::new(|_, _| {}),
    };
    import.run(store, kind).await
}

fn taken(report: &ImportReport) -> Taken {
    if report.refused {
        let counts =
            format!("{} of its {} rows are bad, more than max_rejects allows", report.rejected, report.read);
        let why = told(counts, &report.hints);
        return Taken::Refused { why, rejects: report.rejects_file.clone() };
    }
    let counts = format!(
        "{} rows read, {} stored, {} replaced, {} already known, {} rejected",
        report.read, report.stored, report.replaced, report.duplicate, report.rejected
    );
    Taken::Stored {
        told: told(counts, report.notes.iter().chain(&report.hints)),
        rejects: report.rejects_file.clone(),
        unknown_returns: report.unknown_returns,
    }
}

fn told<'a>(counts: String, more: impl IntoIterator<Item = &'a String>) -> String {
    std::iter::once(counts).chain(more.into_iter().cloned()).collect::<Vec<_>>().join("; ")
}

/// A file is not to blame for a disk that is full, or a right that is missing.
fn failed(error: &ImportError) -> Taken {
    match error {
        ImportError::Intake(
            IntakeError::Open { .. } | IntakeError::Read { .. } | IntakeError::Rejects(_),
        )
        | ImportError::Store(_)
        | ImportError::Disk { .. }
        | ImportError::Stopped => Taken::Failed(error.to_string()),
        ImportError::Intake(wrong) => Taken::Refused { why: wrong.to_string(), rejects: None },
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_full_disk_refuses_no_file() {
        let (full, path) = (|| io::Error::from(io::ErrorKind::StorageFull), PathBuf::from("orders.csv"));
        for error in [
            IntakeError::Open { path: path.clone(), source: full() },
            IntakeError::Read { path: path.clone(), line: 7, source: full() },
            IntakeError::Rejects(full()),
        ] {
            assert!(matches!(failed(&error.into()), Taken::Failed(_)));
        }
        let bad = IntakeError::Format { path, problem: "it is empty".to_owned() };
        assert!(matches!(failed(&bad.into()), Taken::Refused { .. }));
    }
}
