//! Owns the way from TOML text to the tree, with all syntax errors; knows nothing of what keys mean.

use std::borrow::Cow;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::tree::{Entry, Node, Place, Problems, Table, Value};

/// The tree of the file at `path`, which people know as `file`; nothing when it cannot be read.
pub fn read_file(path: &Path, file: &str, problems: &Problems) -> Option<Node> {
    let start = Place::start_of(file);
    let bytes = fs::read(path)
        .map_err(|e| {
            problems.add(&start, format!("cannot be read: {e}"), "look at the path and at its permissions")
        })
        .ok()?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(file, text, problems),
        Err(e) => {
            let good = String::from_utf8_lossy(bytes.get(..e.valid_up_to()).unwrap_or_default());
            let at = Source::new(file, &good).place(good.len());
            problems.add(&at, "this is not UTF-8 text", "save the file as UTF-8 in the editor");
            None
        }
    }
}

/// The tree of `text`. Syntax errors are noted, all of them; nothing is returned when one of them harms more than
/// the value it stands in, because what was meant around it is then a guess.
pub fn parse(file: &str, text: &str, problems: &Problems) -> Option<Node> {
    let (table, mut errors) = DeTable::parse_recoverable(text);
    let mut source = Source::new(file, text);
    errors.sort_by_key(offset);
    let mut last_line = 0;
    for error in &errors {
        let at = source.place(offset(error));
        // After an error the parser stumbles on: one a line is what people can use.
        if at.line != last_line {
            problems.add(&at, format!("not TOML: {}", error.message()), advice(error.message()));
        }
        last_line = at.line;
    }
    let mut spans = Vec::new();
    table.get_ref().values().for_each(|v| collect_spans(v, &mut spans));
    let harms_one_value = |e: &usize| spans.iter().any(|s| s.start <= *e && *e <= s.end);
    source.harmed = errors.iter().filter(|e| e.message() != DUPLICATE).map(offset).collect();
    let readable = source.harmed.iter().all(harms_one_value);
    readable.then(|| Node { value: Value::Table(source.table(table.get_ref())), at: Place::start_of(file) })
}

/// The value of an environment variable: a TOML list, table or quoted text when it looks like one, else a word.
pub fn parse_variable(name: &str, text: &str) -> Node {
    let word = || Node { value: Value::Word(text.to_owned()), at: Place::start_of(name) };
    if !text.starts_with(['[', '{', '"', '\'']) {
        return word();
    }
    DeValue::parse(text).map_or_else(|_| word(), |value| Source::new(name, text).node(&value))
}

const DUPLICATE: &str = "duplicate key";

fn advice(message: &str) -> &'static str {
    match message {
        DUPLICATE => "it stands twice in this file; keep one of the two",
        m if m.contains("unquoted key") => {
            "keys are plain English words; `known here` lists them once it is one"
        }
        m if m.contains("comma") => "close the list or table, or put a comma between what stands in it",
        m if m.contains("quoted") => {
            "put texts in straight quotes, as \"3d\"; numbers, true and false go without"
        }
        m if m.contains("unclosed") => "close the bracket",
        m if m.contains("string") => "close the text with a straight quote, as \"3d\"",
        m if m.contains("no value") => "write it as key = value, with a plain `=`",
        _ => "look at this line and the one before: a quote, a bracket, a comma or `=` is amiss",
    }
}

fn offset(error: &toml::de::Error) -> usize {
    error.span().map_or(0, |s| s.start)
}

/// The spans of all values that are neither lists nor tables.
fn collect_spans(value: &Spanned<DeValue<'_>>, spans: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => table.values().for_each(|v| collect_spans(v, spans)),
        DeValue::Array(list) => list.iter().for_each(|v| collect_spans(v, spans)),
        _ => spans.push(value.span()),
    }
}

/// A text that can tell places.
struct Source<'t> {
    file: Arc<str>,
    text: &'t str,
    /// Where each line starts.
    lines: Vec<usize>,
    /// Where syntax errors have harmed a value.
    harmed: Vec<usize>,
}

impl<'t> Source<'t> {
    fn new(file: &str, text: &'t str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self { file: file.into(), text, lines, harmed: Vec::new() }
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |s| s.chars().count()) + 1;
        Place { file: self.file.clone(), line: line as u32, column: column as u32 }
    }

    fn table(&self, table: &DeTable<'_>) -> Table {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entry = |(key, value): (&Spanned<Cow<'_, str>>, _)| {
            let at = self.place(key.span().start);
            Entry { key: key.get_ref().to_string(), at, node: self.node(value) }
        };
        entries.into_iter().map(entry).collect()
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let span = value.span();
        let at = self.place(span.start);
        let value = match value.get_ref() {
            DeValue::Table(table) => Value::Table(self.table(table)),
            DeValue::Array(list) => Value::List(list.iter().map(|v| self.node(v)).collect()),
            _ if self.harmed.iter().any(|e| span.start <= *e && *e <= span.end) => Value::Broken,
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Datetime(_) => Value::Date,
            DeValue::Float(number) => Value::Number(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => Value::Number(f64::NAN),
            },
        };
        Node { value, at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &str) -> (bool, Vec<(u32, u32)>) {
        let problems = Problems::default();
        let tree = parse("f", text, &problems).is_some();
        let found = problems.sorted();
        (tree, found.iter().map(|p| (p.line, p.column)).collect())
    }

    #[test]
    fn an_error_inside_one_value_leaves_the_rest_readable() {
        assert_eq!(lines("a = Asia/Taipei\nb = 3d\nc = \n"), (true, vec![(1, 5), (2, 5), (3, 5)]));
        assert_eq!(lines("a = { \"名\" = 壞 }\na = 1\n"), (true, vec![(1, 13), (2, 1)]));
    }

    #[test]
    fn an_error_in_the_structure_gives_up_the_tree_but_not_the_other_errors() {
        assert_eq!(lines("[store\n[queue]\nb = 3d\n"), (false, vec![(1, 7), (3, 5)]));
    }

    #[test]
    fn a_variable_is_a_word_unless_it_looks_like_toml() {
        let value = |text| parse_variable("V", text).value;
        assert_eq!(value("3d").text(), Some("3d"));
        assert_eq!(value("8").integer(), Some(8));
        assert_eq!(value("true").boolean(), Some(true));
        assert_eq!(value("\"8\"").text(), Some("8"));
        assert!(matches!(value("[1, 2]"), Value::List(l) if l.len() == 2));
        assert_eq!(value("[not toml").text(), Some("[not toml"));
    }

    proptest! {
        /// Whatever is typed, an answer comes, and every place lies in the text.
        #[test]
        fn no_text_breaks_it(text in "([a-c=\\[\\]{}\"'.,# \n\r\t0-9品-]|true|\"\"\"){0,40}") {
            let problems = Problems::default();
            let readable = parse("f", &text, &problems).is_some();
            let lines = text.matches('\n').count() as u32 + 1;
            let found = problems.sorted();
            prop_assert!(readable || !found.is_empty());
            prop_assert!(found.iter().all(|p| (1..=lines).contains(&p.line) && p.column >= 1), "{:?}", found);
        }
    }
}
