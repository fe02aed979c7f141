//! Offered, claimed, settled, reclaimed: what happens to a job between the ledger and the peer.

use replenish::domain::job::{Delivery, Outcome, Settled};
use replenish::domain::reason::Reason;
use replenish::store::{Deferral, JobRef, Reclaimed, Settlement};

use super::*;

cases! {
    offers_are_made_once_and_in_order
    two_offer_at_once
    settling_records_and_moves_on
    leases_are_reclaimed
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
    assert!(store.offer(day(3), day(9), 9).await.unwrap().is_empty());
    assert_eq!(store.offer(day(6), day(9), 1).await.unwrap(), [at(key, "b")]);
    let rest: Vec<_> = store.offer(day(5), day(9), 9).await.unwrap().into_iter().map(|j| j.job).collect();
    assert_eq!(rest, ["a".into()]);
    assert!(store.offer(day(5), day(9), 9).await.unwrap().is_empty());
    assert_eq!(store.in_flight().await.unwrap(), 2);
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
    store.offer(day(4), day(9), 9).await.unwrap();
    assert_eq!(put_off(day(5)).await, [true]);
    let after = store.job(&job).await.unwrap().unwrap();
    let job_now = &after.job;
    assert_eq!((job_now.state, job_now.reason), (JobState::Scheduled, Some(Reason::Paced)));
    assert_eq!((job_now.not_before, job_now.tries, job_now.attempts), (Some(day(5)), 0, 0));
    assert_eq!((after.attempts.len(), after.transitions.len()), (0, before.transitions.len()));
    assert!(store.offer(day(4), day(9), 9).await.unwrap().is_empty());
    assert_eq!(store.in_flight().await.unwrap(), 0);
    // never later than it is worth sending: then its end is noticed in time
    store.offer(day(5), day(9), 9).await.unwrap();
    put_off(day(99)).await;
    assert_eq!(store.job(&job).await.unwrap().unwrap().job.not_before, Some(job_now.valid_until));
}

async fn two_offer_at_once(place: Place) {
    let (one, two) = (place.open().await, place.open().await);
    let key = member(&one, "m").await;
    for i in 0..30 {
        assembled(&one, key, &i.to_string(), 4).await;
    }
    let (a, b) = tokio::join!(one.offer(day(4), day(5), 30), two.offer(day(4), day(5), 30));
    assert_eq!(a.unwrap().len() + b.unwrap().len(), 30);
    assert_eq!(one.in_flight().await.unwrap(), 30);
}

async fn settling_records_and_moves_on(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let (one, two) = (sending(&store, key, "1", 5).await, sending(&store, key, "2", 5).await);
    let group = vec![settlement(key, "1", JobState::Delivered), settlement(key, "2", JobState::Scheduled)];
    assert_eq!(store.settle(group.clone()).await.unwrap(), [true, true]);
    assert_eq!(store.settle(group[..1].to_vec()).await.unwrap(), [false], "whoever comes late lets go");
    assert_eq!(store.settle(vec![settlement(key, "none", JobState::Delivered)]).await.unwrap(), [false]);
    assert_eq!(store.in_flight().await.unwrap(), 0);

    let done = store.job(&one).await.unwrap().unwrap();
    assert_eq!((done.job.state, done.job.attempts, done.job.tries), (JobState::Delivered, 1, 1));
    assert_eq!(done.attempts.len(), 2, "an attempt is recorded in any case");
    assert_eq!((done.attempts[0].at, &done.attempts[0].outcome), (day(6), &group[0].outcome));
    assert_eq!(done.transitions.last().map(|t| (t.at, t.state)), Some((day(6), JobState::Delivered)));
    assert_eq!((done.key, done.member.as_str()), (key, "m"));
    assert_eq!(done.occasions[0].evidence, Some(evidence()), "kept when it is over");
    let again = store.job(&two).await.unwrap().unwrap().job;
    assert_eq!((again.state, again.reason), (JobState::Scheduled, Some(Reason::Deferred)));
    assert_eq!((again.not_before, again.content), (Some(day(7)), Some(*content("m"))));
    assert_eq!(store.offer(day(7), day(8), 9).await.unwrap().len(), 1, "tried again");
}

async fn leases_are_reclaimed(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    sending(&store, key, "sent", 5).await; // leased until day 6
    assembled(&store, key, "queued", 5).await;
    store.offer(day(5), day(7), 9).await.unwrap();
    let reclaimed = |rescheduled, uncertain| Reclaimed { rescheduled, uncertain };
    assert_eq!(store.reclaim(day(5), false, vec![]).await.unwrap(), reclaimed(0, 0));
    assert_eq!(store.reclaim(day(6), false, vec!["email".into()]).await.unwrap(), reclaimed(0, 1));
    assert_eq!(store.reclaim(day(6), true, vec![]).await.unwrap(), reclaimed(1, 0), "at start: every lease");
    let lost = store.job(&"sent".into()).await.unwrap().unwrap().job;
    assert_eq!((lost.state, lost.reason), (JobState::Uncertain, Some(Reason::ProcessDied)));
    assert_eq!(store.settle(vec![settlement(key, "sent", JobState::Delivered)]).await.unwrap(), [false]);

    let skip = Change::Skip("queued".into(), Reason::Expired);
    assert_eq!(apply(&store, key, day(6), vec![skip]).await, [true]);
    sending(&store, key, "hook", 5).await;
    assert_eq!(
        store.reclaim(day(9), false, vec!["crm".into()]).await.unwrap(),
        reclaimed(1, 0),
        "the receiver dedupes"
    );
    let again = store.job(&"hook".into()).await.unwrap().unwrap().job;
    assert_eq!((again.state, again.tries, again.attempts), (JobState::Scheduled, 1, 0));
    assert_eq!(store.in_flight().await.unwrap(), 0);
}
