//! The last step of what is stored: originals, rows, and the ledger's entry, in this order.
//!
//! A batch is acknowledged by its entry in the ledger, which says that the store has taken it. Before its first row goes
//! to the store it is written down in the spool; after a crash, or when the store was away, it is stored from there, as
//! it was, by whoever next stores something. Rows that the store had taken already it recognises by their token, or
//! by asking for their places; so each row is stored once, also if the source has grown since.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ledger::{
    Act, BatchIngested, Digest, Entry, Ledger, RowsOf, SourceClosed, SourceOpened,
};
use crate::record::{
    Counts, Event, IgnoreReason, Place, Record, RejectReason, RowBinary, SourceId, SourceKind,
    SourceLine, Table, Timestamp, Tokens,
};
use crate::store::names::Names;
use crate::store::originals::{Batch, Originals};
use crate::store::spool::Spool;

use super::PipelineError;
use super::door::Door;
use super::history::{History, SourcePast};
use super::lane::{Lane, Left};
use super::memory::Memory;
use super::parts::insert_batch;
use super::retention::Lines;
use super::way::{Closing, Thing, act_of};

/// Where batches are brought.
#[derive(Debug)]
pub struct Deposit<'a> {
    /// The store.
    pub store: &'a Door,
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The folder of originals.
    pub originals: &'a Originals,
    /// What is on its way.
    pub spool: &'a Spool,
    /// What was read of the ledger.
    pub memory: &'a Memory,
    /// Reads the time, for the entries' dates.
    pub now: fn() -> Timestamp,
}

/// A batch, ready to be stored.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Its entry in the ledger.
    pub entry: BatchIngested,
    /// Its rows, by table.
    pub rows: BTreeMap<&'static str, (&'static Table, Vec<u8>)>,
    /// Its frames, where they may be kept.
    pub originals: Batch,
    /// What sets this import of a register apart from others of the same file.
    pub import: Option<String>,
    /// What was counted in it while it was read.
    pub counts: Counts,
    /// How many flows it has, of a capture.
    pub flows: u64,
    /// How many bytes of each table the batch before had: the next has about as many.
    room: BTreeMap<&'static str, usize>,
}

/// A source while it is read.
#[derive(Clone, Debug)]
pub struct OpenSource {
    /// Its id.
    pub id: SourceId,
    /// What it is.
    pub kind: SourceKind,
    /// The format it is read in.
    pub format: String,
    /// What was read of it before.
    pub past: Option<SourcePast>,
    /// Whether who sends it waits while there is no room.
    pub may_wait: bool,
}

impl OpenSource {
    /// Whether what is lost of it can be had again by reading it anew, or is still with who sends it.
    pub fn can_be_read_again(&self) -> bool {
        let is_file = matches!(
            self.kind,
            SourceKind::LogFile | SourceKind::CaptureFile | SourceKind::Register
        );
        is_file || self.may_wait
    }
}

impl Prepared {
    /// An empty batch of a source.
    pub fn of(source: &OpenSource) -> Self {
        let mut entry = BatchIngested::of(source.id);
        entry.kind = source.kind.as_str().to_owned();
        entry.format.clone_from(&source.format);
        entry.tool_version = env!("CARGO_PKG_VERSION").to_owned();
        Prepared {
            entry,
            rows: BTreeMap::new(),
            originals: Batch::default(),
            import: None,
            counts: Counts::default(),
            flows: 0,
            room: BTreeMap::new(),
        }
    }

    /// An empty batch that comes after another of its source.
    pub fn after(source: &OpenSource, earlier: &Prepared) -> Self {
        let rows = earlier.rows.iter();
        Prepared {
            room: rows.map(|(name, (_, rows))| (*name, rows.len())).collect(),
            ..Prepared::of(source)
        }
    }

    /// A batch as it was when it was written down.
    pub(super) fn written_down(
        entry: BatchIngested,
        rows: BTreeMap<&'static str, (&'static Table, Vec<u8>)>,
        import: Option<String>,
    ) -> Self {
        Prepared {
            entry,
            rows,
            originals: Batch::default(),
            import,
            counts: Counts::default(),
            flows: 0,
            room: BTreeMap::new(),
        }
    }

    /// Adds a row.
    pub fn add(&mut self, place: Place, event: &Event<'_>, names: &mut Names) {
        if let Some(time) = event.time() {
            let earlier = self.entry.first_time.is_none_or(|first| time < first);
            let later = self.entry.last_time.is_none_or(|last| time > last);
            let at = |keep: bool, old: Option<Timestamp>| if keep { Some(time) } else { old };
            self.entry.first_time = at(earlier, self.entry.first_time);
            self.entry.last_time = at(later, self.entry.last_time);
        }
        self.add_row(place, event, names);
    }

    /// Takes over what was counted in it.
    pub fn count(&mut self, counts: Counts) {
        self.entry.count(&counts);
        self.counts = counts;
    }

    /// Adds a row of any table.
    pub fn add_row<R: Record>(&mut self, place: Place, record: &R, names: &mut Names) {
        let table = record.table();
        let rows = &mut self
            .rows
            .entry(table.name)
            .or_insert_with(|| {
                let room = self.room.get(table.name).copied().unwrap_or_default();
                (table, Vec::with_capacity(room))
            })
            .1;
        let mut encoder = RowBinary::onto(std::mem::take(rows), names);
        encoder.row(place, record);
        *rows = encoder.into_bytes();
        if let Some(told) = self.entry.rows.get_mut(table.name) {
            return told.add(place.frame, place.ordinal);
        }
        let mut told = RowsOf::default();
        told.add(place.frame, place.ordinal);
        self.entry.rows.insert(table.name.to_owned(), told);
    }
}

