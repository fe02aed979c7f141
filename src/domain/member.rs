//! Owns the member and all that a decision about one needs; knows nothing of where it is kept.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::catalog::{Item, Level};
use super::ids::{Day, JobId, MemberId, RuleId, Timestamp};
use super::job::Job;
use super::lifecycle::Stage;
use super::occasion::Occasion;
use super::order::Line;
use super::pause::PauseScope;

/// What a message is for; consent and caps are counted by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Helps to reorder.
    Reminder,
    /// Helps or thanks, does not sell.
    Care,
}

impl Purpose {
    /// The word used in TOML and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Reminder => "reminder",
            Purpose::Care => "care",
        }
    }
}

/// A person who bought something, as far as the shop has told us.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The shop's id.
    pub id: MemberId,
    /// Where e-mail goes.
    pub email: Option<String>,
    /// What to call the person.
    pub name: Option<String>,
    /// BCP 47, as `zh-TW`.
    pub locale: Option<String>,
    /// The member's own zone; the shop's where unknown.
    pub zone: Option<Tz>,
    /// Free region text.
    pub region: Option<String>,
    /// Free tags.
    pub tags: BTreeSet<String>,
    /// What the member agreed to; `None` when the shop never said, empty when the member agreed to nothing.
    pub consent: Option<BTreeSet<Purpose>>,
    /// Other contact points by channel, as `line` or `phone`.
    pub contacts: BTreeMap<String, String>,
    /// When the member joined.
    pub joined_at: Option<Timestamp>,
    /// When the membership ends.
    pub membership_expires_at: Option<Timestamp>,
    /// Items that arrive by subscription: product ids, groups or categories as text.
    pub subscribed_items: BTreeSet<String>,
}

impl Member {
    /// How the membership stands at that time.
    pub fn membership(&self, at: Timestamp) -> Membership {
        match self.membership_expires_at {
            Some(end) if end > at => Membership::Active,
            Some(_) => Membership::Expired,
            None => Membership::None,
        }
    }

    /// A member known from orders alone.
    pub fn bare(id: MemberId) -> Self {
        Self {
            id,
            email: None,
            name: None,
            locale: None,
            zone: None,
            region: None,
            tags: BTreeSet::new(),
            consent: None,
            contacts: BTreeMap::new(),
            joined_at: None,
            membership_expires_at: None,
            subscribed_items: BTreeSet::new(),
        }
    }

    /// Lays a record over what is known.
    pub fn lay(&mut self, record: &MemberRecord) {
        text(&mut self.email, &record.email);
        text(&mut self.name, &record.name);
        text(&mut self.locale, &record.locale);
        text(&mut self.region, &record.region);
        set(&mut self.zone, &record.zone);
        set(&mut self.tags, &record.tags);
        set(&mut self.contacts, &record.contacts);
        match record.phone.as_deref() {
            Some("") => drop(self.contacts.remove(PHONE)),
            Some(phone) => drop(self.contacts.insert(PHONE.to_owned(), phone.to_owned())),
            None => {}
        }
        set(&mut self.joined_at, &record.joined_at);
        set(&mut self.membership_expires_at, &record.membership_expires_at);
        set(&mut self.subscribed_items, &record.subscribed_items);
        if let Some(consent) = &record.consent {
            self.consent = Some(consent.clone());
        }
    }
}

/// The contact point that a telephone number is.
const PHONE: &str = "phone";

/// An absent text leaves what is known, an empty one clears it.
pub fn text(known: &mut Option<String>, new: &Option<String>) {
    if let Some(text) = new {
        *known = (!text.is_empty()).then(|| text.clone());
    }
}

/// An absent value leaves what is known.
pub fn set<T: Clone>(known: &mut T, new: &Option<T>) {
    if let Some(value) = new {
        known.clone_from(value);
    }
}

