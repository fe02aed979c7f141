//! Owns the proof that a ledger is sound: what violates each invariant; changes nothing.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::Serialize;

use super::DeskError;
use crate::domain::guards::holdout_share;
use crate::domain::ids::{RuleId, Timestamp};
use crate::domain::invariant::Invariant;
use crate::domain::reason::Language;
use crate::domain::rules::Rules;
use crate::store::{Sample, Store, Twice};

/// A lease may be over for so long before it is amiss: who takes it back looks every few seconds.
const LEASE_GRACE: TimeDelta = TimeDelta::minutes(10);
/// What was on its way when someone opted out may still end so long after.
const OPT_OUT_GRACE: TimeDelta = TimeDelta::minutes(10);
/// Jobs looked at together.
const PAGE: usize = 5_000;
/// Examples told of what rules tell.
const EXAMPLES: usize = 20;

/// How sound a ledger is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// True when every invariant holds.
    pub sound: bool,
    /// Violations in all.
    pub violations: u64,
    /// Every invariant, in the order of the closed list.
    pub invariants: Vec<Finding>,
}

/// What was found of one invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its word.
    pub id: &'static str,
    /// What holds, or should.
    pub sentence: &'static str,
    /// How many violate it.
    pub violations: u64,
    /// Up to 20 of these: job ids; of occasions member, rule and cycle.
    pub examples: Vec<String>,
}

/// Checks every invariant. `now` is the real time; leases speak of it where the ledger has no clock of
/// its own. Of the holdout and of one reminder a purchase
/// only what was made under these very rules can tell.
///
/// # Errors
/// When the ledger fails.
pub async fn verify(
    store: &Store,
    rules: &Rules,
    now: Timestamp,
    language: Language,
) -> Result<Verified, DeskError> {
    let mut samples: BTreeMap<Invariant, Sample> =
        store.audit(now, LEASE_GRACE, OPT_OUT_GRACE).await?.into_iter().collect();
    samples.insert(Invariant::ServedOnce, served_twice(store, rules).await?);
    samples.insert(Invariant::NothingToHoldout, to_holdout(store, rules).await?);
    let finding = |invariant: &Invariant| {
        let sample = samples.remove(invariant).unwrap_or_default();
        Finding {
            id: invariant.as_str(),
            sentence: invariant.sentence(language),
            violations: sample.count,
            examples: sample.examples,
        }
    };
    let invariants: Vec<Finding> = Invariant::ALL.iter().map(finding).collect();
    let violations = invariants.iter().map(|finding| finding.violations).sum();
    Ok(Verified { sound: violations == 0, violations, invariants })
}

async fn served_twice(store: &Store, rules: &Rules) -> Result<Sample, DeskError> {
    let renamed = rules.all().iter().filter(|rule| !rule.formerly.is_empty());
    let renamed: Vec<RuleId> = renamed.flat_map(|rule| rule.ids()).collect();
    let mut sample = Sample::default();
    for pair in store.delivered_twice(&renamed).await?.iter().filter(|pair| is_one_need(pair, rules)) {
        add(&mut sample, format!("{} {}", pair.jobs[0], pair.jobs[1]));
    }
    Ok(sample)
}

/// True when the rules forbid both: one rule under two of its names, or two reminders of one purchase.
fn is_one_need(pair: &Twice, rules: &Rules) -> bool {
    let [one, other] = &pair.rules;
    let same_rule = rules.all().iter().any(|rule| rule.answers_to(one) && rule.answers_to(other));
    if same_rule {
        return pair.cycles[0] == pair.cycles[1];
    }
    // A wish to be reminded again is a need of its own.
    let is_wish = pair.cycles.iter().any(|cycle| cycle.again_on().is_some());
    let of_these_rules = pair.hashes.iter().all(|hash| hash == rules.hash());
    rules.guards.one_reminder_per_purchase && of_these_rules && !is_wish
}

async fn to_holdout(store: &Store, rules: &Rules) -> Result<Sample, DeskError> {
    let share = |id: &RuleId| {
        let rule = rules.get(id)?;
        Some((rule, rule.holdout.unwrap_or(rules.guards.holdout)))
    };
    let held = rules.all().iter().filter(|rule| share(&rule.id).is_some_and(|(_, share)| share > 0.0));
    let ids: Vec<RuleId> = held.flat_map(|rule| rule.ids()).collect();
    let (mut sample, mut after) = (Sample::default(), i64::MIN);
    while !ids.is_empty() {
        let page = store.handed_over(rules.hash(), &ids, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.key;
        let wrong = page.iter().filter(|job| {
            share(&job.rule).is_some_and(|(rule, share)| holdout_share(&job.member, &rule.id) < share)
        });
        wrong.for_each(|job| add(&mut sample, job.job.to_string()));
    }
    Ok(sample)
}

fn add(sample: &mut Sample, example: String) {
    sample.count += 1;
    if sample.examples.len() < EXAMPLES {
        sample.examples.push(example);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Cycle;
    use crate::domain::lifecycle::Stages;
    use crate::domain::rules::{Guards, Rule};
    use crate::domain::trigger::{Trigger, When};

    fn rule(id: &str, formerly: &[&str]) -> Rule {
        let formerly = formerly.iter().map(|id| RuleId::from(*id)).collect();
        Rule { formerly, ..Rule::new(id, Trigger::Need(When::Before(5)), "crm") }
    }

    fn rules(guards: Guards) -> Rules {
        Rules::new(vec![rule("refill", &["old"]), rule("other", &[])], guards, vec![], Stages::default())
    }

    fn pair(rules: [&str; 2], cycles: [&str; 2], hash: &str) -> Twice {
        Twice {
            jobs: ["job_1".into(), "job_2".into()],
            rules: rules.map(RuleId::from),
            cycles: cycles.map(|cycle| Cycle::from(cycle.to_owned())),
            hashes: [hash.to_owned(), hash.to_owned()],
        }
    }

    #[test]
    fn two_messages_are_one_need_only_where_the_rules_forbid_both() {
        let strict = rules(Guards::default());
        let loose = rules(Guards { one_reminder_per_purchase: false, ..Guards::default() });
        let hash = strict.hash().to_owned();
        let cases = [
            (pair(["old", "refill"], ["o1", "o1"], "before"), true, true),
            (pair(["old", "refill"], ["o1", "o2"], &hash), false, false),
            (pair(["other", "refill"], ["o1", "o1"], &hash), true, false),
            (pair(["other", "refill"], ["o1", "o1"], "before"), false, false),
            (pair(["other", "refill"], ["o1", "o1/again-2026-05-31"], &hash), false, false),
        ];
        for (pair, under_strict, under_loose) in cases {
            assert_eq!(is_one_need(&pair, &strict), under_strict, "{pair:?}");
            assert_eq!(is_one_need(&pair, &loose), under_loose, "{pair:?}");
        }
    }
}
