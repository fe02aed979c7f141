//! What comes back: each report once, about whom it is, and never to a stranger's harm.

use std::sync::Arc;

use replenish::desk::feedback::{Received, receive};
use replenish::domain::feedback::{BouncePolicy, Feedback, FeedbackKind};
use replenish::domain::interval::Priors;
use replenish::domain::lifecycle::Stages;
use replenish::domain::member::{MemberRecord, Suppression};
use replenish::domain::rules::{Guards, Rules};
use replenish::domain::shop::Knowledge;
use replenish::store::{About, Addressee, JobRef, Returned, Whom};

use super::history::record;
use super::*;

cases! {
    a_report_is_recorded_once
    a_job_knows_the_address_it_went_to
    a_refusal_at_sending_stops_the_address
    a_hard_bounce_closes_what_waits_for_the_address
    a_forged_report_changes_nothing
    a_late_bounce_leaves_the_new_address_alone
    soft_bounces_of_different_jobs_add_up
    complaints_and_opt_outs_stop_the_member
    whoever_is_not_known_yet_is_stopped_by_address_alone
    what_was_broken_off_is_done_again
}

pub fn knowledge() -> Knowledge {
    let rules = Rules::new(vec![], Guards::default(), vec![], Stages::default());
    let (rules, priors, zone) = (Arc::new(rules), Arc::new(Priors::default()), chrono_tz::Asia::Taipei);
    Knowledge {
        rules,
        priors,
        zone,
        locale: "en".into(),
        orders_at: None,
        shadow: false,
        reach: Default::default(),
    }
}

async fn received(store: &Store, now: i64, reports: Vec<Feedback>) -> Received {
    receive(store, &knowledge(), &BouncePolicy::default(), day(now), reports).await.unwrap()
}

fn about_job(kind: FeedbackKind, job: &JobId, n: i64) -> Feedback {
    Feedback {
        kind,
        job: Some(job.clone()),
        member: None,
        address: None,
        purpose: None,
        at: day(n),
        detail: "550 5.1.1 no such user".into(),
        id: None,
    }
}

fn about_address(kind: FeedbackKind, address: &str, n: i64) -> Feedback {
    Feedback { job: None, address: Some(address.into()), ..about_job(kind, &"".into(), n) }
}

/// A member with this address.
async fn with_mail(store: &Store, id: &str, email: &str) -> MemberKey {
    let key = member(store, id).await;
    moves(store, id, email).await;
    key
}

async fn moves(store: &Store, id: &str, email: &str) {
    store.put_members(vec![MemberRecord { email: Some(email.into()), ..record(id) }]).await.unwrap();
}

/// An e-mail assembled and handed over on day `due`, and delivered.
async fn mailed(store: &Store, key: MemberKey, id: &str, due: i64) -> JobId {
    let occasion = occasion(id, due);
    let mail = Job { channel: "email".into(), ..job(id, due, due) };
    let changes = vec![Change::Plan(occasion.clone()), Change::Assemble(Box::new(mail), vec![occasion.key])];
    assert_eq!(apply(store, key, day(due), changes).await, [true, true]);
    let id = JobId::from(id);
    assert_eq!(offer(store, day(due), day(due + 1), 100).await.len(), 1);
    assert_eq!(apply(store, key, day(due), vec![start(&id, due)]).await, [true]);
    id
}

/// Whom opt-outs are about, and why.
async fn stopped(store: &Store) -> Vec<(Whom, String)> {
    store.suppressions(None).await.unwrap().into_iter().map(|s| (s.whom, s.because)).collect()
}

fn address(email: &str) -> Whom {
    Whom::Address(email.into())
}

