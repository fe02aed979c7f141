//! Owns which occasions should exist for a member, and why others should not; knows nothing of guards or delivery.

use chrono::TimeDelta;

use super::calendar::{Hours, around_festivals};
use super::catalog::Item;
use super::ids::{Cycle, Day, RuleId, Timestamp};
use super::interval::Forecast;
use super::member::MemberView;
use super::occasion::{Evidence, NeedEvidence, Occasion, OccasionKey, OccasionState};
use super::order::PurchaseDay;
use super::reason::Reason;
use super::rules::{About, Rule, Trigger, When};
use super::shop::{Person, Shop};

/// A best day further off than this is not foreseeable.
const HORIZON_DAYS: i32 = 400;
/// Rules without steps have this one.
const FIRST_STEP: u16 = 1;
/// New priors never move what falls due this soon.
const SETTLED_WITHIN: TimeDelta = TimeDelta::hours(48);

/// What a member's rules come to: the occasions that should exist, and why the others should not.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Occasions that should be open.
    pub wanted: Vec<Occasion>,
    /// Rules that stay silent about an item.
    pub silences: Vec<Silence>,
}

/// Why a rule stays silent about an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Silence {
    /// The rule.
    pub rule: RuleId,
    /// The item.
    pub item: Item,
    /// Why.
    pub reason: Reason,
    /// The rule that speaks for the same need, or the figure that fell short, in words.
    pub detail: Option<String>,
}

/// The occasions that should exist for this member: a pure function of what is known now.
pub fn plan(view: &MemberView, shop: &Shop<'_>, now: Timestamp) -> Vec<Occasion> {
    consider(&Person::of(view, shop), shop, now).wanted
}

/// The whole consideration, silences included. Rules come in the order in which they claim a need.
pub fn consider(person: &Person<'_>, shop: &Shop<'_>, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let mut claimed: Vec<(Item, &RuleId)> = Vec::new();
    for rule in shop.rules.all() {
        let planner = Planner { person, shop, rule, now };
        let asks_need = matches!(rule.trigger, Trigger::Need(_));
        for (item, days) in person.items(rule.per) {
            if !planner.is_about(item) {
                continue;
            }
            let covering = asks_need
                .then(|| {
                    claimed
                        .iter()
                        .find(|(c, r)| *r != &rule.id && person.history.overlap(*c, item, shop.catalog))
                })
                .flatten();
            if let Some((_, by)) = covering {
                plan.silences.push(planner.silence(item, Silent(Reason::Covered, Some(by.to_string()))));
                continue;
            }
            for desired in planner.desires(item, days) {
                // A need is claimed by what its history says, not by the hour: else time alone would change speakers.
                if asks_need && desired.is_ok() {
                    claimed.push((item, &rule.id));
                }
                match desired.and_then(|occasion| planner.admit(occasion)) {
                    Ok(occasion) => plan.wanted.push(occasion),
                    Err(silent) => plan.silences.push(planner.silence(item, silent)),
                }
            }
        }
    }
    plan
}

struct Silent(Reason, Option<String>);

impl From<Reason> for Silent {
    fn from(reason: Reason) -> Self {
        Silent(reason, None)
    }
}

struct Planner<'a> {
    person: &'a Person<'a>,
    shop: &'a Shop<'a>,
    rule: &'a Rule,
    now: Timestamp,
}

