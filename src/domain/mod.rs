//! The pure core: no async, no clock, no files, no network, no randomness. It decides; others act.

pub mod assemble;
pub mod budget;
pub mod calendar;
pub mod catalog;
pub mod change;
pub mod drift;
pub mod guards;
pub mod happening;
pub mod ids;
pub mod interval;
pub mod job;
pub mod lifecycle;
mod lunar;
pub mod member;
pub mod occasion;
pub mod order;
pub mod pause;
pub mod plan;
pub mod problem;
pub mod reason;
pub mod reconcile;
pub mod rules;
pub mod shop;
pub mod trigger;
pub mod unsuitable;
pub mod wording;
