//! Orders as webhooks tell of them: the newest word stands, whatever came when; an order said whole has no other lines.

use replenish::domain::order::{LineIdentity, OrderUpdate};
use replenish::store::{ForgetKey, Stored};

use super::*;

cases! {
    an_older_word_never_replaces_a_newer_one
    an_order_said_whole_has_no_other_lines
    what_comes_to_an_order_is_newer_than_it
    a_file_from_before_a_change_does_not_undo_it
    an_order_under_another_name_is_the_same
    what_an_update_does_not_tell_stays
    an_order_known_from_files_is_deleted_by_its_name
    a_deleted_order_does_not_count
    the_newest_of_many_at_once_stands
    nothing_is_kept_of_whom_was_forgotten
}

/// Order `1` of `m` as changed at that second of day 9, with these products.
fn update(second: i64, products: &[&str]) -> OrderUpdate {
    OrderUpdate {
        order: "1".into(),
        number: "shop:10".into(),
        at: day(9) + TimeDelta::seconds(second),
        lines: products.iter().map(|product| line("1", "m", product, 0)).collect(),
        whole: true,
    }
}

fn stored(stored: u64, replaced: u64, duplicate: u64) -> Option<Stored> {
    Some(Stored { stored, replaced, duplicate, ..Stored::default() })
}

async fn key(store: &Store) -> MemberKey {
    store.member_by_id(&"m".into()).await.unwrap().unwrap()
}

/// Quantity and whether it counts, of each line; the largest first.
async fn lines(store: &Store) -> Vec<(f64, bool)> {
    let seen = view(store, key(store).await, day(20)).await;
    let mut lines: Vec<_> = seen.lines.iter().map(|line| (line.quantity, line.counted)).collect();
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    lines
}

async fn an_older_word_never_replaces_a_newer_one(place: Place) {
    let store = place.open().await;
    let with = |second, quantity| {
        let mut update = update(second, &["A"]);
        update.lines[0].quantity = quantity;
        update
    };
    assert_eq!(store.put_order(with(5, 5.0)).await.unwrap(), stored(1, 0, 0));
    let key = key(&store).await;
    sleep(&store, key).await;
    assert_eq!(store.put_order(with(4, 4.0)).await.unwrap(), None);
    assert_eq!(store.put_order(with(5, 5.0)).await.unwrap(), stored(0, 0, 1), "the same again");
    assert_eq!(awake(&store, day(20)).await, [], "neither wakes anyone");
    assert_eq!(store.put_order(with(6, 6.0)).await.unwrap(), stored(0, 1, 0));
    assert_eq!((lines(&store).await, awake(&store, day(20)).await), (vec![(6.0, true)], vec![key]));
    // a file says no time: its word is the last one
    store.put_orders(with(0, 1.0).lines).await.unwrap();
    assert_eq!(lines(&store).await, [(1.0, true)]);
}

async fn an_order_said_whole_has_no_other_lines(place: Place) {
    let store = place.open().await;
    store
        .put_orders(vec![line("1", "m", "A", 0), line("1", "n", "B", 0), line("2", "m", "A", 0)])
        .await
        .unwrap();
    let (m, n) = (key(&store).await, store.member_by_id(&"n".into()).await.unwrap().unwrap());
    sleep(&store, m).await;
    sleep(&store, n).await;
    let held = occasion("o", 1);
    let hold = Change::Hold(held.key.clone(), day(4), replenish::domain::reason::Reason::OutOfStock);
    assert_eq!(apply(&store, n, day(1), vec![Change::Plan(held), hold]).await, [true, true]);
    let expected = Stored { stored: 1, duplicate: 1, removed: 1, ..Stored::default() };
    assert_eq!(store.put_order(update(1, &["A", "C"])).await.unwrap(), Some(expected));
    assert_eq!(awake(&store, day(20)).await, [m, n], "also whose line went");
    let seen = view(&store, n, day(20)).await;
    assert_eq!((seen.lines.len(), seen.occasions[0].held_until), (0, None));
    assert_eq!(lines(&store).await.len(), 3, "two of this order, one of another");
}

