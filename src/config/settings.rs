//! Owns the settings: what stands in `replenish.toml`, every key with its default; knows nothing of how it is used.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::channels::{self, Channel};
use super::intake::{self, Intake};
use super::peers::{QueueUrl, StoreUrl, is_loopback, parse_queue, parse_store, peer, web_url};
use super::reader::{Kind, Section};
use super::secret::{Secret, Surroundings, secret};
use super::values;
use crate::domain::feedback::BouncePolicy;
use crate::domain::ids::ChannelName;
use crate::domain::job::RetryPolicy;

/// Everything ops tune. Paths are absolute.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The shop's zone: days are counted in it, and times without an offset are read in it.
    pub timezone: Tz,
    /// BCP 47; for members whose locale is unknown.
    pub locale: String,
    /// What messages say of the shop.
    pub shop: Shop,
    /// Where things lie.
    pub folders: Folders,
    /// Whether messages leave.
    pub deliver: Deliver,
    /// Where the ledger is kept.
    pub store: StoreUrl,
    /// How jobs reach workers.
    pub queue: Queue,
    /// The HTTP face.
    pub http: Http,
    /// The ways to reach members, by name.
    pub channels: BTreeMap<ChannelName, Channel>,
    /// How records are read.
    pub intake: Intake,
    /// How patiently peers are tried again.
    pub retry: RetryPolicy,
    /// How patiently soft bounces are borne.
    pub bounces: BouncePolicy,
    /// How long finished jobs stay.
    pub retention: Retention,
}

impl Settings {
    /// What differs from `other` and needs a restart, by its key or section. The folders of rules and templates do not:
    /// those are read again while running.
    pub fn differing(&self, other: &Self) -> Vec<&'static str> {
        let differs = [
            ("timezone", self.timezone != other.timezone),
            ("locale", self.locale != other.locale),
            ("shop", self.shop != other.shop),
            ("data_dir", self.folders.data != other.folders.data),
            ("deliver", self.deliver != other.deliver),
            ("store", self.store != other.store),
            ("queue", self.queue != other.queue),
            ("http", self.http != other.http),
            ("channel", self.channels != other.channels),
            ("intake", self.intake != other.intake),
            ("retry", self.retry != other.retry),
            ("bounces", self.bounces != other.bounces),
            ("retention", self.retention != other.retention),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

/// What messages say of the shop; the template variable `shop`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Shop {
    /// Its name.
    pub name: Option<String>,
    /// Its address on the web.
    pub url: Option<String>,
    /// Its postal address.
    pub address: Option<String>,
    /// The ISO code of the currency that its prices are in.
    pub currency: Option<String>,
}

/// Where things lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Rules.
    pub rules: PathBuf,
    /// Templates.
    pub templates: PathBuf,
    /// What the program writes: rejects, keys, outboxes.
    pub data: PathBuf,
}

/// Whether messages leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deliver {
    /// They do.
    Live,
    /// Everything but the sending.
    Shadow,
}

/// How jobs reach workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// What carries them.
    pub url: QueueUrl,
    /// Deliveries at once, in one process.
    pub concurrency: usize,
    /// How long a stopping process lets deliveries finish.
    pub grace: TimeDelta,
    /// After so long a hand-over whose end nobody recorded is taken for dead; at least twice what it may take.
    pub lease: TimeDelta,
}

/// How long finished jobs stay in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// So long after their end; none: for ever.
    pub jobs: Option<TimeDelta>,
    /// The folder that they are moved to; none: they are deleted.
    pub archive: Option<PathBuf>,
}

/// The HTTP face.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How members reach it, for unsubscribe links; no slash at its end.
    pub public_url: String,
    /// What unsubscribe links are signed with; made and kept in the data folder when absent.
    pub unsubscribe_key: Option<Secret>,
    /// What whoever calls /v1 must show; without it nobody may.
    pub token: Option<Secret>,
    /// What Shopify signs its webhooks with; without it none is taken.
    pub shopify_secret: Option<Secret>,
    /// What WooCommerce signs its webhooks with; without it none is taken.
    pub woocommerce_secret: Option<Secret>,
}

