//! Owns what rows take over from the row above: what stands only in the first row of an order, or of a product's
//! variants; knows nothing of what the cells mean.

use crate::intake::rows::Row;

/// The last row's key, and what stood above in the slots that are carried down.
#[derive(Default)]
pub struct Above {
    key: String,
    cells: Vec<String>,
}

impl Above {
    /// Fills the empty ones of `slots` from the rows above that have the same cell in `key`, or after which it is empty.
    /// True when the row goes on with what the row above began.
    pub fn carry_down(&mut self, row: &mut Row, key: usize, slots: &[usize]) -> bool {
        let goes_on = match row.value(key) {
            None => !self.key.is_empty(),
            Some(text) => text == self.key,
        };
        if !goes_on {
            self.key = row.value(key).unwrap_or_default().to_owned();
            self.cells = slots.iter().map(|slot| row.value(*slot).unwrap_or_default().to_owned()).collect();
            return false;
        }
        if row.value(key).is_none() {
            row.set(key, &self.key);
        }
        for (slot, above) in slots.iter().zip(&mut self.cells) {
            match row.value(*slot) {
                Some(text) => text.clone_into(above),
                None if !above.is_empty() => row.set(*slot, above),
                None => {}
            }
        }
        true
    }
}
