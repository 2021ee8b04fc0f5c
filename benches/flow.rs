//! How fast packets become flows: reading alone, metering alone, metering with applications.
//!
//! The packets are those of `fixtures/pcap`, repeated with shifted addresses until the flows no longer fit the
//! processor's caches. Throughput is stated in packets and in bytes.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measuring program over its own fixtures"
)]

use std::hint::black_box;
use std::io::Cursor;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use invigil::capture::{CaptureFile, Step};
use invigil::flow::{Meter, MeterOptions, MeteredFlow};

/// The fixtures that are repeated; all are Ethernet.
const FIXTURES: [&str; 6] = [
    "dns.pcap",
    "http.pcap",
    "tls.pcap",
    "openvpn.pcap",
    "wireguard.pcap",
    "connections.pcap",
];
/// How often: about a quarter of a million packets.
const REPEATS: u32 = 2_500;

/// One capture in memory and the number of packets in it.
fn workload() -> (Vec<u8>, u64) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pcap");
    let mut capture = Vec::new();
    let mut packets = 0;
    let fixtures: Vec<Vec<u8>> = FIXTURES
        .iter()
        .map(|name| {
            std::fs::read(folder.join(name)).unwrap_or_else(|error| {
                panic!("the fixture {name} is missing ({error}): run fixtures/pcap/make.py")
            })
        })
        .collect();
    capture.extend_from_slice(&fixtures[0][..24]);
    for repeat in 0..REPEATS {
        for fixture in &fixtures {
            let mut rest = &fixture[24..];
            while rest.len() >= 16 {
                let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
                let at = capture.len();
                capture.extend_from_slice(&rest[..16 + length]);
                shift(&mut capture[at + 16..], repeat);
                rest = &rest[16 + length..];
                packets += 1;
            }
        }
    }
    (capture, packets)
}

/// Moves both addresses of an IPv4 frame by the number of the repeat, so that its flow is another one.
fn shift(frame: &mut [u8], repeat: u32) {
    if frame.len() < 34 || frame[12..14] != [0x08, 0x00] {
        return;
    }
    let [_, _, high, low] = repeat.to_be_bytes();
    for at in [26, 30] {
        frame[at + 1] ^= high;
        frame[at + 2] ^= low;
    }
}

fn read(capture: &[u8], mut each: impl FnMut(&invigil::record::Packet<'_>)) {
    let mut file = CaptureFile::open(Box::new(Cursor::new(capture.to_vec()))).unwrap();
    while let Some(step) = file.next_step().unwrap() {
        if let Step::Packet(packet) = step {
            each(&packet);
        }
    }
}

fn meter(capture: &[u8], applications: bool) -> usize {
    let options = MeterOptions {
        applications,
        ..MeterOptions::default()
    };
    let mut meter = Meter::new(options);
    let (mut out, mut flows) = (Vec::<MeteredFlow>::new(), 0);
    read(capture, |packet| {
        black_box(meter.packet(packet, &mut out));
        flows += out.len();
        out.clear();
    });
    meter.finish(&mut out);
    flows + out.len()
}

fn flow(criterion: &mut Criterion) {
    let (capture, packets) = workload();
    let size = format!("{packets} packets, {} MB", capture.len() / 1_000_000);
    let mut group = criterion.benchmark_group(format!("fixtures/pcap repeated ({size})"));
    group
        .throughput(Throughput::ElementsAndBytes {
            elements: packets,
            bytes: capture.len() as u64,
        })
        .sample_size(10);
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let mut bytes = 0;
            read(&capture, |packet| bytes += packet.bytes.len());
            bytes
        });
    });
    group.bench_function("flows", |bencher| bencher.iter(|| meter(&capture, false)));
    group.bench_function("flows and applications", |bencher| {
        bencher.iter(|| meter(&capture, true))
    });
    group.finish();
}

criterion_group!(benches, flow);
criterion_main!(benches);
