//! Owns how decisions and outcomes are kept, each in one transaction; decides nothing.

use super::changes;
use super::history::{note, recall, recalled};
use super::value::{Dialect, Row, Statement, values};
use super::view::Views;
use super::{Decisions, JobRef, MemberKey, Store, StoreError, on, view};
use crate::domain::catalog::Catalog;
use crate::domain::change::Change;
use crate::domain::ids::{ChannelName, Timestamp};
use crate::domain::job::{Outcome, Settled};
use crate::domain::member::MemberView;

/// Which members a decision is about.
#[derive(Debug, Clone)]
pub enum Pick {
    /// These; keys that no member has are left out.
    Members(Vec<MemberKey>),
    /// At most so many that are awake (`wake_at` has come); in fleets those that no one else holds.
    Awake(usize),
    /// At most so many with an open occasion that is ready (due and not held), or over. A member with several such
    /// occasions takes several places: only an empty answer means that none is left.
    Due(usize),
}

/// One hand-over's end, to be recorded: the attempt row, and where it leaves the job.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The job.
    pub job: JobRef,
    /// The number of the hand-over.
    pub handover: u32,
    /// When it ended.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// Where that leaves the job.
    pub settled: Settled,
}

/// What reclaiming expired leases did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// Jobs that are `scheduled` again.
    pub rescheduled: u64,
    /// Jobs whose fate no one knows.
    pub uncertain: u64,
}

/// The row of `meta` that remembers what `wake_outdated` was last called with.
const PLANNED_WITH: &str = "planned_with";
/// The row of `meta` that names the rules a planner accepted last.
const RULES_IN_FORCE: &str = "rules_in_force";

/// What [`Store::wake_outdated`] writes, the waking first; whether anyone is woken, and nothing at all for rules that
/// are not in force.
fn waking(
    answers: Vec<Vec<Row>>,
    rules: &str,
    put_in_force: bool,
    new: &str,
) -> Result<(Vec<Statement>, Option<bool>), StoreError> {
    let mut answers = answers.into_iter();
    let known = recalled(PLANNED_WITH, answers.next().unwrap_or_default())?;
    let in_force = recalled(RULES_IN_FORCE, answers.next().unwrap_or_default())?;
    let others = in_force.as_deref().is_some_and(|in_force| in_force != rules);
    if others && !put_in_force {
        return Ok((Vec::new(), None));
    }
    let outdated = known.as_deref() != Some(new);
    let mut script = Vec::new();
    if outdated {
        let sql = "UPDATE member SET wake_at = 0 WHERE planned_with IS DISTINCT FROM $1";
        script.extend([Statement::new(sql, values![new]), note(PLANNED_WITH, new)]);
    }
    if in_force.as_deref() != Some(rules) {
        script.push(note(RULES_IN_FORCE, rules));
    }
    Ok((script, Some(outdated)))
}

