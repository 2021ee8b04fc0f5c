//! The records of a capture that can be read only once, or is packed, made by several threads, to the same bytes as by one.
//!
//! One reads and meters, the other makes the records of flows that are over, looks their servers up and writes them. From three
//! threads on, reading has one of its own: it must be one with a processor to itself, since what one processor has read lies in its
//! cache and not in the other's. Every packet passes the one table in its own order, so nothing depends on who was faster.

use std::io::{self, Read};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::capture::{Chunk, Chunks};
use crate::classify::ListIndex;
use crate::flow::MeterOptions;
use crate::record::{Event, Place, SourceId};

use super::PipelineError;
use super::capture::{CaptureCounts, Made, Packets, each_made};

/// How many records go from the thread that meters to the one that writes at once, and how often that may wait.
const PIECE: usize = 256;
const PIECES_WAITING: usize = 16;
/// How many pieces of the file are read ahead.
const CHUNKS_AHEAD: usize = 8;

/// As [`super::capture::each_record`], by so many threads, of which this one does with the records what is to be done.
pub fn each_record_beside(
    packets: &mut Packets,
    threads: usize,
    name: &str,
    source: SourceId,
    options: &MeterOptions,
    lists: &ListIndex,
    mut out: impl FnMut(Place, Event<'static>) -> Result<(), PipelineError>,
) -> Result<CaptureCounts, PipelineError> {
    let (to_out, pieces) = bounded::<Vec<Made>>(PIECES_WAITING);
    let ahead = match threads {
        0..=2 => None,
        _ => Ahead::of(packets),
    };
    std::thread::scope(|scope| {
        let meter = scope.spawn(move || meter(packets, name, source, options, to_out));
        if let Some(ahead) = ahead {
            scope.spawn(move || ahead.read_all());
        }
        let mut written = Ok(());
        for made in pieces.iter().flatten() {
            let (place, event) = made.record(source, lists);
            written = out(place, event);
            if written.is_err() {
                break;
            }
        }
        // Whoever meters learns that nobody takes it.
        drop(pieces);
        let counts = meter.join().map_err(|_| PipelineError::Stopped("metering"));
        written?;
        counts?
    })
}

/// Meters all packets and hands on what comes of them.
fn meter(
    packets: &mut Packets,
    name: &str,
    source: SourceId,
    options: &MeterOptions,
    to_out: Sender<Vec<Made>>,
) -> Result<CaptureCounts, PipelineError> {
    let mut piece = Vec::with_capacity(PIECE);
    let counts = each_made(packets, name, source, options, |made| {
        piece.push(made);
        if piece.len() < PIECE {
            return Ok(());
        }
        let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE));
        // Whoever does not take it has failed, and says why.
        to_out
            .send(full)
            .map_err(|_| PipelineError::Stopped("writing"))
    });
    if let Packets::File(file) = packets {
        // Whoever still reads ahead learns that nobody takes it.
        drop(file.read_through(Box::new(NoMore)));
    }
    // What came before a fault is given out too, as it is in one thread.
    drop(to_out.send(piece));
    counts
}

/// Who reads ahead, for one who meters elsewhere.
struct Ahead {
    input: Box<dyn Read + Send>,
    has_ended: bool,
    /// What was read, and nothing at the end.
    to_meter: Sender<Option<io::Result<Chunk>>>,
    spent: Receiver<Chunk>,
}

/// The other end of it.
struct FromAhead {
    chunks: Receiver<Option<io::Result<Chunk>>>,
    spent: Sender<Chunk>,
}

/// Nothing is read any more.
struct NoMore;

impl Ahead {
    /// Takes reading over; none for a device, which has its own pace.
    fn of(packets: &mut Packets) -> Option<Ahead> {
        let Packets::File(file) = packets else {
            return None;
        };
        let (to_meter, chunks) = bounded(CHUNKS_AHEAD);
        let (to_ahead, spent) = bounded(CHUNKS_AHEAD);
        let input = file.read_through(Box::new(FromAhead {
            chunks,
            spent: to_ahead,
        }))?;
        Some(Ahead {
            input,
            has_ended: false,
            to_meter,
            spent,
        })
    }

    /// The next piece of the file; none at the end, which is what follows a fault, too.
    fn read(&mut self) -> Option<io::Result<Chunk>> {
        if self.has_ended {
            return None;
        }
        let mut chunk = self.spent.try_recv().unwrap_or_default();
        let read = match chunk.read(&mut self.input) {
            Ok(is_more) => is_more.then_some(Ok(chunk)),
            Err(error) => Some(Err(error)),
        };
        self.has_ended = !matches!(read, Some(Ok(_)));
        read
    }

    fn read_all(mut self) {
        loop {
            let chunk = self.read();
            let is_end = chunk.is_none();
            if self.to_meter.send(chunk).is_err() || is_end {
                return;
            }
        }
    }
}

impl Chunks for FromAhead {
    fn next(&mut self, spent: Chunk) -> Option<io::Result<Chunk>> {
        // Where enough lie ready, it is given back to whom it came from.
        drop(self.spent.try_send(spent));
        self.chunks.recv().ok().flatten()
    }
}

impl Chunks for NoMore {
    fn next(&mut self, _: Chunk) -> Option<io::Result<Chunk>> {
        None
    }
}
