//! Owns a text file's bytes as UTF-8, whatever they are encoded in; knows nothing of lines.

use std::io::{BufRead, Error, Read, Result};

use encoding_rs::{Decoder, DecoderResult};

use super::encoding::{Encoding, at_start, beyond_ascii};

/// Bytes looked at to tell an encoding.
const LOOK: usize = 64 * 1024;

/// Stands where the bytes of a file are no text in its encoding: no UTF-8 holds it.
const NO_TEXT: u8 = 0xff;

/// A text, read as UTF-8. What is UTF-8 already passes through as it is.
pub struct Text<'a> {
    bytes: Peeked<'a>,
    state: State,
}

enum State {
    /// ASCII so far, which says nothing; so many bytes ahead are known to be that too.
    Ascii(usize),
    Utf8,
    Other(Decoded),
}

impl<'a> Text<'a> {
    /// The text of these bytes; what is not declared is told by them.
    pub fn new(input: Box<dyn BufRead + 'a>, declared: Option<Encoding>) -> Self {
        let mut bytes = Peeked { input, head: Vec::new(), at: 0, failed: None };
        let (encoding, mark) = at_start(bytes.look(), declared);
        bytes.consume(mark);
        Self { bytes, state: encoding.map_or(State::Ascii(0), State::of) }
    }

    /// What the bytes were told to be, so far.
    pub fn encoding(&self) -> Encoding {
        match &self.state {
            State::Ascii(_) | State::Utf8 => Encoding::Utf8,
            State::Other(decoded) => decoded.encoding,
        }
    }

    /// The beginning of the file as it lies there, but for a byte order mark; for before anything is read.
    pub fn head(&self) -> &[u8] {
        self.bytes.ahead()
    }

    /// The beginning of the text, as far as it is told; for before anything is read.
    pub fn beginning(&mut self) -> Result<&[u8]> {
        match self.state {
            State::Other(_) => self.fill_buf(),
            State::Ascii(_) | State::Utf8 => Ok(self.bytes.ahead()),
        }
    }

    /// Has something to hand over, unless the text has ended.
    fn prepare(&mut self) -> Result<()> {
        match &mut self.state {
            State::Ascii(0) => {
                let ahead = self.bytes.fill_buf()?;
                let ascii = ascii_in(ahead);
                let is_told = ascii == 0 && !ahead.is_empty();
                self.state =
                    if is_told { State::of(beyond_ascii(self.bytes.look())) } else { State::Ascii(ascii) };
                if is_told { self.prepare() } else { Ok(()) }
            }
            State::Other(decoded) => decoded.prepare(&mut self.bytes),
            State::Ascii(_) | State::Utf8 => Ok(()),
        }
    }
}

impl State {
    fn of(encoding: Encoding) -> Self {
        let other = |decoder| Decoded { encoding, decoder, text: vec![0; LOOK], at: 0, end: 0, ended: false };
        encoding.decoder().map_or(State::Utf8, |decoder| State::Other(other(decoder)))
    }
}

impl BufRead for Text<'_> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        self.prepare()?;
        match &self.state {
            State::Utf8 => self.bytes.fill_buf(),
            State::Ascii(ahead) => Ok(self.bytes.fill_buf()?.get(..*ahead).unwrap_or_default()),
            State::Other(decoded) => Ok(decoded.text.get(decoded.at..decoded.end).unwrap_or_default()),
        }
    }

    fn consume(&mut self, amount: usize) {
        match &mut self.state {
            State::Utf8 => self.bytes.consume(amount),
            State::Ascii(ahead) => {
                *ahead -= amount;
                self.bytes.consume(amount);
            }
            State::Other(decoded) => decoded.at += amount,
        }
    }
}

impl Read for Text<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

/// How many bytes are ASCII before the first that is not; mostly all, and that is quickly known.
fn ascii_in(bytes: &[u8]) -> usize {
    if bytes.is_ascii() { bytes.len() } else { bytes.iter().take_while(|byte| byte.is_ascii()).count() }
}

/// Bytes of which some were looked at and are still to come.
struct Peeked<'a> {
    input: Box<dyn BufRead + 'a>,
    head: Vec<u8>,
    at: usize,
    /// What went wrong behind the head: told when it is reached.
    failed: Option<Error>,
}

