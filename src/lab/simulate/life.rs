//! Owns one member's simulated life: what is known each day, planned, assembled and sent; knows nothing of who judges it.

use std::collections::BTreeMap;

use chrono::{NaiveTime, TimeDelta};

use super::lessons::{Known, known_lines};
use super::past::{Buyer, Past};
use crate::domain::apply::apply;
use crate::domain::assemble::{Claim, assemble, claim};
use crate::domain::calendar::instant;
use crate::domain::catalog::{Item, Level};
use crate::domain::change::Change;
use crate::domain::ids::{Day, JobId, RuleId, Timestamp};
use crate::domain::job::{Content, Delivery, JobState, Lease, OnUncertain, Outcome, RetryPolicy};
use crate::domain::member::{Member, MemberView, Purpose};
use crate::domain::reason::Reason;
use crate::domain::reconcile::replan;
use crate::domain::rules::Rules;
use crate::domain::shop::{Reach, Shop};

/// Past orders tell no contact points: a simulated channel reaches everyone.
static NEEDS_NOTHING: Reach = Reach::new();

/// A delivered message.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// Who got it.
    pub member: usize,
    /// The rule that asked for it.
    pub rule: RuleId,
    /// What it was for.
    pub purpose: Purpose,
    /// The shop's day on which it went.
    pub day: Day,
    /// What it was about.
    pub items: Vec<Item>,
    /// The rule's step.
    pub step: u16,
    /// The items as the shop writes them, in order, and the cautions that went along; where somebody reads them.
    pub names: Vec<String>,
    /// See `names`.
    pub cautions: Vec<String>,
}

/// What a member was sent, and why there was not more.
#[derive(Debug, Default)]
pub struct Diary {
    /// In the order of time.
    pub sent: Vec<Sent>,
    /// Each silence, and each verdict against a message; where somebody reads them.
    pub against: Vec<(RuleId, Reason)>,
}

/// The shop in which members live.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub past: &'a Past,
    pub rules: &'a Rules,
    pub lessons: &'a [Known],
    pub from: Timestamp,
    /// Nothing is sent at or after this.
    pub end: Timestamp,
    /// The locale of members without one.
    pub locale: &'a str,
    /// True when somebody reads the diaries.
    pub read: bool,
}

impl<'a> World<'a> {
    /// All that one member is sent, in order. Between two instants at which something can happen, nothing does.
    pub fn live(&self, place: usize) -> Diary {
        let buyer = &self.past.buyers[place];
        let view = stranger(&buyer.member);
        let mut life =
            Life { world: self, place, buyer, view, lesson: None, wake_at: None, diary: Diary::default() };
        let born = buyer.lines.first().map_or(self.from, |first| self.morning_after(first.at));
        let mut next = Some(self.from.max(born));
        while let Some(now) = next.filter(|now| *now < self.end) {
            life.wake(now);
            life.assemble(now);
            life.deliver(now);
            next = life.next(now);
        }
        life.diary
    }

    /// When the nightly import has brought what was ordered at `at`.
    fn morning_after(&self, at: Timestamp) -> Timestamp {
        self.morning(Day::of(at, self.past.zone).plus(1))
    }

    fn morning(&self, day: Day) -> Timestamp {
        instant(self.past.zone, day.date(), NaiveTime::MIN)
    }

    fn shop(&self, known: &'a Known, orders_at: Timestamp) -> Shop<'a> {
        Shop {
            rules: self.rules,
            catalog: &self.past.catalog,
            priors: &known.lesson.priors,
            zone: self.past.zone,
            reach: &NEEDS_NOTHING,
            locale: self.locale,
            orders_at: Some(orders_at),
            shadow: false,
        }
    }
}

struct Life<'a> {
    world: &'a World<'a>,
    place: usize,
    buyer: &'a Buyer,
    view: MemberView,
    lesson: Option<usize>,
    /// When the clock alone changes the plan.
    wake_at: Option<Timestamp>,
    diary: Diary,
}

impl<'a> Life<'a> {
    /// The morning's import and lesson; either wakes the planner, and so does the clock.
    fn wake(&mut self, now: Timestamp) {
        let today = Day::of(now, self.world.past.zone);
        let known = known_lines(self.buyer, self.world.morning(today));
        let lesson = self.world.lessons.partition_point(|l| l.since <= today).checked_sub(1);
        let is_new = known > self.view.lines.len();
        if is_new {
            self.view.lines.extend_from_slice(&self.buyer.lines[self.view.lines.len()..known]);
            // An order may change what a guard held back.
            let held = self.view.occasions.iter_mut().filter(|o| o.is_open());
            held.for_each(|o| (o.held_until, o.held_for) = (None, None));
        }
        if lesson != self.lesson {
            self.lesson = lesson;
            self.view.dropout = lesson.map_or_else(BTreeMap::new, |at| self.dropout(&self.world.lessons[at]));
        } else if !is_new && self.wake_at.is_none_or(|at| at > now) {
            return;
        }
        let Some(shop) = self.shop(now) else { return };
        let (changes, plan) = replan(&self.view, &shop, now);
        for change in &changes {
            apply(&mut self.view, change);
        }
        self.wake_at = plan.wake_at;
        if self.world.read {
            self.diary
                .against
                .extend(plan.silences.into_iter().map(|silence| (silence.rule, silence.reason)));
        }
    }

