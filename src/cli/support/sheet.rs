//! Owns how one job is laid out for people.

use chrono_tz::Tz;

use super::{say, word};
use crate::cli::output::{Output, local, quiet, state, strong};
use crate::desk::jobs::{
    AttemptFacts, EvidenceFacts, FeedbackFacts, JobSheet, OccasionFacts, TransitionFacts,
};
use crate::domain::reason::Language;
use crate::domain::wording::stage;

/// Characters of a peer's reply that people are shown.
const REPLY: usize = 500;

/// The whole sheet.
///
/// # Errors
/// When nothing can be written.
pub fn tell(job: &JobSheet, zone: Tz, language: Language, out: Output) -> anyhow::Result<()> {
    out.say(format_args!("{}  {}", strong(&job.id), state(job.state)))?;
    if let (Some(reason), Some(sentence)) = (job.reason, job.sentence) {
        out.say(format_args!("{reason}: {sentence}"))?;
        out.say(format_args!("→ {}", job.advice.unwrap_or_default()))?;
    }
    out.say("")?;
    let facts: Vec<_> = facts(job, zone, language).into_iter().map(|(n, v)| (word(language, n), v)).collect();
    out.facts(&facts)?;
    let page = Page { zone, language, out };
    page.about(job)?;
    page.course(job)
}

fn facts(job: &JobSheet, zone: Tz, language: Language) -> Vec<(&'static str, String)> {
    let time = |at| local(at, zone);
    let mut facts = vec![
        ("member", job.member.to_string()),
        (
            "rule",
            match language {
                Language::English => format!("{}, step {}", job.rule, job.step),
                Language::Chinese => format!("{}（第 {} 則）", job.rule, job.step),
            },
        ),
        (
            "channel",
            job.channel
                .as_ref()
                .map_or_else(|| word(language, "unknown: the rule is gone").to_owned(), ToString::to_string),
        ),
        ("due", time(job.due_at)),
        ("worth sending until", time(job.valid_until)),
    ];
    if job.ready_at > job.due_at && !job.state.is_final() {
        facts.push(("not before", time(job.ready_at)));
    }
    facts.extend(job.assembled_at.map(|at| ("assembled", time(at))));
    facts.extend(job.handed_over_at.map(|at| ("handed over", time(at))));
    facts.extend(job.tried_at.map(|at| ("tried", time(at) + &in_vain(job, language))));
    facts.extend(job.message_id.clone().map(|id| ("message id", id)));
    facts.extend(job.rules_hash.clone().map(|hash| ("rules", hash)));
    facts.extend(job.verdict_now.clone().map(|verdict| ("guards say now", verdict)));
    if job.pinned {
        facts.push(("replayed", word(language, "by a person: planning leaves it alone").to_owned()));
    }
    if job.shadow {
        facts.push(("shadow", word(language, "goes to the outbox folder only").to_owned()));
    }
    facts
}

/// What kept the last attempt from its peer.
fn in_vain(job: &JobSheet, language: Language) -> String {
    let why = job.attempts.last().and_then(|last| last.reason).map(|reason| reason.to_string());
    format!("{}{}", say(language, ", not handed over: ", "，未能交付："), why.unwrap_or_default())
}

/// A sheet for one reader.
struct Page {
    zone: Tz,
    language: Language,
    out: Output,
}

impl Page {
    fn heading(&self, english: &str) -> anyhow::Result<()> {
        self.out.heading(word(self.language, english))
    }

