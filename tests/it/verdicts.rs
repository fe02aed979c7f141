//! What guards, retries and sentences come to, case by case.

use std::collections::HashMap;

use chrono::{NaiveDate, TimeDelta};
use replenish::domain::assemble::assemble;
use replenish::domain::catalog::{Catalog, Product};
use replenish::domain::change::Change;
use replenish::domain::ids::{LabelKey, ProductId, ProductKey, Timestamp};
use replenish::domain::interval::Priors;
use replenish::domain::job::{Delivery, JobState, OnUncertain, Outcome, RetryPolicy};
use replenish::domain::lifecycle::{Stage, Stages};
use replenish::domain::member::Suppression;
use replenish::domain::occasion::{Evidence, NeedEvidence};
use replenish::domain::order::Line;
use replenish::domain::reason::{Language, Reason};
use replenish::domain::rules::{FrequencyCap, Guards, Rules};
use replenish::domain::shop::Shop;
use replenish::domain::trigger::{ItemMoment, Trigger};
use replenish::domain::wording::why;

use crate::planning::{
    Received, assembled, at, bought, catalog, delivered, replanned, shop, steady, with_job,
};
use crate::support::paper::Paper;

fn rules_with(rules: &Rules, guards: Guards) -> Rules {
    Rules::new(rules.all().to_vec(), guards, vec![], rules.stages)
}

/// The holds and ends of assembling one due member.
fn against(rules: &Rules, paper: &Paper, now: Timestamp) -> Vec<Reason> {
    let (catalog, priors) = (catalog(), Priors::default());
    let changes = assemble(&paper.as_of(now), &shop(rules, &catalog, &priors), now);
    let reason = |change: &Change| match change {
        Change::Hold(_, _, reason) | Change::Close(_, reason) => Some(*reason),
        _ => None,
    };
    changes.iter().filter_map(reason).collect()
}

/// Planned, and due at the time given.
fn due(rules: &Rules) -> (Paper, Timestamp) {
    let (_, mut paper) = steady();
    let (catalog, priors) = (catalog(), Priors::default());
    replanned(&mut paper, &shop(rules, &catalog, &priors), at(91, 0));
    let due = paper.open()[0].due_at;
    (paper, due)
}

#[test]
fn guards_hold_and_end_with_their_reasons() {
    let (rules, _) = steady();
    let (paper, now) = due(&rules);
    assert_eq!(against(&rules, &paper, now), []);
    let capped = FrequencyCap { purpose: None, count: 0, within: TimeDelta::days(7) };
    let guards = |change: fn(&mut Guards)| {
        let mut guards = Guards::default();
        change(&mut guards);
        rules_with(&rules, guards)
    };
    let held_out = guards(|g| g.holdout = 1.0);
    assert_eq!(against(&held_out, &paper, now), [Reason::Holdout]);
    let stale = guards(|g| g.orders_fresh_within = Some(TimeDelta::hours(36)));
    assert_eq!(against(&stale, &paper, now), [Reason::OrdersStale]);
    let full = rules_with(&rules, Guards { frequency_caps: vec![capped], ..Guards::default() });
    assert_eq!(against(&full, &paper, now), [Reason::FrequencyCap]);
    assert_eq!(against(&rules, &paper, now + TimeDelta::days(11)), [Reason::Expired]);
}

#[test]
fn an_item_opt_out_is_understood_at_every_level() {
    let (rules, _) = steady();
    let (mut paper, now) = due(&rules);
    for (item, expected) in [("p1", true), ("beans", true), ("coffee", true), ("p4", false), ("pets", false)]
    {
        paper.view.suppressions =
            vec![Suppression { purpose: None, item: Some(item.to_owned()), until: None, again: None }];
        assert_eq!(against(&rules, &paper, now) == [Reason::Suppressed], expected, "{item}");
    }
}

#[test]
fn in_shadow_a_live_job_stays_where_it_is() {
    let (rules, mut paper, due) = with_job();
    let (catalog, priors) = (catalog(), Priors::default());
    let shadow = Shop { shadow: true, ..shop(&rules, &catalog, &priors) };
    let mut received = Received::new();
    delivered(&mut paper, &shadow, due, Delivery::Delivered, &mut received);
    let job = &paper.view.jobs[0];
    assert!(received.is_empty());
    assert_eq!((job.state, job.reason), (JobState::Scheduled, Some(Reason::Shadow)));
}

