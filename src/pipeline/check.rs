//! Whether the store, the originals, the spool and the ledger say the same; and where they do not.
//!
//! The ledger is what is believed. Each batch there says how many rows it has in each table, with a sum over their places,
//! so that one question a table finds what is lost or stands twice; only where a source differs are its batches asked
//! for one by one. What is at work meanwhile is passed over: its rows come before its entry.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::ledger::{
    Act, BatchIngested, DeletedOf, Deletion, FrameNonces, FrameProofs, RowsOf, SourceClosed,
};
use crate::record::{EVENT_TABLES, REGISTER_TABLES, SourceId, SourceKind, Table, Timestamp};
use crate::store::{Params, Sql, Store, check};

use super::PipelineError;
use super::deposit::Deposit;
use super::way::frames_of;

/// Compares, and mends.
pub struct StoreCheck<'a> {
    /// The store, the ledger and the rest.
    pub deposit: &'a Deposit<'a>,
    /// The nonces of a source's frames.
    pub nonces: &'a dyn Fn(SourceId) -> FrameNonces,
}

/// What does not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// Something waits in the spool, and nobody is at work on it.
    Waiting,
    /// Rows of a batch are not in the store.
    RowsMissing,
    /// Rows stand twice, or no batch covers them.
    RowsSurplus,
    /// The table of sources says something else than the ledger.
    SourceRow,
    /// The ledger does not know the source of rows or originals.
    SourceUnknown,
    /// The originals of a batch are not there.
    OriginalsMissing,
    /// The originals of a batch are not those that the ledger has the root of.
    OriginalsChanged,
    /// Originals that belong to no batch.
    OriginalsSurplus,
    /// The sums of a source's end are not those of its batches.
    Sums,
    /// A deletion was announced and has not been finished: `invigil store retain` does.
    DeletionUnfinished,
}

/// One place in which something does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// Of which source.
    pub source: SourceId,
    /// In which table; empty where it is none.
    pub table: &'static str,
    /// From this frame.
    pub first: u64,
    /// To this frame.
    pub last: u64,
    /// How many there should be.
    pub expected: u64,
    /// How many there are.
    pub found: u64,
}

/// What becomes of rows that go; and how a deletion of originals is called.
const DELETED: &str = "deleted";
const ORIGINALS: &str = "originals";

/// Up to here means up to the end: the ledger writes no whole number beyond it.
pub const END: u64 = (1 << 53) - 1;

/// What was compared.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Sources.
    pub sources: u64,
    /// Batches.
    pub batches: u64,
    /// Rows, as the ledger has them.
    pub rows: u64,
    /// Sources that somebody was at work on.
    pub at_work: u64,
    /// What does not agree.
    pub faults: Vec<Fault>,
}

/// What the ledger says of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Told {
    pub(super) kind: Option<SourceKind>,
    pub(super) format: String,
    pub(super) opened: Timestamp,
    pub(super) batches: Vec<BatchIngested>,
    /// The entry of each batch.
    entries: Vec<u64>,
    /// What was deleted, by table; originals under their own word.
    gone: BTreeMap<String, Vec<Gone>>,
    /// The tables, and originals, of which a deletion was announced and not finished.
    unfinished: BTreeSet<String>,
    /// The last end, when it was, and how many batches there were by then.
    pub(super) closed: Option<(SourceClosed, Timestamp, usize)>,
}

/// What was deleted of a source at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Gone {
    /// The entry that announced it: what was stored later is not meant.
    begun: u64,
    of: DeletedOf,
}

#[derive(Deserialize)]
struct RowsFound {
    source: String,
    rows: u64,
    places: u64,
}

#[derive(Deserialize)]
struct BatchFound {
    rows: u64,
    places: u64,
}

/// A row of the table of sources.
#[derive(Deserialize)]
pub(super) struct SourceFound {
    source: String,
    pub(super) opened: i64,
    digest: String,
    bytes: u64,
    read: u64,
    stored: u64,
    rejected: u64,
    ignored: u64,
}

