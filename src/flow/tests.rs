//! Captures metered as a whole: each in `fixtures/pcap` gives what stands beside it, and no change of any byte of them breaks anything.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use super::decode::decode;
use super::key::Key;
use super::listening::MOST_HELD;
use super::{Fate, HeardEvent, Meter, MeterOptions, MeteredFlow};
use crate::capture::{CaptureFile, Step};
use crate::record::{Counts, EndReason, JsonRow, Packet, Place, RejectReason, SourceId, Timestamp};

/// What a capture became.
pub(super) struct Metered {
    counts: Counts,
    damage: Vec<(RejectReason, u64, u32)>,
    flows: Vec<MeteredFlow>,
    heard: Vec<HeardEvent>,
}

pub(super) fn meter(bytes: &[u8], options: &MeterOptions) -> Option<Metered> {
    let mut file = CaptureFile::open(Box::new(Cursor::new(bytes.to_vec()))).ok()?;
    let mut meter = Meter::new(options.clone());
    let mut metered = Metered {
        counts: Counts::default(),
        damage: Vec::new(),
        flows: Vec::new(),
        heard: Vec::new(),
    };
    while let Some(step) = file.next_step().unwrap() {
        match step {
            Step::Packet(packet) => {
                metered.counts.read += 1;
                assert_eq!(packet.number, metered.counts.read);
                match meter.packet(&packet, &mut metered.flows) {
                    Fate::Metered => metered.counts.stored += 1,
                    Fate::Rejected(reason) => metered.counts.reject(reason),
                    Fate::Ignored(reason) => metered.counts.ignore(reason),
                    Fate::Held => metered.counts.held += 1,
                }
                metered.heard.append(meter.heard());
            }
            Step::Time(time) => meter.tick(time, &mut metered.flows),
            Step::Damage {
                reason,
                offset,
                length,
            } => metered.damage.push((reason, offset, length)),
        }
    }
    meter.finish(&mut metered.flows);
    metered.counts.check().unwrap();
    let in_flows: u64 = metered
        .flows
        .iter()
        .map(|metered: &MeteredFlow| metered.flow.src_packets + metered.flow.dst_packets)
        .sum();
    assert_eq!(
        in_flows, metered.counts.stored,
        "each metered packet is in one flow"
    );
    Some(metered)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pcap")
}

fn captures() -> Vec<String> {
    let index = std::fs::read_to_string(folder().join("INDEX.tsv")).unwrap();
    let files: Vec<String> = index
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next())
        .map(str::to_owned)
        .collect();
    assert!(files.len() > 12, "the index of captures is too short");
    files
}

