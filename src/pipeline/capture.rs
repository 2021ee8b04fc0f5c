//! Packets into flows: out of a file or off a device, through the meter, then printed or stored.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crossbeam_channel::Sender;

use crate::capture::{CaptureError, CaptureFile, Drops, Step};
use crate::classify::ListIndex;
use crate::flow::{EndedFlow, Fate, HeardEvent, Meter, MeterOptions, MeteredFlow};
use crate::ledger::{Digest, FrameNonces, FrameTree};
use crate::record::{
    Counts, Event, Flow, IgnoreReason, Packet, Place, Record, Reject, RejectReason, SourceId,
    Tabled,
};
use crate::store::names::Names;

use super::PipelineError;
use super::deposit::{Deposit, OpenSource, Prepared};
use super::history::SourcePast;
use super::input::{Identity, Opened};
use super::lane::Left;
use super::live::{Live, LiveEnd};
use super::retention::Lines;
use super::stop::Told;
use super::storing::beside_storing;

/// What became of the packets of a capture.
#[derive(Clone, Debug, Default)]
pub struct CaptureCounts {
    /// The packets: `stored` are those that a flow has counted.
    pub packets: Counts,
    /// Flows made.
    pub flows: u64,
    /// Of these, flows that are older than what retention has deleted: they are not stored.
    pub past_retention: u64,
    /// Requests, leases and sign-ins that were heard in the packets.
    pub events: u64,
    /// Others that are older than what retention has deleted: they are not stored.
    pub events_past_retention: u64,
    /// Flows that were ended early for lack of room, the quietest first; they are among the flows, too.
    pub evicted: u64,
    /// Flows that were no longer listened to for lack of room before their application was known.
    pub unheard: u64,
    /// Places in the file that held no frame and should have, by reason. They stand beside the sums.
    pub damage: BTreeMap<&'static str, u64>,
    /// Packets lost by the kernel and the device for lack of room.
    pub drops: Drops,
    /// Packets that were read and then lost, since the store was away and the spool was full.
    pub lost_in_spool: u64,
}

/// A source of steps: a file, or a device until it is told to stop.
pub enum Packets {
    /// A file.
    File(CaptureFile),
    /// A device, or a ring of one, until it is told to stop.
    Live(Box<Live>),
}

/// What a source that does not end by itself shall do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Read on.
    Go,
    /// Store what there is, then read on.
    Store,
    /// Stop.
    Stop,
}

/// What comes next.
pub(super) enum Next<'a> {
    Step(Step<'a>),
    /// A frame of this length on the wire that the operator's filter took out.
    Filtered(u32),
    /// Nothing for the moment; store what there is if `store` says so.
    Nothing {
        store: bool,
    },
    End,
}

/// How many packets make a batch of a file.
const PACKETS_IN_A_BATCH: u64 = 200_000;

/// Opens a file of packets.
pub fn open_file(input: Opened) -> Result<CaptureFile, PipelineError> {
    let name = input.name.to_string();
    CaptureFile::open(input.reader).map_err(|source| PipelineError::Capture { name, source })
}