async fn what_comes_to_an_order_is_newer_than_it(place: Place) {
    let store = place.open().await;
    assert_eq!(store.order_by_number("shop:10").await.unwrap(), None);
    store.put_order(update(5, &["A"])).await.unwrap();
    let found = store.order_by_number("shop:10").await.unwrap();
    assert_eq!(found, Some(("1".into(), "m".into())));
    let back = |second| {
        let mut back = OrderUpdate { whole: false, ..update(second, &["A"]) };
        (back.lines[0].line, back.lines[0].quantity) = (LineIdentity::Named("refund 1".into()), -1.0);
        back
    };
    assert_eq!(store.put_order(back(5)).await.unwrap(), None, "the order said then knows of it");
    assert_eq!(store.put_order(back(6)).await.unwrap(), stored(1, 0, 0));
    assert_eq!(lines(&store).await, [(2.0, true), (-1.0, true)]);
    assert_eq!(store.put_order(update(5, &["A"])).await.unwrap(), None, "an order from before the refund");
}

async fn a_deleted_order_does_not_count(place: Place) {
    let store = place.open().await;
    store.put_order(update(5, &["A", "B"])).await.unwrap();
    let key = key(&store).await;
    sleep(&store, key).await;
    let second = |n| day(9) + TimeDelta::seconds(n);
    assert_eq!(store.void_order("shop:11", None, second(9), "deleted").await.unwrap(), 0);
    assert_eq!(store.void_order("shop:10", None, second(4), "deleted").await.unwrap(), 0, "changed later");
    assert_eq!(awake(&store, day(20)).await, []);
    assert_eq!(store.void_order("shop:10", None, second(9), "deleted").await.unwrap(), 2);
    assert_eq!(awake(&store, day(20)).await, [key]);
    assert_eq!(store.void_order("shop:10", None, second(9), "deleted").await.unwrap(), 0);
    assert_eq!(store.put_order(update(8, &["A", "B"])).await.unwrap(), None, "on its way since before");
    assert_eq!(lines(&store).await, [(2.0, false), (2.0, false)]);
    assert_eq!(store.put_order(update(10, &["A", "B"])).await.unwrap(), stored(0, 2, 0), "restored");
    assert_eq!(lines(&store).await, [(2.0, true), (2.0, true)]);

    let late = |at| OrderUpdate {
        order: "2".into(),
        number: "shop:11".into(),
        lines: vec![line("2", "n", "C", 0)],
        ..update(at, &[])
    };
    assert_eq!(store.put_order(late(8)).await.unwrap(), None, "it was deleted before it came");
    assert_eq!(store.put_order(late(10)).await.unwrap(), stored(1, 0, 0), "and has come back");
}

async fn the_newest_of_many_at_once_stands(place: Place) {
    let (one, other) = (place.open().await, place.open().await);
    let with = |second: i64| {
        let mut update = update(second, &["A", if second % 2 == 0 { "B" } else { "C" }]);
        update.lines[0].quantity = second as f64;
        update
    };
    let mut seconds: Vec<i64> = (1..=40).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut seconds);
    let puts = seconds.iter().map(|second| {
        let store = if second % 3 == 0 { &one } else { &other };
        store.put_order(with(*second))
    });
    let taken: Vec<_> = futures::future::join_all(puts).await.into_iter().map(Result::unwrap).collect();
    let newest = seconds.iter().position(|second| *second == 40).unwrap();
    assert!(taken[newest].is_some());
    assert_eq!(lines(&one).await, [(40.0, true), (2.0, true)]);
}

