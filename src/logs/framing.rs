//! Bytes into frames: the first step of the way of a log. A frame is what a format reads at once: a line, or a paragraph of lines.
//!
//! A [`Framer`] fills [`Block`]s of whole frames from any reader; a block is cut into [`Frame`]s in
//! place. Blocks can travel to other threads; where they are cut depends on the bytes alone. Memory
//! is bounded however long a line is.

use std::borrow::Cow;
use std::io::{self, Read};

use memchr::{memchr, memchr_iter};

use super::writing::{LineLength, Text, Writing};

/// What ends a frame of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Each line is a frame.
    Line,
    /// A frame is the lines up to and with a blank line.
    Paragraph,
    /// A frame is the lines up to and with one that begins with a closing brace.
    Braces,
}

/// A place between two frames: how many bytes lie before it, and the number of the next line, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Bytes before.
    pub offset: u64,
    /// Number of the next line.
    pub line: u64,
}

/// What a format reads at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The number of its first line, from 1.
    pub number: u64,
    /// How many lines it has, with the blank line that ends a paragraph.
    pub lines: u32,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How many bytes it takes in the source with its line ends: the next frame begins after them.
    pub length: u64,
    /// Its text without the line end; of a frame that is too long, the first [`FRAME_LIMIT`] bytes.
    pub bytes: &'a [u8],
    /// Whether it is longer than [`FRAME_LIMIT`].
    pub too_long: bool,
    /// Whether its line end (a paragraph's blank line) is there. Only the last frame of a source can lack it.
    pub terminated: bool,
}

/// A run of whole frames, in a buffer that is used again and again.
#[derive(Clone, Debug)]
pub struct Block {
    bytes: Vec<u8>,
    /// What readers are given, where that is not the source's own bytes.
    text: Option<Text>,
    framing: Framing,
    first: Position,
    /// What was left out of the only frame of this block, which is longer than a block.
    skipped: Option<Skipped>,
}

/// Cuts a reader into blocks of whole frames.
#[derive(Debug)]
pub struct Framer<R> {
    input: R,
    framing: Framing,
    writing: Writing,
    next: Position,
    /// The beginning of a frame whose end was not in the last block.
    carry: Vec<u8>,
    ended: bool,
}

/// The frames of a block.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
    /// The lines of text that is not the source's own bytes.
    lines: Option<std::slice::Iter<'a, LineLength>>,
    framing: Framing,
    at: Position,
    skipped: Option<Skipped>,
}

#[derive(Clone, Copy, Debug)]
struct Skipped {
    bytes: u64,
    lines: u32,
    terminated: bool,
    /// Whether the source ends within a line.
    open: bool,
}

impl Position {
    /// The beginning of a source.
    pub const START: Position = Position { offset: 0, line: 1 };
}

impl Block {
    /// An empty block, for [`Framer::fill`].
    pub fn new() -> Self {
        Block {
            bytes: Vec::with_capacity(BLOCK_SIZE),
            text: None,
            framing: Framing::Line,
            first: Position::START,
            skipped: None,
        }
    }

    /// The frames in it, in order.
    pub fn frames(&self) -> Frames<'_> {
        let text = self.text.as_ref();
        Frames {
            rest: text.map_or(&self.bytes, |text| &text.bytes),
            lines: text.map(|text| text.lines.iter()),
            framing: self.framing,
            at: self.first,
            skipped: self.skipped,
        }
    }

    /// Where its first frame begins.
    pub fn first(&self) -> Position {
        self.first
    }

    /// The source's bytes with all line ends; of a frame that is longer than a block, the beginning alone.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Default for Block {
    fn default() -> Self {
        Block::new()
    }
}

impl<R: Read> Framer<R> {
    /// Cuts a source from its beginning.
    pub fn new(input: R, framing: Framing) -> Self {
        Framer::resume(input, framing, Position::START)
    }

    /// Cuts the rest of a source; `input` gives the bytes from `next` on.
    pub fn resume(input: R, framing: Framing, next: Position) -> Self {
        Framer {
            input,
            framing,
            writing: Writing::default(),
            next,
            carry: Vec::new(),
            ended: false,
        }
    }

