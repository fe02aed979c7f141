//! Owns the inbox as a folder: its files, what their names say, and how they are put away; imports nothing.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::intake::Kind;

/// How a file's name, or its folder's, may begin.
const BEGINNINGS: [(&str, Kind); 9] = [
    ("order", Kind::Orders),
    ("訂單", Kind::Orders),
    ("return", Kind::Returns),
    ("退貨", Kind::Returns),
    ("member", Kind::Members),
    ("customer", Kind::Members),
    ("會員", Kind::Members),
    ("product", Kind::Products),
    ("商品", Kind::Products),
];
/// How the names of files end that are still being written.
const UNFINISHED: [&str; 4] = [".part", ".tmp", ".crdownload", "~"];

/// A file as one look sees it: its size and the time of its last change.
pub type Look = (u64, Option<SystemTime>);

/// A file in the inbox.
#[derive(Debug)]
pub struct Found {
    /// Where it lies.
    pub path: PathBuf,
    /// What it holds, as far as its name or its folder says.
    pub kind: Option<Kind>,
    /// How it looks.
    pub look: Look,
}

impl Found {
    /// Its name, for logs.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The right to go through the inbox alone, and what lies in it, in the order in which it came.
pub struct Sweep {
    /// The files.
    pub found: Vec<Found>,
    _lock: File,
}

impl Sweep {
    /// Goes through the folder, and through its folders named after kinds; none while another process does. The folder is
    /// made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub fn of(folder: &Path) -> io::Result<Option<Self>> {
        fs::create_dir_all(folder)?;
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join(".lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let (mut found, folders) = files(folder, None)?;
        for inner in folders {
            if let Some(kind) = kind(&inner) {
                found.extend(files(&inner, Some(kind))?.0);
            }
        }
        found.sort_by(|a, b| (a.look.1, &a.path).cmp(&(b.look.1, &b.path)));
        Ok(Some(Self { found, _lock: lock }))
    }
}

/// The files that may be whole, and the folders.
fn files(folder: &Path, of_folder: Option<Kind>) -> io::Result<(Vec<Found>, Vec<PathBuf>)> {
    let (mut found, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // What was there a moment ago may be gone: the next look tells.
        let Ok(about) = fs::metadata(&path) else { continue };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if about.is_dir() {
            folders.push(path);
        } else if !name.starts_with('.') && !UNFINISHED.iter().any(|ending| name.ends_with(ending)) {
            let look = (about.len(), about.modified().ok());
            found.push(Found { kind: of_folder.or_else(|| kind(&path)), path, look });
        }
    }
    Ok((found, folders))
}

fn kind(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    BEGINNINGS.iter().find(|(beginning, _)| name.starts_with(beginning)).map(|(_, kind)| *kind)
}

/// Moves a file into a folder, under a name that nothing there has, and its bad rows beside it.
///
/// # Errors
/// When it cannot be moved.
pub fn put_away(path: &Path, into: &Path, rejects: Option<&Path>) -> io::Result<()> {
    fs::create_dir_all(into)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (stem, ending) = name.split_at(name.find('.').unwrap_or(name.len()));
    let numbered = (2..).map(|n| format!("{stem}-{n}{ending}"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !into.join(name).exists());
    let place = into.join(free.unwrap_or(name));
    if let Some(rejects) = rejects {
        let mut beside = place.clone().into_os_string();
        beside.push(".rejects.csv");
        // Across file systems nothing can be renamed.
        fs::copy(rejects, beside)?;
        fs::remove_file(rejects)?;
    }
    fs::rename(path, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<(String, Option<Kind>)> {
        let sweep = Sweep::of(folder).unwrap().unwrap();
        let mut names: Vec<_> = sweep.found.iter().map(|found| (found.name(), found.kind)).collect();
        names.sort_by(|a, b| a.0.cmp(&b.0));
        names
    }

    #[test]
    fn names_and_folders_say_the_kind() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = folder.path().join("inbox");
        assert_eq!(names(&inbox), [], "the folder is made");
        for (file, kind) in [
            ("Orders-2026.csv", Some(Kind::Orders)),
            ("customers_export.csv", Some(Kind::Members)),
            ("notes.csv", None),
            ("訂單報表.csv", Some(Kind::Orders)),
            ("退貨.csv", Some(Kind::Returns)),
            ("會員.csv", Some(Kind::Members)),
            ("商品.csv", Some(Kind::Products)),
            ("products/of-today.csv", Some(Kind::Products)),
        ] {
            let path = inbox.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "x").unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert_eq!(names(&inbox), [(name, kind)]);
            fs::remove_file(path).unwrap();
        }
        for file in ["orders.csv.part", "orders.tmp", ".orders.csv", "done/orders.csv", "refused/orders.csv"]
        {
            let path = inbox.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "x").unwrap();
            assert_eq!(names(&inbox), [], "{file}");
        }
    }

    #[test]
    fn one_at_a_time_goes_through_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = Sweep::of(folder.path()).unwrap();
        assert!(first.is_some() && Sweep::of(folder.path()).unwrap().is_none());
        drop(first);
        assert!(Sweep::of(folder.path()).unwrap().is_some());
    }

    #[test]
    fn nothing_that_was_put_away_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let (file, rejects, done) =
            (folder.path().join("orders.csv.gz"), folder.path().join("r"), folder.path().join("done"));
        for place in ["orders.csv.gz", "orders-2.csv.gz", "orders-3.csv.gz"] {
            fs::write(&file, place).unwrap();
            fs::write(&rejects, "bad").unwrap();
            put_away(&file, &done, Some(&rejects)).unwrap();
            assert_eq!(fs::read_to_string(done.join(place)).unwrap(), place);
            assert_eq!(fs::read_to_string(done.join(format!("{place}.rejects.csv"))).unwrap(), "bad");
            assert!(!file.exists() && !rejects.exists());
        }
    }
}