    fn table(
        &self,
        header: &[&'static str],
        right: &[&'static str],
        rows: Vec<Vec<String>>,
    ) -> anyhow::Result<()> {
        let told =
            |names: &[&'static str]| names.iter().map(|name| word(self.language, name)).collect::<Vec<_>>();
        self.out.table(&told(header), &told(right), rows)
    }

    /// What it is about, and on what grounds.
    fn about(&self, job: &JobSheet) -> anyhow::Result<()> {
        if !job.occasions.is_empty() {
            self.heading("About")?;
        }
        for occasion in &job.occasions {
            self.out.say(about_one(occasion, self.zone, self.language))?;
        }
        if !job.evidence.is_empty() {
            self.heading("Planned on")?;
            let header = ["item", "bought", "last", "order", "p10", "p50", "p90", "chance", "stage"];
            let rows = job.evidence.iter().map(|evidence| evidence_row(evidence, self.language));
            self.table(&header, &["bought", "chance"], rows.collect())?;
        }
        Ok(())
    }

    /// What became of it so far.
    fn course(&self, job: &JobSheet) -> anyhow::Result<()> {
        if !job.guards.is_empty() {
            self.heading("Guards")?;
            let rows = job.guards.iter().map(|g| vec![g.guard.clone(), g.verdict.clone()]).collect();
            self.table(&["guard", "verdict"], &[], rows)?;
        }
        if !job.attempts.is_empty() {
            self.heading("Attempts")?;
            let rows = job.attempts.iter().map(|attempt| attempt_row(attempt, self.zone)).collect();
            self.table(&["at", "outcome", "reason", "code", "relay", "reply"], &[], rows)?;
        }
        if !job.feedback.is_empty() {
            self.heading("Came back")?;
            let row = |f: &FeedbackFacts| {
                vec![local(f.at, self.zone), f.kind.as_str().replace('_', " "), f.detail.clone()]
            };
            self.table(&["at", "what", "said"], &[], job.feedback.iter().map(row).collect())?;
        }
        if !job.history.is_empty() {
            self.heading("History")?;
            let rows = job.history.iter().map(|step| history_row(step, self.zone)).collect();
            self.table(&["at", "state", "reason", "by"], &[], rows)?;
        }
        Ok(())
    }
}

fn evidence_row(e: &EvidenceFacts, language: Language) -> Vec<String> {
    let need = e.evidence.need.as_ref();
    let date = |date: Option<chrono::NaiveDate>| date.map_or_else(|| "-".to_owned(), |d| d.to_string());
    vec![
        e.item.clone(),
        e.evidence.purchases.to_string(),
        e.evidence.last_purchase.map_or_else(String::new, |day| day.to_string()),
        e.evidence.order.as_ref().map_or_else(String::new, ToString::to_string),
        date(need.map(|n| n.p10)),
        date(need.map(|n| n.p50)),
        date(need.map(|n| n.p90)),
        need.map_or_else(|| "-".to_owned(), |n| crate::cli::output::percent(n.chance)),
        stage(language, e.evidence.stage).to_owned(),
    ]
}

fn about_one(occasion: &OccasionFacts, zone: Tz, language: Language) -> String {
    let reason = occasion.reason.map(|reason| format!(", {reason}")).unwrap_or_default();
    let (state, due) = (word(language, occasion.state), word(language, "due"));
    let stands = quiet(format_args!("({state}{reason}, {due} {})", local(occasion.due_at, zone)));
    match &occasion.why {
        Some(why) => format!("{}  {stands}\n  {why}", occasion.name),
        None => format!("{}  {stands}", occasion.name),
    }
}

fn history_row(step: &TransitionFacts, zone: Tz) -> Vec<String> {
    let reason = step.reason.map(|reason| reason.to_string()).unwrap_or_default();
    let by = step.by.as_ref().zip(step.deed).map(|(who, deed)| format!("{who} ({})", deed.as_str()));
    vec![local(step.at, zone), step.state.as_str().to_owned(), reason, by.unwrap_or_default()]
}

fn attempt_row(attempt: &AttemptFacts, zone: Tz) -> Vec<String> {
    vec![
        local(attempt.at, zone),
        attempt.outcome.to_owned(),
        attempt.reason.map(|r| r.to_string()).unwrap_or_default(),
        attempt.code.clone().unwrap_or_default(),
        attempt.relay.clone().unwrap_or_default(),
        shortened(attempt.reply.as_deref().unwrap_or_default()),
    ]
}

/// The beginning of a reply: `--json` has all of it.
fn shortened(reply: &str) -> String {
    let line = reply.replace(['\r', '\n'], " ");
    match line.char_indices().nth(REPLY) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
