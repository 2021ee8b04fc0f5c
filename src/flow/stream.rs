//! The beginning of what one end of a TCP connection said, in order, up to a bound.

/// How many bytes of each direction are put in order.
pub(super) const LONGEST: usize = 16 * 1024;
/// How many segments that came too early are kept.
const MOST_EARLY: usize = 16;

/// What one end said first.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The number of the next byte, once the first is known.
    next: Option<u32>,
    said: Vec<u8>,
    early: Vec<(u32, Vec<u8>)>,
    is_full: bool,
}

impl Stream {
    /// Adds a segment. `start` is the number of the first byte of all, if the handshake was seen.
    pub(super) fn add(&mut self, start: Option<u32>, sequence: u32, bytes: &[u8]) {
        if self.is_full || bytes.is_empty() {
            return;
        }
        let next = *self.next.get_or_insert(start.unwrap_or(sequence));
        if !self.append(next, sequence, bytes) {
            if self.early.len() < MOST_EARLY {
                self.early.push((sequence, bytes.to_vec()));
            }
            return;
        }
        // One that came early may fit now, and then another.
        let mut tries = self.early.len();
        while tries > 0 {
            tries -= 1;
            let Some(next) = self.next else { return };
            let fitting = self
                .early
                .iter()
                .position(|(sequence, _)| !is_after(*sequence, next));
            let Some(at) = fitting else { return };
            let (sequence, bytes) = self.early.swap_remove(at);
            self.append(next, sequence, &bytes);
        }
    }

    /// What was said so far.
    pub(super) fn said(&self) -> &[u8] {
        &self.said
    }

    /// Whether no more is kept.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Appends what is new of a segment; false if it begins beyond the next byte.
    fn append(&mut self, next: u32, sequence: u32, bytes: &[u8]) -> bool {
        if is_after(sequence, next) {
            return false;
        }
        let known = next.wrapping_sub(sequence) as usize;
        let new = bytes.get(known..).unwrap_or_default();
        let room = LONGEST.saturating_sub(self.said.len());
        let kept = new.get(..room).unwrap_or(new);
        self.said.extend_from_slice(kept);
        self.is_full = self.said.len() >= LONGEST;
        let moved = u32::try_from(new.len()).unwrap_or(u32::MAX);
        self.next = Some(next.wrapping_add(moved));
        true
    }
}

/// Whether a sequence number lies after another, around the end of numbers too (RFC 9293, 3.4).
fn is_after(sequence: u32, other: u32) -> bool {
    let ahead = sequence.wrapping_sub(other);
    ahead != 0 && ahead < 0x8000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_out_of_order_are_put_in_order_and_repeats_are_left_out() {
        let mut stream = Stream::default();
        stream.add(Some(u32::MAX - 1), 2, b"ef");
        stream.add(Some(u32::MAX - 1), u32::MAX - 1, b"ab");
        stream.add(Some(u32::MAX - 1), u32::MAX - 1, b"ab");
        assert_eq!(stream.said(), b"ab");
        stream.add(Some(u32::MAX - 1), 0, b"cd");
        assert_eq!(stream.said(), b"abcdef");
    }

    #[test]
    fn no_more_than_the_bound_is_kept() {
        let mut stream = Stream::default();
        stream.add(None, 1, &[7; LONGEST + 10]);
        assert_eq!(stream.said().len(), LONGEST);
        assert!(stream.is_full());
    }
}
