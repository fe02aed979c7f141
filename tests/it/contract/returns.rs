//! What came back, orders that were replaced, and what else an import tells the ledger: on every engine.

use replenish::domain::change::Change;
use replenish::domain::order::Return;
use replenish::domain::reason::Reason;
use replenish::store::{ForgetKey, Store, Stored};

use super::*;

cases! {
    returns_are_lines_of_their_orders
    returns_of_what_is_not_known_are_told
    returns_of_other_days_are_other_returns
    what_an_order_says_came_back_is_not_told_again
    what_an_order_says_later_came_back_was_told_before
    a_replaced_order_has_its_new_lines_alone
    the_address_of_an_order_reaches_its_member
    a_category_wakes_whoever_bought_the_product
    decisions_know_that_an_import_is_under_way
}

fn back(order: &str, product: &str, quantity: Option<f64>) -> Return {
    Return { order: order.into(), product: product.into(), nth: 0, quantity, at: Some(day(8)) }
}

async fn quantities(store: &Store, member: &str) -> Vec<f64> {
    let key = store.member_by_id(&member.into()).await.unwrap().unwrap();
    view(store, key, day(9)).await.lines.iter().map(|l| l.quantity).collect()
}

/// Sleeping members, so that whoever is awake later was woken.
async fn asleep(store: &Store) {
    for key in awake(store, day(9)).await {
        sleep(store, key).await;
    }
}

async fn returns_are_lines_of_their_orders(place: Place) {
    let store = place.open().await;
    let twice = OrderLine { quantity: 3.0, ..line("1", "m", "A", 0) };
    store.put_orders(vec![twice, line("1", "m", "B", 0), line("2", "n", "A", 0)]).await.unwrap();
    asleep(&store).await;
    let done = store.put_returns(vec![back("1", "A", Some(1.0))]).await.unwrap();
    assert_eq!(done, Stored { stored: 1, ..Stored::default() });
    let m = store.member_by_id(&"m".into()).await.unwrap().unwrap();
    assert_eq!(awake(&store, day(9)).await, [m]);
    assert_eq!(quantities(&store, "m").await, [3.0, 2.0, -1.0]);

    asleep(&store).await;
    let done = store.put_returns(vec![back("1", "A", Some(1.0))]).await.unwrap();
    assert_eq!(done, Stored { duplicate: 1, ..Stored::default() });
    assert_eq!(awake(&store, day(9)).await, [], "the same return again changes nothing");
    let done = store.put_returns(vec![back("1", "A", Some(2.0)), back("1", "A", None)]).await.unwrap();
    assert_eq!(done, Stored { replaced: 2, ..Stored::default() });
    assert_eq!(quantities(&store, "m").await, [3.0, 2.0, -3.0], "without a quantity all that was bought");

    let second = Return { nth: 1, ..back("1", "B", Some(0.5)) };
    store.put_returns(vec![back("1", "B", Some(0.5)), second]).await.unwrap();
    assert_eq!(quantities(&store, "m").await.len(), 5, "two returns of one product are two");
    let again = store.put_orders(vec![line("1", "m", "B", 0)]).await.unwrap();
    assert_eq!(again, Stored { duplicate: 1, ..Stored::default() }, "a return is no line of an orders file");
}

async fn returns_of_what_is_not_known_are_told(place: Place) {
    let store = place.open().await;
    let returns = vec![back("1", "A", None), back("1", "B", None), back("2", "A", None)];
    let unknown = |unknown| Stored { unknown, ..Stored::default() };
    assert_eq!(store.put_returns(returns.clone()).await.unwrap(), unknown(3));
    store.put_orders(vec![line("1", "m", "A", 0), line("3", "m", "B", 0)]).await.unwrap();
    let done = store.put_returns(returns).await.unwrap();
    assert_eq!(done, Stored { stored: 1, ..unknown(2) }, "the orders came, and the returns again");
    assert_eq!(quantities(&store, "m").await, [2.0, 2.0, -2.0]);
}

