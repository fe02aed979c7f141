//! Any bytes as a pushed body, packed and plain, in each format: what can be laid out can be taken in as a file is.
#![no_main]

mod taken;

use libfuzzer_sys::fuzz_target;
use replenish::intake::{Format, lay_out};

fuzz_target!(|bytes: &[u8]| {
    for (gzip, format) in [(false, Format::Jsonl), (true, Format::Jsonl), (true, Format::Csv)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        if let Ok(source) = lay_out(bytes, gzip, format, folder.path()) {
            taken::take_from(&source, &taken::reading());
        }
    }
});
