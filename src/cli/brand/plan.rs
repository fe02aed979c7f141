//! Owns the face of `plan`; the desk answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::diff;
use crate::cli::moment::AtTime;
use crate::cli::open::{Open, load};
use crate::cli::output::{Output, strong};
use crate::desk;
use crate::desk::pause::PauseLine;
use crate::desk::plan::DryRun;
use crate::domain::reason::{Language, Reason};

/// What the rules would do now: a dry run over every member, nothing is written or sent
///
/// `scheduled`, `moved` and `cancelled` count what would change against what is planned already.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  replenish plan\n  replenish plan --rules drafts/rules --now 2026-03-02\n  replenish plan --diff drafts/rules"
)]
pub struct PlanArgs {
    /// Try the rules of this folder instead of those in the settings
    #[arg(long, value_name = "FOLDER")]
    rules: Option<PathBuf>,
    /// Say what the rules of this folder would change: who gains, loses and moves which message
    #[arg(long, value_name = "FOLDER")]
    diff: Option<PathBuf>,
    #[command(flatten)]
    at: AtTime,
}

impl PlanArgs {
    /// The rules to open instead of those in the settings.
    pub fn rules(&self) -> Option<&Path> {
        self.rules.as_deref()
    }

    /// Prints what would change. `desk` knows the rules to try.
    ///
    /// # Errors
    /// When the ledger fails; when the rules to compare with are invalid.
    pub async fn run(self, desk: &Open, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        let progress = out.progress("members planned", None);
        let now = self.at.of(desk);
        if let Some(other) = &self.diff {
            let rules = load(config, Some(other))?.rules;
            let done = |done| progress.set_position(done);
            let diff = desk::diff::diff(&desk.store, &desk.knowledge, rules, now, done).await;
            progress.finish_and_clear();
            return diff::tell(&diff?, desk, *out);
        }
        let run =
            desk::plan::plan(&desk.store, &desk.knowledge, now, |done| progress.set_position(done)).await;
        progress.finish_and_clear();
        let run = run?;
        if out.is_json() {
            out.json(&run)?
        } else {
            tell(&run, desk.language, *out)?
        }
        left_out(&run.damaged, *out)
    }
}

/// Members who were left out are told after the rest, and make the dry run a failure.
pub(super) fn left_out(damaged: &[String], out: Output) -> anyhow::Result<ExitCode> {
    damaged.iter().try_for_each(|damage| out.note(format_args!("a member is left out: {damage}")))?;
    Ok(if damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(run: &DryRun, language: Language, out: Output) -> anyhow::Result<()> {
    out.say(strong(format_args!("A dry run over {} members; nothing was written.", run.members)))?;
    if !run.paused.is_empty() {
        let named = |p: &PauseLine| match &p.name {
            Some(name) => format!("{} {name}", p.scope),
            None => "every message".to_owned(),
        };
        let paused: Vec<String> = run.paused.iter().map(named).collect();
        out.say(format_args!("Paused: {}; what is due there waits.", paused.join(", ")))?;
    }
    out.facts(&[
        ("scheduled", run.scheduled.to_string()),
        ("moved", run.moved.to_string()),
        ("cancelled", run.cancelled.to_string()),
        ("due now", run.due_now.to_string()),
    ])?;
    if !run.by_rule.is_empty() {
        out.heading("Scheduled, by rule")?;
        let rows = run.by_rule.iter().map(|(rule, n)| vec![n.to_string(), rule.to_string()]).collect();
        out.table(&["messages", "rule"], &["messages"], rows)?;
    }
    reasons("Due, but later", &run.held, language, out)?;
    reasons("Silent", &run.skipped, language, out)
}

fn reasons(
    title: &str,
    counts: &BTreeMap<Reason, u64>,
    language: Language,
    out: Output,
) -> anyhow::Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    out.heading(title)?;
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let row = |(reason, n): &(&Reason, &u64)| {
        vec![n.to_string(), reason.to_string(), reason.sentence(language).to_owned()]
    };
    out.table(&["items", "reason", "which means"], &["items"], counts.iter().map(row).collect())
}
