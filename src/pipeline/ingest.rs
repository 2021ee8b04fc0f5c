//! A log into records: cut into blocks, read by its format, met with the lists, then printed or stored.
//!
//! Printing runs in one thread, or in several abreast. Storing runs in three, joined by short channels: one reads and cuts,
//! one reads the frames and makes rows (and has them hashed by another at the same time), one brings the batches to the store. Where batches are cut depends on the
//! bytes alone, so the same file makes the same batches.
//!
//! A file whose last line has no end yet may still be written to. What stands there is not stored but counted as
//! unfinished, and read once it is whole: half a line is another line, and a line that is stored twice is counted twice.
//! A stream does not come back, so its last line is read as it is.

mod abreast;

use std::io::{self, Read};

pub use abreast::Making;

use crossbeam_channel::{Receiver, Sender, bounded};
use ring::digest::Context;

use crate::classify::ListIndex;
use crate::ledger::{BatchIngested, Digest, FrameNonces, FrameTree};
use crate::logs::{
    Block, Frame, Framer, LineReader, LogFormat, Outcome, Position, SourceSettings, Writing,
    read_frame,
};
use crate::record::{
    Counts, Event, IgnoreReason, Place, Record, Reject, RejectReason, SourceId, SourceKind,
};
use crate::store::names::Names;
use crate::store::originals::Batch;

use super::PipelineError;
use super::deposit::{Deposit, OpenSource, Prepared};
use super::history::SourcePast;
use super::input::{InputError, InputName, Opened, StoredPoint, Torn};
use super::lane::Left;
use super::retention::Lines;
use super::stop::Told;
use super::storing::{WAITING, beside_storing};
use super::trail::Trail;

/// How a log is read.
pub struct LogReading<'a> {
    /// Its format.
    pub format: &'static dyn LogFormat,
    /// What its lines do not say.
    pub settings: &'a SourceSettings,
    /// The lists that its events are met with.
    pub lists: &'a ListIndex,
    /// Asked between blocks of what is stored.
    pub told_to_stop: Told,
    /// What is older was deleted for its age: it is counted, and does not come back. None when nothing is stored.
    pub lines: Lines,
}

/// How much of a source its writing is told from.
pub(super) const SAMPLE: usize = 64 << 10;

/// Where a source is taken up.
#[expect(
    clippy::large_enum_variant,
    reason = "one for each file that is read, and nearly always a mark"
)]
pub enum Start {
    /// At its beginning; frames that begin before so many bytes are stored, and read again for what a format remembers.
    Beginning(u64),
    /// At a mark.
    At(Mark),
}

/// A place up to which a source was read and stored, and all that is needed to go on from there.
pub struct Mark {
    position: Position,
    digest: Context,
    writing: Writing,
    /// The reader that saw what stands before, if it is at hand.
    reader: Option<Box<dyn LineReader>>,
}

impl Mark {
    /// Takes an input to where a stored point of it ends. `digest` is that of all before it.
    pub fn at(
        point: &StoredPoint,
        digest: Context,
        mut input: Opened,
    ) -> Result<(Mark, Opened), InputError> {
        let writing;
        (writing, input) = writing_of(input)?;
        let before = &mut input.reader.by_ref().take(point.length);
        io::copy(before, &mut io::sink()).map_err(|error| input.name.error(error))?;
        let mark = Mark {
            position: Position {
                offset: point.length,
                line: point.last_frame + 1,
            },
            digest,
            writing,
            reader: None,
        };
        Ok((mark, input))
    }

    /// The beginning of a source that begins with these bytes.
    pub fn beginning(sample: &[u8]) -> Mark {
        Mark {
            position: Position::START,
            digest: Context::new(&ring::digest::SHA256),
            writing: Writing::of(sample),
            reader: None,
        }
    }

    /// The same place, from which lines get a new reader.
    pub(super) fn again(&self) -> Mark {
        Mark {
            position: self.position,
            digest: self.digest.clone(),
            writing: self.writing,
            reader: None,
        }
    }

    /// The place behind a batch that was made of `part`, which began at `before`.
    pub(super) fn behind(batch: &BatchIngested, part: &[u8], before: Option<&Mark>) -> Mark {
        let mut mark = before.map_or_else(|| Mark::beginning(&[]), Mark::again);
        mark.digest.update(part);
        mark.position = Position {
            offset: batch.length,
            line: batch.last_frame + 1,
        };
        mark
    }

