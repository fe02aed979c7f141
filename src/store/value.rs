//! Owns the values, statements and rows that both engines speak; knows nothing of what they mean.

use std::borrow::Cow;

use chrono::DateTime;
use rusqlite::types::{ToSql as SqliteToSql, ToSqlOutput, ValueRef};
use tokio_postgres::types::{IsNull, ToSql as PostgresToSql, Type, private::BytesMut, to_sql_checked};

use super::StoreError;
use crate::domain::ids::Timestamp;

/// One value of a statement or a row. Booleans are integers in SQLite.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Real(f64),
    Bool(bool),
    Text(String),
    /// Only as the one parameter of [`Dialect::any`], or a column of an `UNNEST`.
    Array(Vec<Value>),
}

/// One SQL text with the values of `$1`, `$2`, …
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub sql: Cow<'static, str>,
    pub values: Vec<Value>,
}

impl Statement {
    pub fn new(sql: impl Into<Cow<'static, str>>, values: Vec<Value>) -> Self {
        Self { sql: sql.into(), values }
    }
}

/// The values of a statement, each by its own `From`.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::value::Value::from($value)),*] };
}
pub(super) use values;

/// Where the two SQLs differ within a text that is otherwise shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// `column … any("$1")`: is one of the array's values.
    pub fn any(self, parameter: &str) -> String {
        match self {
            Dialect::Sqlite => format!("IN (SELECT value FROM rarray({parameter}))"),
            Dialect::Postgres => format!("= ANY({parameter})"),
        }
    }

    /// Locks what a query finds; SQLite has one writer anyway.
    pub fn for_update(self) -> &'static str {
        match self {
            Dialect::Sqlite => "",
            Dialect::Postgres => "FOR UPDATE",
        }
    }

    /// Keeps others from changing what a query finds, until the transaction ends.
    pub fn for_share(self) -> &'static str {
        match self {
            Dialect::Sqlite => "",
            Dialect::Postgres => "FOR SHARE",
        }
    }

    /// The clock that leases go by, in milliseconds: the server's, which is the same for all processes of a fleet; in SQLite
    /// the caller's, which is this parameter.
    pub fn lease_clock(self, parameter: &str) -> String {
        match self {
            Dialect::Sqlite => parameter.to_owned(),
            // never null: the parameter stands there for its type alone
            Dialect::Postgres => {
                format!("coalesce(CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT), {parameter})")
            }
        }
    }

    /// Wakes every member. In PostgreSQL each row is written, awake or not: that waits for a decision under way, which
    /// would otherwise put its member to sleep without having seen the news.
    pub fn wake_all(self) -> &'static str {
        match self {
            Dialect::Sqlite => "UPDATE member SET wake_at = 0 WHERE wake_at IS DISTINCT FROM 0",
            Dialect::Postgres => "UPDATE member SET wake_at = 0",
        }
    }

    /// Forgetting a member is done `alone`: it waits for those who store records, and they wait for it. SQLite has one
    /// writer anyway.
    pub fn hold_forgotten(self, alone: bool) -> &'static str {
        match (self, alone) {
            (Dialect::Sqlite, _) => "SELECT 1 WHERE false",
            (Dialect::Postgres, true) => "LOCK TABLE forgotten IN EXCLUSIVE MODE",
            (Dialect::Postgres, false) => "LOCK TABLE forgotten IN ROW SHARE MODE",
        }
    }

    /// The real time by the clock of the database, in milliseconds.
    pub fn real_now(self) -> &'static str {
        match self {
            Dialect::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            Dialect::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }

    /// Locks what a query finds and leaves out what another process holds.
    pub fn skip_locked(self, table: &str) -> String {
        match self {
            Dialect::Sqlite => String::new(),
            Dialect::Postgres => format!("FOR UPDATE OF {table} SKIP LOCKED"),
        }
    }
}

impl Value {
    /// For messages: never the value itself, which may be an address.
    fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Int(_) => "an integer",
            Value::Real(_) => "a number",
            Value::Bool(_) => "true or false",
            Value::Text(_) => "a text",
            Value::Array(_) => "an array",
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Real(value)
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(value.to_owned())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Text(value)
    }
}
impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Value::Int(value.timestamp_millis())
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}
impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Value::Array(values.into_iter().map(Into::into).collect())
    }
}

impl SqliteToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null | Value::Array(_) => ValueRef::Null,
            Value::Int(i) => ValueRef::Integer(*i),
            Value::Real(r) => ValueRef::Real(*r),
            Value::Bool(b) => ValueRef::Integer(i64::from(*b)),
            Value::Text(t) => ValueRef::Text(t.as_bytes()),
        }))
    }
}

