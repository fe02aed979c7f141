//! Every change: that it applies where it may, and nowhere else; members are the unit of consistency.

use replenish::domain::ids::ProductId;
use replenish::domain::reason::Reason;

use super::*;

cases! {
    occasions_are_planned_once
    occasions_move_and_go
    holds_end_with_validity
    closing_takes_out_of_the_job
    assembling_serves
    a_shadow_serves_nothing
    jobs_change_only_from_the_right_state
    two_at_once_serve_once
    views_hold_jobs_that_count
    awake_and_due_are_picked
    outdated_members_wake_once
    rules_not_in_force_wake_no_one
    an_overtaken_plan_leaves_its_member_awake
}

async fn occasions_are_planned_once(place: Place) {
    let store = place.open().await;
    let (key, other) = (member(&store, "m").await, member(&store, "n").await);
    let planned = occasion("1", 5);
    let plan = |due| vec![Change::Plan(occasion("1", due))];
    assert_eq!(apply(&store, key, day(1), plan(5)).await, [true]);
    assert_eq!(apply(&store, key, day(1), plan(6)).await, [false]);
    assert_eq!(apply(&store, other, day(1), plan(5)).await, [true], "the key is within one member");
    assert_eq!(view(&store, key, day(1)).await.occasions, [planned]);
}

async fn occasions_move_and_go(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let (first, moved) = (occasion("1", 5), occasion("1", 7));
    let changes = vec![
        Change::Move(moved.clone()),
        Change::Plan(first.clone()),
        Change::Hold(first.key.clone(), day(6), Reason::NoConsent),
        Change::Move(moved.clone()),
    ];
    assert_eq!(apply(&store, key, day(1), changes).await, [false, true, true, true], "in order");
    assert_eq!(view(&store, key, day(1)).await.occasions, [moved], "moving releases the hold");
    let withdraw = || vec![Change::Withdraw(first.key.clone())];
    assert_eq!(apply(&store, key, day(1), withdraw()).await, [true]);
    assert_eq!(apply(&store, key, day(1), withdraw()).await, [false]);
    assert_eq!(view(&store, key, day(1)).await.occasions, []);
}

async fn holds_end_with_validity(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let o = occasion("1", 5);
    let hold = Change::Hold(o.key.clone(), day(99), Reason::OutOfStock);
    assert_eq!(apply(&store, key, day(5), vec![Change::Plan(o.clone()), hold]).await, [true, true]);
    let held = &view(&store, key, day(5)).await.occasions[0];
    assert_eq!((held.held_until, held.held_for), (Some(o.valid_until), Some(Reason::OutOfStock)));
    assert_eq!(picked(&store, Pick::Due(9), day(14)).await, []);
    assert_eq!(picked(&store, Pick::Due(9), o.valid_until).await, [key], "over: someone must look at it");
    let close = || vec![Change::Close(o.key.clone(), Reason::Expired)];
    assert_eq!(apply(&store, key, o.valid_until, close()).await, [true]);
    assert_eq!(apply(&store, key, o.valid_until, close()).await, [false]);
    assert_eq!(picked(&store, Pick::Due(9), day(99)).await, []);
    let closed = &view(&store, key, day(99)).await.occasions[0];
    assert_eq!((&closed.state, &closed.evidence), (&OccasionState::Closed(Reason::Expired), &None));
    let hold = Change::Hold(o.key.clone(), day(99), Reason::OutOfStock);
    assert_eq!(
        apply(&store, key, day(5), vec![hold, Change::Withdraw(o.key.clone()), Change::Plan(o)]).await,
        [false; 3]
    );
}

async fn closing_takes_out_of_the_job(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let id = assembled(&store, key, "1", 5).await;
    let cycle = |id: &str| occasion(id, 5).key;
    assert_eq!(view(&store, key, day(5)).await.occasions[0].job(), Some(&id));
    assert_eq!(apply(&store, key, day(6), vec![Change::Close(cycle("1"), Reason::Reordered)]).await, [true]);
    let record = store.job(&id).await.unwrap().unwrap();
    assert_eq!(record.occasions, [], "taken out before the first hand-over");
    assert_eq!(apply(&store, key, day(6), vec![Change::Skip(id, Reason::Reordered)]).await, [true]);
    sending(&store, key, "2", 5).await;
    assert_eq!(apply(&store, key, day(6), vec![Change::Close(cycle("2"), Reason::Reordered)]).await, [false]);
    assert_eq!(view(&store, key, day(5)).await.occasions[1].job(), Some(&"2".into()));
}

