//! Guards of a whole shop: what does not suit whom, holdouts of single rules, the day's budget, pauses.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use replenish::domain::assemble::{Claim, assemble, claim};
use replenish::domain::catalog::{Catalog, Product};
use replenish::domain::change::Change;
use replenish::domain::ids::{LabelKey, ProductId, ProductKey, Timestamp};
use replenish::domain::interval::Priors;
use replenish::domain::job::JobState;
use replenish::domain::lifecycle::Stages;
use replenish::domain::reason::Reason;
use replenish::domain::rules::{About, Audience, Guards, Rules};
use replenish::domain::unsuitable::{Unsuitable, UnsuitableAction};
use replenish::store::{JobFilter, ListedAs, Store};
use serde_json::Value;

use crate::planning::{at, replanned, shop, steady};
use crate::support::house::{self, House, RULE, orders};
use crate::support::paper::{Paper, lease};
use crate::support::receiver::Receiver;

const NOON: &str = "2026-05-20T10:00:00+08:00";
const NEXT_NOON: &str = "2026-05-21T10:00:00+08:00";

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Not for members with this tag, whatever is about it.
fn not_for(tag: &str, about: About, action: UnsuitableAction) -> Unsuitable {
    let members = Audience { tags: set(&[tag]), ..Audience::default() };
    Unsuitable { id: format!("not-for-{tag}"), members, about, action }
}

/// One product, with a tag and a caution of its own.
fn retinol() -> Catalog {
    let mut product = Product::bare(ProductId::from("p1"), Some(LabelKey(10)));
    product.tags = vec!["retinol".to_owned()];
    product.caution = Some("Not before sun.".to_owned());
    Catalog::new(
        HashMap::from([(ProductKey(1), product)]),
        HashMap::from([(LabelKey(10), "care".to_owned())]),
    )
}

/// A member with this tag whose reminder is due, and when.
fn due(rules: &Rules, tag: &str) -> (Paper, Timestamp) {
    let (_, mut paper) = steady();
    paper.view.member.tags = set(&[tag]);
    let (catalog, priors) = (retinol(), Priors::default());
    replanned(&mut paper, &shop(rules, &catalog, &priors), at(91, 0));
    let due = paper.open()[0].due_at;
    (paper, due)
}

#[test]
fn what_does_not_suit_a_member_is_not_sent() {
    let about = |tag: &str| About { tags: set(&[tag]), ..About::default() };
    let rows = [
        ("pregnant", about("retinol"), true),
        ("pregnant", About { categories: set(&["care"]), ..About::default() }, true),
        ("pregnant", About::default(), true),
        ("pregnant", about("caffeine"), false),
        ("vip", about("retinol"), false),
    ];
    for (tag, about, skipped) in rows {
        let unsuitable = vec![not_for("pregnant", about, UnsuitableAction::Skip)];
        let rules = steady().0.with_unsuitable(unsuitable);
        let (paper, now) = due(&rules, tag);
        let (catalog, priors) = (retinol(), Priors::default());
        let changes = assemble(&paper.as_of(now), &shop(&rules, &catalog, &priors), now);
        let ended = matches!(&changes[..], [Change::Close(_, Reason::Unsuitable)]);
        assert_eq!(ended, skipped, "{tag} {changes:?}");
    }
}

