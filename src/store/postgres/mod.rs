//! Owns the PostgreSQL connections and how a transaction runs and is tried again; knows nothing of the tables but their layout.

mod history;
mod ledger;
mod lock;

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Transaction};
use futures::future::{MaybeDone, maybe_done};
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Column, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::StoreError;
use super::catalog::CatalogCache;
use super::layout::Layout;
use super::value::{Row, Statement, Value};

pub(super) use lock::Session;

mod migrations {
    refinery::embed_migrations!("src/store/postgres/migrations");
}

/// The advisory lock of this program, per database, while tables are made.
const LAYOUT_LOCK: i64 = 0x7265_706c_656e_6902;

/// A batch looks its rows up by their keys, whatever the planner thinks: it would read whole tables for 500 members, and
/// keep plans made while the tables were empty.
const BY_KEY: &str = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";

/// Connections that one process keeps at most.
const CONNECTIONS: usize = 16;
/// How long to wait for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a transaction that PostgreSQL broke off is tried in all.
const TRIES: usize = 5;

/// One database on a server.
pub(super) struct Postgres {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    pool: Pool,
    pub catalog: CatalogCache,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").field("database", &self.config.get_dbname()).finish_non_exhaustive()
    }
}

/// The same transaction again, as long as PostgreSQL breaks it off because of another one.
macro_rules! retried {
    ($attempt:expr) => {{
        let mut tries = 1;
        loop {
            match $attempt.await {
                Err(e) if e.is_conflict() && tries < $crate::store::postgres::TRIES => tries += 1,
                done => break done,
            }
        }
    }};
}
use retried;

impl Postgres {
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let postgres = Self::look_into(url)?;
        postgres.migrate().await?;
        Ok(postgres)
    }

    /// Connects when it is first asked.
    pub fn look_into(url: &str) -> Result<Self, StoreError> {
        let mut config: Config =
            url.parse().map_err(|e| StoreError::Url(format!(", or cannot be read ({e})")))?;
        let options = format!("{} {BY_KEY}", config.get_options().unwrap_or_default());
        config.connect_timeout(PATIENCE).application_name("replenish").options(options);
        let tls = (config.get_ssl_mode() == SslMode::Require).then(tls).transpose()?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match &tls {
            Some(tls) => Manager::from_config(config.clone(), tls.clone(), recycling),
            None => Manager::from_config(config.clone(), NoTls, recycling),
        };
        let pool = Pool::builder(manager).max_size(CONNECTIONS).runtime(Runtime::Tokio1);
        let pool = pool.wait_timeout(Some(PATIENCE)).create_timeout(Some(PATIENCE)).build();
        let pool = pool.map_err(|e| StoreError::open("PostgreSQL", e))?;
        Ok(Self { config, tls, pool, catalog: CatalogCache::default() })
    }

    /// Answers from one read-only snapshot.
    pub async fn ask(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        retried!(self.ask_once(&statements))
    }

    async fn ask_once(&self, statements: &[Statement]) -> Result<Vec<Vec<Row>>, StoreError> {
        let mut client = self.client().await?;
        let snapshot = client.build_transaction().read_only(true);
        let tx = snapshot.isolation_level(tokio_postgres::IsolationLevel::RepeatableRead).start().await?;
        let answers = rows(&tx, statements).await?;
        tx.commit().await?;
        Ok(answers)
    }

    pub async fn amend<R, F>(&self, asks: Vec<Statement>, mut then: F) -> Result<(R, Vec<u64>), StoreError>
    where
        R: Send + 'static,
        F: FnMut(Vec<Vec<Row>>) -> Result<(Vec<Statement>, R), StoreError> + Send + 'static,
    {
        retried!(self.amend_once(&asks, &mut then))
    }

    async fn amend_once<R, F>(&self, asks: &[Statement], then: &mut F) -> Result<(R, Vec<u64>), StoreError>
    where
        F: FnMut(Vec<Vec<Row>>) -> Result<(Vec<Statement>, R), StoreError>,
    {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let (statements, value) = then(rows(&tx, asks).await?)?;
        let affected = execute_all(&tx, &statements).await?;
        tx.commit().await?;
        Ok((value, affected))
    }

    /// The server cleans up by itself: its autovacuum writes over what was erased.
    pub async fn wipe(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn client(&self) -> Result<Object, StoreError> {
        Ok(self.pool.get().await?)
    }

    /// Makes or updates the tables, one process at a time.
    async fn migrate(&self) -> Result<(), StoreError> {
        let mut client = self.client().await.map_err(|e| StoreError::open("PostgreSQL", e))?;
        client.execute("SELECT pg_advisory_lock($1)", &[&LAYOUT_LOCK]).await?;
        let done = retried!(update(&mut client));
        client.execute("SELECT pg_advisory_unlock($1)", &[&LAYOUT_LOCK]).await?;
        done
    }
}

