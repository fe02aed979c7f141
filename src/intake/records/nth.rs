//! Owns the count of equal products in an order over a whole file, in some seven bytes a line; knows no rows.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Which lines of orders were seen, as 62-bit fingerprints. Of ten million lines two would share one with a
/// probability of one in ninety thousand; one of them would then count as the second of its product.
///
/// Small sorted lists and no hash table: that would double when it is full, and a file of a gigabyte should fit beside it.
#[derive(Default)]
pub struct Nth {
    /// By the first bits of a fingerprint, the rest of it.
    seen: Vec<Vec<Rest>>,
}

type Rest = [u8; 6];

/// Bits that choose a list.
const FIRST: u32 = 14;

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
        while self.find(print(unseen)).is_ok() {
            seen = unseen;
            unseen = unseen.saturating_mul(2).saturating_add(1);
        }
        while unseen - seen > 1 {
            let middle = seen + (unseen - seen) / 2;
            *(if self.find(print(middle)).is_ok() { &mut seen } else { &mut unseen }) = middle;
        }
        self.insert(print(unseen));
        unseen
    }

    /// Where it stands in its list, or would.
    fn find(&self, print: u64) -> Result<usize, usize> {
        let (list, rest) = split(print);
        self.seen.get(list).map_or(Err(0), |list| list.binary_search(&rest))
    }

    fn insert(&mut self, print: u64) {
        let Err(at) = self.find(print) else { return };
        let (list, rest) = split(print);
        if self.seen.is_empty() {
            self.seen.resize_with(1 << FIRST, Vec::new);
        }
        let list = &mut self.seen[list];
        if list.len() == list.capacity() {
            list.reserve_exact(8 + list.len() / 8);
        }
        list.insert(at, rest);
    }
}

/// Its list, and the rest of it. Two bits are in neither.
fn split(print: u64) -> (usize, Rest) {
    let [.., a, b, c, d, e, f] = print.to_be_bytes();
    ((print >> (u64::BITS - FIRST)) as usize, [a, b, c, d, e, f])
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
