//! "Remind me again": what a member's wish does to planning, guards and sentences.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use replenish::domain::calendar::{Festival, FestivalAction, YearDay};
use replenish::domain::catalog::Level;
use replenish::domain::ids::{Cycle, Timestamp};
use replenish::domain::interval::Priors;
use replenish::domain::job::{Delivery, JobState};
use replenish::domain::lifecycle::{Stage, Stages};
use replenish::domain::member::{Purpose, Suppression};
use replenish::domain::occasion::{EventKind, Occasion};
use replenish::domain::order::Line;
use replenish::domain::plan::{Plan, consider};
use replenish::domain::reason::{Language, Reason};
use replenish::domain::rules::{About, Audience, Guards, Needs, Rule, Rules};
use replenish::domain::shop::Person;
use replenish::domain::trigger::{Trigger, When};
use replenish::domain::wording::why;

use crate::planning::{Received, assembled, at, bought, catalog, delivered, replanned, shop, with_job};
use crate::support::paper::Paper;

/// Asked at noon of a day, to be reminded again from the start of another, both in Taipei.
fn wish(item: &str, asked: i64, day: i64) -> Suppression {
    Suppression {
        purpose: Some(Purpose::Reminder),
        item: Some(item.to_owned()),
        until: Some(from(day)),
        again: Some(noon(asked)),
    }
}

fn from(day: i64) -> Timestamp {
    at(day, -8 * 3600)
}

fn noon(day: i64) -> Timestamp {
    at(day, 4 * 3600)
}

/// The member bought on day 90, was reminded some days before the next need, and asks at noon of day 120 for day 150.
fn asked(rules: &Rules, paper: &mut Paper, due: Timestamp, item: &str) {
    let (catalog, priors) = (catalog(), Priors::default());
    delivered(paper, &shop(rules, &catalog, &priors), due, Delivery::Delivered, &mut Received::new());
    assert!(due < noon(120) && paper.view.jobs[0].state == JobState::Delivered);
    paper.view.suppressions = vec![wish(item, 120, 150)];
}

fn plan_on(rules: &Rules, paper: &mut Paper, now: Timestamp) -> Vec<Occasion> {
    let (catalog, priors) = (catalog(), Priors::default());
    replanned(paper, &shop(rules, &catalog, &priors), now);
    paper.open()
}

fn considered(rules: &Rules, paper: &Paper, now: Timestamp) -> Plan {
    let (catalog, priors) = (catalog(), Priors::default());
    let (shop, view) = (shop(rules, &catalog, &priors), paper.as_of(now));
    consider(&Person::of(&view, &shop), &shop, now)
}

/// Assembles and delivers; what was received.
fn sent(rules: &Rules, paper: &mut Paper, now: Timestamp) -> Received {
    let (catalog, priors) = (catalog(), Priors::default());
    let shop = shop(rules, &catalog, &priors);
    let mut received = Received::new();
    assembled(paper, &shop, now);
    delivered(paper, &shop, now, Delivery::Delivered, &mut received);
    received
}

fn with_wish() -> (Rules, Paper) {
    let (rules, mut paper, due) = with_job();
    asked(&rules, &mut paper, due, "coffee");
    (rules, paper)
}

fn having(rules: Vec<Rule>) -> Rules {
    Rules::new(rules, Guards::default(), vec![], Stages::default())
}

fn needing(id: &str, per: Level) -> Rule {
    Rule { per, ..Rule::new(id, Trigger::Need(When::Before(5)), "crm") }
}

