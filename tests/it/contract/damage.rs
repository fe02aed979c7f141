//! A row that cannot be read, a decision that panics: one member waits for an hour, and no one else.

use replenish::domain::reason::Reason;
use replenish::store::{Damaged, StoreError};

use super::ledger::by_hand;
use super::*;

cases! {
    a_damaged_row_concerns_its_member_alone
    what_a_damaged_member_has_waits_an_hour
    what_is_over_ends_though_the_member_is_damaged
    a_panic_concerns_its_member_alone
    a_damaged_job_leaves_with_the_others
}

/// Ways to damage member `m1`, and the table that is told.
const DAMAGE: [(&str, &str); 5] = [
    ("member", "UPDATE member SET tags = '[' WHERE id = 'm1'"),
    ("member", "UPDATE member SET stage = 'of_a_later_version', stage_since = 0 WHERE id = 'm1'"),
    (
        "occasion",
        "UPDATE occasion SET evidence = '{' WHERE member = (SELECT key FROM member WHERE id = 'm1')",
    ),
    ("job", "UPDATE job SET reason = 'of_a_later_version' WHERE id = 'o-m1'"),
    ("job", "UPDATE job SET content = '{\"name\":\"Amy\"}' WHERE id = 'o-m1'"),
];

/// Three members, awake, each with an occasion and a job due on day 5.
async fn three(store: &Store) -> Vec<MemberKey> {
    let mut keys = Vec::new();
    for id in ["m0", "m1", "m2"] {
        let key = member(store, id).await;
        assembled(store, key, &format!("o-{id}"), 5).await;
        let changes = vec![Change::Plan(occasion("next", 5)), Change::Planned(Some(day(5)), "rules".into())];
        assert_eq!(apply(store, key, day(5), changes).await, [true, true]);
        keys.push(key);
    }
    keys
}

/// Who was decided about, and what is damaged.
async fn asked(store: &Store, pick: Pick, now: Timestamp) -> (Vec<MemberKey>, Vec<Damaged>) {
    let decisions = store.decide(pick, now, day(0), |_, _| (Vec::new(), ())).await.unwrap();
    (decisions.decided.into_iter().map(|d| d.member).collect(), decisions.damaged)
}

async fn a_damaged_row_concerns_its_member_alone(place: Place) {
    let store = place.open().await;
    let keys = three(&store).await;
    let others = [keys[0], keys[2]];
    for (table, sql) in DAMAGE {
        by_hand(&place, sql).await;
        for pick in [Pick::Awake(9), Pick::Due(9), Pick::Members(keys.clone())] {
            by_hand(
                &place,
                "UPDATE member SET wake_at = 0; UPDATE occasion SET held_until = NULL, held_for = NULL",
            )
            .await;
            let (decided, damaged) = asked(&store, pick, day(5)).await;
            assert_eq!(decided, others, "{sql}");
            let [Damaged { member, why }] = damaged.try_into().unwrap();
            assert!(
                matches!(&why, StoreError::Corrupt { table: told, .. } if *told == table),
                "{sql}: {why}"
            );
            let said = why.to_string();
            assert!(member == keys[1] && !said.contains("Amy"), "{said}");
            assert!(
                said.contains("of member m1") || said.contains(&format!("row {} of", member.0)),
                "{said}"
            );
        }
        let views = store.views(None, 9, day(5), day(0)).await.unwrap();
        assert_eq!(views.iter().map(|(_, view)| view.is_ok()).collect::<Vec<_>>(), [true, false, true]);
        assert!(store.view(keys[1], day(5), day(0)).await.unwrap_err().is_damage());
        assert_eq!(store.views_of(&keys, day(5)).await.unwrap().len(), 2);
        by_hand(
            &place,
            "UPDATE member SET tags = '[]', stage = NULL; UPDATE occasion SET evidence = NULL; \
             UPDATE job SET reason = NULL, content = NULL",
        )
        .await;
        assert!(store.view(keys[1], day(5), day(0)).await.is_ok(), "mended: {sql}");
    }
}

