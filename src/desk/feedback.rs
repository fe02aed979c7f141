//! Owns what is done about bounces, complaints and opt-outs that come back: whom each is about, and that none counts
//! twice; knows nothing of who reports them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{DeskError, suppress};
use crate::domain::feedback::{BouncePolicy, Consequence, Feedback, FeedbackKind, told};
use crate::domain::ids::Timestamp;
use crate::domain::shop::Knowledge;
use crate::store::{About, Addressee, Store, StoreError, Whom};

/// What became of reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Received {
    /// Reports looked at.
    pub read: u64,
    /// Of these, those that are on record now and were not before.
    pub recorded: u64,
    /// Those that were on record.
    pub duplicate: u64,
    /// Those about nobody who is known, or whose message never went to the address they name.
    pub unmatched: u64,
    /// Suppressions that they led to.
    pub suppressed: u64,
    /// Jobs that were scheduled or queued, and no longer are.
    pub cancelled: u64,
    /// The recorded ones by kind.
    pub kinds: BTreeMap<FeedbackKind, u64>,
}

impl Received {
    /// Adds what became of others.
    pub fn add(&mut self, other: &Received) {
        self.read += other.read;
        self.recorded += other.recorded;
        self.duplicate += other.duplicate;
        self.unmatched += other.unmatched;
        self.suppressed += other.suppressed;
        self.cancelled += other.cancelled;
        for (kind, count) in &other.kinds {
            *self.kinds.entry(*kind).or_default() += count;
        }
    }
}

/// Does what each report leads to, then records it: one that is on record changes nothing, and one that was broken off is
/// done again.
///
/// # Errors
/// When the ledger fails; what came before the failure is on record, so the same reports may be given again.
pub async fn receive(
    store: &Store,
    knowledge: &Knowledge,
    policy: &BouncePolicy,
    now: Timestamp,
    reports: Vec<Feedback>,
) -> Result<Received, DeskError> {
    let mut received = Received::default();
    let desk = Desk { store, knowledge, policy, now };
    for report in reports {
        received.read += 1;
        desk.take(report, &mut received).await?;
    }
    Ok(received)
}

/// Whom a report is about.
struct Matched {
    members: Vec<Addressee>,
    address: Option<String>,
}

struct Desk<'a> {
    store: &'a Store,
    knowledge: &'a Knowledge,
    policy: &'a BouncePolicy,
    now: Timestamp,
}

impl Desk<'_> {
    async fn take(&self, report: Feedback, received: &mut Received) -> Result<(), DeskError> {
        if self.store.is_recorded(&report).await? {
            received.duplicate += 1;
            return Ok(());
        }
        let matched = self.matched(&report).await?;
        if matched.members.is_empty() {
            received.unmatched += 1;
            if matched.address.is_none() {
                return Ok(());
            }
        }
        let report = Feedback { detail: told(&report.detail, matched.address.as_deref()), ..report };
        let soft = self.soft_jobs(&report, &matched).await?;
        if let Some(led) = report.consequence(soft, self.policy, self.now) {
            self.carry_out(&led, &matched, received).await?;
        }
        let member = matched.members.first().map(|m| m.key);
        if self.store.record(&report, member).await? {
            received.recorded += 1;
            *received.kinds.entry(report.kind).or_default() += 1;
        } else {
            received.duplicate += 1;
        }
        Ok(())
    }

    /// Whoever names a message must know where it went: nobody stops a stranger's mail by a forged bounce.
    async fn matched(&self, report: &Feedback) -> Result<Matched, StoreError> {
        let named = report.address.as_deref().map(|address| address.trim().to_lowercase());
        let about = match (&report.job, &report.member, &report.address) {
            (Some(job), ..) => About::Job(job),
            (None, Some(member), _) => About::Member(member),
            (None, None, Some(address)) => About::Address(address),
            (None, None, None) => return Ok(Matched { members: Vec::new(), address: None }),
        };
        let members = self.store.addressees(about).await?;
        let own = members.first().and_then(|m| m.address.clone());
        if report.job.is_none() {
            return Ok(Matched { members, address: named.or(own) });
        }
        let another = report.member.as_ref().is_some_and(|id| members.iter().any(|m| m.member != *id));
        let elsewhere = report.kind.is_bounce() && named.is_some() && named != own;
        if another || elsewhere {
            return Ok(Matched { members: Vec::new(), address: None });
        }
        Ok(Matched { members, address: own })
    }

    /// The messages that bounced softly at this address of late, this one included.
    async fn soft_jobs(&self, report: &Feedback, matched: &Matched) -> Result<u64, StoreError> {
        let since = self.now.checked_sub_signed(self.policy.within).unwrap_or(Timestamp::MIN_UTC);
        match (report.kind, &report.job, matched.members.first()) {
            (FeedbackKind::SoftBounce, Some(job), Some(member)) if report.at >= since => {
                Ok(self.store.soft_bounces(member, job, since).await? + 1)
            }
            _ => Ok(0),
        }
    }

    async fn carry_out(
        &self,
        led: &Consequence,
        matched: &Matched,
        received: &mut Received,
    ) -> Result<(), DeskError> {
        let members = || matched.members.iter().map(|m| Whom::Member(m.member.clone()));
        let unknown = matched.members.is_empty();
        let mut whom: Vec<Whom> =
            matched.address.iter().filter(|_| led.address || unknown).cloned().map(Whom::Address).collect();
        // An address that is not there cannot be stopped; the member can.
        if led.member || whom.is_empty() {
            whom.extend(members());
        }
        for whom in whom {
            let what = led.what.clone();
            let done = suppress::add(self.store, self.knowledge, self.now, whom, what, &led.because).await?;
            received.suppressed += 1;
            received.cancelled += done.cancelled;
        }
        Ok(())
    }
}