impl FaultKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            FaultKind::Waiting => "waiting",
            FaultKind::RowsMissing => "rows_missing",
            FaultKind::RowsSurplus => "rows_surplus",
            FaultKind::SourceRow => "source_row",
            FaultKind::SourceUnknown => "source_unknown",
            FaultKind::OriginalsMissing => "originals_missing",
            FaultKind::OriginalsChanged => "originals_changed",
            FaultKind::OriginalsSurplus => "originals_surplus",
            FaultKind::Sums => "sums",
            FaultKind::DeletionUnfinished => "deletion_unfinished",
        }
    }
}

impl Fault {
    pub(super) fn of(kind: FaultKind, source: SourceId) -> Fault {
        Fault {
            kind,
            source,
            table: "",
            first: 0,
            last: END,
            expected: 0,
            found: 0,
        }
    }

    pub(super) fn between(self, first: u64, last: u64) -> Fault {
        Fault {
            first,
            last,
            ..self
        }
    }

    fn counting(self, table: &'static str, expected: u64, found: u64) -> Fault {
        Fault {
            table,
            expected,
            found,
            ..self
        }
    }
}

impl StoreCheck<'_> {
    /// Compares everything.
    pub fn check(&self) -> Result<Checked, PipelineError> {
        let before = self.told()?;
        let mut busy = self.on_their_way()?;
        let mut faults = Vec::new();
        let store = self.deposit.store.store()?;
        for table in EVENT_TABLES.iter().chain(REGISTER_TABLES) {
            self.table(&store, table, &before, &mut faults)?;
        }
        source_rows(&store, &before, &mut faults)?;
        for (source, told) in &before {
            self.originals(*source, told, &mut faults)?;
            faults.extend(sums(*source, told));
            for table in &told.unfinished {
                let fault = Fault::of(FaultKind::DeletionUnfinished, *source);
                let table = crate::record::table(table).map_or(ORIGINALS, |table| table.name);
                faults.push(fault.counting(table, 0, 0));
            }
        }
        self.originals_of_strangers(&before, &mut faults)?;
        // What changed meanwhile was compared with what is over.
        let after = self.told()?;
        busy.extend(self.on_their_way()?);
        busy.extend(
            after
                .iter()
                .filter(|(source, told)| before.get(source) != Some(told))
                .map(|(source, _)| *source),
        );
        faults.retain(|fault| !busy.contains(&fault.source));
        let waiting = self.waiting()?;
        let at_work = busy.len() - waiting.len().min(busy.len());
        faults.splice(0..0, waiting);
        let batches = || before.values().flat_map(|told| &told.batches);
        Ok(Checked {
            sources: before.len() as u64,
            batches: batches().count() as u64,
            rows: batches()
                .flat_map(|batch| batch.rows.values())
                .map(|of| of.rows)
                .sum(),
            at_work: at_work as u64,
            faults,
        })
    }

    /// What the ledger says, by source.
    pub(super) fn told(&self) -> Result<BTreeMap<SourceId, Told>, PipelineError> {
        let mut all: BTreeMap<SourceId, Told> = BTreeMap::new();
        let mut unfinished: BTreeMap<u64, Deletion> = BTreeMap::new();
        for entry in self.deposit.ledger.entries()? {
            match entry.act {
                Act::SourceOpened(opened) => {
                    let told = all.entry(opened.source).or_default();
                    told.kind = SourceKind::parse(&opened.kind);
                    told.format = opened.format;
                    told.opened = entry.time;
                }
                Act::BatchIngested(batch) => {
                    let told = all.entry(batch.source).or_default();
                    told.kind = SourceKind::parse(&batch.kind);
                    told.format.clone_from(&batch.format);
                    told.batches.push(batch);
                    told.entries.push(entry.index);
                }
                // Emptied rows stay, and are counted as before.
                Act::DeletionBegun(deletion) if deletion.fate == DELETED => {
                    unfinished.insert(entry.index, deletion);
                }
                Act::Deleted(deleted) if deleted.what.fate == DELETED => {
                    unfinished.remove(&deleted.begun);
                    let what = deleted.what;
                    for of in deleted.of.unwrap_or(what.of) {
                        let gone = &mut all.entry(of.source).or_default().gone;
                        let begun = deleted.begun;
                        let of_table = gone.entry(what.table.clone()).or_default();
                        of_table.push(Gone { begun, of });
                    }
                }
                Act::SourceClosed(closed) => {
                    let told = all.entry(closed.source).or_default();
                    told.closed = Some((closed, entry.time, told.batches.len()));
                }
                _ => {}
            }
        }
        for deletion in unfinished.into_values() {
            for of in &deletion.of {
                let told = all.entry(of.source).or_default();
                told.unfinished.insert(deletion.table.clone());
            }
        }
        Ok(all)
    }

    fn on_their_way(&self) -> Result<BTreeSet<SourceId>, PipelineError> {
        let heads = self.deposit.spool.heads()?;
        Ok(heads.into_iter().map(|(source, _)| source).collect())
    }

    fn waiting(&self) -> Result<Vec<Fault>, PipelineError> {
        let mut waiting = Vec::new();
        for queue in self.deposit.spool.left()? {
            let frames = queue
                .heads()?
                .iter()
                .filter_map(|head| frames_of(head))
                .sum();
            let fault = Fault::of(FaultKind::Waiting, queue.source());
            waiting.push(fault.counting("", 0, frames));
        }
        Ok(waiting)
    }

    /// Compares the rows of a table, source by source, and where they differ, batch by batch.
    fn table(
        &self,
        store: &Store,
        table: &'static Table,
        all: &BTreeMap<SourceId, Told>,
        faults: &mut Vec<Fault>,
    ) -> Result<(), PipelineError> {
        let is_register = REGISTER_TABLES.iter().any(|one| one.name == table.name);
        let question = if is_register {
            "store/check_register"
        } else {
            "store/check_rows"
        };
        let rows: Vec<RowsFound> = store.rows(
            statement(question)?,
            &Params::new().text("table", table.name),
        )?;
        let mut found: BTreeMap<SourceId, RowsOf> = BTreeMap::new();
        for row in rows {
            if let Some(source) = SourceId::parse(&row.source) {
                let of = RowsOf {
                    rows: row.rows,
                    places: row.places,
                };
                found.insert(source, of);
            }
        }
        for (source, told) in all {
            let found = found.remove(source).unwrap_or_default();
            let expected = told.rows(table, is_register);
            // What is half gone is compared when it has gone.
            if found == expected || !told.says_rows() || told.unfinished.contains(table.name) {
                continue;
            }
            let before = faults.len();
            if told.has_rows_by_frame() {
                by_batch(store, table, *source, told, faults)?;
            }
            if faults.len() == before {
                let kind = kind_of(expected, found);
                let fault = Fault::of(kind, *source).between(0, told.last_frame());
                faults.push(fault.counting(table.name, expected.rows, found.rows));
            }
        }
        for (source, of) in found {
            let fault = Fault::of(FaultKind::SourceUnknown, source);
            faults.push(fault.counting(table.name, 0, of.rows));
        }
        Ok(())
    }

    /// Makes the root of every batch again from its originals.
    fn originals(
        &self,
        source: SourceId,
        told: &Told,
        faults: &mut Vec<Fault>,
    ) -> Result<(), PipelineError> {
        if !told.keeps_originals() || told.unfinished.contains(ORIGINALS) {
            return Ok(());
        }
        let kept = self.deposit.originals.batches(source)?;
        let mut covered = BTreeSet::new();
        for batch in told.batches.iter().filter(|batch| batch.frames > 0) {
            let fault = |kind| {
                Fault::of(kind, source)
                    .between(batch.first_frame, batch.last_frame)
                    .counting("", batch.frames, 0)
            };
            let mut there = kept
                .iter()
                .filter(|(first, last)| *first == batch.first_frame && *last <= batch.last_frame);
            if told.has_no_original(batch) {
                continue;
            }
            // Where a crash left a shorter one beside it, that one is left over.
            let Some((first, last)) = there.next_back() else {
                faults.push(fault(FaultKind::OriginalsMissing));
                continue;
            };
            covered.insert((*first, *last));
            let frames = self.deposit.originals.batch(source, *first, *last);
            let is_whole = frames.is_ok_and(|frames| {
                let frames = frames.iter().map(|one| (one.frame, one.bytes.as_slice()));
                let proofs = FrameProofs::new(&(self.nonces)(source), frames);
                proofs.frames() == batch.frames && proofs.root() == batch.root
            });
            if !is_whole {
                faults.push(fault(FaultKind::OriginalsChanged));
            }
        }
        for (first, last) in kept.iter().filter(|range| !covered.contains(*range)) {
            faults.push(Fault::of(FaultKind::OriginalsSurplus, source).between(*first, *last));
        }
        Ok(())
    }

    fn originals_of_strangers(
        &self,
        all: &BTreeMap<SourceId, Told>,
        faults: &mut Vec<Fault>,
    ) -> Result<(), PipelineError> {
        for source in self.deposit.originals.sources()? {
            if all.contains_key(&source) {
                continue;
            }
            for (first, last) in self.deposit.originals.batches(source)? {
                faults.push(Fault::of(FaultKind::OriginalsSurplus, source).between(first, last));
            }
        }
        Ok(())
    }
}

