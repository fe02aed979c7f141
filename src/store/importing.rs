//! Owns the mark that orders are on their way in, chunk by chunk; knows nothing of what they say.

use super::history::note;
use super::value::{Dialect, Row, Statement, values};
use super::{Store, StoreError};

/// The row of `meta` that says until when the mark holds, by the clock of the database.
const UNTIL: &str = "import_until";
/// So long a mark holds, in milliseconds: one that is not set again belongs to a process that died.
const HOLDS: i64 = 120_000;

/// A mark that was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportMark(i64);

impl Store {
    /// Says that orders are on their way in, for the next two minutes: decisions of that time know that a member's latest
    /// orders may be missing. To be said again before they are over.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn mark_import(&self) -> Result<ImportMark, StoreError> {
        let clock = Statement::new(format!("SELECT {}", self.dialect().real_now()), Vec::new());
        let mark = |answers: Vec<Vec<Row>>| {
            let row = answers.into_iter().flatten().next();
            let now = row.ok_or("it is silent".to_owned()).and_then(|mut row| row.int());
            let until = now.map_err(|why| StoreError::corrupt("the clock", UNTIL, why))? + HOLDS;
            Ok((vec![note(UNTIL, &until.to_string())], ImportMark(until)))
        };
        Ok(self.amend(vec![clock], mark).await?.0)
    }

    /// Takes the mark away, unless another import has set it since; what waited for it is ready at once.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn end_import(&self, mark: ImportMark) -> Result<(), StoreError> {
        let script = vec![
            Statement::new(
                "DELETE FROM meta WHERE key = $1 AND value = $2",
                values![UNTIL, mark.0.to_string()],
            ),
            Statement::new(
                "UPDATE occasion SET held_until = NULL, held_for = NULL \
                 WHERE state = 'open' AND held_for = 'import_under_way'",
                Vec::new(),
            ),
            Statement::new(
                "UPDATE job SET not_before = NULL, reason = NULL WHERE state = 'scheduled' AND reason = 'import_under_way'",
                Vec::new(),
            ),
        ];
        self.write(script).await.map(drop)
    }
}

/// Asks whether the mark holds: then there is an answer.
pub(super) fn is_under_way(dialect: Dialect) -> Statement {
    let sql = format!(
        "SELECT CAST(1 AS BIGINT) FROM meta WHERE key = $1 AND CAST(value AS BIGINT) > {}",
        dialect.real_now()
    );
    Statement::new(sql, values![UNTIL])
}
