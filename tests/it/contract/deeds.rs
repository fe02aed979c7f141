//! What people did, what the morning view counts, and what a sound ledger is: the same on each engine.

use std::sync::Arc;

use replenish::desk::deeds::Mandate;
use replenish::desk::jobs::{Act, Selection, cancel};
use replenish::domain::deed::DeedKind;
use replenish::domain::lifecycle::Stages;
use replenish::domain::reason::Reason;
use replenish::domain::rules::{Guards, Rules};
use replenish::domain::shop::Knowledge;
use replenish::store::{Course, Deed, Reminded};
use serde_json::json;

use super::*;

cases! {
    deeds_are_kept_and_told_how_far_they_came
    a_person_confirms_what_is_uncertain_and_stands_beside_it
    the_morning_view_counts_what_happened_and_what_waits
    a_ledger_that_was_used_well_is_sound
    a_deed_that_is_stopped_leaves_the_rest_as_it_is
}

fn deed(what: DeedKind, n: i64) -> Deed {
    let (asked, counts) = (json!({ "rule": "refill" }), json!({}));
    Deed { at: day(n), who: "amy".into(), what, asked, counts, finished: false }
}

async fn deeds_are_kept_and_told_how_far_they_came(place: Place) {
    let store = place.open().await;
    let key = store.record_deed(&deed(DeedKind::Replay, 1)).await.unwrap();
    store.record_deed(&Deed { finished: true, ..deed(DeedKind::Pause, 2) }).await.unwrap();
    let told = async |what, since| store.deeds(what, day(since), 9).await.unwrap();
    let pause = Deed { finished: true, ..deed(DeedKind::Pause, 2) };
    assert_eq!(told(None, 0).await, [pause.clone(), deed(DeedKind::Replay, 1)]);
    store.note_deed(key, &json!({ "scheduled": 500 }), false).await.unwrap();
    assert_eq!(told(Some(DeedKind::Replay), 0).await[0].counts, json!({ "scheduled": 500 }));
    store.note_deed(key, &json!({ "scheduled": 700 }), true).await.unwrap();
    let replay = Deed { counts: json!({ "scheduled": 700 }), finished: true, ..deed(DeedKind::Replay, 1) };
    assert_eq!(told(None, 0).await, [pause.clone(), replay]);
    assert_eq!(told(None, 2).await, [pause]);
    assert_eq!(store.deeds(None, day(0), 1).await.unwrap().len(), 1);
}

/// A job whose process died on the hand-over of day 4.
async fn uncertain(store: &Store, key: MemberKey, id: &str) -> JobId {
    let job = sending(store, key, id, 4).await;
    assert_eq!(store.reclaim(day(6), true, Vec::new()).await.unwrap().uncertain, 1);
    job
}

async fn a_person_confirms_what_is_uncertain_and_stands_beside_it(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let job = uncertain(&store, key, "a").await;
    store.record_deed(&deed(DeedKind::Pause, 7)).await.unwrap();
    store.record_deed(&deed(DeedKind::Resolve, 8)).await.unwrap();
    let confirm = || vec![Change::Confirm(job.clone())];
    assert_eq!(apply(&store, key, day(8), confirm()).await, [true]);
    assert_eq!(apply(&store, key, day(9), confirm()).await, [false], "it is delivered already");
    let record = store.job(&job).await.unwrap().unwrap();
    assert_eq!((record.job.state, record.job.reason), (JobState::Delivered, None));
    let by: Vec<_> = record.transitions.iter().map(|t| (t.state, t.by.clone())).collect();
    let amy = Some(("amy".to_owned(), DeedKind::Resolve));
    let states = [JobState::Scheduled, JobState::Sending, JobState::Uncertain].map(|state| (state, None));
    assert_eq!(by, [&states[..], &[(JobState::Delivered, amy)]].concat());
}

