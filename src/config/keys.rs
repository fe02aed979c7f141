//! Owns what a reader asks for, learnt while it reads: every key with its form; knows nothing of what keys mean.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

/// Every key asked for, by its whole name, as `rule.send.time`.
#[derive(Debug, Default)]
pub struct Keys(RefCell<BTreeMap<String, Key>>);

/// One key, over all readings.
#[derive(Debug, Default)]
struct Key {
    /// What its value may be: a key may mean different things to different kinds of rules.
    forms: Vec<Json>,
    /// It stands in two brackets.
    tables: bool,
    /// How often it had to be there.
    required: u32,
    /// How often it was entered as a table.
    entered: u32,
}

impl Keys {
    /// The key is known.
    pub fn asked(&self, path: &str) {
        self.key(path, |_| ());
    }

    /// It takes one value.
    pub fn value(&self, path: &str, schema: &Json) {
        let schema = schema.clone();
        self.key(path, |key| {
            if !key.forms.contains(&schema) {
                key.forms.push(schema);
            }
        });
    }

    /// It takes a list, or one value by itself.
    pub fn list(&self, path: &str, schema: &Json) {
        self.value(path, &json!({ "anyOf": [schema, { "type": "array", "items": schema }] }));
    }

    /// It is a list of tables.
    pub fn tables(&self, path: &str) {
        self.key(path, |key| key.tables = true);
    }

    /// It had to be there.
    pub fn required(&self, path: &str) {
        self.key(path, |key| key.required += 1);
    }

    /// It was entered as a table; the document itself has no name.
    pub fn entered(&self, path: &str) {
        self.key(path, |key| key.entered += 1);
    }

    fn key(&self, path: &str, change: impl FnOnce(&mut Key)) {
        change(self.0.borrow_mut().entry(path.to_owned()).or_default());
    }

    /// The JSON Schema of the documents that were read, each key with what `describe` says of it.
    pub fn schema(&self, describe: &dyn Fn(&str) -> Option<String>) -> Json {
        self.schema_of("", describe)
    }

    fn schema_of(&self, path: &str, describe: &dyn Fn(&str) -> Option<String>) -> Json {
        let keys = self.0.borrow();
        let Some(key) = keys.get(path) else { return json!({}) };
        let mut schema = if key.entered > 0 { self.table(path, key.entered, describe) } else { key.form() };
        if key.tables {
            schema = json!({ "type": "array", "items": schema });
        }
        if let (Some(text), Some(object)) = (describe(path), schema.as_object_mut()) {
            object.insert("description".to_owned(), text.into());
        }
        schema
    }

    fn table(&self, path: &str, entered: u32, describe: &dyn Fn(&str) -> Option<String>) -> Json {
        let keys = self.0.borrow();
        let inside = keys.iter().filter_map(|(name, key)| Some((name, inside(path, name)?, key)));
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for (name, short, key) in inside {
            properties.insert(short.to_owned(), self.schema_of(name, describe));
            // What only some kinds of rules need is not required of all.
            if key.required == entered {
                required.push(short);
            }
        }
        let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if let (false, Some(object)) = (required.is_empty(), table.as_object_mut()) {
            object.insert("required".to_owned(), json!(required));
        }
        table
    }
}

impl Key {
    fn form(&self) -> Json {
        match self.forms.as_slice() {
            [] => json!({}),
            [form] => form.clone(),
            forms => json!({ "anyOf": forms }),
        }
    }
}

/// The short name of a key that stands in the table `path` itself.
fn inside<'n>(path: &str, name: &'n str) -> Option<&'n str> {
    let short = if path.is_empty() { name } else { name.strip_prefix(path)?.strip_prefix('.')? };
    (!short.is_empty() && !short.contains('.')).then_some(short)
}
