//! `replenish check`: every problem of settings, rules and templates at once, and what is doubtful; touches nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use crate::channel::{Certificate, Pace};
use crate::cli::hook::body_problems;
use crate::cli::open::{
    load, look_into_store, open_channels, store_url, template_problems, template_warnings,
};
use crate::cli::output::Output;
use crate::cli::{FAILED, INVALID_CONFIG};
use crate::config::{self, QueueUrl, Settings, StoreUrl, Survey};
use crate::daemon::real_time;
use crate::desk;
use crate::desk::connect::{self, Peer};
use crate::domain::ids::Day;
use crate::domain::problem::Problem;
use crate::domain::rules::Rules;
use crate::domain::trigger::Trigger;
use crate::queue::host_of;
use crate::store::Store;

/// A shop that does not answer in this time is not asked.
const PATIENCE: Duration = Duration::from_secs(3);
/// Days before its end at which a certificate is told to be renewed.
const EXPIRES_SOON: i64 = 21;

/// Check settings, rules and templates: every problem at once.
///
/// A problem must be mended, and the exit code is 78. A warning is about a rule that can be read but hardly means what
/// was wanted: one that is always covered by another, names a category that the shop does not have, has hours inside
/// the quiet hours. Categories and products are looked up in the store when it is there; nothing is written.
///
/// With --connect, each relay, endpoint, store and queue is asked whether it is there, and says what it is; exit 1 when
/// one does not answer.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  replenish check\n  replenish check --deny-warnings --json\n  replenish check --connect\n  replenish check --schema > config/rules/schema.json"
)]
pub struct Check {
    /// Exit 78 for warnings too
    #[arg(long)]
    deny_warnings: bool,
    /// Ask each relay, endpoint, store and queue whether it is there: no message goes, nothing is written
    #[arg(long)]
    connect: bool,
    /// Print the JSON Schema of rules files, for editors, and check nothing
    #[arg(long, conflicts_with_all = ["deny_warnings", "connect"])]
    schema: bool,
}

impl Check {
    /// Prints every problem; exit 78 when there is one that counts.
    ///
    /// # Errors
    /// Never for problems of the files themselves.
    pub async fn run(self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        if self.schema {
            out.say(format_args!("{:#}", config::schema()))?;
            return Ok(ExitCode::SUCCESS);
        }
        let problems = problems(config).await;
        let is_invalid = |problem: &Problem| self.deny_warnings || problem.is_error();
        let invalid = problems.iter().any(is_invalid);
        if self.connect && !invalid {
            return connected(config, &problems, out).await;
        }
        if out.is_json() {
            out.json(&json!({ "problems": problems }))?;
        } else if invalid {
            out.problems(&problems, config)?;
        } else {
            out.warnings(&problems, config)?;
            out.say("settings, rules and templates are valid")?;
        }
        Ok(if invalid { ExitCode::from(INVALID_CONFIG) } else { ExitCode::SUCCESS })
    }
}

/// Asks all peers; exit 1 when one cannot be worked with.
async fn connected(config: &Path, problems: &[Problem], out: &Output) -> anyhow::Result<ExitCode> {
    let settings = load(config, None)?.settings;
    let asking = out.progress("asking each peer", None);
    asking.enable_steady_tick(Duration::from_millis(100));
    let mut peers = vec![store(&settings).await];
    if let QueueUrl::Redis(url) = &settings.queue.url {
        peers.push(connect::queue(url.expose()).await);
    }
    peers.extend(connect::channels(&open_channels(&settings, &Pace::local())?).await);
    asking.finish_and_clear();
    if out.is_json() {
        out.json(&json!({ "problems": problems, "peers": peers }))?;
    } else {
        out.warnings(problems, config)?;
        out.table(&["part", "peer", "", "says", "certificate"], &[], peers.iter().map(row).collect())?;
    }
    Ok(if peers.iter().all(|peer| peer.ok) { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// The ledger as it stands: nothing is made, and nothing brought to another layout.
async fn store(settings: &Settings) -> Peer {
    match &settings.store {
        StoreUrl::Sqlite(path) if !path.exists() => {
            let says = "not there yet: the first command that writes makes it".to_owned();
            Peer { part: "store".into(), peer: path.display().to_string(), ok: true, says, tls: None }
        }
        StoreUrl::Sqlite(path) => {
            connect::store(&path.display().to_string(), Store::look_into(&store_url(settings)).await).await
        }
        StoreUrl::Postgres(url) => {
            connect::store(&host_of(url.expose()), Store::look_into(url.expose()).await).await
        }
    }
}

fn row(peer: &Peer) -> Vec<String> {
    let ok = if peer.ok { "ok" } else { "fails" };
    let certificate = peer.tls.as_ref().map(certificate).unwrap_or_default();
    vec![peer.part.clone(), peer.peer.clone(), ok.to_owned(), peer.says.clone(), certificate]
}

fn certificate(shown: &Certificate) -> String {
    let days = (shown.valid_until - real_time()).num_days();
    let names = match shown.names.as_slice() {
        [] => "no name".to_owned(),
        [name] => name.clone(),
        [name, more @ ..] => format!("{name} and {} more", more.len()),
    };
    let until = shown.valid_until.date_naive();
    match days {
        ..0 => format!("{names}, over since {until}"),
        0..EXPIRES_SOON => format!("{names}, until {until}: renew it, {days} days are left"),
        _ => format!("{names}, until {until}"),
    }
}

async fn problems(config: &Path) -> Vec<Problem> {
    let env = std::env::vars().collect();
    let Survey { loaded, mut problems, rules, .. } = config::survey(config, None, &env);
    if let Some(folders) = config::folders(config, &env) {
        problems.extend(template_problems(&folders.templates));
    }
    problems.extend(body_problems(&config::bodies(config, &env)));
    // What stands beside a mistake may be meant otherwise: doubts come when there is none.
    if let Some(loaded) = loaded.filter(|_| problems.is_empty()) {
        let itemless = itemless(&loaded.rules);
        problems.extend(template_warnings(&loaded.settings.folders.templates, &itemless));
        let today = Day::of(real_time(), loaded.settings.timezone);
        problems.extend(config::warnings(&rules, &loaded.rules.guards, today));
        problems.extend(strangers(&loaded.settings, &rules).await);
    }
    problems.sort();
    problems
}

/// Templates of rules that write about the member, not about anything bought.
fn itemless(rules: &Rules) -> BTreeSet<&str> {
    let itemless = rules.all().iter().filter(|rule| matches!(rule.trigger, Trigger::Member(..)));
    itemless.filter_map(|rule| rule.template.as_deref()).collect()
}

/// What the catalog says, if the store is there and answers.
async fn strangers(settings: &Settings, rules: &[config::PlacedRule]) -> Vec<Problem> {
    let asked = async {
        match look_into_store(settings).await {
            Some(store) => desk::check::strangers(&store, rules).await,
            None => Vec::new(),
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_default()
}
