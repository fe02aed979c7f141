//! Owns what asks for a rule's messages and when they go, as brands type it; knows nothing of what they say.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Weekday};

use super::reader::Section;
use super::rule::template;
use super::rules::Known;
use super::tree::Place;
use super::values;
use crate::domain::calendar::{SendWindow, Weekdays};
use crate::domain::lifecycle::Stage;
use crate::domain::member::Purpose;
use crate::domain::trigger::{ItemMoment, MemberMoment, Step, Trigger, Unless, When};

/// What asks, and when it goes.
#[derive(Default)]
pub struct Asked {
    /// What asks; nothing when a problem leaves no meaning.
    pub trigger: Option<Trigger>,
    /// The hours and weekdays.
    pub window: SendWindow,
    /// The festival that it waits for, and where it is named.
    pub festival: Option<(String, Place)>,
}

/// The words of `on`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Item(ItemMoment),
    Joined,
    StageChange,
    MembershipExpiry,
    Festival,
    Anniversary,
}

const ON: [(&str, On); 10] = [
    ("purchase", On::Item(ItemMoment::Purchase)),
    ("first_purchase", On::Item(ItemMoment::FirstPurchase)),
    ("delivered", On::Item(ItemMoment::Delivered)),
    ("first_delivered", On::Item(ItemMoment::FirstDelivered)),
    ("midway", On::Item(ItemMoment::Midway)),
    ("new_member", On::Joined),
    ("stage_change", On::StageChange),
    ("membership_expiry", On::MembershipExpiry),
    ("festival", On::Festival),
    ("anniversary", On::Anniversary),
];

/// The words of `on`, for whoever reads one rule of each kind.
pub fn moments() -> impl Iterator<Item = &'static str> {
    ON.iter().map(|(word, _)| *word)
}

/// Reads `on`, `send`, and what belongs to them.
pub fn read(s: &mut Section<'_>, purpose: Purpose) -> Asked {
    match purpose {
        Purpose::Reminder => need(s),
        Purpose::Care => care(s),
    }
}

/// When a reminder goes.
fn need(s: &mut Section<'_>) -> Asked {
    if s.node("on").is_some() {
        let help = "take `on` out, or write `kind = \"care\"`";
        s.problem("on", "`rule.on` is for care messages: a reminder follows the need", help);
    }
    s.section("send", |s| {
        let before = s.get("before", values::days("5d")).map(When::Before);
        let best = s.get("at", values::one_of(&[("best", When::Best)]));
        let help = "write `send = { before = \"5d\" }` or `send = { at = \"best\" }`";
        match (s.node("before"), s.node("at")) {
            (None, None) => s.note_missing("before", "`rule.send` does not say when to send", help),
            (Some(_), Some(_)) => s.problem("", "`rule.send` says twice when to send", help),
            _ => {}
        }
        Asked { trigger: before.or(best).map(Trigger::Need), window: window(s), ..Asked::default() }
    })
}

/// When a care message goes.
fn care(s: &mut Section<'_>) -> Asked {
    let on = s.required("on", values::one_of(&ON));
    let moment = match on {
        Some(On::Joined) => Some(MemberMoment::Joined),
        Some(On::StageChange) => Some(MemberMoment::StageChange(stages(s))),
        Some(On::MembershipExpiry) => Some(MemberMoment::MembershipExpiry),
        Some(On::Anniversary) => Some(MemberMoment::Anniversary),
        Some(On::Festival) => {
            s.required("festival", values::text("a festival", "Double 11")).map(MemberMoment::Festival)
        }
        Some(On::Item(_)) | None => None,
    };
    let at = s.place("festival");
    let festival = match &moment {
        Some(MemberMoment::Festival(name)) => Some((name.clone(), at)),
        _ => None,
    };
    s.section("send", |s| {
        let trigger = match (on, moment) {
            (Some(On::Item(item)), _) => Some(Trigger::Item(item, after(s))),
            (_, Some(moment)) => Some(Trigger::Member(moment, around(s))),
            _ => {
                let _ = (s.node("after"), s.node("before"));
                None
            }
        };
        Asked { trigger, window: window(s), festival }
    })
}

fn stages(s: &mut Section<'_>) -> BTreeSet<Stage> {
    let words = Stage::ALL.map(|stage| (stage.as_str(), stage));
    s.list("to", values::one_of(&words)).into_iter().flatten().collect()
}

fn after(s: &mut Section<'_>) -> TimeDelta {
    s.get("after", values::duration("3d")).unwrap_or_else(TimeDelta::zero)
}

/// Whole days after the moment, or before it.
fn around(s: &mut Section<'_>) -> TimeDelta {
    let (after, before) = (s.get("after", values::days("3d")), s.get("before", values::days("14d")));
    if s.node("after").is_some() && s.node("before").is_some() {
        s.problem("", "`rule.send` says twice when to send", "keep `after` or `before`");
    }
    TimeDelta::days(i64::from(after.unwrap_or(0) - before.unwrap_or(0)))
}

fn window(s: &mut Section<'_>) -> SendWindow {
    let words = [
        ("mon", Weekday::Mon),
        ("tue", Weekday::Tue),
        ("wed", Weekday::Wed),
        ("thu", Weekday::Thu),
        ("fri", Weekday::Fri),
        ("sat", Weekday::Sat),
        ("sun", Weekday::Sun),
    ];
    let hours = s.get("time", values::daily_window("10:00-12:00"));
    let days = s.list("days", values::one_of(&words)).filter(|days| !days.is_empty());
    let days = days.map_or_else(Weekdays::default, |days| days.into_iter().collect());
    SendWindow { hours, days }
}

/// The further messages of a rule.
pub fn steps(s: &mut Section<'_>, known: &Known) -> Vec<Step> {
    let unless = [("bought", Unless::Bought), ("bought_anything", Unless::BoughtAnything)];
    s.sections("step", |s| Step {
        after: s.required("after", values::some_time("7d")).unwrap_or_else(TimeDelta::zero),
        unless: s.list("unless", values::one_of(&unless)).into_iter().flatten().collect(),
        template: s.get("template", template(known)),
    })
}
