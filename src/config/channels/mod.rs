//! Owns `[channel.NAME]`: `email` is e-mail, any other name a webhook; opens no connection.

mod dkim;
mod email;
mod headers;
mod webhook;

use chrono::TimeDelta;

use super::reader::Section;
use super::secret::Surroundings;

pub use dkim::{DkimKey, DkimSettings};
pub use email::{Email, RelaySettings};
pub use headers::Header;
pub use webhook::Webhook;

/// The one channel that writes e-mail.
pub const EMAIL: &str = "email";

/// A way to reach members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// `[channel.email]`.
    Email(Email),
    /// Any other name.
    Webhook(Webhook),
}

impl Channel {
    /// The longest that one hand-over may take: mail is offered to each relay in turn.
    pub fn longest_hand_over(&self) -> TimeDelta {
        match self {
            Channel::Email(email) => email.timeout * i32::try_from(email.relays.len()).unwrap_or(i32::MAX),
            Channel::Webhook(webhook) => webhook.timeout,
        }
    }
}

/// Reads one channel.
pub fn read(name: &str, s: &mut Section<'_>, around: Surroundings<'_>) -> Option<Channel> {
    if !name.chars().all(|c| c.is_alphanumeric() || "-_".contains(c)) {
        let help = "a channel's name has letters, digits, `-` and `_` only, as [channel.crm]";
        s.problem("", format!("`{}` is not a name for a channel", s.path()), help);
    }
    match name {
        EMAIL => email::read(s, around).map(Channel::Email),
        _ => webhook::read(s, around).map(Channel::Webhook),
    }
}