async fn returns_of_other_days_are_other_returns(place: Place) {
    let store = place.open().await;
    store.put_orders(vec![OrderLine { quantity: 3.0, ..line("1", "m", "A", 0) }]).await.unwrap();
    let on = |n| Return { at: Some(day(n)), ..back("1", "A", Some(1.0)) };
    for returned in [on(5), on(7), on(5), on(7)] {
        store.put_returns(vec![returned]).await.unwrap();
    }
    assert_eq!(quantities(&store, "m").await, [3.0, -1.0, -1.0]);
    let done = store.put_returns(vec![on(5), Return { nth: 1, ..on(5) }]).await.unwrap();
    assert_eq!((done.duplicate, done.stored), (1, 1), "two of one day are two");
}

async fn what_an_order_says_came_back_is_not_told_again(place: Place) {
    let store = place.open().await;
    let bought = OrderLine { quantity: 3.0, ..line("1", "m", "A", 0) };
    let refund = OrderLine {
        line: LineIdentity::Named("refund 1".to_owned()),
        quantity: -1.0,
        ..line("1", "m", "A", 5)
    };
    store.put_orders(vec![bought.clone(), refund]).await.unwrap();
    let done = store.put_returns(vec![back("1", "A", Some(1.0))]).await.unwrap();
    assert_eq!(done, Stored { duplicate: 1, ..Stored::default() });
    assert_eq!(quantities(&store, "m").await, [3.0, -1.0]);
    for expected in [Stored { stored: 1, ..Stored::default() }, Stored { duplicate: 1, ..Stored::default() }]
    {
        assert_eq!(store.put_returns(vec![back("1", "A", Some(2.0))]).await.unwrap(), expected);
        assert_eq!(quantities(&store, "m").await, [3.0, -1.0, -1.0], "what is beyond it");
    }
    // a file that says nothing of what came back leaves it
    store.put_file(vec![bought], None, true).await.unwrap();
    assert_eq!(quantities(&store, "m").await, [3.0, -1.0, -1.0]);
}

async fn what_an_order_says_later_came_back_was_told_before(place: Place) {
    let store = place.open().await;
    let bought = OrderLine { quantity: 5.0, ..line("1", "m", "A", 0) };
    let own = |name: &str, quantity| OrderLine {
        line: LineIdentity::Named(name.to_owned()),
        quantity,
        ..line("1", "m", "A", 5)
    };
    let on = |n, quantity| Return { at: Some(day(n)), ..back("1", "A", Some(quantity)) };
    store.put_orders(vec![bought.clone(), line("2", "n", "A", 0)]).await.unwrap();
    store.put_returns(vec![on(5, 1.0), on(7, 2.0), back("2", "A", Some(1.0))]).await.unwrap();
    let stored = async || {
        let mut stored = quantities(&store, "m").await;
        stored.sort_by(f64::total_cmp);
        stored
    };
    asleep(&store).await;
    for again in [vec![own("x", -1.0)], vec![own("x", -1.0)], vec![bought, own("x", -1.0)]] {
        store.put_orders(again).await.unwrap();
        assert_eq!(stored().await, [-1.0, -1.0, -1.0, 5.0], "two returns, and what the order says itself");
    }
    assert_eq!(awake(&store, day(9)).await.len(), 1);
    store.put_orders(vec![own("x", -2.0), own("y", -2.0)]).await.unwrap();
    assert_eq!(stored().await, [-2.0, -2.0, 5.0], "more than returns told");
    let told = store.put_returns(vec![on(5, 1.0), on(7, 2.0)]).await.unwrap();
    assert_eq!(told, Stored { duplicate: 2, ..Stored::default() });
    assert_eq!(quantities(&store, "n").await, [2.0, -1.0], "that of another order");
}

