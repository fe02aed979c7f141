//! Owns order lines and how they fold into purchases (returns, gifts, kits, unpaid orders); knows nothing of forecasts.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::serde::{ts_milliseconds, ts_milliseconds_option};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::catalog::{Catalog, Item, Level};
use super::ids::{Day, MemberId, OrderId, ProductId, ProductKey, Timestamp};

/// One line of an order as a shop's record gives it, parsed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The order.
    pub order: OrderId,
    /// Which line of the order.
    pub line: LineIdentity,
    /// Who ordered.
    pub member: MemberId,
    /// What.
    pub product: ProductId,
    /// The product's category, where the record says it.
    pub category: Option<Arc<str>>,
    /// When.
    #[serde(with = "ts_milliseconds")]
    pub ordered_at: Timestamp,
    /// Pieces; negative for a return.
    pub quantity: f64,
    /// Price of one piece.
    pub unit_price: Option<f64>,
    /// The shop's word for the order's state.
    pub status: Option<String>,
    /// False when `status` says that nothing was bought.
    pub counted: bool,
    /// When it arrived.
    #[serde(with = "ts_milliseconds_option")]
    pub delivered_at: Option<Timestamp>,
    /// True when bought for another person.
    pub gift: bool,
    /// The buyer's e-mail address, where the record says it.
    pub email: Option<String>,
}

/// What came back of an order, as a shop's record says it, parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Return {
    /// The order.
    pub order: OrderId,
    /// What.
    pub product: ProductId,
    /// Which return (from 0) of that product, order and time it is.
    pub nth: u32,
    /// Pieces, above zero; without it all that was bought of the product in the order.
    pub quantity: Option<f64>,
    /// When; without it when the order was made.
    pub at: Option<Timestamp>,
}

/// What a shop says of one order at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderUpdate {
    /// The order.
    pub order: OrderId,
    /// What the shop's own messages call it.
    pub number: String,
    /// When the shop changed it, by the shop's clock.
    pub at: Timestamp,
    /// The lines that it has now.
    pub lines: Vec<OrderLine>,
    /// True when these are all its lines; else they come to what is known, and only if that is older.
    pub whole: bool,
}

/// What makes an order line the same line again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LineIdentity {
    /// The shop numbers its lines.
    Named(String),
    /// The n-th line (from 0) of that product in the order.
    Nth(u32),
}

/// One stored order line, as a decision sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The order.
    pub order: OrderId,
    /// What.
    pub product: ProductKey,
    /// When.
    pub at: Timestamp,
    /// Pieces; negative for a return.
    pub quantity: f64,
    /// False when the order's status says that nothing was bought.
    pub counted: bool,
    /// True when bought for another person.
    pub gift: bool,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
}

/// What a member bought of one product at one moment, after returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Purchase {
    /// The order.
    pub order: OrderId,
    /// What.
    pub product: ProductKey,
    /// When.
    pub at: Timestamp,
    /// The shop's day of it.
    pub day: Day,
    /// Pieces kept, above zero.
    pub quantity: f64,
    /// When it arrived, where known, and the shop's day of that.
    pub delivered: Option<(Timestamp, Day)>,
}

/// All purchases of an item on one day: what the interval model counts as one event.
#[derive(Debug, Clone, PartialEq)]
pub struct PurchaseDay {
    /// The shop's day.
    pub day: Day,
    /// Pieces kept, above zero.
    pub quantity: f64,
    /// Days that they last all together, as far as the shop says how long a piece lasts.
    pub supply: Option<f64>,
    /// The day from which they are used: of the first delivery where known, else of the purchase.
    pub begins: Day,
    /// The smallest order id of that day: what a cycle hangs on.
    pub anchor: OrderId,
    /// The first moment of that day's purchases.
    pub at: Timestamp,
    /// When the first of them arrived, where known.
    pub delivered_at: Option<Timestamp>,
}

impl PurchaseDay {
    fn of(p: &Purchase, supply: Option<f64>) -> Self {
        let begins = p.delivered.map_or(p.day, |(_, day)| day.max(p.day));
        let delivered_at = p.delivered.map(|(at, _)| at);
        Self {
            day: p.day,
            quantity: p.quantity,
            supply,
            begins,
            anchor: p.order.clone(),
            at: p.at,
            delivered_at,
        }
    }

    fn add(&mut self, p: &Purchase, supply: Option<f64>) {
        let more = Self::of(p, supply);
        self.quantity += more.quantity;
        self.supply = self.supply.zip(more.supply).map(|(days, more)| days + more);
        self.begins = self.begins.min(more.begins);
        self.delivered_at = self.delivered_at.into_iter().chain(more.delivered_at).min();
        if p.order < self.anchor {
            self.anchor = p.order.clone();
        }
    }
}

