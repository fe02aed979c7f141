//! Owns how a row becomes an order line; knows nothing of files.

use super::{CATEGORY, MEMBER_ID, ORDER_ID, PRODUCT_ID, Record, SoFar, Unfit, cell, contact, of};
use crate::domain::ids::Timestamp;
use crate::domain::order::{LineIdentity, OrderLine};
use crate::intake::columns::Field;
use crate::intake::rows::Row;

impl Record for OrderLine {
    const KIND: &'static str = "orders";
    const FIELDS: &'static [Field] = &[
        ORDER_ID,
        MEMBER_ID.unless(&["email", "phone"]),
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
        // What shops' exports say besides: these stand nowhere unless the settings, or their preset, say so.
        Field::mapped("email"),
        Field::mapped("phone"),
        Field::mapped("row_kind"),
        Field::mapped("payment_status"),
        Field::mapped("delivery_status"),
        Field::mapped("cancelled_at"),
        Field::mapped("refunded"),
        Field::mapped("total"),
    ];

    fn understand(row: &mut Row, so_far: &mut SoFar<'_>) -> Result<Self, Unfit> {
        OrderRow::of(row, so_far).map(|line| line.keep(so_far))
    }

    fn check(row: &mut Row, so_far: &mut SoFar<'_>) -> Result<(), Unfit> {
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
    /// The buyer's address, where the settings say that a column is one.
    pub email: Option<&'r str>,
}

impl<'r> OrderRow<'r> {
    /// The order line that a row holds, or why it holds none.
    pub(in crate::intake) fn of(row: &'r mut Row, so_far: &mut SoFar<'_>) -> Result<Self, Unfit> {
        complete(row, so_far)?;
        let row: &'r Row = row;
        let [order, member, product, ordered, category, quantity, price, line, status, delivered, gift] =
            row.cells();
        let delivered = cell::known(delivered);
        let order = of("order_id", cell::id(order))?;
        let (status, counted) = state(row, order, cell::known(status), so_far);
        if !counted && member.is_none_or(str::is_empty) {
            // A guest who went away without paying left no name.
            return Err(Unfit::Ignored);
        }
        Ok(Self {
            order,
            member: of("member_id", cell::id(member))?,
            product: of("product_id", cell::id(product))?,
            ordered_at: of("ordered_at", so_far.times.past(ordered.unwrap_or_default()))?,
            quantity: of("quantity", cell::pieces(quantity))?.unwrap_or(1.0),
            unit_price: of("unit_price", cell::money(price))?,
            delivered_at: of("delivered_at", delivered.map(|c| so_far.times.past(c)).transpose())?,
            gift: of("gift", cell::boolean(gift))?.unwrap_or(false),
            counted,
            status,
            email: row.value(EMAIL).and_then(contact::address),
            category: cell::known(category),
            line: cell::known(line),
        })
    }

    /// The order that a row names, whatever else is wrong with it.
    pub(in crate::intake) fn order_of(row: &'r Row) -> &'r str {
        row.value(ORDER).map(cell::unmarked).unwrap_or_default()
    }

    fn keep(self, so_far: &mut SoFar<'_>) -> OrderLine {
        let line = self.line.map(|name| LineIdentity::Named(name.to_owned()));
        OrderLine {
            line: line.unwrap_or_else(|| LineIdentity::Nth(so_far.nth.next((self.order, self.product)))),
            order: match &so_far.order {
                Some(last) if last.as_str() == self.order => last.clone(),
                _ => so_far.order.insert(self.order.into()).clone(),
            },
            member: so_far.members.of(self.member),
            product: so_far.products.of(self.product),
            category: self.category.map(|category| so_far.categories.of(category)),
            ordered_at: self.ordered_at,
            quantity: self.quantity,
            unit_price: self.unit_price,
            counted: self.counted,
            status: self.status.map(str::to_owned),
            delivered_at: self.delivered_at,
            gift: self.gift,
            email: self.email.map(str::to_owned),
        }
    }
}

/// Slots of the fields.
const ORDER: usize = 0;
const PRODUCT: usize = 2;
const EMAIL: usize = 11;
const ROW_KIND: usize = 13;
const WHO: contact::Slots = contact::Slots { member: 1, email: EMAIL, phone: 12 };
/// What a whole order has: member, time, status, delivery, e-mail, telephone, payment, delivery status, end, refund, total.
const OF_THE_ORDER: [usize; 11] = [1, 3, 8, 9, 11, 12, 14, 15, 16, 17, 18];

/// Fills in what stands elsewhere: in the rows above, or under the buyer's address. A row that is no order line is no
/// record: one whose kind says so, and a further row of an order that names no product.
fn complete(row: &mut Row, so_far: &mut SoFar<'_>) -> Result<(), Unfit> {
    let layout = &so_far.reading.layout;
    let goes_on = layout.carry_down && so_far.above.carry_down(row, ORDER, &OF_THE_ORDER);
    let is_no_line = row.value(ROW_KIND).is_some_and(|kind| so_far.not_a_line.hold(kind));
    if is_no_line || goes_on && row.value(PRODUCT).is_none() {
        return Err(Unfit::Ignored);
    }
    if row.value(EMAIL).is_some() || row.value(WHO.phone).is_some() || !layout.nobody.is_empty() {
        contact::stand_in(row, &WHO, &layout.nobody);
    }
    Ok(())
}

/// The word that tells most of the order, and whether it is a purchase: any word or amount may say that it is none.
fn state<'r>(
    row: &'r Row,
    order: &str,
    status: Option<&'r str>,
    so_far: &mut SoFar<'_>,
) -> (Option<&'r str>, bool) {
    let more @ [payment, delivery, cancelled, refunded, total] =
        [14, 15, 16, 17, 18].map(|slot| row.value(slot));
    if status.is_none() && more.iter().all(Option::is_none) {
        return (None, true);
    }
    let words = [status, payment, delivery];
    if let Some(void) = words.into_iter().flatten().find(|word| so_far.not_a_purchase.hold(word)) {
        return (Some(void), false);
    }
    let word = words.into_iter().flatten().next();
    if cancelled.is_some() {
        return (Some("cancelled"), false);
    }
    match so_far.refunds.of(order, refunded, total, &words) {
        true => (Some("refunded"), false),
        false => (word, true),
    }
}
