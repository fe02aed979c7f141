//! `replenish backup`: a copy of the ledger while it is in use, and the word that a ledger was restored from one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::USAGE;
use crate::cli::moment::Moment;
use crate::cli::open::{load_settings, open_store};
use crate::cli::output::{Output, local};
use crate::config::StoreUrl;
use crate::daemon::real_time;

/// Copy the ledger into a file, beside whoever works on it.
///
/// The copy is whole and of one moment, and knows that it is a copy: the first `run` on it holds back e-mails that may
/// have gone since. A ledger in PostgreSQL is backed up by pg_dump; after restoring one, say so with --restored-from.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  replenish backup /var/backups/replenish-monday.db
  replenish backup --restored-from 2026-03-01T03:00     # after restoring a dump of PostgreSQL, before the next run")]
pub struct Backup {
    /// The file to make; one that is there is not overwritten
    #[arg(required_unless_present = "restored_from", value_name = "FILE")]
    file: Option<PathBuf>,
    /// This ledger was restored from a backup taken at this time
    #[arg(long, value_name = "TIME", value_parser = Moment::parse_date, conflicts_with = "file")]
    restored_from: Option<Moment>,
    /// The time of the copy instead of now, beside `run --now`
    #[arg(long, value_name = "TIME", value_parser = Moment::parse_date)]
    now: Option<Moment>,
}

/// What was copied.
#[derive(Debug, Serialize)]
struct Copied {
    file: PathBuf,
    bytes: u64,
    seconds: f64,
}

impl Backup {
    /// Copies, or marks.
    ///
    /// # Errors
    /// When the file is there already or cannot be written, or the store cannot be opened.
    pub async fn run(self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        let settings = load_settings(config)?;
        let started = tokio::time::Instant::now();
        let at = self.now.map_or_else(real_time, |moment| moment.start(real_time(), settings.timezone));
        if let Some(moment) = self.restored_from {
            let from = moment.start(at, settings.timezone);
            open_store(&settings).await?.mark_restored(from).await?;
            if out.is_json() {
                out.json(&serde_json::json!({ "restored_from": from }))?;
            } else {
                let from = local(from, settings.timezone);
                out.say(format_args!("The next run takes this ledger as restored from a backup of {from}."))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let Some(file) = self.file else { return Ok(ExitCode::from(USAGE)) };
        if matches!(settings.store, StoreUrl::Postgres(_)) {
            out.note(pg_dump(&file))?;
            return Ok(ExitCode::from(USAGE));
        }
        let bytes = open_store(&settings).await?.back_up(&file, at).await?.unwrap_or(0);
        let copied = Copied { file, bytes, seconds: started.elapsed().as_secs_f64() };
        if out.is_json() {
            out.json(&copied)?;
        } else {
            out.say(format_args!("{}: {} bytes ({:.1} s)", copied.file.display(), bytes, copied.seconds))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn pg_dump(file: &Path) -> String {
    format!(
        "the ledger is in PostgreSQL, which makes its own backups: pg_dump --format=custom --file='{}' \"$DATABASE_URL\"\n\
         after pg_restore, and before the next run: replenish backup --restored-from TIME-OF-THE-DUMP",
        file.display()
    )
}
