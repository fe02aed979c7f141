//! Owns the text part derived from an HTML part: what a reader without HTML should see; knows nothing of templates.

/// The text of an HTML document: blocks on lines of their own, links with their addresses, no markup.
pub(super) fn of_html(html: &str) -> String {
    let mut page = Page::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        page.words(&rest[..at]);
        rest = page.markup(&rest[at..]);
    }
    page.words(rest);
    page.write_address(true);
    page.lines()
}

#[derive(Default)]
struct Page {
    out: String,
    link: Option<(String, usize)>,
    /// The address of a link that has ended, until it is known what follows.
    address: Option<String>,
}

impl Page {
    /// Takes the comment or tag at the start of `rest`, with what it hides, and gives back what follows.
    fn markup<'a>(&mut self, rest: &'a str) -> &'a str {
        if rest.starts_with("<!--") {
            return after(rest, "-->");
        }
        let begins_tag =
            rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        let Some(end) = end_of_tag(rest).filter(|_| begins_tag) else {
            self.words("<");
            return &rest[1..];
        };
        let (tag, rest) = (&rest[1..end], &rest[end + 1..]);
        let name =
            tag.split(|c: char| c.is_whitespace() || c == '/').find(|n| !n.is_empty()).unwrap_or_default();
        let name = name.to_ascii_lowercase();
        let opens = !tag.starts_with('/');
        match name.as_str() {
            "head" | "style" | "script" | "title" if opens && !tag.ends_with('/') => after_end(rest, &name),
            _ => {
                self.element(&name, opens, tag);
                rest
            }
        }
    }

    fn element(&mut self, name: &str, opens: bool, tag: &str) {
        match name {
            "a" if opens => self.link = attribute(tag, "href").map(|href| (href, self.out.len())),
            "a" => self.end_link(),
            "br" => {
                self.write_address(true);
                self.out.push('\n');
            }
            "li" if opens => {
                self.new_line(1);
                self.out.push_str("- ");
            }
            "img" => self.words(&attribute(tag, "alt").unwrap_or_default()),
            "td" | "th" if !opens => self.out.push(' '),
            "hr" => {
                self.write_address(true);
                self.out.push_str("\n\n----\n\n");
            }
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "blockquote" | "table" => {
                self.new_line(2)
            }
            "div" | "tr" | "li" | "section" | "header" | "footer" => self.new_line(1),
            _ => {}
        }
    }

    /// Ends the line, if there is one, and leaves `breaks` line breaks behind it.
    fn new_line(&mut self, breaks: usize) {
        self.write_address(true);
        let written = self.out.trim_end_matches(' ').len();
        self.out.truncate(written);
        let there = written - self.out.trim_end_matches('\n').len();
        if there < written {
            self.out.push_str(&"\n".repeat(breaks.saturating_sub(there)));
        }
    }

    /// Keeps the link's address, unless its words are the same.
    fn end_link(&mut self) {
        let Some((href, from)) = self.link.take() else { return };
        let shown = self.out.get(from..).unwrap_or_default().trim();
        if href.contains(':') && shown != href {
            self.address = Some(href);
        }
    }

    /// Writes the address of the link before: on a line of its own where the link ends one, since programs take a
    /// bracket behind an address for a part of it.
    fn write_address(&mut self, ends_line: bool) {
        let Some(href) = self.address.take() else { return };
        let shown = self.out.trim_end_matches(' ').len();
        let gap = if self.out.len() > shown { " " } else { "" };
        self.out.truncate(shown);
        let address = match (ends_line, self.out.is_empty() || self.out.ends_with('\n')) {
            (_, true) => href,
            (true, false) => format!("\n{href}"),
            (false, false) => format!(" ({href}){gap}"),
        };
        self.out.push_str(&address);
    }

    fn words(&mut self, text: &str) {
        let text = decoded(text);
        if text.contains(|c: char| !c.is_ascii_whitespace()) {
            self.write_address(false);
        }
        for (at, word) in text.split(|c: char| c.is_ascii_whitespace()).enumerate() {
            if at > 0 && !self.out.ends_with([' ', '\n']) {
                self.out.push(' ');
            }
            self.out.push_str(word);
        }
    }

    /// Trimmed lines, never two empty ones together.
    fn lines(self) -> String {
        let mut text = String::with_capacity(self.out.len());
        for line in self.out.lines().map(str::trim) {
            if !(line.is_empty() && (text.is_empty() || text.ends_with("\n\n"))) {
                text.push_str(line);
                text.push('\n');
            }
        }
        text.trim_end().to_owned()
    }
}

