//! The matrix: encodings, delimiters, line ends and forms of dates in every combination give the same records.

use encoding_rs::BIG5;
use replenish::domain::order::OrderLine;
use replenish::intake::{DateFormat, Encoding, Hint, Reading};

use super::{orders, reading, take};
use crate::support::workbook::{Cell, Sheet, workbook};

const HEADER: [&str; 8] = ["訂單編號", "會員編號", "商品編號", "訂單日期", "數量", "單價", "分類", "備註"];

/// An order line with each form of its time, the declared forms last.
const TIMES: [[&str; 10]; 3] = [
    [
        "2026-03-02T15:20:07",
        "2026/3/2 15:20:07",
        "2026/03/02 下午 03:20:07",
        "2026-03-02 07:20:07 +0000",
        "2026年3月2日 3:20:07 PM",
        "2026.03.02 15:20:07",
        "20260302 15:20:07",
        "3/2/2026 15:20:07",
        "02/03/2026 15:20:07",
        "115/03/02 下午3:20:07",
    ],
    [
        "2025-12-31T00:05:00",
        "2025/12/31 0:05",
        "2025/12/31 上午 12:05",
        "2025-12-31 02:05 +1000",
        "2025年12月31日 12:05 AM",
        "2025.12.31 00:05",
        "20251231 00:05",
        "12/31/2025 00:05",
        "31/12/2025 00:05",
        "民國114年12月31日 00:05",
    ],
    [
        "2024-02-29",
        "2024/2/29",
        "2024/02/29",
        "2024-02-29 00:00 +0800",
        "2024年2月29日",
        "2024.2.29",
        "20240229",
        "2/29/2024",
        "29/2/2024",
        "1130229",
    ],
];

/// The rows of a file whose times are of one form.
fn rows(form: usize) -> Vec<[String; 8]> {
    let row = |n: usize, product: &str, quantity: &str, price: &str, category: &str, note: &str| {
        let time = TIMES[n % 3][form];
        [&format!("TG{n}"), "00038317", product, time, quantity, price, category, note].map(str::to_owned)
    };
    vec![
        row(0, "A-1", "2", "NT$1,280", "咖啡", "急件, 請; 小心\t輕放"),
        row(1, "B-2", "１", "=\"99.5\"", "濾紙", "他說 \"好\""),
        row(2, "A-1", "-1", "-", "咖啡", "N/A"),
        row(3, "C-3", "1,000", "", "茶葉", "許功蓋"),
    ]
}

/// The rows as text: quoted where a cell needs it.
fn text(rows: &[[String; 8]], delimiter: char, end: &str) -> String {
    let quoted = |cell: &str| match cell.contains([delimiter, '"']) && !cell.starts_with('=') {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    };
    let line = |cells: Vec<String>| cells.join(&delimiter.to_string()) + end;
    let header = line(HEADER.map(str::to_owned).to_vec());
    let body: String = rows.iter().map(|row| line(row.iter().map(|cell| quoted(cell)).collect())).collect();
    header + &body
}

fn encodings(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let (big5, _, is_lossy) = BIG5.encode(text);
    assert!(!is_lossy);
    let utf16 = |to: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(to).collect() };
    let (little, big) = (utf16(u16::to_le_bytes), utf16(u16::to_be_bytes));
    vec![
        ("UTF-8", text.as_bytes().to_vec()),
        ("UTF-8 with a mark", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("Big5", big5.into_owned()),
        ("UTF-16LE", [b"\xff\xfe", &little[..]].concat()),
        ("UTF-16BE", [b"\xfe\xff", &big[..]].concat()),
        ("UTF-16LE without a mark", little),
        ("UTF-16BE without a mark", big),
    ]
}

/// As each form of times has to be declared.
fn declared(form: usize) -> Reading {
    let dates = match form {
        7 => DateFormat::Mdy,
        8 => DateFormat::Dmy,
        9 => DateFormat::Roc,
        _ => DateFormat::Ymd,
    };
    Reading { dates, ..reading() }
}

