//! Owns the verdicts: send, defer until, skip because; judged when a job is assembled and again when it is claimed.

mod caps;

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::catalog::{Item, Level};
use super::ids::{ChannelName, Day, JobId, MemberId, RuleId, Timestamp};
use super::job::{Job, JobState, Judgement};
use super::member::{Purpose, Suppression};
use super::occasion::{Occasion, OccasionState};
use super::order::PurchaseDay;
use super::plan::{hours, is_subscribed};
use super::reason::Reason;
use super::rules::{Class, ConsentUnknown, Rule};
use super::shop::{Person, Shop, reaches};
use super::trigger::{Trigger, Unless};
use super::unsuitable::{UnsuitableAction, unsuitable};

/// The guard under which what does not suit a member stands in the record.
pub const UNSUITABLE: &str = "unsuitable";
/// The guard that only the assembler can answer for: the shop's day is over all members.
pub const DAILY_BUDGET: &str = "daily_budget";

/// What a guard says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing against it.
    Send,
    /// Not now: look again at this time.
    Defer(Timestamp, Reason),
    /// Never.
    Skip(Reason),
}

/// One judgement, with all that it rests on.
#[derive(Clone, Copy)]
pub struct Judge<'a> {
    /// The member.
    pub person: &'a Person<'a>,
    /// The shop.
    pub shop: &'a Shop<'a>,
    /// The rule that asks.
    pub rule: &'a Rule,
    /// The instant of the judgement.
    pub now: Timestamp,
}

/// A guard's name, and what it says of `T`.
type Guard<'a, T> = (&'static str, fn(&Judge<'a>, &T) -> Verdict);

/// What is judged as a whole: one message, whatever it is about.
pub struct Message<'a> {
    /// Where it would go.
    pub channel: &'a ChannelName,
    /// When it is no longer worth sending.
    pub valid_until: Timestamp,
    /// The job itself, once there is one: it does not count against its own cap.
    pub job: Option<&'a JobId>,
    /// Jobs assembled in this very decision, which the ledger does not show yet.
    pub fresh: &'a [Job],
    /// When the next shop day begins, while this one has no room for new messages; a job has its place already.
    pub used_up_until: Option<Timestamp>,
}

impl<'a> Message<'a> {
    /// A job on its way.
    pub fn of(job: &'a Job) -> Self {
        let (channel, valid_until) = (&job.channel, job.valid_until);
        Self { channel, valid_until, job: Some(&job.id), fresh: &[], used_up_until: None }
    }
}

impl<'a> Judge<'a> {
    /// Judges one occasion: is this item, in this turn, still worth a word?
    pub fn occasion(&self, occasion: &Occasion) -> Verdict {
        if occasion.valid_until <= self.now {
            return Verdict::Skip(Reason::Expired);
        }
        first_against(self.each_of_occasion(occasion).map(|(_, verdict)| verdict))
    }

    /// Judges the message as a whole; the record names every guard that was asked.
    pub fn message(&self, message: &Message<'_>) -> (Verdict, Vec<Judgement>) {
        let mut record = Vec::new();
        for (name, verdict) in self.each_of_message(message) {
            record.push(Judgement { guard: name.to_owned(), verdict: verdict.to_string() });
            if verdict != Verdict::Send {
                return (verdict, record);
            }
        }
        (Verdict::Send, record)
    }

    /// What every guard of an occasion says, by name.
    pub fn each_of_occasion(&self, occasion: &Occasion) -> impl Iterator<Item = (&'static str, Verdict)> {
        let guards: [Guard<'a, Occasion>; 7] = [
            ("still_needed", Judge::still_needed),
            ("step_before", Judge::follows),
            (UNSUITABLE, Judge::suitable),
            ("holdout", Judge::not_held_out),
            ("one_reminder_per_purchase", Judge::not_reminded),
            ("item_suppression", Judge::item_not_suppressed),
            ("in_stock", Judge::in_stock),
        ];
        guards
            .into_iter()
            .map(move |(name, guard)| (name, guard(self, occasion).within(occasion.valid_until)))
    }

