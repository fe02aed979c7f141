//! Pauses and the figures of a shop's day: in force at once, let go at once, counted alike.

use std::collections::BTreeSet;
use std::sync::mpsc;

use replenish::domain::budget::Waiting;
use replenish::domain::occasion::NeedEvidence;
use replenish::domain::pause::{PauseScope, PausedBy};
use replenish::domain::reason::Reason;
use replenish::store::Pause;

use super::*;

cases! {
    pauses_are_kept_and_seen
    a_persons_pause_and_an_endpoints_stand_side_by_side
    resuming_lets_go_of_what_waited
    resuming_misses_nothing_that_a_decision_holds
    what_waits_is_told_by_message
    a_days_messages_are_counted
}

fn pause(scope: PauseScope, n: i64) -> Pause {
    Pause { scope, by: PausedBy::Person, because: format!("reason {n}"), since: day(n) }
}

async fn pauses_are_kept_and_seen(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    assert_eq!(store.pauses().await.unwrap(), []);
    assert_eq!(view(&store, key, day(1)).await.pauses, []);
    let (rule, channel) = (PauseScope::Rule("refill".into()), PauseScope::Channel("crm".into()));
    for (n, scope) in [(1, &PauseScope::All), (2, &rule), (3, &channel)] {
        assert!(store.pause(pause(scope.clone(), n)).await.unwrap(), "{scope:?}");
    }
    assert!(!store.pause(pause(rule.clone(), 9)).await.unwrap(), "paused already");
    let kept = place.open().await.pauses().await.unwrap();
    let since: Vec<_> = kept.iter().map(|p| (p.scope.clone(), p.since, p.because.as_str())).collect();
    let all = (PauseScope::All, day(1), "reason 1");
    assert_eq!(since, [all, (rule.clone(), day(2), "reason 9"), (channel.clone(), day(3), "reason 3")]);
    let decided =
        store.decide(Pick::Members(vec![key]), day(4), day(0), |view, _| (vec![], view.pauses.clone()));
    let seen = whole(decided.await.unwrap()).remove(0).value;
    assert_eq!(seen, view(&store, key, day(4)).await.pauses);
    assert_eq!(seen.len(), 3);
    assert!(store.resume(&rule).await.unwrap());
    assert!(!store.resume(&rule).await.unwrap(), "not paused any more");
    assert_eq!(view(&store, key, day(4)).await.pauses, [PauseScope::All, channel]);
}

async fn a_persons_pause_and_an_endpoints_stand_side_by_side(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let crm = PauseScope::Channel("crm".into());
    let by_endpoint = |n| Pause { by: PausedBy::Endpoint, ..pause(crm.clone(), n) };
    assert!(store.pause(pause(crm.clone(), 1)).await.unwrap());
    assert!(store.pause(by_endpoint(2)).await.unwrap(), "new: only a person had paused it");
    assert!(!store.pause(by_endpoint(3)).await.unwrap(), "told before");
    let kept = store.pauses().await.unwrap();
    let told: Vec<_> = kept.iter().map(|p| (p.by, p.since, p.because.as_str())).collect();
    assert_eq!(told, [(PausedBy::Person, day(1), "reason 1"), (PausedBy::Endpoint, day(2), "reason 3")]);
    assert_eq!(view(&store, key, day(4)).await.pauses, std::slice::from_ref(&crm), "paused once");
    assert!(store.resume(&crm).await.unwrap());
    assert_eq!(store.pauses().await.unwrap(), []);
    assert!(!store.resume(&crm).await.unwrap());
}

async fn resuming_lets_go_of_what_waited(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let (paused, other) = (occasion("1", 5), occasion("2", 5));
    let hold = |o: &Occasion, reason| Change::Hold(o.key.clone(), o.valid_until, reason);
    let changes = vec![
        Change::Plan(paused.clone()),
        Change::Plan(other.clone()),
        hold(&paused, Reason::Paused),
        hold(&other, Reason::OutOfStock),
    ];
    apply(&store, key, day(5), changes).await;
    let id = assembled(&store, key, "3", 5).await;
    offer(&store, day(5), day(6), 9).await;
    let gone = assembled(&store, key, "4", 5).await;
    let slow = assembled(&store, key, "5", 5).await;
    offer(&store, day(5), day(6), 9).await;
    let defer = |id: &JobId, reason| Change::Defer(id.clone(), day(15), reason);
    let deferred = [(&id, Reason::Paused), (&gone, Reason::EndpointGone), (&slow, Reason::Throttled)];
    apply(&store, key, day(5), deferred.map(|(id, reason)| defer(id, reason)).into()).await;
    store.pause(pause(PauseScope::All, 5)).await.unwrap();
    assert_eq!(picked(&store, Pick::Due(9), day(6)).await, []);
    assert_eq!(offer(&store, day(6), day(7), 9).await, []);
    assert!(store.resume(&PauseScope::All).await.unwrap());
    assert_eq!(picked(&store, Pick::Due(9), day(6)).await, [key]);
    let seen = view(&store, key, day(6)).await.occasions;
    assert_eq!((seen[0].held_until, seen[0].held_for), (None, None));
    assert_eq!(seen[1].held_for, Some(Reason::OutOfStock), "of no concern");
    let offered = offer(&store, day(6), day(7), 9).await;
    let offered: BTreeSet<_> = offered.iter().map(|o| &o.job).collect();
    assert_eq!(offered, [&id, &gone].into(), "what only waits for its peer goes on waiting");
    assert_eq!(store.job(&id).await.unwrap().unwrap().job.reason, None);
}

