//! What support staff read of one member: every rule and item accounted for, in both languages.

use serde_json::{Value, json};

use super::{NOW, Shop, assert_keys};

const RULES: &str = r#"[[rule]]
id = "refill"
kind = "reminder"
per = "category"
needs = { purchases = 2, chance = "15%" }
send = { before = "5d", time = "10:00-12:00" }
channel = "email"
template = "refill"

[[rule]]
id = "first-week"
kind = "care"
on = "purchase"
about = { category = ["skin"] }
send = { after = "3d" }
channel = "email"
template = "refill"

[[rule]]
id = "second-time"
kind = "reminder"
per = "category"
members = { stage = ["new", "regular"] }
needs = { purchases = 1 }
send = { before = "2d" }
channel = "email"
template = "refill"
"#;

const ORDERS: &str = "order_id,member_id,product_id,category,ordered_at,quantity
o1,m1,beans,coffee,2025-01-01,1
o2,m1,beans,coffee,2025-01-31,1
o3,m1,beans,coffee,2025-03-02,1
o4,m1,beans,coffee,2025-04-01,1
o5,m1,serum,skin,2025-03-31,1
o6,m1,filters,paper,2024-12-01,1
o7,m1,filters,paper,2025-04-01,1
";

fn shop() -> Shop {
    let shop = Shop::new();
    shop.write("rules/rules.toml", RULES);
    shop.write("orders.csv", ORDERS);
    shop.json(&["import", "orders", "orders.csv"]);
    shop.json(&["learn", "--now", NOW]);
    shop.json(&["suppress", "add", "--member", "m1", "--purpose", "care", "--because", "asked by phone"]);
    shop
}

/// The page for people, until its forecasts.
fn page(shop: &Shop, lang: &str, forecasts: &str) -> String {
    let told = shop.run(&["explain", "--member", "m1", "--now", NOW, "--lang", lang]);
    assert_eq!(told.code, 0, "{}", told.err);
    told.out.split(forecasts).next().unwrap().trim_end().to_owned()
}

const ENGLISH: &str = r#"Member m1  loyal since 2025-04-01 · en · Asia/Taipei · agreed to reminders and care messages · a***@shop.example
  bought on 6 days, last on 2025-04-01
  opted out of care messages, for ever: asked by phone

Coming
  2025-04-03 00:00  serum  first-week by email
      You bought this on March 31.
      held unless that changes: suppressed: The member or the address has opted out.
      → Respect it: only the member can take it back. After a bounce, import another address.
      guards: suppression: suppressed; 16 others let it through
  2025-04-29 10:00  coffee  refill by email
      You usually buy this again after 33 days (seen 3 times), last on April 1; you will probably need it between mid-April and early June.
      guards: all 17 let it through

Sent, or not
  nothing yet

Silent
  too_few_purchases: The member has bought this too few times for the rule.
  → Wait for another purchase, or lower `needs.purchases`.
      skin  refill  seen once, the rule asks for twice
  low_chance: The chance that the member buys within a week of the message is below the rule's threshold.
  → Lower `needs.chance` to write in spite of the doubt.
      paper  refill  seen twice; of a hundred such members 5 buy within a week, you asked for 15
  not_in_audience: The member does not belong to those the rule is for.
  → See the rule's `members`.
      skin  second-time  loyal by then, the rule is for new, regular
      paper  second-time  loyal by then, the rule is for new, regular
  not_about: The rule is about other products.
  → Nothing, or see the rule's `about`.
      beans, filters  first-week
  covered: An earlier rule speaks for the same need.
  → Raise the rule's `priority` to let it speak first.
      coffee  second-time  `refill` speaks for it"#;

const CHINESE: &str = r#"會員 m1  忠實客(自 2025-04-01 起) · en · Asia/Taipei · 同意回購提醒與關懷訊息 · a***@shop.example
  在 6 天買過,上次是 2025-04-01
  拒收關懷訊息,永久: asked by phone

即將發送
  2025-04-03 00:00  serum  first-week 經由 email
      你在 3 月 31 日買了這項商品。
      暫緩 除非情況改變: suppressed: 會員或地址已拒收。
      → 請尊重會員的選擇:只有會員本人能恢復。若是退信,請匯入其他地址。
      把關:suppression: suppressed;其他 16 項放行
  2025-04-29 10:00  coffee  refill 經由 email
      你通常每 33 天回購一次(看過 3 次),上次是 4 月 1 日;大約 4 月中到 6 月初會需要。
      把關:17 項全部放行

