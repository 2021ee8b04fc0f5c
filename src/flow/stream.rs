//! The beginning of what one end of a TCP connection said, in order, up to a bound.

/// How many bytes of each direction are put in order.
pub(super) const LONGEST: usize = 16 * 1024;
/// How many segments that came too early are kept.
const MOST_EARLY: usize = 16;

/// What one end said first.
#[derive(Debug, Default)]
pub(super) struct Stream {
    said: Vec<u8>,
    /// Segments that came too early, where there are any.
    early: Option<Box<Early>>,
    /// The number of the next byte, once the first is known.
    next: u32,
    has_begun: bool,
    is_full: bool,
}

/// Segments with their sequence numbers.
type Early = Vec<(u32, Vec<u8>)>;

impl Stream {
    /// Adds a segment. `start` is the number of the first byte of all, if the handshake was seen.
    pub(super) fn add(&mut self, start: Option<u32>, sequence: u32, bytes: &[u8]) {
        if self.is_full || bytes.is_empty() {
            return;
        }
        if !self.has_begun {
            self.has_begun = true;
            self.next = start.unwrap_or(sequence);
        }
        if !self.append(sequence, bytes) {
            let early = self.early.get_or_insert_default();
            if early.len() < MOST_EARLY {
                early.push((sequence, bytes.to_vec()));
            }
            return;
        }
        // One that came early may fit now, and then another.
        while let Some(early) = &mut self.early {
            let next = self.next;
            let fitting = early
                .iter()
                .position(|(sequence, _)| !is_after(*sequence, next));
            let Some(at) = fitting else { return };
            let (sequence, bytes) = early.swap_remove(at);
            if early.is_empty() {
                self.early = None;
            }
            self.append(sequence, &bytes);
        }
    }

    /// What was said so far.
    pub(super) fn said(&self) -> &[u8] {
        &self.said
    }

    /// Keeps no more, and not what was said.
    pub(super) fn close(&mut self) {
        self.said = Vec::new();
        self.early = None;
        self.is_full = true;
    }

    /// How many bytes it holds.
    #[inline]
    pub(super) fn held(&self) -> usize {
        let early = self.early.iter().flat_map(|early| early.iter());
        self.said.capacity() + early.map(|(_, bytes)| bytes.capacity() + 32).sum::<usize>()
    }

    /// Whether no more is kept.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Appends what is new of a segment; false if it begins beyond the next byte.
    fn append(&mut self, sequence: u32, bytes: &[u8]) -> bool {
        let next = self.next;
        if is_after(sequence, next) {
            return false;
        }
        let known = next.wrapping_sub(sequence) as usize;
        let new = bytes.get(known..).unwrap_or_default();
        let room = LONGEST.saturating_sub(self.said.len());
        let kept = new.get(..room).unwrap_or(new);
        // Most say one or two segments before they are understood, and many hold them at once.
        self.said.reserve_exact(kept.len());
        self.said.extend_from_slice(kept);
        self.is_full = self.said.len() >= LONGEST;
        let moved = u32::try_from(new.len()).unwrap_or(u32::MAX);
        self.next = next.wrapping_add(moved);
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
