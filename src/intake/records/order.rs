//! Owns how a row becomes an order line; knows nothing of files.

use super::{CATEGORY, MEMBER_ID, PRODUCT_ID, Record, SoFar, cell, of, shared};
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
             date, 訂單日期, 訂單時間, 訂購日期, 訂購時間, 下單日期, 下單時間, 購買日期, 購買時間, 交易日期, 訂單成立時間, 日期",
        ),
        Field::optional("category", CATEGORY),
        Field::optional("quantity", "qty, pieces, 數量, 購買數量, 訂購數量, 商品數量, 件數"),
        Field::optional("unit_price", "price, item price, 單價, 商品單價, 售價, 價格"),
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
        let [order, member, product, ordered, category, quantity, price, line, status, delivered, gift] =
            row.cells();
        let order = of("order_id", cell::id(order))?;
        let member = of("member_id", cell::id(member))?;
        let product = of("product_id", cell::id(product))?;
        let ordered_at = of("ordered_at", so_far.times.past(ordered.unwrap_or_default()))?;
        let quantity = of("quantity", cell::number(quantity))?.unwrap_or(1.0);
        let unit_price = of("unit_price", cell::number(price))?;
        let delivered = delivered.filter(|c| !c.is_empty()).map(|c| so_far.times.past(c));
        let delivered_at = of("delivered_at", delivered.transpose())?;
        let gift = of("gift", cell::boolean(gift))?.unwrap_or(false);
        let line = line.filter(|c| !c.is_empty()).map(|c| LineIdentity::Named(c.to_owned()));
        Ok(Self {
            line: line.unwrap_or_else(|| LineIdentity::Nth(so_far.nth.next(order, product))),
            order: shared(&mut so_far.order, order),
            member: shared(&mut so_far.member, member),
            product: product.into(),
            category: cell::known(category),
            ordered_at,
            quantity,
            unit_price,
            counted: status.is_none_or(|s| counts(s, &so_far.reading.not_a_purchase)),
            status: cell::known(status),
            delivered_at,
            gift,
        })
    }
}

fn counts(status: &str, not_a_purchase: &[String]) -> bool {
    status.is_empty() || !not_a_purchase.contains(&status.to_lowercase())
}
