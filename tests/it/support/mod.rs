//! What tests share: real parts on free ports, and a ledger on paper.

pub mod backlog;
pub mod dkim;
pub mod hook;
pub mod house;
pub mod paper;
pub mod postfix;
pub mod postgres;
pub mod receiver;
pub mod redis;
pub mod reference;
pub mod running;
pub mod smtp;
pub mod workbook;
