//! `replenish demo`: the whole road on a made-up shop, in a fresh folder, with no service needed.

mod receiver;
mod story;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use chrono::NaiveTime;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::receiver::Receiver;
use self::story::Story;
use super::ops::import::reading;
use super::output::Output;
use super::parts::Opened;
use crate::config::{self, Loaded};
use crate::daemon::{self, Clock, learn, real_time};
use crate::desk::import::Import;
use crate::domain::calendar::instant;
use crate::domain::ids::{Day, Timestamp};
use crate::intake::{Kind, Source};
use crate::lab::shop::{SampleShop, ZONE};

const SEED: u64 = 11;

macro_rules! shipped {
    ($name:literal) => {
        (concat!("config/", $name), include_str!(concat!("../../config/", $name)))
    };
}

/// The sample rules and templates, as they ship.
const FILES: [(&str, &str); 33] = [
    shipped!("rules/refill.toml"),
    shipped!("rules/first-bottle.toml"),
    shipped!("rules/guards.toml"),
    shipped!("rules/how-to-use.toml"),
    shipped!("rules/lapsing.toml"),
    shipped!("rules/membership.toml"),
    shipped!("rules/midway.toml"),
    shipped!("rules/refill.test.toml"),
    shipped!("rules/first-bottle.test.toml"),
    shipped!("rules/guards.test.toml"),
    shipped!("rules/how-to-use.test.toml"),
    shipped!("rules/lapsing.test.toml"),
    shipped!("rules/membership.test.toml"),
    shipped!("rules/midway.test.toml"),
    shipped!("rules/schema.json"),
    shipped!("templates/_layout.jinja"),
    shipped!("templates/_footer.zh-TW.jinja"),
    shipped!("templates/_footer.en.jinja"),
    shipped!("templates/_cautions.zh-TW.jinja"),
    shipped!("templates/_cautions.en.jinja"),
    shipped!("templates/refill.zh-TW.jinja"),
    shipped!("templates/refill.en.jinja"),
    shipped!("templates/first-bottle.zh-TW.jinja"),
    shipped!("templates/first-bottle.en.jinja"),
    shipped!("templates/how-to-use.zh-TW.jinja"),
    shipped!("templates/how-to-use.en.jinja"),
    shipped!("templates/lapsing.zh-TW.jinja"),
    shipped!("templates/lapsing.en.jinja"),
    shipped!("templates/membership.zh-TW.jinja"),
    shipped!("templates/membership.en.jinja"),
    shipped!("templates/midway.zh-TW.jinja"),
    shipped!("templates/midway.en.jinja"),
    ("config/rules/demo.toml", RULES),
];

/// Beside the samples: one rule that goes to the webhook.
const RULES: &str = r#"#:schema ./schema.json
# The demo's own rule: members with a new vitamin or skincare item, told to a CRM.
[[rule]]
id       = "tell-crm"
kind     = "care"
on       = "first_purchase"
about    = { category = ["vitamins", "skincare"] }
send     = { after = "1d" }
channel  = "crm"
"#;

