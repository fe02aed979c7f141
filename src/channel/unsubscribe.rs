//! Owns the sealed links by which a member opts out without logging in; knows nothing of what opting out does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest as _, Sha256};

use crate::domain::ids::{JobId, MemberId};

/// The first byte of what is sealed: how the rest is written.
const VERSION: u8 = 1;

/// Makes and reads links of the form `PUBLIC_URL/u/TOKEN`. A token names the member and the message by their ids, which
/// nobody can read without the key, and never expires: a mail may be opened years later, and the ledger may have been
/// built anew from the shop's records meanwhile. The same message has the same link, however often it is sent.
#[derive(Clone)]
pub struct UnsubscribeLinks {
    base: String,
    key: [u8; 32],
    nonces: Hmac<Sha256>,
}

/// What a link names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The member, by the shop's id.
    pub member: MemberId,
    /// The message that it came with.
    pub job: JobId,
}

impl UnsubscribeLinks {
    /// Links under `public_url`, sealed with `key` of any length.
    pub fn new(public_url: &str, key: &[u8]) -> Self {
        let keyed = |purpose: &[u8]| {
            let mut block = [0; 64];
            block[..32].copy_from_slice(&Sha256::digest(key));
            Hmac::<Sha256>::new(&block.into()).chain_update(purpose)
        };
        Self {
            base: format!("{}/u/", public_url.trim_end_matches('/')),
            key: keyed(b"unsubscribe seal 1").finalize().into_bytes().into(),
            nonces: keyed(b"unsubscribe nonce 1"),
        }
    }

    /// The link of a member in a message.
    pub fn url(&self, member: &MemberId, job: &JobId) -> String {
        let text = written(member, job);
        // The same text always gets the same nonce, another text another one: no nonce seals two texts.
        let digest: [u8; 32] = self.nonces.clone().chain_update(&text).finalize().into_bytes().into();
        // Only a text of many gigabytes cannot be sealed: its link leads nowhere, and tells nothing.
        let token = self.sealed(&digest, text).unwrap_or_default();
        format!("{}{}", self.base, URL_SAFE_NO_PAD.encode(token))
    }

    /// What a token names; none when it is not one of ours.
    pub fn read(&self, token: &str) -> Option<Link> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let (nonce, mut sealed) = (Nonce::assume_unique_for_key(*nonce), sealed.to_vec());
        let text = self.cipher()?.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
        read(text)
    }

    fn sealed(&self, digest: &[u8; 32], mut text: Vec<u8>) -> Option<Vec<u8>> {
        let nonce = *digest.first_chunk::<NONCE_LEN>()?;
        let unique = Nonce::assume_unique_for_key(nonce);
        self.cipher()?.seal_in_place_append_tag(unique, Aad::empty(), &mut text).ok()?;
        Some([&nonce[..], &text].concat())
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.key).ok().map(LessSafeKey::new)
    }
}

/// Version, length of the member's id (seven bits a byte, the last without the eighth), the id, the job's id.
fn written(member: &MemberId, job: &JobId) -> Vec<u8> {
    let mut text = vec![VERSION];
    let mut length = member.as_str().len();
    while length >= 0x80 {
        text.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    text.push(length as u8);
    text.extend_from_slice(member.as_str().as_bytes());
    text.extend_from_slice(job.as_str().as_bytes());
    text
}

fn read(text: &[u8]) -> Option<Link> {
    let (_, mut rest) = text.split_first().filter(|(version, _)| **version == VERSION)?;
    let (mut length, mut shift) = (0_usize, 0_u32);
    loop {
        let (byte, tail) = rest.split_first()?;
        rest = tail;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let (member, job) = rest.split_at_checked(length)?;
    let (member, job) = (std::str::from_utf8(member).ok()?, std::str::from_utf8(job).ok()?);
    Some(Link { member: member.into(), job: job.into() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(url: &str) -> &str {
        url.rsplit('/').next().unwrap()
    }

    #[test]
    fn a_link_is_stable_over_releases() {
        let links = UnsubscribeLinks::new("https://mail.shop.example/", b"key");
        assert_eq!(
            links.url(&"00038317".into(), &"job_0123456789abcdef01234567".into()),
            "https://mail.shop.example/u/b3yhO6tZhMsgY57baSgZZtsJ3mxdkhJszrvGw2qtuezO4dnlW9bfAhvCF8v_mgRHHbyxF_2GVJubKTg0f46nsIlN"
        );
    }

    #[test]
    fn a_link_tells_nothing_and_differs_by_member_and_message() {
        let links = UnsubscribeLinks::new("https://a.example", b"key");
        let urls = [("amy@shop.example", "job_1"), ("amy@shop.example", "job_2"), ("bob", "job_1")]
            .map(|(member, job)| links.url(&member.into(), &job.into()));
        for (n, url) in urls.iter().enumerate() {
            let bytes = URL_SAFE_NO_PAD.decode(token(url)).unwrap();
            assert!(!bytes.windows(3).any(|part| part == b"amy" || part == b"job"));
            assert!(urls[..n].iter().all(|other| token(other)[..16] != token(url)[..16]));
        }
    }

    proptest! {
        #[test]
        fn only_whole_links_of_the_same_key_are_read(
            member in "\\PC{0,300}", job in "\\PC{0,40}", at in any::<prop::sample::Index>(), other in "[A-Za-z0-9_-]",
        ) {
            let links = UnsubscribeLinks::new("https://a.example", b"key");
            let named = Link { member: member.into(), job: job.into() };
            let url = links.url(&named.member, &named.job);
            prop_assert_eq!(&url, &links.url(&named.member, &named.job));
            let token = token(&url).to_owned();
            let at = at.index(token.len());
            prop_assert_eq!(links.read(&token), Some(named));
            prop_assert_eq!(UnsubscribeLinks::new("https://a.example", b"else").read(&token), None);
            prop_assert_eq!(links.read(&token[..at]), None);
            let mut forged = token.clone();
            forged.replace_range(at..=at, &other);
            prop_assert!(forged == token || links.read(&forged).is_none());
        }

        #[test]
        fn any_text_can_be_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..60), token in "\\PC{0,60}") {
            read(&bytes);
            read(&[&[VERSION][..], &bytes].concat());
            prop_assert_eq!(UnsubscribeLinks::new("https://a.example", b"key").read(&token), None);
        }
    }
}
