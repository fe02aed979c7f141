//! The link in a message, from the mail to the ledger and to what is sent later, before a running daemon.

use chrono::{DateTime, TimeDelta, Utc};
use replenish::channel::{Link, UnsubscribeLinks};
use replenish::desk::unsubscribe::{self, Choice, Stopped};
use replenish::domain::interval::Priors;
use replenish::domain::lifecycle::Stages;
use replenish::domain::member::Purpose;
use replenish::domain::reason::Language;
use replenish::domain::rules::{Guards, Rules};
use replenish::domain::shop::Knowledge;
use replenish::store::Store;
use serde_json::Value;

use crate::support::house::{House, RULE};
use crate::support::receiver::Receiver;
use crate::support::running::Running;

/// A house where `m1` was reminded of coffee, and the link of the message; `at` is when.
struct Reminded {
    house: House,
    receiver: Receiver,
    at: DateTime<Utc>,
}

fn orders(members: &[&str]) -> String {
    let mut rows = String::from("order_id,member_id,product_id,category,ordered_at,quantity\n");
    for member in members {
        for date in ["2026-01-01", "2026-01-31", "2026-03-02", "2026-04-01"] {
            rows += &format!("{member}-{date},{member},beans,coffee,{date},1\n");
        }
    }
    rows
}

async fn house(receiver: &Receiver, members: &[&str]) -> House {
    let house = House::with(receiver, RULE, "locale = \"en\"\n[http]\nlisten = \"127.0.0.1:8080\"\n");
    house.write("orders.csv", &orders(members));
    tokio::task::block_in_place(|| house.json(&["import", "orders", "orders.csv"]));
    house
}

