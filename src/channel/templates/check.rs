//! Owns what is checked of templates, and how that is told: every problem of every file at once; knows nothing of members.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::Path;

use minijinja::ErrorKind;

use super::engine::{self, Fault};
use super::files::{Files, listed, parts};
use super::names::Known;
use super::samples::Sample;
use super::scope::Scope;
use super::{TemplateError, Templates};
use crate::domain::problem::{Problem, Severity, did_you_mean};

/// Spoken by the product itself: a template without a locale is checked in both.
const LANGUAGES: [&str; 2] = ["en", "zh-TW"];
/// Whoever has more problems in one file learns the others later.
const MOST: usize = 200;

/// The files of a folder that are templates, and what is wrong with the others.
///
/// # Errors
/// When the folder itself cannot be read.
pub(super) fn read(folder: &Path) -> Result<(Files, Vec<Problem>), Vec<Problem>> {
    let (mut files, mut problems) = (Files::default(), Vec::new());
    for file in listed(folder).map_err(|e| vec![unreadable(folder, &e)])? {
        match std::fs::read_to_string(folder.join(&file)) {
            Ok(source) => {
                files.0.insert(file, source);
            }
            Err(error) => problems.push(unreadable(&folder.join(&file), &error)),
        }
    }
    let broken = files.0.iter().filter_map(|(file, source)| {
        Some((file.clone(), engine::fault_of(file, source)?.error(file, &files)))
    });
    for (file, error) in broken.collect::<Vec<_>>() {
        problems.push(located(folder, &error, SYNTAX.to_owned()));
        files.0.remove(&file);
    }
    Ok((files, problems))
}

/// Everything that keeps a template from ever being rendered, after what is known to be wrong already.
pub(super) fn errors(folder: &Path, files: &Files, known: Vec<Problem>) -> Vec<Problem> {
    let mut check = Check::of(folder, files, !known.is_empty());
    check.render(&[Sample::Rich, Sample::Many], |_| true);
    check.find_strays();
    let mut problems = known;
    problems.extend(check.found.into_values());
    problems.sort();
    problems
}

/// What keeps templates from being rendered for members of whom little is known, and where there is no item.
pub(super) fn warnings(folder: &Path, files: &Files, itemless: &BTreeSet<&str>) -> Vec<Problem> {
    let mut check = Check::of(folder, files, false);
    check.render(&[Sample::NoItems], |name| itemless.contains(name));
    check.render(&[Sample::Sparse], |name| !itemless.contains(name));
    check.found.into_values().collect()
}

/// Rendering stops at the first fault. So each is noted, mended with something harmless of the same length, and the
/// template is rendered again, until it goes well.
struct Check<'a> {
    folder: &'a Path,
    files: &'a Files,
    known: Known,
    /// Others were not even read: what misses them is their fault.
    incomplete: bool,
    mended: Templates,
    spans: Vec<(String, Range<usize>)>,
    found: BTreeMap<(String, u32, u32), Problem>,
}

impl<'a> Check<'a> {
    fn of(folder: &'a Path, files: &'a Files, incomplete: bool) -> Self {
        let (mended, known) = (Templates::of(files.clone()), Known::new());
        Self { folder, files, known, incomplete, mended, spans: Vec::new(), found: BTreeMap::new() }
    }

    /// Renders every whole template that is wanted, in every locale that leads to it.
    fn render(&mut self, samples: &[Sample], wanted: impl Fn(&str) -> bool) {
        let files = self.files;
        let locales: BTreeSet<&str> = files.locales().into_iter().chain(LANGUAGES).collect();
        for name in files.names().into_iter().filter(|name| wanted(name)) {
            for (locale, sample) in locales.iter().flat_map(|l| samples.iter().map(move |s| (*l, *s))) {
                let file = files.find(name, locale).filter(|file| !is_part(files, file));
                if let Some(file) = file {
                    self.until_well(file, &Scope::sample(&sample.content(locale)));
                }
            }
        }
    }

    fn until_well(&mut self, file: &str, scope: &Scope) {
        for _ in 0..MOST {
            let Err(fault) = self.mended.render_file(file, scope) else { return };
            self.note(&fault, file);
            if !self.mend(&fault) {
                return;
            }
        }
    }

