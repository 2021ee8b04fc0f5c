//! What a packet costs on its way to a row, stage by stage, and what it costs to recognise each application.
//!
//!     cargo bench --bench flow                       both tables
//!     cargo bench --bench flow -- stages [FILE]      nanoseconds a packet by stage, of a capture or of the fixtures repeated
//!     cargo bench --bench flow -- stage NAME [FILE]  up to one stage and no further, once: for `perf stat -e instructions:u`, whose
//!                                                    differences are a stage's instructions where the processor counts them
//!     cargo bench --bench flow -- applications       nanoseconds a flow by application
//!
//! Each stage is run with all before it, and the time of those before it taken off. The fixtures are those of `fixtures/pcap`, repeated
//! with shifted addresses until the flows no longer fit the processor's caches. Time is what the kernel says this thread was on a
//! processor, the best of several rounds. `benches/README.md` has what was measured.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measuring program over its own fixtures"
)]

use std::io::Write;
use std::path::Path;

use rustix::time::{ClockId, clock_gettime};

#[path = "flow/applications.rs"]
mod applications;
#[path = "flow/stages.rs"]
mod stages;

/// How often each thing is run; the best counts.
const ROUNDS: usize = 5;

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

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pcap");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| {
        panic!("the fixture {name} is missing ({error}): run fixtures/pcap/make.py")
    })
}

/// The fixtures as one capture.
fn workload() -> Vec<u8> {
    let fixtures: Vec<Vec<u8>> = FIXTURES.iter().map(|name| fixture(name)).collect();
    let mut capture = fixtures[0][..24].to_vec();
    for repeat in 0..REPEATS {
        for fixture in &fixtures {
            let mut rest = &fixture[24..];
            while rest.len() >= 16 {
                let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
                let at = capture.len();
                capture.extend_from_slice(&rest[..16 + length]);
                shift(&mut capture[at + 16..], repeat);
                rest = &rest[16 + length..];
            }
        }
    }
    capture
}

/// Moves both addresses of a frame by the number of the repeat, so that its flow is another one; whether it has such.
fn shift(frame: &mut [u8], repeat: u32) -> bool {
    let [_, _, high, low] = repeat.to_be_bytes();
    let places = match frame.get(12..14) {
        Some([0x08, 0x00]) if frame.len() >= 34 => [27, 31],
        Some([0x86, 0xdd]) if frame.len() >= 54 => [26, 42],
        _ => return false,
    };
    for at in places {
        frame[at] ^= high;
        frame[at + 1] ^= low;
    }
    true
}

/// The least time of several, in nanoseconds on a processor.
fn best(mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let before = on_processor();
        run();
        best = best.min(on_processor() - before);
    }
    best
}

/// How long this thread has been on a processor, in nanoseconds.
fn on_processor() -> f64 {
    let said = clock_gettime(ClockId::ThreadCPUTime);
    said.tv_sec as f64 * 1e9 + said.tv_nsec as f64
}

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let repeated = || {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&workload()).unwrap();
        file
    };
    match words.as_slice() {
        ["stages"] => stages::table(repeated().path()),
        ["stages", file] => stages::table(Path::new(file)),
        ["stage", name] => stages::one(name, repeated().path()),
        ["stage", name, file] => stages::one(name, Path::new(file)),
        ["applications"] => applications::table(),
        // `cargo test --benches` runs it too, and shall not measure.
        [] if !std::env::args().any(|word| word == "--bench") => {}
        [] => {
            stages::table(repeated().path());
            applications::table();
        }
        _ => panic!("stages [FILE], stage NAME [FILE] or applications"),
    }
}
