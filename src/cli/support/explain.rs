//! Owns the face of `explain`: how it is asked, and how the answer reads; the desk answers.

use std::collections::BTreeMap;
use std::process::ExitCode;

use chrono_tz::Tz;

use super::{parse_language, word};
use crate::cli::brand::tell_needs;
use crate::cli::moment::AtTime;
use crate::cli::open::Open;
use crate::cli::output::{Output, local, quiet, state, strong};
use crate::desk::Asked;
use crate::desk::explain::{Coming, Explanation, ItemFacts, JobFacts, MemberFacts, Silence, explain};
use crate::domain::reason::{Language, Reason};

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
            Page { zone: desk.knowledge.zone, language, out: *out }.tell(member)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// One member's page: who it is, what comes, what went, what stays silent, and what all that rests on.
struct Page {
    zone: Tz,
    language: Language,
    out: Output,
}

impl Page {
    fn tell(&self, of: &Explanation) -> anyhow::Result<()> {
        self.member(&of.member)?;
        let (waiting, sent): (Vec<_>, Vec<_>) = of.jobs.iter().partition(|job| !job.state.is_final());
        self.coming(&of.coming, &waiting)?;
        self.sent(&sent)?;
        self.silences(&of.silences)?;
        self.items(&of.items)
    }

    fn member(&self, member: &MemberFacts) -> anyhow::Result<()> {
        let agreed = match &member.consent {
            None => "never asked for consent".to_owned(),
            Some(purposes) if purposes.is_empty() => "agreed to nothing".to_owned(),
            Some(purposes) => {
                let words: Vec<_> = purposes.iter().map(|p| p.as_str()).collect();
                format!("agreed to {}", words.join(" and "))
            }
        };
        let address = member.email.clone().unwrap_or_else(|| "no e-mail address".to_owned());
        let stage = member.stage.as_str();
        let facts = [stage, &member.locale, &member.timezone, &agreed, &address].join(" · ");
        self.out.say(format_args!(
            "{}  {facts}",
            strong(format_args!("{} {}", self.word("Member"), member.id))
        ))?;
        match member.last_purchase {
            Some(last) => {
                self.out.say(format_args!("  bought on {} days, last on {last}", member.purchases))?;
            }
            None => self.out.say("  bought nothing that was kept")?,
        }
        for s in &member.suppressions {
            let item = s.item.as_ref().map(|item| format!(" about {item}")).unwrap_or_default();
            let until =
                s.until.map_or_else(|| "for ever".to_owned(), |at| format!("until {}", self.time(at)));
            self.out.say(format_args!("  opted out of {}{item}, {until}", plural(s.purpose)))?;
        }
        Ok(())
    }

    fn coming(&self, coming: &[Coming], waiting: &[&JobFacts]) -> anyhow::Result<()> {
        self.out.heading(self.word("Coming"))?;
        if coming.is_empty() && waiting.is_empty() {
            return self.out.say(format_args!("  {}", self.word("nothing")));
        }
        for job in waiting.iter().rev() {
            self.job(job)?;
        }
        for one in coming {
            let rule =
                format!("{} by {}", one.rule, one.channel.as_ref().map_or("no channel", |c| c.as_str()));
            self.out.say(format_args!("  {}  {}  {}", self.time(one.due_at), one.name, quiet(rule)))?;
            if let Some(why) = &one.why {
                self.out.say(format_args!("      {why}"))?;
            }
            if let (Some(reason), Some(until)) = (one.held_for, one.held_until) {
                let lasts = until >= one.valid_until;
                let until = if lasts {
                    "unless that changes".to_owned()
                } else {
                    format!("until {}", self.time(until))
                };
                self.out.say(format_args!("      {} {until}: {reason}", strong(self.word("held"))))?;
            }
        }
        Ok(())
    }

    fn sent(&self, jobs: &[&JobFacts]) -> anyhow::Result<()> {
        self.out.heading(self.word("Sent, or not"))?;
        if jobs.is_empty() {
            return self.out.say(format_args!("  {}", self.word("nothing yet")));
        }
        jobs.iter().try_for_each(|job| self.job(job))
    }

    fn job(&self, job: &JobFacts) -> anyhow::Result<()> {
        let when = self.time(job.handed_over_at.unwrap_or(job.due_at));
        let what = if job.items.is_empty() { "-".to_owned() } else { job.items.join(", ") };
        let shadow = if job.shadow { ", shadow" } else { "" };
        let rule = format!("{} by {}{shadow}  {}", job.rule, job.channel, job.id);
        self.out.say(format_args!("  {when}  {}  {what}  {}", state(job.state), quiet(rule)))?;
        if let (Some(reason), Some(sentence)) = (job.reason, job.sentence) {
            self.out.say(format_args!("      {reason}: {sentence}"))?;
            self.out.say(format_args!("      → {}", job.advice.unwrap_or_default()))?;
        }
        Ok(())
    }

    /// Silences of one reason stand together, with its advice once.
    fn silences(&self, silences: &[Silence]) -> anyhow::Result<()> {
        if silences.is_empty() {
            return Ok(());
        }
        self.out.heading(self.word("Silent"))?;
        let mut by_reason: BTreeMap<Reason, Vec<&Silence>> = BTreeMap::new();
        for silence in silences {
            by_reason.entry(silence.reason).or_default().push(silence);
        }
        for (reason, group) in by_reason {
            let Some(first) = group.first() else { continue };
            self.out.say(format_args!("  {}: {}", strong(reason), first.sentence))?;
            self.out.say(format_args!("  → {}", first.advice))?;
            for one in group {
                let detail = one.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
                let due = one.due_at.map(|at| format!(", due {}", self.time(at))).unwrap_or_default();
                self.out.say(format_args!("      {}  {}{detail}{due}", one.name, quiet(&one.rule)))?;
            }
        }
        Ok(())
    }

    fn items(&self, items: &[ItemFacts]) -> anyhow::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        self.out.heading(self.word("Needs, as forecast today"))?;
        let forecasts: Vec<_> = items.iter().map(|item| &item.forecast).collect();
        tell_needs(&forecasts, self.language, self.out)
    }

    fn word<'a>(&self, english: &'a str) -> &'a str {
        word(self.language, english)
    }

    fn time(&self, at: crate::domain::ids::Timestamp) -> String {
        local(at, self.zone)
    }
}

fn plural(purpose: &str) -> &'static str {
    match purpose {
        "reminder" => "reminders",
        "care" => "care messages",
        _ => "every message",
    }
}
