//! Owns the assembler's turn: members with something due, their occasions made into jobs; decides nothing itself.

use std::sync::Arc;

use super::{Parts, budget, keeper};
use crate::domain::budget::Allowance;
use crate::domain::change::Change;
use crate::domain::ids::{ChannelName, RuleId, Timestamp};
use crate::domain::job::JobState;
use crate::domain::member::MemberView;
use crate::domain::reason::Reason;
use crate::domain::restored::assemble_after;
use crate::store::{Decided, Pick, StoreError};

/// Members assembled in one transaction.
pub(super) const PAGE: usize = 500;

/// Assembles everything that is due, as far as the shop's day allows; says how many jobs were made, and wakes the queue
/// when there are any.
///
/// # Errors
/// When the ledger fails; what was assembled before stays.
pub async fn assemble_due(parts: &Arc<Parts>) -> Result<u64, StoreError> {
    if let Some(budget) = parts.knowledge().rules.guards.daily_budget {
        return budget::assemble_within(parts, budget).await;
    }
    let mut jobs = 0;
    loop {
        let now = parts.clock.now();
        let page = decide(parts, Pick::Due(PAGE), now, |_| Allowance::Everything).await?;
        jobs += page.jobs;
        // A page may hold fewer members than it could while more are due; one that changed nothing ends the turn.
        if !page.changed {
            return Ok(jobs);
        }
    }
}

/// What assembling some members did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Page {
    pub jobs: u64,
    pub changed: bool,
}

/// Assembles the members of `pick`; `allow` says how much of each one's.
pub(super) async fn decide<F>(
    parts: &Arc<Parts>,
    pick: Pick,
    now: Timestamp,
    allow: F,
) -> Result<Page, StoreError>
where
    F: Fn(&MemberView) -> Allowance + Send + 'static,
{
    let (knowledge, gap) = (parts.knowledge(), parts.gap.get().copied());
    let decisions = parts
        .store
        .decide(pick, now, knowledge.caps_since(now), move |view, catalog| {
            let changes = assemble_after(view, &knowledge.shop(catalog), now, &allow(view), gap);
            let ends: Vec<End> = changes.iter().map(end).collect();
            (changes, ends)
        })
        .await?;
    // Who is set aside is no longer due.
    let changed = !decisions.damaged.is_empty();
    let page = counted(parts, &keeper::heed(decisions));
    if page.jobs > 0 {
        parts.due.notify_waiters();
    }
    Ok(Page { changed: changed || page.changed, ..page })
}

/// What took effect, told to those who count.
fn counted(parts: &Parts, decided: &[Decided<Vec<End>>]) -> Page {
    let mut page = Page::default();
    let mut in_doubt = 0_u64;
    for member in decided {
        for (end, _) in member.value.iter().zip(&member.applied).filter(|(_, applied)| **applied) {
            page.changed = true;
            match end {
                End::Job => page.jobs += 1,
                End::InDoubt(channel) => {
                    in_doubt += 1;
                    parts.tally.settled(JobState::Uncertain, channel);
                }
                End::Closed(rule, reason) => parts.tally.closed(rule, *reason),
                End::Other => {}
            }
        }
    }
    if in_doubt > 0 {
        tracing::warn!(
            uncertain = in_doubt,
            "e-mails that may have gone before the restore are held for a person"
        );
    }
    page
}

enum End {
    Job,
    InDoubt(ChannelName),
    Closed(RuleId, Reason),
    Other,
}

fn end(change: &Change) -> End {
    match change {
        Change::Assemble(job, _) if job.state == JobState::Uncertain => End::InDoubt(job.channel.clone()),
        Change::Assemble(..) => End::Job,
        Change::Close(key, reason) => End::Closed(key.rule.clone(), *reason),
        _ => End::Other,
    }
}
