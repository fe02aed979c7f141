//! Owns the unpacking of `.gz`; knows nothing of what it holds.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Result};

use flate2::bufread::MultiGzDecoder;

use super::ahead::{Ahead, BLOCK, Block, Ready};
use super::source::{BUFFER, Counted};

/// What a packed file holds; `progress` hears how many packed bytes were read.
pub fn unpacked(file: File, progress: &dyn Fn(u64)) -> Result<Ahead<'_>> {
    Ahead::of("unpack", progress, move |ready| unpack(file, ready))
}

fn unpack(file: File, ready: &Ready) {
    let packed = Cell::new(0);
    let counted = Counted { file, read: 0, progress: &|read| packed.set(read) };
    let mut input = MultiGzDecoder::new(BufReader::with_capacity(BUFFER, counted));
    loop {
        let mut bytes = vec![0; BLOCK];
        let block = match input.read(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read.map(|length| {
                bytes.truncate(length);
                Block { bytes, read: packed.get() }
            }),
        };
        if !ready.send(block) {
            return;
        }
    }
}
