//! Owns one `[[rule]]` as brands type it; knows nothing of the other rules.

use std::collections::BTreeSet;

use super::channels::EMAIL;
use super::reader::{Kind, Section, did_you_mean};
use super::rules::Known;
use super::tree::{Node, Place, Value};
use super::trigger::{self, Asked};
use super::values;
use crate::domain::catalog::Level;
use crate::domain::ids::{ChannelName, Day, RuleId};
use crate::domain::lifecycle::Stage;
use crate::domain::member::{Membership, Purpose};
use crate::domain::problem::{Problem, Severity};
use crate::domain::rules::{About, Audience, Class, Needs, Rule};

/// One `[[rule]]`, right or wrong.
pub struct TypedRule {
    /// Its id and its former ids, with their places.
    pub ids: Vec<(String, Place)>,
    /// False for a rule that is checked and left out.
    pub enabled: bool,
    /// The festival that it waits for, and where it is named.
    pub festival: Option<(String, Place)>,
    /// What it means; nothing when a problem leaves no meaning.
    pub rule: Option<Rule>,
    /// As it was typed.
    pub typed: Node,
}

impl TypedRule {
    /// The rule with its places, when it has a meaning.
    pub fn placed(self) -> Option<PlacedRule> {
        self.rule.map(|rule| PlacedRule { rule, typed: self.typed })
    }
}

/// A rule, and where it says what.
#[derive(Debug, Clone)]
pub struct PlacedRule {
    /// What it means.
    pub rule: Rule,
    typed: Node,
}

impl PlacedRule {
    /// A warning about `key`, as `send.time`; where that is not said, about the nearest that is.
    pub fn warning(&self, key: &str, message: impl Into<String>, help: impl Into<String>) -> Problem {
        self.typed.at_path(key).at.problem(Severity::Warning, message, help)
    }

    /// A warning about one word of the list at `key`.
    pub fn warning_at(&self, key: &str, word: &str, message: impl Into<String>, help: String) -> Problem {
        self.typed.at_path(key).word(word).at.problem(Severity::Warning, message, help)
    }

    /// Where it begins, for people.
    pub fn place(&self) -> String {
        self.typed.at.to_string()
    }
}

/// How purchases may be gathered into items.
const LEVELS: [(&str, Level); 3] =
    [("product", Level::Product), ("group", Level::Group), ("category", Level::Category)];

/// Reads one rule.
pub fn read(s: &mut Section<'_>, known: &Known) -> TypedRule {
    let (id, formerly, ids) = ids(s);
    let enabled = s.get("enabled", values::switch()).unwrap_or(true);
    let purpose = purpose(s);
    let Asked { trigger, window, festival } = trigger::read(s, purpose);
    let about = s.section("about", about);
    let per = s.get("per", values::one_of(&LEVELS)).unwrap_or(Level::Group);
    let audience = s.section("members", audience);
    let to_message = message(s, known);
    let season = season(s);
    let class = class(s, purpose);
    let combine_within = s.get("combine_within", values::duration("3d"));
    let valid_for = s.get("valid_for", values::some_time("10d"));
    let (priority, holdout) = standing(s);
    let steps = trigger::steps(s, known);
    let needs = s.section("needs", |s| needs(s, purpose));
    let rule = id.zip(trigger).zip(to_message.channel).map(|((id, trigger), channel)| {
        let of = Rule::new(id.as_str(), trigger, channel);
        Rule {
            formerly,
            about,
            per,
            audience,
            needs: needs.over(of.needs),
            season,
            window,
            fallback: to_message.fallback,
            class,
            template: to_message.template,
            combine_within: combine_within.unwrap_or(of.combine_within),
            valid_for: valid_for.unwrap_or(of.valid_for),
            priority,
            holdout,
            steps,
            ..of
        }
    });
    TypedRule { ids, enabled, festival, rule, typed: s.typed() }
}

