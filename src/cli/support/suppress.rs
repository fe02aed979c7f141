//! Owns the face of `suppress`; the desk does it.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{say, word};
use crate::cli::moment::Moment;
use crate::cli::open::Open;
use crate::cli::output::{Output, local};
use crate::desk::deeds::{self, Mandate};
use crate::desk::suppress::{self, Suppressed, SuppressionLine};
use crate::domain::deed::DeedKind;
use crate::domain::member::{Purpose, Suppression};
use crate::domain::reason::Language;
use crate::store::Whom;

/// Opt-outs: record one, lift one, list them
///
/// An opt-out holds from the moment it is recorded, also for what is already scheduled, and no import ever lifts it.
#[derive(Debug, Clone, clap::Args)]
pub struct SuppressArgs {
    #[command(subcommand)]
    what: SuppressCommand,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum SuppressCommand {
    /// Record an opt-out
    #[command(after_help = "Examples:
  replenish suppress add --member 00038317 --because 'asked by phone'
  replenish suppress add --address amy@shop.example --purpose reminder --until 90d --because 'ticket 812'")]
    Add {
        #[command(flatten)]
        whom: WhomArgs,
        #[command(flatten)]
        what: WhatArgs,
        /// It ends then: after a span, as 90d, or at the end of a day, as 2026-06-30; without it, it holds for ever
        #[arg(long, value_name = "TIME")]
        until: Option<Moment>,
        /// Who asked, and how: it is shown beside the opt-out
        #[arg(long, value_name = "TEXT", default_value = "recorded on the command line")]
        because: String,
    },
    /// Lift opt-outs, all of them unless --purpose or --item says which; only on the member's own word
    #[command(after_help = "Example:\n  replenish suppress remove --member 00038317 --purpose reminder")]
    Remove {
        #[command(flatten)]
        whom: WhomArgs,
        #[command(flatten)]
        what: WhatArgs,
    },
    /// Opt-outs on record
    List {
        /// Only this member's, by the shop's id
        #[arg(long, value_name = "ID", conflicts_with = "address")]
        member: Option<String>,
        /// Only this address's
        #[arg(long, value_name = "EMAIL")]
        address: Option<String>,
    },
}

#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
struct WhomArgs {
    /// The member, by the shop's id, as 00038317
    #[arg(long, value_name = "ID")]
    member: Option<String>,
    /// The e-mail address, also one that is not known yet
    #[arg(long, value_name = "EMAIL")]
    address: Option<String>,
}

#[derive(Debug, Clone, clap::Args)]
struct WhatArgs {
    /// What it stops, or stopped
    #[arg(long, value_enum, default_value_t = PurposeArg::All)]
    purpose: PurposeArg,
    /// Only messages about this item: a product's id, or a group's or category's text; without it, everything
    #[arg(long, value_name = "ITEM")]
    item: Option<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum PurposeArg {
    /// Messages that help to reorder
    Reminder,
    /// Messages that help or thank
    Care,
    /// Every message
    All,
}

impl SuppressArgs {
    /// Records, lifts or lists.
    ///
    /// # Errors
    /// When no member has the id, or the ledger fails.
    pub async fn run(self, desk: &Open, out: &Output) -> anyhow::Result<ExitCode> {
        match self.what {
            SuppressCommand::Add { whom, what, until, because } => {
                let until = until.map(|moment| moment.ahead(desk.now, desk.knowledge.zone));
                if until.is_some_and(|until| until <= desk.now) {
                    out.note(say(
                        desk.language,
                        "--until is in the past, so the opt-out would stop nothing: give a time to come",
                        "--until 是過去的時間，拒收不會有任何作用：請指定未來的時間",
                    ))?;
                    return Ok(ExitCode::from(crate::cli::USAGE));
                }
                let what = what.suppression(until);
                add(desk, *out, whom.whom()?, what, &because).await?;
            }
            SuppressCommand::Remove { whom, what } => {
                remove(desk, *out, whom.whom()?, what.suppression(None)).await?;
            }
            SuppressCommand::List { member, address } => {
                let whom = WhomArgs { member, address }.whom().ok();
                list(desk, *out, whom).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn add(desk: &Open, out: Output, whom: Whom, what: Suppression, because: &str) -> anyhow::Result<()> {
    let (asked, because) = (asked(&whom, &what), because.to_owned());
    let done = suppress::add(&desk.store, &desk.knowledge, desk.now, whom, what, &because).await?;
    note(desk, Some(because), DeedKind::Suppress, asked, &done).await?;
    if out.is_json() {
        return out.json(&done);
    }
    let language = desk.language;
    out.say(match done.members {
        0 => say(
            language,
            "Recorded. No such member is known yet: look at the spelling; the opt-out waits.",
            "已登記。目前沒有這位會員：請確認拼寫；此拒收會保留。",
        ),
        _ => say(language, "Recorded.", "已登記。"),
    })?;
    let (skipped, held) = (done.cancelled, done.held);
    out.say(match language {
        Language::English => format!("{skipped} scheduled messages skipped, {held} to come held back."),
        Language::Chinese => format!("已略過 {skipped} 則排程訊息，另有 {held} 則規劃中的訊息不會發送。"),
    })
}

async fn remove(desk: &Open, out: Output, whom: Whom, what: Suppression) -> anyhow::Result<()> {
    let asked = asked(&whom, &what);
    let done = suppress::remove(&desk.store, whom, what).await?;
    note(desk, None, DeedKind::Unsuppress, asked, &done).await?;
    match (out.is_json(), done.removed) {
        (true, _) => out.json(&done),
        (false, 0) => out.say(say(
            desk.language,
            "There was no such opt-out; `suppress list` shows those there are.",
            "沒有這項拒收；`suppress list` 會列出現有的拒收。",
        )),
        (false, _) => out.say(say(
            desk.language,
            "Lifted. What it skipped stays skipped: `jobs replay --reason suppressed` sends it again.",
            "已解除。先前略過的訊息不會自動補發：可用 `jobs replay --reason suppressed` 重送。",
        )),
    }
}

/// As the record keeps it: that an address was given, not which.
fn asked(whom: &Whom, what: &Suppression) -> Value {
    let mut asked = json!({ "purpose": what.purpose, "item": what.item, "until": what.until });
    match whom {
        Whom::Member(id) => asked["member"] = json!(id),
        Whom::Address(_) => asked["address"] = json!("given"),
    }
    asked
}

async fn note(
    desk: &Open,
    because: Option<String>,
    what: DeedKind,
    asked: Value,
    done: &Suppressed,
) -> anyhow::Result<()> {
    let mandate = Mandate::of(&desk.who).because(because);
    Ok(deeds::record(&desk.store, desk.now, &mandate, what, asked, done).await?)
}

async fn list(desk: &Open, out: Output, whom: Option<Whom>) -> anyhow::Result<()> {
    let lines = suppress::list(&desk.store, desk.now, whom).await?;
    if out.is_json() {
        return out.json_lines(&lines);
    }
    if lines.is_empty() {
        return out.note(say(desk.language, "no opt-out is on record", "沒有登記任何拒收"));
    }
    let header = ["recorded", "member or address", "stops", "item", "until", "because"];
    let header = header.map(|english| word(desk.language, english));
    out.table(&header, &[], lines.iter().map(|line| row(line, desk)).collect())
}

fn row(line: &SuppressionLine, desk: &Open) -> Vec<String> {
    let zone = desk.knowledge.zone;
    let whom = line.member.as_ref().map(ToString::to_string).or_else(|| line.address.clone());
    let word = |english| word(desk.language, english).to_owned();
    let until = line.what.until.map_or_else(|| word("for ever"), |until| local(until, zone));
    vec![
        local(line.at, zone),
        whom.unwrap_or_default(),
        word(line.what.purpose),
        line.what.item.clone().unwrap_or_else(|| word("every item")),
        match (line.holds, line.what.again) {
            (true, None) => until,
            (true, Some(_)) => until + say(desk.language, ", asked to be reminded again", "，要求到時再提醒"),
            (false, _) => until + say(desk.language, " (over)", "（已結束）"),
        },
        line.because.clone(),
    ]
}

impl WhomArgs {
    fn whom(self) -> anyhow::Result<Whom> {
        match (self.member, self.address) {
            (Some(member), _) => Ok(Whom::Member(member.into())),
            (None, Some(address)) => Ok(Whom::Address(address)),
            (None, None) => {
                anyhow::bail!("neither a member nor an address is named: give --member or --address")
            }
        }
    }
}

impl WhatArgs {
    fn suppression(self, until: Option<crate::domain::ids::Timestamp>) -> Suppression {
        let purpose = match self.purpose {
            PurposeArg::Reminder => Some(Purpose::Reminder),
            PurposeArg::Care => Some(Purpose::Care),
            PurposeArg::All => None,
        };
        Suppression { purpose, item: self.item, until, again: None }
    }
}
