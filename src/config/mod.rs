//! TOML as typed, into [`Settings`] and [`Rules`], or *all* problems with file, line and column. Decides nothing and
//! opens nothing but the files of the settings, the rules and the secrets.
//!
//! `parse` makes a `tree` of a file, `overrides` lays the environment over it, and the `reader` asks it for keys:
//! `settings` (with `channels`, `peers`, `intake`, `secret`) and `rules` (with `rule` and `guards`) say which, `values` how each is written.

mod channels;
mod guards;
mod intake;
mod overrides;
mod parse;
mod peers;
mod reader;
mod rule;
mod rules;
mod secret;
mod settings;
mod tree;
mod trigger;
mod values;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use channels::{Channel, EMAIL, Email, Webhook};
pub use intake::{Columns, Intake};
pub use peers::{QueueUrl, RelayUrl, StoreUrl};
pub use secret::{Environment, Secret};
pub use settings::{Deliver, Folders, Http, Queue, Settings, Shop};

use crate::domain::ids::ChannelName;
use crate::domain::problem::Problem;
use crate::domain::rules::Rules;
use reader::Section;
use secret::Surroundings;
use tree::{Node, Place, Problems};

/// Everything that files say.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What ops tune.
    pub settings: Settings,
    /// What brands tune.
    pub rules: Rules,
}

/// Settings from `file` under the overrides of `env`, and rules from the folder that they name, or from
/// `rules_override`: a folder or one file.
///
/// # Errors
/// All problems of all files, sorted by file, line and column.
pub fn load(file: &Path, rules_override: Option<&Path>, env: &Environment) -> Result<Loaded, Vec<Problem>> {
    read(file, rules_override, env, None)
}

/// The same for a process that runs: it has only the channels that it was started with, so a rule that names another
/// one is a problem.
///
/// # Errors
/// All problems of all files, sorted by file, line and column.
pub fn reload(
    file: &Path,
    env: &Environment,
    running: &BTreeSet<ChannelName>,
) -> Result<Loaded, Vec<Problem>> {
    read(file, None, env, Some(running))
}

fn read(
    file: &Path,
    rules_override: Option<&Path>,
    env: &Environment,
    running: Option<&BTreeSet<ChannelName>>,
) -> Result<Loaded, Vec<Problem>> {
    let problems = Problems::default();
    let Some((document, folder)) = overridden(file, env, &problems) else {
        return problems.or(None);
    };
    let around = Surroundings { base: &folder, env };
    let (settings, outline, named_at) = Section::document(&document, &problems, |s| {
        let (settings, outline) = settings::read(s, around);
        (settings, outline, s.place("rules"))
    });
    let (path, named_at) = match rules_override {
        Some(path) => (absolute(path), Place::start_of(&shown(path))),
        None => (outline.folders.rules, named_at),
    };
    let known = rules::Known::new(outline.channels, running.cloned(), &outline.folders.templates);
    let rules = rules::read(&path, &named_at, &known, &problems);
    problems.or(settings.zip(rules).map(|(settings, rules)| Loaded { settings, rules }))
}

/// Where things lie, as far as the settings say it in spite of their problems: for whoever looks for more problems.
pub fn folders(file: &Path, env: &Environment) -> Option<Folders> {
    let problems = Problems::default();
    let (document, folder) = overridden(file, env, &problems)?;
    let around = Surroundings { base: &folder, env };
    Some(Section::document(&document, &problems, |s| settings::read(s, around).1.folders))
}

/// The settings file under its overrides, and the folder at which relative paths start.
fn overridden(file: &Path, env: &Environment, problems: &Problems) -> Option<(Node, PathBuf)> {
    let mut document = parse::read_file(file, &shown(file), problems)?;
    overrides::apply(&mut document, env);
    Some((document, absolute(file).parent().map(Path::to_owned).unwrap_or_default()))
}

/// A path as people know it: relative to where they stand, when it lies below.
fn shown(path: &Path) -> String {
    let full = absolute(path);
    let here = std::env::current_dir().unwrap_or_default();
    full.strip_prefix(&here).unwrap_or(&full).display().to_string()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
