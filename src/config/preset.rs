//! Owns the presets: how the exports of well-known shops are read, laid beneath what the settings say; knows nothing of
//! what the keys mean.

use std::path::Path;

use super::parse::{parse, read_file};
use super::tree::{Entry, Node, Problems, Table, Value};

/// The key of `[intake]` that names a preset.
pub const KEY: &str = "preset";

/// The presets that come with the program.
const SHIPPED: [(&str, &str); 4] = [
    ("shopify", include_str!("../../config/presets/shopify.toml")),
    ("shopline", include_str!("../../config/presets/shopline.toml")),
    ("91app", include_str!("../../config/presets/91app.toml")),
    ("woocommerce", include_str!("../../config/presets/woocommerce.toml")),
];

/// True when a preset of this name comes with the program.
pub fn is_shipped(name: &str) -> bool {
    SHIPPED.iter().any(|(shipped, _)| *shipped == name)
}

/// Lays the preset that `[intake]` names beneath it: what the settings say themselves counts. Gives back the settings as
/// they were without it.
pub fn lay_beneath(document: &mut Node, base: &Path, problems: &Problems) -> Option<Node> {
    let own = document.clone();
    let Value::Table(settings) = &mut document.value else { return None };
    let intake = settings.iter_mut().find(|entry| entry.key == "intake")?;
    let Value::Table(keys) = &mut intake.node.value else { return None };
    let named = keys.iter().find(|entry| entry.key == KEY)?.node.clone();
    let Value::Table(sections) = open(&named, base, problems)?.value else { return None };
    for section in sections {
        match section.node.value {
            Value::Table(table) if section.key == "intake" => merge(keys, table),
            _ => problems.add(
                &section.at,
                format!("`{}` does not belong in a preset", section.key),
                "a preset says how files are read: [intake.orders], [intake.orders.columns] and the like",
            ),
        }
    }
    Some(own)
}

fn open(named: &Node, base: &Path, problems: &Problems) -> Option<Node> {
    let name = match &named.value {
        Value::Broken => return None,
        value => value.text().unwrap_or_default().trim(),
    };
    if let Some((name, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
        return parse(&format!("the preset {name}"), text, problems);
    }
    if Path::new(name).extension().is_some_and(|extension| extension == "toml") {
        let path = base.join(name);
        return read_file(&path, &super::shown(&path), problems);
    }
    let known: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
    let help = format!("known here: {}; or the path of a .toml file of your own", known.join(", "));
    problems.add(&named.at, format!("`intake.{KEY}` names no preset"), help);
    None
}

/// Adds what is missing.
fn merge(known: &mut Table, more: Table) {
    for Entry { key, at, node } in more {
        match (known.iter_mut().find(|entry| entry.key == key), node) {
            (None, node) => known.push(Entry { key, at, node }),
            (
                Some(Entry { node: Node { value: Value::Table(inside), .. }, .. }),
                Node { value: Value::Table(table), .. },
            ) => {
                merge(inside, table);
            }
            (Some(_), _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::intake::{Header, Intake, read};
    use crate::config::reader::Section;

    fn settings(text: &str) -> Result<Intake, Vec<String>> {
        let (problems, base) = (Problems::default(), Path::new("/nowhere"));
        let mut document = parse("f", text, &problems).unwrap();
        lay_beneath(&mut document, base, &problems);
        let intake = Section::document(&document, &problems, |s| s.section("intake", |s| read(s, base)));
        let problems = problems.sorted();
        match problems.is_empty() {
            true => Ok(intake),
            false => Err(problems
                .into_iter()
                .map(|p| format!("{}:{}: {} {}", p.file, p.line, p.message, p.help))
                .collect()),
        }
    }

    #[test]
    fn the_shipped_presets_can_be_read() {
        for (name, _) in SHIPPED {
            let intake = settings(&format!("[intake]\npreset = \"{name}\"\n")).unwrap();
            for column in ["order_id", "product_id", "ordered_at"] {
                assert!(intake.orders.columns.contains_key(column), "{name} {column}");
            }
            assert!(!intake.orders.not_a_purchase.is_empty(), "{name}");
        }
    }

    #[test]
    fn the_shipped_settings_leave_a_preset_as_it_is() {
        let shipped = include_str!("../../config/replenish.toml");
        let intake = &shipped[shipped.find("[intake]\n").unwrap()..shipped.find("[retry]").unwrap()];
        for (name, _) in SHIPPED {
            let line = format!("preset = \"{name}\"");
            let below = settings(&intake.replacen("# preset = \"shopify\"", &line, 1)).unwrap();
            assert_eq!(below, settings(&format!("[intake]\n{line}\n")).unwrap(), "{name}");
            assert_ne!(below, settings("[intake]\n").unwrap(), "{name}");
        }
    }

    #[test]
    fn what_the_settings_say_counts() {
        let text = "[intake]\npreset = \"shopify\"\n[intake.orders]\ncarry_down = false\n[intake.orders.columns]\n\
            order_id = \"Id\"\n";
        let orders = settings(text).unwrap().orders;
        assert!(!orders.carry_down);
        assert_eq!(orders.columns["order_id"], Header::One("Id".to_owned()));
        assert!(orders.columns.contains_key("email"), "the rest is the preset's");
    }

    #[test]
    fn what_is_no_preset_is_told() {
        let told = |preset: &str| settings(&format!("[intake]\npreset = {preset}\n")).unwrap_err().join("\n");
        for preset in ["\"shopfy\"", "7"] {
            assert!(
                told(preset).contains("f:2") && told(preset).contains("shopify, shopline, 91app"),
                "{preset}"
            );
        }
        assert!(told("\"gone.toml\"").contains("gone.toml:1: cannot be read"));
    }
}
