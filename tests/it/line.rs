//! LINE's push API addressed by the shipped sample, towards an endpoint that behaves like LINE; and what is told of a body
//! that cannot be used.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::hook::{Answer, Hook, Request};
use crate::support::house::{House, Ran, ran};

/// Well within the hours of the rule, some hours after the reminder fell due.
const NOW: &str = "2026-04-28T11:00:00+08:00";
const LATER: &str = "2026-04-28T11:05:00+08:00";
const URL: &str = "https://api.line.me/v2/bot/message/push";

fn shipped(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)).unwrap()
}

/// The lines behind `# ` from the one that says `begins` to the end of their paragraph.
fn uncommented(text: &str, begins: &str) -> String {
    let lines = text.lines().skip_while(|line| *line != format!("# {begins}"));
    let block = lines.take_while(|line| line.starts_with("# "));
    let block: String = block.map(|line| line[2..].to_owned() + "\n").collect();
    assert!(!block.is_empty(), "{begins} is not there");
    block
}

/// The shipped block and rule, made live, with the endpoint's url.
fn house(url: &str) -> House {
    let block = uncommented(&shipped("replenish.toml"), "[channel.line]");
    assert!(block.contains(URL), "{block}");
    let block = format!("{}allow_private_network = true\n", block.replace(URL, url));
    let rule = uncommented(&shipped("rules/refill.toml"), "[[rule]]");
    let settings = format!("timezone = \"Asia/Taipei\"\nlocale = \"zh-TW\"\n{block}{EMAIL}");
    let house = House::of(&settings, &rule);
    house.write("line.json", &shipped("line.json"));
    house.write("templates/refill.jinja", TEMPLATE);
    let mut orders = "order_id,member_id,product_id,category,ordered_at,quantity\n".to_owned();
    for member in ["m1", "m2"] {
        for (n, date) in ["2026-01-01", "2026-01-31", "2026-03-02", "2026-04-01"].iter().enumerate() {
            orders.push_str(&format!("{member}-{n},{member},beans,coffee,{date},1\n"));
        }
    }
    house.write("orders.csv", &orders);
    house.write("members.csv", "member_id,consent,contacts\nm1,reminder,line=U1\nm2,reminder,phone=0900\n");
    for kind in ["orders", "members"] {
        let report = line(&house, &["import", kind, &format!("{kind}.csv"), "--json"]).one();
        assert_eq!(report["rejected"], 0, "{report}");
    }
    house
}

const EMAIL: &str =
    "[channel.email]\nfrom = \"hello@shop.example\"\n[[channel.email.relay]]\nurl = \"file:outbox\"\n";

const TEMPLATE: &str = "{% block subject %}x{% endblock %}{% block text %}\"{{ member.id }}\"：咖啡快喝完了\n{{ \"豆\" * 6000 }}{% endblock %}";

/// The program with LINE's token.
fn line(house: &House, args: &[&str]) -> Ran {
    ran(house.command(args).env("LINE_AUTHORIZATION", "Bearer line-token").output().unwrap())
}

fn once(house: &House, now: &str) -> Value {
    line(house, &["run", "--once", "--now", now, "--json"]).one()
}

fn listed(house: &House) -> Vec<Value> {
    line(house, &["jobs", "list", "--json"]).json()
}

