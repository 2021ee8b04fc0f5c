//! NetFlow 1, 5 and 7: a head that counts the records, and records of one shape.

use std::net::IpAddr;

use super::domains::Domains;
use super::elements::scale_up;
use super::moments::{Clock, Moment};
use super::{Datagram, Records};
use crate::flow::applications::Conversation;
use crate::flow::bytes::Bytes;
use crate::flow::community_id::community_id;
use crate::flow::key::Key;
use crate::record::{Flow, RejectReason, Timestamp, to_store_ip};

/// How long head and records of a version are.
pub(super) fn lengths(version: u16) -> Option<(usize, usize)> {
    match version {
        1 => Some((16, 52)),
        5 => Some((24, 48)),
        7 => Some((24, 52)),
        _ => None,
    }
}

/// What the head says.
struct Head {
    version: u16,
    count: u16,
    clock: Clock,
    sequence: Option<u32>,
    engine: u32,
    interval: u32,
}

fn head(input: &mut Bytes<'_>) -> Option<Head> {
    let version = input.be16()?;
    let count = input.be16()?;
    let uptime = input.be32()?;
    let seconds = i64::from(input.be32()?);
    let nanos = i64::from(input.be32()?);
    let mut head = Head {
        version,
        count,
        clock: Clock {
            exported: seconds * 1_000_000 + nanos / 1_000,
            uptime: Some(uptime),
            started: None,
        },
        sequence: None,
        engine: 0,
        interval: 1,
    };
    if version != 1 {
        head.sequence = Some(input.be32()?);
        let [kind, id, high, low] = input.array()?;
        if version == 5 {
            head.engine = u32::from(u16::from_be_bytes([kind, id]));
            // Two bits of mode, then the interval.
            head.interval = u32::from(u16::from_be_bytes([high, low]) & 0x3fff);
        }
    }
    Some(head)
}

/// Reads a datagram.
pub(super) fn read(datagram: &Datagram<'_>, domains: &mut Domains, records: &mut Records<'_>) {
    let mut input = Bytes::new(datagram.bytes);
    let all = datagram.bytes.len();
    let Some(head) = head(&mut input) else {
        return records.rejected(RejectReason::Malformed, 0, all);
    };
    let (_, length) = lengths(head.version).unwrap_or_default();
    let domain = domains.of(datagram.exporter, head.version, head.engine);
    match head.sequence {
        Some(sequence) => {
            domain.arrived(sequence, Some(sequence.wrapping_add(u32::from(head.count))));
        }
        None => domain.arrived_unnumbered(),
    }
    domain.interval = domain.interval.max(head.interval);
    for _ in 0..head.count {
        let at = all - input.rest().len();
        let Some(flow) = input
            .take(length)
            .and_then(|bytes| record(&mut Bytes::new(bytes), &head))
        else {
            records.rejected(RejectReason::Malformed, at, all - at);
            return;
        };
        let mut flow = flow;
        if records.scale {
            scale_up(&mut flow, head.interval);
        }
        records.flow(flow);
    }
    if !input.is_empty() {
        let left = input.rest().len();
        records.rejected(RejectReason::WrongShape, all - left, left);
    }
}

fn record(input: &mut Bytes<'_>, head: &Head) -> Option<Flow> {
    let (src, dst) = (
        IpAddr::from(input.array::<4>()?),
        IpAddr::from(input.array::<4>()?),
    );
    input.skip(8)?;
    let (packets, bytes) = (input.be32()?, input.be32()?);
    let (first, last) = (input.be32()?, input.be32()?);
    let ports = [input.be16()?, input.be16()?];
    let (flags, protocol) = if head.version == 1 {
        input.skip(2)?;
        let protocol = input.u8()?;
        input.skip(1)?;
        (input.u8()?, protocol)
    } else {
        input.skip(1)?;
        (input.u8()?, input.u8()?)
    };
    let [kind, code] = ports[1].to_be_bytes();
    let icmp = matches!(protocol, 1 | 58).then_some((kind, code));
    let mut flow = flow_of(src, dst, ports, protocol, icmp);
    flow.src_packets = u64::from(packets);
    flow.src_bytes = u64::from(bytes);
    if protocol == 6 {
        flow.src_tcp_flags = flags;
    }
    (flow.start, flow.end) = head
        .clock
        .bounds(Moment::Uptime(first), Moment::Uptime(last), None);
    Some(flow)
}

/// A flow between two ends of which nothing else is known yet.
pub(super) fn flow_of(
    src: IpAddr,
    dst: IpAddr,
    ports: [u16; 2],
    protocol: u8,
    icmp: Option<(u8, u8)>,
) -> Flow {
    let is_icmp = matches!(protocol, 1 | 58);
    let ports = if is_icmp { [0, 0] } else { ports };
    let facts = Conversation::facts(None, protocol, ports, u64::MAX);
    // Without type and code of ICMP there is no Community ID.
    let community = (!is_icmp || icmp.is_some()).then(|| {
        let number = |ip| u128::from(to_store_ip(ip));
        let (key, _) = Key::between(number(src), number(dst), ports, protocol, icmp);
        community_id(&key)
    });
    Flow {
        start: Timestamp::default(),
        end: Timestamp::default(),
        src_ip: src,
        src_port: ports[0],
        dst_ip: dst,
        dst_port: ports[1],
        protocol,
        src_packets: 0,
        dst_packets: 0,
        src_bytes: 0,
        dst_bytes: 0,
        src_frame_bytes: 0,
        dst_frame_bytes: 0,
        src_payload_bytes: 0,
        dst_payload_bytes: 0,
        src_tcp_flags: 0,
        dst_tcp_flags: 0,
        end_reason: None,
        vlans: Vec::new(),
        tunnel: Vec::new(),
        community_id: community.unwrap_or_default(),
        handshake_rtt_us: None,
        src_retransmits: None,
        dst_retransmits: None,
        application: facts.application.into(),
        application_class: facts.class,
        application_basis: facts.basis,
        server_name: Default::default(),
        alpn: Default::default(),
        tls_version: "",
        ja4: Default::default(),
        ech: None,
        dns_queries: Vec::new(),
        http_method: Default::default(),
        http_path: String::new(),
        http_user_agent: String::new(),
        account_token: None,
        action: None,
    }
}
