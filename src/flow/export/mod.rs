//! Flow exports into flows: NetFlow 1, 5, 7 and 9, IPFIX and sFlow 5, one datagram at a time.
//!
//! What stands beside the meter on the way of the data: others have metered, and this reads what they say. Records that
//! need a template wait for it within a bound; what still waits at the end is rejected. Nothing here reads a clock, a
//! file or the network, and what an exporter does not say stays empty.

mod datagram;
mod domains;
mod elements;
mod fixed;
mod likeness;
mod moments;
mod sampled;
mod sets;
mod templates;

#[cfg(test)]
pub(super) mod tests;

use std::net::IpAddr;

use crate::record::{
    Counts, Flow, IgnoreReason, Place, Reject, RejectReason, SourceId, Timestamp, to_store_ip,
};
use domains::Domains;
use sets::Waiting;
use templates::Templates;

pub use datagram::{ExportPacket, export_packet};
pub use domains::ExporterCounts;
pub use likeness::{first_datagram, is_export};

/// How exports are read.
#[derive(Clone, Debug)]
pub struct CollectorOptions {
    /// Whether packets and bytes are multiplied by the sampling interval. Else they stay as they were exported, and the
    /// interval stands in the counts.
    pub scale_samples: bool,
    /// How many bytes of records may wait for their templates.
    pub waiting_bytes: usize,
    /// How many templates are remembered.
    pub templates: usize,
}

impl Default for CollectorOptions {
    fn default() -> Self {
        CollectorOptions {
            scale_samples: false,
            waiting_bytes: 1 << 20,
            templates: 16_384,
        }
    }
}

/// What an exporter sent at once: a frame of its source.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The source it was read from.
    pub source: SourceId,
    /// Its number in the source, from 1.
    pub number: u64,
    /// Who sent it; templates of different exporters are kept apart.
    pub exporter: IpAddr,
    /// When it arrived, where that is known.
    pub received: Option<Timestamp>,
    /// What was sent.
    pub bytes: &'a [u8],
}

/// What a record of a datagram became.
#[derive(Clone, Debug, PartialEq)]
pub struct Collected {
    /// Where it stands: the datagram is the frame, the record in it the ordinal.
    pub place: Place,
    /// The record.
    pub outcome: CollectedOutcome,
}

/// A flow, or why there is none.
#[derive(Clone, Debug, PartialEq)]
pub enum CollectedOutcome {
    /// A flow.
    Flow(Box<Flow>),
    /// It should have been readable and was not. The offset is that in the datagram.
    Rejected(Reject),
}

/// Makes flows of what exporters send.
#[derive(Debug)]
pub struct Collector {
    options: CollectorOptions,
    templates: Templates,
    domains: Domains,
    waiting: Waiting,
}

impl Collector {
    /// A collector that knows no template yet.
    pub fn new(options: CollectorOptions) -> Self {
        Collector {
            templates: Templates::new(options.templates),
            domains: Domains::default(),
            waiting: Waiting::new(options.waiting_bytes),
            options,
        }
    }

    /// Reads a datagram. Each record is counted in `counts` when it becomes something; those that wait, then.
    pub fn datagram(
        &mut self,
        datagram: &Datagram<'_>,
        out: &mut Vec<Collected>,
        counts: &mut Counts,
    ) {
        counts.bytes += datagram.bytes.len() as u64;
        let mut records = Records {
            out,
            counts,
            place: Place {
                source: datagram.source,
                frame: datagram.number,
                ordinal: 0,
            },
            received: datagram.received,
            scale: self.options.scale_samples,
        };
        let before = records.counts.read;
        match likeness::version(datagram.bytes) {
            Some(1 | 5 | 7) => fixed::read(datagram, &mut self.domains, &mut records),
            Some(9 | 10) => self.sets(datagram, &mut records),
            Some(likeness::SFLOW) => sampled::read(datagram, &mut self.domains, &mut records),
            // NetFlow 8 holds sums over many flows.
            Some(8) => records.ignored(IgnoreReason::OtherMessage),
            _ => records.rejected(RejectReason::WrongShape, 0, datagram.bytes.len()),
        }
        if records.counts.read == before && !self.waiting.has(datagram.source, datagram.number) {
            records.ignored(IgnoreReason::Empty);
        }
    }

    /// Rejects what still waits for a template. Templates and counts of exporters stay.
    pub fn finish(&mut self, out: &mut Vec<Collected>, counts: &mut Counts) {
        while let Some(set) = self.waiting.pop_oldest() {
            set.reject(out, counts);
        }
    }

    /// What each exporter sent and what is missing of it, ordered by exporter.
    pub fn exporters(&self) -> Vec<ExporterCounts> {
        self.domains.counts()
    }
}

/// Where the records of a datagram go, and the number of the next.
struct Records<'a> {
    out: &'a mut Vec<Collected>,
    counts: &'a mut Counts,
    place: Place,
    received: Option<Timestamp>,
    scale: bool,
}

impl Records<'_> {
    fn next_place(&mut self) -> Place {
        let place = self.place;
        self.place.ordinal = place.ordinal.saturating_add(1);
        place
    }

    fn flow(&mut self, flow: Flow) {
        let place = self.next_place();
        self.counts.read += 1;
        self.counts.stored += 1;
        self.counts.records += 1;
        self.out.push(Collected {
            place,
            outcome: CollectedOutcome::Flow(Box::new(flow)),
        });
    }

    fn ignored(&mut self, reason: IgnoreReason) {
        self.place.ordinal = self.place.ordinal.saturating_add(1);
        self.counts.read += 1;
        self.counts.ignore(reason);
    }

    fn rejected(&mut self, reason: RejectReason, offset: usize, length: usize) {
        let place = self.next_place();
        self.counts.read += 1;
        self.counts.reject(reason);
        self.out.push(Collected {
            place,
            outcome: CollectedOutcome::Rejected(Reject {
                time: self.received,
                reason,
                offset: offset as u64,
                length: u32::try_from(length).unwrap_or(u32::MAX),
            }),
        });
    }
}

/// An exporter's address, as a number that orders.
fn exporter_number(exporter: IpAddr) -> u128 {
    u128::from(to_store_ip(exporter))
}
