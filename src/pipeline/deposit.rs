//! The last step of what is stored: originals, rows, and the ledger's entry, in this order.
//!
//! A batch is acknowledged by its entry in the ledger. A crash before that leaves originals that are
//! written again, and rows that the store recognises by their token; so each row is stored once.

use std::collections::BTreeMap;

use crate::ledger::{Act, BatchIngested, Digest, Ledger, SourceClosed, SourceOpened};
use crate::record::{
    Counts, Event, IgnoreReason, Place, Record, RejectReason, RowBinary, SourceId, SourceKind,
    SourceLine, Table, Timestamp, Tokens,
};
use crate::store::Store;
use crate::store::names::Names;
use crate::store::originals::{Batch, Originals};

use super::PipelineError;
use super::history::SourcePast;

/// Where batches are brought.
#[derive(Debug)]
pub struct Deposit<'a> {
    /// The store.
    pub store: &'a Store,
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The folder of originals.
    pub originals: &'a Originals,
    /// Reads the time, for the entries' dates.
    pub now: fn() -> Timestamp,
}

/// A batch, ready to be stored.
#[derive(Debug)]
pub struct Prepared {
    /// Its entry in the ledger.
    pub entry: BatchIngested,
    /// Its rows, by table.
    pub rows: BTreeMap<&'static str, (&'static Table, Vec<u8>)>,
    /// Its frames, where they may be kept.
    pub originals: Batch,
    /// Whether it begins within a frame that was stored cut off, and read again whole.
    pub torn: bool,
    /// What sets this import of a register apart from others of the same file.
    pub import: Option<String>,
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
            torn: false,
            import: None,
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

    /// Adds a row of any table.
    pub fn add_row<R: Record>(&mut self, place: Place, record: &R, names: &mut Names) {
        let table = record.table();
        let rows = &mut self
            .rows
            .entry(table.name)
            .or_insert_with(|| (table, Vec::new()))
            .1;
        let mut encoder = RowBinary::onto(std::mem::take(rows), names);
        encoder.row(place, record);
        *rows = encoder.into_bytes();
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
            self.ledger.append(
                (self.now)(),
                &act,
                Some(&serde_json::json!({ "name": name })),
            )?;
        }
        Ok(())
    }

    /// Stores a batch and enters it.
    pub fn batch(&self, batch: Prepared) -> Result<(), PipelineError> {
        let entry = &batch.entry;
        self.originals.put(entry.source, &batch.originals)?;
        for (name, (table, rows)) in batch.rows {
            let torn = if batch.torn { ":torn" } else { "" };
            let import = batch.import.as_deref().unwrap_or_default();
            let token = format!(
                "{}:{}:{}:{name}{torn}{import}",
                entry.source, entry.first_frame, entry.last_frame
            );
            self.store.insert(table, rows, Some(&token))?;
        }
        self.ledger
            .append((self.now)(), &Act::BatchIngested(batch.entry), None)?;
        Ok(())
    }

    /// Enters that a source was read to its end, and brings its row in the table of sources up to date.
    pub fn close(
        &self,
        source: &OpenSource,
        length: u64,
        digest: [u8; 32],
        dropped: u64,
    ) -> Result<(), PipelineError> {
        let now = (self.now)();
        let batches: Vec<BatchIngested> = self
            .ledger
            .batches(Some(source.id))?
            .into_iter()
            .map(|(_, batch)| batch)
            .collect();
        let line = source_line(source, &batches, length, digest, now);
        let act = Act::SourceClosed(SourceClosed {
            source: source.id,
            length,
            digest: Digest(digest),
            read: line.read,
            stored: line.stored,
            rejected: line.rejected,
            ignored: line.ignored,
            dropped,
        });
        self.ledger.append(now, &act, None)?;
        let mut tokens = NoNames;
        let mut rows = RowBinary::new(&mut tokens);
        rows.placeless(&line);
        self.store.insert(
            crate::record::table("sources").ok_or(PipelineError::NoTable("sources"))?,
            rows.into_bytes(),
            None,
        )?;
        Ok(())
    }
}

/// The sums of all batches of a source.
fn source_line(
    source: &OpenSource,
    batches: &[BatchIngested],
    length: u64,
    digest: [u8; 32],
    now: Timestamp,
) -> SourceLine {
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
    SourceLine {
        source_id: source.id,
        kind: source.kind,
        format: source.format.clone().into(),
        // A register counts from its last import.
        opened: match (&source.past, source.kind) {
            (None, _) | (_, SourceKind::Register) => now,
            (Some(past), _) => past.opened,
        },
        digest: Digest(digest).to_string(),
        bytes: length,
        first_time: batches.iter().filter_map(|batch| batch.first_time).min(),
        last_time: batches.iter().filter_map(|batch| batch.last_time).max(),
        read: sums.read,
        stored: sums.stored,
        rejected: sums.rejected,
        ignored: sums.ignored,
        reasons: sums.reasons,
        tool_version: env!("CARGO_PKG_VERSION").into(),
    }
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
