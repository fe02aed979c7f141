//! Owns how the ledger is searched for what must never be, reading only; knows nothing of rules.

mod wrong;

use chrono::TimeDelta;

use self::wrong::violations;
use super::value::{Row, Statement, values};
use super::{Store, StoreError};
use crate::domain::ids::{Cycle, JobId, MemberId, RuleId, Timestamp};
use crate::domain::invariant::Invariant;

/// Examples told of a violated invariant.
const EXAMPLES: usize = 20;
/// Pairs of messages for what looks like one need, at most.
const PAIRS: usize = 10_000;

/// What violates one invariant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// How many do.
    pub count: u64,
    /// Some of them: ids of jobs, or member, rule and cycle of occasions.
    pub examples: Vec<String>,
}

/// Two delivered messages that may be about one need of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twice {
    /// The jobs.
    pub jobs: [JobId; 2],
    /// Their rules, as they were called then.
    pub rules: [RuleId; 2],
    /// The turns.
    pub cycles: [Cycle; 2],
    /// The hashes of the rules under which they were made.
    pub hashes: [String; 2],
}

/// A job that was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// Our key of it, to go on from.
    pub key: i64,
    /// To whom.
    pub member: MemberId,
    /// The rule, as it was called then.
    pub rule: RuleId,
    /// The job.
    pub job: JobId,
}

impl Store {
    /// What violates the invariants that the ledger alone can tell of, all from one snapshot; those that hold are there
    /// too. A lease that ran out more than `lease_grace` ago, and a hand-over later than `opt_out_grace` after an opt-out,
    /// violate theirs; hand-overs after `now` (of a clock that was set) are left out.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn audit(
        &self,
        now: Timestamp,
        lease_grace: TimeDelta,
        opt_out_grace: TimeDelta,
    ) -> Result<Vec<(Invariant, Sample)>, StoreError> {
        let dialect = self.dialect();
        let asked: Vec<Invariant> =
            Invariant::ALL.iter().copied().filter(|i| violations(*i, dialect).is_some()).collect();
        let asks = asked.iter().filter_map(|invariant| {
            let values = match invariant {
                Invariant::LeaseTakenBack => values![now, lease_grace.num_milliseconds()],
                Invariant::NothingAfterOptOut => values![opt_out_grace.num_milliseconds(), now],
                _ => Vec::new(),
            };
            let sql = violations(*invariant, dialect)?;
            let sql = format!(
                "SELECT count(*) OVER () AS n, t.example FROM ({sql}) t ORDER BY t.example LIMIT {EXAMPLES}"
            );
            Some(Statement::new(sql, values))
        });
        let answers = self.ask(asks.collect()).await?;
        asked.into_iter().zip(answers).map(|(invariant, rows)| Ok((invariant, sample(rows)?))).collect()
    }

    /// Delivered messages, two of one member each, that may be about one need: reminders of different rules of one item
    /// and anchor day, and messages of one turn of rules called any of `renamed`.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn delivered_twice(&self, renamed: &[RuleId]) -> Result<Vec<Twice>, StoreError> {
        let any = self.dialect().any("$1");
        let sql = format!(
            "SELECT a.member, i.id, j.id, a.rule, b.rule, a.cycle, b.cycle, i.rules_hash, j.rules_hash \
             FROM occasion a JOIN occasion b ON b.member = a.member AND b.rule > a.rule AND b.step = a.step \
                AND b.item = a.item JOIN job i ON i.key = a.job JOIN job j ON j.key = b.job \
             WHERE a.state = 'served' AND b.state = 'served' AND i.state = 'delivered' AND j.state = 'delivered' \
                AND ((a.anchor_day = b.anchor_day AND i.purpose = 'reminder' AND j.purpose = 'reminder') \
                    OR (a.cycle = b.cycle AND a.rule {any} AND b.rule {any})) LIMIT {PAIRS}"
        );
        let renamed = renamed.iter().map(RuleId::as_str).collect();
        let found = self.ask_one(Statement::new(sql, vec![renamed])).await?;
        let twice = |row: &mut Row| {
            Ok(Twice {
                jobs: [row.text()?.into(), row.text()?.into()],
                rules: [row.text()?.into(), row.text()?.into()],
                cycles: [Cycle::from(row.text()?), Cycle::from(row.text()?)],
                hashes: [row.text()?, row.text()?],
            })
        };
        found.into_iter().map(|row| Ok(row.keyed("occasion", twice)?.1)).collect()
    }

    /// The next `limit` jobs with a key above `after` that these rules made under the rules of this hash, and that were
    /// handed over.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn handed_over(
        &self,
        hash: &str,
        rules: &[RuleId],
        after: i64,
        limit: usize,
    ) -> Result<Vec<Handed>, StoreError> {
        let sql = format!(
            "SELECT j.key, m.id, j.rule, j.id FROM job j JOIN member m ON m.key = j.member WHERE j.key > $1 \
             AND j.rules_hash = $2 AND j.rule {} AND j.handed_over_at IS NOT NULL AND NOT j.shadow \
             ORDER BY j.key LIMIT {limit}",
            self.dialect().any("$3")
        );
        let mut values = values![after, hash];
        values.push(rules.iter().map(RuleId::as_str).collect());
        let found = self.ask_one(Statement::new(sql, values)).await?;
        let read = |row: &mut Row| Ok((row.text()?, row.text()?, row.text()?));
        let handed = found.into_iter().map(|row| {
            let (key, (member, rule, job)) = row.keyed("job", read)?;
            Ok(Handed { key, member: member.into(), rule: rule.into(), job: job.into() })
        });
        handed.collect()
    }
}

fn sample(rows: Vec<Row>) -> Result<Sample, StoreError> {
    let mut sample = Sample::default();
    for row in rows {
        let (count, example) = row.keyed("ledger", Row::text)?;
        sample.count = count.unsigned_abs();
        sample.examples.push(example);
    }
    Ok(sample)
}
