//! Our reading of each fixture's frames beside that of etherparse, which knows nothing of ours: addresses, protocol and ports.

use std::io::Cursor;
use std::net::IpAddr;
use std::path::Path;

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};

use super::decode;
use crate::capture::{CaptureFile, Step};
use crate::record::{Packet, to_store_ip};

/// What both say of a frame: source, destination, protocol, ports.
type Said = (u128, u128, u8, u16, u16);

/// AH (RFC 4302).
const AUTHENTICATION_HEADER: u8 = 51;
/// LINKTYPE_ETHERNET.
const ETHERNET: u16 = 1;

#[test]
fn a_library_that_is_not_ours_reads_the_same_addresses_and_ports() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pcap");
    let mut compared = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(mut file) = CaptureFile::open(Box::new(Cursor::new(std::fs::read(&path).unwrap())))
        else {
            continue;
        };
        while let Some(step) = file.next_step().unwrap() {
            let Step::Packet(packet) = step else { continue };
            if let (Some(ours), Some(theirs)) = (ours(&packet), theirs(&packet)) {
                assert_eq!(ours, theirs, "{} frame {}", path.display(), packet.number);
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "only {compared} frames were compared");
}

/// What we say, where there is nothing that etherparse does not look into: tunnels, fragments. It looks through the
/// authentication header, which to us is a flow of its own.
fn ours(packet: &Packet<'_>) -> Option<Said> {
    let decoded = decode(packet).ok()?;
    if packet.link_type != ETHERNET
        || decoded.fragment.is_some()
        || decoded.protocol == AUTHENTICATION_HEADER
        || decoded.layers.tunnels().next().is_some()
    {
        return None;
    }
    Some((
        decoded.src,
        decoded.dst,
        decoded.protocol,
        decoded.src_port,
        decoded.dst_port,
    ))
}

fn theirs(packet: &Packet<'_>) -> Option<Said> {
    let sliced = LaxSlicedPacket::from_ethernet(packet.bytes).ok()?;
    let (src, dst): (IpAddr, IpAddr) = match sliced.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        LaxNetSlice::Ipv6(ip) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        _ => return None,
    };
    let (protocol, src_port, dst_port) = match sliced.transport? {
        TransportSlice::Tcp(tcp) => (6, tcp.source_port(), tcp.destination_port()),
        TransportSlice::Udp(udp) => (17, udp.source_port(), udp.destination_port()),
        _ => return None,
    };
    let number = |ip| u128::from(to_store_ip(ip));
    Some((number(src), number(dst), protocol, src_port, dst_port))
}