已發送或未發送
  尚無

不發送
  too_few_purchases: 會員購買次數還不到規則要求。
  → 等會員再次購買,或調低 `needs.purchases`。
      skin  refill  只買過 1 次,規則要求 2 次
  low_chance: 收到訊息後一週內回購的機率低於規則門檻。
  → 若仍想發送,請調低 `needs.chance`。
      paper  refill  買過 2 次;一百位這樣的會員約 5 位會在一週內購買,規則要求 15 位
  not_in_audience: 會員不在此規則的對象內。
  → 查看規則的 `members`。
      skin  second-time  屆時為「忠實客」,規則針對「新客、常客」
      paper  second-time  屆時為「忠實客」,規則針對「新客、常客」
  not_about: 此規則針對其他商品。
  → 不需處理,或查看規則的 `about`。
      beans, filters  first-week
  covered: 已有優先的規則負責同一需求。
  → 若要讓它先發,請調高規則的 `priority`。
      coffee  second-time  由 `refill` 負責"#;

#[test]
fn a_page_accounts_for_every_rule_and_item_in_both_languages() {
    let shop = shop();
    assert_eq!(page(&shop, "en", "Needs, as forecast today"), ENGLISH);
    assert_eq!(page(&shop, "zh-TW", "今天預測的需求"), CHINESE);
}

#[test]
fn the_page_in_the_readme_is_the_programs_own() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    assert!(readme.contains(&format!("```text\n{ENGLISH}\n```")), "README lacks\n{ENGLISH}");
}

#[test]
fn figures_and_verdicts_stand_beside_the_words() {
    let shop = shop();
    let told = shop.json(&["explain", "--member", "m1", "--now", NOW, "--lang", "en"]);
    assert_keys(&told, "member items jobs silences coming");
    assert_eq!(told["member"]["stage_since"], "2025-04-01");
    let silence = |rule: &str, item: &str| {
        let silences = told["silences"].as_array().unwrap().iter();
        let mine: Vec<_> = silences.filter(|s| s["rule"] == rule && s["item"] == item).collect();
        assert_eq!(mine.len(), 1, "{rule} about {item}: {mine:?}");
        mine[0].clone()
    };
    let paper = silence("refill", "paper");
    assert_eq!((&paper["figures"]["asked"], &paper["figures"]["seen"]), (&0.15.into(), &2.into()), "{paper}");
    assert_eq!(silence("refill", "skin")["figures"], json!({"is": 1, "asked": 2}));
    assert_eq!(silence("second-time", "coffee")["figures"], json!({"by": "refill"}));
    assert_eq!(silence("first-week", "filters")["reason"], "not_about");
    let serum = silence("first-week", "serum");
    assert_eq!((&serum["reason"], &serum["cycle"]), (&"suppressed".into(), &"o5".into()));
    let guards = told["coming"][0]["guards"].as_array().unwrap();
    let against: Vec<_> = guards.iter().filter(|g| g["verdict"] != "send").collect();
    assert_eq!((guards.len(), against.len()), (17, 1), "{against:?}");
    assert_eq!((&against[0]["guard"], &against[0]["reason"]), (&"suppression".into(), &"suppressed".into()));
}

/// A job that waits for its peer is shown as what it is, and not also as a turn that has had its message.
#[test]
fn a_turn_whose_job_is_on_its_way_is_not_told_as_served() {
    let shop = shop();
    shop.write("rules/rules.toml", RULES.replacen("\"email\"", "\"crm\"", 1));
    let due = "2025-05-01T10:30";
    assert_eq!(shop.json(&["run", "--once", "--now", due])["retrying"], 1);
    let told = shop.json(&["explain", "--member", "m1", "--now", due]);
    let job = &told["jobs"][0];
    let about = (&job["state"], &job["occasions"][0]["item"], &job["occasions"][0]["cycle"]);
    assert_eq!(about, (&"scheduled".into(), &"coffee".into(), &"o4".into()), "{job}");
    assert_eq!(job["guards"].as_array().unwrap().len(), 9, "the record of what was composed: {job}");
    let of_job = |s: &&Value| s["rule"] == "refill" && s["item"] == "coffee";
    assert_eq!(told["silences"].as_array().unwrap().iter().find(of_job), None);
    let over = |s: &&Value| s["rule"] == "first-week" && s["item"] == "serum";
    let serum = told["silences"].as_array().unwrap().iter().find(over).unwrap();
    assert_eq!(serum["reason"], "already_over", "what was never planned is told too");
}
