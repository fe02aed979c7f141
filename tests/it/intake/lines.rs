//! A bad row, wherever it stands and whatever the file is: its number is right, and nothing panics.

use encoding_rs::BIG5;
use proptest::prelude::*;
use replenish::domain::order::OrderLine;

use super::{orders, reading, take};
use crate::support::workbook::{Cell, Sheet, workbook};

/// Rows of `good` in a file, `bad` in the place of one of them.
fn planted(count: usize, at: usize, good: &str, bad: &str) -> Vec<String> {
    (0..count).map(|n| if n == at { bad.to_owned() } else { good.to_owned() }).collect()
}

fn line_of_the_bad_row(name: &str, bytes: &[u8], rows: usize) -> u64 {
    let taken = orders(name, bytes);
    assert_eq!((taken.judged.read, taken.rejects.len()), (rows as u64, 1), "{:?}", taken.rejects);
    assert!(taken.rejects[0].row.contains("咖啡"), "{:?}", taken.rejects[0]);
    taken.rejects[0].line
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_line_of_a_bad_row_is_told(count in 1..3000usize, at in any::<prop::sample::Index>(), blank in 0..4usize) {
        let at = at.index(count);
        let header = "訂單編號;會員編號;商品編號;訂單日期;分類\r\n";
        let above = "\r\n".repeat(blank);
        let rows = planted(count, at, "1;2;3;2026-03-01;咖啡\r\n", "1;2;3;never;咖啡\r\n").concat();
        let text = format!("{header}{above}{rows}");
        let expected = (at + blank + 2) as u64;
        prop_assert_eq!(line_of_the_bad_row("o.csv", text.as_bytes(), count), expected);
        prop_assert_eq!(line_of_the_bad_row("o.csv", &BIG5.encode(&text).0, count), expected);
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        prop_assert_eq!(line_of_the_bad_row("o.csv", &utf16, count), expected);

        let json = |date| format!("{{\"order_id\":1,\"member_id\":2,\"sku\":3,\"date\":\"{date}\",\"分類\":\"咖啡\"}}\n");
        let lines = "\n".repeat(blank) + &planted(count, at, &json("2026-03-01"), &json("never")).concat();
        prop_assert_eq!(line_of_the_bad_row("o.jsonl", lines.as_bytes(), count), expected - 1);

        let cells = |row: &str| row.trim_end().split(';').map(Cell::from).collect::<Vec<_>>();
        let body = planted(count, at, "1;2;3;2026-03-01;咖啡", "1;2;3;never;咖啡");
        let below = body.iter().enumerate().map(|(n, row)| ((n + blank + 2) as u32, cells(row)));
        let sheet = std::iter::once((1, cells(header))).chain(below).collect();
        prop_assert_eq!(line_of_the_bad_row("o.xlsx", &workbook(&[Sheet("s", true, sheet)]), count), expected);
    }

    /// Damage anywhere in a workbook is an error or costs rows, and no more.
    #[test]
    fn no_damage_of_a_workbook_panics(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let cells = |texts: [&str; 4]| texts.map(Cell::from).to_vec();
        let rows = (2..40).map(|row| (row, cells(["1", "2", "3", "2026-03-01"])));
        let header = (1, cells(["order_id", "member_id", "product_id", "ordered_at"]));
        let whole = workbook(&[Sheet("s", true, std::iter::once(header).chain(rows).collect())]);
        let at = at.index(whole.len());
        let mut damaged = whole.clone();
        damaged[at] = byte;
        damaged.truncate(if cut { at } else { whole.len() });
        if let Err(error) = take::<OrderLine>("o.xlsx", &damaged, &reading()) {
            prop_assert!(error.to_string().contains("o.xlsx"), "{error}");
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), magic in 0..4usize) {
        let magic: &[u8] = [&b""[..], b"PK\x03\x04", b"\xff\xfe", b"order_id;member_id;sku;date\n"][magic];
        let bytes = [magic, &bytes].concat();
        for name in ["o.csv", "o.jsonl", "o.xlsx", "o.csv.gz"] {
            let _ = take::<OrderLine>(name, &bytes, &reading());
        }
    }
}
