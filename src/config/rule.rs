//! Owns one `[[rule]]` as brands type it; knows nothing of the other rules.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::channels::EMAIL;
use super::reader::{Kind, Section, did_you_mean};
use super::rules::Known;
use super::tree::{Place, Value};
use super::values;
use crate::domain::calendar::DailyWindow;
use crate::domain::catalog::Level;
use crate::domain::ids::{ChannelName, RuleId};
use crate::domain::lifecycle::Stage;
use crate::domain::member::Purpose;
use crate::domain::rules::{About, Audience, Needs, Rule, Trigger, When};

/// One `[[rule]]`, right or wrong.
pub struct TypedRule {
    /// Its id and its former ids, with their places.
    pub ids: Vec<(String, Place)>,
    /// False for a rule that is checked and left out.
    pub enabled: bool,
    /// What it means; nothing when a problem leaves no meaning.
    pub rule: Option<Rule>,
}

/// Reads one rule.
pub fn read(s: &mut Section<'_>, known: &Known) -> TypedRule {
    let id = s.required("id", values::identifier("a rule id", "refill"));
    let formerly = s.list("formerly", values::identifier("a rule id", "old-refill")).unwrap_or_default();
    let ids = id.iter().map(|id| (id.clone(), s.place("id")));
    let ids = ids.chain(formerly.iter().map(|id| (id.clone(), s.place("formerly")))).collect();
    let enabled = s.get("enabled", values::switch()).unwrap_or(true);
    let purpose = purpose(s);
    let (trigger, window) = match purpose {
        Purpose::Reminder => need(s),
        Purpose::Care => purchase(s),
    };
    let about = s.section("about", about);
    let levels = [("product", Level::Product), ("group", Level::Group), ("category", Level::Category)];
    let per = s.get("per", values::one_of(&levels)).unwrap_or(Level::Group);
    let audience = s.section("members", audience);
    let needs = s.section("needs", |s| needs(s, purpose));
    let (channel, template) = message(s, known);
    let (combine, valid) = if purpose == Purpose::Reminder { (3, 10) } else { (1, 3) };
    let combine_within = s.get("combine_within", values::duration("3d")).unwrap_or(TimeDelta::days(combine));
    let valid_for = s.get("valid_for", values::some_time("10d")).unwrap_or(TimeDelta::days(valid));
    let priority = s.get("priority", values::whole(-1000..=1000, "10")).unwrap_or(0) as i32;
    let formerly = formerly.into_iter().map(RuleId::from).collect();
    let rule = id.zip(trigger).zip(channel).map(|((id, trigger), channel)| Rule {
        id: id.into(),
        formerly,
        trigger,
        about,
        per,
        audience,
        needs,
        window,
        channel,
        template,
        combine_within,
        valid_for,
        priority,
    });
    TypedRule { ids, enabled, rule }
}

/// What the rule's messages are for; where that is not said, what the other keys suggest.
fn purpose(s: &mut Section<'_>) -> Purpose {
    let kinds = [("reminder", Purpose::Reminder), ("care", Purpose::Care)];
    let kind = s.required("kind", values::one_of(&kinds));
    let guess = if s.node("on").is_some() { Purpose::Care } else { Purpose::Reminder };
    kind.unwrap_or(guess)
}

/// When a reminder goes.
fn need(s: &mut Section<'_>) -> (Option<Trigger>, Option<DailyWindow>) {
    if s.node("on").is_some() {
        let help = "take `on` out, or write `kind = \"care\"`";
        s.problem("on", "`rule.on` is for care messages: a reminder follows the need", help);
    }
    s.section("send", |s| {
        let before = s.get("before", values::days("5d")).map(When::Before);
        let best = s.get("at", values::one_of(&[("best", When::Best)]));
        let help = "write `send = { before = \"5d\" }` or `send = { at = \"best\" }`";
        match (s.node("before"), s.node("at")) {
            (None, None) => s.problem("", "`rule.send` does not say when to send", help),
            (Some(_), Some(_)) => s.problem("", "`rule.send` says twice when to send", help),
            _ => {}
        }
        (before.or(best).map(Trigger::Need), window(s))
    })
}

/// When a care message goes.
fn purchase(s: &mut Section<'_>) -> (Option<Trigger>, Option<DailyWindow>) {
    let first_only = s.required("on", values::one_of(&[("purchase", false), ("first_purchase", true)]));
    let (after, time) = s.section("send", |s| (s.get("after", values::duration("3d")), window(s)));
    let after = after.unwrap_or_else(TimeDelta::zero);
    (first_only.map(|first_only| Trigger::Purchase { first_only, after }), time)
}

fn window(s: &mut Section<'_>) -> Option<DailyWindow> {
    s.get("time", values::daily_window("10:00-12:00"))
}

fn about(s: &mut Section<'_>) -> About {
    About {
        products: set(s, "product", values::text("a product id", "A-100")),
        categories: set(s, "category", values::text("a category", "coffee")),
        groups: set(s, "group", values::text("a group", "beans")),
        tags: set(s, "tag", values::text("a tag", "fresh")),
    }
}

fn audience(s: &mut Section<'_>) -> Audience {
    let stages = Stage::ALL.map(|stage| (stage.as_str(), stage));
    Audience {
        stages: set(s, "stage", values::one_of(&stages)),
        regions: set(s, "region", values::text("a region", "north")),
        tags: set(s, "tag", values::text("a tag", "vip")),
        locales: set(s, "locale", values::locale()),
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

fn needs(s: &mut Section<'_>, purpose: Purpose) -> Needs {
    let default = if purpose == Purpose::Reminder { 2 } else { 1 };
    let purchases = s.get("purchases", values::whole(1..=1000, "2")).unwrap_or(default) as u32;
    let or_days_supply = s.get("or_days_supply", values::switch()).unwrap_or(false);
    let chance = s.get("chance", values::share()).unwrap_or(0.0);
    if purpose == Purpose::Care && s.node("chance").is_some() {
        s.problem(
            "chance",
            "`rule.needs.chance` is for reminders: a care message does not wait for a need",
            "take it out",
        );
    }
    Needs { purchases, or_days_supply, chance }
}

/// Where the message goes, and what it says.
fn message(s: &mut Section<'_>, known: &Known) -> (Option<ChannelName>, Option<String>) {
    let channels = known.channels.iter().map(ChannelName::as_str);
    let channel = s.required("channel", one_known("a channel of the settings", EMAIL, channels));
    let templates = known.templates.iter().map(String::as_str);
    let template = one_known(&format!("a template in {}", known.folder), "refill", templates);
    let template = match channel.as_deref() {
        Some(EMAIL) => s.required("template", template),
        _ => s.get("template", template),
    };
    (channel.map(ChannelName::from), template)
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
