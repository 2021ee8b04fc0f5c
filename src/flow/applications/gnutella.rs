//! Gnutella: the handshake between peers.

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::P2p;

pub(super) static GNUTELLA: Signature = Signature {
    name: "gnutella",
    class: P2p,
    over: Over::Streams,
    first: b"G",
    probe,
};

/// How a peer greets over TCP, and what searches over UDP begin with.
const GREETING: &[u8] = b"GNUTELLA CONNECT/";
const SEARCH: &[u8] = b"GND";

fn probe(talk: &Talk<'_>) -> Answer {
    if talk.is_tcp() {
        return Answer::begins(talk.now(), GREETING);
    }
    match talk.packet.strip_prefix(SEARCH) {
        // Flags of which two are in use, a number, the part and how many parts there are.
        Some([0..=3, _, _, part, parts, ..]) => {
            Answer::when(*part > 0 && (*parts == 0 || part <= parts))
        }
        _ => Answer::NotMine,
    }
}
