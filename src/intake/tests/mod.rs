//! Whole files through both passes: formats, line numbers, what rows mean, what is wrong with them.

mod damage;
mod shops;

use std::cell::Cell;
use std::io::Write;

use chrono_tz::Asia::Taipei;
use flate2::write::GzEncoder;

use super::*;
use crate::domain::catalog::ProductRecord;
use crate::domain::member::{MemberRecord, Purpose};
use crate::domain::order::{LineIdentity, OrderLine};

const HEADER: &str = "order_id,member_id,product_id,ordered_at,quantity,status,line,gift\n";

fn reading() -> Reading {
    Reading {
        not_a_purchase: vec!["cancelled".into(), "已取消".into()],
        ..Reading::plain(Taipei, "2026-03-03T15:59:59Z".parse().unwrap())
    }
}

/// What both passes make of a file of that name.
struct Taken<R> {
    judged: Judged,
    rejects: Vec<Reject>,
    records: Vec<R>,
}

impl<R> Taken<R> {
    fn complaints(&self) -> Vec<(u64, &str)> {
        self.rejects.iter().map(|r| (r.line, r.reason.as_str())).collect()
    }
}

fn take<R: Record>(name: &str, bytes: impl AsRef<[u8]>) -> Result<Taken<R>, IntakeError> {
    take_with(name, bytes.as_ref(), &reading())
}

fn take_with<R: Record>(name: &str, bytes: &[u8], reading: &Reading) -> Result<Taken<R>, IntakeError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    take_from(&Source::of(path).unwrap(), reading)
}

fn take_from<R: Record>(source: &Source, reading: &Reading) -> Result<Taken<R>, IntakeError> {
    let mut rejects = Vec::new();
    let judged = judge::<R>(
        source,
        reading,
        &mut |r| {
            rejects.push(r);
            Ok(())
        },
        &|_| {},
    )?;
    let mut records = Vec::new();
    read::<R, IntakeError>(source, reading, 3, &|_| {}, |chunk| {
        assert!((1..=3).contains(&chunk.len()));
        records.extend(chunk);
        Ok(())
    })?;
    assert_eq!(judged.rejected, rejects.len() as u64);
    assert_eq!(judged.read - judged.rejected - judged.ignored, records.len() as u64);
    Ok(Taken { judged, rejects, records })
}

fn problem<R: Record>(name: &str, bytes: impl AsRef<[u8]>) -> String {
    take::<R>(name, bytes).err().expect("the file should not be taken").to_string()
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn order_lines_mean_the_same_in_every_format() {
    let csv = "訂單編號,會員編號,sku,Order Date,qty,unit_price,category,備註\r\n\
               O1,00038317, P-1 ,2026-03-01T10:00:00,2,9.50,coffee,x\r\n";
    let json = r#"{"order_id":"O1","memberId":"00038317","SKU":"P-1","ordered_at":"2026/3/1 10:00",
        "qty":2,"unit_price":"9.5","category":"coffee","備註":{"a":[1]}}"#;
    let json = json.replace('\n', " ");
    let with_mark = [b"\xef\xbb\xbf", csv.as_bytes()].concat();
    let expected = OrderLine {
        order: "O1".into(),
        line: LineIdentity::Nth(0),
        member: "00038317".into(),
        product: "P-1".into(),
        category: Some("coffee".into()),
        ordered_at: "2026-03-01T02:00:00Z".parse().unwrap(),
        quantity: 2.0,
        unit_price: Some(9.5),
        status: None,
        counted: true,
        delivered_at: None,
        gift: false,
        email: None,
    };
    for (name, bytes) in [
        ("o.csv", csv.as_bytes().to_vec()),
        ("o.csv", with_mark.clone()),
        ("o.csv.gz", packed(&with_mark)),
        ("o.csv.gz", [packed(&with_mark[..20]), packed(&with_mark[20..])].concat()),
        ("o.jsonl", json.as_bytes().to_vec()),
        ("o.jsonl.gz", packed(format!("\u{feff}{json}\r\n").as_bytes())),
    ] {
        let taken = take::<OrderLine>(name, bytes).unwrap();
        assert_eq!(taken.records, std::slice::from_ref(&expected), "{name}");
        assert_eq!(taken.judged.unknown_columns, ["備註"], "{name}");
    }
}

