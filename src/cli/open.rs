//! Owns the way from a settings file to opened parts: store, knowledge, templates, channels; asks and does nothing with them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

use crate::channel::{
    self, Channel, Dkim, DkimKey, EmailOptions, Pace, Relay, RelayOptions, Templates, UnsubscribeLinks,
    WebhookBody,
};
use crate::config::{self, Deliver, Environment, Loaded, RelayUrl, Settings, StoreUrl, Survey};
use crate::daemon::real_time;
use crate::domain::ids::{ChannelName, Timestamp};
use crate::domain::lifecycle::Stages;
use crate::domain::problem::{Problem, Severity};
use crate::domain::reason::Language;
use crate::domain::rules::{Guards, Rules};
use crate::domain::shop::Knowledge;
use crate::store::{Archive, ForgetKey, Store};

use super::hook;
use super::output::Output;

/// Settings, rules or templates that are not valid: all problems at once.
#[derive(Debug)]
pub struct Invalid(pub Vec<Problem>);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} problems in settings, rules or templates", self.0.len())
    }
}

impl std::error::Error for Invalid {}

/// A store opened for a person's question.
pub struct Open {
    /// What ops tuned.
    pub settings: Settings,
    /// History and ledger.
    pub store: Store,
    /// Rules and priors.
    pub knowledge: Knowledge,
    /// The instant of the question.
    pub now: Timestamp,
    /// The right part of Message-IDs.
    pub mail_domain: Option<String>,
    /// The language that people read.
    pub language: Language,
    /// The person at the terminal, for the record.
    pub who: String,
    /// False when the rules on disk are not valid, and the question is answered without any.
    pub has_rules: bool,
}

impl Open {
    /// Reads the settings, opens the store, loads the priors.
    ///
    /// # Errors
    /// [`Invalid`] for bad settings or rules; otherwise what keeps the store from opening.
    pub async fn of(config: &Path, rules: Option<&Path>) -> anyhow::Result<Self> {
        Self::with(load(config, rules)?, true).await
    }

    /// The same for what cannot wait until the rules are mended: without valid rules it goes on without any, and says so.
    ///
    /// # Errors
    /// [`Invalid`] for bad settings; otherwise what keeps the store from opening.
    pub async fn at_once(config: &Path, out: Output) -> anyhow::Result<Self> {
        let env: BTreeMap<String, String> = std::env::vars().collect();
        let Survey { loaded, settings, problems, .. } = config::survey(config, None, &env);
        if let Some(loaded) = loaded {
            return Self::with(loaded, true).await;
        }
        let Some(settings) = settings else { return Err(Invalid(problems).into()) };
        out.warnings(&problems, config)?;
        out.note("the rules are not valid: this goes on without them")?;
        let rules = Rules::new(Vec::new(), Guards::default(), Vec::new(), Stages::default());
        Self::with(Loaded { settings, rules }, false).await
    }

    async fn with(loaded: Loaded, has_rules: bool) -> anyhow::Result<Self> {
        let Loaded { settings, rules } = loaded;
        let store = open_store(&settings).await?;
        let knowledge = know(&settings, rules, &store).await?;
        let mail_domain = settings.channels.values().find_map(|channel| match channel {
            config::Channel::Email(email) => Some(email.from.email.domain().to_owned()),
            config::Channel::Webhook(_) => None,
        });
        let language = spoken();
        Ok(Self {
            settings,
            store,
            knowledge,
            now: real_time(),
            mail_domain,
            language,
            who: super::who::user(),
            has_rules,
        })
    }
}

/// Settings and rules, or all problems.
///
/// # Errors
/// [`Invalid`].
pub fn load(config: &Path, rules: Option<&Path>) -> anyhow::Result<Loaded> {
    let env: BTreeMap<String, String> = std::env::vars().collect();
    config::load(config, rules, &env).map_err(|problems| Invalid(problems).into())
}

/// The settings, whatever the rules say.
///
/// # Errors
/// [`Invalid`].
pub fn load_settings(config: &Path) -> anyhow::Result<Settings> {
    settings_of(config, &std::env::vars().collect())
}

/// The same in this environment.
///
/// # Errors
/// [`Invalid`].
pub fn settings_of(config: &Path, env: &Environment) -> anyhow::Result<Settings> {
    let Survey { settings, problems, .. } = config::survey(config, None, env);
    settings.ok_or_else(|| Invalid(problems).into())
}

