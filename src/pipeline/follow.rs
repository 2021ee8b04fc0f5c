//! Following logs while they are written: each look stores the whole lines that have come, rotated or not.
//!
//! A followed file is a file like any other: it is known by its bytes, what is stored of it stands in the ledger, and a
//! program that was killed goes on from there. While it is at hand it is one descriptor, opened once, from which inode,
//! size, beginning and lines are read; that it was not emptied meanwhile is asked after each reading (`anchor`).
//!
//! What is promised. A log that is **renamed** away is read from its descriptor until it rests, and after a kill found
//! by its bytes under its new name: each line is stored once. A log that is **copied and emptied** is let go when it is
//! shorter than what was read, or begins otherwise; its copy (`beside`) is known by its bytes as far as they are
//! stored, and only its rest is read: nothing twice. Of such a rotation can be lost what the rotating tool itself loses,
//! lines that are written between its copy and its emptying, unless they were read in between. Not told apart are logs whose
//! first and last kilobytes are the same before and after, such as lines without times that repeat.

mod anchor;
mod beside;
mod live;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::ledger::FrameNonces;
use crate::logs::{LogFormat, SourceSettings};
use crate::record::{Counts, SourceId};
use crate::store::names::Names;

use super::PipelineError;
use super::history::History;
use super::ingest::{Mark, SAMPLE, Start};
use super::input::held::HeldFile;
use super::input::{Identity, InputName, Opened, Torn};
use super::lane::Left;
use super::log_files::{LogFiles, TakenUp};
use super::sources;

use anchor::Anchor;
use beside::{Stamp, stamp};
use live::{Live, News};

/// What the operator knows of a file's lines.
pub trait Choice {
    /// The format of a file that begins with these lines; `known` is what it was read as before. Nothing while it can
    /// not be told.
    fn format(&self, lines: Opened, known: Option<&str>) -> Option<&'static dyn LogFormat>;
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
    /// Files that were read to their end, or found to be stored, as they were then.
    read: BTreeMap<(u64, u64), Stamp>,
    /// Rotated files that begin as a followed one does: they are looked at when that one has been let go.
    same: BTreeMap<(u64, u64), (Stamp, SourceId)>,
    /// Rotated files as they were seen last, and since when: one that is still written to is left alone.
    seen: BTreeMap<(u64, u64), (Stamp, Stopwatch)>,
    swept: Option<Stopwatch>,
}

type All = (Counts, Left, bool);

/// A file that has rested so long is entered as read to its end, and let go if it was renamed away.
const REST: Duration = Duration::from_secs(5);

/// A file beside a log is read once it has not changed for so long: before, it may be half a copy.
const SETTLED: Duration = Duration::from_secs(2);

