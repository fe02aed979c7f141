//! Owns the cells of a delimited row: where each lies, quotes undone; knows nothing of lines and of what cells mean.
//!
//! The splitting is our own, because a stray quote must cost one line and not, as with other readers, all that
//! follows; and because a rejected row must come back as it stood in the file.

use std::ops::Range;

/// Where a cell lies in its row.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Its text, without quotes around it.
    pub range: Range<usize>,
    /// True when doubled quotes in it stand for single ones.
    pub escaped: bool,
}

impl Cell {
    /// What it says, in the row that it was found in.
    pub fn text(&self, row: &str) -> String {
        let text = row.get(self.range.clone()).unwrap_or_default();
        if self.escaped { text.replace("\"\"", "\"") } else { text.to_owned() }
    }
}

/// How far a row could be split.
pub enum Split {
    /// All of it.
    Whole,
    /// The row ended inside quotes: it goes on in the next line.
    Open,
    /// A quoted cell goes on after its closing quote.
    Broken,
}

/// Splits a row into cells; goes on where it stopped when the row grows by a line.
pub struct Splitter {
    /// What parts cells.
    pub delimiter: u8,
    /// The cells of the row so far.
    pub cells: Vec<Cell>,
    at: usize,
    /// The quoted cell that is not closed yet.
    open: Option<Cell>,
}

impl Splitter {
    /// Splits at this byte.
    pub fn at(delimiter: u8) -> Self {
        Self { delimiter, cells: Vec::new(), at: 0, open: None }
    }

    /// Splits a new row.
    pub fn start(&mut self, raw: &[u8]) -> Split {
        self.cells.clear();
        self.at = 0;
        self.open = None;
        if raw.contains(&b'"') { self.go_on(raw) } else { self.plain(raw) }
    }

    /// A row without quotes, as nearly all are.
    fn plain(&mut self, raw: &[u8]) -> Split {
        let (end, delimiter) = (content(raw), self.delimiter);
        for (at, byte) in raw.iter().enumerate().take(end) {
            if *byte == delimiter {
                self.cells.push(Cell { range: self.at..at, escaped: false });
                self.at = at + 1;
            }
        }
        self.cells.push(Cell { range: self.at..end, escaped: false });
        Split::Whole
    }

    /// Goes on in a row that has grown.
    pub fn go_on(&mut self, raw: &[u8]) -> Split {
        let end = content(raw);
        while self.cell(raw, end) {
            match raw.get(self.at) {
                _ if self.at >= end => return Split::Whole,
                Some(byte) if *byte == self.delimiter => self.at += 1,
                _ => return Split::Broken,
            }
        }
        Split::Open
    }

    /// Takes the cell that starts or goes on here, and stops behind it; false when the row ends inside its quotes.
    fn cell(&mut self, raw: &[u8], end: usize) -> bool {
        let Some(mut cell) = self.open.take().or_else(|| self.quoted(raw, end)) else {
            let start = self.at;
            self.at = find(raw, start..end, |b| b == self.delimiter).unwrap_or(end);
            self.cells.push(Cell { range: start..self.at, escaped: false });
            return true;
        };
        let closed = self.close(raw, &mut cell);
        if closed {
            self.at = find(raw, self.at..end, |b| !self.is_space(b)).unwrap_or(end);
            self.cells.push(cell);
        } else {
            self.open = Some(cell);
        }
        closed
    }

    /// The quoted cell that starts here, if one does; spaces before its quote do not count.
    fn quoted(&mut self, raw: &[u8], end: usize) -> Option<Cell> {
        let quote =
            find(raw, self.at..end, |b| !self.is_space(b)).filter(|at| raw.get(*at) == Some(&b'"'))?;
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

    fn is_space(&self, byte: u8) -> bool {
        byte == b' ' || byte == b'\t' && self.delimiter != b'\t'
    }
}

/// The length of a row without its line break.
fn content(raw: &[u8]) -> usize {
    raw.len() - raw.iter().rev().take_while(|b| matches!(b, b'\r' | b'\n')).count()
}

fn find(raw: &[u8], range: Range<usize>, is_it: impl Fn(u8) -> bool) -> Option<usize> {
    let start = range.start;
    raw.get(range)?.iter().position(|b| is_it(*b)).map(|at| start + at)
}
