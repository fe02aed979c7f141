//! `replenish check`: every problem of settings, rules and templates at once; touches nothing.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::INVALID_CONFIG;
use crate::cli::open::{Invalid, load, template_problems};
use crate::cli::output::Output;
use crate::config;
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
    let mut problems = match load(config, None) {
        Ok(_) => Vec::new(),
        Err(error) => error.downcast::<Invalid>()?.0,
    };
    if let Some(folders) = config::folders(config, &std::env::vars().collect()) {
        problems.extend(template_problems(&folders.templates));
    }
    Ok(problems)
}
