//! Owns how the demo tells what happened: figures, messages with their reasons, a silence, what to try next.

use std::path::{Path, PathBuf};

use crate::channel::Scope;
use crate::cli::output::{Output, quiet, strong};
use crate::cli::parts::Opened;
use crate::daemon::OnceSummary;
use crate::desk::Asked;
use crate::desk::explain::{self, Explanation, Silence};
use crate::domain::ids::{MemberId, Timestamp};
use crate::domain::job::{Content, JobState};
use crate::domain::reason::{Language, Reason};
use crate::lab::shop::SampleShop;
use crate::store::{JobFilter, JobRecord, ListedAs};

/// Silences that tell something: not merely that there was too little to go by.
const TELLING: [Reason; 5] =
    [Reason::NotReplenishable, Reason::Subscribed, Reason::LowChance, Reason::OutOfStock, Reason::Reordered];

/// What happened.
pub(super) struct Story<'a> {
    pub folder: &'a Path,
    pub outbox: &'a Path,
    pub now: Timestamp,
    pub opened: &'a Opened,
    pub shop: &'a SampleShop,
    pub lines: u64,
    pub intervals: u64,
    pub webhooks: u64,
}

impl Story<'_> {
    pub async fn tell(&self, summary: &OnceSummary, out: Output) -> anyhow::Result<()> {
        let count = summary.count;
        let mails = std::fs::read_dir(self.outbox).map(Iterator::count).unwrap_or(0);
        let (members, products) = (self.shop.members.len(), self.shop.products.len());
        out.say(strong("A made-up shop, from its order file to today's messages"))?;
        out.facts(&[
            ("imported", format!("{} order lines of {members} members, {products} products", self.lines)),
            ("learnt", format!("from {} completed intervals between purchases", self.intervals)),
            ("planned", format!("{} occasions to write, each with its date", count.planned)),
            (
                "delivered",
                format!(
                    "{} messages due today: {mails} e-mails, {} signed webhooks ({:.1} s)",
                    count.delivered, self.webhooks, summary.seconds
                ),
            ),
        ])?;
        self.tell_messages(out).await?;
        self.tell_silence(out).await?;
        self.tell_next(out)
    }

    async fn tell_messages(&self, out: Output) -> anyhow::Result<()> {
        out.heading("Three of the messages, and why they came")?;
        let parts = &self.opened.parts;
        let knowledge = parts.knowledge();
        let filter = JobFilter { states: vec![JobState::Delivered], ..JobFilter::default() };
        let jobs = parts.store.jobs(filter).await?;
        let mut shown: Vec<String> = Vec::new();
        for job in jobs.iter().filter_map(|l| if let ListedAs::Job(job) = &l.what { Some(job) } else { None })
        {
            let Some(template) = knowledge.rules.get(&job.rule).and_then(|r| r.template_of(job.step)) else {
                continue;
            };
            let Some(record) = parts.store.job(&job.id).await? else { continue };
            let Some(content) = &record.job.content else { continue };
            // One of each language and rule, so that the three differ.
            let kind = format!("{} {}", job.rule, content.locale);
            if shown.contains(&kind) || shown.len() == 3 {
                continue;
            }
            self.tell_message(template, &record, content, out)?;
            shown.push(kind);
        }
        Ok(())
    }

    fn tell_message(
        &self,
        template: &str,
        record: &JobRecord,
        content: &Content,
        out: Output,
    ) -> anyhow::Result<()> {
        let parts = &self.opened.parts;
        let now = self.now.with_timezone(&parts.knowledge().zone);
        let unsubscribe = parts.unsubscribe.url(&record.member, &record.job.id);
        let job = &record.job;
        let scope = Scope::new(content, &job.rule, job.step, &unsubscribe, &parts.shop_card, now);
        let rendered = parts.guide().templates.render(template, &scope)?;
        out.say(format_args!("  {}", rendered.subject))?;
        out.say(format_args!("    {}", quiet(&content.reason)))
    }

    async fn tell_silence(&self, out: Output) -> anyhow::Result<()> {
        out.heading("One silence, and why")?;
        let Some((explained, silence)) = self.silence().await? else {
            return out.say("  nobody was left out today");
        };
        out.say(format_args!("  {} gets nothing about {}", explained.member.id, silence.name))?;
        out.say(format_args!("    {}", quiet(silence.sentence)))
    }

    async fn silence(&self) -> anyhow::Result<Option<(Explanation, Silence)>> {
        let parts = &self.opened.parts;
        let knowledge = parts.knowledge();
        for member in &self.shop.members {
            let asked = Asked::Member(MemberId::from(member.id.as_str()));
            let found =
                explain::explain(&parts.store, &knowledge, self.now, &asked, Language::English).await?;
            for explained in found {
                let telling = explained.silences.iter().find(|s| TELLING.contains(&s.reason)).cloned();
                if let Some(silence) = telling {
                    return Ok(Some((explained, silence)));
                }
            }
        }
        Ok(None)
    }

    fn tell_next(&self, out: Output) -> anyhow::Result<()> {
        let member = self.shop.members.first().map_or("M0001", |m| m.id.as_str());
        out.heading("What to try next")?;
        out.say(format_args!("  cd {}", self.folder.display()))?;
        if let Some(program) = program_beside_the_path() {
            out.say(format_args!("  alias replenish='{}'", program.display()))?;
        }
        let tries = [
            (format!("explain --member {member}"), "why this member gets what, and when"),
            (format!("forecast --member {member}"), "when the next need is expected, and how surely"),
            ("plan".to_owned(), "what would be scheduled now"),
            ("jobs list --state delivered".to_owned(), "what was sent"),
            ("check".to_owned(), "after you changed a rule in config/rules"),
        ];
        for (command, why) in tries {
            out.say(format_args!("  replenish {command:<30} {}", quiet(format_args!("# {why}"))))?;
        }
        out.say(format_args!("The e-mails lie in {}", self.outbox.display()))
    }
}

/// The program itself, when the shell would not find it by its name.
fn program_beside_the_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join("replenish").is_file());
    if found { None } else { std::env::current_exe().ok() }
}
