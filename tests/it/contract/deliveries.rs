//! Offered, claimed, settled, reclaimed: what happens to a job between the ledger and the peer.

use replenish::domain::job::{Delivery, Outcome, Settled};
use replenish::domain::reason::Reason;
use replenish::store::{Deferral, JobRef, Lane, Reclaimed, Settlement, UnderWay};

use super::*;

cases! {
    offers_are_made_once_and_in_order
    each_channel_is_offered_by_itself_the_higher_priority_first
    what_is_over_is_offered_at_once
    what_the_queue_has_lost_is_taken_back
    two_offer_at_once
    settling_records_and_moves_on
    leases_are_reclaimed
    a_late_end_settles_no_other_hand_over
    what_is_put_off_leaves_no_trace_but_its_time
}

fn at(key: MemberKey, id: &str) -> JobRef {
    JobRef { member: key.0, job: id.into(), channel: "crm".into(), domain: None, valid_until: day(14) }
}

fn settlement(key: MemberKey, id: &str, state: JobState) -> Settlement {
    let delivered = state == JobState::Delivered;
    let result = if delivered { Delivery::Delivered } else { Delivery::Transient };
    let reason = (!delivered).then_some(Reason::Deferred);
    Settlement {
        job: at(key, id),
        handover: 1,
        at: day(6),
        outcome: Outcome {
            code: Some("451".into()),
            reply: Some("later".into()),
            relay: Some("mx1".into()),
            ..Outcome::new(result, reason)
        },
        settled: Settled { state, reason, not_before: (!delivered).then(|| day(7)), burns_attempt: true },
    }
}

async fn offers_are_made_once_and_in_order(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    for (id, due) in [("b", 4), ("c", 6), ("a", 5)] {
        assembled(&store, key, id, due).await;
    }
    assert!(offer(&store, day(3), day(9), 9).await.is_empty());
    assert_eq!(offer(&store, day(6), day(9), 1).await, [at(key, "b")]);
    let rest: Vec<_> = offer(&store, day(5), day(9), 9).await.into_iter().map(|j| j.job).collect();
    assert_eq!(rest, ["a".into()]);
    assert!(offer(&store, day(5), day(9), 9).await.is_empty());
    assert_eq!(store.in_flight().await.unwrap(), 2);
}

/// Plans nothing, assembles one job: its channel, priority and due day.
async fn waiting(store: &Store, key: MemberKey, id: &str, channel: &str, priority: i32, due: i64) {
    let job = Job { channel: channel.into(), priority, ..job(id, due, due) };
    assert_eq!(apply(store, key, day(due), vec![Change::Assemble(Box::new(job), vec![])]).await, [true]);
}

fn ids(offered: Vec<JobRef>) -> Vec<String> {
    offered.into_iter().map(|at| at.job.to_string()).collect()
}

async fn each_channel_is_offered_by_itself_the_higher_priority_first(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    for (id, channel, priority, due) in [
        ("late", "crm", 0, 3),
        ("soon", "crm", 0, 2),
        ("first", "crm", 10, 4),
        ("later", "crm", 20, 9),
        ("mail", "email", -5, 4),
    ] {
        waiting(&store, key, id, channel, priority, due).await;
    }
    let lane = |channel: &str, priority| Lane { channel: channel.into(), priority };
    let (high, low, mail) = (lane("crm", 10), lane("crm", 0), lane("email", -5));
    assert_eq!(store.ripe(day(1)).await.unwrap(), []);
    assert_eq!(store.ripe(day(5)).await.unwrap(), [high.clone(), low.clone(), mail.clone()]);
    assert_eq!(store.ripe(day(9)).await.unwrap()[0], lane("crm", 20));
    assert_eq!(ids(store.offer(&low, day(5), lease(5), 1).await.unwrap()), ["soon"]);
    assert_eq!(ids(store.offer(&low, day(5), lease(5), 9).await.unwrap()), ["late"]);
    assert_eq!(store.ripe(day(5)).await.unwrap(), [high.clone(), mail.clone()]);
    assert_eq!(ids(offer(&store, day(5), day(6), 9).await), ["first", "mail"]);
    apply(&store, key, day(5), vec![start(&"mail".into(), 5)]).await;
    let under_way = store.under_way().await.unwrap();
    assert_eq!(under_way.len(), 2);
    assert_eq!(under_way["crm"], UnderWay { queued: 3, sending: 0 });
    assert_eq!(under_way["email"], UnderWay { queued: 0, sending: 1 });
    assert_eq!(store.job(&"first".into()).await.unwrap().unwrap().job.priority, 10);
}

