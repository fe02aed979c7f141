//! Owns the rules as they mean, already valid; knows nothing of TOML.

use std::collections::{BTreeSet, HashMap};

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::calendar::{DailyWindow, Festival, SendWindow};
use super::catalog::Level;
use super::ids::{ChannelName, Day, RuleId};
use super::lifecycle::{Stage, Stages};
use super::member::{Member, Membership, Purpose};
use super::shop::{Reach, reaches};
use super::trigger::{Step, Trigger};
use super::unsuitable::Unsuitable;

/// Everything brands tune, in the order in which reminder rules claim a need: by priority, then as the files stand.
#[derive(Debug, Clone)]
pub struct Rules {
    rules: Vec<Rule>,
    hashes: HashMap<RuleId, String>,
    /// What every message must pass.
    pub guards: Guards,
    /// Named times of the year that hold, pull forward or merge messages.
    pub festivals: Vec<Festival>,
    /// Where lifecycle stages begin.
    pub stages: Stages,
    unsuitable: Vec<Unsuitable>,
    hash: String,
}

/// One reason to write to members.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The rule's own id.
    pub id: RuleId,
    /// Earlier ids: their occasions count as this rule's own.
    pub formerly: Vec<RuleId>,
    /// What asks for a message.
    pub trigger: Trigger,
    /// Which products it is about.
    pub about: About,
    /// How purchases are gathered into items.
    pub per: Level,
    /// Which members it is for.
    pub audience: Audience,
    /// What must be known before it speaks.
    pub needs: Needs,
    /// The first and the last day, in the shop's calendar, on which something of it may fall due.
    pub season: (Option<Day>, Option<Day>),
    /// The hours and weekdays, member-local, in which it sends.
    pub window: SendWindow,
    /// Where it sends.
    pub channel: ChannelName,
    /// Where it sends to members who have no address on that channel.
    pub fallback: Option<ChannelName>,
    /// What a care message needs of the member's consent.
    pub class: Class,
    /// The template's name; a webhook needs none.
    pub template: Option<String>,
    /// Occasions due within this span of the first go into one message.
    pub combine_within: TimeDelta,
    /// How long after its due date a message is still worth sending.
    pub valid_for: TimeDelta,
    /// Higher claims a need before lower, and a shop day's messages.
    pub priority: i32,
    /// Further messages of the same turn, in order.
    pub steps: Vec<Step>,
    /// The share of members that it leaves alone, where it says so itself; else the one of all rules.
    pub holdout: Option<f64>,
}

/// What a care message is, by law and by manners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It may lead to buying: it needs consent.
    Marketing,
    /// It helps with what was bought: it goes unless the member refused.
    Service,
}

/// Which products a rule is about; a list left empty does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Product ids.
    pub products: BTreeSet<String>,
    /// Categories.
    pub categories: BTreeSet<String>,
    /// Groups.
    pub groups: BTreeSet<String>,
    /// Product tags.
    pub tags: BTreeSet<String>,
}

/// Which members a rule is for; a list left empty does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audience {
    /// Lifecycle stages.
    pub stages: BTreeSet<Stage>,
    /// Regions.
    pub regions: BTreeSet<String>,
    /// Member tags: any of them.
    pub tags: BTreeSet<String>,
    /// Locales; `zh` also means `zh-TW`.
    pub locales: BTreeSet<String>,
    /// Members who joined on this day, in the shop's calendar, or later.
    pub joined_since: Option<Day>,
    /// How the membership stands on the due day.
    pub memberships: BTreeSet<Membership>,
}

/// What must be known before a rule speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Needs {
    /// Purchase days of the item.
    pub purchases: u32,
    /// One purchase is enough where the shop says how long a piece lasts.
    pub or_days_supply: bool,
    /// Of those written to, this share buys within a week; 0 asks for nothing.
    pub chance: f64,
    /// The middle half of the need dates lies within so many days; silent when the forecast is wider.
    pub spread: Option<i32>,
}

/// What every message must pass.
#[derive(Debug, Clone)]
pub struct Guards {
    /// Member-local hours in which nothing is sent.
    pub quiet_hours: Option<DailyWindow>,
    /// At most so many messages in so many days.
    pub frequency_caps: Vec<FrequencyCap>,
    /// At least so long between any two messages to a member; whole days are days of the member's calendar.
    pub minimum_gap: Option<TimeDelta>,
    /// At most so many messages on a day of the shop, over all members and rules.
    pub daily_budget: Option<u32>,
    /// The share of members that a rule leaves alone, to measure it.
    pub holdout: f64,
    /// One reminder for each purchase, over all rules.
    pub one_reminder_per_purchase: bool,
    /// Reminders wait while the order feed is older than this.
    pub orders_fresh_within: Option<TimeDelta>,
    /// What to do about a member who was never asked.
    pub consent_unknown: ConsentUnknown,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            quiet_hours: None,
            frequency_caps: Vec::new(),
            minimum_gap: None,
            daily_budget: None,
            holdout: 0.0,
            one_reminder_per_purchase: true,
            orders_fresh_within: None,
            consent_unknown: ConsentUnknown::WebhookOnly,
        }
    }
}

/// At most `count` messages of a purpose (or of any) within `within`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrequencyCap {
    /// Which messages it counts; `None` counts all.
    pub purpose: Option<Purpose>,
    /// How many.
    pub count: u32,
    /// In how long; whole days are days of the member's calendar.
    pub within: TimeDelta,
}

