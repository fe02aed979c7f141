//! Owns the JSON Schema of rules files, for editors: the keys as the reader asks for them, in the words of the reference.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::keys::Keys;
use super::parse::parse;
use super::rules::{Known, learn};
use super::tree::Problems;
use super::trigger;

/// Every key of rules files with a sentence behind it.
const REFERENCE: &str = include_str!("../../config/rules/reference.toml");

/// What is asked for beside care rules.
const OTHERS: &str = "[[rule]]\nkind = \"reminder\"\n[[unsuitable]]\ndo = \"caution\"\n";

/// The JSON Schema of a rules file: `{"$schema": …, "properties": {"rule": …}}`. It says which keys there are and how
/// their values are written; what goes together is for `check` to say.
pub fn schema() -> Json {
    let words = described(REFERENCE);
    let mut schema = keys().schema(&|key| words.get(key).cloned());
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        object.insert("title".to_owned(), json!("The rules of replenish"));
    }
    schema
}

/// What the reader asks for, over one rule of each kind: some keys are asked for by what others say.
fn keys() -> Keys {
    let nothing = Known {
        channels: BTreeSet::new(),
        choosy: BTreeSet::new(),
        running: None,
        templates: BTreeSet::new(),
        folder: String::new(),
    };
    let care = trigger::moments().map(|on| format!("[[rule]]\nkind = \"care\"\non = \"{on}\"\n"));
    let text: String = care.chain([OTHERS.to_owned()]).collect();
    let keys = Keys::default();
    if let Some(document) = parse("", &text, &Problems::default()) {
        learn(&document, &nothing, &keys);
    }
    keys
}

/// What stands behind each key of a TOML text, first come: `key = value   # what it is`. A line that a `# ` keeps from
/// being live counts as well.
fn described(text: &str) -> BTreeMap<String, String> {
    let (mut table, mut words) = (String::new(), BTreeMap::new());
    for line in text.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)) {
        let (code, comment) = line.split_once("  # ").unwrap_or((line, ""));
        let key = match code.trim().strip_prefix('[') {
            Some(header) => {
                table = header.trim_matches(['[', ']', ' ']).to_owned();
                table.clone()
            }
            None => match code.split_once('=').map(|(key, _)| key.trim()) {
                Some(key) if key.chars().all(|c| c.is_ascii_lowercase() || c == '_') => {
                    format!("{table}.{key}")
                }
                _ => continue,
            },
        };
        if !comment.trim().is_empty() {
            words.entry(key).or_insert_with(|| comment.trim().to_owned());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole names of all keys that a schema knows, as `rule.send.time`.
    fn names(schema: &Json, path: &str) -> Vec<String> {
        let table = if schema["items"].is_object() { &schema["items"] } else { schema };
        let inside = table["properties"].as_object().into_iter().flatten();
        let below = inside.flat_map(|(key, inner)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            [vec![path.clone()], names(inner, &path)].concat()
        });
        below.collect()
    }

    #[test]
    fn every_key_that_the_reader_asks_for_stands_in_the_reference_with_its_words() {
        let words = described(REFERENCE);
        let asked = names(&schema(), "");
        let silent: Vec<_> = asked.iter().filter(|key| !words.contains_key(*key)).collect();
        let unknown: Vec<_> = words.keys().filter(|key| !asked.contains(key)).collect();
        assert!(silent.is_empty() && unknown.is_empty(), "not in it: {silent:?}; not asked for: {unknown:?}");
    }

    #[test]
    fn the_reference_that_ships_as_a_schema_is_this_one() {
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/config/rules/schema.json");
        let fresh = format!("{:#}\n", schema());
        if std::env::var_os("UPDATE_GALLERY").is_some() {
            std::fs::write(shipped, &fresh).unwrap();
        }
        let text = std::fs::read_to_string(shipped).unwrap_or_default();
        assert!(text == fresh, "replenish check --schema > config/rules/schema.json");
    }

    #[test]
    fn the_schema_says_what_the_reader_says() {
        let schema = schema();
        let rule = &schema["properties"]["rule"]["items"];
        assert_eq!(rule["required"], json!(["channel", "id", "kind"]));
        assert_eq!(rule["additionalProperties"], false);
        assert_eq!(rule["properties"]["kind"]["enum"], json!(["reminder", "care"]));
        let moments: Vec<&str> = trigger::moments().collect();
        assert_eq!(rule["properties"]["on"]["enum"], json!(moments));
        assert_eq!(rule["properties"]["step"]["items"]["required"], json!(["after"]));
        let stages = &rule["properties"]["members"]["properties"]["stage"]["anyOf"];
        assert_eq!(stages[0]["enum"], stages[1]["items"]["enum"]);
        assert_eq!(stages[0]["enum"][0], "new");
        assert_eq!(schema["properties"]["festival"]["items"]["properties"]["do"]["enum"][0], "hold");
    }
}
