//! Owns secrets: where they may stand, and that they never show; knows nothing of what they open.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::reader::Section;
use super::tree::{Node, Value};
use super::values;

/// Environment variables by name.
pub type Environment = BTreeMap<String, String>;

/// A text that never reaches a log: its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the peer that asks for it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What values are looked up in.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The settings file's folder: relative paths start here.
    pub base: &'a Path,
    /// The environment.
    pub env: &'a Environment,
}

const HOW: &str = "`{ env = \"NAME\" }`, `{ file = \"path\" }` or `{ credential = \"name\" }`";

/// The secret that `key` refers to. An environment variable that overrides the setting is itself a fit place for it.
pub fn secret(s: &mut Section<'_>, key: &'static str, around: Surroundings<'_>) -> Option<Secret> {
    let node = s.node(key)?;
    one(s, key, node, s.path_to(key), around)
}

/// The secrets that `key` refers to, each with its place: a list, or one by itself. Nothing when it is absent; a list
/// holds those that can be read.
pub fn secrets<'a>(
    s: &mut Section<'a>,
    key: &'static str,
    around: Surroundings<'_>,
) -> Option<Vec<(&'a Node, Secret)>> {
    let node = s.node(key)?;
    let path = s.path_to(key);
    let Value::List(nodes) = &node.value else {
        return one(s, key, node, path, around).map(|secret| vec![(node, secret)]);
    };
    if nodes.is_empty() {
        s.problem(
            key,
            format!("`{path}` is empty"),
            format!("write `{key} = ` and {HOW}, or a list of them"),
        );
    }
    let read = |node| Some((node, one(s, key, node, path.clone(), around)?));
    Some(nodes.iter().filter_map(read).collect())
}

/// The secret that one value, written for `key`, refers to.
pub fn one<'a>(
    s: &mut Section<'a>,
    key: &str,
    node: &'a Node,
    path: String,
    around: Surroundings<'_>,
) -> Option<Secret> {
    match &node.value {
        Value::Broken => None,
        Value::Table(_) => s.inside(node, path, |t| reference(t, around)),
        Value::Word(word) => Some(Secret(word.clone())),
        _ => {
            let help = format!("write `{key} = ` and {HOW}");
            s.problem_at(&node.at, format!("`{path}` is a secret in plain sight"), help);
            None
        }
    }
}

/// Follows `{ env | file | credential = … }`.
fn reference(s: &mut Section<'_>, around: Surroundings<'_>) -> Option<Secret> {
    let env = s.get("env", values::text("the name of an environment variable", "CRM_SECRET"));
    let file = s.get("file", values::path("a file", "/run/secrets/crm", around.base));
    let credential = s.get("credential", values::identifier("the name of a systemd credential", "crm"));
    let given = ["env", "file", "credential"].into_iter().filter(|k| s.node(k).is_some()).count();
    if given != 1 {
        s.problem("", format!("`{}` names {given} places", s.path()), format!("write one of {HOW}"));
        return None;
    }
    if let Some(name) = env {
        return in_variable(s, &name, around);
    }
    if let Some(name) = credential {
        let Some(folder) = around.env.get("CREDENTIALS_DIRECTORY") else {
            let help = "set `LoadCredential=` in the systemd unit; outside systemd use `env` or `file`";
            s.problem(
                "credential",
                "systemd has handed over no credentials: CREDENTIALS_DIRECTORY is not set",
                help,
            );
            return None;
        };
        return in_file(s, "credential", &PathBuf::from(folder).join(name));
    }
    in_file(s, "file", &file?)
}

fn in_variable(s: &Section<'_>, name: &str, around: Surroundings<'_>) -> Option<Secret> {
    match around.env.get(name).filter(|v| !v.is_empty()) {
        Some(value) => Some(Secret(value.clone())),
        None => {
            let help = format!(
                "set {name} where replenish starts, or keep the secret in a file: `{{ file = \"path\" }}`"
            );
            s.problem("env", format!("the environment variable {name} is not set"), help);
            None
        }
    }
}

fn in_file(s: &Section<'_>, key: &str, path: &Path) -> Option<Secret> {
    let message = match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => return Some(Secret(text.trim().to_owned())),
        Ok(_) => format!("{} is empty", path.display()),
        Err(e) => format!("{} cannot be read: {e}", path.display()),
    };
    s.problem(key, message, "put the secret into that file, readable for the user that replenish runs as");
    None
}
