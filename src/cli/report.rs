//! Owns how problems are told to people: the place, the line with a mark, the help; knows nothing of how they are found.

use std::collections::BTreeMap;
use std::path::Path;

use anstyle::AnsiColor;

use super::output::{quiet, strong};
use crate::domain::excerpt::Excerpt;
use crate::domain::problem::Problem;

/// The files that problems stand in, as far as they can be read.
#[derive(Default)]
struct Files(BTreeMap<String, Option<String>>);

impl Files {
    fn line(&mut self, problem: &Problem) -> Option<&str> {
        let read = || std::fs::read(&problem.file).ok().map(|b| String::from_utf8_lossy(&b).into_owned());
        let text = self.0.entry(problem.file.clone()).or_insert_with(read).as_deref()?;
        text.trim_start_matches('\u{feff}').lines().nth(problem.line.saturating_sub(1) as usize)
    }
}

/// Every problem as people read it: its place, what is wrong, the line with a mark, what to write instead. Lines of the
/// file `settings` show no value that may be a secret.
pub fn report(problems: &[Problem], settings: &Path) -> Vec<String> {
    let mut files = Files::default();
    problems.iter().map(|problem| told(problem, files.line(problem), settings)).collect()
}

fn told(problem: &Problem, line: Option<&str>, settings: &Path) -> String {
    let Problem { file, line: number, column, message, help, .. } = problem;
    let place = quiet(format_args!("{file}:{number}:{column}:"));
    let colour = if problem.is_error() { AnsiColor::Red } else { AnsiColor::Yellow }.on_default().bold();
    let word = if problem.is_error() { String::new() } else { format!("{colour}warning:{colour:#} ") };
    let mut told = format!("{place} {word}{}", strong(message));
    let is_settings = same(Path::new(file), settings);
    let excerpt = line.filter(|line| !line.trim().is_empty()).and_then(|line| match is_settings {
        true => Excerpt::guarded(line, *column, &format!("{message} {help}")),
        false => Some(Excerpt::of(line, *column)),
    });
    if let Some(Excerpt { line, before, width }) = excerpt {
        let (space, mark) = (" ".repeat(before), "^".repeat(width));
        let number = quiet(format_args!("{number:>4} |"));
        told += &format!("\n{number} {line}\n{} {space}{colour}{mark}{colour:#}", quiet("     |"));
    }
    if !help.is_empty() {
        let style = AnsiColor::Green.on_default();
        told += &format!("\n  {style}help:{style:#} {help}");
    }
    told
}

fn same(a: &Path, b: &Path) -> bool {
    std::path::absolute(a).ok() == std::path::absolute(b).ok()
}