#[test]
fn a_turn_stays_served_when_its_product_comes_into_another_category() {
    let (rules, mut paper, due) = with_job();
    let (before, priors) = (catalog(), Priors::default());
    delivered(&mut paper, &shop(&rules, &before, &priors), due, Delivery::Delivered, &mut Received::new());
    let product = Product::bare(ProductId::from("p1"), Some(LabelKey(12)));
    let labels = HashMap::from([(LabelKey(12), "hot drinks".to_owned())]);
    let after = Catalog::new(HashMap::from([(ProductKey(1), product)]), labels);
    replanned(&mut paper, &shop(&rules, &after, &priors), due + TimeDelta::hours(1));
    assert!(paper.open().is_empty(), "{:?}", paper.open());
}

#[test]
fn an_order_whose_lines_lie_on_several_days_is_one_turn() {
    let (rules, mut paper) = steady();
    let mut rule = rules.all()[0].clone();
    rule.trigger = Trigger::Item(ItemMoment::Purchase, TimeDelta::days(1));
    rule.needs.purchases = 1;
    let rules = Rules::new(vec![rule], Guards::default(), vec![], Stages::default());
    paper.lines = [100, 101, 103].map(|day| bought("one", day, 1.0)).to_vec();
    let (catalog, priors) = (catalog(), Priors::default());
    let shop = shop(&rules, &catalog, &priors);
    replanned(&mut paper, &shop, at(103, 40_000));
    assert_eq!(paper.open().len(), 1);
    assembled(&mut paper, &shop, at(103, 40_000));
    replanned(&mut paper, &shop, at(104, 40_000));
    assert!(paper.open().is_empty());
}

#[test]
fn of_two_jobs_that_wait_at_a_full_cap_the_earlier_goes() {
    let (rules, mut paper, due) = with_job();
    let mut second = paper.view.jobs[0].clone();
    second.id = "job_second".into();
    second.due_at += TimeDelta::seconds(1);
    paper.view.jobs.push(second);
    let cap = FrequencyCap { purpose: None, count: 1, within: TimeDelta::days(7) };
    let rules = rules_with(&rules, Guards { frequency_caps: vec![cap], ..Guards::default() });
    let (catalog, priors) = (catalog(), Priors::default());
    let mut received = Received::new();
    delivered(
        &mut paper,
        &shop(&rules, &catalog, &priors),
        due + TimeDelta::seconds(1),
        Delivery::Delivered,
        &mut received,
    );
    assert_eq!(received.len(), 1);
    assert_eq!(paper.view.jobs[0].state, JobState::Delivered);
}

#[test]
fn a_reminder_is_taken_back_with_its_purchase_and_comes_with_the_next() {
    let (rules, mut paper) = steady();
    let (catalog, priors) = (catalog(), Priors::default());
    let shop = shop(&rules, &catalog, &priors);
    replanned(&mut paper, &shop, at(91, 0));
    let first = paper.open()[0].clone();
    paper.lines.push(Line { at: at(92, 0), ..bought("new", 0, 1.0) });
    replanned(&mut paper, &shop, at(92, 1));
    let open = paper.open();
    assert_eq!(open.len(), 1, "one need, one reminder");
    assert!(first.key.cycle == "o3".into() && open[0].key.cycle == "new".into());
}

#[test]
fn retries_grow_end_and_never_outlive_the_message() {
    let (_, paper, now) = with_job();
    let job = &paper.view.jobs[0];
    let policy = RetryPolicy { attempts: 2, ..RetryPolicy::default() };
    let settle = |tries, result: Delivery, asked: Option<i64>, policy: &RetryPolicy, on| {
        let mut job = job.clone();
        (job.attempts, job.tries) = (tries, tries);
        let mut outcome = Outcome::new(result, Some(Reason::Deferred));
        outcome.retry_after = asked.map(TimeDelta::seconds);
        policy.settle(&job, &outcome, on, now, 0.0)
    };
    let hold = OnUncertain::Hold;
    let waits =
        |s: replenish::domain::job::Settled| (s.state, s.not_before.map(|at| (at - now).num_seconds()));
    let again = |seconds| (JobState::Scheduled, Some(seconds));
    assert_eq!(waits(settle(0, Delivery::Transient, None, &policy, hold)), again(10));
    assert_eq!(waits(settle(0, Delivery::Transient, Some(90), &policy, hold)), again(90));
    assert_eq!(
        waits(settle(0, Delivery::Transient, Some(1_000_000), &policy, hold)),
        again(6 * 3600),
        "clamped"
    );
    assert_eq!(
        waits(settle(1, Delivery::Transient, None, &policy, hold)),
        (JobState::Failed, None),
        "used up"
    );
    assert_eq!(waits(settle(3, Delivery::Unreachable, None, &policy, hold)), again(240), "burns no attempt");
    assert_eq!(
        waits(settle(9, Delivery::Unreachable, None, &policy, hold)),
        again(240),
        "and never waits long"
    );
    assert_eq!(waits(settle(0, Delivery::Permanent, None, &policy, hold)), (JobState::Failed, None));
    assert_eq!(waits(settle(0, Delivery::Uncertain, None, &policy, hold)), (JobState::Uncertain, None));
    assert_eq!(waits(settle(0, Delivery::Uncertain, None, &policy, OnUncertain::Resend)), again(10));
    let patient = RetryPolicy { first: TimeDelta::days(11), longest: TimeDelta::days(11), ..policy };
    let late = settle(0, Delivery::Transient, None, &patient, hold);
    assert_eq!((late.state, late.reason), (JobState::Skipped, Some(Reason::Expired)));
}

