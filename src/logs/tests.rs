//! Golden and hostile tests of every format, over `fixtures/logs/<format>/*.log`. `UPDATE_FIXTURES=1` writes what is expected anew.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::*;
use crate::record::{Counts, Event, JsonRow, Place, SourceId, Timestamp};

pub(super) fn settings() -> SourceSettings {
    SourceSettings {
        zone: TimeZone::get("Europe/London").unwrap(),
        reference: Timestamp::parse("2026-07-02T00:00:00Z").unwrap(),
        fold: Fold::Reject,
        corrections: Corrections::default(),
    }
}

/// Whether what is expected shall be written anew.
#[expect(
    clippy::disallowed_methods,
    reason = "the person who runs the tests asks for it"
)]
pub(super) fn update_wanted() -> bool {
    std::env::var_os("UPDATE_FIXTURES").is_some()
}

/// Every fixture with its format.
fn fixtures() -> Vec<(&'static dyn LogFormat, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/logs");
    let mut found = Vec::new();
    for format in FORMATS {
        let mut files: Vec<_> = fs::read_dir(folder.join(format.name()))
            .unwrap_or_else(|_| panic!("fixtures/logs/{} is missing", format.name()))
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
            .collect();
        files.sort();
        assert!(!files.is_empty());
        found.extend(files.into_iter().map(|file| (*format, file)));
    }
    found
}

/// Reads bytes as the pipeline does; the answer, what came of each frame, and the sums.
fn read(format: &dyn LogFormat, bytes: &[u8]) -> (String, Counts) {
    let mut reader = format.reader(&settings());
    let mut framer = Framer::new(bytes, format.framing());
    let (mut block, mut row) = (Block::new(), JsonRow::default());
    let (mut told, mut counts) = (String::new(), Counts::default());
    while framer.fill(&mut block).unwrap() {
        for frame in block.frames() {
            let mut records = 0;
            let outcome = read_frame(&mut *reader, &frame, &mut |event: Event<'_>| {
                let place = Place {
                    source: SourceId([0; 16]),
                    frame: frame.number,
                    ordinal: records,
                };
                told.push_str(row.object(place, &event, true));
                told.push('\n');
                records += 1;
            });
            let lines = u64::from(frame.lines);
            counts.read += lines;
            counts.bytes += frame.length;
            counts.records += u64::from(records);
            assert_eq!(records > 0, outcome == Outcome::Records);
            let (word, reason) = match outcome {
                Outcome::Records => {
                    counts.stored += lines;
                    continue;
                }
                Outcome::Rejected(reason) => {
                    counts.reject_many(reason, lines);
                    ("rejected", reason.as_str())
                }
                Outcome::Ignored(reason) => {
                    counts.ignore_many(reason, lines);
                    ("ignored", reason.as_str())
                }
            };
            let number = frame.number;
            told.push_str(&format!(
                "{{\"{word}\":\"{reason}\",\"frame\":{number},\"lines\":{lines}}}\n"
            ));
        }
    }
    let ends = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    let open = u64::from(bytes.last().is_some_and(|byte| *byte != b'\n'));
    assert_eq!(
        (counts.read, counts.bytes),
        (ends + open, bytes.len() as u64)
    );
    counts.check().unwrap();
    (told, counts)
}

#[test]
fn every_fixture_reads_as_it_is_written_down() {
    let update = update_wanted();
    for (format, path) in fixtures() {
        let (told, _) = read(format, &fs::read(&path).unwrap());
        let golden = path.with_extension("jsonl");
        if update {
            fs::write(&golden, &told).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap();
        assert_eq!(told, expected, "{}", path.display());
    }
}

#[test]
fn the_good_and_the_odd_fixtures_are_taken_for_what_they_are() {
    let mut wrong = Vec::new();
    for (format, path) in fixtures() {
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let least = match stem.as_str() {
            "bad" => continue,
            "good" => 80,
            _ => 50,
        };
        let bytes = fs::read(&path).unwrap();
        let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
        let found = likeliest(&lines).map(|(guess, likeness)| (guess.name(), likeness));
        if !found.is_some_and(|(guess, likeness)| guess == format.name() && likeness >= least) {
            wrong.push((format.name(), stem, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(likeliest(&[b"nothing that any format has"]).is_none());
    assert!(likeliest(&[]).is_none());
}

#[test]
fn no_change_to_a_line_brings_a_panic_or_a_sum_that_is_wrong() {
    for (format, path) in fixtures() {
        let bytes = fs::read(&path).unwrap();
        for frame in Frames::of(&bytes, format.framing()) {
            let from = usize::try_from(frame.offset).unwrap();
            let whole = &bytes[from..from + usize::try_from(frame.length).unwrap()];
            for end in 0..whole.len() {
                read(format, &whole[..end]);
            }
            read(format, &[whole, whole].concat());
            let mut changed = whole.to_vec();
            for at in 0..whole.len() {
                let byte = whole[at];
                for other in [
                    0,
                    0xff,
                    b' ',
                    b'"',
                    b'\n',
                    b'=',
                    b'9',
                    byte ^ 1,
                    byte ^ 0x80,
                ] {
                    changed[at] = other;
                    read(format, &changed);
                }
                changed[at] = byte;
            }
        }
    }
}

#[test]
fn every_format_survives_the_files_of_the_others() {
    for (_, path) in fixtures() {
        let bytes = fs::read(&path).unwrap();
        for format in FORMATS {
            read(*format, &bytes);
        }
    }
}

#[test]
fn a_line_that_is_too_long_is_one_rejection() {
    let mut bytes = vec![b'x'; 2 * framing::BLOCK_SIZE];
    bytes.push(b'\n');
    for format in FORMATS {
        let (_, counts) = read(*format, &bytes);
        assert_eq!((counts.read, counts.rejected), (1, 1));
        assert_eq!(
            counts
                .reasons
                .get("too_long")
                .or(counts.reasons.get("torn_end")),
            Some(&1)
        );
    }
}