impl Deposit<'_> {
    /// Enters a source that is seen for the first time. `name` goes into the private record.
    pub fn open(&self, source: &OpenSource, name: &str) -> Result<(), PipelineError> {
        if source.past.is_none() {
            let act = Act::SourceOpened(SourceOpened {
                source: source.id,
                kind: source.kind.as_str().to_owned(),
                format: source.format.clone(),
            });
            let private = serde_json::json!({ "name": name });
            self.ledger.append((self.now)(), &act, Some(&private))?;
        }
        Ok(())
    }

    /// The lane on which a source's batches are brought.
    pub fn lane(&self, source: &OpenSource) -> Result<Lane<'_>, PipelineError> {
        Lane::of(self, source)
    }

    /// What has been stored of which source, or is on its way.
    pub fn history(&self) -> Result<Arc<History>, PipelineError> {
        // The spool is read first: what goes from there to the ledger meanwhile is then met twice, and not missed.
        let heads = self.spool.heads()?;
        let mut history = self.memory.history(self.ledger)?;
        self.expect(heads, &mut history)?;
        Ok(history)
    }

    /// What has been stored of one source, or is on its way; nothing of it is kept in memory.
    pub(super) fn past_of(&self, source: SourceId) -> Result<Option<SourcePast>, PipelineError> {
        let mut heads = self.spool.heads()?;
        heads.retain(|(of, _)| *of == source);
        let entered = self.ledger.entries()?.filter(|entry| match &entry.act {
            Act::SourceOpened(opened) => opened.source == source,
            Act::BatchIngested(batch) => batch.source == source,
            Act::SourceClosed(closed) => closed.source == source,
            _ => false,
        });
        let mut history = Arc::new(History::of(entered));
        self.expect(heads, &mut history)?;
        Ok(history.source(source).cloned())
    }

    fn expect(
        &self,
        heads: Vec<(SourceId, Vec<u8>)>,
        history: &mut Arc<History>,
    ) -> Result<(), PipelineError> {
        for (_, head) in heads {
            let act = act_of(&head).ok_or(PipelineError::PendingBatch)?;
            Arc::make_mut(history).expect(act, (self.now)());
        }
        Ok(())
    }

    /// From which moment on rows are stored: what is older was deleted for its age.
    pub fn lines(&self) -> Result<Lines, PipelineError> {
        Ok(self.memory.lines(self.ledger)?)
    }

    /// Stores what a crash broke off, or a store that was away has not taken, of all sources that nobody is at work
    /// on. What it does not take now stays in the spool.
    pub fn finish(&self) -> Result<Left, PipelineError> {
        let mut all = Left::default();
        for queue in self.spool.left()? {
            let lane = Lane::through(self, queue, true);
            all.add(lane.end()?);
        }
        Ok(all)
    }

    /// Enters an act that has no private record.
    pub(super) fn append(&self, act: &Act) -> Result<(), PipelineError> {
        self.ledger.append((self.now)(), act, None)?;
        Ok(())
    }

    /// Enters acts, in order, that have no private record.
    pub(super) fn append_all(
        &self,
        acts: impl IntoIterator<Item = Act>,
    ) -> Result<(), PipelineError> {
        acts.into_iter().try_for_each(|act| self.append(&act))
    }

    /// What the ledger has of batches and ends of a source.
    pub(super) fn entries_of(&self, source: SourceId) -> Result<Vec<Entry>, PipelineError> {
        let is_of_it = |entry: &Entry| match &entry.act {
            Act::BatchIngested(batch) => batch.source == source,
            Act::SourceClosed(closed) => closed.source == source,
            Act::RegisterImported(_) => true,
            _ => false,
        };
        Ok(self.ledger.entries()?.filter(is_of_it).collect())
    }

    /// Stores a thing and enters it. `known` is given where that may have been done before, wholly or in part.
    pub(super) fn enter(&self, thing: Thing, known: Option<&[Entry]>) -> Result<(), PipelineError> {
        let _busy = self.ledger.busy()?;
        let is_entered = |since: u64, act: &Act| {
            let mut known = known.unwrap_or_default().iter();
            known.any(|entry| entry.index >= since && entry.act == *act)
        };
        match thing {
            Thing::Batch { batch, since } => {
                let act = Act::BatchIngested(batch.entry.clone());
                if is_entered(since, &act) {
                    return Ok(());
                }
                self.rows(batch, known.is_some())?;
                self.append(&act)
            }
            Thing::Act { act, since } if is_entered(since, &act) => Ok(()),
            Thing::Act { act, .. } => self.append(&act),
            Thing::Closing(closing) => {
                let line = self.source_line(&closing)?;
                let act = Act::SourceClosed(SourceClosed {
                    source: closing.source,
                    length: closing.length,
                    digest: closing.digest,
                    read: line.read,
                    stored: line.stored,
                    rejected: line.rejected,
                    ignored: line.ignored,
                    dropped: closing.dropped,
                });
                if !is_entered(closing.since, &act) {
                    self.append(&act)?;
                }
                self.store_line(&line)
            }
        }
    }

    /// Stores the rows of a batch; what is there already only if it may be.
    pub(super) fn rows(&self, batch: Prepared, may_be_there: bool) -> Result<(), PipelineError> {
        let store = self.store.store()?;
        let entry = &batch.entry;
        for (name, (table, rows)) in batch.rows {
            let import = batch.import.as_deref().unwrap_or_default();
            let mut token = format!(
                "{}:{}:{}:{name}{import}",
                entry.source, entry.first_frame, entry.last_frame
            );
            if entry.frames == 0 {
                // What stands after the last packet of a capture, which may break off at one byte today and another tomorrow.
                // A device that is quiet for long has several of them after the same packet.
                token.push_str(&format!(":{}:{}", entry.length, Digest::of(&[&rows])));
            }
            let tried = may_be_there.then_some(entry.source);
            insert_batch(&store, table, rows, &token, tried)?;
        }
        Ok(())
    }

    /// The row of a source in the table of sources, from what the ledger has of it.
    pub(super) fn source_line(&self, closing: &Closing) -> Result<SourceLine, PipelineError> {
        let batches = self.memory.batches(self.ledger, closing.source)?;
        source_line(closing, &batches)
    }

    /// Brings the row of a source up to date.
    pub(super) fn store_line(&self, line: &SourceLine) -> Result<(), PipelineError> {
        let mut tokens = NoNames;
        let mut rows = RowBinary::new(&mut tokens);
        rows.placeless(line);
        let sources = crate::record::table("sources").ok_or(PipelineError::NoTable("sources"))?;
        let store = self.store.store()?;
        Ok(store.insert(sources, rows.into_bytes(), None)?)
    }
}

