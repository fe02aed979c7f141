//! Owns what a ledger that was restored from a backup cannot know: which e-mails went since; knows nothing of backups.

use super::apply::apply;
use super::assemble::{assemble_within, draft, due_groups};
use super::budget::Allowance;
use super::change::Change;
use super::guards::{Judge, Message, Verdict};
use super::ids::Timestamp;
use super::job::JobState;
use super::member::MemberView;
use super::occasion::Occasion;
use super::reason::Reason;
use super::rules::Rule;
use super::shop::{Person, Shop};

/// The time of which a restored ledger knows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// When the backup was taken.
    pub from: Timestamp,
    /// When the restored ledger was first run.
    pub until: Timestamp,
}

/// Assembles what is due. What was ready before the end of the gap and goes by e-mail may have gone already: it becomes a
/// job that is `uncertain`, for a person to decide. Webhooks go again under the same id, so their receiver can tell.
pub fn assemble_after(
    view: &MemberView,
    shop: &Shop<'_>,
    now: Timestamp,
    allowance: &Allowance,
    gap: Option<Gap>,
) -> Vec<Change> {
    let mut changes = gap.map_or_else(Vec::new, |gap| doubt(view, shop, now, gap));
    if changes.is_empty() {
        return assemble_within(view, shop, now, allowance);
    }
    let mut rest = view.clone();
    for change in &changes {
        apply(&mut rest, change);
    }
    changes.extend(assemble_within(&rest, shop, now, allowance));
    changes
}

fn doubt(view: &MemberView, shop: &Shop<'_>, now: Timestamp, gap: Gap) -> Vec<Change> {
    if shop.shadow {
        return Vec::new();
    }
    let person = Person::of(view, shop);
    let groups = due_groups(view, shop, now).into_iter();
    let doubted = groups.filter_map(|(rule, occasions)| {
        let judge = Judge { person: &person, shop, rule, now };
        let perhaps: Vec<&Occasion> = told_together(rule, occasions, gap)
            .into_iter()
            .filter(|o| may_have_gone(judge.occasion(o)))
            .collect();
        let valid_until = perhaps.iter().map(|o| o.valid_until).max()?;
        let channel = rule.channel_for(&view.member, shop.reach);
        let message = Message { channel, valid_until, job: None, fresh: &[], used_up_until: None };
        if !channel.is_email() || !may_have_gone(judge.message(&message).0) {
            return None;
        }
        let keys = perhaps.iter().map(|o| o.key.clone()).collect();
        let (mut job, _) = draft(&judge, perhaps);
        (job.state, job.reason) = (JobState::Uncertain, Some(Reason::Restored));
        Some(Change::Assemble(Box::new(job), keys))
    });
    doubted.collect()
}

/// What was ready in the gap, and what a message of then took along.
fn told_together<'a>(rule: &Rule, mut occasions: Vec<&'a Occasion>, gap: Gap) -> Vec<&'a Occasion> {
    let is_ready = |o: &&Occasion| o.ready_at() <= gap.until;
    let last = occasions.iter().copied().filter(is_ready).map(Occasion::ready_at).max();
    occasions.retain(|o| last.is_some_and(|last| is_ready(o) || o.due_at <= last + rule.combine_within));
    occasions
}

/// What only the hour, or how many messages there were of late, speaks against now may have gone when neither did. Who had
/// opted out or no address, or what was needless or out of stock, got nothing then either, as far as the ledger knows.
fn may_have_gone(verdict: Verdict) -> bool {
    use Reason::{NoAddress, NoConsent, OutOfStock, Suppressed};
    !matches!(verdict, Verdict::Skip(_) | Verdict::Defer(_, NoAddress | NoConsent | OutOfStock | Suppressed))
}
