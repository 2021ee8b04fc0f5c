//! Captures read as a whole, from bytes made here; the captures of `fixtures/pcap` are read in the tests of `flow`.

use std::io::{Cursor, Error, ErrorKind, Read};

use super::{Batch, CaptureError, CaptureFile, Step};
use crate::record::RejectReason;

fn head(snaplen: u32) -> Vec<u8> {
    let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend_from_slice(&snaplen.to_le_bytes());
    bytes.extend_from_slice(&[1, 0, 0, 0]);
    bytes
}

fn frame(length: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [1_772_446_500u32, 7, length, length] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.resize(16 + length as usize, 0xaa);
    bytes
}

/// Gives a few bytes at a time, and now and then says that it was interrupted.
struct Dripping(Cursor<Vec<u8>>, u32);

impl Read for Dripping {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        self.1 += 1;
        if self.1.is_multiple_of(3) {
            return Err(Error::from(ErrorKind::Interrupted));
        }
        let some = room.len().min(7);
        self.0.read(&mut room[..some])
    }
}

#[test]
fn a_frame_longer_than_the_buffer_is_read_from_a_source_that_drips() {
    let mut bytes = head(1 << 20);
    bytes.extend(frame(400_000));
    bytes.extend(frame(60));
    let mut file = CaptureFile::open(Box::new(Dripping(Cursor::new(bytes), 0))).unwrap();
    for (number, length) in [(1, 400_000), (2, 60)] {
        let Some(Step::Packet(packet)) = file.next_step().unwrap() else {
            panic!("frame {number} is missing");
        };
        assert_eq!((packet.number, packet.bytes.len()), (number, length));
        assert!(packet.bytes.iter().all(|byte| *byte == 0xaa));
        assert_eq!(packet.time.micros(), 1_772_446_500_000_007);
    }
    assert!(file.next_step().unwrap().is_none());
    assert!(file.next_step().unwrap().is_none());
}

/// A file of the newer format with blocks of a length that is no multiple of four; `padding` bytes stand after each.
fn uneven(padding: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let words = |words: &[u32]| {
        words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let [section, interface, frame] = [0x0a0d_0d0a, 1, 6];
    bytes.extend(words(&[
        section,
        28,
        0x1a2b_3c4d,
        1,
        u32::MAX,
        u32::MAX,
        28,
    ]));
    bytes.extend(words(&[interface, 20, 1, 0, 20]));
    for _ in 0..3 {
        bytes.extend(words(&[frame, 32 + 34, 0, 0, 7, 34, 34]));
        bytes.extend((0..34).collect::<Vec<u8>>());
        bytes.extend(words(&[32 + 34]));
        bytes.resize(bytes.len() + padding, 0);
    }
    bytes
}

#[test]
fn a_frame_in_a_block_of_uneven_length_keeps_its_bytes() {
    // Found by `fuzz/targets/capture_file.rs`.
    for padding in [0, 2] {
        let bytes = uneven(padding);
        let inputs: [Box<dyn Read + Send>; 2] = [
            Box::new(Cursor::new(bytes.clone())),
            Box::new(Dripping(Cursor::new(bytes), 0)),
        ];
        for input in inputs {
            let mut file = CaptureFile::open(input).unwrap();
            for _ in 0..3 {
                let Some(Step::Packet(packet)) = file.next_step().unwrap() else {
                    panic!("a frame is missing");
                };
                assert_eq!(packet.bytes, (0..34).collect::<Vec<u8>>());
            }
            assert!(file.next_step().unwrap().is_none());
        }
    }
}

#[test]
fn broken_compression_is_damage_and_not_an_error() {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(&head(65_535)).unwrap();
    for _ in 0..10 {
        packer.write_all(&frame(100)).unwrap();
    }
    let mut bytes = packer.finish().unwrap();
    bytes.truncate(bytes.len() - 9);
    let mut file = CaptureFile::open(Box::new(Cursor::new(bytes))).unwrap();
    let mut damage = 0;
    while let Some(step) = file.next_step().unwrap() {
        if let Step::Damage { reason, .. } = step {
            assert_eq!(reason, RejectReason::TornEnd);
            damage += 1;
        }
    }
    assert_eq!(damage, 1);
}

#[test]
fn what_is_sound_before_broken_compression_is_read() {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packer.write_all(&head(65_535)).unwrap();
    for _ in 0..1_000 {
        packer.write_all(&frame(100)).unwrap();
    }
    let mut bytes = packer.finish().unwrap();
    // The length of a later stored block no longer agrees with its complement.
    let half = bytes.len() / 2;
    let block = bytes[half..]
        .windows(5)
        .position(|five| five[0] <= 1 && five[1] == !five[3] && five[2] == !five[4])
        .unwrap();
    bytes[half + block + 1] ^= 0xff;
    let mut file = CaptureFile::open(Box::new(Cursor::new(bytes))).unwrap();
    let (mut frames, mut damage) = (0, 0);
    while let Some(step) = file.next_step().unwrap() {
        match step {
            Step::Packet(_) => frames += 1,
            Step::Damage { .. } => damage += 1,
            Step::Time(_) => panic!("nobody said a time"),
        }
    }
    assert!(frames * 116 + (48 << 10) >= half + block, "{frames}");
    assert_eq!(damage, 1);
}

#[test]
fn compression_that_is_broken_from_the_beginning_is_called_that() {
    // Found by `fuzz/targets/capture_file.rs`.
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3];
    bytes.extend([0xff; 40]);
    let refused = CaptureFile::open(Box::new(Cursor::new(bytes)));
    assert!(matches!(refused, Err(CaptureError::Broken)));
}