    fn note(&mut self, fault: &Fault, file: &str) {
        let error = fault.error(file, self.files);
        let problem = match self.fault_at(fault) {
            None => {
                let plain = located(self.folder, &error, String::new());
                // a mended name says nothing, and a subject may hold no more than that
                if plain.message.contains("subject is empty") && self.spans.iter().any(|(of, _)| of == file) {
                    return;
                }
                Problem { help: help_for_block(&plain.message).to_owned(), ..plain }
            }
            Some(at) if self.follows(&at) => return,
            Some(at) => self.told(&at, &error),
        };
        self.found.entry((problem.file.clone(), problem.line, problem.column)).or_insert(problem);
    }

    fn fault_at(&self, fault: &Fault) -> Option<At> {
        let (file, span, kind) = fault.span()?;
        let source = self.mended.files.source(file);
        let span = match kind {
            ErrorKind::UndefinedError => whole_name(source, span, fault.names()),
            _ => span,
        };
        Some(At { file: file.to_owned(), span, kind })
    }

    /// `"" | date`: what is wrong is what was mended before, not the date.
    fn follows(&self, at: &At) -> bool {
        let missing = matches!(at.kind, ErrorKind::TemplateNotFound | ErrorKind::BadInclude);
        let tag = tag_around(self.mended.files.source(&at.file), at.span.start).unwrap_or(at.span.clone());
        let mended = self.spans.iter().any(|(f, s)| *f == at.file && s.start < tag.end && tag.start < s.end);
        (missing && self.incomplete) || (mended && at.kind == ErrorKind::InvalidOperation)
    }

    /// The fault in words: what is unknown by its name, with what was meant.
    fn told(&self, at: &At, error: &TemplateError) -> Problem {
        let plain = located(self.folder, error, FILTERS.to_owned());
        let source = self.files.source(&at.file);
        let (line, column) = engine::place(source, at.span.start);
        let plain = Problem { line, column, ..plain };
        let written = source.get(at.span.clone()).unwrap_or_default().trim();
        match at.kind {
            ErrorKind::UndefinedError if plain.message.contains("not known") => {
                let message = format!("`{written}` is not known of every member or item");
                Problem { message, help: ASK.to_owned(), ..plain }
            }
            ErrorKind::UndefinedError if written.chars().all(is_of_path) => {
                let help = self.known.help(written);
                Problem { message: format!("`{written}` is not defined"), help, ..plain }
            }
            ErrorKind::TemplateNotFound | ErrorKind::BadInclude => {
                let asked = plain.message.split('\'').nth(1).unwrap_or_default();
                let guess = did_you_mean(asked, self.files.names());
                Problem { help: format!("{guess}{PARTS}"), ..plain }
            }
            _ => plain,
        }
    }

    /// Puts something harmless in the place of what is at fault, the name alone or else its whole tag; false when
    /// that leads no further.
    fn mend(&mut self, fault: &Fault) -> bool {
        let Some(at) = self.fault_at(fault) else { return false };
        let source = self.mended.files.source(&at.file);
        let name = (at.kind == ErrorKind::UndefinedError).then(|| at.span.clone());
        let tag = tag_around(source, at.span.start);
        let harmless = name.into_iter().chain(tag).find_map(|span| {
            let mended = without(source, &span)?;
            let fresh = !self.spans.contains(&(at.file.clone(), span.clone()));
            (fresh && engine::fault_of(&at.file, &mended).is_none()).then_some((span, mended))
        });
        let Some((span, mended)) = harmless else { return false };
        let mut files = Files::clone(&self.mended.files);
        files.0.insert(at.file.clone(), mended);
        self.mended = Templates::of(files);
        self.spans.push((at.file, span));
        true
    }

    /// What no rendering leads to.
    fn find_strays(&mut self) {
        let files = self.files;
        let whole = Templates::of(files.clone());
        let Some(voice) = whole.voices.get("") else { return };
        for stray in self.known.strays(files, &voice.plain, |file| is_part(files, file)) {
            let file = self.folder.join(&stray.file).display().to_string();
            let (line, column) = stray.at;
            let help = self.known.help(&stray.name);
            let message = format!("`{}` is not defined", stray.name);
            let severity = Severity::Error;
            let problem = Problem { file: file.clone(), line, column, message, help, severity };
            self.found.entry((file, line, column)).or_insert(problem);
        }
    }
}

/// Where a fault is, and of what kind.
struct At {
    file: String,
    span: Range<usize>,
    kind: ErrorKind,
}

fn is_of_path(c: char) -> bool {
    c.is_alphanumeric() || "_.[]".contains(c)
}

