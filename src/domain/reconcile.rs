//! Owns what to change so that the ledger's open occasions become the desired ones; knows nothing of why they are desired.

use super::change::Change;
use super::ids::Timestamp;
use super::member::MemberView;
use super::occasion::Occasion;
use super::plan::{Plan, consider};
use super::shop::{Person, Shop};

/// Plans one member and says what to change; the last change records that the planner has been here.
pub fn replan(view: &MemberView, shop: &Shop<'_>, now: Timestamp) -> (Vec<Change>, Plan) {
    let plan = consider(&Person::of(view, shop), shop, now);
    let version = shop.version();
    let release = view.planned_with.as_ref() != Some(&version);
    let open: Vec<&Occasion> = view.occasions.iter().filter(|o| o.is_open()).collect();
    let mut changes = reconcile(&plan.wanted, &open, release, now);
    let stage = plan.stage.filter(|stage| view.stage != Some(*stage));
    changes.extend(stage.map(|(stage, since)| Change::Stage(stage, since)));
    let wake_at = view.next_line_at.into_iter().chain(plan.wake_at).min();
    changes.push(Change::Planned(wake_at, version));
    (changes, plan)
}

/// Inserts what is missing, moves what differs, withdraws what is no longer desired. What is over is left for
/// assembling to close. `release` looks again at what a guard held, because the rules may judge otherwise now.
pub fn reconcile(desired: &[Occasion], open: &[&Occasion], release: bool, now: Timestamp) -> Vec<Change> {
    let mut changes = Vec::new();
    for wanted in desired {
        match open.iter().find(|o| o.key == wanted.key) {
            None => changes.push(Change::Plan(wanted.clone())),
            Some(have) if have.valid_until <= now => {}
            Some(have) if differs(have, wanted) || (release && have.held_until.is_some()) => {
                let moved = Occasion { held_until: None, held_for: None, ..wanted.clone() };
                changes.push(Change::Move(moved));
            }
            Some(_) => {}
        }
    }
    let unwanted = |o: &&&Occasion| o.valid_until > now && !desired.iter().any(|d| d.key == o.key);
    changes.extend(open.iter().filter(unwanted).map(|o| Change::Withdraw(o.key.clone())));
    changes
}

fn differs(have: &Occasion, wanted: &Occasion) -> bool {
    let hash = |o: &Occasion| o.evidence.as_ref().map(|e| e.hash.clone());
    have.due_at != wanted.due_at
        || have.valid_until != wanted.valid_until
        || have.anchor_day != wanted.anchor_day
        || hash(have) != hash(wanted)
}
