//! Owns the job: one message to one member, its states, attempts, outcomes and retries; knows nothing of queues or peers.

use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

use super::ids::{ChannelName, JobId, MemberId, RuleId, Timestamp};
use super::lifecycle::Stage;
use super::member::Purpose;
use super::reason::Reason;

/// Where a job stands. `Queued` is offered under a lease, `Sending` is durable before the hand-over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum JobState {
    Scheduled,
    Queued,
    Sending,
    Delivered,
    Failed,
    Uncertain,
    Skipped,
    Cancelled,
}

impl JobState {
    /// Every state, in the order of a job's life.
    pub const ALL: [JobState; 8] = [
        JobState::Scheduled,
        JobState::Queued,
        JobState::Sending,
        JobState::Delivered,
        JobState::Failed,
        JobState::Uncertain,
        JobState::Skipped,
        JobState::Cancelled,
    ];

    /// The word used in the ledger, in JSON and by filters.
    pub fn as_str(self) -> &'static str {
        match self {
            JobState::Scheduled => "scheduled",
            JobState::Queued => "queued",
            JobState::Sending => "sending",
            JobState::Delivered => "delivered",
            JobState::Failed => "failed",
            JobState::Uncertain => "uncertain",
            JobState::Skipped => "skipped",
            JobState::Cancelled => "cancelled",
        }
    }

    /// The state of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }

    /// True when nothing but a person moves the job on.
    pub fn is_final(self) -> bool {
        !matches!(self, JobState::Scheduled | JobState::Queued | JobState::Sending)
    }

    /// True when the message reached the member, may have, or is about to: what caps count.
    pub fn counts_as_contact(self) -> bool {
        !matches!(self, JobState::Failed | JobState::Skipped | JobState::Cancelled)
    }

    /// True when a person may replay the job.
    pub fn is_replayable(self) -> bool {
        matches!(self, JobState::Failed | JobState::Uncertain | JobState::Skipped | JobState::Cancelled)
    }
}

/// One message to one member on one channel, serving one or more occasions of one rule and step.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id, the same for the same first occasion on any machine.
    pub id: JobId,
    /// Where it stands.
    pub state: JobState,
    /// The rule's id when it was assembled.
    pub rule: RuleId,
    /// The rule's step, from 1.
    pub step: u16,
    /// What it is for.
    pub purpose: Purpose,
    /// Where it goes.
    pub channel: ChannelName,
    /// The rule's when it was assembled: within a channel the higher goes first.
    pub priority: i32,
    /// When it fell due; the planner's.
    pub due_at: Timestamp,
    /// Delivery's own: not before this, after a deferral or a failed attempt.
    pub not_before: Option<Timestamp>,
    /// When it is no longer worth sending.
    pub valid_until: Timestamp,
    /// When it was assembled.
    pub assembled_at: Timestamp,
    /// When it was last handed to the peer.
    pub handed_over_at: Option<Timestamp>,
    /// Attempts that the peer answered; an unreachable or throttling peer burns none.
    pub attempts: u32,
    /// Hand-overs of any kind, for the growing delay.
    pub tries: u32,
    /// Hand-overs since its beginning, also those that a person's replay forgives: each has a number of its own, from 1.
    pub handovers: u32,
    /// Why it stands where it stands, when that needs a reason.
    pub reason: Option<Reason>,
    /// A person replayed it: the planner never cancels it.
    pub pinned: bool,
    /// Assembled while `deliver = "shadow"`: serves nothing, counts nowhere.
    pub shadow: bool,
    /// The hash of the rules it was assembled under.
    pub rules_hash: String,
    /// What it says, frozen at the first hand-over. Loaded for jobs that are not over.
    pub content: Option<Content>,
}

impl Job {
    /// When delivery may take it.
    pub fn ready_at(&self) -> Timestamp {
        self.not_before.map_or(self.due_at, |t| t.max(self.due_at))
    }

