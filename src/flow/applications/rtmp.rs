//! RTMP: the handshake's first byte and length, from both ends.

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::Streaming;

pub(super) static RTMP: Signature = Signature {
    name: "rtmp",
    class: Streaming,
    over: Over::Tcp,
    first: b"\x03",
    probe,
};

/// A version, and 1536 bytes of which all but the first eight are random.
const HELLO: usize = 1 + 1536;

fn probe(talk: &Talk<'_>) -> Answer {
    match (talk.asked(), talk.answered()) {
        ([] | [3, ..], []) => Answer::when_more(talk.asked().len() <= HELLO + 1536),
        ([3, asked @ ..], [3, ..]) if asked.len() + 1 >= HELLO => {
            // A packet of TPKT, which begins alike, says its length in the third and fourth byte.
            Answer::when(asked.get(4) != Some(&0xe0))
        }
        ([3, ..], [3, ..]) => Answer::NeedMore,
        _ => Answer::NotMine,
    }
}
