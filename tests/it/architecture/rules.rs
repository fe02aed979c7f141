//! Owns the rules of the house for one source: what each ring may know, how long and how named things may be.

use super::source::{Source, find, first_names, functions, is_part_of_name, line_of, name, under};

/// What one rule has against one source: lines with what is wrong there.
pub type Against = Vec<(usize, String)>;

/// Every rule that looks at one source of `src/` alone.
pub const RULES: &[fn(&Source) -> Against] = &[imports, purity, sql, queue, clock, function_length, bravery];
/// Rules for every Rust file, tests included.
pub const RULES_FOR_ALL: &[fn(&Source) -> Against] = &[file_length, opening, names];

/// Whom each ring may know. `main` is `main.rs` and `lib.rs`, which know everyone.
const RINGS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("config", &["domain"]),
    ("intake", &["domain"]),
    ("store", &["domain"]),
    ("channel", &["domain"]),
    ("queue", &["domain", "store"]),
    ("desk", &["domain", "config", "intake", "store", "channel", "queue"]),
    ("daemon", &["domain", "config", "intake", "store", "channel", "queue"]),
    ("lab", &["domain", "config", "intake", "store", "channel", "queue"]),
    ("http", &["domain", "config", "intake", "store", "channel", "queue", "desk", "daemon", "lab"]),
    // `run` starts the other face beside the daemon
    ("cli", &["domain", "config", "intake", "store", "channel", "queue", "desk", "daemon", "lab", "http"]),
];

fn imports(source: &Source) -> Against {
    let ring = source.ring();
    if ring == "main" {
        return Vec::new();
    }
    let Some((_, known)) = RINGS.iter().find(|(name, _)| *name == ring) else {
        return vec![(1, format!("`{ring}` is no ring of the house"))];
    };
    let is_foreign =
        |name: &str| RINGS.iter().any(|(other, _)| *other == name) && name != ring && !known.contains(&name);
    let by_crate = under(&source.code, "crate");
    let by_super = above(&source.production, source.depth());
    let foreign = by_crate.into_iter().chain(by_super).filter(|(_, name)| is_foreign(name));
    foreign.map(|(at, name)| (line_of(&source.code, at), format!("{ring} must not know {name}"))).collect()
}

/// The names that `super::` reaches in the crate itself, from a file so deep.
fn above(code: &str, depth: usize) -> Vec<(usize, &str)> {
    let chains = find(code, "super").filter(|at| !code[..*at].ends_with("::"));
    let names = chains.flat_map(|at| {
        let mut rest = &code[at..];
        let mut steps = 0;
        while let Some(further) = rest.strip_prefix("super::") {
            (rest, steps) = (further, steps + 1);
        }
        let names = if steps == depth { first_names(rest) } else { Vec::new() };
        names.into_iter().map(move |name| (at, name))
    });
    names.collect()
}

fn purity(source: &Source) -> Against {
    const WORDS: &[&str] =
        &[".await", "async", "tokio", "fastrand", "SystemTime", "Instant", "Utc::now", "Local::now"];
    const STD: &[&str] = &["fs", "net", "env", "process", "io"];
    if source.ring() != "domain" {
        return Vec::new();
    }
    let words =
        WORDS.iter().flat_map(|word| find(&source.code, word).map(move |at| (at, (*word).to_owned())));
    let std = under(&source.code, "std").into_iter().filter(|(_, name)| STD.contains(name));
    let all = words.chain(std.map(|(at, name)| (at, format!("std::{name}"))));
    all.map(|(at, word)| (line_of(&source.code, at), format!("`{word}`: the domain is pure"))).collect()
}

fn sql(source: &Source) -> Against {
    if source.ring() == "store" {
        return Vec::new();
    }
    let engines = ["rusqlite", "tokio_postgres", "deadpool_postgres", "refinery"];
    let words = engines.iter().flat_map(|word| find(&source.code, word).map(move |at| (at, *word)));
    let words = words.map(|(at, word)| (line_of(&source.code, at), format!("`{word}` outside store/")));
    let literals = source.literals.iter().filter(|(_, text)| is_sql(text));
    words.chain(literals.map(|(line, _)| (*line, "SQL outside store/".to_owned()))).collect()
}

/// Statements in capitals anywhere; in small letters only what no sentence says.
fn is_sql(text: &str) -> bool {
    let text = format!(" {} ", text.split_whitespace().collect::<Vec<_>>().join(" "));
    let holds = |parts: &[&str], text: &str| {
        let mut rest = text;
        parts.iter().all(|part| match rest.find(part) {
            Some(at) => {
                rest = &rest[at + part.len() - 1..];
                true
            }
            None => false,
        })
    };
    let loud: &[&[&str]] =
        &[&[" INSERT INTO "], &[" DELETE FROM "], &[" SELECT ", " FROM "], &[" UPDATE ", " SET "]];
    let quiet: &[&[&str]] = &[
        &[" insert into ", " values"],
        &[" delete from ", " where "],
        &[" select ", " from ", " where "],
        &[" update ", " set ", " = "],
        &[" create table "],
    ];
    loud.iter().any(|parts| holds(parts, &text))
        || quiet.iter().any(|parts| holds(parts, &text.to_lowercase()))
}

