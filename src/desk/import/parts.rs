//! Owns how the lines of a large file are put into parts on disk, each of a few members; stores nothing.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::{iter, mem};

use crate::domain::ids::OrderId;
use crate::domain::order::OrderLine;

/// Order lines by member: a ledger lays them by member, and writes a page once and not again and again when those who
/// share it come together. Within a part lines keep the order of the file, and so do the rows of an order that stand
/// together there; nothing is left of the files, whatever happens.
pub struct Parts {
    files: Vec<BufWriter<File>>,
    /// The order of the line before, and its part.
    last: Option<(OrderId, usize)>,
    bytes: Vec<u8>,
}

impl Parts {
    /// More of them would be too many open files.
    const MOST: usize = 256;

    /// Parts in the folder, which is made if need be.
    pub fn of(folder: &Path, parts: usize) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let file = |_| Ok(BufWriter::new(tempfile::tempfile_in(folder)?));
        let files = (0..parts.clamp(1, Self::MOST)).map(file).collect::<io::Result<_>>()?;
        Ok(Self { files, last: None, bytes: Vec::new() })
    }

    /// Takes the next lines of the file.
    pub fn take(&mut self, lines: Vec<OrderLine>) -> io::Result<()> {
        for line in lines {
            let part = match &self.last {
                Some((order, part)) if *order == line.order => *part,
                _ => part_of(&line, self.files.len()),
            };
            self.bytes.clear();
            self.bytes = postcard::to_extend(&line, mem::take(&mut self.bytes)).map_err(io::Error::other)?;
            let length = u32::try_from(self.bytes.len()).map_err(io::Error::other)?;
            let file = &mut self.files[part];
            file.write_all(&length.to_le_bytes())?;
            file.write_all(&self.bytes)?;
            self.last = Some((line.order, part));
        }
        Ok(())
    }

    /// The lines, so many at a time, part by part.
    pub fn chunks(self, chunk: usize) -> io::Result<impl Iterator<Item = io::Result<Vec<OrderLine>>>> {
        let parts = self.files.into_iter().map(Lines::of).collect::<io::Result<Vec<_>>>()?;
        let mut lines = parts.into_iter().flatten();
        Ok(iter::from_fn(move || {
            let chunk: io::Result<Vec<_>> = lines.by_ref().take(chunk).collect();
            Some(chunk).filter(|chunk| !chunk.as_ref().is_ok_and(Vec::is_empty))
        }))
    }
}

/// The lines of a part.
struct Lines {
    file: BufReader<File>,
    bytes: Vec<u8>,
}

impl Lines {
    fn of(part: BufWriter<File>) -> io::Result<Self> {
        let mut file = part.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Self { file: BufReader::new(file), bytes: Vec::new() })
    }

    fn read(&mut self) -> io::Result<Option<OrderLine>> {
        if self.file.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.file.read_exact(&mut length)?;
        self.bytes.resize(u32::from_le_bytes(length) as usize, 0);
        self.file.read_exact(&mut self.bytes)?;
        postcard::from_bytes(&self.bytes).map(Some).map_err(io::Error::other)
    }
}

impl Iterator for Lines {
    type Item = io::Result<OrderLine>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

fn part_of(line: &OrderLine, parts: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    line.member.hash(&mut hasher);
    (hasher.finish() % parts as u64) as usize
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::order::LineIdentity;

    /// Lines of a few orders and members; `at` tells which one it is.
    fn lines() -> impl Strategy<Value = Vec<OrderLine>> {
        let line =
            (0..4_u8, 0..9_u8, any::<Option<f64>>(), any::<bool>(), proptest::option::of("[a-z雙 ]{0,40}"));
        prop::collection::vec(line, 0..200).prop_map(|lines| {
            let line =
                |(at, (order, member, price, flag, word)): (usize, (u8, u8, _, bool, Option<String>))| {
                    let time = DateTime::from_timestamp_millis(at as i64).unwrap();
                    OrderLine {
                        order: order.to_string().as_str().into(),
                        line: word.clone().map_or(LineIdentity::Nth(at as u32), LineIdentity::Named),
                        member: member.to_string().as_str().into(),
                        product: "product".into(),
                        category: word.as_deref().map(Into::into),
                        ordered_at: time,
                        quantity: at as f64 - 7.5,
                        unit_price: price,
                        status: word.clone(),
                        counted: flag,
                        delivered_at: flag.then_some(time),
                        gift: !flag,
                        email: word,
                    }
                };
            lines.into_iter().enumerate().map(line).collect()
        })
    }

    proptest! {
        #[test]
        fn every_line_comes_again_as_it_was_and_those_of_a_member_together(lines in lines(), chunk in 1..50_usize) {
            let folder = tempfile::tempdir().unwrap();
            let mut parts = Parts::of(&folder.path().join("new"), 5).unwrap();
            for some in lines.chunks(7) {
                parts.take(some.to_vec()).unwrap();
            }
            let chunks: Vec<Vec<OrderLine>> = parts.chunks(chunk).unwrap().map(Result::unwrap).collect();
            prop_assert!(chunks.iter().all(|c| !c.is_empty() && c.len() <= chunk));
            prop_assert!(chunks.iter().rev().skip(1).all(|c| c.len() == chunk));
            let came: Vec<OrderLine> = chunks.concat();
            let mut sorted = came.clone();
            sorted.sort_by_key(|line| line.ordered_at);
            prop_assert_eq!(&sorted, &lines);
            // what begins an order, within its rows that stand together, says where the rows go
            let starts: Vec<usize> =
                (0..lines.len()).filter(|at| *at == 0 || lines[*at].order != lines[at - 1].order).collect();
            for at in 0..lines.len() {
                let start = starts.iter().rev().find(|start| **start <= at).unwrap();
                let place = |at: usize| came.iter().position(|line| *line == lines[at]).unwrap();
                let earlier = starts.iter().filter(|s| **s < *start && lines[**s].member == lines[*start].member);
                prop_assert!(earlier.into_iter().all(|earlier| place(*earlier) < place(at)));
                prop_assert_eq!(place(at) - place(*start), at - start);
            }
        }
    }

    #[test]
    fn a_folder_that_cannot_be_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(Parts::of(&folder.path().join("file"), 3).is_err());
    }
}
