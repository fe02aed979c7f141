//! Owns how cells become lines of CSV; knows nothing of workbooks.

use std::fmt::Write;
use std::io::{Error, Result};
use std::mem;

use calamine::{DataRef, ExcelDateTime};

use crate::intake::ahead::BLOCK;
use crate::intake::rows::LONGEST;

/// Rows and columns that a sheet has.
const ROWS: u32 = 1 << 20;
const COLUMNS: u32 = 1 << 14;
/// From here on a number has lost digits: a spreadsheet keeps fifteen.
const INEXACT: f64 = 1e15;
/// The day behind the last one that a spreadsheet knows: 10000-01-01.
const DAYS: f64 = 2_958_466.0;

/// A sheet on its way into text, cell by cell.
#[derive(Default)]
pub struct Page {
    text: String,
    /// The row that is being written.
    row: u32,
    /// The column that comes next.
    column: u32,
    /// Commas and bytes in its line.
    commas: u32,
    length: usize,
}

impl Page {
    /// Writes the next cell of the sheet.
    pub fn put(&mut self, (row, column): (u32, u32), value: &DataRef<'_>) -> Result<()> {
        if row >= ROWS || column >= COLUMNS {
            return Err(Error::other("a cell lies outside of what a sheet holds"));
        }
        if (row, column) < (self.row, self.column) {
            return Err(Error::other("its cells are out of order"));
        }
        while self.row < row {
            self.text.push('\n');
            (self.row, self.column, self.commas, self.length) = (self.row + 1, 0, 0, 0);
        }
        self.column = column + 1;
        // A row that is too long already is rejected by its length: the rest of it is not wanted.
        if !matches!(value, DataRef::Empty) && self.length < LONGEST {
            let before = self.text.len();
            (self.commas..column).for_each(|_| self.text.push(','));
            self.commas = column;
            self.write(value);
            self.length += self.text.len() - before;
        }
        Ok(())
    }

    /// What is written, when it is enough to be handed over.
    pub fn full(&mut self) -> Option<Vec<u8>> {
        (self.text.len() >= BLOCK).then(|| mem::take(&mut self.text).into_bytes())
    }

    /// The rest.
    pub fn end(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    fn write(&mut self, value: &DataRef<'_>) {
        let written = match value {
            DataRef::Empty => Ok(()),
            DataRef::Int(number) => write!(self.text, "{number}"),
            DataRef::Float(number) => write_number(*number, &mut self.text),
            DataRef::Bool(flag) => write!(self.text, "{flag}"),
            DataRef::DateTime(at) => write_time(at, &mut self.text),
            DataRef::Error(error) => write!(self.text, "{error}"),
            DataRef::SharedString(text) => self.quote(text),
            DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
                self.quote(text)
            }
        };
        // Writing to memory does not fail.
        let _ = written;
    }

    /// A text as a cell of CSV; what breaks lines becomes a space.
    fn quote(&mut self, text: &str) -> std::fmt::Result {
        let text = &text[..text.floor_char_boundary(LONGEST)];
        if !text.contains([',', '"', '\n', '\r']) {
            self.text.push_str(text);
            return Ok(());
        }
        self.text.push('"');
        for letter in text.chars() {
            match letter {
                '"' => self.text.push_str("\"\""),
                '\n' | '\r' => self.text.push(' '),
                _ => self.text.push(letter),
            }
        }
        self.text.push('"');
        Ok(())
    }
}

/// A whole number as one, so that ids written as numbers are ids; one that lost digits as spreadsheets show it, so that it
/// is known to be damaged.
fn write_number(number: f64, into: &mut String) -> std::fmt::Result {
    match number.abs() < INEXACT {
        true => write!(into, "{number}"),
        false => into.write_str(&format!("{number:E}").replace('E', "E+")),
    }
}

fn write_time(at: &ExcelDateTime, into: &mut String) -> std::fmt::Result {
    if at.is_duration() || !(0.0..DAYS).contains(&at.as_f64()) {
        return write_number(at.as_f64(), into);
    }
    let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
    write!(into, "{year:04}-{month:02}-{day:02}")?;
    if (hour, minute, second, milli) != (0, 0, 0, 0) {
        write!(into, " {hour:02}:{minute:02}:{second:02}.{milli:03}")?;
    }
    Ok(())
}