#[test]
fn what_came_not_to_suit_since_ends_at_the_claim_and_a_caution_goes_along() {
    let texts = [("en", "Ask your doctor."), ("zh-TW", "請先詢問醫師。")];
    let texts: BTreeMap<_, _> = texts.map(|(locale, text)| (locale.to_owned(), text.to_owned())).into();
    let caution = UnsuitableAction::Caution(texts);
    let (plain, _) = steady();
    for (action, locale, expected) in [
        (UnsuitableAction::Skip, "en", None),
        (caution.clone(), "en-GB", Some("Ask your doctor.")),
        (caution, "zh-HK", Some("請先詢問醫師。")),
    ] {
        let (mut paper, now) = due(&plain, "pregnant");
        paper.view.member.locale = Some(locale.to_owned());
        let (catalog, priors) = (retinol(), Priors::default());
        let changes = assemble(&paper.as_of(now), &shop(&plain, &catalog, &priors), now);
        paper.apply(changes);
        let id = paper.offer(now).remove(0);
        let rules = steady().0.with_unsuitable(vec![not_for("pregnant", About::default(), action)]);
        assert_ne!(rules.hash(), plain.hash());
        let (changes, claimed) =
            claim(&paper.as_of(now), &id, &shop(&rules, &catalog, &priors), now, lease(now));
        paper.apply(changes);
        let job = &paper.view.jobs[0];
        match (expected, claimed) {
            (None, Claim::Held(_)) => {
                assert_eq!((job.state, job.reason), (JobState::Skipped, Some(Reason::Unsuitable)));
            }
            (Some(text), Claim::Send(content)) => {
                assert_eq!(content.cautions, ["Not before sun.", text]);
                let said = content.guards.last().unwrap();
                let said = (said.guard.as_str(), said.verdict.as_str());
                assert_eq!(said, ("unsuitable", "caution: not-for-pregnant"));
            }
            (_, claimed) => panic!("{claimed:?}"),
        }
    }
}

#[test]
fn a_rules_own_holdout_stands_above_that_of_all() {
    for (all, own, held) in [(1.0, None, true), (1.0, Some(0.0), false), (0.0, Some(1.0), true)] {
        let mut rule = steady().0.all()[0].clone();
        rule.holdout = own;
        let rules =
            Rules::new(vec![rule], Guards { holdout: all, ..Guards::default() }, vec![], Stages::default());
        let (paper, now) = due(&rules, "any");
        let (catalog, priors) = (retinol(), Priors::default());
        let changes = assemble(&paper.as_of(now), &shop(&rules, &catalog, &priors), now);
        assert_eq!(matches!(changes[0], Change::Close(_, Reason::Holdout)), held, "{all} {own:?}");
    }
}

async fn once(house: &House, now: &str) -> Value {
    let mut command = house.command(&["run", "--once", "--now", now, "--json"]);
    house::ran(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()).one()
}

/// Tea counts for more than what else is due; the day has room for so many messages.
fn budgeted(budget: u32) -> String {
    let rule = |id: &str, about: &str, priority| {
        RULE.replace(
            "id = \"refill\"",
            &format!("id = \"{id}\"\nabout = {{ category = {about} }}\npriority = {priority}"),
        )
    };
    let (tea, rest) = (rule("tea", "[\"tea\"]", 5), rule("rest", "[\"coffee\", \"pets\"]", 0));
    format!("{tea}{rest}[guards]\ndaily_budget = {budget}\n")
}

fn shop_of_60(receiver: &Receiver, rules: &str) -> House {
    let house = House::with(receiver, rules, "");
    house.write("orders.csv", &orders(60, 7));
    assert_eq!(house.json(&["import", "orders", "orders.csv"])["rejected"], 0);
    house
}

