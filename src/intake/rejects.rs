//! Owns the bad rows and the file that they go to; knows nothing of what is wrong with them.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// How the names of rejects files end.
const ENDING: &str = ".rejects.csv";

/// A row that is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The line of the file on which it starts, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
    /// The row as it stands there; what is too long is cut, what is no UTF-8 replaced.
    pub row: String,
}

impl Reject {
    /// Longest text of a row that is kept, in bytes.
    const LONGEST: usize = 4096;

    pub(super) fn new(line: u64, reason: String, raw: &[u8]) -> Self {
        let kept = raw.get(..Self::LONGEST).unwrap_or(raw);
        let mut row = String::from_utf8_lossy(kept).trim_end_matches(['\r', '\n']).to_owned();
        if kept.len() < raw.len() {
            row.push('…');
        }
        Self { line, reason, row }
    }
}

/// The rejects file of one input: columns `line,reason,row`; it comes into being with the first reject.
/// It holds personal data: only its owner can read it.
pub struct Rejects {
    path: PathBuf,
    file: Option<csv::Writer<fs::File>>,
}

impl Rejects {
    /// The rejects of the input of that name: `NAME.rejects.csv` in `folder`, in place of an earlier import's.
    pub fn new(folder: &Path, input_name: &str) -> Self {
        Self { path: folder.join(format!("{input_name}{ENDING}")), file: None }
    }

    /// Adds one.
    pub fn write(&mut self, reject: &Reject) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(create(&self.path)?),
        };
        Ok(file.write_record([&reject.line.to_string(), &reject.reason, &reject.row])?)
    }

    /// Flushes; the file's path when there is one.
    pub fn finish(self) -> io::Result<Option<PathBuf>> {
        let Some(mut file) = self.file else { return Ok(None) };
        file.flush()?;
        Ok(Some(self.path))
    }

    /// The first so many in that file: line and reason.
    pub fn first(path: &Path, count: usize) -> io::Result<Vec<(u64, String)>> {
        let mut rows = csv::Reader::from_path(path)?;
        let rejects = rows.deserialize::<(u64, String, String)>().take(count);
        rejects.map(|row| row.map(|(line, reason, _)| (line, reason)).map_err(io::Error::from)).collect()
    }
}

/// Takes every row that names one of these out of the rejects files in `folder`; how many rows that were. A name counts
/// where no letter or digit touches it, in capitals or not.
///
/// # Errors
/// When a file cannot be read or written; every other file is whole then, with such rows or without.
pub fn erase(folder: &Path, names: &[String]) -> io::Result<u64> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(0) };
    let names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let mut erased = 0;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ENDING)) {
            erased += erase_in(&path, folder, &names)?;
        }
    }
    Ok(erased)
}

fn erase_in(path: &Path, folder: &Path, names: &[String]) -> io::Result<u64> {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(path)?;
    let mut kept = csv::Writer::from_writer(tempfile::NamedTempFile::new_in(folder)?);
    let mut erased = 0;
    for row in rows.byte_records() {
        let row = row?;
        let text = row.get(2).map(|cell| String::from_utf8_lossy(cell).to_lowercase()).unwrap_or_default();
        match names.iter().any(|name| is_named(&text, name)) {
            true => erased += 1,
            false => kept.write_byte_record(&row)?,
        }
    }
    let kept = kept.into_inner().map_err(|e| io::Error::other(e.to_string()))?;
    if erased > 0 {
        kept.as_file().sync_all()?;
        kept.persist(path)?;
    }
    Ok(erased)
}

fn is_named(text: &str, name: &str) -> bool {
    let touches = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !name.is_empty()
        && text.match_indices(name).any(|(at, _)| {
            !touches(text[..at].chars().next_back()) && !touches(text[at + name.len()..].chars().next())
        })
}

fn create(path: &Path) -> io::Result<csv::Writer<fs::File>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = csv::Writer::from_writer(options.open(path)?);
    file.write_record(["line", "reason", "row"])?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_comes_with_the_first_reject() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("var");
        assert_eq!(Rejects::new(&data, "orders.csv").finish().unwrap(), None);
        assert!(!data.exists());

        let mut rejects = Rejects::new(&data, "orders.csv");
        rejects.write(&Reject::new(7, "order_id: is empty".into(), b",\"a\nb\"\r\n")).unwrap();
        let path = rejects.finish().unwrap().unwrap();
        assert_eq!(path, data.join("orders.csv.rejects.csv"));
        assert_eq!(Rejects::first(&path, 2).unwrap(), [(7, "order_id: is empty".to_owned())]);
        assert_eq!(Rejects::first(&path, 0).unwrap(), []);
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(text, "line,reason,row\n7,order_id: is empty,\",\"\"a\nb\"\"\"\n");
    }

    #[test]
    fn rows_that_name_someone_are_erased() {
        let folder = tempfile::tempdir().unwrap();
        let mut rejects = Rejects::new(folder.path(), "members.csv");
        for row in [&b"m1,x"[..], b"m10,Amy@Shop.example", b"am1,\"a\nb\"", b"xamy@shop.example", b"x,m1"] {
            rejects.write(&Reject::new(7, "m1".into(), row)).unwrap();
        }
        let path = rejects.finish().unwrap().unwrap();
        let names = ["m1".to_owned(), "amy@shop.example".to_owned()];
        assert_eq!(erase(folder.path(), &names).unwrap(), 3);
        assert_eq!(erase(folder.path(), &names).unwrap(), 0);
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(text, "line,reason,row\n7,m1,\"am1,\"\"a\nb\"\"\"\n7,m1,xamy@shop.example\n");
        assert_eq!(erase(&folder.path().join("none"), &names).unwrap(), 0);
    }

    #[test]
    fn the_row_is_bounded() {
        let row = Reject::new(1, String::new(), &[b'x'; 10_000]).row;
        assert_eq!(row.len(), Reject::LONGEST + '…'.len_utf8());
        assert_eq!(Reject::new(1, String::new(), b"a\xff\n").row, "a\u{fffd}");
    }
}
