//! What makes two packets belong to one flow: both ends and the protocol, the same for both directions.

use std::net::{IpAddr, Ipv6Addr};

use super::decode::Decoded;
use crate::record::from_store_ip;

/// Both ends of a flow in one order, whichever way the packet went. The order is that of Community ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    low: [u64; 2],
    high: [u64; 2],
    low_port: u16,
    high_port: u16,
    protocol: u8,
    /// What lies around the flow, as one number; 0 where that does not matter.
    around: u64,
}

/// An end: the one that comes first in the key's order, or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Low,
    High,
}

impl End {
    pub(super) fn other(self) -> End {
        match self {
            End::Low => End::High,
            End::High => End::Low,
        }
    }
}

impl Key {
    /// The key of a packet, and which end sent it.
    #[inline]
    pub(super) fn of(packet: &Decoded<'_>) -> (Key, End) {
        let ports = [packet.src_port, packet.dst_port];
        Key::between(packet.src, packet.dst, ports, packet.protocol, packet.icmp)
    }

    /// The key of what one end sent to another, and which end of it that was.
    #[inline]
    pub(super) fn between(
        src: u128,
        dst: u128,
        ports: [u16; 2],
        protocol: u8,
        icmp: Option<(u8, u8)>,
    ) -> (Key, End) {
        let (src_port, dst_port, is_one_way) = match icmp {
            Some((kind, code)) => icmp_ports(protocol, kind, code),
            None => (ports[0], ports[1], false),
        };
        let forward = is_one_way || (src, src_port) <= (dst, dst_port);
        let (low, low_port, high, high_port, from) = if forward {
            (src, src_port, dst, dst_port, End::Low)
        } else {
            (dst, dst_port, src, src_port, End::High)
        };
        let key = Key {
            low: halves(low),
            high: halves(high),
            low_port,
            high_port,
            protocol,
            around: 0,
        };
        (key, from)
    }

    /// The key of the same flow within these VLANs or tunnels, outer first.
    pub(super) fn within(mut self, around: impl Iterator<Item = u64>) -> Key {
        for word in around {
            // Steele and Vigna's mixing of 64 bits: two stacks that differ share a number by chance alone.
            let mixed = (self.around ^ word.wrapping_add(1)).wrapping_mul(MIX);
            self.around = mixed ^ (mixed >> 29);
        }
        self
    }

    /// A number by which flows are dealt out, the same for both directions and whatever lies around. It is the same in every run:
    /// which flow makes room for another depends on it.
    #[inline]
    pub(super) fn dealt(src: u128, dst: u128, ports: [u16; 2], protocol: u8) -> u64 {
        let [src_port, dst_port] = ports;
        let both = end_word(src, src_port).wrapping_add(end_word(dst, dst_port));
        both.wrapping_add(protocol.into()).wrapping_mul(MIX)
    }

    /// The same number of this key.
    #[inline]
    pub(super) fn dealing(&self) -> u64 {
        let whole = |[high, low]: [u64; 2]| u128::from(high) << 64 | u128::from(low);
        let ports = [self.low_port, self.high_port];
        Key::dealt(whole(self.low), whole(self.high), ports, self.protocol)
    }

    pub(super) fn protocol(&self) -> u8 {
        self.protocol
    }

    pub(super) fn address(&self, end: End) -> IpAddr {
        let [high, low] = match end {
            End::Low => self.low,
            End::High => self.high,
        };
        from_store_ip(Ipv6Addr::from(u128::from(high) << 64 | u128::from(low)))
    }

    /// The port of an end; for ICMP, the type or code that stands for it.
    pub(super) fn key_port(&self, end: End) -> u16 {
        match end {
            End::Low => self.low_port,
            End::High => self.high_port,
        }
    }

    /// The port of an end; 0 for protocols without ports.
    pub(super) fn port(&self, end: End) -> u16 {
        if matches!(self.protocol, 1 | 58) {
            0
        } else {
            self.key_port(end)
        }
    }
}

/// The golden ratio's share of 64 bits.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// An end as one number. It is folded, so that two ends which move together do not move by each other's measure.
#[inline]
fn end_word(address: u128, port: u16) -> u64 {
    let [high, low] = halves(address);
    let word = (low ^ high.rotate_left(31) ^ u64::from(port) << 48).wrapping_mul(MIX);
    word ^ (word >> 29)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the halves are cut on purpose"
)]
fn halves(address: u128) -> [u64; 2] {
    [(address >> 64) as u64, address as u64]
}

/// Type and code as ports, so that a question and its answer meet; and whether the message is answered by none.
/// The pairs are those of the Community ID specification.
fn icmp_ports(protocol: u8, kind: u8, code: u8) -> (u16, u16, bool) {
    let answer = match (protocol, kind) {
        (1, 8) => 0,
        (1, 0) => 8,
        (1, 13) => 14,
        (1, 14) => 13,
        (1, 15) => 16,
        (1, 16) => 15,
        (1, 10) => 9,
        (1, 9) => 10,
        (1, 17) => 18,
        (1, 18) => 17,
        (58, 128) => 129,
        (58, 129) => 128,
        (58, 133) => 134,
        (58, 134) => 133,
        (58, 135) => 136,
        (58, 136) => 135,
        (58, 130) => 131,
        (58, 131) => 130,
        (58, 139) => 140,
        (58, 140) => 139,
        (58, 144) => 145,
        (58, 145) => 144,
        _ => return (u16::from(kind), u16::from(code), true),
    };
    (u16::from(kind), answer, false)
}