    /// The same, of a source that writes its text in this way.
    pub fn written(self, writing: Writing) -> Self {
        Framer { writing, ..self }
    }

    /// Fills the block with the next frames; `false` at the end of the source.
    pub fn fill(&mut self, block: &mut Block) -> io::Result<bool> {
        block.bytes.clear();
        block.bytes.append(&mut self.carry);
        block.framing = self.framing;
        block.first = self.next;
        block.skipped = None;
        self.read_up_to(&mut block.bytes, BLOCK_SIZE)?;
        if !self.ended {
            match self.last_end(&block.bytes) {
                Some(end) => {
                    self.carry.extend(block.bytes.drain(end..));
                }
                None => block.skipped = Some(self.skip(&mut block.bytes)?),
            }
        }
        block.text = (!self.writing.is_plain()).then(|| self.text(&block.bytes, self.next.offset));
        let read = block.text.as_ref().map_or(&block.bytes, |text| &text.bytes);
        let lines = memchr_iter(b'\n', read).count() as u64;
        self.next.offset += block.bytes.len() as u64;
        self.next.line += lines;
        if let Some(skipped) = block.skipped {
            self.next.offset += skipped.bytes;
            self.next.line += u64::from(skipped.lines);
        }
        Ok(!block.bytes.is_empty())
    }

    fn text(&self, raw: &[u8], offset: u64) -> Text {
        let mut text = Text::default();
        self.writing.read_into(raw, offset == 0, &mut text);
        text
    }

    /// Where the last whole frame ends.
    fn last_end(&self, raw: &[u8]) -> Option<usize> {
        if self.writing.is_plain() {
            return last_end(self.framing, raw);
        }
        let end = self.writing.last_line_end(raw)?;
        if self.framing == Framing::Line {
            return Some(end);
        }
        let text = self.text(raw, self.next.offset);
        last_end(self.framing, &text.bytes).map(|end| text.raw_end(end))
    }

    /// Where the next block begins.
    pub fn position(&self) -> Position {
        self.next
    }

    /// Whether no more bytes come after the last block: only then its last frame can lack its end.
    pub fn has_ended(&self) -> bool {
        self.ended && self.carry.is_empty()
    }

    /// Reads until there are `size` bytes or no more come, so that blocks do not depend on how the reader hands its bytes out.
    fn read_up_to(&mut self, bytes: &mut Vec<u8>, size: usize) -> io::Result<()> {
        let wanted = size.saturating_sub(bytes.len()) as u64;
        let got = self.input.by_ref().take(wanted).read_to_end(bytes)? as u64;
        self.ended = got < wanted;
        Ok(())
    }

    /// What readers are given of these bytes, with its lines where it is not the bytes themselves.
    fn readable<'b>(&self, raw: &'b [u8]) -> (Cow<'b, [u8]>, Option<Text>) {
        if self.writing.is_plain() {
            return (raw.into(), None);
        }
        let mut text = self.text(raw, u64::MAX);
        (std::mem::take(&mut text.bytes).into(), Some(text))
    }

    /// Passes over the rest of a frame that does not fit into a block, keeping its beginning.
    fn skip(&mut self, bytes: &mut Vec<u8>) -> io::Result<Skipped> {
        let mut rest = bytes.split_off(FRAME_LIMIT.min(bytes.len()));
        let mut state = LineState::default();
        let beginning = self.readable(bytes);
        let _inside_the_beginning = state.find_end(self.framing, &beginning.0);
        let mut skipped = Skipped {
            bytes: 0,
            lines: 0,
            terminated: false,
            open: false,
        };
        loop {
            let (read, text) = self.readable(&rest);
            let end = state.find_end(self.framing, &read);
            let over = read.get(..end.unwrap_or(read.len())).unwrap_or(&read);
            let lines = u32::try_from(memchr_iter(b'\n', over).count()).unwrap_or(u32::MAX);
            skipped.lines = skipped.lines.saturating_add(lines);
            skipped.open = over.last().map_or(skipped.open, |byte| *byte != b'\n');
            if let Some(end) = end {
                let end = text.map_or(end, |text| text.raw_end(end));
                skipped.bytes += end as u64;
                skipped.terminated = true;
                self.carry
                    .extend_from_slice(rest.get(end..).unwrap_or_default());
                return Ok(skipped);
            }
            skipped.bytes += rest.len() as u64;
            if self.ended {
                return Ok(skipped);
            }
            rest.clear();
            self.read_up_to(&mut rest, BLOCK_SIZE)?;
        }
    }
}

