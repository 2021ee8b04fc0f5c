//! Logs that are files: which source each is, what of it is new, and storing that.

use std::collections::BTreeSet;
use std::io::Read;

use crate::classify::ListIndex;
use crate::ledger::FrameNonces;
use crate::logs::{LogFormat, SourceSettings};
use crate::record::{Counts, IgnoreReason, RejectReason, SourceId, SourceKind};
use crate::store::names::Names;
use crate::store::originals::Originals;

use super::PipelineError;
use super::deposit::{Deposit, OpenSource};
use super::history::{History, SourcePast};
use super::ingest::{LogReading, Mark, Start};
use super::input::{Going, Identity, InputName, Opened, StoredPoint};
use super::lane::Left;
use super::sources;
use super::stop::Told;

/// Where log files are stored, and what all of them need.
pub struct LogFiles<'a> {
    /// Where batches are brought.
    pub deposit: &'a Deposit<'a>,
    /// The data folder's id, which is in the names of its sources.
    pub data_id: &'a str,
    /// The key of frames' nonces.
    pub nonces: &'a [u8; 32],
    /// The lists that events are met with.
    pub lists: &'a ListIndex,
    /// Asked between blocks.
    pub told_to_stop: Told,
}

/// A file of which it was found out which source it is, and what of it is new.
pub struct TakenUp {
    /// The source.
    pub source: OpenSource,
    /// Where it is taken up; nothing if all of it is stored.
    pub start: Option<Start>,
    /// The rest of it, or the whole, as the start says.
    pub input: Opened,
    /// What was passed over because it is stored.
    pub counts: Counts,
    /// Up to where it is stored, and the digest of that; nothing if it is new, or an older copy of what is stored.
    pub(super) known: Option<(StoredPoint, Going)>,
}

impl TakenUp {
    /// A stream, which is new in each session.
    pub fn of_stream(id: SourceId, format: &dyn LogFormat, input: Opened) -> TakenUp {
        TakenUp {
            source: sources::of_session(id, SourceKind::Stream, format.name()).source,
            start: Some(Start::Beginning(0)),
            input,
            counts: Counts::default(),
            known: None,
        }
    }
}

impl LogFiles<'_> {
    /// Finds out which source a file is. `input` is at its beginning.
    pub fn take_up(
        &self,
        name: &InputName,
        format: &dyn LogFormat,
        input: Opened,
        history: &History,
    ) -> Result<TakenUp, PipelineError> {
        let identity = name.identify(history.points())?;
        self.take_up_as(name, &identity, format, input, history)
    }

    /// The same of a file that was read to know it.
    pub(super) fn take_up_as(
        &self,
        name: &InputName,
        identity: &Identity,
        format: &dyn LogFormat,
        input: Opened,
        history: &History,
    ) -> Result<TakenUp, PipelineError> {
        let kind = SourceKind::LogFile;
        let mut found = sources::of_file(identity, history, kind, format.name(), self.data_id);
        let mut stored = identity.stored.iter();
        let mut known = stored
            .find(|(point, _)| point.format == format.name())
            .cloned();
        let point = known.as_ref().map(|(point, _)| point.clone());
        let last = found
            .source
            .past
            .as_ref()
            .map_or(0, |past| past.last_frame());
        if let Some(point) = point.filter(|point| point.last_frame < last) {
            // More is stored of that source than this file begins with: it is an older copy, or went another way.
            let rest = name.open()?;
            let past = found.source.past.as_ref();
            if let Some(lines) = lines_of_older_copy(self.deposit.originals, &point, past, rest)? {
                return Ok(TakenUp {
                    source: found.source,
                    start: None,
                    input,
                    counts: already_stored(lines, identity.length),
                    known: None,
                });
            }
            let id = sources::unused(identity, history, self.data_id, format.name());
            found.source.past = history.source(id).cloned();
            found.source.id = id;
            found.stored_bytes = 0;
            found.complete = false;
            known = None;
        } else if found.complete {
            return Ok(TakenUp {
                counts: found.counts_when_complete(),
                source: found.source,
                start: None,
                input,
                known,
            });
        }
        self.clear_left(&found.source, history)?;
        let (start, input, counts) = match &known {
            Some((point, going)) if found.stored_bytes > 0 && !format.remembers() => {
                let (mark, input) = Mark::at(point, going.0.clone(), input)?;
                let counts = already_stored(mark.lines(), mark.offset());
                (Start::At(mark), input, counts)
            }
            _ => (
                Start::Beginning(found.stored_bytes),
                input,
                Counts::default(),
            ),
        };
        Ok(TakenUp {
            source: found.source,
            start: Some(start),
            input,
            counts,
            known,
        })
    }

    /// Takes away originals behind all that is stored of a source, or on its way: a crash left them before their batch
    /// was written down, and the file may have grown since, so that the next batch is another one; and where nothing was
    /// stored yet, another source. The lock of files is held, so nobody else is about to write that batch down.
    fn clear_left(&self, source: &OpenSource, history: &History) -> Result<(), PipelineError> {
        let last = source.past.as_ref().map_or(0, |past| past.last_frame());
        let originals = self.deposit.originals;
        let begun = history.begun().filter(|begun| *begun != source.id);
        for (id, last) in begun.map(|id| (id, 0)).chain([(source.id, last)]) {
            let batches = originals.batches(id)?.into_iter();
            for (first, end) in batches.filter(|(first, _)| *first > last) {
                originals.remove(id, first, end)?;
            }
        }
        Ok(())
    }

    /// Stores what is new in a file, to its end.
    pub fn store(
        &self,
        taken: TakenUp,
        format: &'static dyn LogFormat,
        settings: &SourceSettings,
        names: &mut Names,
    ) -> Result<(Counts, Left), PipelineError> {
        let Some(start) = taken.start else {
            return Ok((taken.counts, Left::default()));
        };
        let reading = self.reading(format, settings)?;
        let nonces = FrameNonces::new(self.nonces, taken.source.id);
        let (mut counts, left) = reading.store(
            taken.input,
            &taken.source,
            start,
            names,
            nonces,
            self.deposit,
        )?;
        counts.add(&taken.counts);
        counts.check()?;
        Ok((counts, left))
    }

    /// How lines of this format are read now.
    pub(super) fn reading<'s>(
        &'s self,
        format: &'static dyn LogFormat,
        settings: &'s SourceSettings,
    ) -> Result<LogReading<'s>, PipelineError> {
        Ok(LogReading {
            format,
            settings,
            lists: self.lists,
            told_to_stop: self.told_to_stop.clone(),
            lines: self.deposit.lines()?,
        })
    }
}

