//! Tunnels in echoes: an IP packet in an echo's data, the marks of known programs, or an answer that does not give back
//! what it was asked with.

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::Tunnel;

pub(super) static ICMP_TUNNEL: Signature = Signature {
    name: "icmp_tunnel",
    class: Tunnel,
    over: Over::Icmp,
    first: &[],
    probe,
};

/// How data of Ping Tunnel and of Hans begin.
const MARKS: [&[u8]; 3] = [b"\xd5\x20\x08\x80", b"hanc", b"hans"];
/// An echo of an ordinary program is shorter, or all of it comes back.
const ORDINARY: usize = 64;

fn probe(talk: &Talk<'_>) -> Answer {
    let said = talk.packet;
    if MARKS.iter().any(|mark| said.starts_with(mark)) || is_packet(said) {
        return Answer::Mine;
    }
    match (talk.asked(), talk.answered()) {
        ([], _) | (_, []) => Answer::NeedMore,
        (asked, answered) => Answer::when(is_another(asked, answered)),
    }
}

/// Whether this is an IPv4 packet as long as it says, with a sum that is right.
fn is_packet(said: &[u8]) -> bool {
    let [0x45, _, high, low, ..] = said else {
        return false;
    };
    let Some(header) = said.get(..20) else {
        return false;
    };
    let sum: u32 = header
        .chunks_exact(2)
        .map(|pair| {
            pair.iter()
                .fold(0, |word, byte| word << 8 | u32::from(*byte))
        })
        .sum();
    usize::from(u16::from_be_bytes([*high, *low])) == said.len()
        && (sum >> 16) + (sum & 0xffff) == 0xffff
}

/// Whether an answer says something else than the question: other length, and another end than any ping fills in.
fn is_another(asked: &[u8], answered: &[u8]) -> bool {
    let is_long = asked.len().max(answered.len()) > ORDINARY;
    // A capture or a host may cut; then one is the beginning of the other, but for the time in its first bytes.
    let common = asked.iter().zip(answered).skip(16);
    let differ = common.clone().filter(|(a, b)| a != b).count();
    is_long && asked.len() != answered.len() && differ * 2 > common.count()
}
