//! HTTP compression both ways: what a client may ask for and send, in pieces of bounded size.
//!
//! A body that unpacks to more than its reader takes is never held: it is read as far as it is wanted.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use lz4_flex::frame::{FrameDecoder, FrameEncoder};

/// How a body is packed on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Zstd,
    Lz4,
}

impl Coding {
    /// By the name that HTTP gives it.
    pub(super) fn named(name: &str) -> Option<Coding> {
        ALL.iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name.trim()))
            .map(|(_, coding)| *coding)
    }

    /// The name that HTTP gives it.
    pub(super) fn name(self) -> &'static str {
        ALL.iter()
            .find(|(_, coding)| *coding == self)
            .map_or("identity", |(name, _)| name)
    }

    /// The one that ClickHouse would choose of those that a client takes.
    pub(super) fn wanted(accept: &str) -> Option<Coding> {
        let taken = |name: &str| {
            accept.split(',').any(|one| {
                let (said, quality) = one.split_once(';').unwrap_or((one, ""));
                said.trim().eq_ignore_ascii_case(name)
                    && !quality.trim().eq_ignore_ascii_case("q=0")
            })
        };
        ALL.iter()
            .find(|(name, _)| taken(name))
            .map(|(_, coding)| *coding)
    }

    /// What is packed, as it was.
    pub(super) fn unpack(self, input: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Coding::Gzip => Box::new(MultiGzDecoder::new(input)),
            Coding::Deflate => Box::new(ZlibDecoder::new(input)),
            Coding::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(input)?;
                decoder.window_log_max(WIDEST_WINDOW)?;
                Box::new(decoder)
            }
            Coding::Lz4 => Box::new(FrameDecoder::new(input)),
        })
    }

    /// Begins to pack.
    pub(super) fn pack(self, level: u32) -> io::Result<Packing> {
        let zlib = Compression::new(level.clamp(1, 9));
        Ok(match self {
            Coding::Gzip => Packing::Gzip(GzEncoder::new(Vec::new(), zlib)),
            Coding::Deflate => Packing::Deflate(ZlibEncoder::new(Vec::new(), zlib)),
            Coding::Zstd => {
                Packing::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?)
            }
            Coding::Lz4 => Packing::Lz4(Box::new(FrameEncoder::new(Vec::new()))),
        })
    }
}

/// What is being packed.
pub(super) enum Packing {
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Lz4(Box<FrameEncoder<Vec<u8>>>),
}

impl Packing {
    /// Takes bytes; gives what has come out so far, which may be nothing yet.
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let out = match self {
            Packing::Gzip(encoder) => {
                encoder.write_all(bytes)?;
                encoder.get_mut()
            }
            Packing::Deflate(encoder) => {
                encoder.write_all(bytes)?;
                encoder.get_mut()
            }
            Packing::Zstd(encoder) => {
                encoder.write_all(bytes)?;
                encoder.get_mut()
            }
            Packing::Lz4(encoder) => {
                encoder.write_all(bytes)?;
                encoder.get_mut()
            }
        };
        Ok(std::mem::take(out))
    }

    /// The rest.
    pub(super) fn end(self) -> io::Result<Vec<u8>> {
        match self {
            Packing::Gzip(encoder) => encoder.finish(),
            Packing::Deflate(encoder) => encoder.finish(),
            Packing::Zstd(encoder) => encoder.finish(),
            Packing::Lz4(encoder) => encoder.finish().map_err(io::Error::other),
        }
    }
}

/// In the order in which ClickHouse prefers them.
const ALL: &[(&str, Coding)] = &[
    ("zstd", Coding::Zstd),
    ("lz4", Coding::Lz4),
    ("gzip", Coding::Gzip),
    ("deflate", Coding::Deflate),
];
/// Windows of 8 MiB: what every decoder of zstd must be able to read (RFC 8878), and no more.
const WIDEST_WINDOW: u32 = 23;
const ZSTD_LEVEL: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_in_each_coding() {
        let plain: Vec<u8> = (0..600_000u32)
            .flat_map(|n| (n / 9).to_le_bytes())
            .collect();
        for (name, coding) in ALL {
            let mut packing = coding.pack(3).unwrap();
            let mut packed = Vec::new();
            for piece in plain.chunks(100_000) {
                packed.extend(packing.take(piece).unwrap());
            }
            packed.extend(packing.end().unwrap());
            assert!(packed.len() < plain.len() / 2, "{name}");
            assert_eq!(Coding::named(&name.to_uppercase()), Some(*coding));
            let mut back = Vec::new();
            let input = Box::new(io::Cursor::new(packed.clone()));
            coding
                .unpack(input)
                .unwrap()
                .read_to_end(&mut back)
                .unwrap();
            assert!(back == plain, "{name}");
            packed.truncate(packed.len() / 2);
            let broken = Box::new(io::Cursor::new(packed));
            let read = coding.unpack(broken).unwrap().read_to_end(&mut Vec::new());
            assert!(read.is_err(), "{name}: broken off");
        }
    }

    #[test]
    fn a_client_gets_what_it_takes_and_clickhouse_prefers() {
        assert_eq!(
            Coding::wanted("gzip, deflate, br, zstd"),
            Some(Coding::Zstd)
        );
        assert_eq!(Coding::wanted("gzip;q=1.0, lz4;q=0"), Some(Coding::Gzip));
        assert_eq!(Coding::wanted("br, snappy"), None);
        assert_eq!(Coding::named("br"), None);
    }
}
