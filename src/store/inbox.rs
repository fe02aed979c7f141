//! Owns the record of files that were taken in, by what they hold; knows nothing of folders.

use super::value::{Statement, values};
use super::{Store, StoreError};
use crate::domain::ids::Timestamp;

impl Store {
    /// True when a file with this content was taken in before.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn was_taken_in(&self, content: &str) -> Result<bool, StoreError> {
        let sql = "SELECT at FROM taken_in WHERE content = $1";
        Ok(!self.ask_one(Statement::new(sql, values![content])).await?.is_empty())
    }

    /// Records that a file with this content was taken in, at this (real) time.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn note_taken_in(&self, content: &str, file: &str, at: Timestamp) -> Result<(), StoreError> {
        let sql = "INSERT INTO taken_in (content, file, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        self.write(vec![Statement::new(sql, values![content, file, at])]).await.map(drop)
    }
}
