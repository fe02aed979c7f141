//! Two virtual years of a shop, thousands of times: the daemon's own steps over a ledger in memory, by a seeded schedule.
//!
//! `SIMULATION_SEED=123 cargo test --test it -- simulation --nocapture` plays one seed again and prints its steps;
//! `SIMULATION_SEEDS=100000` plays more of them.

mod book;
mod calm;
mod chance;
mod desk;
mod peer;
mod process;
mod proof;
mod shop;
mod story;
mod trace;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use replenish::domain::job::JobState;
use replenish::domain::reason::Reason;

use story::Story;
use trace::Checked;

/// How many jobs ended where, and why.
pub type Ends = BTreeMap<(JobState, Option<Reason>), usize>;

/// What came of a seed.
#[derive(Debug, PartialEq, Eq)]
pub struct Played {
    /// Equal for equal runs.
    pub trace: u64,
    /// What became of its jobs; or what was wrong, with the last steps before it.
    pub ends: Checked<Ends>,
}

/// Plays one seed, its steps printed when it is told aloud.
pub fn play(seed: u64, aloud: bool) -> Played {
    let mut trace = 0;
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut story = Story::begin(seed, aloud)?;
        let ends = story.live().map_err(|why| format!("{}{why}", story.trace.last()));
        trace = story.trace.hash();
        ends
    }));
    let panicked = |panic: Box<dyn std::any::Any + Send>| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        Err(panic.downcast_ref::<String>().cloned().or(text).unwrap_or_default())
    };
    let again = format!("SIMULATION_SEED={seed} cargo test --test it -- simulation --nocapture");
    let ends = played.unwrap_or_else(panicked).map_err(|why| format!("seed {seed}:\n{why}\nagain: {again}"));
    Played { trace, ends }
}

/// Plays seeds on all cores until one is wrong.
///
/// # Errors
/// What was wrong.
pub fn play_all(seeds: Range<u64>) -> Checked<Ends> {
    let (left, all) = (Mutex::new(seeds), Mutex::new(Ok(Ends::new())));
    let work = || {
        while let Some(seed) = { left.lock().unwrap().next() } {
            let played = play(seed, false).ends;
            let mut all = all.lock().unwrap();
            match (&mut *all, played) {
                (Ok(all), Ok(ends)) => {
                    ends.into_iter().for_each(|(end, n)| *all.entry(end).or_default() += n)
                }
                (Err(_), _) => return,
                (all, wrong) => *all = wrong,
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    all.into_inner().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds that every build plays.
    const SEEDS: u64 = 40;

    /// Ends that must have been seen, or the runs show nothing.
    const SEEN: [(JobState, Option<Reason>); 10] = [
        (JobState::Delivered, None),
        (JobState::Failed, Some(Reason::Refused)),
        (JobState::Failed, Some(Reason::NoSuchMailbox)),
        (JobState::Uncertain, Some(Reason::NoAnswer)),
        (JobState::Uncertain, Some(Reason::ProcessDied)),
        (JobState::Skipped, Some(Reason::Reordered)),
        (JobState::Skipped, Some(Reason::Suppressed)),
        (JobState::Skipped, Some(Reason::NoConsent)),
        (JobState::Skipped, Some(Reason::Expired)),
        (JobState::Cancelled, Some(Reason::CancelledByPerson)),
    ];

    fn asked(name: &str) -> Option<u64> {
        std::env::var(name).ok().map(|text| text.parse().expect("a number"))
    }

    #[test]
    fn whatever_happens_what_must_hold_does() {
        if let Some(seed) = asked("SIMULATION_SEED") {
            return play(seed, true).ends.map(drop).unwrap_or_else(|why| panic!("{why}"));
        }
        let ends =
            play_all(0..asked("SIMULATION_SEEDS").unwrap_or(SEEDS)).unwrap_or_else(|why| panic!("{why}"));
        let unseen: Vec<_> = SEEN.iter().filter(|end| !ends.contains_key(end)).collect();
        assert!(unseen.is_empty(), "{unseen:?} never happened: {ends:?}");
    }

    #[test]
    fn a_seed_is_one_story() {
        for seed in 0..3 {
            assert_eq!(play(seed, false), play(seed, false), "seed {seed}");
        }
    }
}