/// Each migration is a transaction of its own, which running processes may stand in the way of.
async fn update(client: &mut Client) -> Result<(), StoreError> {
    let runner = migrations::migrations::runner();
    let known = runner.get_migrations().iter().map(|m| i64::from(m.version())).max().unwrap_or(0);
    if !Layout::is_behind(found(client).await?, known)? {
        return Ok(());
    }
    Ok(runner.run_async(client).await.map(drop)?)
}

/// The layout of the database; none while it is empty.
async fn found(client: &Client) -> Result<Option<Layout>, StoreError> {
    let made = "SELECT to_regclass('meta') IS NOT NULL";
    if !client.query_one(made, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    let row = client.query_one(Layout::ASKED, &[]).await?;
    Ok(Some(Layout::of(row.try_get(0)?, row.try_get(1)?)))
}

/// Certificates as browsers trust them, ciphers by ring.
fn tls() -> Result<MakeRustlsConnect, StoreError> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let ring = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions();
    let config = config.map_err(|e| StoreError::open("PostgreSQL", e))?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// What the queries find. They are sent together, and answered in order.
async fn rows(tx: &Transaction<'_>, statements: &[Statement]) -> Result<Vec<Vec<Row>>, StoreError> {
    let prepared = prepare(tx, statements).await?;
    let queries = statements.iter().zip(&prepared).map(|(s, sql)| async move {
        let found = tx.query(sql, &parameters(&s.values)).await?;
        found.iter().map(row).collect::<Result<Vec<_>, StoreError>>()
    });
    in_order(queries).await.into_iter().collect()
}

/// How many rows each statement changed. They are sent together and take effect in order.
async fn execute_all(tx: &Transaction<'_>, statements: &[Statement]) -> Result<Vec<u64>, StoreError> {
    let prepared = prepare(tx, statements).await?;
    let commands = statements.iter().zip(&prepared);
    let commands = commands.map(|(s, sql)| async move { Ok(tx.execute(sql, &parameters(&s.values)).await?) });
    in_order(commands).await.into_iter().collect()
}

async fn prepare(
    tx: &Transaction<'_>,
    statements: &[Statement],
) -> Result<Vec<tokio_postgres::Statement>, StoreError> {
    let mut prepared = Vec::with_capacity(statements.len());
    for statement in statements {
        prepared.push(tx.prepare_cached(&statement.sql).await?);
    }
    Ok(prepared)
}

/// Sends every request before it waits for the first answer: a group costs one round trip, not one each.
async fn in_order<F: Future>(requests: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut sent: Vec<_> = requests.map(|r| Box::pin(maybe_done(r))).collect();
    for request in &mut sent {
        let _ = futures::poll!(request.as_mut());
    }
    let mut answers = Vec::with_capacity(sent.len());
    for mut request in sent {
        request.as_mut().await;
        answers.extend(MaybeDone::take_output(request.as_mut()));
    }
    answers
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|v| v as &(dyn ToSql + Sync)).collect()
}

fn row(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let cell = |(i, column): (usize, &Column)| -> Result<Value, tokio_postgres::Error> {
        Ok(match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(i)?.into(),
            Type::INT4 => row.try_get::<_, Option<i32>>(i)?.map(i64::from).into(),
            Type::FLOAT8 => row.try_get::<_, Option<f64>>(i)?.into(),
            Type::BOOL => row.try_get::<_, Option<bool>>(i)?.into(),
            _ => row.try_get::<_, Option<String>>(i)?.into(),
        })
    };
    Ok(Row::new(row.columns().iter().enumerate().map(cell).collect::<Result<_, _>>()?))
}