/// The sums of all batches of a source.
fn source_line(closing: &Closing, batches: &[BatchIngested]) -> Result<SourceLine, PipelineError> {
    let mut sums = Counts::default();
    for batch in batches {
        sums.read += batch.read;
        sums.stored += batch.stored;
        sums.rejected += batch.rejected;
        sums.ignored += batch.ignored;
        for (reason, frames) in &batch.reasons {
            *sums.reasons.entry(known_reason(reason)).or_default() += frames;
        }
    }
    Ok(SourceLine {
        source_id: closing.source,
        kind: SourceKind::parse(&closing.kind).ok_or(PipelineError::PendingBatch)?,
        format: closing.format.clone().into(),
        opened: closing.opened(),
        digest: closing.digest.to_string(),
        bytes: closing.length,
        first_time: batches.iter().filter_map(|batch| batch.first_time).min(),
        last_time: batches.iter().filter_map(|batch| batch.last_time).max(),
        read: sums.read,
        stored: sums.stored,
        rejected: sums.rejected,
        ignored: sums.ignored,
        reasons: sums.reasons,
        tool_version: env!("CARGO_PKG_VERSION").into(),
    })
}

/// The word of this release for a reason that the ledger holds; a reason of a later release is `other`.
fn known_reason(reason: &str) -> &'static str {
    RejectReason::parse(reason)
        .map(RejectReason::as_str)
        .or_else(|| IgnoreReason::parse(reason).map(IgnoreReason::as_str))
        .unwrap_or("other")
}

/// For rows that hold no account.
struct NoNames;

impl Tokens for NoNames {
    fn token(&mut self, _: &crate::record::AccountText) -> crate::record::AccountToken {
        crate::record::AccountToken([0; 16])
    }
}

#[cfg(test)]
mod tests;
