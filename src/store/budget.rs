//! Owns the figures that share out a shop day's messages: what is due, and what went already; decides nothing.

use super::value::{Flaw, Row, Statement, time, values};
use super::{MemberKey, Store, StoreError};
use crate::domain::budget::Waiting;
use crate::domain::ids::Timestamp;

impl Store {
    /// What would become messages now: the open occasions that are ready, or over, by member, rule and step; in no order.
    /// A figure that cannot be read is the least there is: the decision on its member finds the damage.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn waiting(&self, now: Timestamp) -> Result<Vec<(MemberKey, Waiting)>, StoreError> {
        let sql = "SELECT o.member, m.id, o.rule, o.step, max(coalesce(o.chance, 0.0)), min(o.due_at) \
            FROM occasion o JOIN member m ON m.key = o.member WHERE o.state = 'open' AND o.ready_at <= $1 \
            GROUP BY o.member, m.id, o.rule, o.step";
        let found = self.ask_one(Statement::new(sql, values![now])).await?.into_iter();
        found
            .map(|row| row.keyed("occasion", waiting).map(|(key, waiting)| (MemberKey(key), waiting)))
            .collect()
    }

    /// How many messages were assembled within `[from, until)`: live ones, or those of the shadow.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn assembled_within(
        &self,
        from: Timestamp,
        until: Timestamp,
        shadow: bool,
    ) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM job WHERE assembled_at >= $1 AND assembled_at < $2 AND shadow = $3";
        let row = self.ask_one(Statement::new(sql, values![from, until, shadow])).await?.pop();
        let count = row.map(|mut row| row.int()).transpose();
        let count = count.map_err(|why| StoreError::corrupt("job", "*", why))?;
        Ok(count.unwrap_or(0).unsigned_abs())
    }
}

fn waiting(row: &mut Row) -> Result<Waiting, Flaw> {
    Ok(Waiting {
        member: row.text()?.into(),
        rule: row.text()?.into(),
        step: u16::try_from(row.int()?).unwrap_or_default(),
        chance: row.real()?,
        due_at: time(row.int()?).unwrap_or_default(),
    })
}
