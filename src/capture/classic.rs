//! The classic capture format (libpcap): a head of 24 bytes, then a short head before each frame.
//!
//! Both byte orders, micro- and nanoseconds, and the longer record head of an old patched libpcap. The format
//! has no marks to find the next record by: what follows an absurd length could only be guessed at, so the rest is damage.

use super::CaptureError;
use super::file::Found;
use super::window::Window;
use crate::record::{RejectReason, Timestamp};

/// The longest frame that libpcap writes (MAXIMUM_SNAPLEN).
const USUAL_FRAME: u32 = 262_144;
/// The longest frame that is believed of a file whose head announces longer ones.
const LONGEST_FRAME: u32 = 16 << 20;

/// Where a reader of a classic capture stands.
pub(super) struct Classic {
    big_endian: bool,
    nanoseconds: bool,
    record_head: usize,
    link_type: u16,
    longest: u32,
}

/// A record's head.
#[derive(Clone, Copy)]
struct Head {
    second: u32,
    fraction: u32,
    captured: u32,
    wire_length: u32,
}

impl Classic {
    /// Reads the file's head and passes it, if this is one.
    pub(super) fn begin(window: &mut Window) -> Option<Self> {
        let head = window.rest();
        let (big_endian, nanoseconds, record_head) = match head.first_chunk::<4>()? {
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, false, 16),
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, false, 16),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, true, 16),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, true, 16),
            [0x34, 0xcd, 0xb2, 0xa1] => (false, false, 24),
            [0xa1, 0xb2, 0xcd, 0x34] => (true, false, 24),
            _ => return None,
        };
        let snaplen = word(head, 16, big_endian)?;
        // The upper half holds the length of the frame check sequence and flags.
        let link_type = word(head, 20, big_endian)? & 0xffff;
        window.take(24);
        Some(Classic {
            big_endian,
            nanoseconds,
            record_head,
            link_type: u16::try_from(link_type).ok()?,
            longest: snaplen.clamp(USUAL_FRAME, LONGEST_FRAME),
        })
    }

    /// The next frame, or what is there instead.
    #[inline]
    pub(super) fn next(&mut self, window: &mut Window) -> Result<Option<Found>, CaptureError> {
        if !window.ready(self.record_head)? {
            return torn(window);
        }
        let Some(head) = self.head_at(window.rest(), 0) else {
            return torn(window);
        };
        if head.captured > self.longest {
            return beyond_belief(window).map(Some);
        }
        let captured = head.captured as usize;
        if !window.ready(self.record_head + captured)? {
            return torn(window);
        }
        window.take(self.record_head + captured);
        Ok(Some(Found::Frame {
            time: self.time(head),
            link_type: self.link_type,
            wire_length: head.wire_length,
            captured,
            behind: captured,
        }))
    }

    /// How long the record is that begins here, if it is one that is believed.
    pub(super) fn next_length(&self, rest: &[u8]) -> Option<usize> {
        let captured = self.head_at(rest, 0)?.captured;
        (captured <= self.longest).then_some(self.record_head + captured as usize)
    }

    fn head_at(&self, bytes: &[u8], at: usize) -> Option<Head> {
        let head = bytes.get(at..)?.get(..16)?;
        Some(Head {
            second: word(head, 0, self.big_endian)?,
            fraction: word(head, 4, self.big_endian)?,
            captured: word(head, 8, self.big_endian)?,
            wire_length: word(head, 12, self.big_endian)?,
        })
    }

    fn time(&self, head: Head) -> Timestamp {
        let fraction = if self.nanoseconds {
            head.fraction / 1_000
        } else {
            head.fraction
        };
        Timestamp::from_seconds(i64::from(head.second)).plus_micros(i64::from(fraction))
    }
}

/// The rest of the file after a length that can not be.
fn beyond_belief(window: &mut Window) -> Result<Found, CaptureError> {
    let offset = window.offset();
    let length = window.skip(u64::MAX)?;
    Ok(Found::Damage {
        reason: RejectReason::BadBlock,
        offset,
        length,
    })
}

/// The end of the file, within a record or not.
fn torn(window: &mut Window) -> Result<Option<Found>, CaptureError> {
    let offset = window.offset();
    let length = window.skip(u64::MAX)?;
    Ok((length > 0).then_some(Found::Damage {
        reason: RejectReason::TornEnd,
        offset,
        length,
    }))
}

/// Four bytes as a number.
fn word(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let four = *bytes.get(at..)?.first_chunk::<4>()?;
    Some(if big_endian {
        u32::from_be_bytes(four)
    } else {
        u32::from_le_bytes(four)
    })
}
