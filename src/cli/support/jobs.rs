//! Owns the face of `jobs`: what is looked up; the desk finds it, and a person's decisions have their own file.

mod decide;
mod plans;

use std::path::Path;
use std::process::ExitCode;

use self::decide::{DecideArgs, ResolveArgs};
use super::filter::FilterArgs;
use super::{parse_language, sheet, word};
use crate::cli::moment::AtTime;
use crate::cli::open::Open;
use crate::cli::output::{Output, local};
use crate::desk::jobs::{JobLine, list, show};
use crate::domain::reason::{Language, Reason};

/// The ledger: list jobs, show one, replay, resolve or cancel some
#[derive(Debug, Clone, clap::Args)]
pub struct JobsArgs {
    #[command(subcommand)]
    what: JobsCommand,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum JobsCommand {
    /// List jobs, what is planned but not yet a job (under scheduled), and what ended before it became one (under skipped)
    #[command(after_help = "Examples:
  replenish jobs list --state failed,uncertain --since 24h
  replenish jobs list --reason expired --since 12d
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
    /// Settle jobs of unknown outcome: they arrived, or they are to be sent again
    ///
    /// Only jobs that are uncertain are meant. Shows first what would become of them. Look at the relay's log before: what
    /// is sent again may arrive twice.
    #[command(after_help = "Examples:
  replenish jobs resolve job_5a1fc09d22b4e7a1c3d00f19 --delivered --because 'the relay has logged it'
  replenish jobs resolve --channel email --since 24h --resend --dry-run")]
    Resolve(ResolveArgs),
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

impl JobsArgs {
    /// True when it asks what the rules say of a message now.
    fn judges(&self) -> bool {
        match &self.what {
            JobsCommand::List(_) | JobsCommand::Cancel(_) => false,
            JobsCommand::Resolve(args) => args.resends(),
            JobsCommand::Show(_) | JobsCommand::Replay(_) => true,
        }
    }

    /// Lists, shows, replays, resolves or cancels.
    ///
    /// # Errors
    /// When settings are not valid, or rules that it needs; when an id leads nowhere, or the ledger fails.
    pub async fn run(self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        let desk = match self.judges() {
            true => &Open::of(config, None).await?,
            false => &Open::at_once(config, *out).await?,
        };
        match self.what {
            JobsCommand::List(args) => args.run(desk, *out).await,
            JobsCommand::Show(args) => args.run(desk, *out).await,
            JobsCommand::Replay(args) => args.replay(desk, *out).await,
            JobsCommand::Resolve(args) => args.run(desk, *out).await,
            JobsCommand::Cancel(args) => args.cancel(desk, *out).await,
        }
    }
}

impl ListArgs {
    async fn run(self, desk: &Open, out: Output) -> anyhow::Result<ExitCode> {
        let filter = self.filter.filter(self.at.of(desk), desk.knowledge.zone);
        let lines = list(&desk.store, &desk.knowledge, filter).await?;
        if lines.is_empty() {
            out.note(match desk.language {
                Language::English => "nothing matches",
                Language::Chinese => "沒有符合的項目",
            })?;
        }
        if out.is_json() {
            out.json_lines(&lines)?;
        } else if !lines.is_empty() {
            let say = |english| word(desk.language, english);
            let header = ["due", "state", "rule", "member", "channel", "tries", "reason", "id"].map(say);
            out.table(&header, &[say("tries")], lines.iter().map(|line| row(line, desk)).collect())?;
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
            sheet::tell(&job, desk.knowledge.zone, language, out)?
        }
        Ok(ExitCode::SUCCESS)
    }
}
