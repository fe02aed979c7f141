//! Owns what people do while a run is on: orders come in, members opt out and buy; knows nothing of faults.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::scene::Scene;
use crate::shop::{self, EARLY, MEMBERS, Message};

/// When people come: while so much of all messages has been taken.
const HOURS: std::ops::Range<f64> = 0.02..0.7;
/// So long nobody waits for that.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// When an import is killed, in milliseconds: some have not begun by then, some are over.
const KILLED_AFTER: std::ops::Range<u64> = 20..400;
/// Members in a wave of orders.
const WAVE: usize = 250;
/// How many buy while the run is on, and how many opt out.
const BUYERS: usize = 20;
const OPT_OUTS: usize = 6;

/// What someone comes for.
#[derive(Debug, Clone)]
pub enum Errand {
    /// An export with the orders of members from this one on; its first import is killed after so long.
    Orders(usize, Duration),
    /// These members buy coffee.
    Buy(Vec<usize>),
    /// This member has enough.
    OptOut(usize),
}

/// Messages that nobody is to get from a moment on: none where the command never succeeded.
pub type Unwanted = BTreeMap<Message, Option<Duration>>;

impl Errand {
    /// What people come for in a run, each when its share of all messages has been taken: each wave while there is still
    /// something left of the one before, the others whenever.
    pub fn plan(seed: u64) -> Vec<(f64, Errand)> {
        // another sequence than the monkey's
        let mut random = fastrand::Rng::with_seed(seed ^ 0x5151);
        let mut members: Vec<usize> = (0..MEMBERS).collect();
        random.shuffle(&mut members);
        let mut others: Vec<Errand> = members[..OPT_OUTS].iter().copied().map(Errand::OptOut).collect();
        others.push(Errand::Buy(members[OPT_OUTS..OPT_OUTS + BUYERS].to_vec()));
        let waves = (EARLY..MEMBERS).step_by(WAVE).enumerate();
        let waves = waves.map(|(n, first)| {
            (0.1 + 0.2 * n as f64, Errand::Orders(first, Duration::from_millis(random.u64(KILLED_AFTER))))
        });
        let mut timed: Vec<(f64, Errand)> = waves.collect();
        let span = HOURS.end - HOURS.start;
        timed.extend(others.into_iter().map(|errand| (HOURS.start + span * random.f64(), errand)));
        timed.sort_by(|a, b| a.0.total_cmp(&b.0));
        timed
    }

    /// The messages that it stops.
    pub fn stops(&self) -> Vec<Message> {
        let of = |member: usize, rule: &str| (shop::id(member), rule.to_owned());
        match self {
            Errand::Orders(..) => Vec::new(),
            Errand::Buy(members) => members.iter().map(|m| of(*m, "coffee")).collect(),
            Errand::OptOut(member) => vec![of(*member, "coffee"), of(*member, "tea")],
        }
    }

    /// Runs it until it is done; when it was.
    pub fn run(&self, scene: &Scene) -> Option<Duration> {
        let import = |file: &str| scene.insist(&["import", "orders", file]);
        match self {
            Errand::Orders(first, killed_after) => {
                let file = format!("late-{first}.csv");
                scene.house.write(&file, &shop::orders(*first..first + WAVE));
                scene.break_off(&["import", "orders", &file], *killed_after);
                import(&file)
            }
            Errand::Buy(members) => {
                scene.house.write("bought.csv", &shop::purchases(members));
                import("bought.csv")
            }
            Errand::OptOut(member) => scene.insist(&["suppress", "add", "--member", &shop::id(*member)]),
        }
    }
}
