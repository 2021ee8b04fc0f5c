//! A file of packets: finds out which format it is, undoes gzip, numbers the frames.

use std::io::{Cursor, Read};

use flate2::read::MultiGzDecoder;

use super::batch::{Batch, Kept};
use super::classic::Classic;
use super::next_generation::NextGeneration;
use super::window::Window;
use super::{CaptureError, Drops, Step};
use crate::record::{Packet, RejectReason, Timestamp};

/// A capture in pcap or pcapng, plain or gzipped; the first bytes decide which.
pub struct CaptureFile {
    window: Window,
    format: Format,
    frames: u64,
    ended: bool,
}

enum Format {
    Classic(Classic),
    NextGeneration(NextGeneration),
}

/// What a format found; a frame's bytes are the last `captured` that the window passed, but for `behind`.
pub(super) enum Found {
    /// A frame.
    Frame {
        time: Timestamp,
        link_type: u16,
        wire_length: u32,
        captured: usize,
        /// How far back the frame begins.
        behind: usize,
    },
    /// No frame, but how far time had come.
    Time(Timestamp),
    /// No frame.
    Damage {
        reason: RejectReason,
        offset: u64,
        length: u64,
    },
}

impl CaptureFile {
    /// Begins to read. Fails only when this is no capture at all.
    pub fn open(input: Box<dyn Read + Send>) -> Result<CaptureFile, CaptureError> {
        let mut window = Window::new(unpacked(input)?);
        if !window.ready(1)? {
            return Err(match window.is_broken() {
                true => CaptureError::Broken,
                false => CaptureError::Empty,
            });
        }
        window.ready(24)?;
        let format = if let Some(format) = Classic::begin(&mut window) {
            Format::Classic(format)
        } else if let Some(format) = NextGeneration::begin(&window) {
            Format::NextGeneration(format)
        } else {
            let head: Vec<String> = window.rest().iter().take(4).map(hex).collect();
            return Err(CaptureError::UnknownFormat(head.join(" ")));
        };
        Ok(CaptureFile {
            window,
            format,
            frames: 0,
            ended: false,
        })
    }

    /// The next frame or damage; `None` at the end.
    pub fn next_step(&mut self) -> Result<Option<Step<'_>>, CaptureError> {
        Ok(match self.find()? {
            Some(Found::Frame {
                time,
                link_type,
                wire_length,
                captured,
                behind,
            }) => Some(Step::Packet(Packet {
                number: self.frames,
                time,
                link_type,
                wire_length,
                bytes: self.window.passed_just_now(behind, captured),
            })),
            Some(Found::Time(time)) => Some(Step::Time(time)),
            Some(Found::Damage {
                reason,
                offset,
                length,
            }) => Some(Step::Damage {
                reason,
                offset,
                length: u32::try_from(length).unwrap_or(u32::MAX),
            }),
            None => None,
        })
    }

    /// What whoever wrote the file lost of the packets that should be in it, as far as the file was read and says it.
    pub fn drops(&self) -> Drops {
        match &self.format {
            Format::Classic(_) => Drops::default(),
            Format::NextGeneration(format) => format.lost(),
        }
    }

    /// The next steps, as many as can be had without reading a second time, in place of what the batch held before; false once there are no more. What came
    /// before a fault is in the batch, too.
    pub fn next_batch(&mut self, batch: &mut Batch) -> Result<bool, CaptureError> {
        batch.begin(self.frames);
        let is_more = self.gather(batch);
        self.window.give_up_kept(batch.buffer());
        is_more
    }

    fn gather(&mut self, batch: &mut Batch) -> Result<bool, CaptureError> {
        while let Some(found) = self.find()? {
            batch.push(match found {
                Found::Frame {
                    time,
                    link_type,
                    wire_length,
                    captured,
                    behind,
                } => Kept::Frame {
                    time,
                    link_type,
                    wire_length,
                    from: self.window.keep() - behind,
                    captured,
                },
                Found::Time(time) => Kept::Time(time),
                Found::Damage {
                    reason,
                    offset,
                    length,
                } => Kept::Damage {
                    reason,
                    offset,
                    length: u32::try_from(length).unwrap_or(u32::MAX),
                },
            });
            if self.window.keeps_much() || !self.is_ready() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the next frame was read already.
    fn is_ready(&self) -> bool {
        let rest = self.window.rest();
        let length = match &self.format {
            Format::Classic(format) => format.next_length(rest),
            Format::NextGeneration(format) => format.next_length(rest),
        };
        length.is_some_and(|length| length <= rest.len())
    }

    /// What the format finds next; the end of a broken compression is damage, too.
    fn find(&mut self) -> Result<Option<Found>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        let found = match &mut self.format {
            Format::Classic(format) => format.next(&mut self.window)?,
            Format::NextGeneration(format) => format.next(&mut self.window)?,
        };
        match &found {
            Some(Found::Frame { .. }) => self.frames += 1,
            Some(Found::Time(_)) => {}
            Some(Found::Damage { reason, .. }) => self.ended = *reason == RejectReason::TornEnd,
            None => {
                self.ended = true;
                return Ok(self.window.is_broken().then(|| Found::Damage {
                    reason: RejectReason::TornEnd,
                    offset: self.window.offset(),
                    length: 0,
                }));
            }
        }
        Ok(found)
    }
}

impl std::fmt::Debug for CaptureFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureFile")
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

/// The bytes without gzip, if there was any.
fn unpacked(mut input: Box<dyn Read + Send>) -> Result<Box<dyn Read + Send>, CaptureError> {
    let mut head = Vec::with_capacity(2);
    input
        .by_ref()
        .take(2)
        .read_to_end(&mut head)
        .map_err(CaptureError::Read)?;
    let is_gzip = head == [0x1f, 0x8b];
    let whole = Cursor::new(head).chain(input);
    Ok(if is_gzip {
        Box::new(Pieces(MultiGzDecoder::new(whole)))
    } else {
        Box::new(whole)
    })
}

/// Reads a little at a time: where compression is broken, the decoder gives back nothing of what it was asked for, also
/// not what was sound before the fault.
struct Pieces<R>(R);

impl<R: Read> Read for Pieces<R> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let some = room.len().min(PIECE);
        self.0.read(room.get_mut(..some).unwrap_or_default())
    }
}

/// How much is lost before a fault of the compression, at most, beside the 32 KiB that the decoder holds back itself.
const PIECE: usize = 16 << 10;

fn hex(byte: &u8) -> String {
    format!("{byte:02x}")
}
