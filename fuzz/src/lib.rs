//! What every target holds: nothing panics, every frame has one fate, and every number adds up.
//!
//! A target turns the fuzzer's bytes into input of one kind and calls one function here. The program's own checks
//! (`Counts::check`, debug assertions, overflow) speak for themselves; what they do not hold is held here.

use std::io::{Cursor, Read};
use std::net::{IpAddr, Ipv4Addr};

use invigil::capture::{CaptureFile, Step};
use invigil::flow::export::{
    Collected, CollectedOutcome, Collector, CollectorOptions, Datagram, export_packet,
    first_datagram, is_export,
};
use invigil::flow::{Fate, Meter, MeterOptions, MeteredFlow};
use invigil::logs::{
    Block, Corrections, FORMATS, Fold, Framer, LogFormat, Outcome, SourceSettings, likenesses,
    read_frame, reader,
};
use invigil::record::{
    Counts, Event, JsonRow, Packet, Place, RowBinary, SourceId, Timestamp, Tokens,
};

mod talk;
pub use talk::{Ports, talk};

/// The fuzzer's bytes, taken from the front.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub(crate) fn half(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// So many bytes, or what is left.
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A meter whose flows are counted against the frames that it took in.
pub(crate) struct Metering {
    meter: Meter,
    flows: Vec<MeteredFlow>,
    metered: u64,
    in_flows: u64,
    number: u64,
}

impl Metering {
    pub(crate) fn new(options: MeterOptions) -> Self {
        Metering {
            meter: Meter::new(options),
            flows: Vec::new(),
            metered: 0,
            in_flows: 0,
            number: 0,
        }
    }

    pub(crate) fn frame(&mut self, time: i64, link_type: u16, wire_length: u32, bytes: &[u8]) {
        self.number += 1;
        let packet = Packet {
            number: self.number,
            time: Timestamp::from_micros(time),
            link_type,
            wire_length,
            bytes,
        };
        let fate = self.meter.packet(&packet, &mut self.flows);
        self.metered += u64::from(fate == Fate::Metered);
        self.count();
    }

    pub(crate) fn tick(&mut self, time: i64) {
        self.meter
            .tick(Timestamp::from_micros(time), &mut self.flows);
        self.count();
    }

    pub(crate) fn finish(mut self) {
        self.meter.finish(&mut self.flows);
        self.count();
        assert_eq!(
            self.in_flows, self.metered,
            "frames in flows, frames metered"
        );
    }

    fn count(&mut self) {
        for metered in self.flows.drain(..) {
            self.in_flows += metered.flow.src_packets + metered.flow.dst_packets;
            assert!((1..=self.number).contains(&metered.first_frame));
            encode(metered.first_frame, &Event::Flow(Box::new(metered.flow)));
        }
    }
}

struct NoNames;

impl Tokens for NoNames {
    fn token(&mut self, _: &invigil::record::AccountText) -> invigil::record::AccountToken {
        invigil::record::AccountToken([0; 16])
    }
}

/// Every record can be written in every form.
fn encode(frame: u64, event: &Event<'_>) {
    let place = Place {
        source: SourceId([0; 16]),
        frame,
        ordinal: 0,
    };
    let text = JsonRow::default().object(place, event, true).to_owned();
    assert!(text.starts_with('{') && text.ends_with('}') && !text.contains('\n'));
    let mut names = NoNames;
    let mut rows = RowBinary::new(&mut names);
    rows.row(place, event);
    assert!(!rows.into_bytes().is_empty());
}

fn options(byte: u8) -> MeterOptions {
    MeterOptions {
        apart_by_vlan: byte & 1 != 0,
        apart_by_tunnel: byte & 2 != 0,
        content: byte & 4 != 0,
        applications: byte & 8 == 0,
        max_flows: 1 + usize::from(byte >> 4),
        ..MeterOptions::default()
    }
}

/// Link types that are decoded (tcpdump.org/linktypes.html), in the order of a seed's first byte.
pub const LINK_TYPES: &[u16] = &[
    1, 0, 9, 12, 50, 51, 101, 104, 105, 107, 108, 113, 127, 166, 226, 228, 229, 239, 276, 147,
];

/// Options, a link type, then frames: a length in two bytes, their time, their bytes.
pub fn frames(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut metering = Metering::new(options(bytes.byte()));
    let link = bytes.byte();
    let link_type = match LINK_TYPES.get(usize::from(link)) {
        Some(known) => *known,
        None => u16::from(link),
    };
    let mut time = 1_772_446_500_000_000;
    while !bytes.is_empty() {
        let length = bytes.half();
        let more = u32::from(bytes.byte());
        time += i64::from(more) * 100_000;
        let frame = bytes.take(usize::from(length & 0x7ff));
        let kept = u32::try_from(frame.len()).unwrap_or(0);
        // A frame that was cut when it was captured is longer on the wire.
        let wire = kept + if length & 0x8000 != 0 { more * 16 } else { 0 };
        metering.frame(time, link_type, wire, frame);
    }
    metering.finish();
}

