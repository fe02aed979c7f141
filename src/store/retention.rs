//! Owns how finished jobs leave the ledger while what they served stays served; knows nothing of when they are old enough.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value as Json, json};

use super::archive::Archive;
use super::rows::FINISHED;
use super::value::{self, Dialect, Flaw, Row, Statement, Value, values};
use super::{Store, StoreError};
use crate::domain::ids::{JobId, Timestamp};

/// A column of an archived row: its name, where it stands, how it is read.
type Column = (&'static str, &'static str, fn(&mut Row) -> Result<Json, Flaw>);

/// What an archived job says of itself.
const JOB: &[Column] = &[
    ("id", "j.id", text),
    ("member", "m.id", text),
    ("state", "j.state", text),
    ("reason", "j.reason", text),
    ("rule", "j.rule", text),
    ("step", "j.step", int),
    ("purpose", "j.purpose", text),
    ("channel", "j.channel", text),
    ("due_at", "j.due_at", time),
    ("valid_until", "j.valid_until", time),
    ("assembled_at", "j.assembled_at", time),
    ("handed_over_at", "j.handed_over_at", time),
    ("ended_at", "j.changed_at", time),
    ("sent_to", "j.sent_to", text),
    ("attempts_used", "j.attempts", int),
    ("pinned", "j.pinned", flag),
    ("shadow", "j.shadow", flag),
    ("rules_hash", "j.rules_hash", text),
    ("content", "j.content", object),
];

/// The lists that come with it: name, table, columns, order.
const LISTS: [(&str, &str, &[Column], &str); 4] = [
    (
        "attempts",
        "attempt",
        &[
            ("at", "at", time),
            ("outcome", "result", text),
            ("reason", "reason", text),
            ("code", "code", text),
            ("reply", "reply", text),
            ("relay", "relay", text),
        ],
        "n",
    ),
    (
        "history",
        "transition",
        &[("at", "at", time), ("state", "state", text), ("reason", "reason", text)],
        "n",
    ),
    ("feedback", "feedback", &[("at", "at", time), ("kind", "kind", text), ("detail", "detail", text)], "n"),
    (
        "occasions",
        "occasion",
        &[
            ("rule", "rule", text),
            ("cycle", "cycle", text),
            ("due_at", "due_at", time),
            ("evidence", "evidence", object),
        ],
        "due_at, cycle",
    ),
];

impl Store {
    /// Moves out at most `limit` jobs that ended before `before`, were last handed over before it and heard of before it:
    /// into the archive, which has them on the disk before the ledger lets go, or for good where there is none. A crash in
    /// between leaves a job in both. Their occasions stay served. Returns how many went; none when none is left, or
    /// another process moves the same.
    ///
    /// # Errors
    /// When the ledger or the archive cannot be written; nothing has left the ledger then.
    pub async fn move_out(
        &self,
        before: Timestamp,
        limit: usize,
        archive: Option<&Archive>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let found = self.ask_one(finished(before, limit)).await?;
        let keys = found.into_iter().map(|row| Ok(row.keyed("job", |_| Ok(()))?.0));
        let keys: Vec<i64> = keys.collect::<Result<_, StoreError>>()?;
        if keys.is_empty() {
            return Ok(0);
        }
        // Whoever forgets a member waits for this, and then finds the member's lines in the files.
        let _held = match archive.cloned() {
            None => None,
            Some(archive) => {
                let held = tokio::task::spawn_blocking(move || archive.hold()).await;
                Some(held.map_err(StoreError::panicked)??)
            }
        };
        let (dialect, archive) = (self.dialect(), archive.cloned());
        let move_out = move |answers| {
            let (keys, months) = archived(answers, now)?;
            if let Some(archive) = &archive {
                archive.append(&months)?;
            }
            Ok((delete(dialect, &keys, now), keys.len() as u64))
        };
        Ok(self.amend(questions(dialect, &keys, before), move_out).await?.0)
    }

    /// When this job was moved out; none when it was not.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn moved_out_at(&self, job: &JobId) -> Result<Option<Timestamp>, StoreError> {
        let found = Statement::new("SELECT at FROM moved WHERE id = $1", values![job.as_str()]);
        let at = self.ask_one(found).await?.pop().map(|mut row| row.time()).transpose();
        at.map_err(|why| StoreError::corrupt("moved", job, why))
    }
}

fn finished(before: Timestamp, limit: usize) -> Statement {
    let sql = format!(
        "SELECT j.key FROM job j WHERE {FINISHED} AND j.changed_at < $1 AND coalesce(j.handed_over_at, j.assembled_at) < $1 \
         AND NOT EXISTS (SELECT 1 FROM feedback f WHERE f.job = j.key AND f.at >= $1) ORDER BY j.changed_at, j.key LIMIT $2"
    );
    Statement::new(sql, values![before, i64::try_from(limit).unwrap_or(i64::MAX)])
}

