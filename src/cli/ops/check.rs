//! `replenish check`: every problem of settings, rules and templates at once, and what is doubtful; touches nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use crate::cli::INVALID_CONFIG;
use crate::cli::open::{look_into_store, template_problems, template_warnings};
use crate::cli::output::Output;
use crate::config::{self, Settings, Survey};
use crate::daemon::real_time;
use crate::desk;
use crate::domain::ids::Day;
use crate::domain::problem::Problem;
use crate::domain::rules::Rules;
use crate::domain::trigger::Trigger;

/// A shop that does not answer in this time is not asked.
const PATIENCE: Duration = Duration::from_secs(3);

/// Check settings, rules and templates: every problem at once.
///
/// A problem must be mended, and the exit code is 78. A warning is about a rule that can be read but hardly means what
/// was wanted: one that is always covered by another, names a category that the shop does not have, has hours inside
/// the quiet hours. Categories and products are looked up in the store when it is there; nothing is written.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  replenish check\n  replenish check --deny-warnings --json\n  replenish check --schema > config/rules/schema.json"
)]
pub struct Check {
    /// Exit 78 for warnings too
    #[arg(long)]
    deny_warnings: bool,
    /// Print the JSON Schema of rules files, for editors, and check nothing
    #[arg(long, conflicts_with = "deny_warnings")]
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

async fn problems(config: &Path) -> Vec<Problem> {
    let env = std::env::vars().collect();
    let Survey { loaded, mut problems, rules } = config::survey(config, None, &env);
    if let Some(folders) = config::folders(config, &env) {
        problems.extend(template_problems(&folders.templates));
    }
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
