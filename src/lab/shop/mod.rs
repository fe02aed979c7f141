//! Owns a small made-up shop, grown from a seed: the same seed and day give the same records; knows nothing of the store.

mod files;
mod people;
mod rhythm;
mod shelf;

use std::collections::HashMap;
use std::path::Path;

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use fastrand::Rng;

use crate::domain::calendar::instant;
use crate::domain::catalog::ProductRecord;
use crate::domain::ids::{OrderId, Timestamp};
use crate::domain::member::MemberRecord;
use crate::domain::order::{LineIdentity, OrderLine};

pub use files::FileError;
use rhythm::{Bought, What};
use shelf::Ware;

/// The shop's zone: days are counted in it.
pub const ZONE: Tz = chrono_tz::Asia::Taipei;
/// Members of the shop.
const MEMBERS: usize = 240;
/// Days of history.
const HISTORY: TimeDelta = TimeDelta::days(425);

/// The records of a made-up shop, as an import of its files would read them.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleShop {
    /// What it sells.
    pub products: Vec<ProductRecord>,
    /// Who buys.
    pub members: Vec<MemberRecord>,
    /// What was bought over fourteen months, in time order.
    pub orders: Vec<OrderLine>,
}

impl SampleShop {
    /// Grows a shop whose history ends in the early morning of `today`, when some dozens of members are about to
    /// run out of something.
    pub fn grow(seed: u64, today: NaiveDate) -> Self {
        let mut rng = Rng::with_seed(seed);
        let people: Vec<_> = (1..=MEMBERS).map(|n| people::person(n, today, &mut rng)).collect();
        let mut bought: Vec<_> = people.iter().flat_map(|p| rhythm::of_person(p, today, &mut rng)).collect();
        bought.sort_by(|a, b| (a.at, &a.member, a.ware.id).cmp(&(b.at, &b.member, b.ware.id)));
        let orders = lines(&bought, today);
        let products = shelf::WARES.iter().map(Ware::record).collect();
        let members = people.into_iter().map(|p| p.record).collect();
        Self { products, members, orders }
    }

    /// Writes `orders.csv`, `members.csv` and `products.csv` into `folder`, ready for `replenish import`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), FileError> {
        files::write(self, folder)
    }
}

/// One line for each thing bought or brought back, in time order. What a member buys at one moment is one order;
/// orders are numbered as they come in.
fn lines(bought: &[Bought<'_>], today: NaiveDate) -> Vec<OrderLine> {
    let mut numbers = HashMap::new();
    let mut seen: HashMap<(usize, &str), u32> = HashMap::new();
    let mut number = |thing: &Bought<'_>| {
        let next = 100_001 + numbers.len();
        *numbers
            .entry((thing.member.clone(), thing.ordered_at(), thing.what == What::LeftUnpaid))
            .or_insert(next)
    };
    let line = |thing: &Bought<'_>| {
        let number = number(thing);
        let count = seen.entry((number, thing.ware.id)).or_default();
        let nth = LineIdentity::Nth(*count);
        *count += 1;
        line(thing, format!("SO-{number}").into(), nth, today)
    };
    bought.iter().map(line).collect()
}

fn line(thing: &Bought<'_>, order: OrderId, nth: LineIdentity, today: NaiveDate) -> OrderLine {
    let (status, sign) = match thing.what {
        What::Kept { .. } => ("completed", 1.0),
        What::LeftUnpaid => ("unpaid", 1.0),
        What::BroughtBack { .. } => ("completed", -1.0),
    };
    OrderLine {
        order,
        line: nth,
        member: thing.member.clone(),
        product: thing.ware.id.into(),
        category: Some(thing.ware.category.into()),
        ordered_at: thing.at,
        quantity: sign * f64::from(thing.pieces),
        unit_price: Some(f64::from(thing.ware.price)),
        status: Some(status.to_owned()),
        counted: thing.what != What::LeftUnpaid,
        delivered_at: thing.delivered_at.filter(|at| *at < morning(today)),
        gift: thing.what == What::Kept { gift: true },
        email: None,
    }
}

/// Where the history ends: before anyone is written to on that day.
fn morning(today: NaiveDate) -> Timestamp {
    instant(ZONE, today, NaiveTime::MIN) + TimeDelta::hours(8)
}

#[cfg(test)]
mod tests;