/// Meters all packets and hands each record to `out`: flows in the order in which they end, rejects where they stand.
pub fn each_record(
    packets: &mut Packets,
    name: &str,
    source: SourceId,
    options: &MeterOptions,
    lists: &ListIndex,
    mut out: impl FnMut(Place, Event<'static>) -> Result<(), PipelineError>,
) -> Result<CaptureCounts, PipelineError> {
    each_made(packets, name, source, options, |made| {
        let (place, event) = made.record(source, lists);
        out(place, event)
    })
}

/// What a capture gives, in the order in which it comes.
pub(super) enum Made {
    /// A flow that is over.
    Flow(EndedFlow),
    /// A reject, or what was heard in the packets.
    Event(Box<(Place, Event<'static>)>),
}

impl Made {
    pub(super) fn event(place: Place, event: Event<'static>) -> Made {
        Made::Event(Box::new((place, event)))
    }

    /// The record, with what lists say of it.
    pub(super) fn record(self, source: SourceId, lists: &ListIndex) -> (Place, Event<'static>) {
        match self {
            Made::Flow(ended) => {
                let mut metered = MeteredFlow::from(ended);
                lists.classify_flow(&mut metered.flow);
                let place = place(source, metered.first_frame);
                (place, Event::Flow(Box::new(metered.flow)))
            }
            Made::Event(heard) => {
                let (place, mut event) = *heard;
                lists.classify(&mut event);
                (place, event)
            }
        }
    }
}

/// As [`each_record`], but the records are still to be made.
pub(super) fn each_made(
    packets: &mut Packets,
    name: &str,
    source: SourceId,
    options: &MeterOptions,
    mut out: impl FnMut(Made) -> Result<(), PipelineError>,
) -> Result<CaptureCounts, PipelineError> {
    let mut meter = Meter::new(options.clone());
    let mut counts = CaptureCounts::default();
    let mut flows: Vec<EndedFlow> = Vec::new();
    loop {
        match packets
            .next()
            .map_err(|error| PipelineError::capture(name, error))?
        {
            Next::End => break,
            Next::Nothing { .. } => {}
            Next::Filtered(length) => counts.filtered(length),
            Next::Step(Step::Time(time)) => meter.tick(time, &mut flows),
            Next::Step(Step::Packet(packet)) => {
                let fate = meter.packet(&packet, &mut flows);
                if let Some(reject) = counts.packet(&packet, fate) {
                    out(Made::event(place(source, packet.number), reject))?;
                }
            }
            Next::Step(Step::Damage {
                reason,
                offset,
                length,
            }) => {
                let (place, reject) = counts.damage(source, reason, offset, length);
                out(Made::event(place, reject))?;
            }
        }
        if flows.is_empty() && meter.heard().is_empty() {
            continue;
        }
        hand_out(&mut flows, &mut counts, &mut out)?;
        for (place, event) in placed(source, meter.heard()) {
            counts.events += 1;
            out(Made::event(place, event))?;
        }
    }
    loop {
        let is_more = meter.finish_some(&mut flows);
        hand_out(&mut flows, &mut counts, &mut out)?;
        if !is_more {
            break;
        }
    }
    counts.drops = packets.drops();
    counts.evicted = meter.evicted();
    counts.unheard = meter.unheard();
    counts.packets.check()?;
    Ok(counts)
}

/// Where the flows of a stored capture come from and go to.
pub struct StoredCapture<'a> {
    /// The source.
    pub source: &'a OpenSource,
    /// How packets are metered.
    pub options: &'a MeterOptions,
    /// Length and digest of the whole file; none for a device.
    pub identity: Option<&'a Identity>,
    /// The lists that servers' addresses are met with.
    pub lists: &'a ListIndex,
    /// The nonces of its frames.
    pub nonces: FrameNonces,
    /// Tokens of accounts.
    pub names: &'a mut Names,
    /// Asked before each packet of a file; a device has its own pace, and ends in order.
    pub told_to_stop: Told,
    /// Flows that began before are counted and not stored: they were deleted for their age.
    pub lines: Lines,
}

impl StoredCapture<'_> {
    /// Meters all packets and stores what is new.
    ///
    /// Packets that are stored already are metered again, so that flows that were open when an earlier run
    /// broke off come out whole; what they give is dropped. Where an earlier run came to the end of
    /// the file, its flows were ended and stored, so they are ended here too.
    pub fn store(
        mut self,
        packets: &mut Packets,
        name: &str,
        deposit: &Deposit<'_>,
    ) -> Result<(CaptureCounts, Left), PipelineError> {
        deposit.open(self.source, name)?;
        let source = self.source;
        let (mut counts, mut lane) = beside_storing(deposit, source, None, |to_store| {
            self.meter(packets, name, to_store)
        })?;
        let (length, digest) = self
            .identity
            .map_or((counts.packets.bytes, [0; 32]), |known| {
                (known.length, known.digest)
            });
        lane.close(source, length, digest, counts.drops.all())?;
        let left = lane.end()?;
        left.dropped.out_of(&mut counts.packets);
        counts.flows -= left.dropped.flows.min(counts.flows);
        counts.lost_in_spool += left.dropped.counts.read;
        counts.packets.check()?;
        Ok((counts, left))
    }

    fn meter(
        &mut self,
        packets: &mut Packets,
        name: &str,
        out: &Sender<Prepared>,
    ) -> Result<CaptureCounts, PipelineError> {
        let past = self.source.past.as_ref();
        let stored_up_to = past.map_or(0, SourcePast::last_frame);
        let stored_length = past.map_or(0, SourcePast::stored_length);
        let ends = past.map(SourcePast::stored_ends).unwrap_or_default();
        let mut meter = Meter::new(self.options.clone());
        let mut batch = Batch::new(self.source, self.nonces.clone());
        let mut total = CaptureCounts::default();
        let mut flows = Vec::new();
        let mut last = 0;
        loop {
            if self.told_to_stop.is_set() {
                return Err(PipelineError::Interrupted);
            }
            match packets
                .next()
                .map_err(|error| PipelineError::capture(name, error))?
            {
                Next::End => break,
                Next::Nothing { store } => {
                    batch.lost(packets.lost_since());
                    if store && !batch.send(self.names, &mut total, None, out)? {
                        return Ok(total);
                    }
                }
                Next::Filtered(length) => batch.counts.filtered(length),
                Next::Step(Step::Time(time)) => {
                    meter.tick(time, &mut flows);
                    if last < stored_up_to {
                        flows.clear();
                    }
                    batch.flows(&mut flows, self.lists, &self.lines, self.names);
                }
                Next::Step(Step::Packet(packet)) => {
                    last = packet.number;
                    let fate = meter.packet(&packet, &mut flows);
                    if packet.number <= stored_up_to {
                        total.stored_before(&packet);
                        if ends.contains(&packet.number) {
                            meter.finish(&mut flows);
                        }
                        flows.clear();
                        meter.heard().clear();
                        continue;
                    }
                    batch.packet(&packet, fate, self.names);
                    batch.flows(&mut flows, self.lists, &self.lines, self.names);
                    batch.heard(meter.heard(), self.lists, &self.lines, self.names);
                    let of_a_file = packet.number.is_multiple_of(PACKETS_IN_A_BATCH);
                    if of_a_file && !batch.send(self.names, &mut total, None, out)? {
                        return Ok(total);
                    }
                }
                Next::Step(Step::Damage {
                    reason,
                    offset,
                    length,
                }) => {
                    let is_new =
                        last > stored_up_to || last == stored_up_to && offset >= stored_length;
                    if is_new {
                        let (place, reject) = total.damage(self.source.id, reason, offset, length);
                        batch.prepared.add(place, &reject, self.names);
                    }
                }
            }
        }
        meter.finish(&mut flows);
        // Where the end was stored behind this very packet, its flows were ended there.
        if last >= stored_up_to {
            batch.flows(&mut flows, self.lists, &self.lines, self.names);
            batch.heard(meter.heard(), self.lists, &self.lines, self.names);
        }
        batch.lost(packets.lost_since());
        total.drops = packets.drops();
        total.evicted = meter.evicted();
        total.unheard = meter.unheard();
        batch.send(self.names, &mut total, self.identity, out)?;
        total.packets.check()?;
        Ok(total)
    }
}

/// A batch of a capture while it is made.
struct Batch<'a> {
    source: &'a OpenSource,
    prepared: Prepared,
    tree: FrameTree,
    counts: CaptureCounts,
    /// The last packet that is stored, or on its way.
    last: u64,
}

