//! Owns the reading of keys: each is asked for by name and kind, every fault is noted with its place, and what was
//! never asked for is unknown. Knows nothing of what the keys mean.

use serde_json::{Value as Json, json};

pub use crate::domain::problem::did_you_mean;

use super::keys::Keys;
use super::tree::{Entry, Node, Place, Problems, Table, Value};

/// What a value may be: what to call it, how one is written, and how it is understood.
pub struct Kind<'k, T> {
    /// With its article, as `a duration`.
    pub name: String,
    /// One as TOML, as `"3d"`.
    pub example: String,
    /// One as a JSON Schema describes it.
    pub schema: Json,
    read: Reading<'k, T>,
}

type Reading<'k, T> = Box<dyn Fn(&Value) -> Result<T, Fault> + 'k>;

/// Why a value is not of its kind.
#[derive(Debug)]
pub enum Fault {
    /// It is a text where a number is asked for, and the like.
    Type,
    /// The type is right; the advice says what to write.
    Value(String),
}

impl<'k, T> Kind<'k, T> {
    /// A kind that `read` understands.
    pub fn new(name: &str, example: &str, read: impl Fn(&Value) -> Result<T, Fault> + 'k) -> Self {
        Self { name: name.to_owned(), example: example.to_owned(), schema: json!({}), read: Box::new(read) }
    }

    /// The same, described more closely to editors.
    pub fn described(self, schema: Json) -> Self {
        Self { schema, ..self }
    }

    /// A kind written as a text; `parse` answers with advice when it cannot.
    pub fn text(name: &str, example: &str, parse: impl Fn(&str) -> Result<T, String> + 'k) -> Self {
        let read = move |value: &Value| {
            let text = value.text().ok_or(Fault::Type)?;
            parse(text.trim()).map_err(Fault::Value)
        };
        Self::new(name, &format!("{example:?}"), read).described(json!({ "type": "string" }))
    }

    /// The value as what it means.
    pub fn understand(&self, value: &Value) -> Result<T, Fault> {
        (self.read)(value)
    }
}

/// One table under the reader's eyes; a table that is absent reads like an empty one.
pub struct Section<'a> {
    path: String,
    at: Place,
    table: Option<&'a Table>,
    asked: Vec<&'static str>,
    missing: Vec<Missing>,
    problems: &'a Problems,
    /// Learns every key that is asked for.
    keys: Option<&'a Keys>,
    /// No table stands where one should, which is noted: nothing can be amiss inside.
    mistyped: bool,
}

/// A key that must be there and is not: what is wrong, and what to write.
struct Missing {
    key: &'static str,
    message: String,
    help: String,
}

impl<'a> Section<'a> {
    /// Reads a whole document.
    pub fn document<T>(
        document: &'a Node,
        problems: &'a Problems,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> T {
        Self::outside(document, problems, None).enter(Some(document), String::new(), read)
    }

    /// Reads a whole document for the sake of its keys: tables that are not there are read as well.
    pub fn learn<T>(
        document: &'a Node,
        problems: &'a Problems,
        keys: &'a Keys,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> T {
        Self::outside(document, problems, Some(keys)).enter(Some(document), String::new(), read)
    }

    fn outside(document: &Node, problems: &'a Problems, keys: Option<&'a Keys>) -> Self {
        let (path, at) = (String::new(), document.at.clone());
        let (asked, missing) = (Vec::new(), Vec::new());
        Section { path, at, table: None, asked, missing, problems, keys, mistyped: false }
    }

    /// The value of `key`; nothing when it is absent or wrong.
    pub fn get<T>(&mut self, key: &'static str, kind: Kind<'_, T>) -> Option<T> {
        let node = self.node(key);
        self.teach(key, |keys, path| keys.value(path, &kind.schema));
        let node = node?;
        self.understand(key, node, &kind)
    }

    /// The value of `key`, which must be there.
    pub fn required<T>(&mut self, key: &'static str, kind: Kind<'_, T>) -> Option<T> {
        let example = kind.example.clone();
        self.required_by(key, &example, |s| s.get(key, kind))
    }

