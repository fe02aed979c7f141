//! Owns the addresses of ledger, queue and peers: which are valid, and which are safe to write down; connects to none.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use reqwest::Url;

use super::reader::{Kind, Section};
use super::secret::{Secret, Surroundings, secret};
use super::tree::Value;

/// Where the ledger and the history are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A SQLite file, absolute.
    Sqlite(PathBuf),
    /// `postgres://…`, with its password.
    Postgres(Secret),
}

/// What carries job ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueUrl {
    /// The ledger itself.
    Ledger,
    /// `redis://…` or `rediss://…`, with its password.
    Redis(Secret),
}

/// Where e-mail is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayUrl {
    /// `smtp://`, `smtps://` or `smtp+starttls://`, with its password.
    Smtp(Secret),
    /// A folder for .eml files, absolute.
    Folder(PathBuf),
}

impl RelayUrl {
    /// True when mail leaves this machine.
    pub fn is_remote(&self) -> bool {
        match self {
            RelayUrl::Smtp(url) => Url::parse(url.expose()).is_ok_and(|u| !is_loopback(&u)),
            RelayUrl::Folder(_) => false,
        }
    }

    /// True when a password stands in it.
    pub fn has_password(&self) -> bool {
        match self {
            RelayUrl::Smtp(url) => Url::parse(url.expose()).is_ok_and(|u| u.password().is_some()),
            RelayUrl::Folder(_) => false,
        }
    }

    /// What it says of encryption.
    pub fn encryption(&self) -> Encryption {
        let RelayUrl::Smtp(url) = self else { return Encryption::None };
        match Url::parse(url.expose()) {
            Ok(url) if url.scheme() != "smtp" => Encryption::Always,
            Ok(url) if is_loopback(&url) => Encryption::None,
            _ => Encryption::ByPlace,
        }
    }
}

/// What the address of a relay says of encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Nothing leaves this machine.
    None,
    /// Wherever it is.
    Always,
    /// Because it is another machine, and only while plain text is not allowed.
    ByPlace,
}

