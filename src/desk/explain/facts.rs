//! Owns how members, items, open occasions and jobs are told to a person; knows nothing of what is silent.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::Serialize;

use super::Case;
use super::opinions::{GuardFacts, Opinions};
use crate::desk::forecast::ItemForecast;
use crate::desk::foresee::Fate;
use crate::desk::jobs::occasion_id;
use crate::domain::catalog::{Item, Level};
use crate::domain::ids::{ChannelName, Cycle, Day, JobId, MemberId, RuleId, Timestamp};
use crate::domain::job::{Job, JobState};
use crate::domain::lifecycle::Stage;
use crate::domain::member::{Purpose, Suppression};
use crate::domain::occasion::Occasion;
use crate::domain::reason::Reason;
use crate::domain::shop::{Person, Shop};
use crate::domain::wording::why;

/// A member, without a name.
#[derive(Debug, Clone, Serialize)]
pub struct MemberFacts {
    /// The shop's id.
    pub id: MemberId,
    /// The stage today.
    pub stage: Stage,
    /// The day on which it began; none without a purchase.
    pub stage_since: Option<NaiveDate>,
    /// The language written in.
    pub locale: String,
    /// The zone of quiet hours and send windows.
    pub timezone: String,
    /// What the member agreed to; `None` when the shop never said.
    pub consent: Option<BTreeSet<Purpose>>,
    /// Standing opt-outs, by member or by address.
    pub suppressions: Vec<SuppressionFacts>,
    /// The address, masked unless it was asked by.
    pub email: Option<String>,
    /// Other channels with a contact point.
    pub contacts: Vec<String>,
    /// Free tags.
    pub tags: BTreeSet<String>,
    /// Free region text.
    pub region: Option<String>,
    /// Items that arrive by subscription.
    pub subscribed_items: BTreeSet<String>,
    /// Days on which anything was bought.
    pub purchases: usize,
    /// The last of them.
    pub last_purchase: Option<NaiveDate>,
}

/// A standing opt-out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuppressionFacts {
    /// `reminder`, `care`, or `all`.
    pub purpose: &'static str,
    /// The item it is about; every item when absent.
    pub item: Option<String>,
    /// When it ends; never when absent.
    pub until: Option<Timestamp>,
    /// When the member asked to be reminded again at its end; absent where nobody asked.
    pub again: Option<Timestamp>,
    /// Who said so, and why: a bounce is no opt-out; absent where only the fact is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

impl From<&Suppression> for SuppressionFacts {
    fn from(s: &Suppression) -> Self {
        let purpose = s.purpose.map_or("all", Purpose::as_str);
        Self { purpose, item: s.item.clone(), until: s.until, again: s.again, because: None }
    }
}

/// An item with its forecast, and the open occasions about it.
#[derive(Debug, Clone, Serialize)]
pub struct ItemFacts {
    /// The forecast.
    #[serde(flatten)]
    pub forecast: ItemForecast,
    /// What waits for it.
    pub occasions: Vec<Coming>,
}

/// An open occasion.
#[derive(Debug, Clone, Serialize)]
pub struct Coming {
    /// As `jobs list` shows it.
    pub id: String,
    /// The rule that asks.
    pub rule: RuleId,
    /// The rule's step.
    pub step: u16,
    /// The item as the shop writes it.
    pub item: String,
    /// Its name for people.
    pub name: String,
    /// The order that the turn hangs on.
    pub cycle: Cycle,
    /// Where it would go.
    pub channel: Option<ChannelName>,
    /// When it falls due.
    pub due_at: Timestamp,
    /// When it is no longer worth sending.
    pub valid_until: Timestamp,
    /// Why a guard holds it back, or will on the due date.
    pub held_for: Option<Reason>,
    /// Until when.
    pub held_until: Option<Timestamp>,
    /// The reason in a sentence.
    pub sentence: Option<&'static str>,
    /// What to do about it.
    pub advice: Option<&'static str>,
    /// What each guard says now, or of the due day while that is to come.
    pub guards: Vec<GuardFacts>,
    /// The sentence why, without the name that stands beside it.
    pub why: Option<String>,
    /// The median need date.
    pub need_date: Option<NaiveDate>,
    /// The probability of a purchase within a week of the due day.
    pub chance: Option<f64>,
    /// Our key of the item.
    #[serde(skip)]
    pub about: Item,
}

/// A message.
#[derive(Debug, Clone, Serialize)]
pub struct JobFacts {
    /// Its id.
    pub id: JobId,
    /// Where it stands.
    pub state: JobState,
    /// The rule that asked.
    pub rule: RuleId,
    /// The rule's step.
    pub step: u16,
    /// Where it goes.
    pub channel: ChannelName,
    /// When it fell due.
    pub due_at: Timestamp,
    /// Not before this, after a deferral or a failed attempt.
    pub not_before: Option<Timestamp>,
    /// When it was last handed over.
    pub handed_over_at: Option<Timestamp>,
    /// Attempts that the peer answered.
    pub attempts: u32,
    /// Why it stands where it stands.
    pub reason: Option<Reason>,
    /// The reason in a sentence.
    pub sentence: Option<&'static str>,
    /// What to do about it.
    pub advice: Option<&'static str>,
    /// What it is about, by name.
    pub items: Vec<String>,
    /// The occasions that it serves; none for a shadow job.
    pub occasions: Vec<ServedFacts>,
    /// What each guard said when it was composed, or says while it has not been.
    pub guards: Vec<GuardFacts>,
    /// True when it went to the outbox folder only.
    pub shadow: bool,
}

