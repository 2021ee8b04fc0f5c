//! The newer capture format (pcapng): blocks with their length at both ends, sections with their own byte order,
//! several interfaces with their own link type and clock.

use super::file::Found;
use super::window::Window;
use super::{CaptureError, Drops};
use crate::record::{RejectReason, Timestamp};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
/// What a section says that the program has written: only its statistics say how far time had come without a frame, as
/// other programs put such blocks where they like.
pub(super) const OURS: &[u8] = b"invigil";
/// Types that a search after damage believes.
const KNOWN: &[u32] = &[
    SECTION,
    INTERFACE,
    OLD_PACKET,
    SIMPLE_PACKET,
    4,
    STATISTICS,
    ENHANCED_PACKET,
    9,
    10,
];
/// The options of statistics that count what an interface lost for lack of room, and what the system did (`isb_ifdrop`, `isb_osdrop`).
const LOST_BY_INTERFACE: u16 = 5;
const LOST_BY_SYSTEM: u16 = 7;
/// The longest block with a frame in it that is read.
const LONGEST_BLOCK: u32 = (16 << 20) + 4096;
/// The longest block without a frame that is looked at; of a longer one only the first bytes matter.
const LOOK: usize = 64 * 1024;
/// How many interfaces a section may have; the format knows no bound, memory does.
const MOST_INTERFACES: usize = 65_536;
/// The link type of a frame whose interface was never described: none, so that it is counted and passed over.
const NO_LINK_TYPE: u16 = u16::MAX;

/// Where a reader of such a file stands.
pub(super) struct NextGeneration {
    big_endian: bool,
    interfaces: Vec<Interface>,
    is_ours: bool,
    /// How many bytes may stand between the last frame's block and the next.
    padding: u64,
    /// The time of the last frame that had one, for those that have none.
    last_time: Timestamp,
    /// What was lost in the sections that are over.
    lost_before: Drops,
}

/// What an interface's description says that matters for its frames.
#[derive(Clone, Copy)]
struct Interface {
    link_type: u16,
    snaplen: u32,
    ticks_a_second: u64,
    offset_seconds: i64,
    /// What its statistics say was lost since the capture began.
    lost: Drops,
}

/// A block's head.
#[derive(Clone, Copy)]
struct Head {
    kind: u32,
    length: u32,
}

impl NextGeneration {
    /// Whether the file begins with a section.
    pub(super) fn begin(window: &Window) -> Option<Self> {
        (window.rest().first_chunk::<4>()? == &SECTION.to_be_bytes()).then_some(NextGeneration {
            big_endian: false,
            interfaces: Vec::new(),
            is_ours: false,
            padding: 0,
            last_time: Timestamp::default(),
            lost_before: Drops::default(),
        })
    }

    /// The next frame, or what is there instead. Blocks without frames are passed over.
    pub(super) fn next(&mut self, window: &mut Window) -> Result<Option<Found>, CaptureError> {
        match std::mem::take(&mut self.padding) {
            0 => {}
            padding => self.pass_padding(window, padding)?,
        }
        loop {
            if !window.ready(12)? {
                return torn(window);
            }
            let Some(head) = self.head(window.rest()) else {
                return self.find_again(window).map(Some);
            };
            let whole = u64::from(head.length).next_multiple_of(4);
            let holds_frame = matches!(head.kind, OLD_PACKET | SIMPLE_PACKET | ENHANCED_PACKET);
            if holds_frame && head.length > LONGEST_BLOCK {
                return self.find_again(window).map(Some);
            }
            let length = head.length as usize;
            let wanted = if holds_frame {
                length
            } else {
                length.min(LOOK)
            };
            if !window.ready(wanted)? {
                return torn(window);
            }
            if holds_frame {
                // A length that is no multiple of four is against the format; writers pad nevertheless, or not: it is looked
                // at when the frame has been seen, whose bytes are the last that the window has passed.
                self.padding = whole - u64::from(head.length);
                return Ok(Some(self.frame(head, window)));
            }
            let body = window.rest().get(8..wanted).unwrap_or_default();
            let mut time = None;
            match head.kind {
                SECTION => {
                    self.lost_before = self.lost();
                    self.interfaces.clear();
                    self.is_ours = self.option(body, 16, 4) == Some(OURS);
                }
                STATISTICS => {
                    self.note_lost(body);
                    time = self.time_in(body).filter(|_| self.is_ours);
                }
                INTERFACE => {
                    if let Some(interface) = self.interface(body)
                        && self.interfaces.len() < MOST_INTERFACES
                    {
                        self.interfaces.push(interface);
                    }
                }
                _ => {}
            }
            let offset = window.offset();
            let passed = window.skip(whole)?;
            if passed < u64::from(head.length) {
                return Ok(Some(Found::Damage {
                    reason: RejectReason::TornEnd,
                    offset,
                    length: passed,
                }));
            }
            if let Some(time) = time {
                return Ok(Some(Found::Time(time)));
            }
        }
    }

