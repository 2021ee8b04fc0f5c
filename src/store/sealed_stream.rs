//! Sealing of files of any length in bounded memory: pieces of 64 KiB, each sealed for its place.
//!
//! A piece's context is the file's own name, the piece's number, and whether it is the last: pieces can not be
//! left out, moved, or cut off at the end unnoticed.

use std::io::{self, Read, Write};

use super::sealed::{SealError, SealKey};

/// A file can not be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedStreamError {
    /// It can not be read or written.
    #[error("a file that is sealed can not be read or written")]
    File(#[from] io::Error),
    /// It was changed, or can not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Seals all of `from` for the place that `name` names.
pub fn seal(
    key: &SealKey,
    name: &str,
    from: &mut dyn Read,
    to: &mut dyn Write,
) -> Result<(), SealedStreamError> {
    let mut number = 0;
    let mut piece = read_piece(from, PIECE)?;
    loop {
        let next = read_piece(from, PIECE)?;
        let sealed = key.seal(context(name, number, next.is_empty()).as_bytes(), &piece)?;
        to.write_all(&sealed)?;
        if next.is_empty() {
            return Ok(());
        }
        piece = next;
        number += 1;
    }
}

/// Opens what [`seal`] has sealed for this place.
pub fn open(
    key: &SealKey,
    name: &str,
    from: &mut dyn Read,
    to: &mut dyn Write,
) -> Result<(), SealedStreamError> {
    let mut number = 0;
    let mut piece = read_piece(from, PIECE + OVERHEAD)?;
    loop {
        let next = read_piece(from, PIECE + OVERHEAD)?;
        let plain = key.open(context(name, number, next.is_empty()).as_bytes(), &piece)?;
        to.write_all(&plain)?;
        if next.is_empty() {
            return Ok(());
        }
        piece = next;
        number += 1;
    }
}

fn context(name: &str, number: u64, is_last: bool) -> String {
    let end = if is_last { "last" } else { "more" };
    format!("invigil sealed file {name} {number} {end}")
}

fn read_piece(from: &mut dyn Read, length: usize) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    from.take(length as u64).read_to_end(&mut piece)?;
    Ok(piece)
}

/// How much of the file a piece holds.
const PIECE: usize = 64 << 10;
/// What sealing adds to a piece: a nonce and a tag.
const OVERHEAD: usize = 12 + 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(length: usize) -> (SealKey, Vec<u8>, Vec<u8>) {
        let key = SealKey::new(&[3; 32]).unwrap();
        let plain: Vec<u8> = (0..=250u8).cycle().take(length).collect();
        let mut out = Vec::new();
        seal(&key, "here", &mut plain.as_slice(), &mut out).unwrap();
        (key, plain, out)
    }

    fn opened(key: &SealKey, name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        open(key, name, &mut &*bytes, &mut out).ok().map(|()| out)
    }

    #[test]
    fn files_of_any_length_come_back_and_only_in_their_place() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let (key, plain, bytes) = sealed(length);
            assert_eq!(opened(&key, "here", &bytes), Some(plain));
            assert_eq!(opened(&key, "there", &bytes), None);
        }
    }

    #[test]
    fn a_cut_a_changed_byte_and_pieces_in_another_order_are_noticed() {
        let (key, _, bytes) = sealed(2 * PIECE + 10);
        let piece = PIECE + OVERHEAD;
        for cut in [0, 1, piece, 2 * piece, bytes.len() - 1] {
            assert_eq!(opened(&key, "here", &bytes[..cut]), None, "{cut}");
        }
        for at in [0, piece + 3, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(opened(&key, "here", &changed), None, "{at}");
        }
        let swapped = [
            &bytes[piece..2 * piece],
            &bytes[..piece],
            &bytes[2 * piece..],
        ]
        .concat();
        assert_eq!(opened(&key, "here", &swapped), None);
    }
}
