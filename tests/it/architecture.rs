//! Holds the plan of the house against the sources, read as text: all violations at once, each with its place.

mod rules;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rules::{RULES, RULES_FOR_ALL};
use source::{Source, find, name};

/// The top level is fixed.
const TOP: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "LICENSE",
    "src",
    "config",
    "deploy",
    "tests",
    ".ci",
    ".gitignore",
    ".clippy.toml",
    ".rustfmt.toml",
    ".config",
    ".git",
];

#[test]
fn the_house_keeps_its_plan() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut src, other) = sources(root, "src");
    set_tests_apart(&mut src);
    let (tests, _) = sources(root, "tests");
    assert!(src.len() > 20 && !tests.is_empty(), "the sources are not where they are looked for");
    let mut violations = judged(&src, RULES);
    violations.extend(judged(&src, RULES_FOR_ALL));
    violations.extend(judged(&tests, RULES_FOR_ALL));
    violations.extend(unreached(&src, &other));
    violations
        .extend(strangers(&entries(root), &fs::read_to_string(root.join(".gitignore")).unwrap_or_default()));
    violations.sort();
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

fn judged(sources: &[Source], rules: &[fn(&Source) -> rules::Against]) -> Vec<String> {
    let all = sources.iter().flat_map(|source| {
        let found = rules.iter().flat_map(move |rule| rule(source));
        found.map(move |(line, what)| format!("{}:{line}: {what}", source.path))
    });
    all.collect()
}

/// A file that only a `#[cfg(test)] mod` leads to is a test as a whole.
fn set_tests_apart(sources: &mut [Source]) {
    let production: BTreeSet<String> =
        reached(sources, |s| &s.production).into_iter().map(str::to_owned).collect();
    let tests = sources.iter_mut().filter(|s| !production.contains(&s.path));
    tests.for_each(|source| source.production.clear());
}

/// Files below `src/` that no `mod` leads to; of other files, those that no source names, nor their folder.
fn unreached(sources: &[Source], other: &[String]) -> Vec<String> {
    let reached = reached(sources, |s| &s.code);
    let lost = sources.iter().map(|s| s.path.as_str()).filter(|path| !reached.contains(path));
    let named = |path: &str| {
        let mut ends = path.rsplit('/').take(2);
        let literals = || sources.iter().flat_map(|s| &s.literals);
        ends.any(|end| literals().any(|(_, text)| text.ends_with(end)))
    };
    let unnamed = other.iter().map(String::as_str).filter(|path| !named(path));
    lost.chain(unnamed).map(|path| format!("{path}:1: nothing leads here")).collect()
}

/// The paths that the `mod`s in this form of the code lead to, from the two roots.
fn reached(sources: &[Source], code: fn(&Source) -> &str) -> BTreeSet<&str> {
    let mut open: Vec<&Source> =
        sources.iter().filter(|s| matches!(s.path.as_str(), "src/lib.rs" | "src/main.rs")).collect();
    let mut reached = BTreeSet::new();
    while let Some(source) = open.pop() {
        if reached.insert(source.path.as_str()) {
            let children = children(&source.path, code(source));
            open.extend(sources.iter().filter(|s| children.contains(&s.path)));
        }
    }
    reached
}

/// The files that the `mod name;` of a source may stand for.
fn children(path: &str, code: &str) -> BTreeSet<String> {
    let stem = path.trim_end_matches(".rs");
    let folder = ["/mod", "/lib", "/main"].iter().find_map(|root| stem.strip_suffix(root)).unwrap_or(stem);
    let names = find(code, "mod").map(|at| name(&code[at + 3..]));
    names.flat_map(|name| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]).collect()
}

/// What lies at the top and does not belong there; what git does not see does not count.
fn strangers(entries: &[String], ignored: &str) -> Vec<String> {
    let is_ignored = |entry: &str| ignored.lines().any(|line| line.trim().trim_matches('/') == entry);
    let strange = entries.iter().filter(|entry| !TOP.contains(&entry.as_str()) && !is_ignored(entry));
    strange.map(|entry| format!("{entry}:1: does not belong at the top of the repository")).collect()
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The Rust files below `root/folder`, and the paths of all others.
fn sources(root: &Path, folder: &str) -> (Vec<Source>, Vec<String>) {
    let paths = files(root.join(folder));
    let named = paths.iter().filter_map(|path| {
        let name = path.strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/");
        Some((path, name))
    });
    let (rust, other): (Vec<_>, Vec<_>) = named.partition(|(_, name)| name.ends_with(".rs"));
    let read = |(path, name): (&PathBuf, String)| Source::new(&name, &fs::read_to_string(path).unwrap());
    (rust.into_iter().map(read).collect(), other.into_iter().map(|(_, name)| name).collect())
}

fn files(folder: PathBuf) -> Vec<PathBuf> {
    let paths = entries(&folder).into_iter().map(|entry| folder.join(entry));
    paths.flat_map(|path| if path.is_dir() { files(path) } else { vec![path] }).collect()
}

#[test]
fn what_nothing_leads_to_is_found() {
    let source = |path: &str, text: &str| Source::new(path, text);
    let mut sources = [
        source("src/lib.rs", "pub mod lab;"),
        source("src/lab/mod.rs", "mod b; // mod lost;"),
        source(
            "src/lab/b.rs",
            "#[cfg(test)]\nmod tests;\nconst C: &str = include_str!(\"c.sql\"); embed!(\"src/lab/steps\");",
        ),
        source("src/lab/b/tests.rs", "fn f() { a.unwrap() }"),
        source("src/lab/lost.rs", "mod lost_too;"),
        source("src/lab/lost/lost_too.rs", ""),
    ];
    let other = ["src/lab/c.sql", "src/lab/steps/1.sql", "src/lab/d.sql"].map(str::to_owned);
    let lost = ["src/lab/lost.rs", "src/lab/lost/lost_too.rs", "src/lab/d.sql"]
        .map(|path| format!("{path}:1: nothing leads here"));
    assert_eq!(unreached(&sources, &other), lost);
    assert_eq!(judged(&sources, RULES).len(), 1);
    set_tests_apart(&mut sources);
    assert_eq!(judged(&sources, RULES).len(), 0);
}

#[test]
fn what_does_not_belong_at_the_top_is_found() {
    let entries = ["src", "LICENSE", ".git", "target", "benches", "Makefile", "variable"].map(str::to_owned);
    let strange = strangers(&entries, "/target/\n/var/\n");
    let places: Vec<&str> = strange.iter().filter_map(|s| s.split(':').next()).collect();
    assert_eq!(places, ["benches", "Makefile", "variable"]);
}
