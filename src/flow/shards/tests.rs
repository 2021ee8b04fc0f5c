//! What several meters make of a capture, each its part, is what one makes.

use std::io::Cursor;

use super::super::decode::{decode, peek};
use super::super::fuzz::{Dice, fixtures};
use super::super::key::Key;
use super::super::{EndedFlow, Fate, HeardEvent, Meter, MeterOptions, MeteredFlow};
use crate::capture::{CaptureFile, Step};
use crate::record::{Packet, Timestamp};

/// The step at which a flow came, and where it stands among those of the step.
type Order = (usize, (i64, u64));

/// What came of the packets, in the order in which it came.
#[derive(Debug, Default, PartialEq)]
struct Came {
    fates: Vec<Fate>,
    flows: Vec<(Order, MeteredFlow)>,
    heard: Vec<HeardEvent>,
    evicted: u64,
    unheard: u64,
}

impl Came {
    fn take(&mut self, step: usize, meter: &mut Meter, flows: &mut Vec<EndedFlow>) {
        let placed = |ended: EndedFlow| ((step, ended.order()), MeteredFlow::from(ended));
        self.flows.extend(flows.drain(..).map(placed));
        self.heard.append(meter.heard());
    }
}

fn came(
    steps: &[(Timestamp, Option<Kept>)],
    options: &MeterOptions,
    part: usize,
    of: usize,
) -> Came {
    let (mut came, mut flows) = (Came::default(), Vec::new());
    let mut meter = Meter::part(options.clone(), part, of);
    for (step, (time, kept)) in steps.iter().enumerate() {
        match kept {
            Some(kept) => {
                let packet = kept.packet(*time);
                let look = Meter::first_look(options, &packet);
                came.fates.push(meter.packet_of(look, &packet, &mut flows));
            }
            None => meter.tick(*time, &mut flows),
        }
        came.take(step, &mut meter, &mut flows);
    }
    meter.finish(&mut flows);
    came.take(steps.len(), &mut meter, &mut flows);
    (came.evicted, came.unheard) = (meter.evicted(), meter.unheard());
    came
}

fn assert_parts_make_the_whole(
    steps: &[(Timestamp, Option<Kept>)],
    options: &MeterOptions,
    into: &[usize],
) -> Came {
    let whole = came(steps, options, 0, 1);
    assert!(whole.flows.is_sorted_by(|one, next| one.0 < next.0));
    for &of in into {
        let mut sum = Came::default();
        for part in 0..of {
            let came = came(steps, options, part, of);
            assert_eq!(came.fates, whole.fates);
            sum.flows.extend(came.flows);
            sum.heard.extend(came.heard);
            sum.evicted += came.evicted;
            sum.unheard += came.unheard;
        }
        sum.fates.clone_from(&whole.fates);
        sum.flows.sort_by_key(|(order, _)| *order);
        sum.heard.sort_by_key(|heard| heard.frame);
        // They are long: what differs is not shown.
        assert!(sum == whole, "in {of} parts");
    }
    whole
}

/// A packet of its own.
#[derive(Clone)]
struct Kept {
    number: u64,
    link_type: u16,
    wire_length: u32,
    bytes: Vec<u8>,
}

impl Kept {
    fn packet(&self, time: Timestamp) -> Packet<'_> {
        Packet {
            number: self.number,
            time,
            link_type: self.link_type,
            wire_length: self.wire_length,
            bytes: &self.bytes,
        }
    }
}

fn steps(capture: &[u8]) -> Vec<(Timestamp, Option<Kept>)> {
    let Ok(mut file) = CaptureFile::open(Box::new(Cursor::new(capture.to_vec()))) else {
        return Vec::new();
    };
    let mut steps = Vec::new();
    while let Some(step) = file.next_step().unwrap() {
        match step {
            Step::Damage { .. } => {}
            Step::Time(time) => steps.push((time, None)),
            Step::Packet(packet) => {
                let kept = Kept {
                    number: packet.number,
                    link_type: packet.link_type,
                    wire_length: packet.wire_length,
                    bytes: packet.bytes.to_vec(),
                };
                steps.push((packet.time, Some(kept)));
            }
        }
    }
    steps
}