/// The address of `key`: a text, or a reference to a secret. A password for another machine never stands in the file.
pub fn peer<T>(
    s: &mut Section<'_>,
    key: &'static str,
    around: Surroundings<'_>,
    kind: (&str, &str),
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<T> {
    let node = s.node(key)?;
    if matches!(node.value, Value::Table(_)) {
        let url = secret(s, key, around)?;
        // Not shown, whatever is wrong with it.
        let wrong =
            |advice: String| s.problem(key, format!("`{}` does not hold {}", s.path_to(key), kind.0), advice);
        return parse(url.expose()).map_err(wrong).ok();
    }
    if let Value::Text(text) = &node.value
        && Url::parse(text).is_ok_and(|u| u.password().is_some() && !is_loopback(&u))
    {
        let help = format!(
            "keep the whole address elsewhere: `{key} = {{ env = \"NAME\" }}` or `{{ file = \"path\" }}`"
        );
        s.problem(key, format!("`{}` shows a password", s.path_to(key)), help);
    }
    s.get(key, Kind::text(kind.0, kind.1, parse))
}

/// `sqlite:FILE` below `base`, or `postgres://…`.
pub fn parse_store(text: &str, base: &Path) -> Result<StoreUrl, String> {
    match text.strip_prefix("sqlite:") {
        Some(path) => {
            let path = path.strip_prefix("//").unwrap_or(path);
            let named = !path.is_empty() && !path.starts_with(':');
            named
                .then(|| StoreUrl::Sqlite(base.join(path)))
                .ok_or_else(|| "name a file, it must outlive the process".into())
        }
        None => network(text, &["postgres", "postgresql"], "it begins with sqlite: or postgres://")
            .map(StoreUrl::Postgres),
    }
}

/// `ledger:`, or `redis://…`.
pub fn parse_queue(text: &str) -> Result<QueueUrl, String> {
    match text {
        "ledger:" => Ok(QueueUrl::Ledger),
        _ => network(text, &["redis", "rediss"], "it is ledger: or begins with redis:// or rediss://")
            .map(QueueUrl::Redis),
    }
}

/// `smtp://…` and its secure forms, or `file:DIR` below `base`.
pub fn parse_relay(text: &str, base: &Path) -> Result<RelayUrl, String> {
    if let Some(folder) = text.strip_prefix("file:") {
        let folder = folder.strip_prefix("//").unwrap_or(folder);
        return if folder.is_empty() {
            Err("name a folder".into())
        } else {
            Ok(RelayUrl::Folder(base.join(folder)))
        };
    }
    let schemes = ["smtp", "smtps", "smtp+starttls"];
    let url = network(text, &schemes, "it begins with smtp://, smtps://, smtp+starttls:// or file:")?;
    let plain = Url::parse(url.expose()).is_ok_and(|u| matches!(u.path(), "" | "/") && u.query().is_none());
    if plain { Ok(RelayUrl::Smtp(url)) } else { Err("nothing follows host and port".into()) }
}

/// `https://…` or `http://…`, with a host.
pub fn web_url(name: &'static str, example: &str) -> Kind<'static, Url> {
    Kind::text(name, example, |text| {
        let url = Url::parse(text).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
        let url = url.ok_or_else(|| "it begins with https:// or http://, then comes the host".to_owned())?;
        let is_open = url.username().is_empty() && url.password().is_none();
        if is_open { Ok(url) } else { Err("a name or password has no place in it".to_owned()) }
    })
}

/// True when the address names this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "localhost" || ip(host).is_some_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

/// True when the address names a machine that the internet cannot reach, by number.
pub fn is_private(url: &Url) -> bool {
    match ip(url.host_str().unwrap_or_default()) {
        Some(IpAddr::V4(ip)) => ip.is_private() || ip.is_link_local(),
        Some(IpAddr::V6(ip)) => ip.is_unique_local() || ip.is_unicast_link_local(),
        None => false,
    }
}

fn ip(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

fn network(text: &str, schemes: &[&str], advice: &str) -> Result<Secret, String> {
    let url = Url::parse(text).map_err(|_| advice.to_owned())?;
    let named = schemes.contains(&url.scheme()) && url.host_str().is_some_and(|h| !h.is_empty());
    if named { Ok(text.to_owned().into()) } else { Err(advice.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_below_the_settings_unless_absolute() {
        let base = Path::new("/etc/replenish");
        let rows = [
            ("sqlite:var/x.db", Some("/etc/replenish/var/x.db")),
            ("sqlite:/srv/x.db", Some("/srv/x.db")),
            ("sqlite:///srv/x.db", Some("/srv/x.db")),
            ("sqlite:", None),
            ("sqlite::memory:", None),
        ];
        for (text, expected) in rows {
            let expected = expected.map(|p| StoreUrl::Sqlite(p.into()));
            assert_eq!(parse_store(text, base).ok(), expected, "{text}");
        }
        assert_eq!(parse_relay("file:out", base), Ok(RelayUrl::Folder("/etc/replenish/out".into())));
        assert!(parse_relay("file:", base).is_err());
    }

    #[test]
    fn relays_are_remote_unless_on_this_machine() {
        for (text, expected) in [
            ("smtp://127.0.0.1:2525", Some(false)),
            ("smtps://[::1]", Some(false)),
            ("smtp+starttls://u:p@localhost:587/", Some(false)),
            ("smtp+starttls://u:p@mail.example:587", Some(true)),
            ("file:out", Some(false)),
            ("smtp:mail.example", None),
            ("smtp://mail.example/path", None),
            ("smtp://mail.example?tls=required", None),
            ("lmtp://mail.example", None),
        ] {
            assert_eq!(parse_relay(text, Path::new("/")).ok().map(|r| r.is_remote()), expected, "{text}");
        }
    }
}
