//! Owns how a line of a file is shown with a mark under what is meant; knows nothing of files or colours.

use unicode_width::UnicodeWidthStr;

/// A line, and where the mark stands under it. Widths are those of a terminal: a Chinese character takes two columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, without its end; a tab is a space.
    pub line: String,
    /// Columns before the mark.
    pub before: usize,
    /// Columns that the mark takes.
    pub width: usize,
}

impl Excerpt {
    /// The line with a mark under the word, text, list or table that begins at `column`, counted from 1 in characters.
    pub fn of(line: &str, column: u32) -> Self {
        let line = line.replace(|c: char| c.is_control(), " ");
        let (before, meant) = cut(line.trim_end(), column);
        let (meant, after) = meant.split_at(extent(meant));
        Self::new(before, meant, after)
    }

    /// The same for a line that may hold a secret: a value is shown only when `told` quotes it, and nothing of what
    /// stands around it but its key.
    pub fn guarded(line: &str, column: u32, told: &str) -> Option<Self> {
        let line = line.replace(|c: char| c.is_control(), " ");
        let (before, meant) = cut(line.trim_end(), column);
        let (meant, after) = meant.split_at(extent(meant));
        let is_header = line.trim_start().starts_with('[');
        let is_key = !before.contains('=') && (after.trim_start().starts_with('=') || is_header);
        let is_told = !meant.is_empty() && told.contains(meant.trim_matches(['"', '\'']));
        if !is_key && !before.contains('=') {
            return None;
        }
        let before = if before.contains(['"', '\'', '#']) { "… " } else { before };
        let meant = if is_key || is_told { meant } else { "…" };
        let after = if after.trim().is_empty() { "" } else { " …" };
        Some(Self::new(before, meant, after))
    }

    fn new(before: &str, meant: &str, after: &str) -> Self {
        let line = format!("{before}{meant}{after}");
        Self { line, before: before.width(), width: meant.width().max(1) }
    }
}

/// What stands before the column, and from it on.
fn cut(line: &str, column: u32) -> (&str, &str) {
    let at = line.char_indices().nth(column.saturating_sub(1) as usize).map_or(line.len(), |(at, _)| at);
    line.split_at(at)
}

/// How many bytes of `text` the thing takes that it begins with; a thing that does not end here takes all of them.
fn extent(text: &str) -> usize {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => closing(text, quote),
        Some('[' | '{') => bracketed(text),
        _ => text.find(|c: char| c.is_whitespace() || "=,]}#".contains(c)).unwrap_or(text.len()),
    }
}

fn closing(text: &str, quote: char) -> usize {
    let mut escaped = true;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if letter == quote => return at + quote.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

fn bracketed(text: &str) -> usize {
    let (mut depth, mut skip) = (0_usize, 0);
    for (at, letter) in text.char_indices() {
        if at < skip {
            continue;
        }
        match letter {
            '"' | '\'' => skip = at + closing(&text[at..], letter),
            '[' | '{' => depth += 1,
            ']' | '}' if depth <= 1 => return at + letter.len_utf8(),
            ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marked(line: &str, column: u32) -> String {
        let shown = Excerpt::of(line, column);
        format!("{}\n{}{}", shown.line, " ".repeat(shown.before), "^".repeat(shown.width))
    }

    #[test]
    fn the_mark_stands_under_what_is_meant() {
        for (line, column, expected) in [
            ("send = { befor = \"5d\" }", 10, "send = { befor = \"5d\" }\n         ^^^^^"),
            ("name = \"雙11\", x = 1", 15, "name = \"雙11\", x = 1\n               ^"),
            ("tag = \"a\\\"b\" # c", 7, "tag = \"a\\\"b\" # c\n      ^^^^^^"),
            ("tag = '護膚'", 7, "tag = '護膚'\n      ^^^^^^"),
            ("a = [\"]\", {b = 1}], c", 5, "a = [\"]\", {b = 1}], c\n    ^^^^^^^^^^^^^^"),
            ("[[rule]]", 1, "[[rule]]\n^^^^^^^^"),
            ("a = [\r", 5, "a = [\n    ^"),
            ("\tx", 2, " x\n ^"),
            ("a =", 9, "a =\n   ^"),
            ("", 1, "\n^"),
        ] {
            assert_eq!(marked(line, column), expected);
        }
    }

    #[test]
    fn a_guarded_line_shows_no_value_that_is_not_told_anyway() {
        let shown = |line, column, told| Excerpt::guarded(line, column, told).map(|e| e.line);
        assert_eq!(shown("zone = \"Mars\" # x", 8, "is \"Mars\""), Some("zone = \"Mars\" …".to_owned()));
        assert_eq!(shown("key = \"hunter2\"", 7, "in plain sight"), Some("key = …".to_owned()));
        assert_eq!(shown("kye = \"hunter2\"", 1, "unknown key `kye`"), Some("kye …".to_owned()));
        assert_eq!(shown("a = { k = \"hunter2\", b = 1 }", 22, ""), Some("… … …".to_owned()));
        assert_eq!(shown("[channel.crm]", 10, ""), Some("[channel.crm …".to_owned()));
        assert_eq!(shown("hunter2", 1, ""), None);
        assert_eq!(shown("key = hunter2", 7, "not TOML"), Some("key = …".to_owned()));
    }

    proptest! {
        #[test]
        fn any_line_and_column_can_be_shown(line in "\\PC{0,20}", column in 0_u32..30, told in "\\PC{0,5}") {
            let shown = Excerpt::of(&line, column);
            prop_assert!(shown.width >= 1);
            Excerpt::guarded(&line, column, &told);
        }
    }
}
