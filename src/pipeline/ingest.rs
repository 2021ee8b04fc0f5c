//! A log into records: cut into blocks, read by its format, met with the lists, then printed or stored.
//!
//! Printing runs in one thread. Storing runs in three, joined by short channels: one reads and cuts,
//! one reads the frames and makes rows (and has them hashed by another at the same time), one brings the batches to the store. Where batches are cut depends on the
//! bytes alone, so the same file makes the same batches.

use std::io::Read;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::classify::ListIndex;
use crate::ledger::{Digest, FrameNonces, FrameTree};
use crate::logs::{
    Block, Frame, Framer, LineReader, LogFormat, Outcome, SourceSettings, read_frame,
};
use crate::record::{Counts, Event, IgnoreReason, Place, Reject, RejectReason, SourceId};
use crate::store::names::Names;
use crate::store::originals::Batch;

use super::PipelineError;
use super::deposit::{Deposit, OpenSource, Prepared};
use super::input::Opened;
use super::trail::Trail;

/// How a log is read.
pub struct LogReading<'a> {
    /// Its format.
    pub format: &'static dyn LogFormat,
    /// What its lines do not say.
    pub settings: &'a SourceSettings,
    /// The lists that its events are met with.
    pub lists: &'a ListIndex,
}

/// How many blocks make a batch: about eight megabytes of a log.
const BLOCKS_IN_A_BATCH: u64 = 32;

/// How many batches may wait between two threads.
const WAITING: usize = 2;

impl LogReading<'_> {
    /// Reads a log and hands each record to `out`, in the order of the log.
    pub fn each_record(
        &self,
        input: Opened,
        source: SourceId,
        mut out: impl FnMut(Place, &Event<'_>) -> Result<(), PipelineError>,
    ) -> Result<Counts, PipelineError> {
        let torn = input.torn.clone();
        let mut framer = Framer::new(input.reader, self.format.framing());
        let mut reader = self.format.reader(self.settings);
        let mut counts = Counts::default();
        let mut block = Block::new();
        while framer
            .fill(&mut block)
            .map_err(|error| input.name.error(error))?
        {
            for frame in block.frames() {
                let mut failed = None;
                self.frame(
                    &mut *reader,
                    &frame,
                    source,
                    0,
                    &mut counts,
                    &mut |place, event| {
                        if failed.is_none() {
                            failed = out(place, event).err();
                        }
                    },
                );
                if let Some(error) = failed {
                    return Err(error);
                }
            }
        }
        if torn.is_set() {
            let position = framer.position();
            let place = Place {
                source,
                frame: position.line,
                ordinal: 0,
            };
            out(place, &count_torn_end(&mut counts, position.offset))?;
        }
        counts.check()?;
        Ok(counts)
    }

    /// Reads a log and stores what is new in it. Gives the counts of this run.
    pub fn store(
        &self,
        input: Opened,
        source: &OpenSource,
        stored_bytes: u64,
        names: &mut Names,
        nonces: FrameNonces,
        deposit: &Deposit<'_>,
    ) -> Result<Counts, PipelineError> {
        let (to_read, blocks) = bounded::<Piece>(WAITING);
        let (to_store, batches) = bounded::<Prepared>(WAITING);
        let framing = self.format.framing();
        std::thread::scope(|threads| {
            let cutter = threads.spawn(move || cut(input, framing, &to_read));
            let storer = threads.spawn(move || deposit_all(deposit, &batches));
            let mut maker = BatchMaker::new(self, source, stored_bytes, names, nonces);
            let made = maker.run(&blocks, &to_store);
            // The channels are closed first, so that neither thread waits for one that has stopped.
            drop(blocks);
            drop(to_store);
            storer
                .join()
                .map_err(|_| PipelineError::Stopped("storing"))??;
            let end = cutter
                .join()
                .map_err(|_| PipelineError::Stopped("reading"))??;
            made?;
            let counts = maker.total;
            counts.check()?;
            deposit.close(source, end.length, end.digest, 0)?;
            Ok(counts)
        })
    }

    /// Reads one frame: counts it, meets its events with the lists, hands them out with their places.
    fn frame(
        &self,
        reader: &mut dyn LineReader,
        frame: &Frame<'_>,
        source: SourceId,
        first_ordinal: u32,
        counts: &mut Counts,
        out: &mut dyn FnMut(Place, &Event<'_>),
    ) {
        let lines = u64::from(frame.lines);
        let mut ordinal = first_ordinal;
        let outcome = read_frame(reader, frame, &mut |mut event| {
            self.lists.classify(&mut event);
            out(
                Place {
                    source,
                    frame: frame.number,
                    ordinal,
                },
                &event,
            );
            ordinal += 1;
        });
        counts.read += lines;
        counts.bytes += frame.length;
        counts.records += u64::from(ordinal - first_ordinal);
        match outcome {
            Outcome::Records => counts.stored += lines,
            Outcome::Ignored(reason) => counts.ignore_many(reason, lines),
            Outcome::Rejected(reason) => {
                counts.reject_many(reason, lines);
                let length = u32::try_from(frame.length).unwrap_or(u32::MAX);
                let reject = Reject {
                    time: None,
                    reason,
                    offset: frame.offset,
                    length,
                };
                out(
                    Place {
                        source,
                        frame: frame.number,
                        ordinal,
                    },
                    &Event::Reject(reject),
                );
            }
        }
    }
}

/// Compressed input that breaks off: counted as one frame, since what was lost had at least one.
fn count_torn_end(counts: &mut Counts, offset: u64) -> Event<'static> {
    counts.read += 1;
    counts.reject(RejectReason::TornEnd);
    Event::Reject(Reject {
        time: None,
        reason: RejectReason::TornEnd,
        offset,
        length: 0,
    })
}

