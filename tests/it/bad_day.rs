//! A support person's bad days: a relay that refuses everything by mistake, answers that never came, and the morning after.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::house::{self, House, Ran};
use crate::support::receiver::Receiver;
use crate::support::smtp::{Act, At, Smtp};

const RULE: &str = r#"[[rule]]
id = "refill"
kind = "reminder"
per = "category"
needs = { purchases = 2 }
send = { before = "5d" }
channel = "email"
template = "refill"
"#;
const TEMPLATE: &str =
    "{% block subject %}Soon{% endblock %}\n{% block text %}{{ unsubscribe_url }}{% endblock %}\n";
const HEADER: &str = "order_id,member_id,product_id,category,ordered_at,quantity\n";
/// The bad day, and the hour after, by when the relay is mended.
const DAY: &str = "2025-04-30T11:00:00+08:00";
const AFTER: &str = "2025-04-30T12:00:00+08:00";

/// What the relay does, while it does not work.
const MENDED: usize = 0;
const REFUSES: usize = 1;
const DROPS: usize = 2;

/// A shop that writes by e-mail, and its relay.
struct MailShop {
    house: House,
    relay: Smtp,
    mood: Arc<AtomicUsize>,
}

impl MailShop {
    async fn start(members: usize, mood: usize) -> Self {
        let mood = Arc::new(AtomicUsize::new(mood));
        let asked = mood.clone();
        let relay = Smtp::start("", move |at, _| match (at, asked.load(Ordering::SeqCst)) {
            (At::Rcpt, REFUSES) => Act::Say("550 5.7.1 relaying denied"),
            (At::Dot, DROPS) => Act::Drop,
            _ => Act::Well,
        });
        let relay = relay.await;
        let email = format!(
            "[channel.email]\nfrom = \"Shop <hello@shop.example>\"\n[[channel.email.relay]]\nurl = \"{}\"\n",
            relay.url()
        );
        let house = House::with(&Receiver::start().await, RULE, &email);
        house.write("templates/refill.jinja", TEMPLATE);
        let orders = (0..members).flat_map(|m| {
            let days = ["2025-01-01", "2025-01-31", "2025-03-02", "2025-04-01"];
            days.map(|day| format!("{day}-{m},m{m:03},beans,coffee,{day},1\n"))
        });
        house.write("orders.csv", &(HEADER.to_owned() + &orders.collect::<String>()));
        let people = (0..members).map(|m| format!("m{m:03},m{m:03}@members.example,reminder\n"));
        house.write("members.csv", &("member_id,email,consent\n".to_owned() + &people.collect::<String>()));
        let shop = Self { house, relay, mood };
        shop.json(&["import", "orders", "orders.csv"]).await;
        shop.json(&["import", "members", "members.csv"]).await;
        shop
    }

    fn mend(&self) {
        self.mood.store(MENDED, Ordering::SeqCst);
    }

