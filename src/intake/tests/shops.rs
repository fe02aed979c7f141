//! Rows as shops export them: several headers for a field, cells of the row above, buyers without an id, kits, returns.

use super::*;
use crate::domain::order::Return;

fn reading_of(columns: &[(&str, &[&str])], layout: Layout) -> Reading {
    let headers = |names: &[&str]| Headers {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        promised: false,
    };
    let columns = columns.iter().map(|(name, names)| ((*name).to_owned(), headers(names))).collect();
    Reading { columns, layout, ..reading() }
}

fn carried() -> Layout {
    Layout { carry_down: true, not_a_line: vec!["組合商品".to_owned()], nobody: vec!["0".to_owned()] }
}

const SHOP: &[(&str, &[&str])] = &[
    ("order_id", &["No"]),
    ("member_id", &["User"]),
    ("email", &["Email"]),
    ("phone", &["Phone"]),
    ("product_id", &["SKU", "Item"]),
    ("ordered_at", &["Created"]),
    ("row_kind", &["Kind"]),
    ("payment_status", &["Paid"]),
    ("cancelled_at", &["Cancelled"]),
    ("refunded", &["Refunded"]),
    ("total", &["Total"]),
    ("unit_price", &[]),
];

/// What a file of these rows holds, as JSON lines of the same cells too.
fn lines(rows: &str) -> Taken<OrderLine> {
    let header = "No,User,Email,Phone,SKU,Item,Created,Kind,Paid,Cancelled,Refunded,Total,price";
    let names: Vec<&str> = header.split(',').collect();
    let reading = reading_of(SHOP, carried());
    let taken = take_with::<OrderLine>("o.csv", format!("{header}\n{rows}").as_bytes(), &reading).unwrap();
    let object = |row: &str| {
        let cells = names.iter().zip(row.split(',')).map(|(name, cell)| format!("{name:?}:{cell:?}"));
        format!("{{{}}}\n", cells.collect::<Vec<_>>().join(","))
    };
    let json: String = rows.lines().map(object).collect();
    let other = take_with::<OrderLine>("o.jsonl", json.as_bytes(), &reading).unwrap();
    assert_eq!(other.records, taken.records, "formats agree");
    let complaints =
        |taken: &Taken<OrderLine>| taken.rejects.iter().map(|r| r.reason.clone()).collect::<Vec<_>>();
    assert_eq!(complaints(&other), complaints(&taken));
    assert_eq!(other.judged.ignored, taken.judged.ignored);
    taken
}

fn told(line: &OrderLine) -> (&str, &str, &str, bool) {
    (line.order.as_str(), line.member.as_str(), line.product.as_str(), line.counted)
}

#[test]
fn further_rows_of_an_order_take_over_what_stands_above() {
    let taken = lines(
        "1,,Amy@Shop.example,,A,Apple,2026-02-01,,,,,,9\n\
         1,,,,B,Bread,,,,,,,9\n\
         ,,,,C,,,,,,,,9\n\
         2,,,,A,Apple,,,,,,,9\n\
         2,u9,,,,Apple,2026-02-02,,,,,,9\n",
    );
    let found: Vec<_> = taken.records.iter().map(told).collect();
    assert_eq!(
        found,
        [
            ("1", "amy@shop.example", "A", true),
            ("1", "amy@shop.example", "B", true),
            ("1", "amy@shop.example", "C", true),
            ("2", "u9", "Apple", true),
        ],
        "and nothing of the order before"
    );
    assert_eq!(taken.complaints(), [(5, "member_id: is missing")]);
    assert!(taken.records.iter().all(|l| l.unit_price.is_none()), "no column is the price");
    let emails: Vec<_> = taken.records.iter().map(|l| l.email.as_deref()).collect();
    assert_eq!(emails, [Some("Amy@Shop.example"), Some("Amy@Shop.example"), Some("Amy@Shop.example"), None]);
}

#[test]
fn who_has_no_id_is_known_by_address_or_number() {
    let taken = lines(
        "1,u1,amy@shop.example,,A,,2026-02-01,,,,,,\n\
         2,0,AMY@shop.example,'+886912345678,A,,2026-02-01,,,,,,\n\
         3,,not an address,'+886 912-345-678,A,,2026-02-01,,,,,,\n\
         4,0,,12,A,,2026-02-01,,,,,,\n",
    );
    let members: Vec<_> = taken.records.iter().map(|l| l.member.as_str()).collect();
    assert_eq!(members, ["u1", "amy@shop.example", "886912345678"]);
    assert_eq!(taken.records[2].email, None);
    assert_eq!(taken.complaints(), [(5, "member_id: is missing")]);
}

