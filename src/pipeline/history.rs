//! What has been stored of which source, read from the ledger: so that a file is continued and never read in twice.

use std::collections::{BTreeMap, BTreeSet};

use super::input::{StoredPoint, StoredPoints};
use crate::ledger::{Act, BatchIngested, Digest, Entry};
use crate::record::{SourceId, SourceKind, Timestamp};

/// The past of all sources.
#[derive(Clone, Debug, Default)]
pub struct History {
    points: StoredPoints,
    sources: BTreeMap<SourceId, SourcePast>,
    /// Logs that were opened and of which nothing has been stored.
    begun: BTreeSet<SourceId>,
}

/// The past of one source.
#[derive(Clone, Debug)]
pub struct SourcePast {
    /// When it was first opened.
    pub opened: Timestamp,
    /// Its batches, in order.
    pub batches: Vec<BatchIngested>,
    /// The last frame at each time that it was read to its end.
    pub ends: BTreeSet<u64>,
}

impl History {
    /// From the ledger's entries.
    pub fn of(entries: impl Iterator<Item = Entry>) -> Self {
        let mut history = History::default();
        for entry in entries {
            history.add(entry);
        }
        history
    }

    /// The points up to which sources are stored.
    pub fn points(&self) -> &StoredPoints {
        &self.points
    }

    /// The past of a source.
    pub fn source(&self, source: SourceId) -> Option<&SourcePast> {
        self.sources.get(&source)
    }

    /// Logs that were opened and of which nothing is stored or on its way: a crash came first.
    pub(super) fn begun(&self) -> impl Iterator<Item = SourceId> {
        self.begun.iter().copied()
    }

    /// Adds what is on its way and will be entered; what has arrived meanwhile is passed over.
    pub fn expect(&mut self, act: Act, now: Timestamp) {
        if let Act::BatchIngested(batch) = &act
            && let Some(past) = self.sources.get(&batch.source)
            && past.batches.contains(batch)
            && batch.kind != SourceKind::Register.as_str()
        {
            return;
        }
        self.take(act, now);
    }

    /// Adds an entry that comes behind those before.
    pub(super) fn add(&mut self, entry: Entry) {
        self.take(entry.act, entry.time);
    }

    fn take(&mut self, act: Act, time: Timestamp) {
        match act {
            Act::SourceOpened(opened) => {
                self.past(opened.source, time);
                if opened.kind == SourceKind::LogFile.as_str() {
                    self.begun.insert(opened.source);
                }
            }
            Act::BatchIngested(batch) => {
                self.points.add(StoredPoint {
                    source: batch.source,
                    format: batch.format.clone(),
                    length: batch.length,
                    digest: batch.prefix_digest.0,
                    last_frame: batch.last_frame,
                });
                self.begun.remove(&batch.source);
                self.past(batch.source, time).batches.push(batch);
            }
            Act::SourceClosed(closed) => {
                let past = self.past(closed.source, time);
                past.ends.insert(past.last_frame());
            }
            _ => {}
        }
    }

    fn past(&mut self, source: SourceId, time: Timestamp) -> &mut SourcePast {
        self.sources.entry(source).or_insert_with(|| SourcePast {
            opened: time,
            batches: Vec::new(),
            ends: BTreeSet::new(),
        })
    }
}

impl SourcePast {
    /// The last frame that is stored.
    pub fn last_frame(&self) -> u64 {
        self.batches
            .iter()
            .map(|batch| batch.last_frame)
            .max()
            .unwrap_or(0)
    }

    /// Behind which frames a file's end was stored, with what it gives: flows that were open, records that waited. The end has
    /// the digest of the whole, of captures and exports alone; a crash may come before it is closed.
    pub fn stored_ends(&self) -> BTreeSet<u64> {
        let carried = self.wholes().map(|batch| batch.last_frame);
        self.ends.iter().copied().chain(carried).collect()
    }

    /// How long the file was, of a capture or exports, when it was last stored to its end: what was damaged in it is stored.
    pub fn stored_length(&self) -> u64 {
        self.wholes().map(|batch| batch.length).max().unwrap_or(0)
    }

    /// The batches that carry the digest of the whole.
    fn wholes(&self) -> impl Iterator<Item = &BatchIngested> {
        let batches = self.batches.iter();
        batches.filter(|batch| batch.prefix_digest != Digest::default())
    }

    /// Whether all that is stored was also the end when it was read.
    pub fn is_at_an_end(&self) -> bool {
        self.ends.contains(&self.last_frame())
    }
}