/// Rule and chance of every message that went, and of every occasion that the budget holds.
async fn gone_and_held(house: &House) -> (Vec<(String, f64)>, Vec<(String, f64)>) {
    let store = Store::open(&format!("sqlite:{}", house.path("var/replenish.db").display())).await.unwrap();
    let chance = |o: &replenish::domain::occasion::Occasion| {
        o.evidence.as_ref().and_then(|e| e.need.as_ref()).map_or(0.0, |need| need.chance)
    };
    let (mut gone, mut held) = (Vec::new(), Vec::new());
    for listed in store.jobs(JobFilter::default()).await.unwrap() {
        let ListedAs::Job(job) = listed.what else { continue };
        let record = store.job(&job.id).await.unwrap().unwrap();
        let best = record.occasions.iter().map(chance).fold(0.0, f64::max);
        gone.push((job.rule.to_string(), best));
    }
    for (_, view) in store.views(None, 1000, at(0, 0), at(0, 0)).await.unwrap() {
        let view = view.unwrap();
        let by_budget = view.occasions.iter().filter(|o| o.held_for == Some(Reason::DailyBudget));
        held.extend(by_budget.map(|o| (o.key.rule.to_string(), chance(o))));
    }
    (gone, held)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_messages_go_to_the_highest_priority_then_to_the_likeliest() {
    let receiver = Receiver::start().await;
    let unlimited = shop_of_60(&receiver, &budgeted(100_000));
    let all = once(&unlimited, NOON).await["delivered"].as_u64().unwrap() as usize;
    let tea = unlimited.lines(&["jobs", "list", "--state", "delivered", "--rule", "tea"]).len();
    assert!(tea > 3 && all - tea > 6, "{tea} of {all}");

    // room for all tea, and for three others
    let budget = tea + 3;
    let house = shop_of_60(&receiver, &budgeted(budget as u32));
    house.json(&["learn", "--now", NOON]);
    let foreseen = house.json(&["plan", "--now", NOON]);
    assert_eq!(foreseen["due_now"].as_u64().unwrap() as usize, budget, "{foreseen}");
    assert_eq!(foreseen["held"]["daily_budget"].as_u64().unwrap() as usize, all - budget, "{foreseen}");
    assert_eq!(once(&house, NOON).await["delivered"], budget);
    let (gone, held) = gone_and_held(&house).await;
    assert_eq!(gone.iter().filter(|(rule, _)| rule == "tea").count(), tea);
    assert!(held.iter().all(|(rule, _)| rule == "rest"), "{held:?}");
    let rest = gone.iter().filter(|(rule, _)| rule == "rest");
    let least = rest.map(|(_, chance)| *chance).fold(1.0, f64::min);
    assert!(
        held.len() >= all - budget && held.iter().all(|(_, chance)| *chance <= least),
        "{least} {held:?}"
    );

    assert_eq!(once(&house, "2026-05-20T11:30:00+08:00").await["delivered"], 0, "the same day of the shop");
    let next = once(&house, NEXT_NOON).await["delivered"].as_u64().unwrap() as usize;
    assert!(next > 0 && next <= budget, "{next}");
    assert!(held.iter().any(|(_, chance)| *chance > 0.0), "{held:?}");
    let of_day_one = gone_and_held(&house).await.0.len() - next;
    assert_eq!(of_day_one, budget);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_no_room_while_it_is_worth_sending_is_skipped() {
    let receiver = Receiver::start().await;
    let rules = budgeted(2).replace("channel = \"crm\"", "channel = \"crm\"\nvalid_for = \"12h\"");
    let house = shop_of_60(&receiver, &rules);
    let pass = once(&house, NOON).await;
    assert_eq!(pass["delivered"], 2);
    assert!(pass["skipped"].as_u64().unwrap() > 0, "{pass}");
    assert_eq!(gone_and_held(&house).await.1, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_everything_until_it_is_resumed() {
    let receiver = Receiver::start().await;
    let house = shop_of_60(&receiver, RULE);
    let paused = house.json(&["pause", "--all", "--because", "wrong prices"]);
    let line = &paused["paused"][0];
    assert_eq!(
        (&line["scope"], &line["name"], &line["because"]),
        (&"all".into(), &Value::Null, &"wrong prices".into())
    );
    assert_eq!(once(&house, NOON).await["delivered"], 0);
    let held = house.lines(&["jobs", "list", "--reason", "paused"]);
    assert!(held.len() > 6, "{}", held.len());
    let told = house.json(&["explain", "--member", held[0]["member"].as_str().unwrap(), "--now", NOON]);
    assert!(told["silences"].as_array().unwrap().iter().any(|s| s["reason"] == "paused"), "{told}");

    house.json(&["pause", "--rule", "refill"]);
    assert_eq!(
        house.json(&["resume", "--all", "--because", "mended"])["paused"].as_array().unwrap().len(),
        1
    );
    assert_eq!(once(&house, NOON).await["delivered"], 0, "its rule is still paused");
    assert_eq!(house.json(&["resume", "--rule", "refill"])["paused"], Value::Array(vec![]));
    let pass = once(&house, NOON).await;
    assert!(pass["delivered"].as_u64().unwrap() as usize >= held.len() / 3, "{pass}");
    assert_eq!(house.lines(&["jobs", "list", "--reason", "paused"]).len(), 0);

    let again = house.run(&["resume", "--rule", "refill"]);
    assert_eq!((again.code, again.out.contains("not paused")), (0, true), "{}", again.out);
    let unknown = house.run(&["pause", "--rule", "refil"]);
    assert_eq!((unknown.code, unknown.err.contains("no rule `refil`")), (1, true), "{}", unknown.err);
    assert_eq!(house.run(&["pause"]).code, 2);
}
