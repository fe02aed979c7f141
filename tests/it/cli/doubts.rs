//! `check` beyond mistakes: the line with its mark, warnings and what they cost, the catalog, the schema for editors.

use serde_json::Value;

use super::{RULES, Shop, assert_refused};

/// The shop, whose rule is about this.
fn shop_about(about: &str) -> Shop {
    let shop = Shop::new();
    shop.write("rules/rules.toml", format!("{RULES}about = {about}\n"));
    shop
}

#[test]
fn a_category_that_the_shop_does_not_have_is_a_warning() {
    let shop = shop_about("{ category = [\"coffee\", \"cofee\"] }");
    let check = shop.run(&["check"]);
    assert_eq!(check.code, 0, "{}{}", check.out, check.err);
    assert!(check.out.contains("are valid"), "{}", check.out);
    let told = "rules/rules.toml:9:33: warning: no product of the shop has the category \"cofee\": the rule says \
                nothing about it\n   9 | about = { category = [\"coffee\", \"cofee\"] }\n     |                                 \
                ^^^^^^^\n  help: did you mean `coffee`? known in the shop: coffee\n";
    assert_eq!(check.err, told);
    let problems = &shop.json(&["check"])["problems"];
    assert_eq!((&problems[0]["severity"], &problems[1]), (&"warning".into(), &Value::Null), "{problems}");
    assert_refused(&shop.run(&["check", "--deny-warnings"]), 78, &["check"], &["warning: ", "1 problem"]);
}

#[test]
fn what_the_shop_has_is_no_warning_and_a_store_that_is_not_there_is_not_made() {
    let shop = shop_about("{ category = \"coffee\", product = [\"beans\"] }");
    assert_eq!(shop.run(&["check", "--deny-warnings"]).err, "");
    let shop = shop_about("{ product = \"nothing\" }");
    shop.write("new/replenish.toml", super::SETTINGS.replace("\"var/", "\"../var/"));
    shop.write("new/rules/rules.toml", std::fs::read(shop.path("rules/rules.toml")).unwrap());
    shop.write("new/templates/refill.jinja", super::TEMPLATE);
    let check = super::end(shop.under("new/replenish.toml", &["check", "--deny-warnings"]));
    assert_eq!((check.code, &*check.err), (0, ""), "{}", check.out);
    assert!(!shop.path("new/var").exists());
}

#[test]
fn a_mistake_says_that_it_is_one_and_hides_doubts() {
    let shop = shop_about("{ category = \"cofee\" }\nvalid_for = \"3 days\"");
    let check = shop.run(&["check", "--json"]);
    assert_eq!(check.code, 78, "{}", check.err);
    let problems = &check.json()[0]["problems"];
    assert_eq!((&problems[0]["severity"], &problems[1]), (&"error".into(), &Value::Null), "{problems}");
}

#[test]
fn the_schema_is_the_one_that_ships() {
    let shop = Shop::unfurnished();
    let schema = super::end(super::program(&["check", "--schema"], shop.folder.path()));
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/config/rules/schema.json");
    assert_eq!(schema.code, 0, "{}", schema.err);
    assert!(
        schema.out == std::fs::read_to_string(shipped).unwrap(),
        "check --schema > config/rules/schema.json"
    );
}

/// Editors look for the schema where the first line says.
#[test]
fn every_shipped_rules_file_names_the_schema_beside_it() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/rules");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_rules = |path: &std::path::PathBuf| {
        let name = path.to_string_lossy();
        name.ends_with(".toml") && !name.ends_with(".test.toml")
    };
    let rules: Vec<_> = files.filter(is_rules).collect();
    assert!(rules.len() >= 3, "{rules:?}");
    for path in rules {
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().next(), Some("#:schema ./schema.json"), "{}", path.display());
    }
}
