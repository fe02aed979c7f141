//! Files as shops have them: every encoding, delimiter, line end, workbook and form of dates says the same.

mod explained;
mod forms;
mod lines;
mod workbooks;

use replenish::domain::order::OrderLine;
use replenish::intake::{IntakeError, Judged, Reading, Record, Reject, Source, judge, read};

/// The shop's zone is Taipei's, the latest day 2026-03-03.
fn reading() -> Reading {
    Reading::plain(chrono_tz::Asia::Taipei, "2026-03-03T15:59:59Z".parse().unwrap())
}

/// What both passes make of a file of that name.
#[derive(Debug)]
struct Taken<R> {
    judged: Judged,
    rejects: Vec<Reject>,
    records: Vec<R>,
}

fn take<R: Record + Send>(name: &str, bytes: &[u8], reading: &Reading) -> Result<Taken<R>, IntakeError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let source = Source::of(path)?;
    let (mut rejects, mut records) = (Vec::new(), Vec::new());
    let mut reject = |r| {
        rejects.push(r);
        Ok(())
    };
    let judged = judge::<R>(&source, reading, &mut reject, &|_| {})?;
    read::<R, IntakeError>(&source, reading, 1000, &|_| {}, |chunk| {
        records.extend(chunk);
        Ok(())
    })?;
    assert_eq!(judged.rejected, rejects.len() as u64, "{rejects:?}");
    assert_eq!(judged.read - judged.rejected, records.len() as u64, "both passes agree");
    Ok(Taken { judged, rejects, records })
}

fn orders(name: &str, bytes: &[u8]) -> Taken<OrderLine> {
    take(name, bytes, &reading()).unwrap_or_else(|e| panic!("{name}: {e}"))
}
