//! Owns how records become the past of a simulation: catalog, members and their order lines; knows nothing of time passing.

use std::collections::{BTreeSet, HashMap};

use chrono_tz::Tz;

use crate::domain::catalog::{Catalog, Product, ProductRecord};
use crate::domain::ids::{Day, LabelKey, MemberId, OrderId, ProductId, ProductKey};
use crate::domain::learning::Events;
use crate::domain::member::{Member, MemberRecord, Purpose};
use crate::domain::order::{Line, LineIdentity, OrderLine, PurchaseHistory};
use crate::domain::rules::Rules;
use crate::intake::{IntakeError, Reading, Record, Source, read};

/// Records handed over at a time.
const CHUNK: usize = 10_000;

/// All that files tell of a shop.
pub struct Past {
    pub(super) catalog: Catalog,
    pub(super) zone: Tz,
    /// In the order in which the orders name them.
    pub(super) buyers: Vec<Buyer>,
}

/// One member's whole past.
pub(super) struct Buyer {
    pub member: Member,
    /// In time order.
    pub lines: Vec<Line>,
    /// What was bought, with all that is known at the end.
    pub bought: Events,
}

impl Buyer {
    /// A later return changes what earlier days look like.
    pub fn returns(&self) -> bool {
        self.lines.iter().any(|line| line.quantity < 0.0)
    }
}

/// Records on their way into a past.
pub struct Collector {
    zone: Tz,
    products: HashMap<ProductId, ProductKey>,
    facts: HashMap<ProductKey, Product>,
    labels: HashMap<(bool, String), LabelKey>,
    places: HashMap<MemberId, usize>,
    members: Vec<(Member, Vec<(LineIdentity, Line)>)>,
    records: Option<HashMap<MemberId, Member>>,
}

impl Collector {
    /// Nothing read yet; days are counted in `zone`.
    pub fn new(zone: Tz) -> Self {
        let (products, facts, labels) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { zone, products, facts, labels, places: HashMap::new(), members: Vec::new(), records: None }
    }