/// See the whole road on a made-up shop.
///
/// Grows a small shop (coffee, pet food, vitamins, skincare; some hundred members, in Traditional Chinese and English),
/// imports its files, learns, plans, and delivers what is due today: e-mails as .eml files, webhooks to a receiver
/// inside the demo. Everything lies in one fresh folder that you can go on working with.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Where to put it; a fresh folder in the system's place for temporary files unless given
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl Demo {
    /// Walks the road and shows what happened.
    ///
    /// # Errors
    /// When the folder cannot be written, or a step fails.
    pub async fn run(self, out: &Output) -> anyhow::Result<ExitCode> {
        let folder = self.folder()?;
        let today = Day::of(real_time(), ZONE).date();
        // Late enough in the morning for every member's quiet hours.
        let now = instant(ZONE, today, NaiveTime::from_hms_opt(10, 0, 0).unwrap_or_default());
        let receiver = Receiver::start().await?;
        let loaded = furnish(&folder, &receiver)?;
        let shop = SampleShop::grow(SEED, today);
        std::fs::create_dir_all(folder.join("shop")).context("the shop's folder cannot be made")?;
        shop.write(&folder.join("shop")).context("the made-up shop cannot be written")?;
        let opened = Opened::of(loaded.clone(), |_| Ok(Clock::Fixed(now))).await?;
        let imported = import(&folder, &loaded, &opened, now).await?;
        let parts = opened.parts.clone();
        let knowledge = parts.knowledge();
        let learnt = learn(&parts.store, &knowledge.rules, knowledge.zone, now).await?;
        parts.know(|knowledge| knowledge.priors = Arc::new(learnt.priors.clone()));
        let summary = daemon::run_once(parts.clone(), opened.lock.as_ref(), CancellationToken::new()).await?;
        let outbox = folder.join("var/outbox");
        if out.is_json() {
            let count = summary.count;
            out.json(&json!({ "planned": count.planned, "delivered": count.delivered, "outbox": outbox,
                "webhooks": receiver.seen(), "folder": folder, "seconds": summary.seconds }))?;
            return Ok(ExitCode::SUCCESS);
        }
        let story = Story {
            folder: &folder,
            outbox: &outbox,
            now,
            opened: &opened,
            shop: &shop,
            lines: imported,
            intervals: learnt.intervals,
            webhooks: receiver.seen(),
        };
        story.tell(&summary, *out).await?;
        Ok(ExitCode::SUCCESS)
    }

    fn folder(&self) -> anyhow::Result<PathBuf> {
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => tempfile::Builder::new().prefix("replenish-demo-").tempdir()?.keep(),
        };
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        std::path::absolute(&folder).context("the folder has no absolute path")
    }
}

/// Writes settings, rules and templates, and reads them as any user's.
fn furnish(folder: &Path, receiver: &Receiver) -> anyhow::Result<Loaded> {
    for (name, text) in FILES {
        write(&folder.join(name), text)?;
    }
    write(&folder.join("config/crm.secret"), receiver::SECRET)?;
    let settings = format!(
        r#"# The demo's settings. The commented defaults are in config/replenish.toml of the project.
timezone = "Asia/Taipei"
locale   = "zh-TW"
data_dir = "../var"

[shop]
name    = "好日子生活 Good Days"
url     = "https://gooddays.example"
address = "台北市大安區好日子路 1 號"

[store]
url = "sqlite:../var/replenish.db"

[channel.email]
from = "好日子生活 <hello@gooddays.example>"
[[channel.email.relay]]
url = "file:../var/outbox"

[channel.crm]
url = "{}"
secret = {{ file = "crm.secret" }}
allow_private_network = true
"#,
        receiver.url()
    );
    let file = folder.join("config/replenish.toml");
    write(&file, &settings)?;
    let loaded = config::load(&file, None, &BTreeMap::new());
    loaded.map_err(|problems| super::open::Invalid(problems).into())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let problem = || format!("{} cannot be written", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(problem)?;
    }
    std::fs::write(path, text).with_context(problem)
}

/// Imports the shop's files as `replenish import` does; the number of order lines.
async fn import(folder: &Path, loaded: &Loaded, opened: &Opened, at: Timestamp) -> anyhow::Result<u64> {
    let mut lines = 0;
    for (kind, file) in
        [(Kind::Products, "products.csv"), (Kind::Members, "members.csv"), (Kind::Orders, "orders.csv")]
    {
        let import = Import {
            source: Source::of(folder.join("shop").join(file))?,
            reading: reading(&loaded.settings, kind),
            folder: loaded.settings.folders.data.join("rejects"),
            rejects_as: None,
            max_rejects: 0.0,
            replace_orders: false,
            at,
            progress: Arc::new(|_, _| {}),
        };
        let report = import.run(&opened.parts.store, kind).await?;
        anyhow::ensure!(!report.refused, "{file}: {} rows of the made-up shop are rejected", report.rejected);
        lines = report.read;
    }
    Ok(lines)
}