impl<'a> Batch<'a> {
    fn new(source: &'a OpenSource, nonces: FrameNonces) -> Self {
        Batch {
            source,
            prepared: Prepared::of(source),
            tree: FrameTree::new(nonces),
            counts: CaptureCounts::default(),
            last: source.past.as_ref().map_or(0, |past| past.last_frame()),
        }
    }

    fn packet(&mut self, packet: &Packet<'_>, fate: Fate, names: &mut Names) {
        if self.prepared.entry.frames == 0 {
            self.prepared.entry.first_frame = packet.number;
        }
        self.prepared.entry.frames += 1;
        self.prepared.entry.last_frame = packet.number;
        self.last = packet.number;
        self.tree.push(packet.number, packet.bytes);
        if let Some(reject) = self.counts.packet(packet, fate) {
            self.prepared
                .add(place(self.source.id, packet.number), &reject, names);
        }
    }

    /// Notes what was lost while it was made.
    fn lost(&mut self, drops: Drops) {
        self.prepared.entry.dropped_kernel += drops.kernel;
        self.prepared.entry.dropped_device += drops.device;
    }

    fn flows(
        &mut self,
        flows: &mut Vec<EndedFlow>,
        lists: &ListIndex,
        lines: &Lines,
        names: &mut Names,
    ) {
        self.counts.flows += flows.len() as u64;
        for mut metered in flows.drain(..).map(MeteredFlow::from) {
            if lines.is_past(Flow::TABLE, Some(metered.flow.start)) {
                self.counts.past_retention += 1;
                continue;
            }
            lists.classify_flow(&mut metered.flow);
            let place = place(self.source.id, metered.first_frame);
            self.prepared
                .add(place, &Event::Flow(Box::new(metered.flow)), names);
        }
    }