    /// What whoever wrote the file lost of the packets that should be in it, as its statistics say up to here.
    pub(super) fn lost(&self) -> Drops {
        self.interfaces
            .iter()
            .fold(self.lost_before, |all, one| Drops {
                kernel: all.kernel.saturating_add(one.lost.kernel),
                device: all.device.saturating_add(one.lost.device),
            })
    }

    /// Takes over what a block of statistics counts: of several of an interface the last holds, as each counts from the beginning.
    fn note_lost(&mut self, body: &[u8]) {
        let count = |code| {
            let eight = *self.option(body, 12, code)?.first_chunk::<8>()?;
            Some(match self.big_endian {
                true => u64::from_be_bytes(eight),
                false => u64::from_le_bytes(eight),
            })
        };
        let (device, kernel) = (count(LOST_BY_INTERFACE), count(LOST_BY_SYSTEM));
        let number = self.word(body, 0).map(|number| number as usize);
        if let Some(interface) = number.and_then(|number| self.interfaces.get_mut(number)) {
            interface.lost.device = device.unwrap_or(interface.lost.device);
            interface.lost.kernel = kernel.unwrap_or(interface.lost.kernel);
        }
    }

    /// The time of a block of statistics.
    fn time_in(&self, body: &[u8]) -> Option<Timestamp> {
        let interface = self.interfaces.get(self.word(body, 0)? as usize)?;
        let ticks = u64::from(self.word(body, 4)?) << 32 | u64::from(self.word(body, 8)?);
        Some(interface.time(ticks))
    }

