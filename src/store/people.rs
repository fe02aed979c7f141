//! Owns who is who and who has opted out; knows nothing of what they are written.

use super::forget::{beside, forgot_anyone, forgotten_among, gate};
use super::rows::{self, address};
use super::value::{Row, Statement, Value, values};
use super::{MemberKey, Store, StoreError};
use crate::domain::ids::{MemberId, OrderId, Timestamp};
use crate::domain::member::{Purpose, Suppression};

/// Who opts out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Whom {
    /// A member, whatever the address.
    Member(MemberId),
    /// An e-mail address, whoever has it now or later; case does not matter.
    Address(String),
}

/// An opt-out on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whom it is about.
    pub whom: Whom,
    /// What it stops.
    pub what: Suppression,
    /// Who said so, and why.
    pub because: String,
    /// When it was recorded.
    pub at: Timestamp,
}

impl Store {
    /// The member of this id.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn member_by_id(&self, id: &MemberId) -> Result<Option<MemberKey>, StoreError> {
        let found = self.keys("SELECT key FROM member WHERE id = $1", id.as_str().into()).await?;
        Ok(found.first().copied())
    }

    /// The members with this e-mail address, in key order; case does not matter.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn members_by_address(&self, email: &str) -> Result<Vec<MemberKey>, StoreError> {
        self.keys("SELECT key FROM member WHERE address = $1 ORDER BY key", address(email).into()).await
    }

    /// The member who made this order: of its first line, should its lines name several.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn member_by_order(&self, order: &OrderId) -> Result<Option<MemberKey>, StoreError> {
        let sql = "SELECT l.member FROM orders o JOIN line l ON l.order_key = o.key WHERE o.id = $1 ORDER BY l.line LIMIT 1";
        Ok(self.keys(sql, order.as_str().into()).await?.first().copied())
    }

    async fn keys(&self, sql: &'static str, what: Value) -> Result<Vec<MemberKey>, StoreError> {
        let found = self.ask_one(Statement::new(sql, vec![what])).await?;
        found.into_iter().map(|row| Ok(MemberKey(row.keyed("member", |_| Ok(()))?.0))).collect()
    }

    /// Records an opt-out, at once and for good until [`Store::unsuppress`]: no import lifts it, and a second one never
    /// shortens the first, except that the member's wish to be reminded again replaces what was there. A member not known yet gets a bare
    /// row; nothing is recorded of one who was forgotten. Returns how many members were woken; their holds are released.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn suppress(
        &self,
        whom: Whom,
        what: Suppression,
        because: &str,
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        let forget = self.forget.clone();
        let hash = forget.as_ref().map(|key| key.of(&whom));
        let asks =
            vec![beside(self.dialect()), forgot_anyone(), forgotten_among(self.dialect(), hash.into_iter())];
        let because = because.to_owned();
        let record = move |answers: Vec<Vec<Row>>| {
            let [_, named, forgotten]: [Vec<Row>; 3] = answers.try_into().unwrap_or_default();
            // an opt-out that cannot be told from one of the forgotten is kept
            if matches!(gate(forget.as_ref(), named), Ok(Some(_))) && !forgotten.is_empty() {
                return Ok((Vec::new(), 0));
            }
            let script = opted_out(&whom, &what, &because, at);
            // the last but one wakes
            let wake_at = script.len() - 2;
            Ok((script, wake_at))
        };
        let (wake_at, affected) = self.amend(asks, record).await?;
        Ok(affected.get(wake_at).copied().unwrap_or(0))
    }

    /// Takes back the opt-outs of exactly this member or address: of `purpose` and `item`, where given, else all.
    /// Wakes those concerned and releases their holds; returns how many opt-outs were lifted.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn unsuppress(
        &self,
        whom: Whom,
        purpose: Option<Purpose>,
        item: Option<String>,
    ) -> Result<u64, StoreError> {
        let (own, who) = match &whom {
            Whom::Member(id) => ("member = (SELECT key FROM member WHERE id = $1)", id.to_string()),
            Whom::Address(email) => ("address = $1", address(email)),
        };
        let mut sql = format!("DELETE FROM suppression WHERE {own}");
        let mut values = values![who];
        for (column, wanted) in [("purpose", purpose.map(|p| p.as_str().to_owned())), ("item", item)] {
            if let Some(wanted) = wanted {
                values.push(wanted.into());
                sql += &format!(" AND {column} = ${}", values.len());
            }
        }
        let mut script = vec![Statement::new(sql, values)];
        script.extend(wake(&whom));
        Ok(self.write(script).await?.first().copied().unwrap_or(0))
    }

    /// The standing opt-outs of a member or an address, or all, in the order in which they came.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn suppressions(&self, of: Option<Whom>) -> Result<Vec<Standing>, StoreError> {
        let (own, values) = match &of {
            Some(Whom::Member(id)) => ("WHERE m.id = $1", values![id.as_str()]),
            Some(Whom::Address(email)) => ("WHERE s.address = $1", values![address(email)]),
            None => ("", Vec::new()),
        };
        let sql = format!(
            "SELECT s.key, m.id, s.address, s.purpose, s.item, s.until, s.again, s.because, s.at \
             FROM suppression s LEFT JOIN member m ON m.key = s.member {own} ORDER BY s.key"
        );
        let found = self.ask_one(Statement::new(sql, values)).await?;
        found.into_iter().map(|row| Ok(row.keyed("suppression", standing)?.1)).collect()
    }
}