/// The rule's own id, its former ones, and all of them with their places.
fn ids(s: &mut Section<'_>) -> (Option<String>, Vec<RuleId>, Vec<(String, Place)>) {
    let id = s.required("id", values::identifier("a rule id", "refill"));
    let formerly = s.list("formerly", values::identifier("a rule id", "old-refill")).unwrap_or_default();
    let ids = id.iter().map(|id| (id.clone(), s.place("id")));
    let ids = ids.chain(formerly.iter().map(|id| (id.clone(), s.place("formerly")))).collect();
    (id, formerly.into_iter().map(RuleId::from).collect(), ids)
}

/// The first and the last day on which the rule speaks.
fn season(s: &mut Section<'_>) -> (Option<Day>, Option<Day>) {
    let day = |s: &mut Section<'_>, key| s.get(key, values::date()).map(Day::from);
    let (from, until) = (day(s, "from"), day(s, "until"));
    if from.zip(until).is_some_and(|(from, until)| until < from) {
        s.problem("until", "`rule.until` lies before `rule.from`", "swap them");
    }
    (from, until)
}

/// How it stands beside other rules, and against none at all.
fn standing(s: &mut Section<'_>) -> (i32, Option<f64>) {
    let priority = s.get("priority", values::whole(-1000..=1000, "10")).unwrap_or(0) as i32;
    (priority, s.get("holdout", values::share()))
}

/// What the rule's messages are for; where that is not said, what the other keys suggest.
fn purpose(s: &mut Section<'_>) -> Purpose {
    let kinds = [("reminder", Purpose::Reminder), ("care", Purpose::Care)];
    let kind = s.required("kind", values::one_of(&kinds));
    let guess = if s.node("on").is_some() { Purpose::Care } else { Purpose::Reminder };
    kind.unwrap_or(guess)
}

/// Which products are meant.
pub fn about(s: &mut Section<'_>) -> About {
    About {
        products: set(s, "product", values::text("a product id", "A-100")),
        categories: set(s, "category", values::text("a category", "coffee")),
        groups: set(s, "group", values::text("a group", "beans")),
        tags: set(s, "tag", values::text("a tag", "fresh")),
    }
}

/// Which members are meant.
pub fn audience(s: &mut Section<'_>) -> Audience {
    let stages = Stage::ALL.map(|stage| (stage.as_str(), stage));
    let memberships =
        [("active", Membership::Active), ("expired", Membership::Expired), ("none", Membership::None)];
    Audience {
        stages: set(s, "stage", values::one_of(&stages)),
        regions: set(s, "region", values::text("a region", "north")),
        tags: set(s, "tag", values::text("a tag", "vip")),
        locales: set(s, "locale", values::locale()),
        joined_since: s.get("joined_since", values::date()).map(Day::from),
        memberships: set(s, "membership", values::one_of(&memberships)),
    }
}

/// A list that restricts; one that is empty would silently restrict nothing.
fn set<T: Ord>(s: &mut Section<'_>, key: &'static str, kind: Kind<'_, T>) -> BTreeSet<T> {
    let list = s.list(key, kind);
    if matches!(s.node(key).map(|n| &n.value), Some(Value::List(l)) if l.is_empty()) {
        let help = format!("take `{key}` out to restrict nothing, or `enabled = false` to rest the rule");
        s.problem(key, format!("`{}` is an empty list", s.path_to(key)), help);
    }
    list.into_iter().flatten().collect()
}

/// What `needs` says; the rest stays as the trigger's default.
struct TypedNeeds {
    purchases: Option<u32>,
    rest: Needs,
}

impl TypedNeeds {
    fn over(self, default: Needs) -> Needs {
        Needs { purchases: self.purchases.unwrap_or(default.purchases), ..self.rest }
    }
}

