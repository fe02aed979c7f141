//! Owns how a source is read as text: code without comments and literals, literals by line, tests told apart; judges nothing.

use std::ops::Range;

/// One Rust file. All forms of its code have the same lines and columns.
pub struct Source {
    /// Below the repository, with slashes.
    pub path: String,
    /// As it stands in the file.
    pub text: String,
    /// Comments and the insides of literals blanked.
    pub code: String,
    /// The same, with everything under `#[cfg(test)]` blanked too.
    pub production: String,
    /// The insides of string literals, with their lines.
    pub literals: Vec<(usize, String)>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let (code, literals) = without_prose(text);
        let production = without_tests(&code);
        Self { path: path.to_owned(), text: text.to_owned(), code, production, literals }
    }

    /// The part of the house: `domain`, `store` … for what lies in one, `main` for the two roots.
    pub fn ring(&self) -> &str {
        match self.path.strip_prefix("src/") {
            Some("lib.rs" | "main.rs") | None => "main",
            Some(path) => path.split('/').next().unwrap_or(path).trim_end_matches(".rs"),
        }
    }

    /// How many modules deep the file lies below the crate.
    pub fn depth(&self) -> usize {
        let names = self.path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        if matches!(names, "lib" | "main") { 0 } else { names.split('/').count() }
    }
}

/// The line, from 1, of an offset.
pub fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

pub fn is_part_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands by itself, not as a part of a longer name; its own ends may be signs.
pub fn find<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let touches =
        |one: Option<char>, other: Option<char>| [one, other].iter().all(|c| c.is_some_and(is_part_of_name));
    let stands_alone = move |at: &usize| {
        let (before, after) = (&code[..*at], &code[at + word.len()..]);
        let left = touches(before.chars().next_back(), word.chars().next());
        let right = touches(word.chars().next_back(), after.chars().next());
        !left && !right
    };
    code.match_indices(word).map(|(at, _)| at).filter(stands_alone)
}

/// The name at the beginning of `code`, after spaces.
pub fn name(code: &str) -> &str {
    let code = code.trim_start();
    &code[..code.find(|c| !is_part_of_name(c)).unwrap_or(code.len())]
}

/// The names that follow `ROOT::`, one by one or in braces, each with its offset.
pub fn under<'a>(code: &'a str, root: &'a str) -> Vec<(usize, &'a str)> {
    let roots = find(code, root).filter_map(|at| {
        let rest = code[at + root.len()..].strip_prefix("::")?;
        Some((at, rest))
    });
    roots.flat_map(|(at, rest)| first_names(rest).into_iter().map(move |name| (at, name))).collect()
}

