//! Any bytes as a shop's export: cells of the row above, parents of sets, buyers without an id.
#![no_main]

mod taken;

use libfuzzer_sys::fuzz_target;
use replenish::intake::{Format, Headers, Layout, Reading};

fuzz_target!(|bytes: &[u8]| taken::take(bytes, Format::Csv, &exported()));

/// As presets say, under names that orders and members both have; `order_id` and the like are known by themselves.
fn exported() -> Reading {
    let any_of = |names: &[&str]| Headers {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        promised: false,
    };
    let layout = Layout { carry_down: true, not_a_line: vec!["set".to_owned()], nobody: vec!["0".to_owned()] };
    let columns = [("email", any_of(&["Email", "Mail"])), ("phone", any_of(&["Phone"]))];
    let columns = columns.map(|(name, headers)| (name.to_owned(), headers)).into();
    Reading { columns, layout, own: Some(Box::new(taken::reading())), ..taken::reading() }
}
