//! Every format: its good fixture over and over, read and made into rows as `ingest --to rowbinary` makes them, on one core.
//!
//! Lines are those of `fixtures/logs/<format>/good.log`, repeated to four megabytes, what heads a table before them once where a
//! format has one. Time is what the kernel says this thread was on a processor, so that a busy machine does not matter much;
//! the best of several rounds counts.

use std::hint::black_box;
use std::path::Path;

use invigil::logs::{Block, FORMATS, Framer, Framing, LogFormat, Outcome, read_frame, reader};
use invigil::record::{Place, RowBinary, SourceId};
use rustix::time::{ClockId, clock_gettime};

use super::{NoTokens, settings};

/// How many bytes of each format are read at once.
const SIZE: usize = 4 << 20;

/// How often.
const ROUNDS: usize = 7;

/// No format may be slower, in bytes a second of one core.
const FLOOR: f64 = 150e6;

/// What one format does.
struct Figure {
    name: &'static str,
    lines: f64,
    read: f64,
    rows: f64,
}

/// Measures every format whose name holds `part`, and prints them, the slowest first.
pub(super) fn table(part: &str) {
    let mut figures: Vec<Figure> = FORMATS
        .iter()
        .filter(|format| format.name().contains(part))
        .map(|format| measure(*format))
        .collect();
    figures.sort_by(|one, other| one.rows.total_cmp(&other.rows));
    println!(
        "{:22}{:>16}{:>14}{:>17}",
        "format", "thousand lines/s", "read MB/s", "and encode MB/s"
    );
    for figure in &figures {
        println!(
            "{:22}{:>16.0}{:>14.0}{:>17.0}",
            figure.name,
            figure.lines / 1e3,
            figure.read / 1e6,
            figure.rows / 1e6
        );
    }
    let below = figures.iter().filter(|figure| figure.rows < FLOOR).count();
    println!("{below} of {} below 150 MB/s a core", figures.len());
}

fn measure(format: &'static dyn LogFormat) -> Figure {
    let log = repeated(format);
    let lines = bytecount(&log);
    let read = best(|| run(format, &log, false));
    let rows = best(|| run(format, &log, true));
    let size = log.len() as f64;
    Figure {
        name: format.name(),
        lines: lines / rows,
        read: size / read,
        rows: size / rows,
    }
}

fn bytecount(log: &[u8]) -> f64 {
    log.iter().filter(|byte| **byte == b'\n').count() as f64
}

/// The good fixture, its heading once and the lines below it over and over.
fn repeated(format: &dyn LogFormat) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/logs");
    let path = folder.join(format.name()).join("good.log");
    let mut whole = std::fs::read(&path).expect("every format has a good fixture");
    match whole.last() {
        Some(b'\n') => {}
        _ => whole.push(b'\n'),
    }
    if format.framing() == Framing::Paragraph {
        whole.push(b'\n');
    }
    let lines = whole.split_inclusive(|byte| *byte == b'\n');
    // A heading is what begins the file and gives no record: marked lines, or the names of columns.
    let mut heading = 0;
    if format.framing() == Framing::Line {
        let mut below = reader(format, &settings());
        for line in lines {
            let mut records = 0;
            let mut framer = Framer::new(line, Framing::Line);
            let mut block = Block::new();
            while framer.fill(&mut block).expect("bytes in memory are there") {
                for frame in block.frames() {
                    read_frame(&mut *below, &frame, &mut |_| records += 1);
                }
            }
            if records > 0 {
                break;
            }
            heading += line.len();
        }
    }
    let (head, lines) = whole.split_at_checked(heading).unwrap_or((&[], &whole));
    let mut log = head.to_vec();
    while log.len() < SIZE {
        log.extend_from_slice(lines);
    }
    log
}

/// Seconds of the best round.
fn best(mut round: impl FnMut()) -> f64 {
    round();
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        // The kernel counts in ticks of some milliseconds: a round lasts for many.
        let (from, mut turns) = (on_processor(), 0.0);
        let taken = loop {
            round();
            turns += 1.0;
            let taken = on_processor() - from;
            if taken > 0.06 {
                break taken;
            }
        };
        best = best.min(taken / turns);
    }
    best
}

/// How long this thread was on a processor, in seconds.
fn on_processor() -> f64 {
    let said = clock_gettime(ClockId::ThreadCPUTime);
    said.tv_sec as f64 + said.tv_nsec as f64 / 1e9
}

fn run(format: &dyn LogFormat, log: &[u8], encode: bool) {
    let mut below = reader(format, &settings());
    let mut framer = Framer::new(log, format.framing());
    let (mut block, mut tokens) = (Block::new(), NoTokens);
    let mut bytes = Vec::new();
    let mut records = 0u64;
    while framer.fill(&mut block).expect("bytes in memory are there") {
        let mut rows = RowBinary::onto(std::mem::take(&mut bytes), &mut tokens);
        for frame in block.frames() {
            let mut ordinal = 0;
            let outcome = read_frame(&mut *below, &frame, &mut |event| {
                let place = Place {
                    source: SourceId([0; 16]),
                    frame: frame.number,
                    ordinal,
                };
                ordinal += 1;
                if encode {
                    rows.row(place, &event);
                } else {
                    black_box(&event);
                }
            });
            records += u64::from(outcome == Outcome::Records);
        }
        bytes = rows.into_bytes();
        black_box(&bytes);
        bytes.clear();
    }
    assert!(records > 0, "{} reads its own lines", format.name());
}
