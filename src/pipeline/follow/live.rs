//! One file that is followed: what comes behind the place up to which it was read is stored, whole lines only.

use std::io;
use std::path::Path;

use crate::clock::Stopwatch;
use crate::ledger::FrameNonces;
use crate::logs::{LogFormat, SourceSettings};
use crate::record::Counts;
use crate::store::names::Names;

use super::super::PipelineError;
use super::super::deposit::OpenSource;
use super::super::ingest::{Mark, Start};
use super::super::input::held::HeldFile;
use super::super::input::{InputName, Opened, Torn};
use super::super::lane::Left;
use super::super::log_files::LogFiles;
use super::anchor::Anchor;
use super::beside::{Stamp, stamp};

/// A file that is being read.
pub(super) struct Live {
    pub(super) file: HeldFile,
    pub(super) inode: (u64, u64),
    pub(super) format: &'static dyn LogFormat,
    pub(super) settings: SourceSettings,
    /// When the settings were made: their reference grows old.
    pub(super) since: Stopwatch,
    pub(super) source: OpenSource,
    /// Where it goes on; nothing once it is no longer what it was.
    pub(super) mark: Option<Mark>,
    pub(super) anchor: Anchor,
    /// What it was when it was last read to its end: nothing is read while it stays so.
    pub(super) seen: Option<Stamp>,
    pub(super) rest: Stopwatch,
    /// Whether it has another name now.
    pub(super) is_rotated: bool,
    /// Whether something was stored of it since its end was entered.
    pub(super) is_open: bool,
    /// How long the ledger was after our last work: who else stored something since may have stored of this file.
    pub(super) ledger: u64,
}

/// What came behind the place.
pub(super) enum News {
    /// Nothing.
    None,
    /// These bytes, and whether they are all.
    Bytes(Vec<u8>, bool),
    /// The file was emptied, or is another one now.
    Emptied,
}

/// How much of a file one look reads at most.
const MOST: u64 = 8 << 20;

impl Live {
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn fault(&self, source: io::Error) -> PipelineError {
        PipelineError::Input(InputName::Held(self.file.clone()).error(source))
    }

    /// Reads what came behind the place, from the file that is held.
    pub(super) fn news(&mut self) -> Result<News, PipelineError> {
        let now = stamp(&self.file.about().map_err(|error| self.fault(error))?);
        if self.seen == Some(now) {
            return Ok(News::None);
        }
        let read = self.anchor.read(&self.file, MOST);
        let Some(new) = read.map_err(|error| self.fault(error))? else {
            self.mark = None;
            return Ok(News::Emptied);
        };
        let is_all = self.anchor.offset() + new.len() as u64 >= now.2;
        self.seen = is_all.then_some(now);
        Ok(News::Bytes(new, is_all))
    }

    /// Whether nobody else has read on in this file since we did. Who did has left another end in the history.
    fn is_still_ours(&mut self, files: &LogFiles<'_>) -> Result<bool, PipelineError> {
        if files.deposit.ledger.head().size == self.ledger && self.source.past.is_some() {
            return Ok(true);
        }
        let history = files.deposit.history()?;
        self.source.past = history.source(self.source.id).cloned();
        let past = self.source.past.as_ref();
        let stored = past.map_or(0, |past| past.last_frame());
        Ok(self.mark.as_ref().is_none_or(|mark| mark.lines() == stored))
    }

    /// Stores the whole lines of what came; the lock of files is held.
    pub(super) fn store(
        &mut self,
        new: &[u8],
        files: &LogFiles<'_>,
        names: &mut Names,
    ) -> Result<(Counts, Left), PipelineError> {
        if !self.is_still_ours(files)? {
            self.mark = None;
        }
        let Some(mut mark) = self.mark.take() else {
            return Ok((Counts::default(), Left::default()));
        };
        if mark.offset() == 0 {
            mark = Mark::beginning(new);
        }
        let reading = files.reading(self.format, &self.settings)?;
        let input = Opened {
            name: InputName::Held(self.file.clone()),
            reader: Box::new(io::Cursor::new(new.to_vec())),
            torn: Torn::default(),
        };
        let nonces = FrameNonces::new(files.nonces, self.source.id);
        let went = reading.store_part(
            input,
            &self.source,
            Start::At(mark),
            false,
            names,
            nonces,
            files.deposit,
        )?;
        let step = went.mark.offset().saturating_sub(self.anchor.offset());
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        // The bytes that were stored, and not those that stand in the file by now.
        self.anchor.pass(new.get(..step).unwrap_or(new));
        self.is_open |= step > 0;
        self.mark = Some(went.mark);
        self.ledger = files.deposit.ledger.head().size;
        let mut counts = went.counts;
        // A line that has no end yet is counted when it has one.
        counts.forget_unfinished();
        Ok((counts, went.left))
    }

    /// Enters that the file ends where it was read to; the lock of files is held.
    pub(super) fn close(&mut self, files: &LogFiles<'_>) -> Result<Left, PipelineError> {
        let Some(mark) = self.mark.as_ref().filter(|_| self.is_open) else {
            return Ok(Left::default());
        };
        let (offset, digest, lines) = (mark.offset(), mark.digest(), mark.lines());
        self.is_open = false;
        let history = files.deposit.history()?;
        let past = history.source(self.source.id).cloned();
        let Some(past) = past.filter(|past| past.last_frame() == lines) else {
            return Ok(Left::default());
        };
        self.source.past = Some(past);
        let mut lane = files.deposit.lane(&self.source)?;
        lane.close(&self.source, offset, digest, 0)?;
        let left = lane.end()?;
        self.ledger = files.deposit.ledger.head().size;
        Ok(left)
    }
}
