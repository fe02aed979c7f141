//! Owns trials of the pure core over past or made-up orders; knows nothing of ledgers and faces.

pub mod backtest;
pub mod shop;
pub mod simulate;
pub mod trial;
