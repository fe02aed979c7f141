//! TOML as typed, into [`Settings`] and [`Rules`], or *all* problems with file, line and column. Decides nothing and
//! opens nothing but the files of the settings, the rules and the secrets.
//!
//! `parse` makes a `tree` of a file, `overrides` lays the environment over it, and the `reader` asks it for keys:
//! `settings` (with `channels`, `peers`, `intake` and its `preset`, `secret`) and `rules` (with `rule`, `trigger` and `guards`) say which, `values`
//! how each is written. `keys` learns what is asked for, and `schema` tells editors; `warnings` doubts what can be read, and
//! `trial` reads the rule tests beside the rules.

mod channels;
mod guards;
mod intake;
mod keys;
mod overrides;
mod parse;
mod peers;
mod preset;
mod reader;
mod rule;
mod rules;
mod schema;
mod secret;
mod settings;
mod tree;
mod trial;
mod trigger;
mod values;
mod warnings;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use channels::{Channel, DkimKey, DkimSettings, EMAIL, Email, Header, RelaySettings, Webhook};
pub use intake::{Columns, DateFormat, ENCODINGS, Encoding, Files, Header as ColumnHeader, Intake};
pub use peers::{QueueUrl, RelayUrl, StoreUrl};
pub use preset::is_shipped;
pub use rule::PlacedRule;
pub use schema::schema;
pub use secret::{Environment, Secret};
pub use settings::{Deliver, Folders, Http, Queue, Retention, Settings, Shop};
pub use trial::{Expectation, Trial, trials};
pub use warnings::warnings;

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
    let Survey { loaded, problems, .. } = survey(file, rules_override, env);
    loaded.ok_or(problems)
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
    let Survey { loaded, problems, .. } = read(file, None, env, Some(running));
    loaded.ok_or(problems)
}

/// Everything that files say, and what is to be said about them.
#[derive(Debug, Default)]
pub struct Survey {
    /// What they mean; nothing when there is a problem.
    pub loaded: Option<Loaded>,
    /// What the settings mean, whatever is wrong with the rules; nothing when there is a problem with themselves.
    pub settings: Option<Settings>,
    /// All problems of all files, sorted by file, line and column.
    pub problems: Vec<Problem>,
    /// The rules that speak and the places where they say what, in the order in which they claim a need.
    pub rules: Vec<PlacedRule>,
}

/// Reads everything, as [`load`] does.
pub fn survey(file: &Path, rules_override: Option<&Path>, env: &Environment) -> Survey {
    read(file, rules_override, env, None)
}

fn read(
    file: &Path,
    rules_override: Option<&Path>,
    env: &Environment,
    running: Option<&BTreeSet<ChannelName>>,
) -> Survey {
    let problems = Problems::default();
    let Some(Overridden { document, own, folder }) = overridden(file, env, &problems) else {
        return Survey { problems: problems.sorted(), ..Survey::default() };
    };
    let around = Surroundings { base: &folder, env };
    let (settings, outline, named_at) = Section::document(&document, &problems, |s| {
        let (settings, outline) = settings::read(s, around);
        (settings, outline, s.place("rules"))
    });
    let settings::Outline { channels, choosy, folders, .. } = outline;
    let (path, named_at) = match rules_override {
        Some(path) => (absolute(path), Place::start_of(&shown(path))),
        None => (folders.rules, named_at),
    };
    let settings = settings.map(|mut settings| {
        settings.intake.own = own.map(|own| Box::new(intake_of(&own, &folder, &Problems::default())));
        settings
    });
    let alone = settings.clone().filter(|_| problems.is_empty());
    let known = rules::Known::new(channels, choosy, running.cloned(), &folders.templates);
    let (rules, placed) = rules::read(&path, &named_at, &known, &problems).unzip();
    let problems = problems.sorted();
    let loaded = settings.zip(rules).filter(|_| problems.is_empty());
    let loaded = loaded.map(|(settings, rules)| Loaded { settings, rules });
    Survey { loaded, settings: alone, problems, rules: placed.unwrap_or_default() }
}

/// How a shop's exports are read by this preset alone, where there are no settings.
///
/// # Errors
/// When there is no such preset, or it is wrong.
pub fn preset(name: &str) -> Result<Intake, Vec<Problem>> {
    let problems = Problems::default();
    let base = absolute(Path::new("."));
    let named = format!("[intake]\n{} = '{name}'\n", preset::KEY);
    let intake = parse::parse("--preset", &named, &problems).map(|mut document| {
        let own = preset::lay_beneath(&mut document, &base, &problems);
        let own = own.map(|own| Box::new(intake_of(&own, &base, &Problems::default())));
        Intake { own, ..intake_of(&document, &base, &problems) }
    });
    let problems = problems.sorted();
    intake.filter(|_| problems.is_empty()).ok_or(problems)
}

fn intake_of(document: &Node, base: &Path, problems: &Problems) -> Intake {
    Section::document(document, problems, |s| s.section("intake", |s| intake::read(s, base)))
}

/// Where things lie, as far as the settings say it in spite of their problems: for whoever looks for more problems.
pub fn folders(file: &Path, env: &Environment) -> Option<Folders> {
    let problems = Problems::default();
    let Overridden { document, folder, .. } = overridden(file, env, &problems)?;
    let around = Surroundings { base: &folder, env };
    Some(Section::document(&document, &problems, |s| settings::read(s, around).1.folders))
}

/// The templates of bodies that webhooks have of their own, as far as the settings name them in spite of their problems.
pub fn bodies(file: &Path, env: &Environment) -> Vec<PathBuf> {
    let problems = Problems::default();
    let Some(Overridden { document, folder, .. }) = overridden(file, env, &problems) else {
        return Vec::new();
    };
    let around = Surroundings { base: &folder, env };
    Section::document(&document, &problems, |s| settings::read(s, around).1.bodies)
}

/// The settings file under its overrides.
struct Overridden {
    document: Node,
    /// The same without the preset that lies beneath it, where one does.
    own: Option<Node>,
    /// At which relative paths start.
    folder: PathBuf,
}

fn overridden(file: &Path, env: &Environment, problems: &Problems) -> Option<Overridden> {
    let mut document = parse::read_file(file, &shown(file), problems)?;
    let folder = absolute(file).parent().map(Path::to_owned).unwrap_or_default();
    overrides::apply(&mut document, env);
    let own = preset::lay_beneath(&mut document, &folder, problems);
    Some(Overridden { document, own, folder })
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
