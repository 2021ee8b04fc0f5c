//! The steps of a capture that were read at once, which several threads can look at.

use super::Step;
use crate::record::{Packet, RejectReason, Timestamp};

/// Steps one after the other, with the bytes of their frames.
#[derive(Debug, Default)]
pub struct Batch {
    buffer: Vec<u8>,
    steps: Vec<Kept>,
    /// How many frames came before.
    frames_before: u64,
}

/// A step whose bytes lie in the buffer.
#[derive(Debug)]
pub(super) enum Kept {
    Frame {
        time: Timestamp,
        link_type: u16,
        wire_length: u32,
        from: usize,
        captured: usize,
    },
    Time(Timestamp),
    Damage {
        reason: RejectReason,
        offset: u64,
        length: u32,
    },
}

impl Batch {
    /// The steps in the order of the file.
    pub fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        let mut number = self.frames_before;
        self.steps.iter().map(move |kept| match *kept {
            Kept::Frame {
                time,
                link_type,
                wire_length,
                from,
                captured,
            } => {
                number += 1;
                let bytes = self.buffer.get(from..from.saturating_add(captured));
                Step::Packet(Packet {
                    number,
                    time,
                    link_type,
                    wire_length,
                    bytes: bytes.unwrap_or_default(),
                })
            }
            Kept::Time(time) => Step::Time(time),
            Kept::Damage {
                reason,
                offset,
                length,
            } => Step::Damage {
                reason,
                offset,
                length,
            },
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(super) fn begin(&mut self, frames_before: u64) {
        self.steps.clear();
        self.frames_before = frames_before;
    }

    pub(super) fn push(&mut self, step: Kept) {
        self.steps.push(step);
    }

    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }
}
