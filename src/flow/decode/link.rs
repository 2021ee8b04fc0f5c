//! Link layers and the tags between them and IP.

use super::{Layer, NOT_IP, Refusal, Taken, internet};
use crate::record::IgnoreReason;

/// Takes a frame of this link type apart (numbers of the LINKTYPE registry of tcpdump.org).
#[inline]
pub(super) fn frame<'a>(link_type: u16, frame: Layer<'a>) -> Taken<'a> {
    match link_type {
        1 => ethernet(frame),
        0 | 108 => loopback(frame),
        12 | 14 | 101 => raw(frame),
        228 => internet::version4(frame),
        229 => internet::version6(frame),
        113 => ether_type(frame.be16(14)?, frame.after(16)?),
        276 => ether_type(frame.be16(0)?, frame.after(20)?),
        9 | 50 => ppp(frame),
        204 => ppp(frame.after(1)?),
        51 => ppp_over_ethernet(frame),
        104 => ether_type(frame.be16(2)?, frame.after(4)?),
        107 => frame_relay(frame),
        109 => family(frame.chunk(0)?, frame.after(12)?),
        8 => raw(frame),
        10 => logical_link(frame.after(13)?),
        6 => token_ring(frame),
        11 | 19 | 100 => logical_link(frame),
        123 => sunatm(frame),
        117 => packet_filter_log(frame),
        105 => wireless(frame),
        119 => wireless(frame.after(144)?),
        127 => radiotap(frame),
        192 => per_packet_information(frame),
        129 => ether_type(frame.be16(6).map(arcnet)?, frame.after(8)?),
        138 => ether_type(frame.be16(16)?, frame.after(18)?),
        239 => netfilter_log(frame),
        // AVS: a header that says how long it is, in the fifth to eighth byte.
        163 => wireless(frame.after(usize::try_from(frame.be32(4)?).unwrap_or(usize::MAX))?),
        // pppd writes a direction where the address byte stood.
        166 => ppp(frame.after(2)?),
        205 => ether_type(frame.be16(3)?, frame.after(5)?),
        206 => frame_relay(frame.after(1)?),
        // Solaris: 24 bytes about the zones, then IP.
        226 => raw(frame.after(24)?),
        // Hilscher's analyser: four bytes of its own, and the preamble.
        240 => ethernet(frame.after(4)?),
        241 => ethernet(frame.after(12)?),
        _ => Err(Refusal::Ignored(IgnoreReason::LinkType)),
    }
}