impl PostgresToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(i) => PostgresToSql::to_sql(i, ty, out),
            Value::Real(r) => PostgresToSql::to_sql(r, ty, out),
            Value::Bool(b) => PostgresToSql::to_sql(b, ty, out),
            Value::Text(t) => PostgresToSql::to_sql(t, ty, out),
            Value::Array(values) => PostgresToSql::to_sql(values, ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Why a cell cannot be read.
pub(super) type Flaw = String;

/// One row of an answer, read from left to right.
#[derive(Debug)]
pub(super) struct Row(std::vec::IntoIter<Value>);

impl Row {
    pub fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    fn next<T>(&mut self, wanted: &str, read: impl FnOnce(Value) -> Result<T, Value>) -> Result<T, Flaw> {
        let value = self.0.next().ok_or_else(|| format!("no column left where {wanted} should stand"))?;
        read(value).map_err(|found| format!("{wanted} should stand where {} does", found.kind()))
    }

    pub fn int(&mut self) -> Result<i64, Flaw> {
        self.next("an integer", |v| if let Value::Int(i) = v { Ok(i) } else { Err(v) })
    }

    pub fn opt_int(&mut self) -> Result<Option<i64>, Flaw> {
        self.next("an integer or null", |v| match v {
            Value::Int(i) => Ok(Some(i)),
            Value::Null => Ok(None),
            other => Err(other),
        })
    }

    pub fn real(&mut self) -> Result<f64, Flaw> {
        Ok(self.opt_real()?.unwrap_or(0.0))
    }

    pub fn opt_real(&mut self) -> Result<Option<f64>, Flaw> {
        self.next("a number", |v| match v {
            Value::Real(r) => Ok(Some(r)),
            Value::Int(i) => Ok(Some(i as f64)),
            Value::Null => Ok(None),
            other => Err(other),
        })
    }

    pub fn bool(&mut self) -> Result<bool, Flaw> {
        self.next("true or false", |v| match v {
            Value::Bool(b) => Ok(b),
            Value::Int(i @ (0 | 1)) => Ok(i == 1),
            other => Err(other),
        })
    }

    pub fn text(&mut self) -> Result<String, Flaw> {
        self.next("a text", |v| if let Value::Text(t) = v { Ok(t) } else { Err(v) })
    }

    pub fn opt_text(&mut self) -> Result<Option<String>, Flaw> {
        self.next("a text or null", |v| match v {
            Value::Text(t) => Ok(Some(t)),
            Value::Null => Ok(None),
            other => Err(other),
        })
    }

    pub fn time(&mut self) -> Result<Timestamp, Flaw> {
        time(self.int()?)
    }

    pub fn opt_time(&mut self) -> Result<Option<Timestamp>, Flaw> {
        self.opt_int()?.map(time).transpose()
    }

    /// A cell whose words are a closed list.
    pub fn word<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Flaw> {
        let word = self.text()?;
        parse(&word).ok_or_else(|| format!("`{word}` is not a word that this version knows"))
    }

    /// As [`Row::word`], where the cell may be empty.
    pub fn opt_word<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Flaw> {
        let Some(word) = self.opt_text()? else { return Ok(None) };
        parse(&word).map(Some).ok_or_else(|| format!("`{word}` is not a word that this version knows"))
    }

    /// A cell of JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, Flaw> {
        parsed(&self.text()?)
    }

    /// A cell of JSON that may be empty.
    pub fn opt_json<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>, Flaw> {
        self.opt_text()?.as_deref().map(parsed).transpose()
    }

    /// The integer key that opens the row.
    pub fn key(&mut self, table: &'static str) -> Result<i64, StoreError> {
        self.int().map_err(|why| StoreError::corrupt(table, "?", why))
    }

    /// The integer key that opens the row, and what `read` makes of the rest; a flaw names the table and the key.
    pub fn keyed<T>(
        mut self,
        table: &'static str,
        read: impl FnOnce(&mut Row) -> Result<T, Flaw>,
    ) -> Result<(i64, T), StoreError> {
        let key = self.key(table)?;
        let rest = read(&mut self).map_err(|why| StoreError::corrupt(table, key, why))?;
        Ok((key, rest))
    }
}

/// What went wrong is told by its place alone: the parser would quote what stands there, and that may be a name.
fn parsed<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, Flaw> {
    serde_json::from_str(json).map_err(|e| {
        let kind = if e.is_data() { "says what this version does not know" } else { "is broken" };
        format!("its JSON {kind} at column {}", e.column())
    })
}

/// The instant of so many milliseconds since 1970.
pub(super) fn time(ms: i64) -> Result<Timestamp, Flaw> {
    DateTime::from_timestamp_millis(ms).ok_or_else(|| format!("{ms} is no time that a calendar can name"))
}

/// The JSON text of a cell.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Unwritable(e.to_string()))
}
