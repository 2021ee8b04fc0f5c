//! The spool: what is on its way into the store, sealed, in order, and on the disk before its first row is stored.
//!
//! Rows and ledger can not be written in one step, and a store may be away for hours. So each batch is written down
//! here first and taken away once the ledger has it: a crash is healed by finishing what stands here, and not by
//! reading the source again, which may have grown meanwhile and give other batches. While the store answers, a
//! source has one batch here; while it does not, they gather up to a bound and are stored in their order later.
//!
//! A source's things lie in `spool/SOURCE/NUMBER.sealed`; who holds `spool/SOURCE.lock` is at work on them. Each is a
//! head and a body, sealed apart for its place (the seal is the checksum), so that heads can be read without bodies.

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::sealed::{SealError, SealKey};
use crate::record::SourceId;

/// The folder of what is on its way.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    key: [u8; 32],
    limit: u64,
}

/// What is on its way of one source, first things first. Who holds this is at work on it; no other process takes it
/// up meanwhile.
#[derive(Debug)]
pub struct Queue {
    source: SourceId,
    folder: PathBuf,
    lock: PathBuf,
    key: SealKey,
    limit: u64,
    numbers: VecDeque<u64>,
    next: u64,
    _locked: File,
}

/// Something that was written down, as it was.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub head: Vec<u8>,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// What is on its way can not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// A file or folder can not be used.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is written down can not be sealed, or is not what was written.
    #[error("what is on its way in {path} can not be sealed or opened")]
    Seal {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: SealError,
    },
    /// Something before the last is gone.
    #[error("{path} is missing from what is on its way, and what comes after it is there")]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// There is no room for more.
    #[error(
        "the spool is full: {limit} bytes are its bound ([store] spool_bytes); they go to the store when it answers (`invigil store replay`)"
    )]
    Full {
        /// The bound.
        limit: u64,
    },
}

impl Spool {
    /// That of a data folder, with room for so many bytes.
    pub fn open(data: &Path, key: &[u8; 32], limit: u64) -> Self {
        Spool {
            folder: data.join("spool"),
            key: *key,
            limit,
        }
    }

    /// The queue of a source, as soon as nobody else is at work on it.
    pub fn queue(&self, source: SourceId) -> Result<Queue, SpoolError> {
        let lock = self.lock_path(source);
        let fault = |error| file_error(&lock, error);
        make_folder(&self.folder).map_err(|error| file_error(&self.folder, error))?;
        loop {
            let file = open_lock(&lock, true).map_err(fault)?;
            file.lock().map_err(fault)?;
            if is_still(&lock, &file) {
                return self.holding(source, lock, file);
            }
        }
    }

