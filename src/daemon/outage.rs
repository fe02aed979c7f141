//! Owns how a time in which no planner was at work is noticed, and what is said of it; sends and skips nothing.

use std::fmt::Write as _;
use std::sync::Arc;

use chrono::TimeDelta;

use super::planner::stand_back;
use super::{Clock, Parts, keeper};
use crate::domain::ids::Timestamp;
use crate::store::{Outage, StoreError};

/// Planners that were away for less were not missed: a restart, an upgrade.
const LONGEST: TimeDelta = TimeDelta::minutes(15);

/// Looks whether nobody has planned for a while, and says what was missed. Before anything is planned, offered or
/// skipped: then it still stands there.
///
/// # Errors
/// When the ledger fails.
pub async fn look(parts: &Arc<Parts>) -> Result<(), StoreError> {
    let now = parts.clock.now();
    if parts.store.planner_at().await?.is_none_or(|at| now - at <= LONGEST) {
        return Ok(());
    }
    // What died with the last worker is late, too.
    keeper::reclaim(parts, false).await?;
    if let Some(outage) = parts.store.take_outage(now).await? {
        tell(&outage);
    }
    Ok(())
}

/// Notes that this planner is at work, also while one of its turns takes long. One that stands back is not.
///
/// # Errors
/// When the ledger fails.
pub async fn note(parts: &Parts) -> Result<(), StoreError> {
    if stand_back(parts).await.is_err() {
        return Ok(());
    }
    let (now, is_real) = (parts.clock.now(), matches!(parts.clock, Clock::Real));
    parts.store.note_planner(now, LONGEST, is_real).await
}

fn tell(Outage { from, until, late, expired }: &Outage) {
    let too_late: u64 = expired.values().sum();
    let mut by_rule = String::new();
    for (rule, n) in expired {
        // Writing to a text never fails.
        let _ = write!(by_rule, "{}{rule} {n}", if by_rule.is_empty() { "" } else { ", " });
    }
    let (from, until) = (shown(*from), shown(*until));
    if too_late > 0 {
        tracing::warn!(
            from,
            until,
            late,
            too_late,
            by_rule,
            "nobody planned in this time: what is late is still sent, what is too late is skipped as expired"
        );
    } else {
        tracing::info!(
            from,
            until,
            late,
            too_late,
            "nobody planned in this time: what is late is still sent"
        );
    }
}

fn shown(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