    /// What was heard on the wire: requests, leases, sign-ins.
    fn heard(
        &mut self,
        heard: &mut Vec<HeardEvent>,
        lists: &ListIndex,
        lines: &Lines,
        names: &mut Names,
    ) {
        for (place, mut event) in placed(self.source.id, heard) {
            if lines.is_past(event.table(), event.time()) {
                self.counts.events_past_retention += 1;
                continue;
            }
            self.counts.events += 1;
            lists.classify(&mut event);
            self.prepared.add(place, &event, names);
        }
    }

    /// Sends the batch on; `false` if nobody takes it any more. The last batch of a file carries the digest of the whole.
    fn send(
        &mut self,
        names: &mut Names,
        total: &mut CaptureCounts,
        whole: Option<&Identity>,
        out: &Sender<Prepared>,
    ) -> Result<bool, PipelineError> {
        let counts = std::mem::take(&mut self.counts);
        total.add(&counts);
        let entry = &self.prepared.entry;
        let nothing_lost = entry.dropped_kernel == 0 && entry.dropped_device == 0;
        if counts.packets.read == 0 && self.prepared.rows.is_empty() && nothing_lost {
            return Ok(true);
        }
        let mut prepared = std::mem::replace(&mut self.prepared, Prepared::of(self.source));
        if let Some(whole) = whole {
            prepared.entry.length = whole.length;
            prepared.entry.prefix_digest = Digest(whole.digest);
        }
        if prepared.entry.frames == 0 {
            // It holds what stands after the last packet, and no packet that is counted: an empty range after it.
            prepared.entry.first_frame = self.last + 1;
            prepared.entry.last_frame = self.last;
        }
        prepared.flows = counts.flows;
        prepared.count(counts.packets);
        prepared.entry.root = self.tree.finish().1;
        names.keep()?;
        Ok(out.send(prepared).is_ok())
    }
}

impl CaptureCounts {
    /// Adds what another capture counted.
    pub fn add(&mut self, other: &CaptureCounts) {
        self.packets.add(&other.packets);
        self.flows += other.flows;
        self.past_retention += other.past_retention;
        self.drops.kernel += other.drops.kernel;
        self.drops.device += other.drops.device;
        self.lost_in_spool += other.lost_in_spool;
        self.events += other.events;
        self.events_past_retention += other.events_past_retention;
        self.evicted += other.evicted;
        self.unheard += other.unheard;
        for (reason, places) in &other.damage {
            *self.damage.entry(reason).or_default() += places;
        }
    }

