//! Owns the face of `test`: the rule tests beside the rules, run and told like a test runner; the lab does the work.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use crate::cli::open::{Invalid, load};
use crate::cli::output::{Output, strong};
use crate::cli::{FAILED, USAGE};
use crate::config::{Loaded, Trial, trials};
use crate::lab::trial::failures;

/// Run the rule tests: *.test.toml files beside the rules
///
/// Each test is a member, a history, a now, and what is expected: a message of a rule on some day, or its silence and
/// why. The member lives on from there by the daemon's own functions, buying nothing more; dates are forecast as for a
/// new shop, so that a test does not change with what the shop has learnt. Nothing is stored or sent.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  replenish test\n  replenish test --rules drafts/rules")]
pub struct TestArgs {
    /// Test the rules of this folder instead of those in the settings
    #[arg(long, value_name = "FOLDER")]
    rules: Option<PathBuf>,
}

/// How one test ended.
#[derive(Serialize)]
struct Ended<'a> {
    file: &'a str,
    line: u32,
    name: &'a str,
    passed: bool,
    failures: Vec<String>,
}

impl TestArgs {
    /// Prints a line a test; exit 1 when one failed, 2 when there is none.
    ///
    /// # Errors
    /// Invalid settings, rules or tests.
    pub fn run(self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        let Loaded { settings, rules } = load(config, self.rules.as_deref())?;
        let folder = self.rules.unwrap_or_else(|| settings.folders.rules.clone());
        let trials = trials(&folder, &rules, settings.timezone).map_err(Invalid)?;
        if trials.is_empty() {
            out.note(format_args!("{} holds no tests: write some into NAME.test.toml", folder.display()))?;
            return Ok(ExitCode::from(USAGE));
        }
        let ended: Vec<Ended<'_>> = trials
            .iter()
            .map(|trial| {
                let Trial { file, line, name, .. } = trial;
                let failures = failures(trial, &rules, settings.timezone, &settings.locale);
                Ended { file, line: *line, name, passed: failures.is_empty(), failures }
            })
            .collect();
        tell(&ended, *out)?;
        Ok(ExitCode::from(if ended.iter().all(|test| test.passed) { 0 } else { FAILED }))
    }
}

fn tell(ended: &[Ended<'_>], out: Output) -> anyhow::Result<()> {
    let passed = ended.iter().filter(|test| test.passed).count();
    let failed = ended.len() - passed;
    if out.is_json() {
        return out.json(&json!({ "passed": passed, "failed": failed, "tests": ended }));
    }
    for Ended { file, line, name, passed, failures } in ended {
        match passed {
            true => out.say(format_args!("ok    {name}"))?,
            false => out.say(format_args!("{}  {name}\n      {file}:{line}", strong("FAIL")))?,
        }
        failures.iter().try_for_each(|failure| out.say(format_args!("      {failure}")))?;
    }
    out.say(strong(format_args!("{passed} passed, {failed} failed")))
}