    /// What every guard of a message says, by name.
    pub fn each_of_message(&self, message: &Message<'_>) -> impl Iterator<Item = (&'static str, Verdict)> {
        let guards: [Guard<'a, Message<'_>>; 9] = [
            ("suppression", Judge::not_suppressed),
            ("consent", Judge::consented),
            ("address", Judge::reachable),
            ("paused", Judge::not_paused),
            ("orders_fresh_within", Judge::orders_fresh),
            ("quiet_hours", Judge::hours_allow),
            ("minimum_gap", Judge::after_the_gap),
            ("frequency_cap", Judge::below_caps),
            (DAILY_BUDGET, Judge::within_budget),
        ];
        guards.into_iter().map(move |(name, guard)| (name, guard(self, message).within(message.valid_until)))
    }

    fn still_needed(&self, occasion: &Occasion) -> Verdict {
        let days = self.person.days(self.rule.per, occasion.key.item);
        let last = days.last().map(|d| d.day);
        let kept = days
            .iter()
            .any(|d| d.day == occasion.anchor_day || d.anchor.as_str() == occasion.key.cycle.anchor());
        if matches!(self.rule.trigger, Trigger::Member(..)) {
            return Verdict::Send;
        }
        match self.rule.trigger {
            Trigger::Need(_)
                if last.is_some_and(|day| day > occasion.anchor_day) && !self.is_last(occasion)
                    || self.was_bought_since_asked(occasion) =>
            {
                Verdict::Skip(Reason::Reordered)
            }
            _ if kept => Verdict::Send,
            _ => Verdict::Skip(Reason::Returned),
        }
    }

    /// A further message follows one that went, after the time it keeps, unless it has become needless.
    fn follows(&self, occasion: &Occasion) -> Verdict {
        let place = usize::from(occasion.key.step).wrapping_sub(2);
        let Some(step) = self.rule.steps.get(place) else {
            // A step that the rule no longer has is withdrawn by the planner.
            return Verdict::Send;
        };
        let bought_since = |days: &[PurchaseDay]| days.iter().any(|d| d.day > occasion.anchor_day);
        let item = || self.person.days(self.rule.per, occasion.key.item);
        let anything = || self.person.days(Level::Member, Item::Anything);
        let is_needless = |unless: &Unless| match unless {
            Unless::Bought => bought_since(item()),
            Unless::BoughtAnything => bought_since(anything()),
        };
        if step.unless.iter().any(is_needless) {
            return Verdict::Skip(Reason::Reordered);
        }
        match self.went_at(occasion) {
            Before::Went(at) if at + step.after > self.now => {
                Verdict::Defer(at + step.after, Reason::StepBefore)
            }
            Before::Went(_) => Verdict::Send,
            Before::Waits => Verdict::Defer(self.now + TimeDelta::hours(1), Reason::StepBefore),
            Before::Ended => Verdict::Skip(Reason::StepBefore),
        }
    }

    /// What became of the message before this one, of the same turn.
    fn went_at(&self, occasion: &Occasion) -> Before {
        let view = self.person.view;
        let is_before = |o: &&Occasion| o.key.step + 1 == occasion.key.step && self.is_same_turn(o, occasion);
        let Some(before) = view.occasions.iter().find(is_before) else { return Before::Ended };
        let job = match &before.state {
            OccasionState::Open => return Before::Waits,
            OccasionState::Closed(_) => return Before::Ended,
            OccasionState::Served(job) => job,
        };
        match view.job(job) {
            Some(job) if job.state == JobState::Delivered => Before::Went(job.contact_at()),
            Some(job) if !job.state.is_final() => Before::Waits,
            Some(_) => Before::Ended,
            // Finished longer ago than anything that still matters.
            None => Before::Went(before.due_at),
        }
    }

    /// Steps of this rule about the same item in the same cycle.
    fn is_same_turn(&self, one: &Occasion, other: &Occasion) -> bool {
        (one.key.item, &one.key.cycle) == (other.key.item, &other.key.cycle)
            && self.rule.answers_to(&one.key.rule)
    }