async fn a_replaced_order_has_its_new_lines_alone(place: Place) {
    let store = place.open().await;
    let old =
        vec![line("1", "m", "A", 0), line("1", "m", "B", 0), line("1", "m", "C", 0), line("2", "m", "A", 0)];
    store.put_orders(old).await.unwrap();
    store.put_returns(vec![back("1", "A", Some(0.5)), back("1", "B", Some(0.5))]).await.unwrap();
    asleep(&store).await;
    let back_in_file = OrderLine { line: LineIdentity::Nth(1), quantity: -1.0, ..line("1", "m", "B", 0) };
    let new = vec![line("1", "m", "A", 0), line("1", "m", "B", 0), back_in_file];
    let done = store.put_file(new.clone(), None, true).await.unwrap();
    assert_eq!(done, Stored { stored: 1, duplicate: 2, removed: 2, ..Stored::default() });
    assert_eq!(awake(&store, day(9)).await.len(), 1);
    let mut left = quantities(&store, "m").await;
    left.sort_by(f64::total_cmp);
    assert_eq!(left, [-1.0, -0.5, 2.0, 2.0, 2.0], "the return of A stays, that of B is the file's");
    asleep(&store).await;
    let done = store.put_file(new, None, true).await.unwrap();
    assert_eq!(done, Stored { duplicate: 3, ..Stored::default() });
    assert_eq!(awake(&store, day(9)).await, []);
}

async fn the_address_of_an_order_reaches_its_member(place: Place) {
    let store = place.open().await.with_forget_key(ForgetKey::new(b"key"));
    let of = |order: &str, member: &str, email: &str| OrderLine {
        email: Some(email.to_owned()),
        ..line(order, member, "A", 0)
    };
    store.put_orders(vec![line("1", "m", "A", 0)]).await.unwrap();
    asleep(&store).await;
    store.put_orders(vec![of("1", "m", "Amy@Shop.example")]).await.unwrap();
    let m = store.member_by_id(&"m".into()).await.unwrap().unwrap();
    assert_eq!(awake(&store, day(9)).await, [m], "an address is news");
    store.put_orders(vec![of("2", "m", "older@shop.example")]).await.unwrap();
    let known = view(&store, m, day(9)).await.member;
    assert_eq!(
        (known.email.as_deref(), known.consent),
        (Some("Amy@Shop.example"), None),
        "the first one stays"
    );

    assert!(store.forget(&"m".into(), "asked", day(9)).await.unwrap());
    let again = vec![
        of("1", "m", "amy@shop.example"),
        of("3", "other-id", "AMY@shop.example"),
        line("4", "n", "A", 0),
    ];
    let done = store.put_orders(again).await.unwrap();
    assert_eq!((done.stored, done.ignored), (1, 2), "neither by id nor by address");
    assert_eq!(store.member_by_id(&"other-id".into()).await.unwrap(), None);
}

async fn a_category_wakes_whoever_bought_the_product(place: Place) {
    let store = place.open().await;
    store
        .put_orders(vec![line("1", "m", "A", 0), line("2", "n", "A", 0), line("3", "z", "B", 0)])
        .await
        .unwrap();
    asleep(&store).await;
    let classed = OrderLine { category: Some("coffee".into()), ..line("4", "new", "A", 0) };
    store.put_orders(vec![classed]).await.unwrap();
    let mut woken = awake(&store, day(9)).await;
    woken.sort();
    let mut expected = Vec::new();
    for id in ["m", "n", "new"] {
        expected.push(store.member_by_id(&id.into()).await.unwrap().unwrap());
    }
    assert_eq!(woken, expected);
}

async fn decisions_know_that_an_import_is_under_way(place: Place) {
    let store = place.open().await;
    let key = member(&store, "m").await;
    let other = place.open().await;
    let under_way = async || view(&other, key, day(1)).await.import_under_way;
    assert!(!under_way().await);
    let mark = store.mark_import().await.unwrap();
    assert!(under_way().await);
    let held = occasion("o-m", 1);
    let hold = Change::Hold(held.key.clone(), day(4), Reason::ImportUnderWay);
    assert_eq!(apply(&store, key, day(1), vec![Change::Plan(held), hold]).await, [true, true]);

    // a millisecond tells the marks apart
    let mut second = mark;
    while second == mark {
        second = other.mark_import().await.unwrap();
    }
    store.end_import(mark).await.unwrap();
    assert!(under_way().await, "the other import goes on");
    store.end_import(second).await.unwrap();
    assert!(!under_way().await);
    assert_eq!(view(&store, key, day(1)).await.occasions[0].held_until, None, "what waited is ready at once");
}
