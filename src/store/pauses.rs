//! Owns what a person or an endpoint has paused, until someone resumes it; knows nothing of what waits for that.

use super::value::{Dialect, Flaw, Row, Statement, values};
use super::{Store, StoreError};
use crate::domain::ids::Timestamp;
use crate::domain::pause::{PauseScope, PausedBy};

/// A pause on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// What it stops.
    pub scope: PauseScope,
    /// Who said so.
    pub by: PausedBy,
    /// Why, in words.
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

fn by(row: &mut Row) -> Result<PausedBy, Flaw> {
    let word = row.text()?;
    PausedBy::parse(&word).ok_or_else(|| format!("`{word}` is nobody who pauses"))
}

impl Store {
    /// Pauses from now on, in every process; true when the same one had not paused it before. What was paused stays so
    /// since then, with the new reason; what another one has paused stays as it is.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn pause(&self, pause: Pause) -> Result<bool, StoreError> {
        let Pause { scope, by, because, since } = pause;
        let key = || values![scope.kind(), scope.name().unwrap_or_default(), by.as_str()];
        let (mut new, mut again) = (key(), key());
        new.extend(values![because.as_str(), since]);
        again.extend(values![because.as_str()]);
        let affected = self
            .write(vec![
                Statement::new(
                    "INSERT INTO pause (scope, name, who, because, since) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                    new,
                ),
                Statement::new("UPDATE pause SET because = $4 WHERE scope = $1 AND name = $2 AND who = $3", again),
            ])
            .await?;
        Ok(affected.first().is_some_and(|&rows| rows > 0))
    }

    /// Ends a pause, whoever made it; false when there was none. What pauses hold, and what an endpoint that was gone
    /// sent back, is ready at once: the guards look again, and hold what
    /// another pause stops.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn resume(&self, scope: &PauseScope) -> Result<bool, StoreError> {
        let end = "DELETE FROM pause WHERE scope = $1 AND name = $2";
        let occasions = "UPDATE occasion SET held_until = NULL, held_for = NULL WHERE state = 'open' AND held_for = 'paused'";
        let jobs = "UPDATE job SET not_before = NULL, reason = NULL WHERE state = 'scheduled' \
            AND reason IN ('paused', 'endpoint_gone')";
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
        let sql = "SELECT scope, name, who, because, since FROM pause ORDER BY since, scope, name, who";
        let read = |mut row: Row| {
            let scope = scope(&mut row)?;
            Ok(Pause { scope, by: by(&mut row)?, because: row.text()?, since: row.time()? })
        };
        let found = self.ask_one(Statement::new(sql, Vec::new())).await?.into_iter();
        found.map(|row| read(row).map_err(|why: Flaw| StoreError::corrupt("pause", "*", why))).collect()
    }
}