    /// The queues that hold something and that nobody is at work on: a crash left them, or a store that was away.
    pub fn left(&self) -> Result<Vec<Queue>, SpoolError> {
        let mut left = Vec::new();
        for source in self.sources()? {
            let lock = self.lock_path(source);
            let fault = |error| file_error(&lock, error);
            let file = open_lock(&lock, true).map_err(fault)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(fault(error)),
            }
            if is_still(&lock, &file) {
                left.push(self.holding(source, lock, file)?);
            }
        }
        left.retain(|queue| !queue.is_empty());
        Ok(left)
    }

    /// The heads of all that is on its way, by source and in order, whoever is at work on it. What goes meanwhile is
    /// passed over.
    pub fn heads(&self) -> Result<Vec<(SourceId, Vec<u8>)>, SpoolError> {
        let mut heads = Vec::new();
        for source in self.sources()? {
            let folder = self.folder.join(source.to_string());
            for number in numbers(&folder).map_err(|error| file_error(&folder, error))? {
                match read_item(&folder, source, number, &self.seal_key(&folder)?, false) {
                    Ok(item) => heads.push((source, item.head)),
                    Err(SpoolError::File { source, .. })
                        if source.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(heads)
    }

    /// How many bytes lie in the spool.
    pub fn bytes(&self) -> Result<u64, SpoolError> {
        bytes_below(&self.folder).map_err(|error| file_error(&self.folder, error))
    }

    fn holding(&self, source: SourceId, lock: PathBuf, locked: File) -> Result<Queue, SpoolError> {
        let folder = self.folder.join(source.to_string());
        tidy(&folder).map_err(|error| file_error(&folder, error))?;
        let numbers = numbers(&folder).map_err(|error| file_error(&folder, error))?;
        for (place, number) in (numbers.front().copied().unwrap_or(0)..).zip(&numbers) {
            if place != *number {
                let path = folder.join(name(place));
                return Err(SpoolError::Missing { path });
            }
        }
        Ok(Queue {
            source,
            key: self.seal_key(&folder)?,
            limit: self.limit,
            next: numbers.back().map_or(1, |last| last + 1),
            numbers,
            folder,
            lock,
            _locked: locked,
        })
    }

    fn sources(&self) -> Result<Vec<SourceId>, SpoolError> {
        let fault = |error| file_error(&self.folder, error);
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fault(error)),
        };
        let mut sources = Vec::new();
        for entry in entries {
            let name = entry.map_err(fault)?.file_name();
            sources.extend(name.to_str().and_then(SourceId::parse));
        }
        sources.sort_unstable();
        Ok(sources)
    }

    fn seal_key(&self, folder: &Path) -> Result<SealKey, SpoolError> {
        SealKey::new(&self.key).map_err(|source| SpoolError::Seal {
            path: folder.to_owned(),
            source,
        })
    }

    fn lock_path(&self, source: SourceId) -> PathBuf {
        self.folder.join(format!("{source}.lock"))
    }
}

impl Queue {
    /// The source.
    pub fn source(&self) -> SourceId {
        self.source
    }

    /// How many things are on their way.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Writes something down behind all that is here, and returns when it is on the disk. What would go beyond the
    /// spool's bound is refused; a queue that is empty takes one thing of any size, or nothing large could be stored.
    pub fn put(&mut self, item: &Item) -> Result<(), SpoolError> {
        let name = name(self.next);
        let path = self.folder.join(&name);
        let seal = |part: &str, plain: &[u8]| {
            self.key
                .seal(context(self.source, &name, part).as_bytes(), plain)
                .map_err(|source| SpoolError::Seal {
                    path: path.clone(),
                    source,
                })
        };
        let (head, body) = (seal("head", &item.head)?, seal("body", &item.body)?);
        let length = u32::try_from(head.len()).map_err(|_| SpoolError::Seal {
            path: path.clone(),
            source: SealError::CannotSeal,
        })?;
        self.has_room_for(item)?;
        let partial = path.with_extension(PARTIAL);
        let length = length.to_le_bytes();
        let parts = [length.as_slice(), &head, &body];
        if let Err(error) = write(&self.folder, &partial, &path, &parts) {
            // Half a file takes up room that the disk may just have run out of.
            drop(fs::remove_file(&partial));
            return Err(file_error(&path, error));
        }
        self.numbers.push_back(self.next);
        self.next += 1;
        Ok(())
    }

    /// Whether one thing more stays within the bound.
    pub fn has_room_for(&self, item: &Item) -> Result<(), SpoolError> {
        if self.is_empty() {
            return Ok(());
        }
        let spool = self.folder.parent().unwrap_or(&self.folder);
        let there = bytes_below(spool).map_err(|error| file_error(spool, error))?;
        if there + (item.head.len() + item.body.len()) as u64 > self.limit {
            return Err(SpoolError::Full { limit: self.limit });
        }
        Ok(())
    }

    /// What is to be stored next.
    pub fn first(&self) -> Result<Option<Item>, SpoolError> {
        self.numbers
            .front()
            .map(|number| read_item(&self.folder, self.source, *number, &self.key, true))
            .transpose()
    }

