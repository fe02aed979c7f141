//! Owns how each change and each settlement is one conditional statement (a new job: one more an occasion); decides nothing.

use super::rows::{content, key_values, new_job};
use super::value::{Dialect, Statement, json, values};
use super::{Deferral, Settlement, StoreError};
use crate::domain::change::Change;
use crate::domain::ids::{JobId, Timestamp};
use crate::domain::job::{Content, Job, Lease};
use crate::domain::occasion::{Occasion, OccasionKey};
use crate::domain::reason::Reason;

const OPEN: &str = "occasion.member = $1 AND occasion.rule = $2 AND occasion.step = $3 AND occasion.item = $4 \
    AND occasion.cycle = $5 AND occasion.state = 'open'";

/// The statements of one change; the first one tells whether it took effect.
pub(super) fn statements(
    dialect: Dialect,
    member: i64,
    change: &Change,
    now: Timestamp,
    into: &mut Vec<Statement>,
) -> Result<(), StoreError> {
    match change {
        Change::Plan(occasion) => into.push(plan(member, occasion)?),
        Change::Move(occasion) => into.push(shift(member, occasion)?),
        Change::Withdraw(key) => {
            into.push(Statement::new(format!("DELETE FROM occasion WHERE {OPEN}"), key_values(member, key)));
        }
        Change::Hold(key, until, reason) => into.push(hold(member, key, *until, *reason)),
        Change::Close(key, reason) => into.push(close(member, key, *reason)),
        Change::Assemble(job, occasions) => {
            into.push(new_job(member, job, now)?);
            into.extend(occasions.iter().map(|key| serve(member, key, job)));
        }
        Change::Stage(stage, since) => into.extend([
            Statement::new(
                "UPDATE member SET stage = $2, stage_since = $3 WHERE key = $1",
                values![member, stage.as_str(), i64::from(since.0)],
            ),
            Statement::new(
                "INSERT INTO stage_change (member, day, stage) VALUES ($1, $3, $2) ON CONFLICT DO NOTHING",
                values![member, stage.as_str(), i64::from(since.0)],
            ),
        ]),
        // A plan that was overtaken while it was made, by other rules or priors, leaves the member awake.
        Change::Planned(wake_at, planned_with) => into.push(Statement::new(
            "UPDATE member SET planned_with = $3, wake_at = CASE WHEN EXISTS (SELECT 1 FROM meta \
             WHERE key = 'planned_with' AND value <> $3) THEN 0 ELSE CAST($2 AS BIGINT) END WHERE key = $1",
            values![member, *wake_at, planned_with.as_str()],
        )),
        of_job => into.extend(step(dialect, of_job, now)?),
    }
    Ok(())
}

/// The step that a change makes a job take.
fn step(dialect: Dialect, change: &Change, now: Timestamp) -> Result<Option<Statement>, StoreError> {
    Ok(Some(match change {
        Change::Start { job, at, lease, content: said } => start(dialect, job, (now, *at), lease, said)?,
        Change::Defer(id, until, reason) => Statement::new(
            "UPDATE job SET state = 'scheduled', changed_at = $2, not_before = $3, reason = $4, lease_until = NULL \
             WHERE id = $1 AND state = 'queued'",
            values![id.as_str(), now, *until, reason.as_str()],
        ),
        Change::Skip(id, reason) => end(id, "skipped", *reason, now),
        Change::Cancel(id, reason) => end(id, "cancelled", *reason, now),
        Change::Replay(id, valid_until) => Statement::new(
            "UPDATE job SET state = 'scheduled', changed_at = $2, valid_until = $3, pinned = true, attempts = 0, tries = 0, \
             content = NULL, reason = NULL, not_before = NULL, handed_over_at = NULL \
             WHERE id = $1 AND state IN ('failed', 'uncertain', 'skipped', 'cancelled')",
            values![id.as_str(), now, *valid_until],
        ),
        Change::Confirm(id) => Statement::new(
            "UPDATE job SET state = 'delivered', changed_at = $2, reason = NULL WHERE id = $1 AND state = 'uncertain'",
            values![id.as_str(), now],
        ),
        _ => return Ok(None),
    }))
}

/// Each hand-over has a number of its own; its end is known by it.
fn start(
    dialect: Dialect,
    job: &JobId,
    (now, at): (Timestamp, Timestamp),
    lease: &Lease,
    said: &Content,
) -> Result<Statement, StoreError> {
    let sql = format!(
        "UPDATE job SET state = 'sending', handovers = handovers + 1, changed_at = $2, handed_over_at = $3, content = $4, \
            lease_until = {} + $6, reason = NULL, sent_to = CASE WHEN channel = 'email' THEN \
                (SELECT m.address FROM member m WHERE m.key = job.member) END WHERE id = $1 AND state = 'queued'",
        dialect.lease_clock("$5")
    );
    let span = lease.span.num_milliseconds();
    Ok(Statement::new(sql, values![job.as_str(), now, at, content(Some(said))?, lease.from, span]))
}

fn plan(member: i64, o: &Occasion) -> Result<Statement, StoreError> {
    let mut values = key_values(member, &o.key);
    values.extend(values![
        i64::from(o.anchor_day.0),
        o.due_at,
        o.valid_until,
        o.held_until.map(|t| t.min(o.valid_until)),
        o.held_for.map(Reason::as_str),
        o.evidence.as_ref().map(json).transpose()?,
        chance(o),
    ]);
    Ok(Statement::new(
        "INSERT INTO occasion (member, rule, step, item, cycle, anchor_day, due_at, valid_until, held_until, held_for, \
            evidence, chance, state) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'open') ON CONFLICT DO NOTHING",
        values,
    ))
}