/// What goes from the cutting thread to the reading one.
enum Piece {
    /// A block, how many bytes of the source end with it, and their digest.
    Block {
        block: Block,
        end: u64,
        digest: Option<[u8; 32]>,
    },
    /// The compressed input broke off here.
    Torn { line: u64, offset: u64 },
}

/// The end of a source.
struct End {
    length: u64,
    digest: [u8; 32],
}

fn cut(
    input: Opened,
    framing: crate::logs::Framing,
    out: &Sender<Piece>,
) -> Result<End, PipelineError> {
    let (reader, trail) = Trail::of(input.reader);
    let mut framer = Framer::new(reader, framing);
    loop {
        let mut block = Block::new();
        if !framer
            .fill(&mut block)
            .map_err(|error| input.name.error(error))?
        {
            break;
        }
        let end = framer.position().offset;
        let piece = Piece::Block {
            block,
            end,
            digest: trail.digest_at(end),
        };
        if out.send(piece).is_err() {
            // The reading thread has stopped; it knows why.
            break;
        }
    }
    let position = framer.position();
    if input.torn.is_set() {
        let torn = Piece::Torn {
            line: position.line,
            offset: position.offset,
        };
        if out.send(torn).is_err() {
            return Err(PipelineError::Stopped("reading"));
        }
    }
    let digest = trail.digest_at(position.offset).unwrap_or_default();
    Ok(End {
        length: position.offset,
        digest,
    })
}

fn deposit_all(deposit: &Deposit<'_>, batches: &Receiver<Prepared>) -> Result<(), PipelineError> {
    for batch in batches {
        deposit.batch(batch)?;
    }
    Ok(())
}

/// Makes batches of blocks.
struct BatchMaker<'a> {
    reading: &'a LogReading<'a>,
    source: &'a OpenSource,
    stored_bytes: u64,
    last_stored_frame: u64,
    names: &'a mut Names,
    reader: Box<dyn LineReader>,
    tree: FrameTree,
    originals: Batch,
    batch: Prepared,
    counts: Counts,
    total: Counts,
    blocks: u64,
}

impl<'a> BatchMaker<'a> {
    fn new(
        reading: &'a LogReading<'a>,
        source: &'a OpenSource,
        stored_bytes: u64,
        names: &'a mut Names,
        nonces: FrameNonces,
    ) -> Self {
        BatchMaker {
            reading,
            source,
            stored_bytes,
            last_stored_frame: source.past.as_ref().map_or(0, |past| past.last_frame()),
            names,
            reader: reading.format.reader(reading.settings),
            tree: FrameTree::new(nonces),
            originals: Batch::default(),
            batch: Prepared::of(source),
            counts: Counts::default(),
            total: Counts::default(),
            blocks: 0,
        }
    }

    fn run(
        &mut self,
        pieces: &Receiver<Piece>,
        out: &Sender<Prepared>,
    ) -> Result<(), PipelineError> {
        for piece in pieces {
            match piece {
                Piece::Block { block, end, digest } => {
                    self.block(&block);
                    self.batch.entry.length = end;
                    self.batch.entry.prefix_digest = Digest(digest.unwrap_or_default());
                    self.blocks += 1;
                    if self.blocks.is_multiple_of(BLOCKS_IN_A_BATCH) && !self.send(out)? {
                        return Ok(());
                    }
                }
                Piece::Torn { line, offset } => {
                    let event = count_torn_end(&mut self.counts, offset);
                    let place = Place {
                        source: self.source.id,
                        frame: line,
                        ordinal: 0,
                    };
                    self.batch.add(place, &event, self.names);
                }
            }
        }
        self.send(out)?;
        Ok(())
    }

