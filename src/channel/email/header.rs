//! Owns texts and addresses as mail headers carry them; knows nothing of which headers a mail has.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::Address;
use lettre::message::Mailbox;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

use super::super::reply::one_line;

/// Characters of a name that are kept.
const NAME: usize = 100;
/// Bytes of text in one encoded word: in base64 and behind the name of its header they stay within 76 characters.
const WORD: usize = 39;
/// A line is folded before it grows longer.
const LINE: usize = 76;
/// The longest address that SMTP carries.
const ADDRESS: usize = 254;
/// What would end a URI in angle brackets; all that is not ASCII is encoded as well.
const URI: &AsciiSet = &CONTROLS.add(b' ').add(b'<').add(b'>').add(b'"').add(b'\\').add(b'^').add(b'`');
const MAILTO: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'+');

/// A text on one line, without the marks that turn the direction of what stands around them.
pub(super) fn visible(text: &str) -> String {
    one_line(&text.chars().filter(|c| !turns_direction(*c)).collect::<String>())
}

fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A name that may stand before an address; none when nothing of it can be seen.
pub(super) fn name(text: &str) -> Option<String> {
    let name: String = visible(text).chars().take(NAME).collect();
    Some(name.trim_end().to_owned()).filter(|name| !name.is_empty())
}

/// A visible text as the value of a header: folded, or in encoded words.
pub(super) fn unstructured(text: &str) -> String {
    // What looks like an encoded word would be read as one, and a long word cannot be folded.
    let is_plain = text.is_ascii() && !text.contains("=?") && text.split(' ').all(|word| word.len() < LINE);
    if is_plain { folded(text) } else { encoded(text) }
}

/// Folds at spaces; the room for a header's name is left on the first line.
fn folded(text: &str) -> String {
    let (mut value, mut column) = (String::with_capacity(text.len()), "Reply-To: ".len());
    for word in text.split_inclusive(' ') {
        if column + word.len() > LINE && value.ends_with(' ') {
            value.insert_str(value.len() - 1, "\r\n");
            column = 1;
        }
        value.push_str(word);
        column += word.len();
    }
    value
}

/// RFC 2047, base64: no character is split between words.
fn encoded(text: &str) -> String {
    let mut words = vec![String::new()];
    for c in text.chars() {
        if words.last().is_some_and(|word| word.len() + c.len_utf8() > WORD) {
            words.push(String::new());
        }
        words.last_mut().into_iter().for_each(|word| word.push(c));
    }
    let words = words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
    words.collect::<Vec<_>>().join("\r\n ")
}

