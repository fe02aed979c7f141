//! Owns the count of equal products in an order over a whole file, in some twelve bytes a line; knows no rows.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

/// Which lines of orders were seen, as 64-bit fingerprints. Of ten million lines two would share one with a
/// probability of three in a million; one of them would then count as the second of its product.
#[derive(Default)]
pub struct Nth {
    seen: HashSet<u64, BuildHasherDefault<AsIs>>,
}

impl Nth {
    /// How many lines that share this, as order and product, came before this one.
    pub fn next(&mut self, shared: impl Hash) -> u32 {
        let mut hasher = DefaultHasher::new();
        shared.hash(&mut hasher);
        let base = hasher.finish();
        let print = |n: u32| base.wrapping_add(u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // The n seen so far have no gap: search for the first unseen one in growing, then halving steps, so that a
        // file of one order with a million equal lines costs no more than any other.
        let mut unseen = 0;
        let mut seen = 0;
        while self.seen.contains(&print(unseen)) {
            seen = unseen;
            unseen = unseen.saturating_mul(2).saturating_add(1);
        }
        while unseen - seen > 1 {
            let middle = seen + (unseen - seen) / 2;
            *(if self.seen.contains(&print(middle)) { &mut seen } else { &mut unseen }) = middle;
        }
        self.seen.insert(print(unseen));
        unseen
    }
}

/// Fingerprints are hashes already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_as_a_map_of_counters_does(lines in prop::collection::vec((0..4u8, 0..3u8), 0..300)) {
            let mut nth = Nth::default();
            let mut counters: HashMap<(u8, u8), u32> = HashMap::new();
            for line in lines {
                let counter = counters.entry(line).or_default();
                prop_assert_eq!(nth.next(line), *counter);
                *counter += 1;
            }
        }
    }

    #[test]
    fn ids_do_not_run_together() {
        let mut nth = Nth::default();
        let lines = [("1", "23"), ("12", "3"), ("123", ""), ("1", "23")];
        assert_eq!(lines.map(|line| nth.next(line)), [0, 0, 0, 1]);
    }
}
