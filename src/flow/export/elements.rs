//! A record that a template describes: which of its fields matter for a flow, and the flow they make.
//!
//! Numbers are those of the IANA registry of IPFIX information elements, which NetFlow 9 shares up to 127. What is not
//! named here is passed over by its length.

use std::net::{IpAddr, Ipv6Addr};

use super::domains::Domain;
use super::fixed::flow_of;
use super::moments::{Clock, Moment, of_ntp};
use super::sampled::{self, Header};
use super::templates::{Field, Template, VARIABLE};
use crate::flow::bytes::Bytes;
use crate::record::{EndReason, Flow, IgnoreReason, RejectReason};

/// The number under which RFC 5103 repeats the registry for the other direction.
const REVERSE: u32 = 29_305;
/// CERT, whose YAF has TCP flags of its own.
const CERT: u32 = 6_871;
/// CERT's own bit for the other direction.
const CERT_REVERSE: u16 = 0x4000;

/// What a record says, as far as it matters.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading<'a> {
    pub(super) addresses4: [Option<u32>; 2],
    pub(super) addresses6: [Option<u128>; 2],
    pub(super) ports: [u16; 2],
    pub(super) protocol: Option<u8>,
    icmp: Option<(u8, u8)>,
    forward: Counters,
    reverse: Counters,
    end_reason: Option<EndReason>,
    vlans: [u16; 2],
    start: Moment,
    end: Moment,
    lasted: Option<i64>,
    observed: Moment,
    firewall_event: Option<u64>,
    sampling: Sampling,
    started: Option<i64>,
    header: Option<Header<'a>>,
    frame_size: Option<u64>,
}

/// What is counted of one direction, by the elements' kinds: what came in, what went out of a device that may have
/// changed it, since the last export or since the start.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    bytes: Sum,
    packets: Sum,
    frame_bytes: Option<u64>,
    flags: u8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    delta: Option<u64>,
    total: Option<u64>,
    post_delta: Option<u64>,
    post_total: Option<u64>,
}

impl Sum {
    fn value(self) -> Option<u64> {
        self.delta
            .or(self.total)
            .or(self.post_delta)
            .or(self.post_total)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Sampling {
    id: Option<u64>,
    interval: Option<u64>,
    spacing: Option<(u64, u64)>,
    population: [Option<u64>; 2],
}

impl Sampling {
    /// One packet of so many, where the record says it.
    fn interval(self) -> Option<u32> {
        let of = |all: u64, some: u64| Some(all / some.max(1)).filter(|interval| *interval > 0);
        let (taken, left) = self.spacing.unwrap_or((0, 0));
        let interval = match (self.interval, self.population) {
            (Some(interval), _) => Some(interval),
            (None, [Some(size), Some(population)]) => of(population, size),
            // Some exporters say how many are taken alone, and mean the interval.
            _ if left == 0 && taken > 1 => Some(taken),
            _ if taken > 0 => of(taken.saturating_add(left), taken),
            _ => None,
        };
        interval.and_then(|interval| u32::try_from(interval).ok())
    }
}

/// Reads a record; nothing if it breaks off.
pub(super) fn record<'a>(template: &Template, input: &mut Bytes<'a>) -> Option<Reading<'a>> {
    let mut reading = Reading::default();
    for field in &template.fields {
        let length = match field.length {
            VARIABLE => match input.u8()? {
                255 => usize::from(input.be16()?),
                short => usize::from(short),
            },
            length => usize::from(length),
        };
        reading.take(field, input.take(length)?);
    }
    Some(reading)
}

impl<'a> Reading<'a> {
    fn take(&mut self, field: &Field, bytes: &'a [u8]) {
        match (field.enterprise, field.number) {
            (0, number) => self.element(number, bytes),
            (REVERSE, number) => {
                if let Some(value) = unsigned(bytes) {
                    self.reverse.count(number, value);
                }
            }
            (CERT, 14 | 15) => self.forward.cert(bytes),
            (CERT, number) if matches!(number & !CERT_REVERSE, 14 | 15) => {
                self.reverse.cert(bytes);
            }
            _ => {}
        }
    }

    fn element(&mut self, number: u16, bytes: &'a [u8]) {
        match number {
            27 => self.addresses6[0] = bytes.try_into().ok().map(u128::from_be_bytes),
            28 => self.addresses6[1] = bytes.try_into().ok().map(u128::from_be_bytes),
            // Sections of packets (RFC 5477, RFC 7133).
            104 | 315 => self.header = Some(Header::Ethernet(bytes)),
            313 => self.header = Some(Header::Internet(bytes)),
            316 => self.header = self.header.or(Some(Header::Labels(bytes))),
            _ => {
                if let Some(value) = unsigned(bytes) {
                    self.number(number, value);
                }
            }
        }
    }