impl Gone {
    fn is_of(&self, batch: &BatchIngested) -> bool {
        (self.of.first_frame, self.of.last_frame) == (batch.first_frame, batch.last_frame)
    }
}

impl Told {
    /// The rows that the source should have in a table. A register has those of its last import.
    fn rows(&self, table: &Table, is_register: bool) -> RowsOf {
        let mut all = RowsOf::default();
        let of_table = |batch: &BatchIngested| batch.rows.get(table.name).copied();
        let since = match is_register {
            true => {
                all = self.batches.last().and_then(of_table).unwrap_or_default();
                self.entries.last().copied().unwrap_or_default()
            }
            false => 0,
        };
        if !is_register {
            for of in self.batches.iter().filter_map(of_table) {
                all.add_all(of);
            }
        }
        for gone in self.gone(table.name).filter(|gone| gone.begun >= since) {
            all.take(gone.of.gone);
        }
        all
    }

    /// The rows that a batch should have in a table: those that it had, without those that were deleted.
    pub(super) fn rows_of(&self, batch: &BatchIngested, table: &Table) -> RowsOf {
        let mut rows = batch.rows.get(table.name).copied().unwrap_or_default();
        for gone in self.gone(table.name).filter(|gone| gone.is_of(batch)) {
            rows.take(gone.of.gone);
        }
        rows
    }

