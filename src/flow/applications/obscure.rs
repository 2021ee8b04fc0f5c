//! What is sealed from its first byte and says of itself nothing at all: Shadowsocks, VMess, obfs4 and their kin, and nothing
//! that is known. It is called `unknown_encrypted`, never by one of those names, since the bytes do not tell which.
//!
//! The measure: nobody else knows the stream, its beginning was seen, both ends have spoken, and the first words of each
//! look random: bits are set as often as not (3.4 to 4.6 of 8), hardly half of the bytes can be printed, no printable
//! run, more than two in three of the bytes that may come do come, and no file's letters stand in front. A protocol
//! in clear has a head; these have none.

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::UnknownEncrypted;

pub(super) static OBSCURE: Signature = Signature {
    name: "unknown_encrypted",
    class: UnknownEncrypted,
    over: Over::Tcp,
    first: &[],
    probe,
};

/// Less says nothing, and no more of each end is looked at.
const SHORTEST: usize = 48;
const LONGEST: usize = 1_024;
/// No run of printable bytes in random ones is as long (less than one in ten thousand are).
const LONGEST_RUN: usize = 14;
/// How files that are packed begin, and streams that carry them without a head of their own.
const PACKED: [&[u8]; 9] = [
    b"\x1f\x8b",
    b"PK\x03\x04",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"7z\xbc\xaf",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
    b"Rar!",
];

fn probe(talk: &Talk<'_>) -> Answer {
    if !talk.is_from_start {
        return Answer::NotMine;
    }
    let (asked, answered) = (talk.asked(), talk.answered());
    let may_be = |said: &[u8]| said.len() < SHORTEST || is_random(said);
    if !may_be(asked) || !may_be(answered) {
        Answer::NotMine
    } else if asked.len() < SHORTEST || answered.len() < SHORTEST {
        Answer::NeedMore
    } else {
        Answer::Mine
    }
}

fn is_random(said: &[u8]) -> bool {
    let said = said.get(..LONGEST).unwrap_or(said);
    if PACKED.iter().any(|begin| said.starts_with(begin)) {
        return false;
    }
    let mut seen = [false; 256];
    let (mut ones, mut printable, mut run, mut longest) = (0usize, 0usize, 0usize, 0usize);
    for byte in said {
        ones += byte.count_ones() as usize;
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
        run = if byte.is_ascii_graphic() || *byte == b' ' {
            printable += 1;
            run + 1
        } else {
            0
        };
        longest = longest.max(run);
    }
    let different = seen.iter().filter(|seen| **seen).count();
    // Of n random bytes 256 (1 - e^(-n/256)) are different; three quarters of that are asked for.
    let expected = 256.0 * (1.0 - (-(said.len() as f64) / 256.0).exp());
    ones * 10 > said.len() * 34
        && ones * 10 < said.len() * 46
        && printable * 2 < said.len()
        && longest < LONGEST_RUN
        && different as f64 > expected * 0.75
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_are_random_and_heads_and_texts_are_not() {
        let mut state = 0x1234_5678_u32;
        let random: Vec<u8> = (0..400)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state.to_le_bytes()[1]
            })
            .collect();
        assert!(is_random(&random));
        assert!(is_random(&random[..SHORTEST]));
        assert!(!is_random(&[0x41; 200]));
        assert!(!is_random(
            b"GET / HTTP/1.1\r\nHost: maths.example\r\nUser-Agent: none\r\n"
        ));
        let counted: Vec<u8> = (0..100u8).flat_map(|n| [0, 0, 0, n]).collect();
        assert!(!is_random(&counted));
    }
}
