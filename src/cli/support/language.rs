//! Owns how a language is named on the command line and by the system.

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
