//! What is told of a file before anything of it is kept.

use replenish::domain::catalog::ProductRecord;
use replenish::domain::member::MemberRecord;
use replenish::domain::order::OrderLine;
use replenish::domain::reason::Language;
use replenish::intake::{Counted, Explained, Source, explain};

use super::reading;

fn told<R: Counted>(name: &str, text: &str) -> Explained {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    explain::<R>(&Source::of(path).unwrap(), &reading(), &|_| {}).unwrap()
}

fn missing(of: &Explained) -> Vec<String> {
    of.missing.iter().map(|missing| missing.sentence(Language::English)).collect()
}

#[test]
fn an_order_file_is_told_by_its_columns_its_times_and_its_rejects() {
    let file = "報表\n訂單編號;會員編號;商品編號;訂單日期;狀態;備註\n\
                O1;M1;P1;2026/3/1 9:00;paid;a\n\
                O1;M1;P1;2026/3/1 9:00;;b\n\
                O2;M2;P2;2026/2/1;;c\n\
                O3;M1;P1;2026/3/2;;d\n\
                O4;M1;P1;never;;d\n\
                O5;M1;P1;soon;;d\n\
                O6;;P1;2026/3/2;;d\n";
    let told = told::<OrderLine>("o.csv", file);
    let columns: Vec<_> =
        told.columns.iter().map(|c| (c.header.as_str(), c.field, c.samples.join(" "))).collect();
    let column = |header, field, samples: &str| (header, field, samples.to_owned());
    assert_eq!(
        columns,
        [
            column("訂單編號", "order_id", "O1 O2"),
            column("會員編號", "member_id", "M1 M2"),
            column("商品編號", "product_id", "P1 P2"),
            column("訂單日期", "ordered_at", "2026/3/1 9:00 2026/2/1"),
            column("狀態", "status", "paid"),
        ]
    );
    assert_eq!((told.delimiter, told.header_line, told.read, told.rejected), (Some(';'), Some(2), 7, 3));
    assert_eq!(told.unknown_columns, ["備註"]);
    let (example, at) = told.example.clone().unwrap();
    assert_eq!((example.as_str(), at.to_rfc3339().as_str()), ("2026/3/1 9:00", "2026-03-01T01:00:00+00:00"));
    let reasons: Vec<_> = told.reasons.iter().map(|g| (g.rows, g.line, g.reason.as_str())).collect();
    assert_eq!((reasons[0].0, reasons[0].1, reasons[1]), (2, 7, (1, 9, "member_id: is missing")));
    assert!(reasons[0].2.starts_with("ordered_at: `…` is no time"), "{reasons:?}");
    let of = &told.figures;
    assert_eq!((of.orders, of.members, of.products, of.categories), (Some(3), Some(2), Some(2), None));
    assert_eq!(
        (of.from.unwrap().date().to_string(), of.to.unwrap().date().to_string()),
        ("2026-02-01".into(), "2026-03-02".into())
    );
    let missing = missing(&told);
    assert!(
        missing[0].contains("no category") && missing[1].contains("in this file: 1, too few"),
        "{missing:?}"
    );
}

#[test]
fn members_without_an_address_and_files_of_nothing_are_told() {
    let members = told::<MemberRecord>("m.csv", "member_id,email\nM1,a@x.example\nM2,\nM3,N/A\n");
    let sentences = missing(&members);
    assert!(sentences[0].contains("for 2 of 3 members") && sentences[1].contains("consent"), "{sentences:?}");
    assert_eq!((members.figures.members, members.figures.orders, members.example), (Some(3), None, None));
    let whole = told::<MemberRecord>("m.csv", "member_id,email,consent\nM1,a@x.example,\n");
    assert_eq!(missing(&whole), Vec::<String>::new());
    let nothing = told::<OrderLine>("o.jsonl", "{}\n");
    assert_eq!((nothing.read, nothing.rejected), (1, 1));
    assert!(missing(&nothing)[0].contains("no row can be kept"));
    let header = told::<OrderLine>("o.csv", "order_id,member_id,product_id,ordered_at\n");
    assert!(missing(&header)[0].contains("nothing beneath it"), "{:?}", missing(&header));
    let products = told::<ProductRecord>("p.csv", "product_id,category,group\nA,tea,g1\nB,tea,g2\nC,,\n");
    assert_eq!((products.figures.categories, missing(&products)), (Some(1), vec![]));
    let grouped = told::<ProductRecord>("p.csv", "product_id,category,group\nA,,g1\n");
    assert_eq!((grouped.figures.categories, missing(&grouped)), (None, vec![]));
    let chinese = nothing.missing[0].sentence(Language::Chinese);
    assert!(chinese.contains("沒有"), "{chinese}");
}
