//! `replenish` writes to people just before they run out.
//!
//! This page is the map of the house. The folders are the road that an order takes:
//!
//! ```text
//! orders ─ intake ─▶ history ─ interval ─▶ plan ─▶ occasions ─ due ─▶ assemble ─▶ job ─▶ queue ─▶ channel ─▶ outcome
//!          files      store     pure        pure     ledger           guards,     ledger  apalis   e-mail,     ledger
//!          http                                                       pure                         webhook
//! ```
//!
//! A pure core decides, thin rings act, one ledger remembers.
//!
//! | ring | what it owns |
//! |---|---|
//! | [`domain`] | every decision: forecasts, plans, guards, retries. No async, no clock, no files, no network, no randomness |
//! | [`config`] | TOML into settings and rules, or all problems at once with file, line and column |
//! | [`intake`] | order, return, member and product records out of files, requests and webhooks, and what comes back about mail |
//! | [`store`] | the only SQL: history, people, priors and the ledger, over SQLite or PostgreSQL |
//! | [`queue`] | the only apalis: one transport with two arms, the ledger itself or Redis |
//! | [`channel`] | template to message, message to peer |
//! | [`desk`] | one function for each thing that a person asks or does |
//! | [`daemon`] | planner, assembler, dispatcher, worker and inbox, until told to stop |
//! | [`lab`] | the pure core over made-up or past orders, in virtual time: backtest, simulation, rule tests |
//! | [`http`], [`cli`] | the faces |
//!
//! Dependencies run one way: `domain ← {config, intake, store, channel} ← queue ← {desk, daemon, lab} ← {http, cli}`.
//! Rings of one rank never import each other, but `queue → store` (claiming a row is the dequeue) and `cli → http` (`run`
//! starts the one face beside the daemon). `tests/it/architecture.rs` holds this.
//!
//! What always holds:
//!
//! - **The ledger is the truth.** Every intention, verdict, attempt and outcome is a row in it. The queue carries ids; it may
//!   be wiped in the middle of a run, and nothing is lost and nothing sent twice.
//! - **Record, act, record.** A job is `sending` in the ledger before it is handed over, and its outcome is there after it.
//! - **The member is the unit of consistency.** Planning, assembling and claiming go through [`store::Store::decide`]: lock
//!   the members, load their views, ask the pure function, apply its changes, commit.
//! - **An occasion is served once, ever**: (rule, step, member, item, cycle) is unique, and a cycle hangs on an order's id,
//!   never on a date.
//! - **Time alone moves no due date.** Orders, returns, opt-outs and rule edits do; new priors only past a band.
//! - **Every silence has a reason** out of a closed list: [`domain::reason::Reason`].

pub mod channel;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod desk;
pub mod domain;
pub mod http;
pub mod intake;
pub mod lab;
pub mod queue;
pub mod store;
