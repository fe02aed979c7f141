//! What the sentences are, case by case.

use super::Language::{Chinese, English};
use super::*;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn usual() -> NeedEvidence {
    NeedEvidence {
        interval_days: 33.7,
        intervals: 5,
        p10: date("2026-03-20"),
        p25: date("2026-04-01"),
        p50: date("2026-04-05"),
        p75: date("2026-04-09"),
        p90: date("2026-04-20"),
        chance: 0.3,
        still_buying: 0.9,
        supply_days: None,
    }
}

#[track_caller]
fn says(need: &NeedEvidence, quantity: f64, today: &str, sentences: [(Language, Option<&str>, &str); 4]) {
    let bought = Bought { last: date("2026-03-02"), quantity };
    for (language, name, sentence) in sentences {
        assert_eq!(need_sentence(language, name, bought, need, date(today)), sentence);
    }
}

#[test]
fn a_member_with_a_rhythm() {
    let sentences = [
        (Chinese, None, "你通常每 34 天回購一次(看過 5 次),上次是 3 月 2 日;大約 4 月 1 到 9 日會需要。"),
        (
            Chinese,
            Some("咖啡豆"),
            "「咖啡豆」你通常每 34 天回購一次(看過 5 次),上次是 3 月 2 日;大約 4 月 1 到 9 日會需要。",
        ),
        (
            English,
            None,
            "You usually buy this again after 34 days (seen 5 times), last on March 2; you will probably need it between April 1 and 9.",
        ),
        (
            English,
            Some("Coffee"),
            "You usually buy Coffee again after 34 days (seen 5 times), last on March 2; you will probably need it between April 1 and 9.",
        ),
    ];
    says(&usual(), 1.0, "2026-03-20", sentences);
}

#[test]
fn every_day_seen_once_and_read_in_another_year() {
    let need = NeedEvidence { interval_days: 0.6, intervals: 1, p75: usual().p25, ..usual() };
    let sentences = [
        (
            Chinese,
            None,
            "你通常每 1 天回購一次(看過 1 次),上次是 2026 年 3 月 2 日;大約 2026 年 4 月 1 日會需要。",
        ),
        (
            Chinese,
            Some("茶"),
            "「茶」你通常每 1 天回購一次(看過 1 次),上次是 2026 年 3 月 2 日;大約 2026 年 4 月 1 日會需要。",
        ),
        (
            English,
            None,
            "You usually buy this again after 1 day (seen once), last on March 2, 2026; you will probably need it around April 1, 2026.",
        ),
        (
            English,
            Some("Tea"),
            "You usually buy Tea again after 1 day (seen once), last on March 2, 2026; you will probably need it around April 1, 2026.",
        ),
    ];
    says(&need, 1.0, "2027-01-02", sentences);
}

#[test]
fn a_first_purchase_that_few_follow_up() {
    let need = NeedEvidence {
        interval_days: 83.0,
        intervals: 0,
        p75: date("2026-05-16"),
        still_buying: 0.4,
        ..usual()
    };
    let need = NeedEvidence { p25: date("2026-04-22"), ..need };
    let sentences = [
        (
            Chinese,
            None,
            "一般約 85 天用完,你上次購買是 3 月 2 日;如果還在用,大約 4 月 22 日到 5 月 16 日會需要。",
        ),
        (
            Chinese,
            Some("茶"),
            "「茶」一般約 85 天用完,你上次購買是 3 月 2 日;如果還在用,大約 4 月 22 日到 5 月 16 日會需要。",
        ),
        (
            English,
            None,
            "This usually lasts people about 85 days, and you last bought it on March 2; if you still use it, you will need it between April 22 and May 16.",
        ),
        (
            English,
            Some("Tea"),
            "Tea usually lasts people about 85 days, and you last bought it on March 2; if you still use it, you will need it between April 22 and May 16.",
        ),
    ];
    says(&need, 1.0, "2026-03-20", sentences);
}

