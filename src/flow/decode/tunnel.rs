//! Tunnels: IP in IP, GRE and its kin, and those that run over UDP. A tunnel whose inside can not be read is none.

use super::{Decoded, Layer, Refusal, internet, link};

/// A tunnel that is an IP protocol of its own.
pub(super) fn in_packet<'a>(protocol: u8, segment: Layer<'a>) -> Option<Decoded<'a>> {
    match protocol {
        4 => internet::version4(named(segment, "ip_in_ip")?).ok(),
        41 => internet::version6(named(segment, "ip_in_ip")?).ok(),
        47 => routing_encapsulation(segment).ok().flatten(),
        97 => {
            let is_etherip = segment.byte(0).ok()? >> 4 == 3;
            let inner = segment.after(2).ok().filter(|_| is_etherip)?;
            link::ethernet(named(inner, "etherip")?).ok()
        }
        115 => layer_two_session(segment),
        137 => link::labels(named(segment, "mpls_in_ip")?).ok(),
        _ => None,
    }
}

/// The port of a tunnel over UDP, if one of two is that. Most traffic meets none.
#[inline]
pub(super) fn assigned(src_port: u16, dst_port: u16) -> Option<u16> {
    match (dst_port, src_port) {
        (
            port @ (2152 | 3544 | 4789 | 4790 | 8472 | 6081 | 1701 | 5247 | 37008 | 6635 | 5072
            | 4754 | 4341),
            _,
        ) => Some(port),
        (_, port @ (2152 | 3544 | 1701 | 5247 | 5072)) => Some(port),
        _ => None,
    }
}

/// A tunnel over UDP, by the port it is assigned and the shape of its header.
pub(super) fn in_datagram<'a>(outer: &Decoded<'a>, segment: Layer<'a>) -> Option<Decoded<'a>> {
    let port = assigned(outer.src_port, outer.dst_port)?;
    let inside = segment.after(8).ok()?;
    match port {
        2152 => mobile_user_plane(inside),
        3544 => teredo(inside),
        4789 | 8472 => {
            let flags = inside.byte(0).ok()?;
            let network = inside.be32(4).ok()? >> 8;
            let inner = inside.after(8).ok().filter(|_| flags & 0x08 != 0)?;
            link::ethernet(keyed(named(inner, "vxlan")?, network)).ok()
        }
        4790 => vxlan_generic(inside),
        6081 => geneve(inside),
        1701 => layer_two_tunnel(inside),
        5247 => control_of_access_points(inside),
        37008 => sniffer_stream(inside),
        6635 => link::labels(named(inside, "mpls_in_udp")?).ok(),
        5072 => anything_in_anything(inside),
        4754 => routing_encapsulation(inside).ok().flatten(),
        4341 => link::raw(named(inside.after(8).ok()?, "lisp")?).ok(),
        _ => None,
    }
}

/// One layer deeper, with the tunnel's name noted.
fn named<'a>(inner: Layer<'a>, name: &'static str) -> Option<Layer<'a>> {
    let layers = inner.layers.deeper().ok()?.with_tunnel(name);
    Some(Layer { layers, ..inner })
}