    fn number(&mut self, number: u16, value: u64) {
        let word = || u32::try_from(value).ok();
        let port = || u16::try_from(value).unwrap_or(0);
        match number {
            8 => self.addresses4[0] = word(),
            12 => self.addresses4[1] = word(),
            7 | 180 | 182 => self.ports[0] = port(),
            11 | 181 | 183 => self.ports[1] = port(),
            4 => self.protocol = u8::try_from(value).ok(),
            32 | 139 => self.icmp = u16::try_from(value).ok().map(u16::to_be_bytes).map(pair),
            176 | 178 => self.icmp = Some((low(value), self.icmp.map_or(0, |icmp| icmp.1))),
            177 | 179 => self.icmp = Some((self.icmp.map_or(0, |icmp| icmp.0), low(value))),
            58 | 243 if value != 0 => self.vlans[0] = port() & 0x0fff,
            245 => self.vlans[1] = port() & 0x0fff,
            136 => self.end_reason = end_reason(value),
            233 => self.firewall_event = Some(value),
            // What the one who began, and the other, have sent.
            231 => self.forward.bytes.delta = Some(value),
            232 => self.reverse.bytes.delta = Some(value),
            298 => self.forward.packets.delta = Some(value),
            299 => self.reverse.packets.delta = Some(value),
            312 | 103 => self.frame_size = Some(value),
            _ => {
                if !self.time(number, value) && !self.sampling.take(number, value) {
                    self.forward.count(number, value);
                }
            }
        }
    }

    fn time(&mut self, number: u16, value: u64) -> bool {
        let signed = i64::try_from(value).unwrap_or(i64::MAX);
        let seconds = Moment::At(signed.saturating_mul(1_000_000));
        let millis = Moment::At(signed.saturating_mul(1_000));
        let word = u32::try_from(value).unwrap_or(u32::MAX);
        match number {
            150 => self.start = seconds,
            151 => self.end = seconds,
            152 => self.start = millis,
            153 => self.end = millis,
            154 | 156 => self.start = Moment::At(of_ntp(value)),
            155 | 157 => self.end = Moment::At(of_ntp(value)),
            158 => self.start = Moment::Before(word),
            159 => self.end = Moment::Before(word),
            22 => self.start = Moment::Uptime(word),
            21 => self.end = Moment::Uptime(word),
            160 => self.started = Some(signed.saturating_mul(1_000)),
            161 => self.lasted = Some(signed.saturating_mul(1_000)),
            162 => self.lasted = Some(signed),
            322 => self.observed = seconds,
            323 => self.observed = millis,
            324 | 325 => self.observed = Moment::At(of_ntp(value)),
            _ => return false,
        }
        true
    }

    /// Keeps what a record of options says of its exporter.
    pub(super) fn teach(&self, domain: &mut Domain) {
        if let Some(interval) = self.sampling.interval() {
            domain.sampler(self.sampling.id.unwrap_or(0), interval);
        }
        if self.started.is_some() {
            domain.started = self.started;
        }
    }

    /// The sampling interval of this record: its own, else that of the sampler it names, else the exporter's only one.
    fn interval(&self, domain: &mut Domain) -> u32 {
        match self.sampling.interval() {
            Some(interval) => {
                domain.interval = domain.interval.max(interval);
                interval
            }
            None => domain.interval_of(self.sampling.id),
        }
    }

    /// The flow that this record tells of.
    pub(super) fn flow(
        &self,
        clock: Clock,
        domain: &mut Domain,
        scale: bool,
    ) -> Result<Flow, Verdict> {
        // A firewall also tells that a flow began or was denied: what went over it comes when it ends.
        if matches!(self.firewall_event, Some(1 | 3)) {
            return Err(Verdict::Ignored(IgnoreReason::OtherMessage));
        }
        let clock = Clock {
            started: self.started.or(domain.started),
            ..clock
        };
        let mut flow = match (self.ends(), self.header) {
            (Some([src, dst]), _) => {
                let icmp = self.icmp.or_else(|| self.icmp_in_port());
                flow_of(src, dst, self.ports, self.protocol.unwrap_or(0), icmp)
            }
            (None, Some(header)) => sampled::header(header, self.frame_size)?,
            (None, None) => return Err(Verdict::Ignored(IgnoreReason::OtherMessage)),
        };
        self.fill(&mut flow);
        let (start, end) = match (self.start, self.end, self.observed) {
            (Moment::Unknown, Moment::Unknown, seen) => clock.bounds(seen, seen, self.lasted),
            (start, end, _) => clock.bounds(start, end, self.lasted),
        };
        (flow.start, flow.end) = (start, end);
        let interval = self.interval(domain);
        if scale {
            scale_up(&mut flow, interval);
        }
        Ok(flow)
    }

