//! Records in: idempotent, replaced, moved; what they wake.

use replenish::domain::catalog::{Level, ProductRecord};
use replenish::domain::change::Change;
use replenish::domain::member::{MemberRecord, Purpose};
use replenish::domain::order::LineIdentity;
use replenish::domain::reason::Reason;
use replenish::store::{Pick, Store, Stored};

use super::*;

cases! {
    importing_again_changes_nothing
    other_values_replace
    a_line_moves_to_another_member
    identities_of_lines
    views_are_as_of_now
    categories_come_with_lines
    members_merge
    products_merge
    history_is_scanned_in_order
    two_imports_at_once
}

fn stored(stored: u64, replaced: u64, duplicate: u64) -> Stored {
    Stored { stored, replaced, duplicate, ..Stored::default() }
}

async fn importing_again_changes_nothing(place: Place) {
    let store = place.open().await;
    let lines =
        vec![line("1", "m", "A", 0), line("1", "m", "B", 0), line("2", "m", "A", 5), line("3", "n", "A", 5)];
    assert_eq!(store.put_orders(lines.clone()).await.unwrap(), stored(4, 0, 0));
    let keys = awake(&store, day(9)).await;
    assert_eq!(keys.len(), 2);
    for key in keys {
        sleep(&store, key).await;
    }
    assert_eq!(store.put_orders(lines).await.unwrap(), stored(0, 0, 4));
    assert_eq!(awake(&store, day(9)).await, [], "nothing new wakes nobody");
    let order = store.member_by_order(&"3".into()).await.unwrap();
    assert_eq!(order, store.member_by_id(&"n".into()).await.unwrap());
    assert_eq!(store.member_by_order(&"4".into()).await.unwrap(), None);
}

async fn other_values_replace(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let mut changed = line("o-m", "m", "A", 0);
    (changed.status, changed.counted) = (Some("cancelled".into()), false);
    let held = occasion("o-m", 1);
    let hold = Change::Hold(held.key.clone(), day(4), Reason::OutOfStock);
    assert_eq!(apply(&store, key, day(1), vec![Change::Plan(held), hold]).await, [true, true]);

    let twice = vec![line("o-m", "m", "A", 3), changed.clone()];
    assert_eq!(store.put_orders(twice).await.unwrap(), stored(0, 2, 0), "the last word counts");
    assert_eq!(awake(&store, day(1)).await, [key]);
    let seen = view(&store, key, day(1)).await;
    assert_eq!(seen.lines.iter().map(|l| l.counted).collect::<Vec<_>>(), [false], "uncounted, not deleted");
    assert_eq!(seen.occasions[0].held_until, None, "news releases what a guard held back");
    assert_eq!(store.put_orders(vec![changed]).await.unwrap(), stored(0, 0, 1));
    assert_eq!(store.put_orders(vec![line("o-m", "m", "A", 0)]).await.unwrap(), stored(0, 1, 0));
    assert!(view(&store, key, day(1)).await.lines[0].counted, "counted again");
}

async fn a_line_moves_to_another_member(place: Place) {
    let store = place.open().await;
    let (old, other) = (member(&store, "old").await, member(&store, "other").await);
    store.put_orders(vec![line("o-old", "old", "B", 0)]).await.unwrap();
    sleep(&store, old).await;
    assert_eq!(store.put_orders(vec![line("o-old", "new", "A", 0)]).await.unwrap(), stored(0, 1, 0));
    let new = store.member_by_id(&"new".into()).await.unwrap().unwrap();
    assert_eq!(awake(&store, day(1)).await, [old, new], "both, and not {other:?}");
    assert_eq!(view(&store, old, day(1)).await.lines.len(), 1, "the other line stays");
    assert_eq!(view(&store, new, day(1)).await.lines.len(), 1);
}

async fn identities_of_lines(place: Place) {
    let store = place.open().await;
    let with = |identity| OrderLine { line: identity, ..line("1", "m", "A", 0) };
    let named = |name: &str| with(LineIdentity::Named(name.into()));
    let nth = |n| with(LineIdentity::Nth(n));
    let mut many: Vec<OrderLine> = (0..300).map(|i| named(&i.to_string())).collect();
    many.extend((0..300).map(nth));
    many.extend([nth(u32::MAX), nth(1 << 20), named("1 of 1")]);
    assert_eq!(store.put_orders(many.clone()).await.unwrap(), stored(603, 0, 0));
    many.reverse();
    assert_eq!(store.put_orders(many).await.unwrap(), stored(0, 0, 603));
}

