//! Found again by support staff; locked, reopened, migrated.

use replenish::domain::member::MemberRecord;
use replenish::domain::reason::Reason;
use replenish::store::{JobFilter, ListedAs, StoreError};

use super::*;

cases! {
    jobs_are_found
    one_daemon_at_a_time
    reopening_keeps_all
    opened_by_many_at_once
    damaged_rows_are_named
}

async fn jobs_are_found(place: Place) {
    let store = place.open().await;
    let (m, n) = (member(&store, "m").await, member(&store, "n").await);
    assembled(&store, m, "o-m", 4).await;
    assembled(&store, n, "o-n", 6).await;
    let cancel = Change::Cancel("o-n".into(), Reason::CancelledByPerson);
    apply(&store, n, day(6), vec![cancel]).await;
    let mut other = occasion("2", 5);
    other.key.rule = "care".into();
    apply(&store, m, day(4), vec![Change::Plan(other)]).await;
    let mail = super::history::record("n");
    store.put_members(vec![MemberRecord { email: Some("N@x.org".into()), ..mail }]).await.unwrap();

    let all = JobFilter::default();
    let found = |filter: JobFilter| {
        let store = store.clone();
        async move {
            let name = |what| match what {
                ListedAs::Job(job) => job.id.to_string(),
                ListedAs::Occasion(occasion) => format!("{} {}", occasion.key.rule, occasion.key.cycle),
            };
            let found = store.jobs(filter).await.unwrap();
            found.into_iter().map(|l| format!("{}: {}", l.member, name(l.what))).collect::<Vec<_>>()
        }
    };
    assert_eq!(found(all.clone()).await, ["m: o-m", "m: care 2", "n: o-n"], "by due date");
    assert_eq!(found(JobFilter { limit: Some(2), ..all.clone() }).await.len(), 2);
    let table: [(JobFilter, &[&str]); 11] = [
        (JobFilter { states: vec![JobState::Scheduled], ..all.clone() }, &["m: o-m", "m: care 2"]),
        (JobFilter { states: vec![JobState::Cancelled, JobState::Failed], ..all.clone() }, &["n: o-n"]),
        (JobFilter { rule: Some("care".into()), ..all.clone() }, &["m: care 2"]),
        (JobFilter { member: Some("n".into()), ..all.clone() }, &["n: o-n"]),
        (JobFilter { address: Some(" n@X.org".into()), ..all.clone() }, &["n: o-n"]),
        (JobFilter { order: Some("o-m".into()), ..all.clone() }, &["m: o-m"]),
        (JobFilter { job: Some("o-n".into()), ..all.clone() }, &["n: o-n"]),
        (JobFilter { channel: Some("crm".into()), ..all.clone() }, &["m: o-m", "n: o-n"]),
        (JobFilter { since: Some(day(5)), until: Some(day(6)), ..all.clone() }, &["m: care 2"]),
        (JobFilter { reason: Some(Reason::CancelledByPerson), ..all.clone() }, &["n: o-n"]),
        (JobFilter { member: Some("m".into()), rule: Some("refill".into()), ..all }, &["m: o-m"]),
    ];
    for (filter, expected) in table {
        assert_eq!(found(filter.clone()).await, expected, "{filter:?}");
    }
    let counts = store.counts().await.unwrap();
    let cancelled = (JobState::Cancelled, Some(Reason::CancelledByPerson), 1);
    assert_eq!(counts, [cancelled, (JobState::Scheduled, None, 2)]);
    assert_eq!(store.job(&"none".into()).await.unwrap(), None);
}

async fn one_daemon_at_a_time(place: Place) {
    let (one, two) = (place.open().await, place.open().await);
    let lock = one.try_lock().await.unwrap();
    assert!(lock.is_some());
    assert!(two.try_lock().await.unwrap().is_none());
    let version = two.version().await.unwrap();
    assert!(["SQLite", "PostgreSQL"].iter().any(|name| version.starts_with(name)), "{version}");
    drop(lock);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while two.try_lock().await.unwrap().is_none() {
        assert!(std::time::Instant::now() < deadline, "given back when dropped");
        tokio::task::yield_now().await;
    }
}

async fn reopening_keeps_all(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let id = sending(&store, key, "1", 5).await;
    let (record, seen) = (store.job(&id).await.unwrap(), view(&store, key, day(5)).await);
    drop(store);
    let store = place.open().await;
    assert_eq!(store.job(&id).await.unwrap(), record);
    assert_eq!(format!("{:?}", view(&store, key, day(5)).await), format!("{seen:?}"));
    assert_eq!(store.reclaim(day(5), true, vec![]).await.unwrap().uncertain, 1, "what a dead process left");
    let unknown = Store::open("mysql://x:secret@y/z").await.unwrap_err();
    assert!(matches!(unknown, StoreError::Url(_)) && !unknown.to_string().contains("secret"));
}

async fn opened_by_many_at_once(place: Place) {
    let opened = futures::future::join_all((0..6).map(|_| place.open())).await;
    let ids: Vec<String> = (0..6).map(|i| i.to_string()).collect();
    let put = |(store, id): (&Store, &String)| {
        let (store, line) = (store.clone(), line(id, id, "A", 0));
        tokio::spawn(async move { store.put_orders(vec![line]).await.unwrap().stored })
    };
    for put in opened.iter().zip(&ids).map(put).collect::<Vec<_>>() {
        assert_eq!(put.await.unwrap(), 1);
    }
    assert_eq!(opened[0].views(None, 99, day(1), day(0)).await.unwrap().len(), 6);
    assert_eq!(opened[5].catalog().await.unwrap().products().count(), 1);
}

/// What someone does to the database beside this program.
pub async fn by_hand(place: &Place, sql: &str) {
    match place.url.strip_prefix("sqlite:") {
        Some(path) => rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap(),
        None => {
            let (client, connection) =
                tokio_postgres::connect(&place.url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(sql).await.unwrap();
        }
    }
}

async fn damaged_rows_are_named(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    apply(&store, key, day(1), vec![Change::Plan(occasion("1", 5))]).await;
    let damage = "UPDATE occasion SET evidence = '{'";
    by_hand(&place, damage).await;
    let said = store.view(key, day(1), day(0)).await.unwrap_err().to_string();
    assert!(said.contains("of member m") && said.contains("occasion"), "{said}");
    let decided = store.decide(Pick::Members(vec![key]), day(1), day(0), |_, _| (vec![], ())).await.unwrap();
    assert!(
        matches!(decided.damaged[0].why, StoreError::Corrupt { table: "occasion", .. }),
        "{:?}",
        decided.damaged
    );
}