async fn the_morning_view_counts_what_happened_and_what_waits(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let job = uncertain(&store, key, "a").await;
    apply(&store, key, day(8), vec![Change::Confirm(job)]).await;
    let waits = assembled(&store, key, "b", 10).await;
    let (held, over) = (occasion("c", 11), occasion("d", 12));
    let changes = vec![
        Change::Plan(held.clone()),
        Change::Hold(held.key, day(13), Reason::Paused),
        Change::Plan(over.clone()),
        Change::Hold(over.key, day(99), Reason::NoConsent),
    ];
    apply(&store, key, day(10), changes).await;
    let skipped = assembled(&store, key, "e", 9).await;
    apply(&store, key, day(9), vec![Change::Skip(skipped, Reason::Reordered)]).await;
    let stretches = [(day(0), day(11)), (day(11), day(30))];
    let course = store.course(day(7), day(20), &stretches).await.unwrap();
    let told = Course {
        ended: vec![(JobState::Delivered, None, 1), (JobState::Skipped, Some(Reason::Reordered), 1)],
        waiting: vec![(Reason::NoConsent, 1), (Reason::Paused, 1)],
        feedback: vec![],
        due: vec![(0, 1), (1, 0)],
    };
    assert_eq!(course, told, "{waits} is due, and what waits only to be over is not");
    assert_eq!(store.course(day(10), day(20), &[]).await.unwrap().ended, []);
    let item = Item::Product(ProductKey(1));
    let reminded = Reminded { member: key, item, at: day(4) };
    assert_eq!(store.reminded(day(7), day(9)).await.unwrap(), [reminded]);
    assert_eq!(store.reminded(day(0), day(8)).await.unwrap(), []);
    let views = store.views_of(&[key], day(20)).await.unwrap();
    assert_eq!((views.len(), views[0].1.lines.len()), (1, 1));
}

async fn a_ledger_that_was_used_well_is_sound(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let job = uncertain(&store, key, "a").await;
    let now = day(20);
    let replayed = apply(&store, key, day(7), vec![Change::Replay(job, day(15))]).await;
    assert_eq!(replayed, [true]);
    assembled(&store, key, "b", 8).await;
    let amiss = async || {
        let samples = store.audit(now, TimeDelta::zero(), TimeDelta::zero()).await.unwrap().into_iter();
        samples.filter(|(_, sample)| sample.count > 0).collect::<Vec<_>>()
    };
    assert_eq!(amiss().await, []);
    assert_eq!(offer(&store, day(8), day(8) - TimeDelta::seconds(1), 1).await.len(), 1);
    let found = amiss().await;
    assert_eq!(found.iter().map(|(what, _)| what.as_str()).collect::<Vec<_>>(), ["lease_taken_back"]);
    assert_eq!((found[0].1.count, found[0].1.examples.len()), (1, 1));
    assert_eq!(store.delivered_twice(&["refill".into()]).await.unwrap(), []);
    assert!(store.handed_over("rules", &["refill".into()], 0, 9).await.unwrap().is_empty());
}

async fn a_deed_that_is_stopped_leaves_the_rest_as_it_is(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let job = assembled(&store, key, "a", 4).await;
    let rules = Rules::new(vec![], Guards::default(), vec![], Stages::default());
    let knowledge = Knowledge {
        rules: Arc::new(rules),
        priors: Arc::default(),
        zone: chrono_tz::Asia::Taipei,
        locale: "en".into(),
        orders_at: None,
        shadow: false,
        reach: Default::default(),
    };
    let selection = Selection { ids: vec!["a".into()], ..Selection::default() };
    let mandate = Mandate::of("amy").because(Some("ticket".into()));
    mandate.stop();
    let done = cancel(&store, &knowledge, day(5), &selection, Act::Go(&mandate)).await.unwrap();
    assert_eq!((done.matched, done.cancelled, done.stopped), (1, 0, true));
    assert_eq!(store.job(&job).await.unwrap().unwrap().job.state, JobState::Scheduled);
    let told = store.deeds(None, day(0), 9).await.unwrap().remove(0);
    assert_eq!((told.who.as_str(), told.what, told.finished), ("amy", DeedKind::Cancel, true));
    assert_eq!(told.asked, json!({ "ids": ["a"], "because": "ticket" }));
    assert_eq!((&told.counts["stopped"], &told.counts["cancelled"]), (&json!(true), &json!(0)));
}