    /// The program needs answers from this very runtime.
    async fn run(&self, args: &[&str]) -> Ran {
        let mut command = self.house.command(args);
        house::ran(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
    }

    async fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).await.one()
    }

    async fn once(&self, now: &str) -> Value {
        self.json(&["run", "--once", "--now", now]).await
    }

    async fn ids(&self, state: &str) -> Vec<String> {
        let ran = self.run(&["jobs", "list", "--state", state, "--json"]).await;
        ran.json().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn is_sound(&self) {
        let ran = self.run(&["verify"]).await;
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_refuses_three_hundred_by_mistake_and_they_are_replayed_once() {
    let shop = MailShop::start(300, REFUSES).await;
    assert_eq!(shop.once(DAY).await["failed"], 300);
    // since then some bought again, and some opted out
    let again: String = (0..7).map(|m| format!("again-{m},m{m:03},beans,coffee,2025-04-30,1\n")).collect();
    shop.house.write("again.csv", &(HEADER.to_owned() + &again));
    shop.json(&["import", "orders", "again.csv"]).await;
    for member in ["m010", "m011", "m012", "m013", "m014"] {
        shop.json(&["suppress", "add", "--member", member, "--because", "asked by phone"]).await;
    }
    shop.mend();
    let replay = ["jobs", "replay", "--reason", "refused", "--now", AFTER, "--because", "ticket 812"];
    let plan = shop.json(&[&replay[..], &["--dry-run"]].concat()).await;
    let skips = json!({ "reordered": 7, "suppressed": 5 });
    assert_eq!(
        (&plan["matched"], &plan["would_send"], &plan["would_skip"]),
        (&json!(300), &json!(288), &skips)
    );
    assert_eq!((shop.relay.mails().len(), &plan["scheduled"]), (0, &json!(0)), "a plan does nothing");
    let told = shop.run(&replay).await;
    assert_eq!(told.code, 2, "nobody is there to ask");
    assert!(
        told.out.contains("288 would be sent") && told.out.contains("7 would not (reordered)"),
        "{}",
        told.out
    );
    assert_eq!(shop.json(&[&replay[..], &["--yes"]].concat()).await["scheduled"], 288);
    assert_eq!(shop.once(AFTER).await["delivered"], 288);
    assert_eq!(shop.relay.mails().len(), 288);
    let second = shop.json(&[&replay[..], &["--yes"]].concat()).await;
    assert_eq!((&second["would_send"], &second["scheduled"]), (&json!(0), &json!(0)), "{second}");
    assert_eq!(shop.once(AFTER).await["delivered"], 0);
    assert_eq!(shop.relay.mails().len(), 288, "nobody got it twice");
    shop.is_sound().await;
    the_record_says_who(&shop).await;
}

async fn the_record_says_who(shop: &MailShop) {
    let status = shop.json(&["status", "--since", "24h", "--now", AFTER]).await;
    assert_eq!((&status["delivered"], &status["failed"]), (&json!(288), &json!({ "refused": 12 })));
    let deeds = status["deeds"].as_array().unwrap();
    let replay = deeds.iter().find(|deed| deed["what"] == "replay").unwrap();
    assert_eq!(replay["asked"], json!({ "reason": "refused", "because": "ticket 812" }));
    assert_eq!((&replay["counts"]["scheduled"], &replay["finished"]), (&json!(288), &json!(true)));
    let optout = deeds.iter().find(|deed| deed["what"] == "suppress").unwrap();
    assert_eq!(optout["asked"]["because"], "asked by phone");
    let job = shop.ids("delivered").await.remove(0);
    let sheet = shop.json(&["jobs", "show", &job]).await;
    let by: Vec<_> = sheet["history"].as_array().unwrap().iter().filter(|t| !t["by"].is_null()).collect();
    assert_eq!(by.len(), 1, "{sheet}");
    assert_eq!(
        (&by[0]["state"], &by[0]["deed"], &by[0]["by"]),
        (&json!("scheduled"), &json!("replay"), &replay["who"])
    );
    let page = shop.run(&["status", "--since", "24h", "--now", AFTER, "--lang", "zh-TW"]).await;
    for piece in ["已送達", "refused: 對方永久拒收。", "排除原因後重送", "ticket 812"] {
        assert!(page.out.contains(piece), "{piece} in {}", page.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_arrived_is_settled_by_whoever_found_out() {
    let shop = MailShop::start(3, DROPS).await;
    assert_eq!(shop.once(DAY).await["uncertain"], 3);
    shop.mend();
    let ids = shop.ids("uncertain").await;
    let arrived =
        ["jobs", "resolve", &ids[0], "--delivered", "--because", "in the relay's log", "--now", AFTER];
    assert_eq!(shop.run(&arrived).await.code, 2, "nobody is there to ask");
    let dry = shop.json(&[&arrived[..], &["--dry-run"]].concat()).await;
    assert_eq!((&dry["matched"], &dry["delivered"]), (&json!(1), &json!(0)));
    assert_eq!(shop.ids("uncertain").await.len(), 3);
    assert_eq!(shop.json(&[&arrived[..], &["--yes"]].concat()).await["delivered"], 1);
    let twice = shop.json(&[&arrived[..], &["--yes"]].concat()).await;
    assert_eq!((&twice["matched"], &twice["left_out"]), (&json!(0), &json!({ "delivered": 1 })));

    let lost = ["jobs", "resolve", &ids[1], "--resend", "--now", AFTER, "--yes"];
    let sent = shop.json(&lost).await;
    assert_eq!(
        (&sent["matched"], &sent["would_send"], &sent["scheduled"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(shop.once(AFTER).await["delivered"], 1);
    assert_eq!(shop.relay.mails().len(), 1);

    // the last one opts out: it is not sent again, and stays as it is
    let last = shop.json(&["jobs", "show", &ids[2]]).await;
    shop.json(&["suppress", "add", "--member", last["member"].as_str().unwrap()]).await;
    let rest = shop.json(&["jobs", "resolve", "--rule", "refill", "--resend", "--now", AFTER, "--yes"]).await;
    assert_eq!((&rest["would_skip"], &rest["scheduled"]), (&json!({ "suppressed": 1 }), &json!(0)), "{rest}");
    assert_eq!(shop.ids("uncertain").await, [ids[2].clone()]);
    let sheet = shop.json(&["jobs", "show", &ids[0]]).await;
    let end = sheet["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&end["state"], &end["deed"]), (&json!("delivered"), &json!("resolve")));
    let page = shop.run(&["jobs", "show", &ids[0], "--lang", "zh-TW"]).await;
    assert!(page.out.contains("歷程") && page.out.contains("(resolve)"), "{}", page.out);
    let status = shop.json(&["status", "--now", AFTER]).await;
    assert_eq!(status["uncertain"], json!({ "no_answer": 1 }), "{status}");
    shop.is_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_morning_view_tells_pauses_opt_outs_and_whether_reminders_came_on_time() {
    let shop = MailShop::start(4, MENDED).await;
    assert_eq!(shop.once(DAY).await["delivered"], 4);
    let bought = "b0,m000,beans,coffee,2025-05-02,1\nb1,m001,beans,coffee,2025-05-07,1\nb2,m002,beans,coffee,2025-05-08,1\n";
    shop.house.write("later.csv", &(HEADER.to_owned() + bought));
    shop.json(&["import", "orders", "later.csv"]).await;
    shop.json(&["pause", "--rule", "refill", "--because", "new texts"]).await;
    let morning = ["status", "--since", "24h", "--now", "2025-05-08T08:00:00+08:00"];
    let early = shop.json(&["status", "--since", "24h", "--now", AFTER]).await;
    assert_eq!(
        (&early["delivered"], &early["judged"], &early["on_time_share"]),
        (&json!(4), &json!(0), &Value::Null)
    );
    let status = shop.json(&morning).await;
    assert_eq!(
        (&status["judged"], &status["on_time"], &status["on_time_share"]),
        (&json!(4), &json!(2), &json!(0.5))
    );
    assert_eq!(status["delivered"], 0, "{status}");
    let pause = &status["pauses"][0];
    assert_eq!((&pause["name"], &pause["because"]), (&json!("refill"), &json!("new texts")));
    assert!(!pause["by"].as_str().unwrap().is_empty());
    for key in
        ["orders_age", "last_learn", "rules_hash", "due_today", "due_next_7_days", "deferred", "skipped"]
    {
        assert!(!status[key].is_null(), "{key} in {status}");
    }
    assert_eq!(status["rules_hash"], status["rules_in_force"]);
    let told = shop.run(&morning).await.out;
    assert!(told.contains("50% of 4 reminders") && told.contains("new texts"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_today_is_found_though_it_was_due_before() {
    let shop = MailShop::start(3, REFUSES).await;
    assert_eq!(shop.once(DAY).await["failed"], 3);
    let list = async |since| {
        shop.run(&["jobs", "list", "--state", "failed", "--since", since, "--now", AFTER]).await
    };
    assert_eq!(list("2h").await.out.matches("refused").count(), 3);
    assert_eq!(list("30m").await.out.matches("refused").count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typo_in_the_rules_keeps_nobody_from_acting() {
    let shop = MailShop::start(3, REFUSES).await;
    assert_eq!(shop.once(DAY).await["failed"], 3);
    shop.house.write("rules/rules.toml", &RULE.replace("before", "befor"));
    for needed in [
        &["status"][..],
        &["jobs", "list"],
        &["jobs", "cancel", "--rule", "refill", "--dry-run"],
        &["pause", "--rule", "refill"],
        &["resume", "--rule", "refill"],
        &["pause", "--all"],
        &["suppress", "add", "--member", "m000", "--because", "asked by phone"],
        &["forget", "--member", "m001", "--yes"],
        &["backup", "copy.db"],
        &["import", "orders", "orders.csv"],
    ] {
        let ran = shop.run(needed).await;
        assert_eq!(ran.code, 0, "{needed:?}: {}", ran.err);
    }
    let status = shop.run(&["status"]).await;
    assert!(status.err.contains("`befor`") && status.err.contains("goes on without them"), "{}", status.err);
    assert!(status.out.contains("those on disk are not valid"), "{}", status.out);
    assert_eq!(shop.run(&["jobs", "replay", "--dry-run"]).await.code, 78, "what goes is judged by rules");
}
