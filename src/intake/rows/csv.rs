//! Owns comma-separated rows under a header; knows nothing of what the cells mean.
//!
//! The splitting is our own, because a stray quote must cost one line and not, as with other readers, all that
//! follows; and because a rejected row must come back as it stood in the file.

use std::ops::Range;

use super::lines::{LONGEST, Lines};
use super::{Bad, Row, text};
use crate::intake::columns::Columns;
use crate::intake::{IntakeError, Reject};

/// The rows of a CSV file.
pub struct CsvRows<'a> {
    lines: Lines<'a>,
    raw: Vec<u8>,
    line: u64,
    split: Splitter,
    width: usize,
    slots: usize,
    /// Slot and column of every field that the file has.
    columns: Vec<(usize, usize)>,
    /// Headers that stand for no field.
    pub unknown: Vec<String>,
}

impl<'a> CsvRows<'a> {
    /// Reads the header and finds the fields in it.
    pub fn open(lines: Lines<'a>, columns: Columns<'_>) -> Result<Self, IntakeError> {
        let mut rows = Self {
            lines,
            raw: Vec::new(),
            line: 0,
            split: Splitter::default(),
            width: 0,
            slots: columns.fields().len(),
            columns: Vec::new(),
            unknown: Vec::new(),
        };
        let header = rows.header()?;
        let slots = columns.find(&header).map_err(|problem| rows.lines.columns(problem))?;
        if let Some(problem) = columns.missing(&slots, &header) {
            return Err(rows.lines.columns(problem));
        }
        rows.width = header.len();
        rows.columns =
            slots.iter().enumerate().filter_map(|(slot, column)| Some((slot, (*column)?))).collect();
        let unknown =
            header.into_iter().enumerate().filter(|(i, name)| !slots.contains(&Some(*i)) && !name.is_empty());
        rows.unknown = unknown.map(|(_, name)| name).collect();
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

    fn header(&mut self) -> Result<Vec<String>, IntakeError> {
        let Some(gathered) = self.gather()? else {
            return Err(self.lines.unfit("it is empty; a CSV file starts with a header"));
        };
        let header = gathered.and_then(|()| text(&self.raw));
        let header = header
            .map_err(|problem| self.lines.unfit(format!("its header {problem}; save it as CSV UTF-8")))?;
        Ok(self.split.cells.iter().map(|cell| cell.text(header).trim().to_owned()).collect())
    }

    /// Gathers the physical lines of one row. When a quote in it does not close, the row is bad, but only its first
    /// line is: the others are read again.
    fn gather(&mut self) -> Result<Option<Result<(), Bad>>, IntakeError> {
        if !self.lines.next_row(&mut self.raw)? {
            return Ok(None);
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

    fn fill(&self, row: &mut Row) -> Result<(), Bad> {
        let text = text(&self.raw)?;
        let cells = &self.split.cells;
        if cells.len() != self.width {
            return Err(format!("has {} cells where the header has {}", cells.len(), self.width));
        }
        row.start(text, self.slots);
        for &(slot, column) in &self.columns {
            match cells.get(column) {
                Some(cell) if cell.escaped => row.put(slot, |into| into.push_str(&cell.text(text))),
                Some(cell) => row.point(slot, &cell.range),
                None => {}
            }
        }
        Ok(())
    }
}

/// Where a cell lies in its row.
#[derive(Debug, Clone)]
struct Cell {
    range: Range<usize>,
    /// True when doubled quotes in it stand for single ones.
    escaped: bool,
}

impl Cell {
    fn text(&self, row: &str) -> String {
        let text = row.get(self.range.clone()).unwrap_or_default();
        if self.escaped { text.replace("\"\"", "\"") } else { text.to_owned() }
    }
}

/// How far a row could be split.
enum Split {
    Whole,
    /// The row ended inside quotes: it goes on in the next line.
    Open,
    /// A quoted cell goes on after its closing quote.
    Broken,
}

/// Splits a row into cells; goes on where it stopped when the row grows by a line.
#[derive(Default)]
struct Splitter {
    cells: Vec<Cell>,
    at: usize,
    /// The quoted cell that is not closed yet.
    open: Option<Cell>,
}

impl Splitter {
    fn start(&mut self, raw: &[u8]) -> Split {
        self.cells.clear();
        self.at = 0;
        self.open = None;
        if raw.contains(&b'"') { self.go_on(raw) } else { self.plain(raw) }
    }

    /// A row without quotes, as nearly all are.
    fn plain(&mut self, raw: &[u8]) -> Split {
        let end = content(raw);
        for (at, byte) in raw.iter().enumerate().take(end) {
            if *byte == b',' {
                self.cells.push(Cell { range: self.at..at, escaped: false });
                self.at = at + 1;
            }
        }
        self.cells.push(Cell { range: self.at..end, escaped: false });
        Split::Whole
    }

    fn go_on(&mut self, raw: &[u8]) -> Split {
        let end = content(raw);
        while self.cell(raw, end) {
            match raw.get(self.at) {
                _ if self.at >= end => return Split::Whole,
                Some(b',') => self.at += 1,
                _ => return Split::Broken,
            }
        }
        Split::Open
    }

    /// Takes the cell that starts or goes on here, and stops behind it; false when the row ends inside its quotes.
    fn cell(&mut self, raw: &[u8], end: usize) -> bool {
        let Some(mut cell) = self.open.take().or_else(|| self.quoted(raw, end)) else {
            let start = self.at;
            self.at = find(raw, start..end, |b| b == b',').unwrap_or(end);
            self.cells.push(Cell { range: start..self.at, escaped: false });
            return true;
        };
        let closed = self.close(raw, &mut cell);
        if closed {
            self.at = find(raw, self.at..end, |b| !is_space(b)).unwrap_or(end);
            self.cells.push(cell);
        } else {
            self.open = Some(cell);
        }
        closed
    }

    /// The quoted cell that starts here, if one does; spaces before its quote do not count.
    fn quoted(&mut self, raw: &[u8], end: usize) -> Option<Cell> {
        let quote = find(raw, self.at..end, |b| !is_space(b)).filter(|at| raw.get(*at) == Some(&b'"'))?;
        self.at = quote + 1;
        Some(Cell { range: self.at..self.at, escaped: false })
    }

    /// Goes on to behind the closing quote of `cell`; false when it is not in the row yet.
    fn close(&mut self, raw: &[u8], cell: &mut Cell) -> bool {
        while let Some(quote) = find(raw, self.at..raw.len(), |b| b == b'"') {
            if raw.get(quote + 1) != Some(&b'"') {
                cell.range.end = quote;
                self.at = quote + 1;
                return true;
            }
            cell.escaped = true;
            self.at = quote + 2;
        }
        self.at = raw.len();
        false
    }
}

/// The length of a row without its line break.
fn content(raw: &[u8]) -> usize {
    raw.len() - raw.iter().rev().take_while(|b| matches!(b, b'\r' | b'\n')).count()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn find(raw: &[u8], range: Range<usize>, is_it: impl Fn(u8) -> bool) -> Option<usize> {
    let start = range.start;
    raw.get(range)?.iter().position(|b| is_it(*b)).map(|at| start + at)
}
