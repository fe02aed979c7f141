//! Owns what a peer's words become before anyone stores them: one line, short, without addresses; knows nothing of peers.

/// Characters of a reply that are kept.
const KEPT: usize = 300;

/// A peer's words as the ledger may keep them: one line, no e-mail addresses, at most 300 characters.
pub fn redacted(words: &str) -> String {
    let line = one_line(words);
    let mut kept = String::with_capacity(line.len().min(4 * KEPT));
    for piece in line.split_inclusive(delimits) {
        let (word, end) = match piece.char_indices().next_back() {
            Some((at, last)) if delimits(last) => piece.split_at(at),
            _ => (piece, ""),
        };
        kept.push_str(if is_address(word) { "…" } else { word });
        kept.push_str(end);
    }
    kept.chars().take(KEPT).collect()
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

fn is_address(word: &str) -> bool {
    word.contains(['@', '＠']) || word.contains("%40") || word.contains("&#64;")
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
            ("ok\r\nnext\u{0}line", "ok next line"),
            ("", ""),
        ];
        for (said, kept) in table {
            assert_eq!(redacted(said), kept);
        }
    }

    #[test]
    fn an_address_at_the_cut_is_not_kept_in_part() {
        let said = format!("{} wang@example.tw", "x".repeat(KEPT - 4));
        assert_eq!(redacted(&said), format!("{} …", "x".repeat(KEPT - 4)));
        assert_eq!(redacted(&"寄".repeat(500)).chars().count(), KEPT);
    }
}