    fn fill(&self, flow: &mut Flow) {
        let set = |column: &mut u64, value: Option<u64>| {
            if let Some(value) = value {
                *column = value;
            }
        };
        set(&mut flow.src_bytes, self.forward.bytes.value());
        set(&mut flow.dst_bytes, self.reverse.bytes.value());
        set(&mut flow.src_packets, self.forward.packets.value());
        set(&mut flow.dst_packets, self.reverse.packets.value());
        set(&mut flow.src_frame_bytes, self.forward.frame_bytes);
        set(&mut flow.dst_frame_bytes, self.reverse.frame_bytes);
        flow.src_tcp_flags |= self.forward.flags;
        flow.dst_tcp_flags |= self.reverse.flags;
        flow.end_reason = self.end_reason;
        if flow.vlans.is_empty() {
            flow.vlans = self.vlans.into_iter().filter(|vlan| *vlan != 0).collect();
        }
    }

    /// Both addresses; those of IPv4 unless they are empty and those of IPv6 are not.
    fn ends(&self) -> Option<[IpAddr; 2]> {
        let four = match self.addresses4 {
            [Some(src), Some(dst)] => Some([src, dst].map(|word| IpAddr::from(word.to_be_bytes()))),
            _ => None,
        };
        let six = match self.addresses6 {
            [Some(src), Some(dst)] => Some([src, dst]),
            _ => None,
        };
        let is_said = self.addresses4 != [Some(0), Some(0)];
        match (four, six) {
            (Some(four), Some(six)) if is_said || six == [0, 0] => Some(four),
            (Some(four), None) => Some(four),
            (_, Some(six)) => {
                Some(six.map(|word| crate::record::from_store_ip(Ipv6Addr::from(word))))
            }
            (None, None) => None,
        }
    }

    /// NetFlow puts type and code of ICMP where the responder's port stands.
    fn icmp_in_port(&self) -> Option<(u8, u8)> {
        let is_icmp = matches!(self.protocol, Some(1 | 58)) && self.ports[1] != 0;
        is_icmp.then(|| pair(self.ports[1].to_be_bytes()))
    }
}

impl Counters {
    fn count(&mut self, number: u16, value: u64) {
        let place = match number {
            1 => &mut self.bytes.delta,
            85 => &mut self.bytes.total,
            23 => &mut self.bytes.post_delta,
            171 => &mut self.bytes.post_total,
            2 => &mut self.packets.delta,
            86 => &mut self.packets.total,
            24 => &mut self.packets.post_delta,
            172 => &mut self.packets.post_total,
            352 => &mut self.frame_bytes,
            353 if self.frame_bytes.is_none() => &mut self.frame_bytes,
            6 => {
                self.flags |= low(value);
                return;
            }
            _ => return,
        };
        *place = Some(value);
    }

    /// YAF: the flags of the first packet (14), and those of all others (15).
    fn cert(&mut self, bytes: &[u8]) {
        self.flags |= unsigned(bytes).map_or(0, low);
    }
}

impl Sampling {
    fn take(&mut self, number: u16, value: u64) -> bool {
        match number {
            48 | 302 => self.id = Some(value),
            34 | 50 => self.interval = Some(value).filter(|interval| *interval > 0),
            305 => self.spacing = Some((value, self.spacing.map_or(0, |spacing| spacing.1))),
            306 => self.spacing = Some((self.spacing.map_or(0, |spacing| spacing.0), value)),
            309 => self.population[0] = Some(value),
            310 => self.population[1] = Some(value),
            _ => return false,
        }
        true
    }
}

/// Why a record gives no flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ignored(IgnoreReason),
    Rejected(RejectReason),
}

/// Packets and bytes as they were before sampling, as far as that can be told.
pub(super) fn scale_up(flow: &mut Flow, interval: u32) {
    let factor = u64::from(interval.max(1));
    for column in [
        &mut flow.src_packets,
        &mut flow.dst_packets,
        &mut flow.src_bytes,
        &mut flow.dst_bytes,
        &mut flow.src_frame_bytes,
        &mut flow.dst_frame_bytes,
        &mut flow.src_payload_bytes,
        &mut flow.dst_payload_bytes,
    ] {
        *column = column.saturating_mul(factor);
    }
}

/// A number of one to eight bytes: exporters may leave out leading zeroes (RFC 7011, 6.2).
fn unsigned(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 8 {
        return None;
    }
    Some(
        bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)),
    )
}

fn low(value: u64) -> u8 {
    let [.., low] = value.to_be_bytes();
    low
}

fn pair([kind, code]: [u8; 2]) -> (u8, u8) {
    (kind, code)
}

fn end_reason(value: u64) -> Option<EndReason> {
    match value {
        1 => Some(EndReason::Idle),
        2 => Some(EndReason::Active),
        3 => Some(EndReason::End),
        4 => Some(EndReason::Forced),
        5 => Some(EndReason::Resources),
        _ => None,
    }
}