/// What to do about a member whose consent the shop never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentUnknown {
    /// Webhooks only: the receiver knows.
    WebhookOnly,
    /// Send.
    Allow,
    /// Stay silent.
    Deny,
}

impl Rule {
    /// A rule that asks for nothing but its trigger, with the defaults of its purpose.
    pub fn new(id: impl Into<RuleId>, trigger: Trigger, channel: impl Into<ChannelName>) -> Self {
        let (purchases, combine, valid) = match trigger.purpose() {
            Purpose::Reminder => (2, 3, 10),
            Purpose::Care => (1, 1, 3),
        };
        Self {
            id: id.into(),
            formerly: Vec::new(),
            trigger,
            about: About::default(),
            per: Level::Group,
            audience: Audience::default(),
            needs: Needs { purchases, or_days_supply: false, chance: 0.0, spread: None },
            season: (None, None),
            window: SendWindow::default(),
            channel: channel.into(),
            fallback: None,
            class: Class::Marketing,
            template: None,
            combine_within: TimeDelta::days(combine),
            valid_for: TimeDelta::days(valid),
            priority: 0,
            holdout: None,
            steps: Vec::new(),
        }
    }

    /// What the rule's messages are for.
    pub fn purpose(&self) -> Purpose {
        self.trigger.purpose()
    }

    /// Where it writes to this member.
    pub fn channel_for(&self, member: &Member, reach: &Reach) -> &ChannelName {
        let is_reachable = reaches(reach, &self.channel, member);
        self.fallback.as_ref().filter(|_| !is_reachable).unwrap_or(&self.channel)
    }

    /// The template of a step, counted from 1.
    pub fn template_of(&self, step: u16) -> Option<&str> {
        let of_step = usize::from(step).checked_sub(2).and_then(|n| self.steps.get(n)?.template.as_deref());
        of_step.or(self.template.as_deref())
    }

    /// The rule's own id and its former ones.
    pub fn ids(&self) -> Vec<RuleId> {
        std::iter::once(&self.id).chain(&self.formerly).cloned().collect()
    }

    /// True when `id` is the rule's own or a former one.
    pub fn answers_to(&self, id: &RuleId) -> bool {
        self.id == *id || self.formerly.contains(id)
    }
}

impl Rules {
    /// Rules in the order in which the files stand; sorts them by priority and takes their hash.
    pub fn new(mut rules: Vec<Rule>, guards: Guards, festivals: Vec<Festival>, stages: Stages) -> Self {
        rules.sort_by_key(|r| -r.priority);
        let hash = short_hash(&format!("{rules:?}{guards:?}{festivals:?}{stages:?}"));
        let calendar = format!("{:?}{festivals:?}{stages:?}", guards.quiet_hours);
        let hashes = rules.iter().map(|r| (r.id.clone(), short_hash(&format!("{r:?}{calendar}")))).collect();
        Self { rules, hashes, guards, festivals, stages, unsuitable: Vec::new(), hash }
    }

    /// The same, with every rule changed.
    pub fn with_each(&self, change: impl Fn(&Rule) -> Rule) -> Self {
        let rules = self.rules.iter().map(change).collect();
        let changed = Self::new(rules, self.guards.clone(), self.festivals.clone(), self.stages);
        changed.with_unsuitable(self.unsuitable.clone())
    }

    /// The same rules, with what does not suit whom.
    pub fn with_unsuitable(mut self, unsuitable: Vec<Unsuitable>) -> Self {
        self.hash = short_hash(&format!("{}{unsuitable:?}", self.hash));
        self.unsuitable = unsuitable;
        self
    }

    /// What does not suit whom.
    pub fn unsuitable(&self) -> &[Unsuitable] {
        &self.unsuitable
    }

    /// Every rule, the first to claim a need first.
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule that an occasion or job belongs to, by its own id or a former one.
    pub fn get(&self, id: &RuleId) -> Option<&Rule> {
        self.rules.iter().find(|r| r.id == *id).or_else(|| self.rules.iter().find(|r| r.answers_to(id)))
    }

    /// Twelve hex digits over everything the rules say.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What decides an occasion's date besides the member's history: the rule, and the calendar it is laid on.
    pub fn hash_of(&self, rule: &Rule) -> &str {
        self.hashes.get(&rule.id).map_or("", String::as_str)
    }

    /// The levels that some rule, or the lifecycle stage, forecasts at.
    pub fn levels(&self) -> BTreeSet<Level> {
        self.rules.iter().map(|r| r.per).chain([Level::Member]).collect()
    }

    /// How far back the messages to a member matter: to a cap, a gap, or the step after them.
    pub fn look_back(&self) -> TimeDelta {
        let spans = self.guards.frequency_caps.iter().map(|c| c.within).chain(self.guards.minimum_gap);
        let steps = self.rules.iter().flat_map(|r| r.steps.iter().map(|step| step.after + r.valid_for));
        // A day of the calendar has up to 25 hours.
        spans.chain(steps).max().map_or_else(TimeDelta::zero, |span| span + TimeDelta::hours(2))
    }
}

/// Twelve hex digits of SHA-256.
pub fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(6).map(|b| format!("{b:02x}")).collect()
}
