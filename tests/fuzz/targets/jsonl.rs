//! Any bytes as a .jsonl file.
#![no_main]

mod taken;

use libfuzzer_sys::fuzz_target;
use replenish::intake::Format;

fuzz_target!(|bytes: &[u8]| taken::take(bytes, Format::Jsonl, &taken::reading()));
