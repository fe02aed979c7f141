//! Owns how the figures behind a silence are said; knows nothing of what the planner does about them.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::super::lifecycle::Stage;
use super::super::plan::Detail;
use super::super::reason::Language;
use super::day;

/// What a silence rests on, as a clause without an end; `today` as for [`super::why`].
pub fn silence(language: Language, detail: &Detail, today: NaiveDate) -> String {
    match language {
        Language::English => english(detail, today),
        Language::Chinese => chinese(detail, today),
    }
}

fn english(detail: &Detail, today: NaiveDate) -> String {
    const LANGUAGE: Language = Language::English;
    match detail {
        Detail::Chance { is, asked, seen } => {
            let (is, asked) = of_a_hundred(*is, *asked);
            let seen = times_seen(LANGUAGE, *seen);
            format!("{seen}; of a hundred such members {is} buy within a week, you asked for {asked}")
        }
        Detail::Purchases { is, asked } => {
            format!("{}, the rule asks for {}", times_seen(LANGUAGE, *is), times(*asked))
        }
        Detail::Width { is, asked } => {
            format!("the middle half of the need dates spans {is} days, you asked for {asked} at most")
        }
        Detail::Stage { is, asked } => {
            format!("{} by then, the rule is for {}", stage(LANGUAGE, *is), stages(LANGUAGE, asked))
        }
        Detail::CoveredBy { by } => format!("`{by}` speaks for it"),
        Detail::Due { due } => format!("it would fall due on {}", day(LANGUAGE, due.date(), today)),
    }
}

fn chinese(detail: &Detail, today: NaiveDate) -> String {
    const LANGUAGE: Language = Language::Chinese;
    match detail {
        Detail::Chance { is, asked, seen } => {
            let (is, asked) = of_a_hundred(*is, *asked);
            let seen = times_seen(LANGUAGE, *seen);
            format!("{seen};一百位這樣的會員約 {is} 位會在一週內購買,規則要求 {asked} 位")
        }
        Detail::Purchases { is, asked } => {
            format!("{},規則要求 {asked} 次", times_seen(LANGUAGE, *is))
        }
        Detail::Width { is, asked } => {
            format!("需求日期的中間一半橫跨 {is} 天,規則要求最多 {asked} 天")
        }
        Detail::Stage { is, asked } => {
            format!("屆時為「{}」,規則針對「{}」", stage(LANGUAGE, *is), stages(LANGUAGE, asked))
        }
        Detail::CoveredBy { by } => format!("由 `{by}` 負責"),
        Detail::Due { due } => format!("發送日會是 {}", day(LANGUAGE, due.date(), today)),
    }
}

/// A stage as people call it.
pub fn stage(language: Language, stage: Stage) -> &'static str {
    match (language, stage) {
        (Language::English, stage) => stage.as_str(),
        (Language::Chinese, Stage::New) => "新客",
        (Language::Chinese, Stage::Regular) => "常客",
        (Language::Chinese, Stage::Loyal) => "忠實客",
        (Language::Chinese, Stage::Lapsing) => "即將流失",
        (Language::Chinese, Stage::Lapsed) => "已流失",
    }
}

fn stages(language: Language, stages: &BTreeSet<Stage>) -> String {
    let words: Vec<&str> = stages.iter().map(|s| stage(language, *s)).collect();
    words.join(if language == Language::English { ", " } else { "、" })
}

/// Two shares in heads of a hundred; told more exactly while they would read the same.
fn of_a_hundred(is: f64, asked: f64) -> (String, String) {
    let told = |digits: usize| [is, asked].map(|share| format!("{:.digits$}", share * 100.0));
    let differs = |told: &[String; 2]| told[0] != told[1];
    let [is, _] = (0..3).map(told).find(differs).unwrap_or_else(|| told(3));
    let plain = format!("{:.1}", asked * 100.0);
    (is, plain.trim_end_matches(".0").to_owned())
}

fn times_seen(language: Language, count: u32) -> String {
    match (language, count) {
        (Language::English, 0) => "never bought".to_owned(),
        (Language::English, count) => format!("seen {}", times(count)),
        (Language::Chinese, 0) => "還沒買過".to_owned(),
        (Language::Chinese, 1) => "只買過 1 次".to_owned(),
        (Language::Chinese, count) => format!("買過 {count} 次"),
    }
}

fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{Chinese, English};
    use super::*;
    use crate::domain::ids::Day;

    #[track_caller]
    fn says(detail: Detail, english: &str, chinese: &str) {
        let today: NaiveDate = "2026-03-20".parse().unwrap();
        assert_eq!(silence(English, &detail, today), english);
        assert_eq!(silence(Chinese, &detail, today), chinese);
    }

    #[test]
    fn a_chance_is_told_in_heads_of_a_hundred() {
        says(
            Detail::Chance { is: 0.1123, asked: 0.2, seen: 1 },
            "seen once; of a hundred such members 11 buy within a week, you asked for 20",
            "只買過 1 次;一百位這樣的會員約 11 位會在一週內購買,規則要求 20 位",
        );
        says(
            Detail::Chance { is: 0.1962, asked: 0.2, seen: 7 },
            "seen 7 times; of a hundred such members 19.6 buy within a week, you asked for 20",
            "買過 7 次;一百位這樣的會員約 19.6 位會在一週內購買,規則要求 20 位",
        );
    }

    #[test]
    fn purchases_are_counted() {
        says(
            Detail::Purchases { is: 1, asked: 2 },
            "seen once, the rule asks for twice",
            "只買過 1 次,規則要求 2 次",
        );
        says(
            Detail::Purchases { is: 0, asked: 3 },
            "never bought, the rule asks for 3 times",
            "還沒買過,規則要求 3 次",
        );
    }

    #[test]
    fn what_else_stands_behind_a_silence_is_named() {
        says(
            Detail::Width { is: 41, asked: 20 },
            "the middle half of the need dates spans 41 days, you asked for 20 at most",
            "需求日期的中間一半橫跨 41 天,規則要求最多 20 天",
        );
        says(
            Detail::Stage { is: Stage::New, asked: BTreeSet::from([Stage::Loyal, Stage::Regular]) },
            "new by then, the rule is for regular, loyal",
            "屆時為「新客」,規則針對「常客、忠實客」",
        );
        says(Detail::CoveredBy { by: "refill".into() }, "`refill` speaks for it", "由 `refill` 負責");
        let due = Day::from("2027-01-05".parse::<NaiveDate>().unwrap());
        says(Detail::Due { due }, "it would fall due on January 5, 2027", "發送日會是 2027 年 1 月 5 日");
    }
}
