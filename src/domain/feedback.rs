//! Owns what comes back after a message went: bounces, complaints, opt-outs, and what each leads to; knows nothing of
//! who reports them, and of what is on record.

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::ids::{JobId, MemberId, Timestamp};
use super::member::{Purpose, Suppression};
use super::reply::redacted;

/// What was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackKind {
    /// The address does not take mail, and will not.
    HardBounce,
    /// The address did not take this message; the next one may pass.
    SoftBounce,
    /// The person called the message spam.
    Complaint,
    /// The person wants no more.
    OptOut,
}

impl FeedbackKind {
    /// Every kind.
    pub const ALL: [FeedbackKind; 4] =
        [FeedbackKind::HardBounce, FeedbackKind::SoftBounce, FeedbackKind::Complaint, FeedbackKind::OptOut];

    /// The word used in the ledger, in JSON and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            FeedbackKind::HardBounce => "hard_bounce",
            FeedbackKind::SoftBounce => "soft_bounce",
            FeedbackKind::Complaint => "complaint",
            FeedbackKind::OptOut => "opt_out",
        }
    }

    /// The kind of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// True when an address did not take a message.
    pub fn is_bounce(self) -> bool {
        matches!(self, FeedbackKind::HardBounce | FeedbackKind::SoftBounce)
    }

    fn said(self) -> &'static str {
        match self {
            FeedbackKind::HardBounce => "hard bounce",
            FeedbackKind::SoftBounce => "soft bounces",
            FeedbackKind::Complaint => "complaint",
            FeedbackKind::OptOut => "opt-out",
        }
    }
}

/// One report of what became of a message, or of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// What was reported.
    pub kind: FeedbackKind,
    /// The message it is about.
    pub job: Option<JobId>,
    /// The member, as the shop names it.
    pub member: Option<MemberId>,
    /// The address.
    pub address: Option<String>,
    /// What an opt-out stops; `None` stops everything.
    pub purpose: Option<Purpose>,
    /// When it happened.
    pub at: Timestamp,
    /// What was said, without addresses; empty when nothing was.
    pub detail: String,
    /// The reporter's own name of the report.
    pub id: Option<String>,
}

impl Feedback {
    /// What makes the same report the same: the reporter's id and whom it is about, else whom, what and when. It holds no
    /// address.
    pub fn identity(&self) -> String {
        let at = self.at.timestamp_millis().to_string();
        let address = self.address.as_deref().map(|a| a.trim().to_lowercase()).unwrap_or_default();
        let about = match &self.job {
            Some(job) => ["job", job.as_str(), ""],
            None => ["person", self.member.as_ref().map_or("", MemberId::as_str), &address],
        };
        let name = match &self.id {
            Some(id) => ["id", id],
            None => ["at", &at],
        };
        let mut hash = Sha256::new();
        for part in [self.kind.as_str()].iter().chain(&about).chain(&name) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What it leads to. `soft_jobs`: the messages that this address bounced softly of late, this one included.
    pub fn consequence(&self, soft_jobs: u64, policy: &BouncePolicy, now: Timestamp) -> Option<Consequence> {
        let (member, address) = match self.kind {
            FeedbackKind::HardBounce => (false, true),
            FeedbackKind::SoftBounce if soft_jobs < u64::from(policy.soft_limit) => return None,
            FeedbackKind::SoftBounce => (false, true),
            FeedbackKind::Complaint => (true, true),
            // whoever is known by nothing but an address means that address
            FeedbackKind::OptOut => (true, self.job.is_none() && self.member.is_none()),
        };
        let soft = self.kind == FeedbackKind::SoftBounce;
        let purpose = self.purpose.filter(|_| self.kind == FeedbackKind::OptOut);
        let until = soft.then(|| now.checked_add_signed(policy.within).unwrap_or(Timestamp::MAX_UTC));
        let said = self.kind.said();
        let because = match (soft, self.detail.as_str()) {
            (true, "") => format!("{soft_jobs} {said}"),
            (true, detail) => format!("{soft_jobs} {said}, the last: {detail}"),
            (false, "") => said.to_owned(),
            (false, detail) => format!("{said}: {detail}"),
        };
        Some(Consequence {
            member,
            address,
            what: Suppression { purpose, item: None, until, again: None },
            because,
        })
    }
}

/// What a report leads to: a suppression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consequence {
    /// The member is suppressed.
    pub member: bool,
    /// The address is suppressed, whoever has it.
    pub address: bool,
    /// What is stopped, and until when.
    pub what: Suppression,
    /// Why, for people; without addresses.
    pub because: String,
}

/// How patiently soft bounces are borne.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BouncePolicy {
    /// So many messages that bounced softly suppress the address.
    pub soft_limit: u32,
    /// Within this time, and for so long.
    pub within: TimeDelta,
}

impl Default for BouncePolicy {
    fn default() -> Self {
        Self { soft_limit: 5, within: TimeDelta::days(30) }
    }
}

/// The job that a Message-ID or a `webhook-id` of ours names; nothing when it is another program's.
pub fn job_of(message_id: &str) -> Option<JobId> {
    let inner = message_id.trim().trim_start_matches('<').trim_end_matches('>');
    let id = inner.split('@').next().unwrap_or_default();
    let rest = id.strip_prefix("job_")?;
    let ours = (1..=64).contains(&rest.len()) && rest.chars().all(|c| c.is_ascii_alphanumeric());
    ours.then(|| JobId::from(id))
}

