//! Bytes that nobody sends on purpose: fixtures changed at random, spliced and cut, from a fixed seed.
//!
//! Some rounds run with every test. `INVIGIL_TEST_LONG=1` asks for a hundred times as many, which takes minutes for
//! each family. It needs no nightly compiler, and the same seed finds the same bytes again.

use std::path::Path;

use super::export::tests::collect;
use super::export::{CollectorOptions, first_datagram, is_export};
use super::tests::{Kept, first_packets, meter, meter_group};
use super::{Fate, Meter, MeterOptions, MeteredFlow};
use crate::record::{Packet, Timestamp};

/// Marsaglia's xorshift: good enough to be nasty.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % below.max(1)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.roll(256)).unwrap()
    }

    /// One or several changes: bytes and lengths replaced, pieces cut out, doubled, or taken from elsewhere.
    pub(super) fn change(&mut self, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
        for _ in 0..=self.roll(6) {
            let at = self.roll(bytes.len());
            let end = (at + 1 + self.roll(40)).min(bytes.len());
            match self.roll(7) {
                _ if bytes.is_empty() => bytes.push(self.byte()),
                0 => bytes[at] = self.byte(),
                1 => bytes[at] ^= 1 << self.roll(8),
                2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][self.roll(6)],
                3 => drop(bytes.drain(at..end)),
                4 => {
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                5 => bytes.truncate(at),
                _ => {
                    let other = &others[self.roll(others.len())];
                    let from = self.roll(other.len());
                    let piece = &other[from..(from + self.roll(120)).min(other.len())];
                    bytes.splice(at..end, piece.iter().copied());
                }
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a longer run is asked for by the environment"
)]
fn rounds() -> usize {
    match std::env::var_os("INVIGIL_TEST_LONG") {
        Some(_) => 400_000,
        None => 4_000,
    }
}

pub(super) fn fixtures(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(folder);
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    index
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next())
        .map(|name| std::fs::read(folder.join(name)).unwrap())
        .collect()
}

#[test]
fn captures_that_are_changed_at_random_leave_the_sums_right() {
    let all = fixtures("pcap");
    let mut dice = Dice(0x1e57_0001);
    for _ in 0..rounds() {
        let mut bytes = all[dice.roll(all.len())].clone();
        dice.change(&mut bytes, &all);
        let options = MeterOptions {
            apart_by_vlan: dice.roll(2) == 0,
            apart_by_tunnel: dice.roll(2) == 0,
            content: true,
            max_flows: 1 + dice.roll(20),
            ..MeterOptions::default()
        };
        meter(&bytes, &options);
    }
}

/// Captures by what they hold. What is changed are the packets of a talk behind their headers, so that it stays one talk and
/// its reader is reached; changes come from talks of the same family, too.
const FAMILIES: [(&str, &[&str]); 7] = [
    ("tls", &["tls.pcap", "real_tls.pcap"]),
    ("quic", &["quic.pcap", "real_quic.pcap"]),
    ("dns", &["dns.pcap"]),
    ("http", &["http.pcap"]),
    (
        "tunnels",
        &[
            "openvpn.pcap",
            "wireguard.pcap",
            "ipsec.pcap",
            "ways_round.pcap",
        ],
    ),
    (
        "peers and services",
        &[
            "bypass.pcap",
            "greetings.pcap",
            "services.pcap",
            "minecraft.pcap",
        ],
    ),
    ("identity", &["identity.pcap"]),
];

/// Ethernet, IP without options, and a header of UDP; of TCP it is a part, and the rest is changed, too.
const HEADERS: usize = 14 + 20 + 8;

fn family(names: &[&str]) -> Vec<Vec<Kept>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pcap");
    names
        .iter()
        .flat_map(|name| first_packets(&std::fs::read(folder.join(name)).unwrap()))
        .collect()
}

/// Lets the headers of IPv4 and UDP say how long the packet is now.
fn mend_lengths(frame: &mut [u8]) {
    if frame[12..14] != [8, 0] {
        return;
    }
    let length = u16::try_from(frame.len() - 14).unwrap_or(u16::MAX);
    frame[16..18].copy_from_slice(&length.to_be_bytes());
    if frame[23] == 17 {
        frame[38..40].copy_from_slice(&(length - 20).to_be_bytes());
    }
}

#[test]
fn talks_of_each_family_that_are_changed_at_random_leave_the_sums_right() {
    for (seed, (name, captures)) in (0x1e57_0010..).zip(FAMILIES) {
        let talks = family(captures);
        let payloads: Vec<Vec<u8>> = talks
            .iter()
            .flatten()
            .filter_map(|kept| kept.bytes.get(HEADERS..))
            .filter(|payload| !payload.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        assert!(payloads.len() > 2, "{name} has no talks");
        let mut dice = Dice(seed);
        for _ in 0..rounds() {
            let mut talk = talks[dice.roll(talks.len())].clone();
            for _ in 0..=dice.roll(3) {
                let at = dice.roll(talk.len());
                let bytes = &mut talk[at].bytes;
                if bytes.len() > HEADERS {
                    let mut payload = bytes.split_off(HEADERS);
                    dice.change(&mut payload, &payloads);
                    bytes.append(&mut payload);
                    mend_lengths(bytes);
                }
            }
            meter_group(&talk);
        }
    }
}

#[test]
fn frames_of_every_link_type_that_are_changed_at_random_have_a_fate() {
    let all = fixtures("pcap");
    let mut dice = Dice(0x1e57_0002);
    let mut meter = Meter::new(MeterOptions::default());
    let (mut out, mut metered, mut in_flows) = (Vec::new(), 0u64, 0u64);
    let count = |out: &mut Vec<MeteredFlow>| -> u64 {
        out.drain(..)
            .map(|metered| metered.flow.src_packets + metered.flow.dst_packets)
            .sum()
    };
    for number in 1..=rounds() as u64 * 20 {
        let whole = &all[dice.roll(all.len())];
        let from = dice.roll(whole.len());
        let mut bytes = whole[from..(from + 200).min(whole.len())].to_vec();
        dice.change(&mut bytes, &all);
        let packet = Packet {
            number,
            time: Timestamp::from_micros(i64::try_from(number).unwrap() * 50_000),
            link_type: u16::try_from(dice.roll(300)).unwrap(),
            wire_length: u32::try_from(bytes.len() + dice.roll(3) * dice.roll(3_000)).unwrap(),
            bytes: &bytes,
        };
        metered += u64::from(meter.packet(&packet, &mut out) == Fate::Metered);
        in_flows += count(&mut out);
    }
    meter.finish(&mut out);
    in_flows += count(&mut out);
    assert_eq!(in_flows, metered);
}

#[test]
fn exports_that_are_changed_at_random_leave_the_sums_right() {
    let all = fixtures("exports");
    let mut dice = Dice(0x1e57_0003);
    for _ in 0..rounds() * 4 {
        let mut bytes = all[dice.roll(all.len())].clone();
        dice.change(&mut bytes, &all);
        let options = CollectorOptions {
            scale_samples: dice.roll(2) == 0,
            waiting_bytes: dice.roll(4_000),
            templates: 1 + dice.roll(4),
        };
        collect(&bytes, options);
        if let Some(length) = first_datagram(&bytes) {
            assert!(length > 0 && length <= bytes.len());
        }
        is_export(&bytes);
    }
}
