//! What can be on its way through the spool, and how it is written down: batches, ends of sources, acts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ledger::{Act, BatchIngested, Digest};
use crate::record::{SourceId, SourceKind, Timestamp};
use crate::store::spool::Item;

use super::PipelineError;
use super::deposit::{Deposit, OpenSource, Prepared};

/// Something on its way.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, and nearly always a batch"
)]
pub(super) enum Thing {
    /// A batch, and how many entries the ledger had before it.
    Batch { batch: Prepared, since: u64 },
    /// A source was read to its end.
    Closing(Closing),
    /// An act, and how many entries the ledger had before it.
    Act { act: Act, since: u64 },
}

impl std::fmt::Debug for Thing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Thing::Batch { .. } => "Batch",
            Thing::Closing(_) => "Closing",
            Thing::Act { .. } => "Act",
        })
    }
}

/// A source was read to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Closing {
    #[serde(with = "crate::ledger::source_digits")]
    pub(super) source: SourceId,
    pub(super) kind: String,
    pub(super) format: String,
    /// When it was first opened, in microseconds.
    pub(super) opened: i64,
    pub(super) length: u64,
    pub(super) digest: Digest,
    pub(super) dropped: u64,
    pub(super) since: u64,
}

impl Closing {
    pub(super) fn of(
        deposit: &Deposit<'_>,
        source: &OpenSource,
        length: u64,
        digest: [u8; 32],
        dropped: u64,
    ) -> Closing {
        // A register counts from its last import. A clock that was put back must not make that an earlier one.
        let now = (deposit.now)().max(deposit.ledger.latest());
        let opened = match (&source.past, source.kind) {
            (None, _) | (_, SourceKind::Register) => now,
            (Some(past), _) => past.opened,
        };
        Closing {
            source: source.id,
            kind: source.kind.as_str().to_owned(),
            format: source.format.clone(),
            opened: opened.micros(),
            length,
            digest: Digest(digest),
            dropped,
            since: deposit.ledger.head().size,
        }
    }

    pub(super) fn opened(&self) -> Timestamp {
        Timestamp::from_micros(self.opened)
    }
}

/// What is written down of a thing, before the bytes of its rows.
#[derive(Serialize, Deserialize)]
enum Head {
    Batch(BatchHead),
    Closing(Closing),
    Act { act: Act, since: u64 },
}

#[derive(Serialize, Deserialize)]
struct BatchHead {
    entry: BatchIngested,
    import: Option<String>,
    since: u64,
    /// Each table, and how many bytes its rows have.
    tables: Vec<(String, usize)>,
}

/// As the spool takes it.
pub(super) fn to_item(thing: &Thing) -> Result<Item, PipelineError> {
    let mut body = Cow::default();
    let head = match thing {
        Thing::Batch { batch, since } => {
            body = rows_of(batch);
            let tables = batch.rows.iter();
            Head::Batch(BatchHead {
                entry: batch.entry.clone(),
                import: batch.import.clone(),
                since: *since,
                tables: tables
                    .map(|(name, (_, rows))| ((*name).to_owned(), rows.len()))
                    .collect(),
            })
        }
        Thing::Closing(closing) => Head::Closing(closing.clone()),
        Thing::Act { act, since } => Head::Act {
            act: act.clone(),
            since: *since,
        },
    };
    Ok(Item {
        head: serde_json::to_vec(&head).map_err(|_| PipelineError::PendingBatch)?,
        body: lz4_flex::block::compress_prepend_size(&body),
    })
}

/// The bytes of all rows; they are copied only if there are several tables.
fn rows_of(batch: &Prepared) -> Cow<'_, [u8]> {
    let mut tables = batch.rows.values();
    match (tables.next(), tables.next()) {
        (Some((_, rows)), None) => rows.into(),
        _ => {
            let all = batch.rows.values().map(|(_, rows)| rows.as_slice());
            all.collect::<Vec<_>>().concat().into()
        }
    }
}

/// As it was before it was written down.
pub(super) fn of_item(item: &Item) -> Option<Thing> {
    let head = match serde_json::from_slice(&item.head).ok()? {
        Head::Closing(closing) => return Some(Thing::Closing(closing)),
        Head::Act { act, since } => return Some(Thing::Act { act, since }),
        Head::Batch(head) => head,
    };
    let body = lz4_flex::block::decompress_size_prepended(&item.body).ok()?;
    let mut rest = body.as_slice();
    let mut rows = BTreeMap::new();
    for (name, length) in &head.tables {
        let table = crate::record::table(name)?;
        let (own, others) = rest.split_at_checked(*length)?;
        rows.insert(table.name, (table, own.to_vec()));
        rest = others;
    }
    let batch = Prepared::written_down(head.entry, rows, head.import);
    rest.is_empty().then_some(Thing::Batch {
        batch,
        since: head.since,
    })
}

/// The entry of a batch, or the end of a source, from the head of a thing on its way.
pub(super) fn act_of(head: &[u8]) -> Option<Act> {
    match serde_json::from_slice(head).ok()? {
        Head::Batch(head) => Some(Act::BatchIngested(head.entry)),
        Head::Act { act, .. } => Some(act),
        Head::Closing(closing) => Some(Act::SourceClosed(crate::ledger::SourceClosed {
            source: closing.source,
            length: closing.length,
            digest: closing.digest,
            read: 0,
            stored: 0,
            rejected: 0,
            ignored: 0,
            dropped: closing.dropped,
        })),
    }
}

/// How many frames a batch holds; nothing if it is none.
pub(super) fn frames_of(head: &[u8]) -> Option<u64> {
    match act_of(head)? {
        Act::BatchIngested(entry) => Some(entry.read),
        _ => None,
    }
}
