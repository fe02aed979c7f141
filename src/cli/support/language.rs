//! Owns how a language is named on the command line, and the words of headings and tables in each.

use crate::domain::reason::Language;

/// The language of `--lang`.
///
/// # Errors
/// What was expected.
pub fn parse_language(word: &str) -> Result<Language, String> {
    match word.to_ascii_lowercase().replace('_', "-").as_str() {
        "en" => Ok(Language::English),
        "zh" | "zh-tw" | "zh-hant" | "zh-hant-tw" => Ok(Language::Chinese),
        _ => Err("expected en or zh-TW".to_owned()),
    }
}

/// The one of two sentences that the reader understands.
pub fn say<'a>(language: Language, english: &'a str, chinese: &'a str) -> &'a str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// A word of a heading or table in the reader's language; one without a translation stays as it is.
pub fn word(language: Language, english: &str) -> &str {
    match (language, english) {
        (Language::English, _) => english,
        (_, "item") => "品項",
        (_, "level") => "層級",
        (_, "product") => "商品",
        (_, "group") => "群組",
        (_, "category") => "類別",
        (_, "bought") => "次數",
        (_, "last") => "上次",
        (_, "every") => "間隔",
        (_, "d") => "天",
        (_, "still buying") => "仍會買",
        (_, "in 30 days") => "30 天內",
        (_, "Member") => "會員",
        (_, "Coming") => "即將發送",
        (_, "Sent, or not") => "已發送或未發送",
        (_, "Silent") => "不發送",
        (_, "Needs, as forecast today") => "今天預測的需求",
        (_, "nothing") => "無",
        (_, "nothing yet") => "尚無",
        (_, "held") => "暫緩",
        _ => of_jobs(english),
    }
}

/// The same for jobs and the morning view.
fn of_jobs(english: &str) -> &str {
    match english {
        "member" => "會員",
        "rule" => "規則",
        "channel" => "管道",
        "due" => "預定",
        "state" => "狀態",
        "tries" => "嘗試",
        "reason" => "原因",
        "id" => "編號",
        "worth sending until" => "有效至",
        "not before" => "不早於",
        "assembled" => "產生時間",
        "handed over" => "交付時間",
        "tried" => "嘗試時間",
        "message id" => "訊息編號",
        "rules" => "規則版本",
        "guards say now" => "目前防護判斷",
        "replayed" => "重送",
        "shadow" => "影子模式",
        "unknown: the rule is gone" => "不明：規則已移除",
        "by a person: planning leaves it alone" => "由人員重送：規劃不會更動",
        "goes to the outbox folder only" => "僅寫入 outbox 資料夾",
        "open" => "未處理",
        "served" => "已處理",
        "closed" => "已結束",
        _ => of_sheets(english),
    }
}

fn of_sheets(english: &str) -> &str {
    match english {
        "About" => "內容",
        "Planned on" => "規劃依據",
        "order" => "訂單",
        "chance" => "機率",
        "stage" => "階段",
        "Guards" => "防護",
        "guard" => "防護",
        "verdict" => "判斷",
        "Attempts" => "嘗試",
        "at" => "時間",
        "outcome" => "結果",
        "code" => "代碼",
        "relay" => "轉送主機",
        "reply" => "回覆",
        "Came back" => "回報",
        "what" => "事項",
        "said" => "說明",
        "History" => "歷程",
        "by" => "人員",
        "paused" => "已暫停",
        "which" => "對象",
        "since" => "起始",
        "because" => "原因",
        "all" => "全部",
        "person" => "人員",
        "endpoint" => "接收端",
        _ => of_opt_outs(english),
    }
}

fn of_opt_outs(english: &str) -> &str {
    match english {
        "recorded" => "登記時間",
        "member or address" => "會員或地址",
        "stops" => "停止",
        "until" => "至",
        "reminder" => "回購提醒",
        "care" => "關懷訊息",
        "for ever" => "永久",
        "every item" => "所有品項",
        _ => english,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_translation_stays() {
        assert_eq!(word(Language::Chinese, "still buying"), "仍會買");
        assert_eq!(word(Language::Chinese, "p50"), "p50");
        assert_eq!(word(Language::English, "still buying"), "still buying");
    }
}
