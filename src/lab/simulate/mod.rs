//! Owns the simulation: the planner in virtual time over past orders, judged by what was bought; knows nothing of files and ledgers.
//!
//! Each member lives alone, from the instant `from` to `end`: every night brings the orders of the day before, some
//! nights a lesson learnt from earlier days, and the daemon's own functions plan, assemble and judge. What came after
//! a reminder says whether it was on time.

mod alone;
mod judge;
mod lessons;
mod life;
mod naive;
mod past;
mod plain;
mod sweep;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::{NaiveDate, TimeDelta};
use serde::Serialize;

use crate::domain::calendar::instant;
use crate::domain::ids::{Day, RuleId, Timestamp};
use crate::domain::member::Purpose;
use crate::domain::rules::{Rule, Rules};
use judge::{EARLY, Timing, timing};
use lessons::Known;
use life::World;
use naive::naive;

pub use alone::live_alone;
pub use judge::Tally;
pub use life::{Diary, Sent};
pub use naive::Naive;
pub use past::{Collector, Past};
pub use plain::plain_rules;
pub use sweep::{Sweep, SweepKey};

/// Days of history below which nothing can be told.
const LEAST_SPAN: i32 = 60;
/// The share of the span that is only learnt from.
const LEARNT_FROM: f64 = 0.45;
/// Members that a thread takes at a time.
const TURN: usize = 16;

/// The stretch of the past to live through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The first instant; 45 % of the span after its start unless given.
    pub from: Option<Timestamp>,
    /// The first instant no longer simulated; 28 days before the end unless given.
    pub end: Option<Timestamp>,
    /// Days from one lesson to the next, at least 1.
    pub learn_every: i32,
}

/// What cannot be simulated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimulateError {
    /// Nothing to learn from and to judge by.
    #[error("the orders span {span} days, too few to simulate: give at least {LEAST_SPAN}")]
    TooShort {
        /// Days from the first to the last.
        span: i32,
    },
    /// The stretch is empty or lies where nothing is known.
    #[error("nothing to simulate between {from} and {end}: the orders run from {first} to {last}")]
    Outside {
        /// The first instant asked for.
        from: Timestamp,
        /// The end asked for.
        end: Timestamp,
        /// The first day with an order.
        first: Day,
        /// The last day with an order.
        last: Day,
    },
}

/// What would have happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The first day simulated.
    pub from: NaiveDate,
    /// The last day simulated.
    pub to: NaiveDate,
    /// How long that is.
    pub weeks: f64,
    /// Under the rules as they are.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Under other values of one setting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sweep: Vec<Swept>,
    /// How long it took; for the caller to fill in.
    pub seconds: f64,
}

/// What would have happened under one set of rules.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Messages delivered.
    pub jobs: u64,
    /// Of these, care messages: counted, not judged.
    pub care: u64,
    /// Distinct members written to.
    pub members: u64,
    /// Messages a week.
    pub per_week: f64,
    /// Reminded items, by how they turned out.
    #[serde(flatten)]
    pub tally: Tally,
    /// Reminded items too close to the end of the orders to be judged.
    pub unjudged: u64,
    /// Each rule by itself.
    pub by_rule: Vec<OfRule>,
    /// The naive flow, as many items as were judged.
    pub naive: Naive,
    /// Our share on time as a multiple of the naive flow's.
    pub factor: Option<f64>,
}

/// One rule's share of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfRule {
    /// The rule.
    pub rule: RuleId,
    /// What its messages are for.
    pub kind: Purpose,
    /// Messages delivered.
    pub jobs: u64,
    /// Distinct members written to.
    pub members: u64,
    /// Reminded items, by how they turned out.
    #[serde(flatten)]
    pub tally: Tally,
    /// Reminded items that cannot be judged.
    pub unjudged: u64,
}

/// One value of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Swept {
    /// The setting.
    pub key: SweepKey,
    /// Its value in every reminder rule.
    pub value: f64,
    /// What would have happened then.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A past, and the stretch of it that is lived through with its lessons.
pub struct Simulation {
    past: Past,
    rules: Rules,
    lessons: Vec<Known>,
    from: Timestamp,
    end: Timestamp,
    /// The last day of which a reminder can be judged.
    judged_until: Day,
}

impl Simulation {
    /// Learns what each night knew.
    ///
    /// # Errors
    /// When the orders are too few, or the setting names a stretch outside of them.
    pub fn new(past: Past, rules: Rules, setting: &Setting) -> Result<Self, SimulateError> {
        let (first, last) = past.days().ok_or(SimulateError::TooShort { span: 0 })?;
        let span = last.since(first) + 1;
        if span < LEAST_SPAN {
            return Err(SimulateError::TooShort { span });
        }
        let morning = |day: Day| instant(past.zone, day.date(), chrono::NaiveTime::MIN);
        let judged_until = last.plus(-EARLY);
        let usual = || morning(first.plus((f64::from(span) * LEARNT_FROM).round() as i32));
        let from = setting.from.unwrap_or_else(usual);
        let end = setting.end.unwrap_or_else(|| morning(judged_until.plus(1)));
        if from >= end || Day::of(from, past.zone) <= first || Day::of(from, past.zone) > last {
            return Err(SimulateError::Outside { from, end, first, last });
        }
        let days = [from, end].map(|at| Day::of(at, past.zone));
        let lessons = lessons::learn(&past, &rules, days[0], setting.learn_every, days[1].plus(1));
        Ok(Self { past, rules, lessons, from, end, judged_until })
    }