#[test]
fn what_an_order_row_says() {
    let counted = |l: &OrderLine| (l.quantity, l.counted, l.gift);
    for (cells, expected) in [
        ("2026-03-01,,,,", Ok((1.0, true, false))),
        ("2026-03-01,0.25,paid,,yes", Ok((0.25, true, true))),
        ("2026-03-01,0, CANCELLED ,,0", Ok((0.0, false, false))),
        ("2026-03-01,-2,已取消,,是", Ok((-2.0, false, true))),
        ("2026-03-01,two,,,", Err("quantity: `two` is not a number")),
        ("2026-03-01,NaN,,,", Err("quantity: `NaN` is not a number")),
        (",1,,,", Err("ordered_at: is missing")),
        ("1989-12-31,1,,,", Err("ordered_at: `1989-12-31` is before 1990")),
        ("2026-03-04,1,,,", Err("ordered_at: `2026-03-04` is in the future")),
        ("2026-03-01,1,,,perhaps", Err("gift: `perhaps` is neither yes nor no")),
        ("2026-03-01,1", Err("has 5 cells where the header has 8")),
        ("2026-03-01,1,,,,", Err("has 9 cells where the header has 8")),
    ] {
        let taken = take::<OrderLine>("o.csv", format!("{HEADER}O1,M1,P1,{cells}\n")).unwrap();
        let found = match taken.records.first() {
            Some(line) => Ok(counted(line)),
            None => Err(taken.rejects[0].reason.as_str()),
        };
        assert_eq!(found, expected, "{cells}");
    }
    let ids =
        ["2.02E+15,M,P", ",M,P", "O, ,P", "O,M,"].map(|ids| format!("{ids},2026-03-01,1,,,\n")).concat();
    let taken = take::<OrderLine>("o.csv", format!("{HEADER}{ids}")).unwrap();
    assert_eq!(
        taken.complaints(),
        [
            (2, "order_id: `2.02E+15` was damaged by a spreadsheet; export it as text"),
            (3, "order_id: is missing"),
            (4, "member_id: is missing"),
            (5, "product_id: is missing"),
        ]
    );
}

#[test]
fn lines_of_an_order_are_told_apart() {
    let rows: String = ["O1,M,A,,", "O1,M,B,,", "O1,M,A,,", "O2,M,A,,", "O1,M,A,7,", "O1,M,A,,?", "O1,M,A,,"]
        .map(|row| {
            let (ids, rest) = row.split_at(6);
            format!("{ids},2026-03-01,1,{rest}\n")
        })
        .concat();
    let taken = take::<OrderLine>("o.csv", format!("{HEADER}{rows}")).unwrap();
    let lines: Vec<LineIdentity> = taken.records.into_iter().map(|l| l.line).collect();
    let nth = LineIdentity::Nth;
    // over chunks and orders; a rejected row does not count
    assert_eq!(lines, [nth(0), nth(0), nth(1), nth(0), LineIdentity::Named("7".into()), nth(2)]);
}