    /// The anchor's order is still the item's latest, whatever its corrected date.
    fn is_last(&self, occasion: &Occasion) -> bool {
        let days = self.person.days(self.rule.per, occasion.key.item);
        days.last().is_some_and(|d| d.anchor.as_str() == occasion.key.cycle.anchor())
    }

    /// The member asked to be reminded again, and has bought the item meanwhile, if on the very day.
    fn was_bought_since_asked(&self, occasion: &Occasion) -> bool {
        let (day, item) = (occasion.key.cycle.again_on(), occasion.key.item);
        let is_wish = |s: &&Suppression| {
            day.is_some()
                && s.until.map(|until| Day::of(until, self.shop.zone)) == day
                && s.item.as_ref().is_some_and(|name| self.person.names(name, item))
        };
        let asked = self.person.view.suppressions.iter().filter(is_wish).filter_map(|s| s.again).max();
        asked.is_some_and(|at| self.person.bought_after(item, at))
    }

    fn suitable(&self, occasion: &Occasion) -> Verdict {
        let mut against = unsuitable(self.person, self.shop, occasion.key.item, self.now);
        let skips = against.any(|u| u.action == UnsuitableAction::Skip);
        if skips { Verdict::Skip(Reason::Unsuitable) } else { Verdict::Send }
    }

    fn not_held_out(&self, _: &Occasion) -> Verdict {
        let share = self.rule.holdout.unwrap_or(self.shop.rules.guards.holdout);
        if share > 0.0 && holdout_share(&self.person.view.member.id, &self.rule.id) < share {
            return Verdict::Skip(Reason::Holdout);
        }
        Verdict::Send
    }

    fn not_reminded(&self, occasion: &Occasion) -> Verdict {
        if self.rule.purpose() != Purpose::Reminder || !self.shop.rules.guards.one_reminder_per_purchase {
            return Verdict::Send;
        }
        let is_reminder =
            |rule: &RuleId| self.shop.rules.get(rule).is_none_or(|r| r.purpose() == Purpose::Reminder);
        let same_need = |item: Item| self.person.history.overlap(item, occasion.key.item, self.shop.catalog);
        let reminded = self.person.view.occasions.iter().any(|o| {
            o.is_served()
                && o.key != occasion.key
                && !self.is_same_turn(o, occasion)
                && o.anchor_day == occasion.anchor_day
                && o.key.cycle.again_on() >= occasion.key.cycle.again_on()
                && is_reminder(&o.key.rule)
                && same_need(o.key.item)
        });
        if reminded { Verdict::Skip(Reason::AlreadyReminded) } else { Verdict::Send }
    }

    fn item_not_suppressed(&self, occasion: &Occasion) -> Verdict {
        let about_item =
            |s: &Suppression| s.item.as_ref().is_some_and(|name| self.person.names(name, occasion.key.item));
        if is_subscribed(self.person, self.shop, occasion.key.item)
            && self.rule.purpose() == Purpose::Reminder
        {
            return Verdict::Skip(Reason::Subscribed);
        }
        self.suppressed_by(about_item)
    }

    fn in_stock(&self, occasion: &Occasion) -> Verdict {
        let catalog = self.shop.catalog;
        let mut bought =
            self.person.history.purchases().iter().filter(|p| catalog.contains(occasion.key.item, p.product));
        let available = !catalog.has_out_of_stock()
            || bought.any(|p| catalog.product(p.product).is_none_or(|p| p.in_stock));
        if available || self.rule.purpose() == Purpose::Care {
            return Verdict::Send;
        }
        Verdict::Defer(Timestamp::MAX_UTC, Reason::OutOfStock)
    }

    fn not_suppressed(&self, _: &Message<'_>) -> Verdict {
        self.suppressed_by(|s| s.item.is_none())
    }