/// The first name of a path, or of every path of a braced group.
pub fn first_names(rest: &str) -> Vec<&str> {
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let group = &group[..matching(rest, 0).map_or(group.len(), |end| end - 1)];
    let (mut names, mut depth, mut begins) = (Vec::new(), 0, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            c if begins && is_part_of_name(c) => {
                names.push(name(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

/// The functions that have a body, from `fn` to the closing brace.
pub fn functions(code: &str) -> Vec<(&str, Range<usize>)> {
    let function = |at: usize| {
        let name = name(&code[at + 2..]);
        let body = opening(code, at)?;
        (!name.is_empty()).then_some((name, at..matching(code, body)? + 1))
    };
    find(code, "fn").filter_map(function).collect()
}

/// The brace that opens the body of the item at `from`; none when a semicolon ends it first.
fn opening(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0;
    for (i, c) in code[from..].char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' if depth == 0 => return None,
            '{' if depth == 0 => return Some(from + i),
            _ => {}
        }
    }
    None
}

/// The brace that closes the one at `open`.
fn matching(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0;
    for (i, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return Some(open + i);
        }
    }
    None
}

fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut left = code.to_owned();
    while let Some(at) = left.find(MARK) {
        let item = at + MARK.len();
        let end = match opening(&left, item) {
            Some(open) => matching(&left, open),
            None => left[item..].find(';').map(|i| item + i),
        };
        let end = end.map_or(left.len(), |end| end + 1);
        let blank = blanked(&left[at..end]);
        left.replace_range(at..end, &blank);
    }
    left
}

/// Spaces for everything but the ends of lines, byte by byte.
fn blanked(text: &str) -> String {
    text.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect()
}

fn without_prose(text: &str) -> (String, Vec<(usize, String)>) {
    let (mut code, mut literals) = (String::with_capacity(text.len()), Vec::new());
    while code.len() < text.len() {
        let at = code.len();
        let rest = &text[at..];
        let after_name = code.ends_with(is_part_of_name);
        let (skip, inside) = token(rest, after_name);
        if let Some(inside) = &inside {
            literals.push((line_of(text, at), rest[inside.clone()].to_owned()));
        }
        match skip {
            0 => code.extend(rest.chars().next()),
            n => code.push_str(&blanked(&rest[..n])),
        }
    }
    (code, literals)
}

/// How long the comment or literal at the beginning of `rest` is, 0 for code; and where the inside of a string is.
fn token(rest: &str, after_name: bool) -> (usize, Option<Range<usize>>) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), None);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), None);
    }
    let raw = rest.trim_start_matches(['b', 'c']);
    let hashes = raw.strip_prefix('r').map(|r| r.len() - r.trim_start_matches('#').len());
    if let (Some(hashes), false) = (hashes, after_name)
        && raw[1 + hashes..].starts_with('"')
    {
        let start = rest.len() - raw.len() + hashes + 2;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = rest[start..].find(&close).map_or(rest.len(), |i| start + i);
        return ((end + close.len()).min(rest.len()), Some(start..end));
    }
    match rest.as_bytes() {
        [b'"', ..] => {
            let end = unescaped(rest, '"');
            ((end + 1).min(rest.len()), Some(1..end))
        }
        [b'\'', b'\\', ..] => ((unescaped(rest, '\'') + 1).min(rest.len()), None),
        [b'\'', ..] => {
            let inside = rest[1..].chars().next().map_or(0, char::len_utf8);
            // Without a closing sign it is a lifetime.
            (if rest[1 + inside..].starts_with('\'') { inside + 2 } else { 0 }, None)
        }
        _ => (0, None),
    }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Where the closing sign stands that no backslash precedes.
fn unescaped(rest: &str, sign: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == sign => return at,
            _ => {}
        }
    }
    rest.len()
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = "a(\"b \\\" // c\", 'd', '\\'', r#\"e \" f\"#, b\"g\"); // h\n/* i /* j */ k */ fn l<'m>(n: &'m str) {} '茶'\nattr\"o\"";
    let source = Source::new("src/x.rs", text);
    assert_eq!(source.code.len(), text.len());
    let left: Vec<&str> = source.code.split_whitespace().collect();
    assert_eq!(left.join(" "), "a( , , , , b ); fn l<'m>(n: &'m str) {} attr");
    let literals: Vec<_> = source.literals.iter().map(|(line, text)| (*line, text.as_str())).collect();
    assert_eq!(literals, [(1, "b \\\" // c"), (1, "e \" f"), (1, "g"), (3, "o")]);
}

#[test]
fn tests_are_no_production() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { {} }\n}\n#[cfg(test)]\nmod more;\n#[cfg(test)]\n#[allow(x)]\nuse y;\nfn c() {}";
    let source = Source::new("src/x.rs", text);
    let names: Vec<&str> = functions(&source.production).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "c"]);
    assert!(!source.production.contains("more") && !source.production.contains("use"));
    assert_eq!(functions(&source.code).len(), 3);
}

#[test]
fn names_are_found_alone_and_in_braces() {
    let code = "use crate::a::b; use crate::{c::{d, e}, f, g as h}; $crate::i; mycrate::j; x(crate::k::l())";
    let names: Vec<&str> = under(code, "crate").into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["a", "c", "f", "g", "i", "k"]);
    assert_eq!(find("x.await; awaiting; x.awaits", ".await").count(), 1);
    assert_eq!(find("apalis_core apalis", "apalis").count(), 1);
}

#[test]
fn a_file_knows_its_place() {
    for (path, ring, depth) in [
        ("src/lib.rs", "main", 0),
        ("src/main.rs", "main", 0),
        ("src/store/mod.rs", "store", 1),
        ("src/store/sqlite/writer.rs", "store", 3),
        ("src/lab.rs", "lab", 1),
    ] {
        let source = Source::new(path, "");
        assert_eq!((source.ring(), source.depth()), (ring, depth), "{path}");
    }
}