/// How often it is asked what stands beside the logs.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(1);

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
            paths,
            live: Vec::new(),
            away: BTreeSet::new(),
            read: BTreeMap::new(),
            same: BTreeMap::new(),
            seen: BTreeMap::new(),
            swept: None,
        }
    }

    /// Looks once at each file and stores what has come. Gives what was counted, and whether there is more to be read
    /// at once. After an error that may pass, call it again: what is not stored is read again.
    pub fn look(&mut self) -> Result<(Counts, Left, bool), PipelineError> {
        let mut all = (Counts::default(), Left::default(), false);
        let swept = self.swept.as_ref();
        let is_due = swept.is_none_or(|since| since.elapsed() > BETWEEN_SWEEPS);
        for path in self.paths.clone() {
            let looked = self.look_at(&path, &mut all).and_then(|()| match is_due {
                true => self.sweep(&path, &mut all),
                false => Ok(()),
            });
            self.kept_going(&path, looked)?;
        }
        if is_due {
            self.swept = Some(Stopwatch::start());
        }
        let ended = |live: &Live| live.is_rotated && !live.is_open && live.rest.elapsed() > REST;
        self.live.retain(|live| !ended(live));
        Ok(all)
    }

    /// Enters where each file ends that was read.
    pub fn end(&mut self) -> Result<(Counts, Left), PipelineError> {
        let _one_at_a_time = sources::lock_files(self.data, self.files.deposit)?;
        let mut left = Left::default();
        for live in &mut self.live {
            left.add(live.close(&self.files)?);
        }
        Ok((Counts::default(), left))
    }

    /// A file that can not be read is told of once, and waited for. Anything else is for the caller.
    fn kept_going(
        &mut self,
        path: &Path,
        done: Result<(), PipelineError>,
    ) -> Result<(), PipelineError> {
        match done {
            Ok(()) => {
                if self.away.remove(path) {
                    self.choice.tell(Told::Back(path));
                }
                Ok(())
            }
            Err(PipelineError::Input(error)) => {
                if self.away.insert(path.to_owned()) {
                    self.choice.tell(Told::Away(path, &error.source));
                }
                Ok(())
            }
            Err(error) => {
                // What was on its way may be stored or not: all is found out anew.
                self.live.clear();
                self.read.clear();
                self.same.clear();
                Err(error)
            }
        }
    }

    fn look_at(&mut self, path: &Path, all: &mut All) -> Result<(), PipelineError> {
        // Who was there first is read first, so that lines come in their order.
        for at in 0..self.live.len() {
            if self.live.get(at).is_some_and(|live| live.path() == path) {
                self.read_on(at, all)?;
            }
        }
        self.live.retain(|live| live.mark.is_some());
        let name = InputName::File(path.to_owned());
        let file = match HeldFile::open(path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(name.error(error).into()),
        };
        let about = file.as_ref().map(HeldFile::about).transpose();
        let about = about.map_err(|error| name.error(error))?;
        let inode = about.as_ref().map(|about| (about.dev(), about.ino()));
        let mut is_new = inode.is_some();
        for live in self.live.iter_mut().filter(|live| live.path() == path) {
            let is_it = inode == Some(live.inode);
            is_new &= !is_it;
            if !is_it && !live.is_rotated {
                live.is_rotated = true;
                live.rest = Stopwatch::start();
                self.choice.tell(Told::Rotated(path));
            }
        }
        match (file, about) {
            (Some(file), Some(about)) if is_new && about.is_file() && about.len() > 0 => {
                match self.has_nothing_new(&about) {
                    true => Ok(()),
                    false => self.begin(file, all),
                }
            }
            _ => Ok(()),
        }
    }

    /// Takes up a file that is new under its path.
    fn begin(&mut self, file: HeldFile, all: &mut All) -> Result<(), PipelineError> {
        let name = InputName::Held(file.clone());
        let fault = |source| PipelineError::Input(name.error(source));
        let about = file.about().map_err(fault)?;
        let inode = (about.dev(), about.ino());
        let head = anchor::head_of(&file).map_err(fault)?;
        let lines = whole_lines(&name)?;
        if lines.is_empty() {
            // Files that are known by a piece of a line may be many.
            return Ok(());
        }
        if !lines.starts_with(&head) && !head.starts_with(&lines) {
            if !anchor::is_unbroken(&file, &head, about.len()).map_err(fault)? {
                return Ok(());
            }
            // It is packed: nobody goes on writing to it.
            return self.read_whole(file, stamp(&about), all);
        }
        let one_at_a_time = sources::lock_files(self.data, self.files.deposit)?;
        let history = self.files.deposit.history()?;
        let identity = name.identify(history.points())?;
        let Some(format) = self.format(&name, lines, &identity) else {
            self.read.insert(inode, stamp(&about));
            return Ok(());
        };
        let input = name.open()?;
        let taken = self
            .files
            .take_up_as(&name, &identity, format, input, &history)?;
        let is_older_copy = taken.start.is_none() && taken.known.is_none();
        if self.is_live(taken.source.id) {
            // Another followed file begins alike. Until they differ, or that one is let go, nothing of this is new.
            self.same.insert(inode, (stamp(&about), taken.source.id));
            return Ok(());
        }
        if is_older_copy {
            self.read.insert(inode, stamp(&about));
            return Ok(());
        }
        let settings = self.choice.settings(&name);
        let (mark, counts) = self.mark_of(&name, format, &settings, &taken, &history)?;
        drop(history);
        let Some(anchor) = Anchor::at(&file, mark.offset(), &head).map_err(fault)? else {
            // It was emptied while we read it.
            return Ok(());
        };
        all.0.add(&counts);
        let past = taken.source.past.as_ref();
        self.live.push(Live {
            inode,
            file,
            format,
            settings,
            since: Stopwatch::start(),
            is_open: past.is_some_and(|past| !past.is_at_an_end()),
            source: taken.source,
            mark: Some(mark),
            anchor,
            seen: None,
            rest: Stopwatch::start(),
            is_rotated: false,
            ledger: self.files.deposit.ledger.head().size,
        });
        drop(one_at_a_time);
        self.read_on(self.live.len() - 1, all)
    }

    fn format(
        &self,
        name: &InputName,
        lines: Vec<u8>,
        identity: &Identity,
    ) -> Option<&'static dyn LogFormat> {
        let lines = Opened {
            name: name.clone(),
            reader: Box::new(io::Cursor::new(lines)),
            torn: Torn::default(),
        };
        self.choice.format(lines, identity.format())
    }

    /// The mark from which a file goes on, and what was passed over. Where lines before it matter, they are read again.
    fn mark_of(
        &mut self,
        name: &InputName,
        format: &'static dyn LogFormat,
        settings: &SourceSettings,
        taken: &TakenUp,
        history: &History,
    ) -> Result<(Mark, Counts), PipelineError> {
        if let Some(Start::At(mark)) = &taken.start {
            return Ok((mark.again(), taken.counts.clone()));
        }
        let Some((point, going)) = &taken.known else {
            return Ok((Mark::beginning(&[]), Counts::default()));
        };
        let (mut mark, _) = Mark::at(point, going.0.clone(), name.open()?)?;
        if !format.remembers() {
            return Ok((mark, taken.counts.clone()));
        }
        let mut before = name.open()?;
        before.reader = Box::new(before.reader.take(point.length));
        let mut source = taken.source.clone();
        source.past = history.source(source.id).cloned();
        let reading = self.files.reading(format, settings)?;
        let nonces = FrameNonces::new(self.files.nonces, source.id);
        let start = Start::Beginning(point.length);
        let (names, deposit) = (&mut self.names, self.files.deposit);
        let went = reading.store_part(before, &source, start, false, names, nonces, deposit)?;
        mark.take_reader_of(went.mark);
        Ok((mark, went.counts))
    }

    /// Whether a file is as it was when it was read, or when it was found to begin as another that is still followed.
    fn has_nothing_new(&self, about: &Metadata) -> bool {
        let (inode, now) = ((about.dev(), about.ino()), stamp(about));
        let same = self.same.get(&inode);
        self.read.get(&inode) == Some(&now)
            || same.is_some_and(|(then, source)| *then == now && self.is_live(*source))
    }

    fn is_live(&self, source: SourceId) -> bool {
        self.live.iter().any(|live| live.source.id == source)
    }

    /// Stores the whole lines that have come to a file since the last look. A file that is no longer what it was loses
    /// its mark, and is let go.
    fn read_on(&mut self, at: usize, all: &mut All) -> Result<(), PipelineError> {
        let Some(live) = self.live.get_mut(at) else {
            return Ok(());
        };
        if live.since.elapsed() > RENEWED {
            live.settings = self.choice.settings(&InputName::Held(live.file.clone()));
            live.since = Stopwatch::start();
            match &mut live.mark {
                // Its reader must not forget, and not be old either: the file is taken up anew.
                mark if live.format.remembers() => *mark = None,
                Some(mark) => mark.forget_reader(),
                None => {}
            }
        }
        if live.mark.is_none() {
            return Ok(());
        }
        match live.news()? {
            News::Bytes(new, is_all) => {
                let _one_at_a_time = sources::lock_files(self.data, self.files.deposit)?;
                let (counts, left) = live.store(&new, &self.files, &mut self.names)?;
                live.rest = Stopwatch::start();
                all.0.add(&counts);
                all.1.add(left);
                all.2 |= !is_all;
            }
            News::Emptied => self.choice.tell(Told::Rotated(live.path())),
            News::None if live.is_open && live.rest.elapsed() > REST => {
                let _one_at_a_time = sources::lock_files(self.data, self.files.deposit)?;
                all.1.add(live.close(&self.files)?);
            }
            News::None => {}
        }
        Ok(())
    }

    /// Reads what was rotated away beside a path.
    fn sweep(&mut self, path: &Path, all: &mut All) -> Result<(), PipelineError> {
        for (beside, about) in beside::rotated(path)? {
            let (inode, stamp) = ((about.dev(), about.ino()), stamp(&about));
            if self.has_nothing_new(&about) || self.live.iter().any(|live| live.inode == inode) {
                continue;
            }
            let first = (stamp, Stopwatch::start());
            let seen = self.seen.entry(inode).or_insert(first);
            if seen.0 != stamp {
                *seen = (stamp, Stopwatch::start());
            }
            if seen.1.elapsed() < SETTLED {
                continue;
            }
            self.seen.remove(&inode);
            match HeldFile::open(&beside) {
                Ok(file) => self.read_whole(file, stamp, all)?,
                // It has been renamed on, and is met under its next name.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(InputName::File(beside).error(error).into()),
            }
        }
        Ok(())
    }

    /// Reads a file to its end that nobody writes to any more, if it is the one that was looked at.
    fn read_whole(
        &mut self,
        file: HeldFile,
        seen: Stamp,
        all: &mut All,
    ) -> Result<(), PipelineError> {
        let name = InputName::Held(file.clone());
        let about = file.about().map_err(|error| name.error(error))?;
        if stamp(&about) != seen {
            return Ok(());
        }
        let inode = (about.dev(), about.ino());
        let lines = whole_lines(&name)?;
        let _one_at_a_time = sources::lock_files(self.data, self.files.deposit)?;
        let history = self.files.deposit.history()?;
        let identity = name.identify(history.points())?;
        if let Some(format) = self.format(&name, lines, &identity) {
            let input = name.open()?;
            let taken = self
                .files
                .take_up_as(&name, &identity, format, input, &history)?;
            if self.is_live(taken.source.id) {
                self.same.insert(inode, (seen, taken.source.id));
                return Ok(());
            }
            let settings = self.choice.settings(&name);
            let (counts, left) = self
                .files
                .store(taken, format, &settings, &mut self.names)?;
            all.0.add(&counts);
            all.1.add(left);
        }
        self.same.remove(&inode);
        self.read.insert(inode, seen);
        Ok(())
    }
}

/// The first lines of a file that have their ends, by which its format is told; the bytes as they are where a line is
/// very long.
fn whole_lines(name: &InputName) -> Result<Vec<u8>, PipelineError> {
    let mut lines = Vec::new();
    let mut first = name.open()?.reader.take(SAMPLE as u64);
    let read = first.read_to_end(&mut lines);
    read.map_err(|source| name.error(source))?;
    if lines.len() < SAMPLE {
        let end = lines.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'));
        lines.truncate(end.map_or(0, |at| at + 1));
    }
    Ok(lines)
}