impl Planner<'_> {
    fn silence(&self, item: Item, silent: Silent) -> Silence {
        Silence { rule: self.rule.id.clone(), item, reason: silent.0, detail: silent.1 }
    }

    /// True when the member bought a product of this item that the rule is about.
    fn is_about(&self, item: Item) -> bool {
        let about = &self.rule.about;
        if *about == About::default() {
            return true;
        }
        let catalog = self.shop.catalog;
        let label = |key| catalog.label(key).unwrap_or_default();
        self.person.history.purchases().iter().any(|p| {
            let Some(product) = catalog.product(p.product).filter(|_| catalog.contains(item, p.product))
            else {
                return false;
            };
            (about.products.is_empty() || about.products.contains(product.id.as_str()))
                && (about.categories.is_empty()
                    || product.category.is_some_and(|c| about.categories.contains(label(c))))
                && (about.groups.is_empty() || product.group.is_some_and(|g| about.groups.contains(label(g))))
                && (about.tags.is_empty() || product.tags.iter().any(|t| about.tags.contains(t)))
        })
    }

    /// What the history alone asks for: one occasion of the item's current cycle, or one for each purchase.
    fn desires(&self, item: Item, days: &[PurchaseDay]) -> Vec<Result<Occasion, Silent>> {
        match self.rule.trigger {
            Trigger::Need(when) => vec![self.need(item, days, when)],
            Trigger::Purchase { first_only, after } => {
                let last = if first_only { 1 } else { days.len() };
                // An order whose lines lie on several days is one turn, on the first of them.
                let first_of_order =
                    |n: &usize| !days[..n - 1].iter().any(|earlier| earlier.anchor == days[n - 1].anchor);
                let turns = (1..=last.min(days.len())).rev().filter(first_of_order);
                turns.map_while(|n| self.after_purchase(item, &days[..n], after)).collect()
            }
        }
    }

    fn need(&self, item: Item, days: &[PurchaseDay], when: When) -> Result<Occasion, Silent> {
        let anchor = days.last().ok_or(Reason::TooFewPurchases)?;
        self.check_purchases(days)?;
        self.check_item(item)?;
        let start = anchor.day.plus(1);
        let forecast = self.person.forecast(self.rule.per, item, start).ok_or(Reason::NotYet)?;
        let median = forecast.quantile(0.5);
        let day = match when {
            When::Before(days) => median.plus(-days),
            When::Best => forecast.best(self.rule.needs.chance, HORIZON_DAYS).ok_or(Reason::NotYet)?,
        };
        if day < start {
            return Err(Reason::TooFrequent.into());
        }
        let chance = forecast.chance(day);
        let mut occasion = self.occasion(item, days, day, self.hours().first_of(self.around(day, start)))?;
        if let Some(evidence) = &mut occasion.evidence {
            let supply_days = anchor.supply;
            evidence.need =
                Some(NeedEvidence { supply_days, ..need_evidence(&forecast, days.len(), chance) });
        }
        self.steady(occasion, chance)
    }

    /// Nothing older than the first occasion that is over and unknown to the ledger is looked at: history mails nobody.
    fn after_purchase(
        &self,
        item: Item,
        days: &[PurchaseDay],
        after: TimeDelta,
    ) -> Option<Result<Occasion, Silent>> {
        let anchor = days.last()?;
        let wished = anchor.at + after;
        let day = Day::of(wished, self.person.view.zone(self.shop.zone));
        let moved = self.around(day, day.min(anchor.day.plus(1)));
        let due_at = if moved == day { self.hours().next(wished) } else { self.hours().first_of(moved) };
        let known = || self.known(item, anchor).is_some();
        if due_at + self.rule.valid_for <= self.now && !known() {
            return None;
        }
        let checked = self.check_purchases(days).and_then(|()| self.check_item(item));
        Some(checked.and_then(|()| self.occasion(item, days, day, due_at)))
    }

    /// A supply that the shop knows speaks for a rhythm not seen yet, where the rule lets it.
    fn check_purchases(&self, days: &[PurchaseDay]) -> Result<(), Silent> {
        let needs = &self.rule.needs;
        let by_supply = needs.or_days_supply && days.last().is_some_and(|last| last.supply.is_some());
        if days.len() >= needs.purchases as usize || by_supply {
            return Ok(());
        }
        Err(Silent(Reason::TooFewPurchases, Some(format!("{} < {}", days.len(), needs.purchases))))
    }

    /// Facts of the item that silence any rule.
    fn check_item(&self, item: Item) -> Result<(), Silent> {
        let catalog = self.shop.catalog;
        let bought = || self.person.history.purchases().iter().filter(|p| catalog.contains(item, p.product));
        if self.rule.purpose() == super::member::Purpose::Reminder {
            let replenishable =
                |p: &super::order::Purchase| catalog.product(p.product).is_none_or(|p| p.replenishable);
            if !bought().any(replenishable) {
                return Err(Reason::NotReplenishable.into());
            }
            if is_subscribed(self.person, self.shop, item) {
                return Err(Reason::Subscribed.into());
            }
        }
        Ok(())
    }

    fn occasion(
        &self,
        item: Item,
        days: &[PurchaseDay],
        day: Day,
        due_at: Timestamp,
    ) -> Result<Occasion, Silent> {
        let anchor = days.last().ok_or(Reason::TooFewPurchases)?;
        let stage = self.person.stage(day);
        if !self.person.belongs_to(&self.rule.audience, stage) {
            return Err(Silent(Reason::NotInAudience, Some(stage.as_str().to_owned())));
        }
        let rule_hash = self.shop.rules.hash_of(self.rule);
        let evidence = Evidence {
            hash: self.person.evidence_hash(days, rule_hash),
            rule_hash: rule_hash.to_owned(),
            priors: self.shop.priors.version.clone(),
            order: anchor.anchor.clone(),
            purchases: days.len() as u32,
            quantity: anchor.quantity,
            last_purchase: anchor.day.date(),
            need: None,
            stage,
        };
        Ok(Occasion {
            key: self.key(item, anchor),
            anchor_day: anchor.day,
            due_at,
            valid_until: due_at + self.rule.valid_for,
            held_until: None,
            held_for: None,
            evidence: Some(evidence),
            state: OccasionState::Open,
        })
    }

    fn key(&self, item: Item, anchor: &PurchaseDay) -> OccasionKey {
        let fresh = || OccasionKey {
            rule: self.rule.id.clone(),
            step: FIRST_STEP,
            item,
            cycle: Cycle::from(anchor.anchor.as_str()),
        };
        self.known(item, anchor).map_or_else(fresh, |known| known.key.clone())
    }

    /// The ledger's occasion of this turn, under the rule's own or a former id.
    fn known(&self, item: Item, anchor: &PurchaseDay) -> Option<&Occasion> {
        let same = |o: &&Occasion| {
            self.rule.answers_to(&o.key.rule) && o.key.cycle.as_str() == anchor.anchor.as_str()
        };
        self.person
            .view
            .occasions
            .iter()
            .filter(|o| o.key.item == item && o.key.step == FIRST_STEP)
            .find(same)
    }

    /// New priors alone move a date, or take it back, only past a band; evidence always does.
    fn steady(&self, desired: Occasion, chance: f64) -> Result<Occasion, Silent> {
        let threshold = self.rule.needs.chance;
        let doubt =
            || Silent(Reason::LowChance, Some(format!("{:.0}% < {:.0}%", chance * 100.0, threshold * 100.0)));
        let same_evidence = |o: &&Occasion| match (&o.evidence, &desired.evidence) {
            (Some(old), Some(new)) => o.key == desired.key && o.is_open() && old.hash == new.hash,
            _ => false,
        };
        let Some(open) = self.person.view.occasions.iter().find(same_evidence) else {
            return if chance < threshold { Err(doubt()) } else { Ok(desired) };
        };
        let remaining = open.due_at - self.now;
        if remaining <= SETTLED_WITHIN {
            return Ok(open.clone());
        }
        if chance < threshold * 0.9 {
            return Err(doubt());
        }
        let band = TimeDelta::days(2).max(remaining / 10);
        Ok(if (desired.due_at - open.due_at).abs() < band { open.clone() } else { desired })
    }

    /// What the ledger says against a desired occasion: served, closed, overtaken, or over before it was seen.
    fn admit(&self, desired: Occasion) -> Result<Occasion, Silent> {
        let ids = self.rule.ids();
        let turns = || self.person.view.turns(&ids, desired.key.step, desired.key.item);
        if let Some(known) = turns().find(|o| o.key == desired.key) {
            match known.state {
                OccasionState::Served(_) => return Err(Reason::Served.into()),
                OccasionState::Closed(reason) => return Err(reason.into()),
                OccasionState::Open => return Ok(desired),
            }
        }
        if self.was_served_as_another_item(&ids, &desired) {
            return Err(Reason::Served.into());
        }
        let first_only = matches!(self.rule.trigger, Trigger::Purchase { first_only: true, .. });
        if turns().any(|o| o.is_served() && (first_only || o.anchor_day >= desired.anchor_day)) {
            return Err(Reason::OlderCycle.into());
        }
        if desired.valid_until <= self.now {
            return Err(Reason::AlreadyOver.into());
        }
        Ok(desired)
    }

    /// A product that came into another group or category since takes its turns along: the same purchase, served for
    /// an item that overlaps this one or that holds nothing of the member any more, is this turn.
    fn was_served_as_another_item(&self, ids: &[RuleId], desired: &Occasion) -> bool {
        let (history, catalog) = (&self.person.history, self.shop.catalog);
        let is_empty = |item| !history.purchases().iter().any(|p| catalog.contains(item, p.product));
        let same_need = |item| history.overlap(item, desired.key.item, catalog) || is_empty(item);
        self.person.view.occasions.iter().any(|o| {
            o.is_served()
                && ids.contains(&o.key.rule)
                && (o.key.step, &o.key.cycle) == (desired.key.step, &desired.key.cycle)
                && o.key.item != desired.key.item
                && same_need(o.key.item)
        })
    }

    /// The day moved by a festival, but never before the first day on which the message makes sense.
    fn around(&self, day: Day, earliest: Day) -> Day {
        let moved = around_festivals(day, &self.shop.rules.festivals);
        if moved < earliest { day } else { moved }
    }

    fn hours(&self) -> Hours {
        hours(self.person, self.shop, self.rule)
    }
}

