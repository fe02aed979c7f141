//! Any bytes as a file of each kind of record: nothing panics, and both passes agree.
#![allow(dead_code)] // no target uses all of it

use std::io::Write;

use replenish::domain::catalog::ProductRecord;
use replenish::domain::member::MemberRecord;
use replenish::domain::order::{OrderLine, Return};
use replenish::intake::{Counted, Format, IntakeError, Reading, Source, explain, judge, read};

/// Takes the bytes as files of orders, returns, members and products.
pub fn take(bytes: &[u8], format: Format, reading: &Reading) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    take_from(&Source { path: file.path().to_owned(), format, gzip: false }, reading);
}

/// Takes the file as one of each kind.
pub fn take_from(source: &Source, reading: &Reading) {
    take_as::<OrderLine>(source, reading);
    take_as::<Return>(source, reading);
    take_as::<MemberRecord>(source, reading);
    take_as::<ProductRecord>(source, reading);
}

/// The usual columns, in Taipei.
pub fn reading() -> Reading {
    Reading::plain(chrono_tz::Asia::Taipei, "2026-03-03T15:59:59Z".parse().expect("a time"))
}

fn take_as<R: Counted + Send>(source: &Source, reading: &Reading) {
    let Ok(judged) = judge::<R>(source, reading, &mut |_| Ok(()), &|_| {}) else { return };
    let mut kept = 0;
    let both = read::<R, IntakeError>(source, reading, 7, &|_| {}, |chunk| {
        kept += chunk.len() as u64;
        Ok(())
    });
    both.expect("what was judged can be read");
    assert_eq!(judged.read - judged.rejected - judged.ignored, kept);
    let explained = explain::<R>(source, reading, &|_| {}).expect("what was judged can be explained");
    assert_eq!((explained.read, explained.rejected), (judged.read, judged.rejected));
}
