//! Owns the reasons of rejected rows in the reader's language; knows nothing of rows.

use std::borrow::Cow;

use crate::domain::reason::Language;

/// What is wrong with a group of rows, as intake says it; `…` stands for what differs.
const CHINESE: &[(&str, &str)] = &[
    ("is missing", "沒有值"),
    ("`…` was damaged by a spreadsheet; export it as text", "`…` 已被試算表改壞，請以文字格式匯出"),
    ("`…` holds a control character", "`…` 含有控制字元"),
    ("`…` is not a number", "`…` 不是數字"),
    ("`…` is not above zero", "`…` 不大於零"),
    ("`…` is not above zero; write how many pieces came back", "`…` 不大於零，請寫退回的件數"),
    ("`…` is neither yes nor no", "`…` 不是「是」也不是「否」"),
    ("`…` is in the future", "`…` 在未來"),
    ("`…` is before 1990", "`…` 早於 1990 年"),
    ("`…` is out of range", "`…` 超出範圍"),
    ("`…` is no time zone; write one as Asia/Taipei", "`…` 不是時區，請寫成 Asia/Taipei"),
    (
        "`…` is neither reminder nor care, yes nor no; leave it empty for none",
        "`…` 不是 reminder 或 care，也不是「是」或「否」；都不同意請留空",
    ),
    (
        "`…` is no contact point; write line=U1;phone=0912345678",
        "`…` 不是聯絡方式，請寫成 line=U1;phone=0912345678",
    ),
    ("`…` stands there twice", "`…` 出現兩次"),
    ("a kit cannot contain itself", "組合商品不能包含自己"),
    ("holds a NUL character", "含有 NUL 字元"),
    ("opens a quote that is never closed", "引號沒有結束"),
    ("has a quoted cell with text after its closing quote", "引號結束之後還有文字"),
];

/// The beginnings of reasons that end with what differs: that is left out.
const BEGINNINGS: &[(&str, &str)] = &[
    ("`…` is longer than ", "`…` 太長"),
    ("is longer than ", "太長，或引號沒有結束"),
    ("is not one JSON object", "不是一個 JSON 物件"),
    ("is not UTF-8 from ", "不是 UTF-8"),
    ("is not Big5 from ", "不是 Big5"),
    ("is not UTF-16", "不是 UTF-16"),
    ("has ", "欄數與標題不同"),
];

/// What to write instead stands behind it.
const NO_TIME: (&str, &str) = ("`…` is no time; write ", "`…` 不是時間，請寫成 ");

/// The reason in the reader's language; one without a translation stays as it is. The field before it stays too.
pub fn told(language: Language, reason: &str) -> String {
    if language == Language::English {
        return reason.to_owned();
    }
    match reason
        .split_once(": ")
        .filter(|(field, _)| field.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    {
        Some((field, what)) => format!("{field}: {}", chinese(what)),
        None => chinese(reason).into_owned(),
    }
}

fn chinese(what: &str) -> Cow<'_, str> {
    let whole = CHINESE.iter().find(|(english, _)| *english == what).map(|(_, told)| Cow::Borrowed(*told));
    let begun = || {
        let found = BEGINNINGS.iter().find(|(english, _)| what.starts_with(english));
        found.map(|(_, told)| Cow::Borrowed(*told))
    };
    let time = || Some(Cow::Owned(format!("{}{}", NO_TIME.1, what.strip_prefix(NO_TIME.0)?)));
    whole.or_else(begun).or_else(time).unwrap_or(Cow::Borrowed(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_in_both_languages() {
        let cases = [
            ("order_id: is missing", "order_id: 沒有值"),
            ("ordered_at: `…` is no time; write 2026-03-02", "ordered_at: `…` 不是時間，請寫成 2026-03-02"),
            ("has 5 cells where the header has 8", "欄數與標題不同"),
            ("something new", "something new"),
        ];
        for (english, chinese) in cases {
            assert_eq!(told(Language::Chinese, english), chinese);
            assert_eq!(told(Language::English, english), english);
        }
    }
}