    /// When it reached the member, or will: what caps count from.
    pub fn contact_at(&self) -> Timestamp {
        self.handed_over_at.unwrap_or(self.assembled_at)
    }
}

/// What a message says, apart from the address it goes to and the words of its template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// The member's id.
    pub member: MemberId,
    /// What to call the member.
    pub name: Option<String>,
    /// BCP 47; the shop's where the member has none.
    pub locale: String,
    /// The member's stage.
    pub stage: Stage,
    /// The member's tags.
    pub tags: Vec<String>,
    /// The member's region.
    pub region: Option<String>,
    /// What it is about.
    pub items: Vec<ItemFacts>,
    /// The sentence why, in the member's language.
    pub reason: String,
    /// Whom an item does not suit.
    pub cautions: Vec<String>,
    /// What each guard said when the message was composed.
    pub guards: Vec<Judgement>,
}

/// One guard's verdict, for the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The guard's name.
    pub guard: String,
    /// Its verdict in words.
    pub verdict: String,
}

/// What a message knows of one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemFacts {
    /// The item's id as the shop writes it.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Where to buy it.
    pub url: Option<String>,
    /// Pieces bought last time.
    pub quantity: f64,
    /// When it was bought last.
    pub last_purchase: NaiveDate,
    /// The median need date.
    pub need_date: Option<NaiveDate>,
    /// One in ten needs it before.
    pub p10: Option<NaiveDate>,
    /// Nine in ten need it before.
    pub p90: Option<NaiveDate>,
    /// The member's usual interval, in days.
    pub interval_days: Option<f64>,
    /// How to use it well.
    pub usage_tip: Option<String>,
}

/// How long an offer or a hand-over may take, in real time, before it is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// From this time on, by this machine's clock. A ledger with a clock of its own, which all processes share, goes by that
    /// instead.
    pub from: Timestamp,
    /// So long.
    pub span: TimeDelta,
}

/// How one hand-over ended: data, never an error.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What it means for the job.
    pub result: Delivery,
    /// Why, when it was not delivered.
    pub reason: Option<Reason>,
    /// The peer's code: an HTTP status or an SMTP reply code.
    pub code: Option<String>,
    /// What the peer said, cut short; never an address.
    pub reply: Option<String>,
    /// Which relay or endpoint answered.
    pub relay: Option<String>,
    /// When the peer asked to be tried again.
    pub retry_after: Option<TimeDelta>,
}

/// What a hand-over's end means for the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// The peer took it.
    Delivered,
    /// The peer answered and refuses for now.
    Transient,
    /// No peer to talk to, or one that throttles: burns no attempt.
    Unreachable,
    /// The peer will never take it.
    Permanent,
    /// Handed over, and no answer read.
    Uncertain,
}

impl Delivery {
    /// The word used in the ledger and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Delivery::Delivered => "delivered",
            Delivery::Transient => "transient",
            Delivery::Unreachable => "unreachable",
            Delivery::Permanent => "permanent",
            Delivery::Uncertain => "uncertain",
        }
    }
}

impl Outcome {
    /// An outcome with nothing but its result and reason.
    pub fn new(result: Delivery, reason: Option<Reason>) -> Self {
        Self { result, reason, code: None, reply: None, relay: None, retry_after: None }
    }
}

/// How often and how patiently a job is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Attempts that the peer answered, before the job is failed.
    pub attempts: u32,
    /// The delay after the first.
    pub first: TimeDelta,
    /// How much longer each next delay is.
    pub factor: f64,
    /// The longest delay.
    pub longest: TimeDelta,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 8, first: TimeDelta::seconds(10), factor: 3.0, longest: TimeDelta::hours(6) }
    }
}

/// What becomes of a job whose e-mail may or may not have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUncertain {
    /// A person decides.
    Hold,
    /// Send it again, under the same Message-ID.
    Resend,
}

