//! Owns what a decision about any member rests on, and what it derives of one member; decides nothing itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use super::catalog::{Catalog, Item, Level, Product};
use super::ids::{ChannelName, Day, ProductKey, Timestamp};
use super::interval::{Event, Forecast, Priors};
use super::lifecycle::Stage;
use super::member::{Member, MemberView};
use super::occasion::EventKind;
use super::order::{Purchase, PurchaseDay, PurchaseHistory};
use super::rules::{Audience, Rules};

/// No stage begins later than this many days from today by the clock alone.
const FARTHEST: i32 = 4000;

/// The contact point that a channel needs, as `line`; channels that need none are not in it.
pub type Reach = BTreeMap<ChannelName, String>;

/// True when the member has what the channel needs: an address, or a contact point.
pub fn reaches(reach: &Reach, channel: &ChannelName, member: &Member) -> bool {
    match reach.get(channel) {
        Some(contact) => member.contacts.get(contact).is_some_and(|point| !point.trim().is_empty()),
        None => !channel.is_email() || member.email.is_some(),
    }
}

/// The shop as a decision sees it.
#[derive(Debug, Clone, Copy)]
pub struct Shop<'a> {
    /// What brands tuned.
    pub rules: &'a Rules,
    /// What is sold.
    pub catalog: &'a Catalog,
    /// What the whole history teaches.
    pub priors: &'a Priors,
    /// The shop's zone: days of history are counted in it.
    pub zone: Tz,
    /// The contact points that channels need of a member.
    pub reach: &'a Reach,
    /// The locale of members without one.
    pub locale: &'a str,
    /// When orders last came in, by the real clock; `None` when never.
    pub orders_at: Option<Timestamp>,
    /// True while nothing may really be sent.
    pub shadow: bool,
}

/// What a process knows of the shop, apart from its catalog: owned, shared, replaced as a whole.
#[derive(Debug, Clone)]
pub struct Knowledge {
    /// What brands tuned.
    pub rules: Arc<Rules>,
    /// What the whole history teaches.
    pub priors: Arc<Priors>,
    /// See [`Shop::zone`].
    pub zone: Tz,
    /// See [`Shop::reach`].
    pub reach: Arc<Reach>,
    /// See [`Shop::locale`].
    pub locale: String,
    /// See [`Shop::orders_at`].
    pub orders_at: Option<Timestamp>,
    /// See [`Shop::shadow`].
    pub shadow: bool,
}

impl Knowledge {
    /// The shop as a decision sees it, with the catalog of the moment.
    pub fn shop<'a>(&'a self, catalog: &'a Catalog) -> Shop<'a> {
        Shop {
            rules: &self.rules,
            catalog,
            priors: &self.priors,
            zone: self.zone,
            reach: &self.reach,
            locale: &self.locale,
            orders_at: self.orders_at,
            shadow: self.shadow,
        }
    }

    /// Names everything that planning rests on besides the member.
    pub fn version(&self) -> String {
        self.shop(&Catalog::default()).version()
    }

    /// Contacts before this time count in no cap.
    pub fn caps_since(&self, now: Timestamp) -> Timestamp {
        now - self.rules.look_back()
    }
}

impl Shop<'_> {
    /// Names everything that planning rests on besides the member: rules, priors, live or shadow, and what channels need.
    pub fn version(&self) -> String {
        let mode = if self.shadow { "shadow" } else { "live" };
        let reach: String = self.reach.iter().map(|(channel, point)| format!("/{channel}={point}")).collect();
        format!("{}/{}/{mode}{reach}", self.rules.hash(), self.priors.version)
    }
}

/// One member's purchases gathered into items, and what follows from them.
pub struct Person<'a> {
    /// The view it was made from.
    pub view: &'a MemberView,
    /// The purchases kept.
    pub history: PurchaseHistory,
    shop: Shop<'a>,
    items: BTreeMap<Level, BTreeMap<Item, Vec<PurchaseDay>>>,
}

impl<'a> Person<'a> {
    /// Folds the view's lines and gathers them for every level that rules or stages use.
    pub fn of(view: &'a MemberView, shop: &Shop<'a>) -> Self {
        Self::at_levels(view, shop, shop.rules.levels())
    }

    /// Folds the view's lines and gathers them for these levels.
    pub fn at_levels(view: &'a MemberView, shop: &Shop<'a>, levels: BTreeSet<Level>) -> Self {
        let history = PurchaseHistory::fold(&view.lines, shop.catalog, shop.zone);
        let items = levels.into_iter().map(|l| (l, history.by_item(l, shop.catalog))).collect();
        Self { view, history, shop: *shop, items }
    }

