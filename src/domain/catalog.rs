//! Owns what is sold: products, the items they are replenished as, and supply; knows nothing of who buys.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::ids::{LabelKey, ProductId, ProductKey};

/// How purchases are gathered into items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Each product by itself.
    Product,
    /// Interchangeable products together; a product without a group is its own.
    Group,
    /// All products of a category together; a product without a category has none.
    Category,
    /// Everything that a member buys.
    Member,
}

impl Level {
    /// Every level, narrowest first.
    pub const ALL: [Level; 4] = [Level::Product, Level::Group, Level::Category, Level::Member];

    /// The word used in TOML and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Product => "product",
            Level::Group => "group",
            Level::Category => "category",
            Level::Member => "member",
        }
    }
}

/// What is replenished: the thing that one forecast is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "i64", from = "i64")]
pub enum Item {
    /// One product.
    Product(ProductKey),
    /// A group of interchangeable products.
    Group(LabelKey),
    /// A category.
    Category(LabelKey),
    /// Anything at all, for the member's own rhythm.
    Anything,
}

impl From<Item> for i64 {
    /// One integer an item, for the ledger: the key above, the kind in the low two bits.
    fn from(item: Item) -> i64 {
        match item {
            Item::Product(k) => k.0 << 2,
            Item::Group(k) => k.0 << 2 | 1,
            Item::Category(k) => k.0 << 2 | 2,
            Item::Anything => 3,
        }
    }
}

impl From<i64> for Item {
    fn from(code: i64) -> Item {
        match code & 3 {
            0 => Item::Product(ProductKey(code >> 2)),
            1 => Item::Group(LabelKey(code >> 2)),
            2 => Item::Category(LabelKey(code >> 2)),
            _ => Item::Anything,
        }
    }
}

/// A product, as far as the shop has told us; every fact but the id may be unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// The shop's id.
    pub id: ProductId,
    /// The name that people read; the id where unknown.
    pub name: Option<String>,
    /// The category's label.
    pub category: Option<LabelKey>,
    /// The group of interchangeable products it belongs to.
    pub group: Option<LabelKey>,
    /// Free tags.
    pub tags: Vec<String>,
    /// Days that one sold piece lasts.
    pub days_supply: Option<f64>,
    /// A kit's parts, with the number of each.
    pub contains: Vec<(ProductKey, f64)>,
    /// Where to buy it.
    pub url: Option<String>,
    /// False while it cannot be bought.
    pub in_stock: bool,
    /// False for what is bought once.
    pub replenishable: bool,
    /// How to use it well.
    pub usage_tip: Option<String>,
    /// Whom it does not suit.
    pub caution: Option<String>,
}

impl Product {
    /// A product known from orders alone.
    pub fn bare(id: ProductId, category: Option<LabelKey>) -> Self {
        Self {
            id,
            name: None,
            category,
            group: None,
            tags: Vec::new(),
            days_supply: None,
            contains: Vec::new(),
            url: None,
            in_stock: true,
            replenishable: true,
            usage_tip: None,
            caution: None,
        }
    }
}

/// What one record says of a product; `None` leaves what is known, an empty text clears it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductRecord {
    /// The shop's id.
    pub id: ProductId,
    /// See [`Product::name`].
    pub name: Option<String>,
    /// The category's text.
    pub category: Option<String>,
    /// The group's text.
    pub group: Option<String>,
    /// See [`Product::tags`].
    pub tags: Option<Vec<String>>,
    /// See [`Product::days_supply`]; the inner `None` clears.
    pub days_supply: Option<Option<f64>>,
    /// A kit's parts by their ids.
    pub contains: Option<Vec<(ProductId, f64)>>,
    /// See [`Product::url`].
    pub url: Option<String>,
    /// See [`Product::in_stock`].
    pub in_stock: Option<bool>,
    /// See [`Product::replenishable`].
    pub replenishable: Option<bool>,
    /// See [`Product::usage_tip`].
    pub usage_tip: Option<String>,
    /// See [`Product::caution`].
    pub caution: Option<String>,
}

/// Everything the shop sells, by our keys.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    products: HashMap<ProductKey, Product>,
    labels: HashMap<LabelKey, String>,
    group_parents: HashMap<LabelKey, LabelKey>,
    /// Mean days that a piece lasts, over the products of a group of which it is known.
    group_supply: HashMap<LabelKey, f64>,
    /// Some product is bought once only; some product cannot be bought now. Mostly none is, and nobody need look.
    some_unrepeated: bool,
    some_out_of_stock: bool,
}

