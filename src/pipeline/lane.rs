//! The way of one source's batches through the spool into the store: in order, with patience while the store is away.
//!
//! Nothing is stored that is not written down first, and nothing is stored before what was written down earlier. A
//! store that is away is asked again after one second, then two, up to a minute; meanwhile reading goes on and batches
//! gather in the spool. Where the spool is full, a file stops: it can be read again. What can not be read again is lost
//! then, and said to be: in the counts, and by an entry of its own.

use std::time::Duration;

use crate::clock::Stopwatch;
use crate::ledger::{Act, BatchDropped, BatchSpooled, Entry};
use crate::record::Counts;
use crate::store::spool::{Queue, SpoolError};

use super::PipelineError;
use super::deposit::{Deposit, OpenSource, Prepared};
use super::way::{Closing, Thing, of_item, to_item};

/// The lane of one source, while it is at work.
#[derive(Debug)]
pub struct Lane<'a> {
    deposit: &'a Deposit<'a>,
    queue: Queue,
    /// How many of the things at the head of the queue may have been stored already, wholly or in part.
    doubtful: usize,
    /// What the ledger has of this source, read when something is doubtful.
    known: Option<Vec<Entry>>,
    can_be_read_again: bool,
    patience: Patience,
    left: Left,
}

/// What did not come through.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// Batches that wait in the spool.
    pub batches: u64,
    /// Frames in them.
    pub frames: u64,
    /// What the store said when it was asked last.
    pub reason: String,
    /// Batches that were lost, with their counts.
    pub dropped: Dropped,
}

/// What was read and lost for lack of room.
#[derive(Clone, Debug, Default)]
pub struct Dropped {
    /// How many batches.
    pub batches: u64,
    /// What they held.
    pub counts: Counts,
    /// How many flows, of a capture.
    pub flows: u64,
}

/// When the store is asked again.
#[derive(Debug)]
struct Patience {
    since: Option<Stopwatch>,
    wait: Duration,
}

impl Dropped {
    /// Takes what was lost out of what was read.
    pub fn out_of(&self, counts: &mut Counts) {
        let lost = &self.counts;
        counts.read -= lost.read.min(counts.read);
        counts.stored -= lost.stored.min(counts.stored);
        counts.rejected -= lost.rejected.min(counts.rejected);
        counts.ignored -= lost.ignored.min(counts.ignored);
        counts.held -= lost.held.min(counts.held);
        counts.bytes -= lost.bytes.min(counts.bytes);
        counts.records -= lost.records.min(counts.records);
        for (reason, frames) in &lost.reasons {
            if let Some(sum) = counts.reasons.get_mut(reason) {
                *sum = sum.saturating_sub(*frames);
            }
        }
        counts.reasons.retain(|_, frames| *frames > 0);
    }
}

impl Left {
    /// Adds what another source left.
    pub fn add(&mut self, other: Left) {
        self.batches += other.batches;
        self.frames += other.frames;
        if !other.reason.is_empty() {
            self.reason = other.reason;
        }
        self.dropped.batches += other.dropped.batches;
        self.dropped.counts.add(&other.dropped.counts);
        self.dropped.flows += other.dropped.flows;
    }
}

impl<'a> Lane<'a> {
    /// The lane of a source that is read now.
    pub(super) fn of(deposit: &'a Deposit<'a>, source: &OpenSource) -> Result<Self, PipelineError> {
        let queue = deposit.spool.queue(source.id)?;
        Ok(Lane::through(deposit, queue, source.can_be_read_again()))
    }

    /// The lane of what somebody left.
    pub(super) fn through(deposit: &'a Deposit<'a>, queue: Queue, can_be_read_again: bool) -> Self {
        let mut patience = Patience::new();
        if deposit.store.is_closed() {
            patience.lost();
        }
        Lane {
            deposit,
            doubtful: queue.len(),
            queue,
            known: None,
            can_be_read_again,
            patience,
            left: Left::default(),
        }
    }

    /// Brings a batch on its way.
    pub fn batch(&mut self, batch: Prepared) -> Result<(), PipelineError> {
        let entry = batch.entry.clone();
        let thing = Thing::Batch {
            batch,
            since: self.deposit.ledger.head().size,
        };
        let item = to_item(&thing)?;
        if self.queue.has_room_for(&item).is_err() {
            self.drain()?;
        }
        let Thing::Batch { batch, .. } = &thing else {
            return Ok(());
        };
        let written = self
            .queue
            .has_room_for(&item)
            .map_err(PipelineError::from)
            .and_then(|()| Ok(self.deposit.originals.put(entry.source, &batch.originals)?))
            .and_then(|()| Ok(self.queue.put(&item)?));
        match written {
            Ok(()) => {}
            Err(error) if !self.can_be_read_again && is_lack_of_room(&error) => {
                return self.drop_batch(batch);
            }
            Err(error) => return Err(error),
        }
        if !self.brought(thing)? {
            let spooled = Act::BatchSpooled(BatchSpooled {
                source: entry.source,
                first_frame: entry.first_frame,
                last_frame: entry.last_frame,
                frames: entry.frames,
                root: entry.root,
            });
            self.deposit.append(&spooled)?;
        }
        Ok(())
    }

