//! Chaos: real processes, and a seeded monkey that kills, cuts, stalls, empties and fills what they stand on; a run is
//! good when nothing was lost and everything that happened twice is explained.
//!
//! `cargo test --test chaos -- [--runs N] [--setup embedded|fleet] [--seed N] [--json] [--keep]`; without arguments two short
//! runs of each set-up.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod act;
mod arguments;
mod children;
mod diary;
mod disk;
mod errand;
#[allow(dead_code)]
#[path = "../it/support/house.rs"]
mod house;
mod judge;
mod last_will;
mod ledger;
mod peers;
#[allow(dead_code)]
#[path = "../it/support/postgres.rs"]
mod postgres;
mod proxy;
#[allow(dead_code)]
#[path = "../it/support/receiver.rs"]
mod receiver;
#[allow(dead_code)]
#[path = "../it/support/redis.rs"]
mod redis;
mod report;
mod run;
mod scene;
mod shop;

use std::process::ExitCode;
use std::sync::atomic::Ordering;

use tokio::signal::unix::{SignalKind, signal};

use arguments::{Arguments, Asked};
use judge::{Figures, judge};
use last_will::LastWill;
use report::Report;
use run::{BROKEN_OFF, Plan};
use scene::{Scene, Setup};
use shop::Expected;

fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Asked::Run(arguments) => arguments,
        Asked::Nothing(words) => {
            print!("{words}");
            return ExitCode::SUCCESS;
        }
        Asked::Wrong(words) => {
            eprintln!("{words}");
            return ExitCode::from(2);
        }
    };
    let _will = LastWill::make();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _inside = runtime.enter();
    runtime.spawn(watch_signals());
    let setups = arguments.setups.iter().copied().filter(|setup| is_possible(*setup));
    let setups: Vec<Setup> = setups.collect();
    if setups.is_empty() {
        return ExitCode::SUCCESS;
    }
    let expected = runtime.block_on(shop::expected());
    let mut report = Report::begin(arguments.json);
    for setup in setups {
        for seed in arguments.seeds.clone() {
            let plan = Plan { setup, seed };
            if let Some((figures, wrong)) = one(plan, arguments.keep, &expected) {
                report.add(plan, figures, wrong);
            }
        }
    }
    report.end()
}

/// What cannot be done here is left out, and said.
fn is_possible(setup: Setup) -> bool {
    let lacking = setup.lacks();
    if let Some(lacking) = lacking {
        eprintln!("NOT RUN: the {} set-up needs {lacking}", setup.as_str());
    }
    if setup == Setup::Embedded && !disk::is_possible() {
        eprintln!("LEFT OUT: the full disk, for this process may not mount one to fill");
    }
    lacking.is_none()
}

/// One run, and what is wrong with it; then, or when asked, everything that tells why is kept. None once it is to stop.
fn one(plan: Plan, keeps: bool, expected: &Expected) -> Option<(Figures, Vec<String>)> {
    if BROKEN_OFF.load(Ordering::SeqCst) {
        return None;
    }
    let mut scene = tokio::runtime::Handle::current().block_on(Scene::open(plan.setup, plan.resends()));
    let ended = run::run(&mut scene, plan, expected)?;
    let diary = scene.diary.entries();
    let (figures, mut wrong) = judge(&ended, &diary, expected);
    wrong.extend(report::in_logs(&scene));
    if keeps || !wrong.is_empty() {
        let folder = report::keep(&scene, &ended, &diary, &wrong);
        eprintln!("what happened stands in {}", folder.display());
    }
    Some((figures, wrong))
}

/// The run under way ends early, and cleans up.
async fn watch_signals() {
    let mut interrupt = signal(SignalKind::interrupt()).unwrap();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    BROKEN_OFF.store(true, Ordering::SeqCst);
}