fn needs(s: &mut Section<'_>, purpose: Purpose) -> TypedNeeds {
    let purchases = s.get("purchases", values::whole(0..=1000, "2")).map(|n| n as u32);
    let or_days_supply = s.get("or_days_supply", values::switch()).unwrap_or(false);
    let chance = s.get("chance", values::share()).unwrap_or(0.0);
    let spread = s.get("spread", values::days("30d"));
    for key in ["chance", "spread"].into_iter().filter(|_| purpose == Purpose::Care) {
        if s.node(key).is_some() {
            let message =
                format!("`rule.needs.{key}` is for reminders: a care message does not wait for a need");
            s.problem(key, message, "take it out");
        }
    }
    TypedNeeds { purchases, rest: Needs { purchases: 0, or_days_supply, chance, spread } }
}

/// What a care message is; a reminder is what it is.
fn class(s: &mut Section<'_>, purpose: Purpose) -> Class {
    let classes = [("marketing", Class::Marketing), ("service", Class::Service)];
    let class = s.get("class", values::one_of(&classes)).unwrap_or(Class::Marketing);
    if purpose == Purpose::Reminder && s.node("class").is_some() {
        s.problem(
            "class",
            "`rule.class` is for care messages: a reminder always needs consent",
            "take it out",
        );
    }
    class
}

/// Where messages go, and what they say.
struct Message {
    channel: Option<ChannelName>,
    fallback: Option<ChannelName>,
    template: Option<String>,
}

fn message(s: &mut Section<'_>, known: &Known) -> Message {
    let name = |s: &mut Section<'_>, key| {
        let channels = known.channels.iter().map(ChannelName::as_str);
        let kind = one_known("a channel of the settings", EMAIL, channels);
        let name = if key == "channel" { s.required(key, kind) } else { s.get(key, kind) };
        note_not_running(s, key, name.as_deref(), known);
        name
    };
    let (channel, fallback) = (name(s, "channel"), name(s, "fallback_channel"));
    let is_choosy = channel.as_deref().is_none_or(|channel| known.choosy.contains(channel));
    if fallback.is_some() && (!is_choosy || fallback == channel) {
        let help = "take it out, or write `channel = \"email\"`, or a channel with `contact`, and another as `fallback_channel`";
        s.problem("fallback_channel", "a fallback is for members that the channel cannot reach", help);
    }
    let by_mail = |name: &Option<String>| name.as_deref() == Some(EMAIL);
    let template = match by_mail(&channel) || is_choosy && by_mail(&fallback) {
        true => s.required("template", template(known)),
        false => s.get("template", template(known)),
    };
    Message { channel: channel.map(ChannelName::from), fallback: fallback.map(ChannelName::from), template }
}

/// A channel that came into the settings after the process was started.
fn note_not_running(s: &Section<'_>, key: &str, name: Option<&str>, known: &Known) {
    let runs = |name: &str| known.running.as_ref().is_none_or(|running| running.contains(name));
    if let Some(name) = name.filter(|name| !runs(name)) {
        let message = format!("the running process does not have the channel \"{name}\"");
        s.problem(key, message, "channels are settings: restart replenish, then this rule is taken");
    }
}

/// The name of a template that is there.
pub fn template(known: &Known) -> Kind<'_, String> {
    let templates = known.templates.iter().map(String::as_str);
    one_known(&format!("a template in {}", known.folder), "refill", templates)
}

/// A name that must exist elsewhere.
fn one_known<'k>(name: &str, example: &str, known: impl Iterator<Item = &'k str>) -> Kind<'k, String> {
    let known: Vec<&str> = known.collect();
    let example = known.first().copied().unwrap_or(example).to_owned();
    Kind::text(name, &example, move |text| match known.contains(&text) {
        true => Ok(text.to_owned()),
        false if known.is_empty() => Err("there is none yet".to_owned()),
        false => {
            Err(format!("{}known here: {}", did_you_mean(text, known.iter().copied()), known.join(", ")))
        }
    })
}
