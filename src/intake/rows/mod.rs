//! Owns reading: a file's bytes into rows of cells, each under the field that it belongs to, with line numbers;
//! knows nothing of what the cells mean.

mod csv;
mod jsonl;
mod lines;

use std::ops::Range;

use super::columns::Columns;
use super::{Format, IntakeError, Reject, Source};
use lines::Lines;

/// The cells of one row, by the slots of their fields; used again for every row.
#[derive(Debug, Default)]
pub struct Row {
    text: String,
    cells: Vec<Option<Range<usize>>>,
}

impl Row {
    /// Every cell, trimmed, in the order of the record's fields; `None` where the file has no such column.
    pub fn cells<const N: usize>(&self) -> [Option<&str>; N] {
        std::array::from_fn(|slot| {
            let cell = self.cells.get(slot)?.clone()?;
            self.text.get(cell).map(str::trim)
        })
    }

    /// Begins the next row, with text that cells may [`Row::point`] into.
    fn start(&mut self, text: &str, slots: usize) {
        self.text.clear();
        self.text.push_str(text);
        self.cells.clear();
        self.cells.resize(slots, None);
    }

    /// Sets the cell of `slot` to a part of the text that the row began with.
    fn point(&mut self, slot: usize, part: &Range<usize>) {
        if let Some(cell) = self.cells.get_mut(slot) {
            *cell = Some(part.clone());
        }
    }

    /// Sets the cell of `slot` to what `write` appends.
    fn put<T>(&mut self, slot: usize, write: impl FnOnce(&mut String) -> T) -> T {
        let start = self.text.len();
        let written = write(&mut self.text);
        if let Some(cell) = self.cells.get_mut(slot) {
            *cell = Some(start..self.text.len());
        }
        written
    }

    fn holds_nul(&self) -> bool {
        let holds = |cell: &Range<usize>| self.text.get(cell.clone()).is_some_and(|text| text.contains('\0'));
        self.text.contains('\0') && self.cells.iter().flatten().any(holds)
    }
}

/// What is wrong with a single row, for people.
pub type Bad = String;

/// The rows of a file, one after the other.
pub enum Rows<'a> {
    /// Cells under a header.
    Csv(csv::CsvRows<'a>),
    /// Objects with names of their own.
    Jsonl(jsonl::JsonRows<'a>),
}

impl<'a> Rows<'a> {
    /// Opens the file and reads its header, if it has one.
    pub fn open(
        source: &'a Source,
        columns: Columns<'a>,
        progress: &'a dyn Fn(u64),
    ) -> Result<Self, IntakeError> {
        let lines = Lines::open(source, progress)?;
        Ok(match source.format {
            Format::Csv => Rows::Csv(csv::CsvRows::open(lines, columns)?),
            Format::Jsonl => Rows::Jsonl(jsonl::JsonRows::new(lines, columns)),
        })
    }

    /// Fills `row` with the next one, or says what is wrong with it; none at the end of the file.
    pub fn next(&mut self, row: &mut Row) -> Result<Option<Result<(), Bad>>, IntakeError> {
        let next = match self {
            Rows::Csv(rows) => rows.next(row)?,
            Rows::Jsonl(rows) => rows.next(row)?,
        };
        // Databases cannot keep it, and no shop means it.
        Ok(next.map(|read| {
            read.and_then(|()| match row.holds_nul() {
                true => Err("holds a NUL character".to_owned()),
                false => Ok(()),
            })
        }))
    }

    /// Rejects the row read last.
    pub fn reject(&self, reason: Bad) -> Reject {
        match self {
            Rows::Csv(rows) => rows.reject(reason),
            Rows::Jsonl(rows) => rows.reject(reason),
        }
    }

    /// Names in the file that stand for no field of ours.
    pub fn unknown_columns(self) -> Vec<String> {
        match self {
            Rows::Csv(rows) => rows.unknown,
            Rows::Jsonl(rows) => rows.unknown.into_iter().collect(),
        }
    }
}

/// A row's text, when it is text.
fn text(raw: &[u8]) -> Result<&str, Bad> {
    str::from_utf8(raw).map_err(|e| format!("is not UTF-8 from its byte {} on", e.valid_up_to() + 1))
}
