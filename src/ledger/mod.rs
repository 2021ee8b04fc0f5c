//! The append-only Merkle log of every act: what was read, searched, asked for, answered and handed over.
//!
//! It stands beside the store, not before it: a batch is stored, then entered here. Entries are
//! canonical JSON, one a line; their leaves make the tree of RFC 6962, whose head is signed after each act.
//! Nothing here knows a name, an address or a URL in clear but the encrypted records beside the log.

mod act;
mod canonical;
mod checkpoint;
mod digest;
mod error;
mod file;
mod frames;
mod hold;
mod private;
mod tree;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

pub(crate) use act::source as source_digits;
pub use act::{
    Act, AuditRun, BackedUp, BatchDropped, BatchIngested, BatchSpooled, CaseOpened, CaseStepped,
    ClockPutBack, ContentKept, Deleted, DeletedMonth, DeletedOf, Deletion, DrillHeld, Exported,
    GateAnswered, HoldEnded, HoldPlaced, KeptByHold, ListLoaded, Mended, Migrated, NameRevealed,
    RegisterImported, ReportWritten, RequestReceived, RowsOf, SearchRun, SourceClosed,
    SourceOpened,
};
pub use canonical::to_canonical;
pub use checkpoint::{Checkpoint, VerifyKey};
pub use digest::Digest;
pub use error::LedgerError;
pub use file::Entry;
pub use frames::{FrameNonces, FrameProofs, FrameTree, frame_leaf};
pub use hold::{Hold, HoldFor, HoldState, holds};
pub use private::PrivateRecord;
pub use tree::{verify_consistency, verify_inclusion};

use checkpoint::SigningKey;
use private::PrivateRecords;
use tree::{Frontier, Levels};

use crate::record::{SourceId, Timestamp};

/// The keys of the ledger, as bytes.
#[derive(Clone)]
pub struct LedgerKeys {
    /// Seed of the key that signs heads.
    pub signing: [u8; 32],
    /// The key that wraps those of the private records.
    pub records: [u8; 32],
}

/// The ledger of one data folder. Several processes may have it open; one writes at a time.
pub struct Ledger {
    folder: PathBuf,
    signing: SigningKey,
    private: PrivateRecords,
    state: Mutex<State>,
}

/// A signed head and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// The signed note.
    pub note: String,
}

/// A place between two entries, up to which somebody has read; at first it is before all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    index: u64,
    offset: u64,
}

/// What a check of the whole ledger has found in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Entries, all under the root.
    pub entries: u64,
    /// The root.
    pub root: Digest,
    /// Private records that are there and keep to their commitments.
    pub private: u64,
    /// Private records that have been erased.
    pub erased: u64,
}

#[derive(Default)]
struct State {
    leaves: Vec<Digest>,
    frontier: Frontier,
    end: u64,
    repaired: u64,
    /// The date of the last entry, and the latest date of all.
    last: Timestamp,
    latest: Timestamp,
}

