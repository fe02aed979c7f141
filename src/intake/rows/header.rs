//! Owns the search for the header: which of the first rows it is, and what parts its cells; knows nothing of what comes below.

use super::Bad;
use super::csv::CsvRows;
use crate::intake::columns::{Columns, Slots};
use crate::intake::{Format, IntakeError};

/// Rows among which the header is: exports put titles above it.
const WITHIN: usize = 20;

const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// A header, and where the fields are in it.
pub struct Found {
    /// Its cells.
    pub names: Vec<String>,
    /// For each field the columns that hold it.
    pub slots: Slots,
}

/// Why a row is no header, and how nearly it is one.
struct Miss {
    fields: usize,
    cells: usize,
    is_broken: bool,
    problem: Result<String, Bad>,
}

/// Reads up to the first row that holds all that a header must hold. An error tells of the row that comes nearest to one.
pub fn find(rows: &mut CsvRows<'_>, columns: &Columns<'_>) -> Result<Found, IntakeError> {
    let delimiters = delimiters(rows)?;
    let mut nearest: Option<Miss> = None;
    for _ in 0..WITHIN {
        let mut nearest_here: Option<Miss> = None;
        for delimiter in &delimiters {
            rows.split.delimiter = *delimiter;
            let Some(read) = read(rows, columns)? else { break };
            match read {
                Ok(found) => return Ok(found),
                Err(miss) => {
                    let here = |m: &Miss| (m.fields, m.cells);
                    rows.lines.give_back(&rows.raw);
                    nearest_here = nearer(nearest_here, miss, |m| here(m));
                }
            }
        }
        let Some(miss) = nearest_here else { break };
        // A title is one cell alone.
        nearest = nearer(nearest, miss, |m| (m.fields, usize::from(m.cells > 1 || m.is_broken)));
        rows.lines.next_row(&mut rows.raw)?;
    }
    Err(match nearest.map(|miss| miss.problem) {
        None => rows.lines.unfit("it is empty; it should start with a header"),
        Some(Ok(problem)) => rows.lines.columns(problem),
        Some(Err(bad)) => rows.lines.unfit(format!(
            "its header {bad}; save it as CSV UTF-8, or say what it is: --encoding big5, utf-16 …"
        )),
    })
}

/// Of two misses the nearer one, the first of equals.
fn nearer(first: Option<Miss>, second: Miss, worth: impl Fn(&Miss) -> (usize, usize)) -> Option<Miss> {
    match first {
        Some(first) if worth(&first) >= worth(&second) => Some(first),
        _ => Some(second),
    }
}

/// What may part the cells: what a line as `sep=;` says, which Excel writes and reads.
fn delimiters(rows: &mut CsvRows<'_>) -> Result<Vec<u8>, IntakeError> {
    if rows.lines.format() == Format::Xlsx {
        return Ok(vec![b',']);
    }
    if !rows.lines.next_row(&mut rows.raw)? {
        return Ok(DELIMITERS.to_vec());
    }
    let line = rows.raw.trim_ascii_end().to_ascii_lowercase();
    let line = line.strip_prefix(b"\"").and_then(|l| l.strip_suffix(b"\"")).unwrap_or(&line);
    // The end may have been trimmed off: it is a tab then.
    let told = line.strip_prefix(b"sep=").map(|sign| sign.first().copied().unwrap_or(b'\t'));
    Ok(match told {
        Some(sign) if sign == b'\t' || sign != b'"' && sign.is_ascii_punctuation() => vec![sign],
        _ => {
            rows.lines.give_back(&rows.raw);
            DELIMITERS.to_vec()
        }
    })
}

/// The next row as a header; nothing at the end of the file.
fn read(rows: &mut CsvRows<'_>, columns: &Columns<'_>) -> Result<Option<Result<Found, Miss>>, IntakeError> {
    let Some(gathered) = rows.gather()? else { return Ok(None) };
    let text = gathered.and_then(|()| rows.lines.text(&rows.raw));
    Ok(Some(match text {
        Err(bad) => Err(Miss { fields: 0, cells: 1, is_broken: true, problem: Err(bad) }),
        Ok(text) => {
            let names = rows.split.cells.iter().map(|cell| cell.text(text).trim().to_owned()).collect();
            as_header(names, columns)
        }
    }))
}

fn as_header(names: Vec<String>, columns: &Columns<'_>) -> Result<Found, Miss> {
    let miss = |fields, problem| {
        let cells = names.iter().filter(|name| !name.is_empty()).count();
        Miss { fields, cells, is_broken: false, problem: Ok(problem) }
    };
    // Names that mean the same are a header's.
    let slots = columns.find(&names).map_err(|problem| miss(columns.fields().len(), problem))?;
    match columns.missing(&slots, &names) {
        Some(problem) => Err(miss(slots.iter().filter(|columns| !columns.is_empty()).count(), problem)),
        None => Ok(Found { names, slots }),
    }
}
