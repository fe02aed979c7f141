//! Owns the physical lines of a text file: their count, their longest length, the byte order mark; knows nothing of
//! formats.

use std::io::{self, BufRead, Cursor, Read};

use crate::intake::{IntakeError, Source};

/// Longest row that is read, in bytes: what bounds the memory that a damaged file can take.
pub const LONGEST: usize = 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of a file, each with its line break.
pub struct Lines<'a> {
    source: &'a Source,
    input: Box<dyn BufRead + 'a>,
    /// Lines that were given back.
    again: Cursor<Vec<u8>>,
    count: u64,
}

impl<'a> Lines<'a> {
    /// Opens the file.
    pub fn open(source: &'a Source, progress: &'a dyn Fn(u64)) -> Result<Self, IntakeError> {
        Ok(Self { source, input: source.open(progress)?, again: Cursor::default(), count: 0 })
    }

    /// Lines read so far: the number of the line read last.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Appends the next line to `raw`; of one longer than [`LONGEST`] only the beginning. False at the end.
    pub fn next(&mut self, raw: &mut Vec<u8>) -> Result<bool, IntakeError> {
        let before = raw.len();
        let read = self.append(raw).map_err(|source| self.broke_off(source))?;
        self.count += u64::from(read > 0);
        if self.count == 1 && before == 0 {
            self.begin(raw)?;
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
        self.count -= lines.split_inclusive(|b| *b == b'\n').count() as u64;
        self.again = Cursor::new([lines, unread].concat());
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
        let read = self.again.read_until(b'\n', raw)?;
        if read > 0 {
            return Ok(read);
        }
        let read = (&mut self.input).take(LONGEST as u64).read_until(b'\n', raw)?;
        if read == LONGEST && raw.last() != Some(&b'\n') {
            self.input.skip_until(b'\n')?;
            raw.push(b'\n');
        }
        Ok(read)
    }

    /// What only the first line can show.
    fn begin(&self, raw: &mut Vec<u8>) -> Result<(), IntakeError> {
        if raw.starts_with(BYTE_ORDER_MARK) {
            raw.drain(..BYTE_ORDER_MARK.len());
        }
        match raw.contains(&0) {
            true => {
                Err(self
                    .unfit("its first line holds NUL bytes, so it is no UTF-8 text; save it as CSV UTF-8"))
            }
            false => Ok(()),
        }
    }

    fn broke_off(&self, source: io::Error) -> IntakeError {
        let (path, line) = (self.source.path.clone(), self.count);
        match self.source.gzip {
            true => IntakeError::Gzip { path, line, source },
            false => IntakeError::Read { path, line, source },
        }
    }
}