async fn nothing_is_kept_of_whom_was_forgotten(place: Place) {
    let store = place.open().await.with_forget_key(ForgetKey::new(b"key"));
    store.put_order(update(1, &["A"])).await.unwrap();
    assert!(store.forget(&"m".into(), "asked", day(10)).await.unwrap());
    assert_eq!(store.order_by_number("shop:10").await.unwrap(), None);
    let ignored = store.put_order(update(2, &["A"])).await.unwrap();
    assert_eq!(ignored, Some(Stored { ignored: 1, ..Stored::default() }));
    assert_eq!(store.order_by_number("shop:10").await.unwrap(), None);
    assert_eq!(store.member_by_order(&"1".into()).await.unwrap(), None);
}

async fn a_file_from_before_a_change_does_not_undo_it(place: Place) {
    let store = place.open().await;
    let mut cancelled = update(5, &["A"]);
    cancelled.lines[0].counted = false;
    store.put_order(cancelled).await.unwrap();
    let file = vec![line("1", "m", "A", 0), line("2", "m", "A", 1)];
    let at = |second| Some(day(9) + TimeDelta::seconds(second));
    for whole in [false, true] {
        let done = store.put_file(file.clone(), at(4), whole).await.unwrap();
        assert_eq!(done.outdated, 1, "{done:?}");
        assert_eq!(lines(&store).await, [(2.0, false), (2.0, true)]);
    }
    let done = store.put_file(file, at(5), false).await.unwrap();
    assert_eq!((done.outdated, done.replaced), (0, 1));
    assert_eq!(lines(&store).await, [(2.0, true), (2.0, true)]);
}

async fn an_order_under_another_name_is_the_same(place: Place) {
    let store = place.open().await;
    store.put_order(update(5, &["A"])).await.unwrap();
    let renamed = |second| {
        let mut renamed = OrderUpdate { order: "W-1".into(), ..update(second, &["A"]) };
        renamed.lines[0].order = "W-1".into();
        renamed
    };
    assert_eq!(store.put_order(renamed(4)).await.unwrap(), None, "from before the last word");
    let done = store.put_order(renamed(6)).await.unwrap();
    assert_eq!(done, Some(Stored { stored: 1, removed: 1, ..Stored::default() }));
    assert_eq!(lines(&store).await, [(2.0, true)]);
    let found = store.order_by_number("shop:10").await.unwrap();
    assert_eq!(found, Some(("W-1".into(), "m".into())));
    assert_eq!(store.put_order(update(5, &["A"])).await.unwrap(), None, "the old name again");
}

async fn what_an_update_does_not_tell_stays(place: Place) {
    let store = place.open().await;
    let delivered = OrderLine { delivered_at: Some(day(3)), gift: true, ..line("1", "m", "A", 0) };
    store.put_orders(vec![delivered]).await.unwrap();
    let mut more = update(5, &["A"]);
    more.lines[0].quantity = 3.0;
    assert_eq!(store.put_order(more).await.unwrap(), stored(0, 1, 0));
    let seen = view(&store, key(&store).await, day(20)).await.lines.remove(0);
    assert_eq!((seen.quantity, seen.delivered_at, seen.gift), (3.0, Some(day(3)), true));
    store.put_orders(vec![line("1", "m", "A", 0)]).await.unwrap();
    let seen = view(&store, key(&store).await, day(20)).await.lines.remove(0);
    assert_eq!((seen.delivered_at, seen.gift), (None, false), "a file's word is the whole one");
}

async fn an_order_known_from_files_is_deleted_by_its_name(place: Place) {
    let store = place.open().await;
    store.put_orders(vec![line("1", "m", "A", 0), line("2", "m", "A", 1)]).await.unwrap();
    let void = async |number, order: &str| {
        store.void_order(number, Some(&order.into()), day(9), "deleted").await.unwrap()
    };
    assert_eq!(void("shop:10", "1").await, 1);
    assert_eq!(lines(&store).await, [(2.0, false), (2.0, true)]);
    assert_eq!(void("shop:10", "2").await, 0, "that number is another order's");
    assert_eq!(lines(&store).await, [(2.0, false), (2.0, true)]);
    assert_eq!(store.put_order(update(-1, &["A"])).await.unwrap(), None, "on its way since before");
}
