//! Owns what a peer's words become before anyone stores them: one line, short, without addresses, telephone numbers and
//! tokens; knows nothing of peers.

/// Characters of a reply that are kept.
const KEPT: usize = 300;
/// Bytes of a reply that are kept whole, for support.
const KEPT_WHOLE: usize = 8 * 1024;
/// What stands in the place of what must not.
const HIDDEN: &str = "…";
/// So many digits in a row may be a telephone number.
const PHONE: usize = 8;
/// No id of ours or of a request is as long: whatever is longer may open something.
const LONGEST_ID: usize = 40;
/// What is told under these names opens something.
const KEYS: [&str; 8] =
    ["token", "secret", "password", "authorization", "api_key", "apikey", "api-key", "signature"];

/// A peer's words as the ledger may keep them: one line, no e-mail addresses, at most 300 characters.
pub fn redacted(words: &str) -> String {
    let hide = |word: &str, _: &str| if is_address(word) { HIDDEN.to_owned() } else { word.to_owned() };
    brief(&each_word(&one_line(words), hide))
}

/// The words of an endpoint, which may repeat what it was sent: no addresses, telephone numbers or tokens. Up to 8 kB,
/// for support; `is_brief`: at most 300 characters.
pub fn redacted_answer(words: &str, is_brief: bool) -> String {
    let mut opens = Opens::No;
    let hide = |word: &str, end: &str| {
        let (shown, next) = opens.word(word, end);
        opens = next;
        shown
    };
    let mut kept = without_numbers(&each_word(&one_line(words), hide));
    if is_brief {
        return brief(&kept);
    }
    kept.truncate(kept.floor_char_boundary(KEPT_WHOLE));
    kept
}

fn brief(line: &str) -> String {
    line.chars().take(KEPT).collect()
}

/// The line with each word, told what ends it, as it may be shown.
fn each_word(line: &str, mut show: impl FnMut(&str, &str) -> String) -> String {
    let mut kept = String::with_capacity(line.len());
    for piece in line.split_inclusive(delimits) {
        let (word, end) = match piece.char_indices().next_back() {
            Some((at, last)) if delimits(last) => piece.split_at(at),
            _ => (piece, ""),
        };
        kept.push_str(&show(word, end));
        kept.push_str(end);
    }
    kept
}

/// Line breaks, other control characters and runs of white space become single spaces.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Whether the next word is a token.
#[derive(Clone, Copy, PartialEq)]
enum Opens {
    No,
    /// Behind `Bearer`: when it looks like one.
    Perhaps,
    /// Behind `"token"`: when a colon follows.
    Named,
    /// Behind `"token":`.
    Yes,
}

impl Opens {
    /// The word as it may be shown, and what the next one is.
    fn word(self, word: &str, end: &str) -> (String, Opens) {
        let plain = word.trim_matches([':', '=']);
        if plain.is_empty() {
            return (word.to_owned(), self.mark(word, end));
        }
        if plain.eq_ignore_ascii_case("bearer") || plain.eq_ignore_ascii_case("basic") {
            return (word.to_owned(), Opens::Perhaps);
        }
        let is_token = match self {
            Opens::Yes => true,
            Opens::Perhaps => plain.len() >= PHONE && !plain.chars().all(|c| c.is_ascii_lowercase()),
            Opens::No | Opens::Named => false,
        };
        if is_token || is_address(word) || is_opaque(word) {
            return (HIDDEN.to_owned(), Opens::No);
        }
        let told =
            word.match_indices(['=', ':']).map(|(at, _)| at + 1).find(|at| names_secret(&word[..at - 1]));
        match told {
            Some(at) if at < word.len() => (format!("{}{HIDDEN}", &word[..at]), Opens::No),
            Some(_) => (word.to_owned(), Opens::Yes),
            None if names_secret(word) && matches!(end, "\"" | "'") => (word.to_owned(), Opens::Named),
            None => (word.to_owned(), Opens::No),
        }
    }

    /// What nothing but marks between two words leaves of it.
    fn mark(self, marks: &str, end: &str) -> Opens {
        match self {
            Opens::Named if !marks.is_empty() => Opens::Yes,
            Opens::Named if matches!(end, "," | "}" | "]") => Opens::No,
            other => other,
        }
    }
}

fn names_secret(name: &str) -> bool {
    let lower = name.to_lowercase();
    KEYS.iter().any(|key| lower.ends_with(key))
}

fn is_address(word: &str) -> bool {
    word.contains(['@', '＠']) || word.contains("%40") || word.contains("&#64;")
}

/// A long word of which nobody can make anything: letters and digits mixed.
fn is_opaque(word: &str) -> bool {
    word.len() > LONGEST_ID
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-.~".contains(&b))
        && word.bytes().any(|b| b.is_ascii_digit())
        && word.bytes().any(|b| b.is_ascii_alphabetic())
}

