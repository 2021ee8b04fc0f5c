//! The way of one source's batches through the spool into the store: in order, with patience while the store is away.
//!
//! Nothing is stored that is not written down first, and nothing is stored before what was written down earlier. While
//! one batch is stored the next is packed and written down, so that neither the disk nor the engine waits for the other. A
//! store that is away is asked again after one second, then two, up to a minute; meanwhile reading goes on and batches
//! gather in the spool. Where the spool is full, a file stops: it can be read again. What can not be read again is lost
//! then, and said to be: in the counts, and by an entry of its own.

use std::time::Duration;

use crate::clock::Stopwatch;
use crate::ledger::{Act, BatchDropped, BatchSpooled, Entry};
use crate::record::Counts;
use crate::store::spool::{Item, Queue, SpoolError};

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
    /// The only thing of the queue, as it was before it was written down: it need not be read back.
    ready: Option<Thing>,
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
            ready: None,
            can_be_read_again,
            patience,
            left: Left::default(),
        }
    }

    /// Brings a batch on its way: written down when this returns, and stored by the next call at the latest. What was
    /// written down before is stored meanwhile.
    pub fn batch(&mut self, batch: Prepared) -> Result<(), PipelineError> {
        let thing = Thing::Batch {
            batch,
            since: self.deposit.ledger.head().size,
        };
        let (earlier, deposit) = (self.ready.take(), self.deposit);
        let (stored, written) = std::thread::scope(|threads| {
            let storing = earlier.map(|earlier| {
                let spooled = spooled(&earlier);
                threads.spawn(move || (deposit.enter(earlier, None), spooled))
            });
            let written = to_item(&thing).and_then(|item| {
                let written = self.write_down(&thing, &item)?;
                Ok((item, written))
            });
            (storing.map(|storing| storing.join()), written)
        });
        if let Some(stored) = stored {
            let (stored, spooled) = stored.map_err(|_| PipelineError::Stopped("storing"))?;
            if !self.has_passed(stored)? {
                self.deposit.append_all(spooled)?;
            }
        }
        let (item, written) = written?;
        if !written {
            self.drain()?;
            if !self.write_down_at_last(&thing, &item)? {
                return Ok(());
            }
        }
        if self.queue.len() == 1 && self.doubtful == 0 && self.patience.is_over() {
            self.ready = Some(thing);
            return Ok(());
        }
        if !self.brought()? {
            self.deposit.append_all(spooled(&thing))?;
        }
        Ok(())
    }

    /// Writes a batch and its originals down, if there is room for it beside what waits.
    fn write_down(&mut self, thing: &Thing, item: &Item) -> Result<bool, PipelineError> {
        match self.queue.has_room_for(item) {
            Ok(()) => {}
            Err(SpoolError::Full { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let Thing::Batch { batch, .. } = thing else {
            return Ok(true);
        };
        let source = batch.entry.source;
        let written = self.deposit.originals.put(source, &batch.originals);
        let written = written.map_err(PipelineError::from);
        match written.and_then(|()| Ok(self.queue.put(item)?)) {
            Ok(()) => Ok(true),
            // Once what is on its way has gone, there may be room.
            Err(error) if is_lack_of_room(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// As [`Lane::write_down`], when nothing more can be waited for: what can not be read again is lost then.
    fn write_down_at_last(&mut self, thing: &Thing, item: &Item) -> Result<bool, PipelineError> {
        let Thing::Batch { batch, .. } = thing else {
            return Ok(false);
        };
        let written = self
            .queue
            .has_room_for(item)
            .map_err(PipelineError::from)
            .and_then(|()| {
                let source = batch.entry.source;
                Ok(self.deposit.originals.put(source, &batch.originals)?)
            })
            .and_then(|()| Ok(self.queue.put(item)?));
        match written {
            Ok(()) => Ok(true),
            Err(error) if !self.can_be_read_again && is_lack_of_room(&error) => {
                self.drop_batch(batch).map(|()| false)
            }
            Err(error) => Err(error),
        }
    }

    /// Brings an act on its way that is true once all before it is stored.
    pub fn act(&mut self, act: Act) -> Result<(), PipelineError> {
        self.settle()?;
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
        self.settle()?;
        let closing = Closing::of(self.deposit, source, length, digest, dropped);
        self.bring(Thing::Closing(closing))
    }

    /// Asks the store again if it was away and it is time to; for sources that are quiet for long.
    pub fn retry(&mut self) -> Result<(), PipelineError> {
        self.settle()?;
        if !self.queue.is_empty() && self.patience.is_over() {
            self.drain()?;
        }
        Ok(())
    }

    /// Ends the work: a store that was away is asked a few times more; what it does not take stays in the spool.
    pub fn end(mut self) -> Result<Left, PipelineError> {
        self.settle()?;
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
        if self.queue.len() > 1 {
            self.brought()?;
        } else if self.patience.is_over() {
            self.pass(thing)?;
        }
        Ok(())
    }

    /// Whether something is written down and not yet being stored, although nothing stands in its way.
    pub(super) fn is_ready(&self) -> bool {
        self.ready.is_some()
    }

    /// Stores what was written down last, if nothing else has taken it up.
    pub(super) fn settle(&mut self) -> Result<(), PipelineError> {
        if let Some(thing) = self.ready.take() {
            let spooled = spooled(&thing);
            if !self.pass(thing)? {
                self.deposit.append_all(spooled)?;
            }
        }
        Ok(())
    }

    /// Stores what waits, if it is time to; says whether all is stored.
    fn brought(&mut self) -> Result<bool, PipelineError> {
        if !self.patience.is_over() {
            return Ok(false);
        }
        self.drain()
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
        let entered = self.deposit.enter(thing, known);
        self.has_passed(entered)
    }

    /// Takes the first thing of the queue away if it was stored; `false` if the store is away.
    fn has_passed(&mut self, entered: Result<(), PipelineError>) -> Result<bool, PipelineError> {
        match entered {
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

/// What the ledger is told of a batch that waits.
fn spooled(thing: &Thing) -> Option<Act> {
    let Thing::Batch { batch, .. } = thing else {
        return None;
    };
    let entry = &batch.entry;
    Some(Act::BatchSpooled(BatchSpooled {
        source: entry.source,
        first_frame: entry.first_frame,
        last_frame: entry.last_frame,
        frames: entry.frames,
        root: entry.root,
    }))
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
