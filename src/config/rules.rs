//! Owns the rules as brands type them, over all files of the folder; knows nothing of what they do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::guards::{self, TypedUnsuitable};
use super::keys::Keys;
use super::parse::read_file;
use super::reader::{Section, did_you_mean};
use super::rule::{self, PlacedRule, TypedRule};
use super::tree::{Node, Place, Problems};
use super::{shown, values};
use crate::domain::calendar::Festival;
use crate::domain::ids::ChannelName;
use crate::domain::lifecycle::Stages;
use crate::domain::rules::{Guards, Rules};

/// What rules may name.
pub struct Known {
    /// The channels of the settings.
    pub channels: BTreeSet<ChannelName>,
    /// Those of them that reach only members with an address or a contact point.
    pub choosy: BTreeSet<ChannelName>,
    /// Those that the process has, once it runs.
    pub running: Option<BTreeSet<ChannelName>>,
    /// The names of the templates, without locale.
    pub templates: BTreeSet<String>,
    /// Where the templates lie, for people.
    pub folder: String,
}

impl Known {
    /// These channels, the choosy ones among them, and the templates that lie in this folder.
    pub fn new(
        channels: BTreeSet<ChannelName>,
        choosy: BTreeSet<ChannelName>,
        running: Option<BTreeSet<ChannelName>>,
        templates: &Path,
    ) -> Self {
        let folder = shown(templates);
        let files = fs::read_dir(templates).into_iter().flatten().flatten();
        let files = files.filter_map(|e| e.file_name().into_string().ok());
        // one that starts with _ is a part of others
        let files = files.filter(|n| n.ends_with(".jinja") && !n.starts_with('_'));
        let templates = files.filter_map(|n| Some(n.split_once('.')?.0.to_owned())).collect();
        Self { channels, choosy, running, templates, folder }
    }
}

/// Reads every rules file at `path`, a folder or one file; with the rules come the places where they say what. When
/// `path` itself is wrong, the problem stands at `named_at`.
pub fn read(
    path: &Path,
    named_at: &Place,
    known: &Known,
    problems: &Problems,
) -> Option<(Rules, Vec<PlacedRule>)> {
    let files = rule_files(path).map_err(|e| {
        let message = format!("the rules at {} cannot be read: {e}", shown(path));
        problems.add(named_at, message, "name a folder with rules (*.toml), or make it");
    });
    let mut all = Typed::default();
    for file in files.ok()? {
        let Some(tree) = read_file(&file, &shown(&file), problems) else { continue };
        Section::document(&tree, problems, |s| all.read(s, known));
    }
    all.note_shared_ids(problems);
    all.note_unknown_festivals(problems);
    let stages = all.stages.map(|(_, stages)| stages).unwrap_or_default();
    let mut placed: Vec<_> =
        all.rules.into_iter().filter(|r| r.enabled).filter_map(TypedRule::placed).collect();
    let rules = placed.iter().map(|r| r.rule.clone()).collect();
    let guards = all.guards.map(|(_, guards)| guards).unwrap_or_default();
    placed.sort_by_key(|r| -r.rule.priority);
    let unsuitable = all.unsuitable.into_iter().filter_map(|u| u.meaning).collect();
    let rules = Rules::new(rules, guards, all.festivals, stages).with_unsuitable(unsuitable);
    Some((rules, placed))
}

/// Reads a document for the sake of its keys.
pub fn learn(document: &Node, known: &Known, keys: &Keys) {
    Section::learn(document, &Problems::default(), keys, |s| Typed::default().read(s, known));
}

/// Rule tests (`*.test.toml`) and hidden files are no rules.
fn rule_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files: Vec<PathBuf> =
        fs::read_dir(path)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    let is_rules = |path: &PathBuf| {
        let name = path.file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
        name.ends_with(".toml") && !name.ends_with(".test.toml") && !name.starts_with('.')
    };
    files.retain(is_rules);
    files.sort();
    Ok(files)
}

/// What the files say together.
#[derive(Default)]
struct Typed {
    rules: Vec<TypedRule>,
    guards: Option<(Place, Guards)>,
    stages: Option<(Place, Stages)>,
    festivals: Vec<Festival>,
    unsuitable: Vec<TypedUnsuitable>,
}

impl Typed {
    fn read(&mut self, s: &mut Section<'_>, known: &Known) {
        self.rules.extend(s.sections("rule", |s| rule::read(s, known)));
        self.festivals.extend(s.sections("festival", guards::festival).into_iter().flatten());
        self.unsuitable.extend(s.sections("unsuitable", guards::unsuitable));
        once(s, "guards", &mut self.guards, guards::guards);
        once(s, "stages", &mut self.stages, stages);
    }

    fn note_unknown_festivals(&self, problems: &Problems) {
        let names: Vec<&str> = self.festivals.iter().map(|f| f.name.as_str()).collect();
        for (name, at) in self.rules.iter().filter_map(|r| r.festival.as_ref()) {
            if !names.contains(&name.as_str()) {
                let help = match names.as_slice() {
                    [] => format!("write a [[festival]] with `name = {name:?}`"),
                    names => {
                        let near = did_you_mean(name, names.iter().copied());
                        format!("{near}known here: {}", names.join(", "))
                    }
                };
                problems.add(at, format!("no [[festival]] is called {name:?}"), help);
            }
        }
    }

    fn note_shared_ids(&self, problems: &Problems) {
        let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
        for (id, at) in self.rules.iter().flat_map(|r| &r.ids) {
            match seen.get(id.as_str()) {
                None => drop(seen.insert(id, at)),
                Some(first) => {
                    let help =
                        "give each rule its own `id`; an earlier id in `formerly` belongs to one rule only";
                    problems.add(at, format!("the rule id \"{id}\" stands already at {first}"), help);
                }
            }
        }
        let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
        for (id, at) in self.unsuitable.iter().filter_map(|u| u.id.as_ref()) {
            if let Some(first) = seen.insert(id, at) {
                let message = format!("the id \"{id}\" stands already at {first}");
                problems.add(at, message, "give each [[unsuitable]] its own `id`");
            }
        }
    }
}

/// A table that stands once over all files.
fn once<T>(
    s: &mut Section<'_>,
    key: &'static str,
    found: &mut Option<(Place, T)>,
    read: impl FnOnce(&mut Section<'_>) -> T,
) {
    let node = s.node(key);
    let value = s.section(key, read);
    let Some(node) = node else { return };
    match found {
        None => *found = Some((node.at.clone(), value)),
        Some((first, _)) => {
            let message = format!("[{key}] stands already at {first}");
            s.problem(key, message, format!("keep all {key} in one place"));
        }
    }
}

fn stages(s: &mut Section<'_>) -> Stages {
    let default = Stages::default();
    let stages = Stages {
        loyal_from: s
            .get("loyal_from", values::whole(2..=1000, "6"))
            .map_or(default.loyal_from, |n| n as u32),
        lapsing: s.get("lapsing", values::share()).unwrap_or(default.lapsing),
        lapsed: s.get("lapsed", values::share()).unwrap_or(default.lapsed),
    };
    if stages.lapsed > stages.lapsing {
        let help = "a member is lapsing before lapsed: write a share for `lapsed` that is not above that for `lapsing`";
        s.problem("lapsed", "`stages.lapsed` lies above `stages.lapsing`", help);
    }
    stages
}
