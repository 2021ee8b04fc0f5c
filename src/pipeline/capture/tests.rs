//! Captures whose storing was broken off between any two batches, and captures that have grown.

use std::io::Cursor;

use crossbeam_channel::unbounded;

use super::*;
use crate::pipeline::history::{History, SourcePast};
use crate::record::{SourceKind, Timestamp};

const SOURCE: SourceId = SourceId([7; 16]);

/// So many datagrams, four thousand of them a second, of ten conversations; `torn` ends within a record.
fn capture(packets: u64, torn: bool) -> Vec<u8> {
    let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    bytes.extend([0; 8]);
    bytes.extend(65_535u32.to_le_bytes());
    bytes.extend(101u32.to_le_bytes());
    for n in 0..packets {
        let port = 40_000 + u16::try_from(n % 10).unwrap();
        let seconds = u32::try_from(1_772_440_000 + n / 4_000).unwrap();
        for field in [seconds, 0, 32, 32] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend([0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0]);
        bytes.extend([10, 0, 0, 1, 192, 0, 2, 1]);
        bytes.extend(port.to_be_bytes());
        bytes.extend([0x27, 0x0f, 0, 12, 0, 0, 1, 2, 3, 4]);
    }
    if torn {
        bytes.extend([1, 2, 3]);
    }
    bytes
}

fn past(batches: &[Prepared]) -> Option<SourcePast> {
    let mut history = History::default();
    for batch in batches {
        let act = crate::ledger::Act::BatchIngested(batch.entry.clone());
        history.expect(act, Timestamp::from_seconds(0));
    }
    history.source(SOURCE).cloned()
}

/// The batches of a file of which these are stored; it was not closed.
fn stored(file: &[u8], before: &[Prepared]) -> Vec<Prepared> {
    let source = OpenSource {
        id: SOURCE,
        kind: SourceKind::CaptureFile,
        format: "pcap".to_owned(),
        past: past(before),
        may_wait: false,
    };
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity {
        length: file.len() as u64,
        digest: Digest::of(&[file]).0,
        stored: Vec::new(),
    };
    let (out, batches) = unbounded();
    StoredCapture {
        source: &source,
        options: &MeterOptions::default(),
        identity: Some(&identity),
        lists: &ListIndex::default(),
        nonces: FrameNonces::new(&[1; 32], SOURCE),
        names: &mut Names::open(folder.path(), &[5; 32], &[6; 32]).unwrap(),
        told_to_stop: Told::default(),
        lines: Lines::default(),
    }
    .meter(
        &mut Packets::File(CaptureFile::open(Box::new(Cursor::new(file.to_vec()))).unwrap()),
        "test.pcap",
        &out,
    )
    .unwrap();
    drop(out);
    batches.iter().collect()
}

/// The frames of a batch, the digest of all its rows, and whether it carries the whole file's.
type Stored = ([u64; 2], Digest, Digest);

fn told(batches: &[Prepared]) -> Vec<Stored> {
    let batches = batches.iter().map(|batch| {
        let tables = batch.rows.iter();
        let rows = tables.flat_map(|(name, (_, rows))| [name.as_bytes(), rows]);
        let rows: Vec<&[u8]> = rows.collect();
        let entry = &batch.entry;
        let frames = [entry.first_frame, entry.last_frame];
        (frames, Digest::of(&rows), entry.prefix_digest)
    });
    batches.collect()
}

#[test]
fn what_a_crash_between_two_batches_left_out_is_stored_by_the_next_run() {
    // The last batch is full where the file ends: what the end gives comes after it, without a packet.
    for torn in [false, true] {
        let file = capture(PACKETS_IN_A_BATCH, torn);
        let whole = stored(&file, &[]);
        let frames: Vec<u64> = whole.iter().map(|batch| batch.entry.frames).collect();
        assert_eq!(frames, [PACKETS_IN_A_BATCH, 0]);
        assert_eq!(whole[1].flows, 10);
        for stored_before in 0..=whole.len() {
            let (before, after) = whole.split_at(stored_before);
            let again = stored(&file, before);
            assert_eq!(told(&again), told(after), "after {stored_before}");
        }
    }
}

#[test]
fn flows_that_the_end_of_a_capture_gave_are_not_given_again_when_it_has_grown() {
    // Nobody came to closing the source; the file ended within a record that is whole now.
    for packets in [1_000, PACKETS_IN_A_BATCH] {
        let before = stored(&capture(packets, true), &[]);
        let after = stored(&capture(packets + 100, false), &before);
        assert_eq!(after.len(), 1);
        assert_eq!(after[0].entry.first_frame, packets + 1);
        assert_eq!(after[0].flows, 10, "each conversation went on");
        // A row begins with its source and its frame: that of the flow's first packet.
        let first = after[0].rows["flows"].1[16..24].try_into().unwrap();
        assert!(u64::from_le_bytes(first) > packets);
        assert!(!after[0].rows.contains_key("rejects"));
        assert_eq!(before.last().unwrap().flows, 10);
    }
}