async fn a_report_is_recorded_once(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let job = sending(&store, key, "1", 5).await;
    let (late, early) =
        (about_job(FeedbackKind::Complaint, &job, 8), about_job(FeedbackKind::SoftBounce, &job, 6));
    assert!(!store.is_recorded(&late).await.unwrap());
    assert!(store.record(&late, Some(key)).await.unwrap());
    assert!(store.record(&early, Some(key)).await.unwrap());
    assert!(!store.record(&late, Some(key)).await.unwrap());
    assert!(store.is_recorded(&late).await.unwrap());
    assert!(store.record(&about_address(FeedbackKind::HardBounce, "a@x.org", 6), None).await.unwrap());
    let said = "550 5.1.1 no such user".to_owned();
    let expected = [(6, FeedbackKind::SoftBounce), (8, FeedbackKind::Complaint)].map(|(n, kind)| Returned {
        at: day(n),
        kind,
        detail: said.clone(),
    });
    assert_eq!(place.open().await.feedback(&job).await.unwrap(), expected);
    assert_eq!(store.feedback(&"none".into()).await.unwrap(), []);
}

async fn a_job_knows_the_address_it_went_to(place: Place) {
    let store = place.open().await;
    let key = with_mail(&store, "m", "Old@x.org").await;
    let job = mailed(&store, key, "1", 5).await;
    let hook = sending(&store, key, "2", 6).await;
    moves(&store, "m", "new@x.org").await;
    let is = |address: &str| [Addressee { key, member: "m".into(), address: Some(address.into()) }];
    assert_eq!(store.addressees(About::Job(&job)).await.unwrap(), is("old@x.org"));
    assert_eq!(
        store.addressees(About::Job(&hook)).await.unwrap(),
        is("new@x.org"),
        "a webhook went to no address"
    );
    assert_eq!(store.addressees(About::Member(&"m".into())).await.unwrap(), is("new@x.org"));
    assert_eq!(store.addressees(About::Address("NEW@x.org ")).await.unwrap(), is("new@x.org"));
    assert_eq!(store.addressees(About::Address("old@x.org")).await.unwrap(), []);
    assert_eq!(store.addressees(About::Job(&"none".into())).await.unwrap(), []);
}

async fn a_refusal_at_sending_stops_the_address(place: Place) {
    let store = place.open().await;
    let key = with_mail(&store, "m", "amy@x.org").await;
    let job = mailed(&store, key, "1", 5).await;
    sleep(&store, key).await;
    let refused = JobRef {
        member: key.0,
        job: job.clone(),
        channel: "email".into(),
        domain: None,
        valid_until: day(14),
    };
    assert!(store.bounce(&refused, "550 5.1.1 <amy@x.org>: no amy", day(5)).await.unwrap());
    assert_eq!(stopped(&store).await, [(address("amy@x.org"), "hard bounce: 550 5.1.1 <…>: no …".into())]);
    let all = Suppression { purpose: None, item: None, until: None, again: None };
    assert_eq!(view(&store, key, day(99)).await.suppressions, [all], "for good");
    assert_eq!(awake(&store, day(5)).await, [key]);
    assert_eq!(store.feedback(&job).await.unwrap().len(), 1);
    let nobody = JobRef {
        member: 99,
        job: "none".into(),
        channel: "email".into(),
        domain: None,
        valid_until: day(14),
    };
    assert!(!store.bounce(&nobody, "550", day(5)).await.unwrap());
    // where there is no address, the member is all there is to stop
    let other = member(&store, "n").await;
    let hook = sending(&store, other, "2", 6).await;
    assert!(
        store
            .bounce(
                &JobRef {
                    member: other.0,
                    job: hook,
                    channel: "email".into(),
                    domain: None,
                    valid_until: day(14)
                },
                "",
                day(6)
            )
            .await
            .unwrap()
    );
    assert_eq!(stopped(&store).await[1], (Whom::Member("n".into()), "hard bounce".into()));
}

