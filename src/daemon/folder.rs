//! Owns the inbox as a folder: its files, what their names say, and how they are put away; imports nothing.

use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

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

/// A file that changed so lately may still be being written, whatever pauses its writer makes.
const QUIET: Duration = Duration::from_secs(10);
/// A change that lies so far ahead is a wrong date, and no clock that goes a little fast.
const AHEAD: Duration = Duration::from_secs(60 * 60);

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

    /// True when nobody has written to it for a while.
    pub fn is_quiet(&self) -> bool {
        let Some(changed) = self.look.1 else { return true };
        changed.elapsed().map_or_else(|ahead| ahead.duration() >= AHEAD, |age| age >= QUIET)
    }

    /// True when it no longer looks as it did.
    pub fn has_changed(&self) -> bool {
        fs::metadata(&self.path).map_or(true, |about| look(&about) != self.look)
    }

    /// What others build on goes first: products, members, orders, and then the returns of these.
    fn turn(&self) -> u8 {
        match self.kind {
            Some(Kind::Products) => 0,
            Some(Kind::Members) => 1,
            Some(Kind::Orders) => 2,
            Some(Kind::Returns) | None => 3,
        }
    }
}

fn look(about: &Metadata) -> Look {
    (about.len(), about.modified().ok())
}

/// The right to go through the inbox alone, and what lies in it, in the order in which it is to be taken in: by kind, then
/// as it came.
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
        found.sort_by(|a, b| (a.turn(), a.look.1, &a.path).cmp(&(b.turn(), b.look.1, &b.path)));
        Ok(Some(Self { found, _lock: lock }))
    }
}

/// The files that bear no name of unfinished ones, and the folders.
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
            found.push(Found { kind: of_folder.or_else(|| kind(&path)), path, look: look(&about) });
        }
    }
    Ok((found, folders))
}

fn kind(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    BEGINNINGS.iter().find(|(beginning, _)| name.starts_with(beginning)).map(|(_, kind)| *kind)
}

/// What lies beside a file that was put away.
#[derive(Debug, Default)]
pub struct Beside {
    /// Its bad rows.
    pub rejects: Option<PathBuf>,
    /// What is wrong with it.
    pub why: Option<String>,
}

/// `orders-2.csv.gz` for the second `orders.csv.gz`.
pub fn numbered(name: &str, nth: usize) -> String {
    let (stem, ending) = name.split_at(name.find('.').unwrap_or(name.len()));
    format!("{stem}-{nth}{ending}")
}

/// Moves a file into a folder, under a name that nothing there has, and what belongs to it beside it.
///
/// # Errors
/// When it cannot be moved.
pub fn put_away(path: &Path, into: &Path, beside: &Beside) -> io::Result<()> {
    fs::create_dir_all(into)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let numbered = (2..).map(|n| numbered(&name, n));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !into.join(name).exists());
    let name = free.unwrap_or(name);
    if let Some(rejects) = &beside.rejects {
        // Across file systems nothing can be renamed.
        fs::copy(rejects, into.join(format!("{name}.rejects.csv")))?;
        fs::remove_file(rejects)?;
    }
    if let Some(why) = &beside.why {
        // It may quote the file: only the owner can read it.
        let mut file = NamedTempFile::new_in(into)?;
        writeln!(file, "{why}")?;
        file.persist(into.join(format!("{name}.why.txt")))?;
    }
    fs::rename(path, into.join(name))
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
            let beside = Beside { rejects: Some(rejects.clone()), why: Some("it is bad".to_owned()) };
            put_away(&file, &done, &beside).unwrap();
            let lies = |ending: &str| fs::read_to_string(done.join(format!("{place}{ending}"))).unwrap();
            assert_eq!([lies(""), lies(".rejects.csv"), lies(".why.txt")], [place, "bad", "it is bad\n"]);
            assert!(!file.exists() && !rejects.exists());
        }
    }
}
