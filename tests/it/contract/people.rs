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
    a_wish_to_be_reminded_replaces_what_was_there_and_outlasts_its_end
    priors_round_trip
    feed_is_noted
}

fn all() -> Suppression {
    Suppression { purpose: None, item: None, until: None, again: None }
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
    let until = |n| Suppression {
        purpose: Some(Purpose::Reminder),
        item: Some("A".into()),
        until: Some(day(n)),
        again: None,
    };
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

async fn a_wish_to_be_reminded_replaces_what_was_there_and_outlasts_its_end(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let whom = || Whom::Member("m".into());
    let out =
        |until, again| Suppression { purpose: Some(Purpose::Reminder), item: Some("A".into()), until, again };
    for (until, again) in [(None, None), (Some(day(9)), Some(day(3))), (Some(day(7)), Some(day(4)))] {
        store.suppress(whom(), out(until, again), "asked", day(1)).await.unwrap();
        assert_eq!(view(&store, key, day(2)).await.suppressions, [out(until, again)]);
    }
    let wish = out(Some(day(7)), Some(day(4)));
    assert_eq!(
        view(&store, key, day(30)).await.suppressions,
        std::slice::from_ref(&wish),
        "it is planned on beyond its end"
    );
    assert_eq!(store.suppressions(None).await.unwrap()[0].what, wish);
    store.suppress(whom(), out(Some(day(6)), None), "asked", day(1)).await.unwrap();
    assert_eq!(view(&store, key, day(2)).await.suppressions, [wish], "a shorter opt-out takes no wish away");
    store.suppress(whom(), out(None, None), "asked", day(1)).await.unwrap();
    assert_eq!(view(&store, key, day(2)).await.suppressions, [out(None, None)], "one for ever does");
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