    /// How many members there are to simulate.
    pub fn members(&self) -> u64 {
        self.past.buyers.len() as u64
    }

    /// Lives through it under the rules as they are, and under each value of `sweep`; `progress` hears how many members
    /// are done, over all of these.
    pub fn run(&self, sweep: Option<&Sweep>, progress: &(dyn Fn(u64) + Sync)) -> Report {
        let done = AtomicU64::new(0);
        let tick = |members: usize| {
            progress(done.fetch_add(members as u64, Ordering::Relaxed) + members as u64);
        };
        let outcome = self.outcome(&self.rules, &tick);
        let swept = sweep.into_iter().flat_map(|sweep| {
            sweep.values.iter().map(|value| {
                let outcome = self.outcome(&sweep.key.set(&self.rules, *value), &tick);
                Swept { key: sweep.key, value: *value, outcome }
            })
        });
        let sweep = swept.collect();
        let day = |at| Day::of(at, self.past.zone).date();
        let (from, to) = (day(self.from), day(self.end - TimeDelta::milliseconds(1)));
        Report { from, to, weeks: self.weeks(), outcome, sweep, seconds: 0.0 }
    }

    /// Every message in the order of members, then of time.
    pub fn sent(&self) -> Vec<Sent> {
        self.lives(&self.world(&self.rules), &|_| ())
    }

    /// What a member and an item of [`Sent`] are called.
    pub fn names(&self, sent: &Sent) -> (String, Vec<String>) {
        let member = self.past.buyers.get(sent.member).map(|b| b.member.id.to_string()).unwrap_or_default();
        (member, sent.items.iter().map(|item| self.past.catalog.item_id(*item)).collect())
    }

    fn weeks(&self) -> f64 {
        (self.end - self.from).num_seconds() as f64 / TimeDelta::weeks(1).num_seconds() as f64
    }

    fn world<'a>(&'a self, rules: &'a Rules) -> World<'a> {
        let Self { past, lessons, from, end, .. } = self;
        World { past, rules, lessons, from: *from, end: *end, locale: "en", read: false }
    }

    /// Two threads, each taking the next few members; sorted afterwards, so that nothing depends on who was faster.
    fn lives(&self, world: &World<'_>, done: &(dyn Fn(usize) + Sync)) -> Vec<Sent> {
        let next = AtomicUsize::new(0);
        let found = Mutex::new(Vec::new());
        let count = self.past.buyers.len();
        let work = || {
            loop {
                let first = next.fetch_add(TURN, Ordering::Relaxed);
                if first >= count {
                    return;
                }
                let turn = first..count.min(first + TURN);
                let of_turn: Vec<Sent> = turn.clone().flat_map(|place| world.live(place).sent).collect();
                done(turn.len());
                found.lock().unwrap_or_else(PoisonError::into_inner).push((first, of_turn));
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(work);
            work();
        });
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|(first, _)| *first);
        found.into_iter().flat_map(|(_, sent)| sent).collect()
    }

    fn outcome(&self, rules: &Rules, done: &(dyn Fn(usize) + Sync)) -> Outcome {
        let world = self.world(rules);
        let sent = self.lives(&world, done);
        let by_rule: Vec<OfRule> = rules.all().iter().map(|rule| self.of_rule(rule, &sent)).collect();
        let reminder = |sent: &&Sent| sent.purpose == Purpose::Reminder;
        let reminded = sent.iter().filter(reminder);
        let tally =
            Tally::of(reminded.flat_map(|sent| Some(self.timings(rules.get(&sent.rule)?, sent))).flatten());
        let first = Day::of(self.from, self.past.zone);
        let last = Day::of(self.end - TimeDelta::milliseconds(1), self.past.zone).min(self.judged_until);
        let naive = naive(&world, first, last, tally.judged);
        let factor = tally.on_time_share.zip(naive.tally.on_time_share.filter(|share| *share > 0.0));
        Outcome {
            jobs: sent.len() as u64,
            care: sent.iter().filter(|sent| sent.purpose == Purpose::Care).count() as u64,
            members: members(sent.iter()),
            per_week: sent.len() as f64 / self.weeks(),
            tally,
            unjudged: by_rule.iter().map(|rule| rule.unjudged).sum(),
            by_rule,
            naive,
            factor: factor.map(|(ours, plain)| ours / plain),
        }
    }

    fn of_rule(&self, rule: &Rule, sent: &[Sent]) -> OfRule {
        let own = || sent.iter().filter(|sent| sent.rule == rule.id);
        let reminders = || own().filter(|sent| sent.purpose == Purpose::Reminder);
        let tally = Tally::of(reminders().flat_map(|sent| self.timings(rule, sent)));
        let items: usize = reminders().map(|sent| sent.items.len()).sum();
        OfRule {
            rule: rule.id.clone(),
            kind: rule.purpose(),
            jobs: own().count() as u64,
            members: members(own()),
            tally,
            unjudged: items as u64 - tally.judged,
        }
    }

    /// How each item of a reminder turned out; nothing when the orders end too early to say.
    fn timings(&self, rule: &Rule, sent: &Sent) -> Vec<Timing> {
        if sent.day > self.judged_until {
            return Vec::new();
        }
        let bought = &self.past.buyers[sent.member].bought;
        sent.items.iter().map(|item| timing(bought.days(rule.per, *item), sent.day)).collect()
    }
}

fn members<'a>(sent: impl Iterator<Item = &'a Sent>) -> u64 {
    sent.map(|sent| sent.member).collect::<BTreeSet<_>>().len() as u64
}
