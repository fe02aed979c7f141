//! Owns the folder that finished jobs are moved to: a file of JSON lines a month; knows nothing of why they leave.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::StoreError;
use crate::domain::ids::MemberId;

/// A folder of `jobs-YYYY-MM.jsonl`, by the month (UTC) in which a job ended. It holds personal data: only its owner can
/// read it.
#[derive(Debug, Clone)]
pub struct Archive {
    folder: PathBuf,
}

impl Archive {
    /// The archive in this folder, which is made when the first job comes.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps everyone else from writing, until the file is dropped.
    pub(super) fn hold(&self) -> Result<File, StoreError> {
        let lock = self.folder.join(".lock");
        let held = fs::create_dir_all(&self.folder).and_then(|()| {
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock)?;
            file.lock()?;
            Ok(file)
        });
        held.map_err(|e| StoreError::file(&lock, e))
    }

    /// Adds lines to their months; when this returns they are on the disk.
    pub(super) fn append(&self, months: &BTreeMap<String, Vec<Json>>) -> Result<(), StoreError> {
        for (month, lines) in months {
            let path = self.folder.join(format!("jobs-{month}.jsonl"));
            append(&path, lines).map_err(|e| StoreError::file(&path, e))?;
        }
        let here = File::open(&self.folder).and_then(|folder| folder.sync_all());
        here.map_err(|e| StoreError::file(&self.folder, e))
    }

    /// Takes out what it holds of a member; how many lines that were.
    ///
    /// # Errors
    /// When a file cannot be read or written; every other file is whole then, with these lines or without.
    pub fn erase(&self, member: &MemberId) -> Result<u64, StoreError> {
        if !self.folder.exists() {
            return Ok(0);
        }
        let _held = self.hold()?;
        let entries = fs::read_dir(&self.folder).map_err(|e| StoreError::file(&self.folder, e))?;
        let paths = entries.flatten().map(|entry| entry.path());
        let mut erased = 0;
        for path in paths.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")) {
            erased += erase(&path, member).map_err(|e| StoreError::file(&path, e))?;
        }
        Ok(erased)
    }
}

fn append(path: &Path, lines: &[Json]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let whole = end_of_last_line(&mut file)?;
    file.set_len(whole)?;
    file.seek(SeekFrom::End(0))?;
    let mut out = BufWriter::new(&file);
    for line in lines {
        serde_json::to_writer(&mut out, line)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    drop(out);
    file.sync_all()
}

/// Where the last whole line ends. A crash may have left half a line behind it: that job is still in the ledger.
fn end_of_last_line(file: &mut File) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = vec![0; 64 * 1024];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let part = &mut block[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn erase(path: &Path, member: &MemberId) -> io::Result<u64> {
    let is_of = |line: &[u8]| {
        serde_json::from_slice::<Json>(line).is_ok_and(|job| job["member"].as_str() == Some(member.as_str()))
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut kept = tempfile::NamedTempFile::new_in(folder)?;
    let (mut reader, mut line, mut erased) = (BufReader::new(File::open(path)?), Vec::new(), 0);
    let mut out = BufWriter::new(kept.as_file_mut());
    while reader.read_until(b'\n', &mut line)? > 0 {
        if is_of(&line) {
            erased += 1
        } else {
            out.write_all(&line)?
        }
        line.clear();
    }
    out.flush()?;
    drop(out);
    if erased > 0 {
        kept.as_file().sync_all()?;
        kept.persist(path)?;
        File::open(folder)?.sync_all()?;
    }
    Ok(erased)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn months(lines: &[Json]) -> BTreeMap<String, Vec<Json>> {
        BTreeMap::from([("2026-11".to_owned(), lines.to_vec())])
    }

    #[test]
    fn half_a_line_of_a_crash_gives_way_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::new(folder.path().join("archive"));
        let _held = archive.hold().unwrap();
        archive.append(&months(&[json!({"id": "a"})])).unwrap();
        let path = folder.path().join("archive/jobs-2026-11.jsonl");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&[b'x'; 100_000]).unwrap();
        archive.append(&months(&[json!({"id": "b"})])).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "{\"id\":\"a\"}\n{\"id\":\"b\"}\n");
    }

    #[test]
    fn a_member_is_erased_and_no_one_else() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::new(folder.path().to_owned());
        let lines = ["m1", "m10", "m1", "m2"].map(|member| json!({"member": member, "about": "m1"}));
        archive.append(&months(&lines)).unwrap();
        assert_eq!(archive.erase(&"m1".into()).unwrap(), 2);
        assert_eq!(archive.erase(&"m1".into()).unwrap(), 0);
        let kept = fs::read_to_string(folder.path().join("jobs-2026-11.jsonl")).unwrap();
        assert_eq!(kept.lines().count(), 2);
        assert!(!kept.contains("\"member\":\"m1\""));
    }
}