/// What can be known of the settings though parts of them are wrong: enough to check the rules against.
pub struct Outline {
    /// Where things lie.
    pub folders: Folders,
    /// The names of all channels, right or wrong.
    pub channels: BTreeSet<ChannelName>,
    /// Those of them that reach only members with an address or a contact point.
    pub choosy: BTreeSet<ChannelName>,
    /// The templates of bodies that webhooks have of their own.
    pub bodies: Vec<PathBuf>,
}

/// Reads the settings; nothing when a problem was noted that leaves no meaning.
pub fn read(s: &mut Section<'_>, around: Surroundings<'_>) -> (Option<Settings>, Outline) {
    let folders = folders(s, around.base);
    let channels: Vec<_> =
        s.named("channel", |name, s| (ChannelName::from(name), channels::read(name, s, around)));
    let outline = outline(&folders, &channels);
    let channels: BTreeMap<_, _> =
        channels.into_iter().filter_map(|(name, channel)| Some((name, channel?))).collect();
    let modes = [("live", Deliver::Live), ("shadow", Deliver::Shadow)];
    // Every key is read before the first missing one ends the reading.
    let timezone = s.required("timezone", values::zone());
    let locale = s.get("locale", values::locale()).unwrap_or_else(|| "en".to_owned());
    let shop = s.section("shop", shop);
    let deliver = s.get("deliver", values::one_of(&modes)).unwrap_or(Deliver::Live);
    let store = s.section("store", |s| store(s, around));
    let queue = s.section("queue", |s| queue(s, store.as_ref(), &channels, around));
    let http = s.section("http", |s| http(s, &channels, around));
    let intake = s.section("intake", |s| intake::read(s, around.base));
    let retry = s.section("retry", retry);
    let bounces = s.section("bounces", bounces);
    let retention = s.section("retention", |s| retention(s, around.base));
    let settings = timezone.zip(store).map(|(timezone, store)| Settings {
        timezone,
        locale,
        shop,
        folders,
        deliver,
        store,
        queue,
        http,
        channels,
        intake,
        retry,
        bounces,
        retention,
    });
    (settings, outline)
}

fn outline(folders: &Folders, channels: &[(ChannelName, Option<Channel>)]) -> Outline {
    let own = channels.iter().filter_map(|(_, channel)| match channel {
        Some(Channel::Webhook(webhook)) => webhook.body.clone(),
        _ => None,
    });
    let is_choosy = |channel: &Option<Channel>| match channel {
        Some(Channel::Webhook(webhook)) => webhook.contact.is_some(),
        // whatever is wrong with a channel is told there
        Some(Channel::Email(_)) | None => true,
    };
    let choosy = channels.iter().filter(|(_, channel)| is_choosy(channel)).map(|(name, _)| name.clone());
    let names = channels.iter().map(|(name, _)| name.clone());
    Outline {
        folders: folders.clone(),
        bodies: own.collect(),
        choosy: choosy.collect(),
        channels: names.collect(),
    }
}

fn folders(s: &mut Section<'_>, base: &Path) -> Folders {
    let mut folder = |key, default: &str| {
        s.get(key, values::path("a folder", default, base)).unwrap_or_else(|| base.join(default))
    };
    Folders {
        rules: folder("rules", "rules"),
        templates: folder("templates", "templates"),
        data: folder("data_dir", "var"),
    }
}

fn shop(s: &mut Section<'_>) -> Shop {
    Shop {
        name: s.get("name", values::text("a name", "My Shop")),
        url: s.get("url", web_url("a web address", "https://shop.example")).map(|u| u.to_string()),
        address: s.get("address", values::text("a postal address", "1 Main St, Taipei")),
        currency: s.get("currency", values::currency()),
    }
}

/// Nothing when the address is wrong.
fn store(s: &mut Section<'_>, around: Surroundings<'_>) -> Option<StoreUrl> {
    if s.node("url").is_none() {
        return Some(StoreUrl::Sqlite(around.base.join("var/replenish.db")));
    }
    let kind = ("the address of a ledger", "sqlite:var/replenish.db");
    peer(s, "url", around, kind, |text| parse_store(text, around.base))
}