fn queue(source: &Source) -> Against {
    if source.ring() == "queue" {
        return Vec::new();
    }
    // apalis_core, apalis_redis … are apalis too.
    let starts = |at: &usize| !source.code[..*at].chars().next_back().is_some_and(is_part_of_name);
    let found = source.code.match_indices("apalis").map(|(at, _)| at).filter(starts);
    found.map(|at| (line_of(&source.code, at), "apalis outside queue/".to_owned())).collect()
}

fn clock(source: &Source) -> Against {
    let file_is_free = source.ring() == "main" || matches!(source.ring(), "daemon" | "cli" | "http");
    let reads: &[&str] = if file_is_free { &[] } else { &["Utc::now", "Local::now", "SystemTime::now"] };
    let found = reads.iter().flat_map(|read| find(&source.production, read).map(move |at| (at, *read)));
    found.map(|(at, read)| (line_of(&source.production, at), format!("`{read}`: ask for the time"))).collect()
}

fn file_length(source: &Source) -> Against {
    let lines = source.text.lines().count();
    if lines < 400 { Vec::new() } else { vec![(lines, format!("{lines} lines: a file stays below 400"))] }
}

fn function_length(source: &Source) -> Against {
    let code = &source.production;
    let lines = functions(code).into_iter().map(|(name, span)| {
        let lines = code[span.clone()].lines().count();
        (line_of(code, span.start), name, lines)
    });
    let long = lines.filter(|(_, _, lines)| *lines >= 40);
    long.map(|(line, name, lines)| (line, format!("`{name}` has {lines} lines: a function stays below 40")))
        .collect()
}

fn opening(source: &Source) -> Against {
    let paragraph: Vec<&str> = source.text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    match paragraph.last() {
        Some(last) if last.trim_end().ends_with('.') => Vec::new(),
        _ => {
            vec![(1, "a file opens with one `//!` sentence: what it owns, what it must not know".to_owned())]
        }
    }
}

/// Words that say nothing of what a thing does.
const EMPTY_WORDS: &[&str] = &["manager", "handler", "service", "processor", "helper", "util", "common"];

fn names(source: &Source) -> Against {
    let code = &source.code;
    let kinds = ["struct", "enum", "trait", "type", "union", "mod"];
    let defined =
        kinds.iter().flat_map(|kind| find(code, kind).map(move |at| (at, name(&code[at + kind.len()..]))));
    let defined = defined.map(|(at, name)| (line_of(code, at), name));
    let folders = source.path.trim_end_matches(".rs").split('/').map(|name| (1, name));
    let empty = folders.chain(defined).filter(|(_, name)| words(name).iter().any(|w| is_empty_word(w)));
    empty.map(|(line, name)| (line, format!("`{name}`: a name says what the thing does"))).collect()
}

fn is_empty_word(word: &str) -> bool {
    EMPTY_WORDS.contains(&word) || word.strip_suffix('s').is_some_and(|one| EMPTY_WORDS.contains(&one))
}

/// `JobManager` and `job_manager` are job, manager.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c.is_uppercase() || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    words
}

