//! Owns what holds for all rules as brands type it: guards, festivals, what does not suit whom; knows nothing of a rule.

use super::reader::Section;
use super::rule::{about, audience};
use super::tree::{Place, Value};
use super::values;
use crate::domain::calendar::{Festival, FestivalAction};
use crate::domain::rules::{About, Audience, ConsentUnknown, Guards};
use crate::domain::unsuitable::{Unsuitable, UnsuitableAction};

/// Reads `[guards]`.
pub fn guards(s: &mut Section<'_>) -> Guards {
    let default = Guards::default();
    let unknown = [
        ("webhook_only", ConsentUnknown::WebhookOnly),
        ("allow", ConsentUnknown::Allow),
        ("deny", ConsentUnknown::Deny),
    ];
    Guards {
        quiet_hours: s.get("quiet_hours", values::daily_window("21:00-09:00")),
        frequency_caps: s.list("frequency_cap", values::frequency_cap()).unwrap_or_default(),
        minimum_gap: s.get("minimum_gap", values::some_time("2d")),
        daily_budget: s.get("daily_budget", values::whole(1..=1_000_000_000, "5000")).map(|n| n as u32),
        holdout: s.get("holdout", values::share()).unwrap_or(default.holdout),
        one_reminder_per_purchase: s
            .get("one_reminder_per_purchase", values::switch())
            .unwrap_or(default.one_reminder_per_purchase),
        orders_fresh_within: s.get("orders_fresh_within", values::duration_or_off("36h")).flatten(),
        consent_unknown: s
            .get("consent_unknown", values::one_of(&unknown))
            .unwrap_or(default.consent_unknown),
    }
}

/// Reads one `[[festival]]`.
pub fn festival(s: &mut Section<'_>) -> Option<Festival> {
    let actions = [
        ("hold", FestivalAction::Hold),
        ("pull_forward", FestivalAction::PullForward),
        ("merge", FestivalAction::Merge),
    ];
    let name = s.required("name", values::text("a name", "Double 11"));
    let from = s.required("from", values::year_day("11-08"));
    let until = s.required("until", values::year_day("11-12"));
    let action = s.required("do", values::one_of(&actions));
    Some(Festival { name: name?, from: from?, until: until?, action: action? })
}

/// One `[[unsuitable]]`, right or wrong.
pub struct TypedUnsuitable {
    /// Its id and its place.
    pub id: Option<(String, Place)>,
    /// What it means; nothing when a problem leaves no meaning.
    pub meaning: Option<Unsuitable>,
}

/// Reads one `[[unsuitable]]`.
pub fn unsuitable(s: &mut Section<'_>) -> TypedUnsuitable {
    let id = s.required("id", values::identifier("an id", "retinol-pregnancy"));
    let place = s.place("id");
    let members = s.section("members", audience);
    let about = s.section("about", about);
    if members == Audience::default() && about == About::default() {
        let help = "say whom with `members = { tag = [\"…\"] }`, and what with `about = { tag = [\"…\"] }`";
        s.problem("", "`unsuitable` names neither members nor products", help);
    }
    let action = action(s);
    let meaning = id.clone().zip(action).map(|(id, action)| Unsuitable { id, members, about, action });
    TypedUnsuitable { id: id.zip(Some(place)), meaning }
}

fn action(s: &mut Section<'_>) -> Option<UnsuitableAction> {
    let skips = s.required("do", values::one_of(&[("skip", true), ("caution", false)]))?;
    let texts = s.pairs("text", &values::locale(), &values::text("a text", "Ask your doctor first."));
    let node = s.node("text");
    if skips {
        if node.is_some() {
            let help = "take it out, or write `do = \"caution\"`";
            s.problem("text", "`unsuitable.text` goes with a caution", help);
        }
        return Some(UnsuitableAction::Skip);
    }
    if node.is_none_or(|node| matches!(&node.value, Value::Table(table) if table.is_empty())) {
        let help = "write for example `text = { en = \"Not during pregnancy.\" }`";
        s.problem("text", "`unsuitable.text` is missing: a caution says something", help);
    }
    Some(UnsuitableAction::Caution(texts.into_iter().collect()))
}
