//! Owns the command line: our own options, and whatever `cargo test` hands to every test program; starts nothing.

use std::ops::RangeInclusive;

use crate::scene::Setup;

/// Runs of each set-up when nobody says otherwise.
const RUNS: u64 = 2;
/// Options of the usual test program that have a value, which is no filter.
const WITH_VALUE: [&str; 6] = ["--test-threads", "--format", "--color", "--logfile", "--shuffle-seed", "-Z"];

/// What is to be run.
pub struct Arguments {
    pub setups: Vec<Setup>,
    pub seeds: RangeInclusive<u64>,
    pub json: bool,
    /// What every run leaves is kept, not only that of a bad one.
    pub keep: bool,
}

/// What the command line comes to.
pub enum Asked {
    Run(Arguments),
    /// This is to be said, and nothing else done.
    Nothing(String),
    Wrong(String),
}

#[derive(Default)]
struct Words {
    setup: Option<String>,
    runs: Option<String>,
    seed: Option<String>,
    filters: Vec<String>,
    skipped: Vec<String>,
    flags: Vec<String>,
}

impl Arguments {
    pub fn read(words: impl Iterator<Item = String>) -> Asked {
        let words = Words::sort(words);
        let has = |flag: &str| words.flags.iter().any(|f| f == flag);
        let setups: Vec<Setup> = Setup::ALL.into_iter().filter(|setup| words.wants(*setup)).collect();
        if has("--list") {
            let line = |setup: &Setup| format!("chaos::{}: test\n", setup.as_str());
            return Asked::Nothing(setups.iter().map(line).collect());
        }
        let known = words.setup.iter().all(|name| Setup::ALL.iter().any(|setup| setup.as_str() == name));
        let number = |word: &Option<String>, default: u64| word.as_ref().map_or(Ok(default), |w| w.parse());
        match (number(&words.runs, RUNS), number(&words.seed, 1)) {
            (Ok(runs @ 1..), Ok(seed)) if known => {
                // nothing here is ignored
                let setups = if has("--ignored") { Vec::new() } else { setups };
                let seeds = seed..=seed.saturating_add(runs - 1);
                Asked::Run(Arguments { setups, seeds, json: has("--json"), keep: has("--keep") })
            }
            _ => Asked::Wrong("[--runs N] [--setup embedded|fleet] [--seed N] [--json] [--keep]".to_owned()),
        }
    }
}

impl Words {
    fn sort(words: impl Iterator<Item = String>) -> Self {
        let mut sorted = Self::default();
        // `--runs=3` is `--runs 3`
        let mut words = words.flat_map(|word| match word.split_once('=') {
            Some((option, value)) if word.starts_with("--") => vec![option.to_owned(), value.to_owned()],
            _ => vec![word],
        });
        while let Some(word) = words.next() {
            match word.as_str() {
                "--setup" => sorted.setup = Some(words.next().unwrap_or_default()),
                "--runs" => sorted.runs = Some(words.next().unwrap_or_default()),
                "--seed" => sorted.seed = Some(words.next().unwrap_or_default()),
                "--skip" => sorted.skipped.extend(words.next()),
                option if WITH_VALUE.contains(&option) => drop(words.next()),
                option if option.starts_with('-') => sorted.flags.push(word),
                _ => sorted.filters.push(word),
            }
        }
        sorted
    }

    fn wants(&self, setup: Setup) -> bool {
        let name = format!("chaos::{}", setup.as_str());
        let names = |filter: &String| match self.flags.iter().any(|flag| flag == "--exact") {
            true => *filter == name,
            false => name.contains(filter.as_str()),
        };
        let is_meant = self.filters.is_empty() || self.filters.iter().any(names);
        is_meant && !self.skipped.iter().any(names) && self.setup.as_ref().is_none_or(|s| s == setup.as_str())
    }
}