    /// What `read` makes of `key`, which must be there.
    pub fn required_by<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        if self.node(key).is_none() {
            let message = format!("`{}` is missing", self.path_to(key));
            self.note_missing(key, message, format!("write for example `{key} = {example}`"));
        }
        self.teach(key, Keys::required);
        read(self)
    }

    /// The values of `key`: a list, or one value by itself. Nothing when it is absent.
    pub fn list<T>(&mut self, key: &'static str, kind: Kind<'_, T>) -> Option<Vec<T>> {
        let node = self.node(key);
        self.teach(key, |keys, path| keys.list(path, &kind.schema));
        let node = node?;
        let nodes = match &node.value {
            Value::List(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(node),
        };
        Some(nodes.iter().filter_map(|n| self.understand(key, n, &kind)).collect())
    }

    /// The table `key`.
    pub fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'a>) -> T) -> T {
        let node = self.node(key);
        self.enter(node, self.path_to(key), read)
    }

    /// The tables `[[key]]`.
    pub fn sections<T>(&mut self, key: &'static str, read: impl Fn(&mut Section<'a>) -> T) -> Vec<T> {
        let node = self.node(key);
        let path = self.path_to(key);
        self.teach(key, Keys::tables);
        let Some(node) = node else {
            return self.keys.map(|_| self.enter(None, path, &read)).into_iter().collect();
        };
        let Value::List(nodes) = &node.value else {
            self.note_type(&path, node, "a list of tables", &format!("write [[{path}]] in two brackets"));
            return Vec::new();
        };
        if nodes.is_empty() {
            self.problems.add(
                &node.at,
                format!("`{path}` is empty"),
                format!("write [[{path}]] and its keys below"),
            );
        }
        nodes.iter().map(|n| self.enter(Some(n), path.clone(), &read)).collect()
    }

    /// The tables `[key.NAME]`, whatever their names.
    pub fn named<T>(&mut self, key: &'static str, read: impl Fn(&str, &mut Section<'a>) -> T) -> Vec<T> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let path = self.path_to(key);
        let Value::Table(table) = &node.value else {
            self.note_type(&path, node, "a table", &format!("write [{path}.NAME] above its keys"));
            return Vec::new();
        };
        let named =
            |e: &'a Entry| self.enter(Some(&e.node), format!("{path}.{}", e.key), |s| read(&e.key, s));
        table.iter().map(named).collect()
    }

    /// One element or entry of a value that was asked for, which is a table itself; `path` is its whole name.
    pub fn inside<T>(&mut self, node: &'a Node, path: String, read: impl FnOnce(&mut Section<'a>) -> T) -> T {
        self.enter(Some(node), path, read)
    }

    /// The keys of the table `key`, each of one kind, with their values, all of another.
    pub fn pairs<K, T>(&mut self, key: &'static str, keys: &Kind<'_, K>, kind: &Kind<'_, T>) -> Vec<(K, T)> {
        let node = self.node(key);
        let pairs = json!({ "type": "object", "additionalProperties": kind.schema });
        self.teach(key, |keys, path| keys.value(path, &pairs));
        let Some(node) = node else { return Vec::new() };
        let (path, example) = (self.path_to(key), format!("{{ {} = {} }}", keys.example, kind.example));
        let example = format!("write for example `{key} = {example}`");
        let Value::Table(table) = &node.value else {
            self.note_type(&path, node, "a table", &example);
            return Vec::new();
        };
        let pair = |e: &Entry| {
            let name = Node { value: Value::Text(e.key.clone()), at: e.at.clone() };
            let name = self.understand_as(&path, &name, keys, &example);
            name.zip(self.understand_as(&format!("{path}.{}", e.key), &e.node, kind, &example))
        };
        table.iter().filter_map(pair).collect()
    }

    /// What was typed for `key`, which counts as known from now on.
    pub fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
            self.teach(key, Keys::asked);
        }
        self.table?.iter().find(|e| e.key == key).map(|e| &e.node)
    }

    /// Notes that `key` is not there, unless a slip of it is: one mistake is told once.
    pub fn note_missing(&mut self, key: &'static str, message: impl Into<String>, help: impl Into<String>) {
        self.missing.push(Missing { key, message: message.into(), help: help.into() });
    }

    fn teach(&self, key: &str, lesson: impl FnOnce(&Keys, &str)) {
        if let Some(keys) = self.keys {
            lesson(keys, &self.path_to(key));
        }
    }

    /// The section as it was typed, for whoever asks later where something in it stands.
    pub fn typed(&self) -> Node {
        Node { value: Value::Table(self.table.cloned().unwrap_or_default()), at: self.at.clone() }
    }

    /// Where `key` stands; the section's own place when it is absent.
    pub fn place(&self, key: &str) -> Place {
        let entry = self.table.and_then(|t| t.iter().find(|e| e.key == key));
        entry.map_or_else(|| self.at.clone(), |e| e.node.at.clone())
    }

    /// The section's whole name, as `channel.email`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole name of `key`, as `channel.email.from`.
    pub fn path_to(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a problem at `key`, or at the section when the key is absent.
    pub fn problem(&self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        if !self.mistyped {
            self.problems.add(&self.place(key), message, help);
        }
    }

    /// Notes a problem at a place of its own.
    pub fn problem_at(&self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        self.problems.add(place, message, help);
    }

    fn enter<T>(&self, node: Option<&'a Node>, path: String, read: impl FnOnce(&mut Section<'a>) -> T) -> T {
        let table = node.and_then(|n| if let Value::Table(table) = &n.value { Some(table) } else { None });
        let mistyped = node.filter(|_| table.is_none());
        let noted = mistyped.map(|node| (path.clone(), node));
        let (at, mistyped) = (node.map_or_else(|| self.at.clone(), |n| n.at.clone()), mistyped.is_some());
        if let Some(keys) = self.keys {
            keys.entered(&path);
        }
        let (problems, keys) = (self.problems, self.keys);
        let (asked, missing) = (Vec::new(), Vec::new());
        let mut inner = Section { path, at, table, asked, missing, problems, keys, mistyped };
        let value = read(&mut inner);
        inner.note_unknown_keys();
        if let Some((path, node)) = noted {
            let help = format!("write [{path}] above its keys; known here: {}", inner.asked.join(", "));
            self.note_type(&path, node, "a table", &help);
        }
        value
    }

    fn understand<T>(&self, key: &str, node: &Node, kind: &Kind<'_, T>) -> Option<T> {
        let example = format!("write for example `{key} = {}`", kind.example);
        self.understand_as(&self.path_to(key), node, kind, &example)
    }

    /// The value, known by its whole name; `example` says how it might be written.
    fn understand_as<T>(&self, path: &str, node: &Node, kind: &Kind<'_, T>, example: &str) -> Option<T> {
        if matches!(node.value, Value::Broken) {
            return None;
        }
        match kind.understand(&node.value) {
            Ok(value) => return Some(value),
            // An environment variable has no type of its own: what cannot be understood is a bad value.
            Err(Fault::Type) if !matches!(node.value, Value::Word(_)) => {
                self.note_type(path, node, &kind.name, example);
            }
            Err(fault) => {
                let advice = match fault {
                    Fault::Value(advice) => format!("{advice}; {example}"),
                    Fault::Type => example.to_owned(),
                };
                let message = format!("`{path}` is {}, which is not {}", shown(&node.value), kind.name);
                self.problems.add(&node.at, message, advice);
            }
        }
        None
    }

    fn note_type(&self, path: &str, node: &Node, name: &str, help: &str) {
        if !matches!(node.value, Value::Broken) {
            let message = format!("`{path}` is {}, but must be {name}", node.value.type_name());
            self.problems.add(&node.at, message, help);
        }
    }

    fn note_unknown_keys(&self) {
        let mut guesses = String::new();
        for entry in self.table.into_iter().flatten().filter(|e| !self.asked.contains(&e.key.as_str())) {
            let place = if self.path.is_empty() { String::new() } else { format!(" in `{}`", self.path) };
            let guess = did_you_mean(&entry.key, self.asked.iter().copied());
            guesses += &guess;
            let help = format!("{guess}known here: {}", self.asked.join(", "));
            self.problems.add(&entry.at, format!("unknown key `{}`{place}", entry.key), help);
        }
        let is_meant = |missing: &&Missing| guesses.contains(&format!("`{}`", missing.key));
        for Missing { key, message, help } in self.missing.iter().filter(|missing| !is_meant(missing)) {
            self.problem(key, message, help);
        }
    }
}

/// A value as people typed it, cut short, without what may be a password.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Text(text) | Value::Word(text) => text,
        Value::Integer(number) => return number.to_string(),
        Value::Number(number) if number.is_finite() => return number.to_string(),
        Value::Boolean(boolean) => return boolean.to_string(),
        other => return other.type_name().to_owned(),
    };
    let rest = text.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)));
    let public = rest.map_or_else(|| text.clone(), |(scheme, (_, host))| format!("{scheme}://***@{host}"));
    match public.char_indices().nth(60) {
        Some((end, _)) => format!("\"{}…\"", public.get(..end).unwrap_or_default()),
        None => format!("\"{public}\""),
    }
}
