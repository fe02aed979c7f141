//! Forgetting: nothing that says who it was stays anywhere, and nobody comes back.

use replenish::channel::Link;
use replenish::desk::unsubscribe::{Choice, Stopped, choices, stop};
use replenish::domain::feedback::{Feedback, FeedbackKind};
use replenish::domain::job::{Delivery, Outcome, Settled};
use replenish::domain::member::{MemberRecord, Suppression};
use replenish::store::{ForgetKey, JobRef, Settlement, StoreError, Whom};

use super::history::record;
use super::*;

cases! {
    nothing_of_a_member_stays
    the_forgotten_do_not_come_back
    a_shared_address_stays_with_the_other_member
    the_link_of_an_old_message_says_that_nothing_is_sent
}

/// What must not be found afterwards.
const TRACES: [&str; 7] = [
    "amy-00038317",
    "amy@shop.example",
    "old-amy@shop.example",
    "Amy Chen",
    "order-of-amy",
    "0912345678",
    "beans for",
];

fn keyed(store: Store) -> Store {
    store.with_forget_key(ForgetKey::new(b"key"))
}

fn person(id: &str, email: &str) -> MemberRecord {
    let contacts = [("phone".to_owned(), "0912345678".to_owned())].into();
    MemberRecord {
        email: Some(email.into()),
        name: Some("Amy Chen".into()),
        contacts: Some(contacts),
        ..record(id)
    }
}

fn everything() -> Suppression {
    Suppression { purpose: None, item: None, until: None, again: None }
}

/// All that the database holds, as bytes: the files of SQLite, every row of PostgreSQL.
async fn all_bytes(place: &Place) -> Vec<u8> {
    if let Some(path) = place.url.strip_prefix("sqlite:") {
        let folder = std::path::Path::new(path).parent().unwrap();
        let files = std::fs::read_dir(folder).unwrap().flatten();
        return files.flat_map(|file| std::fs::read(file.path()).unwrap()).collect();
    }
    let (client, connection) = tokio_postgres::connect(&place.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    let mut all = String::new();
    for table in client.query(sql, &[]).await.unwrap() {
        let table: String = table.get(0);
        for row in client.query(&format!("SELECT t::text FROM {table} t"), &[]).await.unwrap() {
            all += row.get::<_, &str>(0);
        }
    }
    all.into_bytes()
}

fn traces(bytes: &[u8]) -> Vec<&'static str> {
    let is_in = |trace: &&str| bytes.windows(trace.len()).any(|part| part == trace.as_bytes());
    TRACES.into_iter().filter(is_in).collect()
}

fn settlement(key: MemberKey, id: &str) -> Settlement {
    Settlement {
        job: JobRef {
            member: key.0,
            job: id.into(),
            channel: "email".into(),
            domain: None,
            valid_until: day(14),
        },
        handover: 1,
        at: day(8),
        outcome: Outcome::new(Delivery::Delivered, None),
        settled: Settled { state: JobState::Delivered, reason: None, not_before: None, burns_attempt: true },
    }
}

/// A job by e-mail that says who it is for.
async fn mail(store: &Store, key: MemberKey, id: &str, due: i64) {
    let mut planned = occasion(&format!("order-of-amy-{id}"), due);
    planned.evidence.as_mut().unwrap().order = Some("order-of-amy".into());
    let job = Job { channel: "email".into(), ..job(id, due, due) };
    let changes = vec![Change::Plan(planned.clone()), Change::Assemble(Box::new(job), vec![planned.key])];
    assert_eq!(apply(store, key, day(due), changes).await, [true, true]);
}

async fn hand_over(store: &Store, key: MemberKey, id: &str, due: i64) {
    offer(store, day(due), day(due + 1), 1).await;
    let mut said = content("amy-00038317");
    (said.name, said.reason) = (Some("Amy Chen".into()), "beans for Amy Chen".into());
    let start = Change::Start { job: id.into(), at: day(due), lease: lease(due), content: said };
    assert_eq!(apply(store, key, day(due), vec![start]).await, [true]);
}

