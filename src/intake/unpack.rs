//! Owns unpacking in a thread of its own, a few blocks ahead of the reader; knows nothing of what they hold.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use flate2::bufread::MultiGzDecoder;

use super::source::{BUFFER, Counted};

/// Unpacked bytes that are handed over at once: they should still be near when they are read.
const BLOCK: usize = 64 * 1024;
const BLOCKS_AHEAD: usize = 4;

/// What a packed file holds.
pub struct Unpacked<'a> {
    blocks: Receiver<Result<Block>>,
    block: Block,
    at: usize,
    ended: bool,
    progress: &'a dyn Fn(u64),
}

/// The last one of a file is empty: one that only stops coming is no end.
#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    /// Packed bytes read until here.
    packed: u64,
}

impl<'a> Unpacked<'a> {
    /// Starts to unpack; `progress` hears how many packed bytes were read.
    pub fn of(file: File, progress: &'a dyn Fn(u64)) -> Result<Self> {
        let (ready, blocks) = sync_channel(BLOCKS_AHEAD);
        thread::Builder::new().name("unpack".to_owned()).spawn(move || unpack(file, &ready))?;
        Ok(Self { blocks, block: Block::default(), at: 0, ended: false, progress })
    }
}

impl BufRead for Unpacked<'_> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        if self.at >= self.block.bytes.len() && !self.ended {
            let next = self.blocks.recv().unwrap_or_else(|_| Err(Error::other("unpacking it stopped")));
            self.block = next?;
            self.at = 0;
            self.ended = self.block.bytes.is_empty();
            (self.progress)(self.block.packed);
        }
        Ok(self.block.bytes.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

impl Read for Unpacked<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

/// Ends with the file, with an error, or when nobody reads on.
fn unpack(file: File, ready: &SyncSender<Result<Block>>) {
    let packed = Cell::new(0);
    let counted = Counted { file, read: 0, progress: &|read| packed.set(read) };
    let mut input = MultiGzDecoder::new(BufReader::with_capacity(BUFFER, counted));
    loop {
        let mut bytes = vec![0; BLOCK];
        let block = match input.read(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read.map(|length| {
                bytes.truncate(length);
                Block { bytes, packed: packed.get() }
            }),
        };
        let goes_on = block.as_ref().is_ok_and(|block| !block.bytes.is_empty());
        if ready.send(block).is_err() || !goes_on {
            return;
        }
    }
}