/// The hours that `rule` may use for this member.
pub fn hours(person: &Person<'_>, shop: &Shop<'_>, rule: &Rule) -> Hours {
    Hours { zone: person.view.zone(shop.zone), quiet: shop.rules.guards.quiet_hours, window: rule.window }
}

/// True when the member receives the item, or every product bought of it, by subscription.
pub fn is_subscribed(person: &Person<'_>, shop: &Shop<'_>, item: Item) -> bool {
    let subscribed = &person.view.member.subscribed_items;
    if subscribed.is_empty() {
        return false;
    }
    let catalog = shop.catalog;
    let mut bought =
        person.history.purchases().iter().filter(|p| catalog.contains(item, p.product)).peekable();
    let by_product =
        |key| catalog.product(key).is_some_and(|product| subscribed.contains(product.id.as_str()));
    subscribed.contains(&catalog.item_id(item))
        || bought.peek().is_some() && bought.all(|p| by_product(p.product))
}

fn need_evidence(forecast: &Forecast, purchases: usize, chance: f64) -> NeedEvidence {
    NeedEvidence {
        interval_days: forecast.interval_days(),
        intervals: purchases.saturating_sub(1) as u32,
        supply_days: None,
        p10: forecast.quantile(0.1).date(),
        p25: forecast.quantile(0.25).date(),
        p50: forecast.quantile(0.5).date(),
        p75: forecast.quantile(0.75).date(),
        p90: forecast.quantile(0.9).date(),
        chance,
        still_buying: forecast.still_buying(),
    }
}
