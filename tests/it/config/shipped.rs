//! The files that come with the program load, show the defaults, and say what a message must say.

use std::fs;
use std::path::Path;

use replenish::config::{Channel, Environment, Loaded, RelayUrl, load};

use super::{folder, load_in};

#[test]
fn the_shipped_files_load() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let loaded = load(&shipped.join("replenish.toml"), None, &Environment::new());
    let Loaded { settings, rules } = loaded.unwrap_or_else(|problems| panic!("{problems:#?}"));
    let ids: Vec<&str> = rules.all().iter().map(|r| r.id.as_str()).collect();
    assert_eq!(ids, ["first-week", "refill"]);
    let Channel::Email(email) = &settings.channels["email"] else { panic!("email is e-mail") };
    assert_eq!(email.relays, [RelayUrl::Folder(shipped.join("var/outbox"))]);
}

/// What the comments of the shipped settings call defaults are defaults.
#[test]
fn the_shipped_settings_show_the_defaults() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let shown = load(&shipped.join("replenish.toml"), None, &Environment::new()).unwrap().settings;
    let bare = load_in(&folder(&[]), &[]).unwrap().settings;
    assert_eq!(shown.retry, bare.retry);
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

#[test]
fn the_shipped_templates_say_why_and_how_to_stop() {
    let scope = |full: bool| {
        let text = |t: &'static str| if full { Some(t) } else { None };
        let item = minijinja::context! {
            id => "A", name => "阿里山咖啡豆", url => text("https://shop.example/a"), quantity => 1.0,
            last_purchase => "2026-02-01", need_date => text("2026-03-05"), p10 => text("2026-02-25"),
            p90 => text("2026-03-20"), interval_days => full.then_some(30.0), usage_tip => text("密封保存"),
        };
        minijinja::context! {
            member => minijinja::context! { id => "m1", name => text("小美"), locale => "zh-TW", stage => "regular",
                tags => [""; 0], region => text("north") },
            items => if full { vec![item.clone(), item] } else { vec![item] },
            reason => "REASON", cautions => if full { vec!["CAUTION"] } else { vec![] },
            shop => minijinja::context! { name => text("山丘選物"), url => text("https://shop.example"), address => text("ADDRESS") },
            unsubscribe_url => "https://mail.example/u/1", rule => "refill", step => 1, now => "2026-03-01T02:00:00Z",
        }
    };
    let mut jinja = minijinja::Environment::new();
    jinja.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    for name in ["refill.zh-TW", "refill.en", "how-to-use.zh-TW", "how-to-use.en"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/templates/{name}.jinja"));
        let source = fs::read_to_string(path).unwrap();
        let template = jinja.template_from_str(&source).unwrap();
        for full in [true, false] {
            let mut captured = template.render_captured(scope(full)).unwrap();
            let mut block = |block: &str| captured.with_state_mut(|s| s.render_block(block)).unwrap();
            let subject = block("subject");
            assert!(!subject.contains('\n') && subject.contains("阿里山咖啡豆"), "{name}: {subject:?}");
            for block in [block("text"), block("html")] {
                assert!(
                    block.contains("REASON") && block.contains("https://mail.example/u/1"),
                    "{name}: {block}"
                );
                assert_eq!(block.contains("CAUTION") && block.contains("ADDRESS"), full, "{name}: {block}");
                assert!(!block.contains("none") && !block.contains("\n\n\n"), "{name}: {block}");
            }
        }
    }
}
