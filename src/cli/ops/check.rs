//! `replenish check`: every problem of settings, rules and templates at once; touches nothing.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::INVALID_CONFIG;
use crate::cli::open::{Invalid, load, load_templates};
use crate::cli::output::Output;
use crate::domain::problem::Problem;

/// Check settings, rules and templates: every problem at once.
#[derive(Debug, clap::Args)]
pub struct Check {}

impl Check {
    /// Prints every problem; exit 78 when there is one.
    ///
    /// # Errors
    /// Never for problems of the files themselves.
    pub fn run(self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        let problems = problems(config)?;
        if out.is_json() {
            out.json(&json!({ "problems": problems }))?;
        } else if problems.is_empty() {
            out.say("settings, rules and templates are valid")?;
        } else {
            out.problems(&problems)?;
        }
        Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(INVALID_CONFIG) })
    }
}

fn problems(config: &Path) -> anyhow::Result<Vec<Problem>> {
    let found = load(config, None).and_then(|loaded| load_templates(&loaded.settings));
    match found {
        Ok(_) => Ok(Vec::new()),
        Err(error) => Ok(error.downcast::<Invalid>()?.0),
    }
}