#[test]
fn what_is_no_capture_is_refused_with_its_first_bytes() {
    let refused = CaptureFile::open(Box::new(Cursor::new(b"GET / HTTP/1.1".to_vec())));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "not a capture file: it begins with 47 45 54 20"
    );
    let empty = CaptureFile::open(Box::new(Cursor::new(Vec::new())));
    assert!(matches!(empty, Err(CaptureError::Empty)));
}

#[test]
fn a_device_that_is_not_there_is_named() {
    let refused = super::Device::open("no-such-port0", &super::DeviceOptions::default());
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("\"no-such-port0\"")
    );
}

/// What came of a file, step by step: for a frame its number, time, length on the wire and bytes.
fn said(step: &Step<'_>) -> String {
    match step {
        Step::Packet(packet) => format!(
            "{} {} {} {} {:?}",
            packet.number,
            packet.time.micros(),
            packet.link_type,
            packet.wire_length,
            packet.bytes
        ),
        other => format!("{other:?}"),
    }
}

/// The same by steps and by batches, from the same bytes given in pieces of this length at most.
fn assert_batches_are_the_steps(bytes: &[u8], piece: usize) -> usize {
    struct InPieces(Cursor<Vec<u8>>, usize);
    impl Read for InPieces {
        fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
            let some = room.len().min(self.1);
            self.0.read(&mut room[..some])
        }
    }
    let open = || CaptureFile::open(Box::new(InPieces(Cursor::new(bytes.to_vec()), piece)));
    let (Ok(mut by_steps), Ok(mut by_batches)) = (open(), open()) else {
        return 0;
    };
    let (mut batch, mut batches) = (Batch::default(), 0);
    loop {
        let is_more = by_batches.next_batch(&mut batch).unwrap();
        batches += 1;
        assert_eq!(batch.steps().count(), batch.len());
        for step in batch.steps() {
            assert_eq!(said(&step), said(&by_steps.next_step().unwrap().unwrap()));
        }
        if !is_more {
            break;
        }
    }
    assert!(by_steps.next_step().unwrap().is_none());
    batches
}

#[test]
fn batches_hold_the_steps_however_the_bytes_come() {
    let mut bytes = head(1 << 20);
    for length in [60, 1_500, 9_000, 0, 64_000, 300_000, 1, 262_144, 3_000] {
        for _ in 0..40 {
            bytes.extend(frame(length));
        }
    }
    // What follows an absurd length is damage to the end.
    let mut broken = bytes.clone();
    broken.extend([0xff; 16]);
    broken.extend(frame(60));
    let mut uneven = uneven(0);
    uneven.extend(self::uneven(2));
    for capture in [&bytes, &broken, &uneven, &bytes[..bytes.len() - 7].to_vec()] {
        for piece in [13_001, 256 << 10, usize::MAX] {
            assert!(assert_batches_are_the_steps(capture, piece) > 0);
        }
    }
    // One read gives one batch, so nobody waits for bytes that come later.
    let drops = assert_batches_are_the_steps(&bytes[..40_000], 76);
    assert!(drops > 30, "{drops}");
}