#[test]
fn whoever_asks_is_reminded_once_more_on_that_day_and_told_why() {
    let (rules, mut paper) = with_wish();
    let open = plan_on(&rules, &mut paper, noon(120));
    let [one] = &open[..] else { panic!("{open:?}") };
    assert_eq!(one.key.cycle, Cycle::from("o3/again-2026-05-31"));
    assert_eq!((one.due_at, one.key.cycle.anchor()), (from(150), "o3"));
    let evidence = one.evidence.as_ref().unwrap();
    let (event, on) = evidence.event.clone().unwrap();
    assert_eq!((event, on.to_string().as_str()), (EventKind::AskedAgain, "2026-05-01"));
    assert!(evidence.order.is_some() && evidence.need.as_ref().unwrap().p50 >= "2026-05-31".parse().unwrap());
    let today = "2026-05-31".parse().unwrap();
    for (language, name, expected) in [
        (Language::English, Some("Beans"), "You asked to be reminded again about Beans."),
        (Language::English, None, "You asked to be reminded again."),
        (Language::Chinese, Some("咖啡豆"), "你請我們再次提醒你「咖啡豆」。"),
        (Language::Chinese, None, "你請我們再次提醒你。"),
    ] {
        assert_eq!(why(language, name, evidence, today), expected);
    }
    assert_eq!(sent(&rules, &mut paper, from(150) - TimeDelta::seconds(1)), Received::new());
    assert_eq!(sent(&rules, &mut paper, from(150)), [[one.key.clone()]]);
    for day in [150, 165, 200] {
        assert_eq!(plan_on(&rules, &mut paper, noon(day)), [], "day {day}");
        assert_eq!(sent(&rules, &mut paper, noon(day)), Received::new());
    }
}

#[test]
fn a_purchase_meanwhile_ends_the_wish() {
    let again = || Line { at: noon(124), ..bought("o9", 0, 1.0) };
    let (rules, mut paper) = with_wish();
    plan_on(&rules, &mut paper, noon(120));
    paper.lines.push(again());
    let cycles: Vec<Cycle> =
        plan_on(&rules, &mut paper, noon(124)).into_iter().map(|o| o.key.cycle).collect();
    assert_eq!(cycles, [Cycle::from("o9")], "the ordinary turn of the new purchase");
    // the planner has not been by, or the message was already made
    for (bought_on, has_job) in [(124, false), (150, true)] {
        let (rules, mut paper) = with_wish();
        plan_on(&rules, &mut paper, noon(120));
        if has_job {
            let (catalog, priors) = (catalog(), Priors::default());
            assembled(&mut paper, &shop(&rules, &catalog, &priors), from(150));
            assert_eq!(paper.view.jobs.len(), 2);
        }
        paper.lines.push(Line { at: from(bought_on), ..again() });
        assert_eq!(sent(&rules, &mut paper, noon(150)), Received::new());
        let reason = if has_job { paper.view.jobs[1].reason } else { closed(&paper) };
        assert_eq!(reason, Some(Reason::Reordered));
    }
}

fn closed(paper: &Paper) -> Option<Reason> {
    paper.view.occasions.iter().find_map(|o| match o.state {
        replenish::domain::occasion::OccasionState::Closed(reason) => Some(reason),
        _ => None,
    })
}

#[test]
fn a_purchase_later_on_the_day_of_the_wish_ends_it_too_and_one_before_it_does_not() {
    for (hour, stays) in [(3, true), (5, false)] {
        let (rules, mut paper) = with_wish();
        paper.view.suppressions = vec![wish("coffee", 120, 150)];
        paper.lines.push(Line { at: at(120, hour * 3600), ..bought("o9", 0, 1.0) });
        let open = plan_on(&rules, &mut paper, noon(121));
        let cycle = if stays { "o9/again-2026-05-31" } else { "o9" };
        assert_eq!(open.iter().map(|o| o.key.cycle.as_str()).collect::<Vec<_>>(), [cycle]);
    }
}

#[test]
fn a_later_wish_replaces_the_earlier_one_and_can_be_uttered_again_after_each_reminder() {
    let (rules, mut paper) = with_wish();
    plan_on(&rules, &mut paper, noon(120));
    paper.view.suppressions = vec![wish("coffee", 124, 154)];
    let open = plan_on(&rules, &mut paper, noon(124));
    assert_eq!(open.iter().map(|o| o.due_at).collect::<Vec<_>>(), [from(154)]);
    assert_eq!(sent(&rules, &mut paper, noon(154)).len(), 1);
    paper.view.suppressions = vec![wish("coffee", 155, 185)];
    plan_on(&rules, &mut paper, noon(155));
    assert_eq!(sent(&rules, &mut paper, noon(185)).len(), 1);
    // the same wish, its anchor corrected to another order
    paper.lines.push(Line { at: noon(100), ..bought("late", 0, 1.0) });
    assert_eq!(plan_on(&rules, &mut paper, noon(186)), []);
}

