//! Owns which name in a file stands for which field of ours; knows nothing of rows and of what cells mean.

use std::collections::BTreeMap;

use super::IntakeError;

/// One field of a record, as files may name and lay it out.
#[derive(Debug)]
pub struct Field {
    /// Our name.
    pub name: &'static str,
    /// Other names for it, parted by commas; case, spaces, underscores and hyphens do not count.
    pub aliases: &'static str,
    /// True when a record cannot be without it.
    pub required: bool,
    /// Fields any of which can take its place.
    pub instead: &'static [&'static str],
    /// True when only the settings can say which column it is.
    pub only_mapped: bool,
    /// What JSON may give for it besides text, numbers and booleans.
    pub shape: Shape,
}

/// How a field's value is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One value.
    Text,
    /// `a;b`: in JSON also an array.
    List,
    /// `a=1;b=2` with this sign between name and value: in JSON also an object.
    Pairs(char),
}

impl Field {
    /// A field that every record has.
    pub const fn required(name: &'static str, aliases: &'static str) -> Self {
        Self { required: true, ..Self::optional(name, aliases) }
    }

    /// A field that may be missing.
    pub const fn optional(name: &'static str, aliases: &'static str) -> Self {
        Self { name, aliases, required: false, instead: &[], only_mapped: false, shape: Shape::Text }
    }

    /// A field that is looked for only under the headers that the settings name.
    pub const fn mapped(name: &'static str) -> Self {
        Self { only_mapped: true, ..Self::optional(name, "") }
    }

    /// The same field, needed only where none of these is.
    pub const fn unless(self, instead: &'static [&'static str]) -> Self {
        Self { instead, ..self }
    }

    /// The same field in another shape.
    pub const fn shaped(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let names = std::iter::once(self.name).chain(self.aliases.split(',').map(str::trim));
        names.filter({
            let only_mapped = self.only_mapped;
            move |name| !only_mapped && !name.is_empty()
        })
    }
}

/// The headers that the settings name for a field: in each row the first of them that has a value counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// As the file may write them.
    pub names: Vec<String>,
    /// True when the file must have one of them.
    pub promised: bool,
}

impl From<&str> for Headers {
    fn from(name: &str) -> Self {
        Self { names: vec![name.to_owned()], promised: true }
    }
}

/// The names of the fields of one kind of record: ours, their aliases, and what the settings map.
pub struct Columns<'a> {
    kind: &'static str,
    fields: &'static [Field],
    mapped: &'a BTreeMap<String, Headers>,
    aliases: Vec<Vec<String>>,
}

/// For each field the columns that hold it, the first choice first.
pub type Slots = Vec<Vec<usize>>;

impl<'a> Columns<'a> {
    /// The names of these fields; an error when `mapped` names a field that does not exist.
    pub fn new(
        kind: &'static str,
        fields: &'static [Field],
        mapped: &'a BTreeMap<String, Headers>,
    ) -> Result<Self, IntakeError> {
        if let Some(name) = mapped.keys().find(|name| !fields.iter().any(|f| f.name == **name)) {
            let known = list(fields.iter().map(|f| f.name));
            return Err(IntakeError::Mapping { kind, name: name.clone(), known });
        }
        let names = |f: &Field| f.names().map(plain).collect();
        Ok(Self { kind, fields, mapped, aliases: fields.iter().map(names).collect() })
    }

    /// The fields, in the order of their slots.
    pub fn fields(&self) -> &'static [Field] {
        self.fields
    }

    /// Finds the fields in a header, or in the names of one JSON object; the error says which two mean the same.
    pub fn find<S: AsRef<str>>(&self, header: &[S]) -> Result<Slots, String> {
        let plain: Vec<String> = header.iter().map(|name| plain(name.as_ref())).collect();
        let slots =
            self.fields.iter().zip(&self.aliases).map(|(field, aliases)| match self.mapped.get(field.name) {
                Some(mapped) => {
                    Ok(mapped.names.iter().filter_map(|name| find_mapped(name, header, &plain)).collect())
                }
                None => {
                    self.find_alias(field, aliases, header, &plain).map(|slot| slot.into_iter().collect())
                }
            });
        slots.collect()
    }

    fn find_alias<S: AsRef<str>>(
        &self,
        field: &Field,
        aliases: &[String],
        header: &[S],
        plain: &[String],
    ) -> Result<Option<usize>, String> {
        let mut found = (0..plain.len()).filter(|&i| aliases.contains(&plain[i]));
        match (found.next(), found.next()) {
            (Some(first), Some(second)) => Err(format!(
                "`{}` and `{}` both mean {}; choose one with `{} = \"its header\"` under [intake.{}.columns]",
                header[first].as_ref(),
                header[second].as_ref(),
                field.name,
                field.name,
                self.kind,
            )),
            (first, _) => Ok(first),
        }
    }

    /// What a header must hold and does not: required fields, and columns that the settings promise.
    pub fn missing<S: AsRef<str>>(&self, slots: &Slots, header: &[S]) -> Option<String> {
        let found: Vec<&str> =
            self.fields.iter().zip(slots).filter(|(_, slot)| !slot.is_empty()).map(|(f, _)| f.name).collect();
        let absent = self.fields.iter().filter(|field| !found.contains(&field.name));
        let problems: Vec<String> = absent
            .filter_map(|field| {
                let needed = field.required && !field.instead.iter().any(|other| found.contains(other));
                match self.mapped.get(field.name).filter(|mapped| !mapped.names.is_empty()) {
                    Some(Headers { names, promised }) => (*promised || needed).then(|| {
                        let names = names.join("` or `");
                        format!("no column `{names}`, which the settings map to {}", field.name)
                    }),
                    None if needed => {
                        let tried = list(field.names());
                        Some(format!("no column for {} (tried: {tried})", field.name))
                    }
                    None => None,
                }
            })
            .collect();
        (!problems.is_empty()).then(|| {
            // What is no CSV at all may come with a header of a megabyte.
            let found: String = list(header.iter().map(AsRef::as_ref)).chars().take(1000).collect();
            let mend = format!("[intake.{}.columns] maps one: our name = \"the file's header\"", self.kind);
            format!("{}; columns found: {found}; {mend}", problems.join("; "))
        })
    }
}

