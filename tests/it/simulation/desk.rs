//! Owns what people do while the daemon runs, broken off anywhere: the desk's own functions, drawn by chance.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use replenish::desk::deeds::Mandate;
use replenish::desk::jobs::{Act, Selection, cancel, confirm, replay, resend};
use replenish::desk::{pause, suppress};
use replenish::domain::ids::{JobId, MemberId, Timestamp};
use replenish::domain::job::JobState;
use replenish::domain::member::{Purpose, Suppression};
use replenish::domain::order::OrderLine;
use replenish::domain::pause::{PauseScope, PausedBy};
use replenish::domain::shop::Knowledge;
use replenish::store::{JobFilter, ListedAs, Pause, Standing, Store, Whom};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::book::Stop;
use super::process::{give_turns, know, runtime};
use super::shop::{self, PRODUCTS, address};
use super::story::Story;
use super::trace::Checked;

/// One thing that someone does.
#[derive(Debug, Clone)]
pub enum Deed {
    Import(Vec<OrderLine>),
    OptOut(Whom, Suppression),
    OptIn(Whom),
    Consent(MemberId, BTreeSet<Purpose>),
    Move(MemberId, String),
    Pause(PauseScope),
    Resume(PauseScope),
    Stock(&'static str, bool),
    Replay(JobId),
    Resend(JobId),
    Confirm(JobId),
    Cancel(JobId),
}

impl Deed {
    /// Draws something; `jobs` are those that a person may mean.
    pub fn draw(rng: &mut Rng, members: &[MemberId], jobs: &[(JobId, JobState)], now: Timestamp) -> Self {
        if rng.bool() && !jobs.is_empty() {
            let (job, state) = jobs[rng.usize(..jobs.len())].clone();
            return match (state, rng.u8(..3)) {
                (JobState::Uncertain, 0) => Deed::Confirm(job),
                (JobState::Uncertain, 1) => Deed::Resend(job),
                (JobState::Scheduled | JobState::Queued | JobState::Sending, _) => Deed::Cancel(job),
                _ => Deed::Replay(job),
            };
        }
        let member = members[rng.usize(..members.len())].clone();
        match rng.u8(..12) {
            0..3 => Deed::OptOut(Whom::Member(member), opt_out(rng, now)),
            3 => Deed::OptOut(Whom::Address(address(&member, 0)), opt_out(rng, now)),
            4 => Deed::OptIn(Whom::Member(member)),
            5..8 => Deed::Consent(member, consent(rng)),
            8 => Deed::Move(member.clone(), address(&member, rng.u32(..3))),
            9..11 => Deed::Pause(scope(rng)),
            _ => Deed::Stock(PRODUCTS[rng.usize(..PRODUCTS.len())].0, false),
        }
    }

    /// What lifts everything that may stop messages.
    pub fn lift(members: &[MemberId], opt_outs: Vec<Standing>, pauses: Vec<Pause>) -> Vec<Self> {
        let all = BTreeSet::from([Purpose::Reminder, Purpose::Care]);
        let mut deeds: Vec<Self> = PRODUCTS.iter().map(|(id, ..)| Deed::Stock(id, true)).collect();
        deeds.extend(members.iter().map(|member| Deed::Consent(member.clone(), all.clone())));
        deeds.extend(opt_outs.into_iter().map(|standing| Deed::OptIn(standing.whom)));
        deeds.extend(pauses.into_iter().map(|pause| Deed::Resume(pause.scope)));
        deeds
    }

    /// True when something that stands may end by it.
    pub fn may_lift(&self) -> bool {
        matches!(
            self,
            Deed::OptIn(_) | Deed::Consent(..) | Deed::Move(..) | Deed::Resume(_) | Deed::OptOut(..)
        )
    }

    /// True when it stops messages, or lifts what does.
    pub fn stops(&self) -> bool {
        self.may_lift() || matches!(self, Deed::Pause(_))
    }

    /// Does it.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn run(self, store: Store, knowledge: Knowledge, now: Timestamp) -> Checked {
        let mandate = Mandate::of("simulation");
        let act = Act::Go(&mandate);
        let one = |job: JobId| Selection { ids: vec![job.to_string()], ..Selection::default() };
        match self {
            Deed::Import(lines) => said(store.put_orders(lines).await),
            Deed::OptOut(whom, what) => said(suppress::add(&store, &knowledge, now, whom, what, "").await),
            Deed::OptIn(Whom::Address(address)) => {
                said(store.unsuppress(Whom::Address(address), None, None).await)
            }
            Deed::OptIn(whom) => {
                let everything = Suppression { purpose: None, item: None, until: None, again: None };
                said(suppress::remove(&store, whom, everything).await)
            }
            Deed::Consent(id, to) => said(store.put_members(vec![shop::member(&id, None, Some(to))]).await),
            Deed::Move(id, to) => said(store.put_members(vec![shop::member(&id, Some(to), None)]).await),
            Deed::Pause(scope) => said(pause::pause(&store, scope, "", now).await),
            Deed::Resume(scope) => said(pause::resume(&store, &scope).await),
            Deed::Stock(id, is_in) => said(store.put_products(vec![shop::product(id, is_in)]).await),
            Deed::Replay(job) => said(replay(&store, &knowledge, now, &one(job), act).await),
            Deed::Resend(job) => said(resend(&store, &knowledge, now, &one(job), act).await),
            Deed::Confirm(job) => said(confirm(&store, &knowledge, now, &one(job), act).await),
            Deed::Cancel(job) => said(cancel(&store, &knowledge, now, &one(job), act).await),
        }
    }
}