    /// Reads an order file; rows that are no record are passed over. `progress` hears the bytes read.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub fn orders(
        &mut self,
        file: &Source,
        how: &Reading,
        progress: &dyn Fn(u64),
    ) -> Result<(), IntakeError> {
        each(file, how, progress, |line| self.order(line))
    }

    /// Reads a product file, as [`Collector::orders`] does.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub fn products(
        &mut self,
        file: &Source,
        how: &Reading,
        progress: &dyn Fn(u64),
    ) -> Result<(), IntakeError> {
        each(file, how, progress, |record| self.product(record))
    }

    /// Reads a member file, as [`Collector::orders`] does. Where none is read, everyone counts as reachable and willing.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub fn members(
        &mut self,
        file: &Source,
        how: &Reading,
        progress: &dyn Fn(u64),
    ) -> Result<(), IntakeError> {
        let records = self.records.get_or_insert_default();
        each(file, how, progress, |record: MemberRecord| {
            records.entry(record.id.clone()).or_insert_with(|| Member::bare(record.id.clone())).lay(&record);
        })
    }

    /// The past, its purchases gathered for every level that `rules` use.
    pub fn finish(self, rules: &Rules) -> Past {
        let labels = self.labels.into_iter().map(|((_, text), key)| (key, text)).collect();
        let catalog = Catalog::new(self.facts, labels);
        let levels = rules.levels();
        let buyers = self.members.into_iter().map(|(bare, lines)| {
            let lines = last_words(lines);
            let history = PurchaseHistory::fold(&lines, &catalog, self.zone);
            let bought = Events::of(&history, levels.iter().copied(), &catalog);
            let member = match &self.records {
                Some(records) => records.get(&bare.id).cloned().unwrap_or(bare),
                None => willing(bare),
            };
            Buyer { member, lines, bought }
        });
        let buyers = buyers.collect();
        Past { catalog, zone: self.zone, buyers }
    }

    /// A member, with orders or without.
    pub(super) fn member(&mut self, record: MemberRecord) {
        let mut member = Member::bare(record.id.clone());
        member.lay(&record);
        self.place(&record.id);
        self.records.get_or_insert_default().insert(record.id, member);
    }

    fn place(&mut self, member: &MemberId) -> usize {
        let next = self.members.len();
        let place = *self.places.entry(member.clone()).or_insert(next);
        if place == next {
            self.members.push((Member::bare(member.clone()), Vec::new()));
        }
        place
    }

    pub(super) fn order(&mut self, line: OrderLine) {
        let category = line.category.as_deref().filter(|text| !text.is_empty());
        let category = category.map(|text| self.label(false, text));
        let product = self.key(&line.product);
        if let Some(facts) = self.facts.get_mut(&product) {
            facts.category = facts.category.or(category);
        }
        let place = self.place(&line.member);
        let (at, quantity, counted, gift) = (line.ordered_at, line.quantity, line.counted, line.gift);
        let of_member =
            Line { order: line.order, product, at, quantity, counted, gift, delivered_at: line.delivered_at };
        self.members[place].1.push((line.line, of_member));
    }

    pub(super) fn product(&mut self, record: ProductRecord) {
        let key = self.key(&record.id);
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let category = text(&record.category).map(|text| self.label(false, &text));
        let group = text(&record.group).map(|text| self.label(true, &text));
        let contains =
            record.contains.map(|parts| parts.iter().map(|(id, n)| (self.key(id), *n)).collect::<Vec<_>>());
        let Some(facts) = self.facts.get_mut(&key) else { return };
        facts.category = category.or(facts.category.filter(|_| record.category.is_none()));
        facts.group = group.or(facts.group.filter(|_| record.group.is_none()));
        facts.tags = record.tags.unwrap_or_default();
        facts.days_supply = record.days_supply.unwrap_or(facts.days_supply);
        facts.contains = contains.unwrap_or_default();
        facts.in_stock = record.in_stock.unwrap_or(facts.in_stock);
        facts.replenishable = record.replenishable.unwrap_or(facts.replenishable);
        facts.caution = text(&record.caution);
    }

    fn key(&mut self, id: &ProductId) -> ProductKey {
        if let Some(key) = self.products.get(id) {
            return *key;
        }
        let key = ProductKey(self.products.len() as i64 + 1);
        self.products.insert(id.clone(), key);
        self.facts.insert(key, Product::bare(id.clone(), None));
        key
    }

    /// Groups and categories of the same name are two labels.
    fn label(&mut self, is_group: bool, text: &str) -> LabelKey {
        let next = LabelKey(self.labels.len() as i64 + 1);
        *self.labels.entry((is_group, text.to_owned())).or_insert(next)
    }
}

impl Past {
    /// The first and the last day on which something was ordered.
    pub(super) fn days(&self) -> Option<(Day, Day)> {
        let ends = self.buyers.iter().filter_map(|b| Some((b.lines.first()?.at, b.lines.last()?.at)));
        let (first, last) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        Some((Day::of(first, self.zone), Day::of(last, self.zone)))
    }
}

fn each<R: Record>(
    file: &Source,
    how: &Reading,
    progress: &dyn Fn(u64),
    mut take: impl FnMut(R),
) -> Result<(), IntakeError> {
    read::<R, IntakeError>(file, how, CHUNK, progress, |chunk| {
        chunk.into_iter().for_each(&mut take);
        Ok(())
    })
}

/// What names a line within an order: the shop's word, or the product and which of its lines.
type Name<'a> = (&'a OrderId, Option<ProductKey>, &'a LineIdentity);

/// The last word on each line, in time order: files may overlap.
fn last_words(lines: Vec<(LineIdentity, Line)>) -> Vec<Line> {
    let mut last: HashMap<Name<'_>, usize> = HashMap::with_capacity(lines.len());
    for (at, (name, line)) in lines.iter().enumerate() {
        let product = matches!(name, LineIdentity::Nth(_)).then_some(line.product);
        last.insert((&line.order, product, name), at);
    }
    let mut kept: Vec<usize> = last.into_values().collect();
    kept.sort_unstable_by_key(|at| (lines[*at].1.at, *at));
    kept.into_iter().map(|at| lines[at].1.clone()).collect()
}

/// A member of whom nothing else is known counts as one who may be written to.
fn willing(bare: Member) -> Member {
    let email = Some("member@shop.invalid".to_owned());
    Member { email, consent: Some(BTreeSet::from([Purpose::Reminder, Purpose::Care])), ..bare }
}