async fn assembling_serves(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let (one, two) = (occasion("1", 5), occasion("2", 6));
    let assemble = |id: &str, now| {
        Change::Assemble(Box::new(job(id, 5, now)), vec![occasion("1", 5).key, occasion("2", 6).key])
    };
    let changes = vec![Change::Plan(one), Change::Plan(two), assemble("j", 5)];
    assert_eq!(apply(&store, key, day(5), changes).await, [true; 3]);
    assert_eq!(apply(&store, key, day(6), vec![assemble("j", 6)]).await, [false]);
    let seen = view(&store, key, day(6)).await;
    assert_eq!(seen.jobs, [job("j", 5, 5)]);
    assert!(seen.occasions.iter().all(|o| o.job() == Some(&"j".into()) && o.evidence.is_some()));
    let moved = vec![Change::Move(occasion("1", 9)), Change::Withdraw(occasion("2", 6).key)];
    assert_eq!(apply(&store, key, day(6), moved).await, [false, false], "served once, ever");
    // a later occasion is not drawn into a job that was there before
    let third = vec![
        Change::Plan(occasion("3", 6)),
        Change::Assemble(Box::new(job("j", 6, 6)), vec![occasion("3", 6).key]),
    ];
    assert_eq!(apply(&store, key, day(6), third).await, [true, false]);
    assert!(view(&store, key, day(6)).await.occasions[2].is_open());
}

async fn a_shadow_serves_nothing(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let o = occasion("1", 5);
    let shadow = Job { shadow: true, ..job("s", 5, 5) };
    let changes = vec![Change::Plan(o.clone()), Change::Assemble(Box::new(shadow), vec![o.key.clone()])];
    assert_eq!(apply(&store, key, day(5), changes).await, [true, true]);
    let seen = view(&store, key, day(5)).await;
    assert!(seen.occasions[0].is_open());
    assert_eq!(
        (seen.occasions[0].held_until, seen.occasions[0].held_for),
        (Some(o.valid_until), Some(Reason::Shadow))
    );
    assert_eq!(seen.jobs.len(), 1, "while it is not over");
    store.put_orders(vec![line("2", "m", "B", 4)]).await.unwrap();
    assert_eq!(picked(&store, Pick::Due(9), day(6)).await, [], "news does not shadow it again");
    assert_eq!(
        apply(&store, key, day(5), vec![Change::Cancel("s".into(), Reason::CancelledByPerson)]).await,
        [true]
    );
    assert_eq!(view(&store, key, day(5)).await.jobs, [], "counts nowhere");
}

async fn jobs_change_only_from_the_right_state(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let id = assembled(&store, key, "j", 5).await;
    let start = || super::start(&id, 5);
    let defer = || Change::Defer(id.clone(), day(6), Reason::QuietHours);
    let skip = || Change::Skip(id.clone(), Reason::Expired);
    let cancel = || Change::Cancel(id.clone(), Reason::Withdrawn);
    let replay = || Change::Replay(id.clone(), day(30));
    let now = || async { view(&store, key, day(5)).await.jobs.pop() };

    assert_eq!(apply(&store, key, day(5), vec![start(), defer(), replay()]).await, [false; 3], "scheduled");
    offer(&store, day(5), day(6), 9).await;
    assert_eq!(
        apply(&store, key, day(5), vec![replay(), defer(), defer()]).await,
        [false, true, false],
        "queued"
    );
    let deferred = now().await.unwrap();
    assert_eq!((deferred.state, deferred.not_before), (JobState::Scheduled, Some(day(6))));
    assert_eq!(deferred.reason, Some(Reason::QuietHours));
    assert!(offer(&store, day(5), day(6), 9).await.is_empty());
    offer(&store, day(6), day(7), 9).await;
    let changes = vec![start(), start(), defer(), skip(), cancel(), replay()];
    assert_eq!(
        apply(&store, key, day(6), changes).await,
        [true, false, false, false, false, false],
        "sending"
    );
    let sending = now().await.unwrap();
    assert_eq!(
        (sending.state, sending.handed_over_at, sending.reason),
        (JobState::Sending, Some(day(5)), None)
    );
    assert_eq!(sending.content, Some(*content("m")));
    store.reclaim(day(8), true, vec![]).await.unwrap();
    let changes = vec![skip(), replay(), replay(), cancel(), skip(), replay()];
    assert_eq!(apply(&store, key, day(8), changes).await, [false, true, false, true, false, true]);
    let replayed = now().await.unwrap();
    assert_eq!((replayed.state, replayed.pinned, replayed.tries), (JobState::Scheduled, true, 0));
    assert_eq!((replayed.content, replayed.reason, replayed.not_before), (None, None, None));
    assert_eq!((replayed.due_at, replayed.valid_until), (day(5), day(30)));

    let history = store.job(&id).await.unwrap().unwrap().transitions;
    let seen: Vec<_> = history.iter().map(|t| (t.state.as_str(), t.reason, t.at)).collect();
    let expected = [
        ("scheduled", None, day(5)),
        ("scheduled", Some(Reason::QuietHours), day(5)),
        ("sending", None, day(6)),
        ("uncertain", Some(Reason::ProcessDied), day(8)),
        ("scheduled", None, day(8)),
        ("cancelled", Some(Reason::Withdrawn), day(8)),
        ("scheduled", None, day(8)),
    ];
    assert_eq!(seen, expected);
}

