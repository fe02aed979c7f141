//! The files that come with the program load, show the defaults, and say what a message must say.

use std::path::Path;

use replenish::channel::{Scope, Shop, Templates, sample};
use replenish::config::{Channel, Environment, Loaded, RelayUrl, load};
use replenish::domain::job::Content;

use super::{folder, load_in};

#[test]
fn the_shipped_files_load() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let loaded = load(&shipped.join("replenish.toml"), None, &Environment::new());
    let Loaded { settings, rules } = loaded.unwrap_or_else(|problems| panic!("{problems:#?}"));
    let ids: Vec<&str> = rules.all().iter().map(|r| r.id.as_str()).collect();
    assert_eq!(ids, ["how-to-use", "lapsing", "membership", "midway", "refill", "first-bottle"]);
    let Channel::Email(email) = &settings.channels["email"] else { panic!("email is e-mail") };
    assert_eq!(email.relays[0].url, RelayUrl::Folder(shipped.join("var/outbox")));
}

/// The reference with everything in it made live: all of it can be read, and each rule rests.
#[test]
fn every_key_of_the_reference_can_be_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/rules/reference.toml");
    let is_code = |line: &str| {
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.trim().contains(' '))
    };
    let live = |line: &str| line.strip_prefix("# ").filter(|code| is_code(code)).unwrap_or(line).to_owned();
    let reference = std::fs::read_to_string(path).unwrap();
    let text: String = reference.lines().map(|line| live(line) + "\n").collect();
    let load = |text: &str| {
        let files = [("rules/reference.toml", text), ("templates/how-to-use.jinja", "x")];
        load_in(&folder(&files), &[]).unwrap_or_else(|problems| panic!("{problems:#?}")).rules
    };
    let (resting, awake) = (load(&text), load(&text.replace("= false", "= true ")));
    assert!(resting.all().is_empty() && resting.festivals.len() == 1, "{:?}", resting.all());
    assert_eq!(awake.all().len(), reference.matches("[[rule]]").count());
}

/// What the comments of the shipped settings call defaults are defaults.
#[test]
fn the_shipped_settings_show_the_defaults() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let shown = load(&shipped.join("replenish.toml"), None, &Environment::new()).unwrap().settings;
    let bare = load_in(&folder(&[]), &[]).unwrap().settings;
    assert_eq!(shown.retry, bare.retry);
    assert_eq!(shown.bounces, bare.bounces);
    assert_eq!(shown.retention, bare.retention);
    assert_eq!(shown.intake, bare.intake);
    assert_eq!(shown.queue, bare.queue);
    assert_eq!(shown.http, bare.http);
    assert_eq!(shown.deliver, bare.deliver);
    let (Channel::Email(shown), Channel::Email(bare)) = (&shown.channels["email"], &bare.channels["email"])
    else {
        panic!("email is e-mail")
    };
    assert_eq!((shown.on_uncertain, shown.timeout), (bare.on_uncertain, bare.timeout));
}

/// A message about two items of which everything is known, or about one of which nothing is.
fn message(locale: &str, full: bool) -> Content {
    let mut content = sample(locale);
    content.reason = "REASON".to_owned();
    content.cautions = if full { vec!["CAUTION".to_owned()] } else { vec![] };
    let mut item = content.items[0].clone();
    item.name = "阿里山咖啡豆".to_owned();
    if !full {
        (content.name, content.region) = (None, None);
        (item.url, item.need_date, item.p10, item.p90) = (None, None, None, None);
        (item.interval_days, item.usage_tip) = (None, None);
    }
    content.items = if full { vec![item.clone(), item] } else { vec![item] };
    content
}

