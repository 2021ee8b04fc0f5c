//! L2TP's control messages (RFC 2661, 3931): what they carry is taken apart before, what stays says that there is a tunnel.

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::Vpn;

pub(super) static L2TP: Signature = Signature {
    name: "l2tp",
    class: Vpn,
    over: Over::Udp,
    first: b"\xc8",
    probe,
};

fn probe(talk: &Talk<'_>) -> Answer {
    // Type, length and sequence flags, the version, and a length that is the datagram's.
    let fits = match talk.packet {
        [0xc8, 2 | 3, high, low, ..] => {
            usize::from(u16::from_be_bytes([*high, *low])) == talk.packet.len()
        }
        _ => false,
    };
    Answer::when(fits && talk.packet.len() >= 12)
}