/// Amy with a job in each state of its life, among others.
async fn a_life(store: &Store) -> MemberKey {
    store.put_members(vec![person("amy-00038317", "Old-Amy@shop.example")]).await.unwrap();
    for other in 0..300 {
        let mut lines = vec![line(&format!("{other}"), &format!("m{other}"), "A", 0)];
        lines.push(line(&format!("order-of-amy-{other}"), "amy-00038317", "A", other));
        store.put_orders(lines).await.unwrap();
    }
    let key = store.member_by_id(&"amy-00038317".into()).await.unwrap().unwrap();
    mail(store, key, "gone", 1).await;
    hand_over(store, key, "gone", 1).await;
    store.settle(vec![settlement(key, "gone")]).await.unwrap();
    mail(store, key, "delivered", 2).await;
    hand_over(store, key, "delivered", 2).await;
    store.settle(vec![settlement(key, "delivered")]).await.unwrap();
    assert_eq!(store.move_out(day(9), 1, None, day(10)).await.unwrap(), 1);
    store.put_members(vec![person("amy-00038317", "amy@shop.example")]).await.unwrap();
    mail(store, key, "sending", 5).await;
    hand_over(store, key, "sending", 5).await;
    mail(store, key, "waits", 6).await;
    apply(store, key, day(6), vec![Change::Plan(occasion("order-of-amy-9", 90))]).await;
    store
        .suppress(Whom::Member("amy-00038317".into()), everything(), "Amy Chen asked", day(6))
        .await
        .unwrap();
    store.suppress(Whom::Address("amy@shop.example".into()), everything(), "bounced", day(6)).await.unwrap();
    let report = Feedback {
        kind: FeedbackKind::Complaint,
        job: Some("delivered".into()),
        member: None,
        address: None,
        purpose: None,
        at: day(7),
        detail: "Amy Chen complained".into(),
        id: None,
    };
    store.record(&report, Some(key)).await.unwrap();
    key
}

async fn nothing_of_a_member_stays(place: Place) {
    let store = keyed(place.open().await);
    let key = a_life(&store).await;
    let before = all_bytes(&place).await;
    assert_eq!(traces(&before), TRACES, "the test can fail");
    let planned = store.to_erase(&"amy-00038317".into()).await.unwrap().unwrap();
    assert_eq!((planned.order_lines, planned.orders, planned.occasions), (300, 300, 5));
    assert_eq!((planned.jobs, planned.cancelled, planned.sending), (3, 1, 1));
    assert_eq!((planned.suppressions, planned.addresses, planned.shared_addresses), (1, 2, 0));

    assert!(store.forget(&"amy-00038317".into(), "ticket 4711", day(8)).await.unwrap());
    assert!(store.wipe().await.unwrap());
    assert_eq!(traces(&all_bytes(&place).await), [""; 0]);

    let counts = store.counts().await.unwrap();
    let count = |state: JobState| counts.iter().filter(|c| c.0 == state).map(|c| c.2).sum::<u64>();
    assert_eq!((count(JobState::Cancelled), count(JobState::Sending), count(JobState::Scheduled)), (1, 1, 0));
    assert_eq!(store.settle(vec![settlement(key, "sending")]).await.unwrap(), [true], "ends as it would");
    assert_eq!(offer(&store, day(99), day(100), 10).await, []);
    assert_eq!(traces(&all_bytes(&place).await), [""; 0]);
    let nobody = view(&store, key, day(9)).await;
    assert!(nobody.lines.is_empty() && nobody.occasions.is_empty() && nobody.member.email.is_none());
    assert_eq!(store.member_by_id(&"amy-00038317".into()).await.unwrap(), None);
    assert!(store.member_by_id(&"m7".into()).await.unwrap().is_some());
    assert_eq!(store.to_erase(&"amy-00038317".into()).await.unwrap(), None);
    assert!(!store.forget(&"amy-00038317".into(), "again", day(8)).await.unwrap());
}

