//! Owns the letter: everything that one hand-over needs; knows nothing of how it is sent.

use std::collections::BTreeMap;

use serde::Serializer;

use crate::domain::ids::{JobId, RuleId, Timestamp};
use crate::domain::job::Content;
use crate::domain::member::Purpose;

/// Everything one hand-over needs.
#[derive(Clone, PartialEq)]
pub struct Letter {
    /// The job: the `webhook-id`, and the left part of the Message-ID.
    pub job: JobId,
    /// The rule's id.
    pub rule: RuleId,
    /// The rule's step, from 1.
    pub step: u16,
    /// What the message is for.
    pub purpose: Purpose,
    /// When it is no longer worth sending.
    pub valid_until: Timestamp,
    /// What it says.
    pub content: Content,
    /// The member's e-mail address, if any.
    pub email: Option<String>,
    /// The member's other contact points, by channel.
    pub contacts: BTreeMap<String, String>,
    /// Where the member opts out.
    pub unsubscribe_url: String,
    /// The rule's template, rendered; a webhook needs none.
    pub rendered: Option<Rendered>,
    /// The real time: `Date` and `webhook-timestamp`.
    pub sent_at: Timestamp,
    /// The driving clock's time: the webhook body's `timestamp`.
    pub now: Timestamp,
}

/// A template, rendered for one member.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part, if the template has one.
    pub html: Option<String>,
}

/// Two pieces are written `2`, not `2.0`: some receivers take the latter for no integer, and no person writes it.
pub(super) fn plain_number<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match number.fract() == 0.0 && number.abs() < 1e15 {
        true => serializer.serialize_i64(*number as i64),
        false => serializer.serialize_f64(*number),
    }
}
