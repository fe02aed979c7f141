//! Owns which encoding a text is in, told by its bytes; reads no files.

use encoding_rs::{BIG5, Decoder, UTF_16BE, UTF_16LE};

/// How a file writes characters as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8; plain ASCII is that too.
    Utf8,
    /// Big5, as Windows writes it.
    Big5,
    /// UTF-16 in the order that the file shows; little-endian where it shows none.
    Utf16,
    /// UTF-16, little-endian.
    Utf16Le,
    /// UTF-16, big-endian.
    Utf16Be,
}

impl Encoding {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "UTF-8",
            Encoding::Big5 => "Big5",
            Encoding::Utf16 => "UTF-16",
            Encoding::Utf16Le => "UTF-16LE",
            Encoding::Utf16Be => "UTF-16BE",
        }
    }

    /// What makes UTF-8 of it; nothing for what is UTF-8 already.
    pub(super) fn decoder(self) -> Option<Decoder> {
        match self {
            Encoding::Utf8 => None,
            Encoding::Big5 => Some(BIG5.new_decoder_without_bom_handling()),
            Encoding::Utf16 | Encoding::Utf16Le => Some(UTF_16LE.new_decoder_without_bom_handling()),
            Encoding::Utf16Be => Some(UTF_16BE.new_decoder_without_bom_handling()),
        }
    }
}

/// The encoding of a file that begins so, and the length of its byte order mark. A mark is believed before what was
/// declared; without either only UTF-16 shows at once.
pub(super) fn at_start(head: &[u8], declared: Option<Encoding>) -> (Option<Encoding>, usize) {
    match head {
        [0xef, 0xbb, 0xbf, ..] => (Some(Encoding::Utf8), 3),
        [0xff, 0xfe, ..] => (Some(Encoding::Utf16Le), 2),
        [0xfe, 0xff, ..] => (Some(Encoding::Utf16Be), 2),
        _ => match declared {
            Some(Encoding::Utf16) => (Some(by_zeros(head).unwrap_or(Encoding::Utf16Le)), 0),
            Some(encoding) => (Some(encoding), 0),
            None => (by_zeros(head), 0),
        },
    }
}

/// UTF-16 writes commas, digits and line breaks with a zero, always on the same side.
fn by_zeros(head: &[u8]) -> Option<Encoding> {
    let zeros = |side| head.iter().skip(side).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let many = |zeros: usize, others: usize| zeros > 1 && zeros * 20 > head.len() / 2 && zeros > 8 * others;
    match () {
        () if many(odd, even) => Some(Encoding::Utf16Le),
        () if many(even, odd) => Some(Encoding::Utf16Be),
        () => None,
    }
}

/// UTF-8 or Big5, for a text whose first byte beyond ASCII stands at the beginning of `ahead`. What is neither passes for
/// UTF-8: its rows are rejected one by one.
pub(super) fn beyond_ascii(ahead: &[u8]) -> Encoding {
    let (letters, wrong) = utf8_in(ahead);
    if letters > wrong || wrong == 0 || !is_big5(ahead) { Encoding::Utf8 } else { Encoding::Big5 }
}

/// Letters beyond ASCII, and places that are no UTF-8; a letter that the end cuts is neither.
fn utf8_in(bytes: &[u8]) -> (usize, usize) {
    let (mut letters, mut wrong, mut at) = (0, 0, 0);
    for chunk in bytes.utf8_chunks() {
        letters += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        at += chunk.valid().len() + chunk.invalid().len();
        wrong += usize::from(!chunk.invalid().is_empty() && at < bytes.len());
    }
    (letters, wrong)
}

