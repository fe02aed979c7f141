//! Owns one run: two virtual years of a shop, stepped by chance, with calm days between; knows nothing of what must hold.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta};
use fastrand::Rng;
use replenish::daemon::{Retention, learn};
use replenish::domain::ids::Timestamp;
use replenish::domain::job::{JobState, OnUncertain};
use replenish::domain::rules::Rules;
use replenish::store::{JobFilter, ListedAs, Store};
use tokio::runtime::Runtime;

use super::Ends;
use super::book::Book;
use super::desk::{Deed, UnderWay};
use super::peer::Outside;
use super::process::{Ground, Process, runtime};
use super::shop::{DAYS, Shop, address, member, start};
use super::trace::{Checked, Trace};

/// Milliseconds.
pub const DAY: i64 = 86_400_000;

/// What goes wrong in this run.
pub struct Faults {
    pub kills: bool,
    pub conveyor: bool,
    pub weather: bool,
    pub jumps: bool,
    pub deeds: bool,
}

/// A run.
pub struct Story {
    pub rng: Rng,
    pub trace: Trace,
    pub ground: Ground,
    pub shop: Shop,
    pub book: Book,
    pub base: Runtime,
    pub processes: Vec<Option<Process>>,
    /// The highest time so far, in milliseconds: the clock may have jumped back since.
    pub latest: i64,
    pub has_jumped_back: bool,
    pub faults: Faults,
    pub rules: Rules,
    pub edition: u32,
    pub renamed: bool,
    /// What stops messages may have changed since it was last looked at.
    pub unlooked: bool,
    /// Processes that have not read the rules again since they were edited.
    pub behind: Vec<bool>,
    pub pending: VecDeque<Deed>,
    pub under_way: Option<UnderWay>,
    pub next_arrival: usize,
    pub next_deed: i64,
    pub next_lesson: i64,
}

impl Story {
    /// Draws a run and lays its history down.
    pub fn begin(seed: u64, aloud: bool) -> Checked<Self> {
        fastrand::seed(seed);
        let mut rng = Rng::with_seed(seed);
        let shop = Shop::draw(seed, &mut rng);
        let alone = rng.u8(..3) == 0;
        let on_uncertain = if rng.u8(..3) == 0 { OnUncertain::Resend } else { OnUncertain::Hold };
        let zones = [chrono_tz::Asia::Taipei, chrono_tz::Europe::Berlin, chrono_tz::America::New_York];
        let clock = Arc::new(AtomicI64::new(start().timestamp_millis()));
        let ground = Ground {
            store: Store::in_memory().map_err(|e| e.to_string())?,
            clock,
            outside: Outside::new(seed),
            conveyor: Arc::new(Mutex::new(Vec::new())),
            zone: zones[rng.usize(..zones.len())],
            on_uncertain,
            retention: Retention { jobs: (rng.u8(..4) == 0).then(|| TimeDelta::days(200)), archive: None },
            alone,
        };
        let mut fault = || rng.u8(..3) > 0;
        let faults =
            Faults { kills: fault(), conveyor: fault(), weather: fault(), jumps: fault(), deeds: fault() };
        let processes: Vec<Option<Process>> = (0..if alone { 1 } else { 2 }).map(|_| None).collect();
        let now = start().timestamp_millis();
        let mut story = Self {
            rng,
            trace: Trace::new(aloud),
            book: Book::new(on_uncertain),
            base: runtime(),
            behind: vec![false; processes.len()],
            processes,
            latest: now,
            has_jumped_back: false,
            faults,
            rules: shop.rules(0, false),
            edition: 0,
            renamed: false,
            unlooked: false,
            pending: VecDeque::new(),
            under_way: None,
            next_arrival: 0,
            next_deed: now,
            next_lesson: now + 200 * DAY,
            ground,
            shop,
        };
        story.lay_down()?;
        Ok(story)
    }

    /// Members, and the orders from before the run, learnt from.
    fn lay_down(&mut self) -> Checked {
        let members = self.shop.members.iter().map(|id| member(id, Some(address(id, 0)), None)).collect();
        let old = self.shop.arrivals.partition_point(|a| a.at <= start());
        let lines = self.shop.arrivals[..old].iter().flat_map(|a| a.lines.clone()).collect();
        self.next_arrival = old;
        let store = self.ground.store.clone();
        let put = async {
            store.put_members(members).await?;
            store.put_orders(lines).await
        };
        self.base.block_on(put).map_err(|e| e.to_string())?;
        self.learn()
    }

