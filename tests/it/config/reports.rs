//! Rules files with mistakes, each beside the report that people get: `gallery/NAME.toml`, `gallery/NAME.report`.

use std::fs;
use std::path::{Path, PathBuf};

use replenish::cli::report::report;
use replenish::config::{Environment, Survey, survey, warnings};
use replenish::domain::ids::Day;

use super::folder;

const SETTINGS: &str = r#"timezone = "Asia/Taipei"
[channel.email]
from = "Shop <hello@shop.example>"
[[channel.email.relay]]
url = "file:outbox"
[channel.crm]
url = "http://127.0.0.1:9000/hook"
secret = { env = "CRM_SECRET" }
"#;

fn gallery() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/config/gallery")
}

/// The report on one rules file in a shop with two channels and three templates, on 22 November 2026.
fn report_on(text: &[u8]) -> String {
    let templates = ["refill.zh-TW.jinja", "refill-again.jinja", "how-to-use.jinja"];
    let templates = templates.map(|name| (format!("templates/{name}"), "x"));
    let mut files: Vec<(&str, &str)> = templates.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    files.push(("replenish.toml", SETTINGS));
    let folder = folder(&files);
    fs::write(folder.path().join("rules/rules.toml"), text).unwrap();
    let settings = folder.path().join("replenish.toml");
    let env = Environment::from([("CRM_SECRET".to_owned(), "whsec_c2VjcmV0".to_owned())]);
    let Survey { loaded, mut problems, rules, .. } = survey(&settings, None, &env);
    if let Some(loaded) = loaded {
        let today = Day::from("2026-11-22".parse::<chrono::NaiveDate>().unwrap());
        problems.extend(warnings(&rules, &loaded.rules.guards, today));
    }
    let told = report(&problems, &settings).join("\n") + "\n";
    let told = anstream::adapter::strip_str(&told).to_string();
    told.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn each_mistake_of_the_gallery_is_reported_as_its_neighbour_says() {
    let entries = fs::read_dir(gallery()).unwrap().map(|entry| entry.unwrap().path());
    let (files, others): (Vec<_>, Vec<_>) = entries.partition(|p| p.extension().is_some_and(|e| e == "toml"));
    let (mut different, mut lost) = (Vec::new(), Vec::new());
    for file in &files {
        let (told, beside) = (report_on(&fs::read(file).unwrap()), file.with_extension("report"));
        if std::env::var_os("UPDATE_GALLERY").is_some() {
            fs::write(&beside, &told).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if told != expected {
            different.push(format!("{}\n{}", file.display(), difference(&expected, &told)));
        }
        assert!(told.contains("help: "), "{}: nobody learns how to mend it\n{told}", file.display());
    }
    lost.extend(others.iter().filter(|other| !files.contains(&other.with_extension("toml"))));
    assert!(lost.is_empty(), "nothing belongs to {lost:?}");
    assert!(files.len() >= 40, "only {} mistakes", files.len());
    let hint = "UPDATE_GALLERY=1 writes them anew";
    assert!(different.is_empty(), "{} reports differ ({hint}):\n{}", different.len(), different.join("\n"));
}

/// What looks like the doubtful rules of the gallery, and is meant.
const RIGHT: &str = r#"[[rule]]
id = "sure"
kind = "reminder"
needs = { purchases = 3, chance = "30%" }
send = { before = "5d", time = "09:00-12:00", days = ["mon", "tue", "wed", "thu", "fri"] }
channel = "crm"
priority = 10
[[rule]]
id = "narrow"
kind = "reminder"
about = { category = ["咖啡"] }
members = { stage = ["new", "lapsing"] }
until = "2026-11-22"
send = { at = "best" }
channel = "crm"
[[rule]]
id = "the-rest"
kind = "reminder"
send = { at = "best" }
needs = { chance = "60%" }
channel = "crm"
[[rule]]
id = "supply"
enabled = false
kind = "reminder"
send = { at = "best" }
needs = { chance = "90%" }
channel = "crm"
[[rule]]
id = "newcomers"
kind = "reminder"
per = "category"
members = { stage = "new" }
needs = { or_days_supply = true }
send = { at = "best" }
channel = "crm"
[[rule]]
id = "monday"
kind = "care"
on = "stage_change"
to = ["lapsing"]
members = { stage = ["lapsed"] }
send = { after = "30d", days = "mon" }
valid_for = "7d"
channel = "crm"
[[rule]]
id = "term"
kind = "care"
on = "membership_expiry"
members = { membership = ["active"] }
send = { before = "14d" }
channel = "crm"
[guards]
quiet_hours = "21:00-10:00"
"#;

#[test]
fn rules_that_are_right_have_no_report() {
    assert_eq!(report_on(RIGHT.as_bytes()), "\n");
    // each of these is one word away from a doubt
    for (right, wrong, doubt) in [
        ("purchases = 3, chance = \"30%\"", "purchases = 2", "`narrow` hardly ever speaks: `sure`"),
        ("until = \"2026-11-22\"", "until = \"2026-11-21\"", "2026-11-21, is over"),
        ("chance = \"60%\"", "chance = \"61%\"", "61% asked for"),
        ("09:00-12:00", "08:00-10:00", "quiet hours 21:00-10:00"),
        ("[\"lapsed\"]", "[\"loyal\"]", "one of `to`"),
        ("needs = { or_days_supply = true }", "", "who is `new`"),
        ("valid_for = \"7d\"", "valid_for = \"6d\"", "up to 6d apart"),
        ("[\"active\"]", "[\"none\"]", "the membership stands otherwise"),
    ] {
        assert!(RIGHT.contains(right), "{right}");
        let told = report_on(RIGHT.replacen(right, wrong, 1).as_bytes());
        assert!(told.contains(doubt) && told.contains(": warning: "), "{right} → {wrong}\n{told}");
    }
}

#[test]
fn what_ships_has_no_report() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/replenish.toml");
    let Survey { loaded, problems, rules, .. } = survey(&shipped, None, &Environment::new());
    let today = Day::from("2026-11-22".parse::<chrono::NaiveDate>().unwrap());
    let doubts = warnings(&rules, &loaded.unwrap().rules.guards, today);
    assert!(problems.is_empty() && doubts.is_empty() && rules.len() >= 2, "{problems:?}{doubts:?}");
}

/// Lines that only one of the two has, in their order.
fn difference(expected: &str, told: &str) -> String {
    let lines = |text: &str, other: &str, sign: char| {
        let only = text.lines().filter(|line| !other.lines().any(|o| o == *line));
        only.map(|line| format!("  {sign} {line}\n")).collect::<String>()
    };
    lines(expected, told, '-') + &lines(told, expected, '+')
}

#[test]
fn a_difference_shows_both_sides() {
    assert_eq!(difference("a\nb\n", "a\nc\n"), "  - b\n  + c\n");
}

#[test]
fn the_settings_never_show_a_secret() {
    let text = "timezone = \"UTC\"\n[channel.crm]\nurl = \"https://x.example\"\nsecrt = \"hunter2\"\nsecret = \"hunter2\"\n\
                [http]\nunsubscribe_key = hunter2\n[store]\nurl = \"postgres://u:hunter2@db.example/x\"\n";
    let folder = folder(&[("replenish.toml", text)]);
    let settings = folder.path().join("replenish.toml");
    let problems = survey(&settings, None, &Environment::new()).problems;
    let told = anstream::adapter::strip_str(&report(&problems, &settings).join("\n")).to_string();
    assert!(problems.len() >= 4 && told.contains("   4 | secrt …"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}