#[test]
fn parents_of_sets_are_passed_over_and_their_parts_count() {
    let taken = lines(
        "1,u1,,,,Gift set,2026-02-01,組合商品,,,,,\n\
         1,,,,A,Gift set,,子商品,,,,,\n\
         1,,,,,,,,,,,,\n",
    );
    assert_eq!(taken.records.iter().map(told).collect::<Vec<_>>(), [("1", "u1", "A", true)]);
    assert_eq!((taken.judged.ignored, taken.judged.read), (2, 3));
}

#[test]
fn any_word_or_amount_may_say_that_nothing_was_bought() {
    let taken = lines(
        "1,u,,,A,,2026-02-01,,paid,,0.00,10,\n\
         2,u,,,A,,2026-02-01,,已 取消,,,10,\n\
         3,u,,,A,,2026-02-01,,paid,2026-02-02,,10,\n\
         4,u,,,A,,2026-02-01,,paid,,10.00,10,\n\
         5,u,,,A,,2026-02-01,,paid,,4,10,\n\
         5,u,,,B,,2026-02-01,,,,,,\n\
         6,u,,,A,,2026-02-01,,Partially_Refunded,,,10,\n",
    );
    let counted: Vec<_> = taken.records.iter().map(|l| l.counted).collect();
    assert_eq!(counted, [true, false, false, false, true, true, true]);
    assert_eq!(taken.judged.partly_refunded, 2, "orders, not rows");
    let words: Vec<_> = taken.records.iter().map(|l| l.status.as_deref().unwrap()).collect();
    assert_eq!(words[..5], ["paid", "已 取消", "cancelled", "refunded", "paid"]);
}

#[test]
fn an_address_is_read_only_where_the_settings_say_that_it_is_one() {
    let text = "order_id,member_id,product_id,ordered_at,email,phone\n1,m,A,2026-02-01,amy@shop.example,1\n";
    let taken = take::<OrderLine>("o.csv", text).unwrap();
    assert_eq!(taken.records[0].email, None);
    assert_eq!(taken.judged.unknown_columns, ["email", "phone"]);
    let without = text.replace("member_id", "who");
    assert!(problem::<OrderLine>("o.csv", &without).contains("no column for member_id"));
    let mapped = reading_of(&[("email", &["email"])], Layout::default());
    let taken = take_with::<OrderLine>("o.csv", without.as_bytes(), &mapped).unwrap();
    assert_eq!(taken.records[0].member.as_str(), "amy@shop.example");
}

#[test]
fn variants_share_what_stands_in_their_first_row() {
    let columns: &[(&str, &[&str])] = &[("product_id", &["SKU", "Title"]), ("group", &["Handle"])];
    let reading = reading_of(columns, Layout { carry_down: true, ..Layout::default() });
    let text = "Handle,Title,Category,Tags,SKU\n\
        tea,Tea,drinks,\"green, loose\",T-1\ntea,,,,'T-2\ntea,,,,\nmug,Mug,,,\n";
    let taken = take_with::<ProductRecord>("p.csv", text.as_bytes(), &reading).unwrap();
    let found: Vec<_> = taken
        .records
        .iter()
        .map(|p| (p.id.as_str(), p.name.as_deref(), p.category.as_deref(), p.group.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            ("T-1", Some("Tea"), Some("drinks"), Some("tea")),
            ("T-2", Some("Tea"), Some("drinks"), Some("tea")),
            ("Mug", Some("Mug"), Some(""), Some("mug")),
        ]
    );
    let tags = taken.records[1].tags.as_ref().unwrap();
    assert_eq!(tags.iter().map(String::as_str).collect::<Vec<_>>(), ["green", "loose"]);
    assert_eq!((taken.judged.ignored, taken.judged.rejected), (1, 0), "a picture's row is no product");
}

#[test]
fn members_of_shops_agree_and_are_reached() {
    let columns: &[(&str, &[&str])] =
        &[("member_id", &[]), ("email", &["Email"]), ("phone", &["Phone"]), ("consent", &["Accepts"])];
    let text = "Customer ID,Email,Phone,Accepts\n'7,Amy@Shop.example,'+886912345678,yes\n'8,,'+886900000000,no\n'9,,,yes\n";
    let taken = take_with::<MemberRecord>("m.csv", text.as_bytes(), &reading_of(columns, Layout::default()));
    let taken = taken.unwrap();
    let both: std::collections::BTreeSet<_> = [Purpose::Reminder, Purpose::Care].into();
    let found: Vec<_> = taken.records.iter().map(|m| (m.id.as_str(), m.consent.clone().unwrap())).collect();
    assert_eq!(found, [("amy@shop.example", both), ("886900000000", [].into())]);
    let phones: Vec<_> = taken.records.iter().map(|m| m.phone.as_deref().unwrap()).collect();
    assert_eq!(phones, ["+886912345678", "+886900000000"]);
    assert_eq!(taken.complaints(), [(4, "member_id: is missing")]);
}

