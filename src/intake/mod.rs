//! Owns the way in: order, member and product records out of a shop's files, requests and webhooks, reports about its
//! mail; knows nothing of where they are kept.
//!
//! Two halves meet in the cells of a row: `rows` reads (a file's bytes → cells by field), `records`
//! understands (cells → a record, or the reason why not). `columns` says which header is which field.

mod ahead;
mod columns;
mod encoding;
mod error;
mod events;
mod explain;
mod hint;
mod hooks;
mod pushed;
mod records;
mod rejects;
mod report;
mod rows;
mod source;
mod text;
mod unpack;
mod workbook;

use std::collections::BTreeMap;
use std::io;
use std::marker::PhantomData;
use std::mem;

use chrono_tz::Tz;

use crate::domain::ids::Timestamp;
use crate::domain::order::OrderLine;
use columns::Columns;
use records::{SoFar, Unfit};
use rows::{Row, Rows};

pub use columns::Headers;
pub use encoding::Encoding;
pub use error::IntakeError;
pub use events::{BadEvent, Events};
pub use explain::{Counted, Explained, StatusWord, explain};
pub use hint::Hint;
pub use hooks::{Platform, Told};
pub use pushed::{BodyError, lay_out};
pub use records::{DateFormat, Kind, OrderRow, Record};
pub use rejects::{Reject, Rejects, erase as erase_rejects};
pub use report::{read_report, unsubscribe_token};
pub use source::{Format, Source};

/// How the shop wants its files of one kind of record to be read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The zone of times that carry no offset.
    pub zone: Tz,
    /// Times after this one are rejected: the end of tomorrow.
    pub latest: Timestamp,
    /// Our name of a column → the file's headers; what stands here is looked for by no other name.
    pub columns: BTreeMap<String, Headers>,
    /// The words for orders that bought nothing; case, width and spaces do not count.
    pub not_a_purchase: Vec<String>,
    /// How rows hang together.
    pub layout: Layout,
    /// What text files are encoded in; where nothing is declared, their bytes tell.
    pub encoding: Option<Encoding>,
    /// How dates are written that do not begin with a year of four digits.
    pub dates: DateFormat,
    /// Where this is how a shop's exports are read: how files of other makes are, and all JSON.
    pub own: Option<Box<Reading>>,
}

impl Reading {
    /// The usual columns and forms.
    pub fn plain(zone: Tz, latest: Timestamp) -> Self {
        let (columns, not_a_purchase, layout, dates) = Default::default();
        Self { zone, latest, columns, not_a_purchase, layout, encoding: None, dates, own: None }
    }
}

/// How the rows of a file hang together, where one row is not simply one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// What stands only in the first row of an order, or of a product's variants, holds for its further rows.
    pub carry_down: bool,
    /// The words in the column `row_kind` for rows that are no order lines.
    pub not_a_line: Vec<String>,
    /// Member ids that stand for nobody in particular, as `0` for guests.
    pub nobody: Vec<String>,
}

/// What a file turned out to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Rows in the file, rejected ones too.
    pub read: u64,
    /// Rows that are no record.
    pub rejected: u64,
    /// Rows that are right and stand for no record of their own: parents of sets, further rows without a product.
    pub ignored: u64,
    /// Orders of which a part was refunded; the file does not say which.
    pub partly_refunded: u64,
    /// Columns that nobody reads, as the file writes them; of a JSON lines file the first hundred.
    pub unknown_columns: Vec<String>,
    /// What would read more of it.
    pub hints: Vec<Hint>,
}

/// The first pass: judges every row, keeps none, and hands over what is wrong with the bad ones.
/// `progress` hears the bytes read so far of the file as it lies on disk.
pub fn judge<R: Record>(
    source: &Source,
    reading: &Reading,
    rejects: &mut dyn FnMut(Reject) -> io::Result<()>,
    progress: &dyn Fn(u64),
) -> Result<Judged, IntakeError> {
    let mut records = Records::<R>::open(source, reading, progress)?;
    let mut judged = Judged::default();
    while let Some(record) = records.next(R::check)? {
        judged.read += 1;
        match record {
            Ok(()) => {}
            Err(Unfit::Ignored) => judged.ignored += 1,
            Err(Unfit::Bad(reason)) => {
                judged.rejected += 1;
                rejects(records.rows.reject(reason)).map_err(IntakeError::Rejects)?;
            }
        }
    }
    judged.hints = records.hints(judged.read);
    judged.partly_refunded = records.so_far.partly_refunded();
    judged.unknown_columns = records.rows.unknown_columns();
    Ok(judged)
}

