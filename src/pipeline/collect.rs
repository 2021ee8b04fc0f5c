//! Flow exports into flows: datagrams out of files, captures or a socket, through the collector, then printed or stored.
//!
//! A datagram is a frame; what it holds are its records, and the counts are of records. In a capture each packet is a
//! frame, and those that are no exports are passed over.

mod batch;
mod datagrams;

use std::collections::BTreeMap;

use crossbeam_channel::Sender;

use crate::classify::ListIndex;
use crate::flow::export::{
    Collected, CollectedOutcome, Collector, CollectorOptions, ExporterCounts,
};
use crate::ledger::FrameNonces;
use crate::record::{Counts, Event, IgnoreReason, Place, Reject, RejectReason, SourceId};
use crate::store::names::Names;

use super::PipelineError;
use super::deposit::{Deposit, OpenSource, Prepared};
use super::history::SourcePast;
use super::input::Identity;
use super::lane::Left;
use super::stop::Told;
use super::storing::beside_storing;
use batch::Batch;
use datagrams::Next;

pub use datagrams::{DatagramFile, Exports, dropped_by_kernel, listen};

/// The name under which exports are read, where logs have the name of their format.
pub const EXPORT_FORMAT: &str = "flow_export";

/// How many frames make a batch.
const FRAMES_IN_A_BATCH: u64 = 5_000;

/// What became of exports.
#[derive(Clone, Debug, Default)]
pub struct CollectCounts {
    /// The records: flows, templates, counters, and packets of a capture that are no exports.
    pub records: Counts,
    /// Datagrams that were read.
    pub datagrams: u64,
    /// Places in a file that held no frame and should have, by reason. They stand beside the sums.
    pub damage: BTreeMap<&'static str, u64>,
    /// Datagrams lost by the kernel for lack of room.
    pub dropped: u64,
}

impl CollectCounts {
    /// Adds what another part of the work counted.
    pub fn add(&mut self, other: &CollectCounts) {
        self.records.add(&other.records);
        self.datagrams += other.datagrams;
        self.dropped += other.dropped;
        for (reason, places) in &other.damage {
            *self.damage.entry(reason).or_default() += places;
        }
    }

    /// Counts damage between frames. It stands in the place of a record of frame zero.
    fn damage(
        &mut self,
        source: SourceId,
        reason: RejectReason,
        offset: u64,
        length: u32,
    ) -> (Place, Event<'static>) {
        let before: u64 = self.damage.values().sum();
        *self.damage.entry(reason.as_str()).or_default() += 1;
        let place = Place {
            source,
            frame: 0,
            ordinal: u32::try_from(before).unwrap_or(u32::MAX),
        };
        let reject = Reject {
            time: None,
            reason,
            offset,
            length,
        };
        (place, Event::Reject(reject))
    }

    fn other(&mut self, bytes: usize, reason: IgnoreReason) {
        self.records.read += 1;
        self.records.bytes += bytes as u64;
        self.records.ignore(reason);
    }
}

/// A collector and the lists that its flows are met with. It outlives a source: templates of one file serve the next.
pub struct Collecting<'a> {
    collector: Collector,
    lists: &'a ListIndex,
    collected: Vec<Collected>,
}

impl<'a> Collecting<'a> {
    /// One that knows no template yet.
    pub fn new(options: CollectorOptions, lists: &'a ListIndex) -> Self {
        Collecting {
            collector: Collector::new(options),
            lists,
            collected: Vec::new(),
        }
    }

    /// What each exporter sent, and what is missing of it.
    pub fn exporters(&self) -> Vec<ExporterCounts> {
        self.collector.exporters()
    }