async fn views_are_as_of_now(place: Place) {
    let store = place.open().await;
    store
        .put_orders(vec![line("3", "m", "B", 9), line("1", "m", "A", 5), line("2", "m", "A", 2)])
        .await
        .unwrap();
    let key = store.member_by_id(&"m".into()).await.unwrap().unwrap();
    let seen = view(&store, key, day(5)).await;
    let orders: Vec<&str> = seen.lines.iter().map(|l| l.order.as_str()).collect();
    assert_eq!(orders, ["2", "1"], "in time order, up to and with now");
    assert_eq!((seen.lines[0].at, seen.lines[0].quantity), (day(2), 2.0));
    assert_eq!(seen.next_line_at, Some(day(9)));
    assert_eq!(view(&store, key, day(9)).await.next_line_at, None);
    let all = store.views(None, 10, day(5), day(0)).await.unwrap();
    assert_eq!(
        all.iter().map(|(k, v)| (*k, v.as_ref().unwrap().lines.len())).collect::<Vec<_>>(),
        [(key, 2)]
    );
    assert!(store.views(Some(key), 10, day(5), day(0)).await.unwrap().is_empty());
}

async fn categories_come_with_lines(place: Place) {
    let store = place.open().await;
    let of = |order: &str, category: Option<&str>| OrderLine {
        category: category.map(Into::into),
        ..line(order, "m", "A", 0)
    };
    store.put_orders(vec![of("1", None)]).await.unwrap();
    let (key, product) = first_product(&store).await;
    assert_eq!((product.id.as_str(), product.category, product.in_stock), ("A", None, true));
    store.put_orders(vec![of("2", Some("tea")), of("3", Some("coffee"))]).await.unwrap();
    store.put_orders(vec![of("4", Some("coffee"))]).await.unwrap();
    let item = store.catalog().await.unwrap().item(key, Level::Category).unwrap();
    assert_eq!(store.catalog().await.unwrap().item_id(item), "tea", "the first one stays");
}

async fn first_product(store: &Store) -> (ProductKey, replenish::domain::catalog::Product) {
    let catalog = store.catalog().await.unwrap();
    let (key, product) = catalog.products().next().unwrap();
    (key, product.clone())
}

pub fn record(id: &str) -> MemberRecord {
    MemberRecord {
        id: id.into(),
        email: None,
        name: None,
        locale: None,
        zone: None,
        region: None,
        tags: None,
        consent: None,
        contacts: None,
        phone: None,
        joined_at: None,
        membership_expires_at: None,
        subscribed_items: None,
    }
}

async fn members_merge(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let full = MemberRecord {
        email: Some("Ming@Example.org".into()),
        zone: Some(Some(chrono_tz::Asia::Taipei)),
        tags: Some(["vip".to_owned()].into()),
        consent: Some([Purpose::Care].into()),
        contacts: Some([("line".to_owned(), "U1".to_owned())].into()),
        joined_at: Some(Some(day(-9))),
        subscribed_items: Some(["A".to_owned()].into()),
        ..record("m")
    };
    let records = vec![full.clone(), record("new"), record("new")];
    assert_eq!(store.put_members(records).await.unwrap(), stored(1, 1, 1));
    assert_eq!(awake(&store, day(1)).await[0], key);
    sleep(&store, key).await;
    assert_eq!(store.put_members(vec![full, record("m")]).await.unwrap(), stored(0, 0, 2));
    assert_eq!(awake(&store, day(1)).await.len(), 1, "only the new one");
    let known = view(&store, key, day(1)).await.member;
    assert_eq!(
        (known.email.as_deref(), known.zone),
        (Some("Ming@Example.org"), Some(chrono_tz::Asia::Taipei))
    );
    assert_eq!((known.consent, known.joined_at), (Some([Purpose::Care].into()), Some(day(-9))));
    assert_eq!(store.members_by_address("MING@example.ORG").await.unwrap(), [key]);

    let called = |phone: &str| MemberRecord { phone: Some(phone.into()), ..record("m") };
    store.put_members(vec![called("0912345678")]).await.unwrap();
    let contacts = view(&store, key, day(1)).await.member.contacts;
    assert_eq!(contacts.into_keys().collect::<Vec<_>>(), ["line", "phone"], "the other contact points stay");
    store.put_members(vec![called("")]).await.unwrap();
    assert_eq!(view(&store, key, day(1)).await.member.contacts.into_keys().collect::<Vec<_>>(), ["line"]);

    let cleared = MemberRecord { email: Some(String::new()), consent: Some([].into()), ..record("m") };
    assert_eq!(store.put_members(vec![cleared]).await.unwrap(), stored(0, 1, 0));
    let known = view(&store, key, day(1)).await.member;
    assert_eq!((known.email, known.consent, known.tags.len()), (None, Some([].into()), 1));
    assert!(store.members_by_address("ming@example.org").await.unwrap().is_empty());
    store.put_members(vec![MemberRecord { name: Some("Ming".into()), ..record("m") }]).await.unwrap();
    let ordered = OrderLine { email: Some("old@example.org".into()), ..line("o-2", "m", "A", 0) };
    store.put_orders(vec![ordered]).await.unwrap();
    assert_eq!(view(&store, key, day(1)).await.member.email, None, "what was cleared stays so");
}