impl<'a> Frames<'a> {
    /// The frames of bytes that lie in memory as a whole.
    pub fn of(bytes: &'a [u8], framing: Framing) -> Self {
        Frames {
            rest: bytes,
            lines: None,
            framing,
            at: Position::START,
            skipped: None,
        }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let end = match self.skipped {
            Some(_) => None,
            None => LineState::default().find_end(self.framing, self.rest),
        };
        let (whole, rest) = self
            .rest
            .split_at_checked(end.unwrap_or(self.rest.len()))
            .unwrap_or((self.rest, &[]));
        self.rest = rest;
        let length = match &mut self.lines {
            None => whole.len() as u64,
            Some(lines) => raw_length(lines, whole.len()),
        };
        let mut bytes = without_line_end(whole, self.framing);
        if self.at.offset == 0 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        let mut frame = Frame {
            number: self.at.line,
            lines: lines_in(whole, self.framing, end.is_some()),
            offset: self.at.offset,
            length,
            bytes: bytes.get(..FRAME_LIMIT).unwrap_or(bytes),
            too_long: bytes.len() > FRAME_LIMIT,
            terminated: end.is_some(),
        };
        if let Some(skipped) = self.skipped {
            frame.length += skipped.bytes;
            let newlines = u32::try_from(memchr_iter(b'\n', whole).count()).unwrap_or(u32::MAX);
            frame.lines = newlines
                .saturating_add(skipped.lines)
                .saturating_add(u32::from(skipped.open));
            frame.too_long = true;
            frame.terminated = skipped.terminated;
        }
        self.at.offset += frame.length;
        self.at.line += u64::from(frame.lines);
        Some(frame)
    }
}

/// How many of the source's bytes so much of the text was made of, line by line.
fn raw_length(lines: &mut std::slice::Iter<'_, LineLength>, text: usize) -> u64 {
    let (mut raw, mut seen) = (0, 0);
    // A mark alone is a line without text.
    while seen < text || lines.as_slice().first().is_some_and(|line| line.text == 0) {
        let Some(line) = lines.next() else { break };
        raw += line.raw as u64;
        seen += line.text;
    }
    raw
}

/// Remembers, from one piece of bytes to the next, whether the line that runs may be the last of its frame; nothing while it has no byte.
#[derive(Default)]
struct LineState {
    may_end: Option<bool>,
}

impl LineState {
    /// How many bytes the frame that begins or goes on here still has, with its line end; nothing if its end is not here.
    fn find_end(&mut self, framing: Framing, bytes: &[u8]) -> Option<usize> {
        if framing == Framing::Line {
            return memchr(b'\n', bytes).map(|at| at + 1);
        }
        let mut from = 0;
        for at in memchr_iter(b'\n', bytes) {
            self.take(framing, bytes.get(from..at).unwrap_or_default());
            if self.may_end.take().unwrap_or(framing == Framing::Paragraph) {
                return Some(at + 1);
            }
            from = at + 1;
        }
        self.take(framing, bytes.get(from..).unwrap_or_default());
        None
    }

    fn take(&mut self, framing: Framing, part: &[u8]) {
        let Some(first) = part.first() else {
            return;
        };
        self.may_end = Some(match framing {
            Framing::Braces => self.may_end.unwrap_or(*first == b'}'),
            _ => self.may_end.unwrap_or(true) && is_blank(part),
        });
    }
}

/// Where the last whole frame ends.
fn last_end(framing: Framing, bytes: &[u8]) -> Option<usize> {
    let mut before = bytes.len();
    loop {
        let at = memchr::memrchr(b'\n', bytes.get(..before)?)?;
        if framing == Framing::Line {
            return Some(at + 1);
        }
        let line_from = memchr::memrchr(b'\n', bytes.get(..at)?).map_or(0, |line_end| line_end + 1);
        let line = bytes.get(line_from..at)?;
        let ends = match framing {
            Framing::Braces => line.starts_with(b"}"),
            _ => is_blank(line),
        };
        if ends {
            return Some(at + 1);
        }
        before = at;
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| *byte == b'\r')
}