    fn suppressed_by(&self, concerns: impl Fn(&Suppression) -> bool) -> Verdict {
        let holds = |s: &&Suppression| {
            concerns(s) && s.purpose.is_none_or(|p| p == self.rule.purpose()) && s.holds(self.now)
        };
        // The longest opt-out counts; one without an end holds for ever.
        let until =
            self.person.view.suppressions.iter().filter(holds).map(|s| s.until.unwrap_or(Timestamp::MAX_UTC));
        until.max().map_or(Verdict::Send, |until| Verdict::Defer(until, Reason::Suppressed))
    }

    fn consented(&self, message: &Message<'_>) -> Verdict {
        let agreed = match &self.person.view.member.consent {
            Some(purposes) => purposes.contains(&self.rule.purpose()),
            None if self.rule.class == Class::Service => true,
            None => match self.shop.rules.guards.consent_unknown {
                ConsentUnknown::Allow => true,
                ConsentUnknown::Deny => false,
                ConsentUnknown::WebhookOnly => !message.channel.is_email(),
            },
        };
        if agreed { Verdict::Send } else { Verdict::Defer(Timestamp::MAX_UTC, Reason::NoConsent) }
    }

    fn reachable(&self, message: &Message<'_>) -> Verdict {
        if reaches(self.shop.reach, message.channel, &self.person.view.member) {
            Verdict::Send
        } else {
            Verdict::Defer(Timestamp::MAX_UTC, Reason::NoAddress)
        }
    }

    /// Whoever resumes lets go of what is held.
    fn not_paused(&self, message: &Message<'_>) -> Verdict {
        let mut pauses = self.person.view.pauses.iter();
        match pauses.any(|pause| pause.stops(self.rule, message.channel)) {
            true => Verdict::Defer(Timestamp::MAX_UTC, Reason::Paused),
            false => Verdict::Send,
        }
    }

    /// Whoever ends an import lets go of what it held; should it never end, this looks again when its mark is void.
    fn orders_fresh(&self, _: &Message<'_>) -> Verdict {
        if self.rule.purpose() == Purpose::Care {
            return Verdict::Send;
        }
        if self.person.view.import_under_way {
            return Verdict::Defer(self.now + TimeDelta::minutes(2), Reason::ImportUnderWay);
        }
        let Some(within) = self.shop.rules.guards.orders_fresh_within else { return Verdict::Send };
        let fresh = self.shop.orders_at.is_some_and(|at| at + within >= self.now);
        match fresh {
            true => Verdict::Send,
            false => Verdict::Defer(self.now + TimeDelta::hours(1), Reason::OrdersStale),
        }
    }

    fn hours_allow(&self, _: &Message<'_>) -> Verdict {
        let hours = hours(self.person, self.shop, self.rule);
        if hours.allow(self.now) {
            return Verdict::Send;
        }
        Verdict::Defer(hours.next(self.now), Reason::QuietHours)
    }
}

/// What became of the message before.
enum Before {
    Went(Timestamp),
    Waits,
    Ended,
}

impl Verdict {
    /// A deferral never looks beyond the end of what it defers.
    fn within(self, valid_until: Timestamp) -> Self {
        match self {
            Verdict::Defer(until, reason) => Verdict::Defer(until.min(valid_until), reason),
            other => other,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Verdict::Send => f.write_str("send"),
            Verdict::Defer(until, reason) => {
                write!(
                    f,
                    "defer until {}: {reason}",
                    until.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
                )
            }
            Verdict::Skip(reason) => write!(f, "skip: {reason}"),
        }
    }
}

/// The first verdict that is not `Send`; an end outweighs a delay.
fn first_against(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    let against: Vec<Verdict> = verdicts.filter(|v| *v != Verdict::Send).collect();
    let end = against.iter().find(|v| matches!(v, Verdict::Skip(_)));
    end.or(against.first()).copied().unwrap_or(Verdict::Send)
}

/// Where a member stands in 0..1 for a rule: stable over time, restarts and machines.
pub fn holdout_share(member: &MemberId, rule: &RuleId) -> f64 {
    let hash = Sha256::digest(format!("{rule}\n{member}").as_bytes());
    let head = hash.iter().take(6).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    head as f64 / (1_u64 << 48) as f64
}