async fn a_hard_bounce_closes_what_waits_for_the_address(place: Place) {
    let store = place.open().await;
    let key = with_mail(&store, "m", "amy@x.org").await;
    let job = mailed(&store, key, "1", 5).await;
    assembled(&store, key, "2", 6).await;
    let report =
        Feedback { address: Some("Amy@x.org".into()), ..about_job(FeedbackKind::HardBounce, &job, 6) };
    let first = received(&store, 7, vec![report.clone(), report.clone()]).await;
    let kinds = [(FeedbackKind::HardBounce, 1)].into();
    let expected = Received {
        read: 2,
        recorded: 1,
        duplicate: 1,
        suppressed: 1,
        cancelled: 1,
        kinds,
        ..Received::default()
    };
    assert_eq!(first, expected);
    let before = store.suppressions(None).await.unwrap();
    let again = received(&store, 9, vec![report.clone()]).await;
    assert_eq!(again, Received { read: 1, duplicate: 1, ..Received::default() });
    assert_eq!(store.suppressions(None).await.unwrap(), before);
    // a person's word stands: what is on record does not come back
    store.unsuppress(address("amy@x.org"), None, None).await.unwrap();
    received(&store, 9, vec![report]).await;
    assert_eq!(stopped(&store).await, []);
}

async fn a_forged_report_changes_nothing(place: Place) {
    let store = place.open().await;
    let key = with_mail(&store, "m", "amy@x.org").await;
    with_mail(&store, "n", "ben@x.org").await;
    let job = mailed(&store, key, "1", 5).await;
    let strangers = |kind| Feedback { address: Some("ben@x.org".into()), ..about_job(kind, &job, 6) };
    let forged = vec![
        strangers(FeedbackKind::HardBounce),
        strangers(FeedbackKind::SoftBounce),
        Feedback { member: Some("n".into()), ..about_job(FeedbackKind::Complaint, &job, 6) },
        Feedback {
            address: Some("ben@x.org".into()),
            ..about_job(FeedbackKind::HardBounce, &"job_none".into(), 6)
        },
        about_job(FeedbackKind::Complaint, &"job_none".into(), 6),
    ];
    for _ in 0..2 {
        let done = received(&store, 7, forged.clone()).await;
        assert_eq!(done, Received { read: 5, unmatched: 5, ..Received::default() });
    }
    assert_eq!(stopped(&store).await, []);
    assert_eq!(store.feedback(&job).await.unwrap(), []);
    // a complaint that was forwarded is still about the message, never about the stranger
    let forwarded = received(&store, 7, vec![strangers(FeedbackKind::Complaint)]).await;
    assert_eq!((forwarded.recorded, forwarded.suppressed), (1, 2));
    let whom: Vec<_> = stopped(&store).await.into_iter().map(|(whom, _)| whom).collect();
    assert_eq!(whom, [address("amy@x.org"), Whom::Member("m".into())]);
}

async fn a_late_bounce_leaves_the_new_address_alone(place: Place) {
    let store = place.open().await;
    let key = with_mail(&store, "m", "old@x.org").await;
    let job = mailed(&store, key, "1", 5).await;
    moves(&store, "m", "new@x.org").await;
    let named =
        Feedback { address: Some("old@x.org".into()), ..about_job(FeedbackKind::HardBounce, &job, 6) };
    assert_eq!(received(&store, 7, vec![named]).await.suppressed, 1);
    assert_eq!(stopped(&store).await.remove(0).0, address("old@x.org"));
    assert_eq!(view(&store, key, day(8)).await.suppressions, []);
    // the new one never got that message
    let elsewhere =
        Feedback { address: Some("new@x.org".into()), ..about_job(FeedbackKind::HardBounce, &job, 7) };
    assert_eq!(received(&store, 8, vec![elsewhere]).await.unmatched, 1);
    assert_eq!(received(&store, 8, vec![about_job(FeedbackKind::HardBounce, &job, 8)]).await.suppressed, 1);
    assert_eq!(view(&store, key, day(8)).await.suppressions, []);
}

