//! Owns how the harness reads the ledger: past the program, by SQL of its own; writes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, types::ValueRef};
use tokio::runtime::Handle;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::diary::Watch;

const JOBS: &str = "SELECT j.id, m.id, j.rule, j.channel, j.state, coalesce(j.reason, ''), j.ready_at FROM job j \
    JOIN member m ON m.key = j.member";
const HAND_OVERS: &str = "SELECT j.id, t.at FROM transition t JOIN job j ON j.key = t.job \
    WHERE t.state = 'sending' ORDER BY t.n";
const ATTEMPTS: &str = "SELECT j.id, a.at, a.result, coalesce(a.reason, '') FROM attempt a JOIN job j ON j.key = a.job \
    ORDER BY a.n";

/// Where the ledger is, past every proxy.
pub enum Ledger {
    Sqlite(PathBuf),
    Postgres(String),
}

/// A job as the ledger has it.
#[derive(Debug, Clone)]
pub struct Job {
    pub member: String,
    pub rule: String,
    pub channel: String,
    pub state: String,
    pub reason: String,
    pub ready_at: Duration,
    /// When it was handed over.
    pub hand_overs: Vec<Duration>,
    pub attempts: Vec<Attempt>,
}

/// The end of a hand-over that is on record.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub at: Duration,
    pub result: String,
    pub reason: String,
}

impl Job {
    /// True when nothing but a person moves it on.
    pub fn is_over(&self) -> bool {
        !matches!(self.state.as_str(), "scheduled" | "queued" | "sending")
    }

    /// May it have come to this end? Nothing but people stops a message.
    pub fn may_end_so(&self, is_stopped: bool) -> bool {
        match self.state.as_str() {
            "delivered" | "uncertain" => true,
            "skipped" | "cancelled" => is_stopped,
            _ => false,
        }
    }
}

/// All jobs, by id.
pub type Jobs = BTreeMap<String, Job>;

impl Ledger {
    /// Every job without its past. A ledger that is busy is asked again.
    pub fn jobs(&self) -> Jobs {
        self.rows(JOBS).into_iter().map(job).collect()
    }

    /// Every job with its hand-overs and attempts.
    pub fn with_past(&self) -> Jobs {
        let mut jobs = self.jobs();
        for row in self.rows(HAND_OVERS) {
            jobs.get_mut(&row[0]).expect("a job").hand_overs.push(time(&row[1]));
        }
        for row in self.rows(ATTEMPTS) {
            let [id, at, result, reason] = row.try_into().expect("four columns");
            jobs.get_mut(&id).expect("a job").attempts.push(Attempt { at: time(&at), result, reason });
        }
        jobs
    }

    fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        match self {
            Ledger::Sqlite(path) => sqlite(path, sql).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
            Ledger::Postgres(url) => Handle::current().block_on(postgres(url, sql)).expect("the database"),
        }
    }
}

fn job(row: Vec<String>) -> (String, Job) {
    let [id, member, rule, channel, state, reason, ready_at] = row.try_into().expect("seven columns");
    let (hand_overs, attempts) = (Vec::new(), Vec::new());
    let ready_at = time(&ready_at);
    (id, Job { member, rule, channel, state, reason, ready_at, hand_overs, attempts })
}

fn time(ms: &str) -> Duration {
    Watch::since_begin(ms.parse().expect("milliseconds"))
}

fn sqlite(path: &Path, sql: &str) -> rusqlite::Result<Vec<Vec<String>>> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let text = |row: &rusqlite::Row<'_>, n| {
        Ok(match row.get_ref(n)? {
            ValueRef::Integer(number) => number.to_string(),
            other => other.as_str()?.to_owned(),
        })
    };
    let rows = statement.query_map([], |row| (0..columns).map(|n| text(row, n)).collect())?;
    rows.collect()
}

async fn postgres(url: &str, sql: &str) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    let answer = client.simple_query(sql).await?;
    let rows = answer.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(rows.map(|row| (0..row.len()).map(|n| row.get(n).unwrap_or_default().to_owned()).collect()).collect())
}
