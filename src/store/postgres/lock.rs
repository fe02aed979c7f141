//! Owns the run lock in PostgreSQL: an advisory lock that lives as long as the session that took it; knows nothing of runs.

use tokio_postgres::{Client, Connection, NoTls};
use tokio_util::sync::CancellationToken;

use super::Postgres;
use crate::store::{Held, Lock, StoreError};

/// The advisory lock of an embedded run, per database.
const RUN_LOCK: i64 = 0x7265_706c_656e_6901;

/// A machine that vanished gives its lock back within half a minute: the server asks whether it is still there.
const STILL_THERE: &str =
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

/// The server's process whose session holds the lock.
const HOLDER: &str = "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
    WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted \
    AND (l.classid::bigint << 32 | l.objid::bigint) = $1";

/// A session of its own.
#[derive(Debug)]
pub struct Session {
    client: Client,
    pid: i32,
    ended: CancellationToken,
}

impl Session {
    /// Returns when the server ended it, or cannot be reached.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Postgres {
    /// The lock lives as long as the session that took it.
    pub async fn try_lock(&self) -> Result<Option<Lock>, StoreError> {
        let session = self.session().await?;
        let got = session.client.query_one("SELECT pg_try_advisory_lock($1)", &[&RUN_LOCK]).await?;
        Ok(got.try_get::<_, bool>(0)?.then_some(Lock { held: Held::Session(session) }))
    }

    /// The same, after `lost` ended on this side. The server may still be ending it: it is no other process then.
    pub async fn take_again(&self, lost: &Session) -> Result<Option<Lock>, StoreError> {
        if let Some(lock) = self.try_lock().await? {
            return Ok(Some(lock));
        }
        let holder = self.client().await?.query_opt(HOLDER, &[&RUN_LOCK]).await?;
        let holder: Option<i32> = holder.map(|row| row.try_get(0)).transpose()?;
        match holder {
            Some(pid) if pid != lost.pid => Ok(None),
            _ => Err(StoreError::Lost(
                "the server has not yet ended the session that held the run lock".into(),
            )),
        }
    }

    async fn session(&self) -> Result<Session, StoreError> {
        let ended = CancellationToken::new();
        let client = match &self.tls {
            Some(tls) => attend(self.config.connect(tls.clone()).await?, &ended),
            None => attend(self.config.connect(NoTls).await?, &ended),
        };
        client.batch_execute(STILL_THERE).await?;
        let pid = client.query_one("SELECT pg_backend_pid()", &[]).await?.try_get(0)?;
        Ok(Session { client, pid, ended })
    }
}

/// Lets the connection run until its client is dropped, or the server is gone.
fn attend<S, T>((client, connection): (Client, Connection<S, T>), ended: &CancellationToken) -> Client
where
    Connection<S, T>: Future + Send + 'static,
    <Connection<S, T> as Future>::Output: Send,
{
    let ended = ended.clone().drop_guard();
    tokio::spawn(async move {
        let _ended = ended;
        connection.await
    });
    client
}
