//! Owns the UUID of a job, for peers that know a message again by one; knows nothing of peers.

use sha2::{Digest, Sha256};

use crate::domain::ids::JobId;

/// The job's UUID, version 8 of RFC 9562: made of a hash of its id, so that it stays the same over retries.
pub(super) fn uuid_of(job: &JobId) -> String {
    let hash = Sha256::digest(job.as_str().as_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_version_8_uuid_and_stays_the_same() {
        let uuid = uuid_of(&"j-4711".into());
        assert_eq!(uuid, uuid_of(&"j-4711".into()));
        assert_ne!(uuid, uuid_of(&"j-4712".into()));
        let parts: Vec<&str> = uuid.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(uuid.chars().all(|c| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c)));
        assert!(parts[2].starts_with('8') && parts[3].starts_with(['8', '9', 'a', 'b']), "{uuid}");
    }
}