/// `…` in the place of what may be a telephone number: eight digits or more, with hyphens between, or spaces where it
/// begins as such numbers do. Dates stay.
fn without_numbers(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        kept.push_str(&rest[..at]);
        let number = number(&rest[at..], rest[..at].ends_with('+'));
        let digits = number.bytes().filter(u8::is_ascii_digit).count();
        kept.push_str(if digits >= PHONE && !is_date(number) { HIDDEN } else { number });
        rest = &rest[at + number.len()..];
    }
    kept.push_str(rest);
    kept
}

/// The digits at the start of `text`, with what may stand between them.
fn number(text: &str, plus: bool) -> &str {
    let may_be_spaced = plus || text.starts_with('0');
    let joins = |c: char| c == '-' || (may_be_spaced && matches!(c, ' ' | ')'));
    let mut end = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let goes_on = letters.peek().is_some_and(|(_, next)| next.is_ascii_digit());
        match c {
            c if c.is_ascii_digit() => end = at + 1,
            c if joins(c) && goes_on => {}
            _ => break,
        }
    }
    &text[..end]
}

fn is_date(number: &str) -> bool {
    let parts: Vec<usize> = number.split('-').map(str::len).collect();
    parts == [4, 2, 2]
}

fn delimits(c: char) -> bool {
    c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}' | ',' | '"' | '\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_never_stay() {
        let table = [
            ("550 5.1.1 <wang@example.tw>: no such user", "550 5.1.1 <…>: no such user"),
            ("mailto:a.b+c@example.org unknown", "… unknown"),
            (r#"{"error":"bad contact x@y.z","id":7}"#, r#"{"error":"bad contact …","id":7}"#),
            ("to=a%40b.example", "…"),
            ("to=a&#64;b.example", "…"),
            ("ok\r\nnext\u{0}line", "ok next line"),
            ("", ""),
        ];
        for (said, kept) in table {
            assert_eq!(redacted(said), kept);
        }
    }

    #[test]
    fn tokens_never_stay() {
        let table = [
            ("Authorization: Bearer eyJhbGciOi.J9x.y", "Authorization: Bearer …"),
            ("bearer token missing", "bearer token missing"),
            (r#"{"access_token":"s3cr","expires":60}"#, r#"{"access_token":"…","expires":60}"#),
            (
                r#"{"message": "Authentication failed", "token": "s3cr"}"#,
                r#"{"message": "Authentication failed", "token": "…"}"#,
            ),
            ("POST /hook?api_key=s3cr&x=1", "POST /hook?api_key=…"),
            ("the token is invalid", "the token is invalid"),
            ("got token: s3cr", "got token: …"),
            ("GET https://a.example/?token=s3cr", "GET https://a.example/?token=…"),
            (r#"{"error":"invalid token","code":4}"#, r#"{"error":"invalid token","code":4}"#),
            ("job_5a1fc09d22b4e7a1c3d00f19 unknown", "job_5a1fc09d22b4e7a1c3d00f19 unknown"),
            ("request 6d3b1a5e-93c4-8c1f-a1b2-0c4d5e6f7a8b", "request 6d3b1a5e-93c4-8c1f-a1b2-0c4d5e6f7a8b"),
            ("sent 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c", "sent …"),
        ];
        for (said, kept) in table {
            assert_eq!(redacted_answer(said, true), kept);
        }
    }

    #[test]
    fn telephone_numbers_never_stay_and_dates_do() {
        let table = [
            ("no such phone 0912345678!", "no such phone …!"),
            ("+886 912-345-678 is barred", "+… is barred"),
            ("(02)2345-6789", "(…"),
            ("0912 345 678", "…"),
            ("until 2026-03-02T10:00:00Z, code 4711", "until 2026-03-02T10:00:00Z, code 4711"),
            ("HTTP 429: 120 seconds", "HTTP 429: 120 seconds"),
            ("電話0912345678不存在", "電話…不存在"),
        ];
        for (said, kept) in table {
            assert_eq!(redacted_answer(said, true), kept);
        }
    }

    #[test]
    fn an_address_at_the_cut_is_not_kept_in_part() {
        let said = format!("{} wang@example.tw", "x".repeat(KEPT - 4));
        assert_eq!(redacted(&said), format!("{} …", "x".repeat(KEPT - 4)));
        assert_eq!(redacted(&"寄".repeat(500)).chars().count(), KEPT);
        assert_eq!(redacted_answer(&"寄".repeat(5_000), false).len(), KEPT_WHOLE - KEPT_WHOLE % 3);
    }
}