fn opted_out(whom: &Whom, what: &Suppression, because: &str, at: Timestamp) -> Vec<Statement> {
    let mut script = Vec::new();
    if let Whom::Member(id) = whom {
        let sql = "INSERT INTO member (id, wake_at) VALUES ($1, 0) ON CONFLICT (id) DO NOTHING";
        script.push(Statement::new(sql, values![id.as_str()]));
    }
    script.push(opt_out(whom, what, because, at));
    script.extend(wake(whom));
    script
}

fn standing(row: &mut Row) -> Result<Standing, String> {
    let whom = match (row.opt_text()?, row.opt_text()?) {
        (Some(id), _) => Whom::Member(id.into()),
        (None, Some(address)) => Whom::Address(address),
        (None, None) => return Err("it is about no one".into()),
    };
    let what = rows::suppression(row)?;
    Ok(Standing { whom, what, because: row.text()?, at: row.time()? })
}

pub(super) fn opt_out(whom: &Whom, what: &Suppression, because: &str, at: Timestamp) -> Statement {
    let (column, select, who) = match whom {
        Whom::Member(id) => {
            ("member", "SELECT key, $2, $3, $4, $5, $6, $7 FROM member WHERE id = $1", id.to_string())
        }
        Whom::Address(email) => ("address", "VALUES ($1, $2, $3, $4, $5, $6, $7)", address(email)),
    };
    let sql = format!(
        "INSERT INTO suppression ({column}, purpose, item, until, again, because, at) {select} \
         ON CONFLICT (coalesce(member, 0), coalesce(address, ''), coalesce(purpose, ''), coalesce(item, '')) \
         DO UPDATE SET because = excluded.because, at = excluded.at, \
            until = CASE WHEN excluded.again IS NOT NULL THEN excluded.until \
                WHEN suppression.until > excluded.until THEN suppression.until \
                WHEN suppression.until IS NOT NULL THEN excluded.until END, \
            again = CASE WHEN excluded.again IS NOT NULL THEN excluded.again \
                WHEN suppression.until > excluded.until THEN suppression.again END"
    );
    Statement::new(
        sql,
        values![
            who,
            what.purpose.map(Purpose::as_str),
            what.item.as_deref(),
            what.until,
            what.again,
            because,
            at
        ],
    )
}

/// Wakes the members concerned, then lets go of what guards held back: in this order, so that a decision under way is
/// waited for before its holds are looked at.
pub(super) fn wake(whom: &Whom) -> [Statement; 2] {
    let (column, who) = match whom {
        Whom::Member(id) => ("id", id.to_string()),
        Whom::Address(email) => ("address", address(email)),
    };
    let wake = format!("UPDATE member SET wake_at = 0 WHERE {column} = $1");
    let release =
        format!("{} AND member IN (SELECT key FROM member WHERE {column} = $1)", super::history::RELEASE);
    [Statement::new(wake, values![who.as_str()]), Statement::new(release, values![who])]
}
