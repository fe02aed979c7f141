//! Owns the fixed phrases of an explanation in each language; knows nothing of how they are laid out.

use std::collections::BTreeSet;

use chrono_tz::Tz;

use crate::cli::output::local;
use crate::desk::explain::{GuardFacts, MemberFacts, SuppressionFacts};
use crate::domain::ids::{ChannelName, RuleId, Timestamp};
use crate::domain::member::Purpose;
use crate::domain::reason::Language;
use crate::domain::wording::stage;

/// Phrases for a reader: the language, and the zone of times.
pub(super) struct Phrases {
    pub zone: Tz,
    pub language: Language,
}

impl Phrases {
    /// Who it is, on one line.
    pub fn facts(&self, member: &MemberFacts) -> String {
        let address =
            member.email.clone().unwrap_or_else(|| self.of("no e-mail address", "沒有電子郵件地址"));
        let agreed = self.agreed(member.consent.as_ref());
        [self.stage(member), member.locale.clone(), member.timezone.clone(), agreed, address].join(" · ")
    }

    fn stage(&self, member: &MemberFacts) -> String {
        let name = stage(self.language, member.stage);
        match (self.language, member.stage_since) {
            (_, None) => name.to_owned(),
            (Language::English, Some(since)) => format!("{name} since {since}"),
            (Language::Chinese, Some(since)) => format!("{name}(自 {since} 起)"),
        }
    }

    fn agreed(&self, consent: Option<&BTreeSet<Purpose>>) -> String {
        let Some(purposes) = consent else {
            return self.of("never asked for consent", "未曾詢問是否同意");
        };
        if purposes.is_empty() {
            return self.of("agreed to nothing", "未同意任何訊息");
        }
        let words: Vec<String> = purposes.iter().map(|p| self.purpose(p.as_str())).collect();
        match self.language {
            Language::English => format!("agreed to {}", words.join(" and ")),
            Language::Chinese => format!("同意{}", words.join("與")),
        }
    }

    /// How often, and when last.
    pub fn bought(&self, member: &MemberFacts) -> String {
        let (language, days) = (self.language, member.purchases);
        match (language, member.last_purchase) {
            (_, None) => self.of("bought nothing that was kept", "沒有保留的購買紀錄"),
            (Language::English, Some(last)) if days == 1 => format!("bought on 1 day, {last}"),
            (Language::English, Some(last)) => format!("bought on {days} days, last on {last}"),
            (Language::Chinese, Some(last)) => format!("在 {days} 天買過,上次是 {last}"),
        }
    }

    /// A standing opt-out.
    pub fn opted_out(&self, of: &SuppressionFacts) -> String {
        if let (Some(_), Some(until), Some(item)) = (of.again, of.until, &of.item) {
            return match self.language {
                Language::English => {
                    format!("asked to be reminded again about {item} on {}", self.time(until))
                }
                Language::Chinese => format!("請我們到 {} 再提醒「{item}」", self.time(until)),
            };
        }
        let purpose = self.purpose(of.purpose);
        let until = of.until.map_or_else(|| self.of("for ever", "永久"), |at| self.until(at));
        let said = match (self.language, &of.item) {
            (Language::English, None) => format!("opted out of {purpose}, {until}"),
            (Language::English, Some(item)) => format!("opted out of {purpose} about {item}, {until}"),
            (Language::Chinese, None) => format!("拒收{purpose},{until}"),
            (Language::Chinese, Some(item)) => format!("拒收有關「{item}」的{purpose},{until}"),
        };
        // A bounce or a complaint is no opt-out: the record says which it is.
        match &of.because {
            Some(because) => format!("{said}: {because}"),
            None => said,
        }
    }

    /// The rule that asks, and where it goes.
    pub fn by(&self, rule: &RuleId, channel: Option<&ChannelName>) -> String {
        match (self.language, channel) {
            (Language::English, Some(channel)) => format!("{rule} by {channel}"),
            (Language::English, None) => format!("{rule} by no channel"),
            (Language::Chinese, Some(channel)) => format!("{rule} 經由 {channel}"),
            (Language::Chinese, None) => format!("{rule} 沒有管道"),
        }
    }

    /// How long a hold lasts; one that outlives the message, until something changes.
    pub fn held_until(&self, until: Timestamp, valid_until: Timestamp) -> String {
        if until >= valid_until {
            self.of("unless that changes", "除非情況改變")
        } else {
            self.until(until)
        }
    }

    /// What one guard says against it.
    pub fn guard(&self, of: &GuardFacts) -> String {
        let said = of.reason.map_or_else(|| of.verdict.clone(), |reason| reason.to_string());
        match of.until {
            Some(until) => format!("{}: {said}, {}", of.guard, self.until(until)),
            None => format!("{}: {said}", of.guard),
        }
    }

    /// What all guards say: those that speak up, and how many do not.
    pub fn guards(&self, told: &[String], others: usize) -> String {
        let all = told.join("; ");
        match (self.language, told.is_empty()) {
            (Language::English, true) => format!("guards: all {others} let it through"),
            (Language::English, false) => format!("guards: {all}; {others} others let it through"),
            (Language::Chinese, true) => format!("把關:{others} 項全部放行"),
            (Language::Chinese, false) => format!("把關:{all};其他 {others} 項放行"),
        }
    }

    /// When a turn fell due.
    pub fn due(&self, at: Timestamp) -> String {
        match self.language {
            Language::English => format!("due {}", self.time(at)),
            Language::Chinese => format!("預定 {}", self.time(at)),
        }
    }

    /// By the shop's clock.
    pub fn time(&self, at: Timestamp) -> String {
        local(at, self.zone)
    }

    fn until(&self, at: Timestamp) -> String {
        match self.language {
            Language::English => format!("until {}", self.time(at)),
            Language::Chinese => format!("直到 {}", self.time(at)),
        }
    }

    fn purpose(&self, purpose: &str) -> String {
        match purpose {
            "reminder" => self.of("reminders", "回購提醒"),
            "care" => self.of("care messages", "關懷訊息"),
            _ => self.of("every message", "所有訊息"),
        }
    }

    fn of(&self, english: &str, chinese: &str) -> String {
        match self.language {
            Language::English => english.to_owned(),
            Language::Chinese => chinese.to_owned(),
        }
    }
}
