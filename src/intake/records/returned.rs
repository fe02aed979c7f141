//! Owns how a row becomes a return; knows nothing of files and of what was bought.

use super::{ORDER_ID, PRODUCT_ID, Record, SoFar, Unfit, cell, of};
use crate::domain::order::Return;
use crate::intake::columns::Field;
use crate::intake::rows::Row;

impl Record for Return {
    const KIND: &'static str = "returns";
    const FIELDS: &'static [Field] = &[
        ORDER_ID,
        PRODUCT_ID,
        Field::optional(
            "quantity",
            "qty, pieces, returned quantity, return quantity, 數量, 退貨數量, 退回數量",
        ),
        Field::optional(
            "returned_at",
            "returned, returned on, return date, returned date, refunded at, refund date, date, 退貨日期, 退貨時間, \
             退回日期, 退款日期, 退款時間, 日期",
        ),
    ];

    fn understand(row: &mut Row, so_far: &mut SoFar<'_>) -> Result<Self, Unfit> {
        let [order, product, quantity, at] = row.cells();
        let (order, product) = (of("order_id", cell::id(order))?, of("product_id", cell::id(product))?);
        let quantity = of("quantity", cell::number(quantity))?;
        if let Some(bad) = quantity.filter(|pieces| *pieces <= 0.0) {
            return Err(
                format!("quantity: `{bad}` is not above zero; write how many pieces came back").into()
            );
        }
        let at = cell::known(at).map(|at| so_far.times.past(at)).transpose();
        let at = of("returned_at", at)?;
        Ok(Self {
            nth: so_far.nth.next((order, product, at)),
            order: order.into(),
            product: product.into(),
            quantity,
            at,
        })
    }
}