fn product(id: &str) -> ProductRecord {
    ProductRecord {
        id: id.into(),
        name: None,
        category: None,
        group: None,
        tags: None,
        days_supply: None,
        contains: None,
        url: None,
        in_stock: None,
        replenishable: None,
        usage_tip: None,
        caution: None,
    }
}

async fn products_merge(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    assert!(store.catalog().await.unwrap().products().all(|(_, p)| p.name.is_none()));
    let kit = ProductRecord {
        name: Some("Kit".into()),
        group: Some("sets".into()),
        contains: Some(vec![("A".into(), 2.0), ("C".into(), 1.0), ("A".into(), 0.5)]),
        days_supply: Some(Some(30.0)),
        ..product("K")
    };
    let beans = ProductRecord { category: Some("coffee".into()), in_stock: Some(false), ..product("A") };
    assert_eq!(store.put_products(vec![kit.clone(), beans.clone()]).await.unwrap(), stored(1, 1, 0));
    assert_eq!(awake(&store, day(1)).await, [key], "what is sold concerns everyone");
    sleep(&store, key).await;
    assert_eq!(store.put_products(vec![kit, beans]).await.unwrap(), stored(0, 0, 2));
    assert_eq!(awake(&store, day(1)).await, []);

    // a job that a claim put off for want of stock is looked at again when products come
    let job = assembled(&store, key, "waits", 1).await;
    offer(&store, day(1), day(2), 9).await;
    let put_off = Change::Defer(job.clone(), day(30), Reason::OutOfStock);
    assert_eq!(apply(&store, key, day(1), vec![put_off]).await, [true]);
    assert!(offer(&store, day(2), day(3), 9).await.is_empty());
    let back = ProductRecord { in_stock: Some(true), ..product("A") };
    assert_eq!(store.put_products(vec![back]).await.unwrap(), stored(0, 1, 0));
    assert_eq!(offer(&store, day(2), day(3), 9).await.len(), 1);
    let gone = ProductRecord { in_stock: Some(false), ..product("A") };
    store.put_products(vec![gone]).await.unwrap();

    // another process sees it, and so does this one's decision
    let seen = place.open().await.catalog().await.unwrap();
    let by_id = |id: &str| seen.products().find(|(_, p)| p.id.as_str() == id).unwrap();
    let (a, c, (_, kit)) = (by_id("A"), by_id("C").0, by_id("K"));
    assert_eq!(kit.contains, [(a.0, 2.5), (c, 1.0)]);
    assert_eq!((kit.days_supply, kit.name.as_deref(), a.1.in_stock), (Some(30.0), Some("Kit"), false));
    assert_eq!(seen.item_id(seen.item(by_id("K").0, Level::Group).unwrap()), "sets");
    let other = place.open().await;
    other.put_products(vec![ProductRecord { category: Some(String::new()), ..product("A") }]).await.unwrap();
    let a = a.0;
    let decided = store.decide(Pick::Members(vec![key]), day(1), day(0), move |_, catalog| {
        (Vec::new(), catalog.product(a).unwrap().category)
    });
    assert_eq!(whole(decided.await.unwrap())[0].value, None, "cleared by another process, seen at once");
}

async fn history_is_scanned_in_order(place: Place) {
    let store = place.open().await;
    let lines =
        vec![line("9", "m", "A", 7), line("8", "n", "A", 3), line("7", "m", "B", 1), line("6", "z", "B", 8)];
    store.put_orders(lines).await.unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    store.scan(day(7), move |key, lines| sender.send((key, lines)).unwrap()).await.unwrap();
    let found: Vec<_> = receiver.iter().collect();
    let orders = |i: usize| found[i].1.iter().map(|l| l.order.as_str()).collect::<Vec<_>>();
    assert_eq!((orders(0), orders(1), found.len()), (vec!["7", "9"], vec!["8"], 2));
    assert_eq!(Some(found[0].0), store.member_by_id(&"m".into()).await.unwrap());
    assert_eq!(found[0].1, view(&store, found[0].0, day(7)).await.lines);
    let failed = store.scan(day(7), |_, _| panic!("said so")).await.unwrap_err();
    assert!(failed.to_string().contains("said so"), "{failed}");
}

async fn two_imports_at_once(place: Place) {
    let (one, two) = (place.open().await, place.open().await);
    let lines = |from: i64| -> Vec<OrderLine> {
        let line = |i: i64| line(&i.to_string(), &format!("m{}", i % 40), &format!("p{}", i % 70), i % 9);
        (from..from + 600).map(line).rev().collect()
    };
    let (a, b) = tokio::join!(one.put_orders(lines(0)), two.put_orders(lines(300)));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((a.stored + b.stored, a.duplicate + b.duplicate), (900, 300));
    assert_eq!(one.views(None, 100, day(9), day(0)).await.unwrap().len(), 40);
}
