//! Owns how the difference between two sets of rules is told; the desk finds it.

use std::process::ExitCode;

use super::plan::left_out;
use crate::cli::open::Open;
use crate::cli::output::{Output, local, strong};
use crate::desk::diff::{Diff, Difference};
use crate::domain::ids::Timestamp;

/// Changes shown to people; `--json` gives all.
const SAMPLE: usize = 20;

/// Counts first, then a sample.
pub(super) fn tell(diff: &Diff, desk: &Open, out: Output) -> anyhow::Result<ExitCode> {
    if out.is_json() {
        out.json(diff)?;
        return left_out(&diff.damaged, out);
    }
    out.say(strong(format_args!(
        "What the other rules would change for {} members; nothing was written.",
        diff.members
    )))?;
    out.facts(&[
        ("gained", diff.gained.to_string()),
        ("lost", diff.lost.to_string()),
        ("moved", diff.moved.to_string()),
        ("a second message about the same purchase", diff.second_for_same_purchase.to_string()),
    ])?;
    if diff.changes.is_empty() {
        return left_out(&diff.damaged, out);
    }
    out.heading("By rule")?;
    let rows = diff.by_rule.iter().map(|(rule, tally)| {
        vec![rule.to_string(), tally.gained.to_string(), tally.lost.to_string(), tally.moved.to_string()]
    });
    out.table(&["rule", "gained", "lost", "moved"], &["gained", "lost", "moved"], rows.collect())?;
    out.heading(match diff.changes.len() {
        n if n > SAMPLE => format!("A sample of {SAMPLE} out of {n}; --json gives all"),
        _ => "All of them".to_owned(),
    })?;
    let rows = sample(&diff.changes).map(|change| row(change, desk)).collect();
    out.table(&["member", "rule", "step", "item", "goes now", "would go", ""], &["step"], rows)?;
    left_out(&diff.damaged, out)
}

/// Second messages first, then evenly over all: members come in the order in which the shop named them.
fn sample(changes: &[Difference]) -> impl Iterator<Item = &Difference> {
    let (seconds, others): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.second);
    let left = SAMPLE.saturating_sub(seconds.len());
    let every = others.len().div_ceil(left.max(1)).max(1);
    seconds.into_iter().chain(others.into_iter().step_by(every).take(left)).take(SAMPLE)
}

fn row(change: &Difference, desk: &Open) -> Vec<String> {
    let at =
        |at: Option<Timestamp>| at.map_or_else(|| "–".to_owned(), |at| local(at, desk.settings.timezone));
    let remark = match change.ends {
        _ if change.second => "second message about this purchase".to_owned(),
        Some(reason) => format!("will not go: {}", reason.sentence(desk.language)),
        None => String::new(),
    };
    vec![
        change.member.to_string(),
        change.rule.to_string(),
        change.step.to_string(),
        change.item.clone(),
        at(change.before),
        at(change.after),
        remark,
    ]
}
