//! Owns the face of `explain`: how it is asked; the desk answers, the page tells.

mod page;
mod phrases;

use std::process::ExitCode;

use self::page::Page;
use self::phrases::Phrases;
use super::parse_language;
use crate::cli::moment::AtTime;
use crate::cli::open::Open;
use crate::cli::output::Output;
use crate::desk::Asked;
use crate::desk::explain::explain;
use crate::domain::reason::Language;

/// Why a member will get what, or will not, and why they did or did not
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  replenish explain --member 00038317
  replenish explain --address amy@shop.example --lang zh-TW")]
pub struct ExplainArgs {
    #[command(flatten)]
    whom: WhomArgs,
    /// The language of sentences: en or zh-TW; the system's without it
    #[arg(long, value_name = "LANG", value_parser = parse_language)]
    lang: Option<Language>,
    #[command(flatten)]
    at: AtTime,
}

#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
struct WhomArgs {
    /// The member, by the shop's id, as 00038317
    #[arg(long, value_name = "ID")]
    member: Option<String>,
    /// Whoever has this e-mail address
    #[arg(long, value_name = "EMAIL")]
    address: Option<String>,
    /// Whoever made this order, by the shop's id
    #[arg(long, value_name = "ID")]
    order: Option<String>,
    /// Whoever this job is for, as job_5a1f…
    #[arg(long, value_name = "ID")]
    job: Option<String>,
}

impl WhomArgs {
    fn asked(self) -> anyhow::Result<Asked> {
        let member = self.member.map(|id| Asked::Member(id.into()));
        let address = self.address.map(Asked::Address);
        let order = self.order.map(|id| Asked::Order(id.into()));
        let job = self.job.map(|id| Asked::Job(id.into()));
        let asked = member.or(address).or(order).or(job);
        asked.ok_or_else(|| anyhow::anyhow!("nobody is named: give --member, --address, --order or --job"))
    }
}

impl ExplainArgs {
    /// Prints one explanation a member.
    ///
    /// # Errors
    /// When nobody is meant, or the ledger fails.
    pub async fn run(self, desk: &Open, out: &Output) -> anyhow::Result<ExitCode> {
        let now = self.at.of(desk);
        let language = self.lang.unwrap_or(desk.language);
        let members = explain(&desk.store, &desk.knowledge, now, &self.whom.asked()?, language).await?;
        if out.is_json() {
            out.json_lines(&members)?;
            return Ok(ExitCode::SUCCESS);
        }
        for (n, member) in members.iter().enumerate() {
            if n > 0 {
                out.say("")?;
            }
            Page { phrases: Phrases { zone: desk.knowledge.zone, language }, out: *out }.tell(member)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
