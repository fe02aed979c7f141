//! Owns how order lines are gathered into whole orders, wherever in the file they stand; stores nothing.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem;

use crate::domain::ids::OrderId;
use crate::domain::order::OrderLine;
use crate::intake::{IntakeError, Reading, Source, each_order};

/// Order lines on their way: an order is held back until its last line has come. Two orders of one fingerprint wait for
/// each other, and no harm is done. What is held back is not bounded: it is little in files that keep an order's rows
/// together, and all of a file that is sorted by product.
pub struct WholeOrders {
    /// The number of each order's last line, by the order's fingerprint.
    last: HashMap<u64, u64>,
    read: u64,
    open: HashMap<OrderId, Vec<OrderLine>>,
    whole: Vec<OrderLine>,
    chunk: usize,
}

impl WholeOrders {
    /// Looks through the file for the last line of each order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(source: &Source, reading: &Reading, chunk: usize) -> Result<Self, IntakeError> {
        let (mut last, mut read) = (HashMap::new(), 0);
        each_order(source, reading, &|_| {}, |line| {
            last.insert(fingerprint(line.order), read);
            read += 1;
        })?;
        Ok(Self { last, read: 0, open: HashMap::new(), whole: Vec::new(), chunk })
    }

    /// Takes the next lines of the file; whole orders, when there are enough of them.
    pub fn take(&mut self, lines: Vec<OrderLine>) -> Option<Vec<OrderLine>> {
        for line in lines {
            let is_last =
                self.last.get(&fingerprint(line.order.as_str())).is_none_or(|last| *last <= self.read);
            self.read += 1;
            let order = line.order.clone();
            let mut lines = self.open.remove(&order).unwrap_or_default();
            lines.push(line);
            if is_last {
                self.whole.append(&mut lines);
            } else {
                self.open.insert(order, lines);
            }
        }
        (self.whole.len() >= self.chunk).then(|| mem::take(&mut self.whole))
    }

    /// What is left at the end of the file.
    pub fn finish(mut self) -> Vec<OrderLine> {
        let open = self.open.into_values().flatten();
        self.whole.extend(open);
        self.whole
    }
}

fn fingerprint(order: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    order.hash(&mut hasher);
    hasher.finish()
}