/// LINE: 401 without the token, 400 for what is no push message, 409 for a retry key that it knows. The first answer gets
/// lost.
async fn line_me() -> Hook {
    let (keys, lost) = (Mutex::new(HashSet::new()), AtomicBool::new(false));
    Hook::start(move |request| {
        let header = |name: &str| request.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if header("authorization") != "Bearer line-token" {
            return Answer::status("401 Unauthorized");
        }
        if !is_push(request) || header("content-type") != "application/json" {
            let body = r#"{"message":"The request body could not be parsed as JSON"}"#;
            return Answer::Say("400 Bad Request", String::new(), body.to_owned());
        }
        if !keys.lock().unwrap().insert(header("x-line-retry-key").to_owned()) {
            let body = r#"{"message":"The retry key is already accepted"}"#;
            return Answer::Say("409 Conflict", String::new(), body.to_owned());
        }
        match lost.swap(true, Ordering::SeqCst) {
            false => Answer::Drop,
            true => Answer::Say("200 OK", String::new(), r#"{"sentMessages":[{"id":"1"}]}"#.to_owned()),
        }
    })
    .await
}

fn is_push(request: &Request) -> bool {
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else { return false };
    let text = body["messages"][0]["text"].as_str().unwrap_or_default();
    body["to"].is_string() && (1..=5000).contains(&text.encode_utf16().count())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_sample_speaks_to_line_and_reaches_a_member_once() {
    let hook = line_me().await;
    tokio::task::block_in_place(|| {
        let house = house(&hook.url);
        let check = line(&house, &["check"]);
        assert_eq!(check.code, 0, "{}{}", check.out, check.err);
        let first = once(&house, NOW);
        assert_eq!((&first["delivered"], &first["retrying"]), (&0.into(), &1.into()), "{first}");
        let second = once(&house, LATER);
        assert_eq!(second["delivered"], 1, "{second}");
        let [lost, known] = hook.seen().try_into().unwrap();
        let told = format!("\"m1\"：咖啡快喝完了\n{}…", "豆".repeat(5000 - 13));
        assert_eq!(told.encode_utf16().count(), 5000);
        let body: Value = serde_json::from_slice(&known.body).unwrap();
        assert_eq!(body, json!({ "to": "U1", "messages": [{ "type": "text", "text": told }] }));
        let key = |seen: &Request| seen.headers["x-line-retry-key"].to_str().unwrap().to_owned();
        assert_eq!(key(&lost), key(&known));
        assert_eq!(key(&known).split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);

        let jobs = listed(&house);
        let of = |member: &str| jobs.iter().find(|job| job["member"] == member).unwrap();
        assert_eq!(of("m1")["state"], "delivered");
        assert_eq!((&of("m2")["state"], &of("m2")["reason"]), (&"scheduled".into(), &"no_address".into()));
        let job = line(&house, &["jobs", "show", of("m1")["id"].as_str().unwrap(), "--json"]).one();
        let codes: Vec<Option<&str>> =
            job["attempts"].as_array().unwrap().iter().map(|a| a["code"].as_str()).collect();
        assert_eq!(codes, [None, Some("409")]);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_without_the_contact_point_waits_until_it_is_known() {
    let hook = Hook::start(|_| Answer::status("200 OK")).await;
    tokio::task::block_in_place(|| {
        let house = house(&hook.url);
        house.write("templates/refill.jinja", &TEMPLATE.replace("6000", "1"));
        assert_eq!(once(&house, NOW)["delivered"], 1);
        let explained = line(&house, &["explain", "--member", "m2", "--now", NOW, "--json"]).one();
        assert!(explained.to_string().contains("no_address"), "{explained}");
        house.write("bound.csv", "member_id,contacts\nm2,line=U2\n");
        line(&house, &["import", "members", "bound.csv", "--json"]).one();
        assert_eq!(once(&house, LATER)["delivered"], 1);
        let to = hook.seen().into_iter().map(|seen| {
            serde_json::from_slice::<Value>(&seen.body).unwrap()["to"].as_str().unwrap().to_owned()
        });
        assert_eq!(to.collect::<Vec<_>>(), ["U1", "U2"]);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_and_the_shadow_show_the_body_of_its_own() {
    let hook = Hook::start(|_| Answer::status("200 OK")).await;
    tokio::task::block_in_place(|| {
        let house = house(&hook.url);
        house.write("templates/refill.jinja", &TEMPLATE.replace("6000", "1"));
        let previewed = |args: &[&str]| {
            let args = [&["preview", "--rule", "refill-line", "--now", NOW, "--json"], args].concat();
            line(&house, &args).one()["body"].clone()
        };
        let text =
            |member: &str| json!([{ "type": "text", "text": format!("\"{member}\"：咖啡快喝完了\n豆") }]);
        assert_eq!(previewed(&["--member", "m1"]), json!({ "to": "U1", "messages": text("m1") }));
        assert_eq!(previewed(&["--member", "m2"]), json!({ "to": null, "messages": text("m2") }));
        assert_eq!(previewed(&[]), json!({ "to": "sample", "messages": text("sample") }));
        let settings = std::fs::read_to_string(house.path("replenish.toml")).unwrap();
        house.write("replenish.toml", &format!("deliver = \"shadow\"\n{settings}"));
        once(&house, NOW);
        let kept: Vec<_> = std::fs::read_dir(house.path("var/outbox")).unwrap().collect();
        let [kept] = kept.try_into().unwrap();
        let body: Value = serde_json::from_slice(&std::fs::read(kept.unwrap().path()).unwrap()).unwrap();
        assert_eq!(body, json!({ "to": "U1", "messages": text("m1") }));
        assert!(hook.seen().is_empty());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_a_body_are_told_with_their_places() {
    let hook = Hook::start(|_| Answer::status("200 OK")).await;
    tokio::task::block_in_place(|| {
        let house = house(&hook.url);
        house.write("line.json", "{\n  \"to\": {{ contct }}\n}\n");
        let check = line(&house, &["check", "--json"]);
        assert_eq!(check.code, 78, "{}{}", check.out, check.err);
        let problems = check.json().remove(0)["problems"].clone();
        assert_eq!(problems.as_array().unwrap().len(), 1, "{problems}");
        let problem = &problems[0];
        assert!(problem["file"].as_str().unwrap().ends_with("line.json"), "{problem}");
        assert_eq!((&problem["line"], &problem["column"]), (&2.into(), &12.into()), "{problem}");
        assert!(problem["help"].as_str().unwrap().contains("did you mean `contact`?"), "{problem}");
        let refused = line(&house, &["run", "--once", "--now", NOW]);
        assert_eq!(refused.code, 78, "{}{}", refused.out, refused.err);
        assert!(hook.seen().is_empty());
    });
}