/// What was said, as the ledger may keep it: one line, without addresses, and without what stands before the @ of
/// `address`.
pub fn told(words: &str, address: Option<&str>) -> String {
    let kept = redacted(words);
    let local = address.and_then(|a| a.rsplit_once('@')).map(|(local, _)| local.trim()).unwrap_or_default();
    if local.len() < 3 { kept } else { without(&kept, local) }
}

/// The text without a word, whatever its case.
fn without(text: &str, word: &str) -> String {
    // Letters that change their length with their case are compared as they stand.
    let (lower, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut kept = String::with_capacity(text.len());
    let mut copied = 0;
    for (at, found) in lower.match_indices(&word) {
        let after = at + found.len();
        let inside = is_part(text[..at].chars().next_back()) || is_part(text[after..].chars().next());
        if !inside {
            kept.push_str(&text[copied..at]);
            kept.push('…');
            copied = after;
        }
    }
    kept + &text[copied..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-03-02T10:00:00Z".parse().unwrap()
    }

    fn feedback(kind: FeedbackKind) -> Feedback {
        Feedback {
            kind,
            job: Some("job_5a1f".into()),
            member: None,
            address: None,
            purpose: None,
            at: at(),
            detail: "550 5.1.1 <…>: no such user".to_owned(),
            id: None,
        }
    }

    fn leads_to(feedback: &Feedback, soft_jobs: u64) -> Option<Consequence> {
        feedback.consequence(soft_jobs, &BouncePolicy::default(), at())
    }

    #[test]
    fn each_kind_leads_to_its_own_suppression() {
        use FeedbackKind::{Complaint, HardBounce, OptOut, SoftBounce};
        let table =
            [(HardBounce, 0, (false, true)), (Complaint, 0, (true, true)), (OptOut, 0, (true, false))];
        for (kind, soft, who) in table {
            let led = leads_to(&feedback(kind), soft).unwrap();
            assert_eq!((led.member, led.address), who, "{kind:?}");
            assert_eq!(
                led.what,
                Suppression { purpose: None, item: None, until: None, again: None },
                "for good"
            );
        }
        assert_eq!(leads_to(&feedback(SoftBounce), 4), None);
        let fifth = leads_to(&feedback(SoftBounce), 5).unwrap();
        assert_eq!((fifth.member, fifth.address), (false, true));
        assert_eq!(fifth.what.until, Some(at() + TimeDelta::days(30)));
        assert_eq!(fifth.because, "5 soft bounces, the last: 550 5.1.1 <…>: no such user");
    }

    #[test]
    fn only_an_opt_out_names_a_purpose_and_an_address_alone_stands_for_itself() {
        let purpose = Some(Purpose::Reminder);
        let opt_out = Feedback { purpose, job: None, ..feedback(FeedbackKind::OptOut) };
        let led = leads_to(&opt_out, 0).unwrap();
        assert_eq!((led.member, led.address, led.what.purpose), (true, true, purpose));
        let complaint = Feedback { purpose, ..feedback(FeedbackKind::Complaint) };
        assert_eq!(leads_to(&complaint, 0).unwrap().what.purpose, None);
    }

    #[test]
    fn the_same_report_is_the_same_and_others_are_others() {
        let one = feedback(FeedbackKind::HardBounce);
        let same = Feedback { detail: String::new(), address: Some("a@b.example".into()), ..one.clone() };
        assert_eq!(one.identity(), same.identity());
        let named = Feedback { id: Some("e1".into()), ..one.clone() };
        let later = Feedback { at: at() + TimeDelta::days(1), ..named.clone() };
        assert_eq!(named.identity(), later.identity(), "the reporter's id counts");
        let person = |address: &str| Feedback { job: None, address: Some(address.into()), ..named.clone() };
        assert_eq!(person("A@b.example").identity(), person("a@B.example ").identity());
        let all = [
            one.clone(),
            named.clone(),
            person("a@b.example"),
            person("c@b.example"),
            Feedback { at: at() + TimeDelta::days(1), ..one.clone() },
            Feedback { kind: FeedbackKind::SoftBounce, ..one.clone() },
            Feedback { job: Some("job_2".into()), ..one },
        ];
        let identities: std::collections::BTreeSet<_> = all.iter().map(Feedback::identity).collect();
        assert_eq!(identities.len(), all.len());
    }

    #[test]
    fn only_ids_of_ours_name_a_job() {
        for text in ["<job_5a1f@shop.example>", " job_5a1f@shop.example", "job_5a1f"] {
            assert_eq!(job_of(text), Some("job_5a1f".into()), "{text}");
        }
        for text in ["", "<>", "<abc@shop.example>", "<job_@x>", "<job_a b@x>", "job_'; --@x"] {
            assert_eq!(job_of(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_kept_names_nobody() {
        let amy = Some("Amy.Wang@shop.example");
        assert_eq!(
            told("550 5.1.1 <amy.wang@shop.example>: amy.wang unknown", amy),
            "550 5.1.1 <…>: … unknown"
        );
        assert_eq!(told("寄 amy.wangs 信", amy), "寄 amy.wangs 信", "another word");
        assert_eq!(told("user a unknown", Some("a@b.example")), "user a unknown", "a letter names nobody");
        assert_eq!(told("王小明 不存在", Some("王小明@shop.example")), "… 不存在");
    }
}
