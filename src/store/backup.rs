//! Owns copies of the ledger, and the mark by which a copy knows that it is one; decides nothing.

use std::path::Path;

use super::history::{note, recall, recalled};
use super::value::{Row, Statement, time, values};
use super::{Engine, Store, StoreError};
use crate::domain::ids::Timestamp;
use crate::domain::restored::Gap;

/// The row of `meta` that a copy has: when it was made.
pub(super) const BACKED_UP: &str = "backed_up_at";
/// The row of `meta` that says which time a restored ledger knows nothing of.
const GAP: &str = "restored_gap";

/// What taking over a restored ledger found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// The time it knows nothing of.
    pub gap: Gap,
    /// E-mails that waited in it and may have gone since.
    pub uncertain: u64,
}

impl Store {
    /// Writes a consistent copy of an embedded ledger beside whoever works on it, marked as of `at`; whole, or not there.
    /// Returns its size in bytes; none for PostgreSQL, which has its own tools.
    ///
    /// # Errors
    /// When the file is there already, or cannot be written.
    pub async fn back_up(&self, to: &Path, at: Timestamp) -> Result<Option<u64>, StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.back_up(to, at).await.map(Some),
            Engine::Postgres(_) => Ok(None),
        }
    }

    /// Marks this ledger as restored from a backup taken at `at`, for backups that do not say so themselves.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn mark_restored(&self, at: Timestamp) -> Result<(), StoreError> {
        self.write(vec![note(BACKED_UP, &at.timestamp_millis().to_string())]).await.map(drop)
    }

    /// Takes over a restored ledger, once: every e-mail that waits in it and is ready now may have gone since, so it
    /// becomes `uncertain` (`restored`), and the time until now is remembered. With `resend` nothing is in doubt: what may
    /// have gone is sent again. None when this ledger is no copy.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn take_restored(&self, now: Timestamp, resend: bool) -> Result<Option<Restored>, StoreError> {
        let take = move |answers: Vec<Vec<Row>>| {
            let mark = recalled(BACKED_UP, answers.into_iter().next().unwrap_or_default())?;
            let Some(mark) = mark else { return Ok((Vec::new(), None)) };
            let gap = Gap { from: instant(BACKED_UP, &mark)?, until: now };
            let over = Statement::new("DELETE FROM meta WHERE key = $1", values![BACKED_UP]);
            let doubted = if resend { Vec::new() } else { vec![doubt(now), remember(gap)] };
            Ok((doubted.into_iter().chain([over]).collect(), Some(gap)))
        };
        let (gap, affected) = self.amend(vec![recall(BACKED_UP)], take).await?;
        let uncertain = if resend { 0 } else { affected.first().copied().unwrap_or(0) };
        Ok(gap.map(|gap| Restored { gap, uncertain }))
    }

    /// The time that this ledger knows nothing of; none when it never was a copy.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn gap(&self) -> Result<Option<Gap>, StoreError> {
        let Some(text) = recalled(GAP, self.ask_one(recall(GAP)).await?)? else { return Ok(None) };
        let (from, until) = text.split_once(' ').unwrap_or((&text, &text));
        Ok(Some(Gap { from: instant(GAP, from)?, until: instant(GAP, until)? }))
    }
}

fn doubt(now: Timestamp) -> Statement {
    let sql = "UPDATE job SET state = 'uncertain', reason = 'restored', changed_at = $1, lease_until = NULL \
        WHERE channel = 'email' AND NOT shadow \
            AND (state IN ('queued', 'sending') OR (state = 'scheduled' AND ready_at <= $1))";
    Statement::new(sql, values![now])
}

fn remember(gap: Gap) -> Statement {
    note(GAP, &format!("{} {}", gap.from.timestamp_millis(), gap.until.timestamp_millis()))
}

/// The time that a row of `meta` names, in milliseconds.
pub(super) fn instant(key: &'static str, text: &str) -> Result<Timestamp, StoreError> {
    let at = text.parse().map_err(|_| format!("`{text}` is no time")).and_then(time);
    at.map_err(|why| StoreError::corrupt("meta", key, why))
}
