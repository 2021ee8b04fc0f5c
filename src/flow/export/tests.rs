//! Exports as a whole: each of `fixtures/exports` gives what stands beside it, and no change of any byte breaks anything.

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use super::*;
use crate::capture::{CaptureFile, Step};
use crate::record::{Event, JsonRow};

/// What a file became.
pub(in crate::flow) struct Read {
    collected: Vec<Collected>,
    counts: Counts,
    exporters: Vec<ExporterCounts>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/exports")
}

fn names() -> Vec<String> {
    let index = std::fs::read_to_string(folder().join("INDEX.tsv")).unwrap();
    let names: Vec<String> = index
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next())
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 6, "the index of exports is too short");
    names
}

pub(in crate::flow) fn collect(bytes: &[u8], options: CollectorOptions) -> Read {
    let mut collector = Collector::new(options);
    let mut read = Read {
        collected: Vec::new(),
        counts: Counts::default(),
        exporters: Vec::new(),
    };
    let source = SourceId([0; 16]);
    let mut take = |datagram: &Datagram<'_>| {
        collector.datagram(datagram, &mut read.collected, &mut read.counts);
    };
    if let Ok(mut capture) = CaptureFile::open(Box::new(Cursor::new(bytes.to_vec()))) {
        while let Some(step) = capture.next_step().unwrap() {
            let Step::Packet(packet) = step else { continue };
            if let Some(export) = export_packet(&packet) {
                take(&Datagram {
                    source,
                    number: packet.number,
                    exporter: export.exporter,
                    received: Some(packet.time),
                    bytes: export.bytes,
                });
            }
        }
    } else {
        let (mut rest, mut number) = (bytes, 0);
        while !rest.is_empty() {
            let (first, after) = rest.split_at(first_datagram(rest).unwrap_or(rest.len()));
            number += 1;
            take(&Datagram {
                source,
                number,
                exporter: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                received: None,
                bytes: first,
            });
            rest = after;
        }
    }
    collector.finish(&mut read.collected, &mut read.counts);
    read.exporters = collector.exporters();
    check_sums(&read);
    read
}

/// The sums add up, each rejected record has a line, and no place is given twice.
fn check_sums(read: &Read) {
    read.counts.check().unwrap();
    let mut places: Vec<(Place, bool)> = Vec::new();
    let mut flows = 0;
    for collected in &read.collected {
        let is_flow = matches!(collected.outcome, CollectedOutcome::Flow(_));
        flows += u64::from(is_flow);
        places.push((collected.place, is_flow));
    }
    assert_eq!(flows, read.counts.stored);
    assert_eq!(places.len() as u64 - flows, read.counts.rejected);
    places.sort_unstable();
    let before = places.len();
    places.dedup();
    assert_eq!(places.len(), before, "two records stand in one place");
}

fn expected_text(read: &Read) -> String {
    let mut text = String::new();
    let mut row = JsonRow::default();
    for collected in &read.collected {
        let event = match collected.outcome.clone() {
            CollectedOutcome::Flow(flow) => Event::Flow(flow),
            CollectedOutcome::Rejected(reject) => Event::Reject(reject),
        };
        text.push_str(row.object(collected.place, &event, true));
        text.push('\n');
    }
    for exporter in &read.exporters {
        text.push_str(&format!("{exporter:?}\n"));
    }
    let counts = &read.counts;
    text.push_str(&format!(
        "read {} = stored {} + rejected {} + ignored {} {:?}\n",
        counts.read, counts.stored, counts.rejected, counts.ignored, counts.reasons
    ));
    text
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the one switch of the golden tests"
)]
fn each_export_gives_the_flows_that_are_expected_of_it() {
    let rewrite = std::env::var_os("UPDATE_FIXTURES").is_some();
    for name in names() {
        let bytes = std::fs::read(folder().join(&name)).unwrap();
        let got = expected_text(&collect(&bytes, CollectorOptions::default()));
        let path = folder().join(format!("{name}.txt"));
        if rewrite {
            std::fs::write(&path, &got).unwrap();
        }
        assert_eq!(got, std::fs::read_to_string(&path).unwrap(), "{name}");
    }
}

