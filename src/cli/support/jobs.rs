//! Owns the face of `jobs`; the desk looks up, judges and decides.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::filter::FilterArgs;
use super::{parse_language, sheet};
use crate::cli::moment::AtTime;
use crate::cli::open::Open;
use crate::cli::output::{Output, local, strong};
use crate::desk::jobs::{Act, Cancelled, JobLine, Replayed, Selection, cancel, list, replay, show};
use crate::domain::job::JobState;
use crate::domain::reason::{Language, Reason};

/// The ledger: list jobs, show one, replay or cancel some
#[derive(Debug, Clone, clap::Args)]
pub struct JobsArgs {
    #[command(subcommand)]
    what: JobsCommand,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum JobsCommand {
    /// List jobs, and what is planned but not yet a job (under scheduled)
    #[command(after_help = "Examples:
  replenish jobs list --state failed,uncertain --since 24h
  replenish jobs list --address amy@shop.example")]
    List(ListArgs),
    /// Show all that is known of one job: evidence, guards, attempts, history
    #[command(after_help = "Example:\n  replenish jobs show job_5a1fc09d22b4e7a1c3d00f19")]
    Show(ShowArgs),
    /// Send jobs again, with today's address and template, after all guards have judged again
    ///
    /// Shows first what would be sent and what would not. Without ids, --state or --reason only failed jobs are meant:
    /// what was skipped, cancelled, or may have arrived is sent again only when you say so.
    #[command(after_help = "Examples:
  replenish jobs replay job_5a1fc09d22b4e7a1c3d00f19
  replenish jobs replay --reason template_error --since 7d --dry-run
  replenish jobs replay --state uncertain --channel email --yes")]
    Replay(DecideArgs),
    /// Cancel for good what has not been handed over, and what is planned
    ///
    /// Shows first what would be cancelled. A cancelled job can be replayed; a cancelled plan does not come back for
    /// the same purchase.
    #[command(after_help = "Examples:
  replenish jobs cancel --rule refill --channel crm --dry-run
  replenish jobs cancel --member 00038317 --yes")]
    Cancel(DecideArgs),
}

#[derive(Debug, Clone, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    at: AtTime,
}

#[derive(Debug, Clone, clap::Args)]
struct ShowArgs {
    /// The job's id, or that of a planned message, as `jobs list` shows it
    id: String,
    /// The language of sentences: en or zh-TW; the system's without it
    #[arg(long, value_name = "LANG", value_parser = parse_language)]
    lang: Option<Language>,
    #[command(flatten)]
    at: AtTime,
}

#[derive(Debug, Clone, clap::Args)]
struct DecideArgs {
    /// Only these, by id, as `jobs list` shows them
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Only show what would happen
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    at: AtTime,
}

impl JobsArgs {
    /// Lists, shows, replays or cancels.
    ///
    /// # Errors
    /// When an id leads nowhere, or the ledger fails.
    pub async fn run(self, desk: &Open, out: &Output) -> anyhow::Result<ExitCode> {
        match self.what {
            JobsCommand::List(args) => args.run(desk, *out).await,
            JobsCommand::Show(args) => args.run(desk, *out).await,
            JobsCommand::Replay(args) => args.replay(desk, *out).await,
            JobsCommand::Cancel(args) => args.cancel(desk, *out).await,
        }
    }
}