/// Of those written to, so many buy within a week; nothing for what follows no need.
fn chance(o: &Occasion) -> Option<f64> {
    Some(o.evidence.as_ref()?.need.as_ref()?.chance)
}

fn shift(member: i64, o: &Occasion) -> Result<Statement, StoreError> {
    let mut values = key_values(member, &o.key);
    let evidence = o.evidence.as_ref().map(json).transpose()?;
    values.extend(values![i64::from(o.anchor_day.0), o.due_at, o.valid_until, evidence, chance(o)]);
    let sql = format!(
        "UPDATE occasion SET anchor_day = $6, due_at = $7, valid_until = $8, evidence = $9, chance = $10, held_until = NULL, \
         held_for = NULL WHERE {OPEN}"
    );
    Ok(Statement::new(sql, values))
}

fn hold(member: i64, key: &OccasionKey, until: Timestamp, reason: Reason) -> Statement {
    let mut values = key_values(member, key);
    values.extend(values![until, reason.as_str()]);
    let sql = format!(
        "UPDATE occasion SET held_until = CASE WHEN valid_until < $6 THEN valid_until ELSE $6 END, held_for = $7 \
         WHERE {OPEN}"
    );
    Statement::new(sql, values)
}

fn close(member: i64, key: &OccasionKey, reason: Reason) -> Statement {
    let mut values = key_values(member, key);
    values.extend(values![reason.as_str()]);
    Statement::new(
        "UPDATE occasion SET state = 'closed', reason = $6, job = NULL, held_until = NULL, held_for = NULL \
         WHERE member = $1 AND rule = $2 AND step = $3 AND item = $4 AND cycle = $5 AND (state = 'open' OR \
            (state = 'served' AND job IN (SELECT j.key FROM job j WHERE j.member = $1 AND j.handed_over_at IS NULL)))",
        values,
    )
}

/// A job takes its occasions only when it was inserted just now: one that was there before keeps its own. A shadow job
/// lets them rest in any case, or they would stay ready for ever.
fn serve(member: i64, key: &OccasionKey, job: &Job) -> Statement {
    let mut values = key_values(member, key);
    values.extend(values![job.id.as_str()]);
    if job.shadow {
        let sql = format!(
            "UPDATE occasion SET held_until = valid_until, held_for = 'shadow' WHERE {OPEN} \
             AND EXISTS (SELECT 1 FROM job j WHERE j.id = $6 AND j.member = $1)"
        );
        return Statement::new(sql, values);
    }
    values.extend(values![job.assembled_at]);
    let sql = format!(
        "UPDATE occasion SET state = 'served', job = j.key, held_until = NULL, held_for = NULL FROM job j \
         WHERE {OPEN} AND j.id = $6 AND j.member = $1 AND j.assembled_at = $7"
    );
    Statement::new(sql, values)
}

fn end(id: &JobId, state: &'static str, reason: Reason, now: Timestamp) -> Statement {
    Statement::new(
        "UPDATE job SET state = $2, changed_at = $3, reason = $4, lease_until = NULL \
         WHERE id = $1 AND state IN ('scheduled', 'queued')",
        values![id.as_str(), state, now, reason.as_str()],
    )
}

/// Two statements for each settlement: the attempt, then the job, which tells whether this hand-over was still the one
/// under way.
pub(super) fn settle(settlements: &[Settlement]) -> Vec<Statement> {
    settlements.iter().flat_map(|s| [attempt(s), settled(s)]).collect()
}

pub(super) fn put_off(d: &Deferral) -> Statement {
    Statement::new(
        "UPDATE job SET state = 'scheduled', reason = $3, lease_until = NULL, \
         not_before = CASE WHEN valid_until < $2 THEN valid_until ELSE $2 END WHERE id = $1 AND state = 'queued'",
        values![d.job.as_str(), d.not_before, d.reason.as_str()],
    )
}

/// A hand-over has one end: told again, because the ledger's answer was lost, it is on record already.
fn attempt(s: &Settlement) -> Statement {
    let o = &s.outcome;
    Statement::new(
        "INSERT INTO attempt (job, handover, at, result, reason, code, reply, relay) \
         SELECT key, $2, $3, $4, $5, $6, $7, $8 FROM job WHERE id = $1 ON CONFLICT DO NOTHING",
        values![
            s.job.job.as_str(),
            i64::from(s.handover),
            s.at,
            o.result.as_str(),
            o.reason.map(Reason::as_str),
            o.code.as_deref(),
            o.reply.as_deref(),
            o.relay.as_deref(),
        ],
    )
}

fn settled(s: &Settlement) -> Statement {
    let to = &s.settled;
    Statement::new(
        "UPDATE job SET state = $2, changed_at = $3, reason = $4, not_before = $5, attempts = attempts + $6, \
         tries = tries + 1, lease_until = NULL WHERE id = $1 AND state = 'sending' AND handovers = $7",
        values![
            s.job.job.as_str(),
            to.state.as_str(),
            s.at,
            to.reason.map(Reason::as_str),
            to.not_before,
            i64::from(to.burns_attempt),
            i64::from(s.handover),
        ],
    )
}
