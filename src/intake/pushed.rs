//! Owns how the body of a request becomes a file of rows: unpacked within bounds, an array laid out one element a line;
//! knows nothing of what the rows mean.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use serde::de::IgnoredAny;

use super::{Format, IntakeError, Source};

/// The largest body that is unpacked, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// How much of a first line tells the layout: rows are no longer.
const LONGEST_FIRST: u64 = 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a body holds no rows.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The sender packed too much into it.
    #[error("unpacked, the body is larger than {} MiB: send fewer records at once", LARGEST / 1024 / 1024)]
    TooLarge,
    /// Something else than its headers say.
    #[error("the body is {is}: send it with `{header}`")]
    Undeclared {
        /// What it is.
        is: &'static str,
        /// What would say so.
        header: &'static str,
    },
    /// Cut off or damaged.
    #[error("the body is no whole gzip, as its Content-Encoding says: {0}")]
    Gzip(#[source] io::Error),
    /// An array that does not end, or does not end there.
    #[error("the body is no whole JSON array: {0}")]
    Array(&'static str),
    /// This machine's fault.
    #[error("the body cannot be spooled: {0}")]
    Spool(#[from] io::Error),
    /// It cannot be read as a file.
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

/// Lays a body out in `folder` as a file that is read like any other. JSON may be lines, an array, or one object on as
/// many lines as it likes.
///
/// # Errors
/// When the body is too large, damaged or cut off, or the folder cannot be written.
pub fn lay_out(body: &[u8], gzip: bool, format: Format, folder: &Path) -> Result<Source, BodyError> {
    let plain = folder.join("plain");
    let mut file = File::create(&plain)?;
    match gzip {
        true => unpack(body, &mut file)?,
        false => file.write_all(body)?,
    }
    if let Some(undeclared) = undeclared(&plain, format)? {
        return Err(undeclared);
    }
    let named = match format {
        Format::Csv => "body.csv",
        Format::Jsonl => "body.jsonl",
        Format::Xlsx => "body.xlsx",
    };
    let laid = folder.join(named);
    let layout = if format == Format::Jsonl { layout(&plain)? } else { Layout::Lines };
    match layout {
        Layout::Lines => fs::rename(&plain, &laid)?,
        Layout::Array => elements(File::open(&plain)?, File::create(&laid)?)?,
        Layout::One => one(File::open(&plain)?, File::create(&laid)?)?,
    }
    Ok(Source::of(laid)?)
}

/// What the first bytes are and the headers do not say.
fn undeclared(plain: &Path, format: Format) -> io::Result<Option<BodyError>> {
    let mut first = Vec::new();
    File::open(plain)?.take(4).read_to_end(&mut first)?;
    Ok(match first.as_slice() {
        [0x1f, 0x8b, ..] => Some(BodyError::Undeclared { is: "gzip", header: "Content-Encoding: gzip" }),
        b"PK\x03\x04" if format != Format::Xlsx => {
            let header = "Content-Type: application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
            Some(BodyError::Undeclared { is: "an .xlsx workbook", header })
        }
        _ => None,
    })
}

fn unpack(body: &[u8], into: &mut File) -> Result<(), BodyError> {
    let mut block = vec![0; 64 * 1024];
    let mut input = MultiGzDecoder::new(body);
    let mut size = 0;
    loop {
        let read = input.read(&mut block).map_err(BodyError::Gzip)?;
        size += read as u64;
        match block.get(..read) {
            _ if size > LARGEST => return Err(BodyError::TooLarge),
            None | Some([]) => return Ok(()),
            Some(bytes) => into.write_all(bytes)?,
        }
    }
}

/// How JSON is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Lines,
    Array,
    /// One value over several lines.
    One,
}

fn layout(path: &Path) -> io::Result<Layout> {
    let mut first = Vec::new();
    let mut input = BufReader::new(File::open(path)?);
    while first.trim_ascii().is_empty() {
        first.clear();
        if (&mut input).take(LONGEST_FIRST).read_until(b'\n', &mut first)? == 0 {
            return Ok(Layout::Lines);
        }
    }
    let first = first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&first).trim_ascii();
    let goes_on = || serde_json::from_slice::<IgnoredAny>(first).is_err_and(|error| error.is_eof());
    Ok(match first.first() {
        Some(b'[') => Layout::Array,
        Some(b'{') if goes_on() && is_one(path)? => Layout::One,
        _ => Layout::Lines,
    })
}

/// A broken line is no reason to take all of them for one value.
fn is_one(path: &Path) -> io::Result<bool> {
    Ok(serde_json::from_reader::<_, IgnoredAny>(BufReader::new(File::open(path)?)).is_ok())
}

/// Writes each element of an array on a line of its own. Nothing is understood here but strings and brackets: that takes
/// no memory, whatever the body holds, and a bad element is rejected alone, like any bad row.
fn elements(input: File, into: File) -> Result<(), BodyError> {
    let (input, mut into) = (BufReader::new(input), BufWriter::new(into));
    let mut bytes = input.bytes().skip_while(|byte| !matches!(byte, Ok(b'[') | Err(_))).skip(1);
    let (mut nested, mut in_string, mut escaped) = (0_u32, false, false);
    loop {
        let byte = bytes.next().ok_or(BodyError::Array("it does not end"))??;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => nested += 1,
            b']' if nested == 0 => break,
            b']' | b'}' => nested = nested.saturating_sub(1),
            _ => {}
        }
        let parts = byte == b',' && nested == 0 && !in_string;
        into.write_all(&[if parts { b'\n' } else { on_the_line(byte) }])?;
    }
    for byte in bytes {
        if !byte?.is_ascii_whitespace() {
            return Err(BodyError::Array("something follows its end"));
        }
    }
    Ok(into.flush()?)
}

