//! Pauses and opt-outs as people read them: what was done, what was not, what stands; in both languages.

use serde_json::json;

use super::{NOW, Shop, end};

/// What it says to someone who reads Chinese.
fn in_chinese(shop: &Shop, args: &[&str]) -> String {
    let mut command = shop.command(args);
    command.env("LANG", "zh_TW.UTF-8");
    let ran = end(command);
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
    ran.out + &ran.err
}

#[test]
fn resuming_says_what_was_paused_and_what_still_is() {
    let shop = Shop::new();
    let told = |args: &[&str]| shop.run(args).out;
    assert!(told(&["resume", "--all"]).starts_with("This was not paused.\nNothing is paused."));
    assert!(told(&["pause", "--rule", "refill", "--because", "texts"]).starts_with("Paused.\n"));
    let all = told(&["resume", "--all"]);
    assert!(all.contains("Nothing was resumed") && all.contains("refill"), "{all}");
    let deeds = shop.json(&["status"])["deeds"].clone();
    assert_eq!((&deeds[0]["what"], &deeds[0]["counts"]["changed"]), (&json!("resume"), &json!(false)));
    assert!(told(&["pause", "--all"]).starts_with("Paused.\n"));
    let one = told(&["resume", "--rule", "refill"]);
    assert!(one.starts_with("Resumed") && one.contains("but for what these pauses hold"), "{one}");
    let last = told(&["resume", "--all"]);
    assert!(last.starts_with("Resumed: what waited goes now.\nNothing is paused."), "{last}");
}

#[test]
fn what_is_not_known_is_resumed_only_while_it_is_paused() {
    let shop = Shop::new();
    shop.refuses(
        1,
        &["resume", "--rule", "refil"],
        &["no rule `refil`", "none of that name is paused", "spelling"],
    );
    shop.refuses(1, &["resume", "--channel", "fax"], &["no channel `fax`"]);
    assert_eq!(shop.json(&["status"])["deeds"], json!([]), "nothing was done");
    shop.json(&["pause", "--rule", "refill"]);
    shop.write("rules/rules.toml", super::RULES.replace("\"refill\"\nkind", "\"renamed\"\nkind"));
    assert_eq!(shop.json(&["resume", "--rule", "refill"])["changed"], true, "it is gone from the rules");
}

#[test]
fn a_second_pause_keeps_its_beginning_and_says_that_the_reason_is_new() {
    let shop = Shop::new();
    let first = shop.json(&["pause", "--all", "--because", "one"])["paused"][0].clone();
    let again = shop.run(&["pause", "--all", "--because", "two"]).out;
    assert!(again.contains("paused already") && again.contains("the reason shown is the new one"), "{again}");
    let pauses = shop.json(&["status"])["pauses"].clone();
    assert_eq!((&pauses[0]["since"], &pauses[0]["because"]), (&first["since"], &json!("two")));
}

#[test]
fn a_plan_names_what_is_paused() {
    let shop = Shop::new();
    let plan = || shop.run(&["plan", "--now", NOW]).out;
    assert!(!plan().contains("Paused"), "{}", plan());
    shop.json(&["pause", "--rule", "refill"]);
    shop.json(&["pause", "--channel", "crm"]);
    assert!(plan().contains("Paused: rule refill, channel crm; what is due there waits."), "{}", plan());
    assert_eq!(shop.json(&["plan", "--now", NOW])["paused"][0]["name"], "refill");
}

#[test]
fn whoever_reads_chinese_is_told_in_chinese() {
    let shop = Shop::new();
    let cases: [(&[&str], &[&str]); 10] = [
        (&["pause", "--rule", "refill"], &["已暫停。", "對象", "規則", "人員"]),
        (&["pause", "--rule", "refill"], &["原因已改為這次所填的內容"]),
        (&["resume", "--all"], &["沒有恢復任何項目"]),
        (&["resume", "--rule", "refill"], &["已恢復", "目前沒有任何暫停"]),
        (&["resume", "--rule", "refill"], &["原本並未暫停"]),
        (&["suppress", "list"], &["沒有登記任何拒收"]),
        (&["suppress", "add", "--member", "m1", "--purpose", "reminder"], &["已登記。", "已略過 0 則"]),
        (&["suppress", "add", "--member", "m2"], &["目前沒有這位會員"]),
        (&["suppress", "list"], &["會員或地址", "回購提醒", "永久", "所有品項"]),
        (&["suppress", "remove", "--member", "m1"], &["已解除", "jobs replay --reason suppressed"]),
    ];
    for (args, says) in cases {
        let told = in_chinese(&shop, args);
        for piece in says {
            assert!(told.contains(piece), "{args:?} says {piece}: {told}");
        }
    }
    assert!(in_chinese(&shop, &["suppress", "remove", "--member", "m1"]).contains("沒有這項拒收"));
}