/// Asks for the jobs again, those that nobody else moves, and for all that belongs to them.
fn questions(dialect: Dialect, keys: &[i64], before: Timestamp) -> Vec<Statement> {
    let any = dialect.any("$1");
    let keys: Value = keys.iter().copied().collect();
    let jobs = format!(
        "SELECT j.key, {} FROM job j JOIN member m ON m.key = j.member WHERE j.key {any} AND {FINISHED} AND j.changed_at < $2 \
         ORDER BY j.key {}",
        places(JOB),
        dialect.skip_locked("j")
    );
    let mut asks = vec![Statement::new(jobs, vec![keys.clone(), before.into()])];
    asks.extend(LISTS.map(|(_, table, columns, order)| {
        let columns = places(columns);
        let sql = format!("SELECT job, {columns} FROM {table} WHERE job {any} ORDER BY {order}");
        Statement::new(sql, vec![keys.clone()])
    }));
    asks
}

fn places(columns: &[Column]) -> String {
    columns.iter().map(|(_, place, _)| *place).collect::<Vec<_>>().join(", ")
}

/// Lines of the archive by month.
type Months = BTreeMap<String, Vec<Json>>;

/// The keys of the jobs that leave, and their lines by month.
fn archived(answers: Vec<Vec<Row>>, now: Timestamp) -> Result<(Vec<i64>, Months), StoreError> {
    let mut answers = answers.into_iter();
    let mut jobs: BTreeMap<i64, Map<String, Json>> = BTreeMap::new();
    for row in answers.next().unwrap_or_default() {
        let (key, mut job) = row.keyed("job", |row| object_of(JOB, row))?;
        job.insert("moved_out_at".to_owned(), json!(now));
        jobs.insert(key, job);
    }
    for ((name, table, columns, _), rows) in LISTS.into_iter().zip(answers) {
        let mut lists: HashMap<i64, Vec<Json>> = HashMap::new();
        for row in rows {
            let (job, entry) = row.keyed(table, |row| object_of(columns, row))?;
            lists.entry(job).or_default().push(Json::Object(entry));
        }
        for (key, job) in &mut jobs {
            job.insert(name.to_owned(), Json::Array(lists.remove(key).unwrap_or_default()));
        }
    }
    let mut months = Months::new();
    let keys = jobs.keys().copied().collect();
    for job in jobs.into_values() {
        let month =
            job.get("ended_at").and_then(Json::as_str).and_then(|at| at.get(..7)).unwrap_or("unknown");
        months.entry(month.to_owned()).or_default().push(Json::Object(job));
    }
    Ok((keys, months))
}

fn delete(dialect: Dialect, keys: &[i64], now: Timestamp) -> Vec<Statement> {
    let any = dialect.any("$1");
    let keys: Value = keys.iter().copied().collect();
    // a shadow job may have been made, and moved out, before
    let remember = format!(
        "INSERT INTO moved (job, id, at) SELECT key, id, CAST($2 AS BIGINT) FROM job WHERE key {any} ON CONFLICT DO NOTHING"
    );
    let mut script = vec![Statement::new(remember, vec![keys.clone(), now.into()])];
    let rest = [
        format!("UPDATE occasion SET evidence = NULL WHERE job {any}"),
        format!("DELETE FROM attempt WHERE job {any}"),
        format!("DELETE FROM transition WHERE job {any}"),
        format!("DELETE FROM feedback WHERE job {any}"),
        format!("DELETE FROM job WHERE key {any}"),
    ];
    script.extend(rest.map(|sql| Statement::new(sql, vec![keys.clone()])));
    script
}

fn object_of(columns: &[Column], row: &mut Row) -> Result<Map<String, Json>, Flaw> {
    columns.iter().map(|(name, _, read)| Ok(((*name).to_owned(), read(row)?))).collect()
}

fn text(row: &mut Row) -> Result<Json, Flaw> {
    Ok(json!(row.opt_text()?))
}

fn int(row: &mut Row) -> Result<Json, Flaw> {
    Ok(json!(row.opt_int()?))
}

fn flag(row: &mut Row) -> Result<Json, Flaw> {
    Ok(json!(row.bool()?))
}

/// What cannot be read goes as it stands there, lest one damaged row keep all that ended after it.
fn time(row: &mut Row) -> Result<Json, Flaw> {
    Ok(row.opt_int()?.map_or(Json::Null, |ms| value::time(ms).map_or(json!(ms), |at| json!(at))))
}

/// Likewise.
fn object(row: &mut Row) -> Result<Json, Flaw> {
    let text = row.opt_text()?;
    Ok(text.map_or(Json::Null, |text| serde_json::from_str(&text).unwrap_or(Json::String(text))))
}