/// The second pass: hands over the good records in the file's order, `chunk` at a time; bad rows are passed over,
/// [`judge`] has told of them. Stops at the first error of `sink`.
pub fn read<R: Record, E: From<IntakeError>>(
    source: &Source,
    reading: &Reading,
    chunk: usize,
    progress: &dyn Fn(u64),
    mut sink: impl FnMut(Vec<R>) -> Result<(), E>,
) -> Result<(), E> {
    let mut records = Records::<R>::open(source, reading, progress)?;
    let mut full = Vec::new();
    while let Some(record) = records.next(R::understand)? {
        full.extend(record.ok());
        if full.len() >= chunk.max(1) {
            sink(mem::take(&mut full))?;
        }
    }
    if full.is_empty() { Ok(()) } else { sink(full) }
}

/// One pass for those who keep no order lines: hands over the good ones as they stand in their rows, in the file's order,
/// and of bad rows the order that they name. `progress` hears the bytes read so far of the file as it lies on disk.
pub fn each_order(
    source: &Source,
    reading: &Reading,
    progress: &dyn Fn(u64),
    mut take: impl FnMut(Result<OrderRow<'_>, &str>),
) -> Result<(), IntakeError> {
    let mut records = Records::<OrderLine>::open(source, reading, progress)?;
    while let Some(row) = records.rows.next(&mut records.row)? {
        if row.is_err() {
            continue;
        }
        match OrderRow::of(&mut records.row, &mut records.so_far) {
            Ok(line) => take(Ok(line)),
            Err(Unfit::Bad(_)) => take(Err(OrderRow::order_of(&records.row))),
            Err(Unfit::Ignored) => {}
        }
    }
    Ok(())
}

/// One pass over a file: its rows, and what understanding them has learnt so far.
struct Records<'a, R> {
    rows: Rows<'a>,
    row: Row,
    so_far: SoFar<'a>,
    kind: PhantomData<R>,
}

impl<'a, R: Record> Records<'a, R> {
    /// Reads the file as that of the two ways under which more of its columns are known.
    fn open(
        source: &'a Source,
        reading: &'a Reading,
        progress: &'a dyn Fn(u64),
    ) -> Result<Self, IntakeError> {
        let Some(own) = reading.own.as_deref() else { return Self::open_as(source, reading, progress) };
        let as_own = Self::open_as(source, own, progress);
        if source.format == Format::Jsonl {
            return as_own;
        }
        match (Self::open_as(source, reading, progress), as_own) {
            (Err(_), Ok(own)) => Ok(own),
            (Ok(exported), Ok(own)) if own.known() > exported.known() => Ok(own),
            (exported, _) => exported,
        }
    }

    fn open_as(
        source: &'a Source,
        reading: &'a Reading,
        progress: &'a dyn Fn(u64),
    ) -> Result<Self, IntakeError> {
        let columns = Columns::new(R::KIND, R::FIELDS, &reading.columns)?;
        let rows = Rows::open(source, columns, reading, progress)?;
        Ok(Self { rows, row: Row::default(), so_far: SoFar::new(reading, source.format), kind: PhantomData })
    }

    /// How many fields of ours the file has, or has not by the word of the settings.
    fn known(&self) -> usize {
        let fields = R::FIELDS.iter().zip(self.rows.layout().names);
        fields.filter(|(field, names)| !names.is_empty() || self.so_far.is_nowhere(field.name)).count()
    }

    /// What would read more of the file, after so many rows of it.
    fn hints(&self, rows: u64) -> Vec<Hint> {
        let layout = self.rows.layout();
        let sets = self.so_far.untold_sets(R::FIELDS, &layout.names).map(|column| Hint::Sets { column });
        let dates = Hint::on_dates(self.so_far.looks(), self.so_far.declared(), R::KIND);
        let bytes = Hint::on_bytes(self.rows.garbled(), rows, layout.encoding);
        let sheets = layout.sheet.and_then(|(read, others)| Hint::on_sheets(read, others));
        sheets.into_iter().chain(bytes).chain(dates).chain(sets).collect()
    }

    /// What `understand` makes of the next row, or why it is no record; none at the end of the file.
    fn next<T>(
        &mut self,
        understand: fn(&mut Row, &mut SoFar<'_>) -> Result<T, Unfit>,
    ) -> Result<Option<Result<T, Unfit>>, IntakeError> {
        let Some(row) = self.rows.next(&mut self.row)? else { return Ok(None) };
        let record = row.map_err(Unfit::Bad).and_then(|()| understand(&mut self.row, &mut self.so_far));
        Ok(Some(record))
    }
}

#[cfg(test)]
mod tests;