fn lines_in(whole: &[u8], framing: Framing, terminated: bool) -> u32 {
    if framing == Framing::Line {
        return 1;
    }
    let ends = u32::try_from(memchr_iter(b'\n', whole).count()).unwrap_or(u32::MAX);
    let open = !terminated && whole.last() != Some(&b'\n');
    ends.saturating_add(u32::from(open))
}

fn without_line_end(whole: &[u8], framing: Framing) -> &[u8] {
    let mut bytes = whole.strip_suffix(b"\n").unwrap_or(whole);
    bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if framing == Framing::Paragraph {
        while let Some(shorter) = bytes.strip_suffix(b"\n").or(bytes.strip_suffix(b"\r")) {
            bytes = shorter;
        }
    }
    bytes
}

/// A frame longer than this is not read but counted as too long.
pub const FRAME_LIMIT: usize = 64 * 1024;

/// How many bytes a block takes at most: few enough to stay in a core's second-level cache.
pub const BLOCK_SIZE: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = (u64, u32, u64, u64, Vec<u8>, bool, bool);

    fn seen(frame: Frame<'_>) -> Seen {
        (
            frame.number,
            frame.lines,
            frame.offset,
            frame.length,
            frame.bytes.to_vec(),
            frame.too_long,
            frame.terminated,
        )
    }

    fn cut(bytes: &[u8], framing: Framing) -> Vec<Seen> {
        let mut framer = Framer::new(bytes, framing);
        let mut block = Block::new();
        let mut frames = Vec::new();
        while framer.fill(&mut block).unwrap() {
            frames.extend(block.frames().map(seen));
        }
        assert_eq!(framer.position().offset, bytes.len() as u64);
        frames
    }

    #[test]
    fn lines_are_cut_with_either_line_end_and_the_last_may_lack_its_own() {
        let frames = cut(b"one\r\n\ntwo\nthree", Framing::Line);
        assert_eq!(
            frames,
            [
                (1, 1, 0, 5, b"one".to_vec(), false, true),
                (2, 1, 5, 1, b"".to_vec(), false, true),
                (3, 1, 6, 4, b"two".to_vec(), false, true),
                (4, 1, 10, 5, b"three".to_vec(), false, false),
            ]
        );
        assert_eq!(cut(b"", Framing::Line), []);
    }

    #[test]
    fn a_block_ends_with_its_brace() {
        let bytes = b"# x\nlease a {\n  on {\n  }\n}\nlease b {\r\n}\r\nrest";
        let frames: Vec<_> = cut(bytes, Framing::Braces)
            .into_iter()
            .map(|frame| (frame.0, frame.1, frame.6))
            .collect();
        assert_eq!(frames, [(1, 5, true), (6, 2, true), (8, 1, false)]);
    }

    #[test]
    fn a_paragraph_ends_with_its_blank_line() {
        let frames = cut(b"a\n\tb\n\nc\r\n\r\n\nd\n", Framing::Paragraph);
        assert_eq!(
            frames,
            [
                (1, 3, 0, 6, b"a\n\tb".to_vec(), false, true),
                (4, 2, 6, 5, b"c".to_vec(), false, true),
                (6, 1, 11, 1, b"".to_vec(), false, true),
                (7, 1, 12, 2, b"d".to_vec(), false, false),
            ]
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_one_frame_however_long_it_is() {
        for length in [
            FRAME_LIMIT + 1,
            BLOCK_SIZE - 1,
            BLOCK_SIZE,
            3 * BLOCK_SIZE + 7,
        ] {
            let mut bytes = vec![b'x'; length];
            bytes.extend_from_slice(b"\nafter\n");
            let frames = cut(&bytes, Framing::Line);
            assert_eq!(frames.len(), 2, "{length}");
            assert!(frames[0].5 && frames[0].6 && frames[0].4.len() == FRAME_LIMIT);
            assert_eq!(frames[0].3, length as u64 + 1);
            assert_eq!(
                frames[1],
                (2, 1, length as u64 + 1, 6, b"after".to_vec(), false, true)
            );
        }
        let open = cut(&vec![b'x'; 2 * BLOCK_SIZE], Framing::Line);
        assert_eq!(open.len(), 1);
        assert!(open[0].5 && !open[0].6);
    }

    #[test]
    fn other_encodings_are_cut_alike_and_keep_their_own_offsets() {
        let mut text = String::new();
        for number in 0..30_000 {
            text.push_str(&format!("l\u{ed}ne {number}\u{a0d}\n"));
        }
        text.push_str(&"x".repeat(2 * BLOCK_SIZE));
        text.push_str("\nafter\nopen");
        let wanted: Vec<_> = cut(text.as_bytes(), Framing::Line);
        let utf16 = |big: bool| -> Vec<u8> {
            let units = text.encode_utf16();
            let bytes = |unit: u16| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            };
            units.flat_map(bytes).collect()
        };
        for raw in [utf16(false), utf16(true)] {
            let mut framer = Framer::new(&raw[..], Framing::Line).written(Writing::of(&raw));
            let (mut block, mut at, mut whole) = (Block::new(), 0, Vec::new());
            while framer.fill(&mut block).unwrap() {
                for frame in block.frames() {
                    assert_eq!(frame.offset, at);
                    at += frame.length;
                    whole.push(seen(frame));
                }
            }
            assert_eq!(at, raw.len() as u64);
            assert_eq!(whole.len(), wanted.len());
            for (one, other) in whole.iter().zip(&wanted) {
                assert_eq!(
                    (one.0, one.1, one.5, one.6),
                    (other.0, other.1, other.5, other.6)
                );
                // Of a line that is too long the beginning alone is kept, cut in the source's own bytes.
                assert!(one.4 == other.4 || one.5 && other.4.starts_with(&one.4));
            }
        }
        let cr = b"\xef\xbb\xbfone\rtwo\r\rfour";
        let mut framer = Framer::new(&cr[..], Framing::Line).written(Writing::of(cr));
        let mut block = Block::new();
        assert!(framer.fill(&mut block).unwrap());
        let frames: Vec<_> = block.frames().map(seen).collect();
        assert_eq!(frames[0], (1, 1, 0, 7, b"one".to_vec(), false, true));
        assert_eq!(frames[3], (4, 1, 12, 4, b"four".to_vec(), false, false));
    }

    #[test]
    fn a_paragraph_that_is_too_long_keeps_the_count_of_lines() {
        let mut bytes = b"x = y\n".repeat(BLOCK_SIZE / 3);
        let lines = BLOCK_SIZE / 3 + 1;
        bytes.extend_from_slice(b"\nafter\n\n");
        let frames = cut(&bytes, Framing::Paragraph);
        assert_eq!(frames.len(), 2);
        assert_eq!((frames[0].0, frames[0].1 as usize), (1, lines));
        assert!(frames[0].5 && frames[0].6);
        assert_eq!(frames[1].0, lines as u64 + 1);
    }

    #[test]
    fn blocks_cut_the_same_frames_as_the_whole_and_can_be_taken_up_anywhere() {
        let mut bytes = Vec::new();
        for number in 0..40_000 {
            bytes.extend_from_slice(format!("line {number}\n").as_bytes());
            if number % 7 == 0 {
                bytes.extend_from_slice(b"\r\n");
            }
        }
        for framing in [Framing::Line, Framing::Paragraph] {
            let whole: Vec<_> = Frames::of(&bytes, framing).map(seen).collect();
            assert_eq!(cut(&bytes, framing), whole);
            let (number, _, offset, ..) = whole[whole.len() / 2];
            let rest = &bytes[usize::try_from(offset).unwrap()..];
            let next = Position {
                offset,
                line: number,
            };
            let mut framer = Framer::resume(rest, framing, next);
            let mut block = Block::new();
            assert!(framer.fill(&mut block).unwrap());
            assert_eq!(
                block.frames().next().map(seen).as_ref(),
                whole.get(whole.len() / 2)
            );
        }
    }
}
