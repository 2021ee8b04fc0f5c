//! Which rows go, by batch: so that whoever compares the store with the ledger later knows what has to be there.
//!
//! Rows of a log are told apart by the frames of their batch. A flow may have begun in an earlier batch than the one that
//! brought it, and a register's import covers the lines of the one before: these are told by source.

use std::collections::BTreeMap;

use super::run::{Kind, SOURCES_AT_ONCE, due};
use super::{Keeper, KnownBatch, RetentionError, known_batches};
use crate::ledger::{DeletedOf, Deletion, RowsOf};
use crate::pipeline::sources::CAPTURE_FORMAT;
use crate::record::{SourceId, Timestamp};
use crate::store::Cover;
use crate::store::retention::{Due, DueOf};

impl Keeper<'_> {
    /// What of a kind is due, batch by batch. Rows of a source that the ledger does not know are nobody's, and left out.
    pub(super) fn by_batch(
        &self,
        kind: &Kind,
        until: Timestamp,
        chunks: &[Vec<SourceId>],
        covers: &[Cover],
    ) -> Result<Vec<DeletedOf>, RetentionError> {
        let mut known: BTreeMap<SourceId, Vec<KnownBatch>> = BTreeMap::new();
        for batch in known_batches(self.ledger)? {
            known.entry(batch.source).or_default().push(batch);
        }
        let mut all = Vec::new();
        for sources in chunks {
            // Findings have no source, and no batch.
            let Some(due) =
                due(kind, until, sources, covers, "").filter(|due| due.table.has_place())
            else {
                continue;
            };
            for of in self.store.due_by_batch(&due, None)? {
                let source = SourceId::parse(&of.source);
                if let Some((source, batches)) = source.and_then(|one| known.get_key_value(&one)) {
                    self.of_source(&due, *source, batches, &of, &mut all)?;
                }
            }
        }
        Ok(all)
    }

    fn of_source(
        &self,
        due: &Due<'_>,
        source: SourceId,
        batches: &[KnownBatch],
        whole: &DueOf,
        all: &mut Vec<DeletedOf>,
    ) -> Result<(), RetentionError> {
        let is_by_frame = |batch: &KnownBatch| !batch.is_register && batch.format != CAPTURE_FORMAT;
        if !batches.iter().all(is_by_frame) {
            all.push(deleted_of(source, 0, 0, whole));
            return Ok(());
        }
        let batches: BTreeMap<u64, u64> = batches
            .iter()
            .filter(|batch| batch.frames > 0)
            .map(|batch| (batch.first_frame, batch.last_frame))
            .collect();
        let starts: Vec<u64> = batches.keys().copied().collect();
        for of in self.store.due_by_batch(due, Some((source, &starts)))? {
            if let Some(last) = batches.get(&of.first) {
                all.push(deleted_of(source, of.first, *last, &of));
            }
        }
        Ok(())
    }

    /// What has gone of what was announced: all that was due then, but for what is still there.
    pub(super) fn truly_gone(
        &self,
        kind: &Kind,
        announced: &Deletion,
    ) -> Result<Vec<DeletedOf>, RetentionError> {
        if matches!(kind, Kind::Originals) {
            let mut gone = Vec::new();
            for of in &announced.of {
                let there = self.originals.batches(of.source)?;
                if !there.iter().any(|(first, _)| *first == of.first_frame) {
                    gone.push(*of);
                }
            }
            return Ok(gone);
        }
        let mut sources: Vec<SourceId> = announced.of.iter().map(|of| of.source).collect();
        sources.dedup();
        let chunks: Vec<Vec<SourceId>> = match kind {
            Kind::Rejects => sources.chunks(SOURCES_AT_ONCE).map(<[_]>::to_vec).collect(),
            _ => vec![Vec::new()],
        };
        let place = |of: &DeletedOf| (of.source, of.first_frame, of.last_frame);
        let left: BTreeMap<_, RowsOf> = self
            .by_batch(kind, announced.until, &chunks, &[])?
            .iter()
            .map(|of| (place(of), of.gone))
            .collect();
        let truly = announced.of.iter().map(|of| {
            let mut gone = of.gone;
            gone.add_all(of.kept);
            let left = left.get(&place(of)).copied().unwrap_or_default();
            gone.take(left);
            DeletedOf {
                gone,
                kept: left,
                ..*of
            }
        });
        Ok(truly.filter(|of| !of.gone.is_none()).collect())
    }
}

/// A batch of originals.
pub(super) fn of_originals(batch: &KnownBatch) -> DeletedOf {
    DeletedOf {
        source: batch.source,
        first_frame: batch.first_frame,
        last_frame: batch.last_frame,
        gone: RowsOf { rows: 1, places: 0 },
        kept: RowsOf::default(),
    }
}

fn deleted_of(source: SourceId, first: u64, last: u64, of: &DueOf) -> DeletedOf {
    DeletedOf {
        source,
        first_frame: first,
        last_frame: last,
        gone: RowsOf {
            rows: of.gone,
            places: of.gone_places,
        },
        kept: RowsOf {
            rows: of.kept,
            places: of.kept_places,
        },
    }
}
