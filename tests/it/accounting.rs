//! The property behind `explain`: no rule and item without an account, and none with two.

use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use replenish::desk::explain::{Explanation, explain_one};
use replenish::domain::catalog::{Catalog, Item};
use replenish::domain::ids::Timestamp;
use replenish::domain::interval::Priors;
use replenish::domain::job::Delivery;
use replenish::domain::member::MemberView;
use replenish::domain::occasion::Occasion;
use replenish::domain::plan::is_about;
use replenish::domain::reason::{Language, Reason};
use replenish::domain::rules::{Rule, Rules};
use replenish::domain::shop::{Knowledge, Person};
use replenish::domain::trigger::Trigger;

use crate::planning::draw::{rules, view};
use crate::planning::{Received, assembled, at, catalog, delivered, replanned, shop};
use crate::support::paper::Paper;

/// What an explanation says of one rule and item.
struct Account {
    /// Open occasions that may still go.
    waits: usize,
    /// Occasions that jobs speak for.
    served: usize,
    /// Occasions that a guard or a person ended, or is about to.
    ended: usize,
    /// Silences of the pair as a whole.
    silent: Vec<Reason>,
}

fn account(told: &Explanation, rule: &Rule, item: &str) -> Account {
    let of_pair = |r: &replenish::domain::ids::RuleId, i: &str| *r == rule.id && i == item;
    let mine = || told.silences.iter().filter(|s| of_pair(&s.rule, &s.item));
    let jobs = told.jobs.iter().flat_map(|j| j.occasions.iter().map(move |o| (&j.rule, o)));
    Account {
        waits: told.coming.iter().filter(|c| of_pair(&c.rule, &c.item)).count(),
        served: jobs.filter(|(r, o)| of_pair(r, &o.item)).count(),
        ended: mine().filter(|s| s.cycle.is_some()).count(),
        silent: mine().filter(|s| s.cycle.is_none()).map(|s| s.reason).collect(),
    }
}

/// The ledger's last turn of the pair.
fn last_turn<'a>(view: &'a MemberView, rule: &Rule, item: Item) -> Option<&'a Occasion> {
    let mine = |o: &&Occasion| o.key.item == item && o.key.rule == rule.id;
    view.occasions.iter().filter(mine).max_by_key(|o| o.anchor_day)
}

fn pairs<'a>(person: &Person<'_>, rules: &'a Rules) -> Vec<(&'a Rule, Item)> {
    let items = |rule: &Rule| -> Vec<Item> {
        match rule.trigger {
            Trigger::Member(..) => vec![Item::Anything],
            _ => person.items(rule.per).map(|(item, _)| item).collect(),
        }
    };
    rules.all().iter().flat_map(|rule| items(rule).into_iter().map(move |item| (rule, item))).collect()
}

fn explained(paper: &Paper, knowledge: &Knowledge, catalog: &Catalog, now: Timestamp) -> Explanation {
    explain_one(paper.as_of(now), &paper.view.jobs, knowledge, catalog, now, Language::English)
}

/// A life of the ledger: planned, assembled and delivered after each of so many days.
fn lived(paper: &mut Paper, knowledge: &Knowledge, catalog: &Catalog, steps: &[(u8, i64)]) -> Timestamp {
    let shop = shop(&knowledge.rules, catalog, &knowledge.priors);
    let results = [Delivery::Delivered, Delivery::Transient, Delivery::Permanent];
    let mut now = at(10, 36_000);
    for (step, days) in steps {
        now += TimeDelta::days(*days);
        replanned(paper, &shop, now);
        if *step > 0 {
            assembled(paper, &shop, now);
        }
        if let Some(result) = results.get(usize::from(*step).wrapping_sub(2)) {
            delivered(paper, &shop, now, *result, &mut Received::new());
        }
    }
    now
}

fn every_pair_has_one_account(
    told: &Explanation,
    seen: &MemberView,
    knowledge: &Knowledge,
    catalog: &Catalog,
) -> Result<(), TestCaseError> {
    let shop = shop(&knowledge.rules, catalog, &knowledge.priors);
    let person = Person::of(seen, &shop);
    for (rule, item) in pairs(&person, &knowledge.rules) {
        let told = account(told, rule, &catalog.item_id(item));
        let pair = format!("{} about {item:?}", rule.id);
        prop_assert!(told.silent.len() <= 1, "{} is silent twice: {:?}", pair, told.silent);
        match told.silent.first() {
            Some(reason) => {
                prop_assert_eq!(told.waits, 0, "{} is silent, and waits", pair);
                let about = is_about(&rule.about, item, &person.history, catalog);
                prop_assert_eq!(about, *reason != Reason::NotAbout, "{}: {}", pair, reason);
                let served = last_turn(seen, rule, item).is_some_and(Occasion::is_served);
                prop_assert!(!served || *reason != Reason::Served, "{}: its job says so", pair);
            }
            None if told.waits == 0 => {
                prop_assert!(told.served + told.ended > 0, "{} has no account", pair);
            }
            None => {}
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_rule_and_item_go_without_one_account(
        view in view(), rules in rules(), steps in prop::collection::vec((0..5_u8, 1..40_i64), 0..9)
    ) {
        let zone = chrono_tz::Asia::Taipei;
        let (rules, priors, locale) = (Arc::new(rules), Arc::new(Priors::default()), "en".to_owned());
        let knowledge = Knowledge { rules, priors, zone, reach: Arc::default(), locale, orders_at: None, shadow: false };
        let catalog = catalog();
        let mut paper = Paper::new(view);
        let now = lived(&mut paper, &knowledge, &catalog, &steps);
        let told = explained(&paper, &knowledge, &catalog, now);
        every_pair_has_one_account(&told, &paper.as_of(now), &knowledge, &catalog)?;
        for coming in &told.coming {
            prop_assert!(!coming.guards.is_empty());
            let against: Vec<_> = coming.guards.iter().filter(|g| g.speaks_up()).collect();
            prop_assert!(coming.held_for.is_some() || against.is_empty(), "{} goes in spite of {:?}", coming.id, against);
        }
    }
}
