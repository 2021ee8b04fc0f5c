//! A first look at a frame: whose it is, where that is plain to see.
//!
//! Whoever makes only a part of all flows passes most frames to nobody by this look, at a fraction of the price of taking them
//! apart. It answers only where taking apart would give the same ends, no cut packet and no refusal; everything else is
//! taken apart by everybody.

use super::internet::MAPPED;
use super::tunnel;
use crate::record::Packet;

/// Between whom a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Addresses as IPv6, IPv4 mapped.
    pub(crate) src: u128,
    pub(crate) dst: u128,
    pub(crate) ports: [u16; 2],
    pub(crate) protocol: u8,
}

/// How many VLAN tags are looked behind.
const MOST_TAGS: usize = 4;

/// Between whom a TCP segment or UDP datagram went that is whole, sound, and lies in no tunnel.
#[inline]
pub(crate) fn peek(packet: &Packet<'_>) -> Option<Ends> {
    let bytes = packet.bytes;
    match packet.link_type {
        1 => behind_tags(be16(bytes, 12)?, bytes.get(14..)?),
        113 => behind_tags(be16(bytes, 14)?, bytes.get(16..)?),
        276 => behind_tags(be16(bytes, 0)?, bytes.get(20..)?),
        12 | 14 | 101 => match bytes.first()? >> 4 {
            4 => version4(bytes),
            6 => version6(bytes),
            _ => None,
        },
        _ => None,
    }
}

#[inline]
fn behind_tags(kind: u16, inner: &[u8]) -> Option<Ends> {
    let (mut kind, mut inner) = (kind, inner);
    for _ in 0..=MOST_TAGS {
        match kind {
            0x0800 => return version4(inner),
            0x86dd => return version6(inner),
            0x8100 | 0x88a8 => {
                kind = be16(inner, 2)?;
                inner = inner.get(4..)?;
            }
            _ => return None,
        }
    }
    None
}

#[inline]
fn version4(packet: &[u8]) -> Option<Ends> {
    let [
        first,
        _,
        l0,
        l1,
        _,
        _,
        f0,
        f1,
        _,
        protocol,
        _,
        _,
        s0,
        s1,
        s2,
        s3,
        d0,
        d1,
        d2,
        d3,
    ] = *packet.first_chunk::<20>()?;
    let header = usize::from(first & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([l0, l1]));
    let is_piece = u16::from_be_bytes([f0, f1]) & 0x3fff != 0;
    if first >> 4 != 4 || header < 20 || total < header || is_piece {
        return None;
    }
    let ports = ports(protocol, packet.get(header..)?, total - header)?;
    Some(Ends {
        src: MAPPED | u128::from(u32::from_be_bytes([s0, s1, s2, s3])),
        dst: MAPPED | u128::from(u32::from_be_bytes([d0, d1, d2, d3])),
        ports,
        protocol,
    })
}

#[inline]
fn version6(packet: &[u8]) -> Option<Ends> {
    let (head, inside) = packet.split_first_chunk::<40>()?;
    let protocol = *head.get(6)?;
    let length = usize::from(be16(head, 4)?);
    if head.first()? >> 4 != 6 || length == 0 {
        return None;
    }
    let ports = ports(protocol, inside, length)?;
    Some(Ends {
        src: u128::from_be_bytes(*head.get(8..)?.first_chunk()?),
        dst: u128::from_be_bytes(*head.get(24..)?.first_chunk()?),
        ports,
        protocol,
    })
}

/// The ports of a segment that is so long, as its packet's header says.
#[inline]
fn ports(protocol: u8, inside: &[u8], length: usize) -> Option<[u16; 2]> {
    let inside = inside.get(..length).unwrap_or(inside);
    match protocol {
        6 => {
            let [s0, s1, d0, d1, _, _, _, _, _, _, _, _, offset, _] = *inside.first_chunk()?;
            let header = usize::from(offset >> 4) * 4;
            let is_sound = header >= 20 && length >= header;
            is_sound.then_some([u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])])
        }
        17 => {
            let [s0, s1, d0, d1, l0, l1] = *inside.first_chunk()?;
            let [src, dst] = [u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])];
            let is_plain = length >= 8
                && u16::from_be_bytes([l0, l1]) >= 8
                && tunnel::assigned(src, dst).is_none();
            is_plain.then_some([src, dst])
        }
        _ => None,
    }
}

#[inline]
fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
