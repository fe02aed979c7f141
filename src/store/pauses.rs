//! Owns what a person has paused, until someone resumes it; knows nothing of what waits for that.

use super::value::{Dialect, Flaw, Row, Statement, values};
use super::{Store, StoreError};
use crate::domain::ids::Timestamp;
use crate::domain::pause::PauseScope;

/// A pause on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// What it stops.
    pub scope: PauseScope,
    /// Who said so, and why.
    pub because: String,
    /// Since when.
    pub since: Timestamp,
}

/// What every decision reads. It holds on to the pauses that it saw: whoever resumes waits for decisions under way, and
/// then finds what they held.
pub(super) fn scopes(dialect: Dialect, decides: bool) -> Statement {
    let lock = if decides { dialect.for_share() } else { "" };
    Statement::new(format!("SELECT scope, name FROM pause ORDER BY scope, name {lock}"), Vec::new())
}

pub(super) fn scope(row: &mut Row) -> Result<PauseScope, Flaw> {
    let (kind, name) = (row.text()?, row.text()?);
    PauseScope::parse(&kind, &name).ok_or_else(|| format!("`{kind}` is nothing that can be paused"))
}

impl Store {
    /// Pauses from now on, in every process; true when it was not paused before. What was paused stays so since then,
    /// with the new reason.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn pause(&self, pause: Pause) -> Result<bool, StoreError> {
        let Pause { scope, because, since } = pause;
        let key = || values![scope.kind(), scope.name().unwrap_or_default()];
        let (mut new, mut again) = (key(), key());
        new.extend(values![because.as_str(), since]);
        again.extend(values![because.as_str()]);
        let affected = self
            .write(vec![
                Statement::new(
                    "INSERT INTO pause (scope, name, because, since) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                    new,
                ),
                Statement::new("UPDATE pause SET because = $3 WHERE scope = $1 AND name = $2", again),
            ])
            .await?;
        Ok(affected.first().is_some_and(|&rows| rows > 0))
    }

    /// Ends a pause; false when there was none. What pauses hold is ready at once: the guards look again, and hold what
    /// another pause stops.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn resume(&self, scope: &PauseScope) -> Result<bool, StoreError> {
        let end = "DELETE FROM pause WHERE scope = $1 AND name = $2";
        let occasions = "UPDATE occasion SET held_until = NULL, held_for = NULL WHERE state = 'open' AND held_for = 'paused'";
        let jobs =
            "UPDATE job SET not_before = NULL, reason = NULL WHERE state = 'scheduled' AND reason = 'paused'";
        let script = vec![
            Statement::new(end, values![scope.kind(), scope.name().unwrap_or_default()]),
            Statement::new(occasions, Vec::new()),
            Statement::new(jobs, Vec::new()),
        ];
        Ok(self.write(script).await?.first().is_some_and(|&rows| rows > 0))
    }

    /// Everything that is paused, in the order in which it came.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        let sql = "SELECT scope, name, because, since FROM pause ORDER BY since, scope, name";
        let read =
            |mut row: Row| Ok(Pause { scope: scope(&mut row)?, because: row.text()?, since: row.time()? });
        let found = self.ask_one(Statement::new(sql, Vec::new())).await?.into_iter();
        found.map(|row| read(row).map_err(|why: Flaw| StoreError::corrupt("pause", "*", why))).collect()
    }
}
