//! One function for each thing that a person asks or does; knows nothing of terminals, HTTP or clocks.
//!
//! What is asked is answered by the very functions that plan, assemble and claim, with the writing left out; what is
//! done adds a person's decision and goes through the ledger's one door, `Store::decide`.

mod foresee;
mod lookup;

pub mod check;
pub mod connect;
pub mod deeds;
pub mod diff;
pub mod explain;
pub mod feedback;
pub mod forecast;
pub mod forget;
pub mod hook;
pub mod import;
pub mod jobs;
pub mod pause;
pub mod plan;
pub mod preview;
pub mod push;
pub mod send_test;
pub mod status;
pub mod suppress;
pub mod unsubscribe;
pub mod verify;

pub use lookup::Asked;

use crate::domain::ids::{JobId, MemberId, OrderId};
use crate::store::StoreError;

/// Members whose views are loaded, or decided about, together.
const PAGE: usize = 500;

/// Why a question has no answer, grouped by what the person can do.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// Nobody of this id.
    #[error(
        "no member `{0}` is known, or the member was forgotten: look at the spelling, or import the orders or members first"
    )]
    UnknownMember(MemberId),
    /// Nobody of this address. The address itself stays out of the message.
    #[error("no member with this address is known: look at the spelling, or ask by member id")]
    UnknownAddress,
    /// No such order.
    #[error("no order `{0}` is known: look at the spelling, or import the orders first")]
    UnknownOrder(OrderId),
    /// No such job.
    #[error("no job `{0}` is known: `jobs list` shows those there are")]
    UnknownJob(JobId),
    /// A job that retention has moved out.
    #[error(
        "job `{0}` was moved out on {1}: look for it in the archive folder of [retention], if there is one"
    )]
    MovedOut(JobId, chrono::NaiveDate),
    /// An occasion's id that leads nowhere.
    #[error("no planned message `{0}` is known: it may have become a job, see `jobs list --member`")]
    UnknownOccasion(String),
    /// The ledger failed; nothing of this step was written.
    #[error("the ledger does not answer")]
    Store(#[from] StoreError),
}