fn expected() -> Vec<OrderLine> {
    let records = orders("o.csv", text(&rows(0), ',', "\n").as_bytes()).records;
    let told: Vec<_> = records.iter().map(|l| (l.order.as_str(), l.quantity, l.unit_price)).collect();
    let prices = [Some(1280.0), Some(99.5), None, None];
    assert_eq!(
        told,
        [("TG0", 2.0, prices[0]), ("TG1", 1.0, prices[1]), ("TG2", -1.0, None), ("TG3", 1000.0, None)]
    );
    let times: Vec<String> = records.iter().map(|l| l.ordered_at.to_rfc3339()).collect();
    assert_eq!(times[0], "2026-03-02T07:20:07+00:00");
    assert_eq!(times[1..3], ["2025-12-30T16:05:00+00:00", "2024-02-28T16:00:00+00:00"]);
    assert!(records.iter().all(|l| l.member.as_str() == "00038317"));
    records
}

#[test]
fn texts_of_every_kind_say_the_same() {
    let expected = expected();
    #[expect(clippy::needless_range_loop)] // a column of the table
    for form in 0..TIMES[0].len() {
        for (delimiter, name) in [(',', "o.csv"), (';', "o.csv"), ('\t', "o.tsv"), ('\t', "o.txt")] {
            for end in ["\n", "\r\n", "\r"] {
                for (encoding, bytes) in encodings(&text(&rows(form), delimiter, end)) {
                    let case = format!("{encoding}, {delimiter:?}, {end:?}, {}", TIMES[0][form]);
                    let taken = take::<OrderLine>(name, &bytes, &declared(form)).expect(&case);
                    assert_eq!(taken.records, expected, "{case}: {:?}", taken.rejects);
                    assert_eq!(taken.judged.unknown_columns, ["備註"], "{case}");
                }
            }
        }
    }
}

#[test]
fn workbooks_say_the_same() {
    let expected = expected();
    let days = [46_083.638_969_907_4, 46_022.003_472_222_2, 45_351.0];
    for form in 0..=TIMES[0].len() + 1 {
        let cell = |n: usize, column: usize, text: &str| match (column, form) {
            (3, 10) => Cell::Date(days[n % 3]),
            // a date in a form of its own, which looks like a number from outside
            (3, 11) => Cell::Number(days[n % 3]),
            (1 | 4, _) if form % 2 == 0 => Cell::Inline(text.to_owned()),
            (4, _) if text == "2" => Cell::Number(2.0),
            _ => Cell::from(text),
        };
        let rows = rows(form.min(9));
        let body = rows.iter().enumerate().map(|(n, row)| {
            let cells = row.iter().enumerate().map(|(column, text)| cell(n, column, text)).collect();
            (n as u32 + 2, cells)
        });
        let header = (1, HEADER.map(Cell::from).to_vec());
        let bytes = workbook(&[Sheet("訂單", true, std::iter::once(header).chain(body).collect())]);
        let taken = take::<OrderLine>("o.xlsx", &bytes, &declared(form)).unwrap();
        assert_eq!(taken.records, expected, "form {form}: {:?}", taken.rejects);
    }
}

#[test]
fn what_is_declared_goes_before_what_is_told_by_the_bytes() {
    let big5 = BIG5.encode(&text(&rows(0), ',', "\n")).0.into_owned();
    let as_utf8 = Reading { encoding: Some(Encoding::Utf8), ..reading() };
    let refused = take::<OrderLine>("o.csv", &big5, &as_utf8).unwrap_err().to_string();
    assert!(refused.contains("its header is not UTF-8") && refused.contains("--encoding"), "{refused}");
    let as_big5 = Reading { encoding: Some(Encoding::Big5), ..reading() };
    assert_eq!(take::<OrderLine>("o.csv", &big5, &as_big5).unwrap().records.len(), 4);
}

