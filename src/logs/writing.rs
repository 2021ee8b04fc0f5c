//! How a source writes its text: in which encoding, and what ends a line. Told from its first bytes alone, so that a log
//! that grew is read as it was before.
//!
//! Readers are given UTF-8 with line feeds; the source's own bytes stay beside it for the originals. What is UTF-8 with
//! line feeds already is not copied.

use memchr::{memchr, memchr2, memrchr};

/// How a source writes its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Writing {
    /// How characters are written.
    pub encoding: Encoding,
    /// What ends a line.
    pub line_end: LineEnd,
}

/// How characters are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without its mark; what is broken in it is left to the formats.
    #[default]
    Utf8,
    /// UTF-16, the lower byte first.
    Utf16Le,
    /// UTF-16, the higher byte first.
    Utf16Be,
    /// ISO 8859-1, with the characters that Windows-1252 has in the place of its upper controls.
    Latin1,
}

/// What ends a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnd {
    /// A line feed, also behind a carriage return.
    #[default]
    Lf,
    /// A carriage return alone.
    Cr,
}

/// Text made of a source's bytes, with the lengths of its lines on both sides.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: Vec<LineLength>,
}

/// How long a line is, with its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineLength {
    /// In the source.
    pub(super) raw: usize,
    /// In the text.
    pub(super) text: usize,
}

impl Writing {
    /// What the first bytes of a source look like. A mark decides; then zeros at every other byte; then whether bytes
    /// above 127 make any character of UTF-8. A carriage return ends lines only where there is no line feed at all.
    pub fn of(sample: &[u8]) -> Writing {
        let encoding = Encoding::of(sample);
        let probe = Writing {
            encoding,
            line_end: LineEnd::Lf,
        };
        let mut text = Text::default();
        let sample = match encoding {
            Encoding::Utf8 | Encoding::Latin1 => sample,
            _ => {
                probe.read_into(sample, true, &mut text);
                &text.bytes
            }
        };
        let line_end = match memchr2(b'\n', b'\r', sample) {
            // The last byte may be the first half of an end of two.
            Some(at) if at + 1 < sample.len() && memchr(b'\n', sample).is_none() => LineEnd::Cr,
            _ => LineEnd::Lf,
        };
        Writing { encoding, line_end }
    }

    /// Whether readers can be given the source's bytes as they are.
    pub fn is_plain(self) -> bool {
        self == Writing::default()
    }

    /// The first bytes of a source as readers are given them.
    pub fn text_of(self, sample: &[u8]) -> Vec<u8> {
        let mut text = Text::default();
        self.read_into(sample, true, &mut text);
        text.bytes
    }

    /// Where the last whole line of these bytes ends; they begin with a whole character.
    pub(super) fn last_line_end(self, raw: &[u8]) -> Option<usize> {
        let mut before = raw.len();
        loop {
            let at = memrchr(self.end_byte(), raw.get(..before)?)?;
            if let Some(end) = self.end_at(raw, at) {
                return Some(end);
            }
            before = at;
        }
    }

    /// Makes text of bytes that begin with a whole character.
    pub(super) fn read_into(self, raw: &[u8], at_start: bool, text: &mut Text) {
        text.bytes.clear();
        text.lines.clear();
        let mut rest = raw;
        while !rest.is_empty() {
            let end = self.first_line_end(rest);
            let (line, others) = rest
                .split_at_checked(end.unwrap_or(rest.len()))
                .unwrap_or((rest, &[]));
            let before = text.bytes.len();
            let first = at_start && text.lines.is_empty();
            self.line(line, end.is_some(), first, &mut text.bytes);
            text.lines.push(LineLength {
                raw: line.len(),
                text: text.bytes.len() - before,
            });
            rest = others;
        }
    }

    fn first_line_end(self, raw: &[u8]) -> Option<usize> {
        let mut from = 0;
        loop {
            let at = from + memchr(self.end_byte(), raw.get(from..)?)?;
            if let Some(end) = self.end_at(raw, at) {
                return Some(end);
            }
            from = at + 1;
        }
    }

    fn end_byte(self) -> u8 {
        match self.line_end {
            LineEnd::Lf => b'\n',
            LineEnd::Cr => b'\r',
        }
    }

