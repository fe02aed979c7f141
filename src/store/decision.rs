//! Owns one group of decisions: each member's judged alone, so that a damaged row or a defect concerns that member only;
//! decides nothing itself.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::TimeDelta;

use super::changes;
use super::value::{Dialect, Statement, Value, values};
use super::view::Views;
use super::{MemberKey, StoreError};
use crate::domain::catalog::Catalog;
use crate::domain::change::Change;
use crate::domain::ids::Timestamp;
use crate::domain::member::MemberView;

/// So long a member is left alone of whom nothing could be decided.
const SET_ASIDE: TimeDelta = TimeDelta::hours(1);

/// What became of a group of decisions.
#[derive(Debug)]
pub struct Decisions<R> {
    /// Those that were made.
    pub decided: Vec<Decided<R>>,
    /// Members set aside for an hour.
    pub damaged: Vec<Damaged>,
}

impl<R> Decisions<R> {
    /// How many members it was about.
    pub fn members(&self) -> usize {
        self.decided.len() + self.damaged.len()
    }

    /// How many changes took effect.
    pub fn applied(&self) -> u64 {
        self.decided.iter().flat_map(|member| &member.applied).filter(|applied| **applied).count() as u64
    }

    /// A sentence for each member of whom nothing could be decided.
    pub fn damage(&self) -> impl Iterator<Item = String> {
        self.damaged.iter().map(|damaged| damaged.why.to_string())
    }
}

/// What became of one member's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided<R> {
    /// The member.
    pub member: MemberKey,
    /// What the decision returned besides its changes.
    pub value: R,
    /// Which of its changes took effect, in order.
    pub applied: Vec<bool>,
}

/// A member of whom nothing could be decided.
#[derive(Debug)]
pub struct Damaged {
    /// The member.
    pub member: MemberKey,
    /// The row that cannot be read, or the defect that stopped the decision.
    pub why: StoreError,
}

/// What a group of decisions writes: the statements in order, and which of them tell whether a change took effect.
#[derive(Debug)]
pub(super) struct Script<R> {
    pub statements: Vec<Statement>,
    decided: Vec<(MemberKey, R, Vec<usize>)>,
    damaged: Vec<Damaged>,
}

impl<R> Script<R> {
    /// Asks `decide` about each member.
    pub fn of<F>(dialect: Dialect, views: Views, catalog: &Catalog, now: Timestamp, decide: &mut F) -> Self
    where
        F: FnMut(&MemberView, &Catalog) -> (Vec<Change>, R),
    {
        let mut script = Self { statements: Vec::new(), decided: Vec::new(), damaged: Vec::new() };
        for (member, view) in views {
            let added = view.and_then(|view| {
                let (changes, value) = alone(&view, || decide(&view, catalog))?;
                script.add(dialect, member, &changes, value, now)
            });
            if let Err(why) = added {
                script.damaged.push(Damaged { member, why });
            }
        }
        if !script.damaged.is_empty() {
            let members = script.damaged.iter().map(|damaged| damaged.member.0).collect();
            script.statements.extend(set_aside(dialect, &members, now));
        }
        script
    }

    /// Adds one member's decision, all of it or nothing.
    fn add(
        &mut self,
        dialect: Dialect,
        member: MemberKey,
        changes: &[Change],
        value: R,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (mut added, mut tells) = (Vec::new(), Vec::with_capacity(changes.len()));
        for change in changes {
            tells.push(self.statements.len() + added.len());
            changes::statements(dialect, member.0, change, now, &mut added)?;
        }
        self.statements.append(&mut added);
        self.decided.push((member, value, tells));
        Ok(())
    }

    /// What became of it, given how many rows each statement changed.
    pub fn finish(self, affected: &[u64], into: &mut Decisions<R>) {
        let took = |i: &usize| affected.get(*i).is_some_and(|&rows| rows > 0);
        let decided = self.decided.into_iter();
        into.decided.extend(decided.map(|(member, value, tells)| Decided {
            member,
            value,
            applied: tells.iter().map(took).collect(),
        }));
        into.damaged.extend(self.damaged);
    }
}

/// A defect that one member's rows bring out stops the decision on that member.
fn alone<T>(view: &MemberView, decide: impl FnOnce() -> T) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(decide))
        .map_err(|panic| StoreError::from_panic(&*panic, Some(&view.member.id)))
}

/// Whatever of these members would come up now comes up in an hour, and goes no way in between. What is over by now ends
/// as it would have; what is being handed over ends by itself.
fn set_aside(dialect: Dialect, members: &Value, now: Timestamp) -> Vec<Statement> {
    let any = dialect.any("$1");
    let later = |at: &str| format!("CASE WHEN valid_until < {at} THEN valid_until ELSE {at} END");
    let due = format!("member {any} AND state = 'open' AND ready_at <= $2");
    let queued = format!("member {any} AND state = 'queued'");
    let over = [
        format!(
            "UPDATE occasion SET state = 'closed', reason = 'expired', held_until = NULL, held_for = NULL WHERE {due} \
             AND valid_until <= $2"
        ),
        format!(
            "UPDATE job SET state = 'skipped', reason = 'expired', changed_at = $2, lease_until = NULL WHERE {queued} \
             AND valid_until <= $2"
        ),
    ];
    let wait = [
        format!("UPDATE member SET wake_at = $3 WHERE key {any} AND wake_at <= $2"),
        format!("UPDATE occasion SET held_until = {}, held_for = 'damaged' WHERE {due}", later("$3")),
        format!(
            "UPDATE job SET state = 'scheduled', reason = 'damaged', not_before = {}, changed_at = $2, lease_until = NULL \
             WHERE {queued}",
            later("$3")
        ),
    ];
    let over = over.map(|sql| Statement::new(sql, vec![members.clone(), now.into()]));
    let wait = wait.map(|sql| {
        let mut values = vec![members.clone()];
        values.extend(values![now, now + SET_ASIDE]);
        Statement::new(sql, values)
    });
    over.into_iter().chain(wait).collect()
}