/// Notes the key of a tunnel that is the same both ways.
fn keyed(inner: Layer<'_>, key: u32) -> Layer<'_> {
    let layers = inner.layers.with_tunnel_key(key);
    Layer { layers, ..inner }
}

/// GRE (RFC 2784, 2890), its version 1 in PPTP (RFC 2637), and ERSPAN in it.
fn routing_encapsulation(segment: Layer<'_>) -> Result<Option<Decoded<'_>>, Refusal> {
    let flags = segment.be16(0)?;
    let kind = segment.be16(2)?;
    let has_sequence = flags & 0x1000 != 0;
    let mut key = None;
    if flags & 0x2007 == 0x2000 {
        let at = if flags & 0xc000 == 0 { 4 } else { 8 };
        key = Some(segment.be32(at)?);
    }
    let mut length = 4;
    for bit in [0x8000, 0x2000, 0x1000] {
        if flags & bit != 0 {
            length += 4;
        }
    }
    if flags & 0x4000 != 0 && flags & 0x8000 == 0 {
        length += 4;
    }
    match flags & 0x0007 {
        0 => {}
        1 => {
            if flags & 0x0080 != 0 {
                length += 4;
            }
        }
        _ => return Ok(None),
    }
    let mut inside = segment.after(length)?;
    if let Some(key) = key {
        inside = keyed(inside, key);
    }
    let inner = match kind {
        0x88be => {
            let skip = if has_sequence { 8 } else { 0 };
            named(inside.after(skip)?, "erspan").map(link::ethernet)
        }
        0x22eb => {
            let has_more = inside.byte(11)? & 1 != 0;
            let skip = if has_more { 20 } else { 12 };
            named(inside.after(skip)?, "erspan").map(link::ethernet)
        }
        // WCCP may put four bytes of its own first.
        0x883e => named(inside, "gre").map(|inner| match inner.byte(0)? >> 4 {
            4 => internet::version4(inner),
            _ => internet::version4(inner.after(4)?),
        }),
        _ => named(inside, "gre").map(|inner| link::ether_type(kind, inner)),
    };
    inner.transpose()
}

/// GTP version 1, user plane (3GPP TS 29.281).
fn mobile_user_plane(inside: Layer<'_>) -> Option<Decoded<'_>> {
    let [flags, kind] = inside.chunk(0).ok()?;
    if flags & 0xf0 != 0x30 || kind != 0xff {
        return None;
    }
    let mut length = 8;
    if flags & 0x07 != 0 {
        length = 12;
        let mut next = inside.byte(11).ok()?;
        while flags & 0x04 != 0 && next != 0 {
            let words = usize::from(inside.byte(length).ok()?);
            if words == 0 {
                return None;
            }
            length += words * 4;
            next = inside.byte(length - 1).ok()?;
        }
    }
    link::raw(named(inside.after(length).ok()?, "gtp")?).ok()
}

/// Teredo (RFC 4380): IPv6 with an authentication or an origin before it.
fn teredo(inside: Layer<'_>) -> Option<Decoded<'_>> {
    let mut inner = inside;
    if inner.be16(0).ok()? == 0x0001 {
        let client = usize::from(inner.byte(2).ok()?);
        let authentication = usize::from(inner.byte(3).ok()?);
        inner = inner.after(4 + client + authentication + 9).ok()?;
    }
    if inner.be16(0).ok()? == 0x0000 {
        inner = inner.after(8).ok()?;
    }
    internet::version6(named(inner, "teredo")?).ok()
}

/// Geneve (RFC 8926).
fn geneve(inside: Layer<'_>) -> Option<Decoded<'_>> {
    let first = inside.byte(0).ok()?;
    if first >> 6 != 0 {
        return None;
    }
    let kind = inside.be16(2).ok()?;
    let inner = inside.after(8 + usize::from(first & 0x3f) * 4).ok()?;
    let network = inside.be32(4).ok()? >> 8;
    link::ether_type(kind, keyed(named(inner, "geneve")?, network)).ok()
}

/// VXLAN with a protocol number of its own.
fn vxlan_generic(inside: Layer<'_>) -> Option<Decoded<'_>> {
    let next = inside.byte(3).ok()?;
    let network = inside.be32(4).ok()? >> 8;
    let inner = keyed(named(inside.after(8).ok()?, "vxlan")?, network);
    match next {
        1 => internet::version4(inner).ok(),
        2 => internet::version6(inner).ok(),
        3 => link::ethernet(inner).ok(),
        4 => link::service_header(inner).ok(),
        5 => link::labels(inner).ok(),
        _ => None,
    }
}

/// L2TP version 3 (RFC 3931): a session, then a cookie and a sublayer of which only the ends know whether they are there.
/// What reads as an Ethernet frame with IP in it, is one.
fn layer_two_session(segment: Layer<'_>) -> Option<Decoded<'_>> {
    let is_control = segment.be32(0).ok()? == 0;
    if is_control {
        return None;
    }
    [4, 8, 12, 16].into_iter().find_map(|length| {
        let inner = segment.after(length).ok()?;
        let carries_ip = matches!(inner.be16(12).ok()?, 0x0800 | 0x86dd | 0x8100);
        if !carries_ip {
            return None;
        }
        link::ethernet(named(inner, "l2tp")?).ok()
    })
}

/// L2TP version 2 data messages (RFC 2661), PPP inside; version 3 over UDP.
fn layer_two_tunnel(inside: Layer<'_>) -> Option<Decoded<'_>> {
    let flags = inside.be16(0).ok()?;
    if flags & 0x800f == 3 {
        return layer_two_session(inside.after(4).ok()?);
    }
    if flags & 0x800f != 2 {
        return None;
    }
    let mut length = 6;
    if flags & 0x4000 != 0 {
        length += 2;
    }
    if flags & 0x0800 != 0 {
        length += 4;
    }
    if flags & 0x0200 != 0 {
        length += 2 + usize::from(inside.be16(length).ok()?);
    }
    link::ppp(named(inside.after(length).ok()?, "l2tp")?).ok()
}

/// CAPWAP data (RFC 5415) with Ethernet or 802.11 frames inside.
fn control_of_access_points(inside: Layer<'_>) -> Option<Decoded<'_>> {
    let head = inside.be32(0).ok()?;
    if head >> 24 != 0 {
        return None;
    }
    let length = (head >> 19 & 0x1f) as usize * 4;
    let is_native = head & 0x100 != 0;
    let inner = named(inside.after(length.max(8)).ok()?, "capwap")?;
    if is_native {
        link::frame(105, inner).ok()
    } else {
        link::ethernet(inner).ok()
    }
}

/// TZSP: tagged fields up to the end mark, then a frame.
fn sniffer_stream(inside: Layer<'_>) -> Option<Decoded<'_>> {
    if inside.be16(0).ok()? >> 8 != 1 || inside.be16(2).ok()? != 1 {
        return None;
    }
    let mut at = 4;
    loop {
        match inside.byte(at).ok()? {
            0 => at += 1,
            1 => break,
            _ => at += 2 + usize::from(inside.byte(at + 1).ok()?),
        }
    }
    link::ethernet(named(inside.after(at + 1).ok()?, "tzsp")?).ok()
}

/// AYIYA: the signature and identity lengths stand in the first bytes.
fn anything_in_anything(inside: Layer<'_>) -> Option<Decoded<'_>> {
    let [first, second, _, next] = inside.chunk(0).ok()?;
    let identity = 1usize << (first >> 4);
    let signature = usize::from(second >> 4) * 4;
    let inner = named(inside.after(8 + identity + signature).ok()?, "ayiya")?;
    match next {
        4 => internet::version4(inner).ok(),
        41 => internet::version6(inner).ok(),
        _ => None,
    }
}
