//! Owns how one job is laid out for people.

use chrono_tz::Tz;

use crate::cli::output::{Output, local, quiet, state, strong};
use crate::desk::jobs::{AttemptFacts, FeedbackFacts, JobSheet, OccasionFacts};

/// Characters of a peer's reply that people are shown.
const REPLY: usize = 500;

/// The whole sheet.
///
/// # Errors
/// When nothing can be written.
pub fn tell(job: &JobSheet, zone: Tz, out: Output) -> anyhow::Result<()> {
    out.say(format_args!("{}  {}", strong(&job.id), state(job.state)))?;
    if let (Some(reason), Some(sentence)) = (job.reason, job.sentence) {
        out.say(format_args!("{reason}: {sentence}"))?;
        out.say(format_args!("→ {}", job.advice.unwrap_or_default()))?;
    }
    out.say("")?;
    out.facts(&facts(job, zone))?;
    about(job, zone, out)?;
    course(job, zone, out)
}

fn facts(job: &JobSheet, zone: Tz) -> Vec<(&'static str, String)> {
    let time = |at| local(at, zone);
    let mut facts = vec![
        ("member", job.member.to_string()),
        ("rule", format!("{}, step {}", job.rule, job.step)),
        (
            "channel",
            job.channel.as_ref().map_or_else(|| "unknown: the rule is gone".to_owned(), ToString::to_string),
        ),
        ("due", time(job.due_at)),
        ("worth sending until", time(job.valid_until)),
    ];
    if job.ready_at > job.due_at && !job.state.is_final() {
        facts.push(("not before", time(job.ready_at)));
    }
    facts.extend(job.assembled_at.map(|at| ("assembled", time(at))));
    facts.extend(job.handed_over_at.map(|at| ("handed over", time(at))));
    facts.extend(job.message_id.clone().map(|id| ("message id", id)));
    facts.extend(job.rules_hash.clone().map(|hash| ("rules", hash)));
    facts.extend(job.verdict_now.clone().map(|verdict| ("guards say now", verdict)));
    if job.pinned {
        facts.push(("replayed", "by a person: planning leaves it alone".to_owned()));
    }
    if job.shadow {
        facts.push(("shadow", "goes to the outbox folder only".to_owned()));
    }
    facts
}

/// What it is about, and on what grounds.
fn about(job: &JobSheet, zone: Tz, out: Output) -> anyhow::Result<()> {
    if !job.occasions.is_empty() {
        out.heading("About")?;
    }
    for occasion in &job.occasions {
        out.say(about_one(occasion, zone))?;
    }
    if !job.evidence.is_empty() {
        out.heading("Planned on")?;
        let header = ["item", "bought", "last", "order", "p10", "p50", "p90", "chance", "stage"];
        let row = |e: &crate::desk::jobs::EvidenceFacts| {
            let need = e.evidence.need.as_ref();
            let date =
                |date: Option<chrono::NaiveDate>| date.map_or_else(|| "-".to_owned(), |d| d.to_string());
            vec![
                e.item.clone(),
                e.evidence.purchases.to_string(),
                e.evidence.last_purchase.map_or_else(String::new, |day| day.to_string()),
                e.evidence.order.as_ref().map_or_else(String::new, ToString::to_string),
                date(need.map(|n| n.p10)),
                date(need.map(|n| n.p50)),
                date(need.map(|n| n.p90)),
                need.map_or_else(|| "-".to_owned(), |n| crate::cli::output::percent(n.chance)),
                e.evidence.stage.as_str().to_owned(),
            ]
        };
        out.table(&header, &["bought", "chance"], job.evidence.iter().map(row).collect())?;
    }
    Ok(())
}

fn about_one(occasion: &OccasionFacts, zone: Tz) -> String {
    let reason = occasion.reason.map(|reason| format!(", {reason}")).unwrap_or_default();
    let stands = quiet(format_args!("({}{reason}, due {})", occasion.state, local(occasion.due_at, zone)));
    match &occasion.why {
        Some(why) => format!("{}  {stands}\n  {why}", occasion.name),
        None => format!("{}  {stands}", occasion.name),
    }
}

/// What became of it so far.
fn course(job: &JobSheet, zone: Tz, out: Output) -> anyhow::Result<()> {
    if !job.guards.is_empty() {
        out.heading("Guards")?;
        let rows = job.guards.iter().map(|g| vec![g.guard.clone(), g.verdict.clone()]).collect();
        out.table(&["guard", "verdict"], &[], rows)?;
    }
    if !job.attempts.is_empty() {
        out.heading("Attempts")?;
        let rows = job.attempts.iter().map(|attempt| attempt_row(attempt, zone)).collect();
        out.table(&["at", "outcome", "reason", "code", "relay", "reply"], &[], rows)?;
    }
    if !job.feedback.is_empty() {
        out.heading("Came back")?;
        let row =
            |f: &FeedbackFacts| vec![local(f.at, zone), f.kind.as_str().replace('_', " "), f.detail.clone()];
        out.table(&["at", "what", "said"], &[], job.feedback.iter().map(row).collect())?;
    }
    if !job.history.is_empty() {
        out.heading("History")?;
        let row = |t: &crate::desk::jobs::TransitionFacts| {
            let reason = t.reason.map(|r| r.to_string()).unwrap_or_default();
            vec![local(t.at, zone), t.state.as_str().to_owned(), reason]
        };
        out.table(&["at", "state", "reason"], &[], job.history.iter().map(row).collect())?;
    }
    Ok(())
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