/// A decision that saw the pause, and holds, while a person resumes.
async fn resuming_misses_nothing_that_a_decision_holds(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let o = occasion("1", 5);
    apply(&store, key, day(5), vec![Change::Plan(o.clone())]).await;
    for round in 0..5 {
        store.pause(pause(PauseScope::All, 5)).await.unwrap();
        let (inside, is_inside) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let (deciding, held) = (store.clone(), o.clone());
        let decision = tokio::spawn(async move {
            let hold = move |view: &MemberView, _: &_| {
                inside.send(view.pauses.len()).unwrap();
                may_go_on.recv().unwrap();
                (vec![Change::Hold(held.key.clone(), held.valid_until, Reason::Paused)], ())
            };
            deciding.decide(Pick::Members(vec![key]), day(6), day(0), hold).await.unwrap()
        });
        let seen = tokio::task::spawn_blocking(move || is_inside.recv().unwrap()).await.unwrap();
        assert_eq!(seen, 1, "round {round}");
        let resuming = store.clone();
        let resumed = tokio::spawn(async move { resuming.resume(&PauseScope::All).await.unwrap() });
        go_on.send(()).unwrap();
        assert_eq!(whole(decision.await.unwrap())[0].applied, [true]);
        assert!(resumed.await.unwrap());
        assert_eq!(picked(&store, Pick::Due(9), day(6)).await, [key], "round {round}");
    }
}

/// An occasion with a forecast behind it.
fn sure(cycle: &str, due: i64, chance: f64) -> Occasion {
    let on = day(due).date_naive();
    let need = NeedEvidence {
        interval_days: 30.0,
        intervals: 3,
        supply_days: None,
        p10: on,
        p25: on,
        p50: on,
        p75: on,
        p90: on,
        chance,
        still_buying: 0.9,
    };
    Occasion { evidence: Some(Evidence { need: Some(need), ..evidence() }), ..occasion(cycle, due) }
}

async fn what_waits_is_told_by_message(place: Place) {
    let store = place.open().await;
    let (m, n) = (member(&store, "m").await, member(&store, "n").await);
    let second = OccasionKey { step: 2, ..occasion("1", 5).key };
    let moved = sure("2", 4, 0.4);
    let changes = vec![
        Change::Plan(sure("1", 5, 0.25)),
        Change::Plan(sure("2", 4, 0.1)),
        Change::Move(moved),
        Change::Plan(sure("3", 9, 0.9)),
        Change::Plan(Occasion { key: second, ..occasion("1", 5) }),
    ];
    assert_eq!(apply(&store, m, day(1), changes).await, [true; 5]);
    apply(&store, n, day(1), vec![Change::Plan(sure("1", 6, 0.3))]).await;
    let mut waiting = store.waiting(day(6)).await.unwrap();
    waiting.sort_by_key(|(key, w)| (*key, w.step));
    let message = |member: &str, step, chance, due| Waiting {
        member: member.into(),
        rule: "refill".into(),
        step,
        chance,
        due_at: day(due),
    };
    let expected = [(m, message("m", 1, 0.4, 4)), (m, message("m", 2, 0.0, 5)), (n, message("n", 1, 0.3, 6))];
    assert_eq!(waiting, expected);
}

async fn a_days_messages_are_counted(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    for (id, due) in [("1", 4), ("2", 5), ("3", 5), ("4", 6)] {
        assembled(&store, key, id, due).await;
    }
    let shadow = Change::Assemble(Box::new(Job { shadow: true, ..job("s", 5, 5) }), vec![]);
    apply(&store, key, day(5), vec![shadow]).await;
    let count = |from, until, shadow| store.assembled_within(day(from), day(until), shadow);
    assert_eq!(count(5, 6, false).await.unwrap(), 2);
    assert_eq!(count(5, 6, true).await.unwrap(), 1);
    assert_eq!(count(7, 9, false).await.unwrap(), 0);
}
