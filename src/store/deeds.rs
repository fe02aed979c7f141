//! Owns the record of what people did to the ledger; knows nothing of how it was done.

use serde_json::Value as Json;

use super::value::{Flaw, Row, Statement, json, values};
use super::{Store, StoreError};
use crate::domain::deed::DeedKind;
use crate::domain::ids::Timestamp;

/// What a person did, on record.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    /// When; of what takes long, when it began. Jobs that it moved carry the same instant.
    pub at: Timestamp,
    /// Who: never a secret, never an address.
    pub who: String,
    /// What.
    pub what: DeedKind,
    /// What was asked for, without addresses.
    pub asked: Json,
    /// What came of it; so far, while it is not finished.
    pub counts: Json,
    /// False while it is under way, and for ever when it was broken off.
    pub finished: bool,
}

/// Our key of a deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeedKey(i64);

impl Store {
    /// Records a deed.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn record_deed(&self, deed: &Deed) -> Result<DeedKey, StoreError> {
        let values = values![
            deed.at,
            deed.who.as_str(),
            deed.what.as_str(),
            json(&deed.asked)?,
            json(&deed.counts)?,
            deed.finished,
        ];
        let sql = "INSERT INTO deed (at, who, what, asked, counts, finished) VALUES ($1, $2, $3, $4, $5, $6) RETURNING n";
        let insert = vec![Statement::new(sql, values)];
        let (answers, _) = self.amend(insert, |answers| Ok((Vec::new(), answers))).await?;
        let n = answers.into_iter().flatten().next().map(|mut row| row.int()).transpose();
        let n = n.map_err(|why| StoreError::corrupt("deed", "?", why))?;
        Ok(DeedKey(n.unwrap_or_default()))
    }

    /// Records how far a deed has come, and whether that is all.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn note_deed(&self, key: DeedKey, counts: &Json, finished: bool) -> Result<(), StoreError> {
        let sql = "UPDATE deed SET counts = $2, finished = $3 WHERE n = $1";
        self.write(vec![Statement::new(sql, values![key.0, json(counts)?, finished])]).await.map(drop)
    }

    /// The deeds of this kind, or of all, since then; the last one first.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn deeds(
        &self,
        what: Option<DeedKind>,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Deed>, StoreError> {
        let sql = "SELECT n, at, who, what, asked, counts, finished FROM deed \
            WHERE at >= $1 AND what = coalesce($2, what) ORDER BY at DESC, n DESC LIMIT $3";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found =
            self.ask_one(Statement::new(sql, values![since, what.map(DeedKind::as_str), limit])).await?;
        found.into_iter().map(|row| Ok(row.keyed("deed", deed)?.1)).collect()
    }
}

fn deed(row: &mut Row) -> Result<Deed, Flaw> {
    Ok(Deed {
        at: row.time()?,
        who: row.text()?,
        what: row.word(DeedKind::parse)?,
        asked: row.json()?,
        counts: row.json()?,
        finished: row.bool()?,
    })
}
