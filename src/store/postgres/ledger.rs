//! Owns one decision in PostgreSQL: lock, view, ask, write; decides nothing.

use std::sync::Arc;

use deadpool_postgres::Transaction;

use super::{Postgres, execute_all, retried, rows};
use crate::domain::catalog::Catalog;
use crate::domain::change::Change;
use crate::domain::ids::Timestamp;
use crate::domain::member::MemberView;
use crate::store::StoreError;
use crate::store::catalog::{self, CatalogCache};
use crate::store::decision::{Decisions, Script};
use crate::store::ledger::{self, Pick};
use crate::store::value::{Dialect, Statement};
use crate::store::view::{self, Views};

/// What to decide on, and since when contacts count.
struct Question {
    pick: Pick,
    now: Timestamp,
    caps_since: Timestamp,
}

impl Postgres {
    pub async fn decide<R, F>(
        self: &Arc<Self>,
        pick: Pick,
        now: Timestamp,
        caps_since: Timestamp,
        decide: F,
    ) -> Result<Decisions<R>, StoreError>
    where
        R: Send + 'static,
        F: FnMut(&MemberView, &Catalog) -> (Vec<Change>, R) + Send + 'static,
    {
        let question = Question { pick, now, caps_since };
        let mut decide = Some(decide);
        retried!(self.decide_once(&question, &mut decide))
    }

    async fn decide_once<R, F>(
        &self,
        question: &Question,
        decide: &mut Option<F>,
    ) -> Result<Decisions<R>, StoreError>
    where
        R: Send + 'static,
        F: FnMut(&MemberView, &Catalog) -> (Vec<Change>, R) + Send + 'static,
    {
        let Question { pick, now, caps_since } = question;
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let keys = ledger::keys(one(&tx, ledger::picked(Dialect::Postgres, pick, *now)).await?)?;
        let catalog = current(&tx, &self.catalog).await?;
        let mut decisions = Decisions { decided: Vec::with_capacity(keys.len()), damaged: Vec::new() };
        for batch in keys.chunks(view::BATCH) {
            let answers =
                rows(&tx, &view::questions_to_decide(Dialect::Postgres, batch, *now, *caps_since)).await?;
            let views = view::views(answers, *now)?;
            let script = aside(decide, views, Arc::clone(&catalog), *now).await?;
            let affected = execute_all(&tx, &script.statements).await?;
            script.finish(&affected, &mut decisions);
        }
        tx.commit().await?;
        Ok(decisions)
    }
}

/// Asks `decide` on a thread that may be busy for a while, and gives it back for the next batch.
async fn aside<R, F>(
    decide: &mut Option<F>,
    views: Views,
    catalog: Arc<Catalog>,
    now: Timestamp,
) -> Result<Script<R>, StoreError>
where
    R: Send + 'static,
    F: FnMut(&MemberView, &Catalog) -> (Vec<Change>, R) + Send + 'static,
{
    let Some(mut asked) = decide.take() else { return Err(StoreError::Closed) };
    let work = move || (Script::of(Dialect::Postgres, views, &catalog, now, &mut asked), asked);
    let (script, asked) = tokio::task::spawn_blocking(work).await.map_err(StoreError::panicked)?;
    *decide = Some(asked);
    Ok(script)
}

async fn one(
    tx: &Transaction<'_>,
    statement: Statement,
) -> Result<Vec<crate::store::value::Row>, StoreError> {
    Ok(rows(tx, &[statement]).await?.pop().unwrap_or_default())
}

/// The catalog as this transaction sees it.
async fn current(tx: &Transaction<'_>, cache: &CatalogCache) -> Result<Arc<Catalog>, StoreError> {
    let version = catalog::version(one(tx, Statement::new(catalog::VERSION, Vec::new())).await?)?;
    match cache.get(&version) {
        Some(catalog) => Ok(catalog),
        None => cache.keep(version, rows(tx, &catalog::questions()).await?),
    }
}
