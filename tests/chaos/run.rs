//! Owns one run: from the seed through faults and errands to a quiet end; judges nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Scope;
use std::time::Duration;

use crate::act::Act;
use crate::errand::{self, Errand, Unwanted};
use crate::ledger::Jobs;
use crate::peers::Taken;
use crate::scene::{Scene, Setup};
use crate::shop::Expected;

/// Whatever waits then is lost.
pub const DEADLINE: Duration = Duration::from_secs(90);
/// How often the ledger is looked at, while everybody waits for the end.
const LOOK: Duration = Duration::from_millis(100);
/// The first message has been taken by then, or the monkey begins all the same.
const FIRST: Duration = Duration::from_secs(10);
/// Between two acts there is at least this much time, and so much where nothing moves.
const GAP: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_millis(500);
/// So long a kill waits for a sign of work: a process that has only begun has nothing in its hands.
const AT_WORK: Duration = Duration::from_secs(2);
/// What is ready later than this from now waits for something else than its turn.
const SOON: Duration = Duration::from_secs(60);

/// Someone wants the harness to stop.
pub static BROKEN_OFF: AtomicBool = AtomicBool::new(false);

/// What a run is.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub setup: Setup,
    pub seed: u64,
}

impl Plan {
    /// What becomes of mail of unknown outcome.
    pub fn resends(self) -> bool {
        self.seed.is_multiple_of(2)
    }
}

/// What a run came to.
pub struct Ended {
    pub plan: Plan,
    pub kills: usize,
    pub acts: usize,
    pub unwanted: Unwanted,
    pub jobs: Jobs,
    pub taken: Vec<Taken>,
    /// What the ledger says of itself.
    pub verified: serde_json::Value,
    /// What there is to say against how the processes ended.
    pub ended_badly: Vec<String>,
    pub span: Duration,
}

/// Lets everybody loose, and waits until all is quiet again; none when it was broken off.
pub fn run(scene: &mut Scene, plan: Plan, expected: &Expected) -> Option<Ended> {
    let acts = Act::plan(plan.setup, scene.disk.is_some(), plan.seed);
    let unwanted = std::thread::scope(|scope| {
        let people = scope.spawn(|| serve(scene, plan.seed));
        unleash(scope, scene, &acts);
        people.join().expect("errands")
    });
    wait_for_quiet(scene, expected, &unwanted);
    let ended_badly = scene.children.stop();
    if BROKEN_OFF.load(Ordering::SeqCst) {
        return None;
    }
    let verified = serde_json::from_str(&scene.house.run(&["verify", "--json"]).out).unwrap_or_default();
    let kills = acts.iter().filter(|(_, act)| act.is_kill()).count();
    Some(Ended {
        plan,
        kills,
        acts: acts.len() - kills,
        unwanted,
        jobs: scene.ledger.with_past(),
        taken: scene.peers.taken(scene.watch),
        verified,
        ended_badly,
        span: scene.watch.now(),
    })
}

/// The monkey: an act that takes its time does not keep it from the next.
fn unleash<'scope>(scope: &'scope Scope<'scope, '_>, scene: &'scope Scene, acts: &[(f64, Act)]) {
    scene.wait_for(0.0, FIRST);
    for (share, act) in acts.iter().copied() {
        std::thread::sleep(GAP);
        scene.wait_for(share, PATIENCE);
        if act.is_kill() {
            scene.wait_for_more(AT_WORK);
        }
        if BROKEN_OFF.load(Ordering::SeqCst) {
            return;
        }
        scope.spawn(move || act.perform(scene));
    }
}

/// One errand after the other; what nobody is to get any more.
fn serve(scene: &Scene, seed: u64) -> Unwanted {
    let mut unwanted = Unwanted::new();
    for (share, errand) in Errand::plan(seed) {
        scene.wait_for(share, errand::PATIENCE);
        let done = errand.run(scene);
        unwanted.extend(errand.stops().into_iter().map(|message| (message, done)));
    }
    unwanted
}

/// Until every job has come to its end, or waits for something else than its turn.
fn wait_for_quiet(scene: &Scene, expected: &Expected, unwanted: &Unwanted) {
    let is_over = |jobs: &Jobs| {
        let is_there =
            expected.iter().all(|(id, message)| jobs.contains_key(id) || unwanted.contains_key(message));
        let soon = scene.watch.now() + SOON;
        is_there
            && jobs.values().all(|job| job.is_over() || (job.state == "scheduled" && job.ready_at > soon))
    };
    while !is_over(&scene.ledger.jobs()) && scene.watch.now() < DEADLINE && !BROKEN_OFF.load(Ordering::SeqCst)
    {
        std::thread::sleep(LOOK);
    }
}
