//! Owns when a care message about an item falls due; knows nothing of the member's own moments.

use chrono::TimeDelta;

use super::super::catalog::Item;
use super::super::ids::{Day, Timestamp};
use super::super::member::Purpose;
use super::super::occasion::Occasion;
use super::super::order::{Purchase, PurchaseDay};
use super::super::reason::Reason;
use super::super::trigger::ItemMoment;
use super::{Detail, FIRST_STEP, Planner, Silent, Turn, is_subscribed};

impl<'a> Planner<'a> {
    /// One occasion for each turn, the latest first.
    pub(super) fn about_item(
        &self,
        item: Item,
        days: &'a [PurchaseDay],
        moment: ItemMoment,
        after: TimeDelta,
    ) -> Vec<Result<Occasion, Silent>> {
        let turns = match moment {
            moment if moment.is_first() => 1..=days.len().min(1),
            ItemMoment::Midway => days.len().max(1)..=days.len(),
            _ => 1..=days.len(),
        };
        // An order whose lines lie on several days is one turn, on the first of them.
        let first_of_order =
            |n: &usize| !days[..n - 1].iter().any(|earlier| earlier.anchor == days[n - 1].anchor);
        let turns = turns.rev().filter(first_of_order);
        let found: Vec<_> = turns.map_while(|n| self.turn_of_item(item, &days[..n], moment, after)).collect();
        if found.is_empty() { vec![Err(Reason::AlreadyOver.into())] } else { found }
    }

    /// Nothing older than the first occasion that is over and unknown to the ledger is looked at: history mails nobody.
    fn turn_of_item(
        &self,
        item: Item,
        days: &[PurchaseDay],
        moment: ItemMoment,
        after: TimeDelta,
    ) -> Option<Result<Occasion, Silent>> {
        let (turn, anchor) = (Turn::of(days)?, days.last()?);
        let Some(happened) = self.happened(item, anchor, moment) else {
            return Some(Err(Reason::NotDelivered.into()));
        };
        let wished = happened + after;
        let day = Day::of(wished, self.person.view.zone(self.shop.zone));
        let moved = self.around(day, day.min(anchor.day.plus(1)));
        let due_at = if moved == day { self.hours().next(wished) } else { self.hours().first_of(moved) };
        let is_known = || self.known(FIRST_STEP, item, &turn.cycle).is_some();
        if due_at + self.rule.valid_for <= self.now && !is_known() {
            return None;
        }
        let checked = self.check_purchases(days).and_then(|()| self.check_item(item));
        let planned = checked.and_then(|()| self.occasion(item, &turn, day, due_at));
        Some(planned.map(|occasion| self.settled(occasion)))
    }

    /// The instant that the message counts from; none while nobody knows it.
    fn happened(&self, item: Item, anchor: &PurchaseDay, moment: ItemMoment) -> Option<Timestamp> {
        match moment {
            ItemMoment::Purchase | ItemMoment::FirstPurchase => Some(anchor.at),
            ItemMoment::Delivered | ItemMoment::FirstDelivered => anchor.delivered_at,
            ItemMoment::Midway => {
                let forecast = self.person.forecast(self.rule.per, item, anchor.day.plus(1))?;
                let half = forecast.quantile(0.5).since(forecast.last()) / 2;
                Some(anchor.delivered_at.unwrap_or(anchor.at) + TimeDelta::days(i64::from(half)))
            }
        }
    }

    /// A supply that the shop knows speaks for a rhythm not seen yet, where the rule lets it.
    pub(super) fn check_purchases(&self, days: &[PurchaseDay]) -> Result<(), Silent> {
        let needs = &self.rule.needs;
        let by_supply = needs.or_days_supply && days.last().is_some_and(|last| last.supply.is_some());
        if days.len() >= needs.purchases as usize || by_supply {
            return Ok(());
        }
        let detail = Detail::Purchases { is: days.len() as u32, asked: needs.purchases };
        Err(Silent(Reason::TooFewPurchases, Some(detail)))
    }

    /// Facts of the item that silence any rule.
    pub(super) fn check_item(&self, item: Item) -> Result<(), Silent> {
        let catalog = self.shop.catalog;
        let bought = || self.person.history.purchases().iter().filter(|p| catalog.contains(item, p.product));
        if self.rule.purpose() == Purpose::Reminder {
            let replenishable = |p: &Purchase| catalog.product(p.product).is_none_or(|p| p.replenishable);
            if catalog.has_unrepeated() && !bought().any(replenishable) {
                return Err(Reason::NotReplenishable.into());
            }
            if is_subscribed(self.person, self.shop, item) {
                return Err(Reason::Subscribed.into());
            }
        }
        Ok(())
    }
}