/// Whether a first look, where it answers, says what taking apart says.
fn looked_at(packet: &Packet<'_>) -> bool {
    let Some(ends) = peek(packet) else {
        return false;
    };
    let decoded = decode(packet).unwrap();
    assert!(decoded.fragment.is_none() && decoded.layers.tunnels().next().is_none());
    let (key, _) = Key::of(&decoded);
    let dealt = Key::dealt(ends.src, ends.dst, ends.ports, ends.protocol);
    assert_eq!(key.dealing(), dealt);
    true
}

#[test]
fn parts_of_every_capture_make_the_whole() {
    let (mut packets, mut looked) = (0, 0);
    for capture in fixtures("pcap") {
        let steps = steps(&capture);
        for (time, kept) in &steps {
            let Some(kept) = kept else { continue };
            packets += 1;
            looked += usize::from(looked_at(&kept.packet(*time)));
        }
        for apart in [false, true] {
            let options = MeterOptions {
                apart_by_vlan: apart,
                apart_by_tunnel: apart,
                content: true,
                ..MeterOptions::default()
            };
            assert_parts_make_the_whole(&steps, &options, &[2, 3, 8]);
        }
    }
    assert!(looked > packets / 2, "{looked} of {packets}");
}

#[test]
fn parts_of_captures_that_are_changed_at_random_make_the_whole() {
    let all = fixtures("pcap");
    let mut dice = Dice(0x1e57_0042);
    for _ in 0..60 {
        let mut bytes = all[dice.roll(all.len())].clone();
        dice.change(&mut bytes, &all);
        assert_parts_make_the_whole(&steps(&bytes), &MeterOptions::default(), &[2, 3, 8]);
    }
    for _ in 0..20_000 {
        let capture = &all[dice.roll(all.len())];
        let bytes = capture.iter().skip(40 + dice.roll(capture.len()));
        let mut bytes: Vec<u8> = bytes.take(20 + dice.roll(80)).copied().collect();
        dice.change(&mut bytes, &all);
        bytes.truncate(2_000);
        for link_type in [1, 101, 113, 276] {
            let kept = Kept {
                number: 1,
                link_type,
                wire_length: u32::try_from(bytes.len() + dice.roll(2) * 30).unwrap(),
                bytes: bytes.clone(),
            };
            looked_at(&kept.packet(Timestamp::from_seconds(0)));
        }
    }
}

#[test]
fn parts_make_the_whole_where_room_is_short_and_many_end_at_once() {
    // More flows in a second than there is room for, so that more make room than may wait, and then an end to many.
    let flow = |number: u32| {
        let seconds = [0, 100, 500][(number / 30_000).div_ceil(5).min(2) as usize];
        let [_, a, b, c] = number.to_be_bytes();
        let mut bytes = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, a, b, c];
        bytes.extend([192, 0, 2, 1, 0x80, 0, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1]);
        let is_over = number.is_multiple_of(3);
        bytes.extend([0x50, if is_over { 0x14 } else { 0x10 }, 4, 0, 0, 0, 0, 0]);
        let kept = Kept {
            number: number.into(),
            link_type: 101,
            wire_length: 40,
            bytes,
        };
        (Timestamp::from_seconds(seconds), Some(kept))
    };
    let steps: Vec<_> = (1..=190_000).map(flow).collect();
    let options = MeterOptions {
        max_flows: 65_536,
        applications: false,
        ..MeterOptions::default()
    };
    let whole = assert_parts_make_the_whole(&steps, &options, &[2]);
    assert!(whole.evicted > 70_000, "{}", whole.evicted);
    let orders = whole.flows.iter().map(|(order, _)| order);
    let early = orders.filter(|(step, (second, _))| *step < steps.len() && *second == i64::MAX);
    assert!(early.count() > 8_192);
}
