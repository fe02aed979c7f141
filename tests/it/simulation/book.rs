//! Owns what receivers saw, held against what must never be, and what excuses a message that came twice; asks no ledger.

use std::collections::BTreeMap;

use replenish::domain::guards::holdout_share;
use replenish::domain::ids::{JobId, MemberId, Timestamp};
use replenish::domain::job::{Delivery, OnUncertain};
use replenish::domain::member::Purpose;
use replenish::domain::pause::PauseScope;
use replenish::store::{Standing, Whom};

use super::peer::{Event, Seen};
use super::shop::{HOLDOUT, OLD_NAME};
use super::trace::Checked;

/// What is known of one job from outside the ledger.
#[derive(Debug, Default, Clone)]
pub struct Entry {
    /// Hand-overs that began.
    pub began: u32,
    /// Times that the peer took it.
    pub took: u32,
    /// Answers that the peer gave, by their word.
    pub answered: BTreeMap<&'static str, u32>,
    /// Deliveries that died with their process.
    pub died: u32,
    /// What may have made it come again: an answer that was lost, a process that died, a lease that ran out.
    pub excuses: u32,
    /// Times that a person sent it again.
    pub resent: u32,
    /// A person said that it arrived.
    pub confirmed: bool,
    /// A person cancelled it.
    pub cancelled: bool,
    /// It went by e-mail.
    pub is_mail: bool,
}

/// Something that stops messages.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    OptOut(Standing),
    NoConsent(MemberId, Purpose),
    Pause(PauseScope),
}

impl Stop {
    /// True of a message that must not go while this stands.
    fn covers(&self, seen: &Seen, latest: Timestamp) -> bool {
        match self {
            Stop::NoConsent(member, purpose) => seen.member == *member && seen.purpose == *purpose,
            Stop::Pause(PauseScope::All) => true,
            Stop::Pause(PauseScope::Rule(rule)) => seen.rule == *rule,
            Stop::Pause(PauseScope::Channel(channel)) => seen.channel == *channel,
            Stop::OptOut(Standing { whom, what, .. }) => {
                let is_mine = match whom {
                    Whom::Member(member) => seen.member == *member,
                    Whom::Address(address) => seen.email.as_ref() == Some(address),
                };
                // Once handed over, a message about several items goes on with all of them.
                let is_about = |item: &String| matches!(&seen.items[..], [(only, _)] if only == item);
                is_mine
                    && what.holds(latest)
                    && what.purpose.is_none_or(|purpose| purpose == seen.purpose)
                    && what.item.as_ref().is_none_or(is_about)
            }
        }
    }
}

/// One need of a member: the purpose (of care messages: the rule), the step, the item, and the purchase before it.
type Need = (MemberId, String, u16, String, String);

/// What receivers saw.
pub struct Book {
    pub jobs: BTreeMap<JobId, Entry>,
    pub on_uncertain: OnUncertain,
    needs: BTreeMap<Need, JobId>,
    /// What stands, with how many hand-overs of each job may have begun by now in spite of it.
    stops: Vec<(Stop, BTreeMap<JobId, u32>)>,
}

impl Book {
    pub fn new(on_uncertain: OnUncertain) -> Self {
        Self { jobs: BTreeMap::new(), on_uncertain, needs: BTreeMap::new(), stops: Vec::new() }
    }

    pub fn entry(&mut self, job: &JobId) -> &mut Entry {
        self.jobs.entry(job.clone()).or_default()
    }

    /// A delivery died with its process.
    pub fn died(&mut self, job: &JobId) {
        let entry = self.entry(job);
        entry.died += 1;
        entry.excuses += u32::from(entry.took > 0);
    }

    /// What stops messages from now on; `under_way` may still arrive, each so often.
    pub fn now_stopped(&mut self, stops: Vec<Stop>, under_way: &BTreeMap<JobId, u32>) {
        self.stops.retain(|(stop, _)| stops.contains(stop));
        for stop in stops {
            if !self.stops.iter().any(|(known, _)| *known == stop) {
                let began = self.jobs.iter().map(|(job, entry)| (job.clone(), entry.began));
                let mut allowed: BTreeMap<JobId, u32> = began.collect();
                under_way.iter().for_each(|(job, n)| *allowed.entry(job.clone()).or_default() += n);
                self.stops.push((stop, allowed));
            }
        }
    }

    /// Someone may be lifting what stands.
    pub fn perhaps_lifted(&mut self) {
        self.stops.clear();
    }

    /// True when this member's messages are stopped in this way now.
    pub fn is_stopped(&self, is_it: impl Fn(&Stop) -> bool) -> bool {
        self.stops.iter().any(|(stop, _)| is_it(stop))
    }

    /// Writes down what happened.
    ///
    /// # Errors
    /// What must never be.
    pub fn write(&mut self, event: &Event, latest: Timestamp) -> Checked {
        match event {
            Event::Began(seen) => self.began(seen, latest),
            Event::Took(seen) => self.took(seen),
            Event::Answered(job, result, took) => {
                let entry = self.entry(job);
                *entry.answered.entry(result.as_str()).or_default() += 1;
                entry.excuses += u32::from(*took && *result != Delivery::Delivered);
                Ok(())
            }
        }
    }

    fn began(&mut self, seen: &Seen, latest: Timestamp) -> Checked {
        let entry = self.entry(&seen.job);
        entry.began += 1;
        entry.is_mail = seen.channel.is_email();
        let began = entry.began;
        for (stop, allowed) in self.stops.iter().filter(|(stop, _)| stop.covers(seen, latest)) {
            if began > allowed.get(&seen.job).copied().unwrap_or(0) {
                return Err(format!("{} was handed over in spite of {stop:?}: {seen:?}", seen.job));
            }
        }
        if seen.rule.as_str() == "tips" && holdout_share(&seen.member, &seen.rule) < HOLDOUT {
            return Err(format!("{} went to the holdout", seen.job));
        }
        Ok(())
    }

    fn took(&mut self, seen: &Seen) -> Checked {
        let on_uncertain = self.on_uncertain;
        let entry = self.entry(&seen.job);
        entry.took += 1;
        let is_held = entry.is_mail && on_uncertain == OnUncertain::Hold;
        let may = 1 + entry.resent + if is_held { 0 } else { entry.excuses };
        if entry.took > may {
            return Err(format!("{} arrived {} times, {may} can be explained", seen.job, entry.took));
        }
        for (item, after) in &seen.items {
            let rule = if seen.rule.as_str() == OLD_NAME { "refill" } else { seen.rule.as_str() };
            let about = if seen.purpose == Purpose::Reminder { "reminder" } else { rule };
            let need = (seen.member.clone(), about.to_owned(), seen.step, item.clone(), after.clone());
            let first = self.needs.entry(need).or_insert_with(|| seen.job.clone());
            if *first != seen.job {
                return Err(format!("{first} and {} are about one need: {seen:?}", seen.job));
            }
        }
        Ok(())
    }
}
