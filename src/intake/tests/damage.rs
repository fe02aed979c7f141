//! What is wrong with rows and files: it costs as little as it can, and says why.

use proptest::prelude::*;

use super::*;

#[test]
fn bad_rows_keep_their_line_and_text_and_do_not_stop_the_rest() {
    let header = "order_id,member_id,product_id,ordered_at,\"a\nnote\"\r\n";
    let good = "O1,M1,P1,2026-03-01,\"two\r\nlines, \"\"quoted\"\"\"\r\n";
    let rows: [&[u8]; 8] = [
        header.as_bytes(),
        good.as_bytes(),                     // 3 and 4
        b"O2,M1,P1,never,\"\n\n\"\n",        // 5 to 7
        b"\r\n",                             // 8
        b"O3,M1,P1,2026-03-01,\xff\xff\n",   // 9
        b"O4,M1,P1,2026-03-01,\"5\" pipe\n", // 10
        b"O5,M1,P1,2026-03-01,a \"b\" c\n",  // 11
        b"O6,M\0,P1,2026-03-01,",            // 12, without a line break
    ];
    let taken = take::<OrderLine>("o.csv", rows.concat()).unwrap();
    assert_eq!((taken.judged.read, taken.judged.rejected), (6, 4));
    assert_eq!(taken.judged.unknown_columns, ["a\nnote"]);
    assert_eq!(taken.records.iter().map(|l| l.order.as_str()).collect::<Vec<_>>(), ["O1", "O5"]);
    let complaints = taken.complaints();
    assert_eq!(complaints.iter().map(|c| c.0).collect::<Vec<_>>(), [5, 9, 10, 12], "{complaints:?}");
    for ((_, reason), part) in complaints.iter().zip(["`never` is no time", "not UTF-8", "quote", "NUL"]) {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(taken.rejects[0].row, "O2,M1,P1,never,\"\n\n\"");
}

#[test]
fn a_quote_that_never_closes_costs_one_line() {
    let row = |id: u32| format!("O{id},M1,P1,2026-03-01,1,,,\n");
    let open = "O0,M1,P1,2026-03-01,1,\"paid,,\n";
    let many: String = (1..60_000).map(row).collect();
    let taken =
        take::<OrderLine>("o.csv", format!("{HEADER}{}{open}{many}{open}{}", row(0), row(1))).unwrap();
    assert_eq!((taken.judged.read, taken.judged.rejected), (60_003, 2));
    assert_eq!(taken.complaints().iter().map(|c| c.0).collect::<Vec<_>>(), [3, 60_003]);
    assert_eq!(taken.rejects[0].row, open.trim_end());
}

#[test]
fn rows_are_bounded() {
    let long = "x".repeat(3 << 20);
    let csv = format!("{HEADER}O1,M,P,2026-03-01,1,{long},,\nO2,M,P,2026-03-01,1,,,\n");
    let json = format!(
        "{{\"order_id\":\"{long}\"}}\n{{\"order_id\":1,\"member_id\":2,\"sku\":3,\"date\":\"2026-03-01\"}}"
    );
    for (name, text, line) in [("o.csv", csv, 2), ("o.jsonl", json, 1)] {
        let taken = take::<OrderLine>(name, text).unwrap();
        assert_eq!((taken.records.len(), taken.complaints()[0].0), (1, line), "{name}");
        assert!(taken.complaints()[0].1.contains("longer than"), "{name}");
    }
}

#[test]
fn an_open_quote_before_a_line_too_long_takes_nothing_with_it() {
    let good = "O3,M,P,2026-03-01,1,,,\n";
    let long = "x".repeat(3 << 20);
    let text = format!("{HEADER}O1,M,P,2026-03-01,1,\"paid,,\nO2,{long}\n{good}{good}");
    let taken = take::<OrderLine>("o.csv", text).unwrap();
    assert_eq!(taken.complaints().iter().map(|c| c.0).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(taken.records.len(), 2);
}

#[test]
fn bad_json_lines_say_what_is_wrong() {
    let good = r#"{"order_id":1,"member_id":"2","sku":"3","date":"2026-03-01","quantity":null,"gift":true}"#;
    for (bad, part) in [
        ("[1]", "is not one JSON object"),
        ("{\"order_id\":", "is not one JSON object"),
        ("{} {}", "is not one JSON object"),
        ("{\"member_id\":\"M\"}", "order_id: is missing"),
        (r#"{"order_id":["1"]}"#, "order_id: is an array"),
        (r#"{"order_id":1,"Order No":2}"#, "both mean order_id"),
        (r#"{"order_id":"a\u0000"}"#, "NUL"),
        (r#"{"order_id":20250000000000000000000}"#, "damaged"),
    ] {
        let taken = take::<OrderLine>("o.jsonl", format!("{good}\n\n{bad}\n{good}\n")).unwrap();
        assert_eq!(taken.records.len(), 2, "{bad}");
        assert_eq!((taken.records[0].quantity, taken.records[1].gift), (1.0, true));
        assert_eq!(taken.rejects[0].line, 3, "{bad}");
        assert!(taken.rejects[0].reason.contains(part), "{part} in {}", taken.rejects[0].reason);
        assert_eq!(taken.rejects[0].row, bad);
    }
    assert_eq!(take::<OrderLine>("o.jsonl", "").unwrap().judged.read, 0);
}

#[test]
fn a_file_that_cannot_be_taken_says_why() {
    assert!(problem::<OrderLine>("o.csv", "").contains("empty"));
    assert!(problem::<OrderLine>("o.csv", "\u{feff}\n\n").contains("empty"));
    assert!(problem::<OrderLine>("o.csv", b"PK\x03\x04\x14\0\x06\0").contains("name ends with .xlsx"));
    assert!(problem::<OrderLine>("o.csv", packed(b"x")).contains("name should end with .gz"));
    assert!(problem::<OrderLine>("o.csv", b"\xd0\xcf\x11\xe0").contains("save it as .xlsx"));
    assert!(problem::<OrderLine>("o.csv", b"\x7fELF\x02\x01\x01\0\0\0").contains("NUL"));
    assert!(problem::<OrderLine>("o.csv", b"\xff\xfeo\0r\0d\0e\0r\0").contains("columns found: order;"));
    assert!(problem::<OrderLine>("o.csv", b"\xadq\xb3\xe6,a\n").contains("columns found: 訂單, a;"));
    let header = problem::<OrderLine>("o.csv", b"order_id,\xe9t\xe9\n");
    assert!(header.contains("its header is not UTF-8") && header.contains("--encoding"), "{header}");
    assert!(problem::<OrderLine>("o.csv", "order_id,\"member\nx\n").contains("its header opens a quote"));
    assert!(problem::<OrderLine>("o.csv", "order_id,member_id\n").contains("no column for product_id"));
    assert!(problem::<OrderLine>("o.csv.gz", "order_id,member_id\n").contains("is no whole .gz"));
    assert_eq!(take::<OrderLine>("o.csv", HEADER).unwrap().judged, Judged::default());
    let source = Source { path: "/nowhere/o.csv".into(), format: Format::Csv, gzip: false };
    let missing = take_from::<OrderLine>(&source, &reading()).err().unwrap().to_string();
    assert!(missing.starts_with("cannot open /nowhere/o.csv"), "{missing}");
}

#[test]
fn a_packed_file_cut_anywhere_is_refused() {
    let rows: String = (0..40).map(|i| format!("O{i},M{},P{i},2026-03-01,1,,,\n", i * 7919 % 101)).collect();
    let whole = packed(format!("{HEADER}{rows}").as_bytes());
    assert_eq!(take::<OrderLine>("o.csv.gz", &whole).unwrap().judged.read, 40);
    for end in 0..whole.len() {
        assert!(take::<OrderLine>("o.csv.gz", &whole[..end]).is_err(), "cut after {end} of {}", whole.len());
    }
    // only the checksum is missing: every line was there
    let message = problem::<OrderLine>("o.csv.gz", &whole[..whole.len() - 8]);
    assert!(message.contains("broke off after line 41"), "{message}");
    let mut damaged = whole.clone();
    damaged[whole.len() - 6] ^= 1;
    assert!(problem::<OrderLine>("o.csv.gz", damaged).contains("is no whole .gz"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever a CSV writer writes comes back cell by cell.
    #[test]
    fn what_a_csv_writer_writes_is_read(
        names in prop::collection::vec("[a-zA-Z0-9 ,;\"\n\r\u{4e00}-\u{4eff}]{0,12}", 1..20),
        crlf in any::<bool>(),
        always in any::<bool>(),
    ) {
        let mut writer = csv::WriterBuilder::new();
        if crlf { writer.terminator(csv::Terminator::CRLF); }
        if always { writer.quote_style(csv::QuoteStyle::Always); }
        let mut writer = writer.from_writer(Vec::new());
        writer.write_record(["name", "product_id", "url"]).unwrap();
        for name in &names { writer.write_record([name, "P", name]).unwrap(); }
        let taken = take::<ProductRecord>("p.csv", writer.into_inner().unwrap()).unwrap();
        prop_assert_eq!(taken.complaints(), vec![]);
        for (record, name) in taken.records.iter().zip(&names) {
            prop_assert_eq!(record.name.as_deref(), Some(name.trim()));
            prop_assert_eq!(record.url.as_deref(), Some(name.trim()));
        }
        prop_assert_eq!(taken.records.len(), names.len());
    }

    /// Both passes agree on any bytes (see `take_from`), and none panics.
    #[test]
    fn no_bytes_panic(
        bytes in prop::collection::vec(prop_oneof![
            4 => "[\",\n\r ]".prop_map(String::into_bytes),
            4 => "[a-z0-9:.+*=;{}\\[\\]-]{1,4}".prop_map(String::into_bytes),
            1 => any::<u8>().prop_map(|b| vec![b]),
        ], 0..80),
        with_header in any::<bool>(),
    ) {
        let body = bytes.concat();
        let csv = if with_header { [HEADER.as_bytes(), &body].concat() } else { body.clone() };
        let _ = take::<OrderLine>("o.csv", csv);
        let _ = take::<OrderLine>("o.csv.gz", &body);
        let _ = take::<MemberRecord>("m.jsonl", &body);
        let _ = take::<ProductRecord>("p.csv", [b"product_id,contains,days_supply\n", &body[..]].concat());
    }
}