    /// Sees to it that the next lines are read by such a reader; one that is at hand goes on.
    pub(super) fn read_with(&mut self, reader: impl FnOnce() -> Box<dyn LineReader>) {
        self.reader.get_or_insert_with(reader);
    }

    /// The next lines are read by the reader that came to another mark.
    pub(super) fn take_reader_of(&mut self, other: Mark) {
        self.reader = other.reader;
    }

    /// The next lines get a new reader.
    pub fn forget_reader(&mut self) {
        self.reader = None;
    }

    /// How many bytes lie before it.
    pub fn offset(&self) -> u64 {
        self.position.offset
    }

    /// How many lines lie before it.
    pub fn lines(&self) -> u64 {
        self.position.line.saturating_sub(1)
    }

    /// The digest of all that lies before it.
    pub fn digest(&self) -> [u8; 32] {
        super::input::bytes_of(self.digest.clone())
    }
}

/// How an input writes its text, and the whole of it.
fn writing_of(mut input: Opened) -> Result<(Writing, Opened), InputError> {
    let mut start = Vec::new();
    let sample = &mut input.reader.by_ref().take(SAMPLE as u64);
    sample
        .read_to_end(&mut start)
        .map_err(|error| input.name.error(error))?;
    let writing = Writing::of(&start);
    input.reader = Box::new(io::Cursor::new(start).chain(input.reader));
    Ok((writing, input))
}

/// What came of storing a part of a source.
pub struct Went {
    /// What was counted.
    pub counts: Counts,
    /// What waits for the store.
    pub left: Left,
    /// Where the source is taken up the next time.
    pub mark: Mark,
}

/// How many blocks make a batch: about sixteen megabytes of a log.
const BLOCKS_IN_A_BATCH: u64 = 64;