    /// The items bought, with the days of purchase.
    pub fn items(&self, level: Level) -> impl Iterator<Item = (Item, &[PurchaseDay])> {
        self.items.get(&level).into_iter().flatten().map(|(item, days)| (*item, days.as_slice()))
    }

    /// The days on which one item was bought.
    pub fn days(&self, level: Level, item: Item) -> &[PurchaseDay] {
        self.items.get(&level).and_then(|items| items.get(&item)).map_or(&[], Vec::as_slice)
    }

    /// The need forecast of one item from what was known before `as_of`.
    pub fn forecast(&self, level: Level, item: Item, as_of: Day) -> Option<Forecast> {
        let events: Vec<Event> = self.days(level, item).iter().map(Event::from).collect();
        let dropout = self.view.dropout.get(&level).copied().unwrap_or(1.0);
        Forecast::of(
            self.shop.priors.level(level),
            item,
            self.shop.catalog.parent(item),
            dropout,
            &events,
            as_of,
        )
    }

    /// The member's stage on `day`, should nothing more be bought until then.
    pub fn stage(&self, day: Day) -> Stage {
        self.stages().map_or(Stage::New, |stage_on| stage_on(day))
    }

    /// The member's stage on any day from the last purchase on, should nothing more be bought; none without a purchase.
    fn stages(&self) -> Option<impl Fn(Day) -> Stage> {
        let days = self.days(Level::Member, Item::Anything);
        let (count, stages) = (days.len(), self.shop.rules.stages);
        let fresh = days.last()?.day.plus(1);
        let forecast = self.forecast(Level::Member, Item::Anything, fresh);
        Some(move |day: Day| {
            let left = |f: Forecast| f.later(day.max(fresh)).still_buying() / f.still_buying();
            let kept = forecast.map(left).filter(|kept| kept.is_finite());
            stages.of(count, kept.unwrap_or(1.0))
        })
    }

    /// The member's stage today and the day on which it began; none without a purchase. While the ledger's stage
    /// stands, so does its date; and only a purchase brings a member back, new priors do not.
    pub fn stage_since(&self, today: Day) -> Option<(Stage, Day)> {
        let (stage_on, days) = (self.stages()?, self.days(Level::Member, Item::Anything));
        let (last, stage) = (days.last()?.day, stage_on(today));
        let known = self.view.stage.filter(|(known, since)| {
            *known == stage || (*known > stage && *known >= Stage::Lapsing && *since > last)
        });
        let nth = |n: usize| days.get(n).map_or(last, |day| day.day);
        known.or_else(|| {
            let since = match stage {
                Stage::Lapsing | Stage::Lapsed => first_day(last, today, |day| stage_on(day) >= stage)?,
                _ if self.view.stage.is_some() => last,
                Stage::New => nth(0),
                Stage::Regular => nth(1),
                Stage::Loyal => nth(self.shop.rules.stages.loyal_from.saturating_sub(1) as usize),
            };
            Some((stage, since))
        })
    }

    /// The first day after `today` on which the clock alone brings another stage.
    pub fn next_stage_change(&self, today: Day) -> Option<Day> {
        let stage_on = self.stages()?;
        let stage = stage_on(today);
        let next = if stage < Stage::Lapsing { Stage::Lapsing } else { Stage::Lapsed };
        (stage < next).then(|| first_day(today, today.plus(FARTHEST), |day| stage_on(day) >= next))?
    }

    /// True when `name` names the item, or a product, group or category of what the member bought of it.
    pub fn names(&self, name: &str, item: Item) -> bool {
        let catalog = self.shop.catalog;
        let label = |key| catalog.label(key) == Some(name);
        let of_product = |p: &super::order::Purchase| {
            catalog.product(p.product).is_some_and(|product| {
                product.id.as_str() == name
                    || product.group.is_some_and(label)
                    || product.category.is_some_and(label)
            })
        };
        let bought = self.history.purchases().iter().filter(|p| catalog.contains(item, p.product));
        catalog.item_id(item) == name || bought.into_iter().any(of_product)
    }