impl Ledger {
    /// Opens the ledger in this folder, and makes it where there is none yet.
    pub fn open(folder: &Path, keys: &LedgerKeys, origin: &str) -> Result<Ledger, LedgerError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| LedgerError::file(folder, source))?;
        let ledger = Ledger {
            folder: folder.to_owned(),
            signing: SigningKey::new(origin, &keys.signing)?,
            private: PrivateRecords::open(folder.join("private"), &keys.records)?,
            state: Mutex::default(),
        };
        let lock = ledger.lock()?;
        let mut state = ledger.state();
        ledger.catch_up(&mut state)?;
        drop(state);
        drop(lock);
        Ok(ledger)
    }

    /// Enters an act. When this returns, entry and private record are on the disk for good; gives the entry's index.
    pub fn append(
        &self,
        time: Timestamp,
        act: &Act,
        private: Option<&Value>,
    ) -> Result<u64, LedgerError> {
        let private = private.map(|value| self.private.write(value)).transpose()?;
        let _lock = self.lock()?;
        let mut state = self.state();
        self.catch_up(&mut state)?;
        let (time, step) = dated(time, state.last);
        if step {
            let put_back = Act::ClockPutBack(ClockPutBack {
                latest: state.latest,
                now: time,
            });
            self.write(&mut state, time, &put_back, None)?;
        }
        self.write(&mut state, time, act, private)
    }

    /// Writes an entry and the head over it. The caller holds the lock and has caught up.
    fn write(
        &self,
        state: &mut State,
        time: Timestamp,
        act: &Act,
        private: Option<Digest>,
    ) -> Result<u64, LedgerError> {
        let entry = Entry {
            index: state.frontier.size(),
            time,
            act: act.clone(),
            private,
        };
        let line = entry.line()?;
        let path = self.entries_path();
        let write = || -> std::io::Result<()> {
            let mut file = self.entries_file()?;
            file.write_all(format!("{line}\n").as_bytes())?;
            file.sync_all()
        };
        write().map_err(|source| LedgerError::file(&path, source))?;
        if entry.index == 0 {
            sync_folder(&self.folder)?;
        }
        state.end += line.len() as u64 + 1;
        state.push(Entry::leaf(line.as_bytes()));
        state.date(entry.time);
        self.write_head(state)?;
        Ok(entry.index)
    }

    /// The latest date of all entries known to this process.
    pub fn latest(&self) -> Timestamp {
        self.state().latest
    }

    /// The signed head over all entries known to this process.
    pub fn head(&self) -> Head {
        let state = self.state();
        let (size, root) = (state.frontier.size(), state.frontier.root());
        Head {
            size,
            root,
            note: self.signing.sign(size, root),
        }
    }

    /// The key that heads are checked with; its `Display` is the printed form.
    pub fn verify_key(&self) -> VerifyKey {
        self.signing.verify_key()
    }

    /// How many bytes of a cut-off entry were taken away since this process opened the ledger; to be told to the operator.
    pub fn repaired(&self) -> u64 {
        self.state().repaired
    }

    /// All entries, in order, as they stand on the disk now.
    pub fn entries(&self) -> Result<impl Iterator<Item = Entry> + use<>, LedgerError> {
        Ok(self.read_all()?.entries.into_iter())
    }

    /// The entries behind a place, as they stand on the disk now, and the place behind them.
    pub fn entries_behind(&self, place: Place) -> Result<(Vec<Entry>, Place), LedgerError> {
        let path = self.entries_path();
        let mut file = self
            .entries_file()
            .map_err(|source| LedgerError::file(&path, source))?;
        let signed = self.stored_head()?.map_or(0, |head| head.size);
        let tail = file::read_tail(&path, &mut file, place.offset, place.index, signed)?;
        let place = Place {
            index: place.index + tail.entries.len() as u64,
            offset: tail.end,
        };
        Ok((tail.entries, place))
    }

    /// One entry.
    pub fn entry(&self, index: u64) -> Result<Entry, LedgerError> {
        let at = usize::try_from(index).map_err(|_| LedgerError::NoEntry(index))?;
        self.entries()?.nth(at).ok_or(LedgerError::NoEntry(index))
    }

    /// The batches that were ingested, each with the index of its entry; of one source, or of all.
    pub fn batches(
        &self,
        source: Option<SourceId>,
    ) -> Result<Vec<(u64, BatchIngested)>, LedgerError> {
        let batches = self.entries()?.filter_map(|entry| match entry.act {
            Act::BatchIngested(batch) if source.is_none_or(|id| id == batch.source) => {
                Some((entry.index, batch))
            }
            _ => None,
        });
        Ok(batches.collect())
    }

    /// The private record of an entry; `None` if the entry has none.
    pub fn private(&self, entry: &Entry) -> Result<Option<PrivateRecord>, LedgerError> {
        let read = |commitment: &Digest| self.private.read(commitment);
        entry.private.as_ref().map(read).transpose()
    }

    /// Destroys the private record of an entry; says whether it was there. The entry and all proofs stay.
    pub fn erase_private(&self, index: u64) -> Result<bool, LedgerError> {
        match self.entry(index)?.private {
            Some(commitment) => self.private.erase(&commitment),
            None => Ok(false),
        }
    }

    /// The proof that an entry is under the head of this size.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Digest>, LedgerError> {
        let paths = self.inclusions(&[index], size)?;
        paths.into_iter().next().ok_or(LedgerError::NoEntry(index))
    }

    /// Proofs for several entries under the head of this size, in the order asked.
    pub fn inclusions(&self, indices: &[u64], size: u64) -> Result<Vec<Vec<Digest>>, LedgerError> {
        let leaves = self.leaves(size)?;
        let tree = Levels::of(leaves);
        let path = |index: &u64| {
            usize::try_from(*index)
                .ok()
                .and_then(|place| tree.inclusion(place))
                .ok_or(LedgerError::NoEntry(*index))
        };
        indices.iter().map(path).collect()
    }

    /// The proof that the head of the size `old` is a beginning of the head of the size `new`.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Digest>, LedgerError> {
        let leaves = self.leaves(new)?;
        usize::try_from(old)
            .ok()
            .and_then(|old| tree::consistency(&leaves, old))
            .ok_or(LedgerError::NoEntry(old))
    }

    /// Reads everything again and checks it: each entry's form and place, the root against the signed head, each private record.
    pub fn verify(&self) -> Result<Verified, LedgerError> {
        let _lock = self.lock()?;
        // What other processes have entered since is known from here on: proofs of it can be had.
        self.catch_up(&mut self.state())?;
        let tail = self.read_all()?;
        let (size, root) = (tail.leaves.len() as u64, tree::root(&tail.leaves));
        let signed = self.stored_head()?;
        let known = self.state();
        let as_known = tail.leaves.get(..known.leaves.len()) == Some(known.leaves.as_slice());
        let as_signed = match &signed {
            Some(head) => head.size == size && head.root == root,
            None => size == 0,
        };
        if !as_known || !as_signed {
            return Err(LedgerError::NotAsSigned {
                size,
                signed: signed.map_or(0, |head| head.size),
            });
        }
        let mut verified = Verified {
            entries: size,
            root,
            private: 0,
            erased: 0,
        };
        for entry in &tail.entries {
            match self.private(entry)? {
                Some(PrivateRecord::Kept(_)) => verified.private += 1,
                Some(PrivateRecord::Erased) => verified.erased += 1,
                None => {}
            }
        }
        Ok(verified)
    }

    fn leaves(&self, size: u64) -> Result<Vec<Digest>, LedgerError> {
        let state = self.state();
        usize::try_from(size)
            .ok()
            .and_then(|size| state.leaves.get(..size))
            .map(<[Digest]>::to_vec)
            .ok_or(LedgerError::NoEntry(size))
    }

    /// Takes in what other processes have written, and cuts off a torn end. The caller holds the lock.
    fn catch_up(&self, state: &mut State) -> Result<(), LedgerError> {
        let path = self.entries_path();
        let fault = |source| LedgerError::file(&path, source);
        let mut file = self.entries_file().map_err(fault)?;
        let signed = self.stored_head()?;
        let signed_size = signed.as_ref().map_or(0, |head| head.size);
        let length = file.metadata().map_err(fault)?.len();
        let known = state.frontier.size();
        if length < state.end {
            return Err(LedgerError::NotAsSigned {
                size: 0,
                signed: known,
            });
        }
        let tail = file::read_tail(&path, &mut file, state.end, known, signed_size)?;
        if tail.torn > 0 {
            file.set_len(tail.end)
                .and_then(|()| file.sync_all())
                .map_err(fault)?;
            state.repaired += tail.torn;
            tracing::warn!(
                bytes = tail.torn,
                "the end of the ledger was torn and was cut off"
            );
        }
        let mut at_signed = (known == signed_size).then(|| state.frontier.root());
        for leaf in tail.leaves {
            state.push(leaf);
            if state.frontier.size() == signed_size {
                at_signed = Some(state.frontier.root());
            }
        }
        for entry in &tail.entries {
            state.date(entry.time);
        }
        state.end = tail.end;
        let size = state.frontier.size();
        if let Some(head) = signed
            && (size < head.size || at_signed.is_some_and(|root| root != head.root))
        {
            return Err(LedgerError::NotAsSigned {
                size,
                signed: head.size,
            });
        }
        if size > signed_size + 1 {
            // Each entry gets its head before the next is written: what lies beyond was not written by us, or the
            // head was taken away or put back. To sign it now would hide that.
            return Err(LedgerError::NotAsSigned {
                size,
                signed: signed_size,
            });
        }
        if size > signed_size {
            // A crash came between an entry and its head.
            self.write_head(state)?;
        }
        Ok(())
    }

    fn read_all(&self) -> Result<file::Tail, LedgerError> {
        let path = self.entries_path();
        let mut file = self
            .entries_file()
            .map_err(|source| LedgerError::file(&path, source))?;
        let signed = self.stored_head()?.map_or(0, |head| head.size);
        file::read_tail(&path, &mut file, 0, 0, signed)
    }

    fn stored_head(&self) -> Result<Option<Checkpoint>, LedgerError> {
        let path = self.folder.join("head");
        match fs::read_to_string(&path) {
            Ok(note) => self.verify_key().open(&note).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LedgerError::file(&path, source)),
        }
    }

    /// The head is written after its entries, so it never runs ahead of them; it is replaced as a whole.
    fn write_head(&self, state: &State) -> Result<(), LedgerError> {
        let note = self
            .signing
            .sign(state.frontier.size(), state.frontier.root());
        let (path, fresh) = (self.folder.join("head"), self.folder.join("head.new"));
        let write = || -> std::io::Result<()> {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&fresh)?;
            file.write_all(note.as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, &path)
        };
        write().map_err(|source| LedgerError::file(&path, source))?;
        // Without this a head of some entries ago could stand there after a loss of power.
        sync_folder(&self.folder)
    }

    fn entries_path(&self) -> PathBuf {
        self.folder.join("entries.jsonl")
    }

    fn entries_file(&self) -> std::io::Result<File> {
        fs::OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(self.entries_path())
    }

    /// While this is held, store and ledger may differ: something is between its rows and its entry. Any number of
    /// programs may hold it, and none while one holds [`Ledger::quiet`].
    pub fn busy(&self) -> Result<File, LedgerError> {
        self.lock_file("moment.lock", File::lock_shared)
    }

    /// While this is held, store and ledger tell of the same moment.
    pub fn quiet(&self) -> Result<File, LedgerError> {
        self.lock_file("moment.lock", File::lock)
    }

    /// The head as it stands on the disk, and how many bytes of the file of entries are under it. As entries are only
    /// ever added, those bytes stay as they are.
    pub fn extent(&self) -> Result<(Head, u64), LedgerError> {
        let _lock = self.lock()?;
        self.catch_up(&mut self.state())?;
        Ok((self.head(), self.state().end))
    }

    /// The lock between processes; it is let go when the file is dropped.
    fn lock(&self) -> Result<File, LedgerError> {
        self.lock_file("lock", File::lock)
    }

    fn lock_file(
        &self,
        name: &str,
        lock: fn(&File) -> std::io::Result<()>,
    ) -> Result<File, LedgerError> {
        let path = self.folder.join(name);
        let locked = || -> std::io::Result<File> {
            let file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)?;
            lock(&file)?;
            Ok(file)
        };
        locked().map_err(|source| LedgerError::file(&path, source))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is changed only by steps that can not stop half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, leaf: Digest) {
        self.leaves.push(leaf);
        self.frontier.push(leaf);
    }

    fn date(&mut self, time: Timestamp) {
        self.last = time;
        self.latest = self.latest.max(time);
    }
}

/// The date of the next entry, and whether the clock was put back since the last. Programs that write at once read the
/// clock before they wait for each other, and clocks are trimmed: so a little earlier is as late as the last.
fn dated(now: Timestamp, last: Timestamp) -> (Timestamp, bool) {
    match last.micros().saturating_sub(now.micros()) {
        ..=0 => (now, false),
        1..=WITHOUT_A_WORD => (last, false),
        _ => (now, true),
    }
}

/// Entries may come so late without a word, in microseconds: a program may wait that long for the lock.
const WITHOUT_A_WORD: i64 = 60_000_000;

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for LedgerKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LedgerKeys(withheld)")
    }
}

fn sync_folder(folder: &Path) -> Result<(), LedgerError> {
    File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(|source| LedgerError::file(folder, source))
}

#[cfg(test)]
mod tests;
