//! Owns bounces in free text, as qmail, older Exim and Exchange write them: believed only from a mail server, about a
//! message of ours, with a code.

use mail_parser::Message;

use super::fields::{enhanced, reply_code};
use super::{Report, first, text_of};
use crate::domain::feedback::{Feedback, FeedbackKind};

/// The bounce that a mail tells of in words; none for answers of people and of their machines.
pub(super) fn bounce(mail: &Message<'_>, report: &Report) -> Option<Feedback> {
    if !is_from_a_server(mail) || is_answer(mail) {
        return None;
    }
    let text: String = mail.parts.iter().map(text_of).collect::<Vec<_>>().join("\n");
    // Below the quoted message's headers stand its words, not the server's.
    let quote = text.to_ascii_lowercase().find("message-id:");
    let (above, below) = text.split_at(quote.unwrap_or(text.len()));
    let (line, code) = [above, below].into_iter().find_map(coded)?;
    let kind = if (code.0, code.1) == (5, 1) { FeedbackKind::HardBounce } else { FeedbackKind::SoftBounce };
    let failed = mail
        .header_raw("X-Failed-Recipients")
        .map(|list| list.split(',').next().unwrap_or(list).trim().to_owned());
    report.feedback(kind, &[failed], line)
}

/// The first line with an enhanced code of a failure for good, where a reply code says so too.
fn coded(text: &str) -> Option<(&str, (u16, u16, u16))> {
    let lasting = |line: &&str| reply_code(line).is_some_and(|code| code >= 500);
    text.lines().find(lasting)?;
    text.lines().find_map(|line| Some((line, enhanced(line).filter(|code| code.0 == 5)?)))
}

fn is_from_a_server(mail: &Message<'_>) -> bool {
    let sender = first(mail.from()).unwrap_or_default().to_ascii_lowercase();
    let local = sender.split('@').next().unwrap_or_default();
    matches!(local, "mailer-daemon" | "postmaster")
        || mail.header_raw("Return-Path").is_some_and(|path| path.trim() == "<>")
}

/// Someone is away, or a machine answers for them.
fn is_answer(mail: &Message<'_>) -> bool {
    let says = |name: &str, word: &str| {
        mail.header_raw(name).is_some_and(|value| value.trim().to_ascii_lowercase().starts_with(word))
    };
    says("Auto-Submitted", "auto-replied") || says("X-Autoreply", "") || says("Precedence", "auto_reply")
}
