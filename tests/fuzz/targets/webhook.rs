//! Any bytes as the body of each webhook: nothing panics, and what is wrong is told.
#![no_main]

mod taken;

use libfuzzer_sys::fuzz_target;
use replenish::intake::{Platform, Told};

const TOPICS: [(Platform, &str); 5] = [
    (Platform::Shopify, "orders/updated"),
    (Platform::Shopify, "refunds/create"),
    (Platform::Shopify, "orders/delete"),
    (Platform::WooCommerce, "order.updated"),
    (Platform::WooCommerce, "order.deleted"),
];

fuzz_target!(|bytes: &[u8]| {
    for (platform, topic) in TOPICS {
        match platform.read(topic, bytes, &taken::reading()) {
            Ok(Told::Order(update, _)) => assert!(!update.lines.is_empty()),
            Ok(Told::Returned { lines, .. }) => assert!(!lines.is_empty()),
            Ok(_) => {}
            Err(why) => assert!(!why.is_empty()),
        }
    }
});
