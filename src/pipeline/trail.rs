//! The digest of a source up to any frame's end, although its reader reads ahead.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest::{Context, SHA256};

use super::input::bytes_of;

/// A reader that leaves a trail.
#[derive(Debug)]
pub struct Trailing<R> {
    input: R,
    trail: Arc<Mutex<Pending>>,
}

/// Where the digest at some byte is asked for.
#[derive(Clone, Debug)]
pub struct Trail(Arc<Mutex<Pending>>);

struct Pending {
    digest: Context,
    hashed: u64,
    bytes: Vec<u8>,
}

/// How far the digest may lag behind the reader. Readers ahead by more get no digest at that byte.
const LAG: usize = 64 << 20;

impl Trail {
    /// Wraps a reader.
    pub fn of<R: Read>(input: R) -> (Trailing<R>, Trail) {
        Trail::resume(input, Context::new(&SHA256), 0)
    }

    /// Wraps a reader that begins behind so many bytes, whose digest is known.
    pub fn resume<R: Read>(input: R, digest: Context, hashed: u64) -> (Trailing<R>, Trail) {
        let pending = Pending {
            digest,
            hashed,
            bytes: Vec::new(),
        };
        let trail = Arc::new(Mutex::new(pending));
        (
            Trailing {
                input,
                trail: Arc::clone(&trail),
            },
            Trail(trail),
        )
    }

    /// SHA-256 of the first `offset` bytes. Offsets are asked for in rising order; `None` if it is too late for this one,
    /// or if so many bytes have not been read.
    pub fn digest_at(&self, offset: u64) -> Option<[u8; 32]> {
        self.context_at(offset).map(bytes_of)
    }

    /// The digest that can be gone on with from there; as [`Trail::digest_at`].
    pub fn context_at(&self, offset: u64) -> Option<Context> {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let step = usize::try_from(offset.checked_sub(pending.hashed)?).ok()?;
        if step > pending.bytes.len() {
            return None;
        }
        pending.hash(step);
        Some(pending.digest.clone())
    }
}

impl Pending {
    fn hash(&mut self, step: usize) {
        let done: Vec<u8> = self.bytes.drain(..step).collect();
        self.digest.update(&done);
        self.hashed += step as u64;
    }
}

impl<R: Read> Read for Trailing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let mut pending = self.trail.lock().unwrap_or_else(PoisonError::into_inner);
        pending
            .bytes
            .extend_from_slice(buffer.get(..read).unwrap_or_default());
        if pending.bytes.len() > LAG {
            let step = pending.bytes.len() - LAG / 2;
            pending.hash(step);
        }
        Ok(read)
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending")
            .field("hashed", &self.hashed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_bytes_up_to_there() {
        let (mut input, trail) = Trail::of(&b"one\ntwo\nthree"[..]);
        let mut all = Vec::new();
        input.read_to_end(&mut all).unwrap();
        let whole = |bytes: &[u8]| {
            let mut digest = Context::new(&SHA256);
            digest.update(bytes);
            bytes_of(digest)
        };
        assert_eq!(trail.digest_at(4), Some(whole(b"one\n")));
        assert_eq!(trail.digest_at(13), Some(whole(b"one\ntwo\nthree")));
        assert_eq!(trail.digest_at(4), None);
        assert_eq!(trail.digest_at(14), None);
    }
}