#[test]
fn who_has_probably_stopped_is_told_of_no_date_and_never_told_so_in_a_message() {
    let need =
        NeedEvidence { still_buying: 0.2, p25: date("2026-12-28"), p75: date("2027-02-03"), ..usual() };
    let sentences = [
        (Chinese, None, "你通常每 34 天回購一次(看過 5 次),上次是 3 月 2 日;可能已不再買。"),
        (
            Chinese,
            Some("茶"),
            "「茶」你通常每 34 天回購一次(看過 5 次),上次是 3 月 2 日;如果還在用,大約 12 月底到 2027 年 2 月初會需要。",
        ),
        (
            English,
            None,
            "You usually buy this again after 34 days (seen 5 times), last on March 2; you have probably stopped buying it.",
        ),
        (
            English,
            Some("Tea"),
            "You usually buy Tea again after 34 days (seen 5 times), last on March 2; if you still use it, you will need it between late December and early February 2027.",
        ),
    ];
    says(&need, 1.0, "2026-12-20", sentences);
}

#[test]
fn what_the_brand_knows_stands_first() {
    let need = NeedEvidence { supply_days: Some(183.0), ..usual() };
    let need =
        NeedEvidence { p50: date("2026-08-29"), p25: date("2026-08-25"), p75: date("2026-09-03"), ..need };
    let sentences = [
        (Chinese, None, "上次 3 月 2 日買了 6 件,約可用 180 天;大約 8 月 25 日到 9 月 3 日會需要。"),
        (
            Chinese,
            Some("濾芯"),
            "「濾芯」上次 3 月 2 日買了 6 件,約可用 180 天;大約 8 月 25 日到 9 月 3 日會需要。",
        ),
        (
            English,
            None,
            "You last bought 6 on March 2, enough for about 180 days; you will probably need it between August 25 and September 3.",
        ),
        (
            English,
            Some("Filters"),
            "You bought 6 of Filters on March 2, enough for about 180 days; you will probably need it between August 25 and September 3.",
        ),
    ];
    says(&need, 6.0, "2026-03-20", sentences);
    // whose own rhythm is another one hears of that
    let other = NeedEvidence { p50: date("2026-04-05"), ..need.clone() };
    let bought = Bought { last: date("2026-03-02"), quantity: 6.0 };
    let said = need_sentence(Chinese, None, bought, &other, date("2026-03-20"));
    assert!(said.starts_with("你通常每 34 天回購一次(看過 5 次)"), "{said}");
    let sold_by_weight = need_sentence(
        Chinese,
        None,
        Bought { last: date("2026-03-02"), quantity: 0.1 + 0.2 },
        &NeedEvidence { intervals: 0, ..need.clone() },
        date("2026-03-20"),
    );
    assert!(sold_by_weight.starts_with("上次 3 月 2 日買了 0.3 件,"), "{sold_by_weight}");
}

#[test]
fn the_wider_a_span_the_less_exactly_it_is_told() {
    let spans = [
        ("2026-04-01", "2026-05-02", "between April 1 and May 2", "4 月 1 日到 5 月 2 日"),
        ("2026-04-21", "2026-05-20", "between April 21 and May 20", "4 月 21 日到 5 月 20 日"),
        ("2026-04-21", "2026-05-25", "between late April and late May", "4 月底到 5 月底"),
        ("2026-04-10", "2026-06-11", "between early April and mid-June", "4 月初到 6 月中"),
        ("2026-04-10", "2026-09-30", "between April and September", "4 月到 9 月"),
        ("2027-04-01", "2027-04-09", "between April 1 and 9, 2027", "2027 年 4 月 1 到 9 日"),
        ("2027-04-10", "2027-06-11", "between early April and mid-June 2027", "2027 年 4 月初到 6 月中"),
        (
            "2026-12-28",
            "2027-01-09",
            "between December 28 and January 9, 2027",
            "12 月 28 日到 2027 年 1 月 9 日",
        ),
        ("2026-11-01", "2028-01-09", "between November and January 2028", "11 月到 2028 年 1 月"),
        ("2026-03-02", "2026-03-02", "around March 2", "3 月 2 日"),
    ];
    for (from, until, english, chinese) in spans {
        let told = |language| span(language, date(from), date(until), date("2026-03-20"));
        assert_eq!((told(English).as_str(), told(Chinese).as_str()), (english, chinese));
    }
}

#[test]
fn intervals_are_rounded_as_people_do() {
    let days = [0.2, 1.4, 33.7, 59.4, 61.0, 83.0, 118.0, 124.0, 366.0].map(round_days);
    assert_eq!(days, [1, 1, 34, 59, 60, 85, 120, 120, 370]);
}
