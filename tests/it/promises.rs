//! What is sent never breaks what was promised: caps, hours, consent, opt-outs, holdouts, validity; over random rules,
//! members, histories and times.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate, TimeDelta, TimeZone};
use proptest::prelude::*;
use replenish::domain::assemble::{Claim, claim};
use replenish::domain::calendar::Hours;
use replenish::domain::guards::holdout_share;
use replenish::domain::ids::Timestamp;
use replenish::domain::interval::Priors;
use replenish::domain::job::{Delivery, Job};
use replenish::domain::member::{Purpose, Suppression};
use replenish::domain::shop::{Person, Shop};

use crate::planning::draw::{rules, view};
use crate::planning::{assembled, at, catalog, replanned, shop};
use crate::support::paper::{Paper, lease};

/// Hands over what is ready and gives each job that goes to `check`, as it was when it went.
fn deliver(paper: &mut Paper, shop: &Shop<'_>, now: Timestamp, mut check: impl FnMut(&Paper, &Job)) -> u32 {
    let mut went = 0;
    for id in paper.offer(now) {
        let (changes, claimed) = claim(&paper.as_of(now), &id, shop, now, lease(now));
        paper.apply(changes);
        if matches!(claimed, Claim::Send(_)) {
            let job = paper.view.jobs.iter().find(|job| job.id == id).unwrap().clone();
            check(paper, &job);
            went += 1;
            paper.settle(&id, Delivery::Delivered, now);
        }
    }
    went
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_keeps_every_promise(
        view in view(), rules in rules(), steps in prop::collection::vec((1..60_i64, 0..8_u8), 1..120),
    ) {
        let (catalog, priors) = (catalog(), Priors::default());
        let shop = shop(&rules, &catalog, &priors);
        let mut paper = Paper::new(view);
        let mut now = at(30, 0);
        let zone = paper.view.zone(shop.zone);
        let day = |at: Timestamp| zone.from_utc_datetime(&at.naive_utc()).date_naive();
        let mut contacts: Vec<NaiveDate> = Vec::new();
        for (hours, what) in steps {
            now += TimeDelta::hours(hours);
            match what {
                0 => paper.view.member.consent = Some(BTreeSet::from([Purpose::Care])),
                1 => paper.view.member.consent = Some(BTreeSet::from([Purpose::Care, Purpose::Reminder])),
                2 => paper.view.suppressions =
                    vec![Suppression { purpose: Some(Purpose::Care), item: None, until: Some(now + TimeDelta::days(9)), again: None }],
                _ => {}
            }
            replanned(&mut paper, &shop, now);
            assembled(&mut paper, &shop, now);
            let mut broken = Vec::new();
            deliver(&mut paper, &shop, now, |paper, job| {
                let rule = rules.get(&job.rule).unwrap();
                let guards = &rules.guards;
                let member = &paper.view.member;
                let mut promise = |kept: bool, which: &str| if !kept { broken.push(format!("{which}: {job:?}")) };
                let hours = Hours { zone, quiet: guards.quiet_hours, window: rule.window };
                promise(hours.allow(now), "hours");
                promise(job.valid_until > now, "validity");
                promise(holdout_share(&member.id, &rule.id) >= guards.holdout, "holdout");
                promise(member.consent.as_ref().is_none_or(|all| all.contains(&rule.purpose())), "consent");
                let (view, served) = (paper.as_of(now), &paper.view.occasions);
                let person = Person::of(&view, &shop);
                let is_about = |name: &String| served.iter().any(|o| o.job() == Some(&job.id) && person.names(name, o.key.item));
                let stops = |s: &Suppression| {
                    s.purpose == Some(rule.purpose()) && s.holds(now) && s.item.as_ref().is_none_or(is_about)
                };
                promise(!paper.view.suppressions.iter().any(stops), "opt-out");
                contacts.push(day(now));
                for cap in &guards.frequency_caps {
                    let since = day(now).num_days_from_ce() - cap.within.num_days() as i32;
                    let count = contacts.iter().filter(|on| on.num_days_from_ce() > since).count();
                    promise(count <= cap.count as usize, "cap");
                }
            });
            prop_assert!(broken.is_empty(), "{} at {}", broken.join("\n"), now);
        }
    }
}