    /// Brings an act on its way that is true once all before it is stored.
    pub fn act(&mut self, act: Act) -> Result<(), PipelineError> {
        let since = self.deposit.ledger.head().size;
        self.bring(Thing::Act { act, since })
    }

    /// Enters that a source was read to its end, once all of it is stored, and brings its row in the table of sources
    /// up to date.
    pub fn close(
        &mut self,
        source: &OpenSource,
        length: u64,
        digest: [u8; 32],
        dropped: u64,
    ) -> Result<(), PipelineError> {
        let dropped = dropped + self.left.dropped.counts.read;
        let closing = Closing::of(self.deposit, source, length, digest, dropped);
        self.bring(Thing::Closing(closing))
    }

    /// Asks the store again if it was away and it is time to; for sources that are quiet for long.
    pub fn retry(&mut self) -> Result<(), PipelineError> {
        if !self.queue.is_empty() && self.patience.is_over() {
            self.drain()?;
        }
        Ok(())
    }

    /// Ends the work: a store that was away is asked a few times more; what it does not take stays in the spool.
    pub fn end(mut self) -> Result<Left, PipelineError> {
        let since = Stopwatch::start();
        while !self.queue.is_empty() && !self.drain()? && since.elapsed() < LAST_PATIENCE {
            std::thread::sleep(FIRST_WAIT);
        }
        for head in self.queue.heads()? {
            if let Some(frames) = super::way::frames_of(&head) {
                self.left.batches += 1;
                self.left.frames += frames;
            }
        }
        if self.queue.is_empty() {
            self.left.reason.clear();
        }
        Ok(self.left)
    }

    fn bring(&mut self, thing: Thing) -> Result<(), PipelineError> {
        self.queue.put(&to_item(&thing)?)?;
        self.brought(thing)?;
        Ok(())
    }

    /// Stores what was written down last; says whether all is stored.
    fn brought(&mut self, thing: Thing) -> Result<bool, PipelineError> {
        if !self.patience.is_over() {
            return Ok(false);
        }
        if self.queue.len() > 1 {
            return self.drain();
        }
        // Alone on its way, it need not be read back.
        self.pass(thing)
    }

    /// Stores what waits, first things first; says whether nothing is left.
    pub(super) fn drain(&mut self) -> Result<bool, PipelineError> {
        while let Some(item) = self.queue.first()? {
            let thing = of_item(&item).ok_or(PipelineError::PendingBatch)?;
            if !self.pass(thing)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Stores the first thing of the queue and takes it away; `false` if the store is away.
    fn pass(&mut self, thing: Thing) -> Result<bool, PipelineError> {
        let is_doubtful = self.doubtful > 0;
        if is_doubtful && self.known.is_none() {
            self.known = Some(self.deposit.entries_of(self.queue.source())?);
        }
        let known = self.known.as_deref().filter(|_| is_doubtful);
        match self.deposit.enter(thing, known) {
            Ok(()) => {}
            Err(PipelineError::Store(error)) if self.deposit.store.may_be_waited_for(&error) => {
                self.left.reason = error.to_string();
                self.patience.lost();
                self.doubtful = self.doubtful.max(1);
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        self.patience = Patience::new();
        self.doubtful = self.doubtful.saturating_sub(1);
        if self.doubtful == 0 {
            self.known = None;
        }
        self.queue.done()?;
        Ok(true)
    }

    fn drop_batch(&mut self, batch: &Prepared) -> Result<(), PipelineError> {
        let entry = &batch.entry;
        self.left.dropped.batches += 1;
        self.left.dropped.counts.add(&batch.counts);
        self.left.dropped.flows += batch.flows;
        self.deposit.append(&Act::BatchDropped(BatchDropped {
            source: entry.source,
            first_frame: entry.first_frame,
            last_frame: entry.last_frame,
            read: entry.read,
        }))
    }
}

impl Patience {
    fn new() -> Self {
        Patience {
            since: None,
            wait: Duration::ZERO,
        }
    }

    fn is_over(&self) -> bool {
        self.since
            .as_ref()
            .is_none_or(|since| since.elapsed() >= self.wait)
    }

    fn lost(&mut self) {
        self.since = Some(Stopwatch::start());
        self.wait = (self.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
    }
}

/// Whether the spool's bound or its disk refused.
pub(super) fn is_lack_of_room(error: &PipelineError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(here) = cause {
        let full = here
            .downcast_ref::<SpoolError>()
            .is_some_and(|error| matches!(error, SpoolError::Full { .. }));
        let disk = here.downcast_ref::<std::io::Error>();
        if full || disk.is_some_and(super::is_disk_full) {
            return true;
        }
        cause = here.source();
    }
    false
}

/// How long a store that is away is left alone at first, and at most.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long the end of a source goes on asking.
const LAST_PATIENCE: Duration = Duration::from_secs(2);
