//! Packets into flows: decode, table, expiry, applications. The second stage on the way of the data.
//!
//! It does no input or output, looks at no clock and starts no thread: time is the packets' own, and the same
//! packets give the same records in the same order.

mod applications;
mod bytes;
mod community_id;
mod decode;
mod entry;
pub mod export;
mod fragments;
mod key;
mod listening;
mod shards;
mod slots;
mod stream;
mod table;
mod wheel;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

use crate::record::{EndReason, Flow, IgnoreReason, Packet, RejectReason, Timestamp};
pub use applications::HeardEvent;
use decode::Refusal;
use fragments::{Fragments, Placement};
use key::Key;
use shards::Shards;

/// How flows are cut and what is looked for in them.
#[derive(Clone, Debug)]
pub struct MeterOptions {
    /// A flow that lasts longer is cut and goes on as another, in microseconds.
    pub active_timeout_us: i64,
    /// A flow without a packet for so long is over, in microseconds.
    pub idle_timeout_us: i64,
    /// How many flows may be under way at once. Room for many is shared out among eight tables by a flow's ends, and in one that is
    /// full the quietest ends for the reason `resources`.
    pub max_flows: usize,
    /// Whether packets of different VLANs are different flows.
    pub apart_by_vlan: bool,
    /// Whether packets of different tunnels are different flows.
    pub apart_by_tunnel: bool,
    /// Whether applications are recognised by what they say.
    pub applications: bool,
    /// Whether paths and user agents seen in clear are kept.
    pub content: bool,
    /// The seed of the table's hash: random for a device, fixed for a file. It changes no record.
    pub seed: u64,
}

impl Default for MeterOptions {
    fn default() -> Self {
        MeterOptions {
            active_timeout_us: 1_800_000_000,
            idle_timeout_us: 300_000_000,
            max_flows: 1_000_000,
            apart_by_vlan: false,
            apart_by_tunnel: false,
            applications: true,
            content: false,
            seed: 0,
        }
    }
}

/// A flow that is over, and the number of its first frame.
#[derive(Clone, Debug, PartialEq)]
pub struct MeteredFlow {
    /// The number of the first frame, from 1.
    pub first_frame: u64,
    /// The record.
    pub flow: Flow,
}

/// A flow that is over and of which no record was made yet: that is a good part of the work, and can be done elsewhere.
#[derive(Debug)]
pub struct EndedFlow {
    entry: entry::Entry,
    reason: EndReason,
    second: i64,
}

impl EndedFlow {
    fn of(entry: entry::Entry, reason: EndReason) -> Self {
        EndedFlow {
            entry,
            reason,
            second: i64::MIN,
        }
    }

    /// Where it stands among all that one step gave: by the second that is over, then by its first frame. No two stand in one place.
    pub fn order(&self) -> (i64, u64) {
        (self.second, self.entry.first_frame)
    }
}

impl From<EndedFlow> for MeteredFlow {
    fn from(ended: EndedFlow) -> Self {
        ended.entry.finish(ended.reason)
    }
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A flow has counted it.
    Metered,
    /// It should have been readable and was not.
    Rejected(RejectReason),
    /// It is sound, but no part of a flow.
    Ignored(IgnoreReason),
    /// It waits, and whether a flow will count it is not known. No frame does at present: a fragment that waits for its
    /// first is metered, as it comes into a flow in any case, with ports or without.
    Held,
}

/// What a first look at a packet shows ([`Meter::first_look`]): in which table the flow is that will count it, or nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstLook(Option<u8>);

/// Makes flows of packets.
pub struct Meter {
    shards: Shards,
    fragments: Fragments,
}

impl Meter {
    /// A meter without flows.
    pub fn new(options: MeterOptions) -> Self {
        Meter::part(options, 0, 1)
    }

    /// A meter that makes part `part` of all flows, where `of` of them, each in a thread of its own, make all. Each must be given
    /// every packet: from them it has the time, and pieces of cut packets. All say the same of every packet's fate,
    /// and each gives out and hears what its own flows are; put in order ([`EndedFlow::order`]), that is what one meter gives.
    pub fn part(options: MeterOptions, part: usize, of: usize) -> Self {
        Meter {
            fragments: Fragments::new(options.seed),
            shards: Shards::new(options, part, of),
        }
    }

    /// How many parts there can be.
    pub fn most_parts(options: &MeterOptions) -> usize {
        shards::count(options)
    }