    /// The heads of all that is here, in order.
    pub fn heads(&self) -> Result<Vec<Vec<u8>>, SpoolError> {
        self.numbers
            .iter()
            .map(|number| {
                read_item(&self.folder, self.source, *number, &self.key, false).map(|one| one.head)
            })
            .collect()
    }

    /// The first thing has arrived: what was written down of it goes.
    pub fn done(&mut self) -> Result<(), SpoolError> {
        if let Some(number) = self.numbers.pop_front() {
            let path = self.folder.join(name(number));
            fs::remove_file(&path).map_err(|error| file_error(&path, error))?;
        }
        Ok(())
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if self.is_empty() {
            // What can not be tidied up is in nobody's way.
            drop(fs::remove_dir(&self.folder));
            drop(fs::remove_file(&self.lock));
        }
    }
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Item")
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

fn file_error(path: &Path, source: io::Error) -> SpoolError {
    SpoolError::File {
        path: path.to_owned(),
        source,
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut make = fs::DirBuilder::new();
    make.recursive(true).mode(0o700).create(folder)?;
    match folder.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Takes away what a crash left half written: nobody has been told that it was there. Only who holds the lock may.
fn tidy(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == PARTIAL) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn write(folder: &Path, partial: &Path, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    make_folder(folder)?;
    let mut file = File::create(partial)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()?;
    fs::rename(partial, path)?;
    File::open(folder)?.sync_all()
}

fn read_item(
    folder: &Path,
    source: SourceId,
    number: u64,
    key: &SealKey,
    whole: bool,
) -> Result<Item, SpoolError> {
    let name = name(number);
    let path = folder.join(&name);
    let fault = |error| file_error(&path, error);
    let changed = |error| SpoolError::Seal {
        path: path.clone(),
        source: error,
    };
    let mut file = File::open(&path).map_err(fault)?;
    let mut length = [0u8; 4];
    let mut head = Vec::new();
    file.read_exact(&mut length)
        .map_err(|_| changed(SealError::Changed))?;
    let length = u64::from(u32::from_le_bytes(length));
    io::Read::by_ref(&mut file)
        .take(length)
        .read_to_end(&mut head)
        .map_err(fault)?;
    let open = |part: &str, sealed: &[u8]| {
        key.open(context(source, &name, part).as_bytes(), sealed)
            .map_err(changed)
    };
    let head = open("head", &head)?;
    let mut body = Vec::new();
    if whole {
        file.read_to_end(&mut body).map_err(fault)?;
        body = open("body", &body)?;
    }
    Ok(Item { head, body })
}

/// The numbers of what lies in a queue's folder, in order.
fn numbers(folder: &Path) -> io::Result<VecDeque<u64>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(VecDeque::new()),
        Err(error) => return Err(error),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".sealed"));
        numbers.extend(digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()));
    }
    numbers.sort_unstable();
    Ok(numbers.into())
}

fn bytes_below(folder: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut bytes = 0;
    for entry in entries {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(about) if about.is_dir() => bytes_below(&entry.path())?,
            Ok(about) => about.len(),
            // It has arrived meanwhile.
            Err(_) => 0,
        };
    }
    Ok(bytes)
}

fn open_lock(path: &Path, create: bool) -> io::Result<File> {
    File::options()
        .create(create)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
}

/// Whether the file that was locked still has its name: who had it before may have taken it away.
fn is_still(path: &Path, file: &File) -> bool {
    path.metadata()
        .is_ok_and(|there| file.metadata().is_ok_and(|ours| ours.ino() == there.ino()))
}

fn name(number: u64) -> String {
    format!("{number:016x}.sealed")
}

fn context(source: SourceId, name: &str, part: &str) -> String {
    format!("invigil spool {source}/{name} {part}")
}

