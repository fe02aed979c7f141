//! Owns the readable id of an occasion without a job, `MEMBER/RULE/ITEM/CYCLE`; a job gets its own id when it is assembled.

use crate::domain::catalog::Catalog;
use crate::domain::ids::MemberId;
use crate::domain::occasion::OccasionKey;

/// The id: no spaces, one slash between parts; a step other than the first follows as a fifth part.
pub fn of(member: &MemberId, key: &OccasionKey, catalog: &Catalog) -> String {
    let item = catalog.item_id(key.item);
    let parts = [member.as_str(), key.rule.as_str(), &item, key.cycle.as_str()];
    let mut id = parts.map(escaped).join("/");
    if key.step != 1 {
        id.push_str(&format!("/{}", key.step));
    }
    id
}

/// Whose occasion it is; `None` for what is no occasion's id.
pub fn member(id: &str) -> Option<MemberId> {
    let (member, _) = id.split_once('/')?;
    Some(MemberId::from(unescaped(member)))
}

/// Spaces, slashes and percent signs as in a URL; everything else stays readable.
fn escaped(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for c in part.chars() {
        if c.is_whitespace() || c.is_control() || c == '/' || c == '%' {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes).bytes().for_each(|byte| text.push_str(&format!("%{byte:02X}")));
        } else {
            text.push(c);
        }
    }
    text
}

fn unescaped(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [byte, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = code.filter(|_| *byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(code.unwrap_or(*byte));
        rest = tail.get(if code.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::catalog::{Item, Product};
    use crate::domain::ids::ProductKey;

    fn key(product: i64, step: u16) -> OccasionKey {
        OccasionKey {
            rule: "refill".into(),
            step,
            item: Item::Product(ProductKey(product)),
            cycle: "A/17".into(),
        }
    }

    fn catalog() -> Catalog {
        let bare = Product::bare("濾紙 100%".into(), None);
        Catalog::new(HashMap::from([(ProductKey(1), bare)]), HashMap::new())
    }

    #[test]
    fn an_id_is_readable_and_has_no_spaces() {
        assert_eq!(of(&"00038317".into(), &key(1, 1), &catalog()), "00038317/refill/濾紙%20100%25/A%2F17");
        assert_eq!(of(&"a b".into(), &key(1, 2), &catalog()), "a%20b/refill/濾紙%20100%25/A%2F17/2");
        assert_eq!(member("job_5a1f"), None);
    }

    proptest! {
        #[test]
        fn the_member_is_read_back(id in ".{1,20}") {
            let text = of(&id.as_str().into(), &key(1, 1), &catalog());
            prop_assert!(!text.contains(char::is_whitespace));
            prop_assert_eq!(member(&text), Some(MemberId::from(id)));
        }

        #[test]
        fn nothing_typed_breaks_it(text in ".{0,30}") {
            let _ = member(&text);
        }
    }
}