/// The whole name of which the engine found a part undefined: `items[1].name` at `[1]`, `member.nmae` at the filter
/// behind it, or at an operator (then the engine says which: `named`).
fn whole_name(source: &str, span: Range<usize>, named: Option<&str>) -> Range<usize> {
    let before = source.get(..span.start).unwrap_or_default();
    let piped = before.trim_end().strip_suffix('|').map(str::trim_end);
    let (before, end) = piped.map_or((before, span.end), |operand| (operand, operand.len()));
    let start = before.trim_end_matches(is_of_path).len();
    let whole = if start < end { start..end } else { span };
    if source.get(whole.clone()).is_some_and(|name| name.chars().all(is_of_path)) {
        return whole;
    }
    let tag = tag_around(source, whole.start).unwrap_or(whole.clone());
    let found = named.and_then(|name| Some((source.get(tag.clone())?.find(name)?, name.len())));
    found.map_or(whole, |(at, length)| tag.start + at..tag.start + at + length)
}

/// The tag that holds this byte: the inside of `{{ … }}`, or all of `{% include … %}`.
fn tag_around(source: &str, at: usize) -> Option<Range<usize>> {
    let before = source.get(..at)?;
    let open = before.rfind("{{").max(before.rfind("{%"))?;
    let (close, is_value) = if source[open..].starts_with("{{") { ("}}", true) } else { ("%}", false) };
    let end = at + source.get(at..)?.find(close)?;
    let inside = source.get(open + 2..end)?;
    match is_value {
        true => Some(open + 2..end),
        false => inside.trim_start_matches(['-', '+', ' ']).starts_with("include").then_some(open..end + 2),
    }
}

/// The source with something harmless in this place; every other byte stays where it is.
fn without(source: &str, span: &Range<usize>) -> Option<String> {
    let old = source.get(span.clone())?;
    let (opening, closing) = match old {
        tag if tag.starts_with("{%") => ("{#", "#}"),
        name if name.len() == 1 => ("0", ""),
        _ => ("\"\"", ""),
    };
    let between = old.as_bytes().get(opening.len()..old.len().checked_sub(closing.len())?)?;
    let blank: String = between.iter().map(|b| if *b == b'\n' { '\n' } else { ' ' }).collect();
    Some(format!("{}{opening}{blank}{closing}{}", source.get(..span.start)?, source.get(span.end..)?))
}

/// A file that only others render: named so, or without a subject of its own and named by others.
fn is_part(files: &Files, file: &str) -> bool {
    let (name, _) = parts(file);
    let names = |source: &String| {
        ["\"", "'"].iter().any(|q| [name, file].iter().any(|n| source.contains(&format!("{q}{n}{q}"))))
    };
    let used = || files.0.iter().any(|(other, source)| other != file && names(source));
    file.starts_with('_') || (!files.source(file).contains("block subject") && used())
}

/// A template's error as a problem of a file in `folder`.
pub(super) fn located(folder: &Path, error: &TemplateError, help: String) -> Problem {
    let (file, line, column, message) = match error {
        TemplateError::Render { file, line, column, message } => {
            (file.as_str(), *line, *column, message.clone())
        }
        missing @ TemplateError::Missing { .. } => ("", 1, 1, missing.to_string()),
    };
    let file = folder.join(file).display().to_string();
    Problem { file, line, column, message, help, severity: Severity::Error }
}

/// A file or folder that cannot be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let (message, help) = (format!("cannot be read: {error}"), "make it readable, UTF-8 text".to_owned());
    let file = path.display().to_string();
    Problem { file, line: 1, column: 1, message, help, severity: Severity::Error }
}

const SYNTAX: &str = "templates know member, items, reason, cautions, shop, unsubscribe_url, rule, step and now; \
    write `{{ … }}` for a value, `{% … %}` for a statement";
const ASK: &str = "ask first with `{% if … %}`, or say what else to write: `{{ … or \"…\" }}`";
const PARTS: &str =
    "a part lies beside the templates, as NAME.LOCALE.jinja or NAME.jinja, and is named by its NAME";
const FILTERS: &str = "filters of our own: date, days, money, list_and; all of minijinja's are there too";

fn help_for_block(message: &str) -> &'static str {
    match message {
        m if m.starts_with("MJML") => {
            "the block holds one <mjml> element, as https://documentation.mjml.io describes it"
        }
        _ => {
            "a template has the blocks `subject`, and `text`, `html` or `mjml`; start the file's name with _ if it is a part of others"
        }
    }
}