/// A member's purchases in time order, with returns, gifts, kits and unpaid orders folded.
#[derive(Debug, Clone, Default)]
pub struct PurchaseHistory {
    purchases: Vec<Purchase>,
}

impl PurchaseHistory {
    /// Folds order lines: uncounted lines and gifts drop out, kits become their parts, and a return lowers the
    /// purchase of its own order; one of an order that never had the product lowers the latest earlier purchases of it.
    /// A purchase lowered to zero is as if it had never been made.
    pub fn fold(lines: &[Line], catalog: &Catalog, zone: Tz) -> Self {
        let mut bought: Vec<Purchase> = Vec::with_capacity(lines.len());
        let mut returned: Vec<Purchase> = Vec::new();
        for line in lines.iter().filter(|l| l.counted && !l.gift && l.quantity != 0.0) {
            for (product, pieces) in parts(line, catalog) {
                let purchase = Purchase {
                    order: line.order.clone(),
                    product,
                    at: line.at,
                    day: Day::of(line.at, zone),
                    quantity: pieces,
                    delivered: line.delivered_at.map(|at| (at, Day::of(at, zone))),
                };
                if pieces > 0.0 { bought.push(purchase) } else { returned.push(purchase) }
            }
        }
        bought.sort_by(|a, b| (a.at, &a.order, a.product).cmp(&(b.at, &b.order, b.product)));
        returned.sort_by(|a, b| (a.at, &a.order, a.product).cmp(&(b.at, &b.order, b.product)));
        for back in &returned {
            let sold = |l: &Line| l.quantity > 0.0 && l.order == back.order;
            let is_own = |l: &Line| sold(l) && parts(l, catalog).iter().any(|(p, _)| *p == back.product);
            take_back(&mut bought, back, lines.iter().any(is_own));
        }
        bought.retain(|p| p.quantity > 0.0);
        Self { purchases: bought }
    }

    /// Every purchase, in time order.
    pub fn purchases(&self) -> &[Purchase] {
        &self.purchases
    }

    /// The days on which the member bought each item of `level`, in order.
    pub fn by_item(&self, level: Level, catalog: &Catalog) -> BTreeMap<Item, Vec<PurchaseDay>> {
        let mut items: BTreeMap<Item, Vec<PurchaseDay>> = BTreeMap::new();
        for purchase in &self.purchases {
            let Some(item) = catalog.item(purchase.product, level) else { continue };
            let supply = catalog.piece_lasts(item, purchase.product).map(|days| days * purchase.quantity);
            let days = items.entry(item).or_default();
            match days.last_mut() {
                Some(day) if day.day == purchase.day => day.add(purchase, supply),
                _ => days.push(PurchaseDay::of(purchase, supply)),
            }
        }
        items
    }

    /// True when the member bought one product that belongs to both items: the items then stand for one need.
    pub fn overlap(&self, a: Item, b: Item, catalog: &Catalog) -> bool {
        // A product belongs to one item of a kind: two of a kind share none.
        let alike = std::mem::discriminant(&a) == std::mem::discriminant(&b);
        a == b
            || !alike
                && self
                    .purchases
                    .iter()
                    .any(|p| catalog.contains(a, p.product) && catalog.contains(b, p.product))
    }
}

/// A kit counts as its parts, anything else as itself.
fn parts(line: &Line, catalog: &Catalog) -> Vec<(ProductKey, f64)> {
    match catalog.product(line.product) {
        Some(kit) if !kit.contains.is_empty() => {
            kit.contains.iter().map(|(part, pieces)| (*part, pieces * line.quantity)).collect()
        }
        _ => vec![(line.product, line.quantity)],
    }
}

/// Lowers purchases by a return: those of its own order, or else the latest earlier ones. What its order says is no
/// purchase has nothing to give back, and other orders do not pay for it.
fn take_back(bought: &mut [Purchase], back: &Purchase, is_of_own_order: bool) {
    let mut left = -back.quantity;
    let may_pay = |p: &Purchase| match is_of_own_order {
        true => p.order == back.order,
        false => p.at <= back.at,
    };
    for paying in bought.iter_mut().rev().filter(|p| p.product == back.product && may_pay(p)) {
        let taken = left.min(paying.quantity);
        paying.quantity -= taken;
        left -= taken;
        if left <= 0.0 {
            return;
        }
    }
}
