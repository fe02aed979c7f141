//! Owns the face of `pause` and `resume`; the desk does it.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::open::Open;
use crate::cli::output::{Output, local};
use crate::desk::deeds::{self, Mandate};
use crate::desk::pause::{self, Paused};
use crate::domain::deed::DeedKind;
use crate::domain::pause::PauseScope;

/// Hold messages back until `resume`: all, those of a rule, or those on a channel
///
/// It holds from now on in every process of the shop, also for what is already scheduled, and survives restarts. What
/// waits longer than it is worth sending is skipped as expired.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  replenish pause --all --because 'the price list is wrong'
  replenish pause --rule refill --because 'new texts on Monday'")]
pub struct PauseArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// Who asked, and why: it is shown beside the pause
    #[arg(long, value_name = "TEXT", default_value = "recorded on the command line")]
    because: String,
}

/// Let go on what was paused, by a person or because its endpoint was gone
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  replenish resume --rule refill")]
pub struct ResumeArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// Who asked, and why: it is shown in the log
    #[arg(long, value_name = "TEXT", default_value = "recorded on the command line")]
    because: String,
}

#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
struct WhatArgs {
    /// Every message
    #[arg(long)]
    all: bool,
    /// The messages of this rule
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// The messages on this channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
}

impl WhatArgs {
    fn scope(self) -> PauseScope {
        let rule = self.rule.map(|id| PauseScope::Rule(id.into()));
        rule.or_else(|| self.channel.map(|name| PauseScope::Channel(name.into()))).unwrap_or(PauseScope::All)
    }
}

impl PauseArgs {
    /// Pauses.
    ///
    /// # Errors
    /// When there is no such rule or channel, or the ledger fails.
    pub async fn run(self, desk: &Open, out: &Output) -> anyhow::Result<ExitCode> {
        let scope = self.what.scope();
        check(desk, &scope)?;
        let done = pause::pause(&desk.store, scope.clone(), &self.because, desk.now).await?;
        tracing::info!(scope = scope.kind(), name = scope.name(), because = self.because, "paused");
        note(desk, &scope, &self.because, DeedKind::Pause, &done).await?;
        let said = if done.changed { "Paused" } else { "This was paused already" };
        tell(desk, *out, said, &done)
    }
}

impl ResumeArgs {
    /// Resumes.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn run(self, desk: &Open, out: &Output) -> anyhow::Result<ExitCode> {
        let scope = self.what.scope();
        let done = pause::resume(&desk.store, &scope).await?;
        tracing::info!(scope = scope.kind(), name = scope.name(), because = self.because, "resumed");
        note(desk, &scope, &self.because, DeedKind::Resume, &done).await?;
        let said = if done.changed { "Resumed: what waited goes now" } else { "This was not paused" };
        tell(desk, *out, said, &done)
    }
}

async fn note(
    desk: &Open,
    scope: &PauseScope,
    because: &str,
    what: DeedKind,
    done: &Paused,
) -> anyhow::Result<()> {
    let mandate = Mandate::of(&desk.who).because(Some(because.to_owned()));
    let asked = json!({ "scope": scope.kind(), "name": scope.name() });
    let counts = json!({ "changed": done.changed });
    Ok(deeds::record(&desk.store, desk.now, &mandate, what, asked, &counts).await?)
}

/// A pause of something misspelt would stop nothing, and nobody would notice.
fn check(desk: &Open, scope: &PauseScope) -> anyhow::Result<()> {
    let known = match scope {
        PauseScope::All => true,
        PauseScope::Rule(rule) => desk.knowledge.rules.get(rule).is_some(),
        PauseScope::Channel(channel) => desk.settings.channels.contains_key(channel),
    };
    match (known, scope.name()) {
        (false, Some(name)) => anyhow::bail!("there is no {} `{name}`: look at the spelling", scope.kind()),
        _ => Ok(()),
    }
}

fn tell(desk: &Open, out: Output, said: &str, done: &Paused) -> anyhow::Result<ExitCode> {
    if out.is_json() {
        out.json(done)?;
        return Ok(ExitCode::SUCCESS);
    }
    out.say(format_args!("{said}."))?;
    if done.paused.is_empty() {
        out.say("Nothing is paused.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let zone = desk.knowledge.zone;
    let rows = done.paused.iter().map(|p| {
        let (name, by) = (p.name.clone().unwrap_or_default(), p.by.as_str().to_owned());
        vec![p.scope.to_owned(), name, by, local(p.since, zone), p.because.clone()]
    });
    out.table(&["paused", "which", "by", "since", "because"], &[], rows.collect())?;
    Ok(ExitCode::SUCCESS)
}
