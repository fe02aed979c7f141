//! Owns where records come from: a file, its format and packing; knows nothing of rows.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Result};
use std::path::{Path, PathBuf};

use super::IntakeError;
use super::unpack::unpacked;

/// How a file lays out its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Cells under a header, parted by commas, semicolons or tabs.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// A sheet of an Excel workbook, with a header.
    Xlsx,
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
            Some("csv" | "tsv" | "txt") => Ok(Self { path, format: Format::Csv, gzip }),
            Some("jsonl") => Ok(Self { path, format: Format::Jsonl, gzip }),
            Some("xlsx" | "xlsm") if !gzip => Ok(Self { path, format: Format::Xlsx, gzip }),
            Some("xls" | "xlsb") => Err(IntakeError::Spreadsheet { path }),
            _ => Err(IntakeError::Extension { path }),
        }
    }

    /// The unpacked bytes of a text; `progress` hears how many packed ones were read.
    pub(super) fn open<'a>(
        &self,
        progress: &'a dyn Fn(u64),
    ) -> std::result::Result<Box<dyn BufRead + 'a>, IntakeError> {
        let cannot = |source| IntakeError::Open { path: self.path.clone(), source };
        let file = File::open(&self.path).map_err(cannot)?;
        Ok(if self.gzip {
            Box::new(unpacked(file, progress).map_err(cannot)?)
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
            ("orders.tsv", Some((Format::Csv, false))),
            ("orders.txt.gz", Some((Format::Csv, true))),
            ("orders.XLSX", Some((Format::Xlsx, false))),
            ("orders.xlsx.gz", None),
            ("orders.xls", None),
            ("orders.gz", None),
            ("csv", None),
            ("-", None),
        ];
        for (path, expected) in cases {
            let found = Source::of(path).ok().map(|s| (s.format, s.gzip));
            assert_eq!(found, expected, "{path}");
        }
        for (name, part) in [("a/orders.parquet", ".jsonl"), ("a/orders.xls", "save it as .xlsx or as CSV")] {
            let message = Source::of(name).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(part), "{message}");
        }
    }
}