    /// The end of the line that this byte ends, if it does.
    fn end_at(self, raw: &[u8], at: usize) -> Option<usize> {
        match self.encoding {
            Encoding::Utf8 | Encoding::Latin1 => Some(at + 1),
            Encoding::Utf16Le => {
                (at.is_multiple_of(2) && raw.get(at + 1) == Some(&0)).then_some(at + 2)
            }
            Encoding::Utf16Be => {
                let high = at.checked_sub(1).and_then(|high| raw.get(high));
                (!at.is_multiple_of(2) && high == Some(&0)).then_some(at + 1)
            }
        }
    }

    /// One line, its end made a line feed. Within it there is none: what would look like one is a space.
    fn line(self, raw: &[u8], is_ended: bool, is_first: bool, text: &mut Vec<u8>) {
        let from = text.len();
        match self.encoding {
            Encoding::Utf8 => {
                let unmarked = raw.strip_prefix(UTF8_MARK).filter(|_| is_first);
                text.extend_from_slice(unmarked.unwrap_or(raw));
            }
            Encoding::Latin1 => {
                let mut buffer = [0; 4];
                for byte in raw {
                    let written = latin1(*byte).encode_utf8(&mut buffer);
                    text.extend_from_slice(written.as_bytes());
                }
            }
            Encoding::Utf16Le | Encoding::Utf16Be => self.utf16(raw, is_first, text),
        }
        if self.line_end == LineEnd::Cr {
            let (line, end) = match is_ended {
                true => (text.len().saturating_sub(1), Some(b'\n')),
                false => (text.len(), None),
            };
            text.truncate(line);
            for byte in text.iter_mut().skip(from).filter(|byte| **byte == b'\n') {
                *byte = b' ';
            }
            text.extend(end);
        }
    }

    fn utf16(self, raw: &[u8], is_first: bool, text: &mut Vec<u8>) {
        let (pairs, odd) = raw.as_chunks::<2>();
        let units = pairs.iter().map(|pair| match self.encoding {
            Encoding::Utf16Be => u16::from_be_bytes(*pair),
            _ => u16::from_le_bytes(*pair),
        });
        let mut buffer = [0; 4];
        let mut write = |one: char| text.extend_from_slice(one.encode_utf8(&mut buffer).as_bytes());
        let marks = char::decode_utf16(units).map(|one| one.unwrap_or(char::REPLACEMENT_CHARACTER));
        for (place, one) in marks.enumerate() {
            if !(is_first && place == 0 && one == '\u{feff}') {
                write(one);
            }
        }
        if !odd.is_empty() {
            write(char::REPLACEMENT_CHARACTER);
        }
    }
}

impl Text {
    /// Where in the source the line ends that ends here in the text.
    pub(super) fn raw_end(&self, text_end: usize) -> usize {
        let (mut raw, mut seen) = (0, 0);
        for line in &self.lines {
            if seen >= text_end {
                break;
            }
            raw += line.raw;
            seen += line.text;
        }
        raw
    }
}

impl Encoding {
    fn of(sample: &[u8]) -> Encoding {
        if sample.starts_with(UTF8_MARK) {
            return Encoding::Utf8;
        }
        // UTF-32's mark begins like this one; no log is written in it.
        if sample.starts_with(&[0xff, 0xfe]) {
            return Encoding::Utf16Le;
        }
        if sample.starts_with(&[0xfe, 0xff]) {
            return Encoding::Utf16Be;
        }
        let pairs = sample.as_chunks::<2>().0;
        let share = |zeros: usize| zeros * 100 / pairs.len().max(1);
        let first = share(pairs.iter().filter(|pair| pair[0] == 0).count());
        let second = share(pairs.iter().filter(|pair| pair[1] == 0).count());
        if pairs.len() >= 4 && second >= 60 && first <= 5 {
            return Encoding::Utf16Le;
        }
        if pairs.len() >= 4 && first >= 60 && second <= 5 {
            return Encoding::Utf16Be;
        }
        match has_utf8(sample) {
            Some(false) => Encoding::Latin1,
            _ => Encoding::Utf8,
        }
    }
}

