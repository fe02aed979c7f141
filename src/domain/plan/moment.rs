//! Owns when a care message about the member falls due: joining, stages, memberships, festivals; knows nothing of items.

use chrono::{Datelike, NaiveDate, TimeDelta};

use super::super::catalog::{Item, Level};
use super::super::ids::{Cycle, Day, Timestamp};
use super::super::occasion::{EventKind, Occasion};
use super::super::order::PurchaseDay;
use super::super::reason::Reason;
use super::super::trigger::MemberMoment;
use super::{Detail, FIRST_STEP, Planner, Silent, Turn};

impl Planner<'_> {
    /// The one occasion of the moment's current turn. `wake_at` learns when the clock alone brings the next.
    pub(super) fn about_member(
        &self,
        moment: &MemberMoment,
        after: TimeDelta,
        wake_at: &mut Option<Timestamp>,
    ) -> Result<Occasion, Silent> {
        let days = self.person.days(Level::Member, Item::Anything);
        self.check_purchases_of_member(days.len())?;
        match moment {
            MemberMoment::Festival(name) => self.festival(name, days, after, wake_at),
            MemberMoment::Anniversary => self.anniversary(days, after, wake_at),
            MemberMoment::Joined | MemberMoment::StageChange(_) | MemberMoment::MembershipExpiry => {
                let (cycle, anchor_day, event) = self.happened_once(moment, days)?;
                self.on(&turn(cycle, anchor_day, event, days), after)
            }
        }
    }

    /// A moment without a return: what its turn is called, its day, and what happened.
    fn happened_once(
        &self,
        moment: &MemberMoment,
        days: &[PurchaseDay],
    ) -> Result<(String, Day, EventKind), Silent> {
        let member = &self.person.view.member;
        match moment {
            MemberMoment::StageChange(to) => {
                let (stage, since) = self.stage.ok_or(Reason::NoDate)?;
                if !to.is_empty() && !to.contains(&stage) {
                    let detail = Detail::Stage { is: stage, asked: to.clone() };
                    return Err(Silent(Reason::NotInAudience, Some(detail)));
                }
                // One turn for each silence after a purchase, whatever date it is found to begin on.
                let last = days.last().map_or("", |last| last.anchor.as_str());
                Ok((format!("{}/{last}", stage.as_str()), since, EventKind::Stage(stage)))
            }
            MemberMoment::MembershipExpiry => {
                let day = self.day(member.membership_expires_at.ok_or(Reason::NoDate)?);
                Ok((format!("term/{day}"), day, EventKind::MembershipExpiry))
            }
            _ => {
                let day = self.day(member.joined_at.ok_or(Reason::NoDate)?);
                Ok(("joined".to_owned(), day, EventKind::Joined))
            }
        }
    }

    fn festival(
        &self,
        name: &str,
        days: &[PurchaseDay],
        after: TimeDelta,
        wake_at: &mut Option<Timestamp>,
    ) -> Result<Occasion, Silent> {
        let festival = self.shop.rules.festivals.iter().find(|f| f.name == name).ok_or(Reason::NoDate)?;
        let of = |day: Day| {
            let cycle = format!("{name}/{}", day.date().year());
            turn(cycle, day, EventKind::Festival(name.to_owned()), days)
        };
        self.yearly(|year| festival.span(year).map(|(first, _)| first), of, after, wake_at)
    }

    fn anniversary(
        &self,
        days: &[PurchaseDay],
        after: TimeDelta,
        wake_at: &mut Option<Timestamp>,
    ) -> Result<Occasion, Silent> {
        let first = self.day(self.person.view.member.joined_at.ok_or(Reason::NoDate)?).date();
        let of = |day: Day| {
            let years = day.date().year() - first.year();
            turn(format!("anniversary/{years}"), day, EventKind::Anniversary(years as u32), days)
        };
        self.yearly(|year| (year > first.year()).then(|| in_year(first, year)), of, after, wake_at)
    }

    /// The first turn that is not over yet; the clock brings the next when it is.
    fn yearly<'t>(
        &self,
        start: impl Fn(i32) -> Option<Day>,
        turn: impl Fn(Day) -> Turn<'t>,
        after: TimeDelta,
        wake_at: &mut Option<Timestamp>,
    ) -> Result<Occasion, Silent> {
        let this_year = Day::of(self.now, self.shop.zone).date().year();
        for day in (this_year - 1..=this_year + 2).filter_map(start) {
            let turn = turn(day);
            let over = self.due(&turn, after).1 + self.rule.valid_for;
            if over > self.now {
                *wake_at = Some(wake_at.map_or(over, |at| at.min(over)));
                return self.on(&turn, after);
            }
        }
        Err(Reason::NoDate.into())
    }

    fn on(&self, turn: &Turn<'_>, after: TimeDelta) -> Result<Occasion, Silent> {
        let (day, due_at) = self.due(turn, after);
        if due_at + self.rule.valid_for <= self.now
            && self.known(FIRST_STEP, Item::Anything, &turn.cycle).is_none()
        {
            return Err(Reason::AlreadyOver.into());
        }
        Ok(self.settled(self.occasion(Item::Anything, turn, day, due_at)?))
    }

    /// The day of the message and its first instant. A festival does not move its own message.
    fn due(&self, turn: &Turn<'_>, after: TimeDelta) -> (Day, Timestamp) {
        let day = turn.anchor_day.plus(after.num_days() as i32);
        let moves = !matches!(turn.event, Some((EventKind::Festival(_), _)));
        let moved = if moves { self.around(day, turn.anchor_day.min(day)) } else { day };
        (day, self.hours().first_of(moved))
    }

    fn check_purchases_of_member(&self, purchases: usize) -> Result<(), Silent> {
        let (is, asked) = (purchases as u32, self.rule.needs.purchases);
        if is >= asked {
            return Ok(());
        }
        Err(Silent(Reason::TooFewPurchases, Some(Detail::Purchases { is, asked })))
    }

    fn day(&self, at: Timestamp) -> Day {
        Day::of(at, self.shop.zone)
    }
}

fn turn(cycle: String, anchor_day: Day, event: EventKind, days: &[PurchaseDay]) -> Turn<'_> {
    let event = Some((event, anchor_day.date()));
    Turn { cycle: Cycle::from(cycle.as_str()), anchor_day, days, event }
}

/// The date in another year; the 29th of February falls on the 28th where there is none.
fn in_year(date: NaiveDate, year: i32) -> Day {
    date.with_year(year).or_else(|| NaiveDate::from_ymd_opt(year, 2, 28)).unwrap_or(date).into()
}
