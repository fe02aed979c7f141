//! Owns DKIM signatures (RFC 6376, RFC 8463): what is signed, and how it is written; knows nothing of where keys lie.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::error::Unspecified;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use sha2::{Digest as _, Sha256};

use crate::domain::ids::Timestamp;

/// A key that signs every mail.
#[derive(Debug, Clone)]
pub struct Dkim {
    /// Who answers for the mail: the domain of the sender, or one above it.
    pub domain: String,
    /// Below which name the public key is published: `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The private key.
    pub key: DkimKey,
}

/// A private key, ready to sign. It never shows: its `Debug` is the public key.
#[derive(Debug, Clone)]
pub enum DkimKey {
    /// `rsa-sha256`: everybody reads it.
    Rsa(Arc<RsaKeyPair>),
    /// `ed25519-sha256`: short and quick, and not yet read by everybody.
    Ed25519(Arc<Ed25519KeyPair>),
}

impl DkimKey {
    /// True when a signature takes so long that other deliveries would wait for it.
    pub(super) fn is_slow(&self) -> bool {
        matches!(self, DkimKey::Rsa(_))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            DkimKey::Rsa(_) => "rsa-sha256",
            DkimKey::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// RFC 8463 signs the hash of the hash input, RSA the input.
    fn sign(&self, input: &[u8]) -> Result<String, Unspecified> {
        Ok(match self {
            DkimKey::Ed25519(key) => STANDARD.encode(key.sign(&Sha256::digest(input))),
            DkimKey::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature)?;
                STANDARD.encode(signature)
            }
        })
    }
}

/// What a mail must not be changed in, and what must not be added to it: each name is signed once more than it occurs.
const SIGNED: &[&str] = &[
    "From",
    "Reply-To",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// The mail with the signature of each key in front, the first key's uppermost; relaxed both in headers and body.
///
/// # Errors
/// When a key cannot sign.
pub(super) fn sign(keys: &[Dkim], mail: &[u8], at: Timestamp) -> Result<Vec<u8>, Unspecified> {
    let (headers, body) = halves(mail);
    let headers = fields(headers);
    let body_hash = STANDARD.encode(Sha256::digest(relaxed_body(body)));
    let (names, covered) = covered(&headers);
    let mut signed = Vec::with_capacity(mail.len() + 1_000 * keys.len());
    for Dkim { domain, selector, key } in keys {
        let algorithm = key.algorithm();
        let value = format!(
            "v=1; a={algorithm}; c=relaxed/relaxed; d={domain};\r\n s={selector}; t={};\r\n h={names};\r\n bh={body_hash};\r\n b=",
            at.timestamp()
        );
        let own = relaxed_field("DKIM-Signature", &value);
        let signature = key.sign(format!("{covered}{own}").as_bytes())?;
        signed.extend_from_slice(format!("DKIM-Signature: {value}{}\r\n", folded(&signature)).as_bytes());
    }
    signed.extend_from_slice(mail);
    Ok(signed)
}

/// The headers, each with its line break, and the body.
fn halves(mail: &[u8]) -> (&[u8], &[u8]) {
    let end = mail.windows(4).position(|window| window == b"\r\n\r\n");
    end.map_or((mail, &[]), |end| (&mail[..end + 2], &mail[end + 4..]))
}

/// Names and values, their folds left in.
fn fields(headers: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(headers);
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive("\r\n") {
        match (line.starts_with([' ', '\t']), fields.last_mut(), line.split_once(':')) {
            (true, Some((_, value)), _) => value.push_str(line),
            (_, _, Some((name, value))) => fields.push((name.to_owned(), value.to_owned())),
            _ => {}
        }
    }
    fields
}

/// The names for `h=`, and the headers they stand for.
fn covered(headers: &[(String, String)]) -> (String, String) {
    let (mut names, mut covered) = (Vec::new(), String::new());
    for name in SIGNED {
        // Of a name that occurs more than once, the lowest header is signed first.
        for (name, value) in headers.iter().rev().filter(|(other, _)| other.eq_ignore_ascii_case(name)) {
            covered += &relaxed_field(name, value);
            covered += "\r\n";
            names.push(name.to_ascii_lowercase());
        }
        names.push(name.to_ascii_lowercase());
    }
    (names.join(":"), covered)
}

/// The name in lower case, the value unfolded with single spaces.
fn relaxed_field(name: &str, value: &str) -> String {
    let words = value.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty());
    format!("{}:{}", name.to_ascii_lowercase(), words.collect::<Vec<_>>().join(" "))
}

/// White space within lines as single spaces, none at their ends, and no empty lines at the end of all.
fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let (mut relaxed, mut end) = (Vec::with_capacity(body.len() + 2), 0);
    for line in body.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (start, mut is_apart) = (relaxed.len(), false);
        for byte in line {
            if matches!(byte, b' ' | b'\t') {
                is_apart = true;
                continue;
            }
            if std::mem::take(&mut is_apart) {
                relaxed.push(b' ');
            }
            relaxed.push(*byte);
        }
        let is_empty = relaxed.len() == start;
        relaxed.extend_from_slice(b"\r\n");
        if !is_empty {
            end = relaxed.len();
        }
    }
    relaxed.truncate(end);
    relaxed
}

fn folded(signature: &str) -> String {
    let lines = signature.as_bytes().chunks(72).map(String::from_utf8_lossy);
    lines.collect::<Vec<_>>().join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6376, 3.4.5.
    #[test]
    fn white_space_is_relaxed_as_the_standard_says() {
        let mail = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
        let (headers, body) = halves(mail);
        let relaxed: Vec<_> = fields(headers).iter().map(|(n, v)| relaxed_field(n.trim(), v)).collect();
        assert_eq!(relaxed, ["a:X", "b:Y Z"]);
        assert_eq!(relaxed_body(body), b" C\r\nD E\r\n");
        assert_eq!(relaxed_body(b"no break at the end"), b"no break at the end\r\n");
        assert_eq!(relaxed_body(b"\r\n\r\n"), b"");
        assert_eq!(relaxed_body(b""), b"");
    }

    #[test]
    fn what_is_not_there_is_signed_as_not_there() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let (names, covered) = covered(&[field("subject", " a"), field("X", " b"), field("From", " c")]);
        assert!(names.starts_with("from:from:reply-to:to:subject:subject:date:"), "{names}");
        assert_eq!(covered, "from:c\r\nsubject:a\r\n");
    }
}
