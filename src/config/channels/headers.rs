//! Owns the headers that an endpoint is sent besides ours: which names, and what may stand in them; sends none.

use reqwest::header::HeaderName;

use super::super::reader::Section;
use super::super::secret::{Secret, Surroundings, one};
use super::super::tree::{Entry, Value};

/// One header. No `Debug` shows its value: people put tokens into texts too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name, in small letters.
    pub name: String,
    /// A template of one line, or a secret as it is.
    pub value: Secret,
    /// Whether the value is a template.
    pub is_template: bool,
}

/// What we set ourselves, or what is no business of a message.
const OURS: [&str; 6] = ["content-length", "host", "transfer-encoding", "connection", "te", "upgrade"];

/// The table `headers`.
pub(super) fn read(s: &mut Section<'_>, around: Surroundings<'_>) -> Vec<Header> {
    let Some(node) = s.node("headers") else { return Vec::new() };
    let path = s.path_to("headers");
    let Value::Table(table) = &node.value else {
        if !matches!(node.value, Value::Broken) {
            let message = format!("`{path}` is {}, but must be a table", node.value.type_name());
            s.problem_at(
                &node.at,
                message,
                "write for example `headers = { Authorization = { env = \"NAME\" } }`",
            );
        }
        return Vec::new();
    };
    let mut headers: Vec<Header> = Vec::new();
    for entry in table {
        let Some(header) = header(s, entry, &path, around) else { continue };
        if headers.iter().any(|known| known.name == header.name) {
            let message = format!("`{path}` has {} twice", header.name);
            s.problem_at(&entry.at, message, "names of headers know no case; keep one of the two");
        }
        headers.push(header);
    }
    headers
}

fn header<'a>(s: &mut Section<'a>, entry: &'a Entry, path: &str, around: Surroundings<'_>) -> Option<Header> {
    let name = named(s, entry, path);
    let whole = format!("{path}.{}", entry.key);
    let (value, is_template) = match &entry.node.value {
        Value::Text(text) => (Secret::from(text.trim().to_owned()), true),
        Value::Table(_) | Value::Word(_) | Value::Broken => {
            (one(s, &entry.key, &entry.node, whole.clone(), around)?, false)
        }
        other => {
            let message = format!("`{whole}` is {}, but must be a text or a secret", other.type_name());
            s.problem_at(&entry.node.at, message, format!("write for example `{} = \"…\"`", entry.key));
            return None;
        }
    };
    if value.expose().contains(char::is_control) {
        let message = format!("`{whole}` holds a line break or another control character");
        s.problem_at(&entry.node.at, message, "a header is one line of text");
        return None;
    }
    if let Err(error) = minijinja::Environment::new().template_from_str(value.expose())
        && is_template
    {
        // the engine's own words may repeat the value
        let message = format!("`{whole}` is no template: {}", error.kind());
        s.problem_at(&entry.node.at, message, "write `{{ … }}` for a value, as \"{{ job_uuid }}\"");
        return None;
    }
    Some(Header { name: name?, value, is_template })
}

fn named(s: &Section<'_>, entry: &Entry, path: &str) -> Option<String> {
    let Ok(name) = HeaderName::from_bytes(entry.key.as_bytes()) else {
        let message = format!("`{}` in `{path}` is not a header's name", entry.key.escape_debug());
        s.problem_at(&entry.at, message, "letters, digits and hyphens, as X-Line-Retry-Key");
        return None;
    };
    if OURS.contains(&name.as_str()) || name.as_str().starts_with("webhook-") {
        let message = format!("{name} in `{path}` is set by replenish itself");
        s.problem_at(&entry.at, message, "leave it out");
        return None;
    }
    Some(name.as_str().to_owned())
}
