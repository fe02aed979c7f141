//! Care messages and what asks for them: each trigger, further steps, stages and their dates, in a house as ops run it.

use serde_json::Value;

use crate::support::house::House;
use crate::support::receiver::Receiver;

/// Opens a house with these rules and members, who bought a candle a month from February to July.
async fn house(rules: &str, members: &str) -> House {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, rules, "");
    house.write("members.csv", members);
    let months = (2..8).flat_map(|month| {
        ["ann", "bob"].map(|m| format!("{m}-{month},{m},C,2026-0{month}-10,1,2026-0{month}-13\n"))
    });
    let header = "order_id,member_id,product_id,ordered_at,quantity,delivered_at\n".to_owned();
    house.write("orders.csv", &std::iter::once(header).chain(months).collect::<String>());
    tokio::task::block_in_place(|| {
        assert_eq!(house.json(&["import", "members", "members.csv"])["rejected"], 0);
        assert_eq!(house.json(&["import", "orders", "orders.csv"])["rejected"], 0);
    });
    house
}

const MEMBERS: &str = "member_id,joined_at,membership_expires_at\nann,2024-02-29,2026-08-20\nbob,,\n";

fn rule(on: &str) -> String {
    format!("[[rule]]\nid = \"r\"\nkind = \"care\"\n{on}\nchannel = \"crm\"\n")
}

fn pass(house: &House, day: &str) -> Value {
    let now = format!("{day}T12:00:00+08:00");
    tokio::task::block_in_place(|| house.json(&["run", "--once", "--now", &now]))
}

/// What waits for a member or went, as (step, state, day).
fn jobs(house: &House, member: &str) -> Vec<(u64, String, String)> {
    let lines = tokio::task::block_in_place(|| house.lines(&["jobs", "list", "--member", member]));
    let mut jobs: Vec<_> = lines
        .iter()
        .map(|job| {
            let text = |key: &str| job[key].as_str().unwrap_or_default().to_owned();
            (job["step"].as_u64().unwrap(), text("state"), text("due_at")[..10].to_owned())
        })
        .collect();
    jobs.sort();
    jobs
}

#[track_caller]
fn assert_jobs(house: &House, member: &str, expected: &[(u64, &str, &str)]) {
    let found = jobs(house, member);
    let found: Vec<_> = found.iter().map(|(n, state, day)| (*n, state.as_str(), day.as_str())).collect();
    assert_eq!(found, expected, "{member}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_moment_of_an_item_and_a_member_has_its_day() {
    type Expected<'a> = &'a [(u64, &'a str, &'a str)];
    let table: [(&str, &str, Expected<'_>); 7] = [
        ("on = \"purchase\"\nsend = { after = \"2d\" }", "2026-07-11", &[(1, "scheduled", "2026-07-12")]),
        ("on = \"delivered\"\nsend = { after = \"2d\" }", "2026-07-14", &[(1, "scheduled", "2026-07-15")]),
        (
            "on = \"membership_expiry\"\nsend = { before = \"14d\" }",
            "2026-07-14",
            &[(1, "scheduled", "2026-08-06")],
        ),
        ("on = \"anniversary\"", "2026-07-14", &[(1, "scheduled", "2027-02-28")]),
        ("on = \"new_member\"\nvalid_for = \"1000d\"", "2026-07-14", &[(1, "delivered", "2024-02-29")]),
        (
            "on = \"festival\"\nfestival = \"Double 11\"\nsend = { before = \"3d\", time = \"10:00-12:00\" }",
            "2026-07-14",
            &[(1, "scheduled", "2026-11-05")],
        ),
        (
            "on = \"purchase\"\nsend = { after = \"2d\", days = [\"wed\"] }",
            "2026-07-11",
            &[(1, "scheduled", "2026-07-15")],
        ),
    ];
    let festival = "[[festival]]\nname = \"Double 11\"\nfrom = \"11-08\"\nuntil = \"11-12\"\ndo = \"hold\"\n";
    for (on, day, expected) in table {
        let house = house(&(rule(on) + festival), MEMBERS).await;
        pass(&house, day);
        // the member's clock is eight hours ahead of what the ledger writes
        let expected: Vec<_> = expected.iter().map(|(n, state, day)| (*n, *state, day_before(day))).collect();
        let found: Vec<_> = jobs(&house, "ann");
        let near = |found: &(u64, String, String), (n, state, days): &(u64, &str, [String; 2])| {
            found.0 == *n && found.1 == *state && days.contains(&found.2)
        };
        assert_eq!(found.len(), expected.len(), "{on}: {found:?}");
        assert!(found.iter().zip(&expected).all(|(f, e)| near(f, e)), "{on}: {found:?} {expected:?}");
    }
}

/// The day, and the one before it.
fn day_before(day: &str) -> [String; 2] {
    let day: chrono::NaiveDate = day.parse().unwrap();
    [day.to_string(), day.pred_opt().unwrap().to_string()]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_step_follows_what_went_and_stops_with_the_next_purchase() {
    let rules = rule("on = \"purchase\"\nsend = { after = \"1d\" }")
        + "[[rule.step]]\nafter = \"5d\"\nunless = [\"bought\"]\n";
    let house = house(&rules, MEMBERS).await;
    pass(&house, "2026-07-10");
    assert_jobs(&house, "ann", &[(1, "scheduled", "2026-07-10"), (2, "scheduled", "2026-07-15")]);
    // a day late: the second counts from the hand-over of the first
    pass(&house, "2026-07-12");
    assert_jobs(&house, "ann", &[(1, "delivered", "2026-07-10"), (2, "scheduled", "2026-07-15")]);
    assert_eq!(pass(&house, "2026-07-16")["delivered"], 0);
    house.write("more.csv", "order_id,member_id,product_id,ordered_at\nx,bob,C,2026-07-16\n");
    tokio::task::block_in_place(|| house.json(&["import", "orders", "more.csv"]));
    let last = pass(&house, "2026-07-17");
    assert_eq!(last["delivered"], 2, "ann's second and bob's next first: {last}");
    assert_jobs(&house, "ann", &[(1, "delivered", "2026-07-10"), (2, "delivered", "2026-07-15")]);
    assert!(jobs(&house, "bob").iter().all(|(step, state, _)| *step == 1 || state != "delivered"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lapses_hears_once_and_on_the_day_the_ledger_noted() {
    let rules = rule("on = \"stage_change\"\nto = [\"lapsing\"]\nvalid_for = \"30d\"");
    let house = house(&rules, MEMBERS).await;
    pass(&house, "2026-07-20");
    assert_jobs(&house, "ann", &[]);
    let days = (1..200)
        .map(|n| chrono::NaiveDate::from_ymd_opt(2026, 7, 20).unwrap() + chrono::TimeDelta::days(n * 5));
    let first = days.map(|day| day.to_string()).find(|day| pass(&house, day)["delivered"] != 0).unwrap();
    assert_eq!(jobs(&house, "ann").len(), 1, "{first}");
    assert_eq!(pass(&house, "2027-11-20")["delivered"], 0, "a silence is noticed once");
}