/// Settings, rules and templates as they are on disk now, for a process that runs with these channels.
///
/// # Errors
/// All problems of all files.
pub fn reread(config: &Path, channels: &BTreeSet<ChannelName>) -> Result<(Loaded, Templates), Vec<Problem>> {
    let env: BTreeMap<String, String> = std::env::vars().collect();
    let loaded = config::reload(config, &env, channels);
    let templates = config::folders(config, &env).map(|folders| read_templates(&folders.templates));
    match (loaded, templates) {
        (Ok(loaded), Some(Ok(templates))) => Ok((loaded, templates)),
        (loaded, templates) => {
            let of_templates = templates.and_then(Result::err);
            Err(loaded.err().into_iter().chain(of_templates).flatten().collect())
        }
    }
}

/// The templates of the settings' folder.
///
/// # Errors
/// [`Invalid`].
pub fn load_templates(settings: &Settings) -> anyhow::Result<Templates> {
    read_templates(&settings.folders.templates).map_err(|problems| Invalid(problems).into())
}

/// Every problem of the templates in `folder`.
pub fn template_problems(folder: &Path) -> Vec<Problem> {
    read_templates(folder).err().unwrap_or_default()
}

/// What templates ask for that is not known of every member; nothing while they have problems. Those of `itemless` are
/// for messages without items.
pub fn template_warnings(folder: &Path, itemless: &BTreeSet<&str>) -> Vec<Problem> {
    let warnings = Templates::load(folder).map(|templates| templates.warnings(folder, itemless));
    let doubt = |warning| Problem { severity: Severity::Warning, ..warning };
    relative(warnings.unwrap_or_default().into_iter().map(doubt).collect())
}

fn read_templates(folder: &Path) -> Result<Templates, Vec<Problem>> {
    Templates::load(folder).map_err(relative)
}

pub(super) fn relative(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.iter_mut().for_each(|problem| problem.file = shown(&problem.file));
    problems
}

/// A path as people know it, and as problems of settings and rules name theirs: relative to where they stand.
fn shown(file: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    Path::new(file).strip_prefix(&here).map_or_else(|_| file.to_owned(), |below| below.display().to_string())
}

/// The store of the settings, migrated.
///
/// # Errors
/// When it cannot be opened.
pub async fn open_store(settings: &Settings) -> anyhow::Result<Store> {
    if let StoreUrl::Sqlite(path) = &settings.store
        && let Some(folder) = path.parent()
    {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    }
    let store = Store::open(&store_url(settings)).await?;
    let key = std::fs::read(forget_key_file(settings)).map(|key| ForgetKey::new(&key));
    Ok(if let Ok(key) = key { store.with_forget_key(key) } else { store })
}

/// The store as it stands, only to look into it; nothing when it is not there.
pub async fn look_into_store(settings: &Settings) -> Option<Store> {
    Store::look_into(&store_url(settings)).await.ok()
}

/// The address of the store, with its password.
pub fn store_url(settings: &Settings) -> String {
    match &settings.store {
        StoreUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
        StoreUrl::Postgres(url) => url.expose().to_owned(),
    }
}

/// What the process knows of the shop: the rules, and the priors learnt last.
///
/// # Errors
/// When the store fails.
pub async fn know(settings: &Settings, rules: Rules, store: &Store) -> anyhow::Result<Knowledge> {
    Ok(Knowledge {
        rules: Arc::new(rules),
        priors: Arc::new(store.priors().await?.unwrap_or_default()),
        zone: settings.timezone,
        reach: Arc::new(hook::reach(settings)),
        locale: settings.locale.clone(),
        orders_at: store.feed_at().await?,
        shadow: settings.deliver == Deliver::Shadow,
    })
}

/// The channels of the settings, ready to send.
///
/// # Errors
/// When a sender, relay, URL, secret or header cannot be used; [`Invalid`] for bodies.
pub fn open_channels(settings: &Settings, pace: &Pace) -> anyhow::Result<HashMap<ChannelName, Channel>> {
    let mut channels = HashMap::new();
    let mut bodies = hook::bodies(settings)?;
    for (name, channel) in &settings.channels {
        let body = bodies.remove(name).unwrap_or_default();
        let opened = open_channel(channel, body, settings.queue.concurrency, pace.clone());
        channels.insert(name.clone(), opened.with_context(|| format!("[channel.{name}] cannot be used"))?);
    }
    Ok(channels)
}

