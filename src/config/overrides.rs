//! Owns the overrides: `REPLENISH__SECTION__KEY` variables laid over what was typed; knows nothing of what keys mean.

use super::parse::parse_variable;
use super::secret::Environment;
use super::tree::{Entry, Node, Table, Value};

const PREFIX: &str = "REPLENISH__";

/// Lays every override over `document`. A name that no setting has is left for the reader to find unknown.
pub fn apply(document: &mut Node, env: &Environment) {
    for (name, value) in env {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let keys: Vec<String> = path.split("__").map(str::to_lowercase).collect();
        lay(document, &keys, parse_variable(name, value));
    }
}

/// Puts `value` at `keys` below `node`; a number walks into a list, or beyond its end to a new element. What is
/// missing on the way, or of another type, is made.
fn lay(node: &mut Node, keys: &[String], value: Node) {
    let Some((key, rest)) = keys.split_first() else {
        *node = value;
        return;
    };
    let missing = || Node { value: container(rest), at: value.at.clone() };
    match (&mut node.value, key.parse::<usize>()) {
        (Value::List(list), Ok(index)) => {
            let index = index.min(list.len());
            if index == list.len() {
                list.push(missing());
            }
            list.get_mut(index).into_iter().for_each(|n| lay(n, rest, value.clone()));
        }
        (Value::Table(table), _) => {
            let index = table.iter().position(|e| is_meant(&e.key, key)).unwrap_or(table.len());
            if index == table.len() {
                table.push(Entry { key: key.clone(), at: value.at.clone(), node: missing() });
            }
            table.get_mut(index).into_iter().for_each(|e| lay(&mut e.node, rest, value.clone()));
        }
        _ => {
            *node = Node { value: container(keys), at: value.at.clone() };
            lay(node, keys, value);
        }
    }
}

/// What `keys` walk into: a list when the first is a number.
fn container(keys: &[String]) -> Value {
    let is_list = keys.first().is_some_and(|k| k.parse::<usize>().is_ok());
    if is_list { Value::List(Vec::new()) } else { Value::Table(Table::new()) }
}

/// Names of variables know neither case nor hyphen.
fn is_meant(key: &str, typed: &str) -> bool {
    key.to_lowercase().replace('-', "_") == typed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse::parse;
    use crate::config::tree::Problems;

    fn laid(name: &str, value: &str) -> Node {
        let text = "zone = \"x\"\n[channel.line-crm]\nurl = \"old\"\n[[relay]]\nurl = \"old\"\n";
        let mut document = parse("f", text, &Problems::default()).unwrap();
        apply(&mut document, &Environment::from([(format!("REPLENISH__{name}"), value.to_owned())]));
        document
    }

    fn at<'n>(node: &'n Node, path: &str) -> &'n Node {
        path.split('/').fold(node, |node, key| match &node.value {
            Value::Table(table) => &table.iter().find(|e| e.key == key).unwrap().node,
            Value::List(list) => &list[key.parse::<usize>().unwrap()],
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn overrides_reach_every_depth() {
        for (name, path) in [
            ("ZONE", "zone"),
            ("CHANNEL__LINE_CRM__URL", "channel/line-crm/url"),
            ("CHANNEL__NEW__URL", "channel/new/url"),
            ("RELAY__0__URL", "relay/0/url"),
            ("RELAY__7__URL", "relay/1/url"),
            ("MADE__0__URL", "made/0/url"),
            ("ZONE__ENV", "zone/env"),
        ] {
            let document = laid(name, "new");
            let node = at(&document, path);
            assert_eq!(node.value.text(), Some("new"), "{name}");
            assert_eq!(&*node.at.file, format!("REPLENISH__{name}"));
        }
    }

    #[test]
    fn what_is_made_on_the_way_stands_in_the_variable() {
        for name in ["RELAY__URL", "ZONE__7", "MADE__URL"] {
            let document = laid(name, "new");
            let node = at(&document, &name.split("__").next().unwrap().to_lowercase());
            assert_eq!(&*node.at.file, format!("REPLENISH__{name}"));
        }
    }
}
