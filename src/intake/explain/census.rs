//! Owns the figures of a file's records: how many orders, members, products, and from when to when; keeps no names.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono_tz::Tz;
use serde::Serialize;

use super::missing::Missing;
use crate::domain::catalog::ProductRecord;
use crate::domain::ids::{Day, Timestamp};
use crate::domain::member::MemberRecord;
use crate::domain::order::{OrderLine, Return};
use crate::intake::Record;

/// A kind of record that can be counted.
pub trait Counted: Record {
    #[doc(hidden)]
    fn count(&self, census: &mut Census);
    /// What such records leave open that messages need.
    #[doc(hidden)]
    fn missing(census: &Census) -> Vec<Missing>;
}

/// What was counted; nothing where it is not known from such records.
#[derive(Debug, Clone, Default, Serialize, PartialEq, Eq)]
pub struct Figures {
    /// Orders.
    pub orders: Option<u64>,
    /// Members.
    pub members: Option<u64>,
    /// Products.
    pub products: Option<u64>,
    /// Categories.
    pub categories: Option<u64>,
    /// Order lines whose status says that nothing was bought.
    pub not_a_purchase: Option<u64>,
    /// The first day.
    pub from: Option<Day>,
    /// The last day.
    pub to: Option<Day>,
    /// What order lines say of their orders, the most frequent word first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<StatusWord>,
}

/// A word that tells what became of an order.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct StatusWord {
    /// As the file writes it.
    pub status: String,
    /// The order lines of which it tells most.
    pub rows: u64,
    /// False when it means that nothing was bought.
    pub counts: bool,
}

/// Words that are told; more are no statuses.
const MOST_WORDS: usize = 50;

/// The count as it goes on. Names are kept as fingerprints.
pub struct Census {
    zone: Tz,
    orders: HashSet<u64>,
    members: HashSet<u64>,
    products: HashSet<u64>,
    categories: HashSet<u64>,
    has_groups: bool,
    /// The last day on which a member bought an item.
    bought: HashMap<u64, Day>,
    span: Option<(Timestamp, Timestamp)>,
    not_a_purchase: u64,
    statuses: HashMap<(String, bool), u64>,
    /// Records counted.
    pub records: u64,
    /// Purchases of an item on a later day than one before.
    pub repurchases: u64,
    /// Members with an e-mail address.
    pub addresses: u64,
    /// Members of whom it is known what they agreed to.
    pub consents: u64,
}

impl Census {
    /// Nothing counted; days are those of this zone.
    pub fn new(zone: Tz) -> Self {
        Self {
            zone,
            orders: HashSet::new(),
            members: HashSet::new(),
            products: HashSet::new(),
            categories: HashSet::new(),
            has_groups: false,
            bought: HashMap::new(),
            span: None,
            not_a_purchase: 0,
            statuses: HashMap::new(),
            records: 0,
            repurchases: 0,
            addresses: 0,
            consents: 0,
        }
    }

    /// True when a record names a category or a group.
    pub fn has_labels(&self) -> bool {
        self.has_groups || !self.categories.is_empty()
    }

    /// The figures.
    pub fn figures(&self) -> Figures {
        let some = |count: usize| Some(count as u64).filter(|count| *count > 0);
        Figures {
            orders: some(self.orders.len()),
            members: some(self.members.len()),
            products: some(self.products.len()),
            categories: some(self.categories.len()),
            not_a_purchase: Some(self.not_a_purchase).filter(|count| *count > 0),
            from: self.span.map(|(from, _)| Day::of(from, self.zone)),
            to: self.span.map(|(_, to)| Day::of(to, self.zone)),
            statuses: self.statuses(),
        }
    }

    fn statuses(&self) -> Vec<StatusWord> {
        let word = |((status, counts), rows): (&(String, bool), &u64)| StatusWord {
            status: status.clone(),
            rows: *rows,
            counts: *counts,
        };
        let mut words: Vec<StatusWord> = self.statuses.iter().map(word).collect();
        words.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.status.cmp(&b.status)));
        words
    }

    fn hear(&mut self, status: &str, counts: bool) {
        let word = (status.to_owned(), counts);
        if self.statuses.len() < MOST_WORDS || self.statuses.contains_key(&word) {
            *self.statuses.entry(word).or_default() += 1;
        }
    }

    fn stretch(&mut self, at: Timestamp) {
        let (from, to) = self.span.unwrap_or((at, at));
        self.span = Some((from.min(at), to.max(at)));
    }

    fn buy(&mut self, member: &str, item: &str, at: Timestamp) {
        let day = Day::of(at, self.zone);
        let last = self.bought.insert(print(&(member, item)), day);
        self.repurchases += u64::from(last.is_some_and(|last| last != day));
    }
}

impl Counted for OrderLine {
    fn count(&self, census: &mut Census) {
        census.records += 1;
        census.orders.insert(print(self.order.as_str()));
        census.members.insert(print(self.member.as_str()));
        census.products.insert(print(self.product.as_str()));
        census.categories.extend(self.category.as_deref().map(print));
        census.stretch(self.ordered_at);
        if let Some(status) = &self.status {
            census.hear(status, self.counted);
        }
        if !self.counted {
            census.not_a_purchase += 1;
        } else if self.quantity > 0.0 && !self.gift {
            let item = self.category.as_deref().unwrap_or(self.product.as_str());
            census.buy(self.member.as_str(), item, self.ordered_at);
        }
    }

    fn missing(census: &Census) -> Vec<Missing> {
        Missing::in_orders(census)
    }
}

impl Counted for Return {
    fn count(&self, census: &mut Census) {
        census.records += 1;
        census.orders.insert(print(self.order.as_str()));
        census.products.insert(print(self.product.as_str()));
        if let Some(at) = self.at {
            census.stretch(at);
        }
    }

    fn missing(_: &Census) -> Vec<Missing> {
        Vec::new()
    }
}

impl Counted for MemberRecord {
    fn count(&self, census: &mut Census) {
        census.records += 1;
        census.members.insert(print(self.id.as_str()));
        census.addresses += u64::from(self.email.as_deref().is_some_and(|email| !email.is_empty()));
        census.consents += u64::from(self.consent.is_some());
    }

    fn missing(census: &Census) -> Vec<Missing> {
        Missing::in_members(census)
    }
}

impl Counted for ProductRecord {
    fn count(&self, census: &mut Census) {
        census.records += 1;
        census.products.insert(print(self.id.as_str()));
        let said = |label: &Option<String>| label.as_deref().filter(|label| !label.is_empty()).map(print);
        census.categories.extend(said(&self.category));
        census.has_groups |= said(&self.group).is_some();
    }

    fn missing(census: &Census) -> Vec<Missing> {
        Missing::in_products(census)
    }
}

fn print<T: Hash + ?Sized>(name: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}