/// Nearly all characters of a Traditional Chinese text are from Big5's first level, whose lead bytes are these. Western
/// letters and Simplified Chinese would also pass for Big5 characters, but hardly for these.
fn is_big5(bytes: &[u8]) -> bool {
    let (mut usual, mut unusual, mut rest) = (0, 0, bytes);
    while let [first, behind @ ..] = rest {
        rest = behind;
        if first.is_ascii() {
            continue;
        }
        let [second, behind @ ..] = behind else { break };
        match (first, second) {
            (0xa1..=0xc6, 0x40..=0x7e | 0xa1..=0xfe) => (usual, rest) = (usual + 1, behind),
            (0x81..=0xfe, 0x40..=0x7e | 0xa1..=0xfe) => (unusual, rest) = (unusual + 1, behind),
            _ => unusual += 1,
        }
    }
    usual > 3 * unusual
}

#[cfg(test)]
mod tests {
    use encoding_rs::{GBK, SHIFT_JIS, WINDOWS_1252};

    use super::*;

    const TEXT: &str =
        "訂單編號,會員編號,商品名稱\n20260302,王小明,掛耳咖啡（十入）\n20260303,陳怡君,洗髮精補充包\n";

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn texts_are_told_apart() {
        let (big5, _, lost) = BIG5.encode(TEXT);
        assert!(!lost);
        assert_eq!(beyond_ascii(&big5), Encoding::Big5);
        assert_eq!(beyond_ascii(&big5[..big5.len() - 30]), Encoding::Big5, "cut within a character or not");
        for cut in 0..6 {
            assert_eq!(beyond_ascii(&TEXT.as_bytes()[..12 + cut]), Encoding::Utf8, "cut at {cut}");
        }
        let mut damaged = TEXT.as_bytes().to_vec();
        damaged[4] = 0xff;
        assert_eq!(beyond_ascii(&damaged), Encoding::Utf8);
        let mut damaged = big5.to_vec();
        damaged[4] = 0xff;
        assert_eq!(beyond_ascii(&damaged), Encoding::Big5);
    }

    #[test]
    fn what_we_do_not_read_does_not_pass_for_big5() {
        let (gbk, ..) =
            GBK.encode("会员编号,商品名称,下单时间\n王小明,挂耳咖啡,已付款\n陈怡君,洗发精补充装,已取消\n");
        let (sjis, ..) = SHIFT_JIS.encode("注文番号,会員番号,商品名\n田中さん,コーヒー豆,お届け済み\n");
        let (latin, ..) = WINDOWS_1252.encode("élan vital,Müller,café crème,Señor Gonzáles,Ærø,Übung\n");
        for (name, text) in [("GBK", &gbk), ("Shift JIS", &sjis), ("Latin", &latin)] {
            assert_eq!(beyond_ascii(text), Encoding::Utf8, "{name}");
        }
    }

    #[test]
    fn the_start_shows_utf_16_and_marks() {
        let (little, big) = (utf16(TEXT, u16::to_le_bytes), utf16(TEXT, u16::to_be_bytes));
        let marked = |mark: &[u8], text: &[u8]| [mark, text].concat();
        let cases = [
            (little.clone(), None, (Some(Encoding::Utf16Le), 0)),
            (big.clone(), None, (Some(Encoding::Utf16Be), 0)),
            (marked(b"\xff\xfe", &little), None, (Some(Encoding::Utf16Le), 2)),
            (marked(b"\xfe\xff", &big), Some(Encoding::Big5), (Some(Encoding::Utf16Be), 2)),
            (marked(b"\xef\xbb\xbf", b"a"), Some(Encoding::Big5), (Some(Encoding::Utf8), 3)),
            (big, Some(Encoding::Utf16), (Some(Encoding::Utf16Be), 0)),
            (b"a".to_vec(), Some(Encoding::Utf16), (Some(Encoding::Utf16Le), 0)),
            (b"a".to_vec(), Some(Encoding::Big5), (Some(Encoding::Big5), 0)),
            (b"order_id,member_id,product_id\nO1,M\0,P1\n".to_vec(), None, (None, 0)),
            (TEXT.as_bytes().to_vec(), None, (None, 0)),
            (Vec::new(), None, (None, 0)),
        ];
        for (head, declared, expected) in cases {
            assert_eq!(at_start(&head, declared), expected, "{head:?}");
        }
    }
}
