//! Owns when a reminder falls due, and what keeps its date steady; knows nothing of care messages.

use chrono::TimeDelta;

use super::super::catalog::Item;
use super::super::interval::Forecast;
use super::super::occasion::{NeedEvidence, Occasion};
use super::super::order::PurchaseDay;
use super::super::reason::Reason;
use super::super::trigger::When;
use super::{Detail, Planner, Silent, Turn};

/// A best day further off than this is not foreseeable.
const HORIZON_DAYS: i32 = 400;
/// New priors never move what falls due this soon.
const SETTLED_WITHIN: TimeDelta = TimeDelta::hours(48);
/// An open occasion bears so much more doubt than a new one: new priors at a threshold do not open and close it.
const PATIENCE: f64 = 0.9;

impl Planner<'_> {
    pub(super) fn need(&self, item: Item, days: &[PurchaseDay], when: When) -> Result<Occasion, Silent> {
        let (turn, anchor) = Turn::of(days).zip(days.last()).ok_or(Reason::TooFewPurchases)?;
        self.check_purchases(days)?;
        self.check_item(item)?;
        let start = anchor.day.plus(1);
        let forecast = self.person.forecast(self.rule.per, item, start).ok_or(Reason::NotYet)?;
        let day = match when {
            When::Before(days) => forecast.quantile(0.5).plus(-days),
            When::Best => forecast.best(self.rule.needs.chance, HORIZON_DAYS).ok_or(Reason::NotYet)?,
        };
        if day < start {
            return Err(Reason::TooFrequent.into());
        }
        let chance = forecast.chance(day);
        let mut occasion = self.occasion(item, &turn, day, self.hours().first_of(self.around(day, start)))?;
        if let Some(evidence) = &mut occasion.evidence {
            evidence.need = Some(need_evidence(&forecast, anchor, days.len(), chance));
        }
        let open = self.open_as_planned(&occasion);
        let patience = if open.is_some() { PATIENCE } else { 1.0 };
        if open.is_none_or(|open| open.due_at - self.now > SETTLED_WITHIN) {
            self.check_certainty(&forecast, chance, days.len(), patience)?;
        }
        Ok(self.settled(occasion))
    }

    /// The forecast is sure enough for this rule.
    fn check_certainty(
        &self,
        forecast: &Forecast,
        chance: f64,
        seen: usize,
        patience: f64,
    ) -> Result<(), Silent> {
        let needs = &self.rule.needs;
        if chance < needs.chance * patience {
            let detail = Detail::Chance { is: chance, asked: needs.chance, seen: seen as u32 };
            return Err(Silent(Reason::LowChance, Some(detail)));
        }
        let is = forecast.quantile(0.75).since(forecast.quantile(0.25));
        match needs.spread {
            Some(asked) if f64::from(is) * patience > f64::from(asked) => {
                Err(Silent(Reason::TooWide, Some(Detail::Width { is, asked })))
            }
            _ => Ok(()),
        }
    }

    /// New priors alone move a date only past a band; evidence always does.
    pub(super) fn settled(&self, desired: Occasion) -> Occasion {
        let Some(open) = self.open_as_planned(&desired) else { return desired };
        let remaining = open.due_at - self.now;
        let band = TimeDelta::days(2).max(remaining / 10);
        let stays = remaining <= SETTLED_WITHIN || (desired.due_at - open.due_at).abs() < band;
        if stays { open.clone() } else { desired }
    }

    /// The ledger's open occasion of this turn that rests on the same evidence.
    fn open_as_planned(&self, desired: &Occasion) -> Option<&Occasion> {
        let hash = |o: &Occasion| o.evidence.as_ref().map(|e| e.hash.clone());
        let planned = hash(desired);
        let same = |o: &&Occasion| o.key == desired.key && o.is_open() && hash(o) == planned;
        self.person.view.occasions.iter().find(same)
    }
}

/// What a forecast says, as sentences and the ledger keep it; `purchases`: days on which the item was bought, the anchor
/// the last of them.
pub fn need_evidence(
    forecast: &Forecast,
    anchor: &PurchaseDay,
    purchases: usize,
    chance: f64,
) -> NeedEvidence {
    let at = |q| forecast.quantile(q).date();
    NeedEvidence {
        interval_days: forecast.interval_days(),
        intervals: purchases.saturating_sub(1) as u32,
        supply_days: anchor.supply,
        p10: at(0.1),
        p25: at(0.25),
        p50: at(0.5),
        p75: at(0.75),
        p90: at(0.9),
        chance,
        still_buying: forecast.still_buying(),
    }
}
