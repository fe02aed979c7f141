//! What ops ask: records in, learning, the daemon, the check, a test message.

pub mod backup;
pub mod bounces;
pub mod check;
mod face;
pub mod import;
pub mod inbox;
pub mod learn;
mod moved;
mod reload;
pub mod run;
pub mod send_test;
pub mod verify;
