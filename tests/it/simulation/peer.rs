//! Owns the simulated peers: how they take messages, refuse, fall silent, and what they saw; knows nothing of the ledger.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::TimeDelta;
use fastrand::Rng;
use replenish::channel::{Letter, Peer};
use replenish::domain::ids::{ChannelName, JobId, MemberId, RuleId};
use replenish::domain::job::{Delivery, Outcome};
use replenish::domain::member::Purpose;
use replenish::domain::reason::Reason;

/// The webhook, and the mail.
pub const CHANNELS: [&str; 2] = ["crm", "email"];

/// What a peer is like for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    Fair,
    Slow,
    Moody,
    Silent,
    Throttling,
    Down,
    Gone,
}

impl Weather {
    /// What may come; the moody one more often, for there is more to it.
    pub const BAD: [Weather; 8] = [
        Weather::Slow,
        Weather::Moody,
        Weather::Moody,
        Weather::Moody,
        Weather::Silent,
        Weather::Throttling,
        Weather::Down,
        Weather::Gone,
    ];
}

/// A message as its receiver sees it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub job: JobId,
    pub channel: ChannelName,
    pub rule: RuleId,
    pub step: u16,
    pub purpose: Purpose,
    pub member: MemberId,
    pub email: Option<String>,
    /// Each item's id, and the day of the purchase that it follows.
    pub items: Vec<(String, String)>,
}

/// What happened at a peer.
#[derive(Debug, Clone)]
pub enum Event {
    /// A message was handed over.
    Began(Seen),
    /// The peer has it now.
    Took(Seen),
    /// The peer answered this, having taken it or not.
    Answered(JobId, Delivery, bool),
}

/// Everything outside: peers and what they saw.
pub struct Outside {
    rng: Rng,
    weather: BTreeMap<&'static str, Weather>,
    events: Vec<Event>,
}

/// Shared by all peers of a run.
pub type Shared = Arc<Mutex<Outside>>;

impl Outside {
    pub fn new(seed: u64) -> Shared {
        let weather = CHANNELS.map(|channel| (channel, Weather::Fair)).into();
        Arc::new(Mutex::new(Self { rng: Rng::with_seed(seed), weather, events: Vec::new() }))
    }

    pub fn turn(&mut self, channel: &'static str, weather: Weather) {
        self.weather.insert(channel, weather);
    }

    /// What happened since this was last asked.
    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn begin(&mut self, name: &'static str, resendable: bool, seen: &Seen) -> Script {
        self.events.push(Event::Began(seen.clone()));
        let weather = self.weather.get(name).copied().unwrap_or(Weather::Fair);
        let rng = &mut self.rng;
        let soon = |rng: &mut Rng| Wait::Polls(rng.u32(..6));
        let (before, after) = (soon(rng), soon(rng));
        let (takes, answer) = answer(weather, resendable, rng);
        match weather {
            Weather::Slow => Script { before: Wait::Seconds(rng.u64(1..120)), takes, after, answer },
            Weather::Silent => Script { before, takes, after: Wait::Seconds(30), answer },
            _ => Script { before, takes, after, answer },
        }
    }
}

/// Whether the message is taken, and what is said about it.
fn answer(weather: Weather, resendable: bool, rng: &mut Rng) -> (bool, Outcome) {
    let said = |result, reason| Outcome::new(result, Some(reason));
    let refused = match weather {
        Weather::Fair | Weather::Slow => return (true, Outcome::new(Delivery::Delivered, None)),
        Weather::Moody => match rng.u8(..10) {
            0..4 => return (true, Outcome::new(Delivery::Delivered, None)),
            4..6 => return silence(resendable, rng),
            6 => said(Delivery::Permanent, Reason::Refused),
            7 if !resendable => said(Delivery::Permanent, Reason::NoSuchMailbox),
            8 if !resendable => said(Delivery::Transient, Reason::MailboxFull),
            _ => said(Delivery::Transient, Reason::Deferred),
        },
        Weather::Silent => return silence(resendable, rng),
        Weather::Throttling => {
            let retry_after = Some(TimeDelta::seconds(rng.i64(1..4000)));
            Outcome { retry_after, ..said(Delivery::Unreachable, Reason::Throttled) }
        }
        Weather::Gone if resendable => said(Delivery::Unreachable, Reason::EndpointGone),
        Weather::Down | Weather::Gone => said(Delivery::Unreachable, Reason::Unreachable),
    };
    (false, refused)
}

/// Taken or not, nobody says so: a webhook may be sent again, an e-mail may not.
fn silence(resendable: bool, rng: &mut Rng) -> (bool, Outcome) {
    let result = if resendable { Delivery::Transient } else { Delivery::Uncertain };
    (rng.bool(), Outcome::new(result, Some(Reason::NoAnswer)))
}

/// How one message is treated.
struct Script {
    before: Wait,
    takes: bool,
    after: Wait,
    answer: Outcome,
}

enum Wait {
    Polls(u32),
    Seconds(u64),
}

impl Wait {
    async fn over(self) {
        match self {
            Wait::Polls(polls) => {
                for _ in 0..polls {
                    tokio::task::yield_now().await;
                }
            }
            Wait::Seconds(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        }
    }
}

/// One peer.
pub struct Endpoint {
    pub name: &'static str,
    pub outside: Shared,
}

impl Endpoint {
    fn outside(&self) -> MutexGuard<'_, Outside> {
        self.outside.lock().unwrap()
    }

    async fn receive(&self, letter: &Letter) -> Outcome {
        let item =
            |item: &replenish::domain::job::ItemFacts| (item.id.clone(), item.last_purchase.to_string());
        let seen = Seen {
            job: letter.job.clone(),
            channel: self.name.into(),
            rule: letter.rule.clone(),
            step: letter.step,
            purpose: letter.purpose,
            member: letter.content.member.clone(),
            email: letter.email.clone(),
            items: letter.content.items.iter().map(item).collect(),
        };
        let Script { before, takes, after, answer } =
            self.outside().begin(self.name, self.is_resendable(), &seen);
        before.over().await;
        if takes {
            self.outside().events.push(Event::Took(seen));
        }
        after.over().await;
        self.outside().events.push(Event::Answered(letter.job.clone(), answer.result, takes));
        answer
    }
}

impl Peer for Endpoint {
    fn deliver<'a>(&'a self, letter: &'a Letter) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.receive(letter))
    }

    fn is_resendable(&self) -> bool {
        self.name != "email"
    }
}
