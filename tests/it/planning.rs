//! Properties of planning over random members, histories, rules and times.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::TimeDelta;
use proptest::prelude::*;
use replenish::domain::assemble::{Claim, assemble, claim};
use replenish::domain::catalog::{Catalog, Level, Product};
use replenish::domain::change::Change;
use replenish::domain::ids::{Cycle, LabelKey, MemberId, ProductId, ProductKey, RuleId, Timestamp};
use replenish::domain::interval::Priors;
use replenish::domain::job::{Delivery, JobState};
use replenish::domain::lifecycle::Stages;
use replenish::domain::member::{Member, MemberView, Purpose, Suppression};
use replenish::domain::occasion::OccasionKey;
use replenish::domain::order::Line;
use replenish::domain::plan::plan;
use replenish::domain::reconcile::replan;
use replenish::domain::rules::{Guards, Rule, Rules};
use replenish::domain::shop::{Reach, Shop};
use replenish::domain::trigger::{MemberMoment, Trigger, When};

use crate::support::paper::{Paper, lease};
use draw::{rules, view};

pub mod draw;

const DAY: i64 = 86_400;
/// No channel needs a contact point.
static REACH: Reach = Reach::new();

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

pub fn at(day: i64, seconds: i64) -> Timestamp {
    start() + TimeDelta::seconds(day * DAY + seconds)
}

pub fn catalog() -> Catalog {
    let product = |n: i64, category: i64, group: Option<i64>| {
        let mut product = Product::bare(ProductId::from(format!("p{n}")), Some(LabelKey(category)));
        product.group = group.map(LabelKey);
        (ProductKey(n), product)
    };
    let products =
        [product(1, 10, Some(20)), product(2, 10, Some(20)), product(3, 10, None), product(4, 11, None)];
    let labels = [(10, "coffee"), (11, "pets"), (20, "beans")];
    Catalog::new(HashMap::from(products), labels.map(|(k, t)| (LabelKey(k), t.to_owned())).into())
}

/// A member of whom nothing is known yet.
pub fn unknown(member: Member) -> MemberView {
    MemberView {
        member,
        lines: vec![],
        next_line_at: None,
        suppressions: vec![],
        occasions: vec![],
        jobs: vec![],
        stage: None,
        pauses: vec![],
        import_under_way: false,
        dropout: BTreeMap::new(),
        planned_with: None,
    }
}

pub fn shop<'a>(rules: &'a Rules, catalog: &'a Catalog, priors: &'a Priors) -> Shop<'a> {
    let zone = chrono_tz::Asia::Taipei;
    Shop { rules, catalog, priors, zone, reach: &REACH, locale: "en", orders_at: None, shadow: false }
}

pub fn replanned(paper: &mut Paper, shop: &Shop<'_>, now: Timestamp) {
    let (changes, _) = replan(&paper.as_of(now), shop, now);
    paper.apply(changes);
}

pub fn assembled(paper: &mut Paper, shop: &Shop<'_>, now: Timestamp) {
    let changes = assemble(&paper.as_of(now), shop, now);
    paper.apply(changes);
}

/// What the receiver sees: which occasions each hand-over was about.
pub type Received = Vec<Vec<OccasionKey>>;