fn expected_text(metered: &Metered) -> String {
    let mut text = String::new();
    let mut row = JsonRow::default();
    for flow in &metered.flows {
        let place = Place {
            source: SourceId([0; 16]),
            frame: flow.first_frame,
            ordinal: 0,
        };
        text.push_str(row.object(place, &flow.flow, false));
        text.push('\n');
    }
    for heard in &metered.heard {
        let place = Place {
            source: SourceId([0; 16]),
            frame: heard.frame,
            ordinal: 0,
        };
        text.push_str(row.object(place, &heard.event, true));
        text.push('\n');
    }
    for (reason, offset, length) in &metered.damage {
        text.push_str(&format!(
            "{{\"damage\":\"{reason}\",\"offset\":{offset},\"length\":{length}}}\n"
        ));
    }
    let counts = &metered.counts;
    let reasons = serde_json::to_string(&counts.reasons).unwrap();
    text.push_str(&format!(
        "{{\"packets\":{},\"metered\":{},\"rejected\":{},\"ignored\":{},\"reasons\":{reasons}}}\n",
        counts.read, counts.stored, counts.rejected, counts.ignored
    ));
    text
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the one switch of the golden tests"
)]
fn each_capture_gives_the_flows_that_are_expected_of_it() {
    let rewrite = std::env::var_os("UPDATE_FIXTURES").is_some();
    let options = MeterOptions {
        content: true,
        ..MeterOptions::default()
    };
    for name in captures() {
        let metered = meter(&std::fs::read(folder().join(&name)).unwrap(), &options).unwrap();
        let path = folder().join(format!("{name}.jsonl"));
        let got = expected_text(&metered);
        if rewrite {
            std::fs::write(&path, &got).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap();
        assert_eq!(got, expected, "{name}");
    }
}

#[test]
fn a_seed_changes_no_record() {
    for name in captures() {
        let bytes = std::fs::read(folder().join(&name)).unwrap();
        let one = meter(&bytes, &MeterOptions::default()).unwrap();
        let other = MeterOptions {
            seed: 0x5eed,
            ..MeterOptions::default()
        };
        assert_eq!(one.flows, meter(&bytes, &other).unwrap().flows, "{name}");
    }
}

#[test]
fn no_path_and_no_agent_is_kept_unless_content_is_asked_for() {
    let bytes = std::fs::read(folder().join("http.pcap")).unwrap();
    let metered = meter(&bytes, &MeterOptions::default()).unwrap();
    for flow in &metered.flows {
        assert_eq!(
            (
                flow.flow.http_path.as_str(),
                flow.flow.http_user_agent.as_str()
            ),
            ("", "")
        );
    }
    assert!(
        metered
            .flows
            .iter()
            .any(|flow| flow.flow.server_name.0 == "maths.example")
    );
}

/// A packet of a capture, on its own.
#[derive(Clone)]
pub(super) struct Kept {
    number: u64,
    time: Timestamp,
    link_type: u16,
    wire_length: u32,
    pub(super) bytes: Vec<u8>,
}

impl Kept {
    fn packet(&self) -> Packet<'_> {
        Packet {
            number: self.number,
            time: self.time,
            link_type: self.link_type,
            wire_length: self.wire_length,
            bytes: &self.bytes,
        }
    }
}