#[test]
fn some_answers_have_a_schedule_of_their_own() {
    use Delivery::{Transient, Unreachable};
    let (_, paper, now) = with_job();
    let policy = RetryPolicy { attempts: 20, ..RetryPolicy::default() };
    let rows = [
        (Transient, Reason::Deferred, [10, 30, 90, 270, 810, 2430]),
        (Transient, Reason::Greylisted, [300, 600, 1200, 2400, 3600, 3600]),
        (Transient, Reason::MailboxFull, [7200, 14400, 28800, 43200, 43200, 43200]),
        (Unreachable, Reason::Throttled, [60, 120, 240, 480, 960, 1920]),
        (Unreachable, Reason::Unreachable, [10, 30, 90, 240, 240, 240]),
    ];
    for (result, reason, delays) in rows {
        let mut job = paper.view.jobs[0].clone();
        // Hours of no connection do not make a server's answer wait longer.
        (job.tries, job.valid_until) = (if result == Transient { 40 } else { 0 }, now + TimeDelta::days(9));
        for (nth, delay) in delays.into_iter().enumerate() {
            let settled =
                policy.settle(&job, &Outcome::new(result, Some(reason)), OnUncertain::Hold, now, 0.0);
            let waits = settled.not_before.map(|at| (at - now).num_seconds());
            assert_eq!((waits, settled.burns_attempt), (Some(delay), result == Transient), "{reason} {nth}");
            job.attempts += u32::from(settled.burns_attempt);
            job.tries += 1;
        }
    }
    let mut outcome = Outcome::new(Unreachable, Some(Reason::Throttled));
    outcome.retry_after = Some(TimeDelta::minutes(30));
    let settled = policy.settle(&paper.view.jobs[0], &outcome, OnUncertain::Hold, now, 0.0);
    assert_eq!(
        settled.not_before,
        Some(now + TimeDelta::minutes(30)),
        "the peer's own word, when it is longer"
    );
}

#[test]
fn a_message_says_the_name_first_and_what_it_knows() {
    let date = |month, day| NaiveDate::from_ymd_opt(2026, month, day).unwrap();
    let need = NeedEvidence {
        interval_days: 33.7,
        intervals: 5,
        p10: date(3, 20),
        p25: date(4, 1),
        p50: date(4, 5),
        p75: date(4, 9),
        p90: date(4, 20),
        chance: 0.3,
        still_buying: 0.9,
        supply_days: None,
    };
    let evidence = Evidence {
        hash: String::new(),
        rule_hash: String::new(),
        priors: String::new(),
        order: Some("o1".into()),
        purchases: 6,
        quantity: 1.0,
        last_purchase: Some(date(3, 2)),
        event: None,
        need: Some(need),
        stage: Stage::Regular,
    };
    let chinese = "你通常每 34 天回購一次(看過 5 次),上次是 3 月 2 日;大約 4 月 1 到 9 日會需要。";
    let said = |language, name, evidence: &Evidence| why(language, name, evidence, date(3, 30));
    assert_eq!(said(Language::Chinese, Some("咖啡豆"), &evidence), format!("「咖啡豆」{chinese}"));
    assert_eq!(said(Language::Chinese, None, &evidence), chinese);
    let care = Evidence { need: None, ..evidence };
    let cases = [
        (Language::Chinese, Some("咖啡豆"), "你在 3 月 2 日買了「咖啡豆」。"),
        (Language::Chinese, None, "你在 3 月 2 日買了這項商品。"),
        (Language::English, Some("Coffee"), "You bought Coffee on March 2."),
        (Language::English, None, "You bought this on March 2."),
    ];
    for (language, name, sentence) in cases {
        assert_eq!(said(language, name, &care), sentence);
    }
}

#[test]
fn every_reason_is_published_with_its_sentences_and_what_to_do() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    for reason in Reason::ALL {
        let [english, chinese] =
            [Language::English, Language::Chinese].map(|language| reason.sentence(language));
        let [advice, advice_chinese] =
            [Language::English, Language::Chinese].map(|language| reason.advice(language));
        let row = format!("| `{reason}` | {english} {chinese} | {advice} {advice_chinese} |");
        assert!(readme.contains(&row), "README lacks {row}");
    }
}