/// One row in each format: CSV cells and JSON values that say the same.
fn in_each_format<R: Record + Send>(header: &str, cell: &str, json: &str) -> [Taken<R>; 3] {
    let (id, name) = header.split_once(',').unwrap();
    let as_text = format!("{{\"{id}\":\"K\",\"{name}\":\"{cell}\"}}\n");
    [
        take::<R>("r.csv", format!("{header}\nK,\"{cell}\"\n")).unwrap(),
        take::<R>("r.jsonl", as_text).unwrap(),
        take::<R>("r.jsonl", format!("{{\"{id}\":\"K\",\"{name}\":{json}}}\n")).unwrap(),
    ]
}

#[test]
fn kits_say_their_parts_in_every_format() {
    let json = r#"{"A":2,"B":1}"#;
    for taken in in_each_format::<ProductRecord>("product_id,contains", "A*2; B", json) {
        let parts = taken.records[0].contains.clone().unwrap();
        assert_eq!(parts, [("A".into(), 2.0), ("B".into(), 1.0)]);
    }
    for (kit, json, why) in [
        ("A*0", r#"{"A":0}"#, "contains: `0` is not above zero"),
        ("A*-1", r#"{"A":-1}"#, "contains: `-1` is not above zero"),
        ("A*x", r#"{"A":"x"}"#, "contains: `x` is not a number"),
        ("A*2;K*1", r#"{"A":2,"K":1}"#, "contains: a kit cannot contain itself"),
        ("*2", r#"{"":2}"#, "contains: is missing"),
    ] {
        for taken in in_each_format::<ProductRecord>("product_id,contains", kit, json) {
            assert_eq!(taken.rejects.len(), 1, "{kit}");
            assert_eq!(taken.rejects[0].reason, why);
        }
    }
}

#[test]
fn contact_points_are_told_in_every_format() {
    let json = r#"{"line":"U1","phone":"0912345678"}"#;
    for taken in in_each_format::<MemberRecord>("member_id,contacts", "line=U1;phone=0912345678", json) {
        let points = taken.records[0].contacts.clone().unwrap();
        let points: Vec<_> =
            points.iter().map(|(channel, point)| (channel.as_str(), point.as_str())).collect();
        assert_eq!(points, [("line", "U1"), ("phone", "0912345678")]);
    }
    for (points, why) in [
        ("U1", "contacts: `U1` is no contact point; write line=U1;phone=0912345678"),
        ("=U1", "contacts: `=U1` is no contact point; write line=U1;phone=0912345678"),
        ("line=U1;line=U2", "contacts: `line` stands there twice"),
    ] {
        let [csv, json, _] = in_each_format::<MemberRecord>("member_id,contacts", points, "[]");
        assert_eq!((csv.rejects[0].reason.as_str(), json.rejects[0].reason.as_str()), (why, why));
    }
}

#[test]
fn returns_say_what_came_back() {
    let text = "訂單編號,商品編號,退貨數量,退貨日期\nO1,A,2,2026-02-03\nO1,A,,\nO1,A,2,2026-02-03\nO2,A,1,\nO3,A,0,\nO3,A,-1,\n,A,1,\n";
    let taken = take::<Return>("r.csv", text).unwrap();
    let at = |text: &str| Some(text.parse().unwrap());
    let back = |order: &str, nth, quantity, at| Return {
        order: order.into(),
        product: "A".into(),
        nth,
        quantity,
        at,
    };
    assert_eq!(
        taken.records,
        [
            back("O1", 0, Some(2.0), at("2026-02-02T16:00:00Z")),
            back("O1", 0, None, None),
            back("O1", 1, Some(2.0), at("2026-02-02T16:00:00Z")),
            back("O2", 0, Some(1.0), None)
        ]
    );
    let reasons: Vec<_> = taken.complaints();
    assert_eq!(reasons[0], (6, "quantity: `0` is not above zero; write how many pieces came back"));
    assert_eq!((reasons[1].0, reasons[2]), (7, (8, "order_id: is missing")));
}
