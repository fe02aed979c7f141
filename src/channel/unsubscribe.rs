//! Owns the signed links by which a member opts out without logging in; knows nothing of what opting out does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

const TAG: usize = 16;

/// Makes and reads links of the form `PUBLIC_URL/u/TOKEN`. A token names a member by the store's integer, carries no
/// personal data, and never expires: a mail may be opened years later.
#[derive(Clone)]
pub struct UnsubscribeLinks {
    base: String,
    mac: Hmac<Sha256>,
}

impl UnsubscribeLinks {
    /// Links under `public_url`, signed with `key` of any length.
    pub fn new(public_url: &str, key: &[u8]) -> Self {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&Sha256::digest(key));
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(b"unsubscribe 1");
        Self { base: format!("{}/u/", public_url.trim_end_matches('/')), mac }
    }

    /// The link of a member.
    pub fn url(&self, member: i64) -> String {
        let id = member.to_be_bytes();
        let mut token = id.to_vec();
        token.extend_from_slice(&self.signed(&id).finalize().into_bytes()[..TAG]);
        format!("{}{}", self.base, URL_SAFE_NO_PAD.encode(token))
    }

    /// The member that a token names; none when it is not one of ours.
    pub fn read(&self, token: &str) -> Option<i64> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, tag) = bytes.split_first_chunk::<8>()?;
        let whole = tag.len() == TAG && self.signed(id).verify_truncated_left(tag).is_ok();
        whole.then(|| i64::from_be_bytes(*id))
    }

    fn signed(&self, id: &[u8; 8]) -> Hmac<Sha256> {
        self.mac.clone().chain_update(id)
    }
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
        assert_eq!(links.url(42), "https://mail.shop.example/u/AAAAAAAAACpCHvZ1niNkw88phoKdAQ8c");
    }

    proptest! {
        #[test]
        fn only_whole_links_of_the_same_key_are_read(member: i64, at in 0usize..32, other in "[A-Za-z0-9_-]") {
            let links = UnsubscribeLinks::new("https://a.example", b"key");
            let url = links.url(member);
            let token = token(&url).to_owned();
            prop_assert_eq!(links.read(&token), Some(member));
            prop_assert_eq!(UnsubscribeLinks::new("https://a.example", b"else").read(&token), None);
            prop_assert_eq!(links.read(&token[..at]), None);
            let mut forged = token.clone();
            forged.replace_range(at..=at, &other);
            prop_assert!(forged == token || links.read(&forged).is_none());
        }
    }
}
