//! The same log again, grown and packed: only what is new is stored.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::home::{Counts, Home};

const LINES: u64 = 500;

#[test]
fn a_log_that_is_read_again_grown_or_packed_adds_only_its_new_lines() {
    let Some(home) = Home::with_engine("again") else {
        return;
    };
    let log = home.path("access.log");
    std::fs::write(&log, lines(0, LINES)).unwrap();
    let first = home.ingest(&log);
    assert_eq!((first.read, first.stored), (LINES, LINES));

    let second = home.ingest(&log);
    assert_eq!(second, all_ignored(LINES), "the same file again");

    let grown = lines(0, LINES + 10);
    std::fs::write(&log, &grown).unwrap();
    let third = home.ingest(&log);
    assert_eq!(third.stored, 10, "ten lines more: {third:?}");
    assert_eq!(third.rejected, 0);

    let packed = home.path("access.log.1.gz");
    let mut encoder = GzEncoder::new(std::fs::File::create(&packed).unwrap(), Compression::best());
    encoder.write_all(grown.as_bytes()).unwrap();
    encoder.finish().unwrap();
    let fourth = home.ingest(&packed);
    assert_eq!(fourth.stored, 0, "packed and renamed: {fourth:?}");
    assert_eq!(fourth.rejected, 0);
}

#[test]
fn spoilt_lines_are_counted_and_the_rest_is_stored() {
    let Some(home) = Home::with_engine("spoilt lines") else {
        return;
    };
    let log = home.path("access.log");
    let text = lines(0, 20) + "prose\n1772\n" + &lines(20, 30);
    std::fs::write(&log, text).unwrap();
    let counts = home.ingest(&log);
    assert_eq!(
        counts,
        Counts {
            read: 32,
            stored: 30,
            rejected: 2,
            ignored: 0
        }
    );
}

fn all_ignored(lines: u64) -> Counts {
    Counts {
        read: lines,
        stored: 0,
        rejected: 0,
        ignored: lines,
    }
}

/// Lines of a Squid log, each different.
fn lines(from: u64, to: u64) -> String {
    (from..to)
        .map(|n| {
            format!(
                "{}.{:03}    {} 10.21.0.{} TCP_MISS/200 {} GET http://classroom.example/page/{n} p10201 HIER_DIRECT/192.0.2.7 text/html\n",
                1_772_440_000 + n,
                n % 1000,
                40 + n % 300,
                20 + n % 40,
                900 + n
            )
        })
        .collect()
}
