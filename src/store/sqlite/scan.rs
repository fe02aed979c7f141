//! Owns the stream of all order lines out of SQLite; knows nothing of what they mean.

use std::sync::Arc;

use rusqlite::{Connection, Row};

use super::Sqlite;
use crate::domain::ids::{OrderId, ProductKey, Timestamp};
use crate::domain::order::Line;
use crate::store::{MemberKey, StoreError, value};

impl Sqlite {
    pub async fn scan<F>(self: &Arc<Self>, until: Timestamp, each: F) -> Result<(), StoreError>
    where
        F: FnMut(MemberKey, Vec<Line>) + Send + 'static,
    {
        self.read(move |connection| scan(connection, until.timestamp_millis(), each)).await
    }
}

/// Reads history as it lies. An order's id is looked up once for its lines, not once for each.
fn scan(
    connection: &Connection,
    until: i64,
    mut each: impl FnMut(MemberKey, Vec<Line>),
) -> Result<(), StoreError> {
    let mut ids = connection.prepare_cached("SELECT id FROM orders WHERE key = ?1")?;
    let mut id = |key: i64| ids.query_row([key], |row| Ok(OrderId::from(row.get_ref(0)?.as_str()?)));
    let mut lines = connection.prepare_cached(
        "SELECT member, order_key, product, at, quantity, counted, gift, delivered_at FROM line \
         ORDER BY member, order_key, line",
    )?;
    let mut cursor = lines.query([])?;
    let (mut member, mut order): (Option<i64>, Option<(i64, OrderId)>) = (None, None);
    let mut gathered: Vec<Line> = Vec::new();
    while let Some(row) = cursor.next()? {
        if row.get::<_, i64>(3)? > until {
            continue;
        }
        let (whose, which) = (row.get(0)?, row.get(1)?);
        if let Some(done) = member.filter(|m| *m != whose) {
            hand_over(&mut each, done, &mut gathered);
        }
        member = Some(whose);
        if order.as_ref().is_none_or(|(key, _)| *key != which) {
            order = Some((which, id(which)?));
        }
        if let Some((_, order)) = &order {
            gathered.push(line(row, order.clone(), whose)?);
        }
    }
    if let Some(done) = member {
        hand_over(&mut each, done, &mut gathered);
    }
    Ok(())
}

fn hand_over(each: &mut impl FnMut(MemberKey, Vec<Line>), member: i64, gathered: &mut Vec<Line>) {
    gathered.sort_by_key(|l| l.at);
    each(MemberKey(member), std::mem::take(gathered));
}

fn line(row: &Row<'_>, order: OrderId, member: i64) -> Result<Line, StoreError> {
    let time =
        |ms| value::time(ms).map_err(|why| StoreError::corrupt("line", format!("{order} of {member}"), why));
    let delivered_at: Option<i64> = row.get(7)?;
    Ok(Line {
        product: ProductKey(row.get(2)?),
        at: time(row.get(3)?)?,
        quantity: row.get(4)?,
        counted: row.get(5)?,
        gift: row.get(6)?,
        delivered_at: delivered_at.map(time).transpose()?,
        order,
    })
}
