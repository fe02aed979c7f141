//! Settings, rules and templates with mistakes: each is told with its place and what to write, and nothing is touched.

use serde_json::Value;

use super::{ORDERS, RULES, SETTINGS, Shop, TEMPLATE, assert_keys, assert_refused, end};

/// A mistake: the file, what is written there instead of what, and what is said: line, column, message, help.
struct Mistake {
    file: &'static str,
    right: &'static str,
    wrong: &'static str,
    told: (u32, u32, &'static str, &'static str),
}

const SETTINGS_FILE: &str = "broken/replenish.toml";
const RULES_FILE: &str = "broken/rules/rules.toml";
const TEMPLATE_FILE: &str = "broken/templates/refill.jinja";

const MISTAKES: [Mistake; 8] = [
    Mistake {
        file: SETTINGS_FILE,
        right: "from = ",
        wrong: "form = \"x\"\nfrom = ",
        told: (11, 1, "unknown key `form`", "did you mean `from`?"),
    },
    Mistake {
        file: SETTINGS_FILE,
        right: "\"Asia/Taipei\"",
        wrong: "8",
        told: (1, 12, "`timezone` is a whole number", "timezone = \"Asia/Taipei\""),
    },
    Mistake {
        file: SETTINGS_FILE,
        right: "[queue]",
        wrong: "[queue",
        told: (4, 7, "unclosed table", "close the bracket"),
    },
    Mistake {
        file: SETTINGS_FILE,
        right: "ledger:",
        wrong: "redis://127.0.0.1:6379",
        told: (5, 7, "Redis needs a ledger that several processes share", "PostgreSQL"),
    },
    Mistake {
        file: SETTINGS_FILE,
        right: "CRM_SECRET",
        wrong: "NO_SUCH_SECRET",
        told: (8, 18, "the environment variable NO_SUCH_SECRET is not set", "set NO_SUCH_SECRET"),
    },
    Mistake {
        file: RULES_FILE,
        right: "[[rule]]",
        wrong: "[[rule]]\nid = \"refill\"\nkind = \"care\"\non = \"purchase\"\nsend = { after = \"3d\" }\nchannel = \"crm\"\n[[rule]]",
        told: (8, 6, "stands already at broken/rules/rules.toml:2:6", "give each rule its own `id`"),
    },
    Mistake {
        file: RULES_FILE,
        right: "template = \"refill\"",
        wrong: "template = \"refil\"",
        told: (8, 12, "which is not a template", "did you mean `refill`?"),
    },
    Mistake {
        file: TEMPLATE_FILE,
        right: "{{ member.name or 'you' }}",
        wrong: "{{ member.name or 'you'",
        told: (2, 46, "expected end of variable block", "templates know member, items"),
    },
];

/// The shop, and beside it a copy of its settings on the same ledger, with these mistakes.
fn shop_with(mistakes: &[&Mistake]) -> Shop {
    let shop = Shop::new();
    let settings = SETTINGS.replace("sqlite:var/", "sqlite:../var/");
    for (file, text) in [(SETTINGS_FILE, &*settings), (RULES_FILE, RULES), (TEMPLATE_FILE, TEMPLATE)] {
        let here = mistakes.iter().filter(|mistake| mistake.file == file);
        let text = here.fold(text.to_owned(), |text, mistake| {
            assert!(text.contains(mistake.right), "{}", mistake.right);
            text.replacen(mistake.right, mistake.wrong, 1)
        });
        shop.write(file, text);
    }
    shop.write("more.csv", format!("{ORDERS}o5,m1,beans,coffee,2025-04-02,1\n"));
    shop
}

fn problems(shop: &Shop) -> Vec<Value> {
    let check = end(shop.under(SETTINGS_FILE, &["check", "--json"]));
    assert_eq!(check.code, 78, "{}{}", check.out, check.err);
    let told = check.json();
    assert_eq!(told.len(), 1, "one object: {}", check.out);
    told[0]["problems"].as_array().unwrap().clone()
}

#[test]
fn every_mistake_is_told_with_its_place_and_nothing_is_touched() {
    for mistake in &MISTAKES {
        let shop = shop_with(&[mistake]);
        let before = shop.held();
        let problems = problems(&shop);
        assert_eq!(problems.len(), 1, "{problems:?}");
        let problem = &problems[0];
        assert_keys(problem, "file line column message help");
        let (line, column, message, help) = mistake.told;
        assert_eq!((&problem["line"], &problem["column"]), (&line.into(), &column.into()), "{problem}");
        assert_eq!(problem["file"], mistake.file, "{problem}");
        assert!(problem["message"].as_str().unwrap().contains(message), "{problem}");
        let advice = problem["help"].as_str().unwrap();
        assert!(advice.contains(help) && !advice.is_empty(), "{problem}");

        let place = format!("{}:{line}:{column}: ", mistake.file);
        // Rules and templates say nothing of how orders are read: the nightly import goes on.
        let import: &[&[&str]] =
            if mistake.file == SETTINGS_FILE { &[&["import", "orders", "more.csv"]] } else { &[] };
        for args in [&["check"][..], &["run", "--once"]].iter().chain(import) {
            let ran = end(shop.under(SETTINGS_FILE, args));
            assert_refused(&ran, 78, args, &[&place, message, "help: ", help]);
            assert_eq!(ran.out, "", "{args:?}");
        }
        assert_eq!(shop.held(), before, "{}", mistake.wrong);
        assert!(!shop.path("broken/var").exists(), "nothing was written beside the broken settings");
    }
}

#[test]
fn mistakes_of_settings_and_rules_are_told_all_at_once() {
    let mistakes: Vec<_> =
        MISTAKES.iter().filter(|m| m.told.2.contains("unknown") || m.told.2.contains("not a")).collect();
    assert_eq!(mistakes.len(), 2);
    let shop = shop_with(&mistakes);
    let files: Vec<_> = problems(&shop).iter().map(|p| p["file"].as_str().unwrap().to_owned()).collect();
    assert_eq!(files, [SETTINGS_FILE, RULES_FILE]);
    let check = end(shop.under(SETTINGS_FILE, &["check"]));
    assert_refused(&check, 78, &["check"], &["2 problems; nothing was touched"]);
}

#[test]
fn settings_that_are_not_there_are_told_and_valid_ones_too() {
    let shop = Shop::new();
    let gone = end(shop.under("nowhere.toml", &["check"]));
    assert_refused(&gone, 78, &["check"], &["nowhere.toml:1:1: ", "help: look at the path"]);
    let fine = shop.run(&["check"]);
    assert_eq!((fine.code, &*fine.err), (0, ""), "{}", fine.out);
    assert!(shop.json(&["check"])["problems"].as_array().unwrap().is_empty());
}
