//! `replenish preview` over a real house: a rule's message for a member of the ledger or a made-up one, by e-mail and
//! webhook, in each locale.

use serde_json::Value;

use crate::support::house::House;
use crate::support::receiver::Receiver;

const RULES: &str = r#"
[[rule]]
id = "refill"
kind = "reminder"
per = "product"
needs = { purchases = 2 }
send = { before = "5d", time = "10:00-12:00" }
channel = "email"
template = "refill"

[[rule]]
id = "told"
kind = "care"
on = "purchase"
send = { after = "1d" }
channel = "crm"
template = "refill"

[[rule]]
id = "bare"
kind = "care"
on = "first_purchase"
send = { after = "1d" }
channel = "crm"
"#;

const MAIL: &str = "[channel.email]\nfrom = \"Shop <hello@shop.example>\"\n[[channel.email.relay]]\nurl = \"file:var/outbox\"\n";

const ORDERS: &str = "order_id,member_id,product_id,ordered_at
o1,m1,beans,2025-01-01\no2,m1,beans,2025-01-31\no3,m1,beans,2025-03-02\no4,m1,beans,2025-04-01
p1,m2,beans,2025-04-01\n";

const MEMBERS: &str = "member_id,email,name,locale,consent
m1,amy@shop.example,<b>Amy</b>,en-US,reminder;care\nm2,bo@shop.example,小波,zh-TW,\n";

/// The day after the last order.
const NOW: &str = "2025-04-02T10:00";

async fn house() -> House {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULES, "");
    let settings = std::fs::read_to_string(house.path("replenish.toml")).unwrap();
    house.write("replenish.toml", &format!("{settings}\n{MAIL}"));
    let block = |subject: &str, html: &str| {
        format!(
            "{{% block subject %}}{subject}{{% endblock %}}{{% block html %}}<p>{html}</p>{{% include \"_foot\" %}}{{% endblock %}}"
        )
    };
    house.write(
        "templates/refill.en.jinja",
        &block("More {{ items[0].name }}?", "Hello {{ member.name or 'there' }}"),
    );
    house.write(
        "templates/refill.zh-TW.jinja",
        &block("{{ items[0].name }}該補了嗎？", "{{ member.name or '你' }}，你好"),
    );
    house.write("templates/_foot.en.jinja", "<p>{{ reason }} <a href=\"{{ unsubscribe_url }}\">Stop</a></p>");
    house.write(
        "templates/_foot.zh-TW.jinja",
        "<p>{{ reason }} <a href=\"{{ unsubscribe_url }}\">取消</a></p>",
    );
    house.write("orders.csv", ORDERS);
    house.write("members.csv", MEMBERS);
    house.write("products.csv", "product_id,name\nbeans,\"Beans & <Co>\"\n");
    for kind in ["orders", "members", "products"] {
        house.json(&["import", kind, &format!("{kind}.csv")]);
    }
    house
}

fn keys(value: &Value) {
    for key in ["subject", "text", "html", "body", "locale", "rule", "member", "channel", "template"] {
        assert!(value.get(key).is_some(), "{key} in {value}");
    }
}

#[tokio::test]
async fn a_member_sees_the_message_that_the_rule_would_send_next() {
    let house = house().await;
    let ask = ["preview", "--rule", "refill", "--member", "m1", "--now", NOW];
    let shown = house.json(&ask);
    keys(&shown);
    assert_eq!(
        (&shown["member"], &shown["locale"], &shown["channel"]),
        (&"m1".into(), &"en-US".into(), &"email".into())
    );
    assert_eq!((&shown["subject"], &shown["body"]), (&"More Beans & <Co>?".into(), &Value::Null));
    let (text, html) = (shown["text"].as_str().unwrap(), shown["html"].as_str().unwrap());
    assert!(text.starts_with("Hello <b>Amy</b>\n") && text.contains("/u/preview"), "{text}");
    assert!(
        html.contains("Hello &lt;b&gt;Amy") && !html.contains("<b>Amy") && html.contains(">Stop<"),
        "{html}"
    );
    assert!(shown["due_at"].as_str().unwrap() > "2025-04-20", "not due yet: {shown}");
    assert_eq!(shown["held_for"], Value::Null);
    // What is due then is the very message shown now, but for its link.
    let due = shown["due_at"].as_str().unwrap();
    assert_eq!(house.json(&["run", "--once", "--now", due])["delivered"], 1);
    let mail = std::fs::read_dir(house.path("var/outbox")).unwrap().next().unwrap().unwrap();
    let mail = std::fs::read(mail.path()).unwrap();
    let mail = mail_parser::MessageParser::default().parse(&mail).unwrap();
    assert_eq!(mail.subject(), shown["subject"].as_str());
    let first = |text: &str| text.lines().next().unwrap_or_default().trim_end().to_owned();
    assert_eq!(first(&mail.body_text(0).unwrap()), first(text));
}

#[tokio::test]
async fn other_locales_are_shown_when_asked_for() {
    let house = house().await;
    let ask = ["preview", "--rule", "refill", "--member", "m1", "--now", NOW];
    let one = house.json(&[&ask[..], &["--locale", "zh-TW"]].concat());
    assert_eq!((&one["locale"], &one["subject"]), (&"zh-TW".into(), &"Beans & <Co>該補了嗎？".into()));
    assert!(!one["text"].as_str().unwrap().contains("You "), "the sentence why speaks it too: {one}");
    let every = house.lines(&[&ask[..], &["--all-locales"]].concat());
    assert_eq!([&every[0]["locale"], &every[1]["locale"]], ["en", "zh-TW"]);
    let made_up = house.lines(&["preview", "--rule", "refill"]);
    assert_eq!([&made_up[0]["locale"], &made_up[1]["locale"]], ["en", "zh-TW"]);
    assert_eq!(
        [&made_up[0]["subject"], &made_up[1]["subject"]],
        ["More Coffee beans <dark>?", "咖啡豆 <深焙>該補了嗎？"]
    );
    made_up.iter().for_each(keys);
}

