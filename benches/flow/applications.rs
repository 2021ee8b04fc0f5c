//! What it costs to recognise an application: its first packets in the fixtures, metered with and without listening.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Cursor;
use std::path::Path;

use invigil::capture::{CaptureFile, Step};
use invigil::flow::{Meter, MeterOptions, MeteredFlow};
use invigil::record::{Packet, Timestamp};

use super::{best, fixture, shift};

/// So many packets of a flow, at most, are its first.
const FIRST: usize = 12;
/// How many flows of an application are metered at once.
const REPEATS: u32 = 2_000;

/// A packet of its own.
#[derive(Clone)]
struct Kept {
    time: Timestamp,
    wire_length: u32,
    bytes: Vec<u8>,
}

/// Prints the nanoseconds a flow of each application that the fixtures have on Ethernet, the dearest first.
pub(super) fn table() {
    let mut figures: Vec<(String, usize, f64, f64)> = talks()
        .into_iter()
        .map(|(name, talk)| {
            let many: Vec<Vec<Kept>> = (0..REPEATS).map(|repeat| moved(&talk, repeat)).collect();
            let heard = best(|| meter(&many, true)) / f64::from(REPEATS);
            let unheard = best(|| meter(&many, false)) / f64::from(REPEATS);
            (name, talk.len(), heard, heard - unheard)
        })
        .collect();
    figures.sort_by(|one, other| other.3.total_cmp(&one.3));
    println!(
        "{:24}{:>8}{:>14}{:>20}",
        "application", "packets", "ns/flow", "of them listening"
    );
    for (name, packets, all, listening) in &figures {
        println!("{name:24}{packets:>8}{all:>14.0}{listening:>20.0}");
    }
    println!("{} applications", figures.len());
}

/// The first packets of one flow of each application.
fn talks() -> BTreeMap<String, Vec<Kept>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pcap");
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let names = index
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next());
    let mut talks = BTreeMap::new();
    for name in names {
        let packets = packets(&fixture(name));
        let mut flows: BTreeMap<String, Vec<Kept>> = BTreeMap::new();
        for kept in packets {
            // A flow's packets have its Community ID each by itself, too.
            if let [one] = metered(std::slice::from_ref(&kept)).as_slice()
                && !one.flow.community_id.is_empty()
            {
                let flow = flows.entry(one.flow.community_id.clone()).or_default();
                if flow.len() < FIRST {
                    flow.push(kept);
                }
            }
        }
        for flow in flows.into_values() {
            if let [one] = metered(&flow).as_slice()
                && !one.flow.application.0.is_empty()
            {
                // The longest talk there is of it: a flow of which the rest is missing costs little.
                let longest: &mut Vec<Kept> =
                    talks.entry(one.flow.application.0.to_string()).or_default();
                if longest.len() < flow.len() {
                    *longest = flow;
                }
            }
        }
    }
    talks
}

/// The packets of a capture that can be moved to other addresses.
fn packets(capture: &[u8]) -> Vec<Kept> {
    let Ok(mut file) = CaptureFile::open(Box::new(Cursor::new(capture.to_vec()))) else {
        return Vec::new();
    };
    let mut packets = Vec::new();
    while let Some(step) = file.next_step().unwrap() {
        if let Step::Packet(packet) = step
            && packet.link_type == 1
            && shift(&mut packet.bytes.to_vec(), 1)
        {
            packets.push(Kept {
                time: packet.time,
                wire_length: packet.wire_length,
                bytes: packet.bytes.to_vec(),
            });
        }
    }
    packets
}

fn moved(talk: &[Kept], repeat: u32) -> Vec<Kept> {
    let mut talk = talk.to_vec();
    for kept in &mut talk {
        shift(&mut kept.bytes, repeat);
    }
    talk
}

fn metered(talk: &[Kept]) -> Vec<MeteredFlow> {
    let mut flows = Vec::new();
    let mut meter = Meter::new(MeterOptions::default());
    feed(&mut meter, 0, talk, &mut flows);
    meter.finish(&mut flows);
    flows
}

fn feed(meter: &mut Meter, before: u64, talk: &[Kept], flows: &mut Vec<MeteredFlow>) {
    for (number, kept) in (before + 1..).zip(talk) {
        let packet = Packet {
            number,
            time: kept.time,
            link_type: 1,
            wire_length: kept.wire_length,
            bytes: &kept.bytes,
        };
        black_box(meter.packet(&packet, flows));
        meter.heard().clear();
    }
}

fn meter(talks: &[Vec<Kept>], applications: bool) {
    let options = MeterOptions {
        applications,
        ..MeterOptions::default()
    };
    let (mut meter, mut flows) = (Meter::new(options), Vec::new());
    let mut before = 0;
    for talk in talks {
        feed(&mut meter, before, talk, &mut flows);
        before += talk.len() as u64;
    }
    meter.finish(&mut flows);
    black_box(flows.len());
}
