//! One suite over every engine of the store: what DESIGN asks of the ledger, it must do on each.

mod backup;
mod damage;
mod decisions;
mod deeds;
mod deliveries;
mod feedback;
mod forget;
mod history;
pub mod ledger;
mod pauses;
mod people;
mod retention;
mod returns;
mod updates;

use chrono::{DateTime, TimeDelta};
use replenish::domain::catalog::Item;
use replenish::domain::change::Change;
use replenish::domain::ids::{Cycle, Day, JobId, ProductKey, Timestamp};
use replenish::domain::job::{Content, Job, JobState, Lease};
use replenish::domain::lifecycle::Stage;
use replenish::domain::member::{MemberView, Purpose};
use replenish::domain::occasion::{Evidence, Occasion, OccasionKey, OccasionState};
use replenish::domain::order::{LineIdentity, OrderLine};
use replenish::store::{Decided, Decisions, JobRef, MemberKey, Pick, Store};

/// A fresh store, and what keeps its place alive.
pub struct Place {
    pub url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Place {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { url: format!("sqlite:{}", folder.path().join("ledger.db").display()), _folder: Some(folder) }
    }

    pub async fn postgres() -> Option<Self> {
        Some(Self { url: crate::support::postgres::database().await?, _folder: None })
    }

    pub async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }
}

/// Runs each case, an async fn over a [`Place`], on each engine.
macro_rules! cases {
    ($($case:ident)*) => { $(
        mod $case {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$case($crate::contract::Place::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(place) = $crate::contract::Place::postgres().await {
                    super::$case(place).await;
                }
            }
        }
    )* };
}
pub(crate) use cases;

/// Noon of the n-th day.
pub fn day(n: i64) -> Timestamp {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::days(n)
}

/// The n-th of `product` in an order.
pub fn line(order: &str, member: &str, product: &str, n: i64) -> OrderLine {
    OrderLine {
        order: order.into(),
        line: LineIdentity::Nth(0),
        member: member.into(),
        product: product.into(),
        category: None,
        ordered_at: day(n),
        quantity: 2.0,
        unit_price: Some(9.5),
        status: None,
        counted: true,
        delivered_at: None,
        gift: false,
        email: None,
    }
}

/// The key of a member with one order (`o-ID`) on day 0, who was put to sleep since.
pub async fn member(store: &Store, id: &str) -> MemberKey {
    store.put_orders(vec![line(&format!("o-{id}"), id, "A", 0)]).await.unwrap();
    let key = store.member_by_id(&id.into()).await.unwrap().unwrap();
    sleep(store, key).await;
    key
}

pub async fn sleep(store: &Store, key: MemberKey) {
    assert_eq!(apply(store, key, day(0), vec![Change::Planned(None, "rules".into())]).await, [true]);
}

/// Applies changes to one member at `now`; which took effect.
pub async fn apply(store: &Store, key: MemberKey, now: Timestamp, changes: Vec<Change>) -> Vec<bool> {
    let decisions =
        store.decide(Pick::Members(vec![key]), now, day(0), move |_, _| (changes.clone(), ())).await;
    let [Decided { member, applied, .. }] = whole(decisions.unwrap()).try_into().unwrap();
    assert_eq!(member, key);
    applied
}

/// What was decided of all of them.
pub fn whole<R>(decisions: Decisions<R>) -> Vec<Decided<R>> {
    assert!(decisions.damaged.is_empty(), "{:?}", decisions.damaged);
    decisions.decided
}

pub async fn view(store: &Store, key: MemberKey, now: Timestamp) -> MemberView {
    store.view(key, now, day(0)).await.unwrap().unwrap()
}

/// Who is awake at `now`; leaves them awake.
pub async fn awake(store: &Store, now: Timestamp) -> Vec<MemberKey> {
    picked(store, Pick::Awake(100), now).await
}

pub async fn picked(store: &Store, pick: Pick, now: Timestamp) -> Vec<MemberKey> {
    let decided = store.decide(pick, now, day(0), |_, _| (Vec::new(), ())).await.unwrap();
    whole(decided).into_iter().map(|d| d.member).collect()
}

pub fn occasion(cycle: &str, due: i64) -> Occasion {
    Occasion {
        key: OccasionKey {
            rule: "refill".into(),
            step: 1,
            item: Item::Product(ProductKey(1)),
            cycle: Cycle::from(cycle),
        },
        anchor_day: Day::from(day(0).date_naive()),
        due_at: day(due),
        valid_until: day(due + 10),
        held_until: None,
        held_for: None,
        evidence: Some(evidence()),
        state: OccasionState::Open,
    }
}

pub fn evidence() -> Evidence {
    Evidence {
        hash: "h".into(),
        rule_hash: "r".into(),
        priors: "p".into(),
        order: Some("o".into()),
        purchases: 3,
        quantity: 2.5,
        last_purchase: Some(day(0).date_naive()),
        event: None,
        need: None,
        stage: Stage::Regular,
    }
}

pub fn job(id: &str, due: i64, now: i64) -> Job {
    Job {
        id: id.into(),
        state: JobState::Scheduled,
        rule: "refill".into(),
        step: 1,
        purpose: Purpose::Reminder,
        channel: "crm".into(),
        priority: 0,
        due_at: day(due),
        not_before: None,
        valid_until: day(due + 10),
        assembled_at: day(now),
        handed_over_at: None,
        attempts: 0,
        tries: 0,
        handovers: 0,
        reason: None,
        pinned: false,
        shadow: false,
        rules_hash: "rules".into(),
        content: None,
    }
}

pub fn content(member: &str) -> Box<Content> {
    Box::new(Content {
        member: member.into(),
        name: Some("王小明".into()),
        locale: "zh-TW".into(),
        stage: Stage::Loyal,
        tags: vec!["vip".into()],
        region: None,
        items: Vec::new(),
        reason: "快用完了".into(),
        cautions: Vec::new(),
        guards: Vec::new(),
    })
}

/// An occasion of cycle `id` and the job `id` that serves it, both due on day `due`, at the same day.
pub async fn assembled(store: &Store, key: MemberKey, id: &str, due: i64) -> JobId {
    let occasion = occasion(id, due);
    let changes = vec![
        Change::Plan(occasion.clone()),
        Change::Assemble(Box::new(job(id, due, due)), vec![occasion.key]),
    ];
    assert_eq!(apply(store, key, day(due), changes).await, [true, true]);
    id.into()
}

/// A lease of a day, from the n-th one on.
pub fn lease(n: i64) -> Lease {
    Lease { from: day(n), span: TimeDelta::days(1) }
}

/// The hand-over of `job` on day `due`, under a lease of a day.
pub fn start(job: &JobId, due: i64) -> Change {
    Change::Start { job: job.clone(), at: day(due), lease: lease(due), content: content("m") }
}

/// At most `limit` of the jobs that are ready, whatever their lane.
pub async fn offer(store: &Store, now: Timestamp, lease_until: Timestamp, limit: usize) -> Vec<JobRef> {
    let lease = Lease { from: now, span: lease_until - now };
    let mut offered = Vec::new();
    for lane in store.ripe(now).await.unwrap() {
        offered.extend(store.offer(&lane, now, lease, limit - offered.len()).await.unwrap());
    }
    offered
}

/// The same, offered and handed over.
pub async fn sending(store: &Store, key: MemberKey, id: &str, due: i64) -> JobId {
    let job = assembled(store, key, id, due).await;
    assert_eq!(offer(store, day(due), day(due + 1), 100).await.len(), 1);
    let start = start(&job, due);
    assert_eq!(apply(store, key, day(due), vec![start]).await, [true]);
    job
}