#[test]
fn json_lines_have_encodings_too() {
    let line = "{\"order_id\":1,\"會員編號\":\"甲\",\"sku\":3,\"date\":\"2026-03-01\",\"分類\":\"咖啡\"}\n";
    for (encoding, bytes) in encodings(&line.repeat(3)) {
        let taken = orders("o.jsonl", &bytes);
        assert_eq!(taken.records.len(), 3, "{encoding}");
        assert_eq!(taken.records[0].category.as_deref(), Some("咖啡"), "{encoding}");
    }
}

#[test]
fn the_delimiter_may_be_announced_and_titles_may_stand_above_the_header() {
    let expected = expected();
    let body = text(&rows(0), ';', "\r\n");
    for above in ["sep=;\r\n", "\"sep=;\"\r\n", "訂單報表\r\n期間: 2026/3/1, 2026/3/2\r\n\r\n;;;;;;;\r\n"]
    {
        assert_eq!(orders("o.csv", format!("{above}{body}").as_bytes()).records, expected, "{above}");
    }
    let odd = body.replace(';', "|");
    assert_eq!(orders("o.csv", format!("sep=|\n{odd}").as_bytes()).records, expected);
    // what is no header counts no row, and lines keep their numbers
    let titled = format!("報表\n\"兩行的\n標題\"\n{}X;;;;;;;\n", body.replace("\r\n", "\n"));
    let taken = orders("o.csv", titled.as_bytes());
    assert_eq!((taken.judged.read, taken.rejects[0].line), (5, 9));
    let low = "報表\n".repeat(20) + &body;
    let message = take::<OrderLine>("o.csv", low.as_bytes(), &reading()).unwrap_err().to_string();
    assert!(message.contains("columns found: 報表"), "{message}");
}

#[test]
fn hints_name_the_form_that_was_seen_and_the_setting_that_reads_it() {
    let seen = |declared: DateFormat, dates: &[&str]| -> Vec<String> {
        let reading = Reading { dates: declared, ..reading() };
        let rows: String = dates.iter().map(|date| format!("1,2,3,{date}\n")).collect();
        let file = format!("order_id,member_id,sku,date\n{rows}");
        let hints = take::<OrderLine>("o.csv", file.as_bytes(), &reading).unwrap().judged.hints;
        hints.iter().map(|hint| hint.sentence(replenish::domain::reason::Language::English)).collect()
    };
    use DateFormat::*;
    let good = "2026-03-01";
    assert_eq!(
        seen(Ymd, &["03/02/2026", good, "03/01/2026", good, good]),
        [
            "40 % of the dates look like 03/02/2026: set date_format = \"mdy\" (or \"dmy\") under [intake.orders]"
        ]
    );
    assert_eq!(
        seen(Ymd, &["03/02/2026", "02/28/2026"]),
        ["100 % of the dates look like 02/28/2026: set date_format = \"mdy\" under [intake.orders]"]
    );
    assert_eq!(
        seen(Mdy, &["03/02/2026", "28/02/2026"]),
        ["50 % of the dates look like 28/02/2026, which date_format = \"mdy\" does not read: \
          set date_format = \"dmy\" under [intake.orders]"]
    );
    assert_eq!(
        seen(Ymd, &["115/03/02", good]),
        ["50 % of the dates look like 115/03/02: set date_format = \"roc\" under [intake.orders]"]
    );
    assert!(seen(Ymd, &["46083", good])[0].starts_with("50 % of the dates are numbers like 46083"));
    assert_eq!(seen(Ymd, &["yesterday", good]), Vec::<String>::new());
    let mut long = vec![good; 200];
    long[7] = "03/02/2026";
    assert_eq!(seen(Ymd, &long), Vec::<String>::new(), "one in two hundred is a slip");
    let latin = b"order_id,member_id,sku,date,note\n1,2,3,2026-03-01,M\xfcller\n1,2,3,2026-03-01,x\n";
    let hints = orders("o.csv", latin).judged.hints;
    assert_eq!(hints, [Hint::Bytes { share: 0.5, encoding: Encoding::Utf8 }]);
}