fn after<'a>(rest: &'a str, end: &str) -> &'a str {
    rest.find(end).map_or("", |at| &rest[at + end.len()..])
}

fn after_end<'a>(rest: &'a str, name: &str) -> &'a str {
    let closing = format!("</{name}");
    let at = rest.to_ascii_lowercase().find(&closing);
    at.map_or("", |at| after(&rest[at..], ">"))
}

/// Where the tag ends; `>` inside quotes does not count.
fn end_of_tag(rest: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in rest.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let lower = tag.to_ascii_lowercase();
    let (at, _) = lower.match_indices(name).find(|(at, _)| {
        lower[..*at].ends_with(|c: char| c.is_ascii_whitespace())
            && lower[at + name.len()..].trim_start().starts_with('=')
    })?;
    let value = tag[at + name.len()..].trim_start().trim_start_matches('=').trim_start();
    let value = match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].split(quote).next()?,
        _ => value.split(|c: char| c.is_ascii_whitespace()).next()?,
    };
    Some(decoded(value))
}

/// The characters behind `&amp;`, `&#x2f;` and the like; what is not known stays as it is.
fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = rest[1..].split_once(';').filter(|(name, _)| name.len() <= 10);
        match entity.and_then(|(name, tail)| Some((character(name)?, tail))) {
            Some((c, tail)) => {
                out.push(c);
                rest = tail;
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?).filter(|c| !c.is_control());
    }
    let known = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("copy", '©'),
        ("hellip", '…'),
        ("mdash", '—'),
        ("ndash", '–'),
        ("middot", '·'),
        ("bull", '•'),
        ("laquo", '«'),
        ("raquo", '»'),
    ];
    known.iter().find(|(word, _)| *word == name).map(|(_, c)| *c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_reader_without_html_sees() {
        let table = [
            ("<p>Hello <b>Wang</b>,</p><p>buy &amp; save</p>", "Hello Wang,\n\nbuy & save"),
            (
                "<a href=\"https:&#x2f;&#x2f;a.example&#x2f;?x=1&amp;y=2\">Order</a> now",
                "Order (https://a.example/?x=1&y=2) now",
            ),
            ("<a href='https://a.example'>https://a.example</a>", "https://a.example"),
            ("<a href=https://a.example><img alt='Buy'></a>", "Buy\nhttps://a.example"),
            ("<p>a <a href='https://a.example'>here</a></p><p>b</p>", "a here\nhttps://a.example\n\nb"),
            ("<a href='https://a.example'>here</a>。<br>b", "here (https://a.example)。\nb"),
            ("<a href='https://a.example'></a>", "https://a.example"),
            (
                "<a href='https://a.example'>one</a> <a href='https://b.example'>two</a>",
                "one (https://a.example) two\nhttps://b.example",
            ),
            ("<ul><li>one</li><li>two</li></ul>end", "- one\n- two\n\nend"),
            ("a<br>b<br/>c", "a\nb\nc"),
            ("<head><title>T</title><style>p{}</style></head><body>text<!-- no > --></body>", "text"),
            ("<SCRIPT>x < y</SCRIPT>3 < 4 &lt;b&gt; &unknown; 5 &", "3 < 4 <b> &unknown; 5 &"),
            ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
            ("<p title=\"a > b\">x</p>", "x"),
            ("  many \n\n  spaces\t", "many spaces"),
            ("<p>咖啡豆&nbsp;快用完了</p>", "咖啡豆 快用完了"),
            ("unfinished <a href=\"", "unfinished <a href=\""),
        ];
        for (html, text) in table {
            assert_eq!(of_html(html), text, "{html}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(html in "([<>/a-c&;#x= \"'\n寄ſKé]|head|style|<a href=|<!--|-->){0,40}") {
            of_html(&html);
        }
    }
}
