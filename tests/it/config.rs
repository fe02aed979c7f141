//! Settings and rules load as documented; what is wrong is told with file, line, column and what to write instead.

use std::fs;
use std::path::Path;

use chrono::TimeDelta;
use replenish::config::{
    Channel, ColumnHeader, Deliver, Environment, Loaded, QueueUrl, RelayUrl, StoreUrl, load,
};
use replenish::domain::calendar::YearDay;
use replenish::domain::catalog::Level;
use replenish::domain::problem::Problem;
use replenish::domain::trigger::{ItemMoment, Trigger, When};
use tempfile::TempDir;

mod dkim;
mod gallery;
mod reports;
mod rules;
mod shipped;

/// Line, column, a piece of the message, a piece of the help.
type Told = (u32, u32, &'static str, &'static str);

const SETTINGS: &str = r#"timezone = "Asia/Taipei"
[channel.email]
from = "Shop <hello@shop.example>"
[[channel.email.relay]]
url = "file:outbox"
[channel.crm]
url = "http://127.0.0.1:9000/hook"
secret = { env = "CRM_SECRET" }
"#;

/// A rule of five lines.
const GOOD_RULE: &str = r#"[[rule]]
id = "good"
kind = "reminder"
send = { before = "5d" }
channel = "crm"
"#;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for dir in ["rules", "templates"] {
        fs::create_dir(folder.path().join(dir)).unwrap();
    }
    for (name, text) in
        [("replenish.toml", SETTINGS), ("templates/refill.zh-TW.jinja", "x")].iter().chain(files)
    {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn load_in(folder: &TempDir, env: &[(&str, &str)]) -> Result<Loaded, Vec<Problem>> {
    let variables = env.iter().chain(&[("CRM_SECRET", "whsec_c2VjcmV0"), ("BAD", "whsec_!"), ("EMPTY", "")]);
    let env: Environment = variables.map(|(k, v)| (k.to_string(), v.to_string())).collect();
    load(&folder.path().join("replenish.toml"), None, &env)
}

fn assert_told(case: &str, problems: &[Problem], file: &str, expected: &[Told]) {
    let listing: Vec<String> = problems.iter().map(Problem::to_string).collect();
    let listing = listing.join("\n");
    assert_eq!(problems.len(), expected.len(), "{case}\n{listing}");
    for (problem, (line, column, message, help)) in problems.iter().zip(expected) {
        assert!(problem.file.ends_with(file), "{case}\n{listing}");
        assert_eq!((problem.line, problem.column), (*line, *column), "{case}\n{listing}");
        assert!(problem.message.contains(message), "{case}\nexpected {message:?}\n{listing}");
        assert!(problem.help.contains(help), "{case}\nexpected {help:?}\n{listing}");
    }
}

#[test]
fn a_zone_is_required_and_known() {
    for (text, expected) in [
        ("", (1, 1, "`timezone` is missing", "timezone = \"Asia/Taipei\"")),
        ("timezone = \"Asia/Taipai\"", (1, 12, "not a time zone", "did you mean `Asia/Taipei`?")),
    ] {
        let problems = load_in(&folder(&[("replenish.toml", text)]), &[]).unwrap_err();
        assert_told(text, &problems, "replenish.toml", &[expected]);
    }
}

#[test]
fn overrides_win_over_the_file() {
    let env = [
        ("REPLENISH__TIMEZONE", "Europe/Vienna"),
        ("REPLENISH__QUEUE__CONCURRENCY", "8"),
        ("REPLENISH__INTAKE__MAX_REJECTS", "0.5"),
        ("REPLENISH__SHOP__NAME", "404"),
        ("REPLENISH__HTTP__UNSUBSCRIBE_KEY", "from the environment"),
        ("REPLENISH__CHANNEL__CRM__URL", "https://crm.example/hook"),
        ("REPLENISH__CHANNEL__EMAIL__RELAY__0__URL", "smtp://127.0.0.1:2525"),
        ("REPLENISH__STORE__URL", "postgres://u:pw@db.example/x"),
        ("REPLENISH__QUEUE__URL", "{ env = \"REDIS\" }"),
        ("REDIS", "rediss://:pw@redis.example"),
        ("REPLENISH__INTAKE__ORDERS__NOT_A_PURCHASE", "[\"void\", \"退\"]"),
    ];
    let settings = load_in(&folder(&[]), &env).unwrap().settings;
    assert_eq!(settings.timezone, chrono_tz::Europe::Vienna);
    assert_eq!(settings.queue.concurrency, 8);
    assert_eq!(settings.intake.max_rejects, 0.5);
    assert_eq!(settings.intake.orders.not_a_purchase, ["void", "退"]);
    assert_eq!(settings.shop.name.as_deref(), Some("404"));
    assert_eq!(settings.http.unsubscribe_key.as_ref().unwrap().expose(), "from the environment");
    assert!(
        matches!(&settings.store, StoreUrl::Postgres(url) if url.expose() == "postgres://u:pw@db.example/x")
    );
    assert!(
        matches!(&settings.queue.url, QueueUrl::Redis(url) if url.expose() == "rediss://:pw@redis.example")
    );
    let Channel::Webhook(crm) = &settings.channels["crm"] else { panic!("crm is a webhook") };
    assert_eq!(crm.url.as_str(), "https://crm.example/hook");
    let Channel::Email(email) = &settings.channels["email"] else { panic!("email is e-mail") };
    assert!(matches!(&email.relays[0].url, RelayUrl::Smtp(url) if url.expose() == "smtp://127.0.0.1:2525"));
    let debug = format!("{settings:?}");
    assert!(!debug.contains("pw") && !debug.contains("from the environment"), "{debug}");
}

#[test]
fn no_problem_shows_a_secret() {
    let text = "timezone = \"UTC\"\n[http]\nunsubscribe_key = \"hunter2\"\n[store]\nurl = \"mysql://u:hunter2@db/x\"\n\
                [queue]\nurl = \"redis://u:hunter2@host:port\"\n";
    let folder = folder(&[("replenish.toml", text)]);
    let problems = load_in(&folder, &[]).unwrap_err();
    assert!(problems.len() >= 3 && !format!("{problems:?}").contains("hunter2"), "{problems:?}");
}

#[test]
fn every_file_tells_its_problems_at_once() {
    let other = GOOD_RULE.replace("good", "other");
    let files = [
        ("replenish.toml", SETTINGS.replace("Taipei", "Taipai")),
        ("rules/a.toml", format!("{GOOD_RULE}[guards]\n")),
        ("rules/b.toml", format!("{GOOD_RULE}[guards]\nholdout = 2\n")),
        ("rules/c.toml", "[[rule]\n".to_owned()),
        ("rules/d.toml", other.replace("crm", "crn")),
        ("rules/d.test.toml", "[[case]]\n".to_owned()),
        ("rules/notes.txt", "not rules".to_owned()),
    ];
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let folder = folder(&files);
    let problems = load_in(&folder, &[]).unwrap_err();
    let here = folder.path().display().to_string() + "/";
    let short = |p: &Problem| format!("{}:{}:{}", p.file.replace(&here, ""), p.line, p.column);
    let places: Vec<String> = problems.iter().map(short).collect();
    let expected = [
        "replenish.toml:1:12",
        "rules/b.toml:2:6",
        "rules/b.toml:6:1",
        "rules/b.toml:7:11",
        "rules/c.toml:1:8",
        "rules/d.toml:5:11",
    ];
    assert_eq!(places, expected, "{problems:#?}");
    assert!(problems[1].message.ends_with("rules/a.toml:2:6"), "{}", problems[1]);
    assert!(problems[2].message.ends_with("rules/a.toml:6:1"), "{}", problems[2]);
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let missing = load(Path::new("/nowhere/replenish.toml"), None, &Environment::new()).unwrap_err();
    assert_told("no settings", &missing, "/nowhere/replenish.toml", &[(1, 1, "cannot be read", "path")]);

    let no_rules = load_in(&folder(&[("replenish.toml", "timezone = \"UTC\"\nrules = \"rulez\"")]), &[]);
    assert_told(
        "no rules",
        &no_rules.unwrap_err(),
        "replenish.toml",
        &[(2, 9, "rulez cannot be read", "folder")],
    );

    let big5 = folder(&[]);
    fs::write(big5.path().join("rules/a.toml"), b"# ok\nid = \"\xa4\xa4\"\n").unwrap();
    assert_told(
        "big5",
        &load_in(&big5, &[]).unwrap_err(),
        "a.toml",
        &[(2, 7, "not UTF-8", "save the file as UTF-8")],
    );
}

#[test]
fn defaults_and_paths_are_as_promised() {
    let folder = folder(&[("rules/a.toml", &format!("\u{feff}{GOOD_RULE}").replace('\n', "\r\n"))]);
    let Loaded { settings, rules } = load_in(&folder, &[]).unwrap();
    let here = folder.path();
    assert_eq!(settings.locale, "en");
    assert_eq!(settings.store, StoreUrl::Sqlite(here.join("var/replenish.db")));
    assert_eq!(settings.queue.url, QueueUrl::Ledger);
    assert_eq!(settings.folders.data, here.join("var"));
    assert_eq!(settings.http.public_url, "http://127.0.0.1:8080");
    let Channel::Email(email) = &settings.channels["email"] else { panic!("email is e-mail") };
    assert_eq!(email.relays[0].url, RelayUrl::Folder(here.join("outbox")));
    let [rule] = rules.all() else { panic!("{rules:?}") };
    assert_eq!(rule.trigger, Trigger::Need(When::Before(5)));
    assert_eq!((rule.per, rule.needs.purchases, rule.needs.chance), (Level::Group, 2, 0.0));
    assert_eq!((rule.combine_within, rule.valid_for), (TimeDelta::days(3), TimeDelta::days(10)));
}

#[test]
fn a_rule_that_rests_is_checked_and_left_out() {
    let resting = format!("{GOOD_RULE}enabled = false\n");
    assert!(load_in(&folder(&[("rules/a.toml", &resting)]), &[]).unwrap().rules.all().is_empty());
    let wrong = folder(&[("rules/a.toml", &resting.replace("crm", "crn"))]);
    assert_eq!(load_in(&wrong, &[]).unwrap_err().len(), 1);
}

#[test]
fn other_rules_load_from_a_folder_or_a_file() {
    let folder = folder(&[("rules/a.toml", GOOD_RULE)]);
    let env = Environment::from([("CRM_SECRET".to_owned(), "whsec_c2VjcmV0".to_owned())]);
    let with = |rules: &Path| load(&folder.path().join("replenish.toml"), Some(rules), &env);
    let other = tempfile::tempdir().unwrap();
    let file = other.path().join("x.toml");
    fs::write(&file, GOOD_RULE.replace("good", "other")).unwrap();
    for path in [other.path(), &file] {
        let rules = with(path).unwrap().rules;
        assert_eq!(rules.all()[0].id.as_str(), "other");
    }
    let missing = with(&other.path().join("none")).unwrap_err();
    assert_told("none", &missing, "none", &[(1, 1, "cannot be read", "folder")]);
}

/// Settings and rules as acceptance scripts write them.
#[test]
fn every_documented_key_is_understood() {
    let settings = r##"
timezone  = "Asia/Taipei"
rules     = "rules"
templates = "templates"
data_dir  = "var"
deliver   = "shadow"
[store]
url = "sqlite:var/replenish.db"
[queue]
url = "ledger:"
concurrency = 64
[http]
listen = "127.0.0.1:8080"
public_url = "https://mail.shop.example"
unsubscribe_key = { env = "UNSUBSCRIBE_KEY" }
[channel.email]
from = "咖啡店 <hello@shop.example>"
on_uncertain = "resend"
[[channel.email.relay]]
url = "smtp://mail.example:2525"
[channel.crm]
url = "http://127.0.0.1:9000/hook"
secret = { file = "crm.secret" }
allow_private_network = true
[intake.orders.columns]
member_id = "會員編號"
[retry]
attempts = 8
first    = "10s"
factor   = 3
longest  = "6h"
"##;
    let rules = r##"
[[rule]]
id       = "refill"
formerly = []
kind     = "reminder"
about    = { category = ["coffee"] }
per      = "group"
members  = { stage = ["regular", "loyal"] }
needs    = { purchases = 2, chance = "20%" }
send     = { before = "5d", time = "10:00-12:00" }
channel  = "crm"
template = "refill"
combine_within = "3d"
valid_for = "10d"
[[rule]]
id       = "first-week"
kind     = "care"
on       = "purchase"
send     = { after = "3d" }
channel  = "email"
template = "refill"
priority = 5
[guards]
quiet_hours   = "21:00-09:00"
frequency_cap = ["3 per 7d", "reminder: 2 per 7d"]
holdout       = "0%"
one_reminder_per_purchase = true
orders_fresh_within = "off"
consent_unknown = "webhook_only"
[[festival]]
name  = "Double 11"
from  = "11-08"
until = "11-12"
do    = "hold"
"##;
    let secret = ("crm.secret", "whsec_c2VjcmV0\n");
    let folder = folder(&[("replenish.toml", settings), ("rules/refill.toml", rules), secret]);
    let loaded = load_in(&folder, &[("UNSUBSCRIBE_KEY", "k")]);
    let Loaded { settings, rules } = loaded.unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(settings.deliver, Deliver::Shadow);
    let header = &settings.intake.orders.columns["member_id"];
    assert_eq!(*header, ColumnHeader::One("會員編號".to_owned()));
    let Channel::Webhook(crm) = &settings.channels["crm"] else { panic!("crm is a webhook") };
    assert_eq!((crm.secrets[0].expose(), crm.allow_private_network), ("whsec_c2VjcmV0", true));
    let [care, reminder] = rules.all() else { panic!("{rules:?}") };
    let trigger = Trigger::Item(ItemMoment::Purchase, TimeDelta::days(3));
    assert_eq!(
        (care.trigger.clone(), care.needs.purchases, care.valid_for),
        (trigger, 1, TimeDelta::days(3))
    );
    assert!(reminder.about.categories.contains("coffee") && reminder.window.hours.is_some());
    assert_eq!((rules.guards.frequency_caps.len(), rules.festivals[0].from), (2, YearDay::Solar(11, 8)));
}
