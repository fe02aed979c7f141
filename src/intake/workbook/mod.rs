//! Owns `.xlsx`: a workbook's visible sheets, each as the CSV text that says the same; knows nothing of what rows mean.
//!
//! Row n of the sheet is line n of the text, so that what is said of lines is true of rows.

mod bounds;
mod page;

use std::fs::File;
use std::io::{BufReader, Error, Read, Result, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use calamine::{Reader, SheetType, SheetVisible, Xlsx};

use super::ahead::{Ahead, Block, Ready};
use page::Page;

/// A workbook, opened; its texts are in memory once, its rows are read as they come.
pub struct Workbook {
    book: Xlsx<BufReader<Tracked>>,
    sheets: Vec<String>,
    read: Arc<AtomicU64>,
    size: u64,
}

impl Workbook {
    /// Opens the file, when it is a workbook of a size that can be read.
    pub fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        bounds::check(&mut file)?;
        file.rewind()?;
        let read = Arc::new(AtomicU64::new(0));
        let tracked = BufReader::new(Tracked { file, read: read.clone() });
        let book: Xlsx<_> = guarded(|| Xlsx::new(tracked).map_err(damaged))?;
        let all = || book.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
        let names = |sheets: Vec<&calamine::Sheet>| sheets.iter().map(|s| s.name.clone()).collect();
        let visible: Vec<_> = all().filter(|sheet| sheet.visible == SheetVisible::Visible).collect();
        let sheets: Vec<String> = names(if visible.is_empty() { all().collect() } else { visible });
        match sheets.is_empty() {
            true => Err(Error::other("it has no sheet of cells")),
            false => Ok(Self { book, sheets, read, size }),
        }
    }

    /// The names of the sheets that people see.
    pub fn sheets(&self) -> &[String] {
        &self.sheets
    }

    /// The text of that sheet; `progress` hears how much of the file was read.
    pub fn text<'a>(self, sheet: &str, progress: &'a dyn Fn(u64)) -> Result<Ahead<'a>> {
        let sheet = sheet.to_owned();
        Ahead::of("workbook", progress, move |ready| {
            let size = self.size;
            match guarded(|| self.write(&sheet, ready)) {
                Ok(true) => drop(ready.send(Ok(Block { bytes: Vec::new(), read: size }))),
                Ok(false) => {}
                Err(error) => drop(ready.send(Err(error))),
            }
        })
    }

    /// Writes the sheet; false when nobody wants more of it.
    fn write(mut self, sheet: &str, ready: &Ready) -> Result<bool> {
        self.read.store(0, Ordering::Relaxed);
        let mut page = Page::default();
        let mut cells = self.book.worksheet_cells_reader(sheet).map_err(damaged)?;
        while let Some(cell) = cells.next_cell().map_err(damaged)? {
            page.put(cell.get_position(), cell.get_value())?;
            let full = page.full();
            let read = self.read.load(Ordering::Relaxed).min(self.size);
            if full.is_some_and(|bytes| !ready.send(Ok(Block { bytes, read }))) {
                return Ok(false);
            }
        }
        let bytes = page.end();
        Ok(bytes.is_empty() || ready.send(Ok(Block { bytes, read: self.size })))
    }
}

/// Workbooks that contradict themselves may make their reader give up halfway.
fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    let gave_up = |_| Err(Error::other("its parts contradict each other"));
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(gave_up)
}

fn damaged(error: calamine::XlsxError) -> Error {
    Error::other(error.to_string())
}

/// A file that tells how much of it was read.
struct Tracked {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Tracked {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let read = self.file.read(into)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Tracked {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.file.seek(to)
    }
}