#[test]
fn a_wish_needs_no_certainty_but_a_rule_that_is_for_this_member_and_item() {
    let of = |change: &dyn Fn(&mut Rule)| {
        let (_, paper) = with_wish();
        let mut rule = needing("refill", Level::Category);
        change(&mut rule);
        let rules = having(vec![rule]);
        let plan = considered(&rules, &paper, noon(121));
        (plan.wanted.len(), plan.silences.first().map(|s| s.reason))
    };
    let strict = Needs { purchases: 99, or_days_supply: false, chance: 0.99, spread: Some(1) };
    assert_eq!(of(&|rule| rule.needs = strict), (1, None));
    assert_eq!(
        of(&|rule| rule.audience =
            Audience { stages: BTreeSet::from([Stage::Lapsed]), ..Audience::default() }),
        (0, Some(Reason::NotInAudience))
    );
    let pets = About { categories: BTreeSet::from(["pets".to_owned()]), ..About::default() };
    assert_eq!(of(&|rule| rule.about = pets.clone()), (0, None));
    let (rules, mut paper) = with_wish();
    paper.view.member.subscribed_items = BTreeSet::from(["coffee".to_owned()]);
    let plan = considered(&rules, &paper, noon(121));
    assert_eq!((plan.wanted.len(), plan.silences[0].reason), (0, Reason::Subscribed));
}

#[test]
fn one_rule_speaks_for_a_wish_whatever_becomes_of_the_rules() {
    let both = || having(vec![needing("bag", Level::Product), needing("refill", Level::Category)]);
    for item in ["coffee", "p1", "beans"] {
        let (rules, mut paper, due) = with_job();
        // an old purchase of another coffee is not what the member asked for
        paper.lines.insert(0, Line { product: replenish::domain::ids::ProductKey(3), ..bought("x", 1, 1.0) });
        asked(&rules, &mut paper, due, item);
        let rules = both();
        let open = plan_on(&rules, &mut paper, noon(120));
        let told: Vec<_> = open.iter().map(|o| (o.key.rule.as_str(), o.key.cycle.as_str())).collect();
        assert_eq!(told, [("bag", "o3/again-2026-05-31")], "{item}");
        assert_eq!(sent(&rules, &mut paper, noon(150)).len(), 1);
        assert_eq!(plan_on(&rules, &mut paper, noon(151)), []);
    }
    // kept by one rule, then another comes before it
    let (rules, mut paper) = with_wish();
    plan_on(&rules, &mut paper, noon(120));
    assert_eq!(sent(&rules, &mut paper, noon(150)).len(), 1);
    assert_eq!(plan_on(&both(), &mut paper, noon(151)), []);
}

#[test]
fn no_festival_brings_it_earlier_and_a_later_opt_out_holds_it() {
    let (rules, paper) = with_wish();
    for (action, due) in [(FestivalAction::Hold, from(153)), (FestivalAction::PullForward, from(150))] {
        let festival =
            Festival { name: "May".into(), from: YearDay::Solar(5, 30), until: YearDay::Solar(6, 2), action };
        let rules = Rules::new(rules.all().to_vec(), Guards::default(), vec![festival], Stages::default());
        assert_eq!(considered(&rules, &paper, noon(120)).wanted[0].due_at, due, "{action:?}");
    }
    let (rules, mut paper) = with_wish();
    plan_on(&rules, &mut paper, noon(120));
    let never = Suppression { purpose: None, until: None, again: None, ..wish("coffee", 120, 150) };
    paper.view.suppressions.push(never);
    assert_eq!(sent(&rules, &mut paper, noon(150)), Received::new());
    assert_eq!(paper.open()[0].held_for, Some(Reason::Suppressed));
}
