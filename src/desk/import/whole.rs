//! Owns how order lines are gathered into whole orders, wherever in the file they stand; stores nothing.

use std::collections::{HashMap, HashSet};
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
    /// Orders of which the file has a row that cannot be read, by their fingerprints.
    torn: HashSet<u64>,
    read: u64,
    open: HashMap<OrderId, Vec<OrderLine>>,
    whole: Vec<OrderLine>,
    /// Lines of torn orders.
    pieces: Vec<OrderLine>,
    chunk: usize,
}

impl WholeOrders {
    /// Looks through the file for the last line of each order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(source: &Source, reading: &Reading, chunk: usize) -> Result<Self, IntakeError> {
        let (mut last, mut torn, mut read) = (HashMap::new(), HashSet::new(), 0);
        each_order(source, reading, &|_| {}, |row| match row {
            Ok(line) => {
                last.insert(fingerprint(line.order), read);
                read += 1;
            }
            Err("") => {}
            Err(order) => drop(torn.insert(fingerprint(order))),
        })?;
        let (open, whole, pieces) = Default::default();
        Ok(Self { last, torn, read: 0, open, whole, pieces, chunk })
    }

    /// How many orders can not be told whole, as a row of theirs cannot be read.
    pub fn torn(&self) -> u64 {
        self.torn.len() as u64
    }

    /// Takes the next lines of the file; whole orders, when there are enough of them.
    pub fn take(&mut self, lines: Vec<OrderLine>) -> Option<Vec<OrderLine>> {
        for line in lines {
            let print = fingerprint(line.order.as_str());
            let is_last = self.last.get(&print).is_none_or(|last| *last <= self.read);
            self.read += 1;
            if self.torn.contains(&print) {
                self.pieces.push(line);
                continue;
            }
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

    /// What is left at the end of the file: whole orders, and lines of torn ones.
    pub fn finish(mut self) -> (Vec<OrderLine>, Vec<OrderLine>) {
        let open = self.open.into_values().flatten();
        self.whole.extend(open);
        (self.whole, self.pieces)
    }
}

fn fingerprint(order: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    order.hash(&mut hasher);
    hasher.finish()
}
