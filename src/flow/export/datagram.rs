//! Exports in a capture: the UDP datagrams of captured packets that are exports, by their port or by their looks.

use std::net::{IpAddr, Ipv6Addr};

use super::likeness;
use crate::flow::decode;
use crate::record::{Packet, from_store_ip};

/// Ports that exporters are set to by habit: NetFlow, IPFIX (IANA 4739), sFlow (IANA 6343).
const PORTS: [u16; 8] = [2055, 2056, 4739, 6343, 9555, 9995, 9996, 9025];

/// An export that was seen on the wire.
#[derive(Clone, Copy, Debug)]
pub struct ExportPacket<'a> {
    /// Who sent it.
    pub exporter: IpAddr,
    /// What was sent.
    pub bytes: &'a [u8],
}

/// The export in a packet, if it holds one. On a port of exporters the version word is enough; elsewhere all lengths
/// must agree. A packet that was cut into fragments is none: its pieces are no datagram.
pub fn export_packet<'a>(packet: &Packet<'a>) -> Option<ExportPacket<'a>> {
    let decoded = decode::decode(packet).ok()?;
    if decoded.protocol != 17 || decoded.fragment.is_some() {
        return None;
    }
    let is_usual_port = PORTS.contains(&decoded.dst_port);
    // What a link adds at the end is no part of the datagram.
    let length = usize::try_from(decoded.payload_bytes).ok()?;
    let bytes = decoded.payload.get(..length).unwrap_or(decoded.payload);
    let is_one = if is_usual_port {
        likeness::version(bytes).is_some()
    } else {
        likeness::is_export(bytes)
    };
    is_one.then(|| ExportPacket {
        exporter: from_store_ip(Ipv6Addr::from(decoded.src)),
        bytes,
    })
}
