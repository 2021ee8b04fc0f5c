//! Which originals are due: a batch goes when what it holds has had its time, and stays while a hold keeps a row of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Keeper, KnownBatch, RetentionError, known_batches};
use crate::record::{EVENT_TABLES, SourceId, Timestamp};
use crate::store::{Cover, Covered, meets};

/// A batch of originals that is due.
#[derive(Clone, Debug)]
pub(super) struct DueBatch {
    pub(super) batch: KnownBatch,
    /// The last frame that its file names.
    pub(super) last: u64,
    /// The hold that keeps it.
    pub(super) hold: Option<u64>,
}

impl Keeper<'_> {
    /// The batches of originals that are due, in the order of their files.
    pub(super) fn due_originals(&self, covers: &[Cover]) -> Result<Vec<DueBatch>, RetentionError> {
        let content = self.periods.content(self.at);
        let identification = self.periods.identification(self.at);
        let without_content: BTreeSet<SourceId> =
            self.store.sources_without_content()?.into_iter().collect();
        let batches = known_batches(self.ledger)?;
        let superseded = superseded(&batches, identification);
        let mut due = Vec::new();
        let mut runs = Runs::default();
        for source in self.originals.sources()? {
            for (first, last) in self.originals.batches(source)? {
                let of_file = |batch: &&KnownBatch| {
                    batch.source == source && batch.first_frame == first && last <= batch.last_frame
                };
                let Some(batch) = batches.iter().rev().find(of_file) else {
                    // On its way, or of a ledger that is not this one.
                    continue;
                };
                let is_due = match batch.is_register {
                    true => superseded.contains(&source),
                    false if without_content.contains(&source) => batch.last < identification,
                    false => batch.last < content,
                };
                if is_due {
                    let hold = self.hold_on(batch, covers, &mut runs)?;
                    due.push(DueBatch {
                        batch: batch.clone(),
                        last,
                        hold,
                    });
                }
            }
        }
        Ok(due)
    }

    /// The sources all of whose batches lie before the line for what was rejected, and whose originals no hold keeps.
    pub(super) fn due_sources(
        &self,
        line: Timestamp,
        covers: &[Cover],
    ) -> Result<Vec<SourceId>, RetentionError> {
        let mut by_source: BTreeMap<SourceId, Vec<KnownBatch>> = BTreeMap::new();
        for batch in known_batches(self.ledger)? {
            by_source.entry(batch.source).or_default().push(batch);
        }
        let mut due = Vec::new();
        let mut runs = Runs::default();
        for (source, batches) in by_source {
            if batches.iter().any(|batch| batch.last >= line) {
                continue;
            }
            let mut is_held = false;
            for batch in &batches {
                is_held |= self.hold_on(batch, covers, &mut runs)?.is_some();
            }
            if !is_held {
                due.push(source);
            }
        }
        Ok(due)
    }

    /// The hold that keeps a batch: one of its source or of everything, or one that covers a row of it.
    fn hold_on(
        &self,
        batch: &KnownBatch,
        covers: &[Cover],
        runs: &mut Runs,
    ) -> Result<Option<u64>, RetentionError> {
        let met = |cover: &&Cover| meets(cover, batch.first, batch.last);
        for cover in covers.iter().filter(met) {
            let is_held = match &cover.what {
                Covered::All => true,
                Covered::Source(source) => *source == batch.source,
                Covered::Establishment(_) => false,
                Covered::Account(_) | Covered::Addresses(..) => self
                    .runs_of(batch.source, cover, runs)?
                    .iter()
                    .any(|(first, last)| *first <= batch.last_frame && batch.first_frame <= *last),
            };
            if is_held {
                return Ok(Some(cover.hold));
            }
        }
        Ok(None)
    }

    fn runs_of<'r>(
        &self,
        source: SourceId,
        cover: &Cover,
        runs: &'r mut Runs,
    ) -> Result<&'r [(u64, u64)], RetentionError> {
        let key = (source, cover.hold, format!("{:?}", cover));
        if !runs.0.contains_key(&key) {
            let mut found = Vec::new();
            for table in EVENT_TABLES.iter().filter(|table| table.name != "rejects") {
                found.extend(
                    self.store
                        .frames_held(table, source, std::slice::from_ref(cover))?,
                );
            }
            runs.0.insert(key.clone(), found);
        }
        Ok(runs.0.get(&key).map_or(&[], Vec::as_slice))
    }
}

/// Runs of frames that covers keep, as they were asked for.
#[derive(Default)]
struct Runs(BTreeMap<(SourceId, u64, String), Vec<(u64, u64)>>);

/// The files of registers after which the same register was imported again, and that before the line.
fn superseded(batches: &[KnownBatch], line: Timestamp) -> BTreeSet<SourceId> {
    let is_old = |batch: &&KnownBatch| batch.is_register && batch.entered < line;
    let mut newest: BTreeMap<&str, SourceId> = BTreeMap::new();
    let old: Vec<&KnownBatch> = batches.iter().filter(is_old).collect();
    for batch in &old {
        newest.insert(&batch.format, batch.source);
    }
    let mut gone: BTreeSet<SourceId> = old
        .iter()
        .filter(|batch| newest.get(batch.format.as_str()) != Some(&batch.source))
        .map(|batch| batch.source)
        .collect();
    // Imported again since the line: it counts again.
    for batch in batches
        .iter()
        .filter(|batch| batch.is_register && batch.entered >= line)
    {
        gone.remove(&batch.source);
    }
    gone
}