/// How the name of a thing ends while it is written.
const PARTIAL: &str = "partial";

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: SourceId = SourceId([7; 16]);

    fn item(body: &[u8]) -> Item {
        Item {
            head: b"what it is".to_vec(),
            body: body.to_vec(),
        }
    }

    fn spool(data: &Path) -> Spool {
        Spool::open(data, &[1; 32], 1 << 20)
    }

    #[test]
    fn what_a_crash_left_is_found_sealed_in_order_and_what_is_being_worked_on_is_not_touched() {
        let data = tempfile::tempdir().unwrap();
        let spool = spool(data.path());
        let mut queue = spool.queue(SOURCE).unwrap();
        queue.put(&item(b"rows with a planted-word")).unwrap();
        queue.put(&item(b"more rows")).unwrap();
        assert_eq!(spool.left().unwrap().len(), 0, "its writer lives");
        assert_eq!(spool.heads().unwrap().len(), 2, "and all may look");
        drop(queue);

        let folder = data.path().join(format!("spool/{SOURCE}"));
        let file = fs::read(folder.join(name(1))).unwrap();
        assert!(!file.windows(12).any(|w| w == b"planted-word"));
        let mut left = spool.left().unwrap();
        let mut queue = left.pop().unwrap();
        assert_eq!(
            queue.first().unwrap().unwrap(),
            item(b"rows with a planted-word")
        );
        queue.done().unwrap();
        assert_eq!(queue.first().unwrap().unwrap(), item(b"more rows"));
        queue.done().unwrap();
        drop(queue);
        assert_eq!(spool.left().unwrap().len(), 0);
        assert_eq!(spool.bytes().unwrap(), 0);
        assert!(!folder.exists(), "nothing is left behind");
    }

    #[test]
    fn what_stands_in_anothers_place_is_changed_or_gone_is_noticed() {
        let data = tempfile::tempdir().unwrap();
        let spool = spool(data.path());
        let mut queue = spool.queue(SOURCE).unwrap();
        for body in [b"one", b"two", b"six"] {
            queue.put(&item(body)).unwrap();
        }
        let path = |number| data.path().join(format!("spool/{SOURCE}/{}", name(number)));
        let whole = fs::read(path(1)).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(path(1), &changed).unwrap();
            assert!(queue.first().is_err(), "byte {at}");
            fs::write(path(1), &whole[..at]).unwrap();
            assert!(queue.first().is_err(), "cut at {at}");
        }
        fs::copy(path(2), path(1)).unwrap();
        assert!(queue.first().is_err(), "another's place");
        fs::remove_file(path(2)).unwrap();
        drop(queue);
        assert!(matches!(spool.left(), Err(SpoolError::Missing { .. })));
    }

    #[test]
    fn what_a_crash_left_half_written_is_taken_away_and_takes_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), &[1; 32], 1 << 20);
        let mut queue = spool.queue(SOURCE).unwrap();
        queue.put(&item(b"whole")).unwrap();
        let of_source = queue.folder.clone();
        std::fs::write(of_source.join("0000000000000002.partial"), b"half").unwrap();
        drop(queue);
        let mut left = spool.left().unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].first().unwrap().unwrap().body, b"whole");
        left[0].done().unwrap();
        drop(left);
        assert_eq!(spool.bytes().unwrap(), 0);
        assert!(!of_source.exists(), "nothing is left");
    }

    #[test]
    fn the_bound_holds_for_all_sources_together_and_lets_one_batch_pass() {
        let data = tempfile::tempdir().unwrap();
        let spool = Spool::open(data.path(), &[1; 32], 10_000);
        let mut queue = spool.queue(SOURCE).unwrap();
        queue.put(&item(&[0; 20_000])).unwrap();
        assert!(matches!(
            queue.put(&item(b"x")),
            Err(SpoolError::Full { limit: 10_000 })
        ));
        let mut other = spool.queue(SourceId([8; 16])).unwrap();
        other.put(&item(b"y")).unwrap();
        assert!(other.put(&item(b"z")).is_err());
        queue.done().unwrap();
        other.put(&item(b"z")).unwrap();
        assert_eq!((queue.len(), other.len()), (0, 2));
    }
}