    /// Reads all frames of a block, and beside that hashes and packs those that are new: either costs
    /// about as much as the other. Frames that are stored already are read too, since a format may
    /// remember them, but leave nothing behind.
    fn block(&mut self, block: &Block) {
        let stored_bytes = self.stored_bytes;
        let is_new = |frame: &Frame<'_>| frame.offset + frame.bytes.len() as u64 > stored_bytes;
        let (tree, originals) = (&mut self.tree, &mut self.originals);
        let mut reader = FrameReader {
            reading: self.reading,
            source: self.source.id,
            last_stored_frame: self.last_stored_frame,
            reader: &mut *self.reader,
            names: &mut *self.names,
            batch: &mut self.batch,
            counts: &mut self.counts,
            total: &mut self.total,
        };
        rayon::join(
            || {
                for frame in block.frames().filter(is_new) {
                    let raw = raw_bytes(block, &frame);
                    tree.push(frame.number, raw);
                    originals.push(frame.number, frame.offset, raw);
                }
            },
            || {
                for frame in block.frames() {
                    if is_new(&frame) {
                        reader.new_frame(&frame);
                    } else {
                        reader.stored_frame(&frame);
                    }
                }
            },
        );
    }

    /// Ends the batch and sends it on; `false` if nobody takes it any more.
    fn send(&mut self, out: &Sender<Prepared>) -> Result<bool, PipelineError> {
        let mut batch = std::mem::replace(&mut self.batch, Prepared::of(self.source));
        batch.originals = std::mem::take(&mut self.originals);
        let counts = std::mem::take(&mut self.counts);
        self.total.add(&counts);
        if counts.read == 0 {
            return Ok(true);
        }
        counts.check()?;
        batch.entry.count(&counts);
        batch.entry.root = self.tree.finish().1;
        // Names before rows: a token in the store must always lead back to its name.
        self.names.keep()?;
        Ok(out.send(batch).is_ok())
    }
}

/// What reading the frames of a block needs of the batch.
struct FrameReader<'m> {
    reading: &'m LogReading<'m>,
    source: SourceId,
    last_stored_frame: u64,
    reader: &'m mut dyn LineReader,
    names: &'m mut Names,
    batch: &'m mut Prepared,
    counts: &'m mut Counts,
    total: &'m mut Counts,
}

impl FrameReader<'_> {
    fn stored_frame(&mut self, frame: &Frame<'_>) {
        let mut unwanted = Counts::default();
        self.reading.frame(
            self.reader,
            frame,
            self.source,
            0,
            &mut unwanted,
            &mut |_, _| {},
        );
        self.total.read += u64::from(frame.lines);
        self.total.bytes += frame.length;
        self.total
            .ignore_many(IgnoreReason::AlreadyStored, u64::from(frame.lines));
    }

    fn new_frame(&mut self, frame: &Frame<'_>) {
        // A frame that was stored without its end is read again whole, beside what it was taken for then.
        let torn = frame.number <= self.last_stored_frame;
        let first_ordinal = if torn { AFTER_A_TORN_FRAME } else { 0 };
        if self.batch.entry.frames == 0 {
            self.batch.entry.first_frame = frame.number;
            self.batch.torn = torn;
        }
        self.batch.entry.frames += 1;
        self.batch.entry.last_frame = frame.number + u64::from(frame.lines).saturating_sub(1);
        let (batch, names) = (&mut *self.batch, &mut *self.names);
        self.reading.frame(
            self.reader,
            frame,
            self.source,
            first_ordinal,
            self.counts,
            &mut |place, event| batch.add(place, event, names),
        );
    }
}

/// Where the ordinals of a frame go on that was first stored without its end.
const AFTER_A_TORN_FRAME: u32 = 1 << 16;

/// The frame as it stands in the source, with its line end; of a frame longer than a block, its beginning.
fn raw_bytes<'b>(block: &'b Block, frame: &Frame<'_>) -> &'b [u8] {
    let bytes = block.bytes();
    let from = usize::try_from(frame.offset - block.first().offset).unwrap_or(bytes.len());
    let rest = bytes.get(from..).unwrap_or_default();
    usize::try_from(frame.length)
        .ok()
        .and_then(|length| rest.get(..length))
        .unwrap_or(rest)
}

/// Tells the format of a log from its first lines. The input comes back whole; `None` if it is empty.
pub fn detect(
    mut input: Opened,
) -> Result<(Option<&'static dyn LogFormat>, Option<Opened>), PipelineError> {
    let mut start = Vec::new();
    let limit = crate::logs::framing::BLOCK_SIZE as u64;
    input
        .reader
        .by_ref()
        .take(limit)
        .read_to_end(&mut start)
        .map_err(|error| input.name.error(error))?;
    if start.is_empty() && !input.torn.is_set() {
        return Ok((None, None));
    }
    let mut lines: Vec<&[u8]> = start.split(|byte| *byte == b'\n').collect();
    // The last piece is a line cut off, unless the source ends there.
    if start.len() as u64 == limit && lines.len() > 1 {
        lines.pop();
    }
    let lines: Vec<&[u8]> = lines
        .into_iter()
        .take(crate::logs::SAMPLE_LINES)
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect();
    let format = crate::logs::likeliest(&lines).map(|(format, _)| format);
    input.reader = Box::new(std::io::Cursor::new(start).chain(input.reader));
    Ok((format, Some(input)))
}
