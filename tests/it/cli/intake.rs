//! Files that are damaged, incomplete or not there: what is wrong and what to do is said, and what was stored stays.

use std::io::Write;

use encoding_rs::BIG5;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{HEADER, ORDERS, SETTINGS, Shop, assert_refused};
use crate::support::house;

/// Good rows of a member of their own.
fn rows(count: usize) -> String {
    (0..count).map(|n| format!("t{n},m2,tea,tea,2025-02-03,1\n")).collect()
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_missing_column_is_told_with_those_found_and_the_setting_that_mends_it() {
    let shop = Shop::new();
    shop.write("who.csv", "order_id,wer,product_id,ordered_at\no9,m1,beans,2025-04-02\n");
    let says = ["who.csv", "member_id", "wer", "product_id", "[intake.orders.columns]"];
    shop.refuses(1, &["import", "orders", "who.csv"], &says);
    shop.write("replenish.toml", format!("{SETTINGS}[intake.orders.columns]\nmember_id = \"wer\"\n"));
    assert_eq!(shop.json(&["import", "orders", "who.csv"])["stored"], 1);
}

#[test]
fn of_a_file_that_was_cut_off_nothing_is_kept() {
    let shop = Shop::new();
    let whole = packed(&house::orders(600, 7));
    shop.write("nightly.csv.gz", &whole[..whole.len() * 3 / 4]);
    let ran = shop.refuses(1, &["import", "orders", "nightly.csv.gz"], &["nightly.csv.gz", "copy it again"]);
    assert_eq!(ran.err.matches("deflate stream").count(), 1, "the cause is told once: {}", ran.err);
    assert_eq!(shop.run(&["forecast", "--member", "m0001"]).code, 1, "none of its members is known");
    shop.write("nightly.csv.gz", &whole);
    assert!(shop.json(&["import", "orders", "nightly.csv.gz"])["stored"].as_u64().unwrap() > 10_000);
}

#[test]
fn a_row_that_is_no_utf_8_is_rejected_by_its_line_and_the_others_are_stored() {
    let shop = Shop::new();
    let mut file = format!("{HEADER}{}", rows(30)).into_bytes();
    file.extend(b"t98,m\xff\xfe,tea,tea,2025-02-03,1\n");
    file.extend(b"t99,m2,tea,tea,2025-02-04,1\n");
    shop.write("mixed.csv", file);
    let report = shop.json(&["import", "orders", "mixed.csv"]);
    assert_eq!(
        (&report["read"], &report["stored"], &report["rejected"]),
        (&32.into(), &31.into(), &1.into())
    );
    let rejects = report["rejects_file"].as_str().unwrap();
    assert!(rejects.contains("mixed.csv") && rejects.contains("var"), "{rejects}");
    let rejects = String::from_utf8_lossy(&std::fs::read(rejects).unwrap()).into_owned();
    let row = rejects.lines().nth(1).unwrap();
    assert!(row.starts_with("32,") && row.contains("UTF-8"), "{rejects}");
    let told = shop.run(&["import", "orders", "mixed.csv"]);
    assert!(told.out.contains("31 already known, 1 rejected"), "{}", told.out);
    assert!(told.err.contains("mixed.csv.rejects.csv"), "people are told where: {}", told.err);
}

#[test]
fn beyond_five_percent_of_bad_rows_nothing_is_kept() {
    let shop = Shop::new();
    let bad = "t98,m2,tea,tea,yesterday,1\n";
    shop.write("bad.csv", format!("{HEADER}{}{bad}", rows(18)));
    let says = ["more than 5 % of the rows are bad", "[intake] max_rejects", "bad.csv.rejects.csv"];
    shop.refuses(1, &["import", "orders", "bad.csv"], &says);
    assert_eq!(shop.run(&["forecast", "--member", "m2"]).code, 1, "nothing of the file was kept");
    let report = shop.run(&["import", "orders", "bad.csv", "--json"]);
    let told = &report.json()[0];
    assert_eq!((report.code, &told["stored"], &told["rejected"]), (1, &0.into(), &1.into()), "{told}");
    let rejects = std::fs::read_to_string(told["rejects_file"].as_str().unwrap()).unwrap();
    assert!(rejects.contains("yesterday"), "{rejects}");
    // five percent are not more than five percent
    shop.write("bad.csv", format!("{HEADER}{}{bad}", rows(19)));
    assert_eq!(shop.json(&["import", "orders", "bad.csv"])["stored"], 19);
}

#[test]
fn a_file_that_cannot_be_read_at_all_says_what_is_read() {
    let shop = Shop::new();
    shop.write("orders.ods", ORDERS);
    shop.write("empty.csv", "");
    shop.refuses(1, &["import", "orders", "orders.ods"], &["orders.ods", ".csv", ".jsonl", ".gz"]);
    shop.refuses(1, &["import", "orders", "empty.csv"], &["empty.csv", "it is empty", "header"]);
    let gone = shop.refuses(1, &["import", "orders", "gone.csv"], &["cannot open gone.csv"]);
    assert_eq!(gone.err.matches("No such file").count(), 1, "{}", gone.err);
    // what came before it in the same command stays
    shop.write("tea.csv", format!("{HEADER}{}", rows(1)));
    assert_eq!(shop.run(&["import", "orders", "tea.csv", "gone.csv"]).code, 1);
    assert_eq!(shop.json(&["import", "orders", "tea.csv"])["duplicate"], 1);
}

#[test]
fn standard_input_is_read_as_the_format_says() {
    let shop = Shop::new();
    let before = shop.held();
    let unnamed = shop.fed(ORDERS.as_bytes(), &["import", "orders", "-"]);
    assert_refused(&unnamed, 2, &["-"], &["--format csv", "--format jsonl"]);
    assert_eq!(shop.held(), before);
    let lines = r#"{"order_id":"j1","member_id":"m3","product_id":"tea","ordered_at":"2025-03-03"}"#;
    let csv = format!("{HEADER}{}", rows(3));
    let cases = [(csv.as_bytes(), "csv", 3), (lines.as_bytes(), "jsonl", 1), (&packed(&csv)[..], "csv", 0)];
    for (input, format, stored) in cases {
        let report = shop.fed(input, &["import", "orders", "-", "--format", format, "--json"]).one();
        assert_eq!(report["stored"], stored, "{report}");
    }
    let spools = std::fs::read_dir(shop.path("var")).unwrap().flatten();
    let spools: Vec<_> = spools.filter(|e| e.file_name().to_string_lossy().starts_with("stdin")).collect();
    assert!(spools.is_empty(), "{spools:?}");
}

#[test]
fn the_same_file_changes_nothing_and_a_corrected_line_replaces() {
    let shop = Shop::new();
    let counts = |file: &str| {
        let report = shop.json(&["import", "orders", file]);
        ["stored", "replaced", "duplicate"].map(|key| report[key].as_u64().unwrap())
    };
    assert_eq!(counts("orders.csv"), [0, 0, 4]);
    shop.write("corrected.csv", ORDERS.replace("2025-04-01,1", "2025-04-05,2"));
    assert_eq!(counts("corrected.csv"), [0, 1, 3]);
    assert_eq!(counts("corrected.csv"), [0, 0, 4]);
    let forecast = shop.lines(&["forecast", "--member", "m1", "--now", "2025-04-10"]);
    assert_eq!(forecast[0]["last_purchase"], "2025-04-05", "{forecast:?}");
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let shop = Shop::new();
    let before = shop.held();
    shop.write("stuck.toml", format!("data_dir = \"orders.csv/var\"\n{SETTINGS}"));
    shop.write("bad.csv", format!("{HEADER}{}t98,m2,tea,tea,yesterday,1\n", rows(30)));
    let import = super::end(shop.under("stuck.toml", &["import", "orders", "bad.csv"]));
    assert_refused(&import, 1, &["import"], &["rejects"]);
    let pass = super::end(shop.under("stuck.toml", &["run", "--once", "--now", super::NOW]));
    assert_refused(&pass, 1, &["run"], &["orders.csv/var", "unsubscribe"]);
    shop.write("stuck.toml", SETTINGS.replace("sqlite:var/", "sqlite:orders.csv/"));
    let list = super::end(shop.under("stuck.toml", &["jobs", "list"]));
    assert_refused(&list, 1, &["jobs list"], &["orders.csv cannot be made"]);
    assert_eq!(shop.held(), before);
}

#[test]
fn a_big5_file_needs_no_option_and_a_wrong_one_is_said() {
    let shop = Shop::new();
    let rows: String =
        (0..30).map(|n| format!("甲{n};王小明;濾掛咖啡;2025/2/{} 下午 3:20\n", n % 28 + 1)).collect();
    let file = BIG5.encode(&format!("訂單編號;會員編號;商品編號;訂單日期\n{rows}")).0.into_owned();
    shop.write("export.csv", &file);
    let wrong = ["import", "orders", "export.csv", "--encoding", "utf-16"];
    shop.refuses(1, &wrong, &["export.csv"]);
    shop.refuses(2, &["import", "orders", "export.csv", "--encoding", "latin1"], &["big5", "utf-16le"]);
    assert_eq!(shop.json(&["import", "orders", "export.csv"])["stored"], 30);
    assert_eq!(shop.json(&["import", "orders", "export.csv", "--encoding", "big5"])["duplicate"], 30);
    let forecast = shop.lines(&["forecast", "--member", "王小明", "--now", "2025-04-10"]);
    assert_eq!(forecast[0]["item"], "濾掛咖啡", "{forecast:?}");
}

/// Two of five dates are as Americans write them.
fn american() -> String {
    (0..25)
        .map(|n| format!("u{n},m2,tea,tea,{},1\n", if n % 5 < 2 { "02/13/2025" } else { "2025-02-13" }))
        .collect()
}

#[test]
fn a_file_of_dates_in_another_form_is_refused_with_the_setting_that_reads_it() {
    let shop = Shop::new();
    shop.write("us.csv", format!("{HEADER}{}", american()));
    let says = [
        "40 % of the dates look like 02/13/2025",
        "date_format = \"mdy\"",
        "under [intake.orders]",
        "nothing of the file",
    ];
    shop.refuses(1, &["import", "orders", "us.csv"], &says);
    let told = shop.run(&["import", "orders", "us.csv", "--json"]).json().remove(0);
    assert_eq!((&told["stored"], &told["rejected"], &told["refused"]), (&0.into(), &10.into(), &true.into()));
    assert!(told["hints"][0].as_str().unwrap().contains("mdy"), "{told}");
    // what holds for all kinds gives way to what one kind says
    shop.write(
        "replenish.toml",
        format!("{SETTINGS}[intake]\ndate_format = \"roc\"\n[intake.orders]\ndate_format = \"mdy\"\n"),
    );
    let report = shop.json(&["import", "orders", "us.csv"]);
    assert_eq!((&report["stored"], &report["hints"]), (&25.into(), &serde_json::json!([])));
    shop.write("new.csv", "member_id,joined_at\nm2,民國113年3月2日\n");
    assert_eq!(shop.json(&["import", "members", "new.csv"])["rejected"], 0);
}

#[test]
fn an_explained_file_is_told_in_full_and_nothing_of_it_is_stored() {
    let shop = Shop::new();
    shop.write("us.csv", format!("{HEADER}{}", american()));
    let before = shop.held();
    let told = shop.run(&["import", "orders", "us.csv", "--explain"]);
    assert_eq!(told.code, 0, "{}", told.err);
    for part in [
        "us.csv  CSV · UTF-8 · commas · header on line 1",
        "member_id   member_id   m2",
        "dates       2025-02-13 → 2025-02-13 00:00 Asia/Taipei",
        "rows        25 read, 15 would be kept, 10 rejected",
        "ordered_at: `…` is no time",
        "more than 5 % of the rows: the file would be refused",
        "set date_format = \"mdy\" under [intake.orders]",
        "too few to learn",
        "Nothing was stored.",
    ] {
        assert!(told.out.contains(part), "{part}: {}", told.out);
    }
    let chinese = shop.run(&["import", "orders", "us.csv", "--explain", "--lang", "zh-TW"]).out;
    for part in ["標題在第 1 行", "拒絕的原因", "`…` 不是時間", "date_format = \"mdy\"", "沒有儲存任何資料"]
    {
        assert!(chinese.contains(part), "{part}: {chinese}");
    }
    let report = shop.json(&["import", "orders", "us.csv", "--explain"]);
    super::assert_keys(
        &report,
        "kind file format encoding delimiter header_line columns unknown_columns dates read kept \
                                 rejected ignored refused reasons orders members products from to hints missing",
    );
    assert_eq!(
        (&report["kept"], &report["refused"], &report["members"]),
        (&15.into(), &true.into(), &1.into())
    );
    assert_eq!(report["dates"]["read_as"], "2025-02-13T00:00:00+08:00");
    assert_eq!((&report["reasons"][0]["rows"], &report["reasons"][0]["line"]), (&10.into(), &2.into()));
    assert_eq!(shop.held(), before);
}

#[test]
fn a_file_that_cannot_be_read_keeps_no_other_one_back() {
    let shop = Shop::new();
    shop.write("a.csv", ORDERS);
    shop.write("b.csv", format!("{HEADER}x1,m9,A,tea,2025-03-01,1e300\n{ORDERS}"));
    let told = shop.run(&["import", "orders", "nowhere.csv", "b.csv", "a.csv"]);
    assert_eq!(told.code, 1, "{}", told.err);
    assert!(told.err.contains("cannot open nowhere.csv"), "{}", told.err);
    assert!(told.out.contains("b.csv: ") && told.out.contains("a.csv: "), "{}", told.out);
    for month in ["january", "february"] {
        shop.write(&format!("{month}/o.csv"), format!("{HEADER}x1,{month},A,tea,2025-03-01,1e300\n"));
    }
    shop.run(&["import", "orders", "january/o.csv", "february/o.csv"]);
    for (rejects, month) in [("o.csv", "january"), ("o-2.csv", "february")] {
        let rows = std::fs::read_to_string(shop.path(&format!("var/rejects/{rejects}.rejects.csv"))).unwrap();
        assert!(rows.contains(month) && rows.contains("is more than a line can be"), "{rows}");
    }
}

#[test]
fn a_file_is_explained_where_there_are_no_settings() {
    let shop = Shop::unfurnished();
    shop.write("m.csv", "\u{feff}會員編號\temail\n00038317\t\n00038318\ta@x.example\n");
    let told = shop.run(&["import", "members", "m.csv", "--explain"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("會員編號  member_id  00038317, 00038318"), "{}", told.out);
    assert!(told.out.contains("no e-mail address for 1 of 2 members"), "{}", told.out);
    shop.write("export.csv", include_str!("../shops/shopline-orders.csv"));
    let told = shop.run(&["import", "orders", "export.csv", "--explain", "--preset", "shopline"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("passed over") && told.out.contains("0 rejected"), "{}", told.out);
    for word in ["已取消 1 (no purchase)", "處理中 2 (counts)"] {
        assert!(told.out.contains(word), "{word} in {}", told.out);
    }
    let from_input = shop
        .fed(b"{\"member_id\":1}\n", &["import", "members", "-", "--format", "jsonl", "--explain", "--json"]);
    assert_eq!((&from_input.one()["kept"], &from_input.one()["format"]), (&1.into(), &"jsonl".into()));
    let left: Vec<_> = std::fs::read_dir(shop.path(".")).unwrap().flatten().collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_refused(
        &shop.run(&["import", "members", "m.csv", "--lang", "en"]),
        2,
        &["--lang"],
        &["--explain"],
    );
}
