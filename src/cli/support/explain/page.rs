//! Owns how an explanation is laid out for people: what comes, what went, what stays silent, what all that rests on; words are the phrases'.

use std::collections::BTreeMap;

use super::phrases::Phrases;
use crate::cli::brand::tell_needs;
use crate::cli::output::{Output, quiet, state, strong};
use crate::cli::support::word;
use crate::desk::explain::{Coming, Explanation, GuardFacts, ItemFacts, JobFacts, MemberFacts, Silence};
use crate::domain::reason::Reason;

/// One member's page.
pub(super) struct Page {
    pub phrases: Phrases,
    pub out: Output,
}

impl Page {
    /// The whole page.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn tell(&self, of: &Explanation) -> anyhow::Result<()> {
        self.member(&of.member)?;
        let (waiting, sent): (Vec<_>, Vec<_>) = of.jobs.iter().partition(|job| !job.state.is_final());
        self.coming(&of.coming, &waiting)?;
        self.sent(&sent)?;
        // What holds a message that may still come stands beside it.
        let waits = |s: &&Silence| {
            let same =
                |c: &Coming| (&c.rule, &c.item, Some(&c.cycle)) == (&s.rule, &s.item, s.cycle.as_ref());
            of.coming.iter().any(same)
        };
        self.silences(of.silences.iter().filter(|s| !waits(s)).collect())?;
        self.items(&of.items)
    }

    fn member(&self, member: &MemberFacts) -> anyhow::Result<()> {
        let title = strong(format_args!("{} {}", self.word("Member"), member.id));
        self.out.say(format_args!("{title}  {}", self.phrases.facts(member)))?;
        self.out.say(format_args!("  {}", self.phrases.bought(member)))?;
        for opt_out in &member.suppressions {
            self.out.say(format_args!("  {}", self.phrases.opted_out(opt_out)))?;
        }
        Ok(())
    }

    fn coming(&self, coming: &[Coming], waiting: &[&JobFacts]) -> anyhow::Result<()> {
        self.out.heading(self.word("Coming"))?;
        if coming.is_empty() && waiting.is_empty() {
            return self.out.say(format_args!("  {}", self.word("nothing")));
        }
        waiting.iter().rev().try_for_each(|job| self.job(job))?;
        coming.iter().try_for_each(|one| self.one_coming(one))
    }

    fn one_coming(&self, one: &Coming) -> anyhow::Result<()> {
        let (due, rule) = (self.phrases.time(one.due_at), self.phrases.by(&one.rule, one.channel.as_ref()));
        self.out.say(format_args!("  {due}  {}  {}", one.name, quiet(rule)))?;
        if let Some(why) = &one.why {
            self.out.say(format_args!("      {why}"))?;
        }
        if let (Some(reason), Some(until)) = (one.held_for, one.held_until) {
            let until = self.phrases.held_until(until, one.valid_until);
            let (held, sentence) = (strong(self.word("held")), one.sentence.unwrap_or_default());
            self.out.say(format_args!("      {held} {until}: {reason}: {sentence}"))?;
            self.out.say(format_args!("      → {}", one.advice.unwrap_or_default()))?;
        }
        self.guards(&one.guards)
    }

    fn sent(&self, jobs: &[&JobFacts]) -> anyhow::Result<()> {
        self.out.heading(self.word("Sent, or not"))?;
        if jobs.is_empty() {
            return self.out.say(format_args!("  {}", self.word("nothing yet")));
        }
        jobs.iter().try_for_each(|job| self.job(job))
    }

    fn job(&self, job: &JobFacts) -> anyhow::Result<()> {
        let when = self.phrases.time(job.handed_over_at.unwrap_or(job.due_at));
        let what = if job.items.is_empty() { "-".to_owned() } else { job.items.join(", ") };
        let shadow = if job.shadow { ", shadow" } else { "" };
        let rule = format!("{}{shadow}  {}", self.phrases.by(&job.rule, Some(&job.channel)), job.id);
        self.out.say(format_args!("  {when}  {}  {what}  {}", state(job.state), quiet(rule)))?;
        if let (Some(reason), Some(sentence)) = (job.reason, job.sentence) {
            self.out.say(format_args!("      {reason}: {sentence}"))?;
            self.out.say(format_args!("      → {}", job.advice.unwrap_or_default()))?;
        }
        self.guards(&job.guards)
    }

    /// The guards that have something to say, by name.
    fn guards(&self, guards: &[GuardFacts]) -> anyhow::Result<()> {
        if guards.is_empty() {
            return Ok(());
        }
        let told: Vec<String> =
            guards.iter().filter(|g| g.speaks_up()).map(|g| self.phrases.guard(g)).collect();
        let others = guards.iter().filter(|g| g.lets_through()).count();
        self.out.say(format_args!("      {}", quiet(self.phrases.guards(&told, others))))
    }

    /// Silences of one reason stand together, with its advice once.
    fn silences(&self, silences: Vec<&Silence>) -> anyhow::Result<()> {
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
            match reason {
                Reason::NotAbout => self.not_about(&group)?,
                _ => group.iter().try_for_each(|one| self.silence(one))?,
            }
        }
        Ok(())
    }

    fn silence(&self, one: &Silence) -> anyhow::Result<()> {
        let detail = one.detail.as_ref().map(|detail| format!("  {detail}")).unwrap_or_default();
        let due = one.due_at.map(|at| format!("  {}", self.phrases.due(at))).unwrap_or_default();
        self.out.say(format_args!("      {}  {}{detail}{due}", one.name, quiet(&one.rule)))
    }

    /// There is nothing to say of each item: a line a rule is enough.
    fn not_about(&self, group: &[&Silence]) -> anyhow::Result<()> {
        let mut by_rule: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        for one in group {
            by_rule.entry(&one.rule).or_default().push(&one.name);
        }
        let mut lines = by_rule.into_iter();
        lines.try_for_each(|(rule, names)| {
            self.out.say(format_args!("      {}  {}", names.join(", "), quiet(rule)))
        })
    }

    fn items(&self, items: &[ItemFacts]) -> anyhow::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        self.out.heading(self.word("Needs, as forecast today"))?;
        let forecasts: Vec<_> = items.iter().map(|item| &item.forecast).collect();
        tell_needs(&forecasts, self.phrases.language, self.out)
    }

    fn word<'a>(&self, english: &'a str) -> &'a str {
        word(self.phrases.language, english)
    }
}
