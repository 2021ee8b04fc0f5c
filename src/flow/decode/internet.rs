//! IPv4 and IPv6, with extension headers and fragments.

use super::{Fragment, Layer, MALFORMED, Taken, transport};

/// An IP header, read: what the transport needs to know of it.
#[derive(Clone, Copy)]
pub(super) struct Internet {
    pub(super) src: u128,
    pub(super) dst: u128,
    pub(super) protocol: u8,
    /// The whole packet, as the header says.
    pub(super) ip_bytes: u32,
    /// What lies behind the IP headers, as they say.
    pub(super) inside: u32,
    pub(super) fragment: Option<Fragment>,
}

/// ::ffff:0:0/96, where IPv4 addresses are mapped to.
pub(super) const MAPPED: u128 = 0xffff_0000_0000;

pub(super) fn version4(packet: Layer<'_>) -> Taken<'_> {
    let head: [u8; 20] = packet.chunk(0)?;
    let [
        first,
        _,
        l0,
        l1,
        i0,
        i1,
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
    ] = head;
    let header = usize::from(first & 0x0f) * 4;
    if first >> 4 != 4 || header < 20 {
        return Err(MALFORMED);
    }
    let there = packet.bytes.len() + packet.cut as usize;
    // A length of zero: the card was left to fill it in.
    let total = match u16::from_be_bytes([l0, l1]) {
        0 => there.min(0xffff),
        said => usize::from(said),
    };
    if total < header {
        return Err(MALFORMED);
    }
    let flags = u16::from_be_bytes([f0, f1]);
    let offset = flags & 0x1fff;
    let is_piece = offset != 0 || flags & 0x2000 != 0;
    let inside = packet.bytes.get(header..).ok_or(packet.short())?;
    let inside = inside.get(..total - header).unwrap_or(inside);
    let internet = Internet {
        src: MAPPED | u128::from(u32::from_be_bytes([s0, s1, s2, s3])),
        dst: MAPPED | u128::from(u32::from_be_bytes([d0, d1, d2, d3])),
        protocol,
        ip_bytes: u32::try_from(total).unwrap_or(u32::MAX),
        inside: u32::try_from(total - header).unwrap_or(u32::MAX),
        fragment: is_piece.then_some(Fragment {
            id: u32::from(u16::from_be_bytes([i0, i1])),
            offset: u32::from(offset) * 8,
            length: u32::try_from(total - header).unwrap_or(u32::MAX),
            is_first: offset == 0,
            is_last: flags & 0x2000 == 0,
        }),
    };
    transport::segment(internet, packet.with_bytes(inside))
}

pub(super) fn version6(packet: Layer<'_>) -> Taken<'_> {
    if packet.byte(0)? >> 4 != 6 {
        return Err(MALFORMED);
    }
    let inside = packet.after(40)?;
    let there = inside.bytes.len() + inside.cut as usize;
    let said = match packet.be16(4)? {
        0 => jumbo_length(packet.byte(6)?, inside).unwrap_or(there.min(0xffff)),
        said => usize::from(said),
    };
    let mut internet = Internet {
        src: u128::from_be_bytes(packet.chunk(8)?),
        dst: u128::from_be_bytes(packet.chunk(24)?),
        protocol: packet.byte(6)?,
        ip_bytes: u32::try_from(said + 40).unwrap_or(u32::MAX),
        inside: u32::try_from(said).unwrap_or(u32::MAX),
        fragment: None,
    };
    let mut rest = inside.with_bytes(inside.bytes.get(..said).unwrap_or(inside.bytes));
    loop {
        let length = match internet.protocol {
            0 | 43 | 60 => usize::from(rest.byte(1)?) * 8 + 8,
            // Mobility, host identity and Shim6 end a packet, unless they say what follows.
            135 | 139 | 140 if rest.byte(0)? != 59 => usize::from(rest.byte(1)?) * 8 + 8,
            44 => {
                let offset = rest.be16(2)?;
                if offset & 0xfff9 != 0 {
                    internet.fragment = Some(Fragment {
                        id: rest.be32(4)?,
                        offset: u32::from(offset & 0xfff8),
                        length: internet.inside.saturating_sub(8),
                        is_first: offset & 0xfff8 == 0,
                        is_last: offset & 1 == 0,
                    });
                }
                8
            }
            _ => break,
        };
        internet.protocol = rest.byte(0)?;
        internet.inside = internet
            .inside
            .checked_sub(u32::try_from(length).unwrap_or(u32::MAX))
            .ok_or(MALFORMED)?;
        rest = rest.after(length)?;
        rest.layers = rest.layers.deeper()?;
        if internet.fragment.is_some_and(|fragment| !fragment.is_first) {
            break;
        }
    }
    transport::segment(internet, rest)
}

/// The length of a jumbogram (RFC 2675), out of its hop-by-hop options. Without one, zero is a length left to the card.
fn jumbo_length(protocol: u8, inside: Layer<'_>) -> Option<usize> {
    if protocol != 0 {
        return None;
    }
    let end = usize::from(inside.byte(1).ok()?) * 8 + 8;
    let mut at = 2;
    while at < end {
        match inside.byte(at).ok()? {
            0 => at += 1,
            0xc2 => {
                let length = inside.be32(at + 2).ok()?;
                return usize::try_from(length)
                    .ok()
                    .filter(|length| *length > 0xffff);
            }
            _ => at += 2 + usize::from(inside.byte(at + 1).ok()?),
        }
    }
    None
}
