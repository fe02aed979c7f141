//! Owns what makes a whole file unreadable; a single bad row is no error but a `Reject`.

use std::io;
use std::path::PathBuf;

/// Why nothing of a file can be taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The file is not there, or may not be read.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file's name does not say its format.
    #[error("cannot tell what {} holds by its name; .csv (.tsv, .txt) and .jsonl are read, each also with .gz, .xlsx, \
             and standard input with --format csv or --format jsonl", path.display())]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// A spreadsheet of another make.
    #[error("{} is a kind of spreadsheet that is not read; save it as .xlsx or as CSV UTF-8", path.display())]
    Spreadsheet {
        /// The file.
        path: PathBuf,
    },
    /// A `.xlsx` that is damaged, too large, or none.
    #[error("{} cannot be read as .xlsx{}: {source}; save it again as an Excel workbook without a password, \
             or as CSV UTF-8", path.display(), beyond(*row))]
    Workbook {
        /// The file.
        path: PathBuf,
        /// Rows read until then.
        row: u64,
        /// What is wrong.
        source: io::Error,
    },
    /// A `.gz` that is cut off or damaged.
    #[error("{} is no whole .gz: it broke off after line {line} ({source}); copy it again", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// Whole lines until then.
        line: u64,
        /// What the decoder says.
        source: io::Error,
    },
    /// The system stopped giving us the file.
    #[error("cannot read {} beyond line {line}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Whole lines until then.
        line: u64,
        /// What the system says.
        source: io::Error,
    },
    /// Not a text of the format that it should be.
    #[error("{} is not what its format says: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Columns are missing, or stand there twice.
    #[error("{}: {problem}", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// What is wrong, what was found, and the setting that mends it.
        problem: String,
    },
    /// The settings map a column that we do not have.
    #[error("[intake.{kind}.columns] maps `{name}`, which is no column of ours; these are: {known}")]
    Mapping {
        /// `orders`, `returns`, `members` or `products`.
        kind: &'static str,
        /// The name in the settings.
        name: String,
        /// Our names.
        known: String,
    },
    /// The rejects file cannot be written.
    #[error("cannot write the rejects file: {0}")]
    Rejects(#[source] io::Error),
}

fn beyond(row: u64) -> String {
    if row == 0 { String::new() } else { format!(" beyond row {row}") }
}