/// What one record says of a member; `None` leaves what is known, an empty value clears it.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberRecord {
    /// The shop's id.
    pub id: MemberId,
    /// See [`Member::email`]; empty text clears.
    pub email: Option<String>,
    /// See [`Member::name`]; empty text clears.
    pub name: Option<String>,
    /// See [`Member::locale`]; empty text clears.
    pub locale: Option<String>,
    /// See [`Member::zone`]; the inner `None` clears.
    pub zone: Option<Option<Tz>>,
    /// See [`Member::region`]; empty text clears.
    pub region: Option<String>,
    /// See [`Member::tags`].
    pub tags: Option<BTreeSet<String>>,
    /// See [`Member::consent`]; an empty set means that the member agreed to nothing.
    pub consent: Option<BTreeSet<Purpose>>,
    /// See [`Member::contacts`].
    pub contacts: Option<BTreeMap<String, String>>,
    /// The contact point `phone`, beside the others; empty text clears it.
    pub phone: Option<String>,
    /// See [`Member::joined_at`]; the inner `None` clears.
    pub joined_at: Option<Option<Timestamp>>,
    /// See [`Member::membership_expires_at`]; the inner `None` clears.
    pub membership_expires_at: Option<Option<Timestamp>>,
    /// See [`Member::subscribed_items`].
    pub subscribed_items: Option<BTreeSet<String>>,
}

/// How a membership stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Membership {
    /// It ends later.
    Active,
    /// It has ended.
    Expired,
    /// The shop has not told of one.
    None,
}

/// A standing opt-out of a member or of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// What it stops; `None` stops everything.
    pub purpose: Option<Purpose>,
    /// The item it is about, as text; `None` for every item.
    pub item: Option<String>,
    /// When it ends; `None` holds for ever.
    pub until: Option<Timestamp>,
    /// When the member asked to be reminded of the item again at `until`; `None`: nobody asked.
    pub again: Option<Timestamp>,
}

impl Suppression {
    /// True until its end.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

/// All that a decision about one member needs, as known at one instant.
#[derive(Debug, Clone)]
pub struct MemberView {
    /// The person.
    pub member: Member,
    /// Order lines made until the instant of the view, in time order.
    pub lines: Vec<Line>,
    /// When the first line after the view's instant becomes known: the clock alone will change the view then.
    pub next_line_at: Option<Timestamp>,
    /// Standing opt-outs, by member or by address.
    pub suppressions: Vec<Suppression>,
    /// Every occasion of the member that the ledger holds, in whatever state.
    pub occasions: Vec<Occasion>,
    /// Jobs that are not over, and those finished within the longest frequency cap; shadow jobs left out.
    pub jobs: Vec<Job>,
    /// The stage that the ledger has recorded, and the day on which it began.
    pub stage: Option<(Stage, Day)>,
    /// The member's drop-out multiplier per level, where learnt.
    pub dropout: BTreeMap<Level, f64>,
    /// What a person has paused, for the whole shop.
    pub pauses: Vec<PauseScope>,
    /// True while orders are on their way in: the member's latest may be missing.
    pub import_under_way: bool,
    /// What the member was last planned with: rules hash and priors version.
    pub planned_with: Option<String>,
}

impl MemberView {
    /// Occasions of a rule (by any of its ids), of one step, about one item.
    pub fn turns<'a>(
        &'a self,
        ids: &'a [RuleId],
        step: u16,
        item: Item,
    ) -> impl Iterator<Item = &'a Occasion> {
        self.occasions
            .iter()
            .filter(move |o| o.key.step == step && o.key.item == item && ids.contains(&o.key.rule))
    }

    /// The job of this id, while it is not over.
    pub fn job(&self, id: &JobId) -> Option<&Job> {
        self.jobs.iter().find(|j| j.id == *id)
    }

    /// The member's zone, or the shop's.
    pub fn zone(&self, shop: Tz) -> Tz {
        self.member.zone.unwrap_or(shop)
    }
}