async fn the_forgotten_do_not_come_back(place: Place) {
    let store = keyed(place.open().await);
    store.put_members(vec![person("amy", "amy@shop.example")]).await.unwrap();
    store.put_orders(vec![line("1", "amy", "A", 0), line("2", "bob", "A", 0)]).await.unwrap();
    store.forget(&"amy".into(), "asked", day(1)).await.unwrap();
    for store in [store.clone(), keyed(place.open().await)] {
        let orders = vec![line("1", "amy", "A", 0), line("3", "amy", "B", 1), line("4", "bob", "A", 2)];
        let put = store.put_orders(orders).await.unwrap();
        assert_eq!((put.ignored, put.stored + put.duplicate), (2, 1));
        let people = vec![
            person("amy", "new@shop.example"),
            person("amy-again", " AMY@shop.example"),
            person("bob", "bob@shop.example"),
        ];
        let put = store.put_members(people).await.unwrap();
        assert_eq!((put.ignored, put.replaced + put.duplicate), (2, 1));
        let amy = Whom::Member("amy".into());
        assert_eq!(store.suppress(amy.clone(), everything(), "link", day(2)).await.unwrap(), 0);
        assert!(store.is_forgotten(&amy).await.unwrap());
        assert!(store.is_forgotten(&Whom::Address("Amy@Shop.example".into())).await.unwrap());
        assert!(!store.is_forgotten(&Whom::Member("bob".into())).await.unwrap());
        for id in ["amy", "amy-again"] {
            assert_eq!(store.member_by_id(&id.into()).await.unwrap(), None);
        }
        assert_eq!(store.member_by_order(&"3".into()).await.unwrap(), None);
        assert!(!store.catalog().await.unwrap().products().any(|(_, p)| p.id.as_str() == "B"));
    }
    // without the key, or with another, nobody can be told from the forgotten
    let other = place.open().await.with_forget_key(ForgetKey::new(b"other"));
    for store in [place.open().await, other] {
        let orders = store.put_orders(vec![line("9", "amy", "A", 0)]).await;
        assert!(matches!(orders, Err(StoreError::ForgetKey)), "{orders:?}");
        let people = store.put_members(vec![person("amy", "x@shop.example")]).await;
        assert!(matches!(people, Err(StoreError::ForgetKey)), "{people:?}");
        assert!(matches!(store.forget(&"bob".into(), "", day(3)).await, Err(StoreError::ForgetKey)));
        let stopped = store.suppress(Whom::Member("bob".into()), everything(), "link", day(3)).await;
        assert_eq!(stopped.unwrap(), 1, "an opt-out counts in any case");
    }
}

async fn a_shared_address_stays_with_the_other_member(place: Place) {
    let store = keyed(place.open().await);
    store
        .put_members(vec![person("amy", "home@shop.example"), person("bob", "home@shop.example")])
        .await
        .unwrap();
    let home = Whom::Address("home@shop.example".into());
    store.suppress(home.clone(), everything(), "bounced", day(1)).await.unwrap();
    assert_eq!(store.to_erase(&"amy".into()).await.unwrap().unwrap().shared_addresses, 1);
    store.forget(&"amy".into(), "asked", day(1)).await.unwrap();
    assert!(!store.is_forgotten(&home).await.unwrap());
    assert_eq!(store.suppressions(Some(home)).await.unwrap().len(), 1);
    assert_eq!(store.put_members(vec![person("bob", "home@shop.example")]).await.unwrap().duplicate, 1);
}

async fn the_link_of_an_old_message_says_that_nothing_is_sent(place: Place) {
    let store = keyed(place.open().await);
    store.put_members(vec![person("amy", "amy@shop.example")]).await.unwrap();
    let (link, knowledge) = (Link { member: "amy".into(), job: "job_1".into() }, feedback::knowledge());
    let before = choices(&store, &knowledge, day(1), &link).await.unwrap();
    assert_eq!(before.stopped, Stopped::default());
    store.forget(&"amy".into(), "asked", day(1)).await.unwrap();
    for _ in 0..2 {
        let after = choices(&store, &knowledge, day(1), &link).await.unwrap();
        assert!(after.stopped.all && after.stopped.reminders && after.items.is_empty());
        stop(&store, &knowledge, day(1), &link, Choice::All).await.unwrap();
        assert_eq!(store.member_by_id(&"amy".into()).await.unwrap(), None, "nobody comes back by a link");
    }
}