    /// Two years; what became of the jobs.
    pub fn live(&mut self) -> Checked<Ends> {
        let end = start().timestamp_millis() + DAYS * DAY;
        while self.now() < end {
            self.go_on(end)?;
            self.bout()?;
            if self.rng.u8(..4) == 0 {
                self.calm()?;
            }
        }
        self.calm()?;
        self.whole()
    }

    pub fn now(&self) -> i64 {
        self.ground.clock.load(Ordering::SeqCst)
    }

    pub fn at(&self) -> Timestamp {
        DateTime::from_timestamp_millis(self.now()).unwrap()
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// To the next moment at which anything happens.
    fn go_on(&mut self, end: i64) -> Checked {
        let now = self.now();
        let next_arrival = self.shop.arrivals.get(self.next_arrival).map(|a| a.at.timestamp_millis());
        let next_event = self.next_event()?.filter(|at| *at > now);
        let soon = now + self.rng.i64(1..600) * 60_000;
        let known = [next_arrival, next_event, Some(self.next_deed), Some(end)].into_iter().flatten();
        let next = known.filter(|at| *at > now).min().unwrap_or(end);
        // What is under way may go on for a while first.
        let next = if self.rng.u8(..4) == 0 { next.min(soon) } else { next };
        self.go_to(next);
        self.happen()
    }

    pub fn next_event(&self) -> Checked<Option<i64>> {
        let next = self.base.block_on(self.ground.store.next_event()).map_err(|e| e.to_string())?;
        Ok(next.map(|at| at.timestamp_millis()))
    }

    /// Orders that have come in by now, what people do, a lesson, an edit.
    fn happen(&mut self) -> Checked {
        let now = self.now();
        while let Some(arrival) =
            self.shop.arrivals.get(self.next_arrival).filter(|a| a.at.timestamp_millis() <= now)
        {
            self.pending.push_back(Deed::Import(arrival.lines.clone()));
            self.next_arrival += 1;
        }
        if now >= self.next_lesson {
            self.next_lesson = now + self.rng.i64(60..300) * DAY;
            self.learn()?;
        }
        if now >= self.next_deed {
            self.next_deed = now + self.rng.i64(1..60 * 24) * 3_600_000;
            if self.faults.deeds {
                self.draw_deed()?;
            }
        }
        Ok(())
    }

    pub fn draw_deed(&mut self) -> Checked {
        if self.rng.u8(..8) == 0 {
            self.edition += 1;
            // Beside a process that does not know the new name yet, the old one stays.
            self.renamed |= self.ground.alone && self.rng.bool();
            self.rules = self.shop.rules(self.edition, self.renamed);
            self.behind.iter_mut().for_each(|behind| *behind = true);
            let edition = self.edition;
            self.note(format_args!("rules: edition {edition}"));
            return Ok(());
        }
        let listed =
            self.base.block_on(self.ground.store.jobs(JobFilter::default())).map_err(|e| e.to_string())?;
        let jobs = listed.into_iter().filter_map(|l| match l.what {
            ListedAs::Job(job) if job.state != JobState::Delivered => Some((job.id, job.state)),
            _ => None,
        });
        let jobs: Vec<_> = jobs.collect();
        let recent = &jobs[jobs.len().saturating_sub(6)..];
        let at = self.at();
        let deed = Deed::draw(&mut self.rng, &self.shop.members, recent, at);
        self.pending.push_back(deed);
        Ok(())
    }

    fn learn(&mut self) -> Checked {
        self.note(format_args!("learns"));
        let lesson = self.base.block_on(learn(&self.ground.store, self.rules(), self.ground.zone, self.at()));
        lesson.map(drop).map_err(|e| e.to_string())
    }

    /// Nothing is due, nothing under way.
    pub fn is_at_rest(&self) -> Checked<bool> {
        let is_due = self.next_event()?.is_some_and(|at| at <= self.now());
        let is_busy = self.processes.iter().flatten().any(Process::is_busy);
        Ok(!is_due && !is_busy && self.in_flight()? == 0)
    }

    pub fn in_flight(&self) -> Checked<u64> {
        self.base.block_on(self.ground.store.in_flight()).map_err(|e| e.to_string())
    }

    pub fn note(&mut self, what: std::fmt::Arguments<'_>) {
        self.trace.note(self.ground.clock.load(Ordering::SeqCst), what);
    }
}
