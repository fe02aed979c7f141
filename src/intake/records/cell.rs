//! Owns what single cells mean: ids, numbers, booleans, lists; knows nothing of records. Cells come trimmed.

use crate::intake::rows::Bad;

/// An id, kept as it is.
pub fn id(cell: Option<&str>) -> Result<&str, Bad> {
    let id = cell.unwrap_or_default();
    if id.is_empty() {
        return Err("is missing".to_owned());
    }
    if id.len() > LONGEST_ID {
        return Err(format!("{} is longer than {LONGEST_ID} bytes", shown(id)));
    }
    // One look at each byte: nearly all ids pass here.
    if !id.bytes().any(|b| b.is_ascii_control() || matches!(b, b'E' | b'e')) {
        return Ok(id);
    }
    if is_damaged(id) {
        return Err(format!("{} was damaged by a spreadsheet; export it as text", shown(id)));
    }
    match id.bytes().any(|b| b.is_ascii_control()) {
        true => Err(format!("{} holds a control character", shown(id))),
        false => Ok(id),
    }
}

const LONGEST_ID: usize = 255;

/// `2.02E+15`: what spreadsheets make of long numbers. `2E15` may well be an id; with a sign or a fraction nothing
/// else is meant.
fn is_damaged(id: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let Some((mantissa, exponent)) = id.split_once(['E', 'e']) else { return false };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let meant = exponent.starts_with('+') || mantissa.contains('.');
    meant && digits(whole) && digits(fraction) && digits(exponent.strip_prefix('+').unwrap_or(exponent))
}

/// A finite number; none for an empty cell.
pub fn number(cell: Option<&str>) -> Result<Option<f64>, Bad> {
    let Some(text) = cell.filter(|c| !c.is_empty()) else { return Ok(None) };
    let number = text.parse().ok().filter(|n: &f64| n.is_finite());
    number.map(Some).ok_or_else(|| format!("{} is not a number", shown(text)))
}

/// Yes or no; none for an empty cell.
pub fn boolean(cell: Option<&str>) -> Result<Option<bool>, Bad> {
    let Some(text) = cell.filter(|c| !c.is_empty()) else { return Ok(None) };
    let among = |words: [&str; 5]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    match text {
        _ if among(["true", "yes", "1", "y", "是"]) => Ok(Some(true)),
        _ if among(["false", "no", "0", "n", "否"]) => Ok(Some(false)),
        _ => Err(format!("{} is neither yes nor no", shown(text))),
    }
}

/// The parts of `a;b;c`, trimmed, without empty ones.
pub fn parts(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(';').map(str::trim).filter(|part| !part.is_empty())
}

/// The text, where there is one.
pub fn known(cell: Option<&str>) -> Option<&str> {
    cell.filter(|c| !c.is_empty())
}

/// What a cell says of something that is kept: nothing without a column, an empty cell clears it.
pub fn or_clear<'c, T>(
    cell: Option<&'c str>,
    understand: impl FnOnce(&'c str) -> Result<T, Bad>,
) -> Result<Option<Option<T>>, Bad> {
    match cell {
        None => Ok(None),
        Some("") => Ok(Some(None)),
        Some(text) => understand(text).map(|value| Some(Some(value))),
    }
}

/// A cell as a reason quotes it, bounded.
pub fn shown(cell: &str) -> String {
    match cell.char_indices().nth(40) {
        Some((end, _)) => format!("`{}…`", &cell[..end]),
        None => format!("`{cell}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kept_as_they_are_or_rejected() {
        for kept in
            ["00038317", "2E15", "E+5", "1E+", "A-1", "訂單 7", "1.5", "12E+X", "20001101-00038317", "e", "-"]
        {
            assert_eq!(id(Some(kept)), Ok(kept));
        }
        let long = "x".repeat(256);
        for bad in ["", "2.02E+15", "2E+15", "1.234e22", "2.02510E+17", "a\nb", "a\tb", &long] {
            assert!(id(Some(bad)).is_err(), "{bad}");
        }
        assert!(id(None).is_err());
    }

    #[test]
    fn numbers_are_finite_or_rejected() {
        let cases = [("2", 2.0), ("0", 0.0), ("-1", -1.0), ("0.25", 0.25), ("+3", 3.0), ("1e3", 1000.0)];
        for (text, expected) in cases {
            assert_eq!(number(Some(text)), Ok(Some(expected)), "{text}");
        }
        for bad in ["two", "NaN", "inf", "-Infinity", "1e999", "1,000", "1 000", "0x10", "２"] {
            assert!(number(Some(bad)).is_err(), "{bad}");
        }
        assert_eq!((number(None), number(Some(""))), (Ok(None), Ok(None)));
    }

    #[test]
    fn booleans_in_two_languages() {
        for (text, expected) in
            [("TRUE", true), ("yes", true), ("1", true), ("是", true), ("No", false), ("否", false)]
        {
            assert_eq!(boolean(Some(text)), Ok(Some(expected)), "{text}");
        }
        assert_eq!((boolean(None), boolean(Some(""))), (Ok(None), Ok(None)));
        assert!(boolean(Some("maybe")).is_err());
    }

    #[test]
    fn reasons_quote_a_bounded_text() {
        assert_eq!(shown("茶"), "`茶`");
        assert_eq!(shown(&"茶".repeat(100)).chars().count(), 43);
    }
}