async fn reminded() -> Reminded {
    let receiver = Receiver::start().await;
    let house = house(&receiver, &["m1"]).await;
    once(&house, "2026-04-02T02:00:00Z".parse().unwrap());
    let waiting = tokio::task::block_in_place(|| house.lines(&["jobs", "list", "--state", "scheduled"]));
    let at = waiting[0]["due_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(once(&house, at)["delivered"], 1);
    Reminded { house, receiver, at }
}

fn once(house: &House, now: DateTime<Utc>) -> Value {
    let now = now.to_rfc3339();
    tokio::task::block_in_place(|| house.json(&["run", "--once", "--now", &now]))
}

async fn start(house: &House, now: DateTime<Utc>) -> Running {
    Running::ready(house, &["--now", &now.to_rfc3339()]).await
}

impl Reminded {
    /// The path of the link in the n-th message.
    fn link(&self, n: usize) -> String {
        let url = self.receiver.seen()[n].1["data"]["unsubscribe_url"].as_str().unwrap().to_owned();
        url[url.find("/u/").unwrap()..].to_owned()
    }

    async fn posted(&self, days: i64, n: usize, body: &str) -> String {
        let now = self.at + TimeDelta::days(days) + TimeDelta::hours(1);
        let daemon = start(&self.house, now).await;
        let (status, page) = daemon.submit(&self.link(n), body).await;
        assert_eq!(status, 200, "{page}");
        assert_eq!(daemon.submit(&self.link(n), body).await, (200, page.clone()), "the same again");
        daemon.end();
        page
    }

    /// How many messages a pass so many days later delivers.
    fn later(&self, days: i64) -> u64 {
        let now = self.at + TimeDelta::days(days) + TimeDelta::minutes(30);
        once(&self.house, now)["delivered"].as_u64().unwrap()
    }

    fn lines(&self, args: &[&str]) -> Vec<Value> {
        tokio::task::block_in_place(|| self.house.lines(args))
    }

    /// What is on record of `m1`: purpose, item, whether the member asked to be reminded again.
    fn opt_outs(&self) -> Vec<(String, Option<String>, bool)> {
        let because = format!("unsubscribe link ({})", self.receiver.seen()[0].0);
        let row = |line: Value| {
            assert_eq!(
                (&line["member"], &line["because"]),
                (&"m1".into(), &because.as_str().into()),
                "{line}"
            );
            let text = |key: &str| line[key].as_str().map(str::to_owned);
            (text("purpose").unwrap(), text("item"), !line["again"].is_null())
        };
        self.lines(&["suppress", "list"]).into_iter().map(row).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn remind_me_again_reminds_once_more_says_why_and_can_be_asked_again() {
    let reminded = reminded().await;
    let page = reminded.posted(0, 0, "choice=later").await;
    assert!(page.contains("reminded again about coffee on "), "{page}");
    assert_eq!(reminded.opt_outs(), [("reminder".to_owned(), Some("coffee".to_owned()), true)]);
    let soon = (reminded.at + TimeDelta::days(2)).to_rfc3339();
    let ran =
        tokio::task::block_in_place(|| reminded.house.run(&["explain", "--member", "m1", "--now", &soon]));
    let (line, why) =
        ("asked to be reminded again about coffee on 2026-", "      You asked to be reminded again.");
    assert!(ran.out.contains(line) && ran.out.contains(why), "{}{}", ran.out, ran.err);
    assert_eq!((reminded.later(29), reminded.later(30), reminded.later(31)), (0, 1, 0));
    let second = reminded.receiver.seen()[1].1["data"].clone();
    assert_eq!(second["reason"], "You asked to be reminded again about coffee.");
    assert_ne!(reminded.link(0), reminded.link(1));
    reminded.posted(31, 1, "choice=later").await;
    assert_eq!((reminded.later(60), reminded.later(61), reminded.later(90)), (0, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_buys_meanwhile_is_not_reminded_again() {
    let reminded = reminded().await;
    reminded.posted(0, 0, "choice=later").await;
    let day = (reminded.at + TimeDelta::days(10)).date_naive();
    let header = "order_id,member_id,product_id,category,ordered_at,quantity\n";
    reminded.house.write("again.csv", &format!("{header}o9,m1,beans,coffee,{day},1\n"));
    tokio::task::block_in_place(|| reminded.house.json(&["import", "orders", "again.csv"]));
    assert_eq!((reminded.later(30), reminded.later(31)), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_choice_holds_in_the_ledger_and_looking_changes_nothing() {
    let record = |purpose: &str, item: Option<&str>| (purpose.to_owned(), item.map(str::to_owned), false);
    let reminded = reminded().await;
    let daemon = start(&reminded.house, reminded.at + TimeDelta::hours(1)).await;
    let link = reminded.link(0);
    let ledger = || (reminded.lines(&["jobs", "list"]), reminded.lines(&["suppress", "list"]));
    let before = ledger();
    for _ in 0..5 {
        let (status, page) = daemon.get(&link).await.unwrap();
        assert!(status == 200 && page.contains("Stop messages about coffee"), "{page}");
        let head = daemon.client.head(format!("{}{link}", daemon.base)).send().await.unwrap();
        assert_eq!(head.status(), 200);
    }
    // forged, cut, of another shop, of a preview
    let foreign = UnsubscribeLinks::new("", b"another key").url(&"m1".into(), &"job_1".into());
    for wrong in [&format!("{link}A"), &link[..link.len() - 4], &foreign, "/u/preview", "/u/AAAAAAAAACo"] {
        assert_eq!(daemon.get(wrong).await.unwrap().0, 404, "{wrong}");
        assert_eq!(daemon.submit(wrong, "List-Unsubscribe=One-Click").await.0, 404, "{wrong}");
    }
    assert_eq!(ledger(), before);
    let mut expected = Vec::new();
    for (body, purpose, item) in [
        ("choice=item", "all", Some("coffee")),
        ("choice=reminders", "reminder", None),
        ("List-Unsubscribe=One-Click", "all", None),
    ] {
        assert_eq!(daemon.submit(&link, body).await.0, 200);
        expected.push(record(purpose, item));
        assert_eq!(reminded.opt_outs(), expected, "{body}");
    }
    let (_, page) = daemon.get(&link).await.unwrap();
    assert!(page.contains("Messages are stopped") && !page.contains("<form"), "{page}");
    daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_skipped_at_once_and_nothing_comes_later() {
    for body in ["choice=item", "choice=reminders", "choice=all"] {
        let reminded = reminded().await;
        let day = (reminded.at + TimeDelta::days(1)).date_naive();
        let header = "order_id,member_id,product_id,category,ordered_at,quantity\n";
        reminded.house.write("again.csv", &format!("{header}o9,m1,beans,coffee,{day},1\n"));
        tokio::task::block_in_place(|| reminded.house.json(&["import", "orders", "again.csv"]));
        let mut due = reminded.at + TimeDelta::days(20);
        reminded.receiver.refuse(true);
        while once(&reminded.house, due)["retrying"] == 0 {
            due += TimeDelta::days(1);
            assert!(due < reminded.at + TimeDelta::days(60), "the next reminder falls due");
        }
        reminded.posted((due - reminded.at).num_days(), 0, body).await;
        reminded.receiver.refuse(false);
        let skipped = reminded.lines(&["jobs", "list", "--state", "skipped", "--reason", "suppressed"]);
        assert_eq!(skipped.len(), 1, "{body}");
        assert_eq!(once(&reminded.house, due + TimeDelta::hours(2))["delivered"], 0, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_outlives_its_ledger_and_stops_the_right_member() {
    let reminded = reminded().await;
    let link = reminded.link(0);
    let receiver = Receiver::start().await;
    let rebuilt = house(&receiver, &["m3", "m2", "m1"]).await;
    let key = std::fs::read_to_string(reminded.house.path("var/unsubscribe.key")).unwrap();
    rebuilt.write("var/unsubscribe.key", &key);
    let daemon = start(&rebuilt, "2026-04-03T02:00:00Z".parse().unwrap()).await;
    let (status, page) = daemon.get(&link).await.unwrap();
    assert!(status == 200 && !page.contains("coffee"), "the message is not known here: {page}");
    assert_eq!(daemon.submit(&link, "List-Unsubscribe=One-Click").await.0, 200);
    daemon.end();
    let listed = tokio::task::block_in_place(|| rebuilt.lines(&["suppress", "list"]));
    assert_eq!(listed.iter().map(|line| line["member"].as_str().unwrap()).collect::<Vec<_>>(), ["m1"]);
    assert_eq!(once(&rebuilt, reminded.at)["delivered"], 2, "the others are still written to");
    let written: Vec<_> =
        receiver.seen().iter().map(|(_, body)| body["data"]["member"]["id"].clone()).collect();
    assert!(!written.contains(&"m1".into()), "{written:?}");
}

fn knowledge() -> Knowledge {
    Knowledge {
        rules: Rules::new(vec![], Guards::default(), vec![], Stages::default()).into(),
        priors: Priors::default().into(),
        zone: chrono_tz::Asia::Taipei,
        locale: "zh-TW".to_owned(),
        orders_at: None,
        shadow: false,
        reach: Default::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_ledger_does_not_know_yet_can_stop_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
    let (store, knowledge) = (Store::open(&url).await.unwrap(), knowledge());
    let now = "2026-04-26T16:30:00Z".parse().unwrap();
    let link = Link { member: "later".into(), job: "job_1".into() };
    let choices = async || unsubscribe::choices(&store, &knowledge, now, &link).await.unwrap();
    let usual = choices().await;
    assert_eq!((usual.language, usual.purpose, usual.items.len()), (Language::Chinese, None, 0));
    assert_eq!(store.member_by_id(&link.member).await.unwrap(), None, "looking makes nobody known");
    unsubscribe::stop(&store, &knowledge, now, &link, Choice::Later).await.unwrap();
    let snoozed = &store.suppressions(None).await.unwrap()[0].what;
    assert_eq!((snoozed.purpose, &snoozed.item, snoozed.again), (Some(Purpose::Reminder), &None, None));
    assert_eq!(snoozed.until, Some("2026-05-26T16:00:00Z".parse().unwrap()), "a day begins in Taipei");
    unsubscribe::stop(&store, &knowledge, now, &link, Choice::All).await.unwrap();
    let all = Stopped { reminders: true, all: true, ..Stopped::default() };
    assert_eq!(choices().await.stopped, all);
}
