//! Owns delimited rows under a header: commas, semicolons or tabs between the cells; knows nothing of what these mean.

use super::header::{self, Found};
use super::lines::{LONGEST, Lines};
use super::split::{Split, Splitter};
use super::{Bad, Row};
use crate::intake::columns::{Columns, Slots};
use crate::intake::{Format, IntakeError, Reject};

/// The rows of a CSV file, or of a sheet in its place.
pub struct CsvRows<'a> {
    pub(super) lines: Lines<'a>,
    pub(super) raw: Vec<u8>,
    pub(super) line: u64,
    pub(super) split: Splitter,
    /// Cells of the header.
    width: usize,
    /// True when a row may end before its last empty cells, as those of sheets do.
    ragged: bool,
    slots: usize,
    /// Slot and column of every field that the file has; of a field with several columns the first choice first.
    columns: Vec<(usize, usize)>,
    /// The header, and its line.
    pub header: Vec<String>,
    /// See `header`.
    pub header_line: u64,
}

impl<'a> CsvRows<'a> {
    /// Finds the header and the fields in it.
    pub fn open(lines: Lines<'a>, columns: &Columns<'_>) -> Result<Self, IntakeError> {
        let ragged = lines.format() == Format::Xlsx;
        let mut rows = Self {
            lines,
            raw: Vec::new(),
            line: 0,
            split: Splitter::at(b','),
            width: 0,
            ragged,
            slots: columns.fields().len(),
            columns: Vec::new(),
            header: Vec::new(),
            header_line: 0,
        };
        let Found { names, slots } = header::find(&mut rows, columns)?;
        rows.width = names.len();
        let of_slot =
            |(slot, columns): (usize, Vec<usize>)| columns.into_iter().map(move |column| (slot, column));
        rows.columns = slots.into_iter().enumerate().flat_map(of_slot).collect();
        (rows.header, rows.header_line) = (names, rows.line);
        Ok(rows)
    }

    /// Fills `row` with the next one.
    pub fn next(&mut self, row: &mut Row) -> Result<Option<Result<(), Bad>>, IntakeError> {
        let Some(gathered) = self.gather()? else { return Ok(None) };
        Ok(Some(gathered.and_then(|()| self.fill(row))))
    }

    /// Rejects the row read last.
    pub fn reject(&self, reason: Bad) -> Reject {
        Reject::new(self.line, reason, &self.raw)
    }

    /// For each field the columns that hold it.
    pub fn slots(&self) -> Slots {
        let mut slots = vec![Vec::new(); self.slots];
        self.columns.iter().for_each(|(slot, column)| slots[*slot].push(*column));
        slots
    }

    /// Headers that stand for no field.
    pub fn unknown(self) -> Vec<String> {
        let is_known = |i: &usize| self.columns.iter().any(|(_, column)| column == i);
        let names = self.header.into_iter().enumerate();
        names.filter(|(i, name)| !is_known(i) && !name.is_empty()).map(|(_, name)| name).collect()
    }

    /// Gathers the physical lines of one row. When a quote in it does not close, the row is bad, but only its first
    /// line is: the others are read again.
    pub(super) fn gather(&mut self) -> Result<Option<Result<(), Bad>>, IntakeError> {
        loop {
            if !self.lines.next_row(&mut self.raw)? {
                return Ok(None);
            }
            // Spreadsheets save empty rows as delimiters alone.
            let is_empty = |byte: &u8| *byte == self.split.delimiter || byte.is_ascii_whitespace();
            if !self.raw.iter().all(is_empty) {
                break;
            }
        }
        self.line = self.lines.count();
        let first = self.raw.len();
        let split = self.split.start(&self.raw);
        let end = self.until_closed(split)?;
        if end.is_err() {
            self.lines.give_back(self.raw.get(first..).unwrap_or_default());
            self.raw.truncate(first);
        }
        Ok(Some(end))
    }

    fn until_closed(&mut self, mut split: Split) -> Result<Result<(), Bad>, IntakeError> {
        loop {
            if self.raw.len() >= LONGEST {
                return Ok(Err(format!("is longer than {LONGEST} bytes, or a quote in it is not closed")));
            }
            match split {
                Split::Whole => return Ok(Ok(())),
                Split::Open if self.lines.next(&mut self.raw)? => split = self.split.go_on(&self.raw),
                Split::Open => return Ok(Err("opens a quote that is never closed".to_owned())),
                Split::Broken => {
                    return Ok(Err("has a quoted cell with text after its closing quote".to_owned()));
                }
            }
        }
    }

    fn fill(&mut self, row: &mut Row) -> Result<(), Bad> {
        let text = self.lines.text(&self.raw)?;
        let cells = &self.split.cells;
        if cells.len() != self.width && !self.ragged {
            return Err(format!("has {} cells where the header has {}", cells.len(), self.width));
        }
        row.start(text, self.slots);
        for &(slot, column) in &self.columns {
            match cells.get(column) {
                _ if !row.is_blank(slot) => {}
                Some(cell) if cell.escaped => row.put(slot, |into| into.push_str(&cell.text(text))),
                Some(cell) => row.point(slot, &cell.range),
                None => row.point(slot, &(0..0)),
            }
        }
        Ok(())
    }
}