#[tokio::test]
async fn a_webhook_shows_its_body() {
    let house = house().await;
    let told = house.json(&["preview", "--rule", "told", "--member", "m2", "--now", NOW]);
    keys(&told);
    let data = &told["body"]["data"];
    assert_eq!(
        (&told["body"]["type"], &data["rule"], &data["member"]["id"]),
        (&"care".into(), &"told".into(), &"m2".into())
    );
    assert_eq!((&data["items"][0]["id"], &data["message"]["subject"]), (&"beans".into(), &told["subject"]));
    assert!(data["job"].as_str().unwrap().starts_with("job_"), "{data}");
    // A care message to a member who agreed to nothing: shown, with what keeps it.
    assert_eq!((&told["held_for"], &told["held_until"]), (&"no_consent".into(), &Value::Null), "{told}");
    let bare = house.json(&["preview", "--rule", "bare"]);
    assert_eq!(
        (&bare["template"], &bare["subject"], &bare["html"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert!(bare["body"]["data"].get("message").is_none(), "{bare}");
    let shown = house.run(&["preview", "--rule", "told", "--member", "m2", "--now", NOW]);
    for piece in
        ["told by crm", "for m2 in zh-TW", "no_consent: The member has not agreed", "\"type\": \"care\""]
    {
        assert!(shown.out.contains(piece), "{piece}: {}", shown.out);
    }
}

#[tokio::test]
async fn html_is_kept_where_it_was_asked_for() {
    let house = house().await;
    let one = house.run(&["preview", "--rule", "refill", "--locale", "en", "--html", "one.html"]);
    assert_eq!(one.code, 0, "{}", one.err);
    assert!(one.out.contains("HTML: one.html") && one.out.contains("Subject: More Coffee"), "{}", one.out);
    assert!(std::fs::read_to_string(house.path("one.html")).unwrap().contains("Hello Amy Wang"));
    house.run(&["preview", "--rule", "refill", "--html", "all.html", "--json"]);
    for (locale, word) in [("en", "Hello"), ("zh-TW", "你好")] {
        let html = std::fs::read_to_string(house.path(&format!("all.{locale}.html"))).unwrap();
        assert!(html.contains(word), "{html}");
    }
    let mut command = house.command(&["preview", "--rule", "refill", "--locale", "en"]);
    let fresh = crate::support::house::ran(command.env("TMPDIR", house.path("")).output().unwrap());
    let path = fresh.out.lines().find_map(|line| line.strip_prefix("HTML: ")).unwrap();
    assert!(path.starts_with(house.path("").to_str().unwrap()), "{path}");
    assert!(std::fs::read_to_string(path).unwrap().contains("Hello Amy Wang"));
}

#[tokio::test]
async fn what_cannot_be_shown_says_why_and_changes_nothing() {
    let house = house().await;
    let before = house.json(&["plan", "--now", NOW]);
    let cases: [(&[&str], i32, &[&str]); 6] = [
        (&["--rule", "refil"], 1, &["no rule `refil`", "did you mean `refill`?", "told, bare"]),
        (&["--rule", "refill", "--member", "m9"], 1, &["no member `m9` is known"]),
        (
            &["--rule", "refill", "--member", "m2", "--now", NOW],
            1,
            &[
                "no message for member `m2`",
                "Beans & <Co>: too_few_purchases (seen once, the rule asks for twice): The member",
                "without --member",
            ],
        ),
        (&["--rule", "bare", "--member", "m1", "--now", NOW], 1, &["already_over"]),
        (&["--rule", "refill", "--locale", "ja"], 1, &["no template refill.jinja", "ja"]),
        (&["--rule", "refill", "--locale", "en", "--all-locales"], 2, &["cannot be used with"]),
    ];
    for (args, code, says) in cases {
        let ran = house.run(&[&["preview"], args].concat());
        assert_eq!(ran.code, code, "{args:?}: {}{}", ran.out, ran.err);
        says.iter()
            .for_each(|piece| assert!(ran.err.contains(piece), "{args:?} says {piece:?}: {}", ran.err));
    }
    assert_eq!(house.json(&["plan", "--now", NOW]), before);
    assert!(house.lines(&["jobs", "list"]).is_empty());
    assert!(!house.path("var/unsubscribe.key").exists(), "a look makes no key");
}

#[tokio::test]
async fn check_warns_of_what_is_not_known_of_everyone() {
    let house = house().await;
    let fine = house.json(&["check"]);
    assert_eq!(fine["problems"], Value::Array(vec![]));
    house.write(
        "templates/refill.en.jinja",
        "{% block subject %}{{ member.name }}{% endblock %}{% block text %}x{% endblock %}",
    );
    let warned = house.run(&["check"]);
    assert_eq!(warned.code, 0);
    let told = "templates/refill.en.jinja:1:23: warning: `member.name`";
    assert!(warned.err.contains(told), "{}", warned.err);
    let denied = house.run(&["check", "--deny-warnings", "--json"]);
    assert_eq!(
        (denied.code, denied.json()[0]["problems"].as_array().unwrap().len()),
        (78, 1),
        "{}",
        denied.out
    );
}
