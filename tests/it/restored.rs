//! What a restored ledger makes of what fell due while it knew nothing: decided on paper.

use chrono::TimeDelta;
use replenish::domain::assemble::assemble;
use replenish::domain::budget::Allowance;
use replenish::domain::change::Change;
use replenish::domain::ids::Timestamp;
use replenish::domain::interval::Priors;
use replenish::domain::job::{Job, JobState};
use replenish::domain::lifecycle::Stages;
use replenish::domain::member::{Purpose, Suppression};
use replenish::domain::reason::Reason;
use replenish::domain::restored::{Gap, assemble_after};
use replenish::domain::rules::{Guards, Rule, Rules};
use replenish::domain::trigger::{Trigger, When};

use crate::planning::{at, catalog, replanned, shop, steady};
use crate::support::paper::Paper;

/// A member with a reminder planned on this channel, and when it falls due.
fn planned(channel: &str) -> (Rules, Paper, Timestamp) {
    let (_, mut paper) = steady();
    paper.view.member.email = Some("amy@shop.example".into());
    paper.view.member.consent = Some([Purpose::Reminder].into());
    let rule = Rule::new("refill", Trigger::Need(When::Before(5)), channel);
    let rules = Rules::new(vec![rule], Guards::default(), vec![], Stages::default());
    let (catalog, priors) = (catalog(), Priors::default());
    replanned(&mut paper, &shop(&rules, &catalog, &priors), at(91, 0));
    let due = paper.open()[0].due_at;
    (rules, paper, due)
}

/// What is assembled at `now` after a gap that ended at `until`.
fn jobs(rules: &Rules, paper: &Paper, now: Timestamp, until: Option<Timestamp>) -> Vec<Job> {
    let (catalog, priors) = (catalog(), Priors::default());
    let shop = shop(rules, &catalog, &priors);
    let gap = until.map(|until| Gap { from: at(91, 0), until });
    let view = paper.as_of(now);
    let changes = assemble_after(&view, &shop, now, &Allowance::Everything, gap);
    if gap.is_none() {
        assert_eq!(changes, assemble(&view, &shop, now));
    }
    let job = |change: Change| match change {
        Change::Assemble(job, keys) => {
            assert_eq!(keys.len(), 1);
            Some(*job)
        }
        _ => None,
    };
    changes.into_iter().filter_map(job).collect()
}

#[test]
fn an_e_mail_that_may_have_gone_is_held_under_the_id_it_went_by() {
    let (rules, paper, due) = planned("email");
    let [usual] = &jobs(&rules, &paper, due, None)[..] else { panic!("one") };
    assert_eq!((usual.state, usual.reason), (JobState::Scheduled, None));
    let [doubted] = &jobs(&rules, &paper, due, Some(due))[..] else { panic!("one") };
    assert_eq!((doubted.state, doubted.reason), (JobState::Uncertain, Some(Reason::Restored)));
    assert_eq!(doubted.id, usual.id);
}

#[test]
fn the_hour_of_the_restore_changes_nothing() {
    let (rules, paper, due) = planned("email");
    // at night, in quiet hours
    let night = due + TimeDelta::hours(12);
    let [doubted] = &jobs(&rules, &paper, night, Some(night))[..] else { panic!("one") };
    assert_eq!(doubted.state, JobState::Uncertain);
    // planned only later, of orders that came after the restore
    let later = due + TimeDelta::days(2);
    assert_eq!(jobs(&rules, &paper, later, Some(due))[0].state, JobState::Uncertain);
}

#[test]
fn what_cannot_have_gone_is_not_in_doubt() {
    let (rules, paper, due) = planned("email");
    let before = due - TimeDelta::seconds(1);
    assert_eq!(jobs(&rules, &paper, due, Some(before))[0].state, JobState::Scheduled, "due after the gap");
    let (webhook, to_crm, at) = planned("crm");
    assert_eq!(jobs(&webhook, &to_crm, at, Some(at))[0].state, JobState::Scheduled, "the receiver can tell");
    let mut opted_out = paper.clone();
    opted_out.view.suppressions = vec![Suppression { purpose: None, item: None, until: None, again: None }];
    assert!(jobs(&rules, &opted_out, due, Some(due)).is_empty());
    let mut unreachable = paper.clone();
    unreachable.view.member.email = None;
    assert!(jobs(&rules, &unreachable, due, Some(due)).is_empty());
}

#[test]
fn what_is_in_doubt_is_served_once() {
    let (rules, mut paper, due) = planned("email");
    let (catalog, priors) = (catalog(), Priors::default());
    let shop = shop(&rules, &catalog, &priors);
    let gap = Some(Gap { from: at(91, 0), until: due });
    for _ in 0..3 {
        let changes = assemble_after(&paper.as_of(due), &shop, due, &Allowance::Everything, gap);
        paper.apply(changes);
        replanned(&mut paper, &shop, due);
    }
    assert_eq!(paper.view.jobs.len(), 1);
    assert!(paper.open().is_empty());
}
