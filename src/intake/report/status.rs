//! Owns delivery status notifications (RFC 3464): per recipient, whether the address is gone; knows nothing of mail around
//! them.

use super::Report;
use super::fields::{Fields, enhanced, reply_code, severity};
use crate::domain::feedback::{Feedback, FeedbackKind};

/// The bounces that a status part reports; none for what was delivered, relayed, or may still arrive.
pub(super) fn bounces(text: &str, report: &Report) -> Vec<Feedback> {
    Fields::groups(text).iter().filter_map(|recipient| bounce(recipient, report)).collect()
}

fn bounce(recipient: &Fields, report: &Report) -> Option<Feedback> {
    let addresses = ["original-recipient", "final-recipient"].map(|name| recipient.address(name));
    if addresses.iter().all(Option::is_none) || !recipient.get("action")?.to_lowercase().starts_with("failed")
    {
        return None;
    }
    let status = recipient.get("status").unwrap_or_default();
    let diagnostic = recipient.get("diagnostic-code").unwrap_or_default();
    let said = diagnostic.split_once(';').map_or(diagnostic, |(_, said)| said.trim());
    let words = if said.is_empty() { format!("status {status}") } else { said.to_owned() };
    report.feedback(kind(status, said)?, &addresses, &words)
}

/// By the status, unless it says nothing in particular and the peer's own words do.
fn kind(status: &str, said: &str) -> Option<FeedbackKind> {
    let precise = |code: &(u16, u16, u16)| (code.1, code.2) != (0, 0);
    let (status, told) = (enhanced(status), enhanced(said).filter(|code| code.0 > 2));
    match (status.filter(precise).or(told), reply_code(said)) {
        (Some(code), _) => severity(code),
        // 552: no room left
        (None, Some(552 | 400..=499)) => Some(FeedbackKind::SoftBounce),
        (None, Some(_)) => Some(FeedbackKind::HardBounce),
        (None, None) => severity(status?),
    }
}
