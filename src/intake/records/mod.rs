//! Owns understanding: the cells of a row into a record, or the reason why it is none; knows nothing of files.

mod cell;
mod contact;
mod hanging;
mod member;
mod nth;
mod order;
mod product;
mod returned;
mod state;
mod time;

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use super::columns::Field;
use super::rows::{Bad, Row};
use super::{Format, Reading};
use crate::domain::ids::{MemberId, OrderId, ProductId};
use hanging::Above;
use nth::Nth;
use state::{Refunds, Words};
use time::Times;

pub use cell::known;
pub use contact::known_by;
pub use order::OrderRow;
pub use time::{DateFormat, Look, Looks};

/// What the files of a shop hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Kind {
    Orders,
    Returns,
    Members,
    Products,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 4] = [Kind::Orders, Kind::Returns, Kind::Members, Kind::Products];

    /// The word in commands, settings, JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Orders => "orders",
            Kind::Returns => "returns",
            Kind::Members => "members",
            Kind::Products => "products",
        }
    }
}

/// Why a row is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// Something is wrong with it.
    Bad(Bad),
    /// It stands for nothing of its own.
    Ignored,
}

impl From<Bad> for Unfit {
    fn from(reason: Bad) -> Self {
        Unfit::Bad(reason)
    }
}

/// A kind of record that files hold: [`OrderLine`], [`Return`], [`MemberRecord`], [`ProductRecord`]. A closed set.
///
/// [`OrderLine`]: crate::domain::order::OrderLine
/// [`Return`]: crate::domain::order::Return
/// [`MemberRecord`]: crate::domain::member::MemberRecord
/// [`ProductRecord`]: crate::domain::catalog::ProductRecord
pub trait Record: Sized {
    /// Its name in commands and settings: `orders`, `returns`, `members`, `products`.
    const KIND: &'static str;
    #[doc(hidden)]
    const FIELDS: &'static [Field];
    #[doc(hidden)]
    fn understand(row: &mut Row, so_far: &mut SoFar<'_>) -> Result<Self, Unfit>;
    /// What is wrong with a row of which nothing is to be kept.
    #[doc(hidden)]
    fn check(row: &mut Row, so_far: &mut SoFar<'_>) -> Result<(), Unfit> {
        Self::understand(row, so_far).map(drop)
    }
}

/// What understanding the rows of one file has learnt so far.
pub struct SoFar<'a> {
    reading: &'a Reading,
    times: Times,
    nth: Nth,
    /// Rows of an order mostly stand together.
    order: Option<OrderId>,
    members: Shared<MemberId>,
    products: Shared<ProductId>,
    categories: Shared<Arc<str>>,
    /// What stood in the rows above, for those that hang on them.
    above: Above,
    not_a_purchase: Words,
    not_a_line: Words,
    refunds: Refunds,
}

impl<'a> SoFar<'a> {
    /// At the beginning of a file.
    pub fn new(reading: &'a Reading, format: Format) -> Self {
        let times = Times::new(reading.zone, reading.latest, reading.dates, format == Format::Xlsx);
        Self {
            reading,
            times,
            nth: Nth::default(),
            order: None,
            members: Shared::default(),
            products: Shared::default(),
            categories: Shared::default(),
            above: Above::default(),
            not_a_purchase: Words::of(&reading.not_a_purchase),
            not_a_line: Words::of(&reading.layout.not_a_line),
            refunds: Refunds::default(),
        }
    }

    /// Orders of which a part was refunded.
    pub fn partly_refunded(&self) -> u64 {
        self.refunds.partly
    }

    /// True when the settings say which column this is.
    fn is_mapped(&self, field: &str) -> bool {
        self.reading.columns.contains_key(field)
    }

    /// True when the settings say that no column is this.
    pub fn is_nowhere(&self, field: &str) -> bool {
        self.reading.columns.get(field).is_some_and(|headers| headers.names.is_empty())
    }

    /// The column that would tell rows that are no order lines, where the settings know words for those and the file has no
    /// such column.
    pub fn untold_sets(&self, fields: &[Field], names: &[Vec<String>]) -> Option<String> {
        let slot = fields.iter().position(|field| field.name == ROW_KIND)?;
        let is_untold = !self.reading.layout.not_a_line.is_empty() && names.get(slot)?.is_empty();
        let headers = self.reading.columns.get(ROW_KIND).filter(|_| is_untold)?;
        headers.names.first().cloned()
    }

    /// The form of dates that was declared.
    pub fn declared(&self) -> DateFormat {
        self.reading.dates
    }

    /// What the times of the file looked like.
    pub fn looks(&self) -> &Looks {
        &self.times.looks
    }
}

/// Texts that many rows name: all have the same copy, which is made, compared and dropped once.
struct Shared<T>(HashSet<T>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

impl<T: Clone + Hash + Eq + Borrow<str> + for<'t> From<&'t str>> Shared<T> {
    /// Beyond so many it starts anew.
    const MOST: usize = 50_000;

    fn of(&mut self, text: &str) -> T {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        if self.0.len() >= Self::MOST {
            self.0.clear();
        }
        let new = T::from(text);
        self.0.insert(new.clone());
        new
    }
}

/// Says which field it is that something is wrong with.
fn of<T>(field: &str, understood: Result<T, Bad>) -> Result<T, Bad> {
    understood.map_err(|reason| format!("{field}: {reason}"))
}

/// Tags: `a;b;c`; where there is no semicolon, `a, b, c`, as many shops write them.
fn labels<T: FromIterator<String>>(cell: &str) -> T {
    let sign = if cell.contains(';') { ';' } else { ',' };
    cell.split(sign).map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

const MEMBER_ID: Field = Field::required(
    "member_id",
    "member, member no, member no., member number, customer_id, customer, customer no, \
     customer no., customer number, user_id, client_id, buyer_id, 會員編號, 會員代號, 會員號碼, 會員序號, 會員ID, 顧客編號, \
     顧客代號, 顧客ID, 客戶編號, 客戶代號, 客戶ID",
);
const ORDER_ID: Field = Field::required(
    "order_id",
    "order, order no, order no., order number, order #, 訂單編號, 訂單號碼, 訂單單號, 訂單代號, 訂單ID",
);
const PRODUCT_ID: Field = Field::required(
    "product_id",
    "product no, product no., product number, product code, sku, item_id, item no, item no., \
     item code, 商品編號, 商品代號, 商品貨號, 商品ID, 產品編號, 產品代號, 產品ID, 貨號, 品號, 料號, 商品料號",
);
const ROW_KIND: &str = "row_kind";
const CATEGORY: &str = "product category, item category, category name, 分類, 商品分類, 類別, 商品類別, 品類";