    /// The value of the first option of this code, in options that begin here.
    fn option<'a>(&self, body: &'a [u8], mut at: usize, wanted: u16) -> Option<&'a [u8]> {
        loop {
            let (code, length) = (self.half(body, at)?, self.half(body, at + 2)?);
            let value = body.get(at + 4..)?.get(..usize::from(length))?;
            match code {
                0 => return None,
                code if code == wanted => return Some(value),
                _ => at += 4 + usize::from(length).next_multiple_of(4),
            }
        }
    }

    /// A block's head, if its length can be one. A section's head also sets the byte order.
    fn head(&mut self, bytes: &[u8]) -> Option<Head> {
        if bytes.first_chunk::<4>()? == &SECTION.to_be_bytes() {
            self.big_endian = match bytes.get(8..)?.first_chunk::<4>()? {
                [0x1a, 0x2b, 0x3c, 0x4d] => true,
                [0x4d, 0x3c, 0x2b, 0x1a] => false,
                _ => return None,
            };
        }
        let kind = self.word(bytes, 0)?;
        let length = self.word(bytes, 4)?;
        (length >= 12).then_some(Head { kind, length })
    }

    /// The frame of the block that the window begins with; passes the block.
    fn frame(&mut self, head: Head, window: &mut Window) -> Found {
        let length = head.length as usize;
        let offset = window.offset();
        let read = self.frame_in(head, window.rest());
        window.take(length);
        match read {
            Some((time, link_type, wire_length, from, captured)) => {
                self.last_time = time;
                Found::Frame {
                    time,
                    link_type,
                    wire_length,
                    captured,
                    behind: length.saturating_sub(from),
                }
            }
            None => Found::Damage {
                reason: RejectReason::BadBlock,
                offset,
                length: u64::from(head.length),
            },
        }
    }

    /// Time, link type, length on the wire, where the bytes begin in the block, how many there are.
    fn frame_in(&self, head: Head, block: &[u8]) -> Option<(Timestamp, u16, u32, usize, usize)> {
        let length = head.length as usize;
        if head.kind == SIMPLE_PACKET {
            let wire_length = self.word(block, 8)?;
            let room = length.checked_sub(16)?;
            let interface = self.interfaces.first();
            let kept = interface
                .map(|interface| interface.snaplen)
                .filter(|snaplen| *snaplen > 0)
                .map_or(wire_length, |snaplen| snaplen.min(wire_length));
            let link_type = interface.map_or(NO_LINK_TYPE, |interface| interface.link_type);
            // A simple block knows no time: it came no earlier than the frame before it.
            return Some((
                self.last_time,
                link_type,
                wire_length,
                12,
                room.min(kept as usize),
            ));
        }
        let number = if head.kind == OLD_PACKET {
            u32::from(self.half(block, 8)?)
        } else {
            self.word(block, 8)?
        };
        let ticks = u64::from(self.word(block, 12)?) << 32 | u64::from(self.word(block, 16)?);
        let captured = self.word(block, 20)? as usize;
        let wire_length = self.word(block, 24)?;
        let room = length.checked_sub(32)?;
        let interface = self.interfaces.get(number as usize);
        Some((
            interface.map_or(self.last_time, |interface| interface.time(ticks)),
            interface.map_or(NO_LINK_TYPE, |interface| interface.link_type),
            wire_length,
            28,
            captured.min(room),
        ))
    }

    fn interface(&self, body: &[u8]) -> Option<Interface> {
        let mut interface = Interface {
            link_type: self.half(body, 0)?,
            snaplen: self.word(body, 4)?,
            ticks_a_second: 1_000_000,
            offset_seconds: 0,
            lost: Drops::default(),
        };
        let mut at = 8;
        while let (Some(code), Some(length)) = (self.half(body, at), self.half(body, at + 2)) {
            let value = body.get(at + 4..).unwrap_or_default();
            match code {
                0 => break,
                9 => interface.ticks_a_second = resolution(value.first().copied())?,
                14 => {
                    let eight = *value.first_chunk::<8>()?;
                    interface.offset_seconds = if self.big_endian {
                        i64::from_be_bytes(eight)
                    } else {
                        i64::from_le_bytes(eight)
                    };
                }
                _ => {}
            }
            at += 4 + usize::from(length).next_multiple_of(4);
        }
        Some(interface)
    }

    /// How long the block with a frame is that begins here, with the padding that still stands before it.
    pub(super) fn next_length(&self, rest: &[u8]) -> Option<usize> {
        let padding = match usize::try_from(self.padding) {
            Ok(padding) if !KNOWN.contains(&self.word(rest, 0)?) => padding,
            _ => 0,
        };
        let kind = self.word(rest, padding)?;
        let length = self.word(rest, padding + 4)?;
        // Twelve bytes are looked at after a padding, whatever they are.
        let holds_frame = matches!(kind, OLD_PACKET | SIMPLE_PACKET | ENHANCED_PACKET);
        holds_frame.then_some(padding + (length as usize).max(12))
    }

    /// Passes the padding after a block of uneven length, unless the next block begins at once.
    fn pass_padding(&mut self, window: &mut Window, padding: u64) -> Result<(), CaptureError> {
        window.ready(12)?;
        let begins = self
            .word(window.rest(), 0)
            .is_some_and(|kind| KNOWN.contains(&kind));
        if !begins {
            window.skip(padding)?;
        }
        Ok(())
    }

    /// Passes over what makes no sense, up to a block of a known type whose two lengths agree.
    fn find_again(&mut self, window: &mut Window) -> Result<Found, CaptureError> {
        let offset = window.offset();
        window.take(4);
        while window.ready(12)? && !self.is_block(window)? {
            window.take(4);
        }
        if !window.ready(12)? {
            window.skip(u64::MAX)?;
        }
        Ok(Found::Damage {
            reason: RejectReason::BadBlock,
            offset,
            length: window.offset() - offset,
        })
    }

    fn is_block(&mut self, window: &mut Window) -> Result<bool, CaptureError> {
        let order = self.big_endian;
        let Some(head) = self.head(window.rest()) else {
            self.big_endian = order;
            return Ok(false);
        };
        let length = head.length as usize;
        if !KNOWN.contains(&head.kind) || !length.is_multiple_of(4) || length > USUAL_BLOCK {
            self.big_endian = order;
            return Ok(false);
        }
        let agrees =
            window.ready(length)? && self.word(window.rest(), length - 4) == Some(head.length);
        if !agrees {
            self.big_endian = order;
        }
        Ok(agrees)
    }

    fn word(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let four = *bytes.get(at..)?.first_chunk::<4>()?;
        Some(if self.big_endian {
            u32::from_be_bytes(four)
        } else {
            u32::from_le_bytes(four)
        })
    }

    fn half(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let two = *bytes.get(at..)?.first_chunk::<2>()?;
        Some(if self.big_endian {
            u16::from_be_bytes(two)
        } else {
            u16::from_le_bytes(two)
        })
    }
}

/// The longest block that a search after damage believes.
const USUAL_BLOCK: usize = 1 << 20;

impl Interface {
    fn time(self, ticks: u64) -> Timestamp {
        let micros = if self.ticks_a_second == 1_000_000 {
            ticks
        } else {
            let exact = u128::from(ticks) * 1_000_000 / u128::from(self.ticks_a_second.max(1));
            u64::try_from(exact).unwrap_or(u64::MAX)
        };
        Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
            .plus_seconds(self.offset_seconds)
    }
}

/// Ticks a second, as option 9 says: a power of ten, or of two with the top bit set.
fn resolution(value: Option<u8>) -> Option<u64> {
    let value = value?;
    let exponent = u32::from(value & 0x7f);
    let base: u64 = if value & 0x80 == 0 { 10 } else { 2 };
    Some(base.checked_pow(exponent).unwrap_or(1_000_000))
}

/// The end of the file, within a block or not.
fn torn(window: &mut Window) -> Result<Option<Found>, CaptureError> {
    let offset = window.offset();
    let length = window.skip(u64::MAX)?;
    Ok((length > 0).then_some(Found::Damage {
        reason: RejectReason::TornEnd,
        offset,
        length,
    }))
}