impl Catalog {
    /// A catalog of these products and labels.
    pub fn new(products: HashMap<ProductKey, Product>, labels: HashMap<LabelKey, String>) -> Self {
        let mut parents: HashMap<LabelKey, (ProductKey, LabelKey)> = HashMap::new();
        let mut supplies: HashMap<LabelKey, Vec<f64>> = HashMap::new();
        for (key, product) in &products {
            if let (Some(group), Some(days)) = (product.group, product.days_supply) {
                supplies.entry(group).or_default().push(days);
            }
            if let (Some(group), Some(category)) = (product.group, product.category) {
                let first = parents.entry(group).or_insert((*key, category));
                *first = (*first).min((*key, category));
            }
        }
        let group_parents = parents.into_iter().map(|(group, (_, category))| (group, category)).collect();
        let group_supply = supplies.into_iter().map(|(group, days)| (group, mean(days))).collect();
        let some_unrepeated = products.values().any(|p| !p.replenishable);
        let some_out_of_stock = products.values().any(|p| !p.in_stock);
        Self { products, labels, group_parents, group_supply, some_unrepeated, some_out_of_stock }
    }

    /// True when some product is not bought again.
    pub fn has_unrepeated(&self) -> bool {
        self.some_unrepeated
    }

    /// True when some product cannot be bought now.
    pub fn has_out_of_stock(&self) -> bool {
        self.some_out_of_stock
    }

    /// Days that one sold piece of a product lasts as part of `item`, as far as the shop says; in a group, a product of
    /// which it is unknown lasts as the others do. A category holds products for different needs: their days do not add up.
    pub fn piece_lasts(&self, item: Item, product: ProductKey) -> Option<f64> {
        let own = || self.product(product).and_then(|p| p.days_supply);
        match item {
            Item::Product(_) => own(),
            Item::Group(group) => own().or_else(|| self.group_supply.get(&group).copied()),
            Item::Category(_) | Item::Anything => None,
        }
    }

    /// The category whose items this item resembles: a product's own, a group's by its first product.
    pub fn parent(&self, item: Item) -> Option<LabelKey> {
        match item {
            Item::Product(key) => self.product(key).and_then(|p| p.category),
            Item::Group(key) => self.group_parents.get(&key).copied(),
            Item::Category(_) | Item::Anything => None,
        }
    }

    /// The product of this key.
    pub fn product(&self, key: ProductKey) -> Option<&Product> {
        self.products.get(&key)
    }

    /// All products, in no order.
    pub fn products(&self) -> impl Iterator<Item = (ProductKey, &Product)> {
        self.products.iter().map(|(k, p)| (*k, p))
    }

    /// The text of a label.
    pub fn label(&self, key: LabelKey) -> Option<&str> {
        self.labels.get(&key).map(String::as_str)
    }

    /// The item that a product is gathered into at `level`; none for a product without a category at that level.
    pub fn item(&self, product: ProductKey, level: Level) -> Option<Item> {
        let known = self.products.get(&product);
        match level {
            Level::Product => Some(Item::Product(product)),
            Level::Group => Some(known.and_then(|p| p.group).map_or(Item::Product(product), Item::Group)),
            Level::Category => known.and_then(|p| p.category).map(Item::Category),
            Level::Member => Some(Item::Anything),
        }
    }

    /// True when `product` belongs to `item`.
    pub fn contains(&self, item: Item, product: ProductKey) -> bool {
        let known = self.products.get(&product);
        match item {
            Item::Product(key) => key == product,
            Item::Group(key) => known.is_some_and(|p| p.group == Some(key)),
            Item::Category(key) => known.is_some_and(|p| p.category == Some(key)),
            Item::Anything => true,
        }
    }

    /// The item's id as the shop writes it: a product's id, or the text of the group or category.
    pub fn item_id(&self, item: Item) -> String {
        match item {
            Item::Product(key) => {
                self.product(key).map_or_else(|| format!("#{}", key.0), |p| p.id.to_string())
            }
            Item::Group(key) | Item::Category(key) => {
                self.label(key).map_or_else(|| format!("#{}", key.0), str::to_owned)
            }
            Item::Anything => "anything".to_owned(),
        }
    }

    /// The item's name for people: a product's name where known, else its id.
    pub fn item_name(&self, item: Item) -> String {
        match item {
            Item::Product(key) => {
                self.product(key).and_then(|p| p.name.clone()).unwrap_or_else(|| self.item_id(item))
            }
            _ => self.item_id(item),
        }
    }
}

/// In an order of its own, so that the sum does not depend on the map's.
fn mean(mut days: Vec<f64>) -> f64 {
    days.sort_by(f64::total_cmp);
    days.iter().sum::<f64>() / days.len().max(1) as f64
}
