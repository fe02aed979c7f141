//! `replenish check`: every problem of settings, rules and templates at once; touches nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::INVALID_CONFIG;
use crate::cli::open::{Invalid, load, template_problems, template_warnings};
use crate::cli::output::Output;
use crate::config;
use crate::domain::problem::Problem;
use crate::domain::rules::Rules;
use crate::domain::trigger::Trigger;

/// Check settings, rules and templates: every problem at once.
///
/// Templates are rendered for made-up members in every locale. One that can never be rendered is a problem; one that
/// asks for what is not known of every member (a name, a need date) is a warning.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// Warnings are problems too
    #[arg(long)]
    deny_warnings: bool,
}

impl Check {
    /// Prints every problem; exit 78 when there is one.
    ///
    /// # Errors
    /// Never for problems of the files themselves.
    pub fn run(self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        let (mut problems, mut warnings) = found(config)?;
        if self.deny_warnings {
            problems.append(&mut warnings);
        }
        if out.is_json() {
            out.json(&json!({ "problems": problems, "warnings": warnings }))?;
        } else {
            warnings.iter().try_for_each(|warning| out.say(format_args!("warning: {warning}")))?;
            match problems.is_empty() {
                true => out.say("settings, rules and templates are valid")?,
                false => out.problems(&problems)?,
            }
        }
        Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(INVALID_CONFIG) })
    }
}

/// Problems, and warnings where there is no problem to mend first.
fn found(config: &Path) -> anyhow::Result<(Vec<Problem>, Vec<Problem>)> {
    let (mut problems, itemless) = match load(config, None) {
        Ok(loaded) => (Vec::new(), itemless(&loaded.rules)),
        Err(error) => (error.downcast::<Invalid>()?.0, BTreeSet::new()),
    };
    let Some(folders) = config::folders(config, &std::env::vars().collect()) else {
        return Ok((problems, Vec::new()));
    };
    problems.extend(template_problems(&folders.templates));
    if !problems.is_empty() {
        return Ok((problems, Vec::new()));
    }
    let itemless: BTreeSet<&str> = itemless.iter().map(String::as_str).collect();
    Ok((problems, template_warnings(&folders.templates, &itemless)))
}

/// Templates of rules that write about the member, not about anything bought.
fn itemless(rules: &Rules) -> BTreeSet<String> {
    let itemless = rules.all().iter().filter(|rule| matches!(rule.trigger, Trigger::Member(..)));
    itemless.filter_map(|rule| rule.template.clone()).collect()
}
