//! TCP, UDP, ICMP, SCTP and the rest, and the protocols that carry IP again.

use super::internet::{Internet, MAPPED};
use super::{Decoded, Layer, MALFORMED, Taken, Tcp, tunnel};

/// Takes apart what an IP packet carries.
pub(super) fn segment<'a>(internet: Internet, segment: Layer<'a>) -> Taken<'a> {
    let plain = Decoded {
        src: internet.src,
        dst: internet.dst,
        src_port: 0,
        dst_port: 0,
        protocol: internet.protocol,
        icmp: None,
        tcp: None,
        ip_bytes: internet.ip_bytes,
        payload_bytes: internet.inside,
        payload: segment.bytes,
        fragment: internet.fragment,
        layers: segment.layers,
    };
    if internet.fragment.is_some_and(|fragment| !fragment.is_first) {
        return Ok(plain);
    }
    match internet.protocol {
        6 => tcp(plain, segment),
        17 => {
            let outer = datagram(plain, segment)?;
            if internet.fragment.is_none()
                && let Some(inner) = tunnel::in_datagram(&outer, segment)
            {
                return Ok(inner);
            }
            Ok(outer)
        }
        132 => ports(plain, segment, 12),
        33 => ports(plain, segment, 12),
        136 => ports(plain, segment, 8),
        1 | 58 => {
            let kind: [u8; 2] = segment.chunk(0)?;
            Ok(Decoded {
                icmp: Some((kind[0], kind[1])),
                payload_bytes: internet.inside.saturating_sub(8),
                payload: segment.bytes.get(8..).unwrap_or_default(),
                ..plain
            })
        }
        4 | 41 | 47 | 97 | 115 | 137 if internet.fragment.is_none() => {
            Ok(tunnel::in_packet(internet.protocol, segment).unwrap_or(plain))
        }
        _ => Ok(plain),
    }
}

/// A header that begins with two ports.
fn ports<'a>(plain: Decoded<'a>, segment: Layer<'a>, header: usize) -> Taken<'a> {
    let length = u32::try_from(header).unwrap_or(u32::MAX);
    if plain.payload_bytes < length {
        return Err(MALFORMED);
    }
    Ok(Decoded {
        src_port: segment.be16(0)?,
        dst_port: segment.be16(2)?,
        payload_bytes: plain.payload_bytes - length,
        payload: segment.bytes.get(header..).unwrap_or_default(),
        ..plain
    })
}

/// A datagram, which ends where its own header says, also if the packet goes on (RFC 768). No header is shorter than
/// eight bytes; a length of zero means the whole packet in IPv6 (RFC 2675, 4), and nothing in IPv4: no receiver takes that.
fn datagram<'a>(plain: Decoded<'a>, segment: Layer<'a>) -> Taken<'a> {
    let whole = ports(plain, segment, 8)?;
    let Ok(length) = segment.be16(4) else {
        // A header cut short by the capture still says between whom.
        return Ok(whole);
    };
    match length.checked_sub(8) {
        None if length == 0 && !is_mapped(plain.src) => Ok(whole),
        None => Err(MALFORMED),
        Some(inside) if u32::from(inside) < whole.payload_bytes => Ok(Decoded {
            payload_bytes: u32::from(inside),
            payload: whole
                .payload
                .get(..usize::from(inside))
                .unwrap_or(whole.payload),
            ..whole
        }),
        Some(_) => Ok(whole),
    }
}

/// Whether it is an address of IPv4, as they are kept.
fn is_mapped(address: u128) -> bool {
    address >> 32 == MAPPED >> 32
}

fn tcp<'a>(plain: Decoded<'a>, segment: Layer<'a>) -> Taken<'a> {
    let outer = ports(plain, segment, 20)?;
    // A header cut short by the capture still says between whom.
    let (Ok(sequence), Ok(offset), Ok(flags)) =
        (segment.be32(4), segment.byte(12), segment.byte(13))
    else {
        return Ok(outer);
    };
    let header = usize::from(offset >> 4) * 4;
    let length = u32::try_from(header).unwrap_or(u32::MAX);
    if header < 20 || plain.payload_bytes < length {
        return Err(MALFORMED);
    }
    Ok(Decoded {
        tcp: Some(Tcp { flags, sequence }),
        payload_bytes: plain.payload_bytes - length,
        payload: segment.bytes.get(header..).unwrap_or_default(),
        ..outer
    })
}