    /// The entry of a batch.
    pub(super) fn entry_of(&self, batch: &BatchIngested) -> Option<u64> {
        let mut batches = self.batches.iter().zip(&self.entries);
        let (_, entry) = batches.find(|(one, _)| *one == batch)?;
        Some(*entry)
    }

    fn gone(&self, table: &str) -> impl Iterator<Item = &Gone> {
        self.gone.get(table).into_iter().flatten()
    }

    /// Whether the originals of a batch were deleted, and the batch was not stored again since, as a register is.
    fn has_no_original(&self, batch: &BatchIngested) -> bool {
        let batches = self.batches.iter().zip(&self.entries);
        let same = batches.filter(|(one, _)| {
            (one.first_frame, one.last_frame) == (batch.first_frame, batch.last_frame)
        });
        let stored = same.map(|(_, entry)| *entry).max().unwrap_or_default();
        self.gone(ORIGINALS)
            .any(|gone| gone.is_of(batch) && gone.begun > stored)
    }

    /// Whether all of its batches say how many rows they have; those of an early release do not.
    fn says_rows(&self) -> bool {
        self.batches
            .iter()
            .all(|batch| batch.stored == 0 || !batch.rows.is_empty())
    }

    /// Whether the rows of a batch are those of its frames. A flow stands in the place of its first packet, which may
    /// lie in an earlier batch; a register's import covers the same lines as the one before.
    pub(super) fn has_rows_by_frame(&self) -> bool {
        matches!(self.kind, Some(SourceKind::LogFile | SourceKind::Stream))
            && self.keeps_originals()
    }

    /// Packets are not kept, lines are.
    fn keeps_originals(&self) -> bool {
        self.format != super::sources::CAPTURE_FORMAT
    }

    pub(super) fn last_frame(&self) -> u64 {
        let last = self.batches.iter().map(|batch| batch.last_frame);
        last.max().unwrap_or(0)
    }
}

