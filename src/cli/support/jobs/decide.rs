//! Owns how a person decides about jobs at the terminal: the plan, the question, the deed; the desk does it.

use std::process::ExitCode;

use serde::Serialize;

use super::plans;
use crate::cli::moment::AtTime;
use crate::cli::open::Open;
use crate::cli::output::Output;
use crate::cli::support::filter::FilterArgs;
use crate::desk::deeds::Mandate;
use crate::desk::jobs::{Act, Replayed, Selection, cancel, confirm, replay, resend};
use crate::domain::reason::Language;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct DecideArgs {
    /// Only these, by id, as `jobs list` shows them
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Only show what would happen
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Who asked, and why: it goes on record
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    at: AtTime,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct ResolveArgs {
    #[command(flatten)]
    fate: FateArgs,
    #[command(flatten)]
    decide: DecideArgs,
}

#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
struct FateArgs {
    /// They arrived
    #[arg(long)]
    delivered: bool,
    /// Send them again, after all guards have judged again
    #[arg(long)]
    resend: bool,
}

/// Whether to go on after the plan was shown.
enum GoOn {
    Yes,
    /// The plan was all that was wanted, or the person says no.
    No,
    /// Nobody is there to ask.
    Unasked,
}

impl ResolveArgs {
    /// True when they are to go again.
    pub fn resends(&self) -> bool {
        self.fate.resend
    }

    pub async fn run(self, desk: &Open, out: Output) -> anyhow::Result<ExitCode> {
        let args = self.decide;
        let Some(selection) = args.selection(desk, out)? else {
            return Ok(ExitCode::from(crate::cli::USAGE));
        };
        let (now, language) = (args.at.of(desk), desk.language);
        if self.fate.resend {
            let plan = resend(&desk.store, &desk.knowledge, now, &selection, Act::DryRun).await?;
            return match args.go_on_sending(&plan, language, out)? {
                GoOn::Yes => {
                    let (mandate, _watch) = args.mandate(desk);
                    let act = Act::Go(&mandate);
                    let done = resend(&desk.store, &desk.knowledge, now, &selection, act).await?;
                    sent(&done, language, out)
                }
                stopped => finish(stopped, &plan, (&plan.unknown, &plan.damaged), language, out),
            };
        }
        let plan = confirm(&desk.store, &desk.knowledge, now, &selection, Act::DryRun).await?;
        if !out.is_json() {
            plans::confirmation(&plan, language, out)?;
        }
        match args.go_on(plan.matched, plans::ask_confirmation(plan.matched, language), out)? {
            GoOn::Yes => {
                let (mandate, _watch) = args.mandate(desk);
                let done = confirm(&desk.store, &desk.knowledge, now, &selection, Act::Go(&mandate)).await?;
                let said = plans::confirmed(done.delivered, language);
                ended(&done, (&done.unknown, &done.damaged), done.stopped, said, language, out)
            }
            stopped => finish(stopped, &plan, (&plan.unknown, &plan.damaged), language, out),
        }
    }
}

impl DecideArgs {
    pub async fn replay(self, desk: &Open, out: Output) -> anyhow::Result<ExitCode> {
        let Some(selection) = self.selection(desk, out)? else {
            return Ok(ExitCode::from(crate::cli::USAGE));
        };
        let (now, language) = (self.at.of(desk), desk.language);
        let plan = replay(&desk.store, &desk.knowledge, now, &selection, Act::DryRun).await?;
        match self.go_on_sending(&plan, language, out)? {
            GoOn::Yes => {
                let (mandate, _watch) = self.mandate(desk);
                let done = replay(&desk.store, &desk.knowledge, now, &selection, Act::Go(&mandate)).await?;
                sent(&done, language, out)
            }
            stopped => finish(stopped, &plan, (&plan.unknown, &plan.damaged), language, out),
        }
    }

    pub async fn cancel(self, desk: &Open, out: Output) -> anyhow::Result<ExitCode> {
        let Some(selection) = self.selection(desk, out)? else {
            return Ok(ExitCode::from(crate::cli::USAGE));
        };
        let (now, language) = (self.at.of(desk), desk.language);
        let plan = cancel(&desk.store, &desk.knowledge, now, &selection, Act::DryRun).await?;
        if !out.is_json() {
            plans::cancellation(&plan, language, out)?;
        }
        match self.go_on(plan.matched, plans::ask_cancellation(plan.matched, language), out)? {
            GoOn::Yes => {
                let (mandate, _watch) = self.mandate(desk);
                let done = cancel(&desk.store, &desk.knowledge, now, &selection, Act::Go(&mandate)).await?;
                let said = plans::cancelled(done.cancelled, language);
                ended(&done, (&done.unknown, &done.damaged), done.stopped, said, language, out)
            }
            stopped => finish(stopped, &plan, (&plan.unknown, &plan.damaged), language, out),
        }
    }

    /// What is meant; `None` when nothing says so: a slip must not reach every job there is.
    fn selection(&self, desk: &Open, out: Output) -> anyhow::Result<Option<Selection>> {
        if self.ids.is_empty() && self.filter.is_empty() {
            out.note(match desk.language {
                Language::English => {
                    "say which jobs: give ids, or filters such as --state failed or --member ID"
                }
                Language::Chinese => "請指明任務：給予編號，或使用 --state failed、--member ID 等條件",
            })?;
            return Ok(None);
        }
        let filter = self.filter.clone().filter(self.at.of(desk), desk.knowledge.zone);
        Ok(Some(Selection { ids: self.ids.clone(), filter }))
    }

    /// On whose word it is done. While the second part lives, Ctrl-C stops it between two pages.
    fn mandate(&self, desk: &Open) -> (Mandate, Watch) {
        let mandate = Mandate::of(&desk.who).because(self.because.clone());
        let watched = mandate.clone();
        let watch = tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                watched.stop();
            }
        });
        (mandate, Watch(watch))
    }

    /// Shows what would be sent again, and asks.
    fn go_on_sending(&self, plan: &Replayed, language: Language, out: Output) -> anyhow::Result<GoOn> {
        if !out.is_json() {
            plans::replay(plan, language, out)?;
        }
        self.go_on(plan.would_send, plans::ask_replay(plan.would_send, language), out)
    }

    fn go_on(&self, concerned: u64, question: String, out: Output) -> anyhow::Result<GoOn> {
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

/// Waits for Ctrl-C as long as it lives.
struct Watch(tokio::task::JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Ends after the plan: nothing was done.
fn finish<T: Serialize>(
    how: GoOn,
    plan: &T,
    amiss: Amiss<'_>,
    language: Language,
    out: Output,
) -> anyhow::Result<ExitCode> {
    if out.is_json() {
        out.json(plan)?;
    }
    if matches!(how, GoOn::Unasked) {
        out.note(match language {
            Language::English => {
                "nothing was done: there is no terminal to ask on, so say --yes to go on, or --dry-run to stop here"
            }
            Language::Chinese => "未做任何變更：沒有終端機可供詢問；要繼續請加 --yes，只看計畫請加 --dry-run",
        })?;
        return Ok(ExitCode::from(crate::cli::USAGE));
    }
    found(amiss, out)
}

fn sent(done: &Replayed, language: Language, out: Output) -> anyhow::Result<ExitCode> {
    ended(done, (&done.unknown, &done.damaged), done.stopped, plans::replayed(done, language), language, out)
}

/// Says what was done. To be broken off is a failure, whatever was done before.
fn ended<T: Serialize>(
    done: &T,
    amiss: Amiss<'_>,
    stopped: bool,
    said: String,
    language: Language,
    out: Output,
) -> anyhow::Result<ExitCode> {
    if out.is_json() {
        out.json(done)?;
    } else {
        out.say(said)?;
    }
    if stopped {
        out.note(match language {
            Language::English => "broken off: the rest is as it was",
            Language::Chinese => "已中斷：其餘維持原狀",
        })?;
        return Ok(ExitCode::FAILURE);
    }
    found(amiss, out)
}

/// Ids that lead nowhere, and damaged rows.
type Amiss<'a> = (&'a [String], &'a [String]);

/// An id that leads nowhere is a failure, and so is a member whose rows cannot be read, whatever became of the others.
fn found((unknown, damaged): Amiss<'_>, out: Output) -> anyhow::Result<ExitCode> {
    damaged.iter().try_for_each(|damage| out.note(damage))?;
    let all_well = unknown.is_empty() && damaged.is_empty();
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