#[test]
fn members_leave_clear_and_set() {
    let header = "member_id,email,timezone,tags,consent,contacts,joined_at,membership_expires_at\n";
    let rows = "M1,a@x.example,Asia/Tokyo,a; b;;a,Reminder;care,line=U1; phone=09=1,2020-01-01,2030-01-01\nM2,,,,,,,\n";
    let taken = take::<MemberRecord>("m.csv", format!("{header}{rows}")).unwrap();
    let json = r#"{"member_id":"M1","email":"a@x.example","tz":"Asia/Tokyo","tags":["a","b"],"consent":["reminder","care"],
        "contacts":{"line":"U1","phone":"09=1"},"joined_at":"2020-01-01","membership_expires_at":"2030-01-01"}"#;
    let alike = take::<MemberRecord>("m.jsonl", json.replace('\n', " ")).unwrap();
    assert_eq!(alike.records, taken.records[..1]);

    let [set, cleared] = taken.records.try_into().unwrap();
    assert_eq!(set.tags.unwrap().into_iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(set.consent, Some([Purpose::Reminder, Purpose::Care].into()));
    assert_eq!(set.contacts.unwrap()["phone"], "09=1");
    assert_eq!((set.zone, set.name), (Some(Some(chrono_tz::Asia::Tokyo)), None));
    assert_eq!(set.membership_expires_at, Some(Some("2029-12-31T16:00:00Z".parse().unwrap())));
    assert_eq!(
        (cleared.email.as_deref(), cleared.zone, cleared.consent),
        (Some(""), Some(None), Some([].into()))
    );
    assert_eq!((cleared.joined_at, cleared.contacts), (Some(None), Some(BTreeMap::new())));

    let bare = take::<MemberRecord>("m.csv", "member_id\nM1\n").unwrap().records.remove(0);
    assert_eq!((bare.email, bare.zone, bare.consent, bare.joined_at), (None, None, None, None));
}

#[test]
fn bad_members_and_products_are_rejected() {
    for (column, cell, part) in [
        ("timezone", "Taipei", "no time zone"),
        ("consent", "newsletter", "neither reminder nor care"),
        ("contacts", "U1", "no contact point"),
        ("contacts", "line=1;line=2", "twice"),
        ("joined_at", "2027-01-01", "future"),
    ] {
        let taken = take::<MemberRecord>("m.csv", format!("member_id,{column}\nM,{cell}\n")).unwrap();
        assert!(taken.rejects[0].reason.contains(part), "{}", taken.rejects[0].reason);
    }
    for (column, cell, part) in [
        ("days_supply", "0", "not above zero"),
        ("days_supply", "long", "not a number"),
        ("contains", "A*0", "not above zero"),
        ("contains", "*2", "is missing"),
        ("contains", "A;P*2", "cannot contain itself"),
        ("in_stock", "12", "neither yes nor no"),
    ] {
        let taken = take::<ProductRecord>("p.csv", format!("product_id,{column}\nP,{cell}\n")).unwrap();
        assert!(taken.rejects[0].reason.contains(part), "{}", taken.rejects[0].reason);
    }
    for contacts in [r#"["a;b"]"#, r#"{"a=b":"1"}"#, r#"{"a":"1;b=2"}"#] {
        let row = format!(r#"{{"member_id":"M","contacts":{contacts}}}"#);
        assert_eq!(take::<MemberRecord>("m.jsonl", row).unwrap().judged.rejected, 1, "{contacts}");
    }
}

#[test]
fn products_mean_what_they_say() {
    let csv = "product_id,name,days_supply,contains,in_stock,replenishable,tags\nK,Kit,30.5,A*2; B ;C*d*0.5,no,,x;y\nA,,,,,1,\n";
    let json = r#"{"product_id":"K","name":"Kit","days_supply":30.5,"contains":{"A":2,"B":1,"C":0.5},"in_stock":false,"tags":"x;y"}"#;
    let [kit, bare] = take::<ProductRecord>("p.csv", csv).unwrap().records.try_into().unwrap();
    let parts = |record: &ProductRecord| -> Vec<(String, f64)> {
        record.contains.iter().flatten().map(|(product, pieces)| (product.to_string(), *pieces)).collect()
    };
    assert_eq!(parts(&kit), [("A".into(), 2.0), ("B".into(), 1.0), ("C*d".into(), 0.5)]);
    assert_eq!((kit.days_supply, kit.in_stock, kit.replenishable), (Some(Some(30.5)), Some(false), None));
    assert_eq!(kit.tags, Some(vec!["x".into(), "y".into()]));
    assert_eq!((bare.name.as_deref(), bare.days_supply, bare.in_stock), (Some(""), Some(None), None));
    assert_eq!((bare.contains, bare.tags, bare.replenishable), (Some(vec![]), Some(vec![]), Some(true)));
    let from_json = take::<ProductRecord>("p.jsonl", json).unwrap().records.remove(0);
    assert_eq!(parts(&from_json), [("A".into(), 2.0), ("B".into(), 1.0), ("C".into(), 0.5)]);
    assert_eq!((from_json.days_supply, from_json.in_stock), (Some(Some(30.5)), Some(false)));
}

#[test]
fn mapped_columns_reach_the_records_of_both_formats() {
    let mut reading = reading();
    reading.columns.insert("order_id".into(), "單號".into());
    let csv = "order_id,單號,member_id,sku,date\nX,O1,M,P,2026-03-01\n";
    let json = r#"{"order_id":"X","單號":"O1","member_id":"M","sku":"P","date":"2026-03-01"}"#;
    for (name, text) in [("o.csv", csv), ("o.jsonl", json)] {
        let taken = take_with::<OrderLine>(name, text.as_bytes(), &reading).unwrap();
        assert_eq!(taken.records[0].order.as_str(), "O1", "{name}");
        assert_eq!(taken.judged.unknown_columns, ["order_id"], "{name}");
    }
}

#[test]
fn the_sink_and_the_rejects_can_stop_it_and_progress_ends_at_the_size() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::of(folder.path().join("o.csv.gz")).unwrap();
    let bytes =
        packed(format!("{HEADER}{}", "O,M,P,2026-03-01,1,,,\nO,,,,,,,\n,,,,,,,\n".repeat(4)).as_bytes());
    std::fs::write(&source.path, &bytes).unwrap();
    let (reading, seen) = (reading(), Cell::new(0));
    let progress = |read| seen.set(read);
    let mut chunks = Vec::new();
    read::<OrderLine, IntakeError>(&source, &reading, 3, &progress, |c| {
        chunks.push(c.len());
        Ok(())
    })
    .unwrap();
    assert_eq!((chunks, seen.get()), (vec![3, 1], bytes.len() as u64));

    let stop = read::<OrderLine, IntakeError>(&source, &reading, 1, &progress, |_| {
        Err(IntakeError::Rejects(io::ErrorKind::Other.into()))
    });
    assert!(stop.is_err());
    let full =
        judge::<OrderLine>(&source, &reading, &mut |_| Err(io::ErrorKind::StorageFull.into()), &progress);
    assert!(matches!(full, Err(IntakeError::Rejects(_))));
}