    /// Counts a packet to its flow. Flows that are over by now are added to `out`, ordered by the second in which
    /// they ended and by their first frame.
    #[inline]
    pub fn packet<F: From<EndedFlow>>(&mut self, packet: &Packet<'_>, out: &mut Vec<F>) -> Fate {
        let mut decoded = match decode::decode(packet) {
            Ok(decoded) => decoded,
            Err(Refusal::Rejected(reason)) => return Fate::Rejected(reason),
            Err(Refusal::Ignored(reason)) => return Fate::Ignored(reason),
        };
        let placement = decoded.fragment.map_or(Placement::Known, |fragment| {
            self.fragments.place(packet, &mut decoded, fragment)
        });
        if placement == Placement::Overlap {
            return Fate::Rejected(RejectReason::OverlappingFragment);
        }
        self.shards.tick(packet.time, out);
        if placement != Placement::Waiting {
            let is_portless = placement == Placement::Portless;
            self.shards.add(packet, &decoded, is_portless);
        }
        self.add_released(packet.time);
        self.shards.give_out_early(out);
        Fate::Metered
    }

    /// Whose a packet is, by a first look: at a fraction of the price of taking it apart, and the same for all parts.
    #[inline]
    pub fn first_look(options: &MeterOptions, packet: &Packet<'_>) -> FirstLook {
        FirstLook(decode::peek(packet).map(|ends| {
            let dealt = Key::dealt(ends.src, ends.dst, ends.ports, ends.protocol);
            shards::place(dealt, shards::count(options))
        }))
    }

    /// As [`Meter::packet`], for one of several parts: a packet that is another's need not be taken apart.
    #[inline]
    pub fn packet_of<F: From<EndedFlow>>(
        &mut self,
        look: FirstLook,
        packet: &Packet<'_>,
        out: &mut Vec<F>,
    ) -> Fate {
        match look.0 {
            Some(place) if !self.shards.are_here(place) => {
                self.shards.tick(packet.time, out);
                self.add_released(packet.time);
                self.shards.give_out_early(out);
                Fate::Metered
            }
            _ => self.packet(packet, out),
        }
    }

    #[inline]
    fn add_released(&mut self, now: Timestamp) {
        if self.fragments.may_release(now) {
            self.add_pieces(now);
        }
    }

    #[cold]
    fn add_pieces(&mut self, now: Timestamp) {
        for piece in self.fragments.released(now) {
            self.shards
                .add(&piece.packet, &piece.decoded, piece.is_portless);
        }
    }

    /// Takes a packet apart and does nothing with it, so that this can be measured by itself: the length of its payload.
    #[doc(hidden)]
    pub fn payload_bytes(packet: &Packet<'_>) -> Option<u32> {
        let decoded = decode::decode(packet).ok()?;
        Some(decoded.payload_bytes)
    }

    /// Lets time go on to this moment without a frame: flows that are over by now are added to `out`. Fragments wait for
    /// the next frame, as they do where none says that time went on.
    pub fn tick<F: From<EndedFlow>>(&mut self, time: Timestamp, out: &mut Vec<F>) {
        self.shards.tick(time, out);
    }

    /// What was heard in the packets since this was asked last, in their order: requests, leases, sign-ins.
    #[inline]
    pub fn heard(&mut self) -> &mut Vec<HeardEvent> {
        self.shards.heard()
    }

    /// How many flows were ended for lack of room.
    pub fn evicted(&self) -> u64 {
        self.shards.evicted()
    }

    /// How many flows were no longer listened to for lack of room before it was known what they are used for: of these the
    /// packets are counted as of any other, and the application may be missing.
    pub fn unheard(&self) -> u64 {
        self.shards.unheard()
    }

    /// Ends all flows that are still under way.
    pub fn finish<F: From<EndedFlow>>(&mut self, out: &mut Vec<F>) {
        while self.finish_some(out) {}
    }

    /// Ends flows that are still under way and gives out a bounded number of them, in the order of [`Meter::finish`];
    /// whether there are more. No packet may come in between.
    pub fn finish_some<F: From<EndedFlow>>(&mut self, out: &mut Vec<F>) -> bool {
        for piece in self.fragments.finish() {
            self.shards
                .add(&piece.packet, &piece.decoded, piece.is_portless);
        }
        self.shards.finish_some(out)
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}
