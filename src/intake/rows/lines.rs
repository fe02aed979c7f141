//! Owns the physical lines of a text: their count, their longest length; knows nothing of formats.

use std::io::{self, BufRead, Cursor, Read};

use crate::intake::encoding::Encoding;
use crate::intake::text::Text;
use crate::intake::workbook::Workbook;
use crate::intake::{Format, IntakeError, Source};

use super::Bad;

/// Longest row that is read, in bytes: what bounds the memory that a damaged file can take.
pub const LONGEST: usize = 1024 * 1024;

/// The lines of a file, each with its line break.
pub struct Lines<'a> {
    source: &'a Source,
    input: Text<'a>,
    /// The byte that ends a line.
    end: u8,
    /// Lines that were given back.
    again: Cursor<Vec<u8>>,
    count: u64,
    /// Rows that were no text.
    pub garbled: u64,
    /// The sheet that they are of, and the others that people see.
    pub sheet: Option<(String, Vec<String>)>,
}

impl<'a> Lines<'a> {
    /// Opens a text file; what encoding it is in is told by its bytes, unless it is declared.
    pub fn open(
        source: &'a Source,
        declared: Option<Encoding>,
        progress: &'a dyn Fn(u64),
    ) -> Result<Self, IntakeError> {
        let input = Text::new(source.open(progress)?, declared);
        match disguised(input.head()) {
            Some(problem) => {
                Err(IntakeError::Format { path: source.path.clone(), problem: problem.to_owned() })
            }
            None => Self::of(source, input),
        }
    }

    /// The lines of a workbook's sheet; the first one when none is named.
    pub fn of_sheet(
        source: &'a Source,
        sheet: Option<&str>,
        progress: &'a dyn Fn(u64),
    ) -> Result<Self, IntakeError> {
        let cannot = |source_error| workbook_error(source, 0, source_error);
        let book = Workbook::open(&source.path).map_err(cannot)?;
        let sheets = book.sheets();
        let name = sheet.or(sheets.first().map(String::as_str)).unwrap_or_default().to_owned();
        let others = sheets.iter().filter(|other| **other != name).cloned().collect();
        let text = book.text(&name, progress).map_err(cannot)?;
        let input = Text::new(Box::new(text), Some(Encoding::Utf8));
        Ok(Self { sheet: Some((name, others)), ..Self::of(source, input)? })
    }

    fn of(source: &'a Source, input: Text<'a>) -> Result<Self, IntakeError> {
        let again = Cursor::default();
        let mut lines = Self { source, input, end: b'\n', again, count: 0, garbled: 0, sheet: None };
        match lines.input.beginning() {
            // Only very old programs end lines with a carriage return alone.
            Ok(text) if text.contains(&b'\r') && !text.contains(&b'\n') => lines.end = b'\r',
            Ok(_) => {}
            Err(error) => return Err(lines.broke_off(error)),
        }
        Ok(lines)
    }

    /// Lines read so far: the number of the line read last.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How the file is laid out.
    pub fn format(&self) -> Format {
        self.source.format
    }

    /// What the file is encoded in, as far as its bytes have shown.
    pub fn encoding(&self) -> Encoding {
        self.input.encoding()
    }

    /// Appends the next line to `raw`; of one longer than [`LONGEST`] only the beginning. False at the end.
    pub fn next(&mut self, raw: &mut Vec<u8>) -> Result<bool, IntakeError> {
        let before = raw.len();
        let read = self.append(raw).map_err(|source| self.broke_off(source))?;
        self.count += u64::from(read > 0);
        if self.count == 1 && before == 0 && raw.contains(&0) {
            return Err(self.unfit("its first line holds NUL bytes, so it is no text; save it as CSV UTF-8"));
        }
        Ok(read > 0)
    }

    /// Replaces `raw` by the next line that is not blank. False at the end.
    pub fn next_row(&mut self, raw: &mut Vec<u8>) -> Result<bool, IntakeError> {
        loop {
            raw.clear();
            if !self.next(raw)? {
                return Ok(false);
            }
            if !raw.iter().all(u8::is_ascii_whitespace) {
                return Ok(true);
            }
        }
    }

    /// Gives lines back, the last ones read: they come again.
    pub fn give_back(&mut self, lines: &[u8]) {
        let unread = self.again.get_ref().get(self.again.position() as usize..).unwrap_or_default();
        self.count -= lines.split_inclusive(|b| *b == self.end).count() as u64;
        self.again = Cursor::new([lines, unread].concat());
    }

    /// A row's text, when it is text.
    pub fn text<'t>(&mut self, raw: &'t [u8]) -> Result<&'t str, Bad> {
        str::from_utf8(raw).map_err(|error| {
            self.garbled += 1;
            match self.encoding() {
                Encoding::Utf8 => format!("is not UTF-8 from its byte {} on", error.valid_up_to() + 1),
                other => {
                    let read = raw.get(..error.valid_up_to()).map(String::from_utf8_lossy);
                    let letters = read.map_or(0, |text| text.chars().count());
                    format!("is not {} from its character {} on", other.name(), letters + 1)
                }
            }
        })
    }

    /// The file is not of the format that it should be.
    pub fn unfit(&self, problem: impl Into<String>) -> IntakeError {
        IntakeError::Format { path: self.source.path.clone(), problem: problem.into() }
    }

    /// The file's header does not do.
    pub fn columns(&self, problem: String) -> IntakeError {
        IntakeError::Columns { path: self.source.path.clone(), problem }
    }

    fn append(&mut self, raw: &mut Vec<u8>) -> io::Result<usize> {
        let read = self.again.read_until(self.end, raw)?;
        if read > 0 {
            return Ok(read);
        }
        let read = (&mut self.input).take(LONGEST as u64).read_until(self.end, raw)?;
        if read == LONGEST && raw.last() != Some(&self.end) {
            self.input.skip_until(self.end)?;
            raw.push(self.end);
        }
        Ok(read)
    }

    fn broke_off(&self, source: io::Error) -> IntakeError {
        let (path, line) = (self.source.path.clone(), self.count);
        match self.source {
            Source { format: Format::Xlsx, .. } => workbook_error(self.source, line, source),
            Source { gzip: true, .. } => IntakeError::Gzip { path, line, source },
            _ => IntakeError::Read { path, line, source },
        }
    }
}

fn workbook_error(file: &Source, row: u64, source: io::Error) -> IntakeError {
    let path = file.path.clone();
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => IntakeError::Open { path, source },
        _ => IntakeError::Workbook { path, row, source },
    }
}

/// What a file with the name of a text is instead, and what to do.
fn disguised(head: &[u8]) -> Option<&'static str> {
    match head {
        [b'P', b'K', 3, 4, ..] => Some("it is a workbook or an archive; a workbook's name ends with .xlsx"),
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Some("it is an old .xls; save it as .xlsx or as CSV UTF-8"),
        [0x1f, 0x8b, ..] => Some("it is packed; its name should end with .gz"),
        _ => None,
    }
}