/// Writes one value on one line.
fn one(input: File, into: File) -> Result<(), BodyError> {
    let (input, mut into) = (BufReader::new(input), BufWriter::new(into));
    for byte in input.bytes() {
        into.write_all(&[on_the_line(byte?)])?;
    }
    Ok(into.flush()?)
}

fn on_the_line(byte: u8) -> u8 {
    if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn laid(body: &[u8], gzip: bool) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let source = lay_out(body, gzip, Format::Jsonl, folder.path()).map_err(|e| e.to_string())?;
        assert_eq!((source.format, source.gzip), (Format::Jsonl, false));
        Ok(fs::read_to_string(source.path).unwrap())
    }

    #[test]
    fn every_layout_of_json_becomes_lines() {
        let cases = [
            ("{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}\n{\"a\":2}\n"),
            ("{\"a\":1", "{\"a\":1"),
            ("{\n  \"a\": 1\n}", "{   \"a\": 1 }"),
            ("{\"a\":\n{\"a\":2}\n", "{\"a\":\n{\"a\":2}\n"),
            ("{\"a\":1}{", "{\"a\":1}{"),
            ("[]", ""),
            (" \n [ ] ", " "),
            ("\u{feff}[{\"a\":1},\n{\"a\":2}]\n", "{\"a\":1}\n {\"a\":2}"),
            (
                r#"[{"a":[1,{"b":2}],"c":"],\"{"},7,"x,y"]"#,
                "{\"a\":[1,{\"b\":2}],\"c\":\"],\\\"{\"}\n7\n\"x,y\"",
            ),
            ("[{\"a\":\"\\\\\"},{}]", "{\"a\":\"\\\\\"}\n{}"),
            ("nonsense", "nonsense"),
            ("", ""),
        ];
        for (body, expected) in cases {
            assert_eq!(laid(body.as_bytes(), false).as_deref(), Ok(expected), "{body}");
            assert_eq!(laid(&packed(body.as_bytes()), true).as_deref(), Ok(expected), "{body}");
        }
    }

    #[test]
    fn a_body_that_is_not_whole_is_refused() {
        let half = &packed(b"{}")[..12];
        let cases: [(&[u8], bool, &str); 6] = [
            (b"[{}", false, "it does not end"),
            (b"[\"]", false, "it does not end"),
            (b"[{}]]", false, "something follows its end"),
            (b"{}", true, "no whole gzip"),
            (half, true, "no whole gzip"),
            (&packed(&vec![b' '; LARGEST as usize + 1]), true, "larger than 64 MiB"),
        ];
        for (body, gzip, says) in cases {
            let problem = laid(body, gzip).unwrap_err();
            assert!(problem.contains(says), "{problem}");
        }
        assert!(laid(&packed(&vec![b' '; LARGEST as usize]), true).is_ok());
    }
}
