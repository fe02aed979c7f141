//! Owns how a running process is put together from its settings: everything opened and checked before anything is touched.

use std::sync::{Arc, OnceLock, RwLock};

use super::open::{
    archive, forget_key, know, load_templates, open_channels, open_store, shop_card, unsubscribe_links,
};
use super::ops::inbox::inbox;
use crate::channel::Pace;
use crate::config::{Channel as ChannelSettings, Loaded, QueueUrl, Settings};
use crate::daemon::{Clock, Guide, Parts, Readiness, Retention, Tally};
use crate::domain::job::OnUncertain;
use crate::queue::RedisQueue;
use crate::store::{Lock, Store};

/// A process ready to run.
pub struct Opened {
    /// What it works with.
    pub parts: Arc<Parts>,
    /// The ledger for itself; `None` where several processes share it, or where another one holds it.
    pub lock: Option<Lock>,
}

impl Opened {
    /// Opens everything. `clock` is told whether nothing can leave this machine.
    ///
    /// # Errors
    /// [`super::open::Invalid`] for templates; a clock that is refused; a store or queue that cannot be reached.
    pub async fn of(
        loaded: Loaded,
        clock: impl FnOnce(bool) -> anyhow::Result<Clock>,
    ) -> anyhow::Result<Self> {
        let Loaded { settings, rules } = loaded;
        let templates = load_templates(&settings)?;
        let redis = fleet_queue(&settings).await?;
        // A fleet's rates are counted where all its workers see them.
        let pace = redis.as_ref().map_or_else(Pace::local, |queue| Pace::shared(queue.connection()));
        let channels = open_channels(&settings, &pace)?;
        let clock = clock(channels.values().all(crate::channel::Channel::is_local))?;
        let unsubscribe = unsubscribe_links(&settings)?;
        let store = store(&settings).await?;
        let lock = if redis.is_none() { store.try_lock().await? } else { None };
        let knowledge = know(&settings, rules, &store).await?;
        let parts = Parts {
            inbox: inbox(&settings, &store),
            store,
            guide: RwLock::new(Guide::new(knowledge, templates)),
            shop_card: shop_card(&settings),
            channels,
            outbox: settings.folders.data.join("outbox"),
            unsubscribe,
            redis,
            retry: settings.retry.clone(),
            bounces: settings.bounces.clone(),
            on_uncertain: on_uncertain(&settings),
            retention: retention(&settings),
            gap: OnceLock::new(),
            concurrency: settings.queue.concurrency,
            grace: settings.queue.grace.to_std()?,
            lease: settings.queue.lease,
            clock,
            due: Arc::default(),
            tally: Tally::default(),
            readiness: Readiness::default(),
        };
        Ok(Self { parts: Arc::new(parts), lock })
    }

    /// True when another process works on the same embedded ledger.
    pub fn is_taken(&self) -> bool {
        self.lock.is_none() && self.parts.redis.is_none()
    }
}

fn on_uncertain(settings: &Settings) -> OnUncertain {
    let of_email = settings.channels.values().find_map(|channel| match channel {
        ChannelSettings::Email(email) => Some(email.on_uncertain),
        ChannelSettings::Webhook(_) => None,
    });
    of_email.unwrap_or(OnUncertain::Hold)
}

async fn fleet_queue(settings: &Settings) -> anyhow::Result<Option<RedisQueue>> {
    Ok(match &settings.queue.url {
        QueueUrl::Ledger => None,
        QueueUrl::Redis(url) => Some(RedisQueue::connect(url.expose()).await?),
    })
}

/// The store with the key made before anyone is forgotten: this process is to know whoever is while it runs.
async fn store(settings: &Settings) -> anyhow::Result<Store> {
    Ok(open_store(settings).await?.with_forget_key(forget_key(settings)?))
}

fn retention(settings: &Settings) -> Retention {
    Retention { jobs: settings.retention.jobs, archive: archive(settings) }
}
