//! Retention: what is finished leaves in batches and stays served; a crash in the middle loses no job.

use std::collections::BTreeMap;
use std::path::Path;

use replenish::domain::feedback::{Feedback, FeedbackKind};
use replenish::domain::job::{Delivery, Outcome, Settled};
use replenish::domain::occasion::OccasionState;
use replenish::store::{Archive, JobRef, Settlement};
use serde_json::Value;

use super::ledger::by_hand;
use super::*;

cases! {
    old_jobs_leave_in_batches_beside_deliveries
    a_crash_between_archive_and_ledger_loses_no_job
    what_is_not_old_in_every_way_stays
}

const MEMBERS: usize = 10;
const EACH: usize = 200;

/// Hands over and delivers everything that is due on day `n`.
async fn deliver(store: &Store, n: i64) -> usize {
    let offered = offer(store, day(n), day(n + 1), 5_000).await;
    let mut by_member: BTreeMap<MemberKey, Vec<JobRef>> = BTreeMap::new();
    for job in offered.iter().cloned() {
        by_member.entry(MemberKey(job.member)).or_default().push(job);
    }
    for (key, jobs) in by_member {
        apply(store, key, day(n), jobs.iter().map(|at| start(&at.job, n)).collect()).await;
        let settled = |job| Settlement {
            job,
            handover: 1,
            at: day(n),
            outcome: Outcome { code: Some("200".into()), ..Outcome::new(Delivery::Delivered, None) },
            settled: Settled {
                state: JobState::Delivered,
                reason: None,
                not_before: None,
                burns_attempt: true,
            },
        };
        assert!(
            store.settle(jobs.into_iter().map(settled).collect()).await.unwrap().iter().all(|moved| *moved)
        );
    }
    offered.len()
}

/// So many jobs of this member, due on day `n`, each for an occasion of its own.
async fn assemble_many(store: &Store, key: MemberKey, name: &str, count: usize, n: i64) {
    let one = |i: usize| {
        let id = format!("{name}-{i}");
        let occasion = occasion(&id, n);
        [Change::Plan(occasion.clone()), Change::Assemble(Box::new(job(&id, n, n)), vec![occasion.key])]
    };
    let applied = apply(store, key, day(n), (0..count).flat_map(one).collect()).await;
    assert!(applied.iter().all(|applied| *applied));
}

fn lines(folder: &Path) -> Vec<Value> {
    let files = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.extension().is_some_and(|e| e == "jsonl"));
    let texts = files.map(|path| std::fs::read_to_string(path).unwrap());
    texts
        .flat_map(|text| text.lines().map(|l| serde_json::from_str(l).unwrap()).collect::<Vec<_>>())
        .collect()
}

async fn old_jobs_leave_in_batches_beside_deliveries(place: Place) {
    let (store, folder) = (place.open().await, tempfile::tempdir().unwrap());
    let archive = Archive::new(folder.path().join("archive"));
    let mut keys = Vec::new();
    for m in 0..MEMBERS {
        let key = member(&store, &format!("m{m}")).await;
        assemble_many(&store, key, &format!("old{m}"), EACH, 5).await;
        keys.push(key);
    }
    assert_eq!(deliver(&store, 5).await, MEMBERS * EACH);
    let busy = async {
        for n in 0..10 {
            assemble_many(&store, keys[n % MEMBERS], &format!("new{n}"), 20, 40).await;
            assert_eq!(deliver(&store, 40).await, 20);
        }
    };
    let leaving = async {
        let mut batches = Vec::new();
        loop {
            match store.move_out(day(30), 500, Some(&archive), day(45)).await.unwrap() {
                0 => return batches,
                moved => batches.push(moved),
            }
        }
    };
    let ((), batches) = tokio::join!(busy, leaving);
    assert_eq!(batches, [500; 4]);

    let archived = lines(&folder.path().join("archive"));
    assert_eq!(archived.len(), MEMBERS * EACH);
    let one = archived.iter().find(|line| line["id"] == "old3-7").unwrap();
    assert_eq!((&one["member"], &one["state"]), (&"m3".into(), &"delivered".into()));
    assert_eq!(one["attempts"][0]["code"], "200");
    assert_eq!(one["occasions"][0]["evidence"]["purchases"], 3);
    assert_eq!(one["content"]["name"], "王小明");
    let states: Vec<_> = one["history"].as_array().unwrap().iter().map(|t| t["state"].clone()).collect();
    assert_eq!(states, ["scheduled", "sending", "delivered"]);

    assert_eq!(store.job(&"old3-7".into()).await.unwrap(), None);
    assert_eq!(store.moved_out_at(&"old3-7".into()).await.unwrap(), Some(day(45)));
    assert_eq!(store.moved_out_at(&"new3-7".into()).await.unwrap(), None);
    assert!(store.job(&"new3-7".into()).await.unwrap().is_some());
    let seen = view(&store, keys[3], day(45)).await;
    let served = |cycle: &str, by: &str| {
        let one = seen.occasions.iter().find(|o| o.key.cycle.as_str() == cycle).unwrap();
        assert_eq!(one.state, OccasionState::Served(by.into()));
    };
    served("old3-7", "old3-7");
    served("new3-7", "new3-7");
    assert!(seen.jobs.iter().all(|job| job.id.as_str().starts_with("new")));
    let again = Change::Plan(occasion("old3-7", 50));
    assert_eq!(apply(&store, keys[3], day(45), vec![again]).await, [false], "served for ever");
}