async fn soft_bounces_of_different_jobs_add_up(place: Place) {
    let store = place.open().await;
    let key = with_mail(&store, "m", "amy@x.org").await;
    let mut jobs = Vec::new();
    for n in 1..=6 {
        jobs.push(mailed(&store, key, &n.to_string(), 10 * n).await);
    }
    let soft = |n: usize, at| about_job(FeedbackKind::SoftBounce, &jobs[n], at);
    let policy = BouncePolicy { soft_limit: 3, within: TimeDelta::days(30) };
    let count = async |now: i64, reports: Vec<Feedback>| {
        receive(&store, &knowledge(), &policy, day(now), reports).await.unwrap().suppressed
    };
    assert_eq!(count(12, vec![soft(0, 11), soft(0, 12)]).await, 0, "the same job twice");
    assert_eq!(count(21, vec![soft(1, 21)]).await, 0);
    assert_eq!(count(51, vec![soft(2, 50), soft(3, 51)]).await, 1, "the first is too long ago");
    let until = day(51) + TimeDelta::days(30);
    let what = Suppression { purpose: None, item: None, until: Some(until), again: None };
    let standing = store.suppressions(None).await.unwrap().remove(0);
    assert_eq!((standing.whom, standing.what), (address("amy@x.org"), what));
    assert_eq!(standing.because, "3 soft bounces, the last: 550 5.1.1 no such user");
    // another address starts anew
    moves(&store, "m", "new@x.org").await;
    let job = mailed(&store, key, "9", 70).await;
    assert_eq!(count(71, vec![about_job(FeedbackKind::SoftBounce, &job, 71)]).await, 0);
}

async fn complaints_and_opt_outs_stop_the_member(place: Place) {
    let store = place.open().await;
    let key = with_mail(&store, "m", "amy@x.org").await;
    let job = mailed(&store, key, "1", 5).await;
    let opt_out = Feedback {
        purpose: Some(Purpose::Reminder),
        member: Some("m".into()),
        job: None,
        detail: String::new(),
        ..about_job(FeedbackKind::OptOut, &job, 6)
    };
    assert_eq!(received(&store, 7, vec![opt_out]).await.suppressed, 1);
    let reminders = Suppression { purpose: Some(Purpose::Reminder), item: None, until: None, again: None };
    assert_eq!(view(&store, key, day(8)).await.suppressions, [reminders]);
    assert_eq!(received(&store, 7, vec![about_job(FeedbackKind::Complaint, &job, 6)]).await.suppressed, 2);
    let opt_outs = stopped(&store).await;
    let said = "complaint: 550 5.1.1 no such user".to_owned();
    let expected = [
        (Whom::Member("m".into()), "opt-out".to_owned()),
        (address("amy@x.org"), said.clone()),
        (Whom::Member("m".into()), said),
    ];
    assert_eq!(opt_outs, expected);
}

async fn whoever_is_not_known_yet_is_stopped_by_address_alone(place: Place) {
    let store = place.open().await;
    let nobody = || Feedback {
        member: Some("nobody".into()),
        job: None,
        ..about_job(FeedbackKind::Complaint, &"".into(), 6)
    };
    let bounce = about_address(FeedbackKind::HardBounce, "Later@x.org", 6);
    let first = received(&store, 7, vec![nobody(), bounce.clone()]).await;
    assert_eq!((first.read, first.unmatched, first.recorded, first.suppressed), (2, 2, 1, 1));
    let again = received(&store, 7, vec![nobody(), bounce]).await;
    assert_eq!((again.unmatched, again.duplicate, again.suppressed), (1, 1, 0));
    assert_eq!(stopped(&store).await.len(), 1);
    let key = with_mail(&store, "later", "later@x.org").await;
    assert_eq!(view(&store, key, day(8)).await.suppressions.len(), 1);
    assert_eq!(store.member_by_id(&"nobody".into()).await.unwrap(), None);
}

/// What a crash leaves between acting and recording: the opt-out stands, the report is not on record.
async fn what_was_broken_off_is_done_again(place: Place) {
    let store = place.open().await;
    let key = with_mail(&store, "m", "amy@x.org").await;
    let job = mailed(&store, key, "1", 5).await;
    let all = Suppression { purpose: None, item: None, until: None, again: None };
    let because = "hard bounce: 550 5.1.1 no such user";
    store.suppress(address("amy@x.org"), all, because, day(7)).await.unwrap();
    let done = received(&store, 7, vec![about_job(FeedbackKind::HardBounce, &job, 6)]).await;
    assert_eq!((done.recorded, done.suppressed), (1, 1));
    assert_eq!(stopped(&store).await, [(address("amy@x.org"), because.to_owned())]);
}
