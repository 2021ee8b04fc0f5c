//! Compressed input, told by its first bytes and not by its name: gzip, zstd, xz, bzip2, and one inside the other.
//!
//! What comes out passes in a stream, so a file that unpacks to a thousand times its size costs time and no memory. What
//! a packer may ask for itself is bounded: a window of 128 MiB.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::read::MultiGzDecoder;

/// Set once compressed bytes have broken off or can not be decompressed further.
#[derive(Clone, Debug, Default)]
pub struct Torn(Arc<AtomicBool>);

/// How packed input is told, and unpacked.
type Packing = (
    fn(&[u8]) -> bool,
    fn(Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>>,
);

/// Each kind of packing. RFC 1952, RFC 8878, the .xz format 1.2.1, bzip2's block mark (the digits of pi).
const PACKINGS: [Packing; 4] = [
    (
        |start| start.starts_with(&[0x1f, 0x8b]),
        |input| Ok(Box::new(MultiGzDecoder::new(buffered(input)))),
    ),
    (
        |start| start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]),
        |input| {
            let mut unpacked = zstd::stream::read::Decoder::with_buffer(buffered(input))?;
            unpacked.window_log_max(27)?;
            Ok(Box::new(unpacked))
        },
    ),
    (
        |start| start.starts_with(b"\xfd7zXZ\0"),
        |input| {
            let several = liblzma::stream::CONCATENATED;
            let stream = liblzma::stream::Stream::new_stream_decoder(MOST_MEMORY, several)?;
            let unpacked = liblzma::bufread::XzDecoder::new_stream(buffered(input), stream);
            Ok(Box::new(unpacked))
        },
    ),
    (
        |start| start.starts_with(b"BZh") && start.get(4..10) == Some(b"1AY&SY"),
        |input| {
            Ok(Box::new(bzip2::bufread::MultiBzDecoder::new(buffered(
                input,
            ))))
        },
    ),
];

/// What an unpacker of xz may take: more than the largest preset of `xz` needs.
const MOST_MEMORY: u64 = 128 << 20;

/// How often something may be packed in something. Who packs deeper does not want to be read.
const DEEPEST: usize = 3;

fn buffered(input: Box<dyn Read + Send>) -> BufReader<Box<dyn Read + Send>> {
    BufReader::with_capacity(1 << 16, input)
}

/// The bytes of an input without its packing; `torn` is set where they break off.
pub(super) fn unpacked(raw: Box<dyn Read + Send>, torn: &Torn) -> io::Result<Box<dyn Read + Send>> {
    let mut input = raw;
    for _ in 0..DEEPEST {
        let start;
        (start, input) = peeked(input, 10)?;
        let Some((_, unpack)) = PACKINGS.iter().find(|(is_so, _)| is_so(&start)) else {
            break;
        };
        input = Box::new(UpToTheTear {
            packed: unpack(input)?,
            torn: torn.clone(),
        });
    }
    Ok(input)
}

/// The first bytes of an input, and the whole of it.
pub(super) fn peeked(
    mut input: Box<dyn Read + Send>,
    bytes: usize,
) -> io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut start = Vec::with_capacity(bytes);
    input.by_ref().take(bytes as u64).read_to_end(&mut start)?;
    let whole = io::Cursor::new(start.clone()).chain(input);
    Ok((start, Box::new(whole)))
}

/// Gives what could be decompressed and then ends: a torn file is news, not an error.
struct UpToTheTear {
    packed: Box<dyn Read + Send>,
    torn: Torn,
}

impl Read for UpToTheTear {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.torn.is_set() {
            return Ok(0);
        }
        match self.packed.read(buffer) {
            // What the system says is about the disk; the rest is about the bytes.
            Err(error)
                if error.raw_os_error().is_none() && error.kind() != io::ErrorKind::Interrupted =>
            {
                self.torn.set();
                Ok(0)
            }
            other => other,
        }
    }
}