    /// Counts a packet by its fate; a rejected one gives a record.
    pub(super) fn packet(&mut self, packet: &Packet<'_>, fate: Fate) -> Option<Event<'static>> {
        let counts = &mut self.packets;
        counts.read += 1;
        counts.bytes += u64::from(packet.wire_length);
        match fate {
            Fate::Metered => counts.stored += 1,
            Fate::Held => counts.held += 1,
            Fate::Ignored(reason) => counts.ignore(reason),
            Fate::Rejected(reason) => {
                counts.reject(reason);
                return Some(Event::Reject(Reject {
                    time: Some(packet.time),
                    reason,
                    offset: 0,
                    length: packet.wire_length,
                }));
            }
        }
        None
    }

    /// All packets that were lost for lack of room, wherever it lacked.
    pub fn dropped(&self) -> u64 {
        self.drops.all() + self.lost_in_spool
    }

    /// Counts a packet that the filter took out: it has no number, as it is not among the frames of the source.
    fn filtered(&mut self, wire_length: u32) {
        self.packets.read += 1;
        self.packets.bytes += u64::from(wire_length);
        self.packets.ignore(IgnoreReason::Filtered);
    }

    /// Counts a packet that an earlier run has stored.
    fn stored_before(&mut self, packet: &Packet<'_>) {
        self.packets.read += 1;
        self.packets.bytes += u64::from(packet.wire_length);
        self.packets.ignore(IgnoreReason::AlreadyStored);
    }

    /// Counts damage between frames. It stands in the place of a record of frame zero whose ordinal is its offset.
    pub(super) fn damage(
        &mut self,
        source: SourceId,
        reason: RejectReason,
        offset: u64,
        length: u32,
    ) -> (Place, Event<'static>) {
        *self.damage.entry(reason.as_str()).or_default() += 1;
        // The same damage has the same place, however often and from wherever the file is read.
        let ordinal = u32::try_from(offset & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        let reject = Reject {
            time: None,
            reason,
            offset,
            length,
        };
        (
            Place {
                source,
                frame: 0,
                ordinal,
            },
            Event::Reject(reject),
        )
    }
}

impl Packets {
    fn next(&mut self) -> Result<Next<'_>, CaptureError> {
        match self {
            Packets::File(file) => Ok(file.next_step()?.map_or(Next::End, Next::Step)),
            Packets::Live(live) => Ok(live.next()),
        }
    }

    /// What there is to say of a device at its end; nothing of a file.
    pub fn end(self) -> LiveEnd {
        match self {
            Packets::File(_) => LiveEnd::default(),
            Packets::Live(live) => live.end(),
        }
    }

    /// What was lost since this was asked last.
    fn lost_since(&mut self) -> Drops {
        match self {
            Packets::File(_) => Drops::default(),
            Packets::Live(live) => live.lost_since(),
        }
    }

    /// What was lost in all. What a file's writer lost is told for the whole file and not by batches.
    fn drops(&self) -> Drops {
        match self {
            Packets::File(file) => file.drops(),
            Packets::Live(live) => live.drops(),
        }
    }
}

pub(super) fn place(source: SourceId, frame: u64) -> Place {
    Place {
        source,
        frame,
        ordinal: 0,
    }
}

/// Events with their places: several of a frame are told apart by their order in it.
pub(super) fn placed(
    source: SourceId,
    heard: &mut Vec<HeardEvent>,
) -> impl Iterator<Item = (Place, Event<'static>)> {
    let mut last = (0, 0);
    heard.drain(..).map(move |HeardEvent { frame, event }| {
        let (before, ordinal) = last;
        let ordinal = if frame == before { ordinal + 1 } else { 0 };
        last = (frame, ordinal);
        let place = Place {
            source,
            frame,
            ordinal,
        };
        (place, event)
    })
}

fn hand_out(
    flows: &mut Vec<EndedFlow>,
    counts: &mut CaptureCounts,
    out: &mut impl FnMut(Made) -> Result<(), PipelineError>,
) -> Result<(), PipelineError> {
    counts.flows += flows.len() as u64;
    flows.drain(..).map(Made::Flow).try_for_each(out)
}