impl ListArgs {
    async fn run(self, desk: &Open, out: Output) -> anyhow::Result<ExitCode> {
        let filter = self.filter.filter(self.at.of(desk), desk.knowledge.zone);
        let lines = list(&desk.store, &desk.knowledge, filter).await?;
        if lines.is_empty() {
            out.note("nothing matches")?;
        }
        if out.is_json() {
            out.json_lines(&lines)?;
        } else if !lines.is_empty() {
            let header = ["due", "state", "rule", "member", "channel", "tries", "reason", "id"];
            out.table(&header, &["tries"], lines.iter().map(|line| row(line, desk)).collect())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn row(line: &JobLine, desk: &Open) -> Vec<String> {
    let rule = if line.step == 1 { line.rule.to_string() } else { format!("{} ({})", line.rule, line.step) };
    vec![
        local(line.due_at, desk.knowledge.zone),
        line.state.as_str().to_owned(),
        rule,
        line.member.to_string(),
        line.channel.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        line.attempts.to_string(),
        line.reason.map_or("", Reason::as_str).to_owned(),
        line.id.clone(),
    ]
}

impl ShowArgs {
    async fn run(self, desk: &Open, out: Output) -> anyhow::Result<ExitCode> {
        let language = self.lang.unwrap_or(desk.language);
        let domain = desk.mail_domain.as_deref();
        let now = self.at.of(desk);
        let job = show(&desk.store, &desk.knowledge, now, &self.id, domain, language).await?;
        if out.is_json() {
            out.json(&job)?
        } else {
            sheet::tell(&job, desk.knowledge.zone, out)?
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether to go on after the plan was shown.
enum GoOn {
    Yes,
    /// The plan was all that was wanted, or the person says no.
    No,
    /// Nobody is there to ask.
    Unasked,
}

impl DecideArgs {
    async fn replay(self, desk: &Open, out: Output) -> anyhow::Result<ExitCode> {
        let Some(selection) = self.selection(desk, out)? else { return Ok(ExitCode::from(2)) };
        let now = self.at.of(desk);
        let plan = replay(&desk.store, &desk.knowledge, now, &selection, Act::DryRun).await?;
        if !out.is_json() {
            tell_replay(&plan, desk.language, out)?;
        }
        match self.go_on(plan.would_send, format_args!("Send {} messages again?", plan.would_send), out)? {
            GoOn::Yes => {
                let done = replay(&desk.store, &desk.knowledge, now, &selection, Act::Go).await?;
                if out.is_json() {
                    out.json(&done)?
                } else {
                    out.say(format_args!("{} scheduled.", done.scheduled))?
                }
                Ok(found(&done.unknown))
            }
            stopped => finish(stopped, &plan, &plan.unknown, out),
        }
    }

    async fn cancel(self, desk: &Open, out: Output) -> anyhow::Result<ExitCode> {
        let Some(selection) = self.selection(desk, out)? else { return Ok(ExitCode::from(2)) };
        let now = self.at.of(desk);
        let plan = cancel(&desk.store, &desk.knowledge, now, &selection, Act::DryRun).await?;
        if !out.is_json() {
            tell_cancel(&plan, out)?;
        }
        match self.go_on(plan.matched, format_args!("Cancel {} messages for good?", plan.matched), out)? {
            GoOn::Yes => {
                let done = cancel(&desk.store, &desk.knowledge, now, &selection, Act::Go).await?;
                if out.is_json() {
                    out.json(&done)?
                } else {
                    out.say(format_args!("{} cancelled.", done.cancelled))?
                }
                Ok(found(&done.unknown))
            }
            stopped => finish(stopped, &plan, &plan.unknown, out),
        }
    }

    /// What is meant; `None` when nothing says so: a slip must not reach every job there is.
    fn selection(&self, desk: &Open, out: Output) -> anyhow::Result<Option<Selection>> {
        if self.ids.is_empty() && self.filter.is_empty() {
            out.note("say which jobs: give ids, or filters such as --state failed or --member ID")?;
            return Ok(None);
        }
        let filter = self.filter.clone().filter(self.at.of(desk), desk.knowledge.zone);
        Ok(Some(Selection { ids: self.ids.clone(), filter }))
    }

    fn go_on(&self, concerned: u64, question: std::fmt::Arguments<'_>, out: Output) -> anyhow::Result<GoOn> {
        if self.dry_run || concerned == 0 {
            return Ok(GoOn::No);
        }
        if self.yes {
            return Ok(GoOn::Yes);
        }
        Ok(match out.ask(question)? {
            Some(true) => GoOn::Yes,
            Some(false) => GoOn::No,
            None => GoOn::Unasked,
        })
    }
}

/// Ends after the plan: nothing was done.
fn finish<T: serde::Serialize>(
    how: GoOn,
    plan: &T,
    unknown: &[String],
    out: Output,
) -> anyhow::Result<ExitCode> {
    if out.is_json() {
        out.json(plan)?;
    }
    if matches!(how, GoOn::Unasked) {
        out.note("nothing was done: there is no terminal to ask on, so say --yes to go on, or --dry-run to stop here")?;
        return Ok(ExitCode::from(2));
    }
    Ok(found(unknown))
}

/// An id that leads nowhere is a failure, whatever became of the others.
fn found(unknown: &[String]) -> ExitCode {
    if unknown.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell_replay(plan: &Replayed, language: Language, out: Output) -> anyhow::Result<()> {
    tell_match(plan.matched, "may be replayed", &plan.left_out, &plan.unknown, out)?;
    if plan.left_out.keys().any(|state| state.is_replayable()) {
        out.say("  Without --state or --reason only failed jobs are meant.")?;
    }
    if plan.matched == 0 {
        return Ok(());
    }
    out.say(format_args!("  {} would be sent", plan.would_send))?;
    if plan.perhaps_delivered > 0 {
        out.say(format_args!("    {} of them may have arrived before", plan.perhaps_delivered))?;
    }
    for (reason, n) in &plan.would_wait {
        out.say(format_args!("    {n} of them would wait: {}", reason.sentence(language)))?;
    }
    for (reason, n) in &plan.would_skip {
        out.say(format_args!("  {n} would not ({reason}): {}", reason.sentence(language)))?;
    }
    Ok(())
}

fn tell_cancel(plan: &Cancelled, out: Output) -> anyhow::Result<()> {
    tell_match(plan.matched, "can be cancelled", &plan.left_out, &plan.unknown, out)?;
    if plan.matched > 0 {
        out.say(format_args!("  {} assembled, {} still planned", plan.jobs, plan.occasions))?;
    }
    Ok(())
}

fn tell_match(
    matched: u64,
    may: &str,
    left_out: &BTreeMap<JobState, u64>,
    unknown: &[String],
    out: Output,
) -> anyhow::Result<()> {
    match (matched, left_out.is_empty() && unknown.is_empty()) {
        (0, true) => out.say("Nothing matches.")?,
        _ => out.say(strong(format_args!("{matched} {may}.")))?,
    }
    for (state, n) in left_out {
        out.say(format_args!("  {n} left as they are: {}", state.as_str()))?;
    }
    for id in unknown {
        out.note(format_args!("no job `{id}` is known, or the filters leave it out"))?;
    }
    Ok(())
}
