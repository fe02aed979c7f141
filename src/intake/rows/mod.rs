//! Owns reading: a file's bytes into rows of cells, each under the field that it belongs to, with line numbers;
//! knows nothing of what the cells mean.

mod csv;
mod header;
mod jsonl;
mod lines;
mod split;

use std::ops::Range;

use super::columns::{Columns, Slots};
use super::encoding::Encoding;
use super::{Format, IntakeError, Reading, Reject, Source};
use lines::Lines;

pub use lines::LONGEST;

/// The cells of one row, by the slots of their fields; used again for every row.
#[derive(Debug, Default)]
pub struct Row {
    text: String,
    cells: Vec<Option<Range<usize>>>,
}

impl Row {
    /// A row of these cells, in the order of the record's fields.
    pub fn of<'c>(cells: impl IntoIterator<Item = Option<&'c str>>) -> Self {
        let mut row = Self::default();
        for cell in cells {
            let start = row.text.len();
            row.text.push_str(cell.unwrap_or_default());
            row.cells.push(cell.map(|_| start..row.text.len()));
        }
        row
    }

    /// Every cell, trimmed, in the order of the record's fields; `None` where the file has no such column.
    pub fn cells<const N: usize>(&self) -> [Option<&str>; N] {
        std::array::from_fn(|slot| self.cell(slot))
    }

    /// The cell of one slot, trimmed.
    pub fn cell(&self, slot: usize) -> Option<&str> {
        self.text.get(self.cells.get(slot)?.clone()?).map(str::trim)
    }

    /// The cell of `slot`, trimmed; nothing where it is empty or missing.
    pub fn value(&self, slot: usize) -> Option<&str> {
        self.cell(slot).filter(|text| !text.is_empty())
    }

    /// Sets the cell of `slot`.
    pub fn set(&mut self, slot: usize, text: &str) {
        self.put(slot, |into| into.push_str(text));
    }

    /// True while nothing stands in `slot`.
    fn is_blank(&self, slot: usize) -> bool {
        self.value(slot).is_none()
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

    /// Databases cannot keep it, and no shop means it.
    pub fn holds_nul(&self) -> bool {
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

/// How a file turned out to be laid out.
pub struct Layout {
    /// The sheet of a workbook, and the others that people see.
    pub sheet: Option<(String, Vec<String>)>,
    /// What its characters are encoded in.
    pub encoding: Encoding,
    /// What parts its cells; nothing where nothing does.
    pub delimiter: Option<char>,
    /// The line of its header.
    pub header_line: Option<u64>,
    /// For each field its names in the file, the first choice first.
    pub names: Vec<Vec<String>>,
}

impl<'a> Rows<'a> {
    /// Opens the file and reads its header, if it has one.
    pub fn open(
        source: &'a Source,
        columns: Columns<'a>,
        reading: &Reading,
        progress: &'a dyn Fn(u64),
    ) -> Result<Self, IntakeError> {
        let lines = |declared| Lines::open(source, declared, progress);
        Ok(match source.format {
            Format::Csv => Rows::Csv(csv::CsvRows::open(lines(reading.encoding)?, &columns)?),
            Format::Jsonl => Rows::Jsonl(jsonl::JsonRows::new(lines(reading.encoding)?, columns)),
            Format::Xlsx => Rows::Csv(sheet(source, &columns, progress)?),
        })
    }

    /// Fills `row` with the next one, or says what is wrong with it; none at the end of the file.
    pub fn next(&mut self, row: &mut Row) -> Result<Option<Result<(), Bad>>, IntakeError> {
        let next = match self {
            Rows::Csv(rows) => rows.next(row)?,
            Rows::Jsonl(rows) => rows.next(row)?,
        };
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

    /// Rows so far that were no text.
    pub fn garbled(&self) -> u64 {
        match self {
            Rows::Csv(rows) => rows.lines.garbled,
            Rows::Jsonl(rows) => rows.lines.garbled,
        }
    }

    /// How the file was laid out, as far as it was read.
    pub fn layout(&self) -> Layout {
        match self {
            Rows::Csv(rows) => Layout {
                sheet: rows.lines.sheet.clone(),
                encoding: rows.lines.encoding(),
                delimiter: (rows.lines.format() == Format::Csv).then_some(rows.split.delimiter.into()),
                header_line: Some(rows.header_line),
                names: named(&rows.slots(), &rows.header),
            },
            Rows::Jsonl(rows) => Layout {
                sheet: None,
                encoding: rows.lines.encoding(),
                delimiter: None,
                header_line: None,
                names: rows.names.clone(),
            },
        }
    }

    /// Names in the file that stand for no field of ours.
    pub fn unknown_columns(self) -> Vec<String> {
        match self {
            Rows::Csv(rows) => rows.unknown(),
            Rows::Jsonl(rows) => rows.unknown.into_iter().collect(),
        }
    }
}

/// For each field the names of its columns.
fn named(slots: &Slots, names: &[String]) -> Vec<Vec<String>> {
    let of_field =
        |columns: &Vec<usize>| columns.iter().filter_map(|column| names.get(*column).cloned()).collect();
    slots.iter().map(of_field).collect()
}

/// The first sheet whose header fits; else what is wrong with the first one.
fn sheet<'a>(
    source: &'a Source,
    columns: &Columns<'_>,
    progress: &'a dyn Fn(u64),
) -> Result<csv::CsvRows<'a>, IntakeError> {
    let lines = Lines::of_sheet(source, None, progress)?;
    let others = lines.sheet.as_ref().map(|(_, others)| others.clone()).unwrap_or_default();
    let first = csv::CsvRows::open(lines, columns);
    let is_unfit = matches!(first, Err(IntakeError::Columns { .. } | IntakeError::Format { .. }));
    for name in others.iter().filter(|_| is_unfit) {
        let lines = Lines::of_sheet(source, Some(name), progress)?;
        if let Ok(rows) = csv::CsvRows::open(lines, columns) {
            return Ok(rows);
        }
    }
    first
}
