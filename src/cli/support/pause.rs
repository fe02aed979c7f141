//! Owns the face of `pause` and `resume`; the desk does it.

use std::process::ExitCode;

use anyhow::bail;
use serde_json::json;

use super::{say, word};
use crate::cli::open::Open;
use crate::cli::output::{Output, local};
use crate::desk::deeds::{self, Mandate};
use crate::desk::pause::{self, Paused};
use crate::domain::deed::DeedKind;
use crate::domain::pause::PauseScope;
use crate::domain::reason::Language;

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
        if let Some(name) = unknown(desk, &scope) {
            // It would stop nothing, and nobody would notice.
            bail!("there is no {} `{name}`: look at the spelling", scope.kind());
        }
        let done = pause::pause(&desk.store, scope.clone(), &self.because, desk.now).await?;
        tracing::info!(scope = scope.kind(), name = scope.name(), because = self.because, "paused");
        note(desk, &scope, &self.because, DeedKind::Pause, &done).await?;
        let said = match done.changed {
            true => say(desk.language, "Paused.", "已暫停。"),
            false => say(
                desk.language,
                "This was paused already, and stays so since then; the reason shown is the new one.",
                "原本就已暫停，起始時間不變；原因已改為這次所填的內容。",
            ),
        };
        tell(desk, *out, said, &done)
    }
}

impl ResumeArgs {
    /// Resumes.
    ///
    /// # Errors
    /// When there is no such rule or channel and none of that name is paused, or the ledger fails.
    pub async fn run(self, desk: &Open, out: &Output) -> anyhow::Result<ExitCode> {
        let scope = self.what.scope();
        // What is gone from the settings may be paused still.
        if let Some(name) = unknown(desk, &scope)
            && !pause::list(&desk.store).await?.iter().any(|paused| paused.is(&scope))
        {
            let kind = scope.kind();
            bail!("there is no {kind} `{name}`, and none of that name is paused: look at the spelling");
        }
        let done = pause::resume(&desk.store, &scope).await?;
        tracing::info!(scope = scope.kind(), name = scope.name(), because = self.because, "resumed");
        note(desk, &scope, &self.because, DeedKind::Resume, &done).await?;
        tell(desk, *out, resumed(&done, desk.language), &done)
    }
}

/// What came of it, before what is paused now.
fn resumed(done: &Paused, language: Language) -> &'static str {
    match (done.changed, done.paused.is_empty()) {
        (true, true) => say(language, "Resumed: what waited goes now.", "已恢復：等待中的訊息現在會送出。"),
        (true, false) => say(
            language,
            "Resumed: what waited goes now, but for what these pauses hold.",
            "已恢復：等待中的訊息現在會送出，但以下暫停仍然有效。",
        ),
        (false, true) => say(language, "This was not paused.", "原本並未暫停。"),
        (false, false) => say(
            language,
            "Nothing was resumed: this was not paused. What is paused is resumed by its own name.",
            "沒有恢復任何項目：原本並未暫停。以下暫停須各自指定名稱恢復。",
        ),
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

/// The name of a rule or channel that is in no settings.
fn unknown<'a>(desk: &Open, scope: &'a PauseScope) -> Option<&'a str> {
    let is_known = match scope {
        PauseScope::All => true,
        PauseScope::Rule(rule) => !desk.has_rules || desk.knowledge.rules.get(rule).is_some(),
        PauseScope::Channel(channel) => desk.settings.channels.contains_key(channel),
    };
    scope.name().filter(|_| !is_known)
}

fn tell(desk: &Open, out: Output, said: &str, done: &Paused) -> anyhow::Result<ExitCode> {
    if out.is_json() {
        out.json(done)?;
        return Ok(ExitCode::SUCCESS);
    }
    out.say(said)?;
    if done.paused.is_empty() {
        out.say(say(desk.language, "Nothing is paused.", "目前沒有任何暫停。"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (zone, word) = (desk.knowledge.zone, |english| word(desk.language, english).to_owned());
    let rows = done.paused.iter().map(|p| {
        let (name, by) = (p.name.clone().unwrap_or_default(), word(p.by.as_str()));
        vec![word(p.scope), name, by, local(p.since, zone), p.because.clone()]
    });
    let header = ["paused", "which", "by", "since", "because"].map(word);
    out.table(&header.each_ref().map(String::as_str), &[], rows.collect())?;
    Ok(ExitCode::SUCCESS)
}
