//! The last step of what is stored: originals, rows, and the ledger's entry, in this order.
//!
//! A batch is acknowledged by its entry in the ledger. Before its first row goes to the store it is written down as
//! pending; after a crash it is finished from there, as it was, by whoever next stores a file. Rows that the store
//! had taken already it recognises by their token; so each row is stored once, also if the source has grown since.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ledger::{Act, BatchIngested, Digest, Ledger, SourceClosed, SourceOpened};
use crate::record::{
    Counts, Event, IgnoreReason, Place, Record, RejectReason, RowBinary, SourceId, SourceKind,
    SourceLine, Table, Timestamp, Tokens,
};
use crate::store::Store;
use crate::store::names::Names;
use crate::store::originals::{Batch, Originals};
use crate::store::pending::Pending;

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
    /// The batches on their way.
    pub pending: &'a Pending,
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
        let _busy = self.ledger.busy()?;
        self.originals.put(batch.entry.source, &batch.originals)?;
        let written = pack(&batch, self.ledger.head().size)?;
        let kept = self.pending.put(batch.entry.source, &written)?;
        self.enter(batch)?;
        Ok(kept.done()?)
    }

    /// Finishes the batches that a crash broke off. Only for who holds the lock of files.
    pub fn finish_pending(&self) -> Result<(), PipelineError> {
        let _busy = self.ledger.busy()?;
        for (written, kept) in self.pending.left()? {
            let (batch, since) = unpack(&written).ok_or(PipelineError::PendingBatch)?;
            let is_entered = self.ledger.batches(Some(batch.entry.source))?;
            let is_entered = is_entered
                .iter()
                .any(|(index, entry)| *index >= since && *entry == batch.entry);
            if !is_entered {
                self.enter(batch)?;
            }
            kept.done()?;
        }
        Ok(())
    }

    fn enter(&self, batch: Prepared) -> Result<(), PipelineError> {
        let entry = &batch.entry;
        for (name, (table, rows)) in batch.rows {
            let import = batch.import.as_deref().unwrap_or_default();
            let mut token = format!(
                "{}:{}:{}:{name}{import}",
                entry.source, entry.first_frame, entry.last_frame
            );
            if entry.frames == 0 {
                // What stands after the last packet of a capture, which may break off at one byte today and another tomorrow.
                token.push_str(&format!(":{}", entry.length));
            }
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
        let _busy = self.ledger.busy()?;
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

/// What is written down of a batch, before the bytes of its rows.
#[derive(Serialize, Deserialize)]
struct Head {
    entry: BatchIngested,
    import: Option<String>,
    /// How many entries the ledger had before it.
    since: u64,
    /// Each table, and how many bytes its rows have.
    tables: Vec<(String, usize)>,
}

fn pack(batch: &Prepared, since: u64) -> Result<Vec<u8>, PipelineError> {
    let head = Head {
        entry: batch.entry.clone(),
        import: batch.import.clone(),
        since,
        tables: batch
            .rows
            .iter()
            .map(|(name, (_, rows))| ((*name).to_owned(), rows.len()))
            .collect(),
    };
    let mut bytes = serde_json::to_vec(&head).map_err(|_| PipelineError::PendingBatch)?;
    bytes.push(b'\n');
    for (_, rows) in batch.rows.values() {
        bytes.extend_from_slice(rows);
    }
    Ok(bytes)
}

fn unpack(bytes: &[u8]) -> Option<(Prepared, u64)> {
    let end = memchr::memchr(b'\n', bytes)?;
    let (head, rest) = bytes.split_at_checked(end)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    let mut rest = rest.get(1..)?;
    let mut rows = BTreeMap::new();
    for (name, length) in &head.tables {
        let table = crate::record::table(name)?;
        let (own, others) = rest.split_at_checked(*length)?;
        rows.insert(table.name, (table, own.to_vec()));
        rest = others;
    }
    let batch = Prepared {
        entry: head.entry,
        rows,
        originals: Batch::default(),
        import: head.import,
    };
    rest.is_empty().then_some((batch, head.since))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::LedgerKeys;
    use crate::record::{AccountText, WebHit};
    use crate::store::scratch::Scratch;
    use crate::store::{Params, query};

    const SOURCE: SourceId = SourceId([5; 16]);

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_772_446_500)
    }

    fn prepared(names: &mut Names, frames: u64) -> Prepared {
        let source = OpenSource {
            id: SOURCE,
            kind: SourceKind::LogFile,
            format: "squid_native".to_owned(),
            past: None,
        };
        let mut batch = Prepared::of(&source);
        for frame in 1..=frames {
            let hit = WebHit {
                host: "planted.example".into(),
                account_token: AccountText::new("planted"),
                ..WebHit::at(now())
            };
            let place = Place {
                source: SOURCE,
                frame,
                ordinal: 0,
            };
            batch.add(place, &Event::WebHit(hit), names);
        }
        batch.entry.first_frame = 1;
        batch.entry.last_frame = frames;
        batch.entry.frames = frames;
        batch
    }

    fn rows(store: &Store) -> u64 {
        let tables: Vec<serde_json::Value> = store
            .rows(query("store/tables").unwrap(), &Params::new())
            .unwrap();
        let of_hits = tables.iter().find(|row| row["table"] == "web_hits");
        of_hits.and_then(|row| row["rows"].as_u64()).unwrap_or(0)
    }

    /// Where a crash can come: before the rows, between rows and ledger, between the ledger and the taking away.
    #[test]
    fn a_batch_that_a_crash_broke_off_is_finished_once_wherever_that_was() {
        for crash in ["before the rows", "after the rows", "after the ledger"] {
            let Some(scratch) = Scratch::open() else {
                return;
            };
            let data = scratch.folder.path();
            let keys = LedgerKeys {
                signing: [1; 32],
                records: [2; 32],
            };
            let deposit = Deposit {
                store: &scratch.store,
                ledger: &Ledger::open(&data.join("ledger"), &keys, "test.example").unwrap(),
                originals: &Originals::open(data, &[3; 32]).unwrap(),
                pending: &Pending::open(data, &[4; 32]).unwrap(),
                now,
            };
            let mut names = Names::open(data, &[5; 32], &[6; 32]).unwrap();

            let batch = prepared(&mut names, 3);
            let written = pack(&batch, deposit.ledger.head().size).unwrap();
            drop(deposit.pending.put(SOURCE, &written).unwrap());
            if crash == "after the rows" {
                let (table, rows) = batch.rows["web_hits"].clone();
                let token = format!("{SOURCE}:1:3:web_hits");
                deposit.store.insert(table, rows, Some(&token)).unwrap();
            } else if crash == "after the ledger" {
                deposit.enter(batch).unwrap();
            }
            deposit.finish_pending().unwrap();
            deposit.finish_pending().unwrap();
            assert_eq!(rows(&scratch.store), 3, "{crash}");
            let entered = deposit.ledger.batches(Some(SOURCE)).unwrap();
            assert_eq!(entered.len(), 1, "{crash}");
            assert_eq!(entered[0].1.last_frame, 3, "{crash}");
        }
    }
}