    /// The member's last wish to be reminded of this item again, and the instant for it, while nothing of the item was
    /// bought since the wish. A wish for what is wider than the items of `level` is one for those bought last.
    pub fn asked_again(&self, level: Level, item: Item) -> Option<(Timestamp, Timestamp)> {
        let asked =
            self.view.suppressions.iter().filter_map(|s| Some((s.again?, s.until?, s.item.as_ref()?)));
        let last = |item| self.days(level, item).last().map(|last| last.day);
        let means = |name: &str| {
            let named = self.items(level).filter(|(other, _)| self.names(name, *other));
            self.names(name, item) && named.filter_map(|(other, _)| last(other)).max() == last(item)
        };
        let asked = asked.filter(|(at, _, name)| !self.bought_after(item, *at) && means(name));
        asked.map(|(at, until, _)| (at, until)).max()
    }

    /// True when the member bought of the item after that instant.
    pub fn bought_after(&self, item: Item, at: Timestamp) -> bool {
        let of_item = |p: &&Purchase| self.shop.catalog.contains(item, p.product);
        self.history.purchases().iter().filter(of_item).any(|p| p.at > at)
    }

    /// The product that stands for the item: the one bought most often, of these the one bought last. Nothing stands for
    /// the member as a whole.
    pub fn usual_product(&self, item: Item) -> Option<&'a Product> {
        let catalog = self.shop.catalog;
        let about_item = |p: &&Purchase| item != Item::Anything && catalog.contains(item, p.product);
        let bought = self.history.purchases().iter().filter(about_item);
        let mut times: BTreeMap<ProductKey, (usize, Timestamp)> = BTreeMap::new();
        for purchase in bought {
            let (count, last) = times.entry(purchase.product).or_insert((0, purchase.at));
            (*count, *last) = (*count + 1, purchase.at);
        }
        let (usual, _) = times.into_iter().max_by_key(|(_, much)| *much)?;
        catalog.product(usual)
    }

    /// The locale to write in.
    pub fn locale(&self) -> &str {
        self.view.member.locale.as_deref().unwrap_or(self.shop.locale)
    }

    /// True when a rule for `audience` is for this member, who is in `stage` at that time.
    pub fn belongs_to(&self, audience: &Audience, stage: Stage, at: Timestamp) -> bool {
        let member = &self.view.member;
        let region = || member.region.as_ref().is_some_and(|r| audience.regions.contains(r));
        let locale = self.locale();
        let speaks = |wanted: &String| {
            locale.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let joined = member.joined_at.map(|at| Day::of(at, self.shop.zone));
        let memberships = &audience.memberships;
        audience.joined_since.is_none_or(|since| joined.is_some_and(|day| day >= since))
            && (memberships.is_empty() || memberships.contains(&member.membership(at)))
            && (audience.stages.is_empty() || audience.stages.contains(&stage))
            && (audience.regions.is_empty() || region())
            && (audience.tags.is_empty() || !audience.tags.is_disjoint(&member.tags))
            && (audience.locales.is_empty() || audience.locales.iter().any(speaks))
    }

    /// A hash over what an occasion is planned on, purchases or an event, and what else moves its date besides priors.
    pub fn evidence_hash(
        &self,
        days: &[PurchaseDay],
        event: Option<&(EventKind, NaiveDate)>,
        rule_hash: &str,
    ) -> String {
        let mut hash = Sha256::new();
        hash.update(rule_hash);
        hash.update(self.view.zone(self.shop.zone).name());
        if let Some((kind, day)) = event {
            hash.update(format!("{kind:?}{day}"));
        }
        for day in days.iter().filter(|_| event.is_none_or(|(kind, _)| kind.is_about_item())) {
            hash.update(day.day.0.to_le_bytes());
            hash.update(day.quantity.to_le_bytes());
            hash.update(day.supply.unwrap_or_default().to_le_bytes());
            hash.update(day.begins.0.to_le_bytes());
            hash.update(day.delivered_at.map_or(0, |at| at.timestamp_millis()).to_le_bytes());
            hash.update(day.at.timestamp_millis().to_le_bytes());
            hash.update(day.anchor.as_str());
        }
        hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect()
    }
}

/// The first day after `from`, up to `until`, on which something is true that stays true from then on.
fn first_day(from: Day, until: Day, holds: impl Fn(Day) -> bool) -> Option<Day> {
    let (mut low, mut high) = (from, until);
    if !holds(high) {
        return None;
    }
    while high.since(low) > 1 {
        let middle = low.plus(high.since(low) / 2);
        if holds(middle) { high = middle } else { low = middle }
    }
    Some(high)
}
