//! Owns which occasions should exist for a member, and why others should not; knows nothing of guards or delivery.

mod admit;
mod again;
mod item;
mod moment;
mod need;
mod silence;

use super::calendar::{Hours, around_festivals, instant};
use super::catalog::{Catalog, Item};
use super::ids::{Cycle, Day, RuleId, Timestamp};
use super::lifecycle::Stage;
use super::member::MemberView;
use super::occasion::{EventKind, Evidence, Occasion, OccasionKey, OccasionState};
use super::order::{PurchaseDay, PurchaseHistory};
use super::reason::Reason;
use super::rules::{About, Rule};
use super::shop::{Person, Shop};
use super::trigger::Trigger;

use chrono::{NaiveDate, NaiveTime};

pub use need::need_evidence;
use silence::Silent;
pub use silence::{Detail, Silence};

/// Every rule has this step; further ones follow it.
const FIRST_STEP: u16 = 1;

/// What a member's rules come to: the occasions that should exist, and why the others should not.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Occasions that should be open.
    pub wanted: Vec<Occasion>,
    /// Rules that stay silent about an item.
    pub silences: Vec<Silence>,
    /// The member's stage now, and the day on which it began; none without a purchase.
    pub stage: Option<(Stage, Day)>,
    /// When the clock alone will change this plan; `None` when only news can.
    pub wake_at: Option<Timestamp>,
}

/// The occasions that should exist for this member: a pure function of what is known now.
pub fn plan(view: &MemberView, shop: &Shop<'_>, now: Timestamp) -> Vec<Occasion> {
    consider(&Person::of(view, shop), shop, now).wanted
}

/// The whole consideration, silences included. Rules come in the order in which they claim a need.
pub fn consider(person: &Person<'_>, shop: &Shop<'_>, now: Timestamp) -> Plan {
    let today = Day::of(now, shop.zone);
    let stage = person.stage_since(today);
    let crossing = person.next_stage_change(today).map(|day| instant(shop.zone, day.date(), NaiveTime::MIN));
    let mut plan = Plan { stage, wake_at: crossing, ..Plan::default() };
    let mut claimed: Vec<(Item, &RuleId)> = Vec::new();
    for rule in shop.rules.all() {
        let planner = Planner { person, shop, rule, now, stage };
        let asks_need = matches!(rule.trigger, Trigger::Need(_));
        for (item, days) in planner.subjects() {
            let claims = |(c, r): &&(Item, &RuleId)| {
                asks_need && *r != &rule.id && person.history.overlap(*c, item, shop.catalog)
            };
            if let Some((_, by)) = claimed.iter().find(claims) {
                let by = Detail::CoveredBy { by: (*by).clone() };
                plan.silences.push(planner.silence(item, Silent(Reason::Covered, Some(by))));
                continue;
            }
            for desired in planner.desires(item, days, &mut plan.wake_at) {
                // A need is claimed by what its history says, not by the hour: else time alone would change speakers.
                if asks_need && desired.is_ok() {
                    claimed.push((item, &rule.id));
                }
                for step in planner.steps(desired) {
                    match step {
                        Ok(occasion) => plan.wanted.push(occasion),
                        Err(silent) => plan.silences.push(planner.silence(item, silent)),
                    }
                }
            }
        }
    }
    plan
}

/// What an occasion hangs on.
struct Turn<'a> {
    cycle: Cycle,
    anchor_day: Day,
    /// The purchases behind it, the anchor's last.
    days: &'a [PurchaseDay],
    event: Option<(EventKind, NaiveDate)>,
}

impl<'a> Turn<'a> {
    fn of(days: &'a [PurchaseDay]) -> Option<Self> {
        let anchor = days.last()?;
        Some(Self { cycle: Cycle::from(anchor.anchor.as_str()), anchor_day: anchor.day, days, event: None })
    }
}

struct Planner<'a> {
    person: &'a Person<'a>,
    shop: &'a Shop<'a>,
    rule: &'a Rule,
    now: Timestamp,
    stage: Option<(Stage, Day)>,
}

impl<'a> Planner<'a> {
    fn silence(&self, item: Item, silent: Silent) -> Silence {
        Silence { rule: self.rule.id.clone(), item, reason: silent.0, detail: silent.1 }
    }

