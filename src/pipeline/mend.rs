//! Mends what the check found: from the ledger, the spool and the originals, and never out of the air.
//!
//! What is to be mended is written into the ledger before it is done, so that a row that goes leaves a trace. What can
//! not be mended stays a fault: the check is run again, and says so.

use std::collections::VecDeque;
use std::io::{self, Read};

use crate::classify::ListIndex;
use crate::ledger::{Act, BatchIngested, Hold, Mended, RowsOf, holds};
use crate::logs::{Framer, LogFormat, Position, SourceSettings, Writing};
use crate::record::{Counts, SourceId, Table};
use crate::store::Params;
use crate::store::names::Names;
use crate::store::originals::Originals;

use super::PipelineError;
use super::check::{Fault, FaultKind, StoreCheck, Told, rows_between, sources_found, statement};
use super::deposit::{OpenSource, Prepared};
use super::ingest::LogReading;
use super::retention::Lines;
use super::stop::Told as ToldToStop;
use super::way::Closing;

/// What lines are read with when rows are made of them again.
pub struct Mending<'a> {
    /// The zone of times without one, and what else lines do not say. The reference is set by the ledger's dates.
    pub settings: SourceSettings,
    /// The lists that events are met with.
    pub lists: &'a ListIndex,
    /// Tokens of accounts.
    pub names: &'a mut Names,
}

