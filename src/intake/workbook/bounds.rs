//! Owns how large a workbook may be once unpacked, before anything else looks into it; knows nothing of sheets.

use std::fs::File;
use std::io::{BufReader, Error, Read, Result};

use zip::ZipArchive;

/// All of it, unpacked: a full sheet of a million rows and a dozen columns takes half of that.
const LARGEST: u64 = 1 << 30;
/// What is no sheet, and so is kept in memory: the texts of cells, above all.
const LARGEST_KEPT: u64 = 256 << 20;
/// One piece of text or one tag; a cell holds 32,767 characters at most.
const LONGEST: usize = 1 << 20;
/// What is looked at to see how many texts are promised.
const HEAD: usize = 64 << 10;

/// Unpacks it once and keeps nothing: whether it is whole, and not too large to be read. What the parts say of their own
/// size is not believed.
pub fn check(file: &mut File) -> Result<()> {
    let mut magic = [0; 4];
    let length = file.read(&mut magic)?;
    match magic.get(..length) {
        Some(b"PK\x03\x04") => {}
        Some(b"\xd0\xcf\x11\xe0") => return Err(Error::other("it is an old .xls, or has a password")),
        _ => return Err(Error::other("it does not begin as one")),
    }
    let mut parts = ZipArchive::new(BufReader::new(file))?;
    let (mut all, mut kept) = (0, 0);
    for index in 0..parts.len() {
        let mut part = parts.by_index(index)?;
        let is_sheet = part.name().contains("worksheets/");
        let size = check_part(&mut part, LARGEST - all)?;
        all += size;
        kept += if is_sheet { 0 } else { size };
        if kept > LARGEST_KEPT {
            return Err(too_large());
        }
    }
    Ok(())
}

/// The size of a part, at most `room`.
fn check_part(part: &mut impl Read, room: u64) -> Result<u64> {
    let (mut head, mut block) = (Vec::with_capacity(HEAD), vec![0; HEAD]);
    let (mut size, mut piece) = (0, 0);
    loop {
        let length = part.read(&mut block)?;
        let Some(bytes) = block.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
        size += length as u64;
        head.extend(bytes.iter().take(HEAD - head.len()));
        let mut pieces = bytes.split(|byte| *byte == b'<');
        piece += pieces.next().map_or(0, <[u8]>::len);
        let longest = pieces.clone().map(<[u8]>::len).max().unwrap_or(0).max(piece);
        piece = pieces.next_back().map_or(piece, <[u8]>::len);
        if size > room || longest > LONGEST {
            return Err(too_large());
        }
    }
    match promised(&head).is_some_and(|texts| texts > size) {
        true => Err(Error::other("it promises more texts than it has room for")),
        false => Ok(size),
    }
}

/// How many texts the part says that it holds: as many are made room for before they are read.
fn promised(head: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"uniqueCount";
    let at = head.windows(NAME.len()).position(|window| window == NAME)?;
    let value = head.get(at + NAME.len()..)?.iter().skip_while(|byte| !byte.is_ascii_digit());
    let mut digits = value.take_while(|byte| byte.is_ascii_digit());
    digits
        .try_fold(0_u64, |n, digit| n.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .or(Some(u64::MAX))
}

fn too_large() -> Error {
    Error::other("unpacked it is larger than 1 GiB, or a piece of it larger than a workbook's can be")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(part: &[u8], room: u64) -> Option<String> {
        check_part(&mut &part[..], room).err().map(|error| error.to_string())
    }

    #[test]
    fn parts_are_bounded_by_what_they_hold_and_not_by_what_they_say() {
        let cells = "<c><v>1</v></c>".repeat(100_000);
        assert_eq!(check_part(&mut cells.as_bytes(), 1_500_000).unwrap(), 1_500_000);
        assert!(problem(cells.as_bytes(), 1_499_999).unwrap().contains("larger than 1 GiB"));
        for long in ["x".repeat(LONGEST + 1), format!("{cells}<{}<c>", "x".repeat(LONGEST + 1))] {
            assert!(problem(long.as_bytes(), LARGEST).unwrap().contains("a piece of it"));
        }
        let pieces = format!("<{}", "x".repeat(LONGEST - 1)).repeat(3);
        assert_eq!(problem(pieces.as_bytes(), LARGEST), None);
    }

    #[test]
    fn no_more_texts_are_promised_than_there_is_room_for() {
        let texts =
            |count: &str| format!("<sst count=\"9999\" uniqueCount = '{count}'><si><t>a</t></si></sst>");
        for (count, is_good) in
            [("1", true), ("0", true), ("", true), ("60", true), ("61", false), (&"9".repeat(30), false)]
        {
            assert_eq!(problem(texts(count).as_bytes(), LARGEST).is_none(), is_good, "{count}");
        }
    }
}