async fn two_at_once_serve_once(place: Place) {
    let (one, two) = (place.open().await, place.open().await);
    let mut keys = Vec::new();
    for i in 0..20 {
        let key = member(&one, &i.to_string()).await;
        apply(&one, key, day(1), vec![Change::Plan(occasion("c", 5))]).await;
        keys.push(key);
    }
    let assemble = |store: Store, by: &'static str, pick: Pick| {
        tokio::spawn(async move {
            let decide = move |view: &MemberView, _: &_| {
                let open: Vec<_> =
                    view.occasions.iter().filter(|o| o.is_open()).map(|o| o.key.clone()).collect();
                let id = format!("{by}-{}", view.member.id);
                (open.into_iter().map(|k| Change::Assemble(Box::new(job(&id, 5, 5)), vec![k])).collect(), ())
            };
            let decided = store.decide(pick, day(5), day(0), decide).await.unwrap();
            decided.applied()
        })
    };
    let backwards = keys.iter().rev().copied().collect();
    let a = assemble(one.clone(), "a", Pick::Members(keys.clone()));
    let b = assemble(two.clone(), "b", Pick::Members(backwards));
    let c = assemble(two, "c", Pick::Due(100));
    assert_eq!(a.await.unwrap() + b.await.unwrap() + c.await.unwrap(), 20);
    for key in keys {
        assert_eq!(view(&one, key, day(5)).await.jobs.len(), 1);
    }
}

async fn views_hold_jobs_that_count(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    for (id, due) in [("old", 1), ("recent", 5)] {
        assembled(&store, key, id, due).await;
        assert_eq!(
            apply(&store, key, day(due), vec![Change::Skip(id.into(), Reason::Expired)]).await,
            [true]
        );
    }
    assembled(&store, key, "waiting", 1).await;
    let ids = |since| {
        let store = store.clone();
        async move {
            let seen = store.view(key, day(6), day(since)).await.unwrap().unwrap();
            assert_eq!(seen.occasions.len(), 3, "occasions of any age");
            let evidence = seen.occasions.iter().filter(|o| o.evidence.is_some()).count();
            assert_eq!(evidence, 1, "of those that are not over");
            seen.jobs.iter().map(|j| j.id.to_string()).collect::<Vec<_>>()
        }
    };
    assert_eq!(ids(2).await, ["recent", "waiting"]);
    assert_eq!(ids(1).await, ["old", "recent", "waiting"]);
}