/// Nothing that outside data could break: errors are returned.
fn bravery(source: &Source) -> Against {
    let calls = [".unwrap()", ".expect(", "panic!", "todo!", "unimplemented!"];
    let found = calls.iter().flat_map(|call| find(&source.production, call).map(move |at| (at, *call)));
    found.map(|(at, call)| (line_of(&source.production, at), format!("`{call}` outside tests"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What all rules say of one small file.
    fn against(path: &str, text: &str) -> Vec<String> {
        let source = Source::new(path, &format!("//! Owns a thing.\n{text}"));
        let rules = RULES.iter().chain(RULES_FOR_ALL);
        rules.flat_map(|rule| rule(&source)).map(|(line, what)| format!("{line}: {what}")).collect()
    }

    fn assert_all(path: &str, bad: &[&str]) {
        bad.iter()
            .for_each(|text| assert_eq!(against(path, text).len(), 1, "{text}: {:?}", against(path, text)));
    }

    fn assert_none(path: &str, good: &[&str]) {
        good.iter().for_each(|text| assert_eq!(against(path, text), Vec::<String>::new(), "{text}"));
    }

    #[test]
    fn rings_know_only_what_is_below_them() {
        assert_all("src/domain/plan.rs", &["use crate::store::Store;", "fn f() { crate::config::x() }"]);
        assert_all("src/domain/mod.rs", &["use super::store::Store;"]);
        assert_all(
            "src/store/sqlite/mod.rs",
            &["use crate::{domain::ids, channel};", "use super::super::intake;"],
        );
        assert_all("src/queue/mod.rs", &["use crate::channel::Channel;"]);
        assert_all("src/desk/mod.rs", &["use crate::daemon::Parts;"]);
        assert_all("src/daemon/run.rs", &["use crate::lab;", "use crate::http::Face;"]);
        assert_all("src/http/mod.rs", &["use crate::cli::Output;"]);
        assert_all("src/shed/mod.rs", &["fn f() {}"]);
        assert_none("src/queue/mod.rs", &["use crate::store::Store;", "use crate::domain::ids;"]);
        assert_none("src/daemon/run.rs", &["use crate::queue::Transport;", "use super::desk;"]);
        assert_none("src/http/page.rs", &["use crate::desk;", "// crate::cli", "fn f() { \"crate::cli\"; }"]);
        assert_none("src/config/settings.rs", &["use super::intake;"]);
        assert_none("src/main.rs", &["use crate::cli;"]);
    }

    #[test]
    fn the_domain_is_pure() {
        let bad = [
            "async fn f() {}",
            "fn f() { g().await }",
            "use std::fs;",
            "use std::{fmt, net};",
            "use tokio::sync;",
        ];
        assert_all("src/domain/plan.rs", &bad);
        assert_all("src/domain/plan.rs", &["use std::time::Instant;", "fn f() { fastrand::f64(); }"]);
        assert_none(
            "src/domain/plan.rs",
            &["use std::fmt;", "fn instant() {}", "/// never `.await`\nfn f() {}"],
        );
        assert_none("src/intake/source.rs", &bad);
    }

    #[test]
    fn sql_stays_in_the_store() {
        let bad = [
            "const A: &str = \"INSERT INTO job VALUES (1)\";",
            "const A: &str = \"SELECT id\n  FROM job\";",
            "const A: &str = \"UPDATE job SET state = 1\";",
            "const A: &str = \"update job set state = 1\";",
            "const A: &str = \"select id from job where id = 1\";",
            "use rusqlite::Connection;",
            "use tokio_postgres::Client;",
        ];
        assert_all("src/desk/status.rs", &bad);
        assert_none("src/store/rows.rs", &bad);
        let good = [
            "const A: &str = \"select one from the list\";",
            "const A: &str = \"update the rule, or set it\";",
        ];
        assert_none("src/desk/status.rs", &good);
    }

    #[test]
    fn apalis_stays_in_the_queue_and_the_clock_at_the_edge() {
        let apalis = ["use apalis::prelude::*;", "use apalis_core::backend;"];
        assert_all("src/daemon/run.rs", &apalis);
        assert_none("src/queue/worker.rs", &apalis);
        let clock =
            ["fn f() { chrono::Utc::now(); }", "fn f() { SystemTime::now(); }", "fn f() { Local::now(); }"];
        assert_all("src/store/mod.rs", &clock);
        assert_all("src/lab/mod.rs", &clock);
        for edge in ["src/daemon/clock.rs", "src/cli/mod.rs", "src/http/mod.rs", "src/main.rs"] {
            assert_none(edge, &clock);
        }
    }

    #[test]
    fn files_and_functions_stay_short() {
        let function = |lines: usize| format!("fn f() {{\n{}}}\n", "\n".repeat(lines - 2));
        assert_none("src/store/a.rs", &[&function(39)]);
        assert_all("src/store/a.rs", &[&function(40)]);
        assert_none("src/store/a.rs", &[&format!("#[cfg(test)]\nmod tests {{\n{}}}", function(60))]);
        assert_none("src/store/a.rs", &[&"\n".repeat(398)]);
        assert_all("tests/it/a.rs", &[&"\n".repeat(399)]);
    }

    #[test]
    fn files_say_what_they_own() {
        for bad in ["", "use a;", "//! no end", "//!", "// Owns.", "\n//! Owns."] {
            assert_eq!(opening(&Source::new("src/store/a.rs", bad)).len(), 1, "{bad}");
        }
        assert_eq!(opening(&Source::new("src/lib.rs", "//! Owns two\n//! lines.\n//!\n//! More")), []);
    }

    #[test]
    fn names_say_what_things_do() {
        assert_all(
            "src/store/a.rs",
            &["struct JobManager;", "enum Handler {}", "mod utils;", "trait CommonPart {}"],
        );
        assert_all("src/store/job_helpers.rs", &[""]);
        assert_all("src/store/services/a.rs", &[""]);
        assert_none(
            "src/store/a.rs",
            &["struct Uncommon;", "fn handler() {}", "mod serviced;", "type Managed = u8;"],
        );
    }

    #[test]
    fn nothing_gives_up_outside_tests() {
        assert_all(
            "src/store/a.rs",
            &["fn f() { a.unwrap(); }", "fn f() { a.expect(\"b\"); }", "fn f() { todo!() }"],
        );
        assert_none(
            "src/store/a.rs",
            &["fn f() { a.unwrap_or(b); }", "#[cfg(test)]\nmod t { fn f() { a.unwrap(); } }"],
        );
    }
}
