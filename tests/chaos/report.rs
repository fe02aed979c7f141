//! Owns what is told of runs: a line each, a table at the end, and all that is kept of a bad one; judges nothing.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use crate::diary::Entry;
use crate::judge::Figures;
use crate::run::{BROKEN_OFF, Ended, Plan};
use crate::scene::Scene;

/// What no log may say.
const NEVER: [&str; 3] = ["panicked at", "@members.example", crate::receiver::SECRET];

/// So much of what is wrong is told; all of it is kept.
const TOLD: usize = 20;

/// What was told so far.
pub struct Report {
    json: bool,
    totals: BTreeMap<&'static str, (usize, Figures)>,
    is_bad: bool,
}

impl Report {
    pub fn begin(json: bool) -> Self {
        if !json {
            println!(
                "    seed  set-up    jobs  kills  other acts  delivered  duplicates  uncertain  lost  seconds"
            );
        }
        Self { json, totals: BTreeMap::new(), is_bad: false }
    }

    pub fn add(&mut self, plan: Plan, figures: Figures, wrong: Vec<String>) {
        self.is_bad |= !wrong.is_empty();
        let name = plan.setup.as_str();
        let (runs, total) = self.totals.entry(name).or_default();
        *runs += 1;
        total.add(&figures);
        if self.json {
            let is_good = wrong.is_empty();
            println!(
                "{}",
                json!({ "setup": name, "seed": plan.seed, "good": is_good, "figures": figures, "wrong": wrong })
            );
            return;
        }
        let Figures { jobs, kills, acts, delivered, duplicates, uncertain, lost, seconds } = figures;
        println!(
            "{:8}  {name:8}  {jobs:4}  {kills:5}  {acts:10}  {delivered:9}  {duplicates:10}  {uncertain:9}  {lost:4}  {seconds:7.1}",
            plan.seed
        );
        wrong.iter().take(TOLD).for_each(|words| println!("          {words}"));
        if wrong.len() > TOLD {
            println!("          … and {} more", wrong.len() - TOLD);
        }
    }

    /// The totals, and whether all was well.
    pub fn end(self) -> ExitCode {
        if !self.json {
            println!(
                "\n| set-up | runs | kills | other faults | jobs | delivered | duplicates | uncertain | lost |"
            );
            println!("|---|---|---|---|---|---|---|---|---|");
        }
        for (name, (runs, figures)) in &self.totals {
            let Figures { jobs, kills, acts, delivered, duplicates, uncertain, lost, .. } = figures;
            match self.json {
                true => println!("{}", json!({ "setup": name, "runs": runs, "total": figures })),
                false => println!(
                    "| {name} | {runs} | {kills} | {acts} | {jobs} | {delivered} | {duplicates} | {uncertain} | {lost} |"
                ),
            }
        }
        match self.is_bad || BROKEN_OFF.load(std::sync::atomic::Ordering::SeqCst) {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        }
    }
}

/// What the processes wrote and should not have.
pub fn in_logs(scene: &Scene) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, text) in logs(scene) {
        let bad = text.lines().filter(|line| NEVER.iter().any(|never| line.contains(never)));
        wrong.extend(bad.map(|line| format!("{name}: {line}")));
    }
    if scene.peers.unsigned() > 0 {
        wrong.push(format!("{} posts without a good signature", scene.peers.unsigned()));
    }
    wrong
}

fn logs(scene: &Scene) -> Vec<(String, String)> {
    let files = std::fs::read_dir(scene.house.path("")).unwrap().flatten();
    let logs = files.filter(|file| file.path().extension().is_some_and(|end| end == "log"));
    logs.map(|file| {
        let text = String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).into_owned();
        (file.file_name().to_string_lossy().into_owned(), text)
    })
    .collect()
}

/// Everything that tells what happened, in one folder that stays.
pub fn keep(scene: &Scene, ended: &Ended, diary: &[Entry], wrong: &[String]) -> PathBuf {
    let lines = |items: Vec<String>| items.join("\n") + "\n";
    scene.house.write("diary.txt", &lines(diary.iter().map(ToString::to_string).collect()));
    scene.house.write("wrong.txt", &lines(wrong.to_vec()));
    scene.house.write("taken.txt", &lines(ended.taken.iter().map(debug).collect()));
    scene.house.write("jobs.txt", &lines(ended.jobs.iter().map(|job| debug(&job)).collect()));
    scene.keep(&format!("{}-{}", ended.plan.setup.as_str(), ended.plan.seed))
}

fn debug(thing: &impl Debug) -> String {
    format!("{thing:?}")
}

impl Figures {
    fn add(&mut self, other: &Figures) {
        let Figures { jobs, kills, acts, delivered, duplicates, uncertain, lost, seconds } = other;
        self.jobs += jobs;
        self.kills += kills;
        self.acts += acts;
        self.delivered += delivered;
        self.duplicates += duplicates;
        self.uncertain += uncertain;
        self.lost += lost;
        self.seconds += seconds;
    }
}