impl StoreCheck<'_> {
    /// Mends what can be mended of these faults; gives those that it did.
    pub fn mend(
        &self,
        faults: &[Fault],
        with: &mut Mending<'_>,
    ) -> Result<Vec<Fault>, PipelineError> {
        let mut mended = Vec::new();
        if faults.iter().any(|fault| fault.kind == FaultKind::Waiting)
            && self.deposit.finish()?.batches == 0
        {
            let waited = faults
                .iter()
                .filter(|fault| fault.kind == FaultKind::Waiting);
            mended.extend(waited.cloned());
        }
        let all = self.told()?;
        for fault in faults {
            let told = all.get(&fault.source);
            let done = match (fault.kind, told) {
                (FaultKind::RowsMissing | FaultKind::RowsSurplus, Some(told)) => {
                    self.rows(fault, told, with)?
                }
                (FaultKind::SourceRow, Some(told)) => self.source_row(fault, told)?,
                (FaultKind::SourceUnknown, None) => self.stranger(fault)?,
                (FaultKind::OriginalsSurplus, told) if !self.are_held(fault, told)? => {
                    self.note(fault, 0)?;
                    let originals = self.deposit.originals;
                    originals.remove(fault.source, fault.first, fault.last)?;
                    true
                }
                _ => false,
            };
            if done {
                mended.push(fault.clone());
            }
        }
        Ok(mended)
    }

    /// Whether a hold may keep originals that were deleted, and are there.
    fn are_held(&self, fault: &Fault, told: Option<&Told>) -> Result<bool, PipelineError> {
        let mut batches = told.into_iter().flat_map(|told| &told.batches);
        let of_it = |batch: &&BatchIngested| {
            (batch.first_frame, batch.last_frame) == (fault.first, fault.last)
        };
        match batches.find(of_it) {
            Some(batch) => self.may_be_held(batch),
            None => Ok(false),
        }
    }

    fn note(&self, fault: &Fault, rows: u64) -> Result<(), PipelineError> {
        self.deposit.append(&Act::Mended(Mended {
            source: fault.source,
            fault: fault.kind.as_str().to_owned(),
            table: fault.table.to_owned(),
            first_frame: fault.first,
            last_frame: fault.last,
            rows,
        }))
    }

    /// Makes the rows of a batch again from its originals, if they come out as the ledger has them; takes away what
    /// stands twice, or where no batch is.
    fn rows(
        &self,
        fault: &Fault,
        told: &Told,
        with: &mut Mending<'_>,
    ) -> Result<bool, PipelineError> {
        let Some(table) = crate::record::table(fault.table) else {
            return Ok(false);
        };
        if !told.has_rows_by_frame() {
            return Ok(false);
        }
        let mut batches = told.batches.iter();
        let batch = batches.find(|batch| batch.frames > 0 && batch.first_frame == fault.first);
        let Some(batch) = batch else {
            // Rows where no batch is.
            if fault.kind != FaultKind::RowsSurplus {
                return Ok(false);
            }
            self.note(fault, fault.found)?;
            self.take_away(table, fault)?;
            return Ok(true);
        };
        let expected = told.rows_of(batch, table);
        if expected.is_none() && fault.kind == FaultKind::RowsSurplus {
            // All of it was deleted, and stands again; what somebody may have laid a hold on since stays.
            if self.may_be_held(batch)? {
                return Ok(false);
            }
            self.note(fault, fault.found)?;
            self.take_away(table, fault)?;
            return Ok(true);
        }
        let Some(mut made) = self.made_again(batch, told, with)? else {
            return Ok(false);
        };
        let Some(rows) = self.without_deleted(&made, batch, table, expected)? else {
            return Ok(false);
        };
        made.rows = [(table.name, (table, rows))].into();
        with.names.keep()?;
        self.note(fault, fault.expected.abs_diff(fault.found))?;
        // The store may still know the token under which the rows came first, and would take them for stored.
        made.import = Some(format!(":mended {}", self.deposit.ledger.head().size));
        self.deposit.rows(made.clone(), true)?;
        let store = self.deposit.store.store()?;
        let found = rows_between(&store, table, fault.source, fault.first, fault.last)?;
        if found != expected {
            self.take_away(table, fault)?;
            made.import = Some(format!(":mended anew {}", self.deposit.ledger.head().size));
            self.deposit.rows(made, false)?;
        }
        Ok(true)
    }

    /// The rows of a batch that was made again, without what was deleted of them for its age; nothing if that does not
    /// come out as the ledger has it, or if it can not be told from what a hold keeps.
    fn without_deleted(
        &self,
        made: &Prepared,
        batch: &BatchIngested,
        table: &'static Table,
        expected: RowsOf,
    ) -> Result<Option<Vec<u8>>, PipelineError> {
        let Some((_, all)) = made.rows.get(table.name) else {
            return Ok(None);
        };
        let lines = Lines::of(self.deposit.ledger.entries()?);
        let Some((rows, told, was_emptied)) = lines.without_past(table, all) else {
            return Ok(None);
        };
        if was_emptied && self.may_be_held(batch)? {
            return Ok(None);
        }
        Ok((told == expected).then_some(rows))
    }

    /// Whether a hold meets the time of a batch.
    fn may_be_held(&self, batch: &BatchIngested) -> Result<bool, PipelineError> {
        let holds = holds(self.deposit.ledger.entries()?, (self.deposit.now)());
        let (Some(first), Some(last)) = (batch.first_time, batch.last_time) else {
            return Ok(holds.iter().any(Hold::is_active));
        };
        let meets = |hold: &Hold| hold.placed.from <= last && first < hold.placed.to;
        Ok(holds.iter().any(|hold| hold.is_active() && meets(hold)))
    }

    fn take_away(&self, table: &Table, fault: &Fault) -> Result<(), PipelineError> {
        let params = Params::new()
            .text("table", table.name)
            .text("source", &fault.source.to_string())
            .number("first", fault.first)
            .number("last", fault.last);
        let store = self.deposit.store.store()?;
        Ok(store.run_and_wait(statement("store/mend_rows")?, &params)?)
    }

    /// Rows of a source that the ledger does not know.
    fn stranger(&self, fault: &Fault) -> Result<bool, PipelineError> {
        self.note(fault, fault.found)?;
        if fault.table == "sources" {
            let store = self.deposit.store.store()?;
            let params = Params::new().text("source", &fault.source.to_string());
            store.run_and_wait(statement("store/mend_source")?, &params)?;
            return Ok(true);
        }
        let Some(table) = crate::record::table(fault.table) else {
            return Ok(false);
        };
        self.take_away(table, fault)?;
        Ok(true)
    }

    /// Writes the row of a source again as the ledger has it.
    fn source_row(&self, fault: &Fault, told: &Told) -> Result<bool, PipelineError> {
        let (Some((closed, when, _)), Some(kind)) = (&told.closed, told.kind) else {
            return Ok(false);
        };
        let source = OpenSource {
            id: fault.source,
            kind,
            format: told.format.clone(),
            past: None,
            may_wait: false,
        };
        let mut closing = Closing::of(
            self.deposit,
            &source,
            closed.length,
            closed.digest.0,
            closed.dropped,
        );
        let store = self.deposit.store.store()?;
        let known = sources_found(&store)?.remove(&fault.source);
        let opened = if kind == crate::record::SourceKind::Register {
            *when
        } else {
            told.opened
        };
        closing.opened = known.map_or(opened.micros(), |row| row.opened);
        self.note(fault, 1)?;
        let line = self.deposit.source_line(&closing)?;
        self.deposit.store_line(&line)?;
        Ok(true)
    }

    /// A batch as it was read once, made of its originals; nothing if it does not come out as the ledger has it.
    fn made_again(
        &self,
        batch: &BatchIngested,
        told: &Told,
        with: &mut Mending<'_>,
    ) -> Result<Option<Prepared>, PipelineError> {
        let (Some(format), Some(kind)) = (crate::logs::format(&told.format), told.kind) else {
            return Ok(None);
        };
        let source = OpenSource {
            id: batch.source,
            kind,
            format: told.format.clone(),
            past: None,
            may_wait: false,
        };
        let mut settings = with.settings.clone();
        settings.reference = told.opened;
        let reading = LogReading {
            format,
            settings: &settings,
            lists: with.lists,
            told_to_stop: ToldToStop::default(),
            // What was deleted by then was left out then; what was deleted since is taken out afterwards.
            lines: Lines::of(self.deposit.ledger.entries()?.filter(|entry| {
                told.entry_of(batch)
                    .is_none_or(|stored| entry.index < stored)
            })),
        };
        let Some(mut framer) = frames_up_to(self.deposit.originals, batch, told, format)? else {
            return Ok(None);
        };
        let mut made = Prepared::of(&source);
        made.entry = BatchIngested {
            rows: Default::default(),
            first_time: None,
            last_time: None,
            ..batch.clone()
        };
        let mut reader = format.reader(&settings);
        let mut block = crate::logs::Block::new();
        let mut counts = Counts::default();
        let mut earlier = Counts::default();
        while framer
            .fill(&mut block)
            .map_err(|_| PipelineError::PendingBatch)?
        {
            for frame in block.frames() {
                let is_of_it = (batch.first_frame..=batch.last_frame).contains(&frame.number);
                let counts = if is_of_it { &mut counts } else { &mut earlier };
                let names = &mut *with.names;
                reading.frame(
                    &mut *reader,
                    &frame,
                    source.id,
                    counts,
                    &mut |place, event| {
                        if is_of_it {
                            made.add(place, event, names);
                        }
                    },
                );
            }
        }
        made.entry.count(&counts);
        Ok((made.entry == *batch).then_some(made))
    }
}

