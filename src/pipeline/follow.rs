//! Following logs while they are written: each look stores the whole lines that have come, rotated or not.
//!
//! A followed file is a file like any other: it is known by its bytes, what is stored of it stands in the ledger, and a
//! program that was killed goes on from there. While it is at hand it is known by its inode, and by the bytes before the
//! place up to which it was read: these are read again with each look, so that a log that was emptied and filled beyond
//! that place is not taken for a longer one.
//!
//! When a log is renamed away, it is read until it rests; when it is emptied, its copy is looked for beside it. What
//! stands beside it under its name with a number or a date is read too: at the beginning, and at each rotation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::ledger::FrameNonces;
use crate::logs::{LogFormat, SourceSettings};
use crate::record::{Counts, SourceId};
use crate::store::names::Names;

use super::PipelineError;
use super::deposit::OpenSource;
use super::ingest::{Mark, Start};
use super::input::{InputError, InputName, Opened, Torn};
use super::lane::Left;
use super::log_files::LogFiles;
use super::sources;

/// What the operator knows of a file's lines.
pub trait Choice {
    /// The format of a file and the whole of it; nothing while too little stands in it to tell.
    fn format(&self, input: Opened) -> Option<(&'static dyn LogFormat, Opened)>;
    /// What its lines do not say, as of now.
    fn settings(&self, name: &InputName) -> SourceSettings;
    /// Something that the operator should hear of.
    fn tell(&self, what: Told<'_>);
}

/// What the operator hears of.
#[derive(Debug)]
pub enum Told<'a> {
    /// This file can not be read for now; it is asked again with each look.
    Away(&'a Path, &'a dyn std::error::Error),
    /// It can be read again.
    Back(&'a Path),
    /// It has been renamed away, or emptied.
    Rotated(&'a Path),
}

/// Files that are followed.
pub struct Following<'a, C> {
    files: LogFiles<'a>,
    data: &'a Path,
    choice: C,
    names: Names,
    paths: Vec<PathBuf>,
    live: Vec<Live>,
    /// Files that can not be read for now.
    away: BTreeSet<PathBuf>,
    /// Rotated files that were read to their end: their device, inode, size and time of change.
    read: BTreeSet<Stamp>,
    /// Rotated files as they were seen last, and since when: one that is still written to is left alone.
    seen: BTreeMap<PathBuf, (Stamp, Stopwatch)>,
    /// Paths of which rotated files are to be looked at.
    unswept: BTreeSet<PathBuf>,
    /// How long the ledger was after our last work: who else stored something since may have stored of our files.
    ledger: u64,
}

/// A file that is being read.
struct Live {
    path: PathBuf,
    file: File,
    inode: (u64, u64),
    format: &'static dyn LogFormat,
    settings: SourceSettings,
    /// When the settings were made: their reference grows old.
    since: Stopwatch,
    source: OpenSource,
    start: Option<Start>,
    offset: u64,
    tail: Vec<u8>,
    /// The size at the last look: nothing is read while it stays.
    size: Option<u64>,
    rest: Stopwatch,
    /// Whether it has another name now.
    is_rotated: bool,
    is_open: bool,
}

type Stamp = (u64, u64, u64, i64, i64);

/// How many bytes before the place are read again.
const TAIL: u64 = 1024;

/// How much of a file one look reads at most.
const MOST: u64 = 8 << 20;

/// A file that has rested so long is entered as read to its end, and let go if it was renamed away.
const REST: Duration = Duration::from_secs(5);

/// A file beside a log is read once it has not changed for so long: before, it may be half a copy.
const SETTLED: Duration = Duration::from_secs(2);

/// After so long, settings are made anew: times without a year are read by them.
const RENEWED: Duration = Duration::from_secs(6 * 3600);

impl<'a, C: Choice> Following<'a, C> {
    /// Follows these paths, which need not be there yet.
    pub fn new(
        files: LogFiles<'a>,
        data: &'a Path,
        choice: C,
        names: Names,
        paths: Vec<PathBuf>,
    ) -> Self {
        Following {
            files,
            data,
            choice,
            names,
            unswept: paths.iter().cloned().collect(),
            paths,
            live: Vec::new(),
            away: BTreeSet::new(),
            read: BTreeSet::new(),
            seen: BTreeMap::new(),
            ledger: 0,
        }
    }

    /// Looks once at each file and stores what has come. Gives what was counted, and whether there is more to be read
    /// at once. After an error that may pass, call it again: what is not stored is read again.
    pub fn look(&mut self) -> Result<(Counts, Left, bool), PipelineError> {
        let mut all = (Counts::default(), Left::default(), false);
        for path in self.paths.clone() {
            let looked = self.look_at(&path, &mut all);
            self.kept_going(&path, looked)?;
        }
        for path in self.unswept.clone() {
            let swept = self.sweep(&path, &mut all);
            if self.kept_going(&path, swept)? == Some(true) {
                self.unswept.remove(&path);
            }
        }
        let ended = |live: &Live| live.is_rotated && !live.is_open && live.rest.elapsed() > REST;
        self.live.retain(|live| !ended(live));
        Ok(all)
    }

    /// Reads what is left and enters where each file ends.
    pub fn end(&mut self) -> Result<(Counts, Left), PipelineError> {
        let mut all = (Counts::default(), Left::default(), true);
        for at in 0..self.live.len() {
            self.close(at, &mut all)?;
        }
        Ok((all.0, all.1))
    }

    /// A file that can not be read is told of once, and waited for. Anything else is for the caller.
    fn kept_going<T>(
        &mut self,
        path: &Path,
        done: Result<T, PipelineError>,
    ) -> Result<Option<T>, PipelineError> {
        match done {
            Ok(done) => {
                if self.away.remove(path) {
                    self.choice.tell(Told::Back(path));
                }
                Ok(Some(done))
            }
            Err(PipelineError::Input(error)) => {
                if self.away.insert(path.to_owned()) {
                    self.choice.tell(Told::Away(path, &error.source));
                }
                Ok(None)
            }
            Err(error) => {
                // What was on its way may be stored or not: all is found out anew.
                self.live.clear();
                self.read.clear();
                self.unswept = self.paths.iter().cloned().collect();
                Err(error)
            }
        }
    }

    fn look_at(
        &mut self,
        path: &Path,
        all: &mut (Counts, Left, bool),
    ) -> Result<(), PipelineError> {
        // Who was there first is read first, so that lines come in their order.
        for at in 0..self.live.len() {
            if self.live.get(at).is_some_and(|live| live.path == path) {
                self.read_on(at, all)?;
            }
        }
        self.live.retain(|live| live.start.is_some());
        let fault = |source| PipelineError::Input(InputName::File(path.to_owned()).error(source));
        let about = match path.metadata() {
            Ok(about) => Some(about),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(fault(error)),
        };
        let inode = about.as_ref().map(|about| (about.dev(), about.ino()));
        let mut is_new = inode.is_some();
        for live in self.live.iter_mut().filter(|live| live.path == path) {
            let is_it = inode == Some(live.inode);
            is_new &= !is_it;
            if !is_it && !live.is_rotated {
                live.is_rotated = true;
                live.rest = Stopwatch::start();
                self.unswept.insert(path.to_owned());
                self.choice.tell(Told::Rotated(path));
            }
        }
        match about {
            Some(about) if is_new && about.is_file() && about.len() > 0 => self.begin(path, all),
            _ => Ok(()),
        }
    }

    /// Takes up a file that is new under its path.
    fn begin(&mut self, path: &Path, all: &mut (Counts, Left, bool)) -> Result<(), PipelineError> {
        let name = InputName::File(path.to_owned());
        let fault = |source| PipelineError::Input(name.error(source));
        let file = File::open(path).map_err(fault)?;
        let about = file.metadata().map_err(fault)?;
        let opened = name.open()?;
        let Some((format, input)) = self.choice.format(opened) else {
            return Ok(());
        };
        let settings = self.choice.settings(&name);
        let _one_at_a_time = sources::lock_files(self.data, self.files.deposit)?;
        let history = self.files.deposit.history()?;
        let taken = self.files.take_up(&name, format, input, &history)?;
        if self.is_live(taken.source.id) {
            // Another followed file begins alike. Until they differ, nothing of this one is new.
            return Ok(());
        }
        // Nothing is read through this input: the file itself is, from the mark on.
        let (start, offset) = match taken.start {
            Some(Start::At(mark)) => {
                let offset = mark.offset();
                (Start::At(mark), offset)
            }
            Some(start) => (start, 0),
            None => {
                let point = history
                    .source(taken.source.id)
                    .and_then(|past| past.batches.last());
                match point {
                    // It is an older copy, or whole: it may grow, and is looked at then.
                    Some(batch) if batch.length <= about.len() => {
                        (Start::Beginning(batch.length), 0)
                    }
                    _ => return Ok(()),
                }
            }
        };
        let offset_of_tail = offset.saturating_sub(TAIL);
        let tail = read_at(&file, offset_of_tail, offset - offset_of_tail).map_err(fault)?;
        all.0.add(&taken.counts);
        let live = Live {
            path: path.to_owned(),
            inode: (about.dev(), about.ino()),
            file,
            format,
            settings,
            since: Stopwatch::start(),
            is_open: taken
                .source
                .past
                .as_ref()
                .is_some_and(|past| !past.is_at_an_end()),
            source: taken.source,
            start: Some(start),
            offset,
            tail,
            size: None,
            rest: Stopwatch::start(),
            is_rotated: false,
        };
        self.live.push(live);
        self.ledger = self.files.deposit.ledger.head().size;
        drop(_one_at_a_time);
        self.read_on(self.live.len() - 1, all)
    }

    fn is_live(&self, source: SourceId) -> bool {
        self.live.iter().any(|live| live.source.id == source)
    }

    /// Stores the whole lines that have come to a file since the last look. A file that is no longer what it was loses
    /// its start, and is let go.
    fn read_on(&mut self, at: usize, all: &mut (Counts, Left, bool)) -> Result<(), PipelineError> {
        let Some(live) = self.live.get_mut(at) else {
            return Ok(());
        };
        let name = InputName::File(live.path.clone());
        let fault = |source| PipelineError::Input(name.error(source));
        let size = live.file.metadata().map_err(fault)?.len();
        if live.size == Some(size) {
            let may_end = live.is_open && live.rest.elapsed() > REST;
            return if may_end { self.close(at, all) } else { Ok(()) };
        }
        if live.since.elapsed() > RENEWED {
            live.settings = self.choice.settings(&name);
            live.since = Stopwatch::start();
            if live.format.remembers() {
                // Its reader must not forget, and not be old either: the file is taken up anew.
                live.start = None;
                return Ok(());
            }
            if let Some(Start::At(mark)) = &mut live.start {
                mark.forget_reader();
            }
        }
        let tail = live.tail.len() as u64;
        let from = live.offset - tail;
        let bytes = read_at(&live.file, from, tail + MOST).map_err(fault)?;
        let Some(new) = bytes
            .strip_prefix(live.tail.as_slice())
            .filter(|_| size >= live.offset)
        else {
            self.unswept.insert(live.path.clone());
            self.choice.tell(Told::Rotated(&live.path));
            live.start = None;
            return Ok(());
        };
        let is_all = new.len() as u64 + live.offset >= size;
        if is_all {
            live.size = Some(size);
        }
        let new = new.to_vec();
        self.store(at, new, all)?;
        if let Some(live) = self.live.get_mut(at) {
            live.rest = Stopwatch::start();
            all.2 |= !is_all;
        }
        Ok(())
    }

    /// Stores a part of a file.
    fn store(
        &mut self,
        at: usize,
        new: Vec<u8>,
        all: &mut (Counts, Left, bool),
    ) -> Result<(), PipelineError> {
        let _one_at_a_time = sources::lock_files(self.data, self.files.deposit)?;
        let head = self.files.deposit.ledger.head().size;
        let Some(live) = self.live.get_mut(at) else {
            return Ok(());
        };
        if head != self.ledger || live.source.past.is_none() {
            let history = self.files.deposit.history()?;
            live.source.past = history.source(live.source.id).cloned();
            let stored = live
                .source
                .past
                .as_ref()
                .map_or(0, |past| past.last_frame());
            let ours = match &live.start {
                Some(Start::At(mark)) => Some(mark.lines()),
                _ => None,
            };
            if ours.is_some_and(|ours| ours != stored) {
                // Somebody else has read on in this file.
                live.start = None;
                return Ok(());
            }
        }
        let Some(start) = live.start.take() else {
            return Ok(());
        };
        let (end_of_new, before) = (live.offset + new.len() as u64, live.offset);
        let start = match start {
            // A format that remembers reads all from the beginning, once.
            Start::Beginning(stored) if stored > 0 => Start::Beginning(stored),
            Start::Beginning(_) => Start::At(Mark::beginning(&new)),
            start => start,
        };
        let reading = self.files.reading(live.format, &live.settings)?;
        let nonces = FrameNonces::new(self.files.nonces, live.source.id);
        let input = Opened {
            name: InputName::File(live.path.clone()),
            reader: match &start {
                Start::At(_) => Box::new(io::Cursor::new(new)),
                Start::Beginning(_) => Box::new(Piece {
                    file: live.file.try_clone().map_err(|source| {
                        PipelineError::Input(InputError {
                            name: live.path.display().to_string(),
                            source,
                        })
                    })?,
                    at: 0,
                    end: end_of_new,
                }),
            },
            torn: Torn::default(),
        };
        let went = reading.store_part(
            input,
            &live.source,
            start,
            false,
            &mut self.names,
            nonces,
            self.files.deposit,
        )?;
        let offset = went.mark.offset();
        let from = offset.saturating_sub(TAIL);
        live.tail = read_at(&live.file, from, offset - from)
            .map_err(|source| InputName::File(live.path.clone()).error(source))?;
        live.is_open |= offset > before;
        live.offset = offset;
        live.start = Some(Start::At(went.mark));
        let mut counts = went.counts;
        // A line that has no end yet is counted when it has one.
        counts.forget_unfinished();
        all.0.add(&counts);
        all.1.add(went.left);
        self.ledger = self.files.deposit.ledger.head().size;
        Ok(())
    }

    /// Enters that a file ends where it was read to.
    fn close(&mut self, at: usize, all: &mut (Counts, Left, bool)) -> Result<(), PipelineError> {
        let Some(live) = self.live.get_mut(at).filter(|live| live.is_open) else {
            return Ok(());
        };
        let Some(Start::At(mark)) = &live.start else {
            return Ok(());
        };
        let _one_at_a_time = sources::lock_files(self.data, self.files.deposit)?;
        let past = self
            .files
            .deposit
            .history()?
            .source(live.source.id)
            .cloned();
        live.is_open = false;
        if past.is_some() {
            live.source.past = past;
            let mut lane = self.files.deposit.lane(&live.source)?;
            lane.close(&live.source, mark.offset(), mark.digest(), 0)?;
            all.1.add(lane.end()?);
        }
        self.ledger = self.files.deposit.ledger.head().size;
        Ok(())
    }

    /// Reads what was rotated away beside a path; says whether all of it has been read.
    fn sweep(
        &mut self,
        path: &Path,
        all: &mut (Counts, Left, bool),
    ) -> Result<bool, PipelineError> {
        let mut is_done = true;
        for (beside, about) in rotated(path)? {
            let inode = (about.dev(), about.ino());
            let stamp = stamp(&about);
            if self.read.contains(&stamp) {
                continue;
            }
            if self.live.iter().any(|live| live.inode == inode) {
                is_done = false;
                continue;
            }
            let seen = self
                .seen
                .entry(beside.clone())
                .or_insert((stamp, Stopwatch::start()));
            if seen.0 != stamp {
                *seen = (stamp, Stopwatch::start());
            }
            if seen.1.elapsed() < SETTLED {
                is_done = false;
                continue;
            }
            self.seen.remove(&beside);
            self.read_rotated(&beside, all)?;
            self.read.insert(stamp);
        }
        Ok(is_done)
    }

    fn read_rotated(
        &mut self,
        path: &Path,
        all: &mut (Counts, Left, bool),
    ) -> Result<(), PipelineError> {
        let name = InputName::File(path.to_owned());
        let Some((format, input)) = self.choice.format(name.open()?) else {
            return Ok(());
        };
        let settings = self.choice.settings(&name);
        let _one_at_a_time = sources::lock_files(self.data, self.files.deposit)?;
        let history = self.files.deposit.history()?;
        let taken = self.files.take_up(&name, format, input, &history)?;
        if self.is_live(taken.source.id) {
            return Ok(());
        }
        let (counts, left) = self
            .files
            .store(taken, format, &settings, &mut self.names)?;
        all.0.add(&counts);
        all.1.add(left);
        self.ledger = self.files.deposit.ledger.head().size;
        Ok(())
    }
}

fn stamp(about: &Metadata) -> Stamp {
    let size = about.len();
    (
        about.dev(),
        about.ino(),
        size,
        about.mtime(),
        about.mtime_nsec(),
    )
}

/// What stands beside a log under its name and a number or a date, the oldest first.
fn rotated(path: &Path) -> Result<Vec<(PathBuf, Metadata)>, PipelineError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let fault = |source| PipelineError::Input(InputName::File(folder.to_owned()).error(source));
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(fault)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(fault)?;
        let is_one = entry
            .file_name()
            .to_str()
            .is_some_and(|beside| is_rotated(name, beside));
        // One that goes while it is looked at has been renamed on; it is met under its next name.
        let about = entry
            .metadata()
            .ok()
            .filter(|about| is_one && about.is_file());
        found.extend(about.map(|about| (entry.path(), about)));
    }
    found.sort_by_key(|(path, about)| (about.mtime(), about.mtime_nsec(), path.clone()));
    Ok(found)
}

