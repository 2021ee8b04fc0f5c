//! sFlow 5: samples of packets, each with the first bytes of one. Our own decoder reads those, so tunnels and tags are
//! what they are in a capture. Counters of interfaces are passed over and counted.

use std::net::IpAddr;

use super::domains::{Domain, Domains};
use super::elements::{Verdict, scale_up};
use super::fixed::flow_of;
use super::likeness::SFLOW;
use super::{Datagram, Records};
use crate::flow::bytes::Bytes;
use crate::flow::decode::{self, Refusal};
use crate::record::{Flow, IgnoreReason, RejectReason};

/// The first bytes of a packet, by what they begin with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Header<'a> {
    Ethernet(&'a [u8]),
    Internet(&'a [u8]),
    Labels(&'a [u8]),
    Ppp(&'a [u8]),
    TokenRing(&'a [u8]),
    Wireless(&'a [u8]),
}

/// The flow of one packet of which the first bytes are known.
pub(super) fn header(header: Header<'_>, frame_length: Option<u64>) -> Result<Flow, Verdict> {
    let (link, bytes) = match header {
        Header::Ethernet(bytes) => (decode::Sampled::Link(1), bytes),
        Header::Internet(bytes) => (decode::Sampled::Link(101), bytes),
        Header::Ppp(bytes) => (decode::Sampled::Link(9), bytes),
        Header::TokenRing(bytes) => (decode::Sampled::Link(6), bytes),
        Header::Wireless(bytes) => (decode::Sampled::Link(105), bytes),
        Header::Labels(bytes) => (decode::Sampled::Labels, bytes),
    };
    let wire = frame_length.and_then(|length| u32::try_from(length).ok());
    let decoded = decode::sampled(link, bytes, wire).map_err(|refusal| match refusal {
        Refusal::Rejected(reason) => Verdict::Rejected(reason),
        Refusal::Ignored(reason) => Verdict::Ignored(reason),
    })?;
    let end = |number: u128| crate::record::from_store_ip(std::net::Ipv6Addr::from(number));
    let ports = [decoded.src_port, decoded.dst_port];
    let (src, dst) = (end(decoded.src), end(decoded.dst));
    let mut flow = flow_of(src, dst, ports, decoded.protocol, decoded.icmp);
    if decoded.fragment.is_some_and(|fragment| !fragment.is_first) {
        // Its ports are not known.
        flow.community_id.clear();
    }
    flow.src_packets = 1;
    flow.src_bytes = u64::from(decoded.ip_bytes);
    flow.src_frame_bytes = wire.map_or(0, u64::from);
    flow.src_payload_bytes = u64::from(decoded.payload_bytes);
    flow.src_tcp_flags = decoded.tcp.map_or(0, |tcp| tcp.flags);
    flow.vlans = decoded.layers.vlans().to_vec();
    flow.tunnel = decoded.layers.tunnels().collect();
    Ok(flow)
}

/// Reads a datagram.
pub(super) fn read(datagram: &Datagram<'_>, domains: &mut Domains, records: &mut Records<'_>) {
    let all = datagram.bytes.len();
    let mut input = Bytes::new(datagram.bytes);
    let Some((agent, part, sequence, count)) = head(&mut input) else {
        return records.rejected(RejectReason::Malformed, 0, all);
    };
    let domain = domains.of(agent, SFLOW, part);
    domain.arrived(sequence, Some(sequence.wrapping_add(1)));
    for _ in 0..count {
        let at = all - input.rest().len();
        let Some((format, body)) = counted(&mut input) else {
            return records.rejected(RejectReason::Malformed, at, all - at);
        };
        let mut body = Bytes::new(body);
        let flow = match format {
            1 | 3 => sample(&mut body, format == 3, domain, records),
            // Counters (2, 4), discarded packets (5), and what makers have of their own.
            _ => Err(Verdict::Ignored(IgnoreReason::OtherMessage)),
        };
        match flow {
            Ok(flow) => records.flow(flow),
            Err(Verdict::Ignored(reason)) => records.ignored(reason),
            Err(Verdict::Rejected(reason)) => {
                records.rejected(reason, at, all - input.rest().len() - at);
            }
        }
    }
    if !input.is_empty() {
        let left = input.rest().len();
        records.rejected(RejectReason::WrongShape, all - left, left);
    }
}

/// Agent, sub-agent, number of the datagram, how many samples.
fn head(input: &mut Bytes<'_>) -> Option<(IpAddr, u32, u32, u32)> {
    input.skip(4)?;
    let agent = address(input)?;
    let (part, sequence) = (input.be32()?, input.be32()?);
    input.skip(4)?;
    Some((agent, part, sequence, input.be32()?))
}

fn address(input: &mut Bytes<'_>) -> Option<IpAddr> {
    match input.be32()? {
        1 => input.array::<4>().map(IpAddr::from),
        2 => input.array::<16>().map(IpAddr::from),
        _ => None,
    }
}

/// A format and as many bytes as the next word says.
fn counted<'a>(input: &mut Bytes<'a>) -> Option<(u32, &'a [u8])> {
    let mut ahead = *input;
    let format = ahead.be32()?;
    let length = usize::try_from(ahead.be32()?).ok()?;
    let body = ahead.take(length)?;
    *input = ahead;
    Some((format, body))
}

const MALFORMED: Verdict = Verdict::Rejected(RejectReason::Malformed);

/// A sample of one packet: what its records say of it, together.
fn sample(
    input: &mut Bytes<'_>,
    is_expanded: bool,
    domain: &mut Domain,
    records: &Records<'_>,
) -> Result<Flow, Verdict> {
    let (interval, count) = sample_head(input, is_expanded).ok_or(MALFORMED)?;
    domain.interval = domain.interval.max(interval);
    let mut found = None;
    let mut vlan = 0;
    for _ in 0..count {
        let (format, body) = counted(input).ok_or(MALFORMED)?;
        let mut body = Bytes::new(body);
        match format {
            1 => found = Some(raw_header(&mut body).ok_or(MALFORMED)?),
            3 | 4 if found.is_none() => {
                found = Some(Ok(internet(&mut body, format == 4).ok_or(MALFORMED)?));
            }
            1001 => vlan = body.be32().ok_or(MALFORMED)? & 0x0fff,
            _ => {}
        }
    }
    let mut flow = found.ok_or(Verdict::Ignored(IgnoreReason::NotIp))??;
    if flow.vlans.is_empty() && vlan != 0 {
        flow.vlans.push(u16::try_from(vlan).unwrap_or(0));
    }
    // sFlow says no time: the sample is as old as its datagram.
    let time = records.received.unwrap_or_default();
    (flow.start, flow.end) = (time, time);
    if records.scale {
        scale_up(&mut flow, interval);
    }
    Ok(flow)
}

/// One packet of how many, and how many records follow.
fn sample_head(input: &mut Bytes<'_>, is_expanded: bool) -> Option<(u32, u32)> {
    input.skip(if is_expanded { 12 } else { 8 })?;
    let interval = input.be32()?;
    input.skip(if is_expanded { 24 } else { 16 })?;
    Some((interval, input.be32()?))
}

fn raw_header(input: &mut Bytes<'_>) -> Option<Result<Flow, Verdict>> {
    let protocol = input.be32()?;
    let frame_length = input.be32()?;
    input.skip(4)?;
    let length = usize::try_from(input.be32()?).ok()?;
    let bytes = input.take(length)?;
    let begins = match protocol {
        1 => Header::Ethernet(bytes),
        3 => Header::TokenRing(bytes),
        7 | 14 => Header::Ppp(bytes),
        8 => Header::Wireless(bytes),
        11 | 12 => Header::Internet(bytes),
        13 => Header::Labels(bytes),
        _ => return Some(Err(Verdict::Ignored(IgnoreReason::LinkType))),
    };
    Some(header(begins, Some(u64::from(frame_length))))
}

/// A packet of which the exporter has read the header itself.
fn internet(input: &mut Bytes<'_>, is_six: bool) -> Option<Flow> {
    let length = input.be32()?;
    let protocol = u8::try_from(input.be32()?).ok()?;
    let ends: [IpAddr; 2] = if is_six {
        [input.array::<16>()?.into(), input.array::<16>()?.into()]
    } else {
        [input.array::<4>()?.into(), input.array::<4>()?.into()]
    };
    let port = |word: u32| u16::try_from(word).unwrap_or(0);
    let ports = [port(input.be32()?), port(input.be32()?)];
    let flags = input.be32()?;
    let [src, dst] = ends;
    let mut flow = flow_of(src, dst, ports, protocol, None);
    flow.src_packets = 1;
    flow.src_bytes = u64::from(length);
    if protocol == 6 {
        flow.src_tcp_flags = u8::try_from(flags & 0xff).unwrap_or(0);
    }
    Ok::<_, ()>(flow).ok()
}
