//! Owns what a decision about any member rests on, and what it derives of one member; decides nothing itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use super::catalog::{Catalog, Item, Level};
use super::ids::{Day, Timestamp};
use super::interval::{Event, Forecast, Priors};
use super::lifecycle::Stage;
use super::member::MemberView;
use super::order::{PurchaseDay, PurchaseHistory};
use super::rules::{Audience, Rules};

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
        now - self.rules.longest_cap()
    }
}

impl Shop<'_> {
    /// Names everything that planning rests on besides the member: rules, priors, live or shadow.
    pub fn version(&self) -> String {
        let mode = if self.shadow { "shadow" } else { "live" };
        format!("{}/{}/{mode}", self.rules.hash(), self.priors.version)
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
        let days = self.days(Level::Member, Item::Anything);
        let Some(last) = days.last() else { return Stage::New };
        let chance = |as_of| self.forecast(Level::Member, Item::Anything, as_of).map(|f| f.still_buying());
        let fresh = last.day.plus(1);
        let kept = match (chance(fresh), chance(day.max(fresh))) {
            (Some(then), Some(now)) if then > 0.0 => now / then,
            _ => 1.0,
        };
        Stage::of(days.len(), kept)
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

    /// The locale to write in.
    pub fn locale(&self) -> &str {
        self.view.member.locale.as_deref().unwrap_or(self.shop.locale)
    }

    /// True when a rule for `audience` is for this member in `stage`.
    pub fn belongs_to(&self, audience: &Audience, stage: Stage) -> bool {
        let member = &self.view.member;
        let region = || member.region.as_ref().is_some_and(|r| audience.regions.contains(r));
        let locale = self.locale();
        let speaks = |wanted: &String| {
            locale.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        (audience.stages.is_empty() || audience.stages.contains(&stage))
            && (audience.regions.is_empty() || region())
            && (audience.tags.is_empty() || !audience.tags.is_disjoint(&member.tags))
            && (audience.locales.is_empty() || audience.locales.iter().any(speaks))
    }

    /// A hash over the purchases an occasion is planned on, and what else moves its date besides priors.
    pub fn evidence_hash(&self, days: &[PurchaseDay], rule_hash: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(rule_hash);
        hash.update(self.view.zone(self.shop.zone).name());
        for day in days {
            hash.update(day.day.0.to_le_bytes());
            hash.update(day.quantity.to_le_bytes());
            hash.update(day.supply.unwrap_or_default().to_le_bytes());
            hash.update(day.begins.0.to_le_bytes());
            hash.update(day.at.timestamp_millis().to_le_bytes());
            hash.update(day.anchor.as_str());
        }
        hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect()
    }
}
