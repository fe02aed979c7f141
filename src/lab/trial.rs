//! Owns rule tests: one member lives on from a now, by the daemon's own functions, and what comes is held against what was
//! expected; knows nothing of files.
//!
//! Dates are forecast as for a new shop, so that a test does not change with what the shop has learnt.

use chrono::TimeDelta;

use super::simulate::{Diary, Sent, live_alone};
use crate::config::{Expectation, Trial};
use crate::domain::ids::{RuleId, Timestamp};
use crate::domain::reason::Reason;
use crate::domain::rules::Rules;

/// A message that would come later than this is none.
const HORIZON: TimeDelta = TimeDelta::days(500);

/// Everything about this test that is not as expected, each in a sentence; nothing when it passes.
pub fn failures(trial: &Trial, rules: &Rules, zone: chrono_tz::Tz, locale: &str) -> Vec<String> {
    let end: Timestamp = trial.now + HORIZON;
    let diary = live_alone(trial, rules, zone, locale, end);
    trial.expect.iter().filter_map(|expected| against(expected, &diary)).collect()
}

fn against(expected: &Expectation, diary: &Diary) -> Option<String> {
    let of = |rule: &str| diary.sent.iter().filter(|sent| sent.rule.as_str() == rule).collect::<Vec<_>>();
    match expected {
        Expectation::Silence { rule, reason } => {
            let sent = of(rule);
            if let Some(first) = sent.first() {
                return Some(format!("`{rule}` should be silent, but writes on {}", first.day));
            }
            let reasons = reasons(diary, rule);
            let found = reasons.contains(reason);
            (!found).then(|| format!("`{rule}` is silent, but not for {reason}: {}", words(&reasons)))
        }
        Expectation::Message { rule, step, on, items, caution } => {
            let sent: Vec<_> = of(rule).into_iter().filter(|sent| sent.step == *step).collect();
            if sent.is_empty() {
                let reasons = words(&reasons(diary, rule));
                return Some(format!("`{rule}` (step {step}) should write, but is silent: {reasons}"));
            }
            let in_time = |day| on.is_none_or(|(from, until)| from <= day && day <= until);
            let about = |names: &[String]| items.is_empty() || items.iter().eq(names.iter());
            let said = |texts: &[String]| {
                caution.as_ref().is_none_or(|part| texts.iter().any(|text| text.contains(part)))
            };
            let fits =
                sent.iter().any(|sent| in_time(sent.day) && about(&sent.names) && said(&sent.cautions));
            (!fits).then(|| format!("`{rule}` (step {step}) writes otherwise: {}", told(&sent)))
        }
    }
}

/// Why the rule was silent about anything, each reason once.
fn reasons(diary: &Diary, rule: &str) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = diary
        .against
        .iter()
        .filter(|(r, _): &&(RuleId, Reason)| r.as_str() == rule)
        .map(|(_, r)| *r)
        .collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

fn words(reasons: &[Reason]) -> String {
    match reasons {
        [] => "it has nothing that it could be about".to_owned(),
        reasons => reasons.iter().map(|reason| reason.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn told(sent: &[&Sent]) -> String {
    let one = |sent: &&Sent| {
        let about =
            if sent.names.is_empty() { String::new() } else { format!(" about {}", sent.names.join(", ")) };
        let cautions: String = sent.cautions.iter().map(|text| format!(", cautioning \"{text}\"")).collect();
        format!("on {}{about}{cautions}", sent.day)
    };
    sent.iter().map(one).collect::<Vec<_>>().join("; ")
}
