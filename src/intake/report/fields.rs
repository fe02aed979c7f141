//! Owns the fields of machine-readable reports, and the codes in them; knows nothing of what they report.

use crate::domain::feedback::FeedbackKind;

/// One group of fields: what stands between two empty lines.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The groups of a text, folded lines joined.
    pub fn groups(text: &str) -> Vec<Self> {
        let mut groups = vec![Fields::default()];
        for line in text.lines() {
            if line.trim().is_empty() {
                groups.push(Fields::default());
            } else if let Some(group) = groups.last_mut() {
                group.take(line);
            }
        }
        groups
    }

    fn take(&mut self, line: &str) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = self.0.last_mut() {
                *value = format!("{value} {}", line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            self.0.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// The value of a field, by its name in small letters.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, value)| own == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The address of a field such as `rfc822;amy@shop.example`.
    pub fn address(&self, name: &str) -> Option<String> {
        let value = self.get(name)?;
        let address = value.split_once(';').map_or(value, |(_, address)| address);
        let address = address.trim().trim_start_matches('<').trim_end_matches('>');
        // As RFC 3461 writes them in an original recipient.
        Some(address.replace("+2B", "+").replace("+3D", "="))
    }
}

/// An enhanced status code (RFC 3463): class, subject, detail.
pub(super) type Code = (u16, u16, u16);

/// The first enhanced status code of a failure in a text.
pub(super) fn enhanced(text: &str) -> Option<Code> {
    let ends = |c: char| {
        c.is_whitespace() || matches!(c, '#' | '(' | ')' | '[' | ']' | '-' | ';' | ':' | ',' | '<' | '>')
    };
    text.split(ends).find_map(|word| {
        let mut parts = word.trim_end_matches('.').split('.').map(|part| match part.len() {
            1..=3 if part.bytes().all(|byte| byte.is_ascii_digit()) => part.parse::<u16>().ok(),
            _ => None,
        });
        let code = (parts.next()??, parts.next()??, parts.next()??);
        (matches!(code.0, 2 | 4 | 5) && parts.next().is_none()).then_some(code)
    })
}

/// The first reply code of a failure (4xx, 5xx) in a text.
pub(super) fn reply_code(text: &str) -> Option<u16> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    let mut codes = words.filter(|word| word.len() == 3).filter_map(|word| word.parse().ok());
    codes.find(|code| (400..600).contains(code))
}

/// What a failure of this code says of the address: whether it is gone, or good and did not take this message.
pub(super) fn severity(code: Code) -> Option<FeedbackKind> {
    match code {
        // A mailbox that is full, a message too large or of a kind not taken, a policy: the address is there.
        (5, 2, 2 | 3) | (5, 3, 4) | (5, 6 | 7, _) | (4, ..) => Some(FeedbackKind::SoftBounce),
        (5, ..) => Some(FeedbackKind::HardBounce),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_among_words_and_numbers() {
        let table = [
            ("smtp; 550 5.1.1 <a@b>: unknown", Some((5, 1, 1)), Some(550)),
            ("550-5.1.1 The email account", Some((5, 1, 1)), Some(550)),
            ("#5.1.10#", Some((5, 1, 10)), None),
            ("host 192.0.2.5[192.0.2.5] said: 452 4.2.2.", Some((4, 2, 2)), Some(452)),
            ("version 5.10.2.1 of 2026", None, None),
            ("5.1", None, None),
            ("5.1.1234 and 9.1.1", None, None),
            ("信箱不存在 (5.1.1)", Some((5, 1, 1)), None),
        ];
        for (text, code, reply) in table {
            assert_eq!((enhanced(text), reply_code(text)), (code, reply), "{text}");
        }
    }

    #[test]
    fn an_original_recipient_is_read_as_it_is_written() {
        let groups = Fields::groups(
            "A: 1\r\n\r\nOriginal-Recipient: rfc822;amy+2Bshop@x.example\r\nDiagnostic-Code: smtp;\r\n 550\r\n",
        );
        assert_eq!(groups[0].get("a"), Some("1"));
        assert_eq!(groups[1].address("original-recipient").as_deref(), Some("amy+shop@x.example"));
        assert_eq!(groups[1].get("diagnostic-code"), Some("smtp; 550"));
    }
}
