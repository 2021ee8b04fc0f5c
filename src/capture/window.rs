//! A window that moves over a stream: one buffer, filled when more bytes are needed, so that memory stays bounded
//! and records are looked at where they were read.

use std::io::{Error, ErrorKind, Read};

use super::CaptureError;

/// How much is read at once: small enough to stay in the processor's second cache.
const CHUNK: usize = 256 * 1024;

/// How much is left free before the bytes of a chunk, so that what is left of the one before fits there.
const HEADROOM: usize = 64 * 1024;

/// A piece of a stream that was read elsewhere.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Room before the bytes, and the bytes.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// Where pieces of a stream come from that another thread reads.
pub trait Chunks: Send {
    /// The next piece; none at the end. The one before is given back, to be read into again.
    fn next(&mut self, spent: Chunk) -> Option<std::io::Result<Chunk>>;
}

impl Chunk {
    /// Reads on into this room; false at the end of the stream.
    pub fn read(&mut self, input: &mut dyn Read) -> std::io::Result<bool> {
        self.buffer.resize(HEADROOM + CHUNK, 0);
        self.start = HEADROOM;
        let room = self.buffer.get_mut(HEADROOM..).unwrap_or_default();
        self.end = HEADROOM
            + loop {
                match input.read(room) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    read => break read?,
                }
            };
        Ok(self.end > self.start)
    }
}

/// Where the bytes come from.
enum Input {
    Read(Box<dyn Read + Send>),
    Chunks(Box<dyn Chunks>),
}

/// The bytes of a stream that have been read and not yet passed.
pub(super) struct Window {
    input: Input,
    buffer: Vec<u8>,
    /// The room of the chunk before, to be read into again.
    spent: Chunk,
    start: usize,
    end: usize,
    /// How many bytes of the stream lie before the buffer; less than none where there is room before the first.
    passed: u64,
    ended: bool,
    /// The stream said that its own bytes are wrong: broken compression.
    broken: bool,
}

impl Window {
    pub(super) fn new(input: Box<dyn Read + Send>) -> Self {
        Window {
            input: Input::Read(input),
            buffer: vec![0; CHUNK],
            spent: Chunk::default(),
            start: 0,
            end: 0,
            passed: 0,
            ended: false,
            broken: false,
        }
    }

    /// From now on the bytes come in pieces; gives what they are to be read from.
    pub(super) fn read_through(&mut self, chunks: Box<dyn Chunks>) -> Option<Box<dyn Read + Send>> {
        match std::mem::replace(&mut self.input, Input::Chunks(chunks)) {
            Input::Read(input) => Some(input),
            Input::Chunks(_) => None,
        }
    }

    /// Where the window begins in the stream.
    pub(super) fn offset(&self) -> u64 {
        self.passed.wrapping_add(self.start as u64)
    }

    /// Whether the stream ended because its compression is broken.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Makes so many bytes ready; false when the stream ends before.
    #[inline]
    pub(super) fn ready(&mut self, need: usize) -> Result<bool, CaptureError> {
        if self.end - self.start >= need {
            return Ok(true);
        }
        self.fill(need)
    }

    /// What is ready.
    #[inline]
    pub(super) fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Passes over bytes that are ready and gives them.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let from = self.start;
        self.start = self.end.min(from.saturating_add(count));
        self.buffer.get(from..self.start).unwrap_or_default()
    }

    /// The bytes from `behind` bytes before the window's start, `count` of them: what [`Window::take`] passed last.
    #[inline]
    pub(super) fn passed_just_now(&self, behind: usize, count: usize) -> &[u8] {
        let from = self.start.saturating_sub(behind);
        let to = from.saturating_add(count).min(self.start);
        self.buffer.get(from..to).unwrap_or_default()
    }

    /// Passes over bytes whether they are ready or not; gives how many there were.
    pub(super) fn skip(&mut self, count: u64) -> Result<u64, CaptureError> {
        let mut left = count;
        while left > 0 && self.ready(1)? {
            let step = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(self.end - self.start);
            self.start += step;
            left -= step as u64;
        }
        Ok(count - left)
    }

    #[cold]
    fn fill(&mut self, need: usize) -> Result<bool, CaptureError> {
        if matches!(self.input, Input::Chunks(_)) {
            return self.fill_with_chunks(need);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.passed += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        if need > self.buffer.len() {
            self.buffer.resize(need.next_power_of_two(), 0);
        }
        while self.end < need && !self.ended {
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            let Input::Read(input) = &mut self.input else {
                break;
            };
            match input.read(room) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => self.failed(error)?,
            }
        }
        Ok(self.end >= need)
    }

    fn fill_with_chunks(&mut self, need: usize) -> Result<bool, CaptureError> {
        while self.end - self.start < need && !self.ended {
            let Input::Chunks(chunks) = &mut self.input else {
                break;
            };
            match chunks.next(std::mem::take(&mut self.spent)) {
                None => self.ended = true,
                Some(Err(error)) => self.failed(error)?,
                Some(Ok(chunk)) => self.spent = self.go_on_with(chunk),
            }
        }
        Ok(self.end - self.start >= need)
    }

    /// Puts what is left before the bytes of a chunk, or, where that is too much, the bytes behind what is left; gives back
    /// the room that is not needed any more.
    fn go_on_with(&mut self, mut chunk: Chunk) -> Chunk {
        let left = self.rest();
        let at = chunk.start.checked_sub(left.len());
        let room = at.and_then(|at| chunk.buffer.get_mut(at..chunk.start));
        let here = self.passed.wrapping_add(self.start as u64);
        if let (Some(room), Some(at)) = (room, at) {
            room.copy_from_slice(left);
            self.passed = here.wrapping_sub(at as u64);
            (self.start, self.end) = (at, chunk.end);
            std::mem::swap(&mut self.buffer, &mut chunk.buffer);
            return chunk;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.buffer.truncate(self.end - self.start);
        let more = chunk.buffer.get(chunk.start..chunk.end);
        self.buffer.extend_from_slice(more.unwrap_or_default());
        self.passed = here;
        (self.start, self.end) = (0, self.buffer.len());
        chunk
    }

    /// A stream whose own bytes are wrong ends; another fault is not the stream's.
    fn failed(&mut self, error: Error) -> Result<(), CaptureError> {
        match error.kind() {
            ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof => {
                self.ended = true;
                self.broken = true;
                Ok(())
            }
            _ => Err(CaptureError::Read(error)),
        }
    }
}