fn open_channel(
    channel: &config::Channel,
    body: WebhookBody,
    concurrency: usize,
    pace: Pace,
) -> anyhow::Result<Channel> {
    Ok(match channel {
        config::Channel::Email(email) => Channel::email(email_options(email, concurrency)?, pace)?,
        config::Channel::Webhook(webhook) => {
            Channel::webhook(hook::options(webhook, body, concurrency)?, pace)?
        }
    })
}

fn email_options(email: &config::Email, concurrency: usize) -> anyhow::Result<EmailOptions> {
    let relay = |relay: &config::RelaySettings| {
        let of = match &relay.url {
            RelayUrl::Smtp(url) => Relay::parse(url.expose(), relay.allow_plaintext)?,
            RelayUrl::Folder(path) => Relay::Folder(path.clone()),
        };
        anyhow::Ok(RelayOptions { relay: of, rate: relay.rate, ca: relay.ca.clone() })
    };
    Ok(EmailOptions {
        from: email.from.to_string(),
        reply_to: email.reply_to.as_ref().map(ToString::to_string),
        unsubscribe_mailbox: email.unsubscribe_mailbox.as_ref().map(ToString::to_string),
        dkim: email.dkim.iter().map(dkim).collect(),
        relays: email.relays.iter().map(relay).collect::<Result<_, _>>()?,
        domain_rates: email.domain_rates.clone(),
        timeout: email.timeout.to_std()?,
        connections: email.connections.unwrap_or(concurrency),
    })
}

fn dkim(settings: &config::DkimSettings) -> Dkim {
    let key = match &settings.key {
        config::DkimKey::Rsa(key) => DkimKey::Rsa(Arc::clone(key)),
        config::DkimKey::Ed25519(key) => DkimKey::Ed25519(Arc::clone(key)),
    };
    Dkim { domain: settings.domain.clone(), selector: settings.selector.clone(), key }
}

/// What templates may say of the shop.
pub fn shop_card(settings: &Settings) -> channel::Shop {
    let shop = settings.shop.clone();
    channel::Shop { name: shop.name, url: shop.url, address: shop.address, currency: shop.currency }
}

/// Links that stop messages, signed with the settings' key, or with one that is made once and kept.
///
/// # Errors
/// When the key cannot be kept.
pub fn unsubscribe_links(settings: &Settings) -> anyhow::Result<UnsubscribeLinks> {
    let key = match &settings.http.unsubscribe_key {
        Some(key) => key.expose().as_bytes().to_vec(),
        None => kept_key(&settings.folders.data.join("unsubscribe.key"))?,
    };
    Ok(UnsubscribeLinks::new(&settings.http.public_url, &key))
}

/// What tells whom the ledger forgot: a key that is made once and kept.
///
/// # Errors
/// When the key cannot be kept.
pub fn forget_key(settings: &Settings) -> anyhow::Result<ForgetKey> {
    Ok(ForgetKey::new(&kept_key(&forget_key_file(settings))?))
}

fn forget_key_file(settings: &Settings) -> PathBuf {
    settings.folders.data.join("forget.key")
}

/// Where finished jobs are moved, if anywhere.
pub fn archive(settings: &Settings) -> Option<Archive> {
    settings.retention.archive.clone().map(Archive::new)
}

fn kept_key(path: &Path) -> anyhow::Result<Vec<u8>> {
    if let Ok(key) = std::fs::read(path) {
        return Ok(key);
    }
    let problem = || format!("no key can be kept in {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(problem)?;
    }
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut f| f.read_exact(&mut bytes))
        .context("no randomness")?;
    let key: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(mut file) => {
            file.write_all(key.as_bytes()).and_then(|()| file.sync_all()).with_context(problem)?
        }
        // Another process was first: its key counts.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return std::fs::read(path).with_context(problem);
        }
        Err(error) => return Err(error).with_context(problem),
    }
    Ok(key.into_bytes())
}

/// The language of the person at the terminal, by the usual variables.
pub fn spoken() -> Language {
    let set = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
    Language::of(&["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set).unwrap_or_default())
}
