//! Owns the template files of a folder: their names, locales and sources, and which one a name leads to; renders nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

const ENDING: &str = ".jinja";

/// The sources by file name; a file is `NAME.LOCALE.jinja` or `NAME.jinja`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Files(pub BTreeMap<String, String>);

impl Files {
    /// The file of `name` in the locale, else in its language, else without one.
    pub fn find(&self, name: &str, locale: &str) -> Option<&str> {
        let mut tag = locale.replace('_', "-");
        loop {
            let wanted =
                if tag.is_empty() { format!("{name}{ENDING}") } else { format!("{name}.{tag}{ENDING}") };
            if let Some(file) = self.0.keys().find(|file| file.eq_ignore_ascii_case(&wanted)) {
                return Some(file);
            }
            if tag.is_empty() {
                return None;
            }
            tag.truncate(tag.rfind('-').unwrap_or(0));
        }
    }

    /// The nearest locale that any file is written in: all names lead from it where they lead from `locale`.
    pub fn nearest(&self, locale: &str) -> String {
        let mut tag = locale.replace('_', "-").to_ascii_lowercase();
        let spoken = self.locales();
        while !tag.is_empty() && !spoken.iter().any(|known| known.eq_ignore_ascii_case(&tag)) {
            tag.truncate(tag.rfind('-').unwrap_or(0));
        }
        tag
    }

    /// Every locale that some file is written in.
    pub fn locales(&self) -> BTreeSet<&str> {
        self.0.keys().filter_map(|file| parts(file).1).collect()
    }

    /// Every name, without locale.
    pub fn names(&self) -> BTreeSet<&str> {
        self.0.keys().map(|file| parts(file).0).collect()
    }

    /// The source of a file; nothing when there is no such file.
    pub fn source(&self, file: &str) -> &str {
        self.0.get(file).map_or("", String::as_str)
    }
}

/// The name and the locale in a file's name.
pub(super) fn parts(file: &str) -> (&str, Option<&str>) {
    let stem = file.strip_suffix(ENDING).unwrap_or(file);
    stem.rsplit_once('.').map_or((stem, None), |(name, locale)| (name, Some(locale)))
}

/// The names of all template files of a folder, in order; one that is not there has none.
pub(super) fn listed(folder: &Path) -> io::Result<BTreeSet<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries?,
    };
    let name =
        |entry: io::Result<std::fs::DirEntry>| entry.map(|e| e.file_name().to_string_lossy().into_owned());
    let all = entries.map(name).collect::<io::Result<BTreeSet<_>>>()?;
    Ok(all.into_iter().filter(|name| name.ends_with(ENDING) && !name.starts_with('.')).collect())
}
