//! Lines and bytes a second of every format, and Squid's own log step by step.
//!
//! `cargo bench --bench logs -- formats [NAME]` prints the table of formats alone. Squid's log is made here, the same on
//! every machine: `squid_native, 100,000 lines, seed 1`.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench fails loudly, prints what it found, and its entry points are made by a macro"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group};
use invigil::logs::{
    self, Block, Fold, Framer, Framing, LogFormat, Outcome, SourceSettings, read_frame,
};
use invigil::record::{
    AccountText, AccountToken, Event, Place, RowBinary, SourceId, Timestamp, Tokens,
};

#[path = "logs/formats.rs"]
mod formats;

/// Tokens that cost nothing, so that the bench is of the reader and the encoder.
struct NoTokens;

impl Tokens for NoTokens {
    fn token(&mut self, _account: &AccountText) -> AccountToken {
        AccountToken([0; 16])
    }
}

/// A small generator of numbers (xorshift), so that the fixture needs no crate.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn squid_log(lines: u64) -> Vec<u8> {
    let mut numbers = Numbers(1);
    let mut log = String::new();
    for line in 0..lines {
        let millis = 1_772_446_500_000 + line * 7;
        let (elapsed, host) = (numbers.below(3_000), numbers.below(5_000));
        let (client, user) = (numbers.below(250), numbers.below(900));
        let bytes = numbers.below(90_000);
        let head = format!(
            "{}.{:03} {elapsed:6} 10.1.{}.{}",
            millis / 1000,
            millis % 1000,
            client % 16,
            client + 1
        );
        let tail = match numbers.below(10) {
            0..=4 => format!(
                "TCP_TUNNEL/200 {bytes} CONNECT www{host}.example:443 pupil{user} HIER_DIRECT/192.0.2.{client} -"
            ),
            5 => format!(
                "TCP_DENIED/403 3890 CONNECT games{host}.example:443 pupil{user} HIER_NONE/- text/html"
            ),
            6 => format!(
                "TCP_MISS/200 {bytes} GET https://find.example/search?q=word{host}+and+more&hl=en pupil{user} HIER_DIRECT/192.0.2.{client} text/html"
            ),
            _ => format!(
                "TCP_MISS/200 {bytes} GET http://www{host}.example/lesson/{client}/page?id={bytes} - HIER_DIRECT/192.0.2.{client} text/html"
            ),
        };
        log.push_str(&head);
        log.push(' ');
        log.push_str(&tail);
        log.push('\n');
    }
    log.into_bytes()
}

/// As most sources of this country are read.
fn settings() -> SourceSettings {
    SourceSettings {
        zone: jiff::tz::TimeZone::get("Europe/London").expect("the zones are built in"),
        reference: Timestamp::parse("2026-07-02T00:00:00Z").expect("a moment"),
        fold: Fold::Reject,
        corrections: logs::Corrections::default(),
    }
}

fn read(format: &dyn LogFormat, bytes: &[u8], out: &mut dyn FnMut(u64, Event<'_>)) -> u64 {
    let mut reader = format.reader(&settings());
    let mut framer = Framer::new(bytes, format.framing());
    let mut block = Block::new();
    let mut records = 0;
    while framer
        .fill(&mut block)
        .expect("bytes in memory are always there")
    {
        for frame in block.frames() {
            let outcome = read_frame(&mut *reader, &frame, &mut |event| out(frame.number, event));
            records += u64::from(outcome == Outcome::Records);
        }
    }
    records
}

fn squid(c: &mut Criterion) {
    let lines = 100_000;
    let log = squid_log(lines);
    let format = logs::format("squid_native").expect("the format is there");
    assert_eq!(
        read(format, &log, &mut |_, _| {}),
        lines,
        "every line of the fixture is a record"
    );
    let mut group = c.benchmark_group("squid_native, 100,000 lines, seed 1");
    group.throughput(Throughput::ElementsAndBytes {
        elements: lines,
        bytes: log.len() as u64,
    });
    group.bench_function("cut into lines", |b| {
        b.iter(|| {
            let mut framer = Framer::new(&log[..], Framing::Line);
            let mut block = Block::new();
            let mut seen = 0;
            while framer
                .fill(&mut block)
                .expect("bytes in memory are always there")
            {
                seen += block
                    .frames()
                    .map(|frame| black_box(frame).lines)
                    .sum::<u32>();
            }
            seen
        });
    });
    group.bench_function("read", |b| {
        b.iter(|| {
            read(format, &log, &mut |_, event| {
                black_box(&event);
            })
        });
    });
    group.bench_function("read and encode as RowBinary", |b| {
        b.iter(|| {
            let mut tokens = NoTokens;
            let mut rows = RowBinary::new(&mut tokens);
            read(format, &log, &mut |frame, event| {
                let place = Place {
                    source: SourceId([0; 16]),
                    frame,
                    ordinal: 0,
                };
                rows.row(place, &event);
            });
            rows.into_bytes().len()
        });
    });
    group.finish();
}

criterion_group!(benches, squid);

fn main() {
    let mut words = std::env::args()
        .skip(1)
        .skip_while(|word| word != "formats");
    if words.next().is_some() {
        let part = words.find(|word| !word.starts_with("--"));
        return formats::table(&part.unwrap_or_default());
    }
    if std::env::args().any(|word| word == "--bench") {
        formats::table("");
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
