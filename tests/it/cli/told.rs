//! What people read: what learning moved, and when a member needs what, as a table and in sentences of their language.

use super::{NOW, Shop};

#[test]
fn learning_says_what_moved() {
    let shop = Shop::new();
    let told = |now: &str| shop.run(&["learn", "--now", now]).out;
    let first = told("2025-02-01");
    assert!(first.contains("Learnt for the first time") && first.contains("usual interval"), "{first}");
    let before = shop.json(&["learn", "--now", "2025-02-01"])["moved"].clone();
    assert_eq!(before[0]["level"], "category");
    assert_eq!(before[0]["items"], serde_json::json!({"before": 1, "now": 1}));
    assert!(told("2025-02-01").contains("nothing moved since"), "the same orders teach the same");
    let moved = shop.json(&["learn", "--now", "2025-04-02"])["moved"].clone();
    for figure in ["usual_interval_days", "continues_after_1", "continues_after_2"] {
        assert_eq!(moved[0][figure]["before"], before[0][figure]["now"], "{figure}");
    }
    assert_ne!(moved[0]["usual_interval_days"]["now"], moved[0]["usual_interval_days"]["before"]);
    let back = told("2025-02-01");
    assert!(back.contains("What moved\nlevel ") && back.contains("before  now"), "{back}");
}

#[test]
fn a_forecast_is_a_table_and_a_sentence_an_item() {
    let shop = Shop::new();
    shop.json(&["learn", "--now", NOW]);
    let told =
        |command: &str, lang: &str| shop.run(&[command, "--member", "m1", "--now", NOW, "--lang", lang]).out;
    let english = told("forecast", "en");
    let header = english.lines().next().unwrap();
    let columns: Vec<&str> = header.split("  ").filter(|word| !word.is_empty()).map(str::trim).collect();
    let expected =
        ["item", "level", "bought", "last", "p10", "p50", "p90", "every", "still buying", "in 30 days"];
    assert_eq!(columns, expected);
    assert!(english.contains("\ncoffee\n  You usually buy this again after "), "{english}");
    assert!(
        english.contains(" days (seen 3 times), last on April 1; you will probably need it between "),
        "{english}"
    );
    let lines = shop.lines(&["forecast", "--member", "m1", "--now", NOW, "--lang", "zh-TW"]);
    let line = lines.iter().find(|line| line["item"] == "coffee").unwrap();
    let sentence = line["sentence"].as_str().unwrap();
    assert!(sentence.contains("(看過 3 次),上次是 4 月 1 日;大約 "), "{sentence}");
    for command in ["forecast", "explain"] {
        let chinese = told(command, "zh-TW");
        assert!(chinese.contains("品項") && chinese.contains("仍會買"), "{chinese}");
        assert!(chinese.contains(&format!("\ncoffee\n  {sentence}\n")), "{command}: {chinese}");
    }
    assert!(told("explain", "zh-TW").contains("\n今天預測的需求\n"));
}

#[test]
fn orders_that_came_after_the_time_asked_are_not_of_a_negative_age() {
    let shop = Shop::new();
    let told = |lang: &str| shop.run(&["status", "--now", NOW, "--lang", lang]).out;
    let english = told("en");
    let line = english.lines().find(|line| line.starts_with("last orders")).unwrap();
    assert!(line.ends_with("(later than the time asked)"), "{line}");
    assert!(told("zh-TW").contains("晚於查詢時間"));
    assert!(shop.run(&["status"]).out.contains("(0 minutes old)"));
}

#[test]
fn what_never_reached_its_peer_was_not_handed_over() {
    let shop = Shop::new();
    // nobody listens there
    shop.write("rules/rules.toml", super::RULES.replace("\"email\"\ntemplate = \"refill\"", "\"crm\""));
    shop.json(&["run", "--once", "--now", NOW]);
    let due = shop.lines(&["jobs", "list"])[0]["due_at"].as_str().unwrap().to_owned();
    assert_eq!(shop.json(&["run", "--once", "--now", &due])["retrying"], 1);
    let id = shop.lines(&["jobs", "list"])[0]["id"].as_str().unwrap().to_owned();
    let shown = shop.json(&["jobs", "show", &id]);
    assert_eq!(shown["handed_over_at"], serde_json::Value::Null, "{shown}");
    assert!(shown["tried_at"].is_string() && shown["attempts"][0]["outcome"] == "unreachable", "{shown}");
    let page = shop.run(&["jobs", "show", &id]).out;
    let line = page.lines().find(|line| line.starts_with("tried")).unwrap();
    assert!(line.ends_with(", not handed over: unreachable"), "{line}");
    assert!(!page.contains("\nhanded over"), "{page}");
}
