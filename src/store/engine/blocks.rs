//! ClickHouse's own compressed blocks, which its clients ask for with `compress=1` and send with `decompress=1`.
//!
//! A block is a checksum (CityHash128 1.0.2 of what follows), a byte for the method, the length with
//! these nine bytes, the length of the contents, and the contents; integers are little-endian.

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

/// Unpacks blocks, to at most so many bytes.
pub(super) fn unpacked(mut bytes: &[u8], most: usize) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let (sum, rest) = bytes.split_first_chunk::<CHECKSUM>().ok_or(BROKEN_OFF)?;
        let (length, size) = lengths(rest)?;
        let (block, after) = rest.split_at_checked(length).ok_or(BROKEN_OFF)?;
        if checksum(block) != *sum {
            return Err("a compressed block does not have its checksum");
        }
        if out.len().saturating_add(size) > most {
            return Err("the compressed blocks are too long");
        }
        let (head, contents) = block.split_at_checked(HEAD).ok_or(BROKEN_OFF)?;
        match head.first() {
            Some(&LZ4) => {
                let plain = lz4_flex::block::decompress(contents, size)
                    .map_err(|_| "a compressed block can not be unpacked")?;
                if plain.len() != size {
                    return Err("a compressed block has another length than it says");
                }
                out.extend_from_slice(&plain);
            }
            Some(&PLAIN) if contents.len() == size => out.extend_from_slice(contents),
            _ => return Err("a compressed block is of another method than LZ4"),
        }
        bytes = after;
    }
    Ok(out)
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
const PLAIN: u8 = 0x02;
const LARGEST: usize = 1 << 20;
const BROKEN_OFF: &str = "a compressed block is broken off";

#[cfg(test)]
mod tests {
    use super::*;

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
        let plain = unpacked(&written(), 65).unwrap();
        assert_eq!(plain, b"\x0cabcabcabcabc".repeat(5));
        assert!(unpacked(&written(), 64).is_err());
    }

    #[test]
    fn what_is_packed_comes_back_and_damage_is_seen() {
        let plain: Vec<u8> = (0..3_000_000u32)
            .flat_map(|n| (n / 7).to_le_bytes())
            .collect();
        let blocks = packed(&plain);
        assert!(blocks.len() < plain.len());
        assert_eq!(unpacked(&blocks, plain.len()).unwrap(), plain);
        let whole = written();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(unpacked(&damaged, 1 << 30).is_err(), "{at}");
            assert!(at == 0 || unpacked(&whole[..at], 1 << 30).is_err(), "{at}");
        }
        assert_eq!(packed(b""), b"");
    }
}
