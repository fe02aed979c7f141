//! Owns what is paused, and whether a person or a peer said so; knows nothing of what waits.

use super::ids::{ChannelName, RuleId};
use super::rules::Rule;

/// What a pause stops.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseScope {
    /// Every message.
    All,
    /// The messages of one rule.
    Rule(RuleId),
    /// The messages on one channel.
    Channel(ChannelName),
}

/// Who paused it. Both may have paused the same; resuming ends both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PausedBy {
    /// A person.
    Person,
    /// The channel's endpoint: it is gone for good.
    Endpoint,
}

impl PausedBy {
    /// The word used in the ledger and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            PausedBy::Person => "person",
            PausedBy::Endpoint => "endpoint",
        }
    }

    /// The one of this word.
    pub fn parse(word: &str) -> Option<Self> {
        [PausedBy::Person, PausedBy::Endpoint].into_iter().find(|by| by.as_str() == word)
    }
}

impl PauseScope {
    /// Every kind of scope.
    pub const KINDS: [&'static str; 3] = ["all", "rule", "channel"];

    /// The kind of scope, as the ledger, JSON and metrics name it.
    pub fn kind(&self) -> &'static str {
        match self {
            PauseScope::All => "all",
            PauseScope::Rule(_) => "rule",
            PauseScope::Channel(_) => "channel",
        }
    }

    /// The rule's or channel's name.
    pub fn name(&self) -> Option<&str> {
        match self {
            PauseScope::All => None,
            PauseScope::Rule(rule) => Some(rule.as_str()),
            PauseScope::Channel(channel) => Some(channel.as_str()),
        }
    }

    /// The scope of this kind and name, as the ledger keeps them.
    pub fn parse(kind: &str, name: &str) -> Option<Self> {
        match kind {
            "all" => Some(PauseScope::All),
            "rule" => Some(PauseScope::Rule(name.into())),
            "channel" => Some(PauseScope::Channel(name.into())),
            _ => None,
        }
    }

    /// True when a message of `rule` on `channel` is paused by it; a renamed rule stays paused.
    pub fn stops(&self, rule: &Rule, channel: &ChannelName) -> bool {
        match self {
            PauseScope::All => true,
            PauseScope::Rule(paused) => rule.answers_to(paused),
            PauseScope::Channel(paused) => paused == channel,
        }
    }
}
