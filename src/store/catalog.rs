//! Owns the catalog that is kept in memory, and when it is out of date; knows nothing of what is sold.

use std::sync::{Arc, Mutex, PoisonError};

use super::value::{Row, Statement};
use super::{Store, StoreError, on, rows};
use crate::domain::catalog::Catalog;

/// Counts what changed products or labels, in any process.
pub(super) const VERSION: &str = "SELECT value FROM meta WHERE key = 'catalog_version'";

/// Says that products or labels have changed.
pub(super) const BUMP: &str = "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) \
    WHERE key = 'catalog_version'";

/// The catalog of one version; asked for by the version that stands in the database.
#[derive(Debug, Default)]
pub(super) struct CatalogCache(Mutex<Option<(String, Arc<Catalog>)>>);

impl CatalogCache {
    pub fn get(&self, version: &str) -> Option<Arc<Catalog>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|(v, _)| v == version).map(|(_, catalog)| Arc::clone(catalog))
    }

    /// Keeps the catalog that the answers to [`questions`] make.
    pub fn keep(&self, version: String, answers: Vec<Vec<Row>>) -> Result<Arc<Catalog>, StoreError> {
        let catalog = Arc::new(rows::catalog(answers)?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((version, Arc::clone(&catalog)));
        Ok(catalog)
    }
}

/// The version in the answer to [`VERSION`].
pub(super) fn version(answer: Vec<Row>) -> Result<String, StoreError> {
    let row = answer.into_iter().next();
    let mut row = row.ok_or_else(|| StoreError::corrupt("meta", "catalog_version", "it is missing"))?;
    row.text().map_err(|why| StoreError::corrupt("meta", "catalog_version", why))
}

/// What to ask for the catalog. The version comes before: a change in between is then seen next time.
pub(super) fn questions() -> Vec<Statement> {
    rows::CATALOG.iter().map(|sql| Statement::new(*sql, Vec::new())).collect()
}

impl Store {
    /// The catalog as it stands; kept in memory, read again when products changed.
    ///
    /// # Errors
    /// When the store cannot answer, or a product's row is damaged.
    pub async fn catalog(&self) -> Result<Arc<Catalog>, StoreError> {
        let cache = on!(self, engine => &engine.catalog);
        let version = version(self.ask_one(Statement::new(VERSION, Vec::new())).await?)?;
        match cache.get(&version) {
            Some(catalog) => Ok(catalog),
            None => cache.keep(version, self.ask(questions()).await?),
        }
    }
}
