//! The integration tests: one binary, because every further one links hundreds of crates.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod accounting;
mod again;
mod architecture;
mod backtest;
mod bad_day;
mod calendar;
mod channel;
mod cli;
mod config;
mod contract;
mod damage;
mod diff;
mod events;
mod fleet;
mod guards;
mod hook_faults;
mod http;
mod line;
mod model;
mod moments;
mod planning;
mod preview;
mod promises;
mod reload;
mod restored;
mod road;
mod run_lock;
mod simulate;
mod smtp_faults;
mod stopping;
mod supply;
mod support;
mod trials;
mod verdicts;
mod verify;