async fn what_a_damaged_member_has_waits_an_hour(place: Place) {
    let store = place.open().await;
    let keys = three(&store).await;
    let hour = TimeDelta::hours(1);
    by_hand(&place, DAMAGE[0].1).await;
    assert_eq!(offer(&store, day(5), day(5 + 1), 9).await.len(), 3);
    assert_eq!(asked(&store, Pick::Members(keys.clone()), day(5)).await.1.len(), 1);
    by_hand(&place, "UPDATE member SET tags = '[]'").await;

    let seen = view(&store, keys[1], day(5)).await;
    let job = &seen.jobs[0];
    assert_eq!((job.state, job.reason), (JobState::Scheduled, Some(Reason::Damaged)));
    assert_eq!(job.not_before, Some(day(5) + hour));
    let next = seen.occasions.iter().find(|o| o.is_open()).unwrap();
    assert_eq!((next.held_until, next.held_for), (Some(day(5) + hour), Some(Reason::Damaged)));
    assert_eq!(view(&store, keys[0], day(5)).await.jobs[0].state, JobState::Queued, "not the others'");
    assert_eq!(store.in_flight().await.unwrap(), 2);

    let just_before = day(5) + hour - TimeDelta::seconds(1);
    for (now, who) in [(just_before, vec![keys[0], keys[2]]), (day(5) + hour, keys.clone())] {
        assert_eq!(awake(&store, now).await, who);
        assert_eq!(picked(&store, Pick::Due(9), now).await, who);
    }
    assert!(offer(&store, just_before, day(6), 9).await.is_empty());
    assert_eq!(offer(&store, day(5) + hour, day(6), 9).await.len(), 1);
}

/// Else it would be picked again and again, and nobody behind it.
async fn what_is_over_ends_though_the_member_is_damaged(place: Place) {
    let store = place.open().await;
    let keys = three(&store).await;
    by_hand(&place, DAMAGE[0].1).await;
    let almost = day(15) - TimeDelta::minutes(30);
    assert_eq!(offer(&store, almost, almost + TimeDelta::hours(1), 9).await.len(), 3);
    asked(&store, Pick::Members(keys.clone()), almost).await;
    by_hand(&place, "UPDATE member SET tags = '[]'").await;
    let seen = view(&store, keys[1], almost).await;
    assert_eq!(seen.jobs[0].not_before, Some(day(15)), "no longer than it is worth sending");
    assert!(seen.occasions.iter().filter(|o| o.is_open()).all(|o| o.held_until == Some(day(15))));

    by_hand(&place, DAMAGE[0].1).await;
    assert_eq!(offer(&store, day(15), day(15 + 1), 9).await.len(), 1);
    asked(&store, Pick::Members(vec![keys[1]]), day(15)).await;
    by_hand(&place, "UPDATE member SET tags = '[]'").await;
    let seen = view(&store, keys[1], day(15)).await;
    assert_eq!(store.job(&"o-m1".into()).await.unwrap().unwrap().job.reason, Some(Reason::Expired));
    let closed: Vec<_> = seen.occasions.iter().filter(|o| o.job().is_none()).map(|o| &o.state).collect();
    assert_eq!(closed, [&OccasionState::Closed(Reason::Expired)]);
    assert_eq!(picked(&store, Pick::Due(9), day(15)).await, [keys[0], keys[2]]);
    let amiss = store.audit(day(15), TimeDelta::days(9999), TimeDelta::zero()).await.unwrap();
    let amiss: Vec<_> = amiss.into_iter().filter(|(_, sample)| sample.count > 0).collect();
    assert_eq!(amiss, []);
}

async fn a_panic_concerns_its_member_alone(place: Place) {
    let store = place.open().await;
    let keys = three(&store).await;
    let decide = |view: &MemberView, _: &_| {
        assert!(view.member.id.as_str() != "m1", "a defect");
        (vec![Change::Plan(occasion("planned", 9))], ())
    };
    let decisions = store.decide(Pick::Awake(9), day(5), day(0), decide).await.unwrap();
    assert_eq!(decisions.applied(), 2);
    let said = decisions.damaged[0].why.to_string();
    assert!(said.contains("member m1: a defect") && decisions.damaged.len() == 1, "{said}");
    let planned = async |key| view(&store, key, day(5)).await.occasions.iter().any(|o| o.due_at == day(9));
    assert_eq!((planned(keys[0]).await, planned(keys[1]).await, planned(keys[2]).await), (true, false, true));
    assert_eq!(awake(&store, day(5)).await, [keys[0], keys[2]], "looked at again in an hour");
    assert_eq!(awake(&store, day(6)).await, keys);
}

/// Retention takes a damaged row along as it is, lest it keep all that ended after it.
async fn a_damaged_job_leaves_with_the_others(place: Place) {
    let store = place.open().await;
    three(&store).await;
    by_hand(&place, "UPDATE job SET state = 'skipped', reason = 'expired'").await;
    by_hand(&place, "UPDATE job SET content = '{' WHERE id = 'o-m1'").await;
    let folder = tempfile::tempdir().unwrap();
    let archive = replenish::store::Archive::new(folder.path().to_owned());
    assert_eq!(store.move_out(day(9), 9, Some(&archive), day(20)).await.unwrap(), 3);
    let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
    let kept: String = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let damaged = kept.lines().find(|line| line.contains("\"id\":\"o-m1\"")).unwrap();
    assert!(damaged.contains("\"content\":\"{\""), "{damaged}");
}
