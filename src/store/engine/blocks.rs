//! ClickHouse's own compressed blocks, which its clients ask for with `compress=1` and send with `decompress=1`.
//!
//! A block is a checksum (CityHash128 1.0.2 of what follows), a byte for the method, the length with
//! these nine bytes, the length of the contents, and the contents; integers are little-endian.

use std::io::{self, Read};

use cityhash_rs::cityhash_102_128;

/// Packs bytes as blocks of at most a megabyte.
pub(super) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 2 + CHECKSUM + HEAD);
    for contents in bytes.chunks(LARGEST) {
        let squeezed = lz4_flex::block::compress(contents);
        let (Ok(length), Ok(size)) = (
            u32::try_from(squeezed.len() + HEAD),
            u32::try_from(contents.len()),
        ) else {
            // Not for pieces of a megabyte.
            continue;
        };
        let mut block = Vec::with_capacity(squeezed.len() + HEAD);
        block.push(LZ4);
        block.extend_from_slice(&length.to_le_bytes());
        block.extend_from_slice(&size.to_le_bytes());
        block.extend_from_slice(&squeezed);
        out.extend_from_slice(&checksum(&block));
        out.extend_from_slice(&block);
    }
    out
}

/// Reads what is in blocks, one at a time: each is checked before anything of it is given.
pub(super) struct Blocks<R> {
    input: R,
    contents: Vec<u8>,
    given: usize,
}

impl<R: Read> Blocks<R> {
    pub(super) fn of(input: R) -> Blocks<R> {
        Blocks {
            input,
            contents: Vec::new(),
            given: 0,
        }
    }

    /// The next block; none if the input ended with the last.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut sum = [0; CHECKSUM];
        if fill(&mut self.input, &mut sum)? == 0 {
            return Ok(None);
        }
        let mut head = [0; HEAD];
        let there = fill(&mut self.input, &mut head)?;
        if there < HEAD {
            return Err(damaged(BROKEN_OFF));
        }
        let (length, size) = lengths(&head).map_err(damaged)?;
        if length > LONGEST || size > LONGEST {
            return Err(damaged("a compressed block is too long"));
        }
        let mut block = head.to_vec();
        let rest = u64::try_from(length - HEAD).unwrap_or(u64::MAX);
        self.input.by_ref().take(rest).read_to_end(&mut block)?;
        if block.len() < length {
            return Err(damaged(BROKEN_OFF));
        }
        if checksum(&block) != sum {
            return Err(damaged("a compressed block does not have its checksum"));
        }
        contents(&block, size).map(Some).map_err(damaged)
    }
}

impl<R: Read> Read for Blocks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.contents.len() {
            match self.next()? {
                Some(contents) => (self.contents, self.given) = (contents, 0),
                None => return Ok(0),
            }
        }
        let mut left = self.contents.get(self.given..).unwrap_or_default();
        let read = left.read(buffer)?;
        self.given += read;
        Ok(read)
    }
}

/// What is in a block whose checksum holds.
fn contents(block: &[u8], size: usize) -> Result<Vec<u8>, &'static str> {
    let (head, packed) = block.split_at_checked(HEAD).ok_or(BROKEN_OFF)?;
    let plain = match head.first() {
        Some(&LZ4) => lz4_flex::block::decompress(packed, size).map_err(|_| DAMAGED)?,
        Some(&ZSTD) => zstd::bulk::decompress(packed, size).map_err(|_| DAMAGED)?,
        Some(&PLAIN) => packed.to_vec(),
        _ => return Err("a compressed block is of another method than LZ4 and ZSTD"),
    };
    if plain.len() != size {
        return Err("a compressed block has another length than it says");
    }
    Ok(plain)
}

/// Reads until the buffer is full or the input ends; an end in the middle is a fault.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let wanted = buffer.len();
    let mut there = 0;
    while there < wanted {
        match input.read(buffer.get_mut(there..).unwrap_or_default()) {
            Ok(0) if there == 0 => return Ok(0),
            Ok(0) => return Err(damaged(BROKEN_OFF)),
            Ok(read) => there += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(there)
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The length of a block with its head, and of its contents when unpacked.
fn lengths(block: &[u8]) -> Result<(usize, usize), &'static str> {
    let (_, numbers) = block.split_first().ok_or(BROKEN_OFF)?;
    let (length, rest) = numbers.split_first_chunk::<4>().ok_or(BROKEN_OFF)?;
    let (size, _) = rest.split_first_chunk::<4>().ok_or(BROKEN_OFF)?;
    let number = |bytes: &[u8; 4]| usize::try_from(u32::from_le_bytes(*bytes));
    match (number(length), number(size)) {
        (Ok(length), Ok(size)) if length >= HEAD => Ok((length, size)),
        _ => Err(BROKEN_OFF),
    }
}

/// As it stands before a block: the lower half first.
fn checksum(block: &[u8]) -> [u8; CHECKSUM] {
    cityhash_102_128(block).rotate_left(64).to_le_bytes()
}

const CHECKSUM: usize = 16;
const HEAD: usize = 9;
const LZ4: u8 = 0x82;
const ZSTD: u8 = 0x90;
const PLAIN: u8 = 0x02;
const LARGEST: usize = 1 << 20;
/// What is taken; ClickHouse's clients send blocks of a megabyte or less.
const LONGEST: usize = 16 << 20;
const DAMAGED: &str = "a compressed block can not be unpacked";
const BROKEN_OFF: &str = "a compressed block is broken off";

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Blocks::of(bytes).read_to_end(&mut out).map(|_| out)
    }

    /// A column of five times `abcabcabcabc`, as the engine itself wrote it.
    const WRITTEN: &str =
        "dd7960b2ee9ecc8ff7e4d1299f971025821a00000041000000450c61626303000f0d001c506263616263";

    fn written() -> Vec<u8> {
        WRITTEN
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn a_block_of_the_engine_is_unpacked() {
        let plain = unpacked(&written()).unwrap();
        assert_eq!(plain, b"\x0cabcabcabcabc".repeat(5));
    }

    #[test]
    fn what_is_packed_comes_back_and_damage_is_seen() {
        let plain: Vec<u8> = (0..3_000_000u32)
            .flat_map(|n| (n / 7).to_le_bytes())
            .collect();
        let blocks = packed(&plain);
        assert!(blocks.len() < plain.len());
        assert_eq!(unpacked(&blocks).unwrap(), plain);
        let whole = written();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(unpacked(&damaged).is_err(), "{at}");
            assert!(at == 0 || unpacked(&whole[..at]).is_err(), "{at}");
        }
        assert_eq!(packed(b""), b"");
    }

    #[test]
    fn blocks_of_zstd_are_read_and_a_bomb_is_not() {
        let of = |method: u8, contents: &[u8], size: u32| {
            let mut block = vec![method];
            block.extend(u32::try_from(contents.len() + HEAD).unwrap().to_le_bytes());
            block.extend(size.to_le_bytes());
            block.extend(contents);
            [&checksum(&block)[..], &block].concat()
        };
        let packed = zstd::bulk::compress(&[7; 1000], 1).unwrap();
        assert_eq!(unpacked(&of(ZSTD, &packed, 1000)).unwrap(), [7; 1000]);
        assert!(unpacked(&of(ZSTD, &packed, 999)).is_err());
        assert!(unpacked(&of(ZSTD, &packed, u32::MAX)).is_err());
        assert!(unpacked(&of(0x91, &packed, 1000)).is_err());
    }
}