/// The header that the settings name, by the letter; else the one that differs only in what does not count.
fn find_mapped<S: AsRef<str>>(name: &str, header: &[S], plains: &[String]) -> Option<usize> {
    let exact = header.iter().position(|h| h.as_ref().trim() == name.trim());
    exact.or_else(|| plains.iter().position(|p| *p == plain(name)))
}

fn plain(name: &str) -> String {
    let counts = |c: &char| !c.is_whitespace() && !matches!(c, '_' | '-');
    name.chars().filter(counts).flat_map(char::to_lowercase).collect()
}

fn list<T: AsRef<str>>(names: impl Iterator<Item = T>) -> String {
    names.map(|n| n.as_ref().to_owned()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::domain::catalog::ProductRecord;
    use crate::domain::member::MemberRecord;
    use crate::domain::order::{OrderLine, Return};
    use crate::intake::Record;

    fn found<R: Record>(
        mapped: &[(&str, &str)],
        header: &[&str],
    ) -> Result<Vec<(&'static str, usize)>, String> {
        let mapped = mapped.iter().map(|(k, v)| (k.to_string(), Headers::from(*v))).collect();
        let columns = Columns::new(R::KIND, R::FIELDS, &mapped).map_err(|e| e.to_string())?;
        let slots = columns.find(header)?;
        match columns.missing(&slots, header) {
            Some(problem) => Err(problem),
            None => {
                Ok(R::FIELDS.iter().zip(slots).filter_map(|(f, s)| Some((f.name, *s.first()?))).collect())
            }
        }
    }

    #[test]
    fn headers_are_known_by_many_names_in_any_order() {
        let expected = Ok(vec![("order_id", 1), ("member_id", 3), ("product_id", 0), ("ordered_at", 2)]);
        for header in [
            ["product_id", "order_id", "ordered_at", "member_id"],
            ["SKU", "Order No", "order date", "Customer-ID"],
            ["商品編號", "訂單編號", "訂單日期", "會員編號"],
            ["Product ID", " ORDER_ID ", "orderedAt", "member id"],
        ] {
            assert_eq!(found::<OrderLine>(&[], &header), expected, "{header:?}");
        }
    }

    #[test]
    fn the_settings_override_aliases() {
        let header = ["order_id", "單號", "member_id", "product_id", "ordered_at", "Email"];
        let at = |mapped: &[(&str, &str)]| found::<OrderLine>(mapped, &header).map(|f| f[0]);
        assert_eq!(at(&[]), Ok(("order_id", 0)));
        assert_eq!(at(&[("order_id", "單號")]), Ok(("order_id", 1)));
        assert_eq!(at(&[("order_id", " 單 號")]), Ok(("order_id", 1)));
        // one column may serve two fields
        let members = found::<MemberRecord>(&[("member_id", "email"), ("email", "Email")], &header);
        assert_eq!(members, Ok(vec![("member_id", 5), ("email", 5)]));
        // by the letter goes before what merely looks alike
        let twice = ["order id", "order_id", "member_id", "product_id", "date"];
        assert_eq!(
            found::<OrderLine>(&[("order_id", "order_id")], &twice).map(|f| f[0]),
            Ok(("order_id", 1))
        );
    }

    #[test]
    fn problems_say_what_to_do() {
        type Case =
            (&'static [(&'static str, &'static str)], &'static [&'static str], &'static [&'static str]);
        let cases: [Case; 4] = [
            (
                &[],
                &["單號", "member_id", "sku"],
                &[
                    "no column for order_id",
                    "訂單編號",
                    "no column for ordered_at",
                    "found: 單號, member_id, sku",
                    "[intake.orders.columns]",
                ],
            ),
            (
                &[],
                &["order_id", "Order No", "member_id", "sku", "date"],
                &["`order_id` and `Order No` both mean order_id"],
            ),
            (
                &[("status", "情況")],
                &["order_id", "member_id", "sku", "date"],
                &["no column `情況`", "status"],
            ),
            (&[("ordr_id", "x")], &["order_id"], &["maps `ordr_id`", "order_id, member_id"]),
        ];
        for (mapped, header, parts) in cases {
            let message = found::<OrderLine>(mapped, header).unwrap_err();
            for part in parts {
                assert!(message.contains(part), "{part} in {message}");
            }
        }
    }

    #[test]
    fn no_name_means_two_fields() {
        fn check<R: Record>() {
            let mut owner = HashMap::new();
            for field in R::FIELDS {
                for name in field.names() {
                    let earlier = owner.insert(plain(name), field.name);
                    assert_eq!(earlier, None, "{name} of {} in {}", field.name, R::KIND);
                }
            }
        }
        check::<OrderLine>();
        check::<Return>();
        check::<MemberRecord>();
        check::<ProductRecord>();
    }
}