async fn awake_and_due_are_picked(place: Place) {
    let store = place.open().await;
    let (m, n) = (member(&store, "m").await, member(&store, "n").await);
    assert_eq!(store.next_event().await.unwrap(), None);
    let planned = |at| vec![Change::Planned(Some(day(at)), "rules".into())];
    apply(&store, m, day(1), planned(7)).await;
    apply(&store, n, day(1), planned(4)).await;
    assert_eq!(store.next_event().await.unwrap(), Some(day(4)));
    assert_eq!(awake(&store, day(4)).await, [n]);
    assert_eq!(picked(&store, Pick::Awake(1), day(7)).await, [n], "who waits longest");
    assert_eq!(awake(&store, day(7)).await, [m, n], "in key order");
    assert_eq!(view(&store, m, day(1)).await.planned_with.as_deref(), Some("rules"));

    apply(&store, m, day(1), vec![Change::Plan(occasion("1", 3)), Change::Plan(occasion("2", 6))]).await;
    apply(&store, n, day(1), vec![Change::Plan(occasion("1", 5))]).await;
    assert_eq!(store.next_event().await.unwrap(), Some(day(3)));
    assert_eq!(picked(&store, Pick::Due(9), day(2)).await, []);
    assert_eq!(picked(&store, Pick::Due(9), day(6)).await, [m, n], "each once");
    assert_eq!(picked(&store, Pick::Due(1), day(6)).await, [m]);
    let hold = Change::Hold(occasion("1", 3).key, day(8), Reason::QuietHours);
    apply(&store, m, day(3), vec![hold]).await;
    assert_eq!(picked(&store, Pick::Due(9), day(5)).await, [n]);
    assert_eq!(picked(&store, Pick::Members(vec![n, MemberKey(999), m, n]), day(5)).await, [m, n]);
    apply(&store, n, day(5), vec![Change::Assemble(Box::new(job("j", 2, 2)), vec![occasion("1", 5).key])])
        .await;
    assert_eq!(store.next_event().await.unwrap(), Some(day(2)), "a job");
}

async fn outdated_members_wake_once(place: Place) {
    let store = place.open().await;
    let (m, n) = (member(&store, "m").await, member(&store, "n").await);
    let wake = async |with: &str| store.wake_outdated("hash", false, with).await.unwrap();
    assert_eq!(wake("rules").await, Some(0), "all were planned with these");
    assert_eq!(wake("new").await, Some(2));
    apply(&store, m, day(1), vec![Change::Planned(None, "new".into())]).await;
    assert_eq!(wake("new").await, Some(0), "once for each value");
    assert_eq!(awake(&store, day(1)).await, [n]);
    let elsewhere = place.open().await;
    assert_eq!(
        elsewhere.wake_outdated("hash", true, "new").await.unwrap(),
        Some(0),
        "remembered by the ledger"
    );
    assert_eq!(elsewhere.planned_with().await.unwrap().as_deref(), Some("new"));
    assert_eq!(wake("rules").await, Some(1));
    let seen = store.catalog().await.unwrap();
    assert_eq!(seen.products().map(|(_, p)| p.id.clone()).collect::<Vec<_>>(), [ProductId::from("A")]);
}

async fn rules_not_in_force_wake_no_one(place: Place) {
    let store = place.open().await;
    let m = member(&store, "m").await;
    let wake = async |rules: &str, put_in_force| {
        store.wake_outdated(rules, put_in_force, &format!("{rules}/priors")).await.unwrap()
    };
    assert_eq!(store.rules_in_force().await.unwrap(), None);
    assert_eq!(wake("a", false).await, Some(1), "the first ones need not ask");
    assert_eq!(wake("b", false).await, None);
    assert_eq!(store.rules_in_force().await.unwrap().as_deref(), Some("a"));
    assert_eq!(store.planned_with().await.unwrap().as_deref(), Some("a/priors"));
    assert_eq!(wake("b", true).await, Some(1));
    apply(&store, m, day(1), vec![Change::Planned(None, "b/priors".into())]).await;
    assert_eq!(wake("a", false).await, None, "the older planner keeps its hands off");
    assert_eq!(awake(&store, day(1)).await, []);
    assert_eq!(wake("b", false).await, Some(0));
    assert_eq!(wake("a", true).await, Some(1), "until someone gives it these rules again");
}

async fn an_overtaken_plan_leaves_its_member_awake(place: Place) {
    let store = place.open().await;
    let m = member(&store, "m").await;
    store.wake_outdated("b", true, "b/priors").await.unwrap();
    let planned = |with: &str| vec![Change::Planned(Some(day(9)), with.into())];
    apply(&store, m, day(1), planned("a/priors")).await;
    assert_eq!(awake(&store, day(1)).await, [m], "what was planned with is no longer in force");
    apply(&store, m, day(1), planned("b/priors")).await;
    assert_eq!(awake(&store, day(1)).await, []);
    assert_eq!(awake(&store, day(9)).await, [m]);
}
