//! A log read by several threads abreast: this one cuts it into blocks and takes what was made of them, in the order of the log.
//!
//! The blocks go to the readers in turn and come back in the same turn, so what comes out does not depend on their number.
//! A format that remembers earlier lines has one reader, whatever was asked for. Each reader has at most two blocks before it or
//! behind it, with what was made of them: about two megabytes a thread, however large the log is.

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{InputFramer, LogReading, Reading};
use crate::logs::Block;
use crate::pipeline::PipelineError;
use crate::pipeline::input::{InputName, Opened};
use crate::pipeline::storing::WAITING;
use crate::record::{Counts, Event, Place, SourceId};

/// Makes something of the records of a block, in the thread that reads them.
pub trait Making: Send {
    /// What is made of a block.
    type Made: Send + Default;

    /// Takes one record.
    fn record(&mut self, place: Place, event: &Event<'_>) -> Result<(), PipelineError>;

    /// Hands out what was made since the last time. `used` is what was handed out earlier, for its memory.
    fn take(&mut self, used: Self::Made) -> Self::Made;
}

impl LogReading<'_> {
    /// Reads a log in as many threads as there are makers, and hands what each made of a block to `out`, in the order of the log.
    pub fn each_made<M: Making>(
        &self,
        input: Opened,
        source: SourceId,
        mut makers: Vec<M>,
        mut out: impl FnMut(&M::Made) -> Result<(), PipelineError>,
    ) -> Result<Counts, PipelineError> {
        if self.format.remembers() {
            makers.truncate(1);
        }
        let (mut framer, torn, name) = self.framer(input)?;
        let (counts, maker) = std::thread::scope(|threads| {
            let mut lanes = Vec::new();
            let mut readers = Vec::new();
            for maker in makers {
                let (to_read, blocks) = bounded(WAITING);
                let (to_write, made) = bounded(WAITING);
                let reading = Reading::of(self, source);
                readers.push(threads.spawn(move || read(reading, maker, &blocks, &to_write)));
                lanes.push(Lane { to_read, made });
            }
            let passed = Turns::of(lanes).pass(&mut framer, &name, &mut out);
            let (mut counts, mut last) = (Counts::default(), None);
            for reader in readers {
                let (part, maker) = reader
                    .join()
                    .map_err(|_| PipelineError::Stopped("reading"))?;
                counts.add(&part);
                last = Some(maker);
            }
            passed.map(|()| (counts, last))
        })?;
        let mut maker = maker.ok_or(PipelineError::Stopped("reading"))?;
        let mut rest = Reading::of(self, source);
        rest.counts = counts;
        let position = torn.is_set().then(|| framer.position());
        let counts = rest.end(position, &mut |place, event| maker.record(place, event))?;
        out(&maker.take(M::Made::default()))?;
        Ok(counts)
    }
}

/// A block, and what was made of it or memory to make it in.
type Piece<D> = (Block, D);

/// The way to one reader and back.
struct Lane<D> {
    to_read: Sender<Piece<D>>,
    made: Receiver<Result<Piece<D>, PipelineError>>,
}

/// What a reading thread does; gives its counts and the maker in the end.
fn read<M: Making>(
    mut reading: Reading<'_>,
    mut maker: M,
    blocks: &Receiver<Piece<M::Made>>,
    to_write: &Sender<Result<Piece<M::Made>, PipelineError>>,
) -> (Counts, M) {
    for (block, used) in blocks {
        let read = reading.block(&block, &mut |place, event| maker.record(place, event));
        let failed = read.is_err();
        let made = maker.take(used);
        // Whoever takes no more has failed, and says why.
        if to_write.send(read.map(|()| (block, made))).is_err() || failed {
            break;
        }
    }
    (reading.counts, maker)
}

/// Sends blocks to the readers in turn, and takes them back in the same turn.
struct Turns<D> {
    lanes: Vec<Lane<D>>,
    sent: usize,
    taken: usize,
}

impl<D: Default> Turns<D> {
    fn of(lanes: Vec<Lane<D>>) -> Self {
        Turns {
            lanes,
            sent: 0,
            taken: 0,
        }
    }

    fn lane(&self, turn: usize) -> Result<&Lane<D>, PipelineError> {
        turn.checked_rem(self.lanes.len())
            .and_then(|at| self.lanes.get(at))
            .ok_or(PipelineError::Stopped("reading"))
    }

    /// Passes all blocks through. The readers end with this.
    fn pass(
        mut self,
        framer: &mut InputFramer,
        name: &InputName,
        out: &mut impl FnMut(&D) -> Result<(), PipelineError>,
    ) -> Result<(), PipelineError> {
        let most = self.lanes.len() * WAITING;
        let ended = loop {
            let (mut block, used) = match self.sent - self.taken < most {
                true => (Block::new(), D::default()),
                false => self.take(out)?,
            };
            match framer.fill(&mut block) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(name.error(error).into()),
            }
            let lane = self.lane(self.sent)?;
            if lane.to_read.send((block, used)).is_err() {
                // The reader has failed, and what it says comes in its turn.
                break Ok(());
            }
            self.sent += 1;
        };
        while self.taken < self.sent {
            self.take(out)?;
        }
        ended
    }

    /// Takes the oldest block back.
    fn take(
        &mut self,
        out: &mut impl FnMut(&D) -> Result<(), PipelineError>,
    ) -> Result<Piece<D>, PipelineError> {
        let made = self.lane(self.taken)?.made.recv();
        self.taken += 1;
        let (block, made) = made.map_err(|_| PipelineError::Stopped("reading"))??;
        out(&made)?;
        Ok((block, made))
    }
}