/// Eight bytes a packet: which two of four hosts, protocol, flags, length, and how much later, or earlier, it comes.
/// The same packets give the same flows in the same order.
pub fn table(data: &[u8]) {
    let flows = table_once(data);
    assert_eq!(flows, table_once(data));
}

fn table_once(data: &[u8]) -> Vec<MeteredFlow> {
    let mut bytes = Bytes(data);
    let first = bytes.byte();
    let options = MeterOptions {
        active_timeout_us: 60_000_000,
        idle_timeout_us: i64::from(1 + (first & 7)) * 1_000_000,
        max_flows: 1 + usize::from(first >> 3),
        ..MeterOptions::default()
    };
    let (most, mut meter) = (options.max_flows, Meter::new(options));
    let (mut flows, mut metered, mut number) = (Vec::<MeteredFlow>::new(), 0u64, 0);
    let mut time = 1_772_446_500_000_000i64;
    while !bytes.is_empty() {
        let [hosts, kind, flags, length] = [(); 4].map(|()| bytes.byte());
        let later = i64::from(bytes.half().cast_signed()) * 10_000;
        time = time.saturating_add(later);
        if kind == 0xff {
            meter.tick(Timestamp::from_micros(time), &mut flows);
            continue;
        }
        number += 1;
        let frame = packet_of(hosts, kind, flags, length, bytes.half());
        let packet = Packet {
            number,
            time: Timestamp::from_micros(time),
            link_type: 101,
            wire_length: u32::try_from(frame.len()).unwrap_or(0),
            bytes: &frame,
        };
        metered += u64::from(meter.packet(&packet, &mut flows) == Fate::Metered);
    }
    let before_the_end = flows.len();
    meter.finish(&mut flows);
    let open = flows.len() - before_the_end;
    // What had ended, and waited for its second to be over, comes out at the end too.
    let forced = flows
        .iter()
        .skip(before_the_end)
        .filter(|flow| flow.flow.end_reason == Some(invigil::record::EndReason::Forced));
    assert!(
        forced.count() <= most,
        "{open} flows at the end, {most} may be open"
    );
    let in_flows: u64 = flows
        .iter()
        .map(|metered| metered.flow.src_packets + metered.flow.dst_packets)
        .sum();
    assert_eq!(in_flows, metered);
    flows
}

/// IPv4 with TCP, UDP, ICMP, or a piece of a datagram.
fn packet_of(hosts: u8, kind: u8, flags: u8, length: u8, sequence: u16) -> Vec<u8> {
    let protocol = [6, 17, 1, 17][usize::from(kind & 3)];
    let is_piece = kind & 3 == 3;
    let head = if protocol == 6 { 20 } else { 8 };
    let whole = 20 + head + u16::from(length);
    let mut frame = vec![0x45, 0];
    frame.extend(whole.to_be_bytes());
    frame.extend([0, kind >> 4]);
    frame.extend(if is_piece {
        (u16::from(flags & 0x0f) | u16::from(flags & 0x80) << 6).to_be_bytes()
    } else {
        [0, 0]
    });
    frame.extend([64, protocol, 0, 0]);
    frame.extend([192, 0, 2, hosts & 3, 192, 0, 2, hosts >> 2 & 3]);
    let port = |bits: u8| 1_000 + u16::from(bits & 3);
    frame.extend(port(hosts >> 4).to_be_bytes());
    frame.extend(port(hosts >> 6).to_be_bytes());
    if protocol == 6 {
        frame.extend(u32::from(sequence).to_be_bytes());
        frame.extend(u32::from(sequence >> 1).to_be_bytes());
        frame.extend([0x50, flags, length, 0, 0, 0, 0, 0]);
    } else {
        frame.extend((8 + u16::from(length)).to_be_bytes());
        frame.extend([0, 0]);
    }
    frame.resize(usize::from(whole), flags);
    frame
}

/// Gives few bytes at a time.
struct Dripping(Cursor<Vec<u8>>, usize);

impl Read for Dripping {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let some = room.len().min(self.1);
        self.0.read(&mut room[..some])
    }
}

