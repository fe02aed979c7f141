//! Owns which products do not suit which members, and what is done about it; knows nothing of how it is said.

use std::collections::BTreeMap;

use super::catalog::{Catalog, Item, Product};
use super::ids::{Day, Timestamp};
use super::rules::{About, Audience};
use super::shop::{Person, Shop};

/// Products that do not suit some members.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsuitable {
    /// Its name, for evidence.
    pub id: String,
    /// Whom they do not suit.
    pub members: Audience,
    /// What does not suit them.
    pub about: About,
    /// What is done about it.
    pub action: UnsuitableAction,
}

/// What is done about a product that does not suit the member.
#[derive(Debug, Clone, PartialEq)]
pub enum UnsuitableAction {
    /// Nothing about it is sent.
    Skip,
    /// This text goes along, by locale.
    Caution(BTreeMap<String, String>),
}

impl About {
    /// True when the product is one of those meant.
    pub fn covers(&self, product: &Product, catalog: &Catalog) -> bool {
        let label = |key| catalog.label(key).unwrap_or_default();
        (self.products.is_empty() || self.products.contains(product.id.as_str()))
            && (self.categories.is_empty()
                || product.category.is_some_and(|c| self.categories.contains(label(c))))
            && (self.groups.is_empty() || product.group.is_some_and(|g| self.groups.contains(label(g))))
            && (self.tags.is_empty() || product.tags.iter().any(|tag| self.tags.contains(tag)))
    }
}

/// What does not suit the member about the item: judged by the product that stands for it.
pub fn unsuitable<'a>(
    person: &Person<'a>,
    shop: &Shop<'a>,
    item: Item,
    now: Timestamp,
) -> impl Iterator<Item = &'a Unsuitable> {
    let product = person.usual_product(item);
    let stage = (!shop.rules.unsuitable().is_empty()).then(|| person.stage(Day::of(now, shop.zone)));
    shop.rules.unsuitable().iter().filter(move |u| {
        product.is_some_and(|p| u.about.covers(p, shop.catalog))
            && stage.is_some_and(|stage| person.belongs_to(&u.members, stage, now))
    })
}

/// The text for a reader of `locale`: in it, in its language, in the shop's, in any.
pub fn text_for<'a>(texts: &'a BTreeMap<String, String>, locale: &str, shop_locale: &str) -> Option<&'a str> {
    let language = |locale: &str| locale.split('-').next().unwrap_or_default().to_owned();
    let in_locale = |locale: &str| {
        let same_language = |key: &&String| language(key) == language(locale);
        let near = || texts.keys().find(same_language).and_then(|key| texts.get(key));
        texts.get(locale).or_else(|| texts.get(&language(locale))).or_else(near)
    };
    in_locale(locale).or_else(|| in_locale(shop_locale)).or_else(|| texts.values().next()).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caution_is_said_in_the_nearest_language() {
        let texts = |all: &[&str]| all.iter().map(|l| ((*l).to_owned(), (*l).to_owned())).collect();
        let rows = [
            (["en", "zh-TW"], "zh-TW", "en", "zh-TW"),
            (["en", "zh-TW"], "zh-HK", "en", "zh-TW"),
            (["en", "zh"], "zh-Hant-TW", "en", "zh"),
            (["en", "zh-TW"], "ja", "zh-TW", "zh-TW"),
            (["en", "zh-TW"], "ja", "fr", "en"),
        ];
        for (all, locale, shop, expected) in rows {
            assert_eq!(text_for(&texts(&all), locale, shop), Some(expected), "{locale} {shop}");
        }
    }
}
