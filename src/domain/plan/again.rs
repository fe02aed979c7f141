//! Owns the reminder that a member asked for: its turn and its date; knows nothing of what a rule asks of a forecast.

use super::super::catalog::Item;
use super::super::ids::{Cycle, Day, Timestamp};
use super::super::occasion::{EventKind, Occasion};
use super::super::order::PurchaseDay;
use super::super::reason::Reason;
use super::need::need_evidence;
use super::{Planner, Silent, Turn};

impl Planner<'_> {
    /// Who asks to be reminded is reminded: `wish` is when the member asked, and for when. Never earlier than that,
    /// whatever a festival would like.
    pub(super) fn again(
        &self,
        item: Item,
        days: &[PurchaseDay],
        wish: (Timestamp, Timestamp),
    ) -> Result<Occasion, Silent> {
        let (asked_at, until) = wish;
        let anchor = days.last().ok_or(Reason::TooFewPurchases)?;
        self.check_item(item)?;
        let (asked_on, day) = (Day::of(asked_at, self.shop.zone), Day::of(until, self.shop.zone));
        if self.was_kept_by_another_rule(item, day) {
            return Err(Reason::Served.into());
        }
        let cycle = Cycle::again(&anchor.anchor, day);
        let event = Some((EventKind::AskedAgain, asked_on.date()));
        let turn = Turn { cycle, anchor_day: anchor.day, days, event };
        let hours = self.hours();
        let due_at = hours.next(hours.first_of(self.around(day, day)).max(until));
        let mut occasion = self.occasion(item, &turn, day, due_at)?;
        let fresh = anchor.day.plus(1);
        let forecast = self.person.forecast(self.rule.per, item, fresh).map(|f| f.later(day.max(fresh)));
        let need = forecast.map(|f| need_evidence(&f, anchor, days.len(), f.chance(day.max(fresh))));
        if let Some(evidence) = &mut occasion.evidence {
            evidence.need = need;
        }
        Ok(occasion)
    }

    /// True when a message of another rule has kept the wish for that day.
    fn was_kept_by_another_rule(&self, item: Item, day: Day) -> bool {
        let (history, catalog) = (&self.person.history, self.shop.catalog);
        self.person.view.occasions.iter().any(|o| {
            o.is_served()
                && o.key.cycle.again_on() == Some(day)
                && !self.rule.answers_to(&o.key.rule)
                && history.overlap(o.key.item, item, catalog)
        })
    }
}