pub(super) fn ethernet(frame: Layer<'_>) -> Taken<'_> {
    ether_type(frame.be16(12)?, frame.after(14)?)
}

/// What an EtherType announces; below 0x600 it is a length and LLC follows.
pub(super) fn ether_type(kind: u16, inner: Layer<'_>) -> Taken<'_> {
    match kind {
        0x0800 => internet::version4(inner),
        0x86dd => internet::version6(inner),
        0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
            let mut next = inner.after(4)?;
            next.layers = inner.layers.deeper()?.with_vlan(inner.be16(0)?);
            ether_type(inner.be16(2)?, next)
        }
        0x8847 | 0x8848 => labels(inner),
        0x8864 => ppp_over_ethernet(inner),
        0x880b => ppp(inner),
        0x6558 => {
            let mut next = inner;
            next.layers = inner.layers.deeper()?;
            ethernet(next)
        }
        // Tags of Cisco: VN-Tag and CMD.
        0x8926 => tagged(inner, 4),
        0x8909 => tagged(inner, 6),
        // IEEE 802.1BR and 802.1ah.
        0x893f => tagged(inner, 6),
        0x88e7 => {
            let mut next = inner.after(4)?;
            next.layers = inner.layers.deeper()?;
            ethernet(next)
        }
        0x894f => service_header(inner),
        0x88e5 => mac_security(inner),
        // ERSPAN of the first kind, without the GRE around it.
        0x88be => {
            let mut next = inner;
            next.layers = inner.layers.deeper()?.with_tunnel("erspan");
            ethernet(next)
        }
        0..0x0600 => logical_link(inner),
        _ => Err(NOT_IP),
    }
}

/// MACsec (IEEE 802.1AE): what is encrypted stays shut; what is only sealed can be read.
fn mac_security(inner: Layer<'_>) -> Taken<'_> {
    let control = inner.byte(0)?;
    let is_encrypted = control & 0x0c != 0;
    if is_encrypted {
        return Err(NOT_IP);
    }
    let has_channel = control & 0x20 != 0;
    tagged(inner, if has_channel { 14 } else { 6 })
}

/// A tag of so many bytes with an EtherType behind it.
fn tagged(inner: Layer<'_>, length: usize) -> Taken<'_> {
    let mut next = inner.after(length + 2)?;
    next.layers = inner.layers.deeper()?;
    ether_type(inner.be16(length)?, next)
}

/// IEEE 802.2, with SNAP or as the IP of its own number.
fn logical_link(inner: Layer<'_>) -> Taken<'_> {
    match inner.bytes.first_chunk::<3>() {
        Some([0xaa, 0xaa, 0x03]) => {
            let kind = inner.be16(6)?;
            let next = inner.after(8)?;
            if kind < 0x0600 {
                return Err(NOT_IP);
            }
            ether_type(kind, next)
        }
        Some([0x06, 0x06, 0x03]) => raw(inner.after(3)?),
        Some([0xfe, 0xfe, 0x03]) if inner.byte(3)? == 0xcc => raw(inner.after(4)?),
        _ => Err(NOT_IP),
    }
}

/// IP without a link header: its version is in the first four bits.
pub(super) fn raw(inner: Layer<'_>) -> Taken<'_> {
    match inner.byte(0)? >> 4 {
        4 => internet::version4(inner),
        6 => internet::version6(inner),
        _ => Err(NOT_IP),
    }
}

/// BSD loopback: an address family, in the order of whichever machine wrote it.
fn loopback(frame: Layer<'_>) -> Taken<'_> {
    family(frame.chunk(0)?, frame.after(4)?)
}

fn family(four: [u8; 4], inner: Layer<'_>) -> Taken<'_> {
    let number = match four {
        [0, 0, 0, number] | [number, 0, 0, 0] => number,
        // Some systems put an EtherType there.
        [0, 0, high, low] => return ether_type(u16::from_be_bytes([high, low]), inner),
        _ => return Err(NOT_IP),
    };
    match number {
        2 => internet::version4(inner),
        10 | 24 | 28 | 30 => internet::version6(inner),
        _ => Err(NOT_IP),
    }
}

/// PPP, with or without address and control bytes; the protocol may be one byte (RFC 1661).
pub(super) fn ppp(frame: Layer<'_>) -> Taken<'_> {
    let mut inner = frame;
    if matches!(
        inner.bytes.first_chunk(),
        Some([0xff, 0x03] | [0x0f, 0x00] | [0x8f, 0x00])
    ) {
        let is_cisco = inner.byte(0)? != 0xff;
        if is_cisco {
            return ether_type(inner.be16(2)?, inner.after(4)?);
        }
        inner = inner.after(2)?;
    }
    let first = inner.byte(0)?;
    let (protocol, length) = if first & 1 == 1 {
        (u16::from(first), 1)
    } else {
        (inner.be16(0)?, 2)
    };
    inner = inner.after(length)?;
    inner.layers = inner.layers.deeper()?;
    match protocol {
        0x0021 => internet::version4(inner),
        0x0057 => internet::version6(inner),
        // Bridging (RFC 3518): flags, Ethernet's number, perhaps a LAN's, then the frame.
        0x0031 if inner.byte(1)? == 1 => {
            let has_lan = inner.byte(0)? & 0x40 != 0;
            ethernet(inner.after(if has_lan { 6 } else { 2 })?)
        }
        0x0281 | 0x0283 => labels(inner),
        _ => Err(NOT_IP),
    }
}

/// A PPPoE session (RFC 2516): six bytes, then PPP without address and control.
fn ppp_over_ethernet(frame: Layer<'_>) -> Taken<'_> {
    if frame.byte(0)? != 0x11 || frame.byte(1)? != 0 {
        return Err(NOT_IP);
    }
    ppp(frame.after(6)?)
}

/// MPLS: labels down to the one with the mark of the bottom, then whatever looks right.
pub(super) fn labels(frame: Layer<'_>) -> Taken<'_> {
    let mut inner = frame;
    loop {
        inner.layers = inner.layers.deeper()?;
        let label = inner.be32(0)?;
        inner = inner.after(4)?;
        if label & 0x100 != 0 {
            break;
        }
    }
    match inner.byte(0)? >> 4 {
        // A pseudowire without a control word may carry a card's address that begins like IP.
        4 => internet::version4(inner).or_else(|refusal| pseudowire(inner, refusal)),
        6 => internet::version6(inner).or_else(|refusal| pseudowire(inner, refusal)),
        // A pseudowire's control word (RFC 4385), or Ethernet without one whose address begins with zero.
        0 => ethernet(inner.after(4)?).or_else(|_| ethernet(inner)),
        _ => ethernet(inner),
    }
}

fn pseudowire(inner: Layer<'_>, refusal: Refusal) -> Taken<'_> {
    ethernet(inner).map_err(|_| refusal)
}

/// Frame Relay: an address of two bytes or more, then NLPID.
fn frame_relay(frame: Layer<'_>) -> Taken<'_> {
    let mut length = 1;
    while frame.byte(length - 1)? & 1 == 0 {
        length += 1;
        if length > 4 {
            return Err(NOT_IP);
        }
    }
    match (frame.byte(length)?, frame.byte(length + 1)?) {
        (0x03, 0xcc) => internet::version4(frame.after(length + 2)?),
        (0x03, 0x8e) => internet::version6(frame.after(length + 2)?),
        (0x03, 0x80) => ether_type(frame.be16(length + 5)?, frame.after(length + 7)?),
        (0x03, 0x00) if frame.byte(length + 2)? == 0x80 => {
            match (frame.be16(length + 3)?, frame.byte(length + 5)?) {
                (0x0000, 0x00) => ether_type(frame.be16(length + 6)?, frame.after(length + 8)?),
                (0x0080, 0xc2) => ethernet(frame.after(length + 8)?),
                _ => Err(NOT_IP),
            }
        }
        // Cisco's own way has an EtherType at once.
        (high, low) => ether_type(u16::from_be_bytes([high, low]), frame.after(length + 2)?),
    }
}

fn token_ring(frame: Layer<'_>) -> Taken<'_> {
    // The top bit of the source address says that a route follows.
    let routed = frame.byte(8)? & 0x80 != 0;
    let route = if routed {
        usize::from(frame.byte(14)? & 0x1f)
    } else {
        0
    };
    logical_link(frame.after(14 + route)?)
}

fn sunatm(frame: Layer<'_>) -> Taken<'_> {
    match frame.byte(0)? & 0x0f {
        1 | 2 => logical_link(frame.after(4)?),
        _ => Err(NOT_IP),
    }
}

/// OpenBSD's pf log: its own length first, padded to four.
fn packet_filter_log(frame: Layer<'_>) -> Taken<'_> {
    let length = usize::from(frame.byte(0)?).next_multiple_of(4);
    let inner = frame.after(length.max(4))?;
    match frame.byte(1)? {
        2 => internet::version4(inner),
        10 | 24 | 28 | 30 => internet::version6(inner),
        _ => Err(NOT_IP),
    }
}

/// IEEE 802.11 data frames in clear.
fn wireless(frame: Layer<'_>) -> Taken<'_> {
    let [control, flags] = frame.chunk(0)?;
    let is_data = control & 0x0c == 0x08 && control & 0x40 == 0;
    let is_protected = flags & 0x40 != 0;
    if !is_data || is_protected {
        return Err(NOT_IP);
    }
    let mut length = 24;
    if flags & 0x03 == 0x03 {
        length += 6;
    }
    if control & 0x80 != 0 {
        length += 2;
    }
    logical_link(frame.after(length)?)
}

fn radiotap(frame: Layer<'_>) -> Taken<'_> {
    let length = u16::from_le_bytes(frame.chunk(2)?);
    wireless(frame.after(usize::from(length))?)
}

/// PPI: its own length, then the number of the link type inside.
fn per_packet_information(frame: Layer<'_>) -> Taken<'_> {
    let length = u16::from_le_bytes(frame.chunk(2)?);
    let inside = u32::from_le_bytes(frame.chunk(4)?);
    let mut inner = frame.after(usize::from(length).max(8))?;
    inner.layers = inner.layers.deeper()?;
    self::frame(u16::try_from(inside).unwrap_or(u16::MAX), inner)
}

/// ARCNET's numbers for IP (RFC 1201) as an EtherType; the first byte of the pair counts.
fn arcnet(pair: u16) -> u16 {
    match pair >> 8 {
        212 => 0x0800,
        196 => 0x86dd,
        _ => 0x0806,
    }
}

/// Linux netfilter's log: a family, then fields, of which number 9 is the packet.
fn netfilter_log(frame: Layer<'_>) -> Taken<'_> {
    let mut inner = frame.after(4)?;
    while !inner.bytes.is_empty() {
        let length = usize::from(u16::from_le_bytes(inner.chunk(0)?));
        let kind = u16::from_le_bytes(inner.chunk(2)?);
        if length < 4 {
            return Err(super::MALFORMED);
        }
        if kind & 0x7fff == 9 {
            return raw(inner.after(4)?);
        }
        inner = inner.after(
            length
                .next_multiple_of(4)
                .min(inner.bytes.len().max(length)),
        )?;
    }
    Err(NOT_IP)
}

/// The network service header (RFC 8300): its length in words, then what follows by number.
pub(super) fn service_header(frame: Layer<'_>) -> Taken<'_> {
    let length = usize::from(frame.byte(1)? & 0x3f) * 4;
    let mut inner = frame.after(length.max(8))?;
    inner.layers = inner.layers.deeper()?.with_tunnel("nsh");
    match frame.byte(3)? {
        1 => internet::version4(inner),
        2 => internet::version6(inner),
        3 => ethernet(inner),
        4 => service_header(inner),
        5 => labels(inner),
        _ => Err(NOT_IP),
    }
}
