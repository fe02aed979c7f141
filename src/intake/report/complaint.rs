//! Owns abuse reports (RFC 5965): what a mailbox provider's "this is spam" button sends; knows nothing of mail around them.

use super::Report;
use super::fields::Fields;
use crate::domain::feedback::{Feedback, FeedbackKind};

/// The complaint, or the opt-out, that a feedback part reports; none when it reports anything else.
pub(super) fn complaint(text: &str, report: &Report) -> Option<Feedback> {
    let groups = Fields::groups(text);
    let field = |name: &str| groups.iter().find_map(|group| group.get(name));
    let word = field("feedback-type").unwrap_or("abuse").to_ascii_lowercase();
    let kind = match word.as_str() {
        "abuse" | "fraud" | "other" | "complaint" => FeedbackKind::Complaint,
        "opt-out" | "opt-out-list" => FeedbackKind::OptOut,
        // not-spam, virus, auth-failure: no word of the person's against us
        _ => return None,
    };
    let addresses = ["original-rcpt-to", "removal-recipient"]
        .map(|name| groups.iter().find_map(|group| group.address(name)));
    let by = field("user-agent").or_else(|| field("source-ip")).unwrap_or_default();
    report.feedback(kind, &addresses, format!("{word} {by}").trim_end())
}