async fn a_crash_between_archive_and_ledger_loses_no_job(place: Place) {
    let (store, folder) = (place.open().await, tempfile::tempdir().unwrap());
    let archive = Archive::new(folder.path().to_owned());
    let key = member(&store, "m").await;
    assemble_many(&store, key, "old", 3, 5).await;
    deliver(&store, 5).await;
    let (stop, go_on) = match place.url.starts_with("sqlite:") {
        true => (
            "CREATE TRIGGER crash BEFORE DELETE ON job BEGIN SELECT RAISE(ABORT, 'crash'); END",
            "DROP TRIGGER crash",
        ),
        false => (
            "CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'crash'; END $$; \
             CREATE TRIGGER crash BEFORE DELETE ON job FOR EACH ROW EXECUTE FUNCTION crash()",
            "DROP TRIGGER crash ON job",
        ),
    };
    by_hand(&place, stop).await;
    assert!(store.move_out(day(30), 500, Some(&archive), day(45)).await.is_err());
    assert!(store.job(&"old-1".into()).await.unwrap().is_some_and(|job| job.attempts.len() == 1));
    by_hand(&place, go_on).await;
    assert_eq!(store.move_out(day(30), 500, Some(&archive), day(45)).await.unwrap(), 3);
    let mut count = BTreeMap::new();
    lines(folder.path()).iter().for_each(|line| *count.entry(line["id"].to_string()).or_insert(0) += 1);
    assert_eq!(count.into_values().collect::<Vec<_>>(), [2, 2, 2]);

    // the last key is not given again: the next job serves its own occasion alone
    let id = assembled(&store, key, "next", 46).await;
    let seen = view(&store, key, day(46)).await;
    let by_next: Vec<_> = seen.occasions.iter().filter(|o| o.job() == Some(&id)).collect();
    assert_eq!(by_next.len(), 1);
    assert_eq!(seen.occasions.len(), 4);
}

async fn what_is_not_old_in_every_way_stays(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    assemble_many(&store, key, "old", 3, 5).await;
    deliver(&store, 5).await;
    assembled(&store, key, "waits", 6).await;
    let report = Feedback {
        kind: FeedbackKind::SoftBounce,
        job: Some("old-1".into()),
        member: None,
        address: None,
        purpose: None,
        at: day(31),
        detail: String::new(),
        id: None,
    };
    store.record(&report, Some(key)).await.unwrap();
    assert_eq!(store.move_out(day(5), 500, None, day(45)).await.unwrap(), 0);
    assert_eq!(store.move_out(day(30), 500, None, day(45)).await.unwrap(), 2);
    assert!(store.job(&"old-1".into()).await.unwrap().is_some(), "heard of since");
    assert!(store.job(&"waits".into()).await.unwrap().is_some());
    assert_eq!(store.move_out(day(32), 500, None, day(45)).await.unwrap(), 1);
}
