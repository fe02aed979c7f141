//! Excel workbooks: the right sheet, cells of every kind, and what is no workbook or would fill the memory.

use replenish::domain::member::MemberRecord;
use replenish::domain::order::OrderLine;
use replenish::domain::reason::Language;

use super::{orders, reading, take};
use crate::support::workbook::{Cell, Sheet, packed, workbook};

fn texts(cells: &[&str]) -> Vec<Cell> {
    cells.iter().map(|text| Cell::from(*text)).collect()
}

const HEADER: [&str; 4] = ["order_id", "member_id", "sku", "date"];

fn refused(bytes: &[u8]) -> String {
    take::<OrderLine>("o.xlsx", bytes, &reading()).unwrap_err().to_string()
}

#[test]
fn the_sheet_whose_header_fits_is_read() {
    let good = || vec![(4, texts(&HEADER)), (6, texts(&["1", "2", "3", "2026-03-01"]))];
    let notes = || vec![(1, texts(&["notes"])), (2, texts(&["made by hand"]))];
    let hidden = || vec![(1, texts(&HEADER)), (2, texts(&["h", "2", "3", "2026-03-01"]))];
    for (sheets, not_read) in [
        (vec![Sheet("訂單 & more", true, good()), Sheet("old", false, hidden())], None),
        (
            vec![Sheet("notes", true, notes()), Sheet("old", false, hidden()), Sheet("orders", true, good())],
            Some("of the sheets only `orders` was read, not notes:"),
        ),
        (vec![Sheet("empty", true, vec![]), Sheet("orders", true, good())], Some("not empty")),
        (
            vec![Sheet("一月", true, good()), Sheet("二月", true, hidden())],
            Some("only `一月` was read, not 二月"),
        ),
    ] {
        let taken = orders("o.xlsx", &workbook(&sheets));
        assert_eq!(taken.records.len(), 1);
        assert_eq!(taken.records[0].order.as_str(), "1");
        let hints: Vec<_> = taken.judged.hints.iter().map(|h| h.sentence(Language::English)).collect();
        assert_eq!(hints.len(), usize::from(not_read.is_some()), "{hints:?}");
        assert!(hints.iter().zip(not_read).all(|(hint, part)| hint.contains(part)), "{hints:?}");
    }
    let message = refused(&workbook(&[Sheet("a", true, notes()), Sheet("b", true, notes())]));
    assert!(message.contains("columns found: notes"), "{message}");
}

#[test]
fn cells_are_what_people_see() {
    let header = ["order_id", "member_id", "sku", "date", "qty", "price", "gift", "category"];
    let rows = vec![
        (1, texts(&header)),
        (
            2,
            vec![
                Cell::Number(12345.0),
                Cell::Inline("00038317".into()),
                Cell::from("A \"1\", b\nc"),
                Cell::Date(46083.25),
                Cell::Number(2.5),
                Cell::Number(0.1),
                Cell::Yes(true),
            ],
        ),
        // an id that lost digits, one that failed, and a row of nothing
        (3, [vec![Cell::Number(202_510_070_950_261_000.0)], texts(&["2", "3", "2026-03-01"])].concat()),
        (4, [vec![Cell::Failed("#REF!")], texts(&["2", "3", "2026-03-01"])].concat()),
        (5, vec![Cell::Empty, Cell::from("")]),
        (
            9,
            [texts(&["9", "2", "3", "2026-03-01"]), vec![Cell::Failed("#N/A"), Cell::Number(99_999.0)]]
                .concat(),
        ),
        (10, vec![Cell::Number(10.0), Cell::Number(2.0), Cell::Number(3.0), Cell::Number(46_083_000.0)]),
    ];
    let taken = orders("o.xlsx", &workbook(&[Sheet("s", true, rows)]));
    let [first, last] = taken.records.try_into().unwrap();
    let ids = [first.order.to_string(), first.member.to_string(), first.product.to_string()];
    assert_eq!(ids, ["12345", "00038317", "A \"1\", b c"]);
    assert_eq!(first.ordered_at.to_rfc3339(), "2026-03-01T22:00:00+00:00");
    assert_eq!((first.quantity, first.unit_price, first.gift, first.category), (2.5, Some(0.1), true, None));
    assert_eq!((last.order.as_str(), last.quantity, last.unit_price), ("9", 1.0, Some(99_999.0)));
    let rejects: Vec<_> = taken.rejects.iter().map(|r| (r.line, r.reason.as_str())).collect();
    assert_eq!(
        rejects[..2],
        [
            (3, "order_id: `2.02510070950261E+17` was damaged by a spreadsheet; export it as text"),
            (4, "order_id: `#REF!` was damaged by a spreadsheet; export it as text"),
        ]
    );
    assert!(rejects[2].0 == 10 && rejects[2].1.contains("is no time"), "{rejects:?}");
    assert_eq!(taken.rejects[1].row, "#REF!,2,3,2026-03-01");
}

