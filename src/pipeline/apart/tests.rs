//! What several threads make of a file is what one makes, and none waits for ever.

use std::io::{Cursor, Error, Read};

use super::*;
use crate::capture::CaptureError;
use crate::pipeline::capture::{Packets, each_record};
use crate::pipeline::output::{Kinds, Output, OutputFormat, Target};
use crate::record::{AccountText, AccountToken};

#[derive(Clone, Copy)]
struct Zeroes;

impl Tokens for Zeroes {
    fn token(&mut self, _name: &AccountText) -> AccountToken {
        AccountToken([0; 16])
    }
}

/// A frame of each of so many flows, again and again, over ten minutes.
fn capture(frames: u32) -> Vec<u8> {
    let mut capture = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    capture.extend([0, 0, 4, 0, 101, 0, 0, 0]);
    for number in 0..frames {
        let [_, _, a, b] = (number % 20_011).to_be_bytes();
        let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 1, a, b];
        packet.extend([192, 0, 2, 1, 0x80, 0, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1]);
        let is_over = number.is_multiple_of(3);
        packet.extend([0x50, if is_over { 0x14 } else { 0x10 }, 4, 0, 0, 0, 0, 0]);
        if number.is_multiple_of(97) {
            packet.truncate(10);
        }
        let seconds = 1_772_446_500 + number / (frames / 600).max(1);
        let length = u32::try_from(packet.len()).unwrap();
        for word in [seconds, 7, length, length] {
            capture.extend(word.to_le_bytes());
        }
        capture.extend(packet);
    }
    capture
}

/// Fails where its bytes end, or ends there.
struct Source(Cursor<Vec<u8>>, bool);

impl Read for Source {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(room)? {
            0 if self.1 => Err(Error::other("gone")),
            some => Ok(some),
        }
    }
}

/// The rows by so many threads, up to this many, and how it ended.
fn rows(
    bytes: &[u8],
    fails: bool,
    threads: usize,
    most: usize,
) -> (Vec<u8>, Result<CaptureCounts, PipelineError>) {
    let source = Source(Cursor::new(bytes.to_vec()), fails);
    let file = CaptureFile::open(Box::new(source)).unwrap();
    let (mut written, mut count) = (Vec::new(), 0);
    let target = Target::Stream(Box::new(&mut written));
    let mut output = Output::new(OutputFormat::Jsonl, Kinds::All, target, Zeroes);
    let mut may = || {
        count += 1;
        let full = PipelineError::Output(Error::other("full"));
        if count > most { Err(full) } else { Ok(()) }
    };
    let (options, lists) = (MeterOptions::default(), ListIndex::default());
    let id = SourceId([7; 16]);
    let counts = if threads == 1 {
        let out = |place, event: Event<'static>| {
            may()?;
            output.record(place, &event).map_err(PipelineError::Output)
        };
        each_record(&mut Packets::File(file), "a", id, &options, &lists, out)
    } else {
        let parts = (0..threads).map(|_| output.rows(Zeroes)).collect();
        let out = |rows: &MadeRows, number| {
            may()?;
            let written = output.append_one(rows, number);
            written.map_err(PipelineError::Output)
        };
        each_row_apart(file, parts, "a", id, &options, &lists, out)
    };
    output.finish().unwrap();
    (written, counts)
}

#[test]
fn threads_give_what_one_gives_to_the_end_of_a_file_or_to_a_fault_in_it() {
    let bytes = capture(60_000);
    for fails in [false, true] {
        let (one, counts) = rows(&bytes, fails, 1, usize::MAX);
        assert!(one.len() > 1_000_000, "{}", one.len());
        assert_eq!(counts.is_err(), fails);
        for threads in [2, 3, 8] {
            let (several, made) = rows(&bytes, fails, threads, usize::MAX);
            assert!(several == one, "{threads} threads, {fails}");
            match (&counts, made) {
                (Ok(counts), Ok(made)) => {
                    assert_eq!(format!("{counts:?}"), format!("{made:?}"));
                }
                (Err(_), Err(PipelineError::Capture { source, .. })) => {
                    assert!(matches!(source, CaptureError::Read(_)));
                }
                (_, made) => panic!("{made:?}"),
            }
        }
    }
}

#[test]
fn whoever_can_not_write_stops_all_threads_and_says_why() {
    let bytes = capture(60_000);
    for most in [0, 1, 5_000] {
        for threads in [2, 8] {
            let (written, counts) = rows(&bytes, false, threads, most);
            assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), most);
            assert!(
                matches!(counts, Err(PipelineError::Output(_))),
                "{counts:?}"
            );
        }
    }
}
