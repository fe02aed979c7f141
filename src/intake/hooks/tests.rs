//! What each platform's webhooks are understood to say.

use serde_json::{Value, json};

use super::*;
use crate::domain::order::LineIdentity;

fn reading() -> Reading {
    let latest = "2026-12-01T00:00:00Z".parse().unwrap();
    let not_a_purchase = vec!["authorized".to_owned()];
    Reading { not_a_purchase, ..Reading::plain(chrono_tz::Asia::Taipei, latest) }
}

fn told(from: Platform, topic: &str, body: &Value) -> Result<Told, String> {
    from.read(topic, body.to_string().as_bytes(), &reading())
}

fn update(told: Result<Told, String>) -> OrderUpdate {
    match told {
        Ok(Told::Order(update, bad)) if bad.is_empty() => update,
        other => panic!("{other:?}"),
    }
}

fn shopify() -> Value {
    json!({
        "id": 820_982_911_946_154_508_u64, "name": "#1001", "email": " Amy@Shop.example ", "phone": null,
        "created_at": "2026-03-02T15:20:00+08:00", "updated_at": "2026-03-02T15:21:30+08:00",
        "cancelled_at": null, "financial_status": "paid", "buyer_accepts_marketing": true,
        "customer": {"id": 7, "email": "other@shop.example", "phone": "+886912345678"},
        "line_items": [
            {"id": 11, "sku": "BEANS", "name": "Beans - 250 g", "title": "Beans", "quantity": 2, "price": "9.50"},
            {"id": 12, "sku": "BEANS", "name": "Beans - 250 g", "title": "Beans", "quantity": 1, "price": "9.50"},
            {"id": 13, "sku": "", "name": "Gift wrap", "title": "Gift wrap", "quantity": 1, "price": "1.00"},
        ],
        "refunds": []
    })
}

