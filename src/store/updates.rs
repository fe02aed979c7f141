//! Owns what a shop's webhooks say of single orders: that an older word never replaces a newer one, and that an order
//! said whole leaves no other lines; knows nothing of how they are worded.

use std::collections::HashMap;

use super::forget::ForgetKey;
use super::history::{LineRow, RELEASE, Stored};
use super::value::{Dialect, Row, Statement, values};
use super::{Store, StoreError, on};
use crate::domain::ids::{MemberId, OrderId, Timestamp};
use crate::domain::order::OrderUpdate;

/// By whose word lines come, which the engines go by while they store them.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// True when the lines are all that their orders have.
    pub whole: bool,
    /// Lines of orders that changed later are passed over.
    pub as_of: Option<Timestamp>,
    /// What the forgotten are known by.
    pub forget: Option<ForgetKey>,
    /// That of a webhook.
    pub fence: Option<Fence>,
}

/// A line that is stored, as far as a new version of its order is compared with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StoredLine {
    pub order: i64,
    pub line: i64,
    pub member: i64,
    pub product: i64,
    pub quantity: f64,
    pub delivered_at: Option<i64>,
    pub gift: bool,
}

impl StoredLine {
    const ASK: &str = "SELECT order_key, line, member, product, quantity, delivered_at, gift FROM line";

    /// Asks for all lines of these orders; [`StoredLine::read`] reads the answer.
    pub fn of(dialect: Dialect, orders: impl Iterator<Item = i64>) -> Statement {
        let sql = format!("{} WHERE order_key {}", Self::ASK, dialect.any("$1"));
        Statement::new(sql, vec![orders.collect()])
    }

    pub fn read(answer: Vec<Row>) -> Result<Vec<Self>, StoreError> {
        let rest = |r: &mut Row| Ok((r.int()?, r.int()?, r.int()?, r.real()?, r.opt_int()?, r.bool()?));
        let line = |(order, (line, member, product, quantity, delivered_at, gift))| Self {
            order,
            line,
            member,
            product,
            quantity,
            delivered_at,
            gift,
        };
        answer.into_iter().map(|row| row.keyed("line", rest).map(line)).collect()
    }
}

/// Keeps what webhooks do not tell of lines that are known: when they arrived, and that they were gifts.
pub(super) fn keep_untold(rows: &mut [LineRow], stored: &[StoredLine]) {
    let known: HashMap<(i64, i64), &StoredLine> = stored.iter().map(|l| ((l.order, l.line), l)).collect();
    for row in rows {
        if let Some(line) = known.get(&(row.order, row.line)) {
            row.delivered_at = row.delivered_at.or(line.delivered_at);
            row.gift |= line.gift;
        }
    }
}

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
             WHERE id = $1 AND (changed_at IS NULL OR changed_at {older} $3) \
                AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.number = $2 AND o.id <> $1 AND o.changed_at > $3)"
        );
        Statement::new(sql, values![self.order.as_str(), self.number.as_str(), self.at])
    }

    /// Asks for the lines of the same order under a name that it had before.
    pub fn former(&self) -> Statement {
        let sql = format!(
            "{} WHERE order_key IN (SELECT key FROM orders WHERE number = $2 AND id <> $1)",
            StoredLine::ASK
        );
        Statement::new(sql, values![self.order.as_str(), self.number.as_str()])
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
        let word = Word { whole, as_of: None, forget: self.forget.clone(), fence };
        on!(self, engine => engine.put_orders(lines, word).await)
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
    /// wakes whose it was and releases their holds. Where no webhook told of it before, it is the `order` of that name.
    /// Where nothing is known of it, what is told of it later and is older does not count either. How many lines no longer
    /// count.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn void_order(
        &self,
        number: &str,
        order: Option<&OrderId>,
        at: Timestamp,
        status: &str,
    ) -> Result<u64, StoreError> {
        let name = "UPDATE orders SET number = $1 WHERE id = $2 AND number IS NULL \
            AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.number = $1)";
        let unknown = "INSERT INTO orders (id, number, changed_at) SELECT $2, $1, $3 \
            WHERE NOT EXISTS (SELECT 1 FROM orders WHERE number = $1) ON CONFLICT DO NOTHING";
        let claim = "UPDATE orders SET changed_at = $2 WHERE number = $1 AND (changed_at IS NULL OR changed_at <= $2)";
        let own = "order_key IN (SELECT key FROM orders WHERE number = $1 AND changed_at = $2) AND counted";
        let of = |sql: String| Statement::new(sql, values![number, at]);
        let script = vec![
            Statement::new(name, values![number, order.map(OrderId::as_str)]),
            Statement::new(unknown, values![number, order.map_or(number, OrderId::as_str), at]),
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