/// What is counted of lines that are stored.
fn already_stored(lines: u64, bytes: u64) -> Counts {
    let mut counts = Counts {
        read: lines,
        bytes,
        ..Counts::default()
    };
    counts.ignore_many(IgnoreReason::AlreadyStored, lines);
    counts
}

/// What is counted of a file, or the rest of an archive, that can not be read.
pub fn damaged() -> Counts {
    let mut counts = Counts {
        read: 1,
        ..Counts::default()
    };
    counts.reject(RejectReason::TornEnd);
    counts
}

/// How many lines a file has, if behind the point it goes on as the originals of that source do, and ends before they
/// do; nothing if it goes another way, or if that can not be said any more. A last line that is cut off is no line.
fn lines_of_older_copy(
    originals: &Originals,
    point: &StoredPoint,
    past: Option<&SourcePast>,
    mut file: Opened,
) -> Result<Option<u64>, PipelineError> {
    let error = |source| file.name.error(source);
    let before = &mut file.reader.by_ref().take(point.length);
    std::io::copy(before, &mut std::io::sink()).map_err(error)?;
    let mut at = point.length;
    let mut lines = point.last_frame;
    // Batches that a crash left without an entry are none.
    let entered: BTreeSet<(u64, u64)> = past
        .into_iter()
        .flat_map(|past| &past.batches)
        .map(|batch| (batch.first_frame, batch.last_frame))
        .collect();
    for (first, last) in originals.batches(point.source)? {
        if last <= point.last_frame || !entered.contains(&(first, last)) {
            continue;
        }
        for frame in originals.batch(point.source, first, last)? {
            if frame.frame <= point.last_frame {
                continue;
            }
            if frame.offset != at {
                return Ok(None);
            }
            let mut bytes = Vec::new();
            let length = frame.bytes.len() as u64;
            let read = file.reader.by_ref().take(length).read_to_end(&mut bytes);
            read.map_err(|source| file.name.error(source))?;
            if !frame.bytes.starts_with(&bytes) {
                return Ok(None);
            }
            if (bytes.len() as u64) < length {
                return Ok(Some(lines));
            }
            at += length;
            lines = frame.frame;
        }
    }
    let mut more = [0; 1];
    let read = file.reader.read(&mut more);
    Ok((read.map_err(|source| file.name.error(source))? == 0).then_some(lines))
}