/// An occasion that a job serves.
#[derive(Debug, Clone, Serialize)]
pub struct ServedFacts {
    /// The item as the shop writes it.
    pub item: String,
    /// The order that the turn hangs on.
    pub cycle: Cycle,
    /// The sentence why, without the name.
    pub why: Option<String>,
}

/// An address of which enough is left to recognise it: `a***@shop.example`.
pub fn masked(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{}***@{domain}", local.chars().take(1).collect::<String>()),
        None => "***".to_owned(),
    }
}

pub(super) fn member(person: &Person<'_>, shop: &Shop<'_>, now: Timestamp) -> MemberFacts {
    let member = &person.view.member;
    let bought = person.days(Level::Member, Item::Anything);
    let (stage, since) = person.view.stage.unzip();
    let standing = person.view.suppressions.iter().filter(|s| s.holds(now));
    MemberFacts {
        id: member.id.clone(),
        stage: stage.unwrap_or_else(|| person.stage(Day::of(now, shop.zone))),
        stage_since: since.map(Day::date),
        locale: person.locale().to_owned(),
        timezone: person.view.zone(shop.zone).name().to_owned(),
        consent: member.consent.clone(),
        suppressions: standing.map(SuppressionFacts::from).collect(),
        email: member.email.clone(),
        contacts: member.contacts.keys().cloned().collect(),
        tags: member.tags.clone(),
        region: member.region.clone(),
        subscribed_items: member.subscribed_items.clone(),
        purchases: bought.len(),
        last_purchase: bought.last().map(|d| d.day.date()),
    }
}

/// Every item with what waits for it.
pub(super) fn items(forecasts: Vec<ItemForecast>, coming: &[Coming]) -> Vec<ItemFacts> {
    let occasions = |item| coming.iter().filter(|c| c.about == item).cloned().collect();
    forecasts
        .into_iter()
        .map(|forecast| ItemFacts { occasions: occasions(forecast.about), forecast })
        .collect()
}

/// Open occasions that nothing ends, with what holds them.
pub(super) fn coming(case: &Case<'_>, ask: &Opinions<'_>, fates: &[(&Occasion, Fate)]) -> Vec<Coming> {
    let stays = |(_, fate): &&(&Occasion, Fate)| !matches!(fate, Fate::Ends(_));
    fates.iter().filter(stays).map(|(occasion, fate)| one_coming(case, ask, occasion, *fate)).collect()
}

fn one_coming(case: &Case<'_>, ask: &Opinions<'_>, occasion: &Occasion, fate: Fate) -> Coming {
    let evidence = occasion.evidence.as_ref();
    let need = evidence.and_then(|e| e.need.as_ref());
    let (held_until, held_for) = fate.delay().unzip();
    let member = &ask.person.view.member;
    let rule = ask.shop.rules.get(&occasion.key.rule);
    Coming {
        id: occasion_id::of(&member.id, &occasion.key, case.catalog),
        rule: occasion.key.rule.clone(),
        step: occasion.key.step,
        item: case.catalog.item_id(occasion.key.item),
        name: case.item_name(occasion.key.item),
        cycle: occasion.key.cycle.clone(),
        channel: rule.map(|r| r.channel_for(member, ask.shop.reach).clone()),
        due_at: occasion.due_at,
        valid_until: occasion.valid_until,
        held_for,
        held_until,
        sentence: held_for.map(|r| r.sentence(case.language)),
        advice: held_for.map(|r| r.advice(case.language)),
        guards: ask.of_occasion(occasion),
        why: evidence.map(|e| why(case.language, None, e, case.today())),
        need_date: need.map(|n| n.p50),
        chance: need.map(|n| n.chance),
        about: occasion.key.item,
    }
}

pub(super) fn job(case: &Case<'_>, ask: &Opinions<'_>, job: &Job) -> JobFacts {
    let served: Vec<&Occasion> =
        ask.person.view.occasions.iter().filter(|o| o.job() == Some(&job.id)).collect();
    let mut items: Vec<String> = served.iter().map(|o| case.item_name(o.key.item)).collect();
    if items.is_empty() {
        items.extend(job.content.iter().flat_map(|said| &said.items).map(|item| item.name.clone()));
    }
    JobFacts {
        id: job.id.clone(),
        state: job.state,
        rule: job.rule.clone(),
        step: job.step,
        channel: job.channel.clone(),
        due_at: job.due_at,
        not_before: job.not_before,
        handed_over_at: job.handed_over_at,
        attempts: job.attempts,
        reason: job.reason,
        sentence: job.reason.map(|r| r.sentence(case.language)),
        advice: job.reason.map(|r| r.advice(case.language)),
        items,
        occasions: served.iter().map(|o| one_served(case, o)).collect(),
        guards: ask.of_job(job),
        shadow: job.shadow,
    }
}

fn one_served(case: &Case<'_>, occasion: &Occasion) -> ServedFacts {
    ServedFacts {
        item: case.catalog.item_id(occasion.key.item),
        cycle: occasion.key.cycle.clone(),
        why: occasion.evidence.as_ref().map(|e| why(case.language, None, e, case.today())),
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_masked_address_keeps_the_domain_and_one_letter() {
        let cases = [
            ("amy@shop.example", "a***@shop.example"),
            ("a@shop.example", "a***@shop.example"),
            ("王小明@shop.example", "王***@shop.example"),
            ("\"a@b\"@shop.example", "\"***@shop.example"),
            ("@shop.example", "***@shop.example"),
            ("no address", "***"),
        ];
        for (address, expected) in cases {
            assert_eq!(masked(address), expected, "{address}");
        }
    }
}