async fn what_is_over_is_offered_at_once(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    for (id, channel, due) in [("over", "crm", 1), ("put-off", "email", 2), ("well", "crm", 5)] {
        waiting(&store, key, id, channel, 0, due).await;
    }
    offer(&store, day(2), day(3), 1).await;
    // valid for ten days each; one of them waits for a later time
    let deferral = Deferral { job: "over".into(), not_before: day(10), reason: Reason::Resting };
    store.put_off(&[deferral]).await.unwrap();
    assert_eq!(store.offer_over(day(10), lease(10), 9).await.unwrap(), []);
    assert_eq!(ids(store.offer_over(day(12), lease(12), 1).await.unwrap()), ["over"]);
    assert_eq!(ids(store.offer_over(day(12), lease(12), 9).await.unwrap()), ["put-off"]);
    assert_eq!(ids(offer(&store, day(12), day(13), 9).await), ["well"]);
}

async fn what_the_queue_has_lost_is_taken_back(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let sent = sending(&store, key, "sent", 5).await;
    assembled(&store, key, "queued", 5).await;
    offer(&store, day(5), day(9), 9).await;
    assert_eq!(store.take_back(day(6)).await.unwrap(), 1, "whatever the lease says");
    assert_eq!(store.take_back(day(6)).await.unwrap(), 0);
    assert_eq!(store.job(&sent).await.unwrap().unwrap().job.state, JobState::Sending, "that is handed over");
    assert_eq!(ids(offer(&store, day(6), day(9), 9).await), ["queued"]);
}

/// A job that had no turn is due later, was never `sending`, and has no attempt and no transition for it.
async fn what_is_put_off_leaves_no_trace_but_its_time(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let job = assembled(&store, key, "a", 4).await;
    let before = store.job(&job).await.unwrap().unwrap();
    let put_off = async |not_before| {
        let deferral = Deferral { job: job.clone(), not_before, reason: Reason::Paced };
        store.put_off(&[deferral]).await.unwrap()
    };
    assert_eq!(put_off(day(5)).await, [false], "nobody has offered it");
    offer(&store, day(4), day(9), 9).await;
    assert_eq!(put_off(day(5)).await, [true]);
    let after = store.job(&job).await.unwrap().unwrap();
    let job_now = &after.job;
    assert_eq!((job_now.state, job_now.reason), (JobState::Scheduled, Some(Reason::Paced)));
    assert_eq!((job_now.not_before, job_now.tries, job_now.attempts), (Some(day(5)), 0, 0));
    assert_eq!((after.attempts.len(), after.transitions.len()), (0, before.transitions.len()));
    assert!(offer(&store, day(4), day(9), 9).await.is_empty());
    assert_eq!(store.in_flight().await.unwrap(), 0);
    // never later than it is worth sending: then its end is noticed in time
    offer(&store, day(5), day(9), 9).await;
    put_off(day(99)).await;
    assert_eq!(store.job(&job).await.unwrap().unwrap().job.not_before, Some(job_now.valid_until));
}