#[test]
fn the_shipped_templates_say_why_and_how_to_stop() {
    let templates = Templates::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config/templates")).unwrap();
    let now = "2026-03-01T10:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let now = now.with_timezone(&chrono_tz::Asia::Taipei);
    let stop = "https://mail.example/u/1";
    let names = ["refill", "first-bottle", "how-to-use", "midway", "lapsing", "membership"];
    for (name, locale) in names.into_iter().flat_map(|name| [(name, "zh-TW"), (name, "en")]) {
        let sells = !matches!(name, "lapsing" | "membership");
        for full in [true, false] {
            let text = |t: &str| full.then(|| t.to_owned());
            let shop = Shop {
                name: text("山丘選物"),
                url: text("https://shop.example"),
                address: text("ADDRESS"),
                currency: text("TWD"),
            };
            let scope = Scope::new(&message(locale, full), &"refill".into(), 1, stop, &shop, now);
            let rendered = templates.render(name, &scope).unwrap();
            let (subject, html) = (rendered.subject, rendered.html.unwrap());
            assert_eq!(subject.contains("阿里山咖啡豆"), sells, "{name}: {subject:?}");
            for part in [&rendered.text, &html] {
                assert!(part.contains("REASON"), "{name}: {part}");
                assert_eq!(part.contains("ADDRESS"), full, "{name}: {part}");
                assert_eq!(part.contains("CAUTION"), full && sells, "{name}: {part}");
                assert!(!part.contains("none") && !part.contains("\n\n\n"), "{name}: {part}");
            }
            let alone = |line: &str| rendered.text.lines().any(|l| l.trim() == line);
            assert!(alone(stop), "{name}: a link ends its line: {}", rendered.text);
            assert!(!full || alone("ADDRESS"), "{name}: {}", rendered.text);
        }
    }
}

/// No discount, no hurry: what a shop that is trusted would never write.
#[test]
fn the_shipped_templates_press_nobody() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/templates");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let said: String = text.split("{#").flat_map(|part| part.split("#}").last()).collect();
        for word in [
            "限時",
            "優惠碼",
            "折扣",
            "最後機會",
            "立即",
            "hurry",
            "limited",
            "discount",
            "now!",
            "last chance",
        ] {
            assert!(!said.to_lowercase().contains(word), "{word}: {said}");
        }
        files += 1;
    }
    assert!(files >= 12);
}

#[test]
fn the_shipped_templates_speak_of_whatever_is_known() {
    let templates = Templates::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config/templates")).unwrap();
    let itemless = ["lapsing", "membership"].into();
    assert_eq!(templates.warnings(Path::new(""), &itemless), []);
    assert_eq!(templates.warnings(Path::new(""), &["refill"].into()).len(), 2, "it is about items");
}

/// The paragraph of the settings that is the webhook, made live: all of it can be read.
#[test]
fn every_key_of_a_webhook_can_be_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/replenish.toml");
    let settings = std::fs::read_to_string(path).unwrap();
    let lines = settings.lines().skip_while(|line| *line != "# [channel.crm]");
    let lines = lines.take_while(|line| line.starts_with("# "));
    let block: String = lines.map(|line| line[2..].to_owned() + "\n").collect();
    let text = format!("timezone = \"UTC\"\n{block}");
    let loaded = load_in(&folder(&[("replenish.toml", &text)]), &[("CRM_TOKEN", "Bearer hunter2")]);
    let settings = loaded.unwrap_or_else(|problems| panic!("{problems:#?}")).settings;
    let Channel::Webhook(crm) = &settings.channels["crm"] else { panic!("crm is a webhook") };
    assert_eq!((crm.delivered.as_slice(), crm.contact.as_deref()), ([409].as_slice(), Some("crm")));
    assert!(crm.body.as_ref().is_some_and(|body| body.ends_with("crm.json")));
    let headers: Vec<_> = crm.headers.iter().map(|h| (h.name.as_str(), h.is_template)).collect();
    assert_eq!(headers, [("x-shop", true), ("authorization", false)]);
    let debug = format!("{settings:?}");
    assert!(!debug.contains("hunter2") && !debug.contains("hills"), "{debug}");
}
