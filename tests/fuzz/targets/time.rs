//! Any text as a time, under each declared form.
#![no_main]

mod taken;

use libfuzzer_sys::fuzz_target;
use replenish::intake::{DateFormat, Format, Reading};

fuzz_target!(|text: &str| {
    let cell = text.replace('"', "\"\"");
    let file = format!("order_id,member_id,product_id,ordered_at\n1,2,3,\"{cell}\"\n");
    for dates in DateFormat::ALL {
        taken::take(file.as_bytes(), Format::Csv, &Reading { dates, ..taken::reading() });
    }
});