fn with(mut body: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[test]
fn an_order_of_shopify_is_named_as_in_its_export() {
    let order = update(told(Platform::Shopify, "orders/create", &shopify()));
    assert_eq!((order.order.as_str(), order.number.as_str()), ("#1001", "shopify:820982911946154508"));
    assert_eq!((order.at, order.whole), ("2026-03-02T07:21:30Z".parse().unwrap(), true));
    let lines: Vec<_> = order.lines.iter().map(|l| (l.product.as_str(), &l.line, l.quantity)).collect();
    let nth = LineIdentity::Nth;
    assert_eq!(lines, [("BEANS", &nth(0), 2.0), ("BEANS", &nth(1), 1.0), ("Gift wrap", &nth(0), 1.0)]);
    let line = &order.lines[0];
    assert_eq!((line.member.as_str(), line.unit_price), ("amy@shop.example", Some(9.5)));
    assert_eq!((line.ordered_at, line.counted), ("2026-03-02T07:20:00Z".parse().unwrap(), true));
    assert!(order.lines.iter().all(|line| line.email.as_deref() == Some("Amy@Shop.example")));
}

#[test]
fn who_gave_no_address_is_known_by_phone_and_who_gave_neither_is_nobody() {
    let nobody = json!({"email": null, "customer": null});
    let by_phone = with(with(shopify(), nobody.clone()), json!({"phone": "+886 912-345-678"}));
    let order = update(told(Platform::Shopify, "orders/paid", &by_phone));
    let line = &order.lines[0];
    assert_eq!((line.member.as_str(), line.email.as_deref()), ("886912345678", None));
    let told = told(Platform::Shopify, "orders/paid", &with(shopify(), nobody));
    assert!(matches!(&told, Ok(Told::Nothing(why)) if why.contains("neither")), "{told:?}");
}

#[test]
fn what_bought_nothing_is_kept_and_does_not_count() {
    let cases = [
        (json!({"financial_status": "partially_refunded"}), "partially_refunded", true),
        (json!({"financial_status": "pending"}), "pending", true),
        (json!({"financial_status": "refunded"}), "refunded", false),
        (json!({"financial_status": "voided"}), "voided", false),
        (json!({"cancelled_at": "2026-03-02T16:00:00+08:00"}), "cancelled", false),
        // the settings' own words, too
        (json!({"financial_status": "authorized"}), "authorized", false),
    ];
    for (changes, status, counted) in cases {
        let order = update(told(Platform::Shopify, "orders/updated", &with(shopify(), changes)));
        for line in order.lines {
            assert_eq!((line.status.as_deref(), line.counted), (Some(status), counted));
        }
    }
}

fn refund() -> Value {
    json!({"id": 509, "order_id": 820_982_911_946_154_508_u64, "created_at": "2026-03-05T10:00:00+08:00",
        "refund_line_items": [{"id": 104, "line_item_id": 11, "quantity": 1,
            "line_item": {"id": 11, "sku": "BEANS", "name": "Beans - 250 g", "quantity": 2, "price": "9.50"}}]})
}

#[test]
fn a_refund_is_the_same_line_by_itself_and_within_its_order() {
    let alone = match told(Platform::Shopify, "refunds/create", &refund()).unwrap() {
        Told::Returned { number, at, lines, bad } => {
            assert_eq!(bad, Vec::<String>::new());
            assert_eq!(number, "shopify:820982911946154508");
            assert_eq!(at, "2026-03-05T02:00:00Z".parse::<Timestamp>().unwrap());
            lines
        }
        other => panic!("{other:?}"),
    };
    let order = with(shopify(), json!({"refunds": [refund()], "financial_status": "partially_refunded"}));
    let order = update(told(Platform::Shopify, "orders/updated", &order));
    assert_eq!((alone.len(), order.lines.len()), (1, 4));
    let within = &order.lines[3];
    assert_eq!((&alone[0].line, alone[0].quantity), (&within.line, -1.0));
    assert_eq!(within.line, LineIdentity::Named("refund 104".to_owned()));
    assert_eq!((within.product.as_str(), within.ordered_at), ("BEANS", alone[0].ordered_at));
    let money = with(refund(), json!({"refund_line_items": []}));
    assert!(matches!(told(Platform::Shopify, "refunds/create", &money), Ok(Told::Nothing(_))));
}

#[test]
fn what_is_void_takes_its_refunds_along() {
    let order = with(shopify(), json!({"refunds": [refund()], "financial_status": "refunded"}));
    let order = update(told(Platform::Shopify, "orders/updated", &order));
    // counted, the refund would take back an earlier purchase
    assert!(order.lines.iter().all(|line| !line.counted));
}

fn woocommerce() -> Value {
    json!({
        "id": 727, "number": "727", "status": "processing", "customer_id": 26,
        "date_created": "2026-03-02T15:20:00", "date_created_gmt": "2026-03-02T07:20:00",
        "date_modified_gmt": "2026-03-02T07:20:05",
        "billing": {"first_name": "Amy", "email": "amy@shop.example", "phone": "0912-345-678"},
        "line_items": [
            {"id": 315, "name": "Beans - 250 g", "sku": "BEANS", "quantity": 2, "price": 9.5, "total": "19.00"},
            {"id": 316, "name": "Tea", "sku": "", "quantity": 1, "price": "3.00", "total": "3.00"},
        ]
    })
}

#[test]
fn an_order_of_woocommerce_is_its_customers_or_its_addresss() {
    let order = update(told(Platform::WooCommerce, "order.created", &woocommerce()));
    assert_eq!((order.order.as_str(), order.number.as_str()), ("727", "woocommerce:727"));
    assert_eq!(order.at, "2026-03-02T07:20:05Z".parse::<Timestamp>().unwrap());
    let lines: Vec<_> = order.lines.iter().map(|l| (l.product.as_str(), l.quantity, l.unit_price)).collect();
    assert_eq!(lines, [("BEANS", 2.0, Some(9.5)), ("Tea", 1.0, Some(3.0))]);
    assert_eq!(order.lines[0].member.as_str(), "26");
    assert_eq!(order.lines[0].ordered_at, "2026-03-02T07:20:00Z".parse::<Timestamp>().unwrap());
    assert_eq!(order.lines[0].email.as_deref(), Some("amy@shop.example"));

    let guest = with(woocommerce(), json!({"customer_id": 0, "number": "W-727"}));
    let order = update(told(Platform::WooCommerce, "order.restored", &guest));
    assert_eq!((order.lines[0].member.as_str(), order.order.as_str()), ("amy@shop.example", "W-727"));
    assert_eq!(order.number, "woocommerce:727");
}

#[test]
fn states_of_woocommerce_count_or_do_not() {
    let states = [
        ("processing", true),
        ("completed", true),
        ("on-hold", true),
        ("pending", false),
        ("failed", false),
        ("cancelled", false),
        ("refunded", false),
        ("trash", false),
    ];
    for (status, counted) in states {
        let body = with(woocommerce(), json!({ "status": status }));
        let order = update(told(Platform::WooCommerce, "order.updated", &body));
        assert!(order.lines.iter().all(|l| l.counted == counted && l.status.as_deref() == Some(status)));
    }
}

#[test]
fn deleted_orders_and_other_topics() {
    let gone = told(Platform::WooCommerce, "order.deleted", &json!({"id": 727}));
    assert_eq!(gone, Ok(deleted("woocommerce:727".to_owned(), Some("727".into()))));
    let gone = told(Platform::Shopify, "orders/delete", &json!({"id": 8}));
    assert_eq!(gone, Ok(deleted("shopify:8".to_owned(), None)));
    for (from, topic) in [
        (Platform::Shopify, "carts/update"),
        (Platform::WooCommerce, "coupon.created"),
        (Platform::Shopify, ""),
    ] {
        let told = told(from, topic, &json!({}));
        assert!(matches!(&told, Ok(Told::Nothing(why)) if why.contains(topic)), "{told:?}");
    }
}

#[test]
fn what_cannot_be_understood_says_why_and_names_nobody() {
    let line = |changes: Value| json!({"line_items": [with(shopify()["line_items"][0].clone(), changes)]});
    let cases = [
        (
            json!({"line_items": "amy@shop.example"}),
            "is not what the topic promises: a sequence is expected at line 1",
        ),
        (json!({"customer": "Amy Chen 0912345678"}), "promises: struct Customer is expected"),
        (json!({"line_items": null}), "is not what the topic promises"),
        (json!({"created_at": "yesterday"}), "ordered_at: `yesterday` is no time"),
        (json!({"created_at": "2027-03-02T15:20:00+08:00"}), "is in the future"),
        (json!({"updated_at": "soon"}), "updated_at: is no time"),
        (line(json!({"sku": null, "name": null, "title": null})), "product_id: is missing"),
        (line(json!({"sku": "BEA\u{0}NS"})), "NUL"),
        (line(json!({"quantity": "many"})), "quantity: `many` is not a number"),
    ];
    for (changes, says) in cases {
        let problem = told(Platform::Shopify, "orders/updated", &with(shopify(), changes)).unwrap_err();
        assert!(
            problem.contains(says) && !problem.contains("amy@") && !problem.contains("Chen"),
            "{problem}"
        );
    }
    let unknown = with(refund(), json!({"refund_line_items": [{"id": 1, "line_item_id": 5, "quantity": 1}]}));
    assert!(told(Platform::Shopify, "refunds/create", &unknown).unwrap_err().contains("does not have"));
    assert!(Platform::WooCommerce.read("order.created", b"[", &reading()).is_err());
}

#[test]
fn a_line_that_cannot_be_understood_leaves_the_others() {
    let [good, bad] =
        [json!({"sku": "N/A", "name": "Tea"}), json!({"sku": "x", "quantity": "amy@shop.example"})];
    let lines = [good, bad].map(|changes| with(shopify()["line_items"][0].clone(), changes));
    let order = with(shopify(), json!({ "line_items": lines }));
    match told(Platform::Shopify, "orders/create", &order).unwrap() {
        Told::Order(order, bad) => {
            assert_eq!((order.lines.len(), order.lines[0].product.as_str()), (1, "Tea"));
            assert_eq!(bad.len(), 1);
            assert!(bad[0].contains("is not a number") && !bad[0].contains("amy@"), "{bad:?}");
        }
        other => panic!("{other:?}"),
    }
    let item = json!({"sku": "-", "name": "Tea", "quantity": 1});
    let order = with(woocommerce(), json!({"line_items": [item, {"sku": "x", "quantity": "many"}]}));
    match told(Platform::WooCommerce, "order.created", &order).unwrap() {
        Told::Order(order, bad) => {
            assert_eq!((order.lines[0].product.as_str(), order.lines.len(), bad.len()), ("Tea", 1, 1));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn telephones_are_looked_for_where_the_export_has_them() {
    let phone = |phone: &str| json!({ "phone": phone });
    let billing = json!({"email": null, "billing_address": phone("0911-111-111"), "customer": phone("0933-333-333"),
        "shipping_address": phone("0922-222-222")});
    let order = update(told(Platform::Shopify, "orders/paid", &with(shopify(), billing)));
    assert_eq!(order.lines[0].member.as_str(), "0911111111");
    let shipping = json!({"email": null, "customer": null, "shipping_address": phone("0922-222-222")});
    let order = update(told(Platform::Shopify, "orders/paid", &with(shopify(), shipping)));
    assert_eq!(order.lines[0].member.as_str(), "0922222222");
}

#[test]
fn an_order_without_lines_is_void_and_a_test_is_none() {
    let empty = told(Platform::Shopify, "orders/updated", &with(shopify(), json!({"line_items": []})));
    let void = |number: &str, order: &str, at: &str| Told::Void {
        number: number.to_owned(),
        order: Some(order.into()),
        at: Some(at.parse().unwrap()),
        status: "empty",
    };
    assert_eq!(empty, Ok(void("shopify:820982911946154508", "#1001", "2026-03-02T07:21:30Z")));
    let empty = told(Platform::WooCommerce, "order.updated", &with(woocommerce(), json!({"line_items": []})));
    assert_eq!(empty, Ok(void("woocommerce:727", "727", "2026-03-02T07:20:05Z")));
    let test = told(Platform::Shopify, "orders/create", &with(shopify(), json!({"test": true})));
    assert!(matches!(&test, Ok(Told::Nothing(why)) if why.contains("test")), "{test:?}");
}

#[test]
fn pieces_that_the_shop_took_out_were_not_bought() {
    // of two one came back, of the other line its one piece was taken out
    let mut order = with(shopify(), json!({"refunds": [refund()]}));
    order["line_items"][0]["current_quantity"] = json!(1);
    order["line_items"][1]["current_quantity"] = json!(0);
    let order = update(told(Platform::Shopify, "orders/updated", &order));
    let quantities: Vec<f64> = order.lines.iter().map(|line| line.quantity).collect();
    assert_eq!(quantities, [2.0, 0.0, 1.0, -1.0]);
}
