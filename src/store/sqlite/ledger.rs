//! Owns one decision in SQLite: view, ask, write, all on the writer's thread; decides nothing.

use std::sync::Arc;

use rusqlite::Transaction;

use super::{Sqlite, execute_all, rows};
use crate::domain::catalog::Catalog;
use crate::domain::change::Change;
use crate::domain::ids::Timestamp;
use crate::domain::member::MemberView;
use crate::store::catalog::{self, CatalogCache};
use crate::store::decision::{Decisions, Script};
use crate::store::ledger::{self, Pick};
use crate::store::value::{Dialect, Statement};
use crate::store::{StoreError, view};

impl Sqlite {
    pub async fn decide<R, F>(
        self: &Arc<Self>,
        pick: Pick,
        now: Timestamp,
        caps_since: Timestamp,
        mut decide: F,
    ) -> Result<Decisions<R>, StoreError>
    where
        R: Send + 'static,
        F: FnMut(&MemberView, &Catalog) -> (Vec<Change>, R) + Send + 'static,
    {
        let this = Arc::clone(self);
        self.write(move |tx, _| {
            let keys = ledger::keys(rows(tx, &ledger::picked(Dialect::Sqlite, &pick, now))?)?;
            let catalog = current(tx, &this.catalog)?;
            let mut decisions = Decisions { decided: Vec::with_capacity(keys.len()), damaged: Vec::new() };
            for batch in keys.chunks(view::BATCH) {
                let questions = view::questions_to_decide(Dialect::Sqlite, batch, now, caps_since);
                let answers = questions.iter().map(|q| rows(tx, q)).collect::<Result<_, _>>()?;
                let views = view::views(answers, now)?;
                let script = Script::of(Dialect::Sqlite, views, &catalog, now, &mut decide);
                let affected = execute_all(tx, &script.statements)?;
                script.finish(&affected, &mut decisions);
            }
            Ok(decisions)
        })
        .await
    }
}

/// The catalog as this transaction sees it.
fn current(tx: &Transaction<'_>, cache: &CatalogCache) -> Result<Arc<Catalog>, StoreError> {
    let version = catalog::version(rows(tx, &Statement::new(catalog::VERSION, Vec::new()))?)?;
    match cache.get(&version) {
        Some(catalog) => Ok(catalog),
        None => {
            cache.keep(version, catalog::questions().iter().map(|q| rows(tx, q)).collect::<Result<_, _>>()?)
        }
    }
}