#[test]
fn every_prefix_of_every_export_leaves_the_sums_right() {
    for name in names() {
        let bytes = std::fs::read(folder().join(&name)).unwrap();
        for end in 0..bytes.len() {
            collect(&bytes[..end], CollectorOptions::default());
        }
    }
}

#[test]
fn every_changed_byte_of_every_export_leaves_the_sums_right() {
    for name in names() {
        let mut bytes = std::fs::read(folder().join(&name)).unwrap();
        for at in 0..bytes.len() {
            for change in [0x01, 0x80, 0xff] {
                bytes[at] ^= change;
                collect(&bytes, CollectorOptions::default());
                bytes[at] ^= change;
            }
        }
    }
}

#[test]
fn datagrams_one_behind_the_other_are_told_apart() {
    for (name, expected) in [("netflow5.bin", 4), ("netflow9.bin", 7), ("ipfix.bin", 8)] {
        let bytes = std::fs::read(folder().join(name)).unwrap();
        let (mut rest, mut count) = (&bytes[..], 0);
        while !rest.is_empty() {
            rest = &rest[first_datagram(rest).unwrap_or(rest.len())..];
            count += 1;
        }
        assert_eq!(count, expected, "{name}");
    }
}

#[test]
fn sampled_flows_are_scaled_when_that_is_asked_for() {
    let bytes = std::fs::read(folder().join("netflow9.bin")).unwrap();
    let sums = |scale_samples| -> Vec<(u64, u64)> {
        let options = CollectorOptions {
            scale_samples,
            ..CollectorOptions::default()
        };
        collect(&bytes, options)
            .collected
            .into_iter()
            .filter_map(|collected| match collected.outcome {
                CollectedOutcome::Flow(flow) => Some((flow.src_packets, flow.src_bytes)),
                CollectedOutcome::Rejected(_) => None,
            })
            .collect()
    };
    let (plain, scaled) = (sums(false), sums(true));
    // The sampler is known only after the first datagram.
    assert_eq!(plain[0], scaled[0]);
    assert_eq!((plain[2].0 * 512, plain[2].1 * 512), scaled[2]);
}

/// A datagram of NetFlow 9 with a set that nobody explains.
fn unexplained(sequence: u32, id: u16, length: u16) -> Vec<u8> {
    let mut bytes = vec![0, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0, 0, 0, 7]);
    bytes.extend(id.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.resize(20 + usize::from(length), 0x55);
    bytes
}

#[test]
fn what_waits_for_templates_is_bounded_and_none_of_it_is_lost() {
    let options = CollectorOptions {
        waiting_bytes: 10_000,
        ..CollectorOptions::default()
    };
    let mut collector = Collector::new(options);
    let (mut out, mut counts) = (Vec::new(), Counts::default());
    for number in 1..=100u32 {
        let bytes = unexplained(number, 256 + u16::try_from(number).unwrap(), 1_000);
        let datagram = Datagram {
            source: SourceId([0; 16]),
            number: u64::from(number),
            exporter: IpAddr::from([192, 0, 2, 1]),
            received: None,
            bytes: &bytes,
        };
        collector.datagram(&datagram, &mut out, &mut counts);
        assert!(u64::from(number) - counts.read <= 10, "more wait than may");
    }
    collector.finish(&mut out, &mut counts);
    assert_eq!((counts.read, counts.rejected), (100, 100));
    assert_eq!(counts.reasons["missing_template"], 100);
}

#[test]
fn what_is_no_export_is_rejected_and_does_not_look_like_one() {
    for bytes in [
        &b""[..],
        b"\0",
        b"GET / HTTP/1.1",
        &[0; 64],
        &[0, 9],
        &[0, 5, 0, 1],
    ] {
        assert!(!is_export(bytes));
        let read = collect(bytes, CollectorOptions::default());
        assert_eq!(read.counts.stored, 0);
    }
}
