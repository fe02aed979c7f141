//! Copies of the ledger, and what a copy does not know.

use replenish::domain::reason::Reason;
use replenish::domain::restored::Gap;
use replenish::store::{Restored, StoreError};

use super::*;

cases! {
    a_restored_ledger_doubts_the_e_mails_that_wait
    with_resend_nothing_is_in_doubt
}

/// A job by e-mail and one by webhook on each of these days.
async fn jobs_on(store: &Store, key: MemberKey, days: &[i64]) {
    for n in days {
        for channel in ["crm", "email"] {
            let id = format!("{channel}-{n}");
            let planned = occasion(&id, *n);
            let job = Job { channel: channel.into(), ..job(&id, *n, 1) };
            let changes =
                vec![Change::Plan(planned.clone()), Change::Assemble(Box::new(job), vec![planned.key])];
            assert_eq!(apply(store, key, day(1), changes).await, [true, true]);
        }
    }
}

async fn states(store: &Store) -> Vec<String> {
    let mut states = Vec::new();
    for id in ["crm-2", "email-2", "crm-9", "email-9"] {
        let job = store.job(&id.into()).await.unwrap().unwrap().job;
        states.push(format!("{} {}", job.state.as_str(), job.reason.map_or("", Reason::as_str)));
    }
    states
}

async fn a_restored_ledger_doubts_the_e_mails_that_wait(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    jobs_on(&store, key, &[2, 9]).await;
    assert_eq!(store.take_restored(day(5), false).await.unwrap(), None, "it is no copy");
    assert_eq!(store.gap().await.unwrap(), None);
    store.mark_restored(day(1)).await.unwrap();
    let gap = Gap { from: day(1), until: day(5) };
    assert_eq!(store.take_restored(day(5), false).await.unwrap(), Some(Restored { gap, uncertain: 1 }));
    assert_eq!(states(&store).await, ["scheduled ", "uncertain restored", "scheduled ", "scheduled "]);
    assert_eq!(store.take_restored(day(6), false).await.unwrap(), None, "once");
    assert_eq!(store.gap().await.unwrap(), Some(gap), "for ever");
}

async fn with_resend_nothing_is_in_doubt(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    jobs_on(&store, key, &[2, 9]).await;
    store.mark_restored(day(1)).await.unwrap();
    let restored = store.take_restored(day(5), true).await.unwrap().unwrap();
    assert_eq!(restored.uncertain, 0);
    assert_eq!(states(&store).await, ["scheduled "; 4]);
    assert_eq!(store.gap().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_whole_though_the_ledger_is_written_meanwhile() {
    let (place, folder) = (Place::sqlite(), tempfile::tempdir().unwrap());
    let store = place.open().await;
    let key = member(&store, "m").await;
    jobs_on(&store, key, &[2, 9]).await;
    let copy = folder.path().join("monday.db");
    let writing = async {
        for n in 0..50 {
            store.put_orders(vec![line(&format!("w{n}"), "w", "A", n)]).await.unwrap();
        }
    };
    let (size, ()) = tokio::join!(store.back_up(&copy, day(3)), writing);
    assert_eq!(size.unwrap(), Some(copy.metadata().unwrap().len()));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    let there = store.back_up(&copy, day(4)).await;
    assert!(matches!(there, Err(StoreError::File { .. })), "{there:?}");
    assert_eq!(store.take_restored(day(5), false).await.unwrap(), None, "the ledger itself is no copy");

    let restored = Store::open(&format!("sqlite:{}", copy.display())).await.unwrap();
    let seen = view(&restored, key, day(3)).await;
    assert_eq!((seen.occasions.len(), seen.lines.len()), (4, 1));
    let found = restored.take_restored(day(5), false).await.unwrap().unwrap();
    assert_eq!((found.gap.from, found.uncertain), (day(3), 1));
}
