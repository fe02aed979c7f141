//! Owns where records come from: a file, its format and packing; knows nothing of rows.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Result};
use std::path::{Path, PathBuf};

use super::IntakeError;
use super::unpack::Unpacked;

/// How a file lays out its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated cells under a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// A file of records. Standard input is one too, once it is spooled to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it lies.
    pub path: PathBuf,
    /// How it is laid out.
    pub format: Format,
    /// True when it is packed.
    pub gzip: bool,
}

impl Source {
    /// The file at `path`, of the format that its name says.
    pub fn of(path: impl Into<PathBuf>) -> std::result::Result<Self, IntakeError> {
        let path = path.into();
        let extension = |p: &Path| p.extension().map(|e| e.to_string_lossy().to_lowercase());
        let gzip = extension(&path).as_deref() == Some("gz");
        let inner = if gzip { path.with_extension("") } else { path.clone() };
        match extension(&inner).as_deref() {
            Some("csv") => Ok(Self { path, format: Format::Csv, gzip }),
            Some("jsonl") => Ok(Self { path, format: Format::Jsonl, gzip }),
            _ => Err(IntakeError::Extension { path }),
        }
    }

    /// The unpacked bytes; `progress` hears how many packed ones were read.
    pub(super) fn open<'a>(
        &self,
        progress: &'a dyn Fn(u64),
    ) -> std::result::Result<Box<dyn BufRead + 'a>, IntakeError> {
        let cannot = |source| IntakeError::Open { path: self.path.clone(), source };
        let file = File::open(&self.path).map_err(cannot)?;
        Ok(if self.gzip {
            Box::new(Unpacked::of(file, progress).map_err(cannot)?)
        } else {
            Box::new(BufReader::with_capacity(BUFFER, Counted { file, read: 0, progress }))
        })
    }
}

/// Bytes read from a file at once.
pub(super) const BUFFER: usize = 128 * 1024;

/// A file that tells how much of it was read.
pub(super) struct Counted<'a> {
    pub file: File,
    pub read: u64,
    pub progress: &'a dyn Fn(u64),
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let read = self.file.read(into)?;
        self.read += read as u64;
        (self.progress)(self.read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_the_format() {
        let cases = [
            ("a/orders.csv", Some((Format::Csv, false))),
            ("a/ORDERS.CSV.GZ", Some((Format::Csv, true))),
            ("2026.03.02.jsonl", Some((Format::Jsonl, false))),
            ("orders.jsonl.gz", Some((Format::Jsonl, true))),
            ("orders.xlsx", None),
            ("orders.gz", None),
            ("csv", None),
            ("-", None),
        ];
        for (path, expected) in cases {
            let found = Source::of(path).ok().map(|s| (s.format, s.gzip));
            assert_eq!(found, expected, "{path}");
        }
        let message = Source::of("a/orders.xlsx").unwrap_err().to_string();
        assert!(message.contains("orders.xlsx") && message.contains(".jsonl"), "{message}");
    }
}
