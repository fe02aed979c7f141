//! Where the rings meet: planner, assembler, dispatcher and worker over one ledger, until told to stop.

mod assembler;
mod budget;
mod clock;
mod deliver;
mod dispatcher;
mod folder;
mod group;
mod inbox;
mod keeper;
mod learn;
mod lock;
mod moved;
mod once;
mod outage;
mod planner;
mod readiness;
mod reload;
mod restored;
mod retention;
mod run;
mod tally;
mod turns;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Notify;

use crate::channel::{Channel, Shop as ShopCard, UnsubscribeLinks};
use crate::domain::feedback::BouncePolicy;
use crate::domain::ids::ChannelName;
use crate::domain::job::{OnUncertain, RetryPolicy};
use crate::domain::restored::Gap;
use crate::domain::shop::Knowledge;
use crate::queue::RedisQueue;
use crate::store::Store;

pub use clock::{Clock, real_time};
pub use folder::numbered;
pub use inbox::{Inbox, Taken};
pub use learn::{Learnt, learn};
pub use once::{OnceSummary, run_once};
pub use readiness::{Readiness, Trouble};
pub use reload::{Guide, Reloaded};
pub use retention::Retention;
pub use run::{Role, run};
pub use tally::{Tally, install_metrics};

/// The steps that the loops take, for whoever takes them by a schedule of its own.
pub mod steps {
    pub use super::assembler::assemble_due;
    pub use super::deliver::Deliveries;
    pub use super::dispatcher::queued_lease;
    pub use super::keeper::reclaim;
    pub use super::planner::{PlanError, plan_awake, stand_back};
    pub use super::retention::move_out;
    pub use super::run::take_over_priors;
    pub use super::turns::{Place, Room};
}

/// Everything a running process works with, opened and checked before anything is touched.
pub struct Parts {
    /// The ledger and the history.
    pub store: Store,
    /// Rules, priors, templates: replaced as a whole.
    pub guide: RwLock<Guide>,
    /// What templates may say of the shop.
    pub shop_card: ShopCard,
    /// Where messages go.
    pub channels: HashMap<ChannelName, Channel>,
    /// Where messages go in shadow.
    pub outbox: PathBuf,
    /// Signed links that stop messages.
    pub unsubscribe: UnsubscribeLinks,
    /// The fleet's queue; `None`: the ledger itself.
    pub redis: Option<RedisQueue>,
    /// How patiently a job is tried again.
    pub retry: RetryPolicy,
    /// How patiently soft bounces are borne.
    pub bounces: BouncePolicy,
    /// What becomes of an e-mail that may or may not have arrived.
    pub on_uncertain: OnUncertain,
    /// How long finished jobs stay.
    pub retention: Retention,
    /// Where files come; none: nowhere.
    pub inbox: Option<Inbox>,
    /// The time that a ledger restored from a backup knows nothing of; found at the start.
    pub gap: OnceLock<Gap>,
    /// Deliveries at once.
    pub concurrency: usize,
    /// How long a drain may take.
    pub grace: Duration,
    /// After so long a hand-over whose end nobody recorded is taken for dead.
    pub lease: TimeDelta,
    /// The time that drives.
    pub clock: Clock,
    /// Rung when a job has become due.
    pub due: Arc<Notify>,
    /// What has been done since the start.
    pub tally: Tally,
    /// What readiness is told.
    pub readiness: Readiness,
}

impl Parts {
    /// What the process knows of the shop at this moment.
    pub fn knowledge(&self) -> Arc<Knowledge> {
        self.guide().knowledge
    }

    /// All that decisions and messages go by at this moment.
    pub fn guide(&self) -> Guide {
        self.guide.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces what the process knows.
    pub fn know(&self, change: impl FnOnce(&mut Knowledge)) {
        let mut guide = self.guide.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut guide.knowledge));
    }

    /// Channels whose messages may be sent again under the same id.
    pub fn resendable(&self) -> Vec<ChannelName> {
        let resend = |channel: &Channel| channel.is_resendable() || self.on_uncertain == OnUncertain::Resend;
        self.channels.iter().filter(|(_, c)| resend(c)).map(|(name, _)| name.clone()).collect()
    }
}
