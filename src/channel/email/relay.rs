//! Owns how a relay is written in the settings; knows nothing of connections.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::super::{ChannelError, webhook};

/// Where e-mail goes next.
#[derive(Clone, PartialEq, Eq)]
pub enum Relay {
    /// A mail server.
    Smtp {
        /// Its name or address.
        host: String,
        /// Its port.
        port: u16,
        /// How the connection is encrypted.
        tls: Tls,
        /// User and password, if it wants them.
        credentials: Option<(String, String)>,
    },
    /// A folder that gets one .eml file a job.
    Folder(PathBuf),
}

/// How the connection to a relay is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: on this machine only, or where the settings allow plain text.
    None,
    /// Upgraded after the greeting, or not used.
    Starttls,
    /// From the first byte.
    Implicit,
}

impl Relay {
    /// Reads `smtp://`, `smtp+starttls://` and `smtps://` with `[user:password@]host[:port]`, and `file:DIR`. To another
    /// machine `smtp://` is encrypted by STARTTLS too, unless `allow_plaintext`.
    ///
    /// # Errors
    /// Says what is wrong, without the URL itself: it may carry a password.
    pub fn parse(url: &str, allow_plaintext: bool) -> Result<Self, ChannelError> {
        if let Some(folder) = url.strip_prefix("file:") {
            let folder = folder.strip_prefix("//").unwrap_or(folder);
            let folder = (!folder.is_empty()).then(|| Relay::Folder(folder.into()));
            return folder.ok_or(ChannelError::RelayUrl("names no folder"));
        }
        let url = Url::parse(url).map_err(|_| ChannelError::RelayUrl("cannot be read"))?;
        let (tls, usual) = match url.scheme() {
            "smtp" => (Tls::Starttls, 25),
            "smtp+starttls" => (Tls::Starttls, 587),
            "smtps" => (Tls::Implicit, 465),
            _ => return Err(ChannelError::RelayUrl("has an unknown scheme")),
        };
        let host = url.host_str().filter(|h| !h.is_empty()).ok_or(ChannelError::RelayUrl("names no host"))?;
        let is_here = webhook::is_loopback(host);
        let tls = if url.scheme() == "smtp" && (is_here || allow_plaintext) { Tls::None } else { tls };
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() => Some((decoded(user)?, decoded(password)?)),
            _ => return Err(ChannelError::RelayUrl("has a user or a password, but not both")),
        };
        if credentials.is_some() && tls == Tls::None && !is_here {
            return Err(ChannelError::RelayUrl("would send a password in plain text: allow no plain text"));
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Relay::Smtp { host, port: url.port().unwrap_or(usual), tls, credentials })
    }

    /// True when mail does not leave this machine by it.
    pub fn is_local(&self) -> bool {
        match self {
            Relay::Smtp { host, .. } => webhook::is_loopback(host),
            Relay::Folder(_) => true,
        }
    }
}

impl fmt::Display for Relay {
    /// As the ledger names it: without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Relay::Smtp { host, port, .. } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Relay::Smtp { host, port, .. } => write!(f, "{host}:{port}"),
            Relay::Folder(folder) => write!(f, "file:{}", folder.display()),
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn decoded(text: &str) -> Result<String, ChannelError> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| ChannelError::RelayUrl("has a user or password that is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp(host: &str, port: u16, tls: Tls, credentials: Option<(&str, &str)>) -> Relay {
        let credentials = credentials.map(|(u, p)| (u.to_owned(), p.to_owned()));
        Relay::Smtp { host: host.to_owned(), port, tls, credentials }
    }

    #[test]
    fn every_way_to_write_a_relay() {
        let table = [
            ("smtp://127.0.0.1:2525", smtp("127.0.0.1", 2525, Tls::None, None)),
            ("smtp://mail.example", smtp("mail.example", 25, Tls::Starttls, None)),
            ("smtp://u:p@localhost", smtp("localhost", 25, Tls::None, Some(("u", "p")))),
            ("smtp+starttls://127.0.0.1", smtp("127.0.0.1", 587, Tls::Starttls, None)),
            ("smtp://[::1]:2525", smtp("::1", 2525, Tls::None, None)),
            (
                "smtps://u:p%40ss%2Fw@mail.example",
                smtp("mail.example", 465, Tls::Implicit, Some(("u", "p@ss/w"))),
            ),
            ("smtp+starttls://mail.example", smtp("mail.example", 587, Tls::Starttls, None)),
            (
                "smtp+starttls://a%40b:c@m.example:25",
                smtp("m.example", 25, Tls::Starttls, Some(("a@b", "c"))),
            ),
            ("file:outbox", Relay::Folder("outbox".into())),
            ("file:/var/mail", Relay::Folder("/var/mail".into())),
            ("file:///var/mail", Relay::Folder("/var/mail".into())),
        ];
        for (url, relay) in table {
            assert_eq!(Relay::parse(url, false).unwrap(), relay, "{url}");
        }
    }

    #[test]
    fn plain_text_leaves_this_machine_only_where_it_is_allowed_and_never_with_a_password() {
        let open = |url| Relay::parse(url, true);
        assert_eq!(open("smtp://mail.example").unwrap(), smtp("mail.example", 25, Tls::None, None));
        assert_eq!(
            open("smtp+starttls://mail.example").unwrap(),
            smtp("mail.example", 587, Tls::Starttls, None)
        );
        let told = open("smtp://u:secret@mail.example").unwrap_err().to_string();
        assert!(told.contains("password in plain text") && !told.contains("secret"), "{told}");
        assert!(open("smtps://u:p@mail.example").is_ok() && open("smtp://u:p@localhost").is_ok());
    }

    #[test]
    fn no_message_repeats_the_password() {
        for url in [
            "smtp://u:secret@",
            "http://u:secret@a",
            "smtp://:secret@a",
            "secret",
            "file:",
            "smtp://u:%ff@secret",
        ] {
            let told = Relay::parse(url, false).unwrap_err().to_string();
            assert!(!told.contains("secret") && told.contains("smtp+starttls://"), "{told}");
        }
        let relay = Relay::parse("smtp://user:secret@a.example", false).unwrap();
        assert_eq!(format!("{relay} {relay:?}"), "a.example:25 a.example:25");
    }
}