/// Where a hand-over leaves the job.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The next state.
    pub state: JobState,
    /// Why.
    pub reason: Option<Reason>,
    /// Not before this, when it is tried again.
    pub not_before: Option<Timestamp>,
    /// True when the hand-over counts as an attempt.
    pub burns_attempt: bool,
}

/// With its jitter no more than five minutes: what waits goes soon after the peer is back, and its breaker spares it.
const LONGEST_UNREACHABLE: TimeDelta = TimeDelta::minutes(4);

impl RetryPolicy {
    /// The schedule after this outcome: some answers have their own, whatever the settings say.
    fn after(&self, outcome: &Outcome) -> Self {
        let doubling = |first, longest| Self { attempts: self.attempts, first, factor: 2.0, longest };
        match outcome.reason {
            Some(Reason::Throttled) => doubling(TimeDelta::minutes(1), TimeDelta::hours(1)),
            // A server that greylists lets the message in after some minutes.
            Some(Reason::Greylisted) => doubling(TimeDelta::minutes(5), TimeDelta::hours(1)),
            // Until a person has tidied up.
            Some(Reason::MailboxFull) => doubling(TimeDelta::hours(2), TimeDelta::hours(12)),
            _ if outcome.result == Delivery::Unreachable => {
                Self { longest: self.longest.min(LONGEST_UNREACHABLE), ..self.clone() }
            }
            _ => self.clone(),
        }
    }

    /// A peer that throttles knows best how long; any other wait that is asked for is the least.
    fn wait(&self, outcome: &Outcome, asked: Option<TimeDelta>, nth: u32, dice: f64) -> TimeDelta {
        let delay = self.after(outcome).delay(nth, dice);
        match asked {
            Some(asked) if outcome.reason == Some(Reason::Throttled) => asked.max(self.first),
            Some(asked) => delay.max(asked),
            None => delay,
        }
    }

    /// The delay after `tries` (from 1), with up to a quarter of jitter drawn from `dice` in 0..1.
    pub fn delay(&self, tries: u32, dice: f64) -> TimeDelta {
        let growth = self.factor.max(1.0).powi(tries.saturating_sub(1).min(64) as i32);
        let longest = self.longest.num_milliseconds() as f64;
        let plain = (self.first.num_milliseconds() as f64 * growth).min(longest);
        TimeDelta::milliseconds((plain * (1.0 + 0.25 * dice)) as i64)
    }

    /// Where `outcome` leaves `job` (counted before this hand-over). A peer's `Retry-After` is kept, but never
    /// beyond the longest delay; what would come after `valid_until` is skipped as expired instead.
    pub fn settle(
        &self,
        job: &Job,
        outcome: &Outcome,
        policy: OnUncertain,
        now: Timestamp,
        dice: f64,
    ) -> Settled {
        let over =
            |state, burns_attempt| Settled { state, reason: outcome.reason, not_before: None, burns_attempt };
        let again = |burns_attempt: bool| {
            if burns_attempt && job.attempts + 1 >= self.attempts {
                // What the peer said stands with the attempts.
                return Settled { reason: Some(Reason::AttemptsUsedUp), ..over(JobState::Failed, true) };
            }
            let asked = outcome.retry_after.map(|d| d.min(self.longest));
            // What never reached a peer says nothing of how it answers.
            let nth = if burns_attempt { job.attempts } else { job.tries } + 1;
            let at = now + self.wait(outcome, asked, nth, dice);
            if at >= job.valid_until {
                return Settled { reason: Some(Reason::Expired), ..over(JobState::Skipped, burns_attempt) };
            }
            Settled { not_before: Some(at), ..over(JobState::Scheduled, burns_attempt) }
        };
        match outcome.result {
            Delivery::Delivered => over(JobState::Delivered, true),
            Delivery::Transient => again(true),
            Delivery::Unreachable => again(false),
            Delivery::Permanent => over(JobState::Failed, true),
            Delivery::Uncertain if policy == OnUncertain::Resend => again(true),
            Delivery::Uncertain => over(JobState::Uncertain, true),
        }
    }
}
