//! A batch of exports while it is made.

use crossbeam_channel::Sender;

use crate::ledger::{Digest, FrameNonces, FrameTree};
use crate::record::{Event, Flow, IgnoreReason, Place, Tabled};
use crate::store::names::Names;

use super::{CollectCounts, CollectedOutcome, Collecting, event};
use crate::pipeline::PipelineError;
use crate::pipeline::deposit::{OpenSource, Prepared};
use crate::pipeline::input::Identity;
use crate::pipeline::retention::Lines;

pub(super) struct Batch<'a> {
    source: &'a OpenSource,
    prepared: Prepared,
    tree: FrameTree,
    pub(super) counts: CollectCounts,
    /// What frames give that an earlier run has stored: it is counted as that, and otherwise dropped.
    passed: CollectCounts,
    stored_up_to: u64,
    /// The last frame that is stored, or on its way.
    last: u64,
}

impl<'a> Batch<'a> {
    pub(super) fn new(source: &'a OpenSource, nonces: FrameNonces) -> Self {
        let last = source.past.as_ref().map_or(0, |past| past.last_frame());
        Batch {
            source,
            prepared: Prepared::of(source),
            tree: FrameTree::new(nonces),
            counts: CollectCounts::default(),
            passed: CollectCounts::default(),
            stored_up_to: last,
            last,
        }
    }

    /// The last frame that an earlier run has stored.
    pub(super) fn stored_up_to(&self) -> u64 {
        self.stored_up_to
    }

    /// A frame begins; where its records are counted.
    pub(super) fn frame(
        &mut self,
        number: u64,
        bytes: &[u8],
        total: &mut CollectCounts,
    ) -> &mut CollectCounts {
        if number <= self.stored_up_to {
            total.other(bytes.len(), IgnoreReason::AlreadyStored);
            return &mut self.passed;
        }
        let entry = &mut self.prepared.entry;
        if entry.frames == 0 {
            entry.first_frame = number;
        }
        entry.frames += 1;
        entry.last_frame = number;
        self.last = number;
        self.tree.push(number, bytes);
        &mut self.counts
    }

    /// Adds a row.
    pub(super) fn add(&mut self, place: Place, event: &Event<'_>, names: &mut Names) {
        self.prepared.add(place, event, names);
    }

    /// Adds what the collector gave.
    pub(super) fn collected(
        &mut self,
        collecting: &mut Collecting<'_>,
        lines: &Lines,
        names: &mut Names,
    ) {
        for collected in collecting.collected.drain(..) {
            if let CollectedOutcome::Flow(flow) = &collected.outcome
                && lines.is_past(Flow::TABLE, Some(flow.start))
            {
                self.counts.records.past_retention();
                continue;
            }
            let event = event(collected.outcome, collecting.lists);
            self.prepared.add(collected.place, &event, names);
        }
    }

    /// Sends the batch on; `false` if nobody takes it any more. The last batch of a file carries the digest of the whole.
    pub(super) fn send(
        &mut self,
        names: &mut Names,
        total: &mut CollectCounts,
        whole: Option<&Identity>,
        out: &Sender<Prepared>,
    ) -> Result<bool, PipelineError> {
        let mut prepared = std::mem::replace(&mut self.prepared, Prepared::of(self.source));
        let counts = std::mem::take(&mut self.counts);
        total.add(&counts);
        if prepared.entry.frames == 0 && prepared.rows.is_empty() {
            return Ok(true);
        }
        if let Some(whole) = whole {
            prepared.entry.length = whole.length;
            prepared.entry.prefix_digest = Digest(whole.digest);
        }
        if prepared.entry.frames == 0 {
            // It holds what stands after the last frame, and no frame: an empty range after it.
            prepared.entry.first_frame = self.last + 1;
            prepared.entry.last_frame = self.last;
        }
        prepared.count(counts.records);
        prepared.entry.root = self.tree.finish().1;
        names.keep()?;
        Ok(out.send(prepared).is_ok())
    }
}
