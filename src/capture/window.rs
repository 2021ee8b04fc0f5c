//! A window that moves over a stream: one buffer, filled when more bytes are needed, so that memory stays bounded
//! and records are looked at where they were read.

use std::io::{Error, ErrorKind, Read};

use super::CaptureError;

/// How much is read at once: small enough to stay in the processor's second cache.
const CHUNK: usize = 256 * 1024;

/// How much more room is made than is needed.
const MORE: usize = 64 * 1024;

/// The bytes of a stream that have been read and not yet passed.
pub(super) struct Window {
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// What was passed up to here stays in its place.
    kept: usize,
    start: usize,
    end: usize,
    /// How many bytes of the stream lie before the buffer, beside what is kept in it.
    passed: u64,
    ended: bool,
    /// The stream said that its own bytes are wrong: broken compression.
    broken: bool,
}

impl Window {
    pub(super) fn new(input: Box<dyn Read + Send>) -> Self {
        Window {
            input,
            buffer: vec![0; CHUNK],
            kept: 0,
            start: 0,
            end: 0,
            passed: 0,
            ended: false,
            broken: false,
        }
    }

    /// Where the window begins in the stream.
    pub(super) fn offset(&self) -> u64 {
        self.passed + self.start as u64
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

    /// What was passed until now stays in its place until [`Window::give_up_kept`]; gives where that ends.
    pub(super) fn keep(&mut self) -> usize {
        self.kept = self.start;
        self.kept
    }

    /// Whether so much is kept that a buffer is full of it.
    pub(super) fn keeps_much(&self) -> bool {
        self.kept >= CHUNK
    }

    /// Gives the buffer with all that was kept in it away for another one, into which what is still to be passed is taken over.
    pub(super) fn give_up_kept(&mut self, other: &mut Vec<u8>) {
        let left = self.buffer.get(self.start..self.end).unwrap_or_default();
        let room = other.len().max(left.len()).max(CHUNK);
        other.resize(room, 0);
        if let Some(place) = other.get_mut(..left.len()) {
            place.copy_from_slice(left);
        }
        let left = left.len();
        std::mem::swap(&mut self.buffer, other);
        self.passed += self.start as u64;
        (self.kept, self.start, self.end) = (0, 0, left);
    }

    #[cold]
    fn fill(&mut self, need: usize) -> Result<bool, CaptureError> {
        self.buffer.copy_within(self.start..self.end, self.kept);
        let shift = self.start - self.kept;
        self.passed += shift as u64;
        self.end -= shift;
        self.start = self.kept;
        let need = self.kept + need;
        if need > self.buffer.len() {
            self.buffer.resize(need + MORE, 0);
        }
        while self.end < need && !self.ended {
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.input.read(room) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => self.failed(error)?,
            }
        }
        Ok(self.end >= need)
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
