//! Owns understanding: the cells of a row into a record, or the reason why it is none; knows nothing of files.

mod cell;
mod member;
mod nth;
mod order;
mod product;
mod time;

use std::borrow::Borrow;

use super::columns::Field;
use super::rows::{Bad, Row};
use super::{Format, Reading};
use crate::domain::ids::{MemberId, OrderId};
use nth::Nth;
use time::Times;

pub use order::OrderRow;
pub use time::{DateFormat, Look, Looks};

/// A kind of record that files hold: [`OrderLine`], [`MemberRecord`], [`ProductRecord`]. A closed set.
///
/// [`OrderLine`]: crate::domain::order::OrderLine
/// [`MemberRecord`]: crate::domain::member::MemberRecord
/// [`ProductRecord`]: crate::domain::catalog::ProductRecord
pub trait Record: Sized {
    /// Its name in commands and settings: `orders`, `members`, `products`.
    const KIND: &'static str;
    #[doc(hidden)]
    const FIELDS: &'static [Field];
    #[doc(hidden)]
    fn understand(row: &Row, so_far: &mut SoFar<'_>) -> Result<Self, Bad>;
    /// What is wrong with a row of which nothing is to be kept.
    #[doc(hidden)]
    fn check(row: &Row, so_far: &mut SoFar<'_>) -> Result<(), Bad> {
        Self::understand(row, so_far).map(drop)
    }
}

/// What understanding the rows of one file has learnt so far.
pub struct SoFar<'a> {
    reading: &'a Reading,
    times: Times,
    nth: Nth,
    order: Option<OrderId>,
    member: Option<MemberId>,
}

impl<'a> SoFar<'a> {
    /// At the beginning of a file.
    pub fn new(reading: &'a Reading, format: Format) -> Self {
        let times = Times::new(reading.zone, reading.latest, reading.dates, format == Format::Xlsx);
        Self { reading, times, nth: Nth::default(), order: None, member: None }
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

/// The id of that text; the last one again where it is the same, as within an order.
fn shared<T: Clone + Borrow<str> + for<'t> From<&'t str>>(last: &mut Option<T>, text: &str) -> T {
    match last {
        Some(id) if (*id).borrow() == text => id.clone(),
        _ => last.insert(text.into()).clone(),
    }
}

/// Says which field it is that something is wrong with.
fn of<T>(field: &str, understood: Result<T, Bad>) -> Result<T, Bad> {
    understood.map_err(|reason| format!("{field}: {reason}"))
}

const MEMBER_ID: Field = Field::required(
    "member_id",
    "member, member no, member no., member number, customer_id, customer, customer no, \
     customer no., customer number, user_id, client_id, buyer_id, 會員編號, 會員代號, 會員號碼, 會員序號, 會員ID, 顧客編號, \
     顧客代號, 顧客ID, 客戶編號, 客戶代號, 客戶ID",
);
const PRODUCT_ID: Field = Field::required(
    "product_id",
    "product no, product no., product number, product code, sku, item_id, item no, item no., \
     item code, 商品編號, 商品代號, 商品貨號, 商品ID, 產品編號, 產品代號, 產品ID, 貨號, 品號, 料號, 商品料號",
);
const CATEGORY: &str = "product category, item category, category name, 分類, 商品分類, 類別, 商品類別, 品類";
