//! Owns how a row becomes an order line; knows nothing of files.

use super::{CATEGORY, MEMBER_ID, PRODUCT_ID, Record, SoFar, cell, of, shared};
use crate::domain::ids::Timestamp;
use crate::domain::order::{LineIdentity, OrderLine};
use crate::intake::columns::Field;
use crate::intake::rows::{Bad, Row};

impl Record for OrderLine {
    const KIND: &'static str = "orders";
    const FIELDS: &'static [Field] = &[
        Field::required(
            "order_id",
            "order, order no, order no., order number, order #, 訂單編號, 訂單號碼, 訂單單號, 訂單代號, 訂單ID",
        ),
        MEMBER_ID,
        PRODUCT_ID,
        Field::required(
            "ordered_at",
            "order date, order time, order datetime, ordered on, purchased at, purchase date, \
             date, 訂單日期, 訂單時間, 訂購日期, 訂購時間, 下單日期, 下單時間, 購買日期, 購買時間, 交易日期, 訂單成立時間, \
             訂單成立日期, 訂單建立時間, 訂單建立日期, 日期",
        ),
        Field::optional("category", CATEGORY),
        Field::optional(
            "quantity",
            "qty, pieces, quantity ordered, 數量, 購買數量, 訂購數量, 商品數量, 銷售數量, 件數",
        ),
        Field::optional(
            "unit_price",
            "price, item price, item cost, 單價, 商品單價, 銷售單價, 商品售價, 售價, 價格",
        ),
        Field::optional(
            "line",
            "line no, line no., line number, line_id, line item, line item id, 項次, 明細編號",
        ),
        Field::optional("status", "order status, 訂單狀態, 狀態"),
        Field::optional(
            "delivered_at",
            "delivered, delivered on, delivered date, 送達日期, 送達時間, 到貨日期, 到貨時間, 配達日期",
        ),
        Field::optional("gift", "is gift, as gift, 送禮, 是否送禮, 贈禮"),
    ];

    fn understand(row: &Row, so_far: &mut SoFar<'_>) -> Result<Self, Bad> {
        OrderRow::of(row, so_far).map(|line| line.keep(so_far))
    }

    fn check(row: &Row, so_far: &mut SoFar<'_>) -> Result<(), Bad> {
        OrderRow::of(row, so_far).map(drop)
    }
}

/// An order line as it stands in its row: understood, but not copied from there. Its fields are those of [`OrderLine`];
/// a text that may be missing is never empty.
#[derive(Debug, Clone)]
#[expect(missing_docs)]
pub struct OrderRow<'r> {
    pub order: &'r str,
    /// The shop's word for the line.
    pub line: Option<&'r str>,
    pub member: &'r str,
    pub product: &'r str,
    pub category: Option<&'r str>,
    pub ordered_at: Timestamp,
    pub quantity: f64,
    pub unit_price: Option<f64>,
    pub status: Option<&'r str>,
    pub counted: bool,
    pub delivered_at: Option<Timestamp>,
    pub gift: bool,
}

impl<'r> OrderRow<'r> {
    /// The order line that a row holds, or why it holds none.
    pub(in crate::intake) fn of(row: &'r Row, so_far: &mut SoFar<'_>) -> Result<Self, Bad> {
        let [order, member, product, ordered, category, quantity, price, line, status, delivered, gift] =
            row.cells();
        let (status, delivered) = (cell::known(status), cell::known(delivered));
        Ok(Self {
            order: of("order_id", cell::id(order))?,
            member: of("member_id", cell::id(member))?,
            product: of("product_id", cell::id(product))?,
            ordered_at: of("ordered_at", so_far.times.past(ordered.unwrap_or_default()))?,
            quantity: of("quantity", cell::number(quantity))?.unwrap_or(1.0),
            unit_price: of("unit_price", cell::money(price))?,
            delivered_at: of("delivered_at", delivered.map(|c| so_far.times.past(c)).transpose())?,
            gift: of("gift", cell::boolean(gift))?.unwrap_or(false),
            counted: status.is_none_or(|word| counts(word, &so_far.reading.not_a_purchase)),
            status,
            category: cell::known(category),
            line: cell::known(line),
        })
    }

    fn keep(self, so_far: &mut SoFar<'_>) -> OrderLine {
        let line = self.line.map(|name| LineIdentity::Named(name.to_owned()));
        OrderLine {
            line: line.unwrap_or_else(|| LineIdentity::Nth(so_far.nth.next(self.order, self.product))),
            order: shared(&mut so_far.order, self.order),
            member: shared(&mut so_far.member, self.member),
            product: self.product.into(),
            category: self.category.map(str::to_owned),
            ordered_at: self.ordered_at,
            quantity: self.quantity,
            unit_price: self.unit_price,
            counted: self.counted,
            status: self.status.map(str::to_owned),
            delivered_at: self.delivered_at,
            gift: self.gift,
        }
    }
}

fn counts(status: &str, not_a_purchase: &[String]) -> bool {
    !not_a_purchase.contains(&status.to_lowercase())
}
