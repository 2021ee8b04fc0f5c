//! Retention: what has had its time goes, what is held stays, and the ledger says which.
//!
//! Each deletion is announced in the ledger with its counts and digests before anything goes, and entered again once it
//! is counted to be gone; one that a crash broke off is finished by the next run. Lines are drawn from a moment that is
//! passed in, at midnight UTC, and are met by the data's own times.

mod by_batch;
mod holds;
mod originals;
mod periods;
mod run;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

pub use periods::Periods;
pub use run::{Gone, Outcome};

use crate::ledger::{Act, Entry, Ledger, LedgerError, RowsOf};
use crate::record::{EVENT_TABLES, SourceId, Table, Timestamp};
use crate::store::names::NamesError;
use crate::store::originals::{Originals, OriginalsError};
use crate::store::places::{placed_rows, without_content};
use crate::store::{Store, StoreError};

/// What retention works on.
pub struct Keeper<'a> {
    /// The data folder.
    pub data: &'a Path,
    /// The store.
    pub store: &'a Store,
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The originals.
    pub originals: &'a Originals,
    /// The key of the table of names.
    pub names_key: &'a [u8; 32],
    /// How long what is kept.
    pub periods: &'a Periods,
    /// The moment at which data is due; usually the present one.
    pub at: Timestamp,
    /// Reads the time, for the entries' dates and for holds.
    pub now: fn() -> Timestamp,
}

/// Retention can not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// A period can not be used.
    #[error("retention.{key} in the configuration can not be {days} days: {problem}")]
    Period {
        /// Which.
        key: String,
        /// What it says.
        days: u32,
        /// Why not.
        problem: &'static str,
    },
    /// What was to go is still there.
    #[error(
        "{rows} rows of {table} were to go and are still there: run it again, and look at the store if they stay"
    )]
    StillThere {
        /// Where.
        table: String,
        /// How many.
        rows: u64,
    },
    /// Old parts are still on the disk.
    #[error(
        "{0} still has old parts on the disk, which a running question may hold: run it again when that has ended"
    )]
    OldParts(&'static str),
    /// Another program has the table of names in use.
    #[error("another program has the table of names in use: run it again when that has ended")]
    NamesInUse,
    /// A hold can not be read.
    #[error(
        "the private record of the hold {0} is gone: end that hold and place it again, so that it is known what it keeps"
    )]
    HoldWithoutRecord(u64),
    /// A hold says something that this release does not know.
    #[error("the hold {0} can not be read by this release: use the one that placed it")]
    UnknownHold(u64),
    /// A deletion that was broken off is of a kind that this release does not know.
    #[error(
        "the deletion of entry {0} can not be finished by this release: use the one that began it"
    )]
    UnknownDeletion(u64),
    /// The system gives no random bytes.
    #[error(transparent)]
    Keys(#[from] crate::keys::KeyError),
    /// The store.
    #[error("cannot use the store")]
    Store(#[from] StoreError),
    /// The ledger.
    #[error("cannot use the ledger")]
    Ledger(#[from] LedgerError),
    /// The originals.
    #[error("cannot use the originals")]
    Originals(#[from] OriginalsError),
    /// The names.
    #[error("cannot use the table of names")]
    Names(#[from] NamesError),
}

/// From which moment on rows of a table are stored: what is older was deleted for its age, and does not come back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    rows: BTreeMap<String, Timestamp>,
    content: BTreeMap<String, Timestamp>,
}

impl Lines {
    /// As the ledger tells: what a deletion has announced counts.
    pub fn of(entries: impl Iterator<Item = Entry>) -> Lines {
        let mut lines = Lines::default();
        entries.for_each(|entry| lines.add(entry));
        lines
    }

    /// Adds what an entry says that comes behind those before.
    pub(super) fn add(&mut self, entry: Entry) {
        let Act::DeletionBegun(deletion) = entry.act else {
            return;
        };
        let is_table = EVENT_TABLES
            .iter()
            .any(|table| table.name == deletion.table);
        // Rejects go with their source and not by their time.
        if is_table && deletion.table != "rejects" {
            let lines = match deletion.fate.as_str() {
                "deleted" => &mut self.rows,
                _ => &mut self.content,
            };
            let line = lines.entry(deletion.table).or_insert(deletion.until);
            *line = (*line).max(deletion.until);
        }
    }

    /// Whether a row of this table with this time was due before it came.
    pub fn is_past(&self, table: &Table, time: Option<Timestamp>) -> bool {
        match (self.rows.get(table.name), time) {
            (Some(line), Some(time)) => time < *line,
            _ => false,
        }
    }

    /// Rows of a table that are made again: those past the line left out, and emptied where content is past its own.
    /// Says how many there are, and whether content was taken out. None if they are not rows of the table.
    pub fn without_past(&self, table: &Table, rows: &[u8]) -> Option<(Vec<u8>, RowsOf, bool)> {
        let mut left = Vec::new();
        let mut told = RowsOf::default();
        let mut was_emptied = false;
        for row in placed_rows(table, rows)? {
            let time = Timestamp::from_micros(row.time);
            if self.is_past(table, Some(time)) {
                continue;
            }
            told.add(row.frame, row.ordinal);
            let bytes = rows.get(row.bytes)?;
            if self
                .content
                .get(table.name)
                .is_some_and(|line| time < *line)
            {
                left.extend(without_content(table, bytes)?);
                was_emptied = true;
            } else {
                left.extend_from_slice(bytes);
            }
        }
        Some((left, told, was_emptied))
    }
}

/// A batch of the ledger, with what retention asks of it.
#[derive(Clone, Debug)]
struct KnownBatch {
    index: u64,
    source: SourceId,
    is_register: bool,
    format: String,
    first_frame: u64,
    last_frame: u64,
    frames: u64,
    first: Timestamp,
    last: Timestamp,
    entered: Timestamp,
    root: crate::ledger::Digest,
}

fn known_batches(ledger: &Ledger) -> Result<Vec<KnownBatch>, LedgerError> {
    let batches = ledger.entries()?.filter_map(|entry| match entry.act {
        Act::BatchIngested(batch) => Some(KnownBatch {
            index: entry.index,
            source: batch.source,
            is_register: batch.kind == crate::record::SourceKind::Register.as_str(),
            // A batch without any time is as old as its entry.
            first: batch.first_time.unwrap_or(entry.time),
            last: batch.last_time.unwrap_or(entry.time),
            format: batch.format,
            first_frame: batch.first_frame,
            last_frame: batch.last_frame,
            frames: batch.frames,
            entered: entry.time,
            root: batch.root,
        }),
        _ => None,
    });
    Ok(batches.collect())
}