/// The file gives the same steps whether it comes as a whole or drips, and its packets have their fates.
pub fn capture_file(data: &[u8]) {
    let whole = steps(Box::new(Cursor::new(data.to_vec())));
    if data.starts_with(&[0x1f, 0x8b]) {
        // Of broken compression what lies just before the fault may be lost, more or less of it.
        return;
    }
    let drip = 1 + usize::from(data.last().copied().unwrap_or(0) & 0x3f);
    let dripping = steps(Box::new(Dripping(Cursor::new(data.to_vec()), drip)));
    assert_eq!(whole, dripping);
}

/// What a file gives, in words that can be compared.
fn steps(input: Box<dyn Read + Send>) -> Result<Vec<(u64, u64, u64, u64)>, String> {
    let mut capture = CaptureFile::open(input).map_err(|error| error.to_string())?;
    let mut metering = Metering::new(MeterOptions::default());
    let mut all = Vec::new();
    while let Some(step) = capture.next_step().map_err(|error| error.to_string())? {
        all.push(match step {
            Step::Packet(packet) => {
                metering.frame(
                    packet.time.micros(),
                    packet.link_type,
                    packet.wire_length,
                    packet.bytes,
                );
                let sum = packet.bytes.iter().fold(7u64, |sum, byte| {
                    sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
                });
                (
                    packet.time.micros().cast_unsigned(),
                    u64::from(packet.link_type) << 32 | u64::from(packet.wire_length),
                    packet.bytes.len() as u64,
                    sum,
                )
            }
            Step::Time(time) => {
                metering.tick(time.micros());
                (time.micros().cast_unsigned(), u64::MAX, 0, 0)
            }
            Step::Damage { offset, length, .. } => (offset, u64::from(length), u64::MAX, 0),
        });
    }
    metering.finish();
    Ok(all)
}

/// Options, then datagrams: a length in two bytes, and in its upper bit whether another exporter sent it.
pub fn exports(data: &[u8]) {
    datagrams(data, &[]);
}

/// The same, each with the head of sFlow 5 before it.
pub fn sflow(data: &[u8]) {
    datagrams(data, &[0, 0, 0, 5]);
}

fn datagrams(data: &[u8], head: &[u8]) {
    let mut bytes = Bytes(data);
    let first = bytes.byte();
    let mut collecting = Collecting::new(CollectorOptions {
        scale_samples: first & 1 != 0,
        waiting_bytes: usize::from(first >> 4) * 400,
        templates: 1 + usize::from(first >> 1 & 7),
    });
    while !bytes.is_empty() {
        let length = bytes.half();
        let mut datagram = head.to_vec();
        datagram.extend(bytes.take(usize::from(length & 0x0fff)));
        let exporter = if length & 0x8000 != 0 { 1 } else { 2 };
        collecting.datagram(Ipv4Addr::new(192, 0, 2, exporter).into(), None, &datagram);
    }
    collecting.finish();
}

struct Collecting {
    collector: Collector,
    all: Vec<Collected>,
    counts: Counts,
    number: u64,
}

impl Collecting {
    fn new(options: CollectorOptions) -> Self {
        Collecting {
            collector: Collector::new(options),
            all: Vec::new(),
            counts: Counts::default(),
            number: 0,
        }
    }

    fn datagram(&mut self, exporter: IpAddr, received: Option<Timestamp>, bytes: &[u8]) {
        self.number += 1;
        let datagram = Datagram {
            source: SourceId([0; 16]),
            number: self.number,
            exporter,
            received,
            bytes,
        };
        self.collector
            .datagram(&datagram, &mut self.all, &mut self.counts);
    }

    fn finish(mut self) {
        self.collector.finish(&mut self.all, &mut self.counts);
        self.counts.check().expect("the sums add up");
        let flows = self
            .all
            .iter()
            .filter(|one| matches!(one.outcome, CollectedOutcome::Flow(_)));
        let flows = flows.count() as u64;
        assert_eq!(flows, self.counts.stored);
        assert_eq!(self.all.len() as u64 - flows, self.counts.rejected);
        let mut places: Vec<(Place, bool)> = Vec::new();
        for one in self.all {
            places.push((one.place, matches!(one.outcome, CollectedOutcome::Flow(_))));
            if let CollectedOutcome::Flow(flow) = one.outcome {
                encode(one.place.frame, &Event::Flow(flow));
            }
        }
        places.sort_unstable();
        let before = places.len();
        places.dedup();
        assert_eq!(places.len(), before, "two records in one place");
        let _said = self.collector.exporters();
    }
}