/// `access.log.1`, `access.log-20261123.gz`, `access-20261123.log`: the name, a number or a date, perhaps packed.
fn is_rotated(name: &str, beside: &str) -> bool {
    let unpacked = [".gz", ".xz", ".zst", ".bz2"]
        .iter()
        .find_map(|end| beside.strip_suffix(end));
    let beside = unpacked.unwrap_or(beside);
    let is_mark = |mark: &str| {
        let rest = mark.strip_prefix(['.', '-', '_']).unwrap_or_default();
        rest == "old"
            || rest.starts_with(|one: char| one.is_ascii_digit())
                && rest
                    .chars()
                    .all(|one| one.is_ascii_digit() || "-_.TZ:".contains(one))
    };
    if beside.strip_prefix(name).is_some_and(is_mark) {
        return true;
    }
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    let middle = beside
        .strip_prefix(stem)
        .and_then(|rest| rest.strip_suffix(end)?.strip_suffix('.'));
    !end.is_empty() && middle.is_some_and(is_mark)
}

fn read_at(file: &File, from: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut piece = Piece {
        file: file.try_clone()?,
        at: from,
        end: from + most,
    };
    io::Read::read_to_end(&mut piece, &mut bytes)?;
    Ok(bytes)
}

/// A part of a file, read without moving anybody's place in it.
struct Piece {
    file: File,
    at: u64,
    end: u64,
}

impl io::Read for Piece {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let Some(room) = buffer.get_mut(..length) else {
            return Ok(0);
        };
        let read = self.file.read_at(room, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names_are_known_and_others_are_not() {
        for beside in [
            "access.log.1",
            "access.log.2.gz",
            "access.log-20261123",
            "access.log-20261123-1763856000.zst",
            "access-20261123.log",
            "access.log.old",
        ] {
            assert!(is_rotated("access.log", beside), "{beside}");
        }
        for beside in [
            "access.log",
            "access.log.errors",
            "access-errors.log",
            "access.log.",
            "cache.log.1",
            "access.log.1~",
        ] {
            assert!(!is_rotated("access.log", beside), "{beside}");
        }
    }
}