#[test]
fn order_lines_that_are_not_kept_say_what_kept_ones_do() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::of(folder.path().join("o.csv.gz")).unwrap();
    let rows = "O1,M1,P1,2026-03-01T10:00,2,,,\n\
                O1,M1,P1,2026-03-01T10:00,,cancelled,7,yes\n\
                O1,,P1,2026-03-01,1,,,\n\
                O2, M2 ,\"P \"\"2\"\"\",2026-03-01T10:00,-1,paid,,\n";
    std::fs::write(&source.path, packed(format!("{HEADER}{rows}").as_bytes())).unwrap();
    let facts = |line: &OrderLine| {
        let ids = [line.order.to_string(), line.member.to_string(), line.product.to_string()];
        (ids, line.status.clone(), line.ordered_at, line.quantity, line.counted, line.gift)
    };
    let kept = take_from::<OrderLine>(&source, &reading()).unwrap().records;
    let mut seen = Vec::new();
    each_order(&source, &reading(), &|_| {}, |row| {
        let Ok(row) = row else { return };
        let ids = [row.order, row.member, row.product].map(str::to_owned);
        let status = row.status.map(str::to_owned);
        seen.push((ids, status, row.ordered_at, row.quantity, row.counted, row.gift));
    })
    .unwrap();
    assert_eq!(seen, kept.iter().map(facts).collect::<Vec<_>>());
    assert_eq!(seen[2].0, ["O2", "M2", "P \"2\""]);
}

#[test]
fn a_nul_counts_where_it_is_read() {
    let csv = "order_id,member_id,product_id,ordered_at,note\n\
               O1,M,P,2026-03-01,a\0b\n\
               O2,M,P\0,2026-03-01,\n";
    let taken = take::<OrderLine>("o.csv", csv).unwrap();
    assert_eq!(taken.complaints(), [(3, "holds a NUL character")]);
    assert_eq!(taken.records.len(), 1);
}