#[test]
fn batches_of_the_fixtures_hold_their_steps() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/pcap");
    let mut captures = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|end| end == "pcap" || end == "pcapng" || end == "gz")
        {
            let bytes = std::fs::read(path).unwrap();
            for piece in [97, usize::MAX] {
                captures += usize::from(assert_batches_are_the_steps(&bytes, piece) > 0);
            }
        }
    }
    assert!(captures > 40, "{captures}");
}

#[test]
fn a_source_that_fails_gives_the_steps_before_it() {
    struct Failing(Cursor<Vec<u8>>);
    impl Read for Failing {
        fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(room)? {
                0 => Err(Error::other("gone")),
                some => Ok(some),
            }
        }
    }
    let mut bytes = head(65_535);
    bytes.extend(frame(60));
    bytes.extend(frame(70));
    let mut file = CaptureFile::open(Box::new(Failing(Cursor::new(bytes)))).unwrap();
    let mut batch = Batch::default();
    assert!(file.next_batch(&mut batch).unwrap());
    assert_eq!(batch.len(), 2);
    assert!(matches!(
        file.next_batch(&mut batch),
        Err(CaptureError::Read(_))
    ));
    assert!(batch.is_empty());
}

/// A section with one interface, a frame, and its statistics: what the interface and the system lost, each counted from the beginning.
fn with_losses(words: fn(u32) -> [u8; 4], lost: &[(u64, u64)]) -> Vec<u8> {
    let of = |all: &[u32]| all.iter().copied().flat_map(words).collect::<Vec<u8>>();
    let mut bytes = of(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d]);
    bytes.extend([[1, 0, 0, 0], [0, 1, 0, 0]][usize::from(words(1)[0] == 0)]);
    bytes.extend(of(&[u32::MAX, u32::MAX, 28]));
    let link = [[1, 0, 0, 0], [0, 1, 0, 0]][usize::from(words(1)[0] == 0)];
    bytes.extend([&of(&[1, 20])[..], &link, &of(&[0, 20])].concat());
    bytes.extend([&of(&[6, 48, 0, 0, 7, 14, 14])[..], &[0xbb; 16], &of(&[48])].concat());
    for (device, system) in lost {
        let option = |code: u8, count: u64| {
            let big = words(1)[0] == 0;
            let head = if big {
                [0, code, 0, 8]
            } else {
                [code, 0, 8, 0]
            };
            let count = if big {
                count.to_be_bytes()
            } else {
                count.to_le_bytes()
            };
            [&head[..], &count].concat()
        };
        let options = [
            option(4, 1),
            option(5, *device),
            option(7, *system),
            vec![0; 4],
        ]
        .concat();
        let length = 24 + u32::try_from(options.len()).unwrap();
        bytes.extend([&of(&[5, length, 0, 0, 9])[..], &options, &of(&[length])].concat());
    }
    bytes
}

#[test]
fn what_the_writer_of_a_file_lost_is_known_at_its_end() {
    let little = with_losses(u32::to_le_bytes, &[(3, 20), (7, 41)]);
    let big = with_losses(u32::to_be_bytes, &[(1, 2)]);
    let lost = |bytes: &[u8]| {
        let mut file = CaptureFile::open(Box::new(Cursor::new(bytes.to_vec()))).unwrap();
        let mut frames = 0;
        while let Some(step) = file.next_step().unwrap() {
            frames += u64::from(matches!(step, Step::Packet(_)));
        }
        (frames, file.drops().device, file.drops().kernel)
    };
    // Each count is from the beginning, so that the later one holds; another section begins anew.
    assert_eq!(lost(&little), (1, 7, 41));
    assert_eq!(lost(&big), (1, 1, 2));
    assert_eq!(lost(&[little.clone(), big].concat()), (2, 8, 43));
    assert_eq!(lost(&uneven(2)), (3, 0, 0));
    // Cut or changed anywhere it is read without a fault.
    for end in 28..little.len() {
        lost(&little[..end]);
        let mut changed = little.clone();
        changed[end] ^= 0x5a;
        lost(&changed);
    }
}