/// Exports in a capture, or in a file of datagrams, as `collect netflow` finds them.
pub fn export_capture(data: &[u8]) {
    let mut collecting = Collecting::new(CollectorOptions {
        waiting_bytes: 2_000,
        templates: 8,
        ..CollectorOptions::default()
    });
    is_export(data);
    if let Ok(mut capture) = CaptureFile::open(Box::new(Cursor::new(data.to_vec()))) {
        while let Ok(Some(step)) = capture.next_step() {
            if let Step::Packet(packet) = step
                && let Some(export) = export_packet(&packet)
            {
                collecting.datagram(export.exporter, Some(packet.time), export.bytes);
            }
        }
    } else {
        let mut rest = data;
        while !rest.is_empty() {
            let length = first_datagram(rest).unwrap_or(rest.len());
            assert!(length > 0 && length <= rest.len());
            let (first, after) = rest.split_at(length);
            collecting.datagram(Ipv4Addr::UNSPECIFIED.into(), None, first);
            rest = after;
        }
    }
    collecting.finish();
}

/// Filters, proxies, web servers.
pub const WEB: &[&str] = &[
    "cisco_wsa",
    "squid_native",
    "squid_combined",
    "cloudflare_gateway",
    "combined",
    "dante",
    "e2guardian",
    "forcepoint",
    "haproxy",
    "netskope",
    "skyhigh",
    "threeproxy",
    "umbrella",
    "w3c",
    "zscaler",
];
/// Firewalls and translation.
pub const FIREWALLS: &[&str] = &[
    "barracuda",
    "checkpoint",
    "cisco_asa",
    "fortigate",
    "iptables",
    "juniper_srx",
    "linux_conntrack",
    "mikrotik",
    "nat_port_blocks",
    "paloalto",
    "pfsense_filterlog",
    "sonicwall",
    "sophos",
    "stormshield",
    "watchguard",
];
/// Names and addresses.
pub const NAMES: &[&str] = &[
    "adguard_home",
    "bind_query",
    "dnsmasq",
    "isc_dhcpd",
    "isc_leases",
    "kea_leases",
    "kea_log",
    "unbound",
    "windows_dhcp",
    "windows_dns",
];
/// Sign-ins.
pub const SIGN_INS: &[&str] = &[
    "aruba_controller",
    "captive_portal",
    "cisco_ise",
    "cisco_meraki",
    "freeradius_log",
    "openvpn",
    "radacct_csv",
    "radius_detail",
    "sshd_pam",
    "strongswan",
    "windows_nps",
    "windows_security",
];
/// All others: mail, sensors, any product's layouts, described tables.
pub const OTHERS: &[&str] = &[];

/// The formats of a family; those of no family for `OTHERS`.
pub fn family(names: &[&str]) -> Vec<&'static dyn LogFormat> {
    let has_family = |name: &str| {
        [WEB, FIREWALLS, NAMES, SIGN_INS]
            .iter()
            .any(|all| all.contains(&name))
    };
    let formats = FORMATS.iter().copied().filter(|format| {
        names.contains(&format.name()) || (names.is_empty() && !has_family(format.name()))
    });
    formats.collect()
}

/// A format by the first byte, then the log. Cut into other blocks it gives the same.
pub fn logs(names: &[&str], data: &[u8]) {
    let mut bytes = Bytes(data);
    let formats = family(names);
    let Some(format) = formats.get(usize::from(bytes.byte()) % formats.len().max(1)) else {
        return;
    };
    read_log(*format, bytes.0);
}

/// The format that the lines look like, and what it makes of them.
pub fn log_likeness(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    for (format, likeness) in likenesses(&lines, &[]) {
        assert!(likeness <= 100);
        read_log(format, data);
    }
}

fn read_log(format: &'static dyn LogFormat, data: &[u8]) {
    let settings = SourceSettings {
        zone: jiff::tz::TimeZone::get("Europe/London").expect("bundled"),
        reference: Timestamp::from_seconds(1_773_000_000),
        fold: Fold::First,
        corrections: Corrections::default(),
    };
    let mut lines = reader(format, &settings);
    let mut framer = Framer::new(data, format.framing());
    let (mut block, mut counts) = (Block::new(), Counts::default());
    while framer.fill(&mut block).expect("memory can be read") {
        for frame in block.frames() {
            let mut records = 0u64;
            let outcome = read_frame(&mut *lines, &frame, &mut |event: Event<'_>| {
                records += 1;
                encode(frame.number, &event);
            });
            let lines = u64::from(frame.lines);
            counts.read += lines;
            counts.bytes += frame.length;
            assert_eq!(records > 0, outcome == Outcome::Records);
            match outcome {
                Outcome::Records => counts.stored += lines,
                Outcome::Rejected(reason) => counts.reject_many(reason, lines),
                Outcome::Ignored(reason) => counts.ignore_many(reason, lines),
            }
        }
    }
    counts.check().expect("the sums add up");
    assert_eq!(counts.bytes, data.len() as u64, "every byte is in a frame");
}