/// The packets of a capture, by the flow that they are in, each flow's first dozen. What is no part of a flow is alone.
pub(super) fn first_packets(bytes: &[u8]) -> Vec<Vec<Kept>> {
    const FIRST: usize = 12;
    let mut groups: Vec<(Option<Key>, Vec<Kept>)> = Vec::new();
    let Ok(mut file) = CaptureFile::open(Box::new(Cursor::new(bytes.to_vec()))) else {
        return Vec::new();
    };
    while let Some(step) = file.next_step().unwrap() {
        let Step::Packet(packet) = step else { continue };
        // A fragment's flow is known by its first, so all of one pair of ends are together.
        let key = decode(&packet).ok().map(|decoded| {
            let mut decoded = decoded;
            if decoded.fragment.is_some() {
                (decoded.src_port, decoded.dst_port) = (0, 0);
            }
            Key::of(&decoded).0
        });
        let kept = Kept {
            number: packet.number,
            time: packet.time,
            link_type: packet.link_type,
            wire_length: packet.wire_length,
            bytes: packet.bytes.to_vec(),
        };
        match groups
            .iter_mut()
            .find(|(of, _)| key.is_some() && *of == key)
        {
            Some((_, group)) if group.len() < FIRST => group.push(kept),
            Some(_) => {}
            None => groups.push((key, vec![kept])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Meters the packets of a group; each that was metered is in one flow.
pub(super) fn meter_group(group: &[Kept]) {
    let options = MeterOptions {
        content: true,
        ..MeterOptions::default()
    };
    let (mut meter, mut flows, mut stored) = (Meter::new(options), Vec::new(), 0);
    for kept in group {
        stored += u64::from(meter.packet(&kept.packet(), &mut flows) == Fate::Metered);
    }
    meter.finish(&mut flows);
    let in_flows: u64 = flows
        .iter()
        .map(|metered: &MeteredFlow| metered.flow.src_packets + metered.flow.dst_packets)
        .sum();
    assert_eq!(in_flows, stored);
}

/// Files up to this length are read whole for each change, so that each format's own bytes are changed, too; of longer
/// ones the packets are changed, each within its flow.
const SHORT: usize = 1_400;

#[test]
fn every_prefix_of_every_capture_is_read_to_its_end() {
    for name in captures() {
        let bytes = std::fs::read(folder().join(&name)).unwrap();
        let whole = if bytes.len() <= SHORT {
            bytes.len()
        } else {
            64
        };
        for end in 0..whole {
            meter(&bytes[..end], &MeterOptions::default());
        }
        for group in first_packets(&bytes) {
            for at in 0..group.len() {
                // What comes after a cut packet stays as it is.
                let mut cut = group.clone();
                while cut[at].bytes.pop().is_some() {
                    meter_group(&cut);
                }
            }
        }
    }
}

#[test]
fn every_changed_byte_of_every_capture_leaves_the_sums_right() {
    for name in captures() {
        let mut bytes = std::fs::read(folder().join(&name)).unwrap();
        let whole = if bytes.len() <= SHORT {
            bytes.len()
        } else {
            64
        };
        for mut group in first_packets(&bytes) {
            for at in 0..group.len() {
                for place in 0..group[at].bytes.len() {
                    for change in [0x01, 0xff] {
                        group[at].bytes[place] ^= change;
                        meter_group(&group);
                        group[at].bytes[place] ^= change;
                    }
                }
            }
        }
        for at in 0..whole {
            for change in [0x01, 0xff] {
                bytes[at] ^= change;
                meter(&bytes, &MeterOptions::default());
                bytes[at] ^= change;
            }
        }
    }
}

/// A UDP datagram in raw IP from one of many ports.
fn datagram(number: u64, seconds: i64, port: u16) -> (u64, Timestamp, Vec<u8>) {
    let mut bytes = vec![
        0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1,
    ];
    bytes.extend_from_slice(&port.to_be_bytes());
    bytes.extend_from_slice(&[0x27, 0x0f, 0, 12, 0, 0, 1, 2, 3, 4]);
    (number, Timestamp::from_seconds(seconds), bytes)
}

fn feed(
    meter: &mut Meter,
    (number, time, bytes): &(u64, Timestamp, Vec<u8>),
    out: &mut Vec<MeteredFlow>,
) {
    let packet = Packet {
        number: *number,
        time: *time,
        link_type: 101,
        wire_length: u32::try_from(bytes.len()).unwrap(),
        bytes,
    };
    assert_eq!(meter.packet(&packet, out), Fate::Metered);
}

#[test]
fn a_datagram_ends_where_its_own_header_says() {
    let fate = |said: u16, out: &mut Vec<MeteredFlow>| {
        let (number, time, mut bytes) = datagram(1, 0, 7);
        bytes[24..26].copy_from_slice(&said.to_be_bytes());
        let mut meter = Meter::new(MeterOptions::default());
        let packet = Packet {
            number,
            time,
            link_type: 101,
            wire_length: u32::try_from(bytes.len()).unwrap(),
            bytes: &bytes,
        };
        let fate = meter.packet(&packet, out);
        meter.finish(out);
        fate
    };
    let mut out = Vec::new();
    for said in 0..8 {
        assert_eq!(
            fate(said, &mut out),
            Fate::Rejected(RejectReason::Malformed)
        );
    }
    assert!(out.is_empty());
    // Of four bytes behind the header it claims none, two, all, and more than there are.
    let payload: Vec<u64> = [8, 10, 12, 400]
        .into_iter()
        .map(|said| {
            assert_eq!(fate(said, &mut out), Fate::Metered);
            let flow = out.pop().unwrap().flow;
            assert_eq!(flow.src_bytes, 32, "the packet is as long as it is");
            flow.src_payload_bytes
        })
        .collect();
    assert_eq!(payload, [0, 2, 4, 4]);
}

#[test]
fn in_version_6_a_length_of_zero_means_the_whole_datagram() {
    let mut bytes = vec![0x60, 0, 0, 0, 0, 12, 17, 64];
    for last in [1, 2] {
        bytes.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    bytes.extend([0, 7, 0x27, 0x0f, 0, 0, 0, 0, 1, 2, 3, 4]);
    let (mut meter, mut out) = (Meter::new(MeterOptions::default()), Vec::new());
    feed(
        &mut meter,
        &(1, Timestamp::from_seconds(0), bytes),
        &mut out,
    );
    meter.finish(&mut out);
    assert_eq!(out[0].flow.src_payload_bytes, 4);
}

#[test]
fn vlans_and_tunnels_set_flows_apart_where_that_is_asked_for() {
    // The same datagram in VLAN 1, in VLAN 2, in GRE without a key and with two.
    let mut frames: Vec<Vec<u8>> = Vec::new();
    let (_, _, inner) = datagram(1, 0, 7);
    for vlan in [1, 2] {
        let mut frame = vec![2; 12];
        frame.extend([0x81, 0, 0, vlan, 0x08, 0]);
        frame.extend(&inner);
        frames.push(frame);
    }
    for gre in [
        &[0, 0, 8, 0][..],
        &[0x20, 0, 8, 0, 0, 0, 0, 5],
        &[0x20, 0, 8, 0, 0, 0, 0, 6],
    ] {
        let mut frame = vec![2; 12];
        let length = u8::try_from(20 + gre.len() + inner.len()).unwrap();
        frame.extend([8, 0, 0x45, 0, 0, length, 0, 0, 0, 0, 64, 47, 0, 0]);
        frame.extend([192, 0, 2, 1, 192, 0, 2, 2]);
        frame.extend(gre);
        frame.extend(&inner);
        frames.push(frame);
    }
    let flows = |apart_by_vlan, apart_by_tunnel| {
        let (mut meter, mut out) = (
            Meter::new(MeterOptions {
                apart_by_vlan,
                apart_by_tunnel,
                ..MeterOptions::default()
            }),
            Vec::new(),
        );
        for (number, bytes) in (1..).zip(&frames) {
            let packet = Packet {
                number,
                time: Timestamp::from_seconds(1),
                link_type: 1,
                wire_length: u32::try_from(bytes.len()).unwrap(),
                bytes,
            };
            assert_eq!(meter.packet(&packet, &mut out), Fate::Metered);
        }
        meter.finish(&mut out);
        let ids: std::collections::BTreeSet<String> = out
            .iter()
            .map(|metered: &MeteredFlow| metered.flow.community_id.clone())
            .collect();
        assert_eq!(
            ids.len(),
            1,
            "the Community ID knows nothing of what lies around"
        );
        out.len()
    };
    assert_eq!(flows(false, false), 1);
    assert_eq!(flows(true, false), 3);
    assert_eq!(flows(false, true), 4);
    assert_eq!(flows(true, true), 5);
}

#[test]
fn without_room_the_quietest_flow_ends() {
    let options = MeterOptions {
        max_flows: 3,
        ..MeterOptions::default()
    };
    let (mut meter, mut out) = (Meter::new(options), Vec::new());
    for (number, (seconds, port)) in (1..).zip([(0, 1), (1, 2), (2, 3), (3, 1), (4, 4), (5, 5)]) {
        feed(&mut meter, &datagram(number, seconds, port), &mut out);
    }
    assert_eq!(meter.evicted(), 2);
    meter.finish(&mut out);
    let ended: Vec<(u16, EndReason)> = out
        .iter()
        .map(|metered| (metered.flow.src_port, metered.flow.end_reason.unwrap()))
        .collect();
    assert_eq!(
        ended,
        [
            (2, EndReason::Resources),
            (3, EndReason::Resources),
            (1, EndReason::Forced),
            (4, EndReason::Forced),
            (5, EndReason::Forced),
        ]
    );
}

#[test]
fn flows_come_out_in_the_second_in_which_they_are_over() {
    let (mut meter, mut out) = (Meter::new(MeterOptions::default()), Vec::new());
    for (number, (seconds, port)) in (1..).zip([(0, 7), (0, 6), (10, 5), (302, 4)]) {
        feed(&mut meter, &datagram(number, seconds, port), &mut out);
    }
    let ended: Vec<u16> = out.iter().map(|metered| metered.flow.src_port).collect();
    assert_eq!(
        ended,
        [7, 6],
        "the flow that was quiet since the tenth second is not over yet"
    );
    // A leap of years, and a leap back.
    feed(&mut meter, &datagram(5, 4_000_000_000, 3), &mut out);
    feed(&mut meter, &datagram(6, 303, 2), &mut out);
    let ended: Vec<u16> = out.iter().map(|metered| metered.flow.src_port).collect();
    assert_eq!(ended, [7, 6, 5, 4]);
}

#[test]
fn many_flows_at_once_stay_within_their_bound_and_the_quietest_ends_first() {
    const BOUND: u64 = 1_000;
    const OFFERED: u64 = 50_000;
    let options = MeterOptions {
        max_flows: usize::try_from(BOUND).unwrap(),
        ..MeterOptions::default()
    };
    let (mut meter, mut out) = (Meter::new(options), Vec::new());
    for number in 1..=OFFERED {
        let seconds = i64::try_from(number / 10_000).unwrap();
        let port = u16::try_from(number).unwrap();
        feed(&mut meter, &datagram(number, seconds, port), &mut out);
        let holds = meter.shards.holds();
        assert!(holds.flows <= usize::try_from(BOUND).unwrap());
        // Flows that take the places of others do not make the order of those that are listened to longer and longer.
        assert!(holds.listed <= 3_100, "{} listed", holds.listed);
    }
    assert_eq!(meter.evicted(), OFFERED - BOUND);
    meter.finish(&mut out);
    let evicted: Vec<u64> = out
        .iter()
        .filter(|ended| ended.flow.end_reason == Some(EndReason::Resources))
        .map(|ended| ended.first_frame)
        .collect();
    assert_eq!(evicted, (1..=OFFERED - BOUND).collect::<Vec<_>>());
    assert_eq!(out.len() as u64, OFFERED);
}

#[test]
fn half_a_sentence_in_each_of_many_flows_is_held_within_a_bound() {
    let (mut meter, mut out) = (Meter::new(MeterOptions::default()), Vec::new());
    // A hello that announces more than comes.
    let mut hello = vec![0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc];
    hello.resize(1_400, 0);
    for number in 1..=40_000u32 {
        let packet = segment(number, &hello);
        feed(&mut meter, &packet, &mut out);
        let holds = meter.shards.holds();
        assert!(holds.bytes <= MOST_HELD, "{} bytes", holds.bytes);
    }
    let holds = meter.shards.holds();
    assert!(holds.bytes > MOST_HELD / 2 && holds.given_up > 10_000);
    // Those that were given up are flows all the same, and what was held is given back when they end.
    feed(&mut meter, &datagram(50_000, 1_000, 1), &mut out);
    assert_eq!(out.len(), 40_000);
    let holds = meter.shards.holds();
    assert!(holds.bytes < 1_000, "{} bytes", holds.bytes);
}

/// A segment of a connection of its own, in raw IP.
fn segment(number: u32, payload: &[u8]) -> (u64, Timestamp, Vec<u8>) {
    let length = u16::try_from(40 + payload.len()).unwrap().to_be_bytes();
    let [_, a, b, c] = number.to_be_bytes();
    let mut packet = vec![0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 6, 0, 0];
    packet.extend([10, a, b, c, 192, 0, 2, 1, 0x80, 0, 1, 0xbb]);
    packet.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 4, 0, 0, 0, 0, 0]);
    packet.extend(payload);
    (number.into(), Timestamp::from_seconds(0), packet)
}

#[test]
fn the_last_flows_come_out_in_pieces_and_in_order() {
    let (mut meter, mut out) = (Meter::new(MeterOptions::default()), Vec::new());
    for number in 1..=100u16 {
        feed(&mut meter, &datagram(number.into(), 0, number), &mut out);
    }
    // The first flows are over by now, and the next ones take their places from the end.
    for number in 101..=10_000u16 {
        feed(&mut meter, &datagram(number.into(), 400, number), &mut out);
    }
    let mut frames: Vec<u64> = out.drain(..).map(|ended| ended.first_frame).collect();
    assert_eq!(frames.len(), 100);
    let mut pieces = 0;
    loop {
        let is_more = meter.finish_some(&mut out);
        assert!(out.len() <= 4_096, "{} at once", out.len());
        pieces += 1;
        frames.extend(out.drain(..).map(|ended| ended.first_frame));
        if !is_more {
            break;
        }
    }
    assert_eq!(pieces, 3);
    assert_eq!(frames, (1..=10_000).collect::<Vec<u64>>());
    assert!(!meter.finish_some(&mut out) && out.is_empty());
}