/// The originals of a batch, and of those before it if the format remembers them, as the source had them.
fn frames_up_to(
    originals: &Originals,
    batch: &BatchIngested,
    told: &Told,
    format: &'static dyn LogFormat,
) -> Result<Option<Framer<Kept>>, PipelineError> {
    let wanted = |one: &&BatchIngested| {
        let before = format.remembers() && one.first_frame < batch.first_frame;
        one.frames > 0 && (before || *one == batch)
    };
    let kept = originals.batches(batch.source)?;
    let mut bytes = VecDeque::new();
    let mut start = None;
    for one in told.batches.iter().filter(wanted) {
        let mut there = kept
            .iter()
            .filter(|(first, last)| *first == one.first_frame && *last <= one.last_frame);
        let Some((first, last)) = there.next_back() else {
            return Ok(None);
        };
        let frames = originals.batch(one.source, *first, *last)?;
        if let (None, Some(frame)) = (start, frames.first()) {
            start = Some(Position {
                line: frame.frame,
                offset: frame.offset,
            });
        }
        bytes.extend(frames.into_iter().map(|one| one.bytes));
    }
    let framing = format.framing();
    let writing = writing_of(originals, batch.source, kept.first().copied())?;
    Ok(start.map(|start| Framer::resume(Kept(bytes, 0), framing, start).written(writing)))
}

/// How a source writes its text, from its first originals.
fn writing_of(
    originals: &Originals,
    source: SourceId,
    first: Option<(u64, u64)>,
) -> Result<Writing, PipelineError> {
    let Some((first, last)) = first else {
        return Ok(Writing::default());
    };
    let mut sample = Vec::new();
    for frame in originals.batch(source, first, last)? {
        sample.extend(frame.bytes);
        if sample.len() > super::ingest::SAMPLE {
            break;
        }
    }
    sample.truncate(super::ingest::SAMPLE);
    Ok(Writing::of(&sample))
}

/// Frames that are kept, read as the file they came from.
struct Kept(VecDeque<Vec<u8>>, usize);

impl Read for Kept {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(frame) = self.0.front() {
            let rest = frame.get(self.1..).unwrap_or_default();
            if rest.is_empty() {
                self.0.pop_front();
                self.1 = 0;
                continue;
            }
            let length = rest.len().min(buffer.len());
            for (to, from) in buffer.iter_mut().zip(rest) {
                *to = *from;
            }
            self.1 += length;
            return Ok(length);
        }
        Ok(0)
    }
}
