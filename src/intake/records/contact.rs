//! Owns members who are known by an e-mail address or a telephone number alone; knows nothing of records.

use super::cell;
use crate::intake::events;
use crate::intake::rows::Row;

/// Fewer digits are no telephone number.
const FEWEST_DIGITS: usize = 6;

/// Where a record says who it is about.
pub struct Slots {
    pub member: usize,
    pub email: usize,
    pub phone: usize,
}

/// Where no member id stands, or one that is nobody's, the e-mail address in lower case stands in for it, else the digits
/// of the telephone number.
pub fn stand_in(row: &mut Row, slots: &Slots, nobody: &[String]) {
    let id = cell::known(row.value(slots.member)).filter(|id| !nobody.iter().any(|word| word == id));
    if id.is_none() {
        let id = known_by(row.value(slots.email), row.value(slots.phone)).unwrap_or_default();
        row.set(slots.member, &id);
    }
}

/// What stands in for the id of who has this address or number.
pub fn known_by(email: Option<&str>, phone: Option<&str>) -> Option<String> {
    let email = email.and_then(address).map(str::to_lowercase);
    email.or_else(|| phone.and_then(digits))
}

/// The text, where it can be an e-mail address.
pub fn address(text: &str) -> Option<&str> {
    events::is_address(text).then_some(text)
}

fn digits(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (digits.len() >= FEWEST_DIGITS).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_numbers_are_told_from_what_is_neither() {
        assert_eq!(address("Amy@Shop.example"), Some("Amy@Shop.example"));
        for other in ["", "amy", "@shop.example", "amy@", "a b@shop.example"] {
            assert_eq!(address(other), None, "{other}");
        }
        assert_eq!(digits("'+886 912-345-678").as_deref(), Some("886912345678"));
        assert_eq!(digits("12-34"), None);
    }
}