#[test]
fn an_empty_cell_clears_and_an_absent_column_leaves() {
    let rows =
        vec![(1, texts(&["member_id", "email"])), (2, texts(&["M1"])), (3, texts(&["M2", "a@x.example"]))];
    let taken = take::<MemberRecord>("m.xlsx", &workbook(&[Sheet("s", true, rows)]), &reading()).unwrap();
    let told: Vec<_> = taken.records.iter().map(|m| (m.email.as_deref(), m.name.as_deref())).collect();
    assert_eq!(told, [(Some(""), None), (Some("a@x.example"), None)]);
}

#[test]
fn what_is_no_workbook_is_an_error_that_says_how_to_go_on() {
    let cases: [(&[u8], &str); 4] = [
        (b"order_id,member_id\n", "it does not begin as one"),
        (b"", "it does not begin as one"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old .xls, or has a password"),
        (b"PK\x03\x04 and no more", "save it again"),
    ];
    for (bytes, part) in cases {
        let message = refused(bytes);
        assert!(message.contains(part) && message.contains("or as CSV UTF-8"), "{message}");
    }
    let zip = packed(&[("readme.txt".to_owned(), "a".to_owned())]);
    assert!(refused(&zip).contains("cannot be read as .xlsx"), "{}", refused(&zip));
    assert!(
        take::<OrderLine>("o.xls", b"", &reading()).unwrap_err().to_string().contains("save it as .xlsx")
    );
    assert!(
        take::<OrderLine>("o.csv", &zip, &reading()).unwrap_err().to_string().contains("ends with .xlsx")
    );
}

#[test]
fn what_would_fill_the_memory_is_refused() {
    let good = vec![(1, texts(&HEADER)), (2, texts(&["1", "2", "3", "2026-03-01"]))];
    let whole = workbook(&[Sheet("s", true, good)]);
    assert_eq!(orders("o.xlsx", &whole).records.len(), 1);
    let with = |name: &str, text: String| {
        let relations = |target: &str, kind: &str| {
            format!(
                "<Relationships><Relationship Id=\"r1\" Type=\"x/relationships/{kind}\" Target=\"{target}\"/></Relationships>"
            )
        };
        let sheet = |body: &str| format!("<worksheet><sheetData>{body}</sheetData></worksheet>");
        let mut parts = vec![
            ("_rels/.rels".to_owned(), relations("xl/workbook.xml", "officeDocument")),
            ("xl/_rels/workbook.xml.rels".to_owned(), relations("worksheets/sheet1.xml", "worksheet")),
            (
                "xl/workbook.xml".to_owned(),
                "<workbook><sheets><sheet name=\"s\" r:id=\"r1\"/></sheets></workbook>".to_owned(),
            ),
            ("xl/worksheets/sheet1.xml".to_owned(), sheet("")),
        ];
        parts.retain(|(known, _)| known != name);
        parts.push((name.to_owned(), text));
        refused(&packed(&parts))
    };
    let row = |cells: &str| format!("<worksheet><sheetData><row>{cells}</row></sheetData></worksheet>");
    let texts = |count: &str| format!("<sst uniqueCount=\"{count}\"><si><t>a</t></si></sst>");
    for (name, text, part) in [
        ("xl/sharedStrings.xml", texts("99999999999999999999999"), "promises more texts"),
        ("xl/sharedStrings.xml", texts("4000000000000"), "promises more texts"),
        ("xl/media/logo.png", "x".repeat(3 << 20), "larger than 1 GiB, or a piece of it"),
        ("xl/worksheets/sheet1.xml", row("<c r=\"B4000000000\"><v>1</v></c>"), "cannot be read as .xlsx"),
        ("xl/worksheets/sheet1.xml", row("<c r=\"A2000000\"><v>1</v></c>"), "outside of what a sheet holds"),
        ("xl/worksheets/sheet1.xml", row("<c r=\"B9\"><v>1</v></c><c r=\"B1\"><v>1</v></c>"), "out of order"),
    ] {
        let message = with(name, text);
        assert!(message.contains(part), "{part}: {message}");
    }
}