async fn two_offer_at_once(place: Place) {
    let (one, two) = (place.open().await, place.open().await);
    let key = member(&one, "m").await;
    for i in 0..30 {
        assembled(&one, key, &i.to_string(), 4).await;
    }
    let (a, b) = tokio::join!(offer(&one, day(4), day(5), 30), offer(&two, day(4), day(5), 30));
    assert_eq!(a.len() + b.len(), 30);
    assert_eq!(one.in_flight().await.unwrap(), 30);
}

async fn settling_records_and_moves_on(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let (one, two) = (sending(&store, key, "1", 5).await, sending(&store, key, "2", 5).await);
    let group = vec![settlement(key, "1", JobState::Delivered), settlement(key, "2", JobState::Scheduled)];
    assert_eq!(store.settle(group.clone()).await.unwrap(), [true, true]);
    assert_eq!(store.settle(group[..1].to_vec()).await.unwrap(), [false], "it was heard the first time");
    let late = Settlement { at: day(7), ..group[0].clone() };
    assert_eq!(store.settle(vec![late]).await.unwrap(), [false], "whoever comes late lets go");
    assert_eq!(store.settle(vec![settlement(key, "none", JobState::Delivered)]).await.unwrap(), [false]);
    assert_eq!(store.in_flight().await.unwrap(), 0);

    let done = store.job(&one).await.unwrap().unwrap();
    assert_eq!((done.job.state, done.job.attempts, done.job.tries), (JobState::Delivered, 1, 1));
    assert_eq!(done.attempts.len(), 1, "a hand-over has one end, also when it is told twice");
    assert_eq!((done.attempts[0].at, &done.attempts[0].outcome), (day(6), &group[0].outcome));
    assert_eq!(done.transitions.last().map(|t| (t.at, t.state)), Some((day(6), JobState::Delivered)));
    assert_eq!((done.key, done.member.as_str()), (key, "m"));
    assert_eq!(done.occasions[0].evidence, Some(evidence()), "kept when it is over");
    let again = store.job(&two).await.unwrap().unwrap().job;
    assert_eq!((again.state, again.reason), (JobState::Scheduled, Some(Reason::Deferred)));
    assert_eq!((again.not_before, again.content), (Some(day(7)), Some(*content("m"))));
    assert_eq!(offer(&store, day(7), day(8), 9).await.len(), 1, "tried again");
}

async fn leases_are_reclaimed(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let over = Lease { from: day(6), span: -TimeDelta::seconds(1) };
    let reclaimed = |rescheduled, uncertain| Reclaimed { rescheduled, uncertain };
    let job = assembled(&store, key, "sent", 5).await;
    offer(&store, day(5), day(5 + 1), 9).await;
    let start_under = |lease| Change::Start { job: job.clone(), at: day(5), lease, content: content("m") };
    assert_eq!(apply(&store, key, day(5), vec![start_under(over)]).await, [true]);
    assembled(&store, key, "queued", 5).await;
    offer(&store, day(5), day(7), 9).await;
    assert_eq!(store.reclaim(day(6), false, vec!["email".into()]).await.unwrap(), reclaimed(0, 1));
    assert_eq!(store.reclaim(day(6), false, vec![]).await.unwrap(), reclaimed(0, 0));
    assert_eq!(store.reclaim(day(6), true, vec![]).await.unwrap(), reclaimed(1, 0), "at start: every lease");
    let lost = store.job(&"sent".into()).await.unwrap().unwrap().job;
    assert_eq!((lost.state, lost.reason), (JobState::Uncertain, Some(Reason::ProcessDied)));
    assert_eq!(store.settle(vec![settlement(key, "sent", JobState::Delivered)]).await.unwrap(), [false]);

    let skip = Change::Skip("queued".into(), Reason::Expired);
    assert_eq!(apply(&store, key, day(6), vec![skip]).await, [true]);
    sending(&store, key, "hook", 5).await;
    assert_eq!(
        store.reclaim(day(9), true, vec!["crm".into()]).await.unwrap(),
        reclaimed(1, 0),
        "the receiver dedupes"
    );
    let again = store.job(&"hook".into()).await.unwrap().unwrap().job;
    assert_eq!((again.state, again.tries, again.attempts), (JobState::Scheduled, 1, 0));
    assert_eq!(store.in_flight().await.unwrap(), 0);
}