impl Peeked<'_> {
    /// Looks ahead as far as is needed to tell an encoding.
    fn look(&mut self) -> &[u8] {
        self.head.drain(..self.at);
        self.at = 0;
        if self.failed.is_none() {
            let missing = LOOK.saturating_sub(self.head.len()) as u64;
            self.failed = (&mut self.input).take(missing).read_to_end(&mut self.head).err();
        }
        &self.head
    }

    fn ahead(&self) -> &[u8] {
        self.head.get(self.at..).unwrap_or_default()
    }
}

impl BufRead for Peeked<'_> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        if self.at < self.head.len() {
            return Ok(self.head.get(self.at..).unwrap_or_default());
        }
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.input.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        if self.at < self.head.len() { self.at += amount } else { self.input.consume(amount) }
    }
}

impl Read for Peeked<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

/// Bytes in another encoding on their way to UTF-8.
struct Decoded {
    encoding: Encoding,
    decoder: Decoder,
    text: Vec<u8>,
    at: usize,
    end: usize,
    ended: bool,
}

impl Decoded {
    fn prepare(&mut self, bytes: &mut Peeked<'_>) -> Result<()> {
        while self.at == self.end && !self.ended {
            let input = bytes.fill_buf()?;
            let is_last = input.is_empty();
            // The last place is kept for what takes the place of a wrong byte.
            let room = self.text.len() - 1;
            let into = self.text.get_mut(..room).unwrap_or_default();
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(input, into, is_last);
            bytes.consume(read);
            (self.at, self.end) = (0, written);
            match result {
                DecoderResult::InputEmpty => self.ended = is_last,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    self.text[written] = NO_TEXT;
                    self.end += 1;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use encoding_rs::BIG5;
    use proptest::prelude::*;

    use super::*;

    /// The text of bytes that come in pieces of this size.
    fn read(bytes: &[u8], piece: usize, declared: Option<Encoding>) -> (Vec<u8>, Encoding) {
        let mut text = Text::new(Box::new(BufReader::with_capacity(piece, bytes)), declared);
        let mut all = Vec::new();
        text.read_to_end(&mut all).unwrap();
        (all, text.encoding())
    }

    #[test]
    fn the_encoding_is_told_when_it_shows() {
        let ascii = "order_id,member_id\n".repeat(10_000);
        let mixed = format!("{ascii}O1,會員編號：甲\n");
        let big5 = BIG5.encode(&mixed).0;
        for piece in [1, 7, 4096, 1 << 20] {
            assert_eq!(read(mixed.as_bytes(), piece, None), (mixed.clone().into_bytes(), Encoding::Utf8));
            assert_eq!(read(&big5, piece, None), (mixed.clone().into_bytes(), Encoding::Big5));
            assert_eq!(read(ascii.as_bytes(), piece, None), (ascii.clone().into_bytes(), Encoding::Utf8));
        }
    }

    #[test]
    fn a_wrong_byte_costs_what_stands_there_and_no_line_break() {
        let big5 = [&BIG5.encode("會員編號,商品編號\n").0[..], b"M1,\xff\xb7\nM2,ok\n"].concat();
        let (text, encoding) = read(&big5, 64, None);
        assert_eq!(encoding, Encoding::Big5);
        assert_eq!(text, ["會員編號,商品編號\nM1,".as_bytes(), b"\xff\xff\nM2,ok\n"].concat());
        // half a pair, and half a character at the end
        let utf16 = [b'a', 0, 0, 0xd8, b'\n', 0, b'b'];
        assert_eq!(read(&utf16, 64, Some(Encoding::Utf16Le)).0, b"a\xff\n\xff");
    }

    proptest! {
        #[test]
        fn utf_8_passes_as_it_is(text in "[a-z,\n\u{4e00}-\u{9fff}]{0,300}", piece in 1..50usize) {
            let (read, encoding) = read(text.as_bytes(), piece, None);
            prop_assert_eq!(read, text.into_bytes());
            prop_assert_eq!(encoding, Encoding::Utf8);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1..50usize, declared in 0..6usize) {
            use Encoding::*;
            let declared = [None, Some(Utf8), Some(Big5), Some(Utf16), Some(Utf16Le), Some(Utf16Be)][declared];
            let (text, _) = read(&bytes, piece, declared);
            prop_assert!(text.len() <= 3 * bytes.len());
        }
    }
}
