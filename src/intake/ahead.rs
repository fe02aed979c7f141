//! Owns bytes that a thread of their own makes, a few blocks ahead of the reader; knows nothing of what they hold.

use std::io::{BufRead, Error, Read, Result};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Bytes that are handed over at once: they should still be near when they are read.
pub const BLOCK: usize = 64 * 1024;
const BLOCKS_AHEAD: usize = 4;

/// Bytes on their way from the thread that makes them.
pub struct Ahead<'a> {
    blocks: Receiver<Result<Block>>,
    block: Block,
    at: usize,
    ended: bool,
    progress: &'a dyn Fn(u64),
}

/// The last one is empty: one that only stops coming is no end.
#[derive(Default)]
pub struct Block {
    /// What was made.
    pub bytes: Vec<u8>,
    /// Bytes of the file read until here.
    pub read: u64,
}

/// Where blocks are handed over.
pub struct Ready(SyncSender<Result<Block>>);

impl Ready {
    /// Hands over a block, or the error that ends it all; false when nobody wants more.
    pub fn send(&self, block: Result<Block>) -> bool {
        let goes_on = block.as_ref().is_ok_and(|block| !block.bytes.is_empty());
        self.0.send(block).is_ok() && goes_on
    }
}

impl<'a> Ahead<'a> {
    /// Starts `make`, which hands over blocks until the last one, an error, or until nobody wants more; `progress` hears
    /// how many bytes of the file were read.
    pub fn of(
        name: &str,
        progress: &'a dyn Fn(u64),
        make: impl FnOnce(&Ready) + Send + 'static,
    ) -> Result<Self> {
        let (ready, blocks) = sync_channel(BLOCKS_AHEAD);
        thread::Builder::new().name(name.to_owned()).spawn(move || make(&Ready(ready)))?;
        Ok(Self { blocks, block: Block::default(), at: 0, ended: false, progress })
    }
}

impl BufRead for Ahead<'_> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        if self.at >= self.block.bytes.len() && !self.ended {
            let stopped = || Err(Error::other("unpacking it stopped unexpectedly"));
            self.block = self.blocks.recv().unwrap_or_else(|_| stopped())?;
            self.at = 0;
            self.ended = self.block.bytes.is_empty();
            (self.progress)(self.block.read);
        }
        Ok(self.block.bytes.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

impl Read for Ahead<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}