    /// What the rule may speak about: items bought, or the member as a whole.
    fn subjects(&self) -> Vec<(Item, &'a [PurchaseDay])> {
        if let Trigger::Member(..) = self.rule.trigger {
            let everything = self.person.days(super::catalog::Level::Member, Item::Anything);
            return if self.is_about(Item::Anything) {
                vec![(Item::Anything, everything)]
            } else {
                Vec::new()
            };
        }
        self.person.items(self.rule.per).filter(|(item, _)| self.is_about(*item)).collect()
    }

    /// True when the member bought a product of this item that the rule is about.
    fn is_about(&self, item: Item) -> bool {
        is_about(&self.rule.about, item, &self.person.history, self.shop.catalog)
    }

    /// What the history alone asks for: one occasion of the item's current cycle, or one for each turn.
    fn desires(
        &self,
        item: Item,
        days: &'a [PurchaseDay],
        wake_at: &mut Option<Timestamp>,
    ) -> Vec<Result<Occasion, Silent>> {
        match &self.rule.trigger {
            Trigger::Need(when) => match self.person.asked_again(self.rule.per, item) {
                Some(wish) => vec![self.again(item, days, wish)],
                None => vec![self.need(item, days, *when)],
            },
            Trigger::Item(moment, after) => self.about_item(item, days, *moment, *after),
            Trigger::Member(moment, after) => vec![self.about_member(moment, *after, wake_at)],
        }
    }

    fn occasion(&self, item: Item, turn: &Turn<'_>, day: Day, due_at: Timestamp) -> Result<Occasion, Silent> {
        self.check_season(due_at)?;
        let stage = self.person.stage(day);
        if !self.person.belongs_to(&self.rule.audience, stage, due_at) {
            let asked = &self.rule.audience.stages;
            let by_stage = !asked.is_empty() && !asked.contains(&stage);
            let detail = by_stage.then(|| Detail::Stage { is: stage, asked: asked.clone() });
            return Err(Silent(Reason::NotInAudience, detail));
        }
        let rule_hash = self.shop.rules.hash_of(self.rule);
        let happened = turn.event.clone();
        let by_purchase = happened.as_ref().is_none_or(|(event, _)| event.is_about_item());
        let anchor = turn.days.last().filter(|_| by_purchase);
        let evidence = Evidence {
            hash: self.person.evidence_hash(turn.days, happened.as_ref(), rule_hash),
            rule_hash: rule_hash.to_owned(),
            priors: self.shop.priors.version.clone(),
            order: anchor.map(|a| a.anchor.clone()),
            purchases: turn.days.len() as u32,
            quantity: anchor.map_or(0.0, |a| a.quantity),
            last_purchase: turn.days.last().map(|last| last.day.date()),
            event: happened,
            need: None,
            stage,
        };
        Ok(Occasion {
            key: self.key(FIRST_STEP, item, &turn.cycle),
            anchor_day: turn.anchor_day,
            due_at,
            valid_until: due_at + self.rule.valid_for,
            held_until: None,
            held_for: None,
            evidence: Some(evidence),
            state: OccasionState::Open,
        })
    }

    fn check_season(&self, due_at: Timestamp) -> Result<(), Silent> {
        let (from, until) = self.rule.season;
        let due = Day::of(due_at, self.shop.zone);
        if from.is_some_and(|from| due < from) || until.is_some_and(|until| until < due) {
            return Err(Silent(Reason::NotInSeason, Some(Detail::Due { due })));
        }
        Ok(())
    }

    fn key(&self, step: u16, item: Item, cycle: &Cycle) -> OccasionKey {
        let fresh = || OccasionKey { rule: self.rule.id.clone(), step, item, cycle: cycle.clone() };
        self.known(step, item, cycle).map_or_else(fresh, |known| known.key.clone())
    }

    /// The ledger's occasion of this turn, under the rule's own or a former id.
    fn known(&self, step: u16, item: Item, cycle: &Cycle) -> Option<&'a Occasion> {
        let same = |o: &&Occasion| {
            o.key.item == item
                && o.key.step == step
                && o.key.cycle == *cycle
                && self.rule.answers_to(&o.key.rule)
        };
        self.person.view.occasions.iter().find(same)
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

/// True when a product of this item was bought that a rule about `about` speaks of.
pub fn is_about(about: &About, item: Item, history: &PurchaseHistory, catalog: &Catalog) -> bool {
    *about == About::default()
        || history.purchases().iter().any(|p| {
            let product = catalog.product(p.product).filter(|_| catalog.contains(item, p.product));
            product.is_some_and(|product| about.covers(product, catalog))
        })
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
