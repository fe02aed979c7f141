//! Owns what a shop's words and amounts say of an order: whether anything was bought, and kept; knows no rows.

use super::cell;

/// A closed list of words, looked up with the last answer at hand: rows mostly say what the row above said.
pub struct Words {
    known: Vec<String>,
    last: (String, bool),
}

impl Words {
    /// These, as the settings write them.
    pub fn of(words: &[String]) -> Self {
        let known: Vec<String> = words.iter().map(|word| plain(word)).collect();
        let last = (String::new(), known.contains(&String::new()));
        Self { known, last }
    }

    /// True when this is one of them; case, full and half width and spaces do not count.
    pub fn hold(&mut self, word: &str) -> bool {
        if self.last.0 != word {
            self.last = (word.to_owned(), self.known.contains(&plain(word)));
        }
        self.last.1
    }
}

/// The word without what does not count.
fn plain(word: &str) -> String {
    let narrow = |c: char| match u32::from(c) {
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(c),
        _ => c,
    };
    word.chars().filter(|c| !c.is_whitespace()).map(narrow).flat_map(char::to_lowercase).collect()
}

/// What shops call an order of which a part was refunded.
const PARTLY: [&str; 6] = [
    "partially_refunded",
    "partially-refunded",
    "partiallyrefunded",
    "partlyrefunded",
    "部分退款",
    "已部分退款",
];

/// Orders of which money went back.
pub struct Refunds {
    /// Orders of which a part did.
    pub partly: u64,
    words: Words,
    last: String,
}

impl Default for Refunds {
    fn default() -> Self {
        Self { partly: 0, words: Words::of(&PARTLY.map(str::to_owned)), last: String::new() }
    }
}

impl Refunds {
    /// True when all that was paid for the order went back. Notes the order when a part did.
    pub fn of(
        &mut self,
        order: &str,
        refunded: Option<&str>,
        total: Option<&str>,
        words: &[Option<&str>],
    ) -> bool {
        let amount = |cell| cell::money(cell).ok().flatten().unwrap_or(0.0);
        let (refunded, total) = (amount(refunded), amount(total));
        if refunded > 0.0 && refunded >= total {
            return true;
        }
        let partly = refunded > 0.0 || words.iter().flatten().any(|word| self.words.hold(word));
        if partly && self.last != order {
            self.partly += 1;
            order.clone_into(&mut self.last);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_width_and_spaces_do_not_count() {
        let mut words = Words::of(&["Cancelled".to_owned(), "已 取消".to_owned()]);
        for word in
            ["cancelled", "CANCELLED", " Can celled", "Ｃａｎｃｅｌｌｅｄ", "已取消", "已\u{3000}取消"]
        {
            assert!(words.hold(word), "{word}");
        }
        for word in ["", "canceled", "取消"] {
            assert!(!words.hold(word), "{word}");
        }
        assert!(!Words::of(&[]).hold(""));
    }

    #[test]
    fn the_whole_or_a_part_goes_back() {
        let mut refunds = Refunds::default();
        let mut of = |order: &str, back: &str, total: &str, word: &str| {
            (refunds.of(order, Some(back), Some(total), &[None, Some(word)]), refunds.partly)
        };
        assert_eq!(of("1", "0.00", "10", "paid"), (false, 0));
        assert_eq!(of("2", "10.00", "10", "refunded"), (true, 0));
        assert_eq!(of("3", "4", "10", "paid"), (false, 1));
        assert_eq!(of("3", "4", "10", "paid"), (false, 1));
        assert_eq!(of("4", "", "", "Partially_Refunded"), (false, 2));
        assert_eq!(of("5", "0", "0", ""), (false, 2));
    }
}
