//! Owns the name of the person at the terminal, for the record of what people do; knows nothing of what they do.

/// The user's name on this machine, as the system knows it; else as the environment says.
pub fn user() -> String {
    let named = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    on_this_machine().or(named.filter(|name| !name.is_empty())).unwrap_or_else(|| "unknown".to_owned())
}

/// The owner of this very process.
#[cfg(unix)]
fn on_this_machine() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let uid = std::fs::metadata("/proc/self").ok()?.uid();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(name_of(uid, &users).unwrap_or_else(|| format!("uid {uid}")))
}

#[cfg(not(unix))]
fn on_this_machine() -> Option<String> {
    None
}

#[cfg(unix)]
fn name_of(uid: u32, users: &str) -> Option<String> {
    let mut lines = users.lines().map(|line| line.split(':'));
    let name = lines.find_map(|mut cells| {
        let name = cells.next()?;
        (cells.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.filter(|name| !name.is_empty())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\n# odd\namy:x:1000:1000::/home/amy:/bin/sh\n";
        assert_eq!(name_of(1000, users).as_deref(), Some("amy"));
        assert_eq!(name_of(7, users), None);
        assert!(!user().is_empty());
    }
}