pub fn delivered(
    paper: &mut Paper,
    shop: &Shop<'_>,
    now: Timestamp,
    result: Delivery,
    received: &mut Received,
) {
    for id in paper.offer(now) {
        let view = paper.as_of(now);
        let (changes, claimed) = claim(&view, &id, shop, now, lease(now));
        paper.apply(changes);
        if !matches!(claimed, Claim::Send(_)) {
            continue;
        }
        if result == Delivery::Delivered {
            let of_job = |o: &&replenish::domain::occasion::Occasion| o.job() == Some(&id);
            received.push(paper.view.occasions.iter().filter(of_job).map(|o| o.key.clone()).collect());
        }
        paper.settle(&id, result, now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn planning_twice_changes_nothing(view in view(), rules in rules(), day in 0..260_i64, hour in 0..24_i64) {
        let (catalog, priors) = (catalog(), Priors::default());
        let shop = shop(&rules, &catalog, &priors);
        let mut paper = Paper::new(view);
        replanned(&mut paper, &shop, at(day, hour * 3600));
        let before = paper.open();
        let (changes, _) = replan(&paper.as_of(at(day, hour * 3600)), &shop, at(day, hour * 3600));
        prop_assert_eq!(changes.len(), 1, "only the note that the planner was here: {:?}", changes);
        paper.apply(changes);
        prop_assert_eq!(before, paper.open());
    }

    #[test]
    fn time_alone_moves_no_due_date(view in view(), rules in rules(), day in 240..300_i64, later in 1..40_i64, seconds in 0..DAY) {
        let (catalog, priors) = (catalog(), Priors::default());
        let shop = shop(&rules, &catalog, &priors);
        let mut paper = Paper::new(view);
        replanned(&mut paper, &shop, at(day, seconds));
        let then = at(day + later, seconds);
        let before: BTreeMap<_, _> = paper.open().into_iter().map(|o| (o.key, o.due_at)).collect();
        // A silence becomes a lapse by the clock, and the years come round.
        let comes_with_time = |rule: &RuleId| matches!(
            rules.get(rule).map(|r| &r.trigger),
            Some(Trigger::Member(MemberMoment::StageChange(_) | MemberMoment::Anniversary, _))
        );
        for wanted in plan(&paper.as_of(then), &shop, then) {
            let due = before.get(&wanted.key);
            let is_new = due.is_none() && comes_with_time(&wanted.key.rule);
            prop_assert!(is_new || due == Some(&wanted.due_at), "{:?} came or moved by itself", wanted.key);
        }
        let (changes, _) = replan(&paper.as_of(then), &shop, then);
        for change in &changes {
            let expected = match change {
                Change::Stage(..) | Change::Planned(..) => true,
                Change::Plan(o) => comes_with_time(&o.key.rule),
                Change::Withdraw(key) => comes_with_time(&key.rule),
                _ => false,
            };
            prop_assert!(expected, "nothing moves or is withdrawn by time: {:?}", change);
        }
    }

    #[test]
    fn planning_the_awake_equals_planning_everyone(view in view(), rules in rules(), days in prop::collection::vec(0..280_i64, 1..8)) {
        let (catalog, priors) = (catalog(), Priors::default());
        let shop = shop(&rules, &catalog, &priors);
        let (mut everyone, mut awake) = (Paper::new(view.clone()), Paper::new(view));
        let mut days = days;
        days.sort();
        let (mut seen, mut seen_awake) = (Received::new(), Received::new());
        for day in days {
            let now = at(day, 36_000);
            replanned(&mut everyone, &shop, now);
            if awake.is_awake(now) {
                replanned(&mut awake, &shop, now);
            }
            prop_assert_eq!(everyone.open(), awake.open(), "day {}", day);
            for (paper, seen) in [(&mut everyone, &mut seen), (&mut awake, &mut seen_awake)] {
                assembled(paper, &shop, now);
                delivered(paper, &shop, now, Delivery::Delivered, seen);
            }
            prop_assert_eq!(&seen, &seen_awake);
        }
    }

    #[test]
    fn an_occasion_is_served_at_most_once_in_any_order_of_steps(
        view in view(), rules in rules(), steps in prop::collection::vec((0..7_u8, 0..6_i64, 0..4_u8), 1..60)
    ) {
        let (catalog, priors) = (catalog(), Priors::default());
        let shop = shop(&rules, &catalog, &priors);
        let mut paper = Paper::new(view);
        let mut received = Received::new();
        let mut now = at(100, 36_000);
        for (step, days, result) in steps {
            now += TimeDelta::days(days);
            let result = [Delivery::Delivered, Delivery::Transient, Delivery::Unreachable, Delivery::Permanent][result as usize];
            match step {
                0 | 1 => replanned(&mut paper, &shop, now),
                2 => assembled(&mut paper, &shop, now),
                3 | 4 => delivered(&mut paper, &shop, now, result, &mut received),
                5 => paper.crash(),
                _ => { paper.offer(now); }
            }
        }
        let mut seen = BTreeSet::new();
        for key in received.iter().flatten() {
            prop_assert!(seen.insert(key.clone()), "{:?} was served twice", key);
        }
        for job in paper.view.jobs.iter().filter(|j| j.state == JobState::Delivered) {
            prop_assert!(paper.view.occasions.iter().any(|o| o.job() == Some(&job.id)));
        }
    }

    #[test]
    fn nothing_goes_to_a_member_who_opted_out(view in view(), rules in rules(), day in 0..260_i64, by_consent in any::<bool>()) {
        let (catalog, priors) = (catalog(), Priors::default());
        let shop = shop(&rules, &catalog, &priors);
        let mut paper = Paper::new(view);
        let now = at(day, 36_000);
        replanned(&mut paper, &shop, now);
        assembled(&mut paper, &shop, now);
        if by_consent {
            paper.view.member.consent = Some(BTreeSet::new());
        } else {
            paper.view.suppressions.push(Suppression { purpose: None, item: None, until: None, again: None });
        }
        let mut received = Received::new();
        for _ in 0..3 {
            replanned(&mut paper, &shop, now);
            assembled(&mut paper, &shop, now);
            delivered(&mut paper, &shop, now, Delivery::Delivered, &mut received);
        }
        prop_assert!(received.is_empty(), "{:?}", received);
        prop_assert!(paper.view.jobs.iter().all(|j| j.state == JobState::Skipped));
    }
}

/// One member who buys coffee every thirty days; the reminder is due on day 95 and the view stands on day `now`.
pub fn steady() -> (Rules, Paper) {
    let rule = Rule { per: Level::Category, ..Rule::new("refill", Trigger::Need(When::Before(5)), "crm") };
    let lines = (0..4).map(|n| bought(&format!("o{n}"), n * 30, 1.0)).collect();
    let view = MemberView { lines, ..unknown(Member::bare(MemberId::from("m1"))) };
    (Rules::new(vec![rule], Guards::default(), vec![], Stages::default()), Paper::new(view))
}

pub fn bought(order: &str, day: i64, quantity: f64) -> Line {
    Line {
        order: order.into(),
        product: ProductKey(1),
        at: at(day, 36_000),
        quantity,
        counted: true,
        gift: false,
        delivered_at: None,
    }
}

/// Plans on the day after the last purchase, and assembles on the due day.
pub fn with_job() -> (Rules, Paper, Timestamp) {
    let (rules, mut paper) = steady();
    let (catalog, priors) = (catalog(), Priors::default());
    let due = {
        let shop = shop(&rules, &catalog, &priors);
        replanned(&mut paper, &shop, at(91, 0));
        let due = paper.open()[0].due_at;
        assembled(&mut paper, &shop, due);
        due
    };
    assert_eq!(paper.view.jobs.len(), 1);
    (rules, paper, due)
}

fn reason_after(change: impl FnOnce(&mut Paper, Timestamp)) -> Option<&'static str> {
    let (rules, mut paper, due) = with_job();
    let (catalog, priors) = (catalog(), Priors::default());
    let shop = shop(&rules, &catalog, &priors);
    change(&mut paper, due);
    let mut received = Received::new();
    delivered(&mut paper, &shop, due, Delivery::Delivered, &mut received);
    assert_eq!(received.is_empty(), paper.view.jobs[0].state == JobState::Skipped);
    paper.view.jobs[0].reason.map(|r| r.as_str())
}

#[test]
fn what_happens_between_assembling_and_claiming_decides() {
    assert_eq!(reason_after(|_, _| {}), None);
    assert_eq!(
        reason_after(|p, due| p.lines.push(Line { at: due, ..bought("again", 0, 1.0) })),
        Some("reordered")
    );
    assert_eq!(reason_after(|p, _| p.lines.push(bought("o3", 92, -1.0))), Some("returned"));
    assert_eq!(reason_after(|p, _| p.view.member.consent = Some(BTreeSet::new())), Some("no_consent"));
    let out = || Suppression { purpose: Some(Purpose::Reminder), item: None, until: None, again: None };
    assert_eq!(reason_after(|p, _| p.view.suppressions.push(out())), Some("suppressed"));
    assert_eq!(reason_after(|p, due| p.view.jobs[0].valid_until = due), Some("expired"));
}

#[test]
fn a_cycle_that_is_not_later_than_the_last_served_one_stays_silent() {
    let (rules, mut paper, due) = with_job();
    let (catalog, priors) = (catalog(), Priors::default());
    let shop = shop(&rules, &catalog, &priors);
    delivered(&mut paper, &shop, due, Delivery::Delivered, &mut Received::new());
    // the anchor is returned: the cycle before becomes the current one again
    paper.lines.push(bought("o3", 95, -1.0));
    replanned(&mut paper, &shop, due + TimeDelta::days(1));
    assert!(paper.open().is_empty(), "{:?}", paper.open());
}

#[test]
fn a_corrected_date_cannot_fire_again_and_a_new_purchase_does() {
    let (rules, mut paper, due) = with_job();
    let (catalog, priors) = (catalog(), Priors::default());
    let shop = shop(&rules, &catalog, &priors);
    delivered(&mut paper, &shop, due, Delivery::Delivered, &mut Received::new());
    paper.lines[3].at += TimeDelta::days(2);
    replanned(&mut paper, &shop, due + TimeDelta::days(1));
    assert!(paper.open().is_empty());
    paper.lines.push(Line { at: due + TimeDelta::days(4), ..bought("o9", 0, 1.0) });
    replanned(&mut paper, &shop, due + TimeDelta::days(4));
    let open = paper.open();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].key.cycle, Cycle::from("o9"));
}
