//! Opt-outs by member and by address, and what was learnt.

use std::collections::{BTreeMap, HashMap};

use replenish::domain::catalog::Level;
use replenish::domain::ids::LabelKey;
use replenish::domain::interval::{ItemPrior, LevelPriors, Priors};
use replenish::domain::member::{MemberRecord, Suppression};
use replenish::store::{Standing, Whom};

use super::history::record;
use super::*;

cases! {
    opt_outs_survive_imports
    opt_outs_end_and_are_taken_back
    priors_round_trip
    feed_is_noted
}

fn all() -> Suppression {
    Suppression { purpose: None, item: None, until: None }
}

async fn opt_outs_survive_imports(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let mail = |email: &str| vec![MemberRecord { email: Some(email.into()), ..record("m") }];
    assert_eq!(store.suppress(Whom::Member("m".into()), all(), "asked", day(1)).await.unwrap(), 1);
    assert_eq!(awake(&store, day(1)).await, [key], "at once");
    assert_eq!(store.suppress(Whom::Address("A@x.org".into()), all(), "bounced", day(1)).await.unwrap(), 0);
    assert_eq!(view(&store, key, day(2)).await.suppressions.len(), 1);
    store.put_members(mail("a@X.org")).await.unwrap();
    assert_eq!(view(&store, key, day(2)).await.suppressions, [all(), all()], "by member and by address");
    store.put_orders(vec![line("2", "m", "A", 3)]).await.unwrap();
    store.put_members(mail("b@x.org")).await.unwrap();
    assert_eq!(view(&store, key, day(2)).await.suppressions, [all()], "no import lifts it");
    // one who is not known yet
    store.suppress(Whom::Member("later".into()), all(), "asked", day(1)).await.unwrap();
    let later = member(&store, "later").await;
    assert_eq!(view(&store, later, day(2)).await.suppressions, [all()]);
}

async fn opt_outs_end_and_are_taken_back(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let whom = || Whom::Member("m".into());
    let until =
        |n| Suppression { purpose: Some(Purpose::Reminder), item: Some("A".into()), until: Some(day(n)) };
    for n in [5, 9, 7] {
        store.suppress(whom(), until(n), "asked", day(1)).await.unwrap();
    }
    assert_eq!(
        view(&store, key, day(8)).await.suppressions,
        [until(9)],
        "a second one never shortens the first"
    );
    assert_eq!(view(&store, key, day(9)).await.suppressions, []);
    store.suppress(whom(), Suppression { until: None, ..until(0) }, "asked", day(1)).await.unwrap();
    store.suppress(whom(), until(9), "asked", day(1)).await.unwrap();
    assert_eq!(view(&store, key, day(99)).await.suppressions.len(), 1, "for ever stays for ever");
    store.suppress(whom(), all(), "asked", day(1)).await.unwrap();
    assert_eq!(store.suppressions(Some(whom())).await.unwrap().len(), 2);
    sleep(&store, key).await;
    assert_eq!(store.unsuppress(whom(), Some(Purpose::Care), None).await.unwrap(), 0);
    assert_eq!(store.unsuppress(whom(), Some(Purpose::Reminder), Some("A".into())).await.unwrap(), 1);
    assert_eq!(awake(&store, day(1)).await, [key]);
    let standing = Standing { whom: whom(), what: all(), because: "asked".into(), at: day(1) };
    assert_eq!(store.suppressions(None).await.unwrap(), [standing]);
    assert_eq!(store.unsuppress(whom(), None, None).await.unwrap(), 1);
    assert_eq!(view(&store, key, day(1)).await.suppressions, []);
}

async fn priors_round_trip(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    assert_eq!(store.priors().await.unwrap(), None);
    let level = LevelPriors {
        beta: 0.25,
        s2: 0.5,
        nu: 8.0,
        tu: 0.125,
        tp: 0.25,
        tc: 0.5,
        mu0: 3.5,
        groups: HashMap::from([(LabelKey(7), 3.25)]),
        continues: [0.5; 13],
        items: [Item::Product(ProductKey(3)), Item::Category(LabelKey(4)), Item::Anything]
            .map(|item| {
                (item, ItemPrior { mu: 3.0, stops: 1.5, log_amount: 0.75, beta: 0.1, by_supply: true })
            })
            .into(),
    };
    let levels = BTreeMap::from([(Level::Product, level.clone()), (Level::Member, level)]);
    let priors = Priors::new("2024-01-01/1".into(), levels);
    store.save_priors(&priors, vec![(key, Level::Group, 0.5), (key, Level::Member, 2.0)]).await.unwrap();
    assert_eq!(store.priors().await.unwrap(), Some(priors.clone()));
    let learnt = BTreeMap::from([(Level::Group, 0.5), (Level::Member, 2.0)]);
    assert_eq!(view(&store, key, day(1)).await.dropout, learnt);
    store.save_priors(&Priors::new("2".into(), BTreeMap::new()), vec![]).await.unwrap();
    assert_eq!(place.open().await.priors().await.unwrap(), Some(Priors::new("2".into(), BTreeMap::new())));
    assert!(view(&store, key, day(1)).await.dropout.is_empty());
}

async fn feed_is_noted(place: Place) {
    let store = place.open().await;
    assert_eq!(store.feed_at().await.unwrap(), None);
    for n in [3, 4] {
        store.note_feed(day(n)).await.unwrap();
    }
    assert_eq!(store.feed_at().await.unwrap(), Some(day(4)));
}
