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