/// What someone is doing.
pub struct UnderWay {
    pub runtime: Runtime,
    pub deed: Deed,
    pub handle: JoinHandle<Checked>,
}

impl Story {
    /// Goes on with what someone does, or begins the next.
    pub fn desk(&mut self, polls: u32) -> Checked {
        if self.under_way.is_none() {
            let Some(deed) = self.pending.pop_front() else { return Ok(()) };
            self.begin_deed(deed)?;
        }
        let Some(UnderWay { runtime, handle, .. }) = &self.under_way else { return Ok(()) };
        give_turns(runtime, polls);
        if !handle.is_finished() {
            return Ok(());
        }
        let Some(UnderWay { runtime, handle, deed }) = self.under_way.take() else { return Ok(()) };
        runtime.block_on(handle).map_err(|e| e.to_string())?.map_err(|e| format!("{deed:?}: {e}"))?;
        self.note(format_args!("done: {deed:?}"));
        if deed.stops() { self.look_what_stops() } else { Ok(()) }
    }

    fn begin_deed(&mut self, deed: Deed) -> Checked {
        self.note(format_args!("someone begins: {deed:?}"));
        match &deed {
            Deed::Replay(job) | Deed::Resend(job) => self.book.entry(job).resent += 1,
            Deed::Confirm(job) => self.book.entry(job).confirmed = true,
            Deed::Cancel(job) => self.book.entry(job).cancelled = true,
            _ => {}
        }
        if deed.may_lift() {
            self.book.perhaps_lifted();
            self.unlooked = true;
        }
        let runtime = runtime();
        let knowledge = self.base.block_on(know(&self.ground, self.rules.clone()))?;
        let handle = runtime.spawn(deed.clone().run(self.ground.store.clone(), knowledge, self.at()));
        self.under_way = Some(UnderWay { runtime, deed, handle });
        Ok(())
    }

    /// Breaks off what someone does. An import is made again.
    pub fn break_off(&mut self) -> Checked {
        let Some(UnderWay { runtime, deed, .. }) = self.under_way.take() else { return Ok(()) };
        self.note(format_args!("broken off: {deed:?}"));
        drop(runtime);
        let stops = deed.stops();
        if matches!(deed, Deed::Import(_)) {
            self.pending.push_front(deed);
        }
        if stops { self.look_what_stops() } else { Ok(()) }
    }

    /// What stands from now on. What was claimed before may still arrive.
    pub fn look_what_stops(&mut self) -> Checked {
        let store = self.ground.store.clone();
        let sending = JobFilter { states: vec![JobState::Sending], ..JobFilter::default() };
        let asked =
            async { (store.suppressions(None).await, store.pauses().await, store.jobs(sending).await) };
        let (opt_outs, pauses, sending) = self.base.block_on(asked);
        let mut stops: Vec<Stop> =
            opt_outs.map_err(|e| e.to_string())?.into_iter().map(Stop::OptOut).collect();
        stops.extend(pauses.map_err(|e| e.to_string())?.into_iter().map(|pause| Stop::Pause(pause.scope)));
        stops.extend(self.refusals()?);
        let mut claimed: BTreeMap<JobId, u32> = BTreeMap::new();
        for listed in sending.map_err(|e| e.to_string())? {
            if let ListedAs::Job(job) = listed.what {
                *claimed.entry(job.id).or_default() += 1;
            }
        }
        for live in self.processes.iter().flatten().flat_map(|p| &p.live).filter(|live| live.overdue) {
            *claimed.entry(live.job.clone()).or_default() += 1;
        }
        self.book.now_stopped(stops, &claimed);
        self.unlooked = false;
        Ok(())
    }

    /// Endpoints that were gone are back, and a person says so; now and then all is lifted that stops messages.
    pub fn mend(&mut self) -> Checked {
        let store = self.ground.store.clone();
        let asked = async { (store.suppressions(None).await, store.pauses().await) };
        let (opt_outs, pauses) = self.base.block_on(asked);
        let (opt_outs, pauses) = (opt_outs.map_err(|e| e.to_string())?, pauses.map_err(|e| e.to_string())?);
        if self.rng.u8(..3) == 0 {
            self.pending.extend(Deed::lift(&self.shop.members, opt_outs, pauses));
        } else {
            let gone = pauses.into_iter().filter(|pause| pause.by == PausedBy::Endpoint);
            self.pending.extend(gone.map(|pause| Deed::Resume(pause.scope)));
        }
        Ok(())
    }
}

fn said<T, E: std::fmt::Display>(done: Result<T, E>) -> Checked {
    done.map(drop).map_err(|e| e.to_string())
}

fn opt_out(rng: &mut Rng, now: Timestamp) -> Suppression {
    let purpose = [None, Some(Purpose::Reminder), Some(Purpose::Care)][rng.usize(..3)];
    let item = (rng.u8(..3) == 0).then(|| PRODUCTS[rng.usize(..PRODUCTS.len())].0.to_owned());
    let until = rng.bool().then(|| now + chrono::TimeDelta::hours(rng.i64(1..2000)));
    Suppression { purpose, item, until, again: None }
}

fn consent(rng: &mut Rng) -> BTreeSet<Purpose> {
    let agreed = [Purpose::Reminder, Purpose::Care].into_iter().filter(|_| rng.u8(..4) > 0);
    agreed.collect()
}

fn scope(rng: &mut Rng) -> PauseScope {
    match rng.u8(..4) {
        0 => PauseScope::All,
        1 => PauseScope::Rule("bath".into()),
        2 => PauseScope::Channel("email".into()),
        _ => PauseScope::Channel("crm".into()),
    }
}