impl LogReading<'_> {
    /// Reads a log and hands each record to `out`, in the order of the log.
    pub fn each_record(
        &self,
        input: Opened,
        source: SourceId,
        mut out: impl FnMut(Place, &Event<'_>) -> Result<(), PipelineError>,
    ) -> Result<Counts, PipelineError> {
        let (mut framer, torn, name) = self.framer(input)?;
        let mut reading = Reading::of(self, source);
        let mut block = Block::new();
        while framer.fill(&mut block).map_err(|error| name.error(error))? {
            reading.block(&block, &mut out)?;
        }
        reading.end(torn.is_set().then(|| framer.position()), &mut out)
    }

    /// What cuts an input into frames, whether it broke off, and its name.
    fn framer(&self, input: Opened) -> Result<(InputFramer, Torn, InputName), PipelineError> {
        let (torn, name) = (input.torn.clone(), input.name.clone());
        let (writing, input) = writing_of(input)?;
        let framer = Framer::new(input.reader, self.format.framing()).written(writing);
        Ok((framer, torn, name))
    }

    /// Reads a log and stores what is new in it. Gives the counts of this run.
    pub fn store(
        &self,
        input: Opened,
        source: &OpenSource,
        start: Start,
        names: &mut Names,
        nonces: FrameNonces,
        deposit: &Deposit<'_>,
    ) -> Result<(Counts, Left), PipelineError> {
        let went = self.store_part(input, source, start, true, names, nonces, deposit)?;
        Ok((went.counts, went.left))
    }

    /// The same of a source that goes on, which is not `closing` yet.
    #[expect(clippy::too_many_arguments, reason = "each is another's to give")]
    pub(super) fn store_part(
        &self,
        input: Opened,
        source: &OpenSource,
        start: Start,
        closing: bool,
        names: &mut Names,
        nonces: FrameNonces,
        deposit: &Deposit<'_>,
    ) -> Result<Went, PipelineError> {
        let (to_read, blocks) = bounded::<Piece>(WAITING);
        let framing = self.format.framing();
        let may_grow = source.kind == SourceKind::LogFile;
        let name = input.name.to_string();
        let (mut mark, stored_bytes, input) = match start {
            Start::At(mark) => (mark, 0, input),
            Start::Beginning(stored_bytes) => {
                let (writing, input) = writing_of(input)?;
                let mut mark = Mark::beginning(&[]);
                mark.writing = writing;
                (mark, stored_bytes, input)
            }
        };
        let reader = mark.reader.take();
        std::thread::scope(|threads| {
            let cutter = threads.spawn(move || cut(input, framing, may_grow, mark, &to_read));
            let mut maker = BatchMaker::new(self, source, stored_bytes, names, nonces, reader);
            let stored = beside_storing(deposit, source, Some(&name), |to_store| {
                maker.run(&blocks, to_store)
            });
            // Closed first, so that the cutter does not wait for one that has stopped.
            drop(blocks);
            let ((), mut lane) = stored?;
            let mut mark = cutter
                .join()
                .map_err(|_| PipelineError::Stopped("reading"))??;
            let BatchMaker {
                total,
                sent,
                reader,
                ..
            } = maker;
            mark.reader = Some(reader);
            let mut counts = total;
            counts.check()?;
            // What ended there before has not ended again, and of what has not begun there is nothing to say.
            let known = source.past.as_ref().is_none_or(SourcePast::is_at_an_end);
            if closing && (sent || !known) {
                lane.close(source, mark.offset(), mark.digest(), 0)?;
            }
            let left = lane.end()?;
            left.dropped.out_of(&mut counts);
            counts.check()?;
            Ok(Went { counts, left, mark })
        })
    }

    /// Reads one frame: counts it, meets its events with the lists, hands them out with their places.
    pub(super) fn frame(
        &self,
        reader: &mut dyn LineReader,
        frame: &Frame<'_>,
        source: SourceId,
        counts: &mut Counts,
        out: &mut dyn FnMut(Place, &Event<'_>),
    ) {
        let lines = u64::from(frame.lines);
        let (mut ordinal, mut past) = (0, false);
        let outcome = read_frame(reader, frame, &mut |mut event| {
            if self.lines.is_past(event.table(), event.time()) {
                past = true;
                return;
            }
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
        counts.records += u64::from(ordinal);
        match outcome {
            Outcome::Records if past && ordinal == 0 => {
                counts.ignore_many(IgnoreReason::PastRetention, lines);
            }
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

/// What cuts an input into frames.
type InputFramer = Framer<Box<dyn Read + Send>>;

/// A log while it is read and not stored.
struct Reading<'a> {
    log: &'a LogReading<'a>,
    source: SourceId,
    reader: Box<dyn LineReader>,
    counts: Counts,
}

impl<'a> Reading<'a> {
    fn of(log: &'a LogReading<'a>, source: SourceId) -> Self {
        Reading {
            log,
            source,
            reader: crate::logs::reader(log.format, log.settings),
            counts: Counts::default(),
        }
    }

    fn block(
        &mut self,
        block: &Block,
        out: &mut impl FnMut(Place, &Event<'_>) -> Result<(), PipelineError>,
    ) -> Result<(), PipelineError> {
        for frame in block.frames() {
            let mut failed = None;
            let (reader, counts) = (&mut *self.reader, &mut self.counts);
            self.log
                .frame(reader, &frame, self.source, counts, &mut |place, event| {
                    if failed.is_none() {
                        failed = out(place, event).err();
                    }
                });
            if let Some(error) = failed {
                return Err(error);
            }
        }
        Ok(())
    }

    /// The counts; `torn` is where the input broke off.
    fn end(
        mut self,
        torn: Option<Position>,
        out: &mut impl FnMut(Place, &Event<'_>) -> Result<(), PipelineError>,
    ) -> Result<Counts, PipelineError> {
        if let Some(position) = torn {
            let place = Place {
                source: self.source,
                frame: position.line,
                ordinal: 0,
            };
            out(place, &count_torn_end(&mut self.counts, position.offset))?;
        }
        self.counts.check()?;
        Ok(self.counts)
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
    /// A block, how many bytes of the source end with its last frame that is to be stored, and their digest.
    Block {
        block: Block,
        end: u64,
        digest: Option<[u8; 32]>,
    },
    /// The compressed input broke off here.
    Torn { line: u64, offset: u64 },
}

/// Cuts what comes after a mark, and gives the mark up to which all can be stored.
fn cut(
    input: Opened,
    framing: crate::logs::Framing,
    may_grow: bool,
    from: Mark,
    out: &Sender<Piece>,
) -> Result<Mark, PipelineError> {
    let (reader, trail) = Trail::resume(input.reader, from.digest.clone(), from.offset());
    let mut framer = Framer::resume(reader, framing, from.position).written(from.writing);
    let mut known = from;
    loop {
        let mut block = Block::new();
        if !framer
            .fill(&mut block)
            .map_err(|error| input.name.error(error))?
        {
            break;
        }
        let unfinished = (may_grow && framer.has_ended())
            .then(|| block.frames().last())
            .flatten()
            .filter(|frame| !frame.terminated);
        known.position = unfinished.map_or(framer.position(), |frame| Position {
            offset: frame.offset,
            line: frame.number,
        });
        let end = known.offset();
        let digest = trail.context_at(end);
        known.digest = digest.clone().unwrap_or(known.digest);
        let digest = digest.map(super::input::bytes_of);
        if out.send(Piece::Block { block, end, digest }).is_err() {
            // The reading thread has stopped; it knows why.
            break;
        }
    }
    if input.torn.is_set() {
        let position = framer.position();
        let torn = Piece::Torn {
            line: position.line,
            offset: position.offset,
        };
        // Who does not take it has stopped, and knows why.
        drop(out.send(torn));
    }
    Ok(known)
}

/// Makes batches of blocks.
struct BatchMaker<'a> {
    reading: &'a LogReading<'a>,
    source: &'a OpenSource,
    stored_bytes: u64,
    may_grow: bool,
    names: &'a mut Names,
    reader: Box<dyn LineReader>,
    tree: FrameTree,
    originals: Batch,
    batch: Prepared,
    counts: Counts,
    total: Counts,
    blocks: u64,
    unfinished: Option<u32>,
    sent: bool,
}

impl<'a> BatchMaker<'a> {
    fn new(
        reading: &'a LogReading<'a>,
        source: &'a OpenSource,
        stored_bytes: u64,
        names: &'a mut Names,
        nonces: FrameNonces,
        reader: Option<Box<dyn LineReader>>,
    ) -> Self {
        BatchMaker {
            reading,
            source,
            stored_bytes,
            may_grow: source.kind == SourceKind::LogFile,
            names,
            reader: reader.unwrap_or_else(|| crate::logs::reader(reading.format, reading.settings)),
            tree: FrameTree::new(nonces),
            originals: Batch::default(),
            batch: Prepared::of(source),
            counts: Counts::default(),
            total: Counts::default(),
            blocks: 0,
            unfinished: None,
            sent: false,
        }
    }

    fn run(
        &mut self,
        pieces: &Receiver<Piece>,
        out: &Sender<Prepared>,
    ) -> Result<(), PipelineError> {
        for piece in pieces {
            if self.reading.told_to_stop.is_set() {
                return Err(PipelineError::Interrupted);
            }
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
                Piece::Torn { line, offset } => self.torn(line, offset),
            }
        }
        if let Some(lines) = self.unfinished.take() {
            self.total.read += u64::from(lines);
            self.total
                .ignore_many(IgnoreReason::Unfinished, u64::from(lines));
        }
        self.send(out)?;
        Ok(())
    }

    /// Compressed input breaks off. A file may come again whole, so the break is told and not stored; what
    /// stands before it without its end is the line that broke.
    fn torn(&mut self, line: u64, offset: u64) {
        if self.may_grow {
            let lines = u64::from(self.unfinished.take().unwrap_or(1));
            self.total.read += lines;
            self.total.reject_many(RejectReason::TornEnd, lines);
            return;
        }
        let event = count_torn_end(&mut self.counts, offset);
        let place = Place {
            source: self.source.id,
            frame: line,
            ordinal: 0,
        };
        self.batch.add(place, &event, self.names);
    }

    /// Reads all frames of a block, and beside that hashes and packs those that are new: either costs
    /// about as much as the other. Frames that are stored already are read too, since a format may
    /// remember them, but leave nothing behind.
    fn block(&mut self, block: &Block) {
        let (stored_bytes, may_grow) = (self.stored_bytes, self.may_grow);
        let is_new =
            |frame: &Frame<'_>| frame.offset >= stored_bytes && (frame.terminated || !may_grow);
        let (tree, originals) = (&mut self.tree, &mut self.originals);
        let mut reader = FrameReader {
            reading: self.reading,
            source: self.source.id,
            stored_bytes,
            unfinished: &mut self.unfinished,
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
                        reader.other_frame(&frame);
                    }
                }
            },
        );
    }

    /// Ends the batch and sends it on; `false` if nobody takes it any more.
    fn send(&mut self, out: &Sender<Prepared>) -> Result<bool, PipelineError> {
        let next = Prepared::after(self.source, &self.batch);
        let mut batch = std::mem::replace(&mut self.batch, next);
        let next = Batch::with_room_of(&self.originals);
        batch.originals = std::mem::replace(&mut self.originals, next);
        let counts = std::mem::take(&mut self.counts);
        let past = IgnoreReason::PastRetention.as_str();
        if counts.reasons.contains_key(past) && counts.stored + counts.rejected == 0 {
            // All of it has had its time, the lines too.
            batch.originals = Batch::default();
        }
        self.total.add(&counts);
        if counts.read == 0 {
            return Ok(true);
        }
        counts.check()?;
        batch.count(counts);
        batch.entry.root = self.tree.finish().1;
        // Names before rows: a token in the store must always lead back to its name.
        self.names.keep()?;
        self.sent = true;
        Ok(out.send(batch).is_ok())
    }
}

/// What reading the frames of a block needs of the batch.
struct FrameReader<'m> {
    reading: &'m LogReading<'m>,
    source: SourceId,
    stored_bytes: u64,
    unfinished: &'m mut Option<u32>,
    reader: &'m mut dyn LineReader,
    names: &'m mut Names,
    batch: &'m mut Prepared,
    counts: &'m mut Counts,
    total: &'m mut Counts,
}

impl FrameReader<'_> {
    /// A frame that is stored already, or has no end yet.
    fn other_frame(&mut self, frame: &Frame<'_>) {
        self.total.bytes += frame.length;
        if frame.offset >= self.stored_bytes {
            *self.unfinished = Some(frame.lines);
            return;
        }
        let mut unwanted = Counts::default();
        self.reading.frame(
            self.reader,
            frame,
            self.source,
            &mut unwanted,
            &mut |_, _| {},
        );
        self.total.read += u64::from(frame.lines);
        self.total
            .ignore_many(IgnoreReason::AlreadyStored, u64::from(frame.lines));
    }

    fn new_frame(&mut self, frame: &Frame<'_>) {
        if self.batch.entry.frames == 0 {
            self.batch.entry.first_frame = frame.number;
        }
        self.batch.entry.frames += 1;
        self.batch.entry.last_frame = frame.number + u64::from(frame.lines).saturating_sub(1);
        let (batch, names) = (&mut *self.batch, &mut *self.names);
        self.reading.frame(
            self.reader,
            frame,
            self.source,
            self.counts,
            &mut |place, event| batch.add(place, event, names),
        );
    }
}

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

/// Formats that lines look like, the likeliest first, each with its likeness in percent.
pub type Likenesses = Vec<(&'static dyn LogFormat, u8)>;

/// Tells what a log's first lines look like, among the operator's own formats and ours. The input comes back whole; `None` if it is empty.
pub fn detect(
    mut input: Opened,
    own: &[&'static dyn LogFormat],
) -> Result<(Likenesses, Option<Opened>), PipelineError> {
    let mut start = Vec::new();
    let limit = crate::logs::framing::BLOCK_SIZE as u64;
    input
        .reader
        .by_ref()
        .take(limit)
        .read_to_end(&mut start)
        .map_err(|error| input.name.error(error))?;
    if start.is_empty() && !input.torn.is_set() {
        return Ok((Vec::new(), None));
    }
    let sample = start.get(..SAMPLE).unwrap_or(&start);
    let text = Writing::of(sample).text_of(&start);
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // The last piece is a line cut off, unless the source ends there.
    if start.len() as u64 == limit && lines.len() > 1 {
        lines.pop();
    }
    let lines: Vec<&[u8]> = lines
        .into_iter()
        .take(crate::logs::SAMPLE_LINES)
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect();
    let found = crate::logs::likenesses(&lines, own);
    input.reader = Box::new(std::io::Cursor::new(start).chain(input.reader));
    Ok((found, Some(input)))
}
