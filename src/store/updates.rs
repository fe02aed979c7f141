//! Owns what a shop's webhooks say of single orders: that an older word never replaces a newer one, and that an order
//! said whole leaves no other lines; knows nothing of how they are worded.

use super::history::{RELEASE, Stored};
use super::value::{Statement, values};
use super::{Store, StoreError, on};
use crate::domain::ids::{MemberId, OrderId, Timestamp};
use crate::domain::order::OrderUpdate;

/// What of an update the engines go by, while they store its lines.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    order: OrderId,
    number: String,
    at: Timestamp,
    whole: bool,
}

impl Fence {
    /// Takes the order for this update; changes no row when a newer one was there before. Whoever comes at the same
    /// time waits.
    pub fn claim(&self) -> Statement {
        let older = if self.whole { "<=" } else { "<" };
        let sql = format!(
            "UPDATE orders SET number = $2, changed_at = $3 \
             WHERE id = $1 AND (changed_at IS NULL OR changed_at {older} $3)"
        );
        Statement::new(sql, values![self.order.as_str(), self.number.as_str(), self.at])
    }
}

impl Store {
    /// Stores an update in one transaction, as [`Store::put_orders`] does; none when a newer one was stored before.
    ///
    /// # Errors
    /// When the store cannot answer; nothing of the update is kept then.
    pub async fn put_order(&self, update: OrderUpdate) -> Result<Option<Stored>, StoreError> {
        let OrderUpdate { order, number, at, lines, whole } = update;
        let fence = Some(Fence { order, number, at, whole });
        on!(self, engine => engine.put_orders(lines, whole, self.forget.clone(), fence).await)
    }

    /// The order that the shop's webhooks call so, and who made it.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn order_by_number(&self, number: &str) -> Result<Option<(OrderId, MemberId)>, StoreError> {
        let sql = "SELECT o.key, o.id, m.id FROM orders o JOIN line l ON l.order_key = o.key \
            JOIN member m ON m.key = l.member WHERE o.number = $1 ORDER BY o.changed_at DESC, l.line LIMIT 1";
        let found = self.ask_one(Statement::new(sql, values![number])).await?.pop();
        let read = |row: super::value::Row| row.keyed("orders", |r| Ok((r.text()?.into(), r.text()?.into())));
        Ok(found.map(read).transpose()?.map(|(_, found)| found))
    }

    /// Counts the order that the shop's webhooks call so as none, with this status, unless the shop changed it later;
    /// wakes whose it was and releases their holds. How many lines no longer count.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn void_order(&self, number: &str, at: Timestamp, status: &str) -> Result<u64, StoreError> {
        let claim = "UPDATE orders SET changed_at = $2 WHERE number = $1 AND (changed_at IS NULL OR changed_at <= $2)";
        let own = "order_key IN (SELECT key FROM orders WHERE number = $1 AND changed_at = $2) AND counted";
        let of = |sql: String| Statement::new(sql, values![number, at]);
        let script = vec![
            of(claim.to_owned()),
            of(format!("UPDATE member SET wake_at = 0 WHERE key IN (SELECT member FROM line WHERE {own})")),
            of(format!("{RELEASE} AND member IN (SELECT member FROM line WHERE {own})")),
            Statement::new(
                format!("UPDATE line SET counted = FALSE, status = $3 WHERE {own}"),
                values![number, at, status],
            ),
        ];
        Ok(self.write(script).await?.last().copied().unwrap_or(0))
    }
}