/// A mailbox as the value of a header.
pub(super) fn mailbox(mailbox: &Mailbox) -> String {
    let Some(name) = mailbox.name.as_deref().and_then(name) else {
        return mailbox.email.to_string();
    };
    let name = if name.is_ascii() && !name.contains("=?") { quoted(&name) } else { encoded(&name) };
    format!("{name}\r\n <{}>", mailbox.email)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The address in `text`, its domain in the form that DNS knows; none when it could be read in more than one way.
pub(super) fn address(text: &str) -> Option<Address> {
    let (user, domain) = text.trim().rsplit_once('@')?;
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || "\"(),:;<>@[\\]".contains(c);
    if user.contains(is_odd) || user.contains(turns_direction) || text.trim().len() > ADDRESS {
        return None;
    }
    let address = if domain.is_ascii() {
        Address::new(user, domain)
    } else {
        let is_plain = domain.chars().all(|c| c.is_alphanumeric() || ".-".contains(c));
        let url = Url::parse(&format!("http://{domain}/")).ok().filter(|_| is_plain)?;
        Address::new(user, url.host_str()?)
    };
    address.ok()
}

/// A web address between angle brackets.
pub(super) fn uri(link: &str) -> String {
    format!("<{}>", utf8_percent_encode(link, URI))
}

/// The URI by which a mail with this subject is written, between angle brackets.
pub(super) fn mailto(to: &Address, subject: &str) -> String {
    let user = utf8_percent_encode(to.user(), MAILTO);
    format!("<mailto:{user}@{}?subject={}>", to.domain(), utf8_percent_encode(subject, MAILTO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_carried_and_those_that_are_not() {
        let table = [
            ("wang@example.tw", Some("wang@example.tw")),
            (" a.b+c_d@Mail.Example.org ", Some("a.b+c_d@Mail.Example.org")),
            ("o'neil&co@example.org", Some("o'neil&co@example.org")),
            ("wang@商店.台灣", Some("wang@xn--czrs0t.xn--kpry57d")),
            ("王@example.tw", Some("王@example.tw")),
            ("\"a\r\nBcc: x\"@y.example", None),
            ("\"a b\"@y.example", None),
            ("\"ab\"@y.example", None),
            ("a\u{0}b@y.example", None),
            ("a@b@y.example", None),
            ("a,c@y.example", None),
            ("<a@y.example>", None),
            ("a\u{202e}b@y.example", None),
            ("a@y.example\r\nBcc: x@y.example", None),
            ("a@商店.tw/x", None),
            ("a@商店／.tw", None),
            ("@y.example", None),
            ("a@", None),
            ("a", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(address(text).as_ref().map(AsRef::as_ref), expected, "{text:?}");
        }
        assert_eq!(address(&format!("{}@{}.example", "a".repeat(60), "b.".repeat(120))), None);
    }

    #[test]
    fn names_are_cut_quoted_and_seen() {
        let written =
            |name: &str| mailbox(&Mailbox::new(Some(name.to_owned()), address("a@b.example").unwrap()));
        assert_eq!(written("Wang, \"Ming\" \\"), "\"Wang, \\\"Ming\\\" \\\\\"\r\n <a@b.example>");
        assert_eq!(written("王小明"), "=?utf-8?B?546L5bCP5piO?=\r\n <a@b.example>");
        assert_eq!(written("=?utf-8?Q?x?="), "=?utf-8?B?PT91dGYtOD9RP3g/PQ==?=\r\n <a@b.example>");
        assert_eq!(written("\u{202e}\r\n \u{200f}"), "a@b.example");
        assert_eq!(name(&"名".repeat(10_000)).unwrap().chars().count(), NAME);
        assert_eq!(name("a\u{202e}\u{2067}b\r\nBcc: c"), Some("ab Bcc: c".to_owned()));
    }

    #[test]
    fn plain_text_is_folded_between_words_and_the_rest_encoded_between_characters() {
        let long = "refill your coffee ".repeat(20);
        let value = unstructured(long.trim_end());
        assert!(value.lines().all(|line| line.len() <= LINE), "{value}");
        assert_eq!(value.replace("\r\n", ""), long.trim_end());
        for text in ["咖啡豆快用完了".repeat(30), "👩‍👩‍👧‍👦🫘".repeat(9), "x".repeat(2_000)]
        {
            let value = unstructured(&text);
            let words = value.split("\r\n ").map(|word| {
                let base64 = word.strip_prefix("=?utf-8?B?").unwrap().strip_suffix("?=").unwrap();
                assert!("Reply-To: ".len() + word.len() <= LINE, "{word}");
                String::from_utf8(STANDARD.decode(base64).unwrap()).unwrap()
            });
            assert_eq!(words.collect::<String>(), text);
        }
    }

    #[test]
    fn uris_stay_between_their_brackets() {
        assert_eq!(uri("https://a.example/u/x?y=z,1&v=%20"), "<https://a.example/u/x?y=z,1&v=%20>");
        assert_eq!(uri("https://a.example/>\r\nX: 店"), "<https://a.example/%3E%0D%0AX:%20%E5%BA%97>");
        let to = address("stop+me%&?x@shop.example").unwrap();
        assert_eq!(mailto(&to, "A_-b&c"), "<mailto:stop+me%25%26%3Fx@shop.example?subject=A_-b%26c>");
    }
}