fn queue(
    s: &mut Section<'_>,
    store: Option<&StoreUrl>,
    channels: &BTreeMap<ChannelName, Channel>,
    around: Surroundings<'_>,
) -> Queue {
    let kind = ("the address of a queue", "ledger:");
    let url = peer(s, "url", around, kind, parse_queue).unwrap_or(QueueUrl::Ledger);
    if matches!((store, &url), (Some(StoreUrl::Sqlite(_)), QueueUrl::Redis(_))) {
        let message = "Redis needs a ledger that several processes share, and SQLite serves one";
        let help = "write `url = \"ledger:\"`, or keep the ledger in PostgreSQL: `url = \"postgres://…\"` under [store]";
        s.problem("url", message, help);
    }
    let concurrency = s.get("concurrency", values::whole(1..=10_000, "64")).unwrap_or(64) as usize;
    let grace = s.get("grace", values::duration("30s")).unwrap_or(TimeDelta::seconds(30));
    Queue { url, concurrency, grace, lease: lease(s, channels) }
}

/// One that ended while a hand-over is under way, or while its end is written down, would have it made twice.
fn lease(s: &mut Section<'_>, channels: &BTreeMap<ChannelName, Channel>) -> TimeDelta {
    let lease = s.get("lease", values::some_time("10m")).unwrap_or(TimeDelta::minutes(10));
    let longest = channels.iter().map(|(name, channel)| (channel.longest_hand_over(), name)).max();
    if let Some((longest, name)) = longest.filter(|(longest, _)| lease < *longest * 2) {
        let took = longest.num_seconds();
        let message = format!("`queue.lease` is too short: a hand-over to channel {name} may take {took}s");
        s.problem("lease", message, format!("make it at least twice as long: `lease = \"{}s\"`", took * 2));
    }
    lease
}

fn http(s: &mut Section<'_>, channels: &BTreeMap<ChannelName, Channel>, around: Surroundings<'_>) -> Http {
    let listen = s.get("listen", listen()).unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 8080).into());
    let url = s.get("public_url", web_url("a web address", "https://mail.shop.example"));
    let is_here = url.as_ref().map_or(s.node("public_url").is_none(), is_loopback);
    let mut emails = channels.values().filter_map(|c| if let Channel::Email(e) = c { Some(e) } else { None });
    if is_here && emails.any(|e| e.relays.iter().any(|relay| relay.url.is_remote())) {
        let message =
            "unsubscribe links would lead nowhere: mail leaves, but `http.public_url` is this machine";
        let help = "write how members reach it: `public_url = \"https://mail.shop.example\"` under [http]";
        s.problem("public_url", message, help);
    }
    let public_url =
        url.map_or_else(|| format!("http://{listen}"), |u| u.as_str().trim_end_matches('/').to_owned());
    Http {
        listen,
        public_url,
        unsubscribe_key: secret(s, "unsubscribe_key", around),
        token: secret(s, "token", around),
        shopify_secret: secret(s, "shopify_secret", around),
        woocommerce_secret: secret(s, "woocommerce_secret", around),
    }
}

fn listen() -> Kind<'static, SocketAddr> {
    Kind::text("an address to listen at", "127.0.0.1:8080", |text| {
        text.parse()
            .map_err(|_| "an IP address, a colon and a port; 0.0.0.0 listens on every network".to_owned())
    })
}

fn retry(s: &mut Section<'_>) -> RetryPolicy {
    let default = RetryPolicy::default();
    let policy = RetryPolicy {
        attempts: s.get("attempts", values::whole(1..=1000, "8")).map_or(default.attempts, |n| n as u32),
        first: s.get("first", values::some_time("10s")).unwrap_or(default.first),
        factor: s.get("factor", values::factor()).unwrap_or(default.factor),
        longest: s.get("longest", values::some_time("6h")).unwrap_or(default.longest),
    };
    if policy.longest < policy.first {
        s.problem("longest", "`retry.longest` is shorter than `retry.first`", "make it at least as long");
    }
    policy
}

fn bounces(s: &mut Section<'_>) -> BouncePolicy {
    let default = BouncePolicy::default();
    BouncePolicy {
        soft_limit: s
            .get("soft_limit", values::whole(1..=1000, "5"))
            .map_or(default.soft_limit, |n| n as u32),
        within: s.get("within", values::some_time("30d")).unwrap_or(default.within),
    }
}

fn retention(s: &mut Section<'_>, base: &Path) -> Retention {
    let jobs = s.get("jobs", values::duration_or_off("400d")).unwrap_or(Some(TimeDelta::days(400)));
    Retention { jobs, archive: s.get("archive", values::path("a folder", "archive", base)) }
}