/// A worker whose lease ran out comes back late: the job is another's by now.
async fn a_late_end_settles_no_other_hand_over(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let job = sending(&store, key, "a", 5).await;
    store.reclaim(day(6), true, vec![]).await.unwrap();
    assert_eq!(apply(&store, key, day(6), vec![Change::Replay(job.clone(), day(20))]).await, [true]);
    assert_eq!(offer(&store, day(6), day(6 + 1), 9).await.len(), 1);
    assert_eq!(apply(&store, key, day(6), vec![start(&job, 6)]).await, [true]);
    let job_now = async || store.job(&job).await.unwrap().unwrap();
    assert_eq!(job_now().await.job.handovers, 2, "a replay does not count anew");

    let late = settlement(key, "a", JobState::Scheduled);
    let other = Settlement { handover: 2, ..settlement(key, "a", JobState::Delivered) };
    assert_eq!(store.settle(vec![late.clone()]).await.unwrap(), [false]);
    let between = job_now().await;
    assert_eq!((between.job.state, between.job.attempts), (JobState::Sending, 0));
    assert_eq!(between.attempts.len(), 1, "what happened is on record");
    assert_eq!(store.settle(vec![late, other]).await.unwrap(), [false, true]);
    let done = job_now().await;
    assert_eq!((done.job.state, done.job.attempts, done.attempts.len()), (JobState::Delivered, 1, 2));
    assert_eq!(view(&store, key, day(6)).await.jobs[0].handovers, 2);
}

/// Leases of a fleet go by the server's clock, whatever the clocks of its machines say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_an_hour_off_neither_takes_a_live_lease_nor_leaves_one_for_ever() {
    let Some(place) = Place::postgres().await else { return };
    let store = place.open().await;
    let key = member(&store, "m").await;
    let now = chrono::Utc::now();
    for (id, off) in [("slow", TimeDelta::hours(-1)), ("fast", TimeDelta::hours(1))] {
        assembled(&store, key, id, 5).await;
        let offer = async |minutes| {
            let lease = Lease { from: now + off, span: TimeDelta::minutes(minutes) };
            let lane = &store.ripe(day(5)).await.unwrap()[0];
            assert_eq!(store.offer(lane, day(5), lease, 9).await.unwrap().len(), 1);
            lease
        };
        let taken = async |lease: Lease| {
            let hand_over = Change::Start { job: id.into(), at: day(5), lease, content: content("m") };
            assert_eq!(apply(&store, key, day(5), vec![hand_over]).await, [true]);
        };
        let back = async |by: TimeDelta| {
            let Reclaimed { rescheduled, uncertain } = store.reclaim(now + by, false, vec![]).await.unwrap();
            rescheduled + uncertain
        };
        offer(10).await;
        assert_eq!(back(-off).await, 0, "{id}: offered");
        store.reclaim(now, true, vec![]).await.unwrap();
        offer(-1).await;
        assert_eq!(back(-off).await, 1, "{id}: offered, and over");
        let lease = offer(10).await;
        taken(lease).await;
        assert_eq!(back(-off).await, 0, "{id}: handed over");
        let late = store.audit(now - off, TimeDelta::zero(), TimeDelta::days(1)).await.unwrap();
        let late = late.into_iter().find(|(what, _)| what.as_str() == "lease_taken_back").unwrap().1;
        assert_eq!(late.count, 0, "{id}");
        store.reclaim(now, true, vec!["crm".into()]).await.unwrap();
        let over = offer(-1).await;
        taken(over).await;
        assert_eq!(back(-off).await, 1, "{id}: handed over, and over");
    }
}
