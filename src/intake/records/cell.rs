//! Owns what single cells mean: ids, numbers, booleans, lists; knows nothing of records. Cells come trimmed.

use crate::intake::rows::Bad;

/// An id, kept as it is, but for what spreadsheets put around it to keep it a text.
pub fn id(cell: Option<&str>) -> Result<&str, Bad> {
    let id = unmarked(cell.unwrap_or_default());
    if id.is_empty() || is_nothing(id) {
        return Err("is missing".to_owned());
    }
    if id.len() > LONGEST_ID {
        return Err(format!("{} is longer than {LONGEST_ID} bytes", shown(id)));
    }
    // One look at each byte: nearly all ids pass here.
    if !id.bytes().any(|b| b.is_ascii_control() || matches!(b, b'E' | b'e' | b'#')) {
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

/// `2.02E+15`: what spreadsheets make of long numbers; `#REF!`: what they write where a formula fails. `2E15` may well be
/// an id; with a sign or a fraction nothing else is meant.
fn is_damaged(id: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let Some((mantissa, exponent)) = id.split_once(['E', 'e']) else { return FAILED.contains(&id) };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let meant = exponent.starts_with('+') || mantissa.contains('.');
    let is_number =
        meant && digits(whole) && digits(fraction) && digits(exponent.strip_prefix('+').unwrap_or(exponent));
    is_number || FAILED.contains(&id)
}

/// What a spreadsheet shows where a formula fails.
const FAILED: [&str; 7] = ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"];

/// `="00038317"` and `'00038317`, by which spreadsheets are told that it is a text, as `00038317`.
pub fn unmarked(cell: &str) -> &str {
    match cell.as_bytes().first() {
        Some(b'=') => in_formula(cell),
        Some(b'\'') => cell[1..].trim(),
        _ => cell,
    }
}

/// The text of a formula that is nothing but a text.
fn in_formula(cell: &str) -> &str {
    let text = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    text.filter(|text| !text.contains('"')).map_or(cell, str::trim)
}

/// A finite number; none for an empty cell. Thousands may be grouped: `1,280`.
pub fn number(cell: Option<&str>) -> Result<Option<f64>, Bad> {
    let Some(text) = cell.filter(|c| !c.is_empty()) else { return Ok(None) };
    match parsed(text) {
        Some(number) => Ok(Some(number)),
        None => unusual_number(text),
    }
}

/// Pieces: a number, and none that only a barcode, a telephone number or a price without its column could be.
pub fn pieces(cell: Option<&str>) -> Result<Option<f64>, Bad> {
    match number(cell)? {
        Some(many) if many.abs() > MOST_PIECES => Err(format!(
            "{} is more than a line can be, {MOST_PIECES} at most",
            shown(cell.unwrap_or_default())
        )),
        pieces => Ok(pieces),
    }
}

const MOST_PIECES: f64 = 1_000_000.0;

/// An amount of money, as [`number`], but it may name the currency: `NT$1,280`, `1,280元`.
pub fn money(cell: Option<&str>) -> Result<Option<f64>, Bad> {
    number(cell).or_else(|bad| {
        let text = unmarked(cell.unwrap_or_default());
        let (sign, amount) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
        let amount = CURRENCIES.iter().find_map(|name| amount.strip_prefix(name)).unwrap_or(amount);
        let amount = CURRENCIES.iter().find_map(|name| amount.strip_suffix(name)).unwrap_or(amount);
        number(Some(&format!("{sign}{}", amount.trim()))).ok().flatten().map(Some).ok_or(bad)
    })
}

/// Longer names before those that they contain.
const CURRENCIES: [&str; 16] =
    ["NT$", "NTD", "TWD", "US$", "USD", "HK$", "HKD", "JPY", "EUR", "GBP", "元", "$", "€", "£", "¥", "￥"];

fn parsed(text: &str) -> Option<f64> {
    text.parse().ok().filter(|n: &f64| n.is_finite())
}

/// A number in full-width digits, in groups of three digits, or behind a mark that keeps it a text.
fn unusual_number(text: &str) -> Result<Option<f64>, Bad> {
    if is_nothing(text) {
        return Ok(None);
    }
    let plain = ungrouped(&half_width(unmarked(text)));
    plain.as_deref().and_then(parsed).map(Some).ok_or_else(|| format!("{} is not a number", shown(text)))
}

/// Full-width digits and signs as the usual ones.
fn half_width(text: &str) -> String {
    let half = |letter: char| match letter {
        '０'..='９' | '，' | '．' | '－' | '＋' => {
            char::from_u32(letter as u32 - 0xfee0).unwrap_or(letter)
        }
        // no-break spaces, as some programs write between groups
        '\u{a0}' | '\u{202f}' | '\u{3000}' => ' ',
        _ => letter,
    };
    text.chars().map(half).collect::<String>().trim().to_owned()
}

/// A number without the commas or spaces between its groups; nothing when a group is not of three digits, which may then
/// be anything.
fn ungrouped(text: &str) -> Option<String> {
    let Some(sign) = text.chars().find(|c| matches!(c, ',' | ' ')) else { return Some(text.to_owned()) };
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    let mut groups = whole.split(sign);
    let digits = |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    let first = groups.next()?.trim_start_matches(['-', '+']);
    let grouped = (1..=3).contains(&first.len())
        && digits(first)
        && !first.starts_with('0')
        && groups.all(|group| group.len() == 3 && digits(group))
        && fraction.is_none_or(digits);
    grouped.then(|| text.replace(sign, ""))
}

/// Yes or no; none for an empty cell.
pub fn boolean(cell: Option<&str>) -> Result<Option<bool>, Bad> {
    let Some(text) = known(cell) else { return Ok(None) };
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
    cell.filter(|c| !c.is_empty() && !is_nothing(c)).map(in_mark)
}

/// What a cell says of a text that is kept: nothing without a column, an empty one clears it.
pub fn text(cell: Option<&str>) -> Option<String> {
    cell.map(|c| if is_nothing(c) { String::new() } else { in_mark(c).to_owned() })
}

fn in_mark(cell: &str) -> &str {
    if cell.starts_with('=') { in_formula(cell) } else { cell }
}

/// What programs and people write into a cell that holds nothing.
fn is_nothing(cell: &str) -> bool {
    cell.len() <= 4 && matches!(cell, "-" | "--" | "－" | "—" | "N/A" | "#N/A" | "n/a" | "NULL" | "null")
}

/// What a cell says of something that is kept: nothing without a column, an empty cell clears it.
pub fn or_clear<'c, T>(
    cell: Option<&'c str>,
    understand: impl FnOnce(&'c str) -> Result<T, Bad>,
) -> Result<Option<Option<T>>, Bad> {
    match cell {
        None => Ok(None),
        Some(text) if text.is_empty() || is_nothing(text) => Ok(Some(None)),
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
        for kept in [
            "00038317",
            "2E15",
            "E+5",
            "1E+",
            "A-1",
            "訂單 7",
            "1.5",
            "12E+X",
            "20001101-00038317",
            "e",
            "#1001",
        ] {
            assert_eq!(id(Some(kept)), Ok(kept));
        }
        let long = "x".repeat(256);
        for bad in
            ["", "2.02E+15", "2E+15", "1.234e22", "2.02510E+17", "a\nb", "a\tb", "#REF!", "NULL", "-", &long]
        {
            assert!(id(Some(bad)).is_err(), "{bad}");
        }
        assert!(id(None).is_err());
        for (marked, kept) in [("=\"00038317\"", "00038317"), ("'00038317", "00038317"), ("=1+1", "=1+1")] {
            assert_eq!(id(Some(marked)), Ok(kept));
        }
    }

    #[test]
    fn numbers_are_finite_or_rejected() {
        let cases = [
            ("2", 2.0),
            ("0", 0.0),
            ("-1", -1.0),
            ("0.25", 0.25),
            ("+3", 3.0),
            ("1e3", 1000.0),
            ("1,280", 1280.0),
            ("-12,345,678.50", -12_345_678.5),
            ("1 280", 1280.0),
            ("1\u{a0}280", 1280.0),
            ("１２", 12.0),
            ("１，２８０．５", 1280.5),
            ("=\"3\"", 3.0),
            ("'3", 3.0),
        ];
        for (text, expected) in cases {
            assert_eq!(number(Some(text)), Ok(Some(expected)), "{text}");
        }
        for bad in [
            "two",
            "NaN",
            "inf",
            "-Infinity",
            "1e999",
            "1,28",
            "1,2800",
            "0,128",
            ",128",
            "1,280,",
            "1.280,5",
            "1,280 500",
            "12,5",
            "1 2 3",
            "0x10",
            "$5",
            "二",
        ] {
            assert!(number(Some(bad)).is_err(), "{bad}");
        }
        for nothing in [None, Some(""), Some("-"), Some("N/A"), Some("NULL"), Some("#N/A")] {
            assert_eq!(number(nothing), Ok(None));
        }
    }

    #[test]
    fn money_may_name_its_currency() {
        for text in
            ["1280", "NT$1,280", "NT$ 1,280", "$1,280.00", "1,280元", "US$1280", "TWD 1280", "１２８０"]
        {
            assert_eq!(money(Some(text)), Ok(Some(1280.0)), "{text}");
        }
        assert_eq!((money(Some("-$5")), money(Some("-")), money(None)), (Ok(Some(-5.0)), Ok(None), Ok(None)));
        for bad in ["$", "NT$1,28", "5 or 6", "1280 NT dollars"] {
            let expected = format!("`{bad}` is not a number");
            assert_eq!(money(Some(bad)), Err(expected));
        }
    }

    #[test]
    fn what_stands_for_nothing_is_nothing() {
        assert_eq!((known(Some("N/A")), known(Some("n")), known(Some(""))), (None, Some("n"), None));
        assert_eq!(
            (text(Some("NULL")), text(Some("Null")), text(None)),
            (Some(String::new()), Some("Null".into()), None)
        );
        assert_eq!(known(Some("=\"coffee\"")), Some("coffee"));
        assert_eq!(text(Some("'t Hart")).as_deref(), Some("'t Hart"));
        assert_eq!(or_clear(Some("-"), |_| Err::<(), _>(String::new())), Ok(Some(None)));
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