    fn dropout(&self, known: &Known) -> BTreeMap<Level, f64> {
        let own = known.lesson.dropout.iter().filter_map(|(level, of)| Some((*level, *of.get(self.place)?)));
        own.filter(|(_, multiplier)| *multiplier != 1.0).collect()
    }

    /// The shop as it is known today.
    fn shop(&self, now: Timestamp) -> Option<Shop<'a>> {
        let today = Day::of(now, self.world.past.zone);
        let known = self.lesson.and_then(|at| self.world.lessons.get(at))?;
        Some(self.world.shop(known, self.world.morning(today)))
    }

    fn assemble(&mut self, now: Timestamp) {
        let is_due =
            self.view.occasions.iter().any(|o| o.is_open() && (o.ready_at() <= now || o.valid_until <= now));
        let Some(shop) = self.shop(now).filter(|_| is_due) else { return };
        for change in &assemble(&self.view, &shop, now) {
            self.note(change);
            apply(&mut self.view, change);
        }
    }

    /// Every job that is ready is offered, claimed and taken by a peer that takes everything.
    fn deliver(&mut self, now: Timestamp) {
        let ready =
            self.view.jobs.iter_mut().filter(|j| j.state == JobState::Scheduled && j.ready_at() <= now);
        let mut offered: Vec<(Timestamp, JobId)> = ready
            .map(|job| {
                job.state = JobState::Queued;
                (job.due_at, job.id.clone())
            })
            .collect();
        offered.sort();
        let Some(shop) = self.shop(now) else { return };
        for (_, id) in offered {
            let lease = Lease { from: now, span: TimeDelta::zero() };
            let (changes, claimed) = claim(&self.view, &id, &shop, now, lease);
            for change in &changes {
                self.note(change);
                apply(&mut self.view, change);
            }
            if let Claim::Send(content) = claimed {
                self.hand_over(&id, &content, now);
            }
        }
    }

    /// Writes down what speaks against a message.
    fn note(&mut self, change: &Change) {
        let against = match change {
            Change::Hold(key, _, reason) | Change::Close(key, reason) => Some((key.rule.clone(), *reason)),
            Change::Skip(id, reason) | Change::Defer(id, _, reason) => {
                self.view.job(id).map(|job| (job.rule.clone(), *reason))
            }
            _ => None,
        };
        self.diary.against.extend(against.filter(|_| self.world.read));
    }

    fn hand_over(&mut self, id: &JobId, content: &Content, now: Timestamp) {
        let items: Vec<Item> =
            self.view.occasions.iter().filter(|o| o.job() == Some(id)).map(|o| o.key.item).collect();
        let (mut names, mut cautions) = (Vec::new(), Vec::new());
        if self.world.read {
            names = content.items.iter().map(|item| item.id.clone()).collect();
            names.sort();
            cautions.clone_from(&content.cautions);
        }
        let Some(job) = self.view.jobs.iter_mut().find(|job| job.id == *id) else { return };
        let outcome = Outcome::new(Delivery::Delivered, None);
        let settled = RetryPolicy::default().settle(job, &outcome, OnUncertain::Hold, now, 0.0);
        (job.state, job.content) = (settled.state, None);
        let day = Day::of(now, self.world.past.zone);
        let (rule, purpose, step) = (job.rule.clone(), job.purpose, job.step);
        self.diary.sent.push(Sent { member: self.place, rule, purpose, day, items, step, names, cautions });
    }

    /// The next instant at which anything can happen.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let import =
            self.buyer.lines.get(self.view.lines.len()).map(|line| self.world.morning_after(line.at));
        let upcoming = self.lesson.map_or(0, |at| at + 1);
        let lesson = self.world.lessons.get(upcoming).map(|known| self.world.morning(known.since));
        let open = self.view.occasions.iter().filter(|o| o.is_open());
        let due = open.flat_map(|o| [o.ready_at(), o.valid_until]);
        let waiting = self.view.jobs.iter().filter(|job| !job.state.is_final());
        let jobs = waiting.map(|job| job.ready_at());
        import
            .into_iter()
            .chain(lesson)
            .chain(self.wake_at)
            .chain(due)
            .chain(jobs)
            .filter(|at| *at > now)
            .min()
    }
}

fn stranger(member: &Member) -> MemberView {
    MemberView {
        member: member.clone(),
        lines: Vec::new(),
        next_line_at: None,
        suppressions: Vec::new(),
        occasions: Vec::new(),
        jobs: Vec::new(),
        stage: None,
        pauses: Vec::new(),
        import_under_way: false,
        dropout: BTreeMap::new(),
        planned_with: None,
    }
}