/// Whether bytes above 127 make at least one character of UTF-8; nothing if there are none, or only such as the end of
/// the sample may have cut.
fn has_utf8(sample: &[u8]) -> Option<bool> {
    let mut any = None;
    for chunk in sample.utf8_chunks() {
        if !chunk.valid().is_ascii() {
            return Some(true);
        }
        if !chunk.invalid().is_empty() {
            any = Some(false);
        }
    }
    // A single broken character at the very end is a character cut off.
    let cut = sample.len().saturating_sub(3);
    let before = sample.get(..cut).unwrap_or_default();
    any.filter(|_| !before.is_ascii())
}

fn latin1(byte: u8) -> char {
    let above = byte.checked_sub(0x80).map(usize::from);
    let known = above.and_then(|above| WINDOWS_1252.get(above)).copied();
    known.unwrap_or(char::from(byte))
}

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// What Windows-1252 has from 0x80 to 0x9F; five places have nothing and stay controls.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn utf16(text: &str, big: bool) -> Vec<u8> {
        let bytes = |unit: u16| {
            if big {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn the_first_bytes_say_how_a_source_writes() {
        let of = |bytes: &[u8]| {
            let found = Writing::of(bytes);
            (found.encoding, found.line_end)
        };
        assert_eq!(of(b"plain\n"), (Encoding::Utf8, LineEnd::Lf));
        assert_eq!(of(b""), (Encoding::Utf8, LineEnd::Lf));
        assert_eq!(of(b"a\rb\r"), (Encoding::Utf8, LineEnd::Cr));
        assert_eq!(of(b"a\r"), (Encoding::Utf8, LineEnd::Lf), "a half end");
        assert_eq!(of(b"a\r\nb\r\n"), (Encoding::Utf8, LineEnd::Lf));
        assert_eq!(of("zo\u{eb}\n".as_bytes()), (Encoding::Utf8, LineEnd::Lf));
        assert_eq!(of(b"zo\xeb was here\n"), (Encoding::Latin1, LineEnd::Lf));
        assert_eq!(
            of(b"zo\xeb, \xc3\xab\n").0,
            Encoding::Utf8,
            "one broken line"
        );
        assert_eq!(of(b"a line cut off in zo\xc3").0, Encoding::Utf8);
        for (mark, big) in [
            ("\u{feff}", true),
            ("", true),
            ("\u{feff}", false),
            ("", false),
        ] {
            let kind = if big {
                Encoding::Utf16Be
            } else {
                Encoding::Utf16Le
            };
            assert_eq!(
                of(&utf16(&format!("{mark}one\r\ntwo"), big)),
                (kind, LineEnd::Lf)
            );
            assert_eq!(
                of(&utf16(&format!("{mark}one\rtwo"), big)),
                (kind, LineEnd::Cr)
            );
        }
    }

    #[test]
    fn text_is_made_line_by_line_and_knows_the_lengths_of_both_sides() {
        // U+0A0D has the bytes of both ends in it, and is neither.
        let raw = utf16("\u{feff}z\u{a0d}ë\r\n😀\n\nrest", false);
        let writing = Writing::of(&raw);
        let mut text = Text::default();
        writing.read_into(&raw, true, &mut text);
        assert_eq!(text.bytes, "z\u{a0d}ë\r\n😀\n\nrest".as_bytes());
        assert_eq!(
            text.lines.iter().map(|line| line.raw).collect::<Vec<_>>(),
            [12, 6, 2, 8]
        );
        assert_eq!(
            text.lines.iter().map(|line| line.text).sum::<usize>(),
            text.bytes.len()
        );
        assert_eq!(writing.last_line_end(&raw), Some(20));
        let text = Writing::of(b"caf\xe9 \x80\rtwo\r").text_of(b"caf\xe9 \x80\rt\no");
        assert_eq!(text, "café €\nt o".as_bytes().to_vec());
    }

    #[test]
    fn no_bytes_are_too_broken_to_be_read() {
        for broken in [
            &b"\xff\xfe\x00"[..],
            b"\xff\xfe\x00\xd8\x0a\x00",
            b"\xfe\xff\xdc\x00\x00",
        ] {
            let writing = Writing::of(broken);
            let mut text = Text::default();
            writing.read_into(broken, true, &mut text);
            assert!(std::str::from_utf8(&text.bytes).is_ok());
            assert_eq!(
                text.lines.iter().map(|line| line.raw).sum::<usize>(),
                broken.len()
            );
        }
    }
}