    /// Reads all of a source and hands each record to `out`. Records that wait for a template go on waiting.
    pub fn each_record(
        &mut self,
        exports: &mut Exports,
        name: &str,
        source: SourceId,
        mut out: impl FnMut(Place, &Event<'_>) -> Result<(), PipelineError>,
    ) -> Result<CollectCounts, PipelineError> {
        let mut counts = CollectCounts::default();
        loop {
            match exports.next(name, source)? {
                Next::End => break,
                Next::Nothing { .. } => {}
                Next::Datagram { datagram, .. } => {
                    counts.datagrams += 1;
                    self.collector
                        .datagram(&datagram, &mut self.collected, &mut counts.records);
                }
                Next::Other { frame, reason, .. } => counts.other(frame.len(), reason),
                Next::Damage {
                    reason,
                    offset,
                    length,
                } => {
                    let (place, event) = counts.damage(source, reason, offset, length);
                    out(place, &event)?;
                }
            }
            self.hand_out(&mut out)?;
        }
        counts.dropped = exports.dropped();
        counts.records.check()?;
        Ok(counts)
    }

    /// Rejects what still waits for a template.
    pub fn finish(
        &mut self,
        mut out: impl FnMut(Place, &Event<'_>) -> Result<(), PipelineError>,
    ) -> Result<CollectCounts, PipelineError> {
        let mut counts = CollectCounts::default();
        self.collector
            .finish(&mut self.collected, &mut counts.records);
        self.hand_out(&mut out)?;
        counts.records.check()?;
        Ok(counts)
    }

    fn hand_out(
        &mut self,
        out: &mut impl FnMut(Place, &Event<'_>) -> Result<(), PipelineError>,
    ) -> Result<(), PipelineError> {
        for collected in self.collected.drain(..) {
            out(collected.place, &event(collected.outcome, self.lists))?;
        }
        Ok(())
    }
}

fn event(outcome: CollectedOutcome, lists: &ListIndex) -> Event<'static> {
    match outcome {
        CollectedOutcome::Flow(mut flow) => {
            lists.classify_flow(&mut flow);
            Event::Flow(flow)
        }
        CollectedOutcome::Rejected(reject) => Event::Reject(reject),
    }
}

/// Where the flows of stored exports come from and go to.
pub struct StoredExports<'a> {
    /// The source.
    pub source: &'a OpenSource,
    /// Length and digest of the whole file; none for a listener.
    pub identity: Option<&'a Identity>,
    /// The nonces of its frames.
    pub nonces: FrameNonces,
    /// Tokens of accounts.
    pub names: &'a mut Names,
    /// Asked before each frame of a file; a listener has its own pace, and ends in order.
    pub told_to_stop: Told,
    /// Flows that began before are counted and not stored: they were deleted for their age.
    pub lines: super::retention::Lines,
}

impl StoredExports<'_> {
    /// Collects all records and stores what is new. What waits for a template at the end of a source is rejected then,
    /// as the source is closed; its templates are kept.
    ///
    /// Frames that are stored already are read again for their templates; what else they give is dropped.
    pub fn store(
        mut self,
        exports: &mut Exports,
        name: &str,
        collecting: &mut Collecting<'_>,
        deposit: &Deposit<'_>,
    ) -> Result<(CollectCounts, Left), PipelineError> {
        deposit.open(self.source, name)?;
        let source = self.source;
        let (mut counts, mut lane) = beside_storing(deposit, source, None, |to_store| {
            self.collect(exports, name, collecting, to_store)
        })?;
        let (length, digest) = self
            .identity
            .map_or((counts.records.bytes, [0; 32]), |known| {
                (known.length, known.digest)
            });
        lane.close(source, length, digest, counts.dropped)?;
        let left = lane.end()?;
        left.dropped.out_of(&mut counts.records);
        counts.dropped += left.dropped.counts.read;
        counts.records.check()?;
        Ok((counts, left))
    }

    fn collect(
        &mut self,
        exports: &mut Exports,
        name: &str,
        collecting: &mut Collecting<'_>,
        out: &Sender<Prepared>,
    ) -> Result<CollectCounts, PipelineError> {
        let mut batch = Batch::new(self.source, self.nonces.clone());
        let mut total = CollectCounts::default();
        let past = self.source.past.as_ref();
        let stored_length = past.map_or(0, SourcePast::stored_length);
        let ends = past.map(SourcePast::stored_ends).unwrap_or_default();
        let mut last = 0;
        loop {
            if self.told_to_stop.is_set() {
                return Err(PipelineError::Interrupted);
            }
            match exports.next(name, self.source.id)? {
                Next::End => break,
                Next::Nothing { store } => {
                    if store && !batch.send(self.names, &mut total, None, out)? {
                        return Ok(total);
                    }
                    continue;
                }
                Next::Damage {
                    reason,
                    offset,
                    length,
                } => {
                    let stored = batch.stored_up_to();
                    if last > stored || last == stored && offset >= stored_length {
                        let (place, event) = total.damage(self.source.id, reason, offset, length);
                        batch.add(place, &event, self.names);
                    }
                    continue;
                }
                Next::Datagram { datagram, frame } => {
                    last = datagram.number;
                    let counts = batch.frame(last, frame, &mut total);
                    counts.datagrams += 1;
                    collecting.collector.datagram(
                        &datagram,
                        &mut collecting.collected,
                        &mut counts.records,
                    );
                }
                Next::Other {
                    number,
                    frame,
                    reason,
                } => {
                    last = number;
                    batch
                        .frame(last, frame, &mut total)
                        .other(frame.len(), reason);
                }
            }
            if last <= batch.stored_up_to() {
                // What it gave is dropped, and where an earlier run ended, what waited then waits no more.
                if ends.contains(&last) {
                    let mut passed = Counts::default();
                    collecting
                        .collector
                        .finish(&mut collecting.collected, &mut passed);
                }
                collecting.collected.clear();
                continue;
            }
            batch.collected(collecting, &self.lines, self.names);
            let is_full = last.is_multiple_of(FRAMES_IN_A_BATCH);
            if is_full && !batch.send(self.names, &mut total, None, out)? {
                return Ok(total);
            }
        }
        // Where the end was stored behind this very frame, nothing waits any more.
        if last >= batch.stored_up_to() {
            collecting
                .collector
                .finish(&mut collecting.collected, &mut batch.counts.records);
            batch.collected(collecting, &self.lines, self.names);
        }
        total.dropped = exports.dropped();
        batch.send(self.names, &mut total, self.identity, out)?;
        total.records.check()?;
        Ok(total)
    }
}
