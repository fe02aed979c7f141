//! Owns the assembler's turn under a daily budget: the best of what is due first, the rest on another day; judges nothing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Parts;
use super::assembler::{PAGE, decide};
use crate::domain::budget::{Allowance, Waiting, shop_day};
use crate::domain::ids::{MemberId, RuleId, Timestamp};
use crate::domain::member::MemberView;
use crate::domain::rules::Rules;
use crate::store::{MemberKey, Pick, StoreError};

/// Assembles what is due in the order of its rank until the shop's day is used up, and puts off what is left then.
/// Exact where one process assembles; in a fleet it may go beyond by what others assemble at the same moment.
///
/// # Errors
/// When the ledger fails; what was assembled before stays.
pub async fn assemble_within(parts: &Arc<Parts>, budget: u32) -> Result<u64, StoreError> {
    let mut jobs = 0;
    let mut tried = HashSet::new();
    loop {
        let knowledge = parts.knowledge();
        let now = parts.clock.now();
        let mut waiting = parts.store.waiting(now).await?;
        waiting.retain(|(member, one)| !tried.contains(&(*member, one.rule.clone(), one.step)));
        if waiting.is_empty() {
            return Ok(jobs);
        }
        let (from, until) = shop_day(now, knowledge.zone);
        let gone = parts.store.assembled_within(from, until, knowledge.shadow).await?;
        let left = u64::from(budget).saturating_sub(gone) as usize;
        if left == 0 {
            put_off(parts, now, until).await?;
            return Ok(jobs);
        }
        waiting.sort_by_cached_key(|(_, one)| one.rank(&knowledge.rules));
        // Each becomes one message at most; what guards hold back leaves room for others in the next round.
        waiting.truncate(left);
        jobs += assemble_these(parts, now, &waiting, &knowledge.rules).await?;
        tried.extend(waiting.into_iter().map(|(member, one)| (member, one.rule, one.step)));
    }
}

/// Those that are sure to fit, by member.
async fn assemble_these(
    parts: &Arc<Parts>,
    now: Timestamp,
    waiting: &[(MemberKey, Waiting)],
    rules: &Rules,
) -> Result<u64, StoreError> {
    let mut turns: HashMap<MemberId, Vec<(RuleId, u16)>> = HashMap::new();
    for (_, one) in waiting {
        let rule = rules.get(&one.rule).map_or(&one.rule, |rule| &rule.id);
        turns.entry(one.member.clone()).or_default().push((rule.clone(), one.step));
    }
    let mut members: Vec<MemberKey> = waiting.iter().map(|(key, _)| *key).collect();
    members.sort();
    members.dedup();
    let turns = Arc::new(turns);
    let mut jobs = 0;
    for members in members.chunks(PAGE) {
        let turns = turns.clone();
        let allow =
            move |view: &MemberView| Allowance::Only(turns.get(&view.member.id).cloned().unwrap_or_default());
        jobs += decide(parts, Pick::Members(members.to_vec()), now, allow).await?.jobs;
    }
    Ok(jobs)
}

/// Everything else that is due waits for the next shop day, or ends.
async fn put_off(parts: &Arc<Parts>, now: Timestamp, until: Timestamp) -> Result<(), StoreError> {
    while decide(parts, Pick::Due(PAGE), now, move |_| Allowance::UsedUp(until)).await?.changed {}
    Ok(())
}