impl Torn {
    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;
    use crate::pipeline::input::InputName;

    pub(crate) fn packed(kind: &str, bytes: &[u8]) -> Vec<u8> {
        match kind {
            "gz" => {
                let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                to.write_all(bytes).unwrap();
                to.finish().unwrap()
            }
            "zst" => {
                // As the program `zstd` writes it.
                let mut to = zstd::Encoder::new(Vec::new(), 1).unwrap();
                to.include_checksum(true).unwrap();
                to.write_all(bytes).unwrap();
                to.finish().unwrap()
            }
            "xz" => {
                let mut to = liblzma::write::XzEncoder::new(Vec::new(), 1);
                to.write_all(bytes).unwrap();
                to.finish().unwrap()
            }
            "bz2" => {
                let mut to = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                to.write_all(bytes).unwrap();
                to.finish().unwrap()
            }
            _ => bytes.to_vec(),
        }
    }

    fn read(bytes: Vec<u8>) -> (Vec<u8>, bool) {
        let torn = Torn::default();
        let mut input = unpacked(Box::new(io::Cursor::new(bytes)), &torn).unwrap();
        let mut all = Vec::new();
        input.read_to_end(&mut all).unwrap();
        (all, torn.is_set())
    }

    #[test]
    fn each_packing_is_known_by_its_first_bytes_also_in_parts_and_in_another() {
        let bytes = b"one line and another\n".repeat(3000);
        for kind in ["plain", "gz", "zst", "xz", "bz2"] {
            let whole = packed(kind, &bytes);
            assert_eq!(read(whole.clone()), (bytes.clone(), false), "{kind}");
            let twice = [whole.clone(), whole.clone()].concat();
            assert_eq!(read(twice).0.len(), 2 * bytes.len(), "{kind}");
            assert_eq!(read(packed("gz", &whole)), (bytes.clone(), false), "{kind}");
        }
        let text = b"BZh9 is how bzip2 begins\n".to_vec();
        assert_eq!(read(text.clone()), (text, false));
    }

    #[test]
    fn what_is_torn_or_changed_gives_what_it_has_and_says_so() {
        let lines: Vec<String> = (0..60_000)
            .map(|n| format!("line {}\n", n * 7919))
            .collect();
        let bytes = lines.concat().into_bytes();
        for kind in ["gz", "zst", "xz", "bz2"] {
            let whole = packed(kind, &bytes);
            let (had, torn) = read(whole[..whole.len() * 2 / 3].to_vec());
            assert!(torn && bytes.starts_with(&had) && !had.is_empty(), "{kind}");
            let mut changed = whole.clone();
            for byte in changed.iter_mut().skip(whole.len() / 2).take(40) {
                *byte ^= 0x5a;
            }
            assert!(read(changed).1, "{kind}");
        }
    }

    #[test]
    fn a_bomb_passes_in_a_stream() {
        let mut to = zstd::Encoder::new(Vec::new(), 1).unwrap();
        io::copy(&mut io::repeat(b'x').take(1 << 30), &mut to).unwrap();
        let bomb = packed("gz", &to.finish().unwrap());
        assert!(bomb.len() < 200_000);
        let torn = Torn::default();
        let mut input = unpacked(Box::new(io::Cursor::new(bomb)), &torn).unwrap();
        assert_eq!(io::copy(&mut input, &mut io::sink()).unwrap(), 1 << 30);
    }

    #[test]
    fn a_torn_compressed_file_gives_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let packed = packed("gz", &b"0123456789\n".repeat(10_000));
        let path = folder.path().join("a");
        std::fs::write(&path, &packed[..packed.len() / 2]).unwrap();
        let mut opened = InputName::File(path).open().unwrap();
        let mut bytes = Vec::new();
        opened.reader.read_to_end(&mut bytes).unwrap();
        assert!(opened.torn.is_set());
        assert!(bytes.starts_with(b"0123456789\n"));
    }
}
