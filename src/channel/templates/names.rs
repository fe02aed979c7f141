//! Owns which names a template may use, and finds those it uses that nobody will ever know; renders nothing.

use std::collections::BTreeSet;

use minijinja::Environment;
use minijinja::value::{Value, ValueKind};

use super::engine::place;
use super::files::Files;
use super::samples::sample;
use super::scope::Scope;
use crate::domain::problem::did_you_mean;

/// What the engine itself puts into scope, besides its functions.
const SELF_EVIDENT: [&str; 4] = ["loop", "self", "super", "caller"];

/// What every template may ask for.
pub(super) struct Known(Value);

/// A name that is never known, and where it stands.
pub(super) struct Stray {
    pub file: String,
    pub at: (u32, u32),
    pub name: String,
}

impl Known {
    pub fn new() -> Self {
        Self(Scope::sample(&sample("en")).value())
    }

    /// What was meant by a name, and what there is.
    pub fn help(&self, name: &str) -> String {
        let of_text =
            ["member.", "shop."].iter().any(|root| name.starts_with(root) && name.matches('.').count() > 1);
        let Some((of, key)) = name.rsplit_once('.').filter(|_| !of_text) else {
            let known = keys(&self.0);
            let guess = did_you_mean(name, known.iter().map(String::as_str));
            return format!("{guess}in scope are {}", known.join(", "));
        };
        if of.starts_with("items[") && self.item_keys().iter().any(|known| known == key) {
            return "a message may have fewer items: ask with `{% if items|length > … %}`".to_owned();
        }
        // whatever is neither the member nor the shop is most likely an item, under a name of the template's own
        let owner = if matches!(of, "member" | "shop") { of } else { "an item" };
        let known = if owner == of { self.keys_of(of) } else { self.item_keys() };
        let guess = did_you_mean(key, known.iter().map(String::as_str));
        format!("{guess}{owner} has {}", known.join(", "))
    }

    /// Names that no rendering finds, because no sample leads there: those of the scope's own that it has not, and in
    /// whole templates those that nothing sets.
    pub fn strays(
        &self,
        files: &Files,
        environment: &Environment<'_>,
        is_part: impl Fn(&str) -> bool,
    ) -> Vec<Stray> {
        let code: Vec<(&String, String)> =
            files.0.iter().map(|(file, source)| (file, code_of(source))).collect();
        let mut strays = Vec::new();
        for (file, own) in &code {
            let Ok(template) = environment.get_template(file) else { continue };
            let elsewhere =
                |name: &str| code.iter().any(|(f, code)| f != file && !places(code, name).is_empty());
            for name in template.undeclared_variables(true) {
                let unknown = match name.split_once('.') {
                    Some((root @ ("member" | "shop"), rest)) => {
                        let key = rest.split('.').next().unwrap_or(rest);
                        (!self.keys_of(root).iter().any(|k| k == key)).then(|| format!("{root}.{key}"))
                    }
                    // `foo.bar` too: an unknown root is unknown whatever is asked of it
                    _ => {
                        let root = name.split('.').next().unwrap_or(&name);
                        let settable = is_part(file) || elsewhere(root) || self.has(root, environment);
                        (!settable).then(|| root.to_owned())
                    }
                };
                let Some(name) = unknown else { continue };
                let found = places(own, &name).into_iter().map(|at| place(files.source(file), at));
                strays.extend(found.map(|at| Stray { file: (*file).clone(), at, name: name.clone() }));
            }
        }
        strays
    }

    fn has(&self, name: &str, environment: &Environment<'_>) -> bool {
        SELF_EVIDENT.contains(&name)
            || keys(&self.0).iter().any(|key| key == name)
            || environment.globals().any(|(global, _)| global == name)
    }

    fn keys_of(&self, name: &str) -> Vec<String> {
        keys(&self.0.get_attr(name).unwrap_or_default())
    }

    fn item_keys(&self) -> Vec<String> {
        let items = self.0.get_attr("items").unwrap_or_default();
        keys(&items.get_item_by_index(0).unwrap_or_default())
    }
}

fn keys(value: &Value) -> Vec<String> {
    let mut keys: Vec<String> = match value.kind() {
        ValueKind::Map => value.try_iter().into_iter().flatten().map(|key| key.to_string()).collect(),
        _ => Vec::new(),
    };
    keys.sort();
    keys
}

/// The source with everything blanked that names nothing: text, comments and what stands in quotes. No byte moves.
pub(super) fn code_of(source: &str) -> String {
    let mut code = vec![b' '; source.len()];
    let mut at = 0;
    while let Some(open) = source.get(at..).and_then(|rest| rest.find('{')).map(|found| at + found) {
        let end = match source.as_bytes().get(open + 1) {
            Some(b'#') => source[open..].find("#}"),
            Some(b'{') => source[open..].find("}}"),
            Some(b'%') => source[open..].find("%}"),
            _ => None,
        };
        let Some(end) = end.map(|found| open + found) else {
            at = open + 1;
            continue;
        };
        if source.as_bytes()[open + 1] != b'#' {
            code[open + 2..end].copy_from_slice(&source.as_bytes()[open + 2..end]);
            blank_quotes(&mut code[open + 2..end]);
        }
        at = end + 2;
    }
    // only whole characters were blanked, or none of one
    String::from_utf8(code).unwrap_or_default()
}

fn blank_quotes(code: &mut [u8]) {
    let mut quote = None;
    for byte in code {
        match (quote, *byte) {
            (None, b'"' | b'\'') => quote = Some(*byte),
            (None, _) => {}
            (Some(open), b) => {
                quote = (open != b).then_some(open);
                *byte = b' ';
            }
        }
    }
}

/// Where `name` stands in code as a name of its own: no part of another, no attribute, no argument's name.
pub(super) fn places(code: &str, name: &str) -> BTreeSet<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let found = code.match_indices(name).map(|(at, _)| at).filter(|at| {
        let (before, after) = (&code[..*at], &code[at + name.len()..]);
        let next = after.trim_start();
        !before.ends_with(is_word)
            && !before.trim_end().ends_with('.')
            && !after.starts_with(is_word)
            && (!next.starts_with('=') || next.starts_with("=="))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_in_code_count() {
        let source =
            "foo {# foo #} {{ \"foo\" }} 價 {{ foo }} {% if a.foo or foobar or f(foo=1) %}{{ x ~ foo.y }}";
        let code = code_of(source);
        assert_eq!(code.len(), source.len());
        let found: Vec<_> = places(&code, "foo").into_iter().map(|at| &source[at - 3..at + 5]).collect();
        assert_eq!(found, ["{{ foo }", " ~ foo.y"]);
    }

    #[test]
    fn help_knows_what_each_thing_has() {
        let known = Known::new();
        let table = [
            ("itmes", "did you mean `items`? in scope are cautions, items, member"),
            ("member.nmae", "did you mean `name`? member has id, locale, name"),
            ("shop.adress", "did you mean `address`? shop has address, currency"),
            ("thing.need_dat", "did you mean `need_date`? an item has id, interval_days"),
            ("items[0].xyz", "an item has"),
            ("items[1].name", "a message may have fewer items"),
        ];
        for (name, help) in table {
            assert!(known.help(name).starts_with(help), "{name}: {}", known.help(name));
        }
    }
}