impl Store {
    /// Wakes every member that was planned with something else than `planned_with`, once for each new value; returns how
    /// many. A planner whose rules are not those in force wakes no one, lest two planners wake each other's members for
    /// ever: it gets `None`. With `put_in_force` its rules become those in force; the last one to say so counts.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn wake_outdated(
        &self,
        rules: &str,
        put_in_force: bool,
        planned_with: &str,
    ) -> Result<Option<u64>, StoreError> {
        let (rules, new) = (rules.to_owned(), planned_with.to_owned());
        let (woken, affected) = self
            .amend(vec![recall(PLANNED_WITH), recall(RULES_IN_FORCE)], move |answers| {
                waking(answers, &rules, put_in_force, &new)
            })
            .await?;
        let count = affected.first().copied().unwrap_or(0);
        Ok(woken.map(|anyone| if anyone { count } else { 0 }))
    }

    /// What planners plan with: see [`Store::wake_outdated`].
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn planned_with(&self) -> Result<Option<String>, StoreError> {
        recalled(PLANNED_WITH, self.ask_one(recall(PLANNED_WITH)).await?)
    }

    /// The hash of the rules that planners put in force last; none before the first plan.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn rules_in_force(&self) -> Result<Option<String>, StoreError> {
        recalled(RULES_IN_FORCE, self.ask_one(recall(RULES_IN_FORCE)).await?)
    }

    /// Locks the picked members in key order, loads their views as of `now` (contacts since `caps_since`), asks `decide`
    /// for each one's changes, applies them, and commits; all in one transaction. A member with a damaged row, or on whom
    /// `decide` panics, is set aside for an hour in the same transaction: woken, due or offered again only then. `decide`
    /// must have no effects of its own: when PostgreSQL breaks the transaction off, it is asked again.
    ///
    /// # Errors
    /// When the store cannot answer, or a row that concerns everyone is damaged.
    pub async fn decide<R, F>(
        &self,
        pick: Pick,
        now: Timestamp,
        caps_since: Timestamp,
        decide: F,
    ) -> Result<Decisions<R>, StoreError>
    where
        R: Send + 'static,
        F: FnMut(&MemberView, &Catalog) -> (Vec<Change>, R) + Send + 'static,
    {
        on!(self, engine => engine.decide(pick, now, caps_since, decide).await)
    }

    /// The views of the next `limit` members with a key above `after`, in key order, or for a member the row that is
    /// damaged; read only, for dry runs.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn views(
        &self,
        after: Option<MemberKey>,
        limit: usize,
        now: Timestamp,
        caps_since: Timestamp,
    ) -> Result<Views, StoreError> {
        let sql = "SELECT key FROM member WHERE key > $1 ORDER BY key LIMIT $2";
        let values = values![after.map_or(i64::MIN, |k| k.0), count(limit)];
        let keys = keys(self.ask_one(Statement::new(sql, values)).await?)?;
        let mut views = Vec::with_capacity(keys.len());
        for batch in keys.chunks(view::BATCH) {
            let answers = self.ask(view::questions(self.dialect(), batch, now, caps_since)).await?;
            views.extend(view::views(answers, now)?);
        }
        Ok(views)
    }

    /// One member's view, read only.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn view(
        &self,
        member: MemberKey,
        now: Timestamp,
        caps_since: Timestamp,
    ) -> Result<Option<MemberView>, StoreError> {
        let answers = self.ask(view::questions(self.dialect(), &[member], now, caps_since)).await?;
        view::views(answers, now)?.pop().map(|(_, view)| view).transpose()
    }

    /// Records attempts and moves `sending` jobs on, in one transaction; true where this hand-over of the job was still
    /// under way. The attempt is recorded in any case, once for each hand-over.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<bool>, StoreError> {
        let affected = self.write(changes::settle(&settlements)).await?;
        Ok(affected.iter().skip(1).step_by(2).map(|&rows| rows > 0).collect())
    }

    /// Takes back the leases that ran out (by `real_now`, where the ledger has no clock of its own), or all of them when
    /// `everything`: `queued` becomes `scheduled`; `sending` becomes `scheduled` on the channels in `resend` (one more try),
    /// else `uncertain` (`process_died`).
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn reclaim(
        &self,
        real_now: Timestamp,
        everything: bool,
        resend: Vec<ChannelName>,
    ) -> Result<Reclaimed, StoreError> {
        let clock = self.dialect().lease_clock("$1");
        let which = if everything { "IS NOT NULL".to_owned() } else { format!("<= {clock}") };
        let over = format!("changed_at = $1, lease_until = NULL WHERE lease_until {which}");
        let again = format!("UPDATE job SET state = 'scheduled', {over} AND state = 'queued'");
        let mut script = vec![Statement::new(again, values![real_now])];
        for channel in resend {
            let sql = format!(
                "UPDATE job SET state = 'scheduled', tries = tries + 1, {over} AND state = 'sending' AND channel = $2"
            );
            script.push(Statement::new(sql, values![real_now, channel.as_str()]));
        }
        let unknown = format!(
            "UPDATE job SET state = 'uncertain', reason = 'process_died', tries = tries + 1, {over} AND state = 'sending'"
        );
        script.push(Statement::new(unknown, values![real_now]));
        let mut affected = self.write(script).await?;
        let uncertain = affected.pop().unwrap_or(0);
        Ok(Reclaimed { rescheduled: affected.iter().sum(), uncertain })
    }

    /// The next instant at which anything waits: a member to be woken, an occasion or a job that gets ready. One long
    /// past means: now.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn next_event(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT min(t.at) FROM (SELECT min(wake_at) AS at FROM member WHERE wake_at IS NOT NULL \
            UNION ALL SELECT min(ready_at) FROM occasion WHERE state = 'open' \
            UNION ALL SELECT min(ready_at) FROM job WHERE state = 'scheduled') t";
        let row = self.ask_one(Statement::new(sql, Vec::new())).await?.pop();
        let next = row.map(|mut row| row.opt_time()).transpose();
        next.map(Option::flatten).map_err(|why| StoreError::corrupt("member, occasion or job", "*", why))
    }
}

/// Finds and locks the members of a pick. A fleet's members come unordered, but from locks that never wait.
pub(super) fn picked(dialect: Dialect, pick: &Pick, now: Timestamp) -> Statement {
    match pick {
        Pick::Members(members) => {
            let sql = format!(
                "SELECT key FROM member WHERE key {} ORDER BY key {}",
                dialect.any("$1"),
                dialect.for_update()
            );
            Statement::new(sql, vec![members.iter().map(|m| m.0).collect()])
        }
        Pick::Awake(limit) => {
            let sql = format!(
                "SELECT m.key FROM member m WHERE m.wake_at <= $1 ORDER BY m.wake_at, m.key LIMIT $2 {}",
                dialect.skip_locked("m")
            );
            Statement::new(sql, values![now, count(*limit)])
        }
        Pick::Due(limit) => {
            let sql = format!(
                "SELECT m.key FROM occasion o JOIN member m ON m.key = o.member WHERE o.state = 'open' AND o.ready_at <= $1 \
                 ORDER BY o.ready_at LIMIT $2 {}",
                dialect.skip_locked("m")
            );
            Statement::new(sql, values![now, count(*limit)])
        }
    }
}

/// The members in the answer to [`picked`], each once, in key order.
pub(super) fn keys(answer: Vec<Row>) -> Result<Vec<MemberKey>, StoreError> {
    let keys = answer.into_iter().map(|row| Ok(MemberKey(row.keyed("member", |_| Ok(()))?.0)));
    let mut keys = keys.collect::<Result<Vec<_>, StoreError>>()?;
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

pub(super) fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