/// Finds the batches whose rows differ, and rows after and between them.
fn by_batch(
    store: &Store,
    table: &'static Table,
    source: SourceId,
    told: &Told,
    faults: &mut Vec<Fault>,
) -> Result<(), PipelineError> {
    let mut ask = |first: u64, last: u64, expected: RowsOf| {
        let found = rows_between(store, table, source, first, last)?;
        if found != expected {
            let fault = Fault::of(kind_of(expected, found), source).between(first, last);
            faults.push(fault.counting(table.name, expected.rows, found.rows));
        }
        Ok::<(), PipelineError>(())
    };
    let mut next = 0;
    for batch in told.batches.iter().filter(|batch| batch.frames > 0) {
        if batch.first_frame > next {
            ask(next, batch.first_frame - 1, RowsOf::default())?;
        }
        let expected = told.rows_of(batch, table);
        ask(batch.first_frame, batch.last_frame, expected)?;
        next = batch.last_frame + 1;
    }
    ask(next, END, RowsOf::default())
}

/// What the store has of a source between two frames.
pub(super) fn rows_between(
    store: &Store,
    table: &'static Table,
    source: SourceId,
    first: u64,
    last: u64,
) -> Result<RowsOf, PipelineError> {
    let params = Params::new()
        .text("table", table.name)
        .text("source", &source.to_string())
        .number("first", first)
        .number("last", last);
    let found: Vec<BatchFound> = store.rows(statement("store/check_batch")?, &params)?;
    Ok(found.first().map_or_else(RowsOf::default, |found| RowsOf {
        rows: found.rows,
        places: found.places,
    }))
}

fn kind_of(expected: RowsOf, found: RowsOf) -> FaultKind {
    if found.rows > expected.rows {
        FaultKind::RowsSurplus
    } else {
        FaultKind::RowsMissing
    }
}

/// Compares the table of sources with the ends in the ledger.
fn source_rows(
    store: &Store,
    all: &BTreeMap<SourceId, Told>,
    faults: &mut Vec<Fault>,
) -> Result<(), PipelineError> {
    let mut found = sources_found(store)?;
    for (source, told) in all {
        let found = found.remove(source);
        let Some((closed, _, _)) = &told.closed else {
            continue;
        };
        let agrees = found.is_some_and(|row| {
            row.digest == closed.digest.to_string()
                && (row.bytes, row.read, row.stored) == (closed.length, closed.read, closed.stored)
                && (row.rejected, row.ignored) == (closed.rejected, closed.ignored)
        });
        if !agrees {
            let fault = Fault::of(FaultKind::SourceRow, *source);
            faults.push(
                fault
                    .counting("sources", 1, 0)
                    .between(0, told.last_frame()),
            );
        }
    }
    for source in found.into_keys() {
        faults.push(Fault::of(FaultKind::SourceUnknown, source).counting("sources", 0, 1));
    }
    Ok(())
}

/// The table of sources.
pub(super) fn sources_found(
    store: &Store,
) -> Result<BTreeMap<SourceId, SourceFound>, PipelineError> {
    let rows: Vec<SourceFound> = store.rows(statement("store/check_sources")?, &Params::new())?;
    let known = rows
        .into_iter()
        .filter_map(|row| Some((SourceId::parse(&row.source)?, row)));
    Ok(known.collect())
}

/// The end of a source counts what its batches up to then counted.
fn sums(source: SourceId, told: &Told) -> Option<Fault> {
    let (closed, _, count) = told.closed.as_ref()?;
    let batches = || told.batches.iter().take(*count);
    let read: u64 = batches().map(|batch| batch.read).sum();
    let stored: u64 = batches().map(|batch| batch.stored).sum();
    let rejected: u64 = batches().map(|batch| batch.rejected).sum();
    let ignored: u64 = batches().map(|batch| batch.ignored).sum();
    let agrees = (read, stored) == (closed.read, closed.stored)
        && (rejected, ignored) == (closed.rejected, closed.ignored);
    (!agrees).then(|| {
        Fault::of(FaultKind::Sums, source)
            .between(0, told.last_frame())
            .counting("", read, closed.read)
    })
}

/// A statement of the check.
pub(super) fn statement(id: &'static str) -> Result<Sql, PipelineError> {
    check(id).ok_or(PipelineError::NoTable(id))
}
