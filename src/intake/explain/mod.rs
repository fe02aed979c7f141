//! Owns what a file turns out to be, told before anything of it is kept: layout, columns, dates, what would be rejected and
//! why; keeps nothing.

mod census;
mod missing;
mod reasons;

use serde::Serialize;

use super::records::{Record, Unfit};
use super::rows::Row;
use super::{Encoding, Format, Hint, IntakeError, Reading, Records, Source};
use crate::domain::ids::Timestamp;
use census::Census;
use reasons::Reasons;

pub use census::{Counted, Figures, StatusWord};
pub use missing::Missing;
pub use reasons::Group;

/// What a file turned out to be.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// How it is laid out.
    #[serde(skip)]
    pub format: Format,
    /// The sheet of a workbook that is read.
    pub sheet: Option<String>,
    /// What it is encoded in; nothing for a workbook.
    #[serde(serialize_with = "name")]
    pub encoding: Option<Encoding>,
    /// What parts its cells, in CSV.
    pub delimiter: Option<char>,
    /// The line of its header.
    pub header_line: Option<u64>,
    /// The columns that are read, in the order of our fields.
    pub columns: Vec<ColumnRead>,
    /// Columns that nobody reads.
    pub unknown_columns: Vec<String>,
    /// The first time in it, and the instant that it means.
    #[serde(skip)]
    pub example: Option<(String, Timestamp)>,
    /// Its rows.
    pub read: u64,
    /// Rows that are no record.
    pub rejected: u64,
    /// Rows that are right and stand for no record of their own.
    pub ignored: u64,
    /// Why, the most frequent reason first.
    pub reasons: Vec<Group>,
    /// What its records are about.
    #[serde(flatten)]
    pub figures: Figures,
    /// What would read more of it.
    #[serde(skip)]
    pub hints: Vec<Hint>,
    /// What is missing to start.
    #[serde(skip)]
    pub missing: Vec<Missing>,
}

/// A column that is read.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct ColumnRead {
    /// What the file calls it; where several columns may hold it, all of them.
    pub header: String,
    /// What it means.
    pub field: &'static str,
    /// Two of its values, as they stand there.
    pub samples: Vec<String>,
}

const SAMPLES: usize = 2;

fn name<S: serde::Serializer>(encoding: &Option<Encoding>, to: S) -> Result<S::Ok, S::Error> {
    encoding.map(Encoding::name).serialize(to)
}

/// Reads the whole file and keeps nothing of it. `progress` hears the bytes read so far of the file as it lies on disk.
///
/// # Errors
/// When the file cannot be read at all.
pub fn explain<R: Counted>(
    source: &Source,
    reading: &Reading,
    progress: &dyn Fn(u64),
) -> Result<Explained, IntakeError> {
    let mut records = Records::<R>::open(source, reading, progress)?;
    let (mut census, mut reasons) = (Census::new(reading.zone), Reasons::default());
    let mut samples = vec![Vec::new(); R::FIELDS.len()];
    let (mut read, mut ignored) = (0, 0);
    while let Some(record) = records.next(R::understand)? {
        read += 1;
        sample(&records.row, &mut samples);
        match record {
            Ok(record) => record.count(&mut census),
            Err(Unfit::Ignored) => ignored += 1,
            Err(Unfit::Bad(reason)) => reasons.add(&records.rows.reject(reason)),
        }
    }
    let (hints, example) = (records.hints(read), records.so_far.looks().example.clone());
    let layout = records.rows.layout();
    Ok(Explained {
        format: source.format,
        sheet: layout.sheet.map(|(name, _)| name),
        encoding: (source.format != Format::Xlsx).then_some(layout.encoding),
        delimiter: layout.delimiter,
        header_line: layout.header_line,
        columns: columns::<R>(layout.names, samples),
        unknown_columns: records.rows.unknown_columns(),
        example,
        read,
        rejected: reasons.rows(),
        ignored,
        reasons: reasons.sorted(),
        missing: missing::<R>(read, &census),
        figures: census.figures(),
        hints,
    })
}

fn missing<R: Counted>(read: u64, census: &Census) -> Vec<Missing> {
    match (read, census.records) {
        (0, _) => vec![Missing::Rows],
        (_, 0) => vec![Missing::Records],
        _ => R::missing(census),
    }
}

fn columns<R: Record>(names: Vec<Vec<String>>, samples: Vec<Vec<String>>) -> Vec<ColumnRead> {
    let columns = R::FIELDS.iter().zip(names).zip(samples);
    columns
        .filter(|((_, names), _)| !names.is_empty())
        .map(|((field, names), samples)| ColumnRead { header: names.join(" / "), field: field.name, samples })
        .collect()
}

/// Keeps the first values of each field that differ.
fn sample(row: &Row, samples: &mut [Vec<String>]) {
    for (slot, kept) in samples.iter_mut().enumerate().filter(|(_, kept)| kept.len() < SAMPLES) {
        kept.extend(row.value(slot).filter(|value| !kept.iter().any(|k| k == value)).map(str::to_owned));
    }
}
