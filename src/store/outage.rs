//! Owns when a planner was last at work, and what was missed while none was; knows nothing of why.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::backup::instant;
use super::history::{recall, recalled};
use super::value::{Row, Statement, json, time, values};
use super::{Store, StoreError};
use crate::domain::ids::{RuleId, Timestamp};

/// The row of `meta` that says when a planner was last at work, by the driving clock.
const PLANNER_AT: &str = "planner_at";

/// A time in which no planner was at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// When one was last.
    pub from: Timestamp,
    /// When one was again.
    pub until: Timestamp,
    /// What fell due in it and is still worth sending.
    pub late: u64,
    /// What was no longer worth sending at its end, and had been at its beginning; by rule. What guards held for as long
    /// as it lasted was not missed because of it, and does not count.
    pub expired: BTreeMap<RuleId, u64>,
}

impl Store {
    /// When a planner was last at work; none before the first.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn planner_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let noted = recalled(PLANNER_AT, self.ask_one(recall(PLANNER_AT)).await?)?;
        noted.map(|text| instant(PLANNER_AT, &text)).transpose()
    }

    /// Notes that a planner is at work at `now`, unless none was for longer than `longest`: that is
    /// [`Store::take_outage`]'s to find. A later time is set back only where `is_real`: a clock that was set says nothing
    /// of when someone was at work.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn note_planner(
        &self,
        now: Timestamp,
        longest: TimeDelta,
        is_real: bool,
    ) -> Result<(), StoreError> {
        let latest = if is_real { i64::MAX } else { now.timestamp_millis() };
        let earliest = now.timestamp_millis().saturating_sub(longest.num_milliseconds());
        let note = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value \
            WHERE CAST(meta.value AS BIGINT) BETWEEN $3 AND $4";
        let values = values![PLANNER_AT, written(now), earliest, latest];
        self.write(vec![Statement::new(note, values)]).await.map(drop)
    }

    /// Ends the time since a planner was last at work: from now on one is. What was missed in it goes on record; of
    /// several processes only one is told. None also before the first time that a planner was at work.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn take_outage(&self, until: Timestamp) -> Result<Option<Outage>, StoreError> {
        let Some(from) = self.planner_at().await?.filter(|from| *from < until) else { return Ok(None) };
        let take = move |answers: Vec<Vec<Row>>| {
            let outage = counted(from, until, answers)?;
            let values = values![PLANNER_AT, written(from), written(until)];
            let over = "UPDATE meta SET value = $3 WHERE key = $1 AND value = $2";
            let record = (!outage.expired.is_empty()).then(|| record(&outage)).transpose()?;
            Ok(([Statement::new(over, values)].into_iter().chain(record).collect(), outage))
        };
        let (outage, affected) = self.amend(vec![late(from, until), expired(from, until)], take).await?;
        Ok(affected.first().is_some_and(|&rows| rows > 0).then_some(outage))
    }

    /// The outages on record that ended at `since` or later and began by `now`, the earliest first.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn outages(&self, since: Timestamp, now: Timestamp) -> Result<Vec<Outage>, StoreError> {
        let sql = "SELECT from_at, until_at, late, expired FROM outage WHERE until_at >= $1 AND from_at <= $2 \
            ORDER BY from_at";
        let read = |row: Row| {
            let (from, (until, late, expired)) =
                row.keyed("outage", |r| Ok((r.time()?, r.int()?, r.json()?)))?;
            let from = time(from).map_err(|why| StoreError::corrupt("outage", from, why))?;
            Ok(Outage { from, until, late: late.unsigned_abs(), expired })
        };
        self.ask_one(Statement::new(sql, values![since, now])).await?.into_iter().map(read).collect()
    }
}

/// What becomes ready in the meantime and lasts longer.
fn late(from: Timestamp, until: Timestamp) -> Statement {
    let due = "ready_at > $1 AND ready_at <= $2 AND valid_until > $2";
    let sql = format!(
        "SELECT (SELECT count(*) FROM occasion WHERE state = 'open' AND {due}) \
         + (SELECT count(*) FROM job WHERE state = 'scheduled' AND {due})"
    );
    Statement::new(sql, values![from, until])
}

/// What ends in the meantime, by rule.
fn expired(from: Timestamp, until: Timestamp) -> Statement {
    let over = |held: &str| {
        format!(
            "ready_at <= $2 AND valid_until > $1 AND valid_until <= $2 AND coalesce({held}, due_at) < valid_until"
        )
    };
    let (occasion, job) = (over("held_until"), over("not_before"));
    let sql = format!(
        "SELECT count(*), t.rule FROM (SELECT rule FROM occasion WHERE state = 'open' AND {occasion} \
         UNION ALL SELECT rule FROM job WHERE state = 'scheduled' AND NOT shadow AND {job}) t GROUP BY t.rule"
    );
    Statement::new(sql, values![from, until])
}

fn counted(from: Timestamp, until: Timestamp, answers: Vec<Vec<Row>>) -> Result<Outage, StoreError> {
    let mut answers = answers.into_iter();
    let late = answers.next().unwrap_or_default().into_iter().next();
    let late = late.map(|row| row.keyed("occasion", |_| Ok(()))).transpose()?.map_or(0, |(n, ())| n);
    let by_rule = answers.flatten().map(|row| {
        let (n, rule) = row.keyed("occasion", Row::text)?;
        Ok((RuleId::from(rule), n.unsigned_abs()))
    });
    Ok(Outage {
        from,
        until,
        late: late.unsigned_abs(),
        expired: by_rule.collect::<Result<_, StoreError>>()?,
    })
}

/// The first process to find the outage records it.
fn record(outage: &Outage) -> Result<Statement, StoreError> {
    let late = i64::try_from(outage.late).unwrap_or(i64::MAX);
    Ok(Statement::new(
        "INSERT INTO outage (from_at, until_at, late, expired) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        values![outage.from, outage.until, late, json(&outage.expired)?],
    ))
}

fn written(at: Timestamp) -> String {
    at.timestamp_millis().to_string()
}
