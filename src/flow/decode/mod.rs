//! From a frame to the packet that a flow counts: addresses, ports, lengths, payload.
//!
//! Link layers, tags, IP with its extension headers, tunnels down to the innermost packet. A tunnel whose inside
//! can not be read is a flow of its own. Nothing here remembers anything between frames.

mod internet;
mod link;
mod peek;
mod transport;
mod tunnel;

#[cfg(test)]
mod second_opinion;

use crate::record::{IgnoreReason, Packet, RejectReason};
pub(super) use peek::peek;

/// How deep headers may be nested before a frame is rejected.
const MOST_LAYERS: u8 = 24;

/// More than this no capture can have left out of a frame: jumbograms may be long, lies longer.
const LONGEST_CUT: u32 = 1 << 24;

/// A packet, taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decoded<'a> {
    /// Addresses as IPv6, IPv4 mapped.
    pub(super) src: u128,
    pub(super) dst: u128,
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
    pub(super) protocol: u8,
    /// Type and code of ICMP and ICMPv6.
    pub(super) icmp: Option<(u8, u8)>,
    pub(super) tcp: Option<Tcp>,
    /// The IP packet with its header, as the header says.
    pub(super) ip_bytes: u32,
    /// What lies above the transport header, as the headers say.
    pub(super) payload_bytes: u32,
    /// As much of it as was captured.
    pub(super) payload: &'a [u8],
    pub(super) fragment: Option<Fragment>,
    pub(super) layers: Layers,
}

/// The parts of a TCP header that matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tcp {
    pub(super) flags: u8,
    pub(super) sequence: u32,
}

/// TCP flags.
pub(super) mod flag {
    pub(crate) const FIN: u8 = 0x01;
    pub(crate) const SYN: u8 = 0x02;
    pub(crate) const RST: u8 = 0x04;
    pub(crate) const ACK: u8 = 0x10;
}

/// Which piece of a packet this is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment {
    pub(super) id: u32,
    /// Where it begins in the packet, in bytes behind the IP header.
    pub(super) offset: u32,
    /// How long it is, as the header says.
    pub(super) length: u32,
    /// Whether it is the first, which has the ports.
    pub(super) is_first: bool,
    /// Whether no other follows.
    pub(super) is_last: bool,
}

/// What was taken off around the innermost packet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layers {
    vlans: [u16; 4],
    vlan_count: u8,
    tunnels: [Option<&'static str>; 6],
    /// The keys of the tunnels that have the same one both ways, as one number.
    tunnel_keys: u64,
    depth: u8,
}

/// Why a frame is in no flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Rejected(RejectReason),
    Ignored(IgnoreReason),
}

pub(super) const MALFORMED: Refusal = Refusal::Rejected(RejectReason::Malformed);
pub(super) const TRUNCATED: Refusal = Refusal::Rejected(RejectReason::Truncated);
pub(super) const NOT_IP: Refusal = Refusal::Ignored(IgnoreReason::NotIp);

type Taken<'a> = Result<Decoded<'a>, Refusal>;

impl Layers {
    /// The VLAN numbers, outer first.
    pub(super) fn vlans(&self) -> &[u16] {
        self.vlans
            .get(..usize::from(self.vlan_count))
            .unwrap_or_default()
    }

    /// The names of the tunnels, outer first.
    pub(super) fn tunnels(&self) -> impl Iterator<Item = &'static str> {
        self.tunnels.iter().copied().flatten()
    }

    fn with_vlan(mut self, tag: u16) -> Self {
        if let Some(room) = self.vlans.get_mut(usize::from(self.vlan_count)) {
            *room = tag & 0x0fff;
            self.vlan_count += 1;
        }
        self
    }

    fn with_tunnel(mut self, name: &'static str) -> Self {
        if let Some(room) = self.tunnels.iter_mut().find(|room| room.is_none()) {
            *room = Some(name);
        }
        self
    }

    fn with_tunnel_key(mut self, key: u32) -> Self {
        self.tunnel_keys =
            self.tunnel_keys.wrapping_mul(0x0000_0100_0000_01b3) ^ u64::from(key) ^ 1 << 40;
        self
    }

    /// What sets tunnels apart: their names and keys.
    pub(super) fn tunnel_words(&self) -> impl Iterator<Item = u64> {
        let of_name = |name: &str| {
            name.bytes()
                .fold(7u64, |word, byte| word.wrapping_mul(31) ^ u64::from(byte))
        };
        self.tunnels()
            .map(of_name)
            .chain((self.tunnel_keys != 0).then_some(self.tunnel_keys))
    }

    fn deeper(mut self) -> Result<Self, Refusal> {
        self.depth += 1;
        if self.depth > MOST_LAYERS {
            return Err(Refusal::Rejected(RejectReason::TooDeep));
        }
        Ok(self)
    }
}

/// Takes a frame apart.
#[inline]
pub(super) fn decode<'a>(packet: &Packet<'a>) -> Taken<'a> {
    let captured = u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX);
    let cut = packet.wire_length.saturating_sub(captured).min(LONGEST_CUT);
    let frame = Layer {
        bytes: packet.bytes,
        cut,
        layers: Layers::default(),
    };
    link::frame(packet.link_type, frame)
}

/// What the first bytes of a packet begin with, when an exporter hands them on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sampled {
    /// A link type of the LINKTYPE registry.
    Link(u16),
    /// MPLS labels.
    Labels,
}

/// Takes apart the first bytes of a frame that was so long on the wire; not known counts as not cut.
pub(super) fn sampled(begins: Sampled, bytes: &[u8], wire_length: Option<u32>) -> Taken<'_> {
    let there = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let cut = wire_length.map_or(0xffff, |length| length.saturating_sub(there).min(0xffff));
    let frame = Layer {
        bytes,
        cut,
        layers: Layers::default(),
    };
    match begins {
        Sampled::Link(link_type) => link::frame(link_type, frame),
        Sampled::Labels => link::labels(frame),
    }
}

/// What is left of a frame, on the way inwards.
#[derive(Clone, Copy)]
struct Layer<'a> {
    bytes: &'a [u8],
    /// How many bytes the capture left out at the end.
    cut: u32,
    layers: Layers,
}

impl<'a> Layer<'a> {
    /// The layer without its first bytes.
    fn after(self, count: usize) -> Result<Layer<'a>, Refusal> {
        let bytes = self.bytes.get(count..).ok_or(self.short())?;
        Ok(Layer { bytes, ..self })
    }

    fn with_bytes(self, bytes: &'a [u8]) -> Layer<'a> {
        Layer { bytes, ..self }
    }

    fn byte(self, at: usize) -> Result<u8, Refusal> {
        self.bytes.get(at).copied().ok_or(self.short())
    }

    fn be16(self, at: usize) -> Result<u16, Refusal> {
        self.chunk(at).map(u16::from_be_bytes)
    }

    fn be32(self, at: usize) -> Result<u32, Refusal> {
        self.chunk(at).map(u32::from_be_bytes)
    }

    fn chunk<const N: usize>(self, at: usize) -> Result<[u8; N], Refusal> {
        self.bytes
            .get(at..)
            .and_then(|rest| rest.first_chunk::<N>())
            .copied()
            .ok_or(self.short())
    }

    /// Why bytes are missing: the capture left them out, or they never were.
    fn short(self) -> Refusal {
        if self.cut > 0 { TRUNCATED } else { MALFORMED }
    }
}
