//! Owns what the shop's catalog says against rules; changes nothing, and knows nothing of settings.

use std::collections::BTreeSet;

use crate::config::PlacedRule;
use crate::domain::catalog::Catalog;
use crate::domain::problem::{Problem, did_you_mean};
use crate::store::Store;

/// Products, categories, groups and tags that rules name and the shop does not have. A shop that has told of no
/// products yet, or cannot be asked, says nothing.
pub async fn strangers(store: &Store, rules: &[PlacedRule]) -> Vec<Problem> {
    store.catalog().await.map(|catalog| unknown(&catalog, rules)).unwrap_or_default()
}

/// The words that the shop knows.
struct Words<'c> {
    products: BTreeSet<&'c str>,
    categories: BTreeSet<&'c str>,
    groups: BTreeSet<&'c str>,
    tags: BTreeSet<&'c str>,
}

impl<'c> Words<'c> {
    fn of(catalog: &'c Catalog) -> Self {
        let products = || catalog.products().map(|(_, product)| product);
        Self {
            products: products().map(|p| p.id.as_str()).collect(),
            categories: products().filter_map(|p| catalog.label(p.category?)).collect(),
            groups: products().filter_map(|p| catalog.label(p.group?)).collect(),
            tags: products().flat_map(|p| p.tags.iter().map(String::as_str)).collect(),
        }
    }
}

fn unknown(catalog: &Catalog, rules: &[PlacedRule]) -> Vec<Problem> {
    if catalog.products().next().is_none() {
        return Vec::new();
    }
    let words = Words::of(catalog);
    rules.iter().flat_map(|placed| unknown_in(placed, &words)).collect()
}

fn unknown_in(placed: &PlacedRule, words: &Words<'_>) -> Vec<Problem> {
    let about = &placed.rule.about;
    let lists = [
        ("product", &about.products, &words.products),
        ("category", &about.categories, &words.categories),
        ("group", &about.groups, &words.groups),
        ("tag", &about.tags, &words.tags),
    ];
    let strangers = lists.into_iter().flat_map(|(kind, named, known)| {
        let unknown = named.iter().filter(|word| !known.contains(word.as_str()));
        unknown.map(move |word| stranger(placed, kind, word, known))
    });
    strangers.collect()
}

fn stranger(placed: &PlacedRule, kind: &str, word: &str, known: &BTreeSet<&str>) -> Problem {
    let message = format!("no product of the shop has the {kind} \"{word}\": the rule says nothing about it");
    let message = match kind {
        "product" => format!("the shop has no product \"{word}\": the rule says nothing about it"),
        _ => message,
    };
    let some: Vec<&str> = known.iter().copied().take(8).collect();
    let more = if known.len() > some.len() { ", …" } else { "" };
    let help = match some.as_slice() {
        [] => format!("no product has a {kind} yet: import the products with theirs"),
        some => {
            let near = did_you_mean(word, known.iter().copied());
            format!("{near}known in the shop: {}{more}", some.join(", "))
        }
    };
    placed.warning_at(&format!("about.{kind}"), word, message, help)
}
